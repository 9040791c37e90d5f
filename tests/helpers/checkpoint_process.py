"""Reading checkpoints in another process, and measuring it.

Run as a program it reads files, each in a process of its own (`measured`), or thousands of damaged ones
(`mutants`).
"""

import contextlib
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from helpers.checkpoints import LIKE, old, python2, saved, saved_legacy, state
from safetensors.torch import save as save_safetensors

from unitdrop.checkpoints.read import read_checkpoint
from unitdrop.errors import CheckpointError


class Outcome(NamedTuple):
    name: str
    ms: float
    mb: float  # growth of the resident memory's peak
    virtual: float  # growth of the peak of all memory asked for, used or not
    kind: str  # the exception's class, "" if the file was read, or "killed by signal ..."
    message: str


def measured(files):
    """Read every (name, path) in a process of its own that has torch loaded already."""
    job = json.dumps([(name, str(path)) for name, path in files])
    lines = _child("measure", stdin=job).splitlines()
    return [Outcome(*json.loads(line)) for line in lines]


def _child(*arguments, stdin=None, check=True):
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    here = Path(__file__).resolve()
    paths = [str(here.parents[2]), str(here.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, timeout=600)
    if check and done.returncode:
        raise RuntimeError(f"{done.returncode}: {done.stdout[-200:]} {done.stderr[-2000:]}")
    return done.stdout


def _peaks():
    """The peaks of resident and of all memory, MB."""
    status = Path("/proc/self/status")
    line = (
        next((x for x in status.read_text().splitlines() if x.startswith("VmPeak")), "x 0")
        if status.exists()
        else "x 0"
    )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, int(line.split()[1]) / 1024


def _measure_one(name, path):
    before, start = _peaks(), time.perf_counter()
    kind = message = ""
    try:
        read_checkpoint(path, LIKE)
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
    spent = (time.perf_counter() - start) * 1e3
    mb, virtual = (after - then for after, then in zip(_peaks(), before, strict=True))
    return Outcome(name, spent, mb, virtual, kind, message)


def _forked(name, path):
    """Measure one file in a fork of this process, and survive its death."""
    receive, send = os.pipe()
    if not (child := os.fork()):
        signal.alarm(20)
        os.write(send, json.dumps(_measure_one(name, path)).encode()[:60_000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        return Outcome(name, 0, 0, 0, f"killed by signal {os.WTERMSIG(status)}", "")
    return Outcome(*json.loads(answer))


def _warm(folder):
    """Let every lazy import happen before anything is measured."""
    for content in (
        saved({"state_dict": state(), "best": np.float64(1)}),
        save_safetensors(dict(state())),
        saved_legacy(state()),
    ):
        path = Path(folder, "warm")
        path.write_bytes(content)
        read_checkpoint(path, LIKE)
        path.write_bytes(content[:-9])
        with contextlib.suppress(CheckpointError):
            read_checkpoint(path, LIKE)


# Damaged files


def bases():
    """Small good files, and for each how to write it again after its bytes were changed."""
    whole = {
        "state_dict": state(),
        "epoch": 3,
        "best": np.float64(0.5),
        "optimizer": {"state": {0: {"step": torch.ones(1)}}},
    }
    floats = OrderedDict((f"module.{n}", t) for n, t in state().items() if t.is_floating_point())
    first = {"state_dict": floats, "epoch": 3, "arch": "resnet", "best": np.float64(0.5)}
    return [
        saved(state()),
        saved(whole),
        saved_legacy(whole),
        python2(first),
        save_safetensors(dict(state())),
        old(),
    ]


def _rezipped(data, change):
    """A zip whose records were changed, and which is in order otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(
                entry.filename, change(content) if entry.filename.endswith(("pkl", "0")) else content
            )
    return buffer.getvalue()


def _once(data, rng):
    """One small change of some bytes."""
    data = bytearray(data)
    at, other = (int(rng.integers(len(data))) for _ in range(2))
    length = int(rng.integers(1, 16))
    match int(rng.integers(8)):
        case 0:
            data[at] ^= 1 << int(rng.integers(8))
        case 1:
            data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, *b"R(tQ.bhq}]u"]))
        case 2:
            del data[at:]
        case 3:
            data[at:at] = rng.bytes(length)
        case 4:
            del data[at : at + length]
        case 5:
            data[at : at + length], data[other : other + length] = (
                data[other : other + length],
                data[at : at + length],
            )
        case 6:
            data[at:at] = data[other : other + 4 * length]
        case 7:
            value = int(
                rng.choice([0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 62) - 1, (1 << 63) - 1])
            )
            data[at : at + 8] = struct.pack("<Q", value)[: int(rng.choice([1, 2, 4, 8]))]
    return bytes(data) or b"\0"


def mutant(number, files):
    """The mutant of that number: the same in every run."""
    rng = np.random.default_rng(number)
    data = files[number % len(files)]

    def change(part):
        for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
            part = _once(part or b"\0", rng)
        return part

    if data.startswith(b"PK") and rng.random() < 0.7:
        return _rezipped(data, change)
    if rng.random() < 0.5:  # of legacy files and safetensors, the part that says what there is
        split = min(len(data), 1500)
        return change(data[:split]) + data[split:]
    return change(data)


def mutants(first, count):
    """Read mutants in another process: how many were read, ms, MB, complaints."""
    out = _child("mutants", first, count, check=False).splitlines()
    if not out or not out[-1].startswith("{"):
        return 0, 0, 0, [f"the process died at mutant {out[-1] if out else first}"]
    found = json.loads(out[-1])
    return found["read"], found["slowest"], found["mb"], found["complaints"]


def _fits(read):
    return (
        list(read) == list(LIKE)
        and all(
            t.shape == LIKE[n].shape
            and t.dtype == LIKE[n].dtype
            and bool(t.isfinite().all())
            and t.is_contiguous()
            for n, t in read.items()
        )
        and bool((read["bn.running_var"] >= 0).all())
    )


def _read_mutants(folder, first, count):
    files, path = bases(), Path(folder, "mutant")
    before, complaints, read, slowest = _peaks()[0], [], 0, 0.0
    for number in range(first, first + count):
        print(number, flush=True)
        path.write_bytes(mutant(number, files))
        start = time.perf_counter()
        try:
            if not _fits(read_checkpoint(path, LIKE)):
                complaints.append(f"mutant {number}: read, but is not what was asked for")
            read += 1
        except CheckpointError:
            pass
        except Exception as error:
            complaints.append(f"mutant {number}: {error!r}")
        slowest = max(slowest, time.perf_counter() - start)
    print(
        json.dumps(
            {
                "read": read,
                "slowest": slowest * 1e3,
                "mb": _peaks()[0] - before,
                "complaints": complaints,
            }
        )
    )


def main(task, *arguments):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        _warm(folder)
        if task == "mutants":
            _read_mutants(folder, *map(int, arguments))
            return
        for name, path in json.load(sys.stdin):
            print(json.dumps(_forked(name, path)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
