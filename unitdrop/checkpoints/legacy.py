"""The legacy files of torch < 1.6: `read_legacy`.

They are a magic number, a version, the machine, the object and the names of its storages, each a pickle; then
for every storage its length and its data.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import BinaryIO

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.pickles import MAX_PICKLE, most_opcodes, outline
from unitdrop.checkpoints.placeholders import Storage
from unitdrop.checkpoints.storages import Contents, Place
from unitdrop.errors import CheckpointError

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how such a file begins


def read_legacy(file: BinaryIO, size: int, weights: int) -> Contents:
    """Return what a legacy file of `size` bytes holds, in which so many `weights` are looked for.

    Raises
    ------
    CheckpointError
        The file is damaged, or unsafe to read.
    """
    stream = io.BytesIO(read_at(file, 0, min(size, MAX_PICKLE)))
    limit = most_opcodes(weights)
    _, version, machine = (outline(stream, limit=100, plain=True).value for _ in range(3))
    if version != 1001 or not isinstance(machine, dict):
        raise CheckpointError("it is a legacy checkpoint of unknown version; save it again by a newer torch")
    found = outline(stream, limit=limit)
    keys = outline(stream, limit=limit, plain=True)
    places = _places(file, size, found.storages, keys.value, stream.tell())
    return Contents(found.value, file, size, places)


def _places(
    file: BinaryIO, size: int, storages: Mapping[str, Storage], keys: object, position: int
) -> dict[str, Place]:
    """Return where the storages lie; refuse a file that does not hold just these, each in full."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise CheckpointError("its list of storages is damaged; download it again")
    if sorted(keys) != sorted(storages):
        raise CheckpointError(
            f"it lists {len(keys)} storages and uses {len(storages)}, not all the same; download it again"
        )
    places = {}
    for key in keys:
        if position + 8 > size:
            raise CheckpointError(f"it lacks the data of its storage {shown(key)}; download it again")
        numel = int.from_bytes(read_at(file, position, 8), "little")
        if numel != storages[key].numel:
            raise CheckpointError(f"its storage {shown(key)} has another length than it says; get it again")
        places[key] = Place(position + 8, storages[key].nbytes)
        position += 8 + storages[key].nbytes
    if position != size:
        what = "goes on after its data" if position < size else "ends before its data do"
        raise CheckpointError(f"it {what}; download it again")
    return places
