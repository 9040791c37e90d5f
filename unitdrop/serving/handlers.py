"""Voilà's handlers of the page and of its websocket, with what this server asks of them beside."""

from __future__ import annotations

import time
from typing import Any

from tornado.web import HTTPError, authenticated
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from unitdrop.serving.gate import page_of, why_no_page
from unitdrop.serving.kernels import BoundedKernels
from unitdrop.serving.messages import V1, Refused, check_message

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

    def on_message(self, ws_message: str | bytes) -> None:
        """Hand a message on to the kernel; one that no page sends ends the connection."""
        try:
            size = check_message(ws_message)
        except Refused as refused:
            self.log.warning("A message of a page is refused: %s.", refused)
            self.close(1008, f"message refused: {refused}"[:120])
            return
        kernels: BoundedKernels = self.settings["kernel_manager"]
        if kernels.takes_file(self.kernel_id, size):  # one too many: the panel has told that it is full
            super().on_message(ws_message)
