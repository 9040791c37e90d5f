"""The bytes of a picture to RGB, in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from unitdrop.errors import ImageError
from unitdrop.images.headers import check_bmp, check_gif
from unitdrop.images.jpeg import decoded_jpeg
from unitdrop.images.levels import tell_if_dark, tell_if_pale
from unitdrop.images.pixels import bands, colours_to_rgb, image_to_rgb, same_pixels, without_warnings
from unitdrop.images.png import Png, plain_png
from unitdrop.images.sizes import DAMAGED, check_size
from unitdrop.images.tiff import read_tiff
from unitdrop.images.webp import is_large, large_to_rgb

# Pillow spreads grey levels of 2 and 4 bits over 8, and cuts colours of 16 bits to 8, but hands on the
# transparent colour of such a PNG as it stands in the file; this is what to multiply it by.
_KEY_SCALE = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
# The same samples with their other byte, of colours of 16 bits, of which Pillow keeps one byte.
_OTHER_BYTE = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "LA;16B": "RGBA",
}
_DIM = 63  # high bytes of colours of 16 bits, none above it: they may be of 14 bits or fewer


class _Source(NamedTuple):
    """How to open a picture, again and again, and how to know whether all of it is there."""

    open: Callable[[], ImageFile.ImageFile]
    png: Png | None = None


def decoded(data: bytes, form: str, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return the picture in a file of one of `FORMATS` as RGB (H, W, 3) uint8.

    Raises
    ------
    ImageError
        It is damaged, cut short, too large, or of a kind that would come out wrong.
    """
    with as_image_error(name):
        if form == "JPEG":
            return image_to_rgb(decoded_jpeg(data, name), name, value_range)
        if form == "TIFF":
            return _tiff_to_rgb(data, name, value_range)
        if form == "WEBP" and is_large(data, name):
            return large_to_rgb(data, name, value_range)
        source = _SOURCES[form](data, name)
        image = _opened(source.open, name)
        raw = _raw_mode(image)
        if form in ("PNG", "GIF", "BMP"):
            _whole(image, source, name)
        else:
            image.load()
        if raw in _KEY_SCALE:
            _rescale_key(image, _KEY_SCALE[raw])
        return _shown(image, source, raw, name, value_range)


# The formats --------------------


def _png(data: bytes, name: str) -> _Source:
    png = plain_png(data, name)
    return _Source(lambda: PngImageFile(io.BytesIO(png.data)), png)


def _gif(data: bytes, name: str) -> _Source:
    check_gif(data, name)
    return _Source(lambda: GifImageFile(io.BytesIO(data)))


def _bmp(data: bytes, name: str) -> _Source:
    check_bmp(data, name)
    return _Source(lambda: BmpImageFile(io.BytesIO(data)))


def _webp(data: bytes, name: str) -> _Source:
    is_large(data, name)
    return _Source(lambda: WebPImageFile(io.BytesIO(data)))


def _avif(data: bytes, name: str) -> _Source:
    from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

    if not SUPPORTED:
        raise ImageError(f"{name}: is AVIF, which this build of Pillow lacks; save it as PNG or JPEG")
    return _Source(lambda: AvifImageFile(io.BytesIO(data)))


_SOURCES: dict[str, Callable[[bytes, str], _Source]] = {
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WEBP": _webp,
    "AVIF": _avif,
}


