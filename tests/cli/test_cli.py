"""The command line: what it prints, what it writes, and how it says no."""

import csv
import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unitdrop
from unitdrop.cli import commands as cli
from unitdrop.images import load_image
from unitdrop.readout import Readout
from unitdrop.sweep import RANKINGS, Sweep

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("beach", "lake", "diner/outdoor", "evil\x1b[31m\n\u202elabel", "river", "farm")
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals, terminals and pipes of POSIX")


def toy(units=12, labels=LABELS, lead=-1.0):
    """A stand-in for `unitdrop.models`, without torch: class 0 leads until some units are gone."""

    class Error(ValueError):
        pass

    def load_model(name="scenes", **choices):
        module.choices = choices
        if name != "scenes":
            raise Error(f"model {name!r} is unknown; choose one of scenes")

        def model(image):
            rng = np.random.default_rng(0)
            weight = rng.normal(0, 0.3, (len(labels), units))
            weight[0] += 0.5
            bias = np.zeros(len(labels))
            bias[0] = lead
            maps = rng.exponential(1, (units, 3, 4))
            return Readout(maps, weight, bias, labels, load_image(image), "scenes")

        return model

    entry = types.SimpleNamespace(name="scenes", about="a toy", units=units, classes=len(labels))
    entry.size, entry.licence, entry.cached, entry.remote = 2_500_000, "MIT", True, object()
    module = types.ModuleType("unitdrop.models")
    module.load_model, module.catalogue = load_model, lambda: (entry,)
    return module


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo in the current folder, and the toy as the network."""
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy())
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)).save("photo.png")
    return "photo.png"


def run(capsys, *words):
    """Status, stdout and stderr of a command."""
    status = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys, *words):
    """The one line with which a command is refused."""
    status, out, err = run(capsys, *words)
    assert status == 2 and out == ""
    assert err.endswith("\n") and err.count("\n") == 1 and err.startswith("unitdrop: ")
    assert "Traceback" not in err and err.isprintable() is False and err[:-1].isprintable()
    return err


def in_process(code, *words, **options):
    """Start a process of its own in which `code` can run the command line, on the toy."""
    paths = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "cli")]
    start = f"import sys; sys.path[:0] = {paths!r}; import test_cli\n"
    start += "sys.modules['unitdrop.models'] = test_cli.toy()\nfrom unitdrop.cli import commands as cli\n"
    command = [sys.executable, "-c", start + code, *map(str, words)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, **options)


def loaded(code, *words):
    """Names of all modules that a process has loaded after running `code`."""
    process = in_process(f"{code}\nprint('loaded', *sys.modules, file=sys.stderr)", *words)
    return set(process.communicate()[1].splitlines()[-1].split())


# sweep


def test_json_is_one_object_with_the_agreed_fields(capsys, photo):
    status, out, err = run(capsys, "sweep", photo, "--json", "--top", 2, "--bottom", 3)
    record, sweep = json.loads(out), Sweep(toy().load_model()(photo))
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert list(record) == [
        "model",
        "image",
        "units",
        "target",
        "rank",
        "scope",
        "flip",
        "smallest_flip",
        "at",
        "curve",
    ]
    assert (record["model"], record["image"], record["units"]) == ("scenes", photo, 12)
    assert record["target"] == {"index": 0, "label": "beach"}
    assert (record["rank"], record["scope"]) == ("weight", "unit")
    flip, smallest = sweep.flip, sweep.smallest_flip
    probability = pytest.approx(flip.probability)
    expected = {"k": flip.k, "index": flip.index, "label": flip.label, "probability": probability}
    assert record["flip"] == expected
    units = list(smallest.units)
    expected = {"count": smallest.count, "units": units, "index": smallest.index, "label": smallest.label}
    assert record["smallest_flip"] == expected
    assert (record["at"]["top"], record["at"]["bottom"]) == (2, 3)


def test_json_numbers_are_those_of_the_sweep_to_the_last_bit(capsys, photo):
    record = json.loads(run(capsys, "sweep", photo, "--json", "--top", 2)[1])
    sweep = Sweep(toy().load_model()(photo))
    assert np.array_equal(np.array(record["curve"], np.float32), sweep.curve[:, 0])
    five = record["at"]["top5"]
    probabilities = sweep.probabilities(2)
    assert [c["index"] for c in five] == list(np.argsort(-probabilities, kind="stable")[:5])
    assert [np.float32(c["probability"]) for c in five] == [probabilities[c["index"]] for c in five]
    assert [c["label"] for c in five] == [LABELS[c["index"]] for c in five]


def test_nothing_dropped_is_the_window_unless_told(capsys, photo):
    at = json.loads(run(capsys, "sweep", photo, "--json")[1])["at"]
    assert (at["top"], at["bottom"], at["top5"][0]["label"]) == (0, 0, "beach")


def test_where_nothing_flips_json_says_null(capsys, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(lead=1000))
    record = json.loads(run(capsys, "sweep", photo, "--json")[1])
    assert record["flip"] is None and record["smallest_flip"] is None
    _, out, _ = run(capsys, "sweep", photo)
    assert "flip           none: beach stays on top" in out and "no set of units changes" in out


def test_fewer_than_five_classes_give_fewer_lines(capsys, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(labels=LABELS[:2]))
    assert len(json.loads(run(capsys, "sweep", photo, "--json")[1])["at"]["top5"]) == 2
    assert run(capsys, "sweep", photo)[0] == 0


@pytest.mark.parametrize("rank", RANKINGS)
@pytest.mark.parametrize("scope", ["unit", "class"])
def test_every_choice_reaches_the_sweep(capsys, photo, rank, scope):
    words = ("--target", "diner/outdoor", "--rank", rank, "--seed", 3, "--scope", scope)
    out = run(capsys, "sweep", photo, *words, "--top", 4, "--bottom", 1, "--json")[1]
    record = json.loads(out)
    sweep = Sweep(toy().load_model()(photo), 2, rank, scope, 3)
    assert record["target"] == {"index": 2, "label": "diner/outdoor"}
    assert np.array_equal(np.array(record["curve"], np.float32), sweep.curve[:, 2])
    assert record["at"]["top5"][0]["probability"] == pytest.approx(sweep.probabilities(4, 1).max())


@pytest.mark.parametrize("target", ["lake", "1"])
def test_a_target_is_a_name_or_an_index(capsys, photo, target):
    record = json.loads(run(capsys, "sweep", photo, "--target", target, "--json")[1])
    assert record["target"] == {"index": 1, "label": "lake"} and record["flip"]["k"] == 0


def test_the_table_tells_the_same_as_json(capsys, photo):
    flip = json.loads(run(capsys, "sweep", photo, "--json")[1])["flip"]
    status, out, err = run(capsys, "sweep", photo)
    assert (status, err) == (0, "")
    assert "photo.png on scenes: 12 units, 6 classes" in out and "target beach (index 0)" in out
    assert re.search(rf"flip +at k = {flip['k']}, to .* with {flip['probability']:.4f}", out)
    assert re.search(rf"^ +{flip['k']} .*<- flip$", out, re.M)
    ks = [int(k) for k in re.findall(r"^ {2,}(\d+) ", out, re.M)]
    assert ks == sorted({0, 1, 2, 5, 10, 12, flip["k"]})


def test_the_table_shows_the_window_asked_for(capsys, photo):
    out = run(capsys, "sweep", photo, "--top", 3, "--bottom", 2)[1]
    assert "top 3, bottom 2 dropped" in out and re.search(r"^ +3 ", out, re.M)


def test_the_table_obeys_no_label(capsys, photo):
    out = run(capsys, "sweep", photo, "--target", 3)[1]
    assert "evil?[31m ?label" in out and "\x1b" not in out and "\u202e" not in out


def test_the_csv_holds_every_class_for_every_k(capsys, photo):
    status, out, err = run(capsys, "sweep", photo, "--csv", "all.csv", "--json")
    assert (status, err) == (0, "") and json.loads(out)
    with open("all.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 14 and len(rows[0]) == 3 + len(LABELS)
    assert "Every class at every k: all.csv" in run(capsys, "sweep", photo, "--csv", "all.csv")[1]


# gif


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
    process = in_process("sys.exit(cli.main())", *words, stderr=terminal)
    out, _ = process.communicate()
    os.close(terminal)
    shown = os.read(control, 1 << 16).decode()
    os.close(control)
    assert process.returncode == 0 and out.startswith("drop.gif: ")
    assert "0/6" in shown and "frame" in shown


# models, help


def test_the_networks_are_listed(capsys, photo):
    status, out, _ = run(capsys, "models")
    header, line, _, *notes = out.splitlines()
    assert status == 0 and header.split()[0] == "name"
    assert line.split() == ["scenes", "12", "6", "2", "MB", "MIT", "yes", "a", "toy"]
    assert "FILE.py:NAME" in notes[-1]


@pytest.mark.parametrize("words", [["-h"], ["sweep", "-h"], ["gif", "-h"], ["lab", "-h"], ["models", "-h"]])
def test_help_gives_an_example(capsys, words):
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "") and "example" in out and "python -m unitdrop" in out


def test_the_version_is_told(capsys):
    assert run(capsys, "--version")[:2] == (0, f"unitdrop {unitdrop.__version__}\n")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["sweep", "-h"], ["gif", "-h"], ["sweep"]])
def test_help_and_mistakes_load_nothing_heavy(words):
    heavy = {"torch", "torchvision", "matplotlib", "cv2", "tqdm", "IPython"}
    modules = loaded("cli.main()", *words)
    assert "argparse" in modules and not heavy & modules


def test_a_sweep_draws_nothing(photo):
    modules = loaded("cli.main()", "sweep", photo, "--json")
    assert "unitdrop.sweep" in modules
    assert not {"matplotlib", "cv2", "tqdm", "ipywidgets", "unitdrop.drawing"} & modules


# mistakes


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
    before = sorted(os.listdir())
    assert hint in refused(capsys, *words)
    assert sorted(os.listdir()) == before


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
    monkeypatch.setattr(cli, "describe", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["sweep", photo])


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
    process = in_process("import time; time.sleep(0.2); sys.exit(cli.main())", *words)
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_stdout_is_told_in_one_line(photo):
    with open("/dev/full", "w") as full:
        process = in_process("sys.exit(cli.main())", "sweep", photo, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 2 and err.count("\n") == 1 and "No space left" in err


@posix_only
def test_ctrl_c_ends_with_130_and_one_line(photo):
    slow = "import time\ndef wait(name, **choices):\n"
    slow += "    print('ready', flush=True, file=sys.__stdout__)\n    time.sleep(60)\n"
    slow += "sys.modules['unitdrop.models'].load_model = wait\nsys.exit(cli.main())"
    process = in_process(slow, "sweep", photo)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "unitdrop: interrupted\n")


def test_a_terminal_that_knows_ascii_only_gets_a_table_too(photo):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = in_process("sys.exit(cli.main())", "sweep", photo, env=environment)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "") and "beach" in out


# lab


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a notebook, of which `unitdrop.cli` seems to be a part."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "unitdrop.ipynb").write_text("{}")
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "unitdrop" / "cli" / "commands.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return tmp_path


def test_lab_opens_the_notebook_with_the_package_on_the_path_and_passes_flags_on(repository, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call), raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setenv("PYTHONPATH", "/already/there")
    cli._lab(None, ["--no-browser", "--port", "9000"])
    [(program, command, environment)] = calls
    assert program == sys.executable
    notebook = str(repository / "notebooks" / "unitdrop.ipynb")
    assert command[1:] == ["-m", "jupyterlab", notebook, "--no-browser", "--port", "9000"]
    assert environment["PYTHONPATH"] == os.pathsep.join([str(repository), "/already/there"])


def test_flags_that_unitdrop_does_not_know_reach_jupyterlab(repository, monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "lab_command", lambda flags: seen.append(list(flags)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["lab", "--port", "9000", "--ServerApp.token=", "--version", "-y"])
    assert seen == [["--port", "9000", "--ServerApp.token=", "--version", "-y"]]


@pytest.mark.parametrize(("user", "given", "expected"), [(0, [], 1), (0, ["--allow-root"], 1), (1000, [], 0)])
def test_root_is_allowed_because_containers_have_nobody_else(repository, monkeypatch, user, given, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    assert cli.lab_command(given)[0].count("--allow-root") == expected


def test_lab_without_jupyterlab_says_how_to_get_it(repository, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -r requirements.txt" in refused(capsys, "lab")


def test_lab_without_the_notebook_says_where_to_find_it(repository, monkeypatch, tmp_path_factory, capsys):
    (repository / "notebooks" / "unitdrop.ipynb").unlink()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "get a copy of the repository" in refused(capsys, "lab")


def test_lab_of_an_installed_package_finds_the_notebook_of_the_current_folder(repository, monkeypatch):
    monkeypatch.setattr(
        cli, "__file__", str(repository / "lib" / "site-packages" / "unitdrop" / "cli" / "commands.py")
    )
    monkeypatch.chdir(repository)
    command, environment = cli.lab_command([])
    assert command[3] == str(repository / "notebooks" / "unitdrop.ipynb")
    assert environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


# app


@pytest.fixture
def with_app(repository):
    """The repository, with the notebook of the app in it."""
    (repository / "notebooks" / "app.ipynb").write_text("{}")
    return repository


def test_app_serves_its_notebook_with_the_package_on_the_path_and_passes_flags_on(with_app, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call), raising=False)
    monkeypatch.setenv("PYTHONPATH", "/already/there")
    cli._app(None, ["--no-browser", "--port", "9000"])
    [(program, command, environment)] = calls
    notebook = str(with_app / "notebooks" / "app.ipynb")
    assert program == sys.executable
    assert command[1:4] == ["-m", "voila", notebook]
    assert command[-3:] == ["--no-browser", "--port", "9000"]
    culling = [flag.partition("=")[0] for flag in command[4:-3]]
    assert culling == [f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout", "interval")]
    assert environment["PYTHONPATH"] == os.pathsep.join([str(with_app), "/already/there"])


def test_flags_that_unitdrop_does_not_know_reach_voila(with_app, monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "app_command", lambda flags: seen.append(list(flags)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["app", "--port", "9000", "--theme=dark", "--version"])
    assert seen == [["--port", "9000", "--theme=dark", "--version"]]


@pytest.mark.parametrize("user", [0, 1000])
def test_voila_lets_root_in_and_is_not_given_a_flag_that_it_does_not_know(with_app, monkeypatch, user):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    command = cli.app_command(["--allow-root", "--debug"])[0]
    assert command[-1] == "--debug" and "--allow-root" not in command


def test_app_without_voila_says_how_to_get_it(with_app, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    line = refused(capsys, "app")
    assert "Voilà is not installed" in line and "pip install -r requirements.txt" in line


def test_app_without_its_notebook_says_where_to_find_it(repository, monkeypatch, tmp_path_factory, capsys):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    line = refused(capsys, "app")
    assert "app.ipynb" in line and "run 'python -m unitdrop app' in its folder" in line


def test_app_of_an_installed_package_finds_the_notebook_of_the_current_folder(with_app, monkeypatch):
    monkeypatch.setattr(
        cli, "__file__", str(with_app / "lib" / "site-packages" / "unitdrop" / "cli" / "commands.py")
    )
    monkeypatch.chdir(with_app)
    command, environment = cli.app_command([])
    assert command[3] == str(with_app / "notebooks" / "app.ipynb")
    assert environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


# the real network


def samples():
    return sorted(p for p in (ROOT / "notebooks" / "images").glob("*") if p.suffix in (".png", ".jpg"))


def python_m(*words):
    command = [sys.executable, "-m", "unitdrop", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


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


def test_end_to_end_jupyterlab_is_reached():
    done = python_m("lab", "--version")
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*", done.stdout.strip())


def test_end_to_end_voila_is_reached():
    done = python_m("app", "--version")
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*", done.stdout.strip())
