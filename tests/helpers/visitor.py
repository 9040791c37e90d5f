"""A visitor of the app who does not use a browser: what goes over the wire is written by hand."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

V1 = "v1.kernel.websocket.jupyter.org"
PATIENCE = 60  # seconds


@dataclass
class Answer:
    """What came back: a status, the head as it was, and the body."""

    status: int
    head: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


@dataclass
class App:
    """A running app: its port, its token, and the folder in which each kernel has a file."""

    port: int
    token: str
    kernels: Path

    @property
    def host(self) -> str:
        return f"Host: 127.0.0.1:{self.port}"

    def ask(self, target: str = "/", *headers: str, method: str = "GET", body: bytes = b"") -> Answer:
        """Send a request; without a Host among the headers, with the right one."""
        with self.connect() as wire:
            wire.sendall(self._head(method, target, headers, len(body)) + body)
            return _answer(wire)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def _head(self, method: str, target: str, headers: tuple[str, ...], length: int) -> bytes:
        given = list(headers)
        if not any(each.lower().startswith("host:") for each in given):
            given.insert(0, self.host)
        if length:
            given.append(f"Content-Length: {length}")
        if not any(each.startswith("Upgrade:") for each in given):
            given.append("Connection: close")
        return "\r\n".join([f"{method} {target} HTTP/1.1", *given, "", ""]).encode("latin-1")

    def running(self) -> int:
        """How many kernels there are."""
        return len(list(self.kernels.rglob("kernel-*.json")))

    def page(self) -> str:
        """Open a page; the id of its kernel."""
        answer = self.ask(f"/?token={self.token}")
        assert answer.status == 200, answer.text
        return re.search(r'"kernelId": "([^"]+)"', answer.text)[1]

    @contextlib.contextmanager
    def channels(
        self, kernel: str, *headers: str, protocol: str = V1, token: bool = True
    ) -> Iterator[Channels]:
        """Open the websocket of a kernel; gives it, or raises `PermissionError` with the status."""
        query = f"?session_id={secrets.token_hex(8)}" + (f"&token={self.token}" if token else "")
        given = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        given.append(f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}")
        if protocol:
            given.append(f"Sec-WebSocket-Protocol: {protocol}")
        with self.connect() as wire:
            wire.sendall(self._head("GET", f"/api/kernels/{kernel}/channels{query}", (*given, *headers), 0))
            head = _until(wire, b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101"):
                raise PermissionError(head.split(b" ")[1].decode())
            yield Channels(wire)


class Channels:
    """A websocket; its messages are those of Jupyter's protocol v1, or bytes of one's own."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire

    def send(self, content: bytes, text: bool = False) -> None:
        """Send one message, whatever it is."""
        length, mask = len(content), b"\0\0\0\0"
        size = struct.pack("!BH", 0xFE, length) if length < 1 << 16 else struct.pack("!BQ", 0xFF, length)
        self.wire.sendall(bytes([0x81 if text else 0x82]) + size + mask + content)

    def say(self, kind: str, content: dict, *buffers: bytes, **more: object) -> None:
        """Send a message of a kind."""
        self.send(v1(message(kind, content) | more, *buffers))

    def hear(self, seconds: float = PATIENCE) -> dict | int | None:
        """The next message with its buffers, the code of the other side's good-bye, or None."""
        self.wire.settimeout(seconds)
        try:
            first, size = self._read(2)
        except (TimeoutError, ConnectionError):
            return None
        length = size & 127
        if length > 125:
            length = int.from_bytes(self._read(2 if length == 126 else 8), "big")
        content = self._read(length)
        if first & 15 == 8:
            return int.from_bytes(content[:2], "big")
        if first & 15 == 9:  # a ping
            return self.hear(seconds)
        return _unpacked(content)

    def _read(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            piece = self.wire.recv(length - len(found))
            if not piece:
                raise ConnectionError("the other side has gone")
            found += piece
        return found

    def code(self, seconds: float = PATIENCE) -> int | None:
        """The code with which the other side ends this; None if it does not."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            found = self.hear(left)
            if found is None or isinstance(found, int):
                return found
        return None

    def widgets(self) -> dict[str, dict]:
        """The state of every widget of the page, by its id."""
        comm = uuid.uuid4().hex
        opened = {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}
        self.say("comm_open", opened, metadata={"version": "1.0.0"})
        self.say("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})
        while True:
            found = self.hear()
            assert isinstance(found, dict), found
            data = found.get("content", {}).get("data", {})
            if isinstance(data, dict) and data.get("method") == "update_states":
                return {each: told["state"] for each, told in data["states"].items()}

    def set(self, widget: str, **state: object) -> None:
        """Set values of a widget, whether the page shows it or not."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        self.say("comm_msg", {"comm_id": widget, "data": data})

    def custom(self, widget: str, content: dict, *buffers: bytes) -> None:
        """Send a message of its own kind to a widget."""
        self.say("comm_msg", {"comm_id": widget, "data": {"method": "custom", "content": content}}, *buffers)


def message(kind: str, content: dict) -> dict:
    """A message of a kind, as a page sends it."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "s", "username": "", "version": "5.3"}
    parts = {"header": header | {"date": "2026-01-01T00:00:00Z"}, "parent_header": {}, "metadata": {}}
    return parts | {"content": content, "channel": "shell"}


def v1(told: dict, *buffers: bytes, channel: bytes = b"shell") -> bytes:
    """A message of the protocol v1."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [channel, *(json.dumps(told[name]).encode() for name in names), *buffers]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def _unpacked(content: bytes) -> dict:
    (count,) = struct.unpack("<Q", content[:8])
    offsets = struct.unpack(f"<{count}Q", content[8 : 8 * (count + 1)])
    _, *parts = (content[a:b] for a, b in pairwise(offsets))
    told = dict(zip(("header", "parent_header", "metadata", "content"), map(json.loads, parts), strict=False))
    return told | {"buffers": parts[4:]}


def _answer(wire: socket.socket) -> Answer:
    found = b""
    while piece := wire.recv(1 << 16):
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = _joined(body)
    return Answer(int(head.split(b" ")[1]), head.decode("latin-1"), body)


def _joined(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + body[:length], body[length + 2 :]
    return found


def _until(wire: socket.socket, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end) and (piece := wire.recv(1)):
        found += piece
    return found
