"""Any picture to RGB: `load_image` takes a path, bytes, an open file, an array or a PIL image.

What a picture becomes never depends on luck: it is turned upright, laid over white, brought to 8 bits by a
stated rule, or refused with an `ImageError` that says why and what to do.
"""

from __future__ import annotations

from unitdrop.errors import ImageError
from unitdrop.images.formats import FORMATS, SUFFIXES
from unitdrop.images.load import load_image

__all__ = ["FORMATS", "SUFFIXES", "ImageError", "load_image"]
