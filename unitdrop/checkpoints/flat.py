"""What a file holds, as one flat table of tensors under dotted names: `flattened`.

A state dict may lie anywhere in a file, under any key, and its names may carry any prefix. Both are the same
here: the name of a tensor is the path to it, ``state_dict.module.conv1.weight``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from unitdrop.checkpoints.placeholders import Opaque, Tensor
from unitdrop.errors import CheckpointError

MAX_DEPTH = 8  # containers in containers
MAX_VISITS = 400_000
MAX_TIMES = 64  # names under which one container is looked at
MAX_NAME = 1_000  # letters of a name that are looked at
_WRAPPED = re.compile(r"(?<!\w)(module|_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
"""What DataParallel, torch.compile and others put before the names of what they wrap."""
_INSIDE_MODULES = {"_parameters", "_buffers", "_modules"}  # of a pickled module, which is no state dict


@dataclass(frozen=True)
class Flat:
    """The tensors of a file.

    Attributes
    ----------
    tensors : by name
    homes : a number for the mapping that each lies in, by name
    keys : under which key of the file that mapping lies, by the number
    others : what lies beside tensors and is none, by name
    twice : names that two tensors have
    modules : the classes of whole networks in the file, whose tensors are not among these
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    others: dict[str, object] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    modules: list[str] = field(default_factory=list)

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self.tensors)

    @cached_property
    def rooms(self) -> dict[int, list[str]]:
        """The names in each mapping, by its number."""
        rooms: dict[int, list[str]] = {}
        for name, home in self.homes.items():
            rooms.setdefault(home, []).append(name)
        return rooms

    @cached_property
    def averages(self) -> list[str]:
        """What stands before torch's averages: a counter lies beside the ``module.`` that they are in.

        Lightning puts them in the place of the network's own weights, and what else there is beside both.
        """
        names = (name for name in self.tensors if name.endswith("n_averaged"))
        lightning = ["state_dict."] * ("averaging_state.n_averaged" in self.tensors)
        return [*lightning, *(f"{name.removesuffix('n_averaged')}module." for name in names)]

    def unwrapped(self) -> Flat:
        """Return the same without what wrapping a part of a network leaves within names.

        Two tensors that come to one name are `twice` there.
        """
        bare = {name: _WRAPPED.sub("", name) for name in self.tensors}
        counts = Counter(bare.values())
        return replace(
            self,
            tensors={bare[name]: tensor for name, tensor in self.tensors.items()},
            homes={bare[name]: home for name, home in self.homes.items()},
            twice={*(bare[name] for name in self.twice), *(name for name in counts if counts[name] > 1)},
        )

    def beside(self, names: Iterable[str]) -> list[str]:
        """Return all names in the mappings in which these lie, themselves included."""
        return [name for home in sorted({self.homes[name] for name in names}) for name in self.rooms[home]]

    def under(self, prefix: str) -> list[str]:
        """Return the names that begin with a prefix, in the order of the file."""
        if not prefix:
            return list(self.tensors)
        first = bisect_left(self._ordered, prefix)
        last = bisect_left(self._ordered, prefix[:-1] + chr(ord(prefix[-1]) + 1), lo=first)
        return self._ordered[first:last]


def flattened(root: object) -> Flat:
    """Return all tensors of a file, by name.

    Raises
    ------
    CheckpointError
        There are too many containers to look through.
    """
    walk = _Walk()
    walk.into(root, "", 0)
    return walk.flat


class _Walk:
    """One walk through what a file holds; what has no tensors in it is entered once."""

    def __init__(self) -> None:
        self.flat, self.visits, self.barren = Flat(), 0, set()
        self.times: Counter[int] = Counter()  # how often each mapping was entered

    def into(self, value: object, path: str, depth: int) -> bool:
        """Note the tensors in a container; return whether all of it was seen and there were none."""
        if id(value) in self.barren:
            return True
        if depth > MAX_DEPTH or len(path) > MAX_NAME or self.often(value):
            return False
        barren, home = True, self.visits
        self.flat.keys[home] = path
        for key, child in _children(value):
            self.visits += 1
            if self.visits > MAX_VISITS:
                raise CheckpointError("it is too deeply interwoven to look through; save the weights alone")
            if isinstance(child, (dict, list, tuple, Opaque)):
                name = _joined(path, key)
                if isinstance(child, Opaque) and any("_parameters" in inside for inside in child.inside):
                    self.flat.modules.append(child.name)
                empty = self.into(child, name, depth + 1)
                if isinstance(child, Opaque) or empty:
                    self.flat.others.setdefault(name, child)
                barren &= empty
            else:
                barren &= self.note(child, _joined(path, key), home, isinstance(value, dict))
        if barren:
            self.barren.add(id(value))
        return barren

    def often(self, value: object) -> bool:
        """Return whether a container was entered so often that another name of it tells nothing new."""
        held = [id(inside) for inside in value.inside] if isinstance(value, Opaque) else [id(value)]
        self.times.update(held)
        return bool(held) and all(self.times[each] > MAX_TIMES for each in held)

    def note(self, value: object, name: str, home: int, named: bool) -> bool:
        """Note what is no container; return whether it is no tensor."""
        if not isinstance(value, Tensor):
            if named:
                self.flat.others.setdefault(name, value)
            return True
        if name in self.flat.tensors:
            self.flat.twice.add(name)
        else:
            self.flat.tensors[name], self.flat.homes[name] = value, home
        return False


def _joined(path: str, key: str) -> str:
    return f"{path}.{key[:MAX_NAME]}" if path else key


def _children(value: object) -> Iterator[tuple[str, object]]:
    """Yield what a container holds, under names."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield key if isinstance(key, str) else _odd_name(key), child
    elif isinstance(value, (list, tuple)):
        for number, child in enumerate(value):
            yield str(number), child
    elif isinstance(value, Opaque):
        for inside in value.inside:
            for key, child in inside.items():
                if isinstance(key, str) and key not in _INSIDE_MODULES:
                    yield key, child


def _odd_name(key: object) -> str:
    """Return a name for what lies in a mapping under something that is no string."""
    if isinstance(key, int):
        return str(int(key)) if abs(key) < 1 << 64 else "(a large number)"
    return key.decode("latin1") if isinstance(key, bytes) else "(a name that is no text)"


_SAYS = re.compile(r"arch|architecture|model|model_name|network|net|backbone|encoder", re.IGNORECASE)
_SETTINGS = ("args", "hyper_parameters", "hparams", "config", "cfg", "opt", "settings")


def architecture(root: object) -> str | None:
    """Return the architecture that a file says it is of: under ``arch``, or in its arguments.

    Examples
    --------
    >>> architecture({"arch": "resnet18"}), architecture({"args": {"lr": 0.1, "model": "resnet50"}})
    ('resnet18', 'resnet50')
    >>> architecture({"model": {"fc.weight": 1}})
    """
    top = dict(_children(root)) if isinstance(root, (dict, Opaque)) else {}
    places = [
        top,
        *(dict(_children(top[key])) for key in _SETTINGS if isinstance(top.get(key), (dict, Opaque))),
    ]
    for place in places:
        said = {key.lower(): text for key, text in place.items() if _SAYS.fullmatch(key)}
        for key in sorted(said, key=lambda key: (not key.startswith("arch"), key)):
            text = said[key]
            if isinstance(text, str) and 0 < len(text) <= 100:
                return text
    return None
