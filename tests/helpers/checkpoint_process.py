"""Reading checkpoints in another process, and measuring it.

Run as a program it reads files, each in a process of its own (`measured`), or thousands of damaged ones
(`mutants`).
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from helpers.checkpoints import LIKE, saved, saved_legacy, state
from helpers.mutants import bases, is_right, mutant
from safetensors.torch import save as save_safetensors

from unitdrop.checkpoints.read import read_checkpoint
from unitdrop.errors import CheckpointError


class Outcome(NamedTuple):
    name: str
    ms: float  # of the processor
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
    before, start = _peaks(), time.process_time()  # of a busy machine, what this process alone took
    kind = message = ""
    try:
        read_checkpoint(path, LIKE)
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
    spent = (time.process_time() - start) * 1e3
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


def mutants(first, count):
    """Read mutants in another process: how many were read, and of these not judged, ms, MB, complaints."""
    out = _child("mutants", first, count, check=False).splitlines()
    if not out or not out[-1].startswith("{"):
        return 0, 0, 0, 0, [f"the process died at mutant {out[-1] if out else first}"]
    found = json.loads(out[-1])
    return found["read"], found["unjudged"], found["slowest"], found["mb"], found["complaints"]


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
    complaints, read, unjudged, slowest, most = [], 0, 0, 0.0, 0.0
    for number in range(first, first + count):
        print(number, flush=True)
        content = mutant(number, files)
        path.write_bytes(content)
        before, start, found = _peaks()[0], time.process_time(), None
        try:
            found = read_checkpoint(path, LIKE)
        except CheckpointError:
            pass
        except Exception as error:
            complaints.append(f"mutant {number}: {error!r}")
        slowest, most = max(slowest, time.process_time() - start), max(most, _peaks()[0] - before)
        if found is None:
            continue
        right = is_right(content, found)
        read, unjudged = read + 1, unjudged + (right is None)
        if right is False or not _fits(found):
            complaints.append(f"mutant {number}: read, but is not what is in the file")
    counts = {"read": read, "unjudged": unjudged, "slowest": slowest * 1e3, "mb": most}
    print(json.dumps({**counts, "complaints": complaints}))


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
