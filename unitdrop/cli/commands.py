"""The command line: `python -m unitdrop --help`.

Exit status: 0; 2 after one line on stderr that says what was wrong and what to do; 130 after Ctrl-C. With
UNITDROP_TRACEBACK=1 in the environment the line is preceded by where it came from. What is heavy (torch,
matplotlib) is imported only by the commands that use it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from unitdrop.checks import expanded
from unitdrop.cli.arguments import parse
from unitdrop.cli.launch import app_command, become, install_command, lab_command
from unitdrop.cli.outputs import refuse_overwriting
from unitdrop.cli.report import describe, printable, table
from unitdrop.errors import UsageError
from unitdrop.notices import listening

if TYPE_CHECKING:
    from unitdrop.sweep import Sweep

_PATHS = {"image", "model", "checkpoint", "labels", "csv", "out"}
_MODELS_NOTE = """
none stated: torchvision gives these weights no licence of their own; the terms of ImageNet apply.
A network of your own: --model FILE.py:NAME, or --checkpoint FILE with the name of its architecture."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; `argv` is what follows the program's name."""
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # of other libraries: nothing that a reader here can act on
            status = _carry_out(sys.argv[1:] if argv is None else list(argv))
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        _silence_stdout()
        return 0
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        if os.environ.get("UNITDROP_TRACEBACK"):
            traceback.print_exc()
        return _complain(_explanation(error), 2)


def _carry_out(argv: list[str]) -> int:
    """Parse the arguments and run the command they name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a label that a terminal lacks must not end this
    try:
        args = parse(argv)
    except SystemExit as stop:  # after --help and --version
        return int(stop.code or 0)
    for name in _PATHS & vars(args).keys():  # a shell leaves `--csv=~/x.csv` as it is
        given = getattr(args, name)
        setattr(args, name, given if given is None else expanded(given))
    args.notes = []
    with listening(partial(_note, args.notes)):
        return COMMANDS[args.command](args)


def _note(told: list[str], text: str) -> None:
    """Print one line on stderr that says what was guessed or noticed, unless it was told before."""
    if text not in told:
        told.append(text)
        if sys.stderr is not None:
            print(f"unitdrop: {printable(text)}", file=sys.stderr)


def _explanation(error: Exception) -> str:
    """Return in one sentence what was wrong and what to do."""
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").startswith("unitdrop"):
            return f"this copy of unitdrop is not whole ({error}); install it again"
        return f"the package {error.name} is not installed; run: {install_command()}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _complain(message: str, status: int) -> int:
    """Print one line on stderr, and return the status."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # a full disk or a closed pipe would speak up again, at length, when the process ends
        _silence_stdout()
    with contextlib.suppress(OSError):
        print(f"unitdrop: {printable(message)}", file=sys.stderr)
    return status


def _silence_stdout() -> None:
    """Let what is still to be printed go nowhere, so that Python does not stumble over it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def print_sweep(args: argparse.Namespace) -> int:
    """Carry out `sweep`: drop units of one image's class and print what happens."""
    alone = _check_csv(args)
    sweep, top = _read_sweep(args), args.top or 0
    record = describe(sweep, args.image, top, args.bottom, args.notes)
    if args.csv is not None:
        _write_csv(args.csv, sweep, alone)
    if args.json:
        print(json.dumps(record, allow_nan=False))
    elif not alone:
        print(table(sweep, args.image, top, args.bottom))
        if args.csv is not None:
            print(f"\nEvery class at every k: {printable(args.csv)}")
    return 0


def _check_csv(args: argparse.Namespace) -> bool:
    """Refuse what `--csv` cannot be; return whether it goes to stdout, where nothing else may stand then."""
    alone = False
    if args.csv is not None:
        from unitdrop.export import destination, own_descriptor

        args.csv = "/dev/stdout" if args.csv == "-" else args.csv
        destination(args.csv)
        alone = own_descriptor(args.csv) == 1
    if alone and args.json:
        raise UsageError(f"--csv {args.csv} and --json: both would be on stdout; give --csv a file")
    refuse_overwriting(args, None if alone else args.csv)
    return alone


def _write_csv(path: str, sweep: Sweep, alone: bool) -> None:
    """Write the table of every class at every k; a reader of stdout who has had enough is no error."""
    from unitdrop.export import ExportError, save_csv

    try:
        save_csv(path, sweep)
    except ExportError as error:
        if alone and isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None
        raise


def write_gif(args: argparse.Namespace) -> int:
    """Carry out `gif`: write the sweep of one image as an animation."""
    from unitdrop.export import check_gif, is_stream, save_gif

    check_gif(args.out, args.frames, args.fps)
    refuse_overwriting(args, args.out)
    sweep = _read_sweep(args)
    sweep.kept(args.top or 0, args.bottom)  # says what is wrong with a window

    from tqdm import tqdm

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache in the first run
    with tqdm(total=args.frames, unit="frame", leave=False, disable=None) as bar:

        def show(done: int, total: int) -> None:
            if total != bar.total or done < bar.n:
                bar.reset(total)
            bar.update(done - bar.n)

        path = save_gif(
            args.out, sweep, frames=args.frames, fps=args.fps, held=args.bottom, last=args.top, progress=show
        )
    if is_stream(path):
        print(f"{printable(path)}: written", file=sys.stderr)
    else:
        print(f"{printable(path)}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _read_sweep(args: argparse.Namespace) -> Sweep:
    """Run the network once on the image and return its sweep. Only the caller prints on stdout."""
    with contextlib.redirect_stdout(sys.stderr):
        from unitdrop.images import load_image

        # Before torch, so that a bad image is told at once.
        pixels = load_image(args.image, value_range=args.value_range)

        from unitdrop.models import load_model
        from unitdrop.sweep import Sweep

        model = load_model(
            args.model,
            checkpoint=args.checkpoint,
            labels=args.labels,
            trust_unpinned=args.trust_unpinned,
            weights=args.weights,
            size=args.size,
        )
        return Sweep(model(pixels), args.target, args.rank, args.scope, args.seed)


def list_models(args: argparse.Namespace) -> int:
    """Carry out `models`: list the networks that --model takes."""
    from unitdrop.models import catalogue

    row = "{:<20} {:>5} {:>7} {:>9}  {:<13} {:<6}  {}"
    print(row.format("name", "units", "classes", "download", "licence", "cached", "about"))
    for entry in catalogue():
        size = "-" if entry.remote is None else f"{entry.size / 1e6:.0f} MB"
        cached = "yes" if entry.cached else "no (incomplete)" if entry.incomplete else "no"
        texts = (printable(text) for text in (entry.licence, cached, entry.about))
        print(row.format(printable(entry.name), entry.units, entry.classes, size, *texts))
    print(_MODELS_NOTE)
    return 0


def open_lab(args: argparse.Namespace) -> int:
    """Carry out `lab`: open the notebook in JupyterLab."""
    return become(*lab_command(args.passed_on))


def serve_app(args: argparse.Namespace) -> int:
    """Carry out `app`: open the panel alone, through Voilà."""
    return become(*app_command(args.passed_on, args.host, args.kernels))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "lab": open_lab,
    "app": serve_app,
    "sweep": print_sweep,
    "gif": write_gif,
    "models": list_models,
}
