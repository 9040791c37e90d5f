"""`Numbers`: what the networks say about the images, computed once and kept as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from unitdrop.images import load_image
from unitdrop.names import shown_names
from unitdrop.notices import listening
from unitdrop.panel.caches import RecentCache
from unitdrop.panel.sources import Source
from unitdrop.panel.state import Range, State
from unitdrop.plan import percent
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

KEPT = 400e6  # bytes of readouts that are kept, so that an image that was seen comes back at once


class Heard(NamedTuple):
    """A readout, and what was noticed on the way to it."""

    readout: Readout
    notices: tuple[str, ...]


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
        self._readouts = RecentCache[tuple[str, int, Range], Readout](KEPT, bytes_of)
        self._notices: dict[tuple[str, int, Range], tuple[str, ...]] = {}
        self._sweeps = RecentCache[tuple, Sweep](8)
        self._classes = RecentCache[tuple[str, int, Range], tuple](8)
        self.telling: Callable[[str], AbstractContextManager] = lambda words: nullcontext()

    def readout(self, model: str, image: int, value_range: Range = None) -> Readout:
        """Return the readout of an image on a network, after a forward pass if need be."""
        return self._readouts.recall((model, image, value_range), self._read)

    def _read(self, key: tuple[str, int, Range]) -> Readout:
        model, image, value_range = key
        with self.telling(f"{model}: forward pass on {self._source(image).name} …"):
            heard = self.heard(self._models[model], image, value_range)
        self._notices[key] = heard.notices
        return heard.readout

    def heard(self, network: Any, image: int, value_range: Range) -> Heard:
        """Return what a network, at hand or not, says about an image, after a forward pass in any case."""
        source, said = self._source(image), list[str]()
        given = content = source.get()
        with listening(said.append):
            if value_range is not None:
                content = load_image(content, value_range=value_range)
            readout = network(content)
        if isinstance(given, Path):  # the panel knows it by its name
            said = [text.replace(str(given), source.name) for text in said]
        return Heard(readout, tuple(said))

    def put(self, model: str, image: int, value_range: Range, heard: Heard) -> None:
        """Keep what was computed elsewhere."""
        key = model, image, value_range
        self._notices[key] = heard.notices
        self._readouts.put(key, heard.readout)

    def notices(self, state: State) -> tuple[str, ...]:
        """Return what was noticed about the images that a state shows, each text once."""
        shown = [state, *filter(None, [state.second])]
        said = (self._notices.get(_key(each), ()) for each in shown)
        return tuple(dict.fromkeys(text for texts in said for text in texts))

    def units(self, model: str) -> int:
        """Return U of a network."""
        return self._models[model].units

    def labels(self, model: str) -> tuple[str, ...]:
        """Return the class names of a network as they are shown, in its order."""
        return shown_names(self._models[model].labels)

    def predicted(self, model: str, image: int, value_range: Range = None) -> int:
        """Return the index of the class that the intact network predicts."""
        return Sweep(self.readout(model, image, value_range)).target

    def sweep(self, state: State) -> Sweep:
        """Return the sweep that a state shows."""

        def swept(key: tuple) -> Sweep:
            return Sweep(self.readout(*key[0]), *key[1:])

        key = (_key(state), state.target, state.rank, state.scope, state.seed)
        return self._sweeps.recall(key, swept)

    def classes(self, state: State) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        """Return the classes for the menus of a state, and a name for each that no other has.

        The menus' are (name and intact probability, index), by probability, the prediction first; the names
        are in the network's order.
        """
        return self._classes.recall(_key(state), self._named_classes)

    def _named_classes(self, key: tuple) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
        sweep = Sweep(self.readout(*key))
        intact, first, labels = sweep.probabilities(), sweep.prediction(), sweep.readout.labels
        order = sorted(range(len(intact)), key=lambda c: (c != first, -intact[c], c))
        names = shown_names(labels)
        return tuple((f"{names[c]}  {percent(intact[c])}", c) for c in order), names

    def clear(self) -> None:
        """Forget all that was computed."""
        for cache in (self._readouts, self._sweeps, self._classes, self._notices):
            cache.clear()


def _key(state: State) -> tuple[str, int, Range]:
    """Return what the readout that a state shows is computed from."""
    return state.model, state.image, state.value_range


def bytes_of(readout: Readout) -> int:
    """Return the bytes that a readout takes."""
    return readout.maps.nbytes + readout.weight.nbytes + readout.image.nbytes
