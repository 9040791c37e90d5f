"""Files of safetensors: the length of a header, the header in JSON, then the numbers."""

from __future__ import annotations

import json
from math import prod
from typing import BinaryIO

import torch

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.placeholders import Storage, Tensor
from unitdrop.checkpoints.storages import Contents, Place
from unitdrop.errors import CheckpointError

MAX_HEADER = 1 << 20  # bytes of JSON
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(file: BinaryIO, size: int, weights: int) -> Contents:
    """Return what a file of safetensors of `size` bytes holds, in which so many `weights` are looked for.

    Raises
    ------
    CheckpointError
        The file is damaged.
    """
    length = int.from_bytes(read_at(file, 0, 8), "little")
    if length > min(MAX_HEADER + 1_000 * weights, size - 8):
        raise CheckpointError(f"its header has {length} bytes, over those of the file; download it again")
    table = _header(read_at(file, 8, length), size - 8 - length)
    places = {key: Place(8 + length + start, want.storage.nbytes) for key, (want, start) in table.items()}
    return Contents({key: want for key, (want, _) in table.items()}, file, size, places)


def _header(data: bytes, space: int) -> dict[str, tuple[Tensor, int]]:
    """Return the tensors that a header describes, and where each begins.

    They must fill the `space` after it, without overlap.
    """
    table, ranges = {}, []
    try:
        for key, entry in json.loads(data, object_pairs_hook=_unique).items():
            if key != "__metadata__":
                tensor, place = _described(key, **entry)
                table[key] = tensor, place[0]
                ranges.append(place)
    except CheckpointError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError("its header is damaged; download it again") from error
    ends = [0, *(end for _, end in sorted(ranges))]
    if [start for start, _ in sorted(ranges)] != ends[:-1] or ends[-1] != space:
        raise CheckpointError("its tensors overlap, leave gaps, or do not end with the file; get it again")
    return table


def _described(key: str, dtype: str, shape: list, data_offsets: list) -> tuple[Tensor, tuple[int, int]]:
    """Return what an entry of the header describes: a tensor, and where its bytes begin and end."""
    (start, end), kind = data_offsets, _DTYPES.get(dtype)
    if kind is None:
        raise CheckpointError(f"its {shown(key)} has dtype {shown(dtype)}; convert it first")
    if len(shape) > 16 or not all(type(n) is int and 0 <= n < 1 << 48 for n in (*shape, start, end)):
        raise CheckpointError(f"its {shown(key)} has an impossible shape or place")
    if end - start != prod(shape) * kind.itemsize:
        raise CheckpointError(f"its {shown(key)} has {end - start} bytes, which is not what its shape needs")
    steps = [prod(shape[place + 1 :]) for place in range(len(shape))]
    return Tensor(tuple(shape), kind, Storage(key, kind, prod(shape)), 0, tuple(steps)), (start, end)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object, if no name occurs twice in it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise CheckpointError("its header has a name twice; save it again")
    return found
