"""`Gallery`: the images of a panel: those it was made with, a folder's, uploads, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from unitdrop.errors import ImageError
from unitdrop.images import load_image
from unitdrop.panel.messages import html_line, words_of
from unitdrop.panel.sources import Source, gather, uploaded
from unitdrop.panel.state import besides

CHECKED_AHEAD = 200  # so many images of a folder are read in advance, to list those that cannot be


@dataclass(frozen=True)
class Listing:
    """Which images are offered, by their positions, and why some cannot be read.

    Attributes
    ----------
    listed, uploads : tuple of int
        Those of a folder or of the start, and those that came from the browser.
    bad : mapping of int to str
        Why an image cannot be read.
    """

    listed: tuple[int, ...]
    uploads: tuple[int, ...] = ()
    bad: Mapping[int, str] = field(default_factory=dict)

    @property
    def offered(self) -> tuple[int, ...]:
        """The images in the menus, those among them that cannot be read too."""
        return (*self.listed, *self.uploads)

    def but_bad(self, bad: Mapping[int, str]) -> Listing:
        """Return the same listing with more images that cannot be read."""
        return replace(self, bad={**self.bad, **bad})


class Gallery:
    """All images that a panel has come to know, and the listing of those that it offers now.

    Positions in ``sources`` never change: states name images by them.
    """

    def __init__(self, images: Any) -> None:
        self.sources = gather(images)
        self.own = tuple(range(len(self.sources)))
        self.listing = Listing(self.own)
        self._options = lru_cache(2)(self._make_options)

    @property
    def names(self) -> list[str]:
        """The names of all images, by position."""
        return [source.name for source in self.sources]

    @property
    def offered_names(self) -> list[str | None]:
        """The names of the images that are offered, by position; None for the others."""
        return [name if i in self.listing.offered else None for i, name in enumerate(self.names)]

    def source(self, image: int) -> Source:
        """Return the source of an image."""
        return self.sources[image]

    def options(self, used: Iterable[int]) -> tuple[tuple, tuple]:
        """Return the options of the menus of images, and of what may stand beside.

        ``used``: images that are shown, which stay in the menus whatever else is listed.
        """
        return self._options(frozenset({*self.listing.offered} - self.listing.bad.keys() | {*used}))

    def _make_options(self, shown: frozenset[int]) -> tuple[tuple, tuple]:
        images = tuple((self.sources[i].name, i) for i in sorted(shown))
        return images, tuple(besides(images))

    def notes(self) -> str:
        """Return the list of what cannot be read, as HTML; empty if all can."""
        bad = self.listing.bad
        told = [(self.sources[i].name, bad[i]) for i in self.listing.offered if i in bad]
        if not told:
            return ""
        lines = [why if name in why else f"{name}: {why}" for name, why in told]
        words = f"{len(lines)} of {len(self.listing.offered)} images cannot be read:\n" + "\n".join(lines)
        return html_line(words, "--jp-ui-font-color2", "#6b7280")

    def at_start(self) -> Listing:
        """Return the listing of the images of the start and the uploads."""
        return replace(self.listing, listed=self.own)

    def upload(self, name: str, content: bytes) -> tuple[Listing, int | None]:
        """Get to know an image from the browser: the listing with it, and its position if it can be read."""
        self.sources.append(uploaded(name, content, self.names))
        image = len(self.sources) - 1
        listing = replace(self.listing, uploads=(*self.listing.uploads, image))
        try:
            load_image(content)
        except ImageError as error:
            return listing.but_bad({image: str(error).removeprefix("bytes: ")}), None
        return listing, image

    def open_folder(self, path: str) -> tuple[Listing, int]:
        """Get to know the images of a folder: the listing of them, and the first that can be read.

        Raises
        ------
        ImageError
            There is no such folder, or no image in it can be read.
        """
        found, bad = gather(_typed_path(path.strip())), []
        for first in found:
            try:
                load_image(first.get())
                break
            except ImageError as error:
                bad.append(str(error))
        else:
            raise ImageError(f"{path:.200}: no image in it can be read: {'; '.join(bad[:5])}")
        listed = tuple(map(self._position, found))
        listing = replace(self.listing, listed=listed)
        return listing.but_bad(dict(zip(listed, bad, strict=False))), self._position(first)

    def _position(self, source: Source) -> int:
        """Return the position of a source in the list, in which each path is once; add it if need be."""
        for i, known in enumerate(self.sources):
            if known.path == source.path:
                return i
        self.sources.append(source)
        return len(self.sources) - 1

    def check_ahead(
        self, images: Sequence[int], ended: Callable[[], bool], tell: Callable[[int, str], None]
    ) -> None:
        """Read images in advance and tell of those that cannot be, with the reason, until it is ended."""
        for i in images[:CHECKED_AHEAD]:
            if ended():
                return
            if i in self.listing.bad:
                continue
            try:
                load_image(self.sources[i].get())
            except Exception as error:
                tell(i, str(error) if isinstance(error, ImageError) else words_of(error))

    def clear(self) -> None:
        """Let go of what the sources hold."""
        self._options.cache_clear()
        self.sources = [Source(source.name, _gone, source.path) for source in self.sources]


def _gone() -> Any:
    raise ImageError("images: the panel is closed; make a new one")


def _typed_path(text: str) -> Path:
    """Return the path that somebody has typed."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not there
        raise ImageError(f"images: no file or folder {text!r:.200}; check the path") from None
