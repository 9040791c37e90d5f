"""The command line: `python -m unitdrop --help`.

Exit status: 0; 2 after one line on stderr that says what was wrong and what to do; 130 after Ctrl-C. With
UNITDROP_TRACEBACK=1 in the environment the line is preceded by where it came from. What is heavy (torch,
matplotlib) is imported only by the commands that use it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import textwrap
import traceback
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unitdrop import __version__
from unitdrop.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from unitdrop.sweep import Sweep

PROGRAM = "python -m unitdrop"
NOTEBOOK = Path("notebooks", "unitdrop.ipynb")
APP = Path("notebooks", "app.ipynb")
EXAMPLES = """\
examples:
  python -m unitdrop lab
      open the notebook with the sliders in JupyterLab
  python -m unitdrop lab --no-browser --port 9000
      the same; flags that unitdrop does not know go to JupyterLab
  python -m unitdrop app
      the panel alone, without any code
  python -m unitdrop sweep photo.jpg
      what the network sees, when its prediction flips, and to what
  python -m unitdrop sweep photo.jpg --target beach --top 20
      drop the 20 units that carry "beach" most
  python -m unitdrop sweep photo.jpg --rank random --seed 7 --json
      the control, as one JSON object
  python -m unitdrop gif photo.jpg --out drop.gif
      the sweep as an animation
  python -m unitdrop models
      the networks that --model takes; their weights are downloaded at the first use
  python -m unitdrop sweep photo.jpg --model resnet50
      the same with a network that knows photographs
  python -m unitdrop sweep photo.jpg --model resnet18 --checkpoint mine.pth --labels mine.txt
      with weights of your own
  python -m unitdrop sweep photo.jpg --model nets.py:small
      with a network of your own: small() in nets.py returns it

A mistake ends with status 2 and one line on stderr; with UNITDROP_TRACEBACK=1 in the environment, the
line is preceded by where it came from.
"""
_MODELS_NOTE = """
none stated: torchvision gives these weights no licence of their own; the terms of ImageNet apply.
A network of your own: --model FILE.py:NAME, or --checkpoint FILE with the name of its architecture."""
_ROWS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_LABEL_WIDTH = 28


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; `argv` is what follows the program's name."""
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # of other libraries: nothing that a reader here can act on
            status = _run(sys.argv[1:] if argv is None else list(argv))
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


def _run(argv: list[str]) -> int:
    """Parse the arguments and run the command they name."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a label that the terminal cannot show must not end the program
            stream.reconfigure(errors="backslashreplace")
    try:
        parser = _parser()
        args, unknown = parser.parse_known_args(argv)
        if unknown and args.command not in ("lab", "app"):
            parser.error(f"unknown argument {unknown[0]}")
    except SystemExit as stop:  # after --help and --version
        return int(stop.code or 0)
    return args.run(args, unknown)


def _explanation(error: Exception) -> str:
    """Say in one sentence what was wrong and what to do."""
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").startswith("unitdrop"):
            return f"this copy of unitdrop is not whole ({error}); install it again"
        return f"the package {error.name} is not installed; run: {_pip()}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _pip() -> str:
    """Return the command that installs what unitdrop needs."""
    return f"{Path(sys.executable).name} -m pip install -r requirements.txt"


def _complain(message: str, status: int) -> int:
    """Print one line on stderr; returns the status."""
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


def printable(text: object) -> str:
    r"""Return text as one line without anything that a terminal would obey.

    Labels and file names come from files of others: escape sequences, line breaks and characters that reverse
    the direction of writing are taken out.

    Examples
    --------
    >>> printable("sea\x1b[31m\nside\u202e!")
    'sea?[31m side?!'
    """
    return "".join("?" if unicodedata.category(c)[0] == "C" else c for c in " ".join(str(text).split()))


# -------------------------------------------------------------------------------- arguments


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line each."""

    def error(self, message: str) -> None:
        raise UsageError(f"{message}; see: {self.prog} --help")


