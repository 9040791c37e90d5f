"""Decoding in a child process with bounded memory and time: for decoders whose work no header bounds.

The child runs `child` below: it is given its task as JSON and reads the file's bytes; it writes one line of
JSON (an error, or a shape, and what was said) and the pixels. What a library prints there is thrown away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from unitdrop.errors import ImageError
from unitdrop.notices import listening, say

_MEMORY = 1 << 30  # bytes beyond those of a child that has loaded its libraries
_CPU = 20  # seconds of computing; the headers that are checked before keep it to far less
_MOST_NAME = 5000  # letters; a command line has a limit
_WAIT = 300  # seconds by the clock, for a machine that is busy


def decoded_apart(data: bytes, form: str, name: str, value_range: tuple[float, float] | None) -> np.ndarray:
    """Return what `decoding.decoded` returns, from a process of its own; raise and say what it does."""
    if not sys.executable or getattr(sys, "frozen", False):  # inside another program: it would start that
        raise ImageError(f"{name}: cannot be decoded, as there is no Python to start; save it as PNG or JPEG")
    job = json.dumps({"form": form, "name": name[:_MOST_NAME], "range": value_range})
    places = [str(Path(__file__).resolve().parents[2]), *filter(os.path.isabs, sys.path)]
    command = [sys.executable, "-I", "-c", f"import sys; sys.path[:] = {places!r}; {_START}", job]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_WAIT,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ImageError(f"{name}: cannot be decoded ({error}); save it as PNG or JPEG") from None
    head, _, pixels = done.stdout.partition(b"\n")
    if done.returncode or not head:
        raise ImageError(
            f"{name}: cannot be decoded (its decoder took too much memory or time, or failed); "
            "it is damaged: fetch it again, or save it as PNG or JPEG"
        )
    return _taken(json.loads(head), pixels)


def _taken(answer: dict, pixels: bytes) -> np.ndarray:
    """Say what the child said, and return its pixels or raise its error."""
    for text in answer["said"]:
        say(text)
    if answer["error"] is not None:
        raise ImageError(answer["error"])
    return np.frombuffer(bytearray(pixels), np.uint8).reshape(answer["shape"])


# In the child --------------------

_START = "from unitdrop.images.process import child; child()"


def child() -> None:
    """Decode one picture from stdin to stdout."""
    import warnings

    from unitdrop.images.decoding import decoded

    warnings.simplefilter("ignore")
    _bound()
    job, data = json.loads(sys.argv[1]), sys.stdin.buffer.read()
    said: list[str] = []
    rgb, error = np.empty((0, 0, 3), np.uint8), None
    value_range = tuple(job["range"]) if job["range"] else None
    with listening(said.append):
        try:
            rgb = decoded(data, job["form"], job["name"], value_range)
        except ImageError as reason:
            error = str(reason)
    answer = {"error": error, "shape": rgb.shape, "said": said}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(rgb.data)
    sys.stdout.buffer.flush()


def _bound() -> None:
    """Let this process die rather than take more memory or time than a picture needs."""
    try:
        import resource
    except ImportError:  # on Windows, where the headers and the clock must do
        return
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU, most))
    status = Path("/proc/self/statm")
    if status.exists():
        used = int(status.read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, most))
