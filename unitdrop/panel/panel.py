"""`Panel`: controls to state, state to picture."""

from __future__ import annotations

import html
import io
import logging
import operator
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any
from weakref import WeakSet

import ipywidgets as widgets
import numpy as np
from PIL import Image

from unitdrop.drawing import SweepFigure, UnitsFigure
from unitdrop.drawing.sweep_figure import HEIGHT, LARGEST, NARROW, SMALLEST, WIDTH
from unitdrop.images import ImageError, load_image
from unitdrop.panel.browser import LIMIT
from unitdrop.panel.controls import Controls, Offer, close_all
from unitdrop.panel.fetching import Stopped, Waiting, line, words_of
from unitdrop.panel.interrupts import Unbroken
from unitdrop.panel.sources import Source, gather, uploaded
from unitdrop.panel.state import MOST_SEED, VIEWED, State, besides, restored, settings_of
from unitdrop.plan import View, make_plan, percent
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

TILES = {False: 8, True: 5}  # units in the row below the picture, where that is narrow and where not
TILES_HEIGHT = 330  # of the row, where the picture is 960 wide, or 640 if it is narrow
CHECKED_AHEAD = 200  # so many images of a folder are read in advance, to list those that cannot be
FETCHED = 3  # networks that are kept in memory, beside those that the panel was made with
KEPT = 400e6  # bytes of readouts that are kept, so that an image that was seen comes back at once
IDLE = 0.03  # seconds without a move, after which what the next one may show is drawn
_log = logging.getLogger(__name__)


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode RGB (H, W, 3) uint8 as a JPEG, without colour subsampling: thin coloured lines stay crisp."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


class Recent(dict):
    """What was made last, by what it was made from: as much as stays within a weight, each 1 unless told.

    >>> squares = Recent(2)
    >>> [squares.recall(n, lambda n: n * n) for n in (3, 4, 5)]
    [9, 16, 25]
    >>> list(squares)
    [4, 5]
    """

    def __init__(self, most: float, weigh: Callable = lambda value: 1) -> None:
        super().__init__()
        self._most, self._weigh = most, weigh

    def recall(self, key, make: Callable):
        """What there is for a key; if there is nothing, what ``make`` makes of it."""
        value = self.pop(key) if key in self else make(key)
        self[key] = value
        while len(self) > 1 and sum(map(self._weigh, self.values())) > self._most:
            del self[next(iter(self))]
        return value


_CODE = """\
import unitdrop

model = {load}
sweep = {sweep}
view = unitdrop.View({view})
unitdrop.save_png("picture.png", sweep, {top}, {bottom}, view=view, size={size}{beside})

# in a panel: unitdrop.Panel(model, images, state=settings)
settings = {settings!r}
"""
_ARRAY = "; the image came without a file: put it in the place of its name"


