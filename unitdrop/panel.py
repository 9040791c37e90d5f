"""The panel: sliders in a notebook, and the picture that follows them.

`Panel` turns what the controls say into a `State`, and a `State` into the picture of a `SweepFigure`. The
picture is a pure function of the state. A control's callback computes first and commits last: should anything
fail, the previous picture stays, the controls go back to what it shows, and a line says what was wrong.

Choices that are not obvious:

- another image: the class becomes the prediction for that image, as the class that was ranked may mean
  nothing there; k and everything else stay, since k is the user's;
- another class, ranking or scope: k stays, so that the same number of units is compared;
- the other end of the ranking: k stays and is counted from there, and so does what is held there;
- a k that leaves no room for what is held at the other end: as much of that as is left stays held.

The picture is one `<img>`, a JPEG whose bytes change; there is no JavaScript of our own, so the panel works
wherever ipywidgets do. Callbacks may arrive on any thread (ipykernel 7 runs them beside the cell): one lock
guards model, figure, caches and state.
"""

from __future__ import annotations

import html
import io
import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any
from weakref import WeakSet

import ipywidgets as widgets
import numpy as np
from PIL import Image

from unitdrop.figure import CMAPS, HEIGHT, SMALLEST, WIDTH, SweepFigure, View, percent, plan
from unitdrop.images import ImageError, load_image
from unitdrop.readout import Readout
from unitdrop.sweep import RANKINGS, SCOPES, Sweep
from unitdrop.units import UnitsFigure

