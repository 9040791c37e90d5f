"""What lies in a folder and its sub-folders: the pictures, and what is left out, with the reason."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from unitdrop.images import SUFFIXES

HIDDEN = "hidden, or the system's own"
TOO_DEEP = "a folder in a sub-folder, and only one level is looked into: open it itself"
AGAIN = "leads to a folder that is looked into already"
EMPTY = "an empty folder"
NOWHERE = "a link that leads nowhere"
NO_FILE = "a pipe, socket or device, not a file"
PROTECTED = "may not be read: change its permissions"
NO_PICTURE = "no picture, by the ending of the name"

_OF_SYSTEMS = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "icon\r", "@eadir"}
_OF_SYSTEMS |= {"system volume information", "lost+found"}
_OTHER = "a picture of a format that is not read: save it as PNG"
_CONVERT = (
    ("HEIC is not read: convert it to JPEG", ".heic .heif .hif"),
    ("a camera's raw file is not read: convert it to JPEG", ".cr2 .cr3 .nef .arw .dng .orf .rw2 .raf .pef"),
    (_OTHER, ".ppm .pgm .pbm .pnm .jp2 .j2k .jxl .tga .svg .psd .xcf .ico .icns .exr .hdr .dds .pcx .qoi"),
    ("a film: save one frame of it as PNG", ".mp4 .mov .avi .mkv .webm .m4v .3gp .mpg .mpeg .wmv"),
    ("an archive: unpack it first", ".zip .tar .gz .tgz .7z .rar .bz2 .xz"),
)
_WHY = {ending: why for why, endings in _CONVERT for ending in endings.split()}


class LeftOut(NamedTuple):
    """What is not offered: its name, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Contents:
    """What lies in a folder: the paths of its pictures by their names, and what is left out."""

    pictures: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def look_into(folder: Path) -> Contents:
    """Return what lies in a folder and in its sub-folders, by name; of the latter as ``cat/1.jpg``.

    Everything is either a picture or left out. No file is opened.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    found, folders = Contents(), {}
    for entry in _entries(folder):
        _sort_in(entry, entry.name, found, folders)
    known = {_identity(folder)}
    for name, path in folders.items():
        _look_below(name, path, found, known)
    return found


def _look_below(name: str, path: Path, found: Contents, known: set) -> None:
    """Sort in what lies in a sub-folder, unless that is one of those that are known."""
    deeper: dict[str, Path] = {}
    try:
        identity, entries = _identity(path), _entries(path)
    except OSError as error:
        found.left_out.append(LeftOut(f"{name}/", f"{PROTECTED} ({error.strerror or error})"))
        return
    if identity in known or not entries:
        found.left_out.append(LeftOut(f"{name}/", AGAIN if identity in known else EMPTY))
        return
    known.add(identity)
    for entry in entries:
        _sort_in(entry, f"{name}/{entry.name}", found, deeper)
    found.left_out.extend(LeftOut(f"{each}/", TOO_DEEP) for each in deeper)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: natural_order(entry.name))


def _identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from all others, by whatever name."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def natural_order(name: str) -> list:
    """Return what sorts names as people do.

    >>> sorted(["a10", "a2", "b"], key=natural_order)
    ['a2', 'a10', 'b']
    """
    parts = re.split(r"([0-9]+)", name)
    parts[1::2] = map(int, parts[1::2])  # every second one is of digits
    return parts


def _sort_in(entry: os.DirEntry[str], name: str, found: Contents, folders: dict[str, Path]) -> None:
    """Enter what was found in a folder where it belongs."""
    try:
        why = _reason(entry)
    except OSError:  # links that lead in circles
        why = NOWHERE
    if why is not None:
        found.left_out.append(LeftOut(name, why))
    elif entry.is_dir():
        folders[name] = Path(entry.path)
    else:
        found.pictures[name] = entry.path


def _reason(entry: os.DirEntry[str]) -> str | None:
    """Return why an entry is left out; None for a folder and for a picture."""
    if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
        return HIDDEN
    if entry.is_dir():
        return None
    if not entry.is_file():
        return NOWHERE if entry.is_symlink() and not os.path.exists(entry.path) else NO_FILE  # noqa: PTH110
    ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (a Path for each of very many files is slow)
    if ending not in SUFFIXES:
        return _WHY.get(ending, NO_PICTURE)
    return None if os.access(entry.path, os.R_OK) else PROTECTED


# -- in words

NAMES, GROUPS, LETTERS = 4, 8, 60  # so many names of so many kinds are told, so long each


def in_groups(left_out: Iterable[LeftOut]) -> list[str]:
    """Return a line for each reason, with the names that it is of, or some of them; in all a few lines.

    Examples
    --------
    >>> in_groups([LeftOut("a.txt", "no picture"), LeftOut("b", "empty"), LeftOut("c.txt", "no picture")])
    ['a.txt, c.txt: no picture', 'b: empty']
    """
    groups: dict[str, list[str]] = {}
    for each in left_out:
        groups.setdefault(each.why, []).append(each.name)
    groups |= {HIDDEN: groups.pop(HIDDEN)} if HIDDEN in groups else {}  # last: nobody misses them
    return [*_lines(groups)]


def _lines(groups: dict[str, list[str]]) -> Iterator[str]:
    for number, (why, names) in enumerate(groups.items()):
        if number == GROUPS:
            rest = list(groups.values())[GROUPS:]
            yield f"and {sum(map(len, rest)):,} more for {len(rest):,} other reasons"
            return
        told = ", ".join(
            name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in names[:NAMES]
        )
        more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
        yield f"{told}{more}: {why:.300}"
