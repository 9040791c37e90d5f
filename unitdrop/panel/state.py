"""`State`: all that a panel's picture depends on, and its settings as a string."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from unitdrop.figure import CMAPS, View
from unitdrop.sweep import RANKINGS, SCOPES

ENDS, CAMS = ("top", "bottom"), ("target", "prediction", "difference")
SCALES, CURVES = ("fixed", "frame"), ("classes", "shares")
VIEWED = ("cam", "scale", "cmap", "opacity", "curves", "end", "unit")


@dataclass(frozen=True)
class State:
    """All that the picture depends on, apart from the models and the images themselves.

    Attributes
    ----------
    image : int
        Position in the panel's list of images.
    target : int
        Class index.
    k : int
        Units dropped, 0 to U.
    end : {"top", "bottom"}
        Of the ranking, where they are dropped.
    held : int
        Units dropped from the other end, 0 to U - k.
    rank, scope : str
        See `Sweep`.
    seed : int
        Of random orders.
    cam, scale, cmap, opacity, curves
        See `View`.
    units : bool
        Whether a row of units is shown below; see `UnitsFigure`.
    first : int, optional
        The rank that the row begins with; None: it follows the next unit to be dropped.
    unit : int, optional
        The unit whose own map is shown instead of the CAM.
    beside : () or (str, value)
        Where there is one, a second picture stands beside the first: the same with this field, "scope",
        "rank" or "image", set to this value.
    narrow : bool
        Whether there is room for a narrow picture only.
    model : str
        Name of the network.

    Examples
    --------
    >>> State(0, 3, 20, end="bottom").window, State(0, 3, 20, held=5).window
    ((0, 20), (20, 5))
    >>> State(0, 3, beside=("scope", "class")).second.scope
    'class'
    """

    image: int
    target: int
    k: int = 0
    end: str = "top"
    rank: str = "weight"
    scope: str = "unit"
    seed: int = 0
    cam: str = "target"
    scale: str = "fixed"
    cmap: str = View.cmap
    opacity: float = View.opacity
    curves: str = "classes"
    held: int = 0
    units: bool = False
    first: int | None = None
    unit: int | None = None
    beside: tuple = ()
    narrow: bool = False
    model: str = ""

    @property
    def window(self) -> tuple[int, int]:
        """Units dropped from the (top, bottom)."""
        return (self.k, self.held) if self.end == "top" else (self.held, self.k)

    @property
    def view(self) -> View:
        """How the sweep is looked at."""
        return View(**{name: getattr(self, name) for name in VIEWED})

    @property
    def second(self) -> State | None:
        """The state of the picture beside; None where there is none."""
        return replace(self, beside=(), **dict([self.beside])) if self.beside else None


def besides(names: Sequence[tuple[str, int]]) -> list[tuple[str, tuple]]:
    """What may stand beside a picture, for a menu; ``names`` are the images', with their positions."""
    fields = (("scope", [(s, s) for s in SCOPES]), ("rank", [(r, r) for r in RANKINGS]), ("image", names))
    words = {"rank": "ranking"}
    found = [(f"{words.get(f, f)} {name}", (f, value)) for f, values in fields for name, value in values]
    return [("nothing", ()), *found]


def settings_of(state: State, images: Sequence[str]) -> str:
    """A state as a string for `Panel(state=...)`; images by their names."""
    beside = list(state.beside)
    if beside and beside[0] == "image":
        beside[1] = images[beside[1]]
    return json.dumps({**asdict(state), "image": images[state.image], "beside": beside})


def restored(settings: str, images: Sequence[str]) -> State:
    """The state that a settings string tells of.

    Raises
    ------
    ValueError
        It is no such string, or tells of an image that is not among these.
    """
    try:
        given = json.loads(settings)
        state = State(given.pop("image"), given.pop("target"), **given)
        field, value = tuple(state.beside) or (None, None)
        whole = field in (None, "scope", "rank", "image") and isinstance(state.model, str)
    except (TypeError, ValueError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"state={settings!r:.80}: expected a panel's settings; copy them whole") from None
    if state.cmap not in CMAPS:
        raise ValueError(f"state: cmap {state.cmap!r:.80}; choose one of {', '.join(CMAPS)}")
    if field == "image":
        value = _position(value, images)
    return replace(state, image=_position(state.image, images), beside=(field, value) if field else ())


def _position(name: Any, images: Sequence[str]) -> int:
    if name not in images:
        raise ValueError(f"state: no image {name!r:.80} among the {len(images)} given; give its folder too")
    return list(images).index(name)
