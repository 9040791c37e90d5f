"""`load_image`: a path, bytes, an open file, an array or a PIL image to RGB."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images.arrays import array_to_rgb
from unitdrop.images.decoding import as_image_error, decoded
from unitdrop.images.files import picture_bytes
from unitdrop.images.formats import FORMATS
from unitdrop.images.levels import checked_range
from unitdrop.images.pixels import image_to_rgb
from unitdrop.images.process import decoded_apart
from unitdrop.images.sizes import MAX_BYTES, check_size
from unitdrop.images.tiff import read_tiff
from unitdrop.images.webp import is_large


def load_image(source: Any, *, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Read any picture as RGB: (H, W, 3) uint8, C-contiguous, a copy that shares no memory with the source.

    Parameters
    ----------
    source
        - a path (str or `os.PathLike`; a leading ~ is the home folder), the bytes of a file, or a binary file
          object (read from where it stands, left open): JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF;
        - a `PIL.Image.Image`;
        - an array or tensor: (H, W), (H, W, 1), (H, W, 3), or (H, W, 4) whose last channel is opacity; a
          tensor (1, H, W), (3, H, W) or (4, H, W) too, on any device, with or without a gradient.
    value_range
        (black, white): the values that become 0 and 255, those outside being clipped. For arrays of any dtype
        and for pictures of more than 8 bits a channel; 8-bit pictures are left alone. Without it:

        ==============  ===================================================================================
        values          black and white
        ==============  ===================================================================================
        bool            False, True
        uint8           0, 255
        uint16          0, 65535: a division by 257
        other integers  0, 255 if all values lie in there; else 0, 65535 if they do; else it must be given;
                        a white that the type cannot hold, as 65535 of int16, is none
        float           0, 1 if all values lie in there; else 0, 255 if they do; else it must be given
        ==============  ===================================================================================

        A float may pass an end by a thousandth, which is rounding. What comes out nearly black,
        as 12 bits in a file of 16, is said through `unitdrop.notices`, with the range to give.

    A picture of over 40 megapixels is reduced to a half, a quarter or an eighth of its width and height, the
    first that brings it below. EXIF orientation is applied; transparency is laid over white; of an animation
    the first frame is taken (of a PIL image, the current one). Colour profiles are not applied.

    Raises
    ------
    ImageError
        A file that is missing, unreadable, empty, cut short or damaged so that
        pixels are missing, not regular, over 512 MiB or of another format; one whose decoder would be asked
        for much more than its pixels; a TIFF of a kind that would come out wrong;
        a picture over 100 megapixels (a JPEG of one scan: 220; an array or an animated WebP: 40), seen
        before it is decoded, or longer than 20 times its width; an array of another shape or dtype, empty,
        not finite, or of which the range must be given.

    Examples
    --------
    >>> load_image(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[[0, 0, 0], [128, 128, 128], [255, 255, 255]]]
    >>> load_image(np.array([[10, 20]]), value_range=(10, 30))[..., 0].tolist()
    [[0, 128]]
    >>> load_image(np.zeros((3, 100, 200)))
    Traceback (most recent call last):
    unitdrop.errors.ImageError: array of shape (3, 100, 200): channels first; pass array.transpose(1, 2, 0)
    """
    value_range = checked_range(value_range)
    if isinstance(source, Image.Image):
        return _from_image(source, value_range)
    if isinstance(source, (bytes, bytearray, memoryview, str, os.PathLike)) or hasattr(source, "read"):
        return _from_file(*picture_bytes(source), value_range)
    if hasattr(source, "__array__"):
        return array_to_rgb(source, value_range)
    raise ImageError(
        f"source: no picture in a {type(source).__name__}; pass a path, bytes, an array or a PIL image"
    )


def _from_image(image: Image.Image, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return a PIL image as RGB."""
    name = str(getattr(image, "filename", "") or "PIL image")
    file = _undecoded(image)
    if file is not None:
        return _from_file(*picture_bytes(file), value_range)
    with as_image_error(name):
        check_size(*image.size, name)
        image.load()
        return image_to_rgb(image, name, value_range)


def _undecoded(image: Any) -> io.BytesIO | None:
    """Return the file of a PIL image that is only opened so far, so that it is judged as any other file."""
    file: Any = getattr(image, "fp", None)
    first = (
        image.format in (*FORMATS, "MPO") and not getattr(image, "decoderconfig", None) and not image.tell()
    )
    if not (first and getattr(image, "tile", None) and hasattr(file, "seek")):
        return None
    place = file.tell()
    file.seek(0)
    copy = io.BytesIO(file.read(MAX_BYTES + 1))
    copy.name = str(image.filename or "PIL image")
    file.seek(place)
    return copy


def _from_file(data: bytes, form: str, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return a picture file as RGB, decoded here or, where its headers do not bound the work, in a child."""
    with as_image_error(name):
        apart = (
            form == "AVIF"
            or (form == "TIFF" and read_tiff(data, name).compressed)
            or (form == "WEBP" and is_large(data, name))
        )
    return (decoded_apart if apart else decoded)(data, form, name, value_range)
