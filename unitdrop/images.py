"""Any picture to RGB: `load_image` takes a path, bytes, an open file, an array or a PIL image.

What a picture becomes never depends on luck: it is turned upright, laid over white, brought to 8 bits by a
stated rule, or refused with an `ImageError` that says why and what to do.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from unitdrop.checks import finite_number
from unitdrop.errors import ImageError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 40_000_000
MAX_ASPECT = 20
MAX_BYTES = 512 * 2**20

# Pillow spreads grey levels of 2 and 4 bits over 8, and cuts colours of 16 bits to 8, but hands on the
# transparent colour of such a PNG as it stands in the file; this is what to multiply it by.
_KEY_SCALE = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
_DECODING = threading.Lock()


def load_image(source: Any, *, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Read any picture as RGB: (H, W, 3) uint8, C-contiguous, a copy that shares no memory with the source.

    Parameters
    ----------
    source
        - a path (str or `os.PathLike`), the bytes of a file, or a binary file object (read from where it
          stands, left open): JPEG, PNG, GIF, WebP, BMP, TIFF;
        - a `PIL.Image.Image`;
        - an array or CPU tensor: (H, W), (H, W, 1), (H, W, 3), or (H, W, 4) whose last channel is opacity.
    value_range
        (black, white): the values that become 0 and 255, those outside being clipped. For arrays of any dtype
        and for pictures of more than 8 bits a grey level; 8-bit pictures are left alone. Without it:

        ==============  ===================================================================================
        values          black and white
        ==============  ===================================================================================
        bool            False, True
        uint8           0, 255
        uint16          0, 65535: a division by 257
        other integers  0, 255 if all values lie in there; else 0, 65535 if they do; else as for floats
        float           the smaller of 0 and the minimum, the larger of 1 and the maximum: 0..1 is taken as it
                        is, anything wider is rescaled, nothing is clipped
        ==============  ===================================================================================

    EXIF orientation is applied; transparency is laid over white; of an animation the first frame is taken (of
    a PIL image, the current one). Colour profiles are not applied.

    Raises
    ------
    ImageError
        A file that is missing, unreadable, empty, truncated (so that
        pixels are missing), not regular, over 512 MiB or of another format;
        a picture over 40 megapixels (seen before it is decoded) or longer than 20 times its width; an array
        of another shape or dtype, empty, or not finite.

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
    if value_range is not None:
        _check_range(value_range)
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "PIL image")
        with _as_image_error(name):
            return _picture_to_rgb(source, name, value_range)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decoded(io.BytesIO(source), "bytes", value_range)
    if isinstance(source, (str, os.PathLike)):
        with _open_regular(source) as file:
            return _decoded(file, str(source), value_range)
    if hasattr(source, "read"):
        return _decoded(*_buffered(source), value_range)
    if hasattr(source, "__array__"):
        return _array_to_rgb(source, value_range)
    raise ImageError(
        f"source: no picture in a {type(source).__name__}; pass a path, bytes, an array or a PIL image"
    )


# Files --------------------


def _open_regular(path: str | os.PathLike) -> BinaryIO:
    """Return a regular file, opened to read; refuse all else unopened, as a pipe would wait for ever."""
    try:
        status = Path(path).stat()
        _check_file(path, status)
        return Path(path).open("rb")
    except ImageError:
        raise
    except FileNotFoundError:
        remedy = "download it first" if "://" in str(path) else "check the spelling and the folder"
        raise ImageError(f"{path}: no such file; {remedy}") from None
    except PermissionError:
        raise ImageError(f"{path}: you may not read it; change its permissions") from None
    except (OSError, TypeError, ValueError) as error:
        raise ImageError(f"{str(path)[:200]!r}: cannot be opened ({error}); pass a file's path") from None


def _check_file(path: str | os.PathLike, status: os.stat_result) -> None:
    """Raise `ImageError` for what is no regular file, or too large to be a picture."""
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(f"{path}: is a folder; pass the path of one picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path}: is a device, pipe or socket; pass the path of a regular file")
    if status.st_size > MAX_BYTES:
        raise ImageError(f"{path}: is over {MAX_BYTES >> 20} MiB; shrink the picture first")


def _buffered(source: Any) -> tuple[BinaryIO, str]:
    """Return what is left of a file object, read into memory, and its name."""
    name = str(getattr(source, "name", "file object"))
    try:
        data = source.read(MAX_BYTES + 1)
    except Exception as error:
        raise ImageError(f"{name}: cannot be read ({error}); pass an open binary file") from error
    if not isinstance(data, bytes):
        raise ImageError(f"{name}: gives {type(data).__name__}, not bytes; open it with mode 'rb'")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name}: gives more than {MAX_BYTES >> 20} MiB; shrink the picture first")
    return io.BytesIO(data), name


def _decoded(file: BinaryIO, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return the picture in an open binary file as RGB (H, W, 3) uint8."""
    with _as_image_error(name):
        if not file.read(1):
            raise ImageError(f"{name}: is empty; fetch it again, or call seek(0) on a file already read")
        file.seek(0)
        with Image.open(file, formats=FORMATS) as image:
            return _picture_to_rgb(image, name, value_range)


