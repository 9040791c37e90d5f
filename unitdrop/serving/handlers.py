"""Voilà's handlers of the page and of its websocket, with what this server asks of them beside."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tornado.iostream import IOStream, StreamBufferFullError
from tornado.web import HTTPError, authenticated
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from unitdrop.serving.gate import page_of, why_no_page
from unitdrop.serving.kernels import BoundedKernels
from unitdrop.serving.messages import V1, Refused, check_message, done_message

MOST_UNSENT = 64_000_000  # bytes that wait for a page to take them; a GIF has some
_PAUSE, _MOST_PAUSE = 0.05, 30  # seconds
THEMES = ("light", "dark")
_FULL = (
    "This server shows {most} panels at most, and all of them are in use. Close one that you need no more, "
    "or try again in a few minutes. (Who runs the server may allow more with --kernels.)"
)


class Page(TornadoVoilaHandler):
    """The page of the panel: a kernel is started for it, if somebody who may have one opens it as a page.

    Attributes
    ----------
    gone, sent
        See `Asker`.
    """

    gone = False
    sent: float | None = None

    @authenticated
    async def get(self, path: str | None = None) -> None:
        """Send the page."""
        if path:
            raise HTTPError(404)
        if self.get_argument("theme", THEMES[0]) not in THEMES:
            raise HTTPError(400, reason=f"theme: choose one of {', '.join(THEMES)}")
        why = why_no_page(self.request.headers, "token" in self.request.query_arguments)
        if why is not None:
            self.set_status(403)
            self.finish(page_of("Do you want to open the panel?", why, "Open the panel"))
            return
        await super().get(path)  # pyright: ignore[reportGeneralTypeIssues]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what is wrong; when all places are taken, in words of its own."""
        if status_code == 503:
            self.set_header("Retry-After", "60")
            most = self.settings["kernel_manager"].most
            self.finish(page_of("All panels are in use", _FULL.format(most=most), "Try again"))
        else:
            super().write_error(status_code, **kwargs)

    def on_connection_close(self) -> None:
        """Remember that nobody waits for the page any more."""
        self.gone = True
        super().on_connection_close()

    def on_finish(self) -> None:
        """Remember when the page had been sent."""
        self.sent = time.monotonic()
        super().on_finish()


class Channels(VoilaKernelWebsocketHandler):
    """The websocket of a page: a few for each kernel, and only what widgets say goes through."""

    async def pre_get(self) -> None:
        """Refuse one connection too many, and one of the legacy protocol; see `messages`."""
        if V1 not in self.request.headers.get("Sec-Websocket-Protocol", "").replace(",", " ").split():
            raise HTTPError(400, reason="Another protocol is expected")
        kernels: BoundedKernels = self.settings["kernel_manager"]
        if self.kernel_id in kernels and not kernels.takes_another(self.kernel_id):
            raise HTTPError(503, reason="Too many connections")
        await super().pre_get()

    async def on_message(self, ws_message: str | bytes) -> None:
        """Hand a message on to the kernel; one that no page sends ends the connection.

        No further message is read before this returns: a page that sends more than its kernel does has to
        wait, and is cut off after a while. One that never stops would keep tornado from everybody else.
        """
        await asyncio.sleep(0)
        if self.ws_connection is None:  # what was on its way when the connection was ended
            return
        try:
            told = check_message(ws_message)
        except Refused as refused:
            self.log.warning("A message of a page is refused: %s.", refused)
            self.close(1008, f"message refused: {refused}"[:120])
            return
        kernels: BoundedKernels = self.settings["kernel_manager"]
        if not kernels.takes_file(self.kernel_id, told.file):
            return  # one too many: the panel has told that it is full
        patience = time.monotonic() + _MOST_PAUSE
        while not kernels.takes_message(self.kernel_id, told.message_id, told.words):
            await asyncio.sleep(_PAUSE)
            if self.ws_connection is None or self.kernel_id not in kernels:
                return
            if time.monotonic() > patience:
                self.close(1008, "too many messages at once")
                return
        super().on_message(ws_message)

    def write_message(self, message: Any, binary: bool = False) -> None:  # pyright: ignore
        """Send a message of the kernel to the page; one that does not take what it is sent is cut off."""
        done = done_message(message)
        if done is not None:
            self.settings["kernel_manager"].done(self.kernel_id, done)
        if self.ws_connection is None:
            return
        try:
            sent = super().write_message(message, binary)
        except StreamBufferFullError:
            self.log.warning("A page does not take what it is sent; its connection is closed.")
            self._stream().close()
            return
        if sent is not None:
            sent.add_done_callback(asyncio.Future.exception)  # a page may go at any time: no news for a log

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin; of what the page does not take so much is kept at most."""
        self._stream().max_write_buffer_size = MOST_UNSENT
        await super().open(*args, **kwargs)

    def _stream(self) -> IOStream:
        assert self.ws_connection is not None
        return self.ws_connection.stream
