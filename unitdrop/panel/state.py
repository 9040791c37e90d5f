"""`State`: all that a panel's picture depends on, and its settings as a string."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from unitdrop.checks import finite_number, is_one_of, whole_number
from unitdrop.plan import CMAPS, VIEW_CHOICES, View
from unitdrop.sweep import RANKINGS, SCOPES, Window

ENDS = ("top", "bottom")
MOST_SEED = 2**31 - 1
Range = tuple[float, float] | None
_VIEW_FIELDS = {each.name for each in fields(View)}


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
        Units dropped from the end ``view.end`` of the ranking, 0 to U.
    held : int
        Units dropped from the other end, 0 to U - k.
    rank, scope : str
        See `Sweep`.
    seed : int
        Of random orders.
    view : View
        How the sweep is looked at; its end is "top" or "bottom".
    units_row : bool
        Whether a row of units is shown below; see `UnitsFigure`.
    first : int, optional
        The rank that the row begins with; None: it follows the next unit to be dropped.
    beside : () or (str, value)
        Where there is one, a second picture stands beside the first: the same with this field, "scope",
        "rank" or "image", set to this value.
    narrow : bool
        Whether there is room for a narrow picture only.
    model : str
        Name of the network.
    value_range : (float, float), optional
        The values that are black and white, in pictures of more than 8 bits and in arrays; None: as
        `load_image` takes them by itself.

    Examples
    --------
    >>> State(0, 3, 20).changed(end="bottom").window.ends, State(0, 3, 20, held=5).window.ends
    ((0, 20), (20, 5))
    >>> State(0, 3, beside=("scope", "class")).second.scope
    'class'
    """

    image: int
    target: int
    k: int = 0
    held: int = 0
    rank: str = "weight"
    scope: str = "unit"
    seed: int = 0
    view: View = View(end="top")
    units_row: bool = False
    first: int | None = None
    beside: tuple = ()
    narrow: bool = False
    model: str = ""
    value_range: Range = None

    @property
    def window(self) -> Window:
        """The kept window of ranks."""
        return Window(self.k, self.view.end, self.held)

    @property
    def tiles(self) -> int:
        """How many units stand in the row."""
        return 5 if self.narrow else 8

    @property
    def second(self) -> State | None:
        """The state of the picture beside; None where there is none."""
        return self.changed(beside=(), **{self.beside[0]: self.beside[1]}) if self.beside else None

    @property
    def flat(self) -> dict[str, Any]:
        """The fields by name, those of the view among them."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "view"}
        return own | {name: getattr(self.view, name) for name in _VIEW_FIELDS}

    def changed(self, **changes: Any) -> State:
        """Return the state with other values for some fields, its own or its view's.

        >>> State(0, 3).changed(k=2, cam="prediction").view.cam
        'prediction'
        """
        seen = {name: changes.pop(name) for name in _VIEW_FIELDS & changes.keys()}
        return replace(self, view=replace(self.view, **seen), **changes) if seen else replace(self, **changes)


def besides(names: Sequence[tuple[str, int]]) -> list[tuple[str, tuple]]:
    """Return what may stand beside a picture, for a menu; ``names`` are the images', with their positions."""
    kinds = (("scope", [(s, s) for s in SCOPES]), ("rank", [(r, r) for r in RANKINGS]), ("image", names))
    words = {"rank": "ranking"}
    found = [(f"{words.get(f, f)} {name}", (f, value)) for f, values in kinds for name, value in values]
    return [("nothing", ()), *found]


#: The names of all fields of a state, those of its view among them.
FIELDS = tuple(State(0, 0).flat)


def range_of(value: Any) -> Range:
    """Return two numbers as the values that are black and white; None for None.

    Raises
    ------
    ValueError
        They are something else.

    Examples
    --------
    >>> range_of([0, 4095])
    (0.0, 4095.0)
    """
    if value is None:
        return None
    pair = [finite_number(each) for each in value] if isinstance(value, (list, tuple)) else []
    if len(pair) == 2 and pair[0] is not None and pair[1] is not None and pair[0] < pair[1]:
        return pair[0], pair[1]
    raise ValueError(f"value_range {value!r:.80}: expected two numbers, that of black below that of white")


def range_typed(text: str) -> Range:
    """Return the two numbers that somebody has typed, as `range_of`; None for an empty text.

    What a notice says, such as ``value_range=(0, 4095)`` or ``--value-range 0 4095``, can be pasted whole.

    >>> range_typed("0 4095"), range_typed(" -1.5, 1e3 "), range_typed(" "), range_typed("(0, 4095)")
    ((0.0, 4095.0), (-1.5, 1000.0), None, (0.0, 4095.0))
    """
    numbers = re.sub(r"^\s*(--value-range|value_range\s*=)", "", text[:200])
    parts: list[Any] = re.sub(r"[\[\](),;]", " ", numbers).split()
    with suppress(ValueError):
        parts = [float(part) for part in parts]
    return range_of(parts) if parts else None


def range_text(value_range: Range) -> str:
    """Return the values that are black and white as `range_typed` reads them.

    >>> range_text((0.0, 4095.0)), range_text((-1.5, 1e300)), range_text(None)
    ('0 4095', '-1.5 1e+300', '')
    """
    return " ".join(repr(each).removesuffix(".0") for each in value_range or ())


# -- settings strings: flat JSON, which users keep

