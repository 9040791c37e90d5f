"""The images that a panel offers: a folder's, a list's, the samples, and what is dropped on it."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from unitdrop.checks import expanded
from unitdrop.errors import ImageError
from unitdrop.images import SUFFIXES
from unitdrop.panel.folders import LeftOut, in_groups, look_into

SAMPLES = Path(__file__).resolve().parent.parent.parent / "notebooks" / "images"
LONGEST_NAME = 200  # letters; of a longer name the rest is not shown
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Source:
    """An image to choose: its name, what gives `load_image` something to read, and its path if it has one."""

    name: str
    get: Callable[[], Any]
    path: str | None = None


class Survey(NamedTuple):
    """The images that there are, and what is left out."""

    sources: list[Source]
    left_out: list[LeftOut]


def gather(images: Any = None) -> Survey:
    """List the images that a panel offers, and what it leaves out, without reading them.

    Parameters
    ----------
    images
        A folder (its image files and those in its sub-folders, by name), one image, or several in a sequence,
        a set or an iterator, where an image is anything `load_image` takes. None: the sample images, or fresh
        renders where there are none.

    Raises
    ------
    ImageError
        There is no image, or no such file or folder.
    """
    if images is None:
        return gather(SAMPLES) if SAMPLES.is_dir() else Survey(_renders(), [])
    if _are_several(images):
        images = list(images)
        found = _of_list(images)
    elif isinstance(images, (str, os.PathLike)) and _existing(images).is_dir():
        found = _of_folder(_existing(images))
    else:
        found = Survey([_source(images, 1)], [])
    if found.sources:
        return Survey(_with_distinct_names(found.sources), found.left_out)
    kinds = f"it takes {', '.join(SUFFIXES)} files"
    why = "; ".join([*in_groups(found.left_out), kinds])
    raise ImageError(f"images: nothing to show in {str(images)!r:.200}: {why}")


def _are_several(images: Any) -> bool:
    """Return whether these are images, not one; an open file is one, though it is an iterator of lines."""
    return isinstance(images, (list, tuple, set, frozenset, Iterator)) and not hasattr(images, "read")


def _of_list(images: list) -> Survey:
    """Return what a list comes to: a path that leads nowhere is left out."""
    found = Survey([], [])
    for number, image in enumerate(images, 1):
        try:
            found.sources.append(_source(image, number))
        except ImageError:
            found.left_out.append(LeftOut(readable(str(image)), "no such file: check the path"))
    return found


def _of_folder(folder: Path) -> Survey:
    """Return what a folder comes to; its images are named by their place in it."""
    try:
        contents = look_into(folder.absolute())
    except OSError as error:
        raise ImageError(
            f"images: the folder {str(folder)!r:.200} cannot be read ({error.strerror}); choose another"
        ) from None
    given = str(folder)
    pictures = contents.pictures.items()
    sources = [_of_path(path, name, os.path.join(given, name)) for name, path in pictures]  # noqa: PTH118
    return Survey(sources, [LeftOut(readable(each.name), each.why) for each in contents.left_out])


def _existing(image: str | os.PathLike) -> Path:
    """Return a path that leads to something; `~` is one's home."""
    try:
        path = Path(expanded(image))
        if path.exists():
            return path
    except (OSError, TypeError, ValueError):  # too long, or with what no path has
        pass
    raise ImageError(f"images: no file or folder {str(image)!r:.200}; check the path")


def _source(image: Any, number: int) -> Source:
    if isinstance(image, (str, os.PathLike)):
        path = _existing(image)
        return _of_path(str(path.absolute()), path.name or str(path), str(path))
    content = image.read() if hasattr(image, "read") else image  # an open file can be read only once
    return Source(f"image {number}", lambda: content)


def _of_path(absolute: str, name: str, given: str) -> Source:
    """Return the source of a file; it is read by its absolute path, as the current folder may change."""
    return Source(readable(name), lambda: Path(absolute), given)


def _renders() -> list[Source]:
    from unitdrop.scenes import NAMES, render

    return [Source(f"{name} (rendered)", lambda name=name: render(name, 0, 448).image) for name in NAMES]


def uploaded(name: str, content: bytes, taken: Collection[str]) -> Source:
    """Return an image that came from the browser, under a name that none of those ``taken`` has."""
    return Source(FreeNames(taken).take(readable(name)), lambda: content)


# -- names


def readable(name: str) -> str:
    r"""Return a name as it can be shown on one line: its first letters, odd bytes and line breaks as escapes.

    >>> readable("Zürich 桜.png"), readable("a\nb\udcff.png")
    ('Zürich 桜.png', 'a\\nb\\xff.png')
    """
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 1]}…"
    return name if name.isprintable() else "".join(map(_readable_letter, name))


def _readable_letter(letter: str) -> str:
    if 0xDC80 <= ord(letter) <= 0xDCFF:  # how Python holds a byte that is no text
        return f"\\x{ord(letter) - 0xDC00:02x}"
    odd = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNING
    return letter.encode("unicode_escape").decode() if odd else letter


class FreeNames:
    """Names that all differ, each found in a few steps however many there are.

    >>> names = FreeNames(["a.png", "a (2).png"])
    >>> names.take("a.png"), names.take("a.png"), names.take("b")
    ('a (3).png', 'a (4).png', 'b')
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return a name that nobody has, with a number before its ending if it must be; it is then taken."""
        name = wanted
        stem, dot, ending = wanted.rpartition(".") if "." in wanted else (wanted, "", "")
        while name in self._taken:
            number = self._numbers[wanted] = self._numbers.get(wanted, 1) + 1
            name = f"{stem} ({number}){dot}{ending}"
        self._taken.add(name)
        return name


def _with_distinct_names(sources: list[Source]) -> list[Source]:
    """Return the same with names that all differ: the folders that tell them apart, or at last a number."""
    often, alike = Counter(source.name for source in sources), dict[str, list[str]]()
    for source in sources:
        if source.path and often[source.name] > 1:
            alike.setdefault(source.name, []).append(os.path.abspath(source.path))  # noqa: PTH100 (keeps links)
    shared = {name: _shared_folder(paths) for name, paths in alike.items()}
    names = FreeNames()
    taken = [names.take(_told_apart(source, shared)) for source in sources]
    pairs = zip(sources, taken, strict=True)
    return [source if name == source.name else replace(source, name=name) for source, name in pairs]


def _shared_folder(paths: list[str]) -> str | None:
    """Return the folder that all paths are in; None where there is none."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # on different drives
        return None


def _told_apart(source: Source, shared: dict[str, str | None]) -> str:
    """Return the name of an image, behind the folders that others of that name do not share."""
    if not source.path or source.name not in shared:
        return source.name
    path, folder = os.path.abspath(source.path), shared[source.name]  # noqa: PTH100
    within = Path(path).parent.name + os.sep + source.name if folder is None else path.removeprefix(folder)
    return readable(within.lstrip(os.sep).replace(os.sep, "/"))