def _tiff_to_rgb(data: bytes, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    tiff = read_tiff(data, name)
    for jpeg in tiff.jpegs:
        decoded_jpeg(jpeg, name)  # libtiff shows one that lacks data as if it did not
    source = _Source(lambda: TiffImageFile(io.BytesIO(data)))
    image = _opened(source.open, name)
    raw = None if tiff.layered else _raw_mode(image)
    image.load()
    if tiff.padded is not None and not _same_padded(image, tiff.padded, name):
        raise ImageError(f"{name}: cannot be decoded (data are missing); {DAMAGED}")
    if tiff.grey is not None:
        grey = tiff.grey(np.asarray(image))
        if tiff.inverted and value_range is None:
            tell_if_pale(grey, name)
        return image_to_rgb(image, name, value_range, grey, tiff.white)
    return _shown(image, source, raw, name, value_range)


def _same_padded(image: Image.Image, padded: bytes, name: str) -> bool:
    """Return whether a TIFF has the same pixels with more behind its strips, which it should not need."""
    other = _opened(lambda: TiffImageFile(io.BytesIO(padded)), name)
    other.load()
    return same_pixels(image, other)


def _rescale_key(image: Image.Image, scale: float) -> None:
    """Bring a transparent colour to the depth of the pixels it is compared with."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        image.info["transparency"] = int(key * scale)
    elif isinstance(key, tuple):
        image.info["transparency"] = tuple(int(level * scale) for level in key)


# Decoding --------------------


@contextmanager
def as_image_error(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # broken files make decoders raise almost anything
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded ({reason}); {DAMAGED}") from error


def _opened(opener: Callable[[], ImageFile.ImageFile], name: str) -> ImageFile.ImageFile:
    """Return a picture whose header has been read."""
    with without_warnings():
        image = opener()
    check_size(*image.size, name)
    return image


def _whole(image: ImageFile.ImageFile, source: _Source, name: str) -> None:
    """Decode a picture, and raise `ImageError` unless every pixel was written by its decoder.

    What Pillow's decoders do not write keeps the colour that the picture was filled with. Where a row is of
    one colour, as one that was not written, the picture is decoded once more over another colour; of a PNG,
    it is enough to count what its rows are made of.
    """
    codec, box = image.tile[0][:2]
    image.load()
    if codec == "raw":  # it has said so if there were not enough
        return
    frame = image if box == (0, 0, *image.size) else image.crop(box)
    interlaced = source.png is not None and source.png.interlaced
    if not interlaced and not any(_has_plain_row(band) for _, band in bands(frame)):
        return
    if not (source.png.is_whole() if source.png is not None else _stays(frame, source, box, name)):
        raise ImageError(f"{name}: cannot be decoded (data are missing); {DAMAGED}")


def _stays(frame: Image.Image, source: _Source, box: tuple[int, int, int, int] | None, name: str) -> bool:
    """Return whether a frame has the same pixels when it is decoded over another colour."""
    other = _opened(source.open, name)
    _prefill(other)
    other.load()
    return same_pixels(frame, other if frame.size == other.size else other.crop(box))


def _has_plain_row(band: Image.Image) -> bool:
    """Return whether any row is of one colour."""
    pixels = np.asarray(band)
    channels = tuple(range(1, pixels.ndim - 1))
    pixels = pixels[(pixels[:, 0] == pixels[:, -1]).all(axis=channels)]  # the others need no second look
    return bool((pixels == pixels[:, :1]).all(axis=(1, *(c + 1 for c in channels))).any())


def _prefill(image: ImageFile.ImageFile) -> None:
    """Let a picture be decoded over a colour that it is not filled with otherwise."""
    prepare = image.load_prepare

    def prepared() -> None:
        prepare()
        mode, size = image.im.mode, image.im.size
        level = 78 if image.info.get("transparency") == 77 else 77
        channels = Image.getmodebands(mode)
        colour = level if channels == 1 else (level,) * channels
        image.im.paste(Image.new(mode, size, colour).im, (0, 0, *size))

    image.load_prepare = prepared


# Colours of 16 bits --------------------


def _shown(
    image: ImageFile.ImageFile,
    source: _Source,
    raw: str | None,
    name: str,
    value_range: tuple[float, float] | None,
) -> np.ndarray:
    """Return a decoded picture as RGB; its colours of 16 bits in full where they are needed."""
    if raw not in _OTHER_BYTE:
        return image_to_rgb(image, name, value_range)
    dim = np.asarray(image)[..., :3].max() <= _DIM
    if value_range is None and not dim:
        return image_to_rgb(image, name, None)
    samples, info = _full_samples(image, source, raw, name)
    if value_range is not None:
        return colours_to_rgb(image, samples, info.get("transparency"), name, value_range)
    tell_if_dark(samples[..., :3], 65535, name)
    return image_to_rgb(image, name, None)


def _raw_mode(image: ImageFile.ImageFile) -> str | None:
    """Return how Pillow calls the layout of the samples in the file; None for a picture in memory."""
    layout = image.tile[0][3] if image.tile else None
    raw = layout[0] if isinstance(layout, tuple) and layout else layout
    return raw.replace(";16N", f";16{sys.byteorder[0].upper()}") if isinstance(raw, str) else None


def _full_samples(
    image: ImageFile.ImageFile, source: _Source, raw: str, name: str
) -> tuple[np.ndarray, dict]:
    """Return colours of 16 bits, of which a picture has one byte each, (H, W, 3 or 4) uint16; its fields."""
    again = _opened(source.open, name)
    other = _OTHER_BYTE[raw]
    again.tile = [
        tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
        for tile in again.tile
    ]
    info = dict(again.info)
    again.load()
    low = np.asarray(again)
    if raw == "LA;16B":  # read as four bytes: both of the grey level, both of its opacity
        pairs = low.astype(np.uint16)[..., ::2] << 8 | low[..., 1::2]
        return pairs[..., [0, 0, 0, 1]], info
    return (np.asarray(image).astype(np.uint16) << 8) | low, info
