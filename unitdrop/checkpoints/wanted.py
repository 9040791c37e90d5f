"""The tensors that are asked for, and which tensors of a file they are: `Wanted`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from shlex import quote

import torch

from unitdrop.checkpoints.choice import choose, is_average
from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.fits import Fit, Wish, fit, may_lack, some
from unitdrop.checkpoints.flat import Flat, architecture, flattened
from unitdrop.checkpoints.normalisers import Normaliser, normaliser_of, normaliser_pairs
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.checkpoints.prefixes import WRAPPERS, key_of, prefixes, wrappings
from unitdrop.errors import CheckpointError

# An optimizer keeps up to three numbers for every weight, and some files hold averages of the weights too.
MAX_COPIES, MAX_BESIDE = 16, 64 << 20
_QUIET = {*WRAPPERS, "model", "state_dict", "model_state_dict", "net", "network", "weights"}
"""Keys that are so usual that nobody need be told."""
_MOST_FITS, _MOST_OTHERS = 100, 4
Take = Callable[[Tensor], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """Which tensors of a file are the wanted ones.

    Attributes
    ----------
    tensors : for every wanted name its name in the file and its outline
    kept : wanted names that the file lacks and whose numbers the network has
    rows : the number of the classifier's rows, if it has no bias in the file
    notes : what was guessed or left out
    normaliser : the preprocessing beside them in the file
    arch : the architecture that the file says it is of
    """

    tensors: dict[str, tuple[str, Tensor]]
    kept: list[str] = field(default_factory=list)
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    normaliser: Normaliser | None = None
    arch: str | None = None


class Misfit(CheckpointError):
    """No tensors of a file fit.

    Attributes
    ----------
    shapes : those in its largest mapping of tensors, by name
    arch : the architecture that the file says it is of
    """

    def __init__(self, text: str, shapes: Mapping[str, tuple[int, ...]], arch: str | None) -> None:
        super().__init__(text)
        self.shapes, self.arch = shapes, arch


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
    key
        The key in the file under which to look, if it holds several sets of weights.

    Raises
    ------
    TypeError, ValueError
        `like` is not a state dict, or has no such `head`: the caller's own mistakes, not those of the file.
    """

    like: Mapping[str, torch.Tensor]
    head: str | None = None
    rename: Callable[[str], str | None] | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.like, Mapping) or not all(
            isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in self.like.items()
        ):
            raise TypeError("like: expected names and tensors; pass module.state_dict()")
        if not self.like:
            raise ValueError("like: it has no tensors; pass the state_dict() of a network that has weights")
        if self.head is not None and f"{self.head}.weight" not in self.like:
            raise ValueError(f"head: like has no {self.head}.weight; name the classifier layer, such as 'fc'")
        if self.key is not None and not isinstance(self.key, str):
            raise TypeError(f"weights: expected a key of the file, such as 'ema', got {self.key!r:.60}")

    @property
    def most_bytes(self) -> int:
        """The size, in bytes, of the largest file that can honestly hold these tensors."""
        return MAX_BESIDE + MAX_COPIES * sum(t.numel() * t.dtype.itemsize for t in self.like.values())

    def plan(self, root: object, take: Take) -> Plan:
        """Return which tensors of a file are the wanted ones.

        Parameters
        ----------
        root
            What the file holds, a `Tensor` outline for every tensor.
        take
            Gives the tensor of an outline.

        Raises
        ------
        CheckpointError
            Names, shapes or dtypes do not fit, or there are several that do.
        """
        flat = flattened(root)
        if not flat.tensors:
            raise CheckpointError(_nothing(flat))
        fits = self._fits(flat)
        good = [each for each in fits if each.problem is None]
        if not good:
            bare = flat.unwrapped()
            good = [each for each in self._fits(bare) if each.problem is None]
            flat = bare if good else flat
        if not good:
            raise self._misfit(flat, fits, root)
        least = min(len(each.kept) for each in good)
        good = [each for each in good if len(each.kept) == least]
        chosen, others = choose(good, take, self.key)
        pair = _normaliser(flat, chosen, take)
        tensors = {
            name: (chosen.names[name], chosen.tensors[name]) for name in self.like if name in chosen.names
        }
        return Plan(
            tensors,
            chosen.kept,
            0 if self.head is None else chosen.tensors[f"{self.head}.weight"].shape[0],
            self._notes(flat, chosen, others, [each for each in good if each is not chosen], pair),
            pair,
            architecture(root),
        )

    def _fits(self, flat: Flat) -> list[Fit]:
        """Return how the tensors under each prefix fit that may be the one."""
        fits: list[Fit] = []
        own = list(normaliser_pairs(self.like, self.like))
        outer = [name for name in self.like if not any(name in pair for pair in own)]
        for wrap in ("", *wrappings(outer)):
            wish = self._unwrapped(wrap)
            needed = [name for name in wish.like if not self._is_optional(name, wish)]
            alike, others = self._likely(flat, wish, needed)
            found = [fit(flat, prefix, wish, alike) for prefix in (*alike, *others)]
            fits += [_wrapped(each, wrap, self.like) for each in found] if wrap else found
            if any(each.problem is None and not each.kept for each in found):
                break
        return fits

    def _is_optional(self, name: str, wish: Wish) -> bool:
        """Return whether the name may be another one in a file, or may not be there."""
        pairs = normaliser_pairs(wish.like, [name] if not wish.like[name].is_meta else [])
        return bool(
            may_lack(name, wish, wish.like) or pairs or (wish.head and name.startswith(f"{wish.head}."))
        )

    def _likely(self, flat: Flat, wish: Wish, needed: Collection[str]) -> tuple[list[str], list[str]]:
        """Return the prefixes worth a closer look: those with the wanted shapes, and a few others."""
        shapes = {name: tuple(wish.like[name].shape) for name in needed}
        alike, others = [], []
        for prefix in self._prefixes(flat, wish.like, needed):
            there = ((flat.tensors.get(prefix + name), shape) for name, shape in shapes.items())
            fits = all(tensor is not None and tensor.shape == shape for tensor, shape in there)
            (alike if fits else others).append(prefix)
        return alike[:_MOST_FITS], others[: _MOST_OTHERS if self.rename is None else _MOST_FITS]

    def _prefixes(self, flat: Flat, wanted: Collection[str], needed: Collection[str]) -> list[str]:
        """Return what may stand before the wanted names; before it is taken off, renaming finds little."""
        if self.rename is None:
            return prefixes(flat.tensors, wanted, needed)
        new = [made for name in flat.tensors if isinstance(made := self.rename(name), str)]
        shared = [wrap for room in flat.rooms.values() for wrap in wrappings(room)]
        return list(dict.fromkeys([*prefixes([*flat.tensors, *new], wanted, needed), "", *shared[:16]]))

    def _unwrapped(self, wrap: str) -> Wish:
        """Return what is wanted, by its names without what stands before all of them."""
        inner = {name.removeprefix(wrap): tensor for name, tensor in self.like.items()}
        return Wish(inner, self.head and self.head.removeprefix(wrap), self.rename)

    def _misfit(self, flat: Flat, fits: list[Fit], root: object) -> CheckpointError:
        """Return the error that says how far what comes closest is from fitting."""
        if self.key is not None:
            fits = [each for each in fits if self.key in (".", *each.prefix.split("."))] or fits
        best = max(fits, key=lambda each: len(each.names), default=None)
        if best is None or (flat.modules and not best.names):
            if flat.modules:
                return CheckpointError(_nothing(flat))
            best = fit(flat, "", Wish(self.like, self.head, None))
        room = max(flat.rooms.values(), key=lambda room: sum(flat.tensors[name].numel for name in room))
        shapes = {name: flat.tensors[name].shape for name in room}
        return Misfit(str(best.problem), shapes, architecture(root))

    def _places(self, flat: Flat, chosen: Fit) -> list[str]:
        """Return in words under which key the weights lie and what was taken off their names."""
        homes = (flat.keys[flat.homes[name]] for name in chosen.names.values())
        key = min(homes, key=len, default="")
        key = key if chosen.prefix.startswith(f"{key}.") else ""
        rest = chosen.prefix[len(key) + 1 :] if key else chosen.prefix
        notes = []
        if self.key is None and not all(part in _QUIET for part in key.split(".") if part):
            notes.append(f"its weights are read from {shown(key)}")
        asked = self.key is not None and f".{key_of(chosen.prefix)}".endswith(f".{self.key}")
        if not asked and not all(part in WRAPPERS for part in rest.split(".") if part):
            notes.append(f"the prefix {shown(rest)} is taken off its names")
        return notes

    def _notes(
        self, flat: Flat, chosen: Fit, others: list[Fit], copies: list[Fit], pair: Normaliser | None
    ) -> list[str]:
        """Return what was guessed or left out, in words."""
        notes = self._places(flat, chosen)
        if chosen.layer is not None:
            notes.append(
                f"its linear layer {shown(chosen.layer)} is taken as the classifier {shown(self.head)}"
            )
        if self.head and f"{self.head}.bias" in self.like and f"{self.head}.bias" not in chosen.names:
            notes.append("its classifier has no bias, which is taken as 0")
        if chosen.kept:
            notes.append(f"{some(chosen.kept)} stay as the network has them")
        left = _left_out(flat, chosen, [*copies, *others], pair, self.rename)
        if left:
            notes.append(f"left out: {some(left)}")
        if others and self.key is None:
            keys = ", ".join(map(_told, others[:6]))
            key = key_of(others[0].prefix)
            notes.append(
                f"{keys} would fit too: choose with --weights {quote(key)} (in Python: weights={key!r})"
            )
        return notes