__all__ = ["Panel", "State"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
MOST_SEED = 2**31 - 1
ENDS, CAMS = ("top", "bottom"), ("target", "prediction", "difference")
SCALES, CURVES = ("fixed", "frame"), ("classes", "shares")
TILES, TILES_HEIGHT = 8, 330  # units in the row below the picture; its height for a width of 960 pixels
SPEEDS = (("slow", 250), ("normal", 80), ("fast", 30))  # milliseconds from one k to the next
CHECKED_AHEAD = 200  # so many images of a folder are read in advance, to list those that cannot be
SAMPLES = Path(__file__).resolve().parent.parent / "notebooks" / "images"
VIEWED = ("cam", "scale", "cmap", "opacity", "curves", "end")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """All that the picture depends on, apart from the model and the images themselves.

    Attributes
    ----------
    image : int
        Position in the panel's list of images.
    target : int
        Class index.
    k : int
        Units dropped, 0 to U.
    end : {"top", "bottom"}
        Of the ranking, where they are dropped.
    held : int
        Units dropped from the other end, 0 to U - k.
    rank, scope : str
        See `Sweep`.
    seed : int
        Of random orders.
    cam, scale, cmap, opacity, curves
        See `View`.
    units : bool
        Whether the units around the next one to be dropped are shown below; see `UnitsFigure`.

    Examples
    --------
    >>> State(0, 3, 20, end="bottom").window, State(0, 3, 20, held=5).window
    ((0, 20), (20, 5))
    """

    image: int
    target: int
    k: int = 0
    end: str = "top"
    rank: str = "weight"
    scope: str = "unit"
    seed: int = 0
    cam: str = "target"
    scale: str = "fixed"
    cmap: str = View.cmap
    opacity: float = View.opacity
    curves: str = "classes"
    held: int = 0
    units: bool = False

    @property
    def window(self) -> tuple[int, int]:
        """Units dropped from the (top, bottom)."""
        return (self.k, self.held) if self.end == "top" else (self.held, self.k)

    @property
    def view(self) -> View:
        """How the sweep is looked at."""
        return View(**{name: getattr(self, name) for name in VIEWED})


@dataclass(frozen=True)
class Source:
    """An image to choose: its name, what gives `load_image` something to read, and its path if it has one."""

    name: str
    get: Callable[[], Any]
    path: str | None = None


def gather(images: Any = None) -> list[Source]:
    """List the images that a panel offers, without reading them.

    Parameters
    ----------
    images
        A folder (its image files by name, hidden ones left out), one image, or a sequence of images, where an
        image is anything `load_image` takes. None: the sample images, or fresh renders where there are none.

    Raises
    ------
    ImageError
        There is no image, or no such file or folder.
    """
    if images is None:
        return gather(SAMPLES) if SAMPLES.is_dir() else _renders()
    if isinstance(images, (list, tuple)):
        found = [_source(image, number) for number, image in enumerate(images, 1)]
    elif isinstance(images, (str, Path)) and Path(images).is_dir():
        files = (p for p in Path(images).iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
        found = [_source(path, 0) for path in sorted(files, key=lambda p: p.name)]
    else:
        found = [_source(images, 1)]
    if not found:
        raise ImageError(f"images: nothing to show in {str(images)!r}; it takes {', '.join(SUFFIXES)} files")
    return found


def _source(image: Any, number: int) -> Source:
    if isinstance(image, (str, Path)):
        if not Path(image).exists():
            raise ImageError(f"images: no file or folder {str(image)!r}; check the path")
        return Source(Path(image).name, lambda: image, str(image))
    content = image.read() if hasattr(image, "read") else image  # an open file can be read only once
    return Source(f"image {number}", lambda: content)


def _renders() -> list[Source]:
    from unitdrop.scenes import NAMES, render

    return [Source(f"{name} (rendered)", lambda name=name: render(name, 0, 448).image) for name in NAMES]


def jpeg(pixels: np.ndarray) -> bytes:
    """Encode RGB (H, W, 3) uint8 as a JPEG, without colour subsampling: thin coloured lines stay crisp."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


_CODE = """\
import unitdrop

model = {load}
sweep = unitdrop.Sweep(model({image!r}), {target}, {rank!r}, {scope!r}, {seed})  # {label}{note}
view = unitdrop.View({view})
unitdrop.save_png("picture.png", sweep, {top}, {bottom}, view=view, size={size})

# in a panel: unitdrop.Panel(model, images, state=settings)
settings = {settings!r}
"""
_ARRAY = "; the image came without a file: put it in the place of its name"

# ---------------------------------------------------------------------------------------------- controls

# Only what ipywidgets have no trait for: names too long for their place end in an ellipsis.
_STYLE = """<style>
.ud-panel .widget-readout { max-width: 34%; min-width: 60px; width: auto;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.ud-panel select { text-overflow: ellipsis; }
.ud-panel .ud-frame { height: auto; border-radius: 4px; }
.ud-panel .ud-line .widget-html-content { line-height: 1.45; overflow-wrap: anywhere; }
</style>"""


def _layout(**traits) -> widgets.Layout:
    return widgets.Layout(**({"min_width": "0"} | traits))


def _styles() -> widgets.HTML:
    return widgets.HTML(_STYLE, layout=_layout(display="none"))


class Controls:
    """The widgets of a panel, and nothing else: made once, set to a state, closed."""

    def __init__(self, units: int, size: tuple[int, int], seed: int) -> None:
        fluid = _layout(max_width="100%", height="auto", margin="4px 0")
        self.frame = widgets.Image(format="jpeg", width=str(size[0]), height=str(size[1]), layout=fluid)
        self.frame.add_class("ud-frame")
        self.tiles = widgets.Image(format="jpeg", layout=_layout(max_width="100%", display="none"))
        self.tiles.add_class("ud-tiles")
        self.image, self.images = self._choice("Image", "Choose the image; its prediction becomes the class.")
        self.target, self.targets = self._choice("Class", "Choose the class whose units are dropped.")
        for widget, name in ((self.image, "image"), (self.images, "images"),
                             (self.target, "class"), (self.targets, "classes")):  # fmt: skip
            widget.add_class(f"ud-{name}")
        self._make_player(units)
        self._make_window(units)
        self._make_options(seed)
        self._make_buttons()
        self.status, self.notes, self.error = map(self._line, ("status", "notes", "error"))
        self.links = [widgets.jslink((self.play, "value"), (self.k, "value"))]
        self.box = self._arranged(size[0])

    @staticmethod
    def _line(name: str) -> widgets.HTML:
        line = widgets.HTML(layout=_layout(flex="1 1 auto"))
        line.add_class("ud-line")
        line.add_class(f"ud-{name}")
        return line

    @staticmethod
    def _choice(name: str, tooltip: str) -> tuple[widgets.SelectionSlider, widgets.Dropdown]:
        slider = widgets.SelectionSlider(options=[""], description=name, layout=_layout(flex="3 1 340px"))
        place = _layout(flex="1 1 200px", max_width="320px", margin="2px 2px 2px 12px")
        menu = widgets.Dropdown(options=[""], layout=place)
        slider.style.description_width = "48px"
        slider.tooltip, menu.tooltip = tooltip, f"{tooltip} The same choice as a list."
        return slider, menu

    def _make_player(self, units: int) -> None:
        self.k = widgets.IntSlider(min=0, max=units, description="k", layout=_layout(flex="1 1 300px"))
        self.k.style.description_width = "16px"
        self.k.tooltip = f"How many of the {units} units are dropped."
        self.k.add_class("ud-k")
        step = max(1, units // 256)
        self.play = widgets.Play(min=0, max=units, step=step, interval=80, layout=_layout(flex="0 0 auto"))
        self.play.tooltip = "Drop the units one after another; the last button begins again at the end."
        self.play.add_class("ud-play")
        self.speed = widgets.Dropdown(options=SPEEDS, value=80, description="Speed",
                                      layout=_layout(width="150px"))  # fmt: skip
        self.speed.tooltip = "How fast it plays."
        self.speed.style.description_width = "54px"
        self.back, self.forth = (
            widgets.Button(description=sign, tooltip=words, layout=_layout(width="36px", flex="0 0 auto"))
            for sign, words in (("◀", "One unit fewer."), ("▶", "One unit more."))
        )

    def _make_window(self, units: int) -> None:
        self.kept = widgets.IntRangeSlider(value=(0, units), min=0, max=units, description="Kept",
                                           layout=_layout(flex="3 1 340px"))  # fmt: skip
        self.kept.style.description_width = "48px"
        self.kept.tooltip = "The ranks that are kept, most important first; all others are dropped."
        self.kept.add_class("ud-kept")
        self.lightest, self.heaviest = (
            widgets.FloatText(step=0.01, description=name, layout=_layout(width=width), tooltip=words)
            for name, width, words in (
                ("weights", "138px", "Units with a smaller weight for the class are dropped."),
                ("to", "104px", "Units with a larger weight for the class are dropped."),
            )
        )
        self.lightest.style.description_width, self.heaviest.style.description_width = "54px", "20px"

    def _make_buttons(self) -> None:
        for name, words, icon, tooltip in (
            ("to_flip", "To the flip", "step-forward", "The smallest k at which the prediction changes."),
            ("reset", "Reset", "undo", "As the panel was at the start."),
            ("save", "Save GIF", "film", "Write this sweep as an animation into the notebook's folder."),
            ("save_png", "Save PNG", "image", "Write this picture into the notebook's folder."),
        ):
            place = _layout(width="110px")
            button = widgets.Button(description=words, icon=icon, tooltip=tooltip, layout=place)
            button.add_class(f"ud-{name.replace('_', '-')}")
            setattr(self, name, button)
        self.units = widgets.ToggleButton(description="Units", icon="th", layout=_layout(width="110px"))
        self.units.tooltip = "The units around the next one to go: map, weight, the classes they serve."
        self.units.add_class("ud-units")
        self.code = widgets.Textarea(rows=12, layout=_layout(width="100%"))
        self.code.add_class("ud-code")
        titles = ("Python and settings of this picture",)
        self.more = widgets.Accordion([self.code], titles=titles, layout=_layout(width="100%"))

    def _make_options(self, seed: int) -> None:
        self.end = self._menu("Drop", ENDS, "From which end of the ranking units are dropped.")
        self.rank = self._menu("Ranking", RANKINGS, "What orders the units: the weight of the class, its "
                               "contribution in this image, or chance (the control).")  # fmt: skip
        self.scope = self._menu("Scope", SCOPES, "unit: a dropped unit is silent for every class. "
                                "class: only for the chosen class.")  # fmt: skip
        self.cam = self._menu("CAM of", CAMS, "Whose evidence is shown: the class's, the prediction's, or "
                              "what the class has lost and gained since nothing was dropped.")  # fmt: skip
        self.scale = self._menu("Scale", SCALES, "fixed: evidence is seen to drain. frame: every picture on "
                                "a scale of its own.")  # fmt: skip
        self.cmap = self._menu("Colours", CMAPS, "Of the map; all are safe for the colour-blind.")
        self.curves = self._menu("Curves", CURVES, "classes: a line each. shares: where the probability "
                                 "went, stacked.")  # fmt: skip
        self.opacity = widgets.FloatSlider(View.opacity, min=0, max=1, step=0.05, description="Opacity",
                                           layout=_layout(flex="1 1 200px"))  # fmt: skip
        self.opacity.style.description_width = "58px"
        self.opacity.layout.max_width = "300px"
        self.opacity.tooltip = "Of the map over the image, where there is most evidence."
        self.seed = widgets.BoundedIntText(seed, min=0, max=MOST_SEED, description="Seed",
                                           layout=_layout(flex="0 1 150px"))  # fmt: skip
        self.seed.style.description_width = "48px"
        self.seed.tooltip = "Of the random order."

    @staticmethod
    def _menu(name: str, options: Sequence[str], tooltip: str) -> widgets.Dropdown:
        menu = widgets.Dropdown(options=options, description=name, layout=_layout(flex="1 1 165px"))
        menu.layout.max_width = "210px"
        menu.style.description_width = "58px"
        menu.tooltip = tooltip
        return menu

    def _arranged(self, width: int) -> widgets.VBox:
        def row(*children: widgets.Widget) -> widgets.HBox:
            return widgets.HBox(children, layout=_layout(flex_flow="row wrap", align_items="center"))

        rows = (
            _styles(),
            row(self.image, self.images),
            row(self.target, self.targets),
            row(self.back, self.k, self.forth, self.play),
            row(self.kept, widgets.HBox([self.lightest, self.heaviest], layout=_layout(flex="0 0 auto"))),
            self.error,
            self.frame,
            self.tiles,
            row(self.end, self.rank, self.seed, self.scope, self.curves),
            row(self.cam, self.scale, self.cmap, self.opacity),
            row(self.to_flip, self.reset, self.units, self.save, self.save_png, self.speed, self.status),
            self.more,
            self.notes,
        )
        box = widgets.VBox(rows, layout=_layout(width="100%", max_width=f"{width + 8}px"))
        box.add_class("ud-panel")
        return box

    def watched(self) -> list[tuple[widgets.Widget, str]]:
        """Every widget whose value is a field of the state, with that field's name."""
        names = ("k", "end", "rank", "scope", "seed", "units", *(n for n in VIEWED if n != "end"))
        single = [(getattr(self, name), name) for name in names]
        return [*((w, "image") for w in (self.image, self.images)),
                *((w, "target") for w in (self.target, self.targets)), *single]  # fmt: skip

    def show(
        self, state: State, images: list[tuple[str, int]], classes: list[tuple[str, int]],
        kept: tuple[int, int], weights: tuple[float, float] | None,
    ) -> None:  # fmt: skip
        """Set every control to a state; what is right already is left alone and sends nothing.

        `kept` are the ranks, `weights` the lightest and heaviest kept, None where the ranking is another.
        """
        self.kept.value = kept
        for widget, weight in zip((self.lightest, self.heaviest), weights or (0, 0), strict=True):
            widget.value, widget.layout.display = float(f"{weight:.4g}"), None if weights else "none"
        for widget, options in ((self.image, images), (self.images, images),
                                (self.target, classes), (self.targets, classes)):  # fmt: skip
            if widget.options != tuple(options):
                value = state.image if options is images else state.target
                with widget.hold_sync():
                    widget.options = options
                    widget.value = value
        for widget, name in self.watched():
            if widget.value != getattr(state, name):
                widget.value = getattr(state, name)
        self.seed.layout.display = None if state.rank == "random" else "none"
        self.tiles.layout.display = None if state.units else "none"

    def close(self) -> None:
        """Take every widget off the page and out of the kernel, layouts and styles included."""
        _close([*self.links, self.box])


def _close(roots: Sequence[widgets.Widget]) -> None:
    for widget in _family(roots):
        widget.unobserve_all()
        widget.close()


def _family(roots: Sequence[widgets.Widget]) -> list[widgets.Widget]:
    """Return widgets with all that hangs on them: children, layouts, styles."""
    found: dict[int, widgets.Widget] = {}
    waiting = list(roots)
    while waiting:
        widget = waiting.pop()
        if id(widget) in found:
            continue
        found[id(widget)] = widget
        for value in (getattr(widget, key) for key in widget.keys):
            parts = value if isinstance(value, (tuple, list)) else (value,)
            waiting += [part for part in parts if isinstance(part, widgets.Widget)]
    return list(found.values())


# ---------------------------------------------------------------------------------------------- waiting


class _Stopped(Exception):
    """The panel was closed, or the user cancelled, while a file was written or fetched."""


class Waiting:
    """What a panel shows while its network is fetched: a bar, what is going on, and a button.

    The button cancels; afterwards, or when something went wrong, it tries again. The work is done on a thread
    of its own, one at a time, so that the notebook stays free.

    Parameters
    ----------
    entry : Entry
        Of the catalogue.
    arrived : callable
        Called on that thread with the network and with a function that tells whether it is still wanted.
    trust_unpinned : bool
        See `load_model`.
    """

    def __init__(self, entry: Any, arrived: Callable, trust_unpinned: bool) -> None:
        self._entry, self._arrived, self._trust = entry, arrived, trust_unpinned
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.bar = widgets.FloatProgress(min=0, max=1, layout=_layout(flex="1 1 auto", width="auto"))
        self.line = widgets.HTML()
        self.button = widgets.Button(layout=_layout(width="110px", flex="0 0 auto"))
        row = widgets.HBox([self.bar, self.button], layout=_layout(align_items="center"))
        rows = (_styles(), row, self.line)
        self.box = widgets.VBox(rows, layout=_layout(width="100%", max_width=f"{WIDTH + 8}px"))
        named = {"panel": self.box, "bar": self.bar, "cancel": self.button, "line": self.line}
        for name, widget in named.items():
            widget.add_class(f"ud-{name}")
        self.button.on_click(lambda _: self._pressed())

    def fetch(self) -> None:
        """Begin, and say so."""
        self._stop, entry = threading.Event(), self._entry
        self._offer("Cancel", "times", "Stop; nothing of a download is kept.")
        self.bar.bar_style, self.bar.value = "info", 0
        where = "" if entry.cached else f" (about {entry.size / 1e6:.0f} MB from {entry.remote.url})"
        self._say(f"{entry.name}: getting the network{where} …")
        threading.Thread(target=self._work, args=(self._stop,), name="unitdrop-fetch").start()

    def _work(self, stop: threading.Event) -> None:
        def wanted() -> bool:
            return not stop.is_set() and threading.main_thread().is_alive()

        def progress(done: int, total: int | None) -> None:
            if not wanted():
                raise _Stopped
            self._show(stop, done, total)

        try:
            model = self._entry.load(trust_unpinned=self._trust, progress=progress)
            self._tell(stop, f"{self._entry.name}: first forward pass …")
            self._arrived(model, wanted)
        except _Stopped:
            pass
        except BaseException as error:
            if not isinstance(error, ValueError):
                _log.error("the network could not be fetched", exc_info=error)
            self._end(stop, _words(error), "danger")
        finally:
            self._offer("Try again", "refresh", "Begin anew.")

    def _show(self, stop: threading.Event, done: int, total: int | None) -> None:
        so_far = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB so far"
        self.bar.value = done / total if total else 0
        if done:
            self._tell(stop, f"{self._entry.name}: {so_far}")

    def _pressed(self) -> None:
        if self._stop.is_set():
            self.fetch()
        else:  # until the thread has noticed, there is nothing to be pressed
            self.button.disabled = True
            self._end(self._stop, f"{self._entry.name}: cancelled.", "warning")

    def _end(self, stop: threading.Event, words: str, style: str) -> None:
        """Say why there is no network; the first reason stays."""
        with self._lock:
            if not stop.is_set():
                stop.set()
                self.bar.bar_style = style
                self._say(words, bad=style == "danger")

    def _tell(self, stop: threading.Event, words: str) -> None:
        with self._lock:
            if not stop.is_set():
                self._say(words)

    def _say(self, words: str, bad: bool = False) -> None:
        colours = ("--jp-error-color1", "#c62828") if bad else ("--jp-ui-font-color1", "inherit")
        self.line.value = _line(words, *colours)

    def _offer(self, words: str, icon: str, tooltip: str) -> None:
        self.button.description, self.button.icon, self.button.tooltip = words, icon, tooltip
        self.button.disabled = False

    def close(self) -> None:
        """Stop what is going on, and take the widgets off the page."""
        with self._lock:
            self._stop.set()
        _close([self.box])


# ---------------------------------------------------------------------------------------------- panel


class Panel:
    """A network, images, and controls over which units are dropped; shows itself in a notebook.

    Parameters
    ----------
    model : str or Model
        A name that `load_model` knows, or anything that is called with an image and returns a `Readout`, and
        has ``name``, ``units`` and ``labels``. A network whose weights come from elsewhere is fetched and
        read while the panel stands there already, with a bar and a button to cancel; what goes wrong is told
        in it.
    images
        A folder, an image, or a list of images; None for the samples. See `gather`. A file that cannot be
        read is named below the picture, with the reason, and the others are offered.
    target : int or str, optional
        The class at the start; None for the prediction.
    rank, scope, seed
        See `Sweep`.
    top, bottom : int
        Units dropped at the start, from one end.
    cam : {"target", "prediction"}
        Whose CAM is shown at the start.
    size : tuple of int
        Width and height of the picture, pixels.
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
        self, model: Any = "scenes", images: Any = None, *, target: int | str | None = None,
        rank: str = "weight", scope: str = "unit", seed: int = 0, top: int = 0, bottom: int = 0,
        cam: str = "target", size: tuple[int, int] = (WIDTH, HEIGHT), trust_unpinned: bool = False,
        state: str | None = None,
    ) -> None:  # fmt: skip
        if top and bottom:
            raise ValueError(f"top={top}, bottom={bottom}: the panel drops from one end; make one of them 0")
        if isinstance(seed, int) and seed > MOST_SEED:
            raise ValueError(f"seed={seed}: the panel's box holds at most {MOST_SEED}; choose a smaller one")
        for name, number in (("top", top), ("bottom", bottom)):
            if not isinstance(number, int) or number < 0:
                raise ValueError(f"{name}={number!r}: expected a number of units, at least 0")
        self._sources = gather(images)
        self._lock = threading.RLock()
        self._bad: dict[int, str] = {}
        self._setting, self._closed, self._saving = False, threading.Event(), False
        self._readout = lru_cache(maxsize=8)(self._read)
        self._sweep = lru_cache(maxsize=6)(self._make_sweep)
        self._classes = lru_cache(maxsize=8)(self._class_options)
        self._model = self._state = self._figure = self._tiles = self._controls = self._waiting = None
        end = "bottom" if bottom else "top"
        chosen = dict(k=top + bottom, end=end, rank=rank, scope=scope, seed=seed, cam=cam)
        self._begin = 0
        if state is not None:
            self._begin, target, chosen = _restored(state, self._sources)
        self._wanted, self._named = (target, chosen, size), model if isinstance(model, str) else None
        remote = _remote(model)
        if remote is None:
            self._open(_load(model))
            self._root = widgets.VBox([self._controls.box])
            _supersede(self)
        else:
            _rehearse(remote, *self._wanted)
            _supersede(self)
            self._waiting = Waiting(remote, self._arrived, trust_unpinned)
            self._root = widgets.VBox([self._waiting.box])
            self._waiting.fetch()

    def _open(self, model: Any) -> None:
        """Draw the first picture of a network, then make the controls; if that fails, nothing is left."""
        target, chosen, size = self._wanted
        self._model, self._figure = model, SweepFigure(*size)
        self._tiles = UnitsFigure(size[0], max(SMALLEST, round(size[0] * TILES_HEIGHT / WIDTH)))
        try:
            state = self._first(target, chosen)
            frames = self._draw(state)
            self._controls = Controls(model.units, size, state.seed)
            self._commit(state, frames)
            self._start = state
            self._listen()
        except BaseException:
            self._discard()
            raise
        threading.Thread(target=self._check_ahead, name="unitdrop-images").start()

    def _discard(self) -> None:
        """Be again as before there was a network."""
        self._release()
        self._state = self._figure = self._tiles = self._controls = None

    def _release(self) -> None:
        """Let go of the picture, the controls and all that was computed for them."""
        for part in (self._controls, self._figure, self._tiles):
            if part is not None:
                part.close()
        for cache in (self._sweep, self._classes, self._readout):
            cache.cache_clear()

    def _arrived(self, model: Any, wanted: Callable[[], bool]) -> None:
        """The network that was waited for is here: the panel takes the place of the bar, if still wanted."""
        with self._lock:
            if wanted():
                self._open(model)
                if not wanted():
                    self._discard()
                    return
                self._root.children = [self._controls.box]
                self._waiting.close()

    # -- state to picture

    def _read(self, image: int):
        return self._model(self._sources[image].get())

    def _make_sweep(self, image: int, target: int | None, rank: str, scope: str, seed: int) -> Sweep:
        return Sweep(self._readout(image), target, rank, scope, seed)

    def _sweep_of(self, state: State) -> Sweep:
        return self._sweep(state.image, state.target, state.rank, state.scope, state.seed)

    def _draw(self, state: State) -> tuple[bytes, bytes]:
        """The picture, and the row of units below it, empty if it is not wanted."""
        sweep, window = self._sweep_of(state), state.window
        picture = jpeg(self._figure.show(sweep, *window, state.view))
        if not state.units:
            return picture, b""
        following = window[0] if state.end == "top" else sweep.units - window[1] - 1
        first = min(max(following - TILES // 2 + 1, 0), max(sweep.units - TILES, 0))
        return picture, jpeg(self._tiles.show(sweep, *window, first, TILES, state.end, state.cmap))

    def _first(self, target: int | str | None, chosen: dict) -> State:
        """The state at the start: the first image that can be read."""
        self._bad.clear()
        for image in sorted(range(len(self._sources)), key=lambda i: i != self._begin):
            try:
                readout = self._readout(image)
            except ImageError as error:
                self._bad[image] = str(error)
                continue
            index = self._predicted(image) if target is None else readout.index_of(target)
            return State(image, index, **chosen)
        reasons = "; ".join(self._bad.values())
        raise ImageError(f"images: none of {len(self._sources)} can be read: {reasons}")

    def _predicted(self, image: int) -> int:
        readout = self._readout(image)
        return Sweep(readout).target

    # -- controls to state

    def _listen(self) -> None:
        controls = self._controls
        for widget, name in controls.watched():
            widget.observe(lambda change, name=name: self._ask(**{name: change["new"]}), "value")
        controls.kept.observe(lambda change: self._ask(kept=change["new"]), "value")
        controls.lightest.observe(lambda change: self._ask(lightest=change["new"]), "value")
        controls.heaviest.observe(lambda change: self._ask(heaviest=change["new"]), "value")
        controls.speed.observe(lambda change: setattr(controls.play, "interval", change["new"]), "value")
        controls.to_flip.on_click(lambda _: self._ask(to="flip"))
        controls.reset.on_click(lambda _: self._ask(to="start"))
        controls.save_png.on_click(lambda _: self._save_png())
        controls.more.observe(lambda _: self._tell_code(self._state), "selected_index")
        controls.back.on_click(lambda _: self._step(-1))
        controls.forth.on_click(lambda _: self._step(+1))
        controls.save.on_click(lambda _: self._save())

    def _step(self, by: int) -> None:
        with self._lock:
            self._ask(k=min(max(self._state.k + by, 0), self._model.units))

    def _ask(self, **changes: Any) -> None:
        """A control has moved: draw the new state, then make it the panel's; or say why not."""
        with self._lock:
            if self._setting or self._closed.is_set():
                return
            try:
                state = self._next(changes)
                frames = self._draw(state) if state != self._state else None
            except BaseException as error:
                self._fail(error)
                if not isinstance(error, Exception):  # an interrupt is shown too, but is not ours to keep
                    raise
            else:
                self._commit(state, frames)

    def _next(self, changes: dict) -> State:
        """The state after a change of one control: a field of the state, or what stands for several."""
        state, units = self._state, self._model.units
        if "to" in changes:
            return self._start if changes["to"] == "start" else self._flipped(state)
        if not changes.keys().isdisjoint(("lightest", "heaviest")):
            weights = changes.get("lightest", -inf), changes.get("heaviest", inf)
            dropped = self._sweep_of(state).window(*weights)
            ends = (dropped[0], state.window[1]) if "heaviest" in changes else (state.window[0], dropped[1])
            changes = {"kept": (ends[0], units - ends[1])}
        if "kept" in changes:
            top, bottom = changes["kept"][0], units - changes["kept"][1]
            k, held = (top, bottom) if state.end == "top" else (bottom, top)
            return replace(state, k=k, held=held)
        image = changes.get("image", state.image)
        if image != state.image:
            changes = {"target": self._predicted(image)} | changes
        state = replace(state, **changes)
        return replace(state, held=min(state.held, units - state.k))

    def _flipped(self, state: State) -> State:
        """The same with so many units dropped that the prediction changes."""
        flip = plan(self._sweep_of(state), *state.window, state.view).flip
        if flip is None:
            raise ValueError(f"no flip: {self._sweep_of(state).label} stays predicted to the end")
        return replace(state, k=flip[0])

    def _commit(self, state: State, frames: tuple[bytes, bytes] | None) -> None:
        if frames is not None:  # first: the picture is what is waited for
            self._controls.frame.value, self._controls.tiles.value = frames
        self._show(state)
        self._state = state
        self._controls.error.value = ""
        self._controls.notes.value = self._notes()

    def _fail(self, error: BaseException) -> None:
        """Say what went wrong, and put the controls back to what the picture shows."""
        if not isinstance(error, ValueError):  # not a mistake of the user: the log gets all of it
            _log.error("the panel could not follow", exc_info=error)
        self._controls.error.value = _line(_words(error), "--jp-error-color1", "#c62828")
        self._show(self._state)

    def _show(self, state: State) -> None:
        """Set the controls to a state; meanwhile their callbacks do nothing."""
        options = self._image_options(), self._classes(state.image)
        (top, bottom), units = state.window, self._model.units
        kept, weights = (top, units - bottom), self._weights(state)
        self._setting = True
        try:
            self._controls.show(state, *options, kept, weights)
            self._tell_code(state)
        finally:
            self._setting = False

    def _tell_code(self, state: State) -> None:
        """Where it is open, keep the text beside the picture in step; it would cost every move a message."""
        if self._controls.more.selected_index is not None:
            self._controls.code.value = self._code(state)

    def _image_options(self) -> list[tuple[str, int]]:
        return [(source.name, i) for i, source in enumerate(self._sources) if i not in self._bad]

    def _weights(self, state: State) -> tuple[float, float] | None:
        """The lightest and the heaviest weight kept; None where the ranking is not by weight, or none is."""
        ranked, (top, bottom) = self._sweep_of(state).weights_ranked, state.window
        kept = ranked[top : len(ranked) - bottom]
        return (float(kept[-1]), float(kept[0])) if state.rank == "weight" and len(kept) else None

    def _code(self, state: State) -> str:
        """Python that makes this picture, and the settings that bring the panel back to it."""
        source, sweep = self._sources[state.image], self._sweep_of(state)
        top, bottom = state.window
        view = ", ".join(f"{name}={getattr(state, name)!r}" for name in VIEWED)
        return _CODE.format(
            load=f"unitdrop.load_model({self._named!r})" if self._named else f"...  # {self._model.name}",
            image=source.path or source.name, note="" if source.path else _ARRAY,
            target=state.target, label=sweep.label, rank=state.rank, scope=state.scope, seed=state.seed,
            top=top, bottom=bottom, view=view, size=self._wanted[2], settings=self._settings(state),
        )  # fmt: skip

    def _settings(self, state: State) -> str:
        """A state as a string for `Panel(state=...)`; the image by its name."""
        return json.dumps({**asdict(state), "image": self._sources[state.image].name})

    def _class_options(self, image: int) -> tuple[tuple[str, int], ...]:
        """Classes by intact probability, the prediction first."""
        sweep = Sweep(self._readout(image))
        intact, first = sweep.probabilities(), sweep.prediction()
        order = sorted(range(len(intact)), key=lambda c: (c != first, -intact[c], c))
        return tuple((f"{sweep.readout.labels[c]}  {percent(intact[c])}", c) for c in order)

    # -- beside the picture

    def _check_ahead(self) -> None:
        """Read the images in advance, to list those that cannot be; the first picture waits for none."""
        found = {}
        for i, source in enumerate(self._sources[:CHECKED_AHEAD]):
            if self._closed.is_set() or not threading.main_thread().is_alive():  # closed, or Python is ending
                return
            if i in self._bad:
                continue
            try:
                load_image(source.get())
            except ImageError as error:
                found[i] = str(error)
            except Exception as error:
                found[i] = _words(error)
        with self._lock:
            if found and not self._closed.is_set():
                self._bad |= {i: why for i, why in found.items() if i != self._state.image}
                self._controls.notes.value = self._notes()
                self._show(self._state)

    def _notes(self) -> str:
        if not self._bad:
            return ""
        bad = [(self._sources[i].name, why) for i, why in sorted(self._bad.items())]
        lines = [why if name in why else f"{name}: {why}" for name, why in bad]
        return _line(f"{len(lines)} of {len(self._sources)} images cannot be read:\n" + "\n".join(lines),
                     "--jp-ui-font-color2", "#6b7280")  # fmt: skip

    def _save(self) -> None:
        """Write the present sweep as a GIF on a thread of its own, so that the sliders stay alive."""
        with self._lock:
            if self._saving or self._closed.is_set():
                return
            try:
                job = (self._sweep_of(self._state), self._state.view, self._path(".gif"), self._state.held)
            except Exception as error:
                self._fail(error)
                return
            self._saving = True
            self._controls.save.disabled = True
        self._say("Saving …")
        threading.Thread(target=self._export, args=job, name="unitdrop-gif").start()

    def _save_png(self) -> None:
        """Write the picture as it stands; that is quick enough to be done at once."""
        from unitdrop.export import save_png

        with self._lock:
            try:
                top, bottom = self._state.window
                path = self._path(f"_top{top}_bottom{bottom}.png")
                save_png(path, self._sweep_of(self._state), top, bottom, view=self._state.view,
                         size=self._wanted[2])  # fmt: skip
            except Exception as error:
                self._fail(error)
            else:
                self._say(f"Saved {path}")

    def _path(self, ending: str) -> Path:
        """A file in the current folder, named after what is shown."""
        from unitdrop.export import safe_name

        state, labels = self._state, self._model.labels
        order = f"random{state.seed}" if state.rank == "random" else state.rank
        stem = Path(self._sources[state.image].name).stem
        parts = (stem, labels[state.target], order, state.scope, state.end, state.cam)
        return Path.cwd() / f"{safe_name('_'.join(parts))}{ending}"

    def _export(self, sweep: Sweep, view: View, path: Path, held: int) -> None:
        from unitdrop.export import save_gif

        try:
            save_gif(path, sweep, view=view, held=held, progress=self._progress)
            self._say(f"Saved {path} ({path.stat().st_size / 1e6:.1f} MB)")
        except _Stopped:
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
            raise _Stopped
        self._say(f"Saving: frame {done} of {total}")

    def _say(self, words: str) -> None:
        with self._lock:
            if not self._closed.is_set():
                self._controls.status.value = _line(words, "--jp-ui-font-color1", "inherit")

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
        """Take the panel off the page and release its widgets, figure and caches; closing twice is fine."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._waiting is not None:
                self._waiting.close()
            self._release()
            _close([self._root])

    def _repr_mimebundle_(self, include=None, exclude=None, **kwargs):
        if self._closed.is_set():
            return {"text/plain": "Panel (closed)"}
        return self._root._repr_mimebundle_(include=include, exclude=exclude, **kwargs)


def _remote(model: Any):
    """The catalogue's entry of a network whose weights come from elsewhere; None for any other."""
    if not isinstance(model, str):
        return None
    from unitdrop.models import catalogue

    return next((entry for entry in catalogue() if entry.name == model and entry.remote is not None), None)


def _restored(settings: str, sources: Sequence[Source]) -> tuple[int, int | None, dict]:
    """Take a settings string apart: the image's position, the target, all else of a `State`."""
    try:
        given = json.loads(settings)
        image, target = given.pop("image"), given.pop("target")
        State(0, 0, **given)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ValueError(f"state={settings!r:.80}: expected a panel's settings; copy them whole") from None
    names = [source.name for source in sources]
    if image not in names:
        raise ValueError(f"state: no image {image!r:.80} among the {len(names)} given; give its folder too")
    if given.get("cmap", View.cmap) not in CMAPS:
        raise ValueError(f"state: cmap {given['cmap']!r:.80}; choose one of {', '.join(CMAPS)}")
    return names.index(image), target, given


def _rehearse(entry: Any, target: int | str | None, chosen: dict, size: tuple[int, int]) -> None:
    """Refuse what cannot be shown of a network before it is fetched: a head of its size stands in for it."""
    SweepFigure(*size).close()
    image, maps = np.zeros((1, 1, 3), np.uint8), np.zeros((entry.units, 1, 1))
    weight, labels = np.zeros((entry.classes, entry.units), np.float32), entry.settings()["labels"]
    readout = Readout(maps, weight, np.zeros(entry.classes), labels, image)
    state = State(0, 0, **chosen)
    sweep = Sweep(readout, target, state.rank, state.scope, state.seed)
    sweep.logits(*state.window)
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


def _words(error: BaseException) -> str:
    """What an error says, with its kind where the words alone would not be understood."""
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"


def _line(text: str, variable: str, fallback: str) -> str:
    """Text, whatever it holds, as harmless HTML in a colour of the theme."""
    escaped = html.escape(text).replace("\n", "<br>")
    return f'<span style="color: var({variable}, {fallback})">{escaped}</span>' if text else ""


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
