"""The images that a panel offers: a folder's, a list's, the samples, and what is dropped on it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unitdrop.errors import ImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff")
SAMPLES = Path(__file__).resolve().parent.parent.parent / "notebooks" / "images"


@dataclass(frozen=True)
class Source:
    """An image to choose: its name, what gives `load_image` something to read, and its path if it has one."""

    name: str
    get: Callable[[], Any]
    path: str | None = None


def gather(images: Any = None) -> list[Source]:
    """List the images that a panel offers, without reading them.

    Parameters
    ----------
    images
        A folder (its image files by name, hidden ones left out), one image, or a sequence of images, where an
        image is anything `load_image` takes. None: the sample images, or fresh renders where there are none.

    Raises
    ------
    ImageError
        There is no image, or no such file or folder.
    """
    if images is None:
        return gather(SAMPLES) if SAMPLES.is_dir() else _renders()
    if isinstance(images, (list, tuple)):
        found = [_source(image, number) for number, image in enumerate(images, 1)]
    elif isinstance(images, (str, Path)) and _existing(images).is_dir():
        files = (p for p in Path(images).iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
        found = [_source(path, 0) for path in sorted(files, key=_natural_order)]
    else:
        found = [_source(images, 1)]
    if not found:
        raise ImageError(f"images: nothing to show in {str(images)!r}; it takes {', '.join(SUFFIXES)} files")
    return _with_distinct_names(found)


def _natural_order(path: Path) -> list:
    """Return what sorts names as people do: 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", path.name)]


def _existing(image: str | Path) -> Path:
    """Return a path that leads to something."""
    try:
        if Path(image).exists():
            return Path(image)
    except (OSError, ValueError):  # too long, or with what no path has
        pass
    raise ImageError(f"images: no file or folder {str(image)!r:.200}; check the path")


def _with_distinct_names(sources: list[Source]) -> list[Source]:
    """Return the same with names that all differ: the folder before them or, at last, a number behind."""
    often = Counter(source.name for source in sources)
    named: dict[str, Source] = {}
    for source in sources:
        name = source.name
        if often[name] > 1 and source.path:
            name = f"{Path(source.path).parent.name}/{name}"
        named[_free(name, named)] = source
    return [replace(source, name=name) for name, source in named.items()]


def _free(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken, with a number before its ending if it must be.

    >>> _free("a.png", ["a.png", "a (2).png"])
    'a (3).png'
    """
    stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
    names = (name, *(f"{stem} ({number}){dot}{ending}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _source(image: Any, number: int) -> Source:
    if isinstance(image, (str, Path)):
        path = _existing(image).absolute()  # the current folder may change
        return Source(path.name, lambda: path, str(image))
    content = image.read() if hasattr(image, "read") else image  # an open file can be read only once
    return Source(f"image {number}", lambda: content)


def _renders() -> list[Source]:
    from unitdrop.scenes import NAMES, render

    return [Source(f"{name} (rendered)", lambda name=name: render(name, 0, 448).image) for name in NAMES]


def uploaded(name: str, content: bytes, taken: Collection[str]) -> Source:
    """Return an image that came from the browser, under a name that none of those ``taken`` has."""
    return Source(_free(name, taken), lambda: content)
