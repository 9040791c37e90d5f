"""`Numbers`: what the networks say about the images, computed once and kept as long as there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from unitdrop.panel.caches import RecentCache
from unitdrop.panel.sources import Source
from unitdrop.panel.state import State
from unitdrop.plan import percent
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

KEPT = 400e6  # bytes of readouts that are kept, so that an image that was seen comes back at once


class Numbers:
    """The readouts, sweeps and class names of the networks and images of a panel.

    Parameters
    ----------
    models : mapping of str to Model
        The networks at hand, by name; looked at anew at every call.
    source : callable
        From the position of an image to its `Source`.

    Attributes
    ----------
    telling : callable
        From words to a context in which a forward pass is run; the panel says in it what is going on.
    """

    def __init__(self, models: Mapping[str, Any], source: Callable[[int], Source]) -> None:
        self._models, self._source = models, source
        self._readouts = RecentCache[tuple[str, int], Readout](KEPT, bytes_of)
        self._sweeps = RecentCache[tuple, Sweep](8)
        self._classes = RecentCache[tuple[str, int], tuple](8)
        self.telling: Callable[[str], AbstractContextManager] = lambda words: nullcontext()

    def readout(self, model: str, image: int) -> Readout:
        """Return the readout of an image on a network, after a forward pass if need be."""
        return self._readouts.recall((model, image), self._read)

    def _read(self, key: tuple[str, int]) -> Readout:
        model, source = key[0], self._source(key[1])
        with self.telling(f"{model}: forward pass on {source.name} …"):
            return self._models[model](source.get())

    def put_readout(self, model: str, image: int, readout: Readout) -> None:
        """Keep a readout that was computed elsewhere."""
        self._readouts.put((model, image), readout)

    def units(self, model: str) -> int:
        """Return U of a network."""
        return self._models[model].units

    def labels(self, model: str) -> tuple[str, ...]:
        """Return the class names of a network, in its order."""
        return self._models[model].labels

    def predicted(self, model: str, image: int) -> int:
        """Return the index of the class that the intact network predicts."""
        return Sweep(self.readout(model, image)).target

    def sweep(self, state: State) -> Sweep:
        """Return the sweep that a state shows."""

        def swept(key: tuple) -> Sweep:
            return Sweep(self.readout(*key[:2]), *key[2:])

        key = (state.model, state.image, state.target, state.rank, state.scope, state.seed)
        return self._sweeps.recall(key, swept)

    def classes(self, state: State) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        """Return the classes for the menus of a state, and a name for each that no other has.

        The menus' are (name and intact probability, index), by probability, the prediction first; the names
        are in the network's order.
        """
        return self._classes.recall((state.model, state.image), self._named_classes)

    def _named_classes(self, key: tuple[str, int]) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        sweep = Sweep(self.readout(*key))
        intact, first, labels = sweep.probabilities(), sweep.prediction(), sweep.readout.labels
        order = sorted(range(len(intact)), key=lambda c: (c != first, -intact[c], c))
        often = Counter(labels)
        search = tuple(name if often[name] == 1 else f"{name} ({c})" for c, name in enumerate(labels))
        return tuple((f"{labels[c]}  {percent(intact[c])}", c) for c in order), search

    def clear(self) -> None:
        """Forget all that was computed."""
        for cache in (self._readouts, self._sweeps, self._classes):
            cache.clear()


def bytes_of(readout: Readout) -> int:
    """Return the bytes that a readout takes."""
    return readout.maps.nbytes + readout.weight.nbytes + readout.image.nbytes
