"""`Controller`: the part of a panel that exists only with a network: controls ask, the picture follows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets as widgets

from unitdrop.errors import ImageError
from unitdrop.panel.controls import Control, Controls
from unitdrop.panel.effects import EFFECTS, LOOKED_UP, hear
from unitdrop.panel.folders import in_groups
from unitdrop.panel.gallery import Gallery, Listing
from unitdrop.panel.interrupts import DeferredInterrupts
from unitdrop.panel.messages import html_alarm, html_line, without_folders, words_of
from unitdrop.panel.moves import fitting, moved, settled
from unitdrop.panel.networks import Networks
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.offers import Offer, make_offer
from unitdrop.panel.python_text import python_of
from unitdrop.panel.renderer import Frames, Renderer
from unitdrop.panel.saving import GifWriter, IntoBrowser, Keep, into_folder
from unitdrop.panel.state import State, settings_of
from unitdrop.sweep import Sweep

IDLE = 0.03  # seconds without a move, after which what the next one may show is drawn
_log = logging.getLogger(__name__)


class Controller:
    """Turns what the controls ask for into states, and states into pictures.

    A callback computes first and commits last: should anything fail, the previous picture stays, the controls
    go back to what it shows, and a line says what was wrong.

    Parameters
    ----------
    name : str
        The network to begin with, one of ``networks``.
    networks : Networks
    gallery : Gallery
    size : tuple of int
        Width and height of a wide picture, pixels.
    wanted : (target, State)
        The state at the start, its target as the user gave it; None for the prediction.
    lock : RLock
        Guards networks, figures, caches and state.
    closed : Event
        Set when the panel is closed.
    fetch : callable
        Called with the name of a network that is not at hand, to have it fetched.
    trust_unpinned : bool
        See `load_model`; told in the Python of the picture.
    public : bool
        See `Panel`.

    Attributes
    ----------
    controls : Controls
    state, start : State
        What is shown now, and what was shown at the start.
    offer : Offer
        What the controls offer beside the state.
    draw_ahead : bool
        Whether the neighbours of k are drawn when nobody waits.

    Raises
    ------
    ImageError, ModelError, ValueError
        If there can be no first picture; nothing is left then.
    """

    state: State
    offer: Offer
    start: State

    def __init__(
        self,
        name: str,
        networks: Networks,
        gallery: Gallery,
        size: tuple[int, int],
        wanted: tuple[int | str | None, State],
        *,
        lock: Any,
        closed: threading.Event,
        fetch: Callable[[str], None],
        trust_unpinned: bool,
        public: bool = False,
    ) -> None:
        self.networks, self.gallery, self.fetch, self._trust = networks, gallery, fetch, trust_unpinned
        self.lock, self._closed, self.setting = lock, closed, False
        self.idle: threading.Timer | None = None
        self.draw_ahead = True
        self.numbers = Numbers(networks.at_hand, gallery.source)
        self.renderer = Renderer(self.numbers, size)
        self.public, self.controls = public, Controls(size[0], public)
        self.keep: Keep = IntoBrowser(self.controls.events.send) if public else into_folder
        self.gif = GifWriter(self.controls.save, self.say, self._fail, lock, closed, self.keep)
        try:
            self._begin(name, *wanted)
        except BaseException:
            self.close()
            raise

    def _begin(self, name: str, target: int | str | None, chosen: State) -> None:
        """Show the first picture, then listen to the controls."""
        self.networks.keep_all(name)
        self.start = fitting(self._first_state(name, target, chosen), self.numbers)
        frames = self.renderer.draw(self.start)
        self._commit(self.start, frames, self._offer(self.start))
        self.numbers.telling = self._telling
        self._listen()
        self.controls.answer_beside_cells()

    def _first_state(self, name: str, target: int | str | None, chosen: State) -> State:
        """Return the state at the start: that of the first image that can be read."""
        own, bad = self.gallery.own, {}
        for image in sorted(own, key=lambda i: i != chosen.image):
            try:
                readout = self.numbers.readout(name, image, chosen.value_range)
            except ImageError as error:
                bad[image] = str(error)
                continue
            index = Sweep(readout).target if target is None else readout.index_of(target)
            self.gallery.listing = self.gallery.listing.but_bad(bad)
            return replace(chosen, image=image, target=index, model=name)
        self.gallery.listing = self.gallery.listing.but_bad(bad)
        told = "; ".join(in_groups(self.gallery.unreadable))
        raise ImageError(f"images: none of {len(own)} can be read: {told}")

    # -- what controls ask for

    def _listen(self) -> None:
        for control in self.controls.table:
            self._listen_to(control)
        self.controls.events.on_msg(lambda _, *message: self.attempt(lambda: hear(self, *message)))

    def _listen_to(self, control: Control) -> None:
        """Do what a control asks for whenever it is moved: an effect, or else a move."""
        asks, gives, effect = control.asks, control.gives, EFFECTS.get(control.asks)

        def changed(change: Any) -> None:
            value = gives() if gives else change["new"]
            if effect is None:
                self.ask(asks, value)
            else:
                self.attempt(partial(effect, self, value))

        if isinstance(control.widget, widgets.Button):
            control.widget.on_click(lambda _: changed({"new": None}))
        else:
            control.widget.observe(changed, control.trait)

    def ask(self, move: str, value: Any = None) -> None:
        """Draw the state after a move, then make it the panel's; or say why not.

        See `moves.moved` for the names of moves, and `effects.LOOKED_UP` for what must be looked up first.
        """
        with DeferredInterrupts() as interrupts, self.lock:
            if self.setting or self._closed.is_set():
                return
            before = self.state, self.offer
            try:
                with interrupts.allowed():
                    if move in LOOKED_UP:
                        move, value = LOOKED_UP[move](self, value)
                    state = moved(self.state, move, value, self.numbers)
                    frames, offer = self.renderer.draw(state), self._offer(state)
                self._commit(state, frames, offer)
            except BaseException as error:
                if self.state is not before[0]:  # it came to the commit, which is taken back
                    self._commit(before[0], self.renderer.draw(before[0]), before[1])
                self._fail(error)
                if not isinstance(error, Exception):  # an interrupt is shown too, but is not ours to keep
                    raise
            else:
                self._draw_ahead_soon()

    def attempt(self, work: Callable[[], object]) -> None:
        """Do what is more than a move of the state; should it fail, say so."""
        with DeferredInterrupts() as interrupts, self.lock:
            if self.setting or self._closed.is_set():
                return
            try:
                with interrupts.allowed():
                    work()
            except BaseException as error:
                self._fail(error)
                if not isinstance(error, Exception):
                    raise

    def _commit(self, state: State, frames: Frames, offer: Offer) -> None:
        """Show what has been drawn, and let it be the panel's state. Nothing is computed here any more."""
        controls = self.controls
        self.state, self.offer = state, offer
        # First: the picture is what is waited for.
        controls.frame.value, controls.beside_frame.value, controls.tiles.value = frames
        self._show(state, offer)
        self.setting = True
        try:
            controls.search.value = controls.error.value = ""
        finally:
            self.setting = False

    def _show(self, state: State, offer: Offer) -> None:
        """Set the controls to a state; meanwhile their callbacks do nothing."""
        self.setting = True
        try:
            self.controls.show(state, offer)
        finally:
            self.setting = False

    def _fail(self, error: BaseException) -> None:
        """Say what went wrong, and put the controls back to what the picture shows."""
        if not isinstance(error, ValueError):  # not a mistake of the user: the log gets all of it
            _log.error("the panel could not follow", exc_info=error)
        words = words_of(error)
        self.alarm(without_folders(words) if self.public else words)
        self._show(self.state, self.offer)

    def say(self, words: str) -> None:
        """Show what is going on."""
        with self.lock:
            if not self._closed.is_set():
                self.controls.status.value = html_line(words)

    def alarm(self, words: str) -> None:
        """Show what went wrong."""
        self.controls.error.value = html_alarm(words)

    @contextmanager
    def _telling(self, words: str) -> Iterator[None]:
        """Show what is going on during a forward pass, and afterwards what was said before."""
        said = self.controls.status.value
        self.say(words)
        try:
            yield
        finally:
            self.controls.status.value = said

    def _offer(self, state: State) -> Offer:
        told = None
        if self.controls.python_shown:
            size = self.renderer.picture_size(state)
            code = python_of(state, self.numbers, self.gallery, self.networks, size, self._trust)
            told = code, settings_of(state, self.gallery.names)
        return make_offer(state, self.numbers, self.gallery, self.networks, told)

    # -- images

    def offer_images(self, listing: Listing, move: str, value: Any = None) -> bool:
        """Offer other images and show the state after a move; if that fails, offer what was offered.

        Returns whether it did not fail.
        """
        offer, before = self.offer, self.gallery.listing
        self.gallery.listing = listing
        try:
            self.ask(move, value)
        finally:
            if self.offer is offer:  # nothing was committed
                self.gallery.listing = before
        return self.offer is not offer

    def check_soon(self, images: Sequence[int]) -> None:
        """Read images in advance, to list those that cannot be; the first picture waits for none."""
        work = (images, self.state.value_range, self._ended, self._list_bad)
        threading.Thread(target=self.gallery.check_ahead, args=work, name="unitdrop-images").start()

    def _list_bad(self, bad: Mapping[int, str]) -> None:
        """Take images that cannot be read out of the menus, and say why."""
        with self.lock:
            bad = {image: why for image, why in bad.items() if image != self.state.image}
            if bad and not self._closed.is_set():
                self.gallery.listing = self.gallery.listing.but_bad(bad)
                self.offer = self._offer(self.state)
                self._show(self.state, self.offer)

    # -- when nobody waits

    def _draw_ahead_soon(self) -> None:
        """Draw what a press of a key would show next, unless something else is asked for before."""
        if self.idle is not None:
            self.idle.cancel()
        if not self.draw_ahead:
            return
        self.idle = threading.Timer(IDLE, self._draw_ahead, [self.state])
        try:
            self.idle.start()
        except RuntimeError:  # no thread to be had: nothing is lost but time
            _log.debug("nothing is drawn ahead", exc_info=True)

    def _draw_ahead(self, state: State) -> None:
        for k in (state.k + 1, state.k - 1):
            with self.lock:
                if self.state is not state or self._ended():
                    return
                if 0 <= k <= self.numbers.units(state.model):
                    try:
                        self.renderer.draw(settled(replace(state, k=k), self.numbers))
                    except Exception as error:  # it is told when somebody asks for this k
                        _log.debug("k = %d could not be drawn ahead", k, exc_info=error)

    def _ended(self) -> bool:
        """Return whether the panel is closed, or Python is about to end."""
        return self._closed.is_set() or not threading.main_thread().is_alive()

    def close(self) -> None:
        """Let go of the pictures, the controls and all that was computed for them."""
        if self.idle is not None:
            self.idle.cancel()
        self.renderer.close()
        self.controls.close()
        self.numbers.clear()