class Panel:
    """A network, images, and controls over which units are dropped; shows itself in a notebook.

    Parameters
    ----------
    model : str or Model, or a sequence of them, optional
        A name that `load_model` knows, or anything that is called with an image and returns a `Readout`, and
        has ``name``, ``units`` and ``labels``. Of several, the first is shown, and the menu offers all, as it
        does those of the catalogue. A network whose weights come from elsewhere is fetched and read while the
        panel stands there already, with a bar and a button to cancel; what goes wrong is told in it. None:
        that of ``state``, or the embedded one.
    images
        A folder, an image, or a list of images; None for the samples. See `gather`. A file that cannot be
        read is named below the picture, with the reason, and the others are offered.
    target : int or str, optional
        The class at the start; None for the prediction.
    rank, scope, seed
        See `Sweep`.
    top, bottom : int
        Units dropped at the start, from one end.
    cam : {"target", "prediction", "difference"}
        Whose CAM is shown at the start.
    size : tuple of int
        Width and height of the picture, pixels. Where the page is narrow, and beside a second picture, it is
        two thirds as wide and a little higher.
    trust_unpinned : bool
        See `load_model`.
    state : str, optional
        The `settings` of a panel, which this one takes over; target, rank, ... are then left out of account.

    Raises
    ------
    ImageError, ModelError, ValueError
        If the panel cannot be made as asked; no widget is left behind.

    Notes
    -----
    A cell that is run again closes the panels it made before. Elsewhere, call `close`.
    """

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        target: int | str | None = None,
        rank: str = "weight",
        scope: str = "unit",
        seed: int = 0,
        top: int = 0,
        bottom: int = 0,
        cam: str = "target",
        size: tuple[int, int] = (WIDTH, HEIGHT),
        trust_unpinned: bool = False,
        state: str | None = None,
    ) -> None:
        top, bottom, seed = _checked(top=top, bottom=bottom, seed=seed)
        self._sources = gather(images)
        self._listed = self._own = tuple(range(len(self._sources)))
        self._uploads: tuple[int, ...] = ()
        self._lock = threading.RLock()
        self._bad: dict[int, str] = {}
        self._setting, self._closed, self._saving = False, threading.Event(), False
        self._readouts, self._sweeps, self._classes = Recent(KEPT, _weight), Recent(8), Recent(8)
        self._drawn, self._figures, self._models, self._loaded = Recent(32), {}, {}, set()
        self._menu, self._lists = lru_cache(1)(self._list_models), lru_cache(2)(self._list_images)
        self._state = self._controls = self._waiting = self._idle = None
        end = "bottom" if bottom else "top"
        chosen = State(0, 0, top + bottom, end, rank, scope, seed, cam)
        if state is not None:
            chosen = restored(state, self._names)
            target = chosen.target
        self._wanted, self._size, self._trust = (target, chosen), size, trust_unpinned
        models, at = _models(model, chosen.model)
        first, remote = [self._keep(each) for each in models][at], _remote(models[at])
        if remote is None:
            self._open(first)
            self._root = widgets.VBox([self._controls.box])
            _supersede(self)
        else:
            _rehearse(remote, *self._wanted, size)
            _supersede(self)
            self._root = widgets.VBox()
            self._fetch(remote)

    # -- networks

    def _keep(self, model: Any) -> str:
        """Have a network at hand, under its name in the menu, which is returned; one to be fetched is not."""
        if _remote(model) is not None:
            return model
        if isinstance(model, str):
            self._loaded.add(model)
        name, model = model if isinstance(model, str) else None, _load(model)
        taken, name = self._models, name or str(model.name)
        if name in taken:
            name = next(n for i in range(2, len(taken) + 3) if (n := f"{name} ({i})") not in taken)
        taken[name] = model
        return name

    def _fetch(self, entry: Any) -> None:
        """Get a network of the catalogue, under a bar; what is shown stays meanwhile."""
        if self._waiting is not None:
            self._waiting.close()
        over = None if self._controls is None else self._given_up
        self._waiting = Waiting(entry, self._arrived, self._trust, over)
        below = [] if self._controls is None else [self._controls.box]
        self._root.children = [self._waiting.box, *below]
        self._waiting.fetch()

    def _arrived(self, model: Any, wanted: Callable[[], bool]) -> None:
        """The network that was waited for is here: show it, if it is still wanted."""
        name = str(model.name)
        shown = self._state and self._state.image
        if shown is not None:  # what takes long is done before anybody has to wait for it
            readout = model(self._sources[shown].get())
        with self._lock:
            if not wanted():
                return
            if shown is not None:
                self._readouts[name, shown] = readout
            if self._controls is None:
                self._models[name] = model
                self._loaded.add(name)
                self._open(name)
                if not wanted():
                    self._discard()
                    return
            else:
                self._make_room()
                self._models[name] = model
                self._loaded.add(name)
                self._menu.cache_clear()
                self._ask(model=name)
            self._root.children = [self._controls.box]
            self._waiting.close()

    def _make_room(self) -> None:
        """Forget the networks that were fetched first, where there are too many."""
        fetched = [n for n in self._models if n not in self._lasting and n != self._state.model]
        for old in fetched[: max(len(fetched) - FETCHED + 1, 0)]:
            del self._models[old]

    def _given_up(self, waiting: Waiting, words: str, bad: bool) -> None:
        """The network that was waited for does not come: go on with what there is."""
        with self._lock:
            if waiting is self._waiting and not self._closed.is_set():
                self._root.children = [self._controls.box]
                self._waiting.close()
                if bad:
                    self._controls.error.value = _alarm(words)
                else:
                    self._say(words)

    def _list_models(self) -> tuple[tuple[str, str], ...]:
        """The networks on offer: those at hand, then the catalogue's with what there is to download."""
        here = [(name, name) for name in self._models]
        others = (entry for name, entry in _entries().items() if name not in self._models)
        return (*here, *((f"{e.name}   ({_whereabouts(e)})", e.name) for e in others))

    # -- the first picture

    def _open(self, name: str) -> None:
        """Draw the first picture of a network, then make the controls; if that fails, nothing is left."""
        self._lasting = {*self._models, name}
        try:
            state = self._fitting(self._first(name))
            frames = self._draw(state)
            self._controls = Controls(self._size[0])
            self._commit(state, frames, self._offer(state))
            self._start = state
            self._listen()
        except BaseException:
            self._discard()
            raise
        self._controls.beside_cells()
        self._check_soon(self._own)

    def _first(self, name: str) -> State:
        """The state at the start: the first image that can be read."""
        target, chosen = self._wanted
        self._bad.clear()
        for image in sorted(self._own, key=lambda i: i != chosen.image):
            try:
                readout = self._readout(name, image)
            except ImageError as error:
                self._bad[image] = str(error)
                continue
            index = self._predicted(name, image) if target is None else readout.index_of(target)
            return replace(chosen, image=image, target=index, model=name)
        reasons = "; ".join(self._bad.values())
        raise ImageError(f"images: none of {len(self._sources)} can be read: {reasons}")

    def _discard(self) -> None:
        """Be again as before there was a network."""
        self._release()
        self._state = self._controls = None

    def _release(self) -> None:
        """Let go of the pictures, the controls and all that was computed for them."""
        for part in (self._controls, *self._figures.values()):
            if part is not None:
                part.close()
        for cache in (self._figures, self._sweeps, self._classes, self._readouts, self._drawn):
            cache.clear()

    # -- state to picture

    @property
    def _names(self) -> list[str]:
        return [source.name for source in self._sources]

    @property
    def _offered(self) -> tuple[int, ...]:
        """The images in the menus, those among them that cannot be read too."""
        return (*self._listed, *self._uploads)

    def _readout(self, model: str, image: int) -> Readout:
        return self._readouts.recall((model, image), lambda key: self._read(*key))

    def _read(self, model: str, image: int) -> Readout:
        source = self._sources[image]
        if self._controls is None:
            return self._models[model](source.get())
        said = self._controls.status.value
        self._say(f"{model}: forward pass on {source.name} …")
        try:
            return self._models[model](source.get())
        finally:
            self._controls.status.value = said

    def _predicted(self, model: str, image: int) -> int:
        return Sweep(self._readout(model, image)).target

    def _sweep_of(self, state: State) -> Sweep:
        def make(key: tuple) -> Sweep:
            return Sweep(self._readout(*key[:2]), *key[2:])

        key = (state.model, state.image, state.target, state.rank, state.scope, state.seed)
        return self._sweeps.recall(key, make)

    def _figure(self, kind: str) -> SweepFigure:
        """One of the figures: "wide", "narrow", or that of the picture "beside"."""
        if kind not in self._figures:
            self._figures[kind] = SweepFigure(*(self._size if kind == "wide" else _narrow(self._size)))
        return self._figures[kind]

    def _row(self, narrow: bool) -> UnitsFigure:
        """The figure of the row of units."""
        kind = "narrow row" if narrow else "row"
        if kind not in self._figures:
            width, unit = (_narrow(self._size)[0], NARROW[0]) if narrow else (self._size[0], WIDTH)
            self._figures[kind] = UnitsFigure(width, max(SMALLEST, round(width * TILES_HEIGHT / unit)))
        return self._figures[kind]

    def _draw(self, state: State) -> tuple[bytes, bytes, bytes]:
        """The picture, that beside it and the row of units below it, empty where they are not wanted."""
        return self._drawn.recall(state, self._made)

    def _made(self, state: State) -> tuple[bytes, bytes, bytes]:
        second, beside, tiles = state.second, b"", b""
        picture = self._shown("narrow" if state.narrow or second else "wide", state)
        if second is not None:
            beside = self._shown("beside", second)
        if state.units:
            sweep, first = self._sweep_of(state), self._row_begins(state)
            row = (first, TILES[state.narrow], state.end, state.cmap, state.unit)
            tiles = jpeg(self._row(state.narrow).show(sweep, *state.window, *row))
        return picture, beside, tiles

    def _shown(self, kind: str, state: State) -> bytes:
        return jpeg(self._figure(kind).show(self._sweep_of(state), *state.window, state.view))

    def _following(self, state: State) -> int:
        """The rank of the next unit to be dropped."""
        top, bottom = state.window
        return top if state.end == "top" else self._units(state) - bottom - 1

    def _row_begins(self, state: State) -> int:
        """The rank of the first unit in the row."""
        return self._around(state, self._following(state)) if state.first is None else state.first

    def _around(self, state: State, rank: int) -> int:
        count = TILES[state.narrow]
        return min(max(rank - (count - 1) // 2, 0), max(self._units(state) - count, 0))

    def _units(self, state: State) -> int:
        return self._models[state.model].units

    # -- controls to state

    def _listen(self) -> None:
        controls = self._controls
        for widget, name in controls.watched():
            widget.observe(lambda change, name=name: self._ask(**{name: change["new"]}), "value")
        for name in ("kept", "lightest", "heaviest", "search", "settings"):
            widget = getattr(controls, name)
            widget.observe(lambda change, name=name: self._ask(**{name: change["new"]}), "value")
        controls.folder.observe(lambda change: self._try(lambda: self._open_folder(change["new"])), "value")
        controls.play.observe(lambda _: self._ask(k=controls.k_played()), "value")
        controls.bounce.observe(lambda _: self._ask(), "value")
        controls.touch.observe(lambda change: self._ask(narrow=change["new"]), "narrow")
        controls.touch.on_msg(lambda _, content, buffers: self._try(lambda: self._touched(content, buffers)))
        controls.more.observe(lambda _: self._ask(), "selected_index")
        for button, changes in (
            (controls.to_flip, {"to": "flip"}),
            (controls.smallest, {"to": "smallest"}),
            (controls.back, {"by": -1}),
            (controls.forth, {"by": +1}),
            (controls.previous, {"look": -1}),
            (controls.following, {"look": +1}),
            (controls.whole, {"unit": None}),
        ):
            button.on_click(lambda _, changes=changes: self._ask(**changes))
        controls.reset.on_click(
            lambda _: self._try(lambda: self._offering(self._own, self._uploads, {}, to="start"))
        )
        controls.save_png.on_click(lambda _: self._try(self._save_png))
        controls.save.on_click(lambda _: self._try(self._save))

    def _ask(self, **changes: Any) -> None:
        """A control has moved: draw the new state, then make it the panel's; or say why not."""
        with Unbroken() as unbroken, self._lock:
            if self._setting or self._closed.is_set():
                return
            before = self._state, self._last
            try:
                with unbroken.lifted():
                    state = self._settled(self._next(changes))
                    frames, offer = self._draw(state), self._offer(state)
                self._commit(state, frames, offer)
            except BaseException as error:
                if self._state is not before[0]:  # it came to the commit, which is taken back
                    self._commit(before[0], self._draw(before[0]), before[1])
                self._fail(error)
                if not isinstance(error, Exception):  # an interrupt is shown too, but is not ours to keep
                    raise
            else:
                self._soon()

    def _try(self, work: Callable[[], Any]) -> None:
        """Do what is more than a change of the state; should it fail, say so."""
        with Unbroken() as unbroken, self._lock:
            if self._setting or self._closed.is_set():
                return
            try:
                with unbroken.lifted():
                    work()
            except BaseException as error:
                self._fail(error)
                if not isinstance(error, Exception):
                    raise

    def _next(self, changes: dict) -> State:
        """The state after a change of one control: a field of the state, or what stands for several."""
        state = self._state
        for name, meaning in (
            ("to", self._gone),
            ("by", self._stepped),
            ("look", self._looked),
            ("search", self._searched),
            ("settings", self._taken_over),
            ("lightest", self._lighter),
            ("heaviest", self._heavier),
            ("kept", self._kept),
            ("model", self._under),
            ("image", self._of_image),
        ):
            if name in changes:
                return meaning(state, changes[name])
        return replace(state, **changes)

    def _settled(self, state: State) -> State:
        """The same state with what must go with something else put right."""
        held = max(min(state.held, self._units(state) - state.k), 0)
        unit, first = (state.unit, state.first) if state.units else (None, None)
        if unit is None:
            first = None
        else:
            rank = self._rank_of(state)
            there = first is not None and first <= rank < first + TILES[state.narrow]
            first = first if there else self._around(state, rank)
        return replace(state, held=held, unit=unit, first=first)

    def _rank_of(self, state: State) -> int:
        """The rank of the unit that is looked at."""
        return int(np.flatnonzero(self._sweep_of(state).ranking == state.unit)[0])

    def _gone(self, state: State, where: str) -> State:
        if where == "start":
            return replace(self._start, narrow=state.narrow)
        if where == "smallest":
            state = replace(state, rank="margin", end="top", held=0)
            smallest = self._sweep_of(state).smallest_flip
            if smallest is None:
                raise ValueError("no flip: whatever is dropped, the prediction stays")
            return replace(state, k=smallest.count)
        flip = make_plan(self._sweep_of(state), *state.window, state.view).flip
        if flip is None:
            raise ValueError(f"no flip: {self._sweep_of(state).label} stays predicted to the end")
        return replace(state, k=flip[0])

    def _stepped(self, state: State, by: int) -> State:
        return replace(state, k=min(max(state.k + by, 0), self._units(state) - state.held))

    def _looked(self, state: State, by: int) -> State:
        """Look at the next unit, in the order of the ranking; to begin with, at the next to be dropped."""
        rank = self._following(state) if state.unit is None else self._rank_of(state) + by
        rank = min(max(rank, 0), self._units(state) - 1)
        return replace(state, unit=int(self._sweep_of(state).ranking[rank]))

    def _searched(self, state: State, text: str) -> State:
        """The class that is named, or the only one whose name has this in it."""
        given, wanted = self._search(state), text.strip().casefold()
        if not wanted:
            return state
        names = [name.strip().casefold() for name in given]
        fit = [i for i, name in enumerate(given) if name == text]
        fit = fit or [i for i, name in enumerate(names) if name == wanted]
        fit = fit or [i for i, name in enumerate(names) if wanted in name]
        if len(fit) != 1:
            some = ", ".join(self._search(state)[i] for i in fit[:5]) + (", …" if len(fit) > 5 else "")
            told = f"{len(fit)} classes have it in their names ({some}); type more"
            raise ValueError(f"class {text.strip()!r:.80}: {told if fit else 'no class is called so'}")
        return replace(state, target=fit[0])

    def _taken_over(self, state: State, settings: str) -> State:
        offered = [n if i in self._offered else None for i, n in enumerate(self._names)]
        new = restored(settings, offered, self._names)
        if new.model not in self._models:
            raise ValueError(f"state: it is one of the network {new.model!r:.80}; choose that first")
        target = self._readout(new.model, new.image).index_of(new.target)
        return self._fitting(replace(new, target=target, narrow=state.narrow))

    def _fitting(self, state: State) -> State:
        """A state from elsewhere, which is refused if its network cannot be in it."""
        sweep = self._sweep_of(state)
        sweep.kept(*state.window)  # refuses a window that is none
        if state.unit is not None and not 0 <= state.unit < sweep.units:
            raise ValueError(f"state: unit {state.unit}; this network has {sweep.units}, counted from 0")
        return self._settled(state)

    def _lighter(self, state: State, weight: float) -> State:
        bottom = self._sweep_of(state).window(weight, inf)[1]
        return self._kept(state, (state.window[0], self._units(state) - bottom))

    def _heavier(self, state: State, weight: float) -> State:
        top = self._sweep_of(state).window(-inf, weight)[0]
        return self._kept(state, (top, self._units(state) - state.window[1]))

    def _kept(self, state: State, kept: tuple[int, int]) -> State:
        top, bottom = kept[0], self._units(state) - kept[1]
        self._sweep_of(state).kept(top, bottom)  # refuses a window that is none
        k, held = (top, bottom) if state.end == "top" else (bottom, top)
        return replace(state, k=k, held=held)

    def _under(self, state: State, model: str) -> State:
        """The same image under another network; one that is not here yet is sent for, and nothing changes."""
        if model == state.model:
            return state
        if model not in self._models:
            if self._waiting is None or not self._waiting.going_for(model):
                self._fetch(_entries()[model])
            return state
        k = min(state.k, self._models[model].units)
        target = self._predicted(model, state.image)
        return replace(state, model=model, target=target, k=k, unit=None, first=None)

    def _of_image(self, state: State, image: int) -> State:
        if image == state.image:
            return state
        return replace(state, image=image, target=self._predicted(state.model, image))

    def _commit(self, state: State, frames: tuple, offer: Offer) -> None:
        """Show what has been drawn, and let it be the panel's state. Nothing is computed here any more."""
        controls = self._controls
        self._state, self._last = state, offer
        # First: the picture is what is waited for.
        controls.frame.value, controls.beside_frame.value, controls.tiles.value = frames
        self._show(state, offer)
        self._setting = True
        try:
            controls.search.value = controls.error.value = ""
        finally:
            self._setting = False

    def _fail(self, error: BaseException) -> None:
        """Say what went wrong, and put the controls back to what the picture shows."""
        if not isinstance(error, ValueError):  # not a mistake of the user: the log gets all of it
            _log.error("the panel could not follow", exc_info=error)
        self._controls.error.value = _alarm(words_of(error))
        self._show(self._state, self._last)

    def _show(self, state: State, offer: Offer) -> None:
        """Set the controls to a state; meanwhile their callbacks do nothing."""
        self._setting = True
        try:
            self._controls.show(state, offer)
        finally:
            self._setting = False

    def _offer(self, state: State) -> Offer:
        (top, bottom), units = state.window, self._units(state)
        ranked = self._sweep_of(state).weights_ranked[top : units - bottom]
        weights = _rounded(ranked[-1], ranked[0]) if state.rank == "weight" and len(ranked) else None
        used = {state.image, *(state.beside[1:] if state.beside[:1] == ("image",) else ())}
        images, beside = self._lists(frozenset({*self._offered} - self._bad.keys() | used))
        classes, search = self._classes.recall((state.model, state.image), self._named_classes)
        captions = tuple(self._caption(each, state.beside) for each in (state, state.second))
        told = None
        if self._controls is not None and self._controls.more.selected_index == 1:
            told = self._code(state), self._settings(state)  # folded away, it would cost messages
        return Offer(
            units,
            state.held,
            (top, units - bottom),
            weights,
            captions,
            self._menu(),
            images,
            classes,
            beside,
            search,
            self._notes(),
            told,
        )

    def _caption(self, state: State | None, beside: tuple) -> str:
        """What tells a picture from the one beside it; nothing where there is none."""
        if not beside:
            return ""
        if beside[0] == "image":
            return html.escape(self._sources[state.image].name)
        return f"{'ranking' if beside[0] == 'rank' else 'scope'} {getattr(state, beside[0])}"

    def _list_images(self, shown: frozenset[int]) -> tuple[tuple, tuple]:
        """Options for the menus of images, and of what may stand beside."""
        images = tuple((self._sources[i].name, i) for i in sorted(shown))
        return images, tuple(besides(images))

    def _named_classes(self, key: tuple[str, int]) -> tuple[tuple, tuple]:
        """Classes by intact probability, the prediction first; and a name for each that no other has."""
        sweep = Sweep(self._readout(*key))
        intact, first, labels = sweep.probabilities(), sweep.prediction(), sweep.readout.labels
        order = sorted(range(len(intact)), key=lambda c: (c != first, -intact[c], c))
        often = Counter(labels)
        search = tuple(name if often[name] == 1 else f"{name} ({c})" for c, name in enumerate(labels))
        return tuple((f"{labels[c]}  {percent(intact[c])}", c) for c in order), search

    def _search(self, state: State) -> tuple[str, ...]:
        return self._classes.recall((state.model, state.image), self._named_classes)[1]

    # -- when nobody waits

    def _soon(self) -> None:
        """Draw what a press of a key would show next, unless something else is asked for before."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(IDLE, self._draw_ahead, [self._state])
        try:
            self._idle.start()
        except RuntimeError:  # no thread to be had: nothing is lost but time
            _log.debug("nothing is drawn ahead", exc_info=True)

    def _ended(self) -> bool:
        """Whether the panel is closed, or Python is about to end."""
        return self._closed.is_set() or not threading.main_thread().is_alive()

    def _draw_ahead(self, state: State) -> None:
        for k in (state.k + 1, state.k - 1):
            with self._lock:
                if self._state is not state or self._ended():
                    return
                if 0 <= k <= self._units(state):
                    try:
                        self._draw(self._settled(replace(state, k=k)))
                    except Exception as error:  # it is told when somebody asks for this k
                        _log.debug("k = %d could not be drawn ahead", k, exc_info=error)

    # -- images of the user's own

    def _touched(self, content: Any, buffers: Sequence) -> None:
        """Something happened on the page that ipywidgets know nothing of."""
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "file":
            try:
                self._upload(str(content["name"]), bytes(buffers[0]))
            finally:
                self._controls.touch.send({"kind": "taken"})
        elif kind == "refused":
            raise ValueError(str(content["words"]))
        elif kind == "copied":
            self._say(f"{content['what']} copied")
        elif kind == "tile" and self._state.units:
            narrow = self._state.narrow
            at = self._row(narrow).tile_at(content["x"], content["y"], TILES[narrow])
            first = self._row_begins(self._state)
            if at is not None and first + at < self._units(self._state):
                unit = int(self._sweep_of(self._state).ranking[first + at])
                self._ask(unit=None if unit == self._state.unit else unit, first=first)
        elif kind == "curve":
            figure = self._figure("narrow" if self._state.narrow or self._state.beside else "wide")
            k = figure.k_at(content["x"], content["y"], self._units(self._state) - self._state.held)
            if k is not None:
                self._ask(k=k)

    def _upload(self, name: str, content: bytes) -> None:
        """Offer an image that came from the browser, and show it; one that cannot be read is listed."""
        if len(content) > LIMIT:
            raise ValueError(f"{name}: larger than {LIMIT / 1e6:.0f} MB; give its folder instead")
        self._sources.append(uploaded(name, content, self._names))
        image = len(self._sources) - 1
        bad, changes = {}, {"image": image}
        try:
            load_image(content)
        except ImageError as error:
            bad, changes = {image: str(error).removeprefix("bytes: ")}, {}
        self._offering(self._listed, (*self._uploads, image), bad, **changes)

    def _open_folder(self, path: str) -> None:
        """Offer the images of a folder, or those of the start, and show the first that can be read."""
        if not path.strip():
            good = next((i for i in self._own if i not in self._bad), self._state.image)
            self._offering(self._own, self._uploads, {}, image=good)
            return
        found = gather(_folder(path.strip()))
        bad = []
        for first in found:
            try:
                load_image(first.get())
                break
            except ImageError as error:
                bad.append(str(error))
        else:
            raise ImageError(f"{path:.200}: no image in it can be read: {'; '.join(bad[:5])}")
        listed, image = tuple(map(self._known, found)), self._known(first)
        if self._offering(listed, self._uploads, dict(zip(listed, bad, strict=False)), image=image):
            self._check_soon(listed)

    def _offering(self, listed: tuple, uploads: tuple, bad: dict[int, str], **changes: Any) -> bool:
        """Offer other images and show the state after a change; if it fails, offer what was offered."""
        last, before = self._last, (self._listed, self._uploads, self._bad)
        self._listed, self._uploads, self._bad = listed, uploads, self._bad | bad
        try:
            self._ask(**changes)
        finally:
            if self._last is last:  # nothing was committed
                self._listed, self._uploads, self._bad = before
        return self._last is not last

    def _known(self, source: Source) -> int:
        """The position of a source in the panel's list, in which each path is once."""
        for i, known in enumerate(self._sources):
            if known.path == source.path:
                return i
        self._sources.append(source)
        return len(self._sources) - 1

    def _check_soon(self, images: Sequence[int]) -> None:
        threading.Thread(target=self._check_ahead, args=[images], name="unitdrop-images").start()

    def _check_ahead(self, images: Sequence[int]) -> None:
        """Read images in advance, to list those that cannot be; the first picture waits for none."""
        for i in images[:CHECKED_AHEAD]:
            if self._ended():
                return
            if i in self._bad:
                continue
            try:
                load_image(self._sources[i].get())
            except Exception as error:
                self._list_bad(i, str(error) if isinstance(error, ImageError) else words_of(error))

    def _list_bad(self, image: int, why: str) -> None:
        """Take an image that cannot be read out of the menus, and say why."""
        with self._lock:
            if self._state is not None and not self._closed.is_set() and image != self._state.image:
                self._bad[image] = why
                self._last = self._offer(self._state)
                self._show(self._state, self._last)

    def _notes(self) -> str:
        bad = [(self._sources[i].name, self._bad[i]) for i in self._offered if i in self._bad]
        if not bad:
            return ""
        lines = [why if name in why else f"{name}: {why}" for name, why in bad]
        return line(
            f"{len(lines)} of {len(self._offered)} images cannot be read:\n" + "\n".join(lines),
            "--jp-ui-font-color2",
            "#6b7280",
        )

    # -- files and texts

    def _job(self, state: State) -> dict:
        """What an export needs beside the sweep and the window."""
        second = state.second
        size = _narrow(self._size) if state.narrow or second else self._size
        beside = None if second is None else self._sweep_of(second)
        return {"view": state.view, "size": size, "beside": beside}

    def _save(self) -> None:
        """Write the present sweep as a GIF on a thread of its own, so that the sliders stay alive."""
        if self._saving:
            return
        state = self._state
        job = self._job(state)
        if not state.second:
            del job["size"]  # that of a GIF is its own
        args = (self._sweep_of(state), self._path(".gif"), {**job, "held": state.held})
        thread = threading.Thread(target=self._export, args=args, name="unitdrop-gif")
        try:
            self._saving = self._controls.save.disabled = True
            self._controls.error.value = ""
            self._say("Saving …")
            thread.start()
        except BaseException:
            if not thread.is_alive():  # one that is sees to it at its own end
                self._saving = self._controls.save.disabled = False
                self._say("")
            raise

    def _save_png(self) -> None:
        """Write the picture as it stands; that is quick enough to be done at once."""
        from unitdrop.export import save_png

        top, bottom = self._state.window
        path = self._path(f"_top{top}_bottom{bottom}.png")
        save_png(path, self._sweep_of(self._state), top, bottom, **self._job(self._state))
        self._controls.error.value = ""
        self._say(f"Saved {path}")

    def _path(self, ending: str) -> Path:
        """A file in the current folder, named after what is shown."""
        from unitdrop.export import safe_name

        state, labels = self._state, self._models[self._state.model].labels
        order = f"random{state.seed}" if state.rank == "random" else state.rank
        stem = Path(self._sources[state.image].name).stem
        what = state.cam if state.unit is None else f"unit{state.unit}"
        parts = [stem, labels[state.target], order, state.scope, state.end, what]
        if state.beside:
            field, value = state.beside
            parts.append(f"beside-{self._sources[value].name if field == 'image' else value}")
        stem = Path.cwd() / safe_name("_".join(parts))
        names = (Path(f"{stem}{number}{ending}") for number in ("", *(f"-{n}" for n in range(2, 10_000))))
        return next(path for path in names if not path.exists())  # what was saved before stays

    def _export(self, sweep: Sweep, path: Path, job: dict) -> None:
        from unitdrop.export import save_gif

        try:
            save_gif(path, sweep, progress=self._progress, **job)
            self._say(f"Saved {path} ({path.stat().st_size / 1e6:.1f} MB)")
        except Stopped:
            pass
        except Exception as error:
            self._say("")
            with self._lock:
                if not self._closed.is_set():
                    self._fail(error)
        finally:
            with self._lock:
                self._saving = False
                if not self._closed.is_set():
                    self._controls.save.disabled = False

    def _progress(self, done: int, total: int) -> None:
        if self._closed.is_set():
            raise Stopped
        self._say(f"Saving: frame {done} of {total}")

    def _say(self, words: str) -> None:
        with self._lock:
            if not self._closed.is_set():
                self._controls.status.value = line(words, "--jp-ui-font-color1", "inherit")

    def _code(self, state: State) -> str:
        """Python that makes this picture, and the settings that bring the panel back to it."""
        model, second, job = state.model, state.second, self._job(state)
        trust = ", trust_unpinned=True" if self._trust else ""
        load = f"unitdrop.load_model({model!r}{trust})"
        if model not in self._loaded:
            load = f"...  # {_one_line(model)}"
        view = ", ".join(f"{name}={getattr(state, name)!r}" for name in VIEWED)
        tab = "\n" + 18 * " "
        beside = "" if second is None else f",{tab}beside={self._code_of(second)}{tab}"
        top, bottom = state.window
        return _CODE.format(
            load=load,
            sweep=self._code_of(state),
            view=view,
            top=top,
            bottom=bottom,
            size=job["size"],
            beside=beside,
            settings=self._settings(state),
        )

    def _code_of(self, state: State) -> str:
        """Python that makes a sweep."""
        source = self._sources[state.image]
        arguments = f"{state.target}, {state.rank!r}, {state.scope!r}, {state.seed}"
        note = f"  # {_one_line(self._sweep_of(state).label)}{'' if source.path else _ARRAY}"
        return f"unitdrop.Sweep(model({source.path or source.name!r}), {arguments}){note}"

    def _settings(self, state: State) -> str:
        return settings_of(state, self._names)

    # -- what others see

    @property
    def state(self) -> State | None:
        """What the picture shows now; None while the network is being fetched."""
        return self._state

    @property
    def settings(self) -> str:
        """What the picture shows, as a string that brings another panel to it: `Panel(state=...)`.

        Raises
        ------
        ValueError
            While the network is being fetched.
        """
        if self._state is None:
            raise ValueError("settings: there is no picture yet; wait until the network is here")
        return self._settings(self._state)

    @property
    def widget(self) -> widgets.VBox:
        """The panel as one widget, for a place in a layout of your own."""
        return self._root

    def close(self) -> None:
        """Take the panel off the page and release its widgets, figures and caches; closing twice is fine."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._idle is not None:
                self._idle.cancel()
            if self._waiting is not None:
                self._waiting.close()
            self._release()
            self._models.clear()
            self._menu.cache_clear()
            self._lists.cache_clear()
            self._sources = [replace(source, get=None) for source in self._sources]  # not what they hold
            close_all([self._root])

    def _repr_mimebundle_(self, include=None, exclude=None, **kwargs):
        if self._closed.is_set():
            return {"text/plain": "Panel (closed)"}
        return self._root._repr_mimebundle_(include=include, exclude=exclude, **kwargs)


def _checked(**numbers: Any) -> list[int]:
    """The numbers that a panel begins with, as plain ones."""
    found = []
    for name, number in numbers.items():
        try:
            found.append(operator.index(number))
        except TypeError:
            raise ValueError(f"{name}={number!r}: expected a whole number, at least 0") from None
        if found[-1] < 0:
            raise ValueError(f"{name}={number!r}: expected a whole number, at least 0")
    top, bottom, seed = found
    if top and bottom:
        raise ValueError(f"top={top}, bottom={bottom}: the panel drops from one end; make one of them 0")
    if seed > MOST_SEED:
        raise ValueError(f"seed={seed}: the panel's box holds at most {MOST_SEED}; choose a smaller one")
    return found


def _folder(text: str) -> Path:
    """The path that somebody has typed."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not there
        raise ImageError(f"images: no file or folder {text!r:.200}; check the path") from None


def _narrow(size: tuple[int, int]) -> tuple[int, int]:
    """The size of a narrow picture, in proportion to that of a wide one."""
    return tuple(
        min(max(SMALLEST, round(side * narrow / wide)), LARGEST)
        for side, narrow, wide in zip(size, NARROW, (WIDTH, HEIGHT), strict=True)
    )


def _weight(readout: Readout) -> int:
    """Bytes of a readout."""
    return readout.maps.nbytes + readout.weight.nbytes + readout.image.nbytes


def _rounded(*weights: float) -> tuple[float, ...]:
    """Four digits, and 0 for what is next to nothing beside the others.

    >>> _rounded(5.96e-8, 0.123456)
    (0.0, 0.1235)
    """
    least = 1e-4 * max(map(abs, weights))
    return tuple(float(f"{weight:.4g}") if abs(weight) >= least else 0.0 for weight in weights)


def _one_line(text: str) -> str:
    """A name for a comment in code that people copy: whatever it holds stays a comment."""
    return "".join(c if c.isprintable() else " " for c in text)


def _alarm(words: str) -> str:
    return line(words, "--jp-error-color1", "#c62828")


def _entries() -> dict[str, Any]:
    """The catalogue, by name."""
    from unitdrop.models import catalogue

    return {entry.name: entry for entry in catalogue()}


def _remote(model: Any):
    """The catalogue's entry of a network whose weights come from elsewhere; None for any other."""
    entry = _entries().get(model) if isinstance(model, str) else None
    return entry if entry is not None and entry.remote is not None else None


def _models(given: Any, restored: str) -> tuple[list, int]:
    """The networks that a panel is made with, and which is shown first: that of a state, if it is there."""
    if given is None and restored and restored not in _entries() and ".py:" not in restored:
        raise ValueError(f"state: it is of the network {restored!r:.80}; give that as model")
    models = list(given) if isinstance(given, (list, tuple)) else [given or restored or "scenes"]
    if not models:
        raise ValueError("model: expected a network or several, got none; leave it out for the embedded one")
    names = [each if isinstance(each, str) else getattr(each, "name", None) for each in models]
    if restored and given is not None and restored not in names:
        raise ValueError(f"state: it is of the network {restored!r:.80}; give that as model, or leave it out")
    return models, names.index(restored) if restored in names else 0


def _whereabouts(entry: Any) -> str:
    return "on this machine" if entry.cached else f"{entry.size / 1e6:.0f} MB"


def _rehearse(entry: Any, target: int | str | None, state: State, size: tuple[int, int]) -> None:
    """Refuse what cannot be shown of a network before it is fetched: a head of its size stands in for it."""
    SweepFigure(*size).close()
    image, maps = np.zeros((1, 1, 3), np.uint8), np.zeros((entry.units, 1, 1))
    weight, labels = np.zeros((entry.classes, entry.units), np.float32), entry.settings()["labels"]
    readout = Readout(maps, weight, np.zeros(entry.classes), labels, image)
    sweep = Sweep(readout, target, state.rank, state.scope, state.seed)
    sweep.kept(*state.window)
    View(**{name: getattr(state, name) for name in VIEWED})


def _load(model: Any):
    if isinstance(model, str):
        from unitdrop.models import load_model

        return load_model(model)
    missing = [name for name in ("name", "units", "labels") if not hasattr(model, name)]
    if missing or not callable(model):
        kind = type(model).__name__
        raise ValueError(f"model: expected a name or a Model, got {kind}; unitdrop.wrap makes one of it")
    return model


# -- one cell, one panel

_shown: dict[str, tuple[str, WeakSet]] = {}


def _supersede(panel: Panel) -> None:
    """Close the panels that an earlier run of the same cell made; those of the same run stay."""
    cell, run = _cell()
    if cell is None:
        return
    last, panels = _shown.get(cell, (run, WeakSet()))
    if last != run:
        for old in list(panels):
            old.close()
        panels = WeakSet()
    panels.add(panel)
    _shown[cell] = (run, panels)


def _cell() -> tuple[str | None, str]:
    """Which cell is running (its id, or its code where the front end sends none), and which run this is."""
    from IPython import get_ipython

    parent = getattr(get_ipython(), "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    return cell, parent.get("header", {}).get("msg_id", "")