def _told(other: Fit) -> str:
    """Return in words what else fits; that it is an average where its key does not say so."""
    average = " (averaged)" if other.averaged and not is_average(other.prefix) else ""
    return shown(key_of(other.prefix)) + average


def _nothing(flat: Flat) -> str:
    """Return in words that there is no state dict."""
    if flat.modules:
        return (
            f"it holds a whole network ({shown(flat.modules[0])}), which is code too, and none of it is run; "
            "save its weights alone: torch.save(model.state_dict(), FILE)"
        )
    return "it holds no state dict; save one with torch.save(model.state_dict(), FILE)"


def _wrapped(found: Fit, wrap: str, like: Collection[str]) -> Fit:
    """Return a fit by the names of a network that is wrapped, all of it but its own preprocessing."""

    def outer(name: str) -> str:
        return wrap + name if wrap + name in like else name

    tables = {part: {outer(k): v for k, v in vars(found)[part].items()} for part in ("names", "tensors")}
    lists = {part: [outer(name) for name in vars(found)[part]] for part in ("missing", "kept")}
    return Fit(**{**vars(found), **tables, **lists})


def _left_out(
    flat: Flat,
    chosen: Fit,
    others: Collection[Fit],
    pair: Normaliser | None,
    rename: Callable[[str], str | None] | None,
) -> list[str]:
    """Return the names that lie in the same mapping and are no part of any weights that fit."""
    used = {name for each in (chosen, *others) for name in each.names.values()}
    start = len(chosen.prefix)
    return [
        name
        for name in flat.beside(chosen.names.values())
        if name not in used
        and not (pair is not None and _is_normaliser(flat, name, pair))
        and (rename is None or not name.startswith(chosen.prefix) or rename(name[start:]) is not None)
    ]


def _is_normaliser(flat: Flat, name: str, pair: Normaliser) -> bool:
    leaves = [each.rpartition(".")[2] for each in pair.names]
    return name.rpartition(".")[2] in leaves and flat.tensors[name].numel == 3


def _normaliser(flat: Flat, chosen: Fit, take: Take) -> Normaliser | None:
    """Return the one preprocessing that lies beside the weights; None if there is none, or several."""
    used = set(chosen.names.values())
    free = [name for name in flat.beside(used) if name not in used]
    pairs = normaliser_pairs(flat.tensors, free)
    found = [normaliser_of(flat.tensors, pair, take) for pair in pairs[:8]]
    if not found or found[0] is None or any(each is None or each[:2] != found[0][:2] for each in found):
        return None
    return found[0]
