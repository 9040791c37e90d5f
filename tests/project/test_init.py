"""The package's own names: complete, lazy, and light to import."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import unitdrop

ROOT = Path(__file__).resolve().parents[2]


def modules_after(code):
    """What a fresh process has loaded after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else():
    loaded = modules_after("import unitdrop")
    assert not {"numpy", "torch", "matplotlib", "ipywidgets", "PIL", "cv2"} & loaded
    assert {name for name in loaded if name.startswith("unitdrop")} == {"unitdrop"}


def test_the_sweep_loads_no_network_and_no_drawing():
    loaded = modules_after("from unitdrop import Sweep, load_image")
    assert not {"torch", "torchvision", "matplotlib", "ipywidgets", "cv2"} & loaded


@pytest.mark.parametrize("name", unitdrop.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(unitdrop, name) is not None
    assert name in vars(unitdrop), "a second look should not go through __getattr__"


def test_a_star_import_gives_exactly_the_public_names():
    names = {}
    exec("from unitdrop import *", names)
    assert set(names) - {"__builtins__"} == set(unitdrop.__all__)


def test_the_public_names_are_listed_loaded_or_not():
    code = "import unitdrop; print(*dir(unitdrop), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(unitdrop.__all__) <= set(done.stdout.split())


def test_editors_are_told_of_the_same_names():
    stub = ast.parse(Path(unitdrop.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    told = {alias.asname: node.module for node in imported for alias in node.names}
    assert sorted([*told, "__version__"]) == sorted(unitdrop.__all__)
    for name, module in told.items():
        home = importlib.import_module(module)
        assert getattr(home, name) is getattr(unitdrop, name), name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Dropper'"):
        _ = unitdrop.Dropper
    assert not hasattr(unitdrop, "__path_to_nowhere__")


def test_modules_can_still_be_imported_by_their_names():
    code = "import unitdrop.sweep, unitdrop\nfrom unitdrop import sweep\nassert unitdrop.sweep is sweep"
    assert "unitdrop.sweep" in modules_after(code)