def _whole(text: str) -> int:
    """Read a whole number of at least 0."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text[:40]!r}")
    return int(text)


def _number(text: str) -> float:
    """Read a number."""
    try:
        return float(text[:40])
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text[:40]!r}") from None


def _parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    parser = _Parser(
        prog=PROGRAM,
        description="Drop the units behind a class one by one and watch an image classifier change its mind.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"unitdrop {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_lab(commands)
    _add_app(commands)
    _add_sweep(commands)
    _add_gif(commands)
    add = _command(commands, "models", _models, "list the networks that --model takes")
    add.epilog = "example:\n  python -m unitdrop models"
    return parser


def _command(commands, name: str, run, about: str) -> argparse.ArgumentParser:
    """Add a command without arguments so far."""
    command = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    return command


def _add_lab(commands) -> None:
    lab = _command(commands, "lab", _lab, "open the notebook in JupyterLab")
    lab.epilog = (
        "Flags that are not listed here go to JupyterLab (jupyter lab --help lists them).\n\nexample:\n"
        "  python -m unitdrop lab --no-browser --port 9000"
    )


def _add_app(commands) -> None:
    app = _command(commands, "app", _app, "open the panel alone, without code, through Voilà")
    app.epilog = (
        "Flags that are not listed here go to Voilà (python -m voila --help lists them).\n\nexample:\n"
        "  python -m unitdrop app --no-browser --port 9000\n"
        "  python -m unitdrop app --no-browser --Voila.ip=0.0.0.0\n"
        "      for everybody who can reach this machine; there is no password"
    )


def _add_sweep(commands) -> None:
    sweep = _command(commands, "sweep", _sweep, "drop units of one image's class and print what happens")
    _add_choices(sweep, top="drop the K most important units (0)")
    sweep.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    sweep.add_argument("--csv", metavar="FILE", help="also write the probability of every class for every k")
    sweep.epilog = "example:\n  python -m unitdrop sweep photo.jpg --target beach --top 20 --json"


def _add_gif(commands) -> None:
    gif = _command(commands, "gif", _gif, "write the sweep of one image as an animation")
    _add_choices(gif, top="the last k that is shown (well past the flip)")
    gif.add_argument("--out", metavar="FILE.gif", required=True, help="the file to write or to replace")
    gif.add_argument("--frames", type=_whole, default=60, metavar="N", help="at most so many frames (60)")
    gif.add_argument("--fps", type=_number, default=12, metavar="F", help="frames a second, 0.1 to 50 (12)")
    gif.epilog = (
        "The J least important units stay dropped throughout.\n\n"
        "example:\n  python -m unitdrop gif photo.jpg --out drop.gif --rank contribution --fps 8"
    )


def _add_choices(command: argparse.ArgumentParser, top: str) -> None:
    """Add what tells one sweep: image, network, target, ranking, scope, window."""
    from unitdrop.sweep import RANKINGS, SCOPES

    add = command.add_argument
    add("image", metavar="IMAGE", help="an image file (JPEG, PNG, GIF, WebP, BMP or TIFF)")
    add(
        "--model",
        default="scenes",
        metavar="M",
        help="the network (scenes): a name, see: models; or FILE.py:NAME",
    )
    add(
        "--checkpoint",
        metavar="FILE",
        help="weights for it: .pth, .pt, .tar, .th, .safetensors (the published ones)",
    )
    add("--labels", metavar="FILE", help="class names, one a line, in the network's order")
    add(
        "--trust-unpinned",
        action="store_true",
        help="download weights for which no sha256 has been published",
    )
    add("--target", metavar="NAME|INDEX", help="the class whose units are dropped (the prediction)")
    add("--rank", default="weight", choices=RANKINGS, help="the order of dropping (weight)")
    add("--seed", type=_whole, default=0, metavar="S", help="of the ranking random (0)")
    add("--scope", default="unit", choices=SCOPES, help="silence units for every class or the target (unit)")
    add("--top", type=_whole, metavar="K", help=top)
    add("--bottom", type=_whole, default=0, metavar="J", help="drop the J least important units (0)")


# -------------------------------------------------------------------------------- sweep, gif


def _read_sweep(args: argparse.Namespace) -> Sweep:
    """Run the network once on the image. Only the caller prints on stdout."""
    with contextlib.redirect_stdout(sys.stderr):
        from unitdrop.images import load_image

        pixels = load_image(args.image)  # before torch, so that a bad image is told at once

        from unitdrop.models import load_model
        from unitdrop.sweep import Sweep

        model = load_model(
            args.model, checkpoint=args.checkpoint, labels=args.labels, trust_unpinned=args.trust_unpinned
        )
        return Sweep(model(pixels), args.target, args.rank, args.scope, args.seed)


def _refuse_overwriting(image: str, out: str) -> None:
    """Raise `UsageError` if a result would replace the image it comes from."""
    try:
        same = os.path.samefile(image, out)
    except (OSError, ValueError):  # one of them does not exist, or cannot: told elsewhere
        return
    if same:
        raise UsageError(f"{out}: is the image itself; choose another file for the result")


def _sweep(args: argparse.Namespace, unknown: list[str]) -> int:
    """Carry out the command `sweep`."""
    if args.csv is not None:
        from unitdrop.export import destination, save_csv

        destination(args.csv)
        _refuse_overwriting(args.image, args.csv)
    sweep, top = _read_sweep(args), args.top or 0
    record = describe(sweep, args.image, top, args.bottom)
    if args.csv is not None:
        save_csv(args.csv, sweep)
    if args.json:
        print(json.dumps(record, allow_nan=False))
    else:
        print(table(sweep, args.image, top, args.bottom))
        if args.csv is not None:
            print(f"\nEvery class at every k: {printable(args.csv)}")
    return 0


def _gif(args: argparse.Namespace, unknown: list[str]) -> int:
    """Carry out the command `gif`."""
    from unitdrop.export import check_gif, save_gif

    check_gif(args.out, args.frames, args.fps)
    _refuse_overwriting(args.image, args.out)
    sweep = _read_sweep(args)
    sweep.kept(args.top or 0, args.bottom)  # says what is wrong with a window

    from tqdm import tqdm

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache in the first run
    with tqdm(total=args.frames, unit="frame", leave=False, disable=None) as bar:

        def show(done: int, total: int) -> None:
            if total != bar.total or done < bar.n:
                bar.reset(total)
            bar.update(done - bar.n)

        save_gif(
            args.out, sweep, frames=args.frames, fps=args.fps, held=args.bottom, last=args.top, progress=show
        )
    print(f"{printable(args.out)}: {os.path.getsize(args.out) / 1e6:.1f} MB")
    return 0


def _plain(value: float) -> float:
    """Return a float32 as the shortest float that tells it apart from its neighbours (9 digits)."""
    return float(f"{float(value):.9g}")


def _leaders(sweep: Sweep, probabilities: np.ndarray, count: int = 5) -> list[dict]:
    """Return the most probable classes, best first, the lower index first among equals."""
    order = (-probabilities).argsort(kind="stable")[:count]
    labels = sweep.readout.labels
    return [{"index": int(c), "label": labels[c], "probability": _plain(probabilities[c])} for c in order]


def describe(sweep: Sweep, image: str, top: int = 0, bottom: int = 0) -> dict:
    """Return what `sweep --json` prints, as plain Python values.

    `curve` holds the target's probability when the top k = 0..U units are dropped; `at` the five most
    probable classes at the window.
    """
    flip, smallest = sweep.flip, sweep.smallest_flip
    return {
        "model": sweep.readout.model,
        "image": str(image),
        "units": sweep.units,
        "target": {"index": sweep.target, "label": sweep.label},
        "rank": sweep.rank,
        "scope": sweep.scope,
        "flip": flip
        and {"k": flip.k, "index": flip.index, "label": flip.label, "probability": _plain(flip.probability)},
        "smallest_flip": smallest
        and {
            "count": smallest.count,
            "units": list(smallest.units),
            "index": smallest.index,
            "label": smallest.label,
        },
        "at": {"top": top, "bottom": bottom, "top5": _leaders(sweep, sweep.probabilities(top, bottom))},
        "curve": [_plain(p) for p in sweep.curve[:, sweep.target]],
    }


def table(sweep: Sweep, image: str, top: int = 0, bottom: int = 0) -> str:
    """Return what `sweep` prints for people.

    The five most probable classes of the intact network stand beside those at the window; with nothing
    dropped, beside those at the flip.
    """
    readout = sweep.readout
    seed = f" (seed {sweep.seed})" if sweep.rank == "random" else ""
    target = f"target {printable(sweep.label)} (index {sweep.target})"
    head = [
        f"{printable(image)} on {printable(readout.model)}: {sweep.units} units, {readout.classes} classes",
        f"{target}, ranking {sweep.rank}{seed}, scope {sweep.scope}",
    ]
    rest = ["From here on nothing is dropped from the bottom:"] if bottom else []
    parts = (head, _compared(sweep, top, bottom), [*rest, *_flips(sweep)], _course(sweep, top))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _short(label: str) -> str:
    """Return a label that fits its column."""
    clean = printable(label)
    return clean if len(clean) <= _LABEL_WIDTH else clean[: _LABEL_WIDTH - 1] + "…"


def _compared(sweep: Sweep, top: int, bottom: int) -> list[str]:
    """Return the lines of the most probable classes, intact and at the window (or the flip)."""
    title = f"top {top}, bottom {bottom} dropped"
    if not top and not bottom and sweep.flip is not None:
        top, title = sweep.flip.k, f"at the flip, top {sweep.flip.k} dropped"
    sides = [_leaders(sweep, sweep.probabilities()), _leaders(sweep, sweep.probabilities(top, bottom))]
    lines = [f"   {'intact':<{_LABEL_WIDTH + 7}}   {title}"]
    for place, pair in enumerate(zip(*sides, strict=True), 1):
        cells = (f"{_short(c['label']):<{_LABEL_WIDTH}} {c['probability']:.4f}" for c in pair)
        lines.append(f"{place}  " + "   ".join(cells))
    return lines


def _flips(sweep: Sweep) -> list[str]:
    """Return the lines that tell the flip and the smallest flip."""
    flip, smallest = sweep.flip, sweep.smallest_flip
    if flip is None:
        first = f"flip           none: {printable(sweep.label)} stays on top to the end"
    elif flip.k == 0:
        first = f"flip           the target is not the prediction, which is {printable(flip.label)}"
    else:
        first = f"flip           at k = {flip.k}, to {printable(flip.label)} with {flip.probability:.4f}"
    if smallest is None:
        return [first, "smallest flip  none: no set of units changes the prediction"]
    many = "s" if smallest.count > 1 else ""
    units = f"unit{many} {', '.join(map(str, smallest.units))}"
    second = f"smallest flip  {smallest.count} unit{many}, to {printable(smallest.label)}: {units}"
    return [first, *textwrap.wrap(second, 100, initial_indent="", subsequent_indent=" " * 15)]


def _course(sweep: Sweep, top: int) -> list[str]:
    """Return the lines for some k: the weight last dropped, the target's probability, the prediction."""
    flip = sweep.flip.k if sweep.flip else 0
    wanted = sorted({k for k in (*_ROWS, flip, top, sweep.units) if k <= sweep.units})
    lines = [f"{'k':>5}  {'weight':>9}  {'p(target)':>9}  prediction"]
    for k in wanted:
        weight = f"{sweep.threshold(k):.4f}" if k else ""
        winner = _short(sweep.readout.labels[sweep.prediction(k)])
        mark = "  <- flip" if k and k == flip else ""
        lines.append(f"{k:>5}  {weight:>9}  {sweep.curve[k, sweep.target]:>9.4f}  {winner}{mark}")
    return lines


