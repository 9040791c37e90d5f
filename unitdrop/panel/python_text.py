"""The Python that makes the picture of a state, for people to copy."""

from __future__ import annotations

from unitdrop.names import brief
from unitdrop.panel.gallery import Gallery
from unitdrop.panel.networks import Networks
from unitdrop.panel.numbers import Numbers
from unitdrop.panel.state import State, settings_of

_CODE = """\
import unitdrop

model = {load}
sweep = {sweep}
view = unitdrop.{view}
unitdrop.save_png("picture.png", sweep, {top}, {bottom}, view=view, size={size}{beside})

# in a panel: unitdrop.Panel(model, images, state=settings)
settings = {settings!r}
"""
_ARRAY = "; the image came without a file: put it in the place of its name"


def python_of(
    state: State,
    numbers: Numbers,
    gallery: Gallery,
    networks: Networks,
    size: tuple[int, int],
    trust_unpinned: bool,
) -> str:
    """Return Python that makes the picture of a state, and the settings that bring a panel back to it."""
    second, model = state.second, state.model
    trust = ", trust_unpinned=True" if trust_unpinned else ""
    load = f"unitdrop.load_model({model!r}{trust})"
    if not networks.loads_by_name(model):
        load = f"...  # {one_line(model)}"
    tab = "\n" + 18 * " "
    beside = "" if second is None else f",{tab}beside={_sweep_of(second, numbers, gallery)}{tab}"
    top, bottom = state.window.ends
    return _CODE.format(
        load=load,
        sweep=_sweep_of(state, numbers, gallery),
        view=state.view,
        top=top,
        bottom=bottom,
        size=size,
        beside=beside,
        settings=settings_of(state, gallery.names),
    )


def _sweep_of(state: State, numbers: Numbers, gallery: Gallery) -> str:
    """Return Python that makes a sweep."""
    source = gallery.source(state.image)
    arguments = f"{state.target}, {state.rank!r}, {state.scope!r}, {state.seed}"
    read = repr(source.path or source.name)
    if state.value_range is not None:
        read = f"unitdrop.load_image({read}, value_range={state.value_range})"
    note = f"  # {one_line(brief(numbers.sweep(state).label))}{'' if source.path else _ARRAY}"
    return f"unitdrop.Sweep(model({read}), {arguments}){note}"


def one_line(text: str) -> str:
    r"""Return a name for a comment in code that people copy: whatever it holds stays a comment.

    >>> one_line("sea\nimport antigravity")
    'sea import antigravity'
    """
    return "".join(c if c.isprintable() else " " for c in text)
