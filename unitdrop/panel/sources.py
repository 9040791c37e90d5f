"""The images that a panel offers: a folder's, a list's, the samples, and what is dropped on it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unitdrop.images import ImageError

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
    elif isinstance(images, (str, Path)) and Path(images).is_dir():
        files = (p for p in Path(images).iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
        found = [_source(path, 0) for path in sorted(files, key=lambda p: p.name)]
    else:
        found = [_source(images, 1)]
    if not found:
        raise ImageError(f"images: nothing to show in {str(images)!r}; it takes {', '.join(SUFFIXES)} files")
    return found


def _source(image: Any, number: int) -> Source:
    if isinstance(image, (str, Path)):
        if not Path(image).exists():
            raise ImageError(f"images: no file or folder {str(image)!r}; check the path")
        return Source(Path(image).name, lambda: image, str(image))
    content = image.read() if hasattr(image, "read") else image  # an open file can be read only once
    return Source(f"image {number}", lambda: content)


def _renders() -> list[Source]:
    from unitdrop.scenes import NAMES, render

    return [Source(f"{name} (rendered)", lambda name=name: render(name, 0, 448).image) for name in NAMES]


def uploaded(name: str, content: bytes, taken: Collection[str]) -> Source:
    """An image that came from the browser, under a name that none of those ``taken`` has.

    >>> uploaded("a.png", b"", ["a.png", "a.png (2)"]).name
    'a.png (3)'
    """
    names = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    return Source(next(n for n in names if n not in taken), lambda: content)
