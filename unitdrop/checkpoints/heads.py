"""Which linear layer of a file is the classifier: `find_linear`.

People put a dropout before it, and it goes by another number or name; that changes nothing. A second linear
layer or a normalisation does: the class activation map would no longer be exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import Tensor

_COUNTERS = ("total_ops", "total_params")


@dataclass(frozen=True)
class Linear:
    """The classifier in a file: its name there, or why there is none that can be used."""

    name: str | None = None
    problem: str | None = None


def head_area(head: str, wanted: Collection[str]) -> str:
    """Return the part of a network in which there is nothing but its classifier.

    Examples
    --------
    >>> head_area("classifier.1", ["features.0.weight", "classifier.1.weight", "classifier.1.bias"])
    'classifier'
    >>> head_area("classifier.2", ["classifier.0.weight", "classifier.2.weight"])
    'classifier.2'
    """
    parts = head.split(".")
    for count in range(1, len(parts)):
        area = ".".join(parts[:count])
        if all(name.startswith(f"{head}.") for name in wanted if name.startswith(f"{area}.")):
            return area
    return head


def find_linear(
    head: str,
    wanted: Collection[str],
    inside: Mapping[str, Tensor],
    beside: Mapping[str, Tensor],
    width: int,
    prefix: str = "",
) -> Linear:
    """Return the linear layer that stands for the classifier `head`.

    Parameters
    ----------
    head, wanted
        Its name in the network, and all names in the network.
    inside, beside
        What the file has where the network lies, by names without prefix; and what else lies beside it.
    width
        How many numbers it must read.
    prefix
        What stands before the names inside.
    """
    area = head_area(head, wanted)
    parts = {name: tensor for name, tensor in inside.items() if name.startswith(f"{area}.")}
    layers = _layers(parts)
    if len(layers) > 1:
        names = ", ".join(map(shown, layers[:4]))
        return Linear(
            problem=f"its head has {len(layers)} linear layers ({names}): class activation maps are "
            "exact only for average pooling and one linear layer"
        )
    if not layers:
        return _by_another_name(wanted, inside, beside, width, prefix)
    more = [name for name in parts if name not in wanted and not _belongs(name, layers[0])]
    if more:
        return Linear(
            problem=f"its head is more than one linear layer ({shown(more[0])} beside {shown(layers[0])}): "
            "class activation maps would not be exact"
        )
    return Linear(layers[0])


def _by_another_name(
    wanted: Collection[str],
    inside: Mapping[str, Tensor],
    beside: Mapping[str, Tensor],
    width: int,
    prefix: str,
) -> Linear:
    """Return the only layer beside the network that has the classifier's shape."""
    free = {name: tensor for name, tensor in {**inside, **beside}.items() if name not in wanted}
    layers = [name for name in _layers(free) if free[f"{name}.weight"].shape[1] == width]
    if len(layers) != 1:
        return Linear()
    block = _block(layers[0], "" if f"{layers[0]}.weight" in inside else prefix)
    if any(name.startswith(block) and not _belongs(name, layers[0]) for name in free):
        return Linear()
    return Linear(layers[0])


def _block(layer: str, prefix: str) -> str:
    """Return the part of the file in which a layer lies, beside the network that lies under a prefix."""
    parts, network = layer.split("."), prefix.split(".")
    count = next((n for n, part in enumerate(parts) if network[n : n + 1] != [part]), len(parts) - 1)
    return ".".join(parts[: count + 1]) + "."


def _layers(parts: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the linear layers."""
    return [
        name.removesuffix(".weight")
        for name, tensor in parts.items()
        if name.endswith(".weight") and len(tensor.shape) == 2
    ]


def _belongs(name: str, layer: str) -> bool:
    return name in (f"{layer}.weight", f"{layer}.bias") or name.rpartition(".")[2] in _COUNTERS