# What every version has written, in this order. What has come since stands behind, and only where it is not
# as it is by default: so a version that does not know it yet reads the string all the same.
_ALWAYS = (
    "image",
    "target",
    "k",
    "end",
    "rank",
    "scope",
    "seed",
    "cam",
    "scale",
    "cmap",
    "opacity",
    "curves",
)
_ALWAYS += ("held", "units", "first", "unit", "beside", "narrow", "model")
_WRITTEN_AS = {"units_row": "units"}
_NEVER = ("top_classes",)  # no control of the panel shows it
_DEFAULTS = {
    _WRITTEN_AS.get(name, name): value for name, value in State(0, 0).flat.items() if name not in _NEVER
}
_FIELD_OF = {name: name for name in _DEFAULTS} | {word: name for name, word in _WRITTEN_AS.items()}


def settings_of(state: State, images: Sequence[str]) -> str:
    """Return a state as a string for `Panel(state=...)`; images by their names.

    >>> settings_of(State(0, 3, 20), ["sea.png"])[:44]
    '{"image": "sea.png", "target": 3, "k": 20, "'
    """
    beside = list(state.beside)
    if beside and beside[0] == "image":
        beside[1] = images[beside[1]]
    told = {_WRITTEN_AS.get(name, name): value for name, value in state.flat.items()}
    told |= {"image": images[state.image], "beside": beside}
    since = [name for name in _DEFAULTS if name not in _ALWAYS and told[name] != _DEFAULTS[name]]
    return json.dumps({name: told[name] for name in (*_ALWAYS, *since)})


_LONGEST = 100_000  # letters of a settings string; those of a panel have some hundreds


def _given(settings: Any) -> dict[str, Any]:
    """Return what a settings string says, each thing once."""
    wrong = ValueError(f"state={_beginning(settings)}: expected a panel's settings; copy them whole")
    if not isinstance(settings, str) or len(settings) > _LONGEST:
        raise wrong
    try:
        given = json.loads(settings, object_pairs_hook=_once)
    except (ValueError, RecursionError):  # nested too deeply, or a number of thousands of digits
        raise wrong from None
    if not isinstance(given, dict) or not {"image", "target"} <= given.keys():
        raise wrong
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a field is written twice")
    return dict(pairs)


def _beginning(settings: Any) -> str:
    return repr(settings[:80] if isinstance(settings, (str, bytes)) else type(settings))[:80]


def restored(settings: str, *images: Sequence[str | None]) -> State:
    """Return the state that a settings string tells of.

    Its images are looked for in one list of names after the other; what was not written is as by default.

    Raises
    ------
    ValueError
        It is no such string, or tells of what a state cannot be, or of an image that is in no list.
    """
    given = _given(settings)
    image, target, beside = given.pop("image"), given.pop("target"), given.pop("beside", [])
    if not isinstance(beside, list) or len(beside) not in (0, 2):
        raise ValueError(f"state: beside {beside!r:.80}; expected [] or a field and its value")
    field, value = beside or (None, None)
    if not given.keys() <= _DEFAULTS.keys():
        more = ", ".join(sorted(given.keys() - _DEFAULTS.keys()))
        raise ValueError(f"state: unknown {more:.80}; these are the settings of another version")
    for name, found in {"target": target, **given}.items():
        _check(name, found)
    if field == "image":
        value = _position(value, images)
    elif field is not None:
        _check(field if field in ("scope", "rank") else "beside", value)
    if "value_range" in given:
        given["value_range"] = range_of(given["value_range"])
    state = State(_position(image, images), target, beside=(field, value) if field else ())
    return state.changed(**{_FIELD_OF[name]: found for name, found in given.items()})


# A panel's controls show fewer ends and colour maps than a view may have.
_CHOICES = {
    **VIEW_CHOICES,
    "end": ENDS,
    "rank": RANKINGS,
    "scope": SCOPES,
    "cmap": CMAPS,
    "units": (False, True),
    "narrow": (False, True),
    "beside": (),
}
_MOST = dict.fromkeys(("target", "k", "held", "first", "unit"), 10**9) | {"seed": MOST_SEED}
_MAY_BE_NONE = ("first", "unit")


def _check(name: str, value: Any) -> None:
    """Refuse what a field of a state cannot be; whether it fits the network is seen later.

    A field of the view that is not told of here is judged by `View` itself.
    """
    if name in _CHOICES:
        if not is_one_of(value, choices := _CHOICES[name]):
            raise ValueError(f"state: {name} {value!r:.80}; choose one of {', '.join(map(str, choices))}")
    elif name in _MOST:
        none = value is None and name in _MAY_BE_NONE
        if not none and whole_number(value, 0, _MOST[name]) is None:
            most = f"a whole number of at least 0, at most {_MOST[name]}"
            raise ValueError(f"state: {name} {value!r:.80}; expected {most}")
    elif name == "opacity":
        if finite_number(value, 0, 1) is None:
            raise ValueError(f"state: opacity {value!r:.80}; expected a number from 0 to 1")
    elif name == "value_range":
        range_of(value)
    elif name not in _VIEW_FIELDS and not isinstance(value, str):
        raise ValueError(f"state: {name} {value!r:.80}; expected a name")


def _position(name: Any, images: Sequence[Sequence[str | None]]) -> int:
    """Return the position of the image of a name in the first list that has it."""
    for names in images:
        if isinstance(name, str) and name in names:
            return list(names).index(name)
    raise ValueError(f"state: no image {name!r:.80} among the {len(images[-1])} given; give its folder too")
