"""`Gallery`: the images of a panel: those it was made with, a folder's, uploads, and what cannot be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from unitdrop.errors import ImageError
from unitdrop.images import load_image
from unitdrop.notices import listening
from unitdrop.panel.folders import LeftOut, in_groups
from unitdrop.panel.messages import html_line, words_of
from unitdrop.panel.sources import Source, gather, uploaded
from unitdrop.panel.state import Range, besides

CHECKED_AHEAD = 200  # so many images of a folder are read in advance, to list those that cannot be
TOLD_EVERY = 0.5  # seconds after which those that were found since are listed
UPLOADED = 64_000_000  # bytes of images from the browser that a public panel takes


@dataclass(frozen=True)
class Listing:
    """Which images are offered, by their positions, and why others are not.

    Attributes
    ----------
    listed, uploads : tuple of int
        Those of a folder or of the start, and those that came from the browser.
    bad : mapping of int to str
        Why an image cannot be read.
    left_out : tuple of LeftOut
        What else there is where the images are, and why it is no image to offer.
    """

    listed: tuple[int, ...]
    uploads: tuple[int, ...] = ()
    bad: Mapping[int, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    @cached_property
    def offered(self) -> tuple[int, ...]:
        """The images in the menus, those among them that cannot be read too."""
        return (*self.listed, *self.uploads)

    @cached_property
    def good(self) -> frozenset[int]:
        """The images in the menus, without those that cannot be read."""
        return frozenset(self.offered) - self.bad.keys()

    def but_bad(self, bad: Mapping[int, str]) -> Listing:
        """Return the same listing with more images that cannot be read."""
        return replace(self, bad={**self.bad, **bad})


class Gallery:
    """All images that a panel has come to know, and the listing of those that it offers now.

    Positions in ``sources`` never change: states name images by them.

    Parameters
    ----------
    images
        See `gather`.
    public : bool
        Whether others use the panel: no path is told, and there is room for `UPLOADED` bytes.
    """

    def __init__(self, images: Any, public: bool = False) -> None:
        self.sources, left_out = gather(images)
        self._room = UPLOADED if public else None
        if public:  # where its files lie is nobody's business
            self.sources, left_out = [replace(source, path=None) for source in self.sources], []
        self.own, self._left_at_start = tuple(range(len(self.sources))), tuple(left_out)
        self.listing = self.at_start()
        self._made: tuple[frozenset[int], tuple[tuple, tuple]] | None = None

    @property
    def names(self) -> list[str]:
        """The names of all images, by position."""
        return [source.name for source in self.sources]

    @property
    def offered_names(self) -> list[str | None]:
        """The names of the images that are offered, by position; None for the others."""
        offered = {*self.listing.offered}
        return [name if i in offered else None for i, name in enumerate(self.names)]

    @property
    def good_names(self) -> tuple[str, ...]:
        """The names of the images in the menus, without those that cannot be read."""
        return tuple(self.sources[i].name for i in self.listing.offered if i in self.listing.good)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not offered, and why."""
        return (*self.unreadable, *self.listing.left_out)

    def source(self, image: int) -> Source:
        """Return the source of an image."""
        return self.sources[image]

    def options(self, used: Iterable[int]) -> tuple[tuple, tuple]:
        """Return the options of the menus of images, and of what may stand beside.

        ``used``: images that are shown, which stay in the menus whatever else is listed.
        """
        shown = self.listing.good.union(used)
        if self._made is None or self._made[0] != shown:
            images = tuple((self.sources[i].name, i) for i in sorted(shown))
            self._made = shown, (images, tuple(besides(images)))
        return self._made[1]

    @property
    def unreadable(self) -> tuple[LeftOut, ...]:
        """The images that cannot be read, as far as has been tried."""
        bad = self.listing.bad
        return tuple(self._left(i, bad[i]) for i in self.listing.offered if i in bad)

    def _left(self, image: int, why: str) -> LeftOut:
        """Return an image that cannot be read, with the reason that does not name it again."""
        source = self.sources[image]
        content = source.get()
        for name in (str(content) if isinstance(content, Path) else "", source.path, source.name):
            why = why.removeprefix(f"{name}: ")
        return LeftOut(source.name, why)

    def notes(self) -> str:
        """Return the list of what cannot be read and of what is left out, as HTML; empty if there is none."""
        bad, left_out, words = self.unreadable, self.listing.left_out, ""
        if bad:
            words += f"{len(bad):,} of {len(self.listing.offered):,} images cannot be read:\n"
            words += "\n".join(in_groups(bad)) + "\n"
        if left_out:
            words += "Left out:\n" + "\n".join(in_groups(left_out))
        return html_line(words.strip(), "--jp-ui-font-color2", "#6b7280")

    def at_start(self) -> Listing:
        """Return the listing of the images of the start and the uploads."""
        before = getattr(self, "listing", Listing(()))
        return replace(before, listed=self.own, left_out=self._left_at_start)

    def upload(self, name: str, content: bytes, value_range: Range) -> tuple[Listing, int | None]:
        """Get to know an image from the browser: the listing with it, and its position if it can be read.

        Raises
        ------
        ImageError
            There is no room for it.
        """
        self._take_room(name, content)
        self.sources.append(uploaded(name, content, self.names))
        image = len(self.sources) - 1
        listing = replace(self.listing, uploads=(*self.listing.uploads, image))
        why = self._why_bad(image, value_range)
        return (listing, image) if why is None else (listing.but_bad({image: why}), None)

    def _take_room(self, name: str, content: bytes) -> None:
        """Count an upload, a small one as a hundredth of all the room."""
        if self._room is not None:
            room = self._room - max(len(content), UPLOADED // 100)
            if room < 0:
                raise ImageError(
                    f"{name:.200}: there is no room left, a page holds {UPLOADED / 1e6:.0f} MB of images and "
                    "100 at most; reload it to begin anew"
                )
            self._room = room

    def open_folder(self, path: str, value_range: Range) -> tuple[Listing, int]:
        """Get to know the images of a folder: the listing of them, and the first that can be read.

        Raises
        ------
        ImageError
            There is no such folder, or no image in it can be read.
        """
        found, left_out = gather(path.strip())
        listed, bad = self._positions(found), {}
        listing = replace(self.listing, listed=listed, left_out=tuple(left_out))
        for image in listed:
            why = self._why_bad(image, value_range)
            if why is None:
                return listing.but_bad(bad), image
            bad[image] = why
        told = "; ".join(in_groups(self._left(i, why) for i, why in bad.items()))
        raise ImageError(f"{path:.200}: no image in it can be read: {told}")

    def _positions(self, found: Sequence[Source]) -> tuple[int, ...]:
        """Return the positions of sources in the list, in which each path is once; add them if need be."""
        known = {str(source.path): i for i, source in enumerate(self.sources) if source.path}
        for source in found:
            if known.setdefault(str(source.path), len(self.sources)) == len(self.sources):
                self.sources.append(source)
        return tuple(known[str(source.path)] for source in found)

    def _why_bad(self, image: int, value_range: Range) -> str | None:
        """Return why an image cannot be read; None if it can. What is noticed is told when it is shown."""
        content = self.sources[image].get()
        try:
            with listening(lambda text: None):
                load_image(content, value_range=value_range)
        except ImageError as error:
            return str(error).removeprefix("bytes: ")
        return None

    def check_ahead(
        self,
        images: Sequence[int],
        value_range: Range,
        ended: Callable[[], bool],
        tell: Callable[[Mapping[int, str]], None],
    ) -> None:
        """Read images in advance and tell of those that cannot be, with the reason, until it is ended."""
        found: dict[int, str] = {}
        told = time.monotonic()
        for i in images[:CHECKED_AHEAD]:
            if ended():
                return
            if i in self.listing.bad:
                continue
            try:
                why = self._why_bad(i, value_range)
            except Exception as error:
                why = words_of(error)
            if why is not None:
                found[i] = why
            if found and time.monotonic() - told > TOLD_EVERY:
                tell(found)
                found, told = {}, time.monotonic()
        if found:
            tell(found)

    def clear(self) -> None:
        """Let go of what the sources hold."""
        self._made = None
        self.sources = [Source(source.name, _gone, source.path) for source in self.sources]


def _gone() -> Any:
    raise ImageError("images: the panel is closed; make a new one")
