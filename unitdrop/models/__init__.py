"""The networks unitdrop knows: `catalogue`, `load_model`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field

from unitdrop.models.model import Model, ModelError
from unitdrop.scenes import NAMES, network

__all__ = ["Entry", "Model", "ModelError", "catalogue", "load_model"]


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue.

    Attributes
    ----------
    name : what `load_model` takes
    about : one line
    units, classes : of its head
    size : bytes of its weights
    licence : of its weights
    cached : whether they are on this machine
    """

    name: str
    about: str
    units: int
    classes: int
    size: int
    licence: str
    cached: bool
    load: Callable[[], Model] = field(repr=False, compare=False)


def _scenes() -> Model:
    try:
        net = network.trained()
    except FileNotFoundError as error:
        raise ModelError(str(error)) from None
    return Model(net, name="scenes", labels=NAMES, size=network.SIZE, mean=network.MEAN, std=network.STD)


def catalogue() -> tuple[Entry, ...]:
    """Every network that `load_model` knows.

    >>> [entry.name for entry in catalogue()]
    ['scenes']
    """
    here = network.WEIGHTS.is_file()
    size = network.WEIGHTS.stat().st_size if here else 0
    about = "20 classes of rendered scenes, embedded"
    return (Entry("scenes", about, 256, len(NAMES), size, "MIT", here, _scenes),)


def load_model(name: str = "scenes") -> Model:
    """Load a network by its name in the `catalogue`.

    Raises
    ------
    ModelError : for a name that is not there, naming those that are
    """
    known = {entry.name: entry for entry in catalogue()}
    if name not in known:
        close = difflib.get_close_matches(str(name), known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(known)}"
        raise ModelError(f"model {name!r} is unknown; {hint}")
    return known[name].load()
