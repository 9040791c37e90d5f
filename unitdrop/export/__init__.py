"""From a sweep to files: an animated GIF, a PNG, a CSV table. A file is written whole or not at all."""

from unitdrop.errors import ExportError
from unitdrop.export.files import atomic_write, destination, is_stream, own_descriptor, safe_name
from unitdrop.export.film import check_gif, save_gif
from unitdrop.export.still import save_png
from unitdrop.export.table import save_csv

__all__ = [
    "ExportError",
    "atomic_write",
    "check_gif",
    "destination",
    "is_stream",
    "own_descriptor",
    "safe_name",
    "save_csv",
    "save_gif",
    "save_png",
]
