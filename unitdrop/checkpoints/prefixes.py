"""What stands before the wanted names in a file: `prefixes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

MOST, FEW = 64, 4  # prefixes that end within a word, and those under which not all fits, that are tried
WRAPPERS = ("module", "_orig_mod")  # left by DataParallel and torch.compile


def prefixes(names: Iterable[str], wanted: Collection[str], needed: Collection[str]) -> list[str]:
    """Return what may stand before the wanted names, those first under which most of them are found.

    Each name of the file is looked at once, with as many endings as the wanted names have dots.

    Parameters
    ----------
    names
        The names in the file.
    wanted, needed
        The wanted names, and those of them that a file must have.

    Examples
    --------
    >>> names = ("net.fc.weight", "net.fc.bias", "loss.weight")
    >>> prefixes(names, {"fc.weight", "fc.bias"}, {"fc.weight", "fc.bias"})
    ['net.']
    >>> prefixes(("my_weight", "my_bias"), {"weight", "bias"}, {"weight", "bias"})
    ['my_']
    """
    names = list(names)
    counts = _counted(names, wanted)
    found = [prefix for prefix, count in counts.most_common() if count >= len(needed)]
    if not found and needed:
        last = max(needed, key=len)
        found = [name.removesuffix(last) for name in names if name.endswith(last)][:MOST]
        found = [prefix for prefix in found if prefix not in counts]
    return found + [prefix for prefix, count in counts.most_common(FEW + len(found)) if count < len(needed)]


def _counted(names: Iterable[str], wanted: Collection[str]) -> Counter[str]:
    """Return how many wanted names each prefix that ends at a dot would give."""
    counts: Counter[str] = Counter()
    deepest = max((name.count(".") for name in wanted), default=0)
    wanted = frozenset(wanted)
    for name in names:
        if name in wanted:
            counts[""] += 1
        place = len(name)
        for _ in range(deepest + 1):
            place = name.rfind(".", 0, place)
            if place < 0:
                break
            if name[place + 1 :] in wanted:
                counts[name[: place + 1]] += 1
    return counts


def wrappings(wanted: Collection[str]) -> list[str]:
    """Return what stands before all wanted names, since the network itself is wrapped: the shortest first.

    Examples
    --------
    >>> wrappings(["module.net.fc.weight", "module.net.fc.bias"])
    ['module.', 'module.net.', 'module.net.fc.']
    """
    if not wanted:
        return []
    parts = [name.split(".") for name in (min(wanted), max(wanted))]
    shared = []
    for one, other in zip(parts[0][:-1], parts[1][:-1], strict=False):
        if one != other:
            break
        shared.append(one)
    return [".".join(shared[: count + 1]) + "." for count in range(len(shared))]


def key_of(prefix: str) -> str:
    """Return what a user calls the weights under a prefix.

    Examples
    --------
    >>> key_of("model_ema.module."), key_of("state_dict.student."), key_of("module.")
    ('model_ema', 'state_dict.student', '.')
    """
    parts = prefix.removesuffix(".").split(".")
    while parts and parts[-1] in WRAPPERS:
        parts.pop()
    return ".".join(parts) or "."
