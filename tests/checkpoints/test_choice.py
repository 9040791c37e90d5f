"""Of several sets of weights the customary one is taken and the others are told, or the user is asked."""

import shlex
from collections import OrderedDict

import pytest
import torch
from helpers.checkpoints import prefixed, same, saved, state

from unitdrop.errors import CheckpointError
from unitdrop.notices import listening

RAW, AVERAGED = state(0), state(1)
N = torch.tensor(3)


def averaged(before=""):
    return {f"{before}module.{name}": tensor for name, tensor in AVERAGED.items()} | {
        f"{before}n_averaged": N
    }


def named(before, made):
    return {before + name: tensor for name, tensor in made.items()}


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ({"state_dict": RAW, "state_dict_ema": AVERAGED}, "state_dict_ema"),
        ({"model_ema": AVERAGED, "model": RAW}, "model_ema"),
        ({"model_ema": averaged(), "model": RAW}, "model_ema"),
        ({"last": RAW, "mean_of_all": averaged()}, "mean_of_all"),
        ({"net": RAW, "emaModel": AVERAGED}, "emaModel"),
        ({"network": RAW, "best": AVERAGED}, "best"),
        ({"state_dict": named("net.", RAW) | named("net_ema.", AVERAGED)}, "net_ema"),
        ({"state_dict": named("model.", RAW) | averaged("ema_model.")}, "state_dict.ema_model"),
        (named("", RAW) | named("swa.", AVERAGED), "swa"),
        ({"run": {"model": RAW, "model_swa": AVERAGED}}, "run.model_swa"),
        (
            {
                "state_dict": named("net.", AVERAGED),
                "current_model_state": named("net.", RAW),
                "averaging_state": {"n_averaged": N},
            },
            "state_dict.net",
        ),
        ({"state_dict": RAW, "callbacks": {"EMA{'decay': 0.9}": {"ema": AVERAGED}}}, "EMA{'decay': 0.9}.ema"),
    ],
)
def test_the_raw_weights_are_taken_the_averaged_ones_told_and_chosen_by_their_key(file, key, read):
    with listening((heard := []).append):
        assert same(read(saved(file)), RAW)
    (text,) = heard
    assert "would fit too: choose with --weights" in text
    assert key in shlex.split(text)[shlex.split(text).index("--weights") + 1]
    with listening((heard := []).append):
        assert same(read(saved(file), weights=key), AVERAGED)
    assert not any("would fit" in text for text in heard)


@pytest.mark.parametrize(
    "file",
    [
        {"teacher": RAW, "student": AVERAGED},
        {"state_dict": named("teacher.", RAW) | named("student.", AVERAGED)},
        {"model": RAW, "net": AVERAGED},
        {"ema": RAW, "swa": AVERAGED},
        {"best_state_dict": RAW, "last_state_dict": AVERAGED},
        [RAW, AVERAGED],
    ],
)
def test_where_none_is_customary_both_are_named_and_nothing_is_taken(file, read):
    with pytest.raises(CheckpointError, match=r"2 different sets .* and .*; choose one with --weights KEY"):
        read(saved(file))


@pytest.mark.parametrize("clone", [False, True])
def test_the_same_weights_twice_are_no_question(clone, read):
    again = OrderedDict((name, tensor.clone() if clone else tensor) for name, tensor in RAW.items())
    for keys in (("model", "model_ema"), ("teacher", "student")):
        with listening((heard := []).append):
            assert same(read(saved(dict(zip(keys, (RAW, again), strict=True)))), RAW)
        assert not any("would fit" in text for text in heard)


def test_a_key_that_is_not_there_lists_those_that_fit(read):
    both = saved({"teacher": RAW, "student": AVERAGED, "other": {"fc.weight": torch.ones(2)}})
    for key in ("other", "nothing", ""):
        with pytest.raises(CheckpointError, match=r"go by the key .*; these do: 'teacher', 'student'"):
            read(both, weights=key)
    assert same(read(both, weights="student"), AVERAGED)
    with pytest.raises(TypeError, match="weights: expected a key"):
        read(both, weights=3)


def test_only_averaged_weights_are_taken_and_it_is_said(read):
    for file in ({"state_dict_ema": AVERAGED}, {"ema": prefixed("module.")}, averaged()):
        with listening((heard := []).append):
            read(saved(file))
        assert len(heard) == 1 and ("ema" in heard[0] or "n_averaged" in heard[0])
