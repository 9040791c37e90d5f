"""The numbers of tensors, read straight from the open file: `Contents`.

No other reader sees the file: what was looked at is what is read, from one descriptor, at places found here.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

import torch

from unitdrop.checkpoints.files import read_at, read_into, shown
from unitdrop.checkpoints.pickles import Outline
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.errors import CheckpointError

_MAX_AGAIN = 4  # how often each byte of a file may be asked for; views of one storage read what lies between


class Place(NamedTuple):
    """Where the bytes of a storage lie in the file, and their check sum (0 if the file tells none)."""

    start: int
    nbytes: int
    crc: int = 0


class Contents:
    """What a file holds: one `root` object with an outline for every tensor, and the numbers of those.

    Parameters
    ----------
    root
        The object, in which `Tensor` outlines stand for tensors and `Opaque` ones for all that is unknown.
    file, size
        The open file, and how many bytes it has.
    places
        Where the storages lie, by their keys.
    others
        What else in the file has a check sum.
    outline
        What is known of its pickle, if it has one.
    """

    def __init__(
        self,
        root: object,
        file: BinaryIO,
        size: int,
        places: Mapping[str, Place],
        *,
        others: Mapping[str, Place] | None = None,
        outline: Outline | None = None,
    ) -> None:
        self.root = root
        self._strange = outline.strange if outline else []
        self._touched = outline.touched if outline else set()
        self._file, self._places = file, places
        self._left = _MAX_AGAIN * size + (1 << 20)
        self._unchecked = {**places, **(others or {})}

    @property
    def notes(self) -> list[str]:
        """What is not built, in words: objects of a user's own classes and the like."""
        names = [shown(name.replace(" ", ".")) for name in self._strange]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        some = ", ".join(names[:3])
        return [
            f"objects of unknown classes are not built, and none of their code is run: {some}{more}"
        ] * bool(names)

    def take(self, outline: Tensor) -> torch.Tensor:
        """Return the tensor of an outline, in memory of its own; it may be strided.

        Raises
        ------
        CheckpointError
            Its numbers are damaged, or no longer there.
        """
        if not outline.numel:
            return torch.empty(outline.shape, dtype=outline.dtype, device="cpu")
        key, place = outline.storage.key, self._places[outline.storage.key]
        if key in self._touched:
            raise CheckpointError(
                "a tensor is part of an object that is not built; save the weights alone: "
                "torch.save(model.state_dict(), FILE)"
            )
        count = outline.span * outline.dtype.itemsize
        self._left -= count
        if self._left < 0:
            raise CheckpointError("its tensors are views that share far larger storages; save clones of them")
        data = read_into(self._file, place.start + outline.offset * outline.dtype.itemsize, count)
        if count == place.nbytes:
            _check_sum(key, zlib.crc32(data) if place.crc else 0, place.crc)
            self._unchecked.pop(key, None)
        truth = outline.dtype == torch.bool  # of which a file may hold others than 0 and 1
        flat = torch.frombuffer(data, dtype=torch.uint8 if truth else outline.dtype)
        return (flat.ne(0) if truth else flat).as_strided(outline.shape, outline.stride)

    def check_rest(self) -> None:
        """Refuse a file in which something that was not taken is damaged."""
        for name, place in self._unchecked.items():
            if place.crc:
                _check_sum(name, _streamed_sum(self._file, place), place.crc)


def _streamed_sum(file: BinaryIO, place: Place) -> int:
    crc = 0
    for start in range(place.start, place.start + place.nbytes, 1 << 20):
        count = min(1 << 20, place.start + place.nbytes - start)
        crc = zlib.crc32(read_at(file, start, count), crc)
    return crc


def _check_sum(name: str, crc: int, expected: int) -> None:
    if crc != expected:
        raise CheckpointError(f"its entry {shown(name)} is damaged; download it again")
