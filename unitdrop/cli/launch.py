"""Other programs that the command line opens the panel in: JupyterLab and Voilà."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from unitdrop.cli.arguments import PROGRAM
from unitdrop.errors import UsageError

NOTEBOOK = Path("notebooks", "unitdrop.ipynb")
APP = Path("notebooks", "app.ipynb")
CHECKOUT = Path(__file__).resolve().parents[2]  # the repository, unless the package is installed


def lab_command(extra: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment that open the notebook in JupyterLab.

    Raises
    ------
    UsageError
        The notebook or JupyterLab is missing.
    """
    notebook, root = _find_notebook(NOTEBOOK, "lab")
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError(f"JupyterLab is not installed; run: {install_command()}")
    extra = [flag for flag in extra if flag != "--"]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in extra:
        extra.append("--allow-root")  # in a container one is root, and JupyterLab would refuse
    return [sys.executable, "-m", "jupyterlab", str(notebook), *extra], _environment(root)


def app_command(
    extra: Sequence[str], hosts: Sequence[str] = (), kernels: int = 4
) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment that serve the panel alone, through Voilà.

    ``hosts``: the names, beside those of this machine, that it answers to; ``kernels``: how many at most.

    Raises
    ------
    UsageError
        The notebook or Voilà is missing, or there could be no kernel.
    """
    if kernels < 1:
        raise UsageError(f"--kernels {kernels}: expected at least 1, a page needs one")
    notebook, root = _find_notebook(APP, "app")
    if importlib.util.find_spec("voila") is None:
        raise UsageError(f"Voilà is not installed; run: {install_command()}")
    # Voilà lets root in without being asked, and does not know the flag that others ask for.
    extra = [flag for flag in extra if flag not in ("--", "--allow-root")]
    # Voilà does not learn that a page was left: a kernel that nobody is connected to ends by itself.
    cull = [f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout=120", "interval=30")]
    told = [f"--kernels={kernels}", *(f"--host={host}" for host in hosts)]
    return [sys.executable, "-m", "unitdrop.serving", str(notebook), *cull, *told, *extra], _environment(root)


def _find_notebook(path: Path, command: str) -> tuple[Path, Path | None]:
    """Return a notebook and the folder to put on the kernel's path (None: unitdrop is installed)."""
    if (CHECKOUT / path).is_file():
        return CHECKOUT / path, CHECKOUT
    if path.is_file():
        return path.resolve(), None
    raise UsageError(
        f"there is no {path} here, and the installed package does not hold it; "
        f"get a copy of the repository and run '{PROGRAM} {command}' in its folder"
    )


def _environment(root: Path | None) -> dict[str, str]:
    """Return this process's environment, in which a kernel finds the package in `root` (None: installed)."""
    environment = dict(os.environ)
    if root is not None:
        paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def become(command: list[str], environment: dict[str, str]) -> int:
    """Become another program; where that cannot be, run it and return its exit status."""
    sys.stdout.flush()
    if os.name == "posix":  # so that Ctrl-C and signals reach that program itself
        return os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)


def install_command() -> str:
    """Return the command that installs what unitdrop needs."""
    return f"{Path(sys.executable).name} -m pip install -r requirements.txt"
