"""Where the controls stand on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from unitdrop.panel.browser import LIMIT
from unitdrop.panel.toolkit import layout, row, styles

if TYPE_CHECKING:
    from unitdrop.panel.controls import Controls

_OWN = f"Your own images: drop, or upload (up to {LIMIT // 10**6} MB each)"
_OWN_TOO = f"Your own images: drop, upload (up to {LIMIT // 10**6} MB each), or a folder"
_TOLD = "Python and settings of this picture"


def arrange(c: Controls) -> widgets.VBox:
    """Return all controls, row by row, in one box; fills the drawers."""
    sides = (_side(*side) for side in zip(c.captions, (c.frame, c.beside_frame), strict=True))
    fill_drawers(c)
    weights = widgets.HBox([c.lightest, c.heaviest], layout=layout(flex="0 0 auto"))
    rows: Sequence[widgets.Widget] = (
        styles(),
        row(c.model, c.beside),
        row(c.image, c.images),
        row(c.target, c.targets, c.search),
        row(c.back, c.k, c.forth, c.play, c.bounce, c.pace),
        row(c.kept, weights),
        c.error,
        c.notices,
        row(*sides),
        c.tiles,
        c.steps,
        row(c.end, c.rank, c.seed, c.scope, c.curves, c.cam, c.scale, c.cmap, c.opacity),
        row(c.to_flip, c.smallest, c.reset, c.units_row, c.save, c.save_png, c.status),
        c.drawers,
        c.notes,
    )
    return widgets.VBox(rows, layout=layout(width="100%"))


def _side(caption: widgets.Widget, picture: widgets.Widget) -> widgets.VBox:
    """Return one of the two pictures with its caption."""
    return widgets.VBox([caption, picture], layout=layout(max_width="100%")).add_class("ud-side")


def steps(c: Controls) -> widgets.HBox:
    """Return what goes from one unit to the next, under the row of units."""
    words = widgets.HTML("Click a unit, or step, to see its own map in the picture.")
    return row(c.previous, c.following, c.whole, words)


def fill_drawers(c: Controls) -> None:
    """Put what is needed now and then into the drawers: images of one's own, Python and settings."""
    folder = [] if c.folder is None else [c.folder]
    own = widgets.VBox([c.events, row(*folder, c.value_range)])
    told = widgets.VBox([row(c.copy_code, c.copy_settings, c.settings), c.code])
    c.drawers.children, c.drawers.titles = (own, told), (_OWN_TOO if folder else _OWN, _TOLD)
