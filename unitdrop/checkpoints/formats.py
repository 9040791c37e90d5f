"""A file's format, told by its content: `contents_of`."""

from __future__ import annotations

from typing import BinaryIO

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.kinds import LOOK, kind_of
from unitdrop.checkpoints.legacy import is_legacy, read_legacy
from unitdrop.checkpoints.placeholders import Opaque
from unitdrop.checkpoints.safetensors_file import read_safetensors
from unitdrop.checkpoints.storages import Contents
from unitdrop.checkpoints.zips import read_zip
from unitdrop.errors import CheckpointError


def contents_of(file: BinaryIO, size: int, weights: int) -> Contents:
    """Return what a file of `size` bytes holds, in which so many `weights` are looked for.

    Raises
    ------
    CheckpointError
        The file is no checkpoint, is damaged, unsafe to read, or holds a whole network.
    """
    start = read_at(file, 0, min(size, LOOK))
    contents = _read(file, size, start, weights)
    if isinstance(contents.root, Opaque) and any("_modules" in inside for inside in contents.root.inside):
        name = shown(contents.root.name.replace(" ", "."))
        raise CheckpointError(
            f"it is a whole network ({name}), as torch.save(model, ...) writes it, which only its own code "
            "can read; where that is, save the weights alone: torch.save(model.state_dict(), FILE)"
        )
    return contents


def _read(file: BinaryIO, size: int, start: bytes, weights: int) -> Contents:
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return read_zip(file, size, weights)
    if is_legacy(start):
        return read_legacy(file, size, weights)
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and (length <= size or start[8:10] == b'{"'):
        return read_safetensors(file, size, weights)
    raise CheckpointError(kind_of(start))
