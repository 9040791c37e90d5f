"""The rendered world: the same bytes every time, and the truth about every pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitdrop.scenes import CONCEPTS, DEFINING, NAMES, render, siblings

SEEDS = st.integers(0, 2**31)


@given(st.sampled_from(NAMES), SEEDS, st.sampled_from((32, 77, 128)))
def test_the_same_name_seed_and_size_give_the_same_bytes(name, seed, size):
    one, two = render(name, seed, size), render(name, seed, size)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.image.shape == (size, size, 3) and one.image.dtype == np.uint8
    assert one.masks.keys() == two.masks.keys()


@given(st.sampled_from(NAMES), SEEDS)
def test_every_pixel_belongs_to_exactly_one_concept(name, seed):
    scene = render(name, seed, 64)
    assert set(scene.masks) <= set(CONCEPTS)
    assert (sum(mask.astype(int) for mask in scene.masks.values()) == 1).all()


@given(st.sampled_from(NAMES), SEEDS)
def test_every_scene_shows_something_that_defines_it(name, seed):
    scene = render(name, seed, 128)
    assert scene.defining.any()
    parts = [scene.masks[c] for c in DEFINING[name] if c in scene.masks]
    assert (scene.defining == np.any(parts, axis=0)).all()


def test_another_seed_gives_another_picture():
    assert len({render("lake", seed, 64).image.tobytes() for seed in range(20)}) == 20


@pytest.mark.parametrize("name", NAMES)
def test_two_sizes_show_the_same_place(name):
    small, large = render(name, 7, 128), render(name, 7, 384)
    agree = [(large.masks[c][1::3, 1::3] & m).sum() for c, m in small.masks.items() if c in large.masks]
    assert sum(agree) / 128**2 > 0.93


def test_there_are_enough_scenes_and_every_concept_is_seen_somewhere():
    seen = {c for name in NAMES for seed in range(40) for c in render(name, seed, 128).masks}
    assert len(NAMES) >= 16 and len(CONCEPTS) >= 24
    assert seen == set(CONCEPTS)


def test_classes_share_concepts_but_no_concept_defines_more_than_a_third_of_them():
    assert all(2 <= len(concepts) <= 5 and set(concepts) <= set(CONCEPTS) for concepts in DEFINING.values())
    counts = [sum(c in concepts for concepts in DEFINING.values()) for c in CONCEPTS]
    assert max(counts) <= len(NAMES) / 3


def test_siblings_are_those_that_share_a_defining_concept():
    assert siblings("forest") == {"lake", "mountain", "camp"}
    assert all(name in siblings(other) for name in NAMES for other in siblings(name))
    assert all(name not in siblings(name) and siblings(name) for name in NAMES)
    assert sum(len(siblings(name)) for name in NAMES) <= 0.35 * len(NAMES) * (len(NAMES) - 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("volcano", 0), "volcano"),
        (("lake", -1), "negative"),
        (("lake", 0, 8), "32 to 2048"),
        (("lake", 0, 9999), "9999"),
    ],
)
def test_a_bad_request_is_refused_with_the_remedy(arguments, words):
    with pytest.raises(ValueError, match=words):
        render(*arguments)
