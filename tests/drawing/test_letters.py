"""Texts drawn from kept patches are those that matplotlib draws."""

from functools import partial

import matplotlib
import numpy as np
import pytest
from helpers.figures import LAYOUTS, SIZE, VIEWS, a_readout, nasty_sweeps
from matplotlib.backends.backend_agg import RendererAgg

from unitdrop.drawing import SweepFigure
from unitdrop.drawing.letters import Letters
from unitdrop.sweep import Sweep

GREEN = "#009e73"


def drawn_by_matplotlib(self, text, renderer, gc):
    """What `Letters.draw` stands for."""
    text.draw(renderer)


@pytest.mark.parametrize("size", LAYOUTS)
def test_texts_are_drawn_as_matplotlib_draws_them(sweeps, size, monkeypatch):
    quick, plain = SweepFigure(*size), SweepFigure(*size)
    for sweep, view in zip((*sweeps, *nasty_sweeps()), VIEWS, strict=False):
        pixels = quick.show(sweep, 5, 1, view).astype(int)
        with monkeypatch.context() as patch:
            patch.setattr(Letters, "draw", drawn_by_matplotlib)
            expected = plain.show(sweep, 5, 1, view)
        difference = np.abs(pixels - expected).max(axis=2)
        # Where letters touch, their edges are laid over each other in another order.
        assert difference.max() <= 2 and (difference > 0).mean() < 1e-3
    quick.close()
    plain.close()


@pytest.mark.parametrize("ha", ["left", "center", "right"])
@pytest.mark.parametrize("size", [8.5, 10, 15])
def test_letters_begin_between_pixels_where_matplotlibs_do(picture, ha, size):
    sheet, letters = picture.sheet, picture.sheet.letters
    renderer = sheet.canvas.get_renderer()
    sheet.canvas.draw()
    for i in range(40):
        text = sheet.text(300 + 3.37 * i, 90 + 5.73 * i, size, ha=ha, bold=i % 2, color=("red", GREEN)[i % 2])
        text.set_text(f"{i * 37} of 1{i}7.5 % … AWAVTo")
        drawn = []
        for draw in (letters.draw, partial(drawn_by_matplotlib, letters)):
            pixels = sheet.pixels()
            pixels[:] = 255
            draw(text, renderer, renderer.new_gc())
            drawn.append(pixels.astype(int))
        assert np.abs(drawn[0] - drawn[1]).max() <= 2 and drawn[0].min() < 200


@pytest.mark.skipif(matplotlib.__version_info__ < (3, 11), reason="there, a text begins at a whole pixel")
def test_new_numbers_are_made_of_old_digits(picture):
    sweep = Sweep(a_readout(units=100))
    for k in range(100):
        picture.show(sweep, k)
    letters = picture.sheet.letters
    made = set(letters.patches)
    for k in range(100, -1, -1):
        picture.show(sweep, k)
    assert {key[0] for key in set(letters.patches) - made} == {"Empty map: no evidence at all"}  # at k = 100
    assert len(made) < 400 and letters.kept_bytes < letters.MOST_BYTES / 20


def test_the_letters_kept_are_bounded_and_forgetting_them_changes_nothing(sweeps, picture, monkeypatch):
    expected = [picture.show(sweeps[0], k, 0, VIEWS[k]) for k in range(8)]
    monkeypatch.setattr(Letters, "MOST_BYTES", 20_000)
    small = SweepFigure(*SIZE)
    for k in range(8):
        assert np.array_equal(small.show(sweeps[0], k, 0, VIEWS[k]), expected[k])
        letters = small.sheet.letters
        kept = sum(patch.nbytes for patch, _, _ in letters.patches.values())
        assert 0 < kept == letters.kept_bytes <= 20_000
    small.close()
    assert picture.sheet.letters.kept_bytes > 20_000, "the bound was met"


def test_an_interrupt_anywhere_in_a_letter_leaves_none_wrong(sweeps, monkeypatch):
    fresh = SweepFigure(*SIZE)
    expected = fresh.show(sweeps[0], 3)
    fresh.close()
    figure = SweepFigure(*SIZE)
    renders = RendererAgg.draw_text
    for stop in range(0, 60, 3):
        calls = iter(range(10_000))

        def interrupted(self, *args, calls=calls, stop=stop, **choices):
            renders(self, *args, **choices)
            if next(calls) == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(RendererAgg, "draw_text", interrupted)
            try:
                figure.show(sweeps[0], 3)
            except KeyboardInterrupt:
                continue
        break
    assert stop > 9, "some were interrupted"
    assert np.array_equal(figure.show(sweeps[0], 3), expected)
    figure.close()
