"""How a network's input is made: what was told, else what the network carries with it, else ImageNet's."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision.models import WeightsEnum
from torchvision.transforms import InterpolationMode

from unitdrop.checks import finite_number, is_one_of, whole_number
from unitdrop.errors import ModelError
from unitdrop.models.twin import unwrapped
from unitdrop.notices import say

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What most networks trained on photographs subtract from, and divide into, RGB in [0, 1]."""
ASSUMED = {"size": 224, **IMAGENET, "interpolation": "bilinear"}
"""What is taken where nobody says."""
MOST = 4096
"""No input has longer sides, in pixels."""
LUMA = (0.299, 0.587, 0.114)
"""The parts of red, green and blue in grey (ITU-R 601), as Pillow has them."""
WAYS = ("bilinear", "bicubic", "nearest")
CROP = 0.875
"""The part of the resized picture that timm's networks see where their configuration does not say."""
_PASSING = ("PILToTensor", "MaybePILToTensor", "ToImage", "ToPILImage", "ToPureTensor", "RGB", "Identity")
_TO_UNIT = ("ToTensor", "MaybeToTensor", "ConvertImageDtype", "ToDtype")


def settled(name: str, module: nn.Module, told: Mapping[str, Any], transforms: Any) -> dict[str, Any]:
    """Return size, resize, mean, std and interpolation for a network; what is guessed is said.

    What was told (not None) comes first, then the transforms, then timm's configuration in the network. That
    torchvision's own networks are for ImageNet goes without saying, unless some of their kind differ in size.

    Raises
    ------
    ModelError
        The transforms do what cannot be followed.
    """
    known = _of_config(name, module) if transforms is None else _of_transforms(name, transforms)
    told = {key: value for key, value in told.items() if value is not None}
    settings = {**ASSUMED, "resize": None, **known, **told}
    if "resize" not in told and "size" in told:
        settings["resize"] = followed(told["size"], known.get("size"), known.get("resize"))
    if transforms is None and set(known) - set(told):
        say(f"network {name!r}: its own preprocessing is used (its pretrained_cfg): {_in_words(settings)}")
    assumed = {key: settings[key] for key in ("size", "mean", "std") if key not in told and key not in known}
    sizes = _imagenet_sizes(module)
    if assumed and not (sizes if "size" not in assumed else sizes == {ASSUMED["size"]}):
        say(
            f"network {name!r}: nothing says how its input is made; assuming {_in_words(assumed)}, as for "
            "ImageNet; give size, mean and std to unitdrop.wrap, or transforms, as weights.transforms()"
        )
    return settings


def _imagenet_sizes(module: nn.Module) -> set[int]:
    """Return the sizes of input for which torchvision has weights of a network's kind; of others, none.

    >>> from torchvision.models import resnet18
    >>> _imagenet_sizes(resnet18(num_classes=2)), _imagenet_sizes(nn.Linear(1, 1))
    ({224}, set())
    """
    source = type(unwrapped(module)[1]).__module__
    if not source.startswith("torchvision.models."):
        return set()
    things = vars(sys.modules[source]).values()
    weights = [kind for kind in things if isinstance(kind, type) and issubclass(kind, WeightsEnum)]
    presets = [each.transforms for kind in weights for each in kind]
    return {preset.keywords["crop_size"] for preset in presets if "crop_size" in preset.keywords}


def followed(size: Any, known_size: int | None, known_resize: int | None) -> int | None:
    """Return to which side a picture is resized for another size, in the same proportion.

    Examples
    --------
    >>> followed(112, 224, 256), followed(112, None, None)
    (128, None)
    """
    if not known_size or not known_resize or whole_number(size, 1, MOST) is None:
        return None
    return max(size, min(MOST, round(size * known_resize / known_size)))


def _in_words(settings: Mapping[str, Any]) -> str:
    """Return settings as the arguments that would give them."""
    shown = {key: value for key, value in settings.items() if value is not None}
    return ", ".join(f"{key}={_short(value)}" for key, value in shown.items())


