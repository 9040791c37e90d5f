"""Settings strings that nobody wrote: mutants of honest ones, and JSON of chance."""

import json
import random
import sys

import pytest
from helpers.panels import IMAGES, SMALL, OtherModel, ToyModel
from ipywidgets.widgets.widget import _instances

from unitdrop.panel import Panel
from unitdrop.panel.state import restored, settings_of

NAMES = ["image 1", "image 2", "image 3"]
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    6,
    7,
    10**9,
    10**30,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    [],
    {},
]
ODD += [
    "toy",
    "other",
    "evil.py:f",
    "/etc/passwd",
    "resnet18",
    "image 2",
    ["scope", "class"],
    ["image", "image 2"],
]
ODD += [
    ["rank", "margin"],
    ["k", 3],
    "weight",
    "margin",
    "top",
    "bottom",
    "viridis",
    "\ud800",
    "a\nb",
    [[[]]],
    {"a": 1},
]


@pytest.fixture
def opened():
    """What Python opens or imports by a name that is in the settings; nothing, one hopes."""
    found, on = [], [True]

    def hook(event, given):
        if (
            on[0]
            and event in ("open", "import")
            and any(word in str(given[0]) for word in ("evil", "passwd"))
        ):
            found.append((event, given[0]))

    sys.addaudithook(hook)
    yield found
    on[0] = False


def honest():
    """Settings that a panel has written."""
    a_panel = Panel([ToyModel(), OtherModel()], IMAGES, size=SMALL, top=2)
    found = [a_panel.settings]
    for name, value in (("rank", "random"), ("units_row", True), ("beside", ("scope", "class")), ("k", 4)):
        getattr(a_panel.controls, name).value = value
        found.append(a_panel.settings)
    a_panel.close()
    return found


def mutant(rng, seeds):
    """A string: letters of an honest one changed, fields of one changed, or JSON of chance."""
    kind, text = rng.random(), rng.choice(seeds)
    if kind < 0.3:
        letters = list(text)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(len(letters))
            letters[at : at + rng.choice((0, 1, 5))] = rng.choice(
                ["", "0", '"', "{", "[", ",", "\\", "NaN", "9" * 400, text]
            )
        return "".join(letters)
    fields = json.loads(text) if kind < 0.9 else {}
    for _ in range(rng.choice((1, 1, 2, 4))):
        name = rng.choice([*json.loads(text), "units", "value_range", "view", "", "evil.py:f"])
        if rng.random() < 0.2:
            fields.pop(name, None)
        else:
            fields[name] = rng.choice(ODD)
    return json.dumps(fields) if rng.random() < 0.95 else json.dumps(rng.choice(ODD))


@pytest.mark.slow
def test_a_string_is_refused_or_taken_over_and_written_back(opened):
    rng, seeds, counts = random.Random(0), honest(), {"taken": 0, "refused": 0}
    for _ in range(100_000):
        text = mutant(rng, seeds)
        try:
            state = restored(text, NAMES)
        except ValueError:
            counts["refused"] += 1
            continue
        counts["taken"] += 1
        assert restored(settings_of(state, NAMES), NAMES) == state, text
    print(f"\n100000 settings strings: {counts}, 0 other exceptions, {len(opened)} files opened")
    assert opened == [] and counts["taken"] > 1000


@pytest.mark.slow
def test_a_panel_of_a_string_stands_in_that_state_or_is_not_made(opened):
    rng, seeds, counts = random.Random(1), honest(), {"made": 0, "refused": 0}
    models, before = [ToyModel(), OtherModel()], set(_instances)
    for _ in range(800):
        text = mutant(rng, seeds)
        try:
            a_panel = Panel(rng.choice([models, models[0], models, models]), IMAGES, size=SMALL, state=text)
        except ValueError:
            counts["refused"] += 1
        else:
            counts["made"] += 1
            assert restored(a_panel.settings, NAMES) == a_panel.state, text
            a_panel.close()
        assert set(_instances) == before, text
    print(f"\n800 panels of settings: {counts}, 0 other exceptions, {len(opened)} files opened")
    assert opened == [] and counts["made"] > 30
