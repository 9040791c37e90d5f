"""The command line on a toy network: in this process, in one of its own, and on the embedded network."""

import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from unitdrop.cli import main
from unitdrop.errors import ModelError
from unitdrop.images import load_image
from unitdrop.readout import Readout

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("beach", "lake", "diner/outdoor", "evil\x1b[31m\n\u202elabel", "river", "farm")
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals, terminals and pipes of POSIX")


def toy(units=12, labels=LABELS, lead=-1.0):
    """A stand-in for `unitdrop.models`, without torch: class 0 leads until some units are gone."""

    def load_model(name="scenes", **choices):
        module.choices = choices
        if name != "scenes":
            raise ModelError(f"model {name!r} is unknown; choose one of scenes")

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


def run(capsys, *words):
    """Status, stdout and stderr of a command."""
    status = main([str(word) for word in words])
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
    paths = [str(ROOT), str(ROOT / "tests")]
    start = f"import sys; sys.path[:0] = {paths!r}; from helpers.commandline import toy\n"
    start += "sys.modules['unitdrop.models'] = toy()\nfrom unitdrop.cli import main\n"
    command = [sys.executable, "-c", start + code, *map(str, words)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, **options)


def loaded(code, *words):
    """Names of all modules that a process has loaded after running `code`."""
    process = in_process(f"{code}\nprint('loaded', *sys.modules, file=sys.stderr)", *words)
    return set(process.communicate()[1].splitlines()[-1].split())


def samples():
    return sorted(p for p in (ROOT / "notebooks" / "images").glob("*") if p.suffix in (".png", ".jpg"))


def python_m(*words):
    command = [sys.executable, "-m", "unitdrop", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
