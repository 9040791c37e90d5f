"""The GIF encoder: colours that stay true, frames that hold only what changed."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unitdrop.export.gif import COLOURS, Encoder, cell_centres, cells_of, lookup, shared_palette


def painted(seed=0, size=(60, 80)):
    """A smooth picture with some flat bars and thin lines on it, as a figure has."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize(size[::-1], Image.Resampling.BICUBIC)).copy()
    picture[5:15, 5:60] = (0, 114, 178)
    picture[20:28, 5:40] = 255
    picture[30, :] = (27, 36, 48)
    return picture


def decoded(data):
    """Every frame of a GIF as a reader shows it, RGB."""
    with Image.open(io.BytesIO(data)) as picture:
        frames = []
        for k in range(picture.n_frames):
            picture.seek(k)
            frames.append(np.asarray(picture.convert("RGB")))
        return frames


def encoded(frames, colours=COLOURS, delay=10):
    encoder = Encoder(shared_palette(frames, colours))
    for frame in frames:
        encoder.add(frame, delay)
    return encoder.to_bytes()


def test_cells_hold_five_bits_of_red_six_of_green_and_five_of_blue():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    red, green, blue = pixels.astype(int).transpose(2, 0, 1)
    assert np.array_equal(cells_of(pixels), (red >> 3 << 11) | (green >> 2 << 5) | blue >> 3)


def test_every_cell_centre_lies_in_its_own_cell():
    centres = cell_centres().astype(np.uint8)
    assert np.array_equal(cells_of(centres[None])[0], np.arange(65536))


def test_drawn_colours_black_and_white_are_kept_exactly():
    palette = {tuple(colour) for colour in shared_palette([painted()]).tolist()}
    assert {(0, 0, 0), (255, 255, 255), (0, 114, 178), (27, 36, 48)} <= palette


@pytest.mark.parametrize("colours", [2, 3, 16, 31, 63, 127, 255])
def test_the_palette_is_never_larger_than_asked_for(colours):
    assert 2 <= len(shared_palette([painted(), painted(1)], colours)) <= colours


def test_the_same_frames_give_the_same_palette():
    assert np.array_equal(shared_palette([painted()]), shared_palette([painted().copy()]))


def test_a_large_area_does_not_take_the_colours_of_a_small_one():
    picture = np.empty((300, 300, 3), np.uint8)
    picture[..., :] = np.linspace(100, 255, 300, dtype=np.uint8)[:, None, None]  # mostly a grey slope
    picture[:12, :12] = np.random.default_rng(0).integers(0, 90, (12, 12, 3)) + np.array([160, 0, 0])
    shown = decoded(encoded([picture]))[0].astype(int)
    assert np.abs(shown - picture)[:12, :12].mean() < 8


def test_a_palette_colour_is_found_again_exactly():
    rng = np.random.default_rng(1)
    centres = rng.choice(65536, 200, replace=False)
    palette = cell_centres()[centres].astype(np.uint8)  # one a cell, so none hides another
    assert np.array_equal(palette[lookup(palette)[cells_of(palette[None])[0]]], palette)


def test_the_table_gives_the_nearest_entry_up_to_the_width_of_a_cell():
    rng = np.random.default_rng(2)
    palette = rng.integers(0, 256, (40, 3), dtype=np.uint8)
    pixels = rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    found = palette[lookup(palette)[cells_of(pixels)]].astype(float)
    best = np.linalg.norm(pixels[..., None, :].astype(float) - palette, axis=-1).min(-1)
    assert (np.linalg.norm(found - pixels, axis=-1) - best).max() <= 2 * np.linalg.norm((4, 2, 4)) + 1e-6


def test_colours_come_out_close_to_what_was_drawn():
    frames = [painted(i) for i in range(3)]
    for shown, true in zip(decoded(encoded(frames)), frames, strict=True):
        error = np.abs(shown.astype(int) - true)
        assert error.mean() < 8 and error.max() < 64  # the whole cube of colours in 255
        assert np.array_equal(shown[20:28, 5:40], true[20:28, 5:40])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.integers(1, 5), st.floats(0, 1))
def test_what_is_written_is_what_a_reader_shows(height, width, seed, count, share):
    rng = np.random.default_rng(seed)
    colours = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 40], [8, 100, 250], [120, 120, 8]], np.uint8)
    frames = [colours[rng.integers(0, 5, (height, width))]]
    for _ in range(count - 1):
        renewed = rng.random((height, width)) < share
        frames.append(np.where(renewed[..., None], colours[rng.integers(0, 5, (height, width))], frames[-1]))
    encoder = Encoder(colours)
    for frame in frames:
        encoder.add(frame, 7)
    shown = decoded(encoder.to_bytes())
    distinct = [f for i, f in enumerate(frames) if i == 0 or not np.array_equal(f, frames[i - 1])]
    assert len(shown) == len(distinct)
    assert all(np.array_equal(a, b) for a, b in zip(shown, distinct, strict=True))


def test_a_frame_in_which_nothing_changes_prolongs_the_one_before():
    frame, other = painted(), painted(1)
    encoder = Encoder(shared_palette([frame, other]))
    for picture, delay in ((frame, 10), (frame, 30), (other, 20)):
        encoder.add(picture, delay)
    with Image.open(io.BytesIO(encoder.to_bytes())) as picture:
        assert (picture.n_frames, picture.info["duration"]) == (2, 400)


def test_a_hold_longer_than_a_gif_can_tell_becomes_two_frames():
    encoder = Encoder(shared_palette([painted()]))
    encoder.add(painted(), 0xFFFF)
    encoder.add(painted(), 5)
    with Image.open(io.BytesIO(encoder.to_bytes())) as picture:
        assert picture.n_frames == 2


def test_a_small_change_costs_few_bytes():
    frame = painted(size=(300, 400))
    moved = frame.copy()
    moved[100:104, 200:204] = 255
    encoder = Encoder(shared_palette([frame]))
    encoder.add(frame, 10)
    whole = len(encoder.to_bytes())
    encoder.add(moved, 10)
    assert len(encoder.to_bytes()) - whole < 150 < whole


def test_it_plays_for_ever_and_has_one_palette_only():
    frames = [painted(i) for i in range(4)]
    data = encoded(frames, delay=8)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["loop"] == 0
        assert picture.info["duration"] == 80
    assert len(data) < sum(len(encoded([frame])) for frame in frames) - 3 * 768


def test_no_frame_at_all_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        Encoder(np.zeros((2, 3), np.uint8)).to_bytes()
