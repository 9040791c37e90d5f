"""A module imports only from lower floors, and only what its floor may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]

# The floor of every module; a name stands for all modules below it that are not named themselves.
FLOORS = {
    "errors": 0,
    "checks": 0,
    "notices": 0,
    "names": 0,
    "images": 0,
    "readout": 0,
    "heatmap": 0,
    "sweep": 1,
    "units": 1,
    "plan": 2,
    "checkpoints": 2,
    "download": 2,
    "models": 3,
    "scenes": 3,
    "drawing": 3,
    "evaluate_scenes": 4,
    "export": 5,
    "panel": 5,
    "serving": 5,
    "": 6,
    "cli": 6,
    "__main__": 6,
}

# Neighbours on one floor that may be asked, each for a reason.
NEIGHBOURS = {
    ("images", "errors"),  # what is wrong with an argument is told by the package's own errors
    ("readout", "errors"),
    ("images", "checks"),  # and judged in one place
    ("images", "notices"),  # what was noticed is said in one way
    ("readout", "checks"),
    ("readout", "names"),  # names that repeat carry their index from there on
    ("units", "sweep"),  # the numbers of a sweep's units
    ("models", "scenes"),  # the catalogue's first entry is the embedded network
    ("panel", "export"),  # its buttons save a GIF and a PNG
    ("__main__", "cli"),
    ("cli", ""),  # the version
}

# What these modules may import beside the standard library and this project.
ALLOWED = {
    "errors": set(),
    "checks": set(),
    "notices": set(),
    "names": set(),
    "images": {"numpy", "PIL", "cv2"},  # OpenCV for a large WebP, in a process of its own
    "readout": {"numpy"},
    "heatmap": {"numpy", "cv2", "matplotlib"},
    "sweep": {"numpy"},
    "units": {"numpy"},
    "plan": {"numpy"},
    "checkpoints": {"torch"},
    "export": {"numpy", "cv2", "PIL"},
    "cli": {"numpy", "tqdm"},
    "serving": {"tornado", "voila", "jupyter_server", "traitlets"},
}

# Packages that only these modules may import.
ONLY = {
    "ipywidgets": {"panel"},
    "IPython": {"panel"},
    "anywidget": {"panel"},
    "traitlets": {"panel", "serving"},
    "tornado": {"serving"},
    "voila": {"serving"},
    "jupyter_server": {"serving"},
    "torch": {"models", "checkpoints", "scenes"},
    "torchvision": {"models", "scenes"},
    "matplotlib": {"heatmap", "drawing"},
}
FORBIDDEN = ("matplotlib.pyplot", "pylab")


def modules(package):
    """Each module of a package as (name, path); `scenes/train.py` is `scenes.train`."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path, package, name):
    """Every absolute dotted name a module imports, at its top, in functions, or for type checkers."""
    inside = [package, *filter(None, name.split("."))]
    home = inside if path.name == "__init__.py" else inside[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and (literal := imported_by_call(node)):
            yield f"{package}{literal}" if literal.startswith(".") else literal


def imported_by_call(node):
    """The name that a call of `import_module` or `__import__` imports; None for any other call."""
    if ast.unparse(node.func).split(".")[-1] not in ("import_module", "__import__"):
        return None
    return str(node.args[0].value) if node.args and isinstance(node.args[0], ast.Constant) else None


def floor(name):
    """The floor of a module, by the longest name in the table that covers it; None if there is none."""
    parts = name.split(".")
    covers = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((FLOORS[cover] for cover in covers if cover in FLOORS), None)


def violations(package):
    """Every import in a package's folder that breaks the tables above, as sentences."""
    known = dict(modules(package))
    for name, path in known.items():
        if floor(name) is None:
            yield f"{name} has no floor"
            continue
        for target in imports(path, package.name, name):
            first, _, rest = target.partition(".")
            if first == package.name:
                while rest and rest not in known:  # `from package.module import thing`
                    rest = rest.rpartition(".")[0]
                yield from upward(name, rest)
            else:
                yield from foreign(name, target)


def upward(name, target):
    """Tell of an import within the project that does not go down."""
    here, there = name.split(".")[0], target.split(".")[0]
    near = here == there or (here, there) in NEIGHBOURS
    if floor(target) is not None and floor(target) > floor(name) - (not near):
        yield f"{name} imports {target or '__init__'}, which is on no lower floor"


def foreign(name, target):
    """Tell of an import from outside the project that the module's job does not need."""
    here, package = name.split(".")[0], target.split(".")[0]
    if any(target == bad or target.startswith(f"{bad}.") for bad in FORBIDDEN):
        yield f"{name} imports {target}, which nobody may"
    elif package in ONLY and here not in ONLY[package]:
        yield f"{name} imports {package}, which only {', '.join(sorted(ONLY[package]))} may"
    elif here in ALLOWED and package not in ALLOWED[here] | sys.stdlib_module_names:
        yield f"{name} imports {package}; it may import {', '.join(sorted(ALLOWED[here]))}"


# This project ---------------------------------------------------------------------------------


def test_every_module_imports_only_from_lower_floors_and_what_its_floor_may_load():
    assert list(violations(REPO / "unitdrop")) == []


def private_imports(package):
    """Every name with a leading underscore that a module of the package takes from another, as sentences."""
    for name, path in modules(package):
        for target in imports(path, package.name, name):
            private = [part for part in target.split(".") if part.startswith("_") and not part.endswith("__")]
            if target.startswith(f"{package.name}.") and private:
                yield f"{name} imports {target}, which is private"


def test_no_module_imports_what_another_keeps_private():
    assert list(private_imports(REPO / "unitdrop")) == []


def loaded_by(statement):
    """The names of all modules that a statement loads in a fresh interpreter."""
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


LOADS_NOTHING_OF = {
    "import unitdrop": {"torch", "torchvision", "matplotlib", "ipywidgets", "numpy", "cv2", "PIL"},
    "import unitdrop.readout": {"torch", "matplotlib", "ipywidgets", "cv2", "PIL"},
    "import unitdrop.images": {"torch", "matplotlib", "ipywidgets", "cv2"},
    "import unitdrop.sweep": {"torch", "torchvision", "matplotlib", "ipywidgets", "cv2", "PIL"},
    "import unitdrop.plan": {"torch", "torchvision", "ipywidgets", "matplotlib.pyplot"},
    "import unitdrop.checkpoints": {"torchvision", "matplotlib", "ipywidgets"},
    "import unitdrop.download": {"torch", "matplotlib", "ipywidgets"},
    "import unitdrop.heatmap": {"torch", "ipywidgets", "matplotlib.pyplot"},
    "import unitdrop.drawing": {"torch", "torchvision", "ipywidgets", "IPython", "matplotlib.pyplot"},
    "import unitdrop.export": {"torch", "torchvision", "ipywidgets", "IPython", "matplotlib.pyplot"},
    "import unitdrop.panel": {"matplotlib.pyplot"},
    "import unitdrop.cli": {"torch", "torchvision", "matplotlib", "ipywidgets", "numpy", "cv2", "PIL"},
}


@pytest.mark.parametrize("statement", LOADS_NOTHING_OF)
def test_a_module_loads_no_more_than_its_job_needs(statement):
    assert not loaded_by(statement) & LOADS_NOTHING_OF[statement]


# The checker itself ---------------------------------------------------------------------------


def test_what_is_loaded_is_seen_even_if_loaded_at_second_hand():
    assert {"matplotlib.pyplot", "numpy"} <= loaded_by("import matplotlib.pyplot")


@pytest.fixture
def tree(tmp_path):
    """A small package that keeps the rules; the tests below break one each."""
    files = {
        "__init__.py": "def f():\n    from .panel import Panel\n",
        "images.py": "import io\nimport numpy\nfrom PIL import Image\n",
        "readout.py": "from numpy import ndarray\n",
        "sweep.py": "from .readout import Readout\nimport unitdrop.images\n",
        "models/__init__.py": "from ..scenes import NAMES\nfrom .model import Model\n",
        "models/model.py": "import torch\nfrom unitdrop.readout import Readout\nfrom .. import images\n",
        "scenes/__init__.py": "from .train import NAMES\n",
        "scenes/train.py": "import torchvision\n",
        "evaluate_scenes.py": "from .sweep import Sweep\nfrom unitdrop.models import load_model\n",
        "drawing.py": "from matplotlib.figure import Figure\nfrom . import sweep\n",
        "export.py": "from .drawing import SweepFigure\n",
        "panel.py": "import ipywidgets\ndef save():\n    from .export import save_gif\n",
        "cli.py": "from . import __version__\n",
        "__main__.py": "from .cli import main\n",
    }
    for name, text in files.items():
        path = tmp_path / "unitdrop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "unitdrop"


def test_the_checker_passes_a_tree_that_keeps_the_rules(tree):
    assert list(violations(tree)) == []


def test_the_checker_tells_of_a_private_name(tree):
    (tree / "panel.py").write_text("from . import __version__\nfrom .models.model import Model, _head\n")
    assert list(private_imports(tree)) == ["panel imports unitdrop.models.model._head, which is private"]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("sweep.py", "from .drawing import View", "sweep imports drawing, which is on no lower floor"),
        ("sweep.py", "import unitdrop.drawing", "sweep imports drawing"),
        ("sweep.py", "from unitdrop import drawing", "sweep imports drawing"),
        ("sweep.py", "from unitdrop import load_image", "sweep imports __init__"),
        ("sweep.py", "import unitdrop", "sweep imports __init__"),
        ("sweep.py", "def f():\n    from . import models", "sweep imports models"),
        ("sweep.py", "if TYPE_CHECKING:\n    from .models.model import Model", "sweep imports models.model"),
        ("sweep.py", "importlib.import_module('.cli', __package__)", "sweep imports cli"),
        ("sweep.py", "import torch", "sweep imports torch, which only checkpoints, models, scenes may"),
        ("sweep.py", "import scipy.stats", "sweep imports scipy; it may import numpy"),
        ("sweep.py", "def f():\n    import torchvision.models", "sweep imports torchvision"),
        ("images.py", "from . import readout", "images imports readout"),
        ("images.py", "import scipy", "images imports scipy"),
        ("models/model.py", "from ..evaluate_scenes import x", "models.model imports evaluate_scenes"),
        ("models/model.py", "from ..drawing import View", "models.model imports drawing"),
        ("scenes/train.py", "from ..evaluate_scenes import x", "scenes.train imports evaluate_scenes"),
        ("scenes/train.py", "from ..models import x", "scenes.train imports models"),
        ("drawing.py", "import ipywidgets", "drawing imports ipywidgets, which only panel may"),
        (
            "drawing.py",
            "import matplotlib.pyplot as plt",
            "drawing imports matplotlib.pyplot, which nobody may",
        ),
        (
            "drawing.py",
            "from matplotlib import pyplot",
            "drawing imports matplotlib.pyplot, which nobody may",
        ),
        ("export.py", "from .panel import Panel", "export imports panel"),
        ("export.py", "from IPython import display", "export imports IPython"),
        ("panel.py", "from .cli import main", "panel imports cli"),
        ("helpers.py", "", "helpers has no floor"),
    ],
)
def test_the_checker_tells_of_a_broken_rule(tree, name, text, complaint):
    path = tree / name
    path.write_text(f"{path.read_text() if path.exists() else ''}\n{text}\n")
    found = list(violations(tree))
    assert len(found) == 1 and found[0].startswith(complaint)
