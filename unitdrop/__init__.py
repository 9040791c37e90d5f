"""Drop the units of a network one after another and watch the class they carry fall.

The public names, listed in `__init__.pyi`, are loaded when they are first asked for: `import unitdrop` alone
loads neither torch nor matplotlib nor ipywidgets. That one list serves editors, type checkers and this file.

Examples
--------
>>> import numpy as np
>>> import unitdrop
>>> readout = unitdrop.Readout(maps=[[[4.0, 0.0]], [[0.0, 2.0]]], weight=[[1, 0], [0.5, 1]], bias=[0.5, 0],
...                            labels=("sea", "sand"), image=np.zeros((1, 2, 3), np.uint8))
>>> sweep = unitdrop.Sweep(readout)
>>> sweep.label, sweep.flip.k, sweep.flip.label
('sea', 1, 'sand')
"""

import ast as _ast
from importlib import import_module as _import_module
from pathlib import Path as _Path

__version__ = "0.1.0"


def _read_stub() -> dict[str, str]:
    """Return the public names, each with the module that it is loaded from, as the stub lists them."""
    stub = _ast.parse(_Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = (node for node in stub.body if isinstance(node, _ast.ImportFrom))
    return {alias.name: str(node.module) for node in imports for alias in node.names}


_MODULE_OF = _read_stub()
# Checkers take the names from the stub itself.
__all__ = sorted([*_MODULE_OF, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Load the module that holds a public name, and keep the name here."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'unitdrop' has no attribute {name!r}")
    value = getattr(_import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
