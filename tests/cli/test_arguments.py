"""What can be typed: help and version without anything heavy, and mistakes that are told in one line."""

from pathlib import Path

import pytest
from helpers.commandline import loaded, refused, run

import unitdrop


@pytest.mark.parametrize("words", [["-h"], ["sweep", "-h"], ["gif", "-h"], ["lab", "-h"], ["models", "-h"]])
def test_help_gives_an_example(capsys, words):
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "") and "example" in out and "python -m unitdrop" in out


def test_the_version_is_told(capsys):
    assert run(capsys, "--version")[:2] == (0, f"unitdrop {unitdrop.__version__}\n")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["sweep", "-h"], ["gif", "-h"], ["sweep"]])
def test_help_and_mistakes_load_nothing_heavy(words):
    heavy = {"torch", "torchvision", "matplotlib", "cv2", "tqdm", "IPython"}
    modules = loaded("main()", *words)
    assert "argparse" in modules and not heavy & modules


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "COMMAND"),
        (["swep"], "invalid choice: 'swep'"),
        (["sweep"], "IMAGE"),
        (["sweep", "missing.png"], "missing.png"),
        (["sweep", "."], "."),
        (["sweep", "text.png"], "text.png"),
        (["sweep", "photo.png", "other.png"], "unknown argument other.png"),
        (["sweep", "photo.png", "--tops", "3"], "unknown argument --tops"),
        (["sweep", "photo.png", "--jso"], "unknown argument --jso"),
        (["sweep", "photo.png", "--target", "baech"], "'beach'"),
        (["sweep", "photo.png", "--target", "99"], "0 to 5"),
        (["sweep", "photo.png", "--target", "-1"], "0 to 5"),
        (["sweep", "photo.png", "--target", ""], "target"),
        (["sweep", "photo.png", "--model", "resnet18"], "'resnet18' is unknown; choose one of scenes"),
        (["sweep", "photo.png", "--rank", "height"], "choose from"),
        (["sweep", "photo.png", "--scope", "all"], "choose from"),
        (["sweep", "photo.png", "--top", "13"], "U = 12"),
        (["sweep", "photo.png", "--top", "7", "--bottom", "6"], "U = 12"),
        (["sweep", "photo.png", "--top", "-3"], "--top: expected a whole number of at least 0, got '-3'"),
        (["sweep", "photo.png", "--top", "many"], "got 'many'"),
        (["sweep", "photo.png", "--top", "1e3"], "got '1e3'"),
        (["sweep", "photo.png", "--top", "\u0663"], "whole number"),
        (["sweep", "photo.png", "--bottom", "9" * 5000], "whole number"),
        (["sweep", "photo.png", "--seed", "1.5"], "--seed: expected a whole number"),
        (["sweep", "photo.png", "--size", "0"], "--size: expected a whole number from 1 to 4096, got '0'"),
        (["sweep", "photo.png", "--size", "-32"], "from 1 to 4096, got '-32'"),
        (["sweep", "photo.png", "--size", "4097"], "from 1 to 4096, got '4097'"),
        (["sweep", "photo.png", "--size", "32.0"], "got '32.0'"),
        (["gif", "photo.png", "--out", "drop.gif", "--size", "9" * 5000], "from 1 to 4096"),
        (["sweep", "photo.png", "--value-range", "5"], "--value-range: expected 2 arguments"),
        (["sweep", "photo.png", "--value-range", "0", "many"], "expected a number, got 'many'"),
        (["sweep", "photo.png", "--value-range", "-1e3", "-5e3"], "value_range: expected (black, white)"),
        (["gif", "photo.png", "--out", "drop.gif", "--value-range", "0", "nan"], "finite and rising"),
        (["sweep", "photo.png", "--csv", "missing/out.csv"], "no folder"),
        (["sweep", "photo.png", "--csv", "."], "is a folder"),
        (["sweep", "photo.png", "--csv", ""], "folder"),
        (["sweep", "photo.png", "--csv", "photo.png"], "is the image itself"),
        (["gif", "photo.png"], "--out"),
        (["gif", "photo.png", "--out", "drop.mp4"], "ends in .gif"),
        (["gif", "photo.png", "--out", "missing/drop.gif"], "no folder"),
        (["gif", "photo.png", "--out", "drop.gif", "--frames", "2"], "at least 3"),
        (["gif", "photo.png", "--out", "drop.gif", "--fps", "nan"], "0.1 to 50"),
        (["gif", "photo.png", "--out", "drop.gif", "--fps", "fast"], "expected a number, got 'fast'"),
        (["gif", "photo.png", "--out", "drop.gif", "--top", "13"], "U = 12"),
        (["gif", "missing.png", "--out", "drop.gif"], "missing.png"),
        (["models", "extra"], "unknown argument extra"),
        (["sweep", "evil\x1b[2J\nname\u202e.png"], "evil"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_writes_nothing(capsys, photo, words, hint):
    Path("text.png").write_text("no image")
    before = sorted(Path().iterdir())
    assert hint in refused(capsys, *words)
    assert sorted(Path().iterdir()) == before
