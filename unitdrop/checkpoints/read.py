"""Reading checkpoints: files of weights from anywhere, none of which is trusted.

torch's `weights_only=True` keeps a file from running code. It does not keep it from taking all memory, from
describing tensors it does not hold, or from holding numbers no network can have. So a file is looked at in
this order, and refused at the first thing that is wrong: its size; its layout, so that every byte is
accounted for; what its pickle would build (see `pickles`). Only then does torch or safetensors read it, and
every tensor is checked once more before it is copied.
"""

from __future__ import annotations

import io
import json
import os
import stat
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import isfinite, prod
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from unitdrop.checkpoints.pickles import Outline, Storage, Tensor, outline, shown
from unitdrop.checkpoints.zips import check_sum, read_at, read_entries
from unitdrop.errors import CheckpointError, ModelError

__all__ = ["load_checkpoint", "read_checkpoint"]

# An optimizer keeps up to three numbers for every weight, and some files hold averages of the weights too.
MAX_COPIES, MAX_BESIDE = 16, 64 << 20
MAX_PICKLE = 16 << 20  # bytes; the pickle of a ResNet-152 with its optimizer takes under 1 MiB
MAX_HEADER = 1 << 20  # bytes of JSON, for a safetensors file
_WHERE = ("state_dict", "model_state_dict", "model", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.", "model.")  # left by DataParallel, torch.compile and training frameworks
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how a file of torch < 1.6 begins
_TRACKED = "num_batches_tracked"
_SAFETENSORS = {
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
_lock = threading.Lock()  # what torch.load may build, and what it may warn of, is set for the whole process


def read_checkpoint(
    path: str | os.PathLike,
    like: Mapping[str, torch.Tensor],
    *,
    head: str | None = None,
    rename: Callable[[str], str | None] | None = None,
) -> dict[str, torch.Tensor]:
    """Read a network's weights from a file that may be damaged, hostile, or made for another network.

    Files of `torch.save` (of any age, its legacy format and those of Python 2 included) and of safetensors
    are told apart by their content. The state dict may be the whole file or lie under ``state_dict``,
    ``model_state_dict``, ``model``, ``net`` or ``weights``, with an optimizer's state, numbers and strings
    beside it. A prefix ``module.``, ``_orig_mod.`` or ``model.`` that all its names carry is taken off.

    Parameters
    ----------
    path
        The file. Only regular files are read, and links to them.
    like
        The names, shapes and dtypes wanted: a module's ``state_dict()``, on any device, "meta" included.
    head
        The name of the classifier layer, such as ``"fc"``: the first dimension of its weight and bias, which
        is the number of classes, may differ from `like`'s and is read from the file.
    rename
        Applied to each name in the file, after prefixes are taken off; None leaves out what goes by it.

    Returns
    -------
    dict[str, torch.Tensor]
        Fresh, contiguous CPU tensors, with the names of `like` in its order. A missing
        ``num_batches_tracked`` (networks had none before torch 0.4.1) is 0.

    Raises
    ------
    CheckpointError
        If the file is not as described, holds NaN, infinity or a negative variance, or is over 64 MiB + 16
        times the size of `like`.
    TypeError, ValueError
        If `like` is not a state dict, or has no such `head`.

    Examples
    --------
    >>> import tempfile
    >>> net = nn.Linear(2, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"epoch": 9, "state_dict": net.state_dict()}, f"{folder}/net.pth")
    ...     state = read_checkpoint(f"{folder}/net.pth", net.state_dict())
    >>> {name: tuple(tensor.shape) for name, tensor in state.items()}
    {'weight': (3, 2), 'bias': (3,)}
    """
    versions, like = getattr(like, "_metadata", None), _checked_like(like, head)
    try:
        with _opened(path, _limit(like)) as (file, size):
            state = OrderedDict(_read(_Request(path, file, size, like, head, rename)))
        if versions is not None:  # modules that changed once ask for it; what fits `like` is of its version
            state._metadata = versions
        return state
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {_name(path)}: {error}") from error.__cause__
    except Exception as error:  # whatever torch, safetensors or the disk can come up with
        raise CheckpointError(
            f"checkpoint {_name(path)}: cannot be read ({type(error).__name__}); "
            "it may be damaged, download it again"
        ) from error


def load_checkpoint(
    module: nn.Module, path: str | os.PathLike, *, rename: Callable[[str], str | None] | None = None
) -> nn.Module:
    """Load a network's weights from a file, as `read_checkpoint` reads it: all of them, or none.

    Parameters
    ----------
    module
        The network. Its mode, device and dtypes stay as they are.
    path, rename
        As `read_checkpoint` takes them.

    Returns
    -------
    nn.Module
        The same `module`.

    Raises
    ------
    CheckpointError
        As `read_checkpoint` does, or if the module does not take the weights; the module is then unchanged.
    ModelError
        If `module` is not one.

    Examples
    --------
    >>> load_checkpoint(nn.Linear(2, 3), "nowhere.pth")
    Traceback (most recent call last):
    unitdrop.errors.CheckpointError: checkpoint 'nowhere.pth': there is no such file; check the path
    """
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise ModelError(f"module: expected a torch.nn.Module, got {kind}; pass the network itself")
    current = module.state_dict()
    if any(tensor.is_meta for tensor in current.values()):
        raise CheckpointError("the module lies on the meta device; call module.to_empty(device='cpu') first")
    state = read_checkpoint(path, current, rename=rename)
    before = {name: tensor.clone() for name, tensor in current.items()}
    try:
        module.load_state_dict(state, strict=True)
    except BaseException as error:  # an interrupt too must not leave half of it
        with torch.no_grad():
            for name, tensor in current.items():
                tensor.copy_(before[name])
        if not isinstance(error, Exception):
            raise
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CheckpointError(f"checkpoint {_name(path)}: the module does not take it ({words})") from error
    return module


class _Request(NamedTuple):
    """What was asked for, and the open file."""

    path: str | os.PathLike
    file: BinaryIO
    size: int
    like: Mapping[str, torch.Tensor]
    head: str | None
    rename: Callable[[str], str | None] | None


def _checked_like(like: Mapping[str, torch.Tensor], head: str | None) -> dict[str, torch.Tensor]:
    """Return `like`, detached. The caller's own mistakes are told apart from those of the file."""
    if not isinstance(like, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in like.items()
    ):
        raise TypeError("like: expected names and tensors; pass module.state_dict()")
    if head is not None and f"{head}.weight" not in like:
        raise ValueError(f"head: like has no {head}.weight; name the classifier layer, such as 'fc'")
    return {name: tensor.detach() for name, tensor in like.items()}


def _limit(like: Mapping[str, torch.Tensor]) -> int:
    """The largest file, in bytes, that can honestly hold these tensors."""
    return MAX_BESIDE + MAX_COPIES * sum(t.numel() * t.dtype.itemsize for t in like.values())


def _name(path: object) -> str:
    """The file's name for a message; of a long path the end, which tells more."""
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else type(path).__name__
    return repr(text if len(text) <= 100 else f"...{text[-97:]}")


@contextmanager
def _opened(path: str | os.PathLike, limit: int) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file of at most `limit` bytes, without waiting for anything that is not one."""
    try:
        # Looked at before it is opened, since opening a device can do things, and once more when it is open.
        _check_regular(os.stat(path))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = open(os.open(path, flags), "rb")
    except FileNotFoundError:
        raise CheckpointError("there is no such file; check the path") from None
    except PermissionError:
        raise CheckpointError("it may not be read; check its permissions") from None
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError("cannot be opened; give the path of a file") from error
    with file:
        size = _check_regular(os.fstat(file.fileno())).st_size
        if size > limit:
            raise CheckpointError(
                f"it has {size} bytes, over the {limit} (64 MiB + 16 times the network) that are read; "
                "give the weights alone"
            )
        yield file, size


def _check_regular(status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise CheckpointError(f"it is {kind}; give the path of a file of weights")
    return status


def _read(request: _Request) -> dict[str, torch.Tensor]:
    """Tell the format by the content, and read it."""
    start = read_at(request.file, 0, min(request.size, 512))
    if start.startswith(b"PK\x03\x04"):
        return _read_zip(request)
    if start.startswith(_LEGACY):
        return _read_legacy(request)
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and (length <= request.size or start[8:10] == b'{"'):
        return _read_safetensors(request, length)
    raise CheckpointError(_what_else(start))


def _what_else(start: bytes) -> str:
    """Say what a file is that is no checkpoint, by its first 512 bytes."""
    again = "download it again, from the address of the file itself"
    for words, found in {
        "it is empty; download it again": not start,
        f"it is the pointer of a git-lfs file, not the file; run git lfs pull, or {again}": start.startswith(
            b"version https://git-lfs"
        ),
        f"it is a web page, not a checkpoint; {again}": start.lstrip()[:1] == b"<",
        "it is compressed as a whole; unpack it first": start.startswith(
            (b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd")
        ),
        "it is a tar archive; unpack it first (what torch < 0.1.10 wrote is unsafe to read)": (
            start[257:262] == b"ustar"
        ),
        "it is a plain pickle, which is unsafe to read; write it with torch.save or safetensors": start[:1]
        == b"\x80",
        "it is an HDF5 file; export the weights as safetensors": start.startswith(b"\x89HDF"),
        f"it holds nothing but zeros at its start; {again}": not start.strip(b"\0"),
    }.items():
        if found:
            return words
    return f"it is not a checkpoint of torch or safetensors; {again}"


# The zip files of torch >= 1.6


def _read_zip(request: _Request) -> dict[str, torch.Tensor]:
    file, entries = request.file, read_entries(request.file, request.size, 1_000 + 10 * len(request.like))
    pickle = entries["data.pkl"]
    if pickle.size > MAX_PICKLE:
        raise CheckpointError(f"its pickle has {pickle.size} bytes, over the {MAX_PICKLE} that are read")
    stream = io.BytesIO(read_at(file, pickle.start, pickle.size))
    found = outline(stream, limit=_opcodes(request))
    if found.long_strings:
        raise CheckpointError("its pickle has strings of Python 2, which no zip of torch.save has")
    for storage in found.storages.values():
        entry = entries.get(f"data/{storage.key}")
        if entry is None or entry.size < storage.nbytes:
            raise CheckpointError(f"it lacks the data of its storage {shown(storage.key)}; download it again")
    for entry in entries.values():
        check_sum(file, entry)
    file.seek(0)
    return _read_torch(request, found, file)


def _opcodes(request: _Request) -> int:
    """How many opcodes a pickle may have; a tensor takes about 35, and there may be four for every weight."""
    return 50_000 + 200 * len(request.like)


# The legacy files of torch < 1.6: a magic number, a version, the machine, the object and the names of its
# storages, each a pickle; then for every storage its length and its data.


class _Legacy(io.RawIOBase):
    """A legacy file with a few bytes of its pickles replaced.

    torch does not know BINSTRING, in which Python 2 wrote long strings; BINUNICODE differs from it by one
    byte. And because this is not a file to torch, it does not try it as a tar archive first.
    """

    def __init__(self, file: BinaryIO, replaced: Mapping[int, bytes]):
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


def _read_legacy(request: _Request) -> dict[str, torch.Tensor]:
    stream = io.BytesIO(read_at(request.file, 0, min(request.size, MAX_PICKLE)))
    limit = _opcodes(request)
    _, version, machine = (outline(stream, limit=100, plain=True).value for _ in range(3))
    if version != 1001 or not isinstance(machine, dict):
        raise CheckpointError("it is a legacy checkpoint of unknown version; save it again by a newer torch")
    found = outline(stream, limit=limit)
    keys = outline(stream, limit=limit, plain=True)
    _check_storages(request, found.storages, keys.value, stream.tell())
    replaced = dict.fromkeys(found.long_strings + keys.long_strings, b"X")
    return _read_torch(request, found, io.BufferedReader(_Legacy(request.file, replaced)))


def _check_storages(request: _Request, storages: Mapping[str, Storage], keys: object, position: int) -> None:
    """Refuse a file that does not hold just its storages, each in full: torch would leave memory unset."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise CheckpointError("its list of storages is damaged; download it again")
    if sorted(keys) != sorted(storages):
        raise CheckpointError(
            f"it lists {len(keys)} storages and uses {len(storages)}, not all the same; download it again"
        )
    for key in keys:
        if position + 8 > request.size:
            raise CheckpointError(f"it lacks the data of its storage {shown(key)}; download it again")
        numel = int.from_bytes(read_at(request.file, position, 8), "little")
        if numel != storages[key].numel:
            raise CheckpointError(f"its storage {shown(key)} has another length than it says; get it again")
        position += 8 + storages[key].nbytes
    if position != request.size:
        what = "goes on after its data" if position < request.size else "ends before its data do"
        raise CheckpointError(f"it {what}; download it again")


# What all files of torch have in common


def _read_torch(request: _Request, found: Outline, file: BinaryIO) -> dict[str, torch.Tensor]:
    """Read a file whose layout and outline are in order."""
    plan = _plan(_state_dict(found.value), request)
    file.seek(0)
    with _lock, ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        if found.numpy:
            stack.enter_context(_numpy_scalars())
        # latin1 is what files of Python 2 need, and no other looks at it; mmap may be set for all of torch.
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=False, encoding="latin1")
    state = dict(_state_dict(loaded))
    del loaded
    return _finished(request.like, plan, state.pop)


@contextmanager
def _numpy_scalars() -> Iterator[None]:
    """Let torch.load build numpy numbers, and leave alone what the program has allowed itself."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1".split()}
    places = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    allowed = [np.dtype, *kinds, *((scalar, place) for place in places)]
    before = torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([item for item in allowed if item not in before]):
        yield


def _state_dict(value: object) -> Mapping[str, object]:
    """Find the state dict in what a file holds: the whole, or under one of the usual names."""
    for _ in range(3):
        inner = (
            [value[name] for name in _WHERE if isinstance(value.get(name), dict)]
            if isinstance(value, dict)
            else []
        )
        if not inner:  # only now: there may be tensors beside the state dict too, such as random state
            break
        value = inner[0]
    if isinstance(value, dict) and any(isinstance(item, (torch.Tensor, Tensor)) for item in value.values()):
        return value
    raise CheckpointError(
        f"it holds no state dict, neither as a whole nor under {', '.join(_WHERE)}; "
        "save it with torch.save(model.state_dict(), ...)"
    )


def _plan(table: Mapping[str, object], request: _Request) -> dict[str, tuple[str, Tensor]]:
    """For every wanted name its name in the file and its outline, once names, shapes and dtypes fit."""
    like, head = request.like, request.head
    found = _names(table, request)
    _check_names(found, like)
    names = {name: found[name] for name in like if name in found}
    for name, key in names.items():
        got, want, shape = table[key], like[name], tuple(like[name].shape)
        if head is not None and name in (f"{head}.weight", f"{head}.bias"):
            shape = (max(1, got.shape[0] if got.shape else 0), *shape[1:])
        if got.shape != shape:
            raise CheckpointError(
                f"{name} has shape {got.shape}, expected {shape}; made for another architecture?"
            )
        if got.dtype != want.dtype:
            raise CheckpointError(f"{name} has dtype {got.dtype}, expected {want.dtype}; convert it first")
    if head is not None and f"{head}.bias" in names:
        rows = [table[names[f"{head}.{part}"]].shape[0] for part in ("weight", "bias")]
        if rows[0] != rows[1]:
            raise CheckpointError(f"{head} has {rows[0]} rows of weights but {rows[1]} biases; get it again")
    return {name: (key, table[key]) for name, key in names.items()}


def _names(table: Mapping[str, object], request: _Request) -> dict[str, str]:
    """Wanted names to names in the file: prefixes taken off, then renamed."""
    for key, value in table.items():
        if type(key) is not str or not isinstance(value, Tensor):
            raise CheckpointError(
                f"its state dict holds {shown(value)} under {shown(key)}; expected names and tensors only"
            )
    keys = list(table)
    while prefix := _prefix(keys, request.like):
        keys = [key.removeprefix(prefix) for key in keys]
    if prefix := _prefix(list(request.like), dict.fromkeys(keys)):  # the network is the one that is wrapped
        keys = [prefix + key for key in keys]
    keys = [request.rename(key) for key in keys] if request.rename else keys
    named = [(key, old) for key, old in zip(keys, table, strict=True) if key is not None]
    names = dict(named)
    if len(names) < len(named):
        raise CheckpointError("two names of its state dict become the same by renaming; check rename")
    return names


def _prefix(keys: list[str], like: Mapping[str, torch.Tensor]) -> str | None:
    """A prefix that all the keys carry, and not all that are wanted."""
    return next(
        (
            prefix
            for prefix in _PREFIXES
            if all(key.startswith(prefix) for key in keys) and not all(key.startswith(prefix) for key in like)
        ),
        None,
    )


def _check_names(names: Mapping[str, str], like: Mapping[str, torch.Tensor]) -> None:
    """Refuse missing names and names too many; counters that old networks did not have may be missing."""
    missing = [name for name in like if name not in names and not _may_lack(name, like[name])]
    extra = [names[name] for name in names if name not in like]
    problems = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(extra)} too many"] * bool(extra)
    if problems:
        raise CheckpointError(f"it {' and '.join(problems)}; made for another architecture?")


def _some(names: list[str]) -> str:
    """Up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more


def _may_lack(name: str, tensor: torch.Tensor) -> bool:
    return name.rpartition(".")[2] == _TRACKED and tensor.dtype == torch.int64 and not tensor.ndim


def _finished(
    like: Mapping[str, torch.Tensor],
    plan: Mapping[str, tuple[str, Tensor]],
    fetch: Callable[[str], torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Fetch, check and copy one tensor after another, so that each is freed before the next is copied."""
    made = {}
    for name in like:
        if name in plan:
            key, expected = plan[name]
            made[name] = _sound(name, fetch(key), expected)
        else:
            made[name] = torch.zeros((), dtype=torch.int64, device="cpu")
    return made


def _sound(name: str, tensor: torch.Tensor, expected: Tensor) -> torch.Tensor:
    """A fresh, contiguous copy of a tensor, if it is a plain one with numbers that a network can have."""
    if type(tensor) not in (torch.Tensor, nn.Parameter) or tensor.layout != torch.strided:
        raise CheckpointError(f"{name} is not a plain tensor; save it as one")
    tensor = tensor.detach()
    if tuple(tensor.shape) != expected.shape or tensor.dtype != expected.dtype:
        raise CheckpointError(f"{name} is not what its file describes; download it again")
    if tensor.device.type != "cpu" or tensor.is_quantized or not _is_separate(tensor):
        raise CheckpointError(f"{name} is not a plain tensor whose numbers lie apart; clone it first")
    low, high = _extremes(tensor)
    if not (isfinite(low) and isfinite(high)):
        raise CheckpointError(f"{name} holds NaN or infinity; its training failed, or the file is damaged")
    if name.endswith("running_var") and low < 0:
        raise CheckpointError(f"{name} holds negative variances, which no training gives; get it again")
    return tensor.clone(memory_format=torch.contiguous_format)


def _extremes(tensor: torch.Tensor) -> tuple[float, float]:
    """The smallest and the largest number, NaN if there is one; takes no memory, as `isfinite()` would."""
    if not tensor.numel() or not (tensor.is_floating_point() or tensor.is_complex()):
        return 0.0, 0.0
    low, high = torch.view_as_real(tensor).aminmax() if tensor.is_complex() else tensor.aminmax()
    return low.item(), high.item()


def _is_separate(tensor: torch.Tensor) -> bool:
    """Whether each number lies in the storage, at a place of its own."""
    last = 0
    for step, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and step <= last:
            return False
        last += (size - 1) * step if size > 1 else 0
    end = (tensor.storage_offset() + last + 1) * tensor.element_size()
    return tensor.numel() == 0 or end <= tensor.untyped_storage().nbytes()


# safetensors: the length of a header, the header in JSON, then the numbers


def _read_safetensors(request: _Request, length: int) -> dict[str, torch.Tensor]:
    if length > min(MAX_HEADER + 1_000 * len(request.like), request.size - 8):
        raise CheckpointError(f"its header has {length} bytes, over those of the file; download it again")
    table = _header(read_at(request.file, 8, length), request.size - 8 - length)
    plan = _plan(table, request)
    with safe_open(os.fspath(request.path), framework="pt", device="cpu") as file:
        for key, want in table.items():
            part = file.get_slice(key)
            if tuple(part.get_shape()) != want.shape or _SAFETENSORS.get(part.get_dtype()) != want.dtype:
                raise CheckpointError(f"its {shown(key)} is described twice, and differently")
        return _finished(request.like, plan, file.get_tensor)


def _header(data: bytes, space: int) -> dict[str, Tensor]:
    """The tensors that a header describes; together they fill the `space` after it, without overlap."""
    table, ranges = {}, []
    try:
        for key, entry in json.loads(data, object_pairs_hook=_unique).items():
            if key != "__metadata__":
                table[key], place = _described(key, **entry)
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
    """An entry of the header: a tensor, and where its bytes begin and end."""
    (start, end), kind = data_offsets, _SAFETENSORS.get(dtype)
    if kind is None:
        raise CheckpointError(f"its {shown(key)} has dtype {shown(dtype)}; convert it first")
    if len(shape) > 16 or not all(type(n) is int and 0 <= n < 1 << 48 for n in (*shape, start, end)):
        raise CheckpointError(f"its {shown(key)} has an impossible shape or place")
    if end - start != prod(shape) * kind.itemsize:
        raise CheckpointError(f"its {shown(key)} has {end - start} bytes, which is not what its shape needs")
    return Tensor(tuple(shape), kind), (start, end)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, if no name occurs twice in it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise CheckpointError("its header has a name twice; save it again")
    return found
