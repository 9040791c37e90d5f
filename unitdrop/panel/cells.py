"""One cell, one panel: a cell that is run again closes the panels that it made before."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakSet


class Closable(Protocol):
    """What a cell can show, and close."""

    def close(self) -> None:
        """Take it off the page."""
        ...


_shown: dict[str, tuple[str, WeakSet[Any]]] = {}


def supersede(panel: Closable) -> None:
    """Close the panels that an earlier run of the same cell made; those of the same run stay."""
    cell, run = running_cell()
    if cell is None:
        return
    last, panels = _shown.get(cell, (run, WeakSet()))
    if last != run:
        for old in list(panels):
            old.close()
        panels = WeakSet()
    panels.add(panel)
    _shown[cell] = (run, panels)


def running_cell() -> tuple[str | None, str]:
    """Return which cell is running and which run this is.

    The cell is told by its id, or by its code where the front end sends none; None outside a notebook.
    """
    from IPython.core.getipython import get_ipython

    parent = getattr(get_ipython(), "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    return cell, parent.get("header", {}).get("msg_id", "")
