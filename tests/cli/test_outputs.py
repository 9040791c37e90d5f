"""Where the results of commands go: never over what is read, never two into one, and streams go on."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.commandline import in_process, posix_only, refused, run
from PIL import Image

HEAD = "k,weight,unit,p(beach)"


@pytest.fixture
def files(photo):
    """Files that a command may read, whose bytes must stay."""
    Image.open(photo).save("photo.gif")
    for name in ("mine.pth", "mine.txt", "nets.py"):
        Path(name).write_text(f"this is {name}")
    Path("sub").mkdir()
    return ["photo.gif", "mine.pth", "mine.txt", "nets.py"]


def words_of(path):
    return ["sweep", "photo.gif", "--csv", path]


READ = {
    "photo.gif": ([], "is the image itself"),
    "mine.pth": (["--checkpoint", "mine.pth"], "is the checkpoint"),
    "mine.txt": (["--labels", "mine.txt"], "is the file of labels"),
    "nets.py": (["--model", "nets.py:small"], "is the file of the network"),
}


def spelled(name, how):
    """Another name of a file."""
    if how == "link":
        Path("out").symlink_to(name)
    elif how == "links":
        Path("between").symlink_to(Path(name).absolute())
        Path("out").symlink_to("between")
    elif how == "hard link":
        os.link(name, "out")
    else:
        return {"plain": name, "dots": f"sub/../{name}", "absolute": str(Path(name).absolute())}[how]
    return "out"


@posix_only
@pytest.mark.parametrize("how", ["plain", "dots", "absolute", "link", "links", "hard link"])
@pytest.mark.parametrize("name", READ)
def test_no_result_goes_over_a_file_that_the_command_reads(capsys, files, name, how):
    before = Path(name).read_bytes()
    words, told = READ[name]
    line = refused(capsys, "sweep", "photo.gif", *words, "--csv", spelled(name, how))
    assert told in line and "choose another file" in line
    assert Path(name).read_bytes() == before


@posix_only
@pytest.mark.parametrize("name", READ)
def test_no_animation_does_either(capsys, files, name):
    before = Path(name).read_bytes()
    words, told = READ[name]
    Path("out.gif").symlink_to(name)
    assert told in refused(capsys, "gif", "photo.gif", *words, "--out", "out.gif")
    assert Path(name).read_bytes() == before


@posix_only
@pytest.mark.parametrize("command", ["sweep photo.gif", "sweep photo.gif --json"])
def test_what_is_printed_is_not_added_to_a_file_that_is_read(files, command):
    before = Path("photo.gif").read_bytes()
    with Path("photo.gif").open("ab") as out:
        process = in_process("sys.exit(main())", *command.split(), stdout=out)
        assert "stdout: is the image itself" in process.communicate()[1]
    assert process.returncode == 2 and Path("photo.gif").read_bytes() == before


@posix_only
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_two_results_do_not_go_into_one_file(files, stream):
    with Path("log").open("w") as log:
        process = in_process("sys.exit(main())", *words_of("log"), **{stream: log})
        err = process.communicate()[1]
    told = Path("log").read_text() if stream == "stderr" else err
    assert process.returncode == 2 and f"log: is where {stream} goes" in told


def test_a_published_file_in_the_cache_and_the_package_itself_are_not_replaced(
    capsys, files, tmp_path, monkeypatch
):
    monkeypatch.setenv("UNITDROP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "net.pth").write_text("weights")
    from unitdrop import readout

    for path in ("cache/net.pth", readout.__file__):
        assert "that unitdrop itself reads" in refused(capsys, "sweep", "photo.gif", "--csv", path)
    assert run(capsys, "sweep", "photo.gif", "--csv", "cache/new.csv")[0] == 0


@posix_only
@pytest.mark.parametrize("path", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("mode", ["a", "w"])
def test_a_table_for_stdout_is_added_to_the_log_that_stdout_leads_to(files, path, mode):
    Path("link").symlink_to("/dev/stdout")
    Path("log").write_text("old\n")
    with Path("log").open(mode) as log:
        process = in_process("print('first'); sys.exit(main())", *words_of(path), stdout=log)
        assert process.communicate()[1] == ""
        log.write("last\n")
        log.flush()
    before, head, after = Path("log").read_text().partition(HEAD)
    assert before == ("old\nfirst\n" if mode == "a" else "first\n") and head
    last = after.splitlines()[-2:]
    assert last[0].startswith("12,") and last[1] == "last", "the table for people is not between"


@posix_only
def test_a_table_for_a_pipe_is_all_that_comes_through_it(files):
    process = in_process("sys.exit(main())", *words_of("-"))
    out, err = process.communicate()
    rows = list(csv.reader(io.StringIO(out)))
    assert (process.returncode, err) == (0, "") and len(rows) == 14 and {len(row) for row in rows} == {9}
    process = in_process("import time; time.sleep(0.3); sys.exit(main())", *words_of("-"))
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 0, "a reader who leaves early is no error"


@posix_only
def test_a_table_for_stderr_leaves_stdout_to_people(files):
    out, err = in_process("sys.exit(main())", *words_of("/dev/stderr")).communicate()
    assert err.startswith(HEAD) and "flip" in out


@posix_only
def test_two_results_for_stdout_are_refused(capsys, files):
    for path in ("-", "/dev/stdout"):
        assert "both would be on stdout" in refused(capsys, *words_of(path), "--json")


@posix_only
@pytest.mark.parametrize("words", [words_of("fifo"), ["gif", "photo.gif", "--out", "fifo.gif"]])
def test_a_pipe_that_nobody_reads_ends_the_command_and_one_that_is_read_gets_all(files, words):
    os.mkfifo(words[-1])
    process = in_process("sys.exit(main())", *words)
    assert "nobody reads from it" in process.communicate(timeout=60)[1] and process.returncode == 2
    with subprocess.Popen(["cat", words[-1]], stdout=subprocess.PIPE) as reader:
        process = in_process("sys.exit(main())", *words)
        assert reader.stdout.read().startswith((HEAD.encode(), b"GIF89a"))
        assert process.wait() == 0 and process.stderr.close() is process.stdout.close() is None
    assert Path(words[-1]).is_fifo()


def test_the_home_folder_is_meant_by_its_sign_in_every_path(capsys, files, monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    Path("photo.gif").rename(home / "photo.gif")
    choices = ("--checkpoint", "~/mine.pth", "--labels", "~/mine.txt")
    assert run(capsys, "sweep", "~/photo.gif", "--csv", "~/all.csv", *choices)[0] == 0
    assert run(capsys, "gif", "~/photo.gif", "--out=~/all.gif", "--frames", 3)[0] == 0
    assert (home / "all.csv").exists() and (home / "all.gif").exists()
    toys = sys.modules["unitdrop.models"]  # the stand-in of the fixture
    assert toys.choices["checkpoint"] is None
    run(capsys, "sweep", "~/photo.gif", *choices)
    assert toys.choices["checkpoint"] == str(home / "mine.pth")
    assert toys.choices["labels"] == str(home / "mine.txt")
