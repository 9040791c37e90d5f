"""The command line: what it prints, what it writes, and how it says no."""

import csv
import json
import math
import os
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.commandline import LABELS, in_process, loaded, posix_only, python_m, refused, run, samples, toy
from PIL import Image

from unitdrop.cli import commands, main


def test_the_csv_holds_every_class_for_every_k(capsys, photo):
    status, out, err = run(capsys, "sweep", photo, "--csv", "all.csv", "--json")
    assert (status, err) == (0, "") and json.loads(out)
    with Path("all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 14 and len(rows[0]) == 3 + len(LABELS)
    assert "Every class at every k: all.csv" in run(capsys, "sweep", photo, "--csv", "all.csv")[1]


@pytest.mark.parametrize("words", [["sweep"], ["gif", "--out", "drop.gif", "--frames", 3]])
def test_a_picture_that_comes_out_nearly_black_is_told_until_its_range_is_given(capsys, photo, words):
    grey = np.asarray(Image.open(photo).convert("L")).astype(np.uint16) * 16
    Image.fromarray(grey).save("twelve.png")
    status, _, err = run(capsys, *words, "twelve.png")
    assert status == 0 and err.startswith("unitdrop: twelve.png: came out nearly black")
    assert "--value-range 0 4095" in err and err.count("\n") == 1
    for low in ("0", "-1e2", "-.5"):
        assert run(capsys, *words, "twelve.png", "--value-range", low, "4095")[::2] == (0, "")


def test_a_gif_is_written_and_its_size_told(capsys, photo):
    status, out, err = run(capsys, "gif", photo, "--out", "drop.gif", "--frames", 4, "--fps", 20)
    assert (status, err) == (0, "") and re.fullmatch(r"drop\.gif: 0\.\d MB\n", out)
    with Image.open("drop.gif") as picture:
        assert picture.n_frames == 4 and picture.size == (900, 500)


def test_a_gif_ends_where_it_is_told_to(capsys, photo):
    assert run(capsys, "gif", photo, "--out", "drop.gif", "--top", 2, "--bottom", 1)[0] == 0
    with Image.open("drop.gif") as picture:
        assert picture.n_frames == 3


@posix_only
def test_on_a_terminal_a_bar_shows_the_progress(photo):
    import fcntl
    import pty
    import struct
    import termios

    control, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    words = ("gif", photo, "--out", "drop.gif", "--frames", 6)
    process = in_process("sys.exit(main())", *words, stderr=terminal)
    out, _ = process.communicate()
    os.close(terminal)
    shown = os.read(control, 1 << 16).decode()
    os.close(control)
    assert process.returncode == 0 and out.startswith("drop.gif: ")
    assert "0/6" in shown and "frame" in shown


def test_the_networks_are_listed(capsys, photo):
    status, out, _ = run(capsys, "models")
    header, line, _, *notes = out.splitlines()
    assert status == 0 and header.split()[0] == "name"
    assert line.split() == ["scenes", "12", "6", "2", "MB", "MIT", "yes", "a", "toy"]
    assert "FILE.py:NAME" in notes[-1]


def test_a_sweep_draws_nothing(photo):
    modules = loaded("main()", "sweep", photo, "--json")
    assert "unitdrop.sweep" in modules
    assert not {"matplotlib", "cv2", "tqdm", "ipywidgets", "unitdrop.drawing"} & modules


def test_an_animation_is_not_written_over_the_image_it_comes_from(capsys, photo):
    Image.open(photo).save("photo.gif")
    before = Path("photo.gif").read_bytes()
    assert "is the image itself" in refused(capsys, "gif", "photo.gif", "--out", "./photo.gif")
    assert Path("photo.gif").read_bytes() == before


def test_a_missing_package_is_named_with_the_command_that_installs_it(capsys, photo, monkeypatch):
    monkeypatch.delitem(sys.modules, "unitdrop.models")
    monkeypatch.setitem(sys.modules, "torch", None)  # how Python notes that an import must fail
    for name in [name for name in sys.modules if name.startswith(("unitdrop.models.", "unitdrop.scenes"))]:
        monkeypatch.delitem(sys.modules, name)
    line = refused(capsys, "sweep", photo)
    assert "torch" in line and "pip install -r requirements.txt" in line


def test_where_an_error_came_from_is_told_on_request(capsys, photo, monkeypatch):
    monkeypatch.setenv("UNITDROP_TRACEBACK", "1")
    status, _, err = run(capsys, "sweep", "missing.png")
    assert status == 2 and "Traceback" in err and err.splitlines()[-1].startswith("unitdrop: ")


def test_a_bug_is_not_passed_off_as_a_mistake(photo, monkeypatch):
    monkeypatch.setattr(commands, "describe", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["sweep", photo])


def test_what_other_libraries_print_does_not_reach_stdout(capsys, photo, monkeypatch):
    module = toy()
    load = module.load_model
    module.load_model = lambda name, **choices: print("hello from a library") or load(name)
    monkeypatch.setitem(sys.modules, "unitdrop.models", module)
    status, out, err = run(capsys, "sweep", photo, "--json")
    assert status == 0 and json.loads(out) and "hello" in err


@posix_only
@pytest.mark.parametrize("words", [["sweep", "photo.png"], ["--help"]])
def test_a_reader_who_leaves_early_is_no_error(photo, words):
    process = in_process("import time; time.sleep(0.2); sys.exit(main())", *words)
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_stdout_is_told_in_one_line(photo):
    with Path("/dev/full").open("w") as full:
        process = in_process("sys.exit(main())", "sweep", photo, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 2 and err.count("\n") == 1 and "No space left" in err


@posix_only
def test_ctrl_c_ends_with_130_and_one_line(photo):
    slow = "import time\ndef wait(name, **choices):\n"
    slow += "    print('ready', flush=True, file=sys.__stdout__)\n    time.sleep(60)\n"
    slow += "sys.modules['unitdrop.models'].load_model = wait\nsys.exit(main())"
    process = in_process(slow, "sweep", photo)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "unitdrop: interrupted\n")


def test_a_terminal_that_knows_ascii_only_gets_a_table_too(photo):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = in_process("sys.exit(main())", "sweep", photo, env=environment)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "") and "beach" in out


def test_end_to_end_a_sample_image_is_swept_on_the_embedded_network():
    done = python_m("sweep", samples()[0], "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert record["model"] == "scenes" and record["units"] == 256
    assert len(record["curve"]) == 257 and all(math.isfinite(p) and 0 <= p <= 1 for p in record["curve"])
    assert record["curve"][0] == record["at"]["top5"][0]["probability"]
    assert record["flip"]["index"] != record["target"]["index"]
    assert record["smallest_flip"]["count"] <= record["flip"]["k"]


def test_end_to_end_a_sample_image_becomes_a_gif_that_plays(tmp_path):
    path = tmp_path / "drop.gif"
    done = python_m("gif", samples()[-1], "--out", path)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(path) as picture:
        assert picture.n_frames > 5 and picture.size == (900, 500) and picture.info["loop"] == 0
    assert path.stat().st_size <= 5_000_000


def test_end_to_end_the_embedded_network_is_listed():
    done = python_m("models")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.splitlines()[1].startswith("scenes ")
