"""The map over the image, its title, and what its colours mean."""

import numpy as np
import pytest
from helpers.figures import a_readout, assert_legible, box_of, told, words_of
from helpers.toys import hand_readout

from unitdrop import heatmap
from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.drawing.layout import layout_for
from unitdrop.drawing.moment import Moment
from unitdrop.plan import CMAPS, View, make_plan
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep


def image_in(figure):
    """The image of a figure that has just been shown, and where it is."""
    return figure.drawing.picture.placed


def test_the_title_says_whose_cam_it_is(sweeps, picture):
    sweep = sweeps[0]
    k = sweep.flip.k
    picture.show(sweep, k)
    assert f"CAM of target: {sweep.label}" in words_of(picture)
    picture.show(sweep, k, 0, View(cam="prediction"))
    assert f"CAM of prediction: {sweep.flip.label}" in words_of(picture)


def test_the_image_is_pasted_with_the_cam_over_it_and_follows_the_opacity(sweeps, picture):
    bare = picture.show(sweeps[0], 0, 0, View(opacity=0))
    assert np.array_equal(bare[image_in(picture).region], image_in(picture).pixels)
    full = picture.show(sweeps[0], 0, 0, View(opacity=1, cmap="gray"))[image_in(picture).region]
    assert np.abs(full.astype(int) - bare[image_in(picture).region]).max() > 100


