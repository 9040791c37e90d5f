"""Which network of the catalogue a file of weights is of, when it is not the one that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf, log, prod

from unitdrop.checkpoints.prefixes import prefixes
from unitdrop.models.entry import Entry

TRIED = 8
"""So many networks are made to compare: those whose weights take about as many bytes as the file's."""


def fitting(
    shapes: Mapping[str, tuple[int, ...]], arch: str | None, asked: Entry, entries: Iterable[Entry]
) -> Entry | None:
    """Return the entry whose names and shapes a file has, None if there is no other among the likely ones.

    Parameters
    ----------
    shapes
        Those of the file's tensors, by name.
    arch
        The architecture that the file says it is of.
    asked, entries
        The one that was asked for, and all.
    """
    if _has(shapes, asked):  # what is wrong is its head
        return None
    size = 4 * sum(map(prod, shapes.values()))

    def distance(entry: Entry) -> float:
        if arch is not None and entry.is_called(arch):
            return 0.0
        return abs(log(entry.size / size)) if entry.size and size else inf

    likely = sorted(entries, key=distance)[:TRIED]
    found = [entry for entry in likely if _has(shapes, entry)]
    rows = {shape[0] for name, shape in shapes.items() if name.endswith(".weight") and len(shape) == 2}
    return min(found, key=lambda entry: (entry.classes not in rows, entry.classes == 365), default=None)


def _has(shapes: Mapping[str, tuple[int, ...]], entry: Entry) -> bool:
    """Return whether all tensors of a network but those of its head are in the file, and hardly any other."""
    network = entry.build_on_meta(entry.classes)
    head = entry.head_layer(network)
    trunk = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.startswith(f"{head}.") and not name.endswith("num_batches_tracked")
    }
    layers = sum(name.endswith(".weight") for name in trunk)
    for prefix in prefixes(shapes, trunk, trunk)[:4]:
        inside = sum(name.startswith(prefix) and name.endswith(".weight") for name in shapes)
        if all(shapes.get(prefix + name) == shape for name, shape in trunk.items()) and inside <= layers + 3:
            return True
    return False
