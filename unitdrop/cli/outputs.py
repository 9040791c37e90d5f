"""Where results go: never over a file that the same command reads, and never two into one file."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from unitdrop.errors import UsageError

_READ = {"image": "the image itself", "checkpoint": "the checkpoint", "labels": "the file of labels"}
_PRINTED = {1: "stdout", 2: "stderr"}


def refuse_overwriting(args: argparse.Namespace, out: str | None) -> None:
    """Raise `UsageError` if a result, or what is printed, would go into a file that the command reads.

    So it does if the result and what is printed would go into one file. Links and other spellings of a name
    make no difference. `out`: where the result goes; None if there is none beside what is printed.
    """
    printed = dict(_printed_into_files())
    outputs = [*printed.items()]
    if out is not None:
        _refuse_own_files(out)
        with suppress(OSError, ValueError):  # it is not there yet, or told elsewhere
            outputs.append((out, Path(out).stat()))
    for what, status in _files_read(args):
        for name, given in outputs:
            if os.path.samestat(status, given):
                raise UsageError(f"{name}: is {what}; choose another file for the result")
    for name, given in printed.items():
        if out is not None and outputs[-1][0] == out and os.path.samestat(outputs[-1][1], given):
            raise UsageError(f"{out}: is where {name} goes; choose another file for the result")


def _printed_into_files() -> Iterator[tuple[str, os.stat_result]]:
    """Yield stdout and stderr where they lead to files."""
    for number, name in _PRINTED.items():
        with suppress(OSError):  # closed
            status = os.fstat(number)
            if stat.S_ISREG(status.st_mode):
                yield name, status


def _files_read(args: argparse.Namespace) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files that a command reads, and what they are to it."""
    named = {what: getattr(args, name, None) for name, what in _READ.items()}
    named["the file of the network"] = args.model.rpartition(":")[0]
    for what, path in named.items():
        with suppress(OSError, ValueError):  # it is not there, or cannot be: told elsewhere
            if path:
                yield what, Path(path).stat()


def _refuse_own_files(out: str) -> None:
    """Raise `UsageError` if a result would replace published weights, or a file of unitdrop itself."""
    from unitdrop.download import cache_folder, hub_folder

    try:
        final = Path(os.path.realpath(out))
        there = final.exists()
    except (OSError, ValueError):
        return
    kept = (os.path.realpath(folder) for folder in (cache_folder(), hub_folder()))
    package = Path(__file__).resolve().parents[1]
    if there and (str(final.parent) in kept or package in final.parents):
        raise UsageError(f"{out}: is a file that unitdrop itself reads; choose another for the result")
