"""The tensors that are asked for, and which tensors of a file they are: `Wanted`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.errors import CheckpointError

# An optimizer keeps up to three numbers for every weight, and some files hold averages of the weights too.
MAX_COPIES, MAX_BESIDE = 16, 64 << 20
_PREFIXES = ("module.", "_orig_mod.", "model.")  # left by DataParallel, torch.compile and training frameworks
_WHERE = ("state_dict", "model_state_dict", "model", "net", "weights")
_TRACKED = "num_batches_tracked"

Plan = dict[str, tuple[str, Tensor]]


@dataclass(frozen=True)
class Wanted:
    """What to look for in a file.

    Parameters
    ----------
    like
        The names, shapes and dtypes wanted.
    head
        The name of the classifier layer, if its number of rows is to be read from the file.
    rename
        Applied to each name in the file, after prefixes are taken off; None leaves out what goes by it.

    Raises
    ------
    TypeError, ValueError
        `like` is not a state dict, or has no such `head`: the caller's own mistakes, not those of the file.
    """

    like: Mapping[str, torch.Tensor]
    head: str | None = None
    rename: Callable[[str], str | None] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.like, Mapping) or not all(
            isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in self.like.items()
        ):
            raise TypeError("like: expected names and tensors; pass module.state_dict()")
        if self.head is not None and f"{self.head}.weight" not in self.like:
            raise ValueError(f"head: like has no {self.head}.weight; name the classifier layer, such as 'fc'")

    @property
    def most_bytes(self) -> int:
        """The size, in bytes, of the largest file that can honestly hold these tensors."""
        return MAX_BESIDE + MAX_COPIES * sum(t.numel() * t.dtype.itemsize for t in self.like.values())

    def plan(self, root: object) -> Plan:
        """Return for every wanted name its name in the file and its outline.

        Parameters
        ----------
        root
            What the file holds, a `Tensor` placeholder for every tensor.

        Raises
        ------
        CheckpointError
            Names, shapes or dtypes do not fit.
        """
        outlines = _outlines(_state_dict(root))
        found = self._names(outlines)
        _check_names(found, self.like)
        plan = {name: (found[name], outlines[found[name]]) for name in self.like if name in found}
        for name, (_, outline) in plan.items():
            self._check_fit(name, outline)
        if self.head is not None and f"{self.head}.bias" in plan:
            rows, biases = (plan[f"{self.head}.{part}"][1].shape[0] for part in ("weight", "bias"))
            if rows != biases:
                raise CheckpointError(
                    f"{self.head} has {rows} rows of weights but {biases} biases; get it again"
                )
        return plan

    def _names(self, outlines: Mapping[str, Tensor]) -> dict[str, str]:
        """Return wanted names to names in the file: prefixes taken off, then renamed."""
        keys = list(outlines)
        while prefix := _prefix(keys, self.like):
            keys = [key.removeprefix(prefix) for key in keys]
        if prefix := _prefix(self.like, keys):  # the network is the one that is wrapped
            keys = [prefix + key for key in keys]
        renamed = [self.rename(key) for key in keys] if self.rename else keys
        named = [(key, old) for key, old in zip(renamed, outlines, strict=True) if key is not None]
        names = dict(named)
        if len(names) < len(named):
            raise CheckpointError("two names of its state dict become the same by renaming; check rename")
        return names

    def _check_fit(self, name: str, got: Tensor) -> None:
        """Refuse another shape or dtype than the wanted one; the classifier may have any number of rows."""
        want, shape = self.like[name], tuple(self.like[name].shape)
        if self.head is not None and name in (f"{self.head}.weight", f"{self.head}.bias"):
            shape = (max(1, got.shape[0] if got.shape else 0), *shape[1:])
        if got.shape != shape:
            raise CheckpointError(
                f"{name} has shape {got.shape}, expected {shape}; made for another architecture?"
            )
        if got.dtype != want.dtype:
            raise CheckpointError(f"{name} has dtype {got.dtype}, expected {want.dtype}; convert it first")


def _state_dict(value: object) -> Mapping[str, object]:
    """Return the state dict in what a file holds: the whole, or under one of the usual names."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        inner = [value[name] for name in _WHERE if isinstance(value.get(name), dict)]
        if not inner:  # only now: there may be tensors beside the state dict too, such as random state
            break
        value = inner[0]
    if isinstance(value, dict) and any(isinstance(item, Tensor) for item in value.values()):
        return value
    raise CheckpointError(
        f"it holds no state dict, neither as a whole nor under {', '.join(_WHERE)}; "
        "save it with torch.save(model.state_dict(), ...)"
    )


def _outlines(table: Mapping[str, object]) -> dict[str, Tensor]:
    """Return a state dict that holds nothing but outlines of tensors under names."""
    outlines = {}
    for key, value in table.items():
        if type(key) is not str or not isinstance(value, Tensor):
            raise CheckpointError(
                f"its state dict holds {shown(value)} under {shown(key)}; expected names and tensors only"
            )
        outlines[key] = value
    return outlines


def _prefix(keys: Collection[str], wanted: Collection[str]) -> str | None:
    """Return a prefix that all the keys carry, and not all that are wanted; None if there is none."""
    for prefix in _PREFIXES:
        if (
            keys
            and all(key.startswith(prefix) for key in keys)
            and not all(key.startswith(prefix) for key in wanted)
        ):
            return prefix
    return None


def _check_names(names: Mapping[str, str], like: Mapping[str, torch.Tensor]) -> None:
    """Refuse missing names and names too many; counters that old networks did not have may be missing."""
    missing = [name for name in like if name not in names and not _may_lack(name, like[name])]
    extra = [names[name] for name in names if name not in like]
    problems = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(extra)} too many"] * bool(extra)
    if problems:
        raise CheckpointError(f"it {' and '.join(problems)}; made for another architecture?")


def _some(names: list[str]) -> str:
    """Return up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more


def _may_lack(name: str, tensor: torch.Tensor) -> bool:
    """Return whether this is a counter that networks had not before torch 0.4.1."""
    return name.rpartition(".")[2] == _TRACKED and tensor.dtype == torch.int64 and not tensor.ndim
