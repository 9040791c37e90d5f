"""The embedded network of rendered scenes as an entry of the catalogue."""

from __future__ import annotations

from torch import nn

from unitdrop.errors import ModelError
from unitdrop.models.entry import Entry
from unitdrop.scenes import NAMES, network


def entry() -> Entry:
    """Return the entry of the network that comes with unitdrop."""
    return Entry(
        name="scenes",
        about="20 kinds of rendered scenes, embedded",
        units=256,
        classes=len(NAMES),
        size=network.WEIGHTS.stat().st_size if network.WEIGHTS.is_file() else 0,
        licence="MIT",
        remote=None,
        build=network.build,
        settings=lambda: {"labels": NAMES, "size": network.SIZE, "mean": network.MEAN, "std": network.STD},
        embedded=_trained,
    )


def _trained() -> nn.Module:
    """Return the trained network, or raise `ModelError` if its weights are missing."""
    try:
        return network.trained()
    except FileNotFoundError as error:
        raise ModelError(str(error)) from None