@contextmanager
def _as_image_error(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into `ImageError`, and hold its global switches where they are safe.

    Decoding is serialised, for the warning filters and `LOAD_TRUNCATED_IMAGES` belong to the whole process.
    The latter another library may have set: Pillow then fills what is missing of a picture with grey.
    """
    with _DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        except ImageError:
            raise
        except UnidentifiedImageError:
            raise ImageError(f"{name}: is no readable picture; pass a {', '.join(FORMATS)} file") from None
        except Image.DecompressionBombError:
            raise ImageError(f"{name}: is over {MAX_PIXELS // 10**6} megapixels; shrink it first") from None
        except Exception as error:  # broken files make decoders raise almost anything
            reason = str(error) or type(error).__name__
            remedy = "it is damaged or cut short: fetch it again, or save it anew"
            raise ImageError(f"{name}: cannot be decoded ({reason}); {remedy}") from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


# Pictures --------------------


def _picture_to_rgb(image: Image.Image, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return a picture whose header has been read as RGB (H, W, 3) uint8: decoded, upright, opaque."""
    _check_size(*image.size, name)
    tiles = getattr(image, "tile", None)  # gone once the pixels are there
    encoding = tiles[0][3] if tiles else None
    image.load()
    upright = _upright(image)
    if isinstance(encoding, str) and encoding in _KEY_SCALE:
        _rescale_key(upright, _KEY_SCALE[encoding])
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _deep_to_rgb(upright, name, value_range)
    if upright.mode == "La":  # Pillow knows only one way from here
        upright = upright.convert("LA")
    if upright.has_transparency_data:
        upright = _over_white(upright.convert("RGBA"))
    return np.array(upright.convert("RGB"))


def _check_size(width: int, height: int, name: str) -> None:
    """Raise `ImageError` for a picture too large, too long or without pixels."""
    short, long = sorted((width, height))
    if short < 1:
        raise ImageError(f"{name}: {width} x {height} is without pixels; pass at least 1 x 1")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: {width} x {height} is over {MAX_PIXELS // 10**6} megapixels; shrink it first"
        )
    if long > MAX_ASPECT * short:
        raise ImageError(f"{name}: {width} x {height} is longer than {MAX_ASPECT}:1; crop it first")


def _upright(image: Image.Image) -> Image.Image:
    """Return a copy turned as its EXIF orientation says; unreadable EXIF counts as none, as in browsers."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image.copy()


def _rescale_key(image: Image.Image, scale: float) -> None:
    """Bring a transparent colour to the depth of the pixels it is compared with."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        image.info["transparency"] = int(key * scale)
    elif isinstance(key, tuple):
        image.info["transparency"] = tuple(int(level * scale) for level in key)


def _over_white(image: Image.Image) -> Image.Image:
    """Return an RGBA picture laid over white, RGBA."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _deep_to_rgb(image: Image.Image, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return a picture of grey levels of more than 8 bits as RGB uint8; a transparent level becomes white."""
    grey = np.asarray(image)
    levels = _to_uint8(grey, name, value_range)
    if "transparency" in image.info:
        levels[grey == image.info["transparency"]] = 255
    return np.repeat(levels[..., None], 3, axis=2)


# Arrays --------------------


def _array_to_rgb(source: Any, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return an array or tensor as RGB (H, W, 3) uint8."""
    try:
        array = np.asarray(source)
    except Exception as error:  # tensors that need a gradient or live on a GPU refuse in their own ways
        raise ImageError(f"array: cannot be read ({error}); pass tensor.detach().cpu().numpy()") from error
    if array.dtype.kind not in "biuf":
        raise ImageError(f"array of dtype {array.dtype}: no grey levels; pass uint8, uint16 or float32")
    _check_shape(array.shape)
    levels = _to_uint8(array, "array", value_range)
    if levels.ndim == 2 or levels.shape[2] == 1:
        return np.repeat(levels.reshape(*levels.shape[:2], 1), 3, axis=2)
    if levels.shape[2] == 4:
        return np.array(_over_white(Image.fromarray(levels)).convert("RGB"))
    return levels


def _check_shape(shape: tuple[int, ...]) -> None:
    """Raise `ImageError` unless the shape is that of one picture, channels last."""
    name = f"array of shape {shape}"
    channels_last = len(shape) == 3 and shape[2] in (1, 3, 4)
    if len(shape) == 4:
        raise ImageError(f"{name}: a batch; pass one picture, such as array[0]")
    if len(shape) == 3 and shape[0] in (1, 3, 4) and not channels_last:
        raise ImageError(f"{name}: channels first; pass array.transpose(1, 2, 0)")
    if len(shape) != 2 and not channels_last:
        raise ImageError(f"{name}: no picture; pass (H, W), (H, W, 3) or (H, W, 4)")
    _check_size(shape[1], shape[0], name)


# Grey levels --------------------


def _check_range(value_range: tuple[float, float]) -> None:
    """Raise `ImageError` unless `value_range` is two finite numbers, rising."""
    try:
        black, white = map(finite_number, value_range)
    except (TypeError, ValueError):
        black = white = None
    if black is None or white is None or black >= white:
        raise ImageError(f"value_range: expected (black, white), finite and rising, got {value_range!r}")


def _natural_range(values: np.ndarray, name: str) -> tuple[float, float]:
    """Return the values that stand for black and white, by the table in `load_image`."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return 0, 1
    if kind == "u" and size <= 2:
        return 0, 256**size - 1
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{name}: holds NaN or infinity; clean it first, for example with numpy.nan_to_num")
    if kind in "iu" and low >= 0 and high <= 65535:
        return 0, 255 if high <= 255 else 65535
    return min(0.0, low), max(1.0, high)


def _to_uint8(values: np.ndarray, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return real values of any dtype rescaled to 0..255 and rounded: a new uint8 array of that shape."""
    natural = _natural_range(values, name)  # also when it is not used: it refuses NaN
    low, high = map(float, value_range or natural)
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return np.array(values, order="C")
    # white - black may overflow, so all is first divided by a power of two, which rounds nothing.
    unit = np.ldexp(1.0, int(np.frexp(max(-low, high))[1]) - 1)
    low, high = low / unit, high / unit
    levels = np.empty(values.shape, dtype=np.uint8)
    for row, level in zip(values, levels, strict=True):  # by rows, so that the float64 copy stays small
        share = (row.astype(np.float64) / unit - low) / (high - low)
        level[...] = np.rint(np.clip(share, 0, 1) * 255)
    return levels
