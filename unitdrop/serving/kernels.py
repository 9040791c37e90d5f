"""The kernels behind the pages: so many at most, and those that nobody looks at make room first."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from jupyter_server import CallContext
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Integer

CONNECTIONS = 4  # websockets of one kernel; a page has one
ARRIVES = 60  # seconds that a page which was sent whole may take to connect
MOST_BROUGHT = 128_000_000  # bytes of files that a page may send; its panel keeps half of them
MOST_WAITING = 1_000_000  # bytes of messages that a kernel has not done yet, and a thousand for each
LOST = 600  # seconds after which a message counts as done, of which the kernel has not told so
FORGOTTEN = 1800  # seconds without a move, after which an open page makes room for somebody who waits


class Asker(Protocol):
    """The request for a page, for which a kernel was started.

    Attributes
    ----------
    gone : bool
        Whether its reader went away before the page had been sent.
    sent : float, optional
        When the page had been sent, by the monotonic clock; None until then.
    """

    gone: bool
    sent: float | None


class BoundedKernels(AsyncMappingKernelManager):
    """Starts at most ``most`` kernels.

    One more is started in the place of one that nobody is connected to, else of the one whose page has not
    been touched for longest, half an hour at least; if there is none, the answer is 503.
    """

    most = Integer(4, min=1, config=True, help="How many kernels there may be at once.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._turn = asyncio.Lock()
        self._askers: dict[str, Asker] = {}
        self._connected: dict[str, int] = {}
        self._brought: dict[str, int] = {}
        self._waiting: dict[str, dict[str, tuple[float, int]]] = {}  # of each kernel: id, since when, bytes

    async def start_kernel(self, **kwargs: Any) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Start a kernel, if there is room; return its id."""
        async with self._turn:  # else two that come at once would both find the last place
            while len(self.list_kernel_ids()) >= self.most:
                kernel_id = self._dispensable()
                if kernel_id is None:
                    raise HTTPError(503, reason="Full")
                self.log.info("Kernel %s makes room for another.", kernel_id)
                await self.shutdown_kernel(kernel_id, now=True)
            kernel_id = await super().start_kernel(**kwargs)
            asker = CallContext.get(CallContext.JUPYTER_HANDLER)
            if asker is not None:
                self._askers[kernel_id] = asker
            return kernel_id

    async def shutdown_kernel(self, kernel_id: str, *args: Any, **kwargs: Any) -> None:  # pyright: ignore
        """End a kernel."""
        for known in (self._askers, self._connected, self._brought, self._waiting):
            known.pop(kernel_id, None)
        await super().shutdown_kernel(kernel_id, *args, **kwargs)

    def notify_connect(self, kernel_id: str) -> None:
        """Notice a page that has connected."""
        super().notify_connect(kernel_id)
        self._connected[kernel_id] = self._connected.get(kernel_id, 0) + 1

    def notify_disconnect(self, kernel_id: str) -> None:
        """Notice a page that was left."""
        super().notify_disconnect(kernel_id)
        if kernel_id in self._connected:
            self._connected[kernel_id] -= 1

    def takes_another(self, kernel_id: str) -> bool:
        """Return whether one more websocket may be opened to a kernel."""
        return self._connected.get(kernel_id, 0) < CONNECTIONS

    def takes_file(self, kernel_id: str, size: int) -> bool:
        """Return whether a page may send a file of so many bytes: they must not pile up before the kernel."""
        brought = self._brought.get(kernel_id, 0) + size
        if not size:
            return True
        if brought > MOST_BROUGHT:
            self.log.warning("A file for kernel %s is dropped: its page has sent too many.", kernel_id)
            return False
        self._brought[kernel_id] = brought
        return True

    def takes_message(self, kernel_id: str, message_id: str, size: int) -> bool:
        """Return whether a page may send one more message now: not if too many wait for its kernel."""
        waiting, now = self._waiting.setdefault(kernel_id, {}), time.monotonic()
        for each in [each for each, (since, _) in waiting.items() if since < now - LOST]:
            del waiting[each]
        size += 1_000
        if message_id in waiting or sum(each for _, each in waiting.values()) > MOST_WAITING - size:
            return False
        waiting[message_id] = now, size
        return True

    def done(self, kernel_id: str, message_id: str) -> None:
        """Take note that a kernel has done what a message asks for."""
        self._waiting.get(kernel_id, {}).pop(message_id, None)

    def _dispensable(self) -> str | None:
        """Return the kernel that would be missed least; None if none is to be ended."""
        ids = sorted(self.list_kernel_ids(), key=self._idle_for, reverse=True)
        left = [each for each in ids if self._left(each)]
        return next(iter([*left, *(each for each in ids if self._idle_for(each) > FORGOTTEN)]), None)

    def _left(self, kernel_id: str) -> bool:
        """Return whether the page of a kernel was left, or never came to its reader."""
        if kernel_id in self._connected:
            return not self._connected[kernel_id]
        asker = self._askers.get(kernel_id)
        if asker is None or asker.gone:
            return True
        return asker.sent is not None and time.monotonic() > asker.sent + ARRIVES

    def _idle_for(self, kernel_id: str) -> float:
        """Return for how many seconds nothing has been asked of a kernel."""
        active = getattr(self.get_kernel(kernel_id), "last_activity", None)
        return 0 if active is None else time.time() - active.timestamp()