# -------------------------------------------------------------------------------- models, lab, app


def _models(args: argparse.Namespace, unknown: list[str]) -> int:
    """Carry out the command `models`."""
    from unitdrop.models import catalogue

    row = "{:<20} {:>5} {:>7} {:>9}  {:<13} {:<6}  {}"
    print(row.format("name", "units", "classes", "download", "licence", "cached", "about"))
    for entry in catalogue():
        size = "-" if entry.remote is None else f"{entry.size / 1e6:.0f} MB"
        cached = "yes" if entry.cached else "no"
        texts = (printable(text) for text in (entry.licence, cached, entry.about))
        print(row.format(printable(entry.name), entry.units, entry.classes, size, *texts))
    print(_MODELS_NOTE)
    return 0


def _notebook(path: Path, command: str) -> tuple[Path, Path | None]:
    """Return a notebook and the folder to put on the kernel's path (None: unitdrop is installed)."""
    root = Path(__file__).resolve().parents[2]
    if (root / path).is_file():
        return root / path, root
    if path.is_file():
        return path.resolve(), None
    raise UsageError(
        f"there is no {path} here, and the installed package does not hold it; "
        f"get a copy of the repository and run '{PROGRAM} {command}' in its folder"
    )


def _environment(root: Path | None) -> dict[str, str]:
    """Return the environment in which a kernel finds the package in a folder (None: it is installed)."""
    environment = dict(os.environ)
    if root is not None:
        paths = [str(root), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def lab_command(extra: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment that open the notebook in JupyterLab.

    Raises
    ------
    UsageError
        The notebook or JupyterLab is missing.
    """
    notebook, root = _notebook(NOTEBOOK, "lab")
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError(f"JupyterLab is not installed; run: {_pip()}")
    extra = [flag for flag in extra if flag != "--"]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in extra:
        extra.append("--allow-root")  # in a container one is root, and JupyterLab would refuse
    return [sys.executable, "-m", "jupyterlab", str(notebook), *extra], _environment(root)


def app_command(extra: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment that serve the panel alone, through Voilà.

    Raises
    ------
    UsageError
        The notebook or Voilà is missing.
    """
    notebook, root = _notebook(APP, "app")
    if importlib.util.find_spec("voila") is None:
        raise UsageError(f"Voilà is not installed; run: {_pip()}")
    # Voilà lets root in without being asked, and does not know the flag that others ask for.
    extra = [flag for flag in extra if flag not in ("--", "--allow-root")]
    # Voilà does not learn that a page was left: a kernel that nobody is connected to ends by itself.
    cull = [f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout=300", "interval=60")]
    return [sys.executable, "-m", "voila", str(notebook), *cull, *extra], _environment(root)


def _lab(args: argparse.Namespace, unknown: list[str]) -> int:
    """Carry out the command `lab`."""
    return _become(*lab_command(unknown))


def _app(args: argparse.Namespace, unknown: list[str]) -> int:
    """Carry out the command `app`."""
    return _become(*app_command(unknown))


def _become(command: list[str], environment: dict[str, str]) -> int:
    """Become another program, whose exit status is then ours."""
    sys.stdout.flush()
    if os.name == "posix":  # so that Ctrl-C and signals reach that program itself
        return os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)
