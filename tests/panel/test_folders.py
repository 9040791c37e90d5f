"""What lies in a folder: every entry is a picture that is offered, or it is left out with its reason."""

import os
import random
import sys
from pathlib import Path

import pytest
from helpers.panels import picture, png, settle
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images import SUFFIXES
from unitdrop.panel import folders, gather
from unitdrop.panel.folders import LeftOut, in_groups, look_into

posix_only = pytest.mark.skipif(os.name != "posix", reason="links, pipes and odd names of POSIX")
SMALL = png(picture(1))


def told(found):
    """The names of pictures, and of what is left out with the reason."""
    return list(found.pictures), {each.name: each.why for each in found.left_out}


def test_pictures_of_all_endings_are_found_and_those_of_sub_folders_behind_them(tmp_path):
    for name in ("cat/10.jpg", "cat/2.JPG", "b.png", "a10.webp", "a9.AVIF", "x.jfif", "x.jpe", "Cat/1.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names, left_out = told(look_into(tmp_path))
    assert names == [
        "a9.AVIF",
        "a10.webp",
        "b.png",
        "x.jfif",
        "x.jpe",
        "Cat/1.tif",
        "cat/2.JPG",
        "cat/10.jpg",
    ]
    assert left_out == {}


FILES = {
    "IMG_1.HEIC": "HEIC is not read: convert it to JPEG",
    "DSC1.NEF": "a camera's raw file",
    "sign.ppm": "a format that is not read",
    "film.mp4": "a film",
    "more.zip": "an archive",
    "notes.txt": "no picture, by the ending",
    "README": "no picture, by the ending",
    "a.jpg.part": "no picture, by the ending",
    ".hidden.png": "hidden",
    "._a.jpg": "hidden",
    ".DS_Store": "hidden",
    "Thumbs.db": "hidden",
}


@pytest.mark.parametrize("place", ["", "cat"])
def test_every_other_file_is_left_out_with_its_reason(tmp_path, place):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").touch()
    for name in FILES:
        (tmp_path / place / name).touch()
    names, left_out = told(look_into(tmp_path))
    assert names == ["cat/1.png"] and len(left_out) == len(FILES)
    for name, why in FILES.items():
        assert why in left_out[f"{place}/{name}" if place else name]


def test_folders_are_looked_into_one_level_deep_and_those_of_systems_not_at_all(tmp_path):
    for name in ("cat/deep/1.png", "__MACOSX/1.png", ".git/1.png", "1.png/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    names, left_out = told(look_into(tmp_path))
    assert names == ["1.png/1.png"], "a folder is one whatever it is called"
    assert left_out == {
        "__MACOSX": folders.HIDDEN,
        ".git": folders.HIDDEN,
        "empty/": folders.EMPTY,
        "cat/deep/": folders.TOO_DEEP,
    }


@posix_only
def test_bad_entries_are_left_out_and_the_others_offered(tmp_path):
    (tmp_path / "good.png").write_bytes(SMALL)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "good.png").write_bytes(SMALL)
    for place in (tmp_path, tmp_path / "sub"):
        (place / "dangling.png").symlink_to("nowhere")
        (place / "circle.png").symlink_to("circle.png")
        os.mkfifo(place / "pipe.png")
        (place / "device.png").symlink_to("/dev/zero")
        (place / "link.png").symlink_to("good.png")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "also").symlink_to("sub")
    names, left_out = told(look_into(tmp_path))
    assert names == ["good.png", "link.png", "also/good.png", "also/link.png"]
    bad = {"dangling.png": folders.NOWHERE, "circle.png": folders.NOWHERE}
    bad |= {"pipe.png": folders.NO_FILE, "device.png": folders.NO_FILE}
    assert left_out == bad | {f"also/{name}": why for name, why in bad.items()} | {
        "again/": folders.AGAIN,
        "sub/": folders.AGAIN,
    }


@posix_only
def test_what_may_not_be_read_is_left_out(tmp_path, monkeypatch):
    for name in ("good.png", "secret.png", "secrets/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    real = os.scandir

    def scandir(
        path,
    ):  # the superuser may read anything, and tests run as one: so the system's answers are played
        if Path(path).name == "secrets":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: "secret" not in str(path))
    names, left_out = told(look_into(tmp_path))
    assert names == ["good.png"] and left_out["secret.png"] == folders.PROTECTED
    assert left_out["secrets/"].startswith(folders.PROTECTED)
    with pytest.raises(ImageError, match="cannot be read"):
        gather(tmp_path / "secrets")


@posix_only
def test_names_of_any_bytes_are_told_apart_and_shown_on_one_line(made, tmp_path):
    names = [
        b"a\xff.png",
        b"a\xfe.png",
        b"a\nb.png",
        b"a\\nb.png",
        b"\xe2\x80\xaegnp.png",
        b" .png",
        b"<b>.png",
    ]
    names += ["\N{ARABIC-INDIC DIGIT THREE}1.png".encode(), "Zürich 桜.png".encode()]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(SMALL)
    a_panel = made(images=tmp_path)
    offered = settle(a_panel).images.options
    assert len(offered) == len(names) == len({name for name, _ in offered}) and a_panel.left_out == ()
    for name, image in offered:
        assert "\n" not in name and name.encode() and "\u202e" not in name
        a_panel.controls.images.value = image
        assert a_panel.controls.error.value == ""
    assert {"Zürich 桜.png", r"a\xff.png", "<b>.png"} <= {name for name, _ in offered}


