"""JupyterLab and Voilà: found, given their flags, or missed with a remedy."""

import importlib.util
import os
import re
import sys

import pytest
from helpers.commandline import python_m, refused

from unitdrop.cli import commands, launch, main


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a notebook, of which `unitdrop.cli` seems to be a part."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "unitdrop.ipynb").write_text("{}")
    monkeypatch.setattr(launch, "CHECKOUT", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return tmp_path


def test_lab_opens_the_notebook_with_the_package_on_the_path_and_passes_flags_on(repository, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call), raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setenv("PYTHONPATH", "/already/there")
    main(["lab", "--no-browser", "--port", "9000"])
    [(program, command, environment)] = calls
    assert program == sys.executable
    notebook = str(repository / "notebooks" / "unitdrop.ipynb")
    assert command[1:] == ["-m", "jupyterlab", notebook, "--no-browser", "--port", "9000"]
    assert environment["PYTHONPATH"] == os.pathsep.join([str(repository), "/already/there"])


def test_flags_that_unitdrop_does_not_know_reach_jupyterlab(repository, monkeypatch):
    seen = []
    monkeypatch.setattr(commands, "lab_command", lambda flags: seen.append(list(flags)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["lab", "--port", "9000", "--ServerApp.token=", "--version", "-y"])
    assert seen == [["--port", "9000", "--ServerApp.token=", "--version", "-y"]]


@pytest.mark.parametrize(("user", "given", "expected"), [(0, [], 1), (0, ["--allow-root"], 1), (1000, [], 0)])
def test_root_is_allowed_because_containers_have_nobody_else(repository, monkeypatch, user, given, expected):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    assert launch.lab_command(given)[0].count("--allow-root") == expected


def test_lab_without_jupyterlab_says_how_to_get_it(repository, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -r requirements.txt" in refused(capsys, "lab")


def test_lab_without_the_notebook_says_where_to_find_it(repository, monkeypatch, tmp_path_factory, capsys):
    (repository / "notebooks" / "unitdrop.ipynb").unlink()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "get a copy of the repository" in refused(capsys, "lab")


def test_lab_of_an_installed_package_finds_the_notebook_of_the_current_folder(repository, monkeypatch):
    monkeypatch.setattr(launch, "CHECKOUT", repository / "lib" / "site-packages")
    monkeypatch.chdir(repository)
    command, environment = launch.lab_command([])
    assert command[3] == str(repository / "notebooks" / "unitdrop.ipynb")
    assert environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


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
    main(["app", "--no-browser", "--port", "9000"])
    [(program, command, environment)] = calls
    notebook = str(with_app / "notebooks" / "app.ipynb")
    assert program == sys.executable
    assert command[1:4] == ["-m", "unitdrop.serving", notebook]
    assert command[-4:] == ["--kernels=4", "--no-browser", "--port", "9000"]
    culling = [flag.partition("=")[0] for flag in command[4:-4]]
    assert culling == [f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout", "interval")]
    assert environment["PYTHONPATH"] == os.pathsep.join([str(with_app), "/already/there"])


def test_flags_that_unitdrop_does_not_know_reach_voila(with_app, monkeypatch):
    seen = []
    monkeypatch.setattr(commands, "app_command", lambda *given: seen.append(given) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["app", "--port", "9000", "--theme=dark", "--version"])
    assert seen == [(["--port", "9000", "--theme=dark", "--version"], [], 4)]


def test_hosts_and_the_number_of_kernels_reach_the_server(with_app):
    told = launch.app_command(["--port=9000"], ["lab.example.org", "10.0.0.7"], 8)[0]
    assert told[-4:] == ["--kernels=8", "--host=lab.example.org", "--host=10.0.0.7", "--port=9000"]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--token=", "an empty one would let everybody in"),
        ("--Voila.token=", "an empty one would let everybody in"),
        ("--Voila.auto_token=False", "Voila.auto_token cannot be set"),
        ("--Voila.tornado_settings={'allow_origin': '*'}", "tornado_settings cannot be set"),
        ("--App.tornado_settings={'allow_origin': '*'}", "tornado_settings cannot be set"),
        ("--VoilaConfiguration.file_allowlist=.*", "file_allowlist cannot be set"),
        ("--VoilaConfiguration.allow_template_override=YES", "allow_template_override cannot be set"),
        ("--progressive_rendering=True", "progressive_rendering cannot be set"),
        ("--preheat_kernel=True", "preheat_kernel cannot be set"),
        ("--IdentityProvider.cookie_name=x", "IdentityProvider cannot be set"),
        ("--host=lab.example.org:80", "without a port"),
        ("--host=*", "expected a name"),
        ("--kernels=0", "kernels"),
    ],
)
def test_flags_that_would_open_the_app_are_refused_in_one_line(flag, words):
    done = python_m("app", "--no-browser", "--port=1", flag)
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("user", [0, 1000])
def test_voila_lets_root_in_and_is_not_given_a_flag_that_it_does_not_know(with_app, monkeypatch, user):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    command = launch.app_command(["--allow-root", "--debug"])[0]
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
    monkeypatch.setattr(launch, "CHECKOUT", with_app / "lib" / "site-packages")
    monkeypatch.chdir(with_app)
    command, environment = launch.app_command([])
    assert command[3] == str(with_app / "notebooks" / "app.ipynb")
    assert environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


def test_end_to_end_jupyterlab_is_reached():
    done = python_m("lab", "--version")
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*", done.stdout.strip())


def test_end_to_end_voila_is_reached():
    done = python_m("app", "--version")
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*", done.stdout.strip())
