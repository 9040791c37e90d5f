"""How the tensors under one prefix of a file fit those that are wanted: `fit`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch

from unitdrop.checkpoints.choice import is_average
from unitdrop.checkpoints.files import shown
from unitdrop.checkpoints.flat import Flat
from unitdrop.checkpoints.heads import find_linear
from unitdrop.checkpoints.normalisers import normaliser_pairs
from unitdrop.checkpoints.placeholders import Tensor
from unitdrop.errors import CheckpointError

_FEW = 3  # so many tensors of another shape are those of a variant
_TRACKED = "num_batches_tracked"
_COUNTERS = ("total_ops", "total_params")  # which a profiler hangs onto every layer
# What training leaves beside a network, and no forward pass reads.
_BESIDE = re.compile(
    r"(n_averaged|num_updates|decay|initted|step|\w*criterion\w*|\w*loss\w*|\w*metrics?|\w*acc(uracy)?\w*|auroc|f1"
    r"|confmat|\w*confusion\w*|\w*class_?weights?|pos_weight|\w*ema|ema\w*|\w*shadow\w*|\w*normali[sz]\w*|norm)"
    r"(\.|$)|(\w+_)?(mean|std|mu|sigma)$",
    re.IGNORECASE,
)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True)
class Fit:
    """What there is of the wanted tensors under one prefix.

    Attributes
    ----------
    prefix : what stands before their names
    names, tensors : their names in the file and their outlines, by wanted name
    extra : what lies among them and is not wanted
    missing, kept : wanted names that are not there; those that may be, since the network has its own
    layer : the name of the linear layer that stands for the classifier, if it goes by another
    problem : why it does not fit, None if it does
    averaged : whether it is known to be an average
    """

    prefix: str
    names: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    layer: str | None = None
    problem: str | None = None
    averaged: bool = False


@dataclass(frozen=True)
class Wish:
    """The wanted tensors by name, their classifier, and how names of the file become theirs."""

    like: Mapping[str, torch.Tensor]
    head: str | None
    rename: Callable[[str], str | None] | None

    @property
    def width(self) -> int:
        """How many numbers the classifier reads."""
        return int(self.like[f"{self.head}.weight"].shape[-1])


def fit(flat: Flat, prefix: str, wish: Wish, alike: Collection[str] = ()) -> Fit:
    """Return how the tensors under a prefix fit; under those that are `alike` lie other such tensors.

    Raises
    ------
    CheckpointError
        Renaming makes one name of two.
    """
    inside = _renamed(flat.under(prefix), prefix, wish.rename)
    names = {name: inside[name] for name in wish.like if name in inside}
    homes = {flat.homes[old] for old in names.values()}
    here = {name: old for name, old in inside.items() if flat.homes[old] in homes}
    layer, trouble = _take_head(flat, prefix, wish, here, names)
    copies = tuple(other for other in alike if other.startswith(prefix) and other != prefix)
    tensors = {name: flat.tensors[old] for name, old in names.items()}
    missing = [name for name in wish.like if name not in names and not may_lack(name, wish, names)]
    kept = _own_normaliser(wish.like, missing)
    found = Fit(
        prefix,
        names,
        tensors,
        _extra(here, set(names.values()), wish.like, copies),
        [name for name in missing if name not in kept],
        kept,
        layer,
        averaged=is_average(prefix) or any(prefix.startswith(outer) for outer in flat.averages),
    )
    return _with_problem(found, trouble, flat, wish)


def _renamed(names: list[str], prefix: str, rename: Callable[[str], str | None] | None) -> dict[str, str]:
    """Return names without the prefix, and renamed, to names in the file."""
    pairs = [(name[len(prefix) :], name) for name in names]
    if rename is None:
        return dict(pairs)
    named = [(new, old) for key, old in pairs if (new := rename(key)) is not None]
    made = dict(named)
    if len(made) < len(named):
        raise CheckpointError("two names of its state dict become the same by renaming; check rename")
    return made


def _take_head(
    flat: Flat,
    prefix: str,
    wish: Wish,
    here: Mapping[str, str],
    names: dict[str, str],
) -> tuple[str | None, str | None]:
    """Put the classifier under its wanted name; return its own name if that is another, or a problem."""
    if wish.head is None or len(names) + 2 < len(wish.like) - _counters(wish.like):
        return None, None
    inside = {name: flat.tensors[old] for name, old in here.items()}
    apart = () if f"{wish.head}.weight" in names else flat.beside(names.values())
    beside = {old: flat.tensors[old] for old in apart if not old.startswith(prefix)}
    linear = find_linear(wish.head, wish.like, inside, beside, wish.width, prefix)
    if linear.name is None or linear.name == wish.head:
        return None, linear.problem
    for part in ("weight", "bias"):
        old = here.get(f"{linear.name}.{part}") or (
            f"{linear.name}.{part}" in beside and f"{linear.name}.{part}"
        )
        names.pop(f"{wish.head}.{part}", None)
        if old and f"{wish.head}.{part}" in wish.like:
            names[f"{wish.head}.{part}"] = old
    return linear.name, None


def _counters(like: Collection[str]) -> int:
    return sum(name.endswith(_TRACKED) for name in like)


def may_lack(name: str, wish: Wish, names: Collection[str]) -> bool:
    """Return whether a file need not have a tensor: a counter, or the bias of a classifier that has none."""
    like = wish.like[name]
    if name.rpartition(".")[2] == _TRACKED and like.dtype == torch.int64 and not like.ndim:
        return True  # networks had none before torch 0.4.1
    return wish.head is not None and name == f"{wish.head}.bias" and f"{wish.head}.weight" in names


def _own_normaliser(like: Mapping[str, torch.Tensor], missing: list[str]) -> list[str]:
    """Return those missing names that are the network's own preprocessing, whose numbers it has."""
    pairs = normaliser_pairs(like, [name for name in missing if not like[name].is_meta])
    return [name for pair in pairs for name in pair]


