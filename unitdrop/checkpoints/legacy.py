"""The legacy files of torch < 1.6: `read_legacy`.

They are a magic number, a version, the machine, the object and the names of its storages, each a pickle; then
for every storage its length and its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.pickles import MAX_PICKLE, most_opcodes, outline
from unitdrop.checkpoints.placeholders import Storage
from unitdrop.checkpoints.storages import Contents, Place
from unitdrop.errors import CheckpointError

_MAGIC = b"l\xfc\x9cF\xf9 j\xa8P\x19."  # a number with which such a file begins, as protocol 2 to 5 write it
_MAGIC_TEXT = b"L119547037146038801333356L"  # as protocol 0 and 1 do


def is_legacy(start: bytes) -> bool:
    """Return whether a file that starts with this is a legacy one."""
    return start.startswith(_MAGIC_TEXT) or _MAGIC in start[:32]


def read_legacy(file: BinaryIO, size: int, weights: int) -> Contents:
    """Return what a legacy file of `size` bytes holds, in which so many `weights` are looked for.

    Raises
    ------
    CheckpointError
        The file is damaged, or unsafe to read.
    """
    data = read_at(file, 0, min(size, MAX_PICKLE))
    magic = outline(data, limit=100, plain=True)
    version = outline(data, magic.end, limit=100, plain=True)
    machine = outline(data, version.end, limit=100, plain=True)
    if version.value != 1001 or not isinstance(machine.value, dict):
        raise CheckpointError("it is a legacy checkpoint of unknown version; save it again by a newer torch")
    if machine.value.get("little_endian", True) is not True:
        raise CheckpointError("it was written on a big-endian machine; save it again on a usual one")
    found = outline(data, machine.end, limit=most_opcodes(weights))
    keys = outline(data, found.end, limit=most_opcodes(weights), plain=True)
    places = _places(file, size, found.storages, keys.value, keys.end)
    return Contents(found.value, file, size, places, outline=found)


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
