"""`Panel`: the panel as people make it, from its arguments to its first picture, and its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from unitdrop.checks import whole_number
from unitdrop.drawing import HEIGHT, WIDTH
from unitdrop.panel.cells import supersede
from unitdrop.panel.controller import Controller
from unitdrop.panel.controls import Controls
from unitdrop.panel.fetching import FetchingBar
from unitdrop.panel.folders import LeftOut
from unitdrop.panel.gallery import Gallery
from unitdrop.panel.networks import Networks, given_models, rehearse, remote_entry
from unitdrop.panel.state import MOST_SEED, State, range_of, restored, settings_of
from unitdrop.panel.toolkit import close_all
from unitdrop.plan import View

if TYPE_CHECKING:
    from unitdrop.models import Entry


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
        read is named below the picture, with the reason, and so is all else that a folder holds; the others
        are offered.
    target : int or str, optional
        The class at the start; None for the prediction.
    rank, scope, seed
        See `Sweep`.
    top, bottom : int
        Units dropped at the start, from one end.
    cam : {"target", "prediction", "difference"}
        Whose CAM is shown at the start.
    value_range : (float, float), optional
        The values that are black and white at the start, in pictures of more than 8 bits and in arrays; see
        `load_image`.
    size : tuple of int
        Width and height of the picture, pixels. Where the page is narrow, and beside a second picture, it is
        two thirds as wide and a little higher.
    trust_unpinned : bool
        See `load_model`.
    public : bool
        Whether others use the panel, as in ``python -m unitdrop app``. Then there is no box for a folder and
        no path is told; pictures are given to the browser instead of a folder; the menu has only networks
        that are on this machine; and images from the browser are taken up to 64 MB in all.
    state : str, optional
        The `settings` of a panel, which this one takes over; target, rank, ... are then left out of account.
        They are of a network that is given as ``model``, or of one of the catalogue; one that is not on this
        machine is downloaded only when the button is pressed that offers it.

    Attributes
    ----------
    controller : Controller, optional
        What follows the controls; None while the network is being fetched.

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
        value_range: tuple[float, float] | None = None,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        trust_unpinned: bool = False,
        public: bool = False,
        state: str | None = None,
    ) -> None:
        top, bottom, seed = _checked(top=top, bottom=bottom, seed=seed)
        self._gallery, self._networks = Gallery(images, public), Networks(public)
        if state is None:
            view = View(cam=cam, end="bottom" if bottom else "top")
            chosen = State(0, 0, top + bottom, rank=rank, scope=scope, seed=seed, view=view)
            chosen = chosen.changed(value_range=range_of(value_range))
        else:
            chosen = restored(state, self._gallery.names)
            target = chosen.target
        self._wanted, self._size, self._trust, self._public = (target, chosen), size, trust_unpinned, public
        self._lock, self._closed = threading.RLock(), threading.Event()
        self.controller: Controller | None = None
        self._bar: FetchingBar | None = None
        models, at = given_models(model, chosen.model)
        first, entry = [self._networks.keep(each) for each in models][at], remote_entry(models[at])
        self._begin(first, entry, "asked" if chosen.model and not model else "yes")

    def _begin(self, first: str, entry: Entry | None, download: str) -> None:
        """Show the first picture of a network, or have the network fetched before."""
        if entry is None:
            self.controller = self._opened(first)
            self._root = widgets.VBox([self.controller.controls.box])
            self.controller.check_soon(self._gallery.own)
            supersede(self)
        else:
            self._networks.entry(first)  # it must be one that may be fetched
            rehearse(entry, *self._wanted, self._size)
            supersede(self)
            self._root = widgets.VBox()
            self._fetch(first, download)

    def _opened(self, name: str) -> Controller:
        """Return the controller that shows the first picture of a network."""
        return Controller(
            name,
            self._networks,
            self._gallery,
            self._size,
            self._wanted,
            lock=self._lock,
            closed=self._closed,
            fetch=self._fetch,
            trust_unpinned=self._trust,
            public=self._public,
        )

    # -- a network that is fetched

    def _fetch(self, name: str, download: str = "yes") -> None:
        """Get a network of the catalogue, under a bar; what is shown stays meanwhile."""
        entry = self._networks.entry(name)
        if self._bar is not None:
            if self._bar.going_for(name):
                return
            self._bar.close()
        over = None if self.controller is None else self._given_up
        download = "never" if self._public else download
        self._bar = FetchingBar(entry, self._arrived, self._trust, over, download)
        below = [] if self.controller is None else [self.controller.controls.box]
        self._root.children = [self._bar.box, *below]
        self._bar.begin()

    def _arrived(self, model: Any, notices: tuple[str, ...], wanted: Callable[[], bool]) -> None:
        """Show the network that was waited for, if it is still wanted."""
        controller = self.controller
        if controller is None:
            with self._lock:
                if wanted():
                    self._show_first(model, notices, wanted)
            return
        shown = controller.state.image, controller.state.value_range
        heard = controller.numbers.heard(model, *shown)  # it takes long, so before anybody has to wait for it
        with self._lock:
            if wanted():
                name = self._networks.keep_fetched(model, controller.state.model, notices)
                controller.numbers.put(name, *shown, heard)
                controller.ask("model", name)
                self._show_controls(controller)

    def _show_first(self, model: Any, notices: tuple[str, ...], wanted: Callable[[], bool]) -> None:
        """Show the first picture, of a network that was fetched."""
        controller = self._opened(self._networks.keep_fetched(model, None, notices))
        if not wanted():
            controller.close()
            return
        self.controller = controller
        controller.check_soon(self._gallery.own)
        self._show_controls(controller)

    def _show_controls(self, controller: Controller) -> None:
        """Take the bar away."""
        self._root.children = [controller.controls.box]
        if self._bar is not None:
            self._bar.close()

    def _given_up(self, bar: FetchingBar, words: str, bad: bool) -> None:
        """Go on with what there is: the network that was waited for does not come."""
        controller = self.controller
        with self._lock:
            if controller is not None and bar is self._bar and not self._closed.is_set():
                self._show_controls(controller)
                (controller.alarm if bad else controller.say)(words)

    # -- what others see

    @property
    def controls(self) -> Controls | None:
        """The widgets by their names; None while the network is being fetched.

        Setting the value of one does what the user's hand would do.
        """
        return None if self.controller is None else self.controller.controls

    @property
    def state(self) -> State | None:
        """What the picture shows now; None while the network is being fetched."""
        return None if self.controller is None else self.controller.state

    @property
    def offered(self) -> tuple[str, ...]:
        """The names of the images in the menus."""
        return self._gallery.good_names

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not offered, as pairs of a name and the reason: no picture, or one that cannot be read.

        Of the latter only what has been tried: the first 200 images are, soon after the panel is made.
        """
        return self._gallery.left_out

    @property
    def settings(self) -> str:
        """What the picture shows, as a string that brings another panel to it: `Panel(state=...)`.

        Raises
        ------
        ValueError
            While the network is being fetched.
        """
        if self.state is None:
            raise ValueError("settings: there is no picture yet; wait until the network is here")
        return settings_of(self.state, self._gallery.names)

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
            if self._bar is not None:
                self._bar.close()
            if self.controller is not None:
                self.controller.close()
            self._networks.clear()
            self._gallery.clear()
            close_all([self._root])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **kwargs: Any) -> Any:
        if self._closed.is_set():
            return {"text/plain": "Panel (closed)"}
        return self._root._repr_mimebundle_(include=include, exclude=exclude, **kwargs)


def _checked(**numbers: Any) -> list[int]:
    """Return the numbers that a panel begins with, as plain ones."""
    found = []
    for name, given in numbers.items():
        number = whole_number(given, 0)
        if number is None:
            raise ValueError(f"{name}={given!r}: expected a whole number, at least 0")
        found.append(number)
    top, bottom, seed = found
    if top and bottom:
        raise ValueError(f"top={top}, bottom={bottom}: the panel drops from one end; make one of them 0")
    if seed > MOST_SEED:
        raise ValueError(f"seed={seed}: the panel's box holds at most {MOST_SEED}; choose a smaller one")
    return found
