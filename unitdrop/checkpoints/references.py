"""The storages that a pickle refers to, which the file keeps outside of it: `Storages`."""

from __future__ import annotations

import re
from typing import Any

import torch

from unitdrop.checkpoints.calls import is_size
from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import Global, Opaque, Storage
from unitdrop.errors import CheckpointError

_STORAGES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
    "torch ComplexFloatStorage": torch.complex64,
    "torch ComplexDoubleStorage": torch.complex128,
    "torch.storage UntypedStorage": torch.uint8,  # of bytes
    "torch UntypedStorage": torch.uint8,
}
_QUANTISED = {  # how the numbers lie; what they mean is kept elsewhere
    "torch QInt8Storage": torch.int8,
    "torch QUInt8Storage": torch.uint8,
    "torch QInt32Storage": torch.int32,
}


class Storages:
    """The storages of one pickle, `found` by their keys."""

    def __init__(self) -> None:
        self.found: dict[str, Storage] = {}

    def referred(self, identity: object) -> Any:
        """Return what stands for a reference: a storage, or the class of a whole model."""
        match identity if type(identity) is tuple else ():
            case ("module", kind, _, _):
                return kind  # the other two are where its source text came from, and that text
            case ("storage", Global() as kind, key, place, numel) | (
                "storage",
                Global() as kind,
                key,
                place,
                numel,
                None,
            ):
                return self._storage(kind.name, key, place, numel)
        raise CheckpointError("its pickle is malformed (a reference to outside that is not a storage)")

    def _storage(self, kind: str, key: object, place: object, numel: object) -> Storage | Opaque:
        """Return a storage; a stand-in for one of a kind whose numbers cannot be weights."""
        if not (type(key) is str and key and len(key) <= 64 and is_size(numel)):
            raise CheckpointError(f"its storage {shown(key)} is of no usable size ({shown(numel)})")
        if type(place) is not str or not re.fullmatch(r"(?!meta)[a-z]{1,20}(:\d{1,3})?", place):
            raise CheckpointError(f"its storage {shown(key)} lies on {shown(place)}; save it from the CPU")
        quantised = _QUANTISED.get(kind)
        dtype = quantised or _STORAGES.get(kind)
        if dtype is None:
            return Opaque(kind)
        storage = Storage(key, dtype, numel)
        known = self.found.setdefault(key, storage)
        if known != storage and known.nbytes + storage.nbytes:  # empty ones may share a name
            raise CheckpointError(f"its storage {shown(key)} is described twice, and differently")
        return Opaque(kind) if quantised else storage
