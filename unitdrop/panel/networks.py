"""`Networks`: those that a panel has at hand, by name, and those of the catalogue that can be fetched."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from unitdrop.drawing import SweepFigure
from unitdrop.notices import listening
from unitdrop.panel.messages import without_folders
from unitdrop.panel.state import State
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

if TYPE_CHECKING:
    from unitdrop.models import Entry

FETCHED = 3  # networks that are kept in memory, beside those that the panel was made with


class Networks:
    """The networks of a panel.

    Parameters
    ----------
    public : bool
        Whether nothing is downloaded: of the catalogue there is only what is on this machine.

    Attributes
    ----------
    at_hand : dict of str to Model
        By their names in the menu.
    """

    def __init__(self, public: bool = False) -> None:
        self._public = public
        self.at_hand: dict[str, Any] = {}
        self._by_name: set[str] = set()  # those that `load_model` knows by that name
        self._lasting: set[str] = set()
        self._notices: dict[str, tuple[str, ...]] = {}
        self._menu = lru_cache(1)(self._make_menu)

    def keep(self, model: Any) -> str:
        """Have a network at hand, loading it if only its name is given; return its name in the menu.

        One that must be fetched first is not kept.
        """
        if remote_entry(model) is not None:
            return model
        if isinstance(model, str):
            self._by_name.add(model)
        said: list[str] = []
        with listening(said.append):
            name, model = model if isinstance(model, str) else None, _loaded(model)
        name = name or str(model.name)
        if name in self.at_hand:
            taken = range(2, len(self.at_hand) + 3)
            name = next(free for i in taken if (free := f"{name} ({i})") not in self.at_hand)
        self.at_hand[name], self._notices[name] = model, tuple(said)
        return name

    def notices(self, name: str) -> tuple[str, ...]:
        """Return what was noticed while a network was loaded."""
        found = self._notices.get(name, ())
        return tuple(map(without_folders, found)) if self._public else found

    def keep_fetched(self, model: Any, shown: str | None, notices: tuple[str, ...] = ()) -> str:
        """Have a network of the catalogue at hand; those fetched first go where there are too many.

        ``shown``: the network of the present picture, which stays; None before there is one. ``notices``:
        what was noticed while it was loaded.
        """
        name = str(model.name)
        if shown is not None:
            fetched = [each for each in self.at_hand if each not in self._lasting and each != shown]
            kept = 1 if self._public else FETCHED
            for old in fetched[: max(len(fetched) - kept + 1, 0)]:
                del self.at_hand[old]
        self.at_hand[name], self._notices[name] = model, notices
        self._by_name.add(name)
        self._menu.cache_clear()
        return name

    def keep_all(self, name: str) -> None:
        """Let all networks at hand stay as long as the panel does, and that of a name when it comes."""
        self._lasting = {*self.at_hand, name}

    def loads_by_name(self, name: str) -> bool:
        """Return whether `load_model` knows a network at hand by its name."""
        return name in self._by_name

    def entry(self, name: str) -> Entry:
        """Return the catalogue's entry of a network that can be fetched.

        Raises
        ------
        ValueError
            There is none.
        """
        entry = catalogue_entries().get(name)
        if entry is None or not self._offered(entry):
            where = "on this machine" if self._public else "in the catalogue"
            raise ValueError(f"model: {name!r:.80} is not {where}; choose one of the menu")
        return entry

    def _offered(self, entry: Entry) -> bool:
        return entry.cached or not self._public

    def menu(self) -> tuple[tuple[str, str], ...]:
        """Return the options: the networks at hand, then the catalogue's with what there is to download."""
        return self._menu()

    def _make_menu(self) -> tuple[tuple[str, str], ...]:
        here = [(name, name) for name in self.at_hand]
        known = catalogue_entries().items()
        others = (entry for name, entry in known if name not in self.at_hand and self._offered(entry))
        return (*here, *((f"{e.name}   ({_whereabouts(e)})", e.name) for e in others))

    def clear(self) -> None:
        """Let go of all networks."""
        self.at_hand.clear()
        self._menu.cache_clear()


def catalogue_entries() -> dict[str, Entry]:
    """Return the catalogue, by name."""
    from unitdrop.models import catalogue

    return {entry.name: entry for entry in catalogue()}


def remote_entry(model: Any) -> Entry | None:
    """Return the catalogue's entry of a network whose weights come from elsewhere; None for any other."""
    entry = catalogue_entries().get(model) if isinstance(model, str) else None
    return entry if entry is not None and entry.remote is not None else None


def given_models(given: Any, restored: str) -> tuple[list, int]:
    """Return the networks that a panel is made with, and which is shown first: that of a state, if there.

    What a state names is looked for among those given, or in the catalogue; it is never loaded by itself.

    Raises
    ------
    ValueError
        There is none, or the state is of another.
    """
    if given is None and restored and restored not in catalogue_entries():
        raise ValueError(f"state: it is of the network {restored!r:.80}; give that as model")
    models = list(given) if isinstance(given, (list, tuple)) else [given or restored or "scenes"]
    if not models:
        raise ValueError("model: expected a network or several, got none; leave it out for the embedded one")
    names = [each if isinstance(each, str) else getattr(each, "name", None) for each in models]
    if restored and given is not None and restored not in names:
        raise ValueError(f"state: it is of the network {restored!r:.80}; give that as model, or leave it out")
    return models, names.index(restored) if restored in names else 0


def rehearse(entry: Entry, target: int | str | None, state: State, size: tuple[int, int]) -> None:
    """Refuse what cannot be shown of a network before it is fetched: a head of its size stands in for it.

    Raises
    ------
    ValueError
        The size, the target or the window is none.
    """
    SweepFigure(*size).close()
    image, maps = np.zeros((1, 1, 3), np.uint8), np.zeros((entry.units, 1, 1))
    weight, labels = np.zeros((entry.classes, entry.units), np.float32), entry.settings()["labels"]
    readout = Readout(maps, weight, np.zeros(entry.classes), labels, image)
    Sweep(readout, target, state.rank, state.scope, state.seed).kept(*state.window.ends)


def _whereabouts(entry: Entry) -> str:
    return "on this machine" if entry.cached else f"{entry.size / 1e6:.0f} MB"


def _loaded(model: Any) -> Any:
    if isinstance(model, str):
        from unitdrop.models import load_model

        return load_model(model)
    missing = [name for name in ("name", "units", "labels") if not hasattr(model, name)]
    if missing or not callable(model):
        kind = type(model).__name__
        raise ValueError(f"model: expected a name or a Model, got {kind}; unitdrop.wrap makes one of it")
    return model
