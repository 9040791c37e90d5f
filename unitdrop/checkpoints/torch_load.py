"""Reading by torch, once a file is known to be harmless: `read_torch`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import numpy as np
import torch

from unitdrop.checkpoints.calls import NUMPY_BYTES
from unitdrop.checkpoints.pickles import Outline
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.checkpoints.tensors import collected
from unitdrop.checkpoints.wanted import Wanted
from unitdrop.errors import CheckpointError

_WHERE = ("state_dict", "model_state_dict", "model", "net", "weights")
_lock = threading.Lock()  # what torch.load may build, and what it may warn of, is set for the whole process


def read_torch(file: BinaryIO, found: Outline, wanted: Wanted) -> dict[str, torch.Tensor]:
    """Return the wanted tensors of a file whose layout and outline are in order.

    Raises
    ------
    CheckpointError
        It holds no state dict, or not the wanted one, or tensors that are not sound.
    """
    plan = wanted.plan(_state_dict(found.value))
    state = dict(_state_dict(_loaded(file, found.numpy)))
    return collected(wanted.like, plan, state.pop)


def _loaded(file: BinaryIO, numpy: bool) -> object:
    """Return what torch.load makes of a file, on the CPU, with weights_only and without its warnings."""
    file.seek(0)
    with _lock, ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        if numpy:
            stack.enter_context(_numpy_scalars())
        # latin1 is what files of Python 2 need, and no other looks at it; mmap may be set for all of torch.
        return torch.load(file, map_location="cpu", weights_only=True, mmap=False, encoding="latin1")


@contextmanager
def _numpy_scalars() -> Iterator[None]:
    """Let torch.load build numpy numbers, and leave alone what the program has allowed itself."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in NUMPY_BYTES}
    places = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    allowed = [np.dtype, *kinds, *((scalar, place) for place in places)]
    before = torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([item for item in allowed if item not in before]):
        yield


def _state_dict(value: object) -> Mapping[str, Any]:
    """Return the state dict in what a file holds: the whole, or under one of the usual names."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        inner = [value[name] for name in _WHERE if isinstance(value.get(name), dict)]
        if not inner:  # only now: there may be tensors beside the state dict too, such as random state
            break
        value = inner[0]
    if isinstance(value, dict) and any(isinstance(item, (torch.Tensor, Tensor)) for item in value.values()):
        return value
    raise CheckpointError(
        f"it holds no state dict, neither as a whole nor under {', '.join(_WHERE)}; "
        "save it with torch.save(model.state_dict(), ...)"
    )