def _short(value: Any) -> str:
    """Return a number or several as they would be typed, at most four digits each."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return repr(value)
    numbers = [f"{float(number):.4g}" for number in value]
    return f"({', '.join(numbers)}{',' if len(numbers) == 1 else ''})"


# ------------------------------------------------------------------------------------ where it is known


def _of_config(name: str, module: nn.Module) -> dict[str, Any]:
    """Return what timm's configuration says of the input; an empty dict if there is none, or several."""
    _, network = unwrapped(module)
    parts = [network] if _config(network) else [part for part in network.modules() if _config(part)]
    if len(parts) != 1:
        return {}
    get = _config(parts[0]).get
    known: dict[str, Any] = {key: _listed(get(key)) for key in ("mean", "std")}
    shape = _listed(get("input_size"))
    side = whole_number(shape[-1], 1, MOST) if shape else None
    if side is not None and shape[1:] == [side, side]:
        crop = finite_number(get("crop_pct"), 0.1, 1) or CROP
        known |= {"size": side, "resize": min(MOST, int(side / crop))}  # timm rounds it down
    elif side is not None:
        say(f"network {name!r}: its input of {get('input_size')!s:.40} is no square, and is not followed")
    if way := get("interpolation"):
        known["interpolation"] = way if is_one_of(way, WAYS) else "bicubic"
        if known["interpolation"] != way:
            say(f"network {name!r}: its interpolation {way!r:.40} is not followed; it is bicubic here")
    if get("crop_mode") not in (None, "center"):
        say(
            f"network {name!r}: its crop mode {get('crop_mode')!r:.40} is not followed; the centre is cut out"
        )
    return known


def _config(part: nn.Module) -> dict[str, Any]:
    """Return the configuration that timm has put into a part of a network, or an empty dict."""
    for key in ("pretrained_cfg", "default_cfg"):
        config = vars(part).get(key)
        config = config if isinstance(config, dict) else getattr(config, "__dict__", {})
        numbers = [*_listed(config.get("mean")), *_listed(config.get("std"))]
        if all(finite_number(number) is not None for number in numbers):
            return config
    return {}


def _of_transforms(name: str, transforms: Any) -> dict[str, Any]:
    """Return what torchvision's transforms make of a picture."""
    given = transforms
    if hasattr(transforms, "meta") and hasattr(transforms, "transforms"):
        transforms = transforms.transforms  # an entry of torchvision's weights
    if isinstance(transforms, partial):
        transforms = transforms()
    if all(hasattr(transforms, key) for key in ("crop_size", "resize_size", "mean", "std", "interpolation")):
        known = {"mean": transforms.mean, "std": transforms.std}
        sides = {"size": transforms.crop_size, "resize": transforms.resize_size}
        known |= {key: _side(name, key, value) for key, value in sides.items()}
        return {**known, "interpolation": _way(transforms.interpolation)}
    steps = list(_steps(transforms))
    if not all(_is_known(step) for step in steps):
        kind = given.__name__ if isinstance(given, type) else type(given).__name__
        raise ModelError(
            f"network {name!r}: transforms={kind}; give those of torchvision's weights, or a Compose of "
            "torchvision's Resize, CenterCrop, ToTensor and Normalize"
        )
    known: dict[str, Any] = {}
    for step in steps:
        known |= _of_step(name, step, known)
    if known.pop("unit", False):
        known = {"mean": 0.0, "std": 1.0, **known}
    if "size" not in known and "resize" in known:
        known["size"] = known["resize"]
    return known


def _steps(transforms: Any) -> Iterator[Any]:
    """Yield the single transforms of a `Compose` or a list, also of one in another."""
    if type(transforms).__name__ == "Compose" and _is_known(transforms):
        transforms = transforms.transforms
    if isinstance(transforms, (list, tuple, nn.Sequential)):
        for step in transforms:
            yield from _steps(step)
    else:
        yield transforms


def _is_known(step: Any) -> bool:
    """Return whether a transform is one of torchvision's or timm's, whose attributes are known."""
    return type(step).__module__.partition(".")[0] in ("torchvision", "timm", "torch")


