"""From the state of a panel to files: what an export needs, names, and a GIF written on a thread."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from unitdrop import export
from unitdrop.panel.gallery import Gallery
from unitdrop.panel.interrupts import Stopped
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.renderer import Renderer
from unitdrop.panel.state import State
from unitdrop.sweep import Sweep


def export_settings(state: State, numbers: Numbers, renderer: Renderer) -> dict[str, Any]:
    """Return what `save_png` and `save_gif` need beside the sweep and the window."""
    beside = None if state.second is None else numbers.sweep(state.second)
    return {"view": state.view, "size": renderer.picture_size(state), "beside": beside}


def export_name(state: State, labels: tuple[str, ...], gallery: Gallery, ending: str) -> str:
    """Return the name of a file that is named after what is shown."""
    order = f"random{state.seed}" if state.rank == "random" else state.rank
    stem = Path(gallery.source(state.image).name).stem
    view = state.view
    what = view.cam if view.unit is None else f"unit{view.unit}"
    parts = [stem, labels[state.target], order, state.scope, view.end, what]
    if state.beside:
        field, value = state.beside
        parts.append(f"beside-{gallery.source(value).name if field == 'image' else value}")
    return f"{export.safe_name('_'.join(parts))}{ending}"


#: Takes a name and what writes a file to a path (and returns where it lies); returns what is to be said.
Keep = Callable[[str, Callable[[Path], Path]], str]


def into_folder(name: str, write: Callable[[Path], Path]) -> str:
    """Write a file into the current folder, that of the notebook."""
    path = write(Path.cwd() / name)
    return f"Saved {path} ({path.stat().st_size / 1e6:.1f} MB)"


class IntoBrowser:
    """Gives a file to the browser, which keeps it as a download; nothing stays on this machine.

    Parameters
    ----------
    send : callable
        Sends a message and buffers to the page; see `BrowserEvents`.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def __call__(self, name: str, write: Callable[[Path], Path]) -> str:
        """Write a file where nobody else finds it, send it, and forget it."""
        with tempfile.TemporaryDirectory(prefix="unitdrop-") as folder:
            content = write(Path(folder, f"picture{Path(name).suffix}")).read_bytes()
        self._send({"kind": "download", "name": name}, [content])
        return f"{name} ({len(content) / 1e6:.1f} MB) is among your downloads"


class GifWriter:
    """Writes a sweep as a GIF on a thread of its own, one at a time, so that the sliders stay alive.

    Parameters
    ----------
    button : Button
        It is disabled meanwhile.
    say : callable
        Shows what is going on.
    fail : callable
        Shows an error.
    lock : RLock
        Held while anything of the panel changes.
    closed : Event
        Set when the panel is closed, which ends the writing.
    keep : callable
        Where the file goes: `into_folder` or an `IntoBrowser`.
    """

    def __init__(
        self,
        button: widgets.Button,
        say: Callable[[str], None],
        fail: Callable[[BaseException], None],
        lock: Any,
        closed: threading.Event,
        keep: Keep,
    ) -> None:
        self._button, self._say, self._fail, self._lock, self._closed = button, say, fail, lock, closed
        self._keep, self.writing = keep, False

    def write(self, name: str, sweep: Sweep, settings: dict[str, Any]) -> None:
        """Begin to write a file, with the settings of `save_gif`; what was saved before stays."""
        thread = threading.Thread(target=self._export, args=(name, sweep, settings), name="unitdrop-gif")
        try:
            self.writing = self._button.disabled = True
            self._say("Saving …")
            thread.start()
        except BaseException:
            if not thread.is_alive():  # one that is sees to it at its own end
                self.writing = self._button.disabled = False
                self._say("")
            raise

    def _export(self, name: str, sweep: Sweep, settings: dict[str, Any]) -> None:
        def write(path: Path) -> Path:
            return export.save_gif(path, sweep, progress=self._progress, fresh=True, **settings)

        try:
            self._say(self._keep(name, write))
        except Stopped:
            pass
        except Exception as error:
            self._say("")
            with self._lock:
                if not self._closed.is_set():
                    self._fail(error)
        finally:
            with self._lock:
                self.writing = False
                if not self._closed.is_set():
                    self._button.disabled = False

    def _progress(self, done: int, total: int) -> None:
        if self._closed.is_set():
            raise Stopped
        self._say(f"Saving: frame {done} of {total}")