def test_a_folder_that_changes_while_it_is_open_loses_no_picture_that_is_there(made, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(png(picture(ord(name[0]))))
    a_panel = made(images=tmp_path)
    controls = settle(a_panel)
    (tmp_path / "b.png").unlink()
    (tmp_path / "d.png").write_bytes(SMALL)
    before = a_panel.state
    controls.image.value = 1
    assert "b.png: no such file" in controls.error.value and a_panel.state == before
    controls.image.value = 2
    assert controls.error.value == "" and a_panel.state.image == 2
    controls.folder.value = str(tmp_path)
    assert [name for name, _ in settle(a_panel).images.options] == ["a.png", "c.png", "d.png"]


def test_the_home_folder_is_meant_by_its_sign(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(SMALL)
    for images in ("~/x", Path("~/x"), "~/x/a.png", ["~/x/a.png"]):
        assert made(images=images).offered == ("a.png",)
    a_panel = made()
    a_panel.controls.folder.value = "~/x"
    assert a_panel.offered == ("a.png",)


# in words


def test_reasons_are_told_in_groups_with_some_names_each():
    lines = in_groups(
        LeftOut(f"{n}.heic" if n % 3 else f"{n}.txt", "HEIC" if n % 3 else "none") for n in range(900)
    )
    assert lines == [
        "0.txt, 3.txt, 6.txt, 9.txt and 296 more: none",
        "1.heic, 2.heic, 4.heic, 5.heic and 596 more: HEIC",
    ]


def test_however_much_is_left_out_little_is_told_and_what_is_hidden_comes_last():
    many = [LeftOut("x" * 1_000, f"reason {n}" + "y" * 1_000) for n in range(1_000)]
    lines = in_groups([LeftOut(".git", folders.HIDDEN), *many])
    assert len(lines) == folders.GROUPS + 1 and max(map(len, lines)) < 400
    assert lines[-1] == "and 993 more for 993 other reasons"
    assert in_groups([LeftOut(".git", folders.HIDDEN), LeftOut("a", "no")])[-1].startswith(".git")


# many


def steps(work):
    """How many lines of this project's panel are run."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "panel" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", ["folder", "same names", "same paths", "odd names"])
def test_twice_as_many_files_take_twice_as_many_steps(tmp_path, kind):
    counts = []
    for n in (200, 400):
        home = tmp_path / str(n)
        home.mkdir()
        for i in range(n):
            name = f"{i}/a.png" if kind == "same names" else f"{'.' * (i % 2)}{i}.png"
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).touch()
        paths = sorted(home.rglob("*.png"))
        if kind == "same paths":
            paths = [paths[0]] * n
        counts.append(steps(lambda images=home if kind == "folder" else paths: gather(images)))
    assert counts[1] < 2.1 * counts[0] < 100_000


# every tree


def plant(folder, rng, depth):
    """Put odd things into a folder; every name that was made, as it is told in the end."""
    made = []
    for number in range(rng.randrange(14)):
        ending = rng.choice([*SUFFIXES, ".HEIC", ".txt", "", ".PNG", ".zip", ".mp4"])
        name = rng.choice(["", ".", "._", "~", "-", " "]) + rng.choice(["a", "桜", "b c", "\udcff", "x\ny"])
        name += f"{number}{ending}"
        path, kind = (
            folder / name,
            rng.choice([*["file"] * 4, "dir", "dir", "link", "fifo", "back", "empty"]),
        )
        if kind == "file":
            path.write_bytes(rng.choice([SMALL, SMALL, b"no picture", b"", SMALL[:40]]))
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to(rng.choice(["nowhere", name, "/dev/null", "/dev/zero", "a0.png", "\udcfe"]))
        elif kind == "back":
            path.symlink_to(rng.choice([folder, folder.parent]), target_is_directory=True)
        else:
            path.mkdir()
            made += plant(path, rng, depth + 1) if kind == "dir" and depth < 3 else []
        made.append(path)
    return made


@posix_only
@pytest.mark.slow
def test_of_any_tree_every_entry_is_offered_or_left_out(made, tmp_path):
    counts = {"trees": 0, "offered": 0, "left out": 0, "panels": 0}
    for seed in range(400):
        home = tmp_path / f"{seed}" / "home"
        home.mkdir(parents=True)
        plant(home, random.Random(seed), 0)
        found = look_into(home)
        names = [*found.pictures, *(each.name.rstrip("/") for each in found.left_out)]
        assert len(names) == len(set(names))
        for entry in os.scandir(home):
            within = [name for name in names if name.startswith(f"{entry.name}/")]
            assert (entry.name in names) != bool(within), "a sub-folder is told of, or all that is in it"
            if within and not entry.is_symlink():
                assert {name.split("/")[1] for name in within} == {
                    path.name for path in Path(entry.path).iterdir()
                }
        counts["trees"] += 1
        counts["offered"] += len(found.pictures)
        counts["left out"] += len(found.left_out)
        if seed % 10 == 0:
            counts["panels"] += shown_whole(made, home, found)
    print(counts)


def shown_whole(made, home, found):
    """Whether a panel could be made of a folder; then all that is there is offered or listed by it."""
    try:
        a_panel = made(images=home)
    except ImageError as error:
        assert len(str(error)) < 6_000
        return False
    settle(a_panel)
    assert len(a_panel.offered) + len(a_panel.left_out) == len(found.pictures) + len(found.left_out)
    for image in range(len(a_panel.controls.images.options)):
        a_panel.controls.images.index = image
        assert a_panel.controls.error.value == ""
    return True


def test_a_picture_of_a_sub_folder_is_found_by_its_settings(made, tmp_path):
    for name in ("a.png", "cat/a.png", "dog/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture(len(name) + ord(name[0]))).save(tmp_path / name)
    a_panel = made(images=tmp_path)
    a_panel.controls.image.value = 2
    assert '"image": "dog/a.png"' in a_panel.settings
    assert made(images=tmp_path, state=a_panel.settings).state == a_panel.state