def _extra(
    here: Mapping[str, str], taken: Collection[str], like: Collection[str], copies: tuple[str, ...]
) -> list[str]:
    """Return what lies among the wanted tensors, is no copy, and would change what the network computes."""
    tops = {name.split(".")[0] for name in like}
    return [
        name
        for name, old in here.items()
        if old not in taken
        and not old.startswith(copies)
        and name.rpartition(".")[2] not in _COUNTERS
        and (name.split(".")[0] in tops or not _is_beside(name))
    ]


def _is_beside(name: str) -> bool:
    return any(_BESIDE.match(name, place) for place in _starts(name[:200]))


def _starts(name: str) -> list[int]:
    return [0, *(place + 1 for place, letter in enumerate(name) if letter == ".")]


# ---------------------------------------------------------------------------------- what does not fit


def _with_problem(found: Fit, trouble: str | None, flat: Flat, wish: Wish) -> Fit:
    """Return the fit with the first thing that is wrong with it."""
    trunk = [name for name in found.missing if wish.head is None or not name.startswith(f"{wish.head}.")]
    named = None if trouble and not trunk else _name_problem(found, flat, wish)
    problem = named or trouble or _shape_problem(found, flat, wish)
    return Fit(**{**vars(found), "problem": problem})


def _name_problem(found: Fit, flat: Flat, wish: Wish) -> str | None:
    """Return in words which names are missing or too many."""
    absent = [found.prefix + name for name in wish.like if name not in found.names]
    if found.layer is not None and f"{wish.head}.bias" not in found.names:
        absent += [f"{found.prefix}{found.layer}.bias", f"{found.layer}.bias"]
    for key in absent:
        if key in flat.others:
            what = shown(flat.others[key])
            return f"its state dict holds {what} under {shown(key)}; expected names and tensors only"
    twice = [old for old in found.names.values() if old in flat.twice]
    if twice:
        return f"two of its tensors go by {shown(twice[0])}; save the weights alone"
    problems = [f"lacks {some(found.missing)}"] * bool(found.missing)
    problems += [f"has {some(found.extra)} too many"] * bool(found.extra)
    if not problems:
        return None
    count, most = len(found.names), len(wish.like)
    if not found.extra and wish.head and all(name.startswith(f"{wish.head}.") for name in found.missing):
        return (
            f"it lacks {some(found.missing)}: it has all of this network but its classifier, as training "
            "without labels leaves it; add a linear layer and train that, or give a file with one"
        )
    if not count:
        return f"it has none of this network's {most} names; its own are such as {some(list(flat.tensors))}"
    return f"it {' and '.join(problems)}; {count} of this network's {most} names are in it"


