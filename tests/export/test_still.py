"""Pictures of one window: those of the figure, alone and side by side, and no figure left open."""

import numpy as np
import pytest
from helpers.exports import SIZE, a_sweep, late, names_in, others, picture, shown
from PIL import Image

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.errors import ExportError
from unitdrop.export.film import save_gif
from unitdrop.export.still import save_png
from unitdrop.plan import View


def test_a_png_holds_the_picture_of_the_window_to_the_pixel(sweep, tmp_path):
    view = View(cam="prediction", cmap="cividis")
    path = save_png(tmp_path / "out.PNG", sweep, 3, 2, view=view, size=SIZE)
    figure = SweepFigure(*SIZE)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), figure.show(sweep, 3, 2, view))
    figure.close()
    assert path == tmp_path / "out.PNG" and names_in(tmp_path) == ["out.PNG"]


def test_a_png_that_cannot_be_made_leaves_no_file(sweep, tmp_path):
    with pytest.raises(ExportError, match=r"ends in \.png"):
        save_png(tmp_path / "out.gif", sweep)
    with pytest.raises(ValueError, match="U = 24"):
        save_png(tmp_path / "out.png", sweep, 20, 5)
    with pytest.raises(ExportError, match="gone"):
        save_png(tmp_path / "gone" / "out.png", sweep, size=SIZE)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("which", others())
def test_a_png_of_two_sweeps_holds_the_picture_of_either_to_the_pixel(sweep, tmp_path, which, closed):
    beside, view = others()[which] or sweep, View(cmap="viridis")
    path = save_png(tmp_path / "out.png", sweep, 3, 2, view=view, size=SIZE, beside=beside)
    assert len(closed[0]) == 2 and set(closed[1]) == set(closed[0])
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (SIZE[1], 2 * SIZE[0], 3)
    np.testing.assert_array_equal(pixels[:, : SIZE[0]], picture(sweep, 3, 2, view=view))
    np.testing.assert_array_equal(pixels[:, SIZE[0] :], picture(beside, 3, 2, view=view))


def test_without_a_size_two_pictures_are_narrow_and_one_is_wide(sweep, tmp_path):
    with Image.open(save_png(tmp_path / "one.png", sweep)) as one:
        assert one.size == (960, 540)
    with Image.open(save_png(tmp_path / "two.png", sweep, 1, beside=sweep)) as two:
        assert two.size == (2 * NARROW[0], NARROW[1]) == (1280, 600)
        right = np.asarray(two)[:, NARROW[0] :]
    np.testing.assert_array_equal(right, picture(sweep, 1, 0, size=NARROW))
    save_gif(tmp_path / "one.gif", sweep, last=0)
    save_gif(tmp_path / "two.gif", sweep, last=0, beside=sweep)
    assert shown(tmp_path / "one.gif")[0][0].shape == (500, 900, 3)
    assert shown(tmp_path / "two.gif")[0][0].shape == (600, 1280, 3)


@pytest.mark.parametrize("save", [save_png, save_gif])
def test_what_cannot_stand_beside_a_sweep_is_refused_with_what_was_expected(tmp_path, sweep, save, closed):
    path = tmp_path / ("out.gif" if save is save_gif else "out.png")
    path.write_text("old")
    with pytest.raises(ExportError, match=r"beside: expected a sweep of 24 units.* got one of 6; take one"):
        save(path, sweep, size=SIZE, beside=a_sweep(units=6))
    with pytest.raises(ExportError, match="beside: expected a Sweep, got str"):
        save(path, sweep, size=SIZE, beside="class")
    with pytest.raises(ExportError, match=r"size: .*160"):
        save(path, sweep, size=(320, 9), beside=sweep)
    assert path.read_text() == "old" and names_in(tmp_path) == [path.name]
    assert not set(closed[0]) - set(closed[1])


@pytest.mark.parametrize("broken", ["first", "second"])
@pytest.mark.parametrize("save", [save_png, save_gif])
def test_both_figures_are_closed_if_either_fails(tmp_path, sweep, monkeypatch, closed, broken, save):
    beside, show = late(), SweepFigure.show
    bad = sweep if broken == "first" else beside

    def stop(self, shown, *more):
        if shown is bad:
            raise KeyboardInterrupt
        return show(self, shown, *more)

    monkeypatch.setattr(SweepFigure, "show", stop)
    path = tmp_path / ("out.gif" if save is save_gif else "out.png")
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        save(path, sweep, size=SIZE, beside=beside)
    assert path.read_text() == "old" and names_in(tmp_path) == [path.name]
    assert len(closed[0]) == 2 and set(closed[1]) == set(closed[0])


def test_the_first_figure_is_closed_if_there_can_be_no_second(tmp_path, sweep, monkeypatch, closed):
    start = SweepFigure.__init__

    def once(self, *size):
        if closed[0]:
            raise MemoryError
        start(self, *size)

    monkeypatch.setattr(SweepFigure, "__init__", once)
    with pytest.raises(MemoryError):
        save_png(tmp_path / "out.png", sweep, size=SIZE, beside=sweep)
    assert closed[0] == closed[1] and len(closed[0]) == 1 and names_in(tmp_path) == []
