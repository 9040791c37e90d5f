"""A readout is checked, private and frozen, and finds its classes."""

import dataclasses

import numpy as np
import pytest
from helpers.toys import hand_readout, image, random_readout

from unitdrop.readout import Readout, ReadoutError, TargetError

GOOD = {
    "maps": np.ones((2, 3, 4)),
    "weight": np.ones((3, 2)),
    "bias": np.zeros(3),
    "labels": ("diner", "bar", "barn"),
    "image": image(),
}


def test_pooled_is_the_mean_of_every_map():
    readout = hand_readout()
    assert readout.pooled.tolist() == [2, 1, 3, 1]
    assert readout.pooled.dtype == np.float32 and readout.pooled64.dtype == np.float64
    assert (readout.units, readout.classes) == (4, 3)


def test_pooling_loses_nothing_to_float32_sums():
    maps = np.full((1, 300, 300), 0.1, np.float32)
    readout = Readout(maps, [[1]], [0], ("a",), image())
    assert readout.pooled64[0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_arrays_are_read_only_float32_copies():
    weight = np.ones((3, 2))
    readout = Readout(**{**GOOD, "weight": weight})
    weight[:] = 5
    assert readout.weight.max() == 1 and readout.weight.dtype == np.float32
    for array in (
        readout.maps,
        readout.weight,
        readout.bias,
        readout.image,
        readout.pooled,
        readout.pooled64,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        readout.model = "other"


def test_any_real_dtype_and_layout_is_taken():
    for dtype in (np.float16, np.float64, np.int64, bool):
        readout = Readout(**{**GOOD, "maps": np.asfortranarray(np.ones((2, 3, 4), dtype))})
        assert readout.maps.dtype == np.float32 and readout.maps.flags.c_contiguous


def test_tensors_are_taken_unless_they_need_a_gradient():
    torch = pytest.importorskip("torch")
    assert Readout(**{**GOOD, "maps": torch.ones(2, 3, 4)}).maps.sum() == 24
    with pytest.raises(ReadoutError, match=r"maps: .*detach"):
        Readout(**{**GOOD, "maps": torch.ones(2, 3, 4, requires_grad=True)})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("maps", np.ones((2, 3)), r"maps: expected shape \(U, h, w\).*got \(2, 3\)"),
        ("maps", np.ones((2, 0, 4)), "maps: expected shape"),
        ("maps", np.full((2, 3, 4), np.nan), "maps: holds NaN"),
        ("maps", np.full((2, 3, 4), 1e39), "maps: holds"),
        ("maps", np.ones((2, 3, 4), complex), "maps: expected real numbers"),
        ("maps", np.full((2, 3, 4), "a"), "maps: expected real numbers"),
        ("maps", [[1], [2, 3]], "maps: "),
        ("weight", np.ones((3, 5)), "weight: 5 units for 2 maps"),
        ("weight", np.full((3, 2), np.inf), "weight: holds"),
        ("bias", np.zeros(2), "bias: 2 values for 3 rows"),
        ("labels", ("a", "b"), "labels: 2 names for 3 classes"),
        ("labels", "abc", "labels: expected one str a class"),
        ("labels", (1, 2, 3), "labels: expected one str a class"),
        ("image", np.zeros((4, 6, 3)), r"image: expected \(H, W, 3\) uint8, got \(4, 6, 3\) float64"),
        ("image", np.zeros((3, 4, 6), np.uint8), "image: expected"),
        ("image", np.zeros((0, 6, 3), np.uint8), "image: expected"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name, value, message):
    with pytest.raises(ReadoutError, match=message):
        Readout(**{**GOOD, name: value})


def test_a_class_is_found_by_label_index_or_digits():
    readout = Readout(**GOOD)
    for target in ("bar", 1, np.int64(1), "1"):
        assert readout.index_of(target) == 1 and type(readout.index_of(target)) is int


def test_a_label_comes_before_an_index():
    assert Readout(**{**GOOD, "labels": ("2", "1", "0")}).index_of("0") == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("barm", "did you mean 'bar' or 'barn'"),
        ("moon", "pass 0 to 2 or a label such as 'diner'"),
        (3, "no class 3; pass 0 to 2"),
        (-1, "no class -1"),
        ("-1", "no class -1"),
        (1.0, "no class 1.0"),
        (None, "no class None"),
    ],
)
def test_an_unknown_class_is_refused_with_a_remedy(target, message):
    with pytest.raises(TargetError, match=message):
        Readout(**GOOD).index_of(target)


def test_a_label_that_occurs_twice_carries_its_index_and_must_be_told_with_it():
    readout = Readout(**{**GOOD, "labels": ("crane", "bar", "crane")})
    assert readout.labels == ("crane (0)", "bar", "crane (2)")
    with pytest.raises(
        TargetError, match=r"\[0, 2\] are all called 'crane'; pass 'crane \(0\)' or 'crane \(2\)'"
    ):
        readout.index_of("crane")
    assert [readout.index_of(name) for name in (2, "2", "crane (2)", "crane (0)", "bar")] == [2, 2, 2, 0, 1]


def test_a_label_that_looks_like_one_with_an_index_stays_and_is_found():
    readout = Readout(**{**GOOD, "labels": ("crane", "crane", "crane (0)")})
    assert readout.labels == ("crane (0) (0)", "crane (1)", "crane (0)")
    assert [readout.index_of(name) for name in readout.labels] == [0, 1, 2]
    assert Readout(**{**GOOD, "labels": ("3", "3", "1")}).index_of("1") == 2
    with pytest.raises(TargetError, match="all called '3'"):
        Readout(**{**GOOD, "labels": ("3", "3", "1")}).index_of("3")


def test_long_labels_stay_exact_and_are_told_briefly():
    labels = ("a" * 100_000, "a" * 100_000 + "b", "c")
    readout = Readout(**{**GOOD, "labels": labels})
    assert readout.labels == labels and readout.index_of(labels[1]) == 1
    for target in ("a" * 100_001, "x" * 100_000):
        with pytest.raises(TargetError) as caught:
            readout.index_of(target)
        assert len(str(caught.value)) < 1000


def test_the_repr_is_one_short_line():
    assert repr(random_readout()) == "Readout(model='toy', units=6, grid=(2, 3), classes=4)"