def _of_step(name: str, step: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one transform settles; raise `ModelError` for one that is not followed."""
    kind = type(step).__name__
    if kind == "Normalize" and "mean" not in known:
        return {"mean": tuple(map(float, step.mean)), "std": tuple(map(float, step.std))}
    if kind == "Resize" and not known.keys() & {"size", "resize"} and _is_plain(step, "unit" in known):
        if len(_listed(step.size)) == 2:
            say(f"network {name!r}: {kind} squeezes pictures that are not square; here they are cut to one")
        return {"resize": _side(name, kind, step.size), "interpolation": _way(step.interpolation)}
    if kind == "CenterCrop" and "resize" in known and "size" not in known:
        return {"size": _side(name, kind, step.size)}
    if kind in _TO_UNIT and (kind != "ToDtype" or "unit" in known or _scales(step)):
        return {"unit": True}
    if kind in _PASSING or (kind == "Grayscale" and step.num_output_channels == 1):
        return {}
    remedy = ", with mean and std over 255" if kind == "ToDtype" else ""
    raise ModelError(
        f"network {name!r}: transforms: {kind}{' without scale=True' * bool(remedy)} is not followed here; "
        f"give size, resize, mean and std instead{remedy}"
    )


def _is_plain(resize: Any, float_already: bool) -> bool:
    """Return whether a Resize has no bounds, and smooths, as pictures are resized here."""
    smooth = getattr(resize, "antialias", True) is not False or not float_already
    return getattr(resize, "max_size", None) is None and smooth


def _scales(step: Any) -> bool:
    """Return whether v2's ToDtype leaves values in 0..1, or makes no floats of them."""
    kinds = step.dtype.values() if isinstance(step.dtype, dict) else [step.dtype]
    return step.scale or not any(isinstance(k, torch.dtype) and k.is_floating_point for k in kinds)


def _listed(size: Any) -> list[Any]:
    """Return sides as a list."""
    return list(size) if isinstance(size, (list, tuple)) else [size]


def _side(name: str, what: str, size: Any) -> int:
    """Return the one side of a square, or raise `ModelError`."""
    sides = set(_listed(size))
    side = whole_number(sides.pop(), 1, MOST) if len(sides) == 1 else None
    if side is None:
        raise ModelError(f"network {name!r}: transforms: {what} of {size!r}; give one of a square")
    return side


def _way(mode: Any) -> Any:
    """Return the name of torchvision's mode of interpolation."""
    return getattr(mode, "value", mode)


# ------------------------------------------------------------------------------------ what was told, checked


def checked_sides(name: str, size: Any, resize: Any) -> tuple[int, int]:
    """Return (size, resize), or raise `ModelError`; a resize of None is the size."""
    given = (size, size if resize is None else resize)
    side, shorter = (whole_number(number, 1, MOST) for number in given)
    if side is None or shorter is None:
        numbers = "size={:.40}, resize={:.40}".format(*map(repr, given))
        raise ModelError(f"network {name!r}: {numbers}; give whole numbers, 1 to {MOST}")
    if shorter < side:
        raise ModelError(
            f"network {name!r}: resize={shorter} is smaller than size={side}; give at least {side}"
        )
    return side, shorter


def checked_levels(name: str, mean: Any, std: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std, three numbers each, or one each.

    Raises
    ------
    ModelError
        They are none, std is not above 0, or they are on the scale 0..255.

    Examples
    --------
    >>> checked_levels("net", 0.5, (0.25, 0.25, 0.2))
    ((0.5, 0.5, 0.5), (0.25, 0.25, 0.2))
    >>> checked_levels("net", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    Traceback (most recent call last):
    unitdrop.errors.ModelError: network 'net': mean=(123.7, 116.3, 103.5), std=(58.4, 57.12, 57.38): on the \
scale 0..255, not 0..1; divide by 255: mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    """
    means, stds = _numbers(name, "mean", mean), _numbers(name, "std", std)
    count = max(len(means), len(stds))
    means, stds = (values * (count // len(values)) for values in (means, stds))
    over = max(map(abs, means)) > 1
    wide = max(stds) > 2 or (over and min(stds) >= 1)
    if over or wide:
        mended = {
            "mean": [m / 255 for m in means] if over else means,
            "std": [s / 255 for s in stds] if wide else stds,
        }
        raise ModelError(
            f"network {name!r}: {_in_words({'mean': means, 'std': stds})}: on the scale 0..255, not 0..1; "
            f"divide by 255: {_in_words(mended)}"
        )
    return means, stds


def _numbers(name: str, what: str, values: Any) -> tuple[float, ...]:
    """Return one or three finite numbers, those of std above 0, or raise `ModelError`."""
    try:
        given = values.split() if isinstance(values, str) else tuple(values)
    except TypeError:
        given = (values,)
    numbers = [finite_number(value) for value in given[:4]]
    good = [n for n in numbers if n is not None and (n > 0 or what == "mean")]
    if len(good) != len(given) or len(good) not in (1, 3):
        positive = "positive " if what == "std" else ""
        raise ModelError(
            f"network {name!r}: {what}={values!s:.80}; give three {positive}numbers, for red, green and "
            "blue, or one for all"
        )
    return tuple(good)


def for_channels(
    name: str, channels: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std with one number a channel; those of colours are weighed as grey is."""
    if len(mean) == channels:
        return mean, std
    if channels != 1:
        return mean * channels, std * channels
    grey_mean, grey_std = (
        sum(part * value for part, value in zip(LUMA, v, strict=True)) for v in (mean, std)
    )
    if len({*mean}) == len({*std}) == 1:
        return mean[:1], std[:1]
    say(
        f"network {name!r} takes grey: of mean and std for three colours, mean={grey_mean:.4g}, "
        f"std={grey_std:.4g} were made; give one number each"
    )
    return (grey_mean,), (grey_std,)


def interpolation_mode(name: str, interpolation: Any) -> InterpolationMode:
    """Return torchvision's name for a way of interpolating, or raise `ModelError`."""
    if not is_one_of(interpolation, WAYS):
        raise ModelError(
            f"network {name!r}: interpolation={interpolation!r:.40}; choose one of {', '.join(WAYS)}"
        )
    return InterpolationMode(interpolation)
