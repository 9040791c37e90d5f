"""Small helpers over ipywidgets: layouts that shrink, rows, the style sheet, closing what hangs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import ipywidgets as widgets

from unitdrop.panel.browser import STYLE_SHEET

Made = TypeVar("Made", bound=widgets.DOMWidget)


def layout(**traits: Any) -> widgets.Layout:
    """Return a layout that lets its widget shrink."""
    return widgets.Layout(**({"min_width": "0"} | traits))


def styles() -> widgets.HTML:
    """Return the style sheet, as a widget that takes no room."""
    return widgets.HTML(f"<style>\n{STYLE_SHEET}</style>", layout=layout(display="none"))


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return widgets beside each other, on more lines where one is too short."""
    return widgets.HBox(children, layout=layout(flex_flow="row wrap", align_items="center"))


_PLACE = ("flex", "width", "max_width", "margin")


def make(kind: type[Made], description: str = "", label: str = "", **traits: Any) -> Made:
    """Return a widget of a kind that shrinks where there is little room.

    Parameters
    ----------
    kind : type
        Such as `ipywidgets.IntSlider`.
    description : str
        What is read beside or on it; none if empty.
    label : str
        How wide the place of the description is, such as "48px"; empty for the usual width.
    **traits
        Its place (flex, width, max_width, margin), and what the kind of widget takes beside.
    """
    place = {name: traits.pop(name) for name in _PLACE if name in traits}
    if description:
        traits["description"] = description
    widget = kind(layout=layout(**place), **traits)
    if label:
        widget.style.description_width = label  # pyright: ignore[reportAttributeAccessIssue]
    return widget


def offer_instead(widget: Any, options: Sequence) -> None:
    """Give a selection other options, and tell the browser of its value separately.

    A slider in the browser that hears of both at once may move first, be stopped by the end of the old list,
    and ask for what stands there.
    """
    with widget.hold_sync():
        index = min(widget.index or 0, len(options) - 1)
        widget.options = options
        widget.index = index


def family(roots: Sequence[widgets.Widget]) -> list[widgets.Widget]:
    """Return widgets with all that hangs on them: children, layouts, styles."""
    found: dict[int, widgets.Widget] = {}
    waiting = list(roots)
    while waiting:
        widget = waiting.pop()
        if id(widget) in found:
            continue
        found[id(widget)] = widget
        for value in (getattr(widget, key) for key in widget.keys):
            parts = value if isinstance(value, (tuple, list)) else (value,)
            waiting += [part for part in parts if isinstance(part, widgets.Widget)]
    return list(found.values())


def close_all(roots: Sequence[widgets.Widget]) -> None:
    """Close widgets and all that hangs on them."""
    for widget in family(roots):
        widget.unobserve_all()
        widget.close()
