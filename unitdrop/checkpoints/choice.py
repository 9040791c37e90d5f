"""Several sets of weights in one file: which is taken, `choose`.

A file may hold raw weights and averages of them, a teacher and a student. The customary one is taken, and
what else there is is told; where none is customary, it is for the user to choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch

from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.checkpoints.prefixes import key_of
from unitdrop.errors import CheckpointError

_AVERAGES = {"ema", "swa", "avg", "averaged", "average", "shadow", "polyak"}
_CUSTOMARY = {
    *("state_dict", "model_state_dict", "model_state", "model_weights", "model", "module", "_orig_mod"),
    *("net", "net_state_dict", "net_state", "network", "network_state_dict"),
    *("params", "parameters", "weights", "state"),
}


class Fit(Protocol):
    """Weights that fit."""

    @property
    def prefix(self) -> str:
        """What stands before their names."""
        ...

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Their outlines by wanted name."""
        ...

    @property
    def averaged(self) -> bool:
        """Whether they are known to be an average."""
        ...


F = TypeVar("F", bound=Fit)


def is_average(prefix: str) -> bool:
    """Return whether a prefix says that the weights under it are an average.

    Examples
    --------
    >>> is_average("state_dict_ema."), is_average("emaModel.module."), is_average("cinema.")
    (True, True, False)
    """
    words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*", prefix)
    return any(word.lower() in _AVERAGES for word in words)


def choose(
    fits: Sequence[F], take: Callable[[Tensor], torch.Tensor], key: str | None = None
) -> tuple[F, list[F]]:
    """Return the weights to take, and one of each kind that differs from them.

    Parameters
    ----------
    fits
        At least one, as they come in the file.
    take
        Gives the tensor of an outline.
    key
        The key in the file under which to take them, if the user has chosen.

    Raises
    ------
    CheckpointError
        Nothing goes by that key, or several do and none of them is customary.
    """
    if key is not None:
        fits = _called(fits, key)
    groups = _groups(fits, take)
    chosen = _customary(groups)
    if chosen is None:
        keys = " and ".join(shown(key_of(group[0].prefix)) for group in groups[:6])
        raise CheckpointError(
            f"it holds {len(groups)} different sets of weights that fit, {keys}; choose one with --weights "
            "KEY (in Python: weights=KEY)"
        )
    return chosen[0], [group[0] for group in groups if group is not chosen]


def _called(fits: Sequence[F], key: str) -> Sequence[F]:
    """Return those that go by a key, or lie under it, or whose key ends in it."""
    key = key.removesuffix(".") or "."
    named = [fit for fit in fits if key in (key_of(fit.prefix), fit.prefix.removesuffix("."))]
    named = named or [fit for fit in fits if fit.prefix.startswith(f"{key}.")]
    named = named or [fit for fit in fits if key_of(fit.prefix).endswith(f".{key}")]
    if not named:
        keys = ", ".join(dict.fromkeys(shown(key_of(fit.prefix)) for fit in fits[:6]))
        raise CheckpointError(f"no weights that fit go by the key {shown(key)}; these do: {keys}")
    return named


def _customary(groups: Sequence[list[F]]) -> list[F] | None:
    """Return the group of which nobody would doubt that it is meant, None if there is none."""
    if len(groups) == 1:
        return groups[0]
    raw = [group for group in groups if not any(fit.averaged for fit in group)]
    plain = [group for group in raw if any(_is_customary(fit.prefix) for fit in group)]
    certain = plain or raw
    return certain[0] if len(certain) == 1 else None


def _is_customary(prefix: str) -> bool:
    return all(part in _CUSTOMARY for part in prefix.split(".") if part)


def _groups(fits: Sequence[F], take: Callable[[Tensor], torch.Tensor]) -> list[list[F]]:
    """Return the weights that are the same together, the customary name first in each group."""
    groups: list[list[F]] = []
    for fit in fits:
        group = next((group for group in groups if _same(group[0], fit, take)), None)
        if group is None:
            groups.append([fit])
        else:
            group.append(fit)
    return [sorted(group, key=lambda fit: not _is_customary(fit.prefix)) for group in groups]


def _same(one: Fit, other: Fit, take: Callable[[Tensor], torch.Tensor]) -> bool:
    """Return whether two sets of weights are the same tensors, or equal ones."""
    pairs = [(outline, other.tensors.get(name)) for name, outline in one.tensors.items()]
    apart = [(mine, theirs) for mine, theirs in pairs if mine != theirs]
    if len(one.tensors) != len(other.tensors) or any(
        theirs is None or (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype) for mine, theirs in apart
    ):
        return False
    return all(theirs is not None and torch.equal(take(mine), take(theirs)) for mine, theirs in apart)
