"""What `sweep` prints: one JSON object, or a table that tells the same."""

import json
import re
import sys

import numpy as np
import pytest
from helpers.commandline import LABELS, refused, run, toy

from unitdrop.sweep import RANKINGS, Sweep


def test_json_is_one_object_with_the_agreed_fields(capsys, photo):
    status, out, err = run(capsys, "sweep", photo, "--json", "--top", 2, "--bottom", 3)
    record, sweep = json.loads(out), Sweep(toy().load_model()(photo))
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert list(record) == [
        "model",
        "image",
        "units",
        "target",
        "rank",
        "scope",
        "flip",
        "smallest_flip",
        "at",
        "curve",
        "notes",
    ]
    assert record["notes"] == []
    assert (record["model"], record["image"], record["units"]) == ("scenes", photo, 12)
    assert record["target"] == {"index": 0, "label": "beach"}
    assert (record["rank"], record["scope"]) == ("weight", "unit")
    flip, smallest = sweep.flip, sweep.smallest_flip
    probability = pytest.approx(flip.probability)
    expected = {"k": flip.k, "index": flip.index, "label": flip.label, "probability": probability}
    assert record["flip"] == expected
    units = list(smallest.units)
    expected = {"count": smallest.count, "units": units, "index": smallest.index, "label": smallest.label}
    assert record["smallest_flip"] == expected
    assert (record["at"]["top"], record["at"]["bottom"]) == (2, 3)


def test_what_was_noticed_is_said_once_on_stderr_and_stands_in_the_json(capsys, photo, monkeypatch):
    from unitdrop.notices import say

    module = toy()
    load = module.load_model

    def telling(name, **choices):
        for text in ("first", "second \x1b[31m", "first"):
            say(text)
        return load(name)

    module.load_model = telling
    monkeypatch.setitem(sys.modules, "unitdrop.models", module)
    _, out, err = run(capsys, "sweep", photo, "--json")
    assert json.loads(out)["notes"] == ["first", "second \x1b[31m"]
    assert err == "unitdrop: first\nunitdrop: second ?[31m\n"
    assert run(capsys, "sweep", photo)[2] == err, "once in each command, not once for good"


def test_json_numbers_are_those_of_the_sweep_to_the_last_bit(capsys, photo):
    record = json.loads(run(capsys, "sweep", photo, "--json", "--top", 2)[1])
    sweep = Sweep(toy().load_model()(photo))
    assert np.array_equal(np.array(record["curve"], np.float32), sweep.curve[:, 0])
    five = record["at"]["top5"]
    probabilities = sweep.probabilities(2)
    assert [c["index"] for c in five] == list(np.argsort(-probabilities, kind="stable")[:5])
    assert [np.float32(c["probability"]) for c in five] == [probabilities[c["index"]] for c in five]
    assert [c["label"] for c in five] == [LABELS[c["index"]] for c in five]


def test_nothing_dropped_is_the_window_unless_told(capsys, photo):
    at = json.loads(run(capsys, "sweep", photo, "--json")[1])["at"]
    assert (at["top"], at["bottom"], at["top5"][0]["label"]) == (0, 0, "beach")


def test_where_nothing_flips_json_says_null(capsys, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(lead=1000))
    record = json.loads(run(capsys, "sweep", photo, "--json")[1])
    assert record["flip"] is None and record["smallest_flip"] is None
    _, out, _ = run(capsys, "sweep", photo)
    assert "flip           none: beach stays on top" in out and "no set of units changes" in out


def test_fewer_than_five_classes_give_fewer_lines(capsys, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(labels=LABELS[:2]))
    assert len(json.loads(run(capsys, "sweep", photo, "--json")[1])["at"]["top5"]) == 2
    assert run(capsys, "sweep", photo)[0] == 0


@pytest.mark.parametrize("rank", RANKINGS)
@pytest.mark.parametrize("scope", ["unit", "class"])
def test_every_choice_reaches_the_sweep(capsys, photo, rank, scope):
    words = ("--target", "diner/outdoor", "--rank", rank, "--seed", 3, "--scope", scope)
    out = run(capsys, "sweep", photo, *words, "--top", 4, "--bottom", 1, "--json")[1]
    record = json.loads(out)
    sweep = Sweep(toy().load_model()(photo), 2, rank, scope, 3)
    assert record["target"] == {"index": 2, "label": "diner/outdoor"}
    assert np.array_equal(np.array(record["curve"], np.float32), sweep.curve[:, 2])
    assert record["at"]["top5"][0]["probability"] == pytest.approx(sweep.probabilities(4, 1).max())


@pytest.mark.parametrize("target", ["lake", "1"])
def test_a_target_is_a_name_or_an_index(capsys, photo, target):
    record = json.loads(run(capsys, "sweep", photo, "--target", target, "--json")[1])
    assert record["target"] == {"index": 1, "label": "lake"} and record["flip"]["k"] == 0


def test_the_table_tells_the_same_as_json(capsys, photo):
    flip = json.loads(run(capsys, "sweep", photo, "--json")[1])["flip"]
    status, out, err = run(capsys, "sweep", photo)
    assert (status, err) == (0, "")
    assert "photo.png on scenes: 12 units, 6 classes" in out and "target beach (index 0)" in out
    assert re.search(rf"flip +at k = {flip['k']}, to .* with {flip['probability']:.4f}", out)
    assert re.search(rf"^ +{flip['k']} .*<- flip$", out, re.MULTILINE)
    ks = [int(k) for k in re.findall(r"^ {2,}(\d+) ", out, re.MULTILINE)]
    assert ks == sorted({0, 1, 2, 5, 10, 12, flip["k"]})


def test_the_table_shows_the_window_asked_for(capsys, photo):
    out = run(capsys, "sweep", photo, "--top", 3, "--bottom", 2)[1]
    assert "top 3, bottom 2 dropped" in out and re.search(r"^ +3 ", out, re.MULTILINE)


def test_the_table_obeys_no_label(capsys, photo):
    out = run(capsys, "sweep", photo, "--target", 3)[1]
    assert "evil?[31m ?label" in out and "\x1b" not in out and "\u202e" not in out


ALIKE = ("crane", "crane", "archaeological excavation of a river", "archaeological excavation of a castle")


def test_names_that_repeat_carry_their_index_in_json_and_table_and_as_targets(capsys, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(labels=ALIKE))
    record = json.loads(run(capsys, "sweep", photo, "--target", "crane (1)", "--json")[1])
    assert record["target"] == {"index": 1, "label": "crane (1)"}
    assert {c["label"] for c in record["at"]["top5"]} == {"crane (0)", "crane (1)", *ALIKE[2:]}
    out = run(capsys, "sweep", photo, "--target", "crane (0)")[1]
    assert "target crane (0) (index 0)" in out
    assert "archaeological excavati… (2)" in out and "archaeological excavati… (3)" in out
    assert "'crane (0)' or 'crane (1)'" in refused(capsys, "sweep", photo, "--target", "crane")


def test_of_a_long_name_200_letters_are_printed_and_json_has_all(capsys, photo, monkeypatch):
    labels = ("a" * 100_000, "a" * 99_999 + "b", "c")
    monkeypatch.setitem(sys.modules, "unitdrop.models", toy(labels=labels))
    out = run(capsys, "sweep", photo, "--target", 1)[1]
    assert f"target {'a' * 199}… (1) (index 1)" in out and "a" * 200 not in out
    assert json.loads(run(capsys, "sweep", photo, "--json", "--target", 1)[1])["target"]["label"] == labels[1]