def test_the_image_shows_through_where_there_is_no_evidence_and_not_where_there_is_most(picture):
    maps = np.zeros((2, 1, 8))
    maps[0, 0, 6:] = 1  # all evidence is at the right
    image = np.full((90, 90, 3), 255, np.uint8)
    sweep = Sweep(Readout(maps, [[1, 0], [0, 1]], [0, 0], ("a", "b"), image))
    box = picture.show(sweep, 0, 0, View(opacity=1, cmap="gray"))[image_in(picture).region]
    assert np.all(box[:, :10] == round(255 * 0.85)) and np.all(box[:, -5:] == 255)
    empty = picture.show(sweep, 1, 0, View(opacity=1, cmap="gray"))[image_in(picture).region]
    assert np.all(empty[: len(empty) * 3 // 4] == 217)  # below, it says that it is empty


def test_a_wide_and_a_tall_image_keep_their_shape():
    for shape in ((10, 200), (200, 10), (37, 51)):
        figure = SweepFigure(960, 540)
        figure.show(Sweep(a_readout(image=shape)))
        height, width = image_in(figure).pixels.shape[:2]
        assert width / height == pytest.approx(shape[1] / shape[0], rel=0.06)
        figure.close()


def test_where_nothing_changed_the_difference_leaves_the_image_as_it_is(sweeps, picture):
    drawn = picture.show(sweeps[0], 0, 0, View(cam="difference", opacity=1))
    assert np.array_equal(drawn[image_in(picture).region], image_in(picture).pixels)


def test_lost_and_gained_evidence_have_colours_of_their_own(picture):
    maps = np.zeros((2, 1, 8))
    maps[0, 0, 6:], maps[1, 0, :2] = 1, 1  # the first unit speaks for the class, the second against it
    image = np.full((90, 90, 3), 128, np.uint8)
    sweep = Sweep(Readout(maps, [[1, -1], [0, 0]], [0, 0], ("a", "b"), image), target=0)
    box = picture.show(sweep, 2, 0, View(cam="difference", opacity=1))[image_in(picture).region].astype(int)
    gained, lost, middle = box[5, 3], box[5, -3], box[5, box.shape[1] // 2]
    assert gained[0] > gained[2] + 40, "orange"
    assert lost[2] > lost[1] + 40, "purple"
    assert np.all(middle == 128)


def test_a_change_is_said_to_be_one_in_title_ticks_and_caption(sweeps, picture):
    sweep = sweeps[0]
    picture.show(sweep, 3, 0, View(cam="difference"))
    words, peak = words_of(picture), f"{make_plan(sweep).limits[1]:.3g}"
    assert f"CAM of target, change from intact: {sweep.label}" in words
    assert {f"lost ≤ −{peak}", f"gained ≥ {peak}"} <= set(words)
    assert "change (now − intact); scale: the target's intact CAM" in words


def test_the_difference_takes_no_colour_map_but_its_own(sweeps, picture):
    one, other = (picture.show(sweeps[0], 3, 0, View(cam="difference", cmap=c)) for c in ("gray", "viridis"))
    assert np.array_equal(one, other)


def test_the_colour_bar_follows_the_view_between_moves_of_the_same_sweep(sweeps, picture):
    before = picture.show(sweeps[0], 3)
    changed = picture.show(sweeps[0], 3, 0, View(cam="difference"))
    bar = slice(236, 242), slice(12, 200)  # 480 x 270: half of the layout's pixels
    assert not np.array_equal(before[bar], changed[bar])
    assert np.array_equal(picture.show(sweeps[0], 3), before)


def test_a_frames_own_scale_ends_at_its_maximum_and_the_caption_says_so(sweeps, picture):
    sweep = sweeps[0]
    for cam, drawn in (("target", sweep.cam(None, 3)), ("difference", sweep.cam(None, 3) - sweep.cam())):
        view = View(cam=cam, scale="frame")
        peak = float(np.abs(drawn).max() if cam == "difference" else drawn.max())
        assert Moment(make_plan(sweep, 3), 3, 0, view).limits == (-peak if cam == "difference" else 0, peak)
        picture.show(sweep, 3, 0, view)
        words = words_of(picture)
        assert any(t.endswith(f"{peak:.3g}") for t in words)
        assert any(t.endswith("scale: this frame's own") for t in words)
        assert not any(t.endswith("the target's intact CAM") for t in words)


def test_a_frame_with_nothing_on_it_makes_no_scale_up(sweeps, picture):
    picture.show(sweeps[0], sweeps[0].units, 0, View(scale="frame"))
    assert "nothing above 0" in words_of(picture)
    picture.show(sweeps[0], 0, 0, View(scale="frame", cam="difference"))
    assert "no change" in words_of(picture)


def test_a_units_own_map_lies_over_the_image_on_its_own_scale_whatever_is_dropped(sweeps, picture):
    sweep = sweeps[0]
    for window in ((0, 0), (5, 2), (sweep.units, 0)):
        drawn = picture.show(sweep, *window, View(unit=7, cmap="viridis", opacity=0.8))
        activation = sweep.readout.maps[7]
        limits = (0, activation.max())
        expected = heatmap.overlay(image_in(picture).pixels, activation, limits, "viridis", 0.8)
        assert np.array_equal(drawn[image_in(picture).region], expected)


@pytest.mark.parametrize("size", [(960, 540), NARROW])
def test_the_words_of_a_unit_are_those_worked_out_by_hand(size):
    # harbour weighs units 0..3 by 2 2 0 -1, and they are pooled to 2 1 3 1: unit 1 is [[2, 0]], rank 1
    figure, sweep = SweepFigure(*size), Sweep(hand_readout())
    sums = {1: "weight 2 × mean 1 = contribution 2", 3: "weight −1 × mean 1 = contribution −1"}
    for unit, window, title in (
        (1, (1, 0), "Unit 1, rank 1: its activation"),
        (1, (2, 0), "Unit 1, rank 1: its activation (dropped)"),
        (3, (0, 0), "Unit 3, rank 3: its activation"),
        (3, (0, 1), "Unit 3, rank 3: its activation (dropped)"),
    ):
        figure.show(sweep, *window, View(unit=unit, cam="prediction"))
        assert {title, "activation; scale: this unit's own", sums[unit]} <= told(figure)
        assert [t.get_text() for t in figure.drawing.picture.notes[:3]] == ["0", "1", "2"]
    figure.close()


def test_the_rank_of_a_unit_is_its_place_in_the_sweeps_ranking(sweeps, picture):
    for sweep in sweeps:
        for rank, unit in enumerate(sweep.ranking.tolist()):
            picture.show(sweep, 2, 1, View(unit=unit))
            lost = " (dropped)" if rank < 2 or rank == sweep.units - 1 else ""
            assert f"Unit {unit}, rank {rank}: its activation{lost}" in words_of(picture)


def test_cam_and_scale_have_no_effect_on_a_units_map(sweeps, picture):
    plain = picture.show(sweeps[0], 2, 0, View(unit=3))
    for view in (View(unit=3, cam="difference"), View(unit=3, cam="prediction", scale="frame")):
        assert np.array_equal(picture.show(sweeps[0], 2, 0, view), plain)


def test_a_unit_that_is_silent_everywhere_is_drawn_as_the_lowest_colour(picture):
    image = np.full((9, 9, 3), 200, np.uint8)
    dead = Readout(np.zeros((4, 2, 2)), np.ones((2, 4)), [1, 0], ("a", "b"), image)
    box = picture.show(Sweep(dead), 1, 0, View(unit=2, cmap="gray", opacity=1))[image_in(picture).region]
    assert np.all(box[: len(box) * 3 // 4] == round(200 * 0.85)) and "nothing above 0" in words_of(picture)


def test_every_colour_map_that_is_offered_can_be_drawn(sweeps, picture):
    drawn = {picture.show(sweeps[0], 1, 0, View(cmap=name)).tobytes() for name in CMAPS}
    assert len(drawn) == len(CMAPS)


def with_classes_of_no_evidence():
    """A head whose class 1 all units speak against, and whose class 2 none has to do with."""
    readout = a_readout(classes=3)
    weight = readout.weight.copy()
    weight[1], weight[2] = -np.abs(weight[1]) - 0.01, 0
    return Readout(readout.maps, weight, [0, 0, 1], ("for", "against", "neither"), readout.image)


EMPTY = {
    "all against": (1, 0, View(), "Empty map: all evidence is negative"),
    "some against": (1, 5, View(scale="frame"), "Empty map: all evidence is negative"),
    "nothing": (2, 0, View(), "Empty map: no evidence at all"),
    "all dropped": (0, 12, View(), "Empty map: no evidence at all"),
    "all dropped, own scale": (0, 12, View(scale="frame", cam="prediction"), "Empty map: no evidence at all"),
    "of the prediction": (0, 12, View(cam="prediction"), "Empty map: no evidence at all"),
    "no change": (0, 0, View(cam="difference"), "Empty map: no change from intact"),
    "no change ever": (2, 7, View(cam="difference", scale="frame"), "Empty map: no change from intact"),
}


@pytest.mark.parametrize("size", [(700, 394), NARROW])
@pytest.mark.parametrize(("target", "top", "view", "words"), EMPTY.values(), ids=EMPTY)
def test_an_empty_map_says_so_over_the_image(size, target, top, view, words):
    figure, sweep = SweepFigure(*size), Sweep(with_classes_of_no_evidence(), target)
    full = figure.show(sweep, 1, 0, View(unit=0))
    assert not any(text.startswith("Empty") for text in words_of(figure))
    drawn = figure.show(sweep, top, 0, view)
    assert words_of(figure).count(words) == 1
    assert_legible(figure)
    text = box_of(figure.drawing.picture.empty, figure)
    left, top_edge, width, height = (side * size[i % 2] / figure.sheet.design[i % 2] for i, side in
                                     enumerate(layout_for(*size).image))  # fmt: skip
    assert left < text.x0 and text.x1 < left + width, "it is not cut"
    assert size[1] - top_edge - height < text.y0 and text.y1 < size[1] - top_edge
    plate = drawn[round(size[1] - text.y1) : round(size[1] - text.y0), round(text.x0) : round(text.x1)]
    assert plate.min() < 80 and np.median(plate) > 200, "dark on light"
    assert np.array_equal(figure.show(sweep, 1, 0, View(unit=0)), full), "and leaves no trace"
    figure.close()


def test_a_unit_that_is_silent_says_so(picture):
    maps = np.stack([np.zeros((2, 2)), -np.ones((2, 2)), np.ones((2, 2))])
    sweep = Sweep(Readout(maps, np.ones((2, 3)), [1, 0], ("a", "b"), np.zeros((9, 9, 3), np.uint8)))
    for unit, words in (
        (0, "Empty map: this unit is silent"),
        (1, "Empty map: this unit is nowhere above 0"),
    ):
        picture.show(sweep, 1, 0, View(unit=unit))
        assert words in words_of(picture)
    picture.show(sweep, 1, 0, View(unit=2))
    assert picture.drawing.picture.empty.get_text() == ""


def test_a_scale_that_the_targets_empty_cam_cannot_give_is_not_called_its_own(picture):
    sweep = Sweep(with_classes_of_no_evidence(), 1)
    for view in (View(), View(cam="prediction"), View(cam="difference")):
        picture.show(sweep, 2, 0, view)
        assert any(text.endswith("scale: 0 to 1 (intact CAM empty)") for text in words_of(picture))
    picture.show(sweep, 2)
    assert "nothing above 0" in words_of(picture)
