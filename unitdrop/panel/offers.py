"""`Offer`: what the controls offer and show beside the fields of a state."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unitdrop.panel.gallery import Gallery
from unitdrop.panel.messages import html_notices
from unitdrop.panel.networks import Networks
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.state import State

Options = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Offer:
    """What the controls offer and show beside the fields of a state.

    Attributes
    ----------
    units, held : int
        U, and how many of them are dropped from the other end; k goes as far as the rest.
    kept : tuple of int
        The ranks that are kept, [lo, hi).
    weights : tuple of float, optional
        The lightest and the heaviest weight kept, rounded; None where the ranking is not by weight.
    captions : tuple of str
        HTML over the picture and the one beside it; empty where there is none.
    models, images, classes, besides
        Options: (what is read, value) each.
    search : tuple of str
        A name for each class, all different.
    notes : str
        HTML below the panel.
    notices : str
        HTML of what was noticed about the network and the images that are shown.
    told : (str, str), optional
        The Python of the picture and its settings; None where nobody looks at them.
    """

    units: int
    held: int
    kept: tuple[int, int]
    weights: tuple[float, float] | None
    captions: tuple[str, str]
    models: Options
    images: Options
    classes: Options
    besides: Options
    search: tuple[str, ...]
    notes: str
    notices: str
    told: tuple[str, str] | None


def make_offer(
    state: State, numbers: Numbers, gallery: Gallery, networks: Networks, told: tuple[str, str] | None
) -> Offer:
    """Return what the controls offer in a state."""
    sweep = numbers.sweep(state)
    kept = sweep.kept(*state.window.ends)
    ranked = sweep.weights_ranked[kept.start : kept.stop]
    weights = rounded_weights(ranked[-1], ranked[0]) if state.rank == "weight" and len(ranked) else None
    images, besides = gallery.options({state.image, *_image_beside(state)})
    classes, search = numbers.classes(state)
    return Offer(
        units=sweep.units,
        held=state.held,
        kept=(kept.start, kept.stop),
        weights=weights,
        captions=(_caption(state, state.beside, gallery), _caption(state.second, state.beside, gallery)),
        models=networks.menu(),
        images=images,
        classes=classes,
        besides=besides,
        search=search,
        notes=gallery.notes(),
        notices=html_notices([*networks.notices(state.model), *numbers.notices(state)]),
        told=told,
    )


def _image_beside(state: State) -> tuple[int, ...]:
    return state.beside[1:] if state.beside[:1] == ("image",) else ()


def _caption(state: State | None, beside: tuple, gallery: Gallery) -> str:
    """Return what tells a picture from the one beside it; empty where there is none."""
    if not beside or state is None:
        return ""
    if beside[0] == "image":
        return html.escape(gallery.source(state.image).name)
    return f"{'ranking' if beside[0] == 'rank' else 'scope'} {getattr(state, beside[0])}"


def rounded_weights(lightest: float, heaviest: float) -> tuple[float, float]:
    """Return two weights with four digits, and 0 for what is next to nothing beside the other.

    >>> rounded_weights(5.96e-8, 0.123456)
    (0.0, 0.1235)
    """
    least = 1e-4 * max(abs(lightest), abs(heaviest))
    low, high = (float(f"{w:.4g}") if abs(w) >= least else 0.0 for w in (lightest, heaviest))
    return low, high
