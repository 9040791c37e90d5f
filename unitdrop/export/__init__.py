"""From a sweep to files: an animated GIF, a PNG, a CSV table. A file is written whole or not at all."""

from unitdrop.export.film import check_gif, destination, safe_name, save_csv, save_gif, save_png

__all__ = ["check_gif", "destination", "safe_name", "save_csv", "save_gif", "save_png"]
