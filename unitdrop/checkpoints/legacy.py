"""The legacy files of torch < 1.6: `read_legacy`.

They are a magic number, a version, the machine, the object and the names of its storages, each a pickle; then
for every storage its length and its data.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import BinaryIO

import torch

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.pickles import MAX_PICKLE, most_opcodes, outline
from unitdrop.checkpoints.placeholders import Storage
from unitdrop.checkpoints.torch_load import read_torch
from unitdrop.checkpoints.wanted import Wanted
from unitdrop.errors import CheckpointError

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how such a file begins


def read_legacy(file: io.BufferedReader, size: int, wanted: Wanted) -> dict[str, torch.Tensor]:
    """Return the wanted tensors of a legacy file of `size` bytes.

    Raises
    ------
    CheckpointError
        The file is damaged, unsafe to read, or does not hold what is wanted.
    """
    stream = io.BytesIO(read_at(file, 0, min(size, MAX_PICKLE)))
    limit = most_opcodes(len(wanted.like))
    _, version, machine = (outline(stream, limit=100, plain=True).value for _ in range(3))
    if version != 1001 or not isinstance(machine, dict):
        raise CheckpointError("it is a legacy checkpoint of unknown version; save it again by a newer torch")
    found = outline(stream, limit=limit)
    keys = outline(stream, limit=limit, plain=True)
    _check_storages(file, size, found.storages, keys.value, stream.tell())
    replaced = dict.fromkeys(found.long_strings + keys.long_strings, b"X")
    return read_torch(io.BufferedReader(_Patched(file, replaced)), found, wanted)


def _check_storages(
    file: BinaryIO, size: int, storages: Mapping[str, Storage], keys: object, position: int
) -> None:
    """Refuse a file that does not hold just its storages, each in full: torch would leave memory unset."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise CheckpointError("its list of storages is damaged; download it again")
    if sorted(keys) != sorted(storages):
        raise CheckpointError(
            f"it lists {len(keys)} storages and uses {len(storages)}, not all the same; download it again"
        )
    for key in keys:
        if position + 8 > size:
            raise CheckpointError(f"it lacks the data of its storage {shown(key)}; download it again")
        numel = int.from_bytes(read_at(file, position, 8), "little")
        if numel != storages[key].numel:
            raise CheckpointError(f"its storage {shown(key)} has another length than it says; get it again")
        position += 8 + storages[key].nbytes
    if position != size:
        what = "goes on after its data" if position < size else "ends before its data do"
        raise CheckpointError(f"it {what}; download it again")


class _Patched(io.RawIOBase):
    """A legacy file with a few bytes of its pickles replaced.

    torch does not know BINSTRING, in which Python 2 wrote long strings; BINUNICODE differs from it by one
    byte. And because this is not a file to torch, it does not try it as a tar archive first.
    """

    def __init__(self, file: io.BufferedReader, replaced: Mapping[int, bytes]):
        self._file, self._replaced = file, replaced

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer) -> int:
        start = self._file.tell()
        count = self._file.readinto(buffer)
        for position, byte in self._replaced.items():
            if start <= position < start + count:
                memoryview(buffer)[position - start : position - start + 1] = byte
        return count
