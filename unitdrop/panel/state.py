"""`State`: all that a panel's picture depends on, and its settings as a string."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any

from unitdrop.plan import CMAPS, View
from unitdrop.sweep import RANKINGS, SCOPES

ENDS, CAMS = ("top", "bottom"), ("target", "prediction", "difference")
SCALES, CURVES = ("fixed", "frame"), ("classes", "shares")
MOST_SEED = 2**31 - 1
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
    kinds = (("scope", [(s, s) for s in SCOPES]), ("rank", [(r, r) for r in RANKINGS]), ("image", names))
    words = {"rank": "ranking"}
    found = [(f"{words.get(f, f)} {name}", (f, value)) for f, values in kinds for name, value in values]
    return [("nothing", ()), *found]


def settings_of(state: State, images: Sequence[str]) -> str:
    """A state as a string for `Panel(state=...)`; images by their names."""
    beside = list(state.beside)
    if beside and beside[0] == "image":
        beside[1] = images[beside[1]]
    return json.dumps({**asdict(state), "image": images[state.image], "beside": beside})


def restored(settings: str, *images: Sequence[str | None]) -> State:
    """The state that a settings string tells of; its images are looked for in one list after the other.

    Raises
    ------
    ValueError
        It is no such string, or tells of what a state cannot be, or of an image that is in no list.
    """
    try:
        given = json.loads(settings)
        image, target, beside = given.pop("image"), given.pop("target"), tuple(given.pop("beside", ()))
        field, value = beside or (None, None)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ValueError(f"state={settings!r:.80}: expected a panel's settings; copy them whole") from None
    known = {each.name for each in fields(State)}
    if not given.keys() <= known:
        more = ", ".join(sorted(given.keys() - known))
        raise ValueError(f"state: unknown {more:.80}; these are the settings of another version")
    for name, found in {"target": target, **given}.items():
        _check(name, found)
    if field == "image":
        value = _position(value, images)
    elif field is not None:
        _check({"scope": "scope", "rank": "rank"}.get(field, "beside"), value)
    return State(_position(image, images), target, **given, beside=(field, value) if field else ())


_CHOICES = {
    "end": ENDS,
    "rank": RANKINGS,
    "scope": SCOPES,
    "cam": CAMS,
    "scale": SCALES,
    "curves": CURVES,
    "cmap": CMAPS,
    "units": (False, True),
    "narrow": (False, True),
    "beside": (),
}
_MOST = {"target": inf, "k": inf, "held": inf, "seed": MOST_SEED, "first": inf, "unit": inf}
_MAY_BE_NONE = ("first", "unit")


def _check(name: str, value: Any) -> None:
    """Refuse what a field of a state cannot be; whether it fits the network is seen later."""
    if name in _CHOICES:
        choices = _CHOICES[name]
        if not isinstance(value, (str, bool)) or not any(value is c or value == c for c in choices):
            raise ValueError(f"state: {name} {value!r:.80}; choose one of {', '.join(map(str, choices))}")
    elif name in _MOST:
        good = value is None if name in _MAY_BE_NONE and value is None else type(value) is int
        if not good or (value is not None and not 0 <= value <= _MOST[name]):
            most = "" if _MOST[name] == inf else f", at most {_MOST[name]}"
            raise ValueError(f"state: {name} {value!r:.80}; expected a whole number of at least 0{most}")
    elif name == "opacity":
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(f"state: opacity {value!r:.80}; expected a number from 0 to 1")
    elif not isinstance(value, str):
        raise ValueError(f"state: {name} {value!r:.80}; expected a name")


def _position(name: Any, images: Sequence[Sequence[str | None]]) -> int:
    """Where the image of a name is."""
    for names in images:
        if isinstance(name, str) and name in names:
            return list(names).index(name)
    raise ValueError(f"state: no image {name!r:.80} among the {len(images[-1])} given; give its folder too")
