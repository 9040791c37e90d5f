"""What a newcomer meets: the commands, the requirements, the files that come along."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import unitdrop

ROOT = Path(__file__).resolve().parents[2]
FRESH = "python3 -m venv .venv && . .venv/bin/activate && "
RUN = FRESH + "pip install -r requirements.txt && python -m unitdrop lab"
TEST = FRESH + "pip install -r requirements-test.txt && python -m pytest"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def entries(name):
    """Lines of a requirements file that name a package: (requirement, why)."""
    lines = [line for line in text(name).splitlines() if line.strip() and not line.startswith(("#", "-r"))]
    parts = [line.partition("#") for line in lines]
    return [(Requirement(requirement.strip()), why.strip()) for requirement, _, why in parts]


EVERY = [*entries("requirements.txt"), *entries("requirements-test.txt")]


@pytest.mark.parametrize("command", [RUN, TEST])
def test_the_readme_gives_the_command(command):
    assert command in text("README.md")


def test_ci_runs_the_readmes_test_command_word_for_word():
    script = text(".ci/run")
    pattern = re.search(r"grep -oE '([^']+)' README\.md", script).group(1)
    assert set(re.findall(pattern, text("README.md"))) == {TEST}
    assert '-c "$command"' in script and "UNITDROP_SLOW=1" in script and "rm -rf .venv" in script


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_ci_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_ci_checks_the_code_as_a_commit_does_and_ends_with_the_line_of_pytest():
    hooks = re.findall(r"^ +entry: (.+)$", text(".pre-commit-config.yaml"), re.MULTILINE)
    script = text(".ci/run").splitlines()
    commands = (line.partition("  # ")[0] for line in script if line.startswith(".venv/bin/"))
    checks = [command.removeprefix(".venv/bin/") for command in commands]
    assert checks == hooks and {"ruff check .", "ruff format --check .", "pyright"} <= set(hooks)
    assert any("oxlint@" in command for command in hooks)
    assert script[-1].startswith('tail -n 1 "$log"')


@pytest.mark.parametrize(("requirement", "why"), EVERY, ids=lambda part: getattr(part, "name", ""))
def test_every_requirement_has_a_floor_a_cap_and_a_reason(requirement, why):
    operators = sorted(part.operator for part in requirement.specifier)
    assert operators == ["<", ">="] and len(why.split()) > 3 and requirement.url is None


@pytest.mark.parametrize(("requirement", "why"), EVERY, ids=lambda part: getattr(part, "name", ""))
def test_the_installed_version_is_within_the_bounds(requirement, why):
    assert requirement.specifier.contains(Version(version(requirement.name)).base_version)


def test_floors_keep_unsafe_versions_out():
    floors = {r.name.lower(): r.specifier for r, _ in EVERY}
    assert not floors["torch"].contains("2.9.9") and not floors["pillow"].contains("12.2.9")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt", "pyproject.toml", ".ci/run"])
def test_no_registry_is_named(name):
    assert not re.search(r"://|index-url|find-links|trusted-host", text(name))


def test_the_test_requirements_contain_those_to_run():
    assert "-r requirements.txt" in text("requirements-test.txt").splitlines()


def imported(folder):
    """Top-level names of everything imported under a folder."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


def test_everything_the_package_imports_is_required():
    required = {requirement.name.lower() for requirement, _ in entries("requirements.txt")}
    where = packages_distributions()
    names = imported("unitdrop") - {"unitdrop"}
    undeclared = {name for name in names if not {d.lower() for d in where.get(name, [name])} & required}
    # IPython and traitlets are what ipywidgets stands on; they come with it, in versions that it chooses.
    assert undeclared <= {"IPython", "traitlets"}


def test_each_requirement_is_declared_once():
    assert SETTINGS["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert "dependencies" not in SETTINGS["project"]
    names = [requirement.name.lower() for requirement, _ in EVERY]
    assert len(names) == len(set(names))


def test_the_licence_is_mit():
    assert SETTINGS["project"]["license"] == "MIT"
    assert text("LICENSE").startswith("MIT License\n\nCopyright (c) 2026 The unitdrop authors\n")


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_committed_without_widget_state(notebook):
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert "widgets" not in document["metadata"]
    outputs = [output for cell in document["cells"] for output in cell.get("outputs", [])]
    assert not any("widget" in kind for output in outputs for kind in output.get("data", {}))
    assert notebook.stat().st_size < 1_000_000


def files_in(package):
    """Every file of a package's folder, by its path in there, without what Python leaves."""
    paths = (path.relative_to(package) for path in package.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}


def test_every_kind_of_file_in_the_package_comes_along():
    [patterns] = SETTINGS["tool"]["setuptools"]["package-data"].values()
    others = {Path(file) for file in files_in(ROOT / "unitdrop") if not file.endswith(".py")}
    assert {"py.typed", "__init__.pyi"} <= {path.name for path in others}
    assert [path for path in others if not any(path.match(pattern) for pattern in patterns)] == []


@pytest.mark.slow
def test_an_installed_copy_works_without_the_repository(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    source = tmp_path / "source"  # a build writes into its source
    command = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_bytes((ROOT / file).read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "lib", source]
    subprocess.run(pip, check=True)
    [image] = [ROOT / file for file in files if file.startswith("notebooks/images/")][:1]

    def unitdrop_m(*words):
        command = [sys.executable, "-m", "unitdrop", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert unitdrop_m("--version").stdout == f"unitdrop {unitdrop.__version__}\n"
    assert json.loads(unitdrop_m("sweep", image, "--json").stdout)["units"] == 256
    no_notebook = unitdrop_m("lab")
    assert no_notebook.returncode == 2 and "get a copy of the repository" in no_notebook.stderr
    assert files_in(tmp_path / "lib" / "unitdrop") == files_in(ROOT / "unitdrop")
