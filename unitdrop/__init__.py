"""Drop the units of a network one after another and watch the class they carry fall.

The public names are loaded when they are first asked for: `import unitdrop` alone loads neither torch nor
matplotlib nor ipywidgets.

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

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

__version__ = "0.1.0"

if _TYPE_CHECKING:  # for editors and type checkers; at run time, __getattr__ does it
    from .export import ExportError as ExportError
    from .export import safe_name as safe_name
    from .export import save_csv as save_csv
    from .export import save_gif as save_gif
    from .export import save_png as save_png
    from .figure import SweepFigure as SweepFigure
    from .figure import View as View
    from .images import ImageError as ImageError
    from .images import load_image as load_image
    from .models import CheckpointError as CheckpointError
    from .models import DownloadError as DownloadError
    from .models import Model as Model
    from .models import ModelError as ModelError
    from .models import catalogue as catalogue
    from .models import load_checkpoint as load_checkpoint
    from .models import load_model as load_model
    from .models import wrap as wrap
    from .panel import Panel as Panel
    from .readout import Readout as Readout
    from .readout import ReadoutError as ReadoutError
    from .readout import TargetError as TargetError
    from .sweep import RANKINGS as RANKINGS
    from .sweep import SCOPES as SCOPES
    from .sweep import Flip as Flip
    from .sweep import SmallestFlip as SmallestFlip
    from .sweep import Sweep as Sweep
    from .sweep import rank_units as rank_units

__all__ = [
    "CheckpointError",
    "DownloadError",
    "ExportError",
    "Flip",
    "ImageError",
    "Model",
    "ModelError",
    "Panel",
    "RANKINGS",
    "Readout",
    "ReadoutError",
    "SCOPES",
    "SmallestFlip",
    "Sweep",
    "SweepFigure",
    "TargetError",
    "View",
    "__version__",
    "catalogue",
    "load_checkpoint",
    "load_image",
    "load_model",
    "rank_units",
    "safe_name",
    "save_csv",
    "save_gif",
    "save_png",
    "wrap",
]

_HOMES = {
    "export": ("ExportError", "safe_name", "save_csv", "save_gif", "save_png"),
    "figure": ("SweepFigure", "View"),
    "images": ("ImageError", "load_image"),
    "models": (
        "CheckpointError",
        "DownloadError",
        "Model",
        "ModelError",
        "catalogue",
        "load_checkpoint",
        "load_model",
        "wrap",
    ),
    "panel": ("Panel",),
    "readout": ("Readout", "ReadoutError", "TargetError"),
    "sweep": ("RANKINGS", "SCOPES", "Flip", "SmallestFlip", "Sweep", "rank_units"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module that holds a public name, and keep the name here."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'unitdrop' has no attribute {name!r}")
    value = getattr(_import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
