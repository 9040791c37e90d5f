"""Arrays and tensors: the ones that go into a network, on whatever scale, or a remedy that works."""

import re

import numpy as np
import pytest
import torch

from unitdrop.images import ImageError, load_image
from unitdrop.notices import listening

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (8, 9, 3), dtype=np.uint8)


def asked(values, **given):
    """What an array is refused for."""
    with pytest.raises(ImageError) as caught:
        load_image(values, **given)
    return str(caught.value)


# Channels first -------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tensor_with_its_channels_first_is_taken(channels):
    first = torch.rand(channels, 8, 9)
    np.testing.assert_array_equal(load_image(first), load_image(first.permute(1, 2, 0)))


def test_a_tensor_whose_ends_could_both_be_channels_is_read_with_its_channels_last():
    tensor = torch.arange(27.0).reshape(3, 3, 3) / 27
    np.testing.assert_array_equal(load_image(tensor), load_image(tensor.numpy()))


def test_an_array_with_its_channels_first_is_refused_and_the_remedy_works():
    array = PICTURE.transpose(2, 0, 1)
    message = asked(array)
    assert message == "array of shape (3, 8, 9): channels first; pass array.transpose(1, 2, 0)"
    remedy = message.split("; pass ")[1]
    np.testing.assert_array_equal(load_image(eval(remedy, {"array": array})), PICTURE)


@pytest.mark.parametrize(
    "batch",
    [
        torch.from_numpy(PICTURE)[None],
        torch.from_numpy(PICTURE).permute(2, 0, 1)[None],
        torch.from_numpy(PICTURE).permute(2, 0, 1)[None].repeat(5, 1, 1, 1),
        PICTURE[None],
        PICTURE.transpose(2, 0, 1)[None],
    ],
)
def test_the_remedy_for_a_batch_leads_to_its_first_picture(batch):
    message = asked(batch)
    word = "tensor" if isinstance(batch, torch.Tensor) else "array"
    assert message.startswith(f"{word} of shape {tuple(batch.shape)}: a batch; pass one picture, such as ")
    remedy = message.split("such as ")[1]
    np.testing.assert_array_equal(load_image(eval(remedy, {word: batch})), PICTURE)


