"""Arrays and tensors to RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images.levels import to_levels
from unitdrop.images.sizes import MAX_PIXELS, check_size

_CHANNELS = (1, 3, 4)


def array_to_rgb(source: Any, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return an array or tensor as RGB (H, W, 3) uint8."""
    tensor = hasattr(source, "detach") and hasattr(source, "permute")
    array = _as_array(source, tensor)
    name = f"{'tensor' if tensor else 'array'} of shape {array.shape}"
    if array.dtype.kind not in "biuf":
        raise ImageError(f"array of dtype {array.dtype}: no grey levels; pass uint8, uint16 or float32")
    if tensor and _channels_first(array.shape):
        array = array.transpose(1, 2, 0)
    _check_shape(array.shape, name, source, tensor)
    return _shaped_to_rgb(array, name, value_range)


def _as_array(source: Any, tensor: bool) -> np.ndarray:
    """Return what an array or tensor holds, wherever it lies, as a numpy array."""
    try:
        if tensor:
            source = source.detach().cpu()
            if str(source.dtype) == "torch.bfloat16" or "float8" in str(source.dtype):
                source = source.float()  # numpy has none of these
            return source.resolve_conj().resolve_neg().numpy()
        return np.asarray(source)
    except Exception as error:  # what lies elsewhere, or is sparse or quantised, refuses in its own ways
        word, remedy = "array", "pass one of numpy"
        if tensor:
            word, remedy = "tensor", "pass a dense one of real numbers, such as tensor.to_dense()"
        raise ImageError(f"{word}: cannot be read ({error}); {remedy}") from error


def _channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS


def _check_shape(shape: tuple[int, ...], name: str, source: Any, tensor: bool) -> None:
    """Raise `ImageError` unless the shape is that of one picture, channels last; name what would help."""
    word = "tensor" if tensor else "array"
    if len(shape) == 4:
        turned = not tensor and _channels_first(shape[1:])
        raise ImageError(
            f"{name}: a batch; pass one picture, such as {_turned(source, f'{word}[0]', turned)}"
        )
    if _channels_first(shape):
        raise ImageError(f"{name}: channels first; pass {_turned(source, word, True)}")
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in _CHANNELS):
        raise ImageError(f"{name}: no picture; pass (H, W), (H, W, 3) or (H, W, 4)")
    check_size(shape[1], shape[0], name, MAX_PIXELS)


def _turned(source: Any, text: str, first: bool) -> str:
    """Return the Python for a picture with its channels last, by what the type of the array has."""
    if not first:
        return text
    if hasattr(source, "transpose"):
        return f"{text}.transpose(1, 2, 0)"
    return f"numpy.transpose({text}, (1, 2, 0))"


def _shaped_to_rgb(array: np.ndarray, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return an array of a good shape as RGB."""
    if array.ndim == 2 or array.shape[2] == 1:
        levels = to_levels(array, name, value_range)
        return np.repeat(levels.reshape(*levels.shape[:2], 1), 3, axis=2)
    if array.shape[2] == 3:
        return to_levels(array, name, value_range)
    colours = to_levels(array[..., :3], name, value_range)
    # Opacity keeps to a scale of its own: many have colours of 0..255 beside opacities of 0..1.
    clear = to_levels(array[..., 3:], name, value_range, tell=False)
    return over_white(np.concatenate([colours, clear], axis=2))


def over_white(levels: np.ndarray) -> np.ndarray:
    """Return RGBA levels (H, W, 4) uint8 laid over white, (H, W, 3)."""
    image = Image.fromarray(np.ascontiguousarray(levels), "RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))
