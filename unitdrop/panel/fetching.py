"""`FetchingBar`: what a panel shows while a network is fetched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from unitdrop.drawing import WIDTH
from unitdrop.notices import listening
from unitdrop.panel.interrupts import Stopped
from unitdrop.panel.messages import html_alarm, html_line, without_folders, words_of
from unitdrop.panel.toolkit import close_all, layout, styles

if TYPE_CHECKING:
    from unitdrop.models import Entry

_log = logging.getLogger(__name__)


class FetchingBar:
    """What a panel shows while its network is fetched: a bar, what is going on, and a button.

    The button cancels; afterwards, or when something went wrong, it tries again. The work is done on a thread
    of its own, one at a time, so that the notebook stays free.

    Parameters
    ----------
    entry : Entry
        Of the catalogue.
    arrived : callable
        Called on that thread with the network, what was noticed while it was loaded, and a function that
        tells whether it is still wanted.
    trust_unpinned : bool
        See `load_model`.
    over : callable, optional
        Called with this, the reason, and whether it is an error, where the network does not come; whoever is
        called then closes this. None: the bar stays, and offers to try again.
    download : {"yes", "asked", "never"}
        Whether weights that are not on this machine are downloaded: at once, when the button is pressed, or
        not at all.
    """

    def __init__(
        self,
        entry: Entry,
        arrived: Callable,
        trust_unpinned: bool,
        over: Callable[[FetchingBar, str, bool], None] | None = None,
        download: str = "yes",
    ) -> None:
        self._entry, self._arrived, self._trust, self._over = entry, arrived, trust_unpinned, over
        self._download = download
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.bar = widgets.FloatProgress(min=0, max=1, layout=layout(flex="1 1 auto", width="auto"))
        self.line = widgets.HTML()
        self.button = widgets.Button(layout=layout(width="110px", flex="0 0 auto"))
        row = widgets.HBox([self.bar, self.button], layout=layout(align_items="center"))
        rows = (styles(), row, self.line)
        self.box = widgets.VBox(rows, layout=layout(width="100%", max_width=f"{WIDTH + 8}px"))
        named = {"panel": self.box, "bar": self.bar, "cancel": self.button, "line": self.line}
        for name, widget in named.items():
            widget.add_class(f"ud-{name}")
        self.button.on_click(lambda _: self._pressed())

    def begin(self) -> None:
        """Fetch the network, or ask whether it is to be downloaded."""
        if self._download == "asked" and not self._entry.cached:
            self._stop.set()
            self._offer("Download", "download", "Get the network.")
            self._say(
                f"{self._entry.name}: the network of these settings is not on this machine{self._where}."
            )
        else:
            self._fetch()

    @property
    def _where(self) -> str:
        entry = self._entry
        if entry.cached or entry.remote is None:
            return ""
        return f" (about {entry.size / 1e6:.0f} MB from {entry.remote.url})"

    def _fetch(self) -> None:
        """Begin, and say so."""
        self._stop = threading.Event()
        self._offer("Cancel", "times", "Stop; nothing of a download is kept.")
        self.bar.bar_style, self.bar.value = "info", 0
        self._say(f"{self._entry.name}: getting the network{self._where} …")
        threading.Thread(target=self._work, args=(self._stop,), name="unitdrop-fetch").start()

    def going_for(self, name: str) -> bool:
        """Return whether this network is on its way."""
        return self._entry.name == name and not self._stop.is_set()

    def _work(self, stop: threading.Event) -> None:
        def wanted() -> bool:
            return not stop.is_set() and threading.main_thread().is_alive()

        def progress(done: int, total: int | None) -> None:
            if not wanted():
                raise Stopped
            self._show(stop, done, total)

        try:
            here = {} if self._download == "yes" or self._entry.remote is None else self._here()
            said: list[str] = []
            with listening(said.append):
                model = self._entry.load(trust_unpinned=self._trust, progress=progress, **here)
            self._tell(stop, f"{self._entry.name}: first forward pass …")
            self._arrived(model, tuple(said), wanted)
        except Stopped:
            pass
        except BaseException as error:
            if not isinstance(error, ValueError):
                _log.error("the network could not be fetched", exc_info=error)
            words = words_of(error)
            self._end(stop, without_folders(words) if self._download == "never" else words, "danger")
        finally:
            self._offer("Try again", "refresh", "Begin anew.")

    def _here(self) -> dict[str, Any]:
        """Return what lets the network be read from this machine, without a download whatever is wrong."""
        assert self._entry.remote is not None, "asked of networks that come from elsewhere"
        return {"checkpoint": self._entry.remote.path}

    def _show(self, stop: threading.Event, done: int, total: int | None) -> None:
        so_far = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB so far"
        self.bar.value = done / total if total else 0
        if done:
            self._tell(stop, f"{self._entry.name}: {so_far}")

    def _pressed(self) -> None:
        if self._stop.is_set():
            if self._download == "asked":
                self._download = "yes"
            self._fetch()
        else:  # until the thread has noticed, there is nothing to be pressed
            self.button.disabled = True
            self._end(self._stop, f"{self._entry.name}: cancelled.", "warning")

    def _end(self, stop: threading.Event, words: str, style: str) -> None:
        """Say why there is no network; the first reason stays."""
        with self._lock:
            if stop.is_set():
                return
            stop.set()
            self.bar.bar_style = style
            self._say(words, bad=style == "danger")
        if self._over is not None:  # not under the lock: who is called takes others
            self._over(self, words, style == "danger")

    def _tell(self, stop: threading.Event, words: str) -> None:
        with self._lock:
            if not stop.is_set():
                self._say(words)

    def _say(self, words: str, bad: bool = False) -> None:
        self.line.value = html_alarm(words) if bad else html_line(words)

    def _offer(self, words: str, icon: str, tooltip: str) -> None:
        self.button.description, self.button.icon, self.button.tooltip = words, icon, tooltip
        self.button.disabled = False

    def close(self) -> None:
        """Stop what is going on, and take the widgets off the page."""
        with self._lock:
            self._stop.set()
        close_all([self.box])