class Foreign:
    """An array of another library: no methods of numpy's."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def test_the_remedy_names_what_the_type_has():
    first = Foreign(PICTURE.transpose(2, 0, 1))
    message = asked(first)
    assert "pass numpy.transpose(array, (1, 2, 0))" in message
    np.testing.assert_array_equal(load_image(np.transpose(first, (1, 2, 0))), PICTURE)
    np.testing.assert_array_equal(load_image(Foreign(PICTURE)), PICTURE)


# Tensors of every sort ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_tensor_of_any_float_dtype_is_taken(dtype):
    levels = load_image(torch.tensor([[0, 0.5, 1]], dtype=dtype))
    assert levels[0, :, 0].tolist() == [0, 128, 255]


def test_a_tensor_that_needs_a_gradient_or_is_a_view_is_taken():
    tensor = torch.rand(3, 8, 9, requires_grad=True)
    np.testing.assert_array_equal(load_image(tensor), load_image(tensor.detach()))
    np.testing.assert_array_equal(
        load_image(tensor.flip(2)[:, ::2]), load_image(tensor.detach().flip(2)[:, ::2])
    )
    np.testing.assert_array_equal(
        load_image(torch.nn.Parameter(torch.ones(3, 8, 9))), np.full((8, 9, 3), 255)
    )


def test_a_tensor_without_numbers_of_its_own_is_refused():
    for tensor in (torch.ones(8, 9, device="meta"), torch.eye(8).to_sparse()):
        assert re.match("tensor: cannot be read .*; pass a dense one", asked(tensor))
    assert "no grey levels" in asked(torch.ones(8, 9, dtype=torch.complex64))


# Scales ---------------------------------------------------------------------------------------


def test_a_normalised_tensor_is_refused_until_its_range_is_given():
    picture = torch.from_numpy(PICTURE).permute(2, 0, 1) / 255
    normalised = (picture - 0.45) / 0.225
    message = asked(normalised)
    assert "; for normalised input, pass the picture as it was before Normalize; else give value" in message
    given = load_image(normalised, value_range=(-0.45 / 0.225, 0.55 / 0.225))
    np.testing.assert_array_equal(given, PICTURE)
    suggested = eval(re.search(r"such as (\([^)]*\))", message)[1])
    assert load_image(normalised, value_range=suggested).shape == (8, 9, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_levels_of_0_to_255_are_the_same_in_every_dtype(dtype):
    for most in (255, 102, 40):
        dark = (PICTURE.astype(int) * most // 255).astype(dtype)
        np.testing.assert_array_equal(load_image(dark), dark.astype(np.uint8))


def test_rounding_beyond_an_end_is_forgiven():
    over = np.float32([[-1e-7, 0.5, 1 + 1e-6]])
    assert load_image(over)[0, :, 0].tolist() == [0, 128, 255]
    assert load_image(np.float32([[-1e-4, 100, 255.2]]))[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize(
    "values", [[[-5.0, -5.0]], [[300, 70_000]], [[-1, 3]], [[0.0, 256.0]], [[-0.2, 1.1]]]
)
def test_the_suggested_range_can_be_given(values):
    message = asked(np.array(values))
    suggested = eval(re.search(r"such as (\([^)]*\))", message)[1])
    assert load_image(np.array(values), value_range=suggested).shape == (1, 2, 3)


def test_opacity_keeps_to_a_scale_of_its_own():
    colours, half = np.full((4, 4, 3), 200.0), np.full((4, 4, 1), 0.5)
    assert load_image(np.concatenate([colours, half], 2))[0, 0].tolist() == [227] * 3


# Nearly black ---------------------------------------------------------------------------------


def said(source, **given):
    """What is said while a picture is read."""
    heard = []
    with listening(heard.append):
        load_image(source, **given)
    return heard


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.uint16([[0, 1000]]), 1023),
        (np.uint16([[0, 4095]]), 4095),
        (np.uint16([[3, 16383]]), 16383),
        (np.uint16([[0, 200]]), 255),
        (np.int32([[0, 4000]]), 4095),
        (np.int64([[0, 1]]), 1),
        (np.float32([[0, 0.05]]), 0.05),
        (np.float32([[0, 1.5]]), 1),
        (np.float64([[0, 9]]), 9),
    ],
)
def test_what_comes_out_nearly_black_is_said_with_the_range_to_give(values, white):
    (text,) = said(values)
    assert "came out nearly black" in text
    assert f"value_range=(0, {white:g})" in text and f"--value-range 0 {white:g}" in text
    assert said(values, value_range=(0, white)) == []
    assert load_image(values, value_range=(0, white)).max() > 190


@pytest.mark.parametrize(
    "night",
    [
        np.full((4, 4), 9, np.uint8),
        np.full((4, 4, 3), 3, np.uint8) * np.uint8(3),
        np.uint16([[0, 20, 60]]) * np.uint16(257),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4)),
        np.float32([[0, 40]]),
        np.float32([[0, 0.1]]),
        np.uint16([[0, 30_000]]),
        np.array([[False, True]]),
    ],
)
def test_a_dark_photograph_is_not_remarked_upon(night):
    assert said(night) == []


@pytest.mark.parametrize(
    ("values", "value_range", "words"),
    [
        (np.array([[300, 60000]], np.uint16), (0, 255), "all white, as its values lie from 300 to 60000"),
        (
            np.array([[0.25, 0.5]]),
            (1, 2),
            r"all black, as its values lie from 0.25 to 0.5, outside .*\(1, 2\)",
        ),
        (np.array([[300, 60000]], np.uint16), (0, 40000), None),
        (np.full((1, 2), 7.0), (0, 1), None),  # of one value, whatever the range
    ],
)
def test_a_range_that_no_value_lies_in_is_said(values, value_range, words):
    heard = []
    with listening(heard.append):
        load_image(values, value_range=value_range)
    assert len(heard) == (words is not None) and (words is None or re.search(words, heard[0]))


@pytest.mark.parametrize(
    ("array", "white"),
    [
        (np.int16([[0, 32767]]), 32767),
        (np.int16([[300, 20000]]), 32767),
        (np.int16([[0, 4095]]), 4095),
        (np.int16([[0, 256]]), 1023),
        (np.int8([[0, 127]]), 127),
        (np.int8([[0, 5]]), 127),
    ],
)
def test_a_signed_type_that_cannot_hold_the_white_asks_for_the_range(array, white):
    for source in (array, torch.from_numpy(array)):
        with pytest.raises(ImageError, match=rf"value_range=\(black, white\), such as \(0, {white}\)"):
            load_image(source)
        expected = np.rint(array / white * 255)
        np.testing.assert_array_equal(load_image(source, value_range=(0, white))[..., 0], expected)
    np.testing.assert_array_equal(load_image(np.int16([[0, 255]]))[..., 0], [[0, 255]])
    np.testing.assert_array_equal(load_image(np.int32([[0, 32767]]))[..., 0], [[0, 127]])
