"""What can be typed after `python -m unitdrop`: the commands, their options and their help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from unitdrop import __version__
from unitdrop.errors import UsageError

PROGRAM = "python -m unitdrop"
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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of one command; `passed_on` lists those that are for JupyterLab or Voilà.

    Raises
    ------
    UsageError
        They cannot be understood.
    SystemExit
        They ask for the help or the version, which is then printed.
    """
    parser = _make_parser()
    args, args.passed_on = parser.parse_known_args(_with_numbers(argv))
    if args.passed_on and args.command not in ("lab", "app"):
        parser.error(f"unknown argument {args.passed_on[0]}")
    return args


def _with_numbers(argv: Sequence[str]) -> list[str]:
    """Return the arguments with the numbers of --value-range made unlike options, such as -1e3."""
    argv = list(argv)
    if "--value-range" in argv:
        first = argv.index("--value-range") + 1
        argv[first : first + 2] = [
            f" {text}" if re.match(r"-[0-9.]", text) else text for text in argv[first : first + 2]
        ]
    return argv


class _OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line each."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see: {self.prog} --help")


def _whole_argument(text: str) -> int:
    """Return a whole number of at least 0 as an int."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text[:40]!r}")
    return int(text)


def _size_argument(text: str) -> int:
    """Return the side of an input, 1 to 4096, as an int."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 4096, got {text[:40]!r}")
    return int(text)


def _number_argument(text: str) -> float:
    """Return a number as a float."""
    try:
        return float(text[:40])
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text[:40]!r}") from None


def _make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _OneLineParser(
        prog=PROGRAM,
        description="Drop the units behind a class one by one and watch an image classifier change its mind.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"unitdrop {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_OneLineParser
    )
    _add_lab(commands)
    _add_app(commands)
    _add_sweep(commands)
    _add_gif(commands)
    models = _add_command(commands, "models", "list the networks that --model takes")
    models.epilog = "example:\n  python -m unitdrop models"
    return parser


def _add_command(commands, name: str, about: str) -> argparse.ArgumentParser:
    """Add a command, without arguments so far, and return its parser."""
    return commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_lab(commands) -> None:
    lab = _add_command(commands, "lab", "open the notebook in JupyterLab")
    lab.epilog = (
        "Flags that are not listed here go to JupyterLab (jupyter lab --help lists them).\n\nexample:\n"
        "  python -m unitdrop lab --no-browser --port 9000"
    )


_ABOUT_APP = """\
Flags that are not listed here go to Voilà (python -m voila --help lists them); those that would undo what
follows are refused.

The address that is printed holds a token, and only who has it gets in. A page shows the samples and the
networks that are on this machine; it takes images from the browser (64 MB in all), gives pictures to it, and
neither reads nor writes another file here. A page that is left ends after two minutes, or when somebody else
waits for its place.

What remains: whoever has the token uses this machine's processor, and of its memory 4 GB at most for each
page (on Linux) and 1 GB while a picture is decoded. Who has none may still open many connections. What is
sent is not encrypted: for others than you, put a proxy with https in front, which passes the Host on. A page
can set any value of any widget of its own panel, also one that it does not show. A token of your own,
--token=WORD, can be read in this machine's list of processes; the random one cannot.

examples:
  python -m unitdrop app --no-browser --port 9000
  python -m unitdrop app --no-browser --ip 0.0.0.0 --host lab.example.org --kernels 8
      for others who reach this machine by that name and are told the token
"""


def _add_app(commands) -> None:
    app = _add_command(commands, "app", "open the panel alone, without code, through Voilà")
    app.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address by which others reach it, beside localhost and 127.0.0.1; may be repeated",
    )
    app.add_argument(
        "--kernels", type=_whole_argument, default=4, metavar="N", help="so many pages at once at most (4)"
    )
    app.epilog = _ABOUT_APP


def _add_sweep(commands) -> None:
    sweep = _add_command(commands, "sweep", "drop units of one image's class and print what happens")
    _add_choices(sweep, top="drop the K most important units (0)")
    sweep.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    sweep.add_argument(
        "--csv",
        metavar="FILE",
        help="also write the probability of every class for every k; - for stdout, in the table's place",
    )
    sweep.epilog = "example:\n  python -m unitdrop sweep photo.jpg --target beach --top 20 --json"


def _add_gif(commands) -> None:
    gif = _add_command(commands, "gif", "write the sweep of one image as an animation")
    _add_choices(gif, top="the last k that is shown (well past the flip)")
    gif.add_argument("--out", metavar="FILE.gif", required=True, help="the file to write or to replace")
    gif.add_argument(
        "--frames", type=_whole_argument, default=60, metavar="N", help="at most so many frames (60)"
    )
    gif.add_argument(
        "--fps", type=_number_argument, default=12, metavar="F", help="frames a second, 0.1 to 50 (12)"
    )
    gif.epilog = (
        "The J least important units stay dropped throughout.\n\n"
        "example:\n  python -m unitdrop gif photo.jpg --out drop.gif --rank contribution --fps 8"
    )


def _add_network(command: argparse.ArgumentParser) -> None:
    """Add what tells the network."""
    add = command.add_argument
    add(
        "--model",
        default="scenes",
        metavar="M",
        help="the network (scenes): a name, see: models; or FILE.py:NAME, whose file is run",
    )
    add(
        "--checkpoint",
        metavar="FILE",
        help="weights for it: .pth, .pt, .tar, .th, .safetensors (the published ones)",
    )
    add(
        "--weights",
        metavar="KEY",
        help="where they lie in that file, if it holds several, such as model_ema (the customary ones)",
    )
    words = "class names: one a line in the network's order, a list or map in JSON or YAML, or a table"
    add("--labels", metavar="FILE", help=words)
    add(
        "--trust-unpinned",
        action="store_true",
        help="download weights for which no sha256 has been published",
    )
    add(
        "--size",
        type=_size_argument,
        metavar="N",
        help="side of the network's input, in pixels (its own; 224 for one of FILE.py that says none)",
    )


def _add_choices(command: argparse.ArgumentParser, top: str) -> None:
    """Add what tells one sweep: image, network, target, ranking, scope, window."""
    from unitdrop.sweep import RANKINGS, SCOPES

    add = command.add_argument
    add("image", metavar="IMAGE", help="an image file (JPEG, PNG, GIF, WebP, AVIF, BMP or TIFF)")
    add(
        "--value-range",
        nargs=2,
        type=_number_argument,
        metavar=("LO", "HI"),
        help="what is black and what is white in a picture of over 8 bits, such as 0 4095 (by its depth)",
    )
    _add_network(command)
    add("--target", metavar="NAME|INDEX", help="the class whose units are dropped (the prediction)")
    add("--rank", default="weight", choices=RANKINGS, help="the order of dropping (weight)")
    add("--seed", type=_whole_argument, default=0, metavar="S", help="of the ranking random (0)")
    add("--scope", default="unit", choices=SCOPES, help="silence units for every class or the target (unit)")
    add("--top", type=_whole_argument, metavar="K", help=top)
    add("--bottom", type=_whole_argument, default=0, metavar="J", help="drop the J least important units (0)")