def some(names: list[str]) -> str:
    """Return up to three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more


def _shape_problem(found: Fit, flat: Flat, wish: Wish) -> str | None:
    """Return in words which shape or dtype is another one; the classifier may have any number of rows."""
    wrong = [name for name, got in found.tensors.items() if got.shape != _shape(name, got, wish)]
    if wrong:
        return _other_shape(wrong, found, wish)
    for name, got in found.tensors.items():
        if not castable(got.dtype, wish.like[name].dtype):
            return f"{name} has dtype {got.dtype}, expected {wish.like[name].dtype}; convert it first"
    parts = [found.tensors.get(f"{wish.head}.{part}") for part in ("weight", "bias")]
    if parts[0] is not None and parts[1] is not None and parts[0].shape[0] != parts[1].shape[0]:
        rows, biases = parts[0].shape[0], parts[1].shape[0]
        return f"{wish.head} has {rows} rows of weights but {biases} biases; get it again"
    return None


def _shape(name: str, got: Tensor, wish: Wish) -> tuple[int, ...]:
    """Return the wanted shape."""
    shape = tuple(wish.like[name].shape)
    if wish.head is not None and name in (f"{wish.head}.weight", f"{wish.head}.bias"):
        return (max(1, got.shape[0] if got.shape else 0), *shape[1:])
    return shape


def _other_shape(wrong: list[str], found: Fit, wish: Wish) -> str:
    """Return in words what another shape tells."""
    name = wrong[0]
    got = found.tensors[name].shape
    want = _shape(name, found.tensors[name], wish)
    text = f"{name} has shape {got}, expected {want}"
    if len(got) == len(want) == 4 and got[0] == want[0] and got[2:] == want[2:] and want[1] == 3:
        channels = f"{got[1]} channel{'s' if got[1] > 1 else ''}"
        grey = " (greyscale)" if got[1] == 1 else ""
        return (
            f"{text}: it reads images of {channels}{grey}, this network of 3; give the network that "
            "reads them as FILE.py:NAME"
        )
    if name == f"{wish.head}.weight" and len(got) == 4 and got[2:] == (1, 1):
        return f"{text}: its classifier is a convolution of 1 x 1; save {name}.flatten(1) in its place"
    if name == f"{wish.head}.weight" and len(wrong) == 1:
        return f"{text}: its classifier reads another number of units than this network has"
    layers = {each.rpartition(".")[0] for each in wrong}
    if got and want and got[1:] == want[1:] and len(layers) == 1 and name != f"{wish.head}.bias":
        rows = f"{got[0]} rows, this network's {want[0]}"
        return f"{text}: its {layers.pop()} has {rows}; make the network with as many classes as the file has"
    if len(wrong) <= _FEW:
        return (
            f"{text}; but for {some(wrong)} it is this architecture: a variant of it, as for small pictures; "
            "give the network that it was made with as FILE.py:NAME"
        )
    return f"{text}, and so {len(wrong)} of its {len(found.tensors)} tensors; made for another architecture?"


def castable(given: torch.dtype, wanted: torch.dtype) -> bool:
    """Return whether numbers of one dtype may be read as another: floats as floats, whole as whole ones."""
    both = (given, wanted)
    counted = wanted == torch.int64 and given in _FLOATS  # a counter that was averaged or cast with the rest
    return given == wanted or counted or any(all(d in kind for d in both) for kind in (_FLOATS, _WHOLE))
