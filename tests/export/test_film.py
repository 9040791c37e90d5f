"""GIFs: which frames, for how long, small enough, and those of the figure; of one sweep and of two."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from helpers.exports import SIZE, a_sweep, late, names_in, others, picture, posix_only, shown
from hypothesis import given
from hypothesis import strategies as st

from unitdrop.drawing import SweepFigure
from unitdrop.errors import ExportError
from unitdrop.export.files import atomic_write
from unitdrop.export.film import REDUCTIONS, Film, frame_delays, frame_steps, save_gif
from unitdrop.plan import View
from unitdrop.sweep import Sweep

ROOT = Path(__file__).resolve().parents[2]


@given(st.integers(0, 3000), st.sets(st.integers(0, 3000), max_size=2), st.integers(4, 200))
def test_frames_run_evenly_from_zero_to_the_end_over_the_flips(last, flips, frames):
    frames -= len(flips) < 2
    steps = frame_steps(last, flips, frames)
    assert steps[0] == 0 and steps[-1] == last
    assert len(steps) == min(frames, last + 1) and steps == sorted(set(steps))
    assert all(flip in steps for flip in flips if flip <= last)
    gaps = np.diff(steps)
    if last:
        assert gaps.max() <= (1 + len(flips)) * last / (len(steps) - 1) + 1


@given(st.integers(2, 300), st.integers(0, 299), st.floats(0.1, 50))
def test_the_pace_is_kept_and_no_frame_is_too_short_to_be_shown(count, flip, fps):
    steps = list(range(count))
    delays = frame_delays(steps, {flip}, fps)
    assert len(delays) == count and min(delays) >= 2 and max(delays) <= 0xFFFF
    assert delays[0] >= 100 and delays[-1] >= 200 and (flip >= count or delays[flip] >= 150)
    ordinary = [d for k, d in enumerate(delays) if k not in (0, flip, count - 1)]
    assert all(abs(d - 100 / fps) <= 1 + 1e-9 or d == 2 for d in ordinary)


def test_hundredths_are_rounded_so_that_errors_cancel():
    delays = frame_delays(list(range(602)), (), fps=12)[1:-1]
    assert abs(sum(delays) - 600 * 100 / 12) <= 1


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "out.gif"
    calls = []
    assert save_gif(path, sweep, size=SIZE, frames=9, fps=10, progress=lambda *at: calls.append(at)) == path
    return path, calls


def test_the_animation_goes_past_the_flip_and_holds_start_flip_and_end(written, sweep):
    frames, delays, loop = shown(written[0])
    steps = frame_steps(2 * sweep.flip.k, [sweep.flip.k], 9)
    assert sweep.flip.k > 1 and 2 * sweep.flip.k <= sweep.units, "the toy flips too late for this test"
    assert len(frames) == len(steps) and loop == 0
    held = {0: 1000, steps.index(sweep.flip.k): 1500, len(steps) - 1: 2000}
    assert delays == [held.get(i, 100) for i in range(len(steps))]


def test_its_frames_are_those_of_the_figure_in_at_most_256_colours(written, sweep):
    figure = SweepFigure(*SIZE)
    frames, _, _ = shown(written[0])
    for k, frame in zip(frame_steps(2 * sweep.flip.k, [sweep.flip.k], 9), frames, strict=True):
        true = figure.show(sweep, k, 0, View())
        error = np.abs(frame.astype(int) - true)
        assert frame.shape == true.shape and error.mean() < 3 and np.percentile(error, 99.5) < 40
        assert np.array_equal(frame[0, 0], [255, 255, 255])
    figure.close()


def test_progress_is_told_after_each_frame(written):
    frames, _, _ = shown(written[0])
    assert written[1] == [(i + 1, len(frames)) for i in range(len(frames))]


def test_the_same_sweep_gives_the_same_file(written, sweep, tmp_path):
    save_gif(tmp_path / "again.gif", sweep, size=SIZE, frames=9, fps=10)
    assert (tmp_path / "again.gif").read_bytes() == written[0].read_bytes()


def test_without_a_flip_the_animation_goes_to_the_end(tmp_path):
    sweep = a_sweep(units=6, never=True)
    assert sweep.flip is None
    save_gif(tmp_path / "out.gif", sweep, size=SIZE)
    assert len(shown(tmp_path / "out.gif")[0]) == 7


@pytest.mark.parametrize("choices", [{"rank": "random"}, {"scope": "class"}, {"rank": "contribution"}])
def test_every_ranking_and_scope_can_be_shown(tmp_path, choices):
    sweep = a_sweep(units=30, **choices)
    assert sweep.flip.k
    save_gif(tmp_path / "out.gif", sweep, size=SIZE)
    assert len(shown(tmp_path / "out.gif")[0]) == min(30, sweep.flip.k + max(sweep.flip.k, 3)) + 1


def test_a_target_that_was_never_on_top_is_swept_to_the_end(tmp_path):
    readout = a_sweep(units=6).readout
    sweep = Sweep(readout, target=1)
    assert sweep.flip.k == 0
    save_gif(tmp_path / "out.gif", sweep, size=SIZE)
    assert len(shown(tmp_path / "out.gif")[0]) == 7


def test_units_can_go_from_the_bottom_and_stay_away_from_the_top(tmp_path):
    sweep, figure = a_sweep(units=6), SweepFigure(*SIZE)
    view = View(end="bottom", opacity=1.0)
    save_gif(tmp_path / "out.gif", sweep, size=SIZE, view=view, held=2, last=3)
    frames, _, _ = shown(tmp_path / "out.gif")
    for k, frame in enumerate(frames):
        assert np.abs(frame.astype(int) - figure.show(sweep, 2, k, view)).mean() < 3
    assert len(frames) == 4
    figure.close()


def test_a_file_that_would_be_too_large_is_reduced_step_by_step(tmp_path, sweep, monkeypatch):
    tried = []
    attempt = Film.encode

    def noted(film, reduction, limit, progress):
        tried.append((reduction, attempt(film, reduction, limit, progress)))
        return tried[-1][1]

    monkeypatch.setattr(Film, "encode", noted)
    save_gif(tmp_path / "full.gif", sweep, size=SIZE)
    limit = (tmp_path / "full.gif").stat().st_size * 2 // 5
    tried.clear()
    save_gif(tmp_path / "small.gif", sweep, size=SIZE, max_bytes=limit)
    assert (tmp_path / "small.gif").stat().st_size <= limit
    assert [reduction for reduction, _ in tried] == list(REDUCTIONS[: len(tried)]) and len(tried) > 1
    assert all(data is None for _, data in tried[:-1])
    shown(tmp_path / "small.gif")


def test_one_that_cannot_be_made_small_enough_is_refused_and_the_old_one_stays(tmp_path, sweep):
    path = tmp_path / "out.gif"
    path.write_text("old")
    with pytest.raises(ExportError, match="stays over 900 bytes"):
        save_gif(path, sweep, size=SIZE, max_bytes=900)
    assert path.read_text() == "old" and names_in(tmp_path) == ["out.gif"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_closes_the_figure_and_leaves_the_old_file(tmp_path, sweep, closed, error):
    path = tmp_path / "out.gif"
    path.write_text("old")

    def stop(done, total):
        raise error

    with pytest.raises(error):
        save_gif(path, sweep, size=SIZE, progress=stop)
    assert path.read_text() == "old" and names_in(tmp_path) == ["out.gif"]
    assert len(closed[1]) == 1 and closed[0] == closed[1]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"path": "out.mp4"}, "only GIF"),
        ({"path": "out"}, "only GIF"),
        ({"path": "missing/out.gif"}, "no folder"),
        ({"frames": 2}, "frames: .* at least 3"),
        ({"frames": 10.5}, "frames"),
        ({"fps": 0}, "fps: expected 0.1 to 50"),
        ({"fps": 51}, "fps"),
        ({"fps": float("nan")}, "fps"),
        ({"held": 25}, "held: .*U = 24"),
        ({"held": -1}, "held"),
        ({"last": 25}, "last: .* 0 to 24"),
        ({"last": 2.5}, "last"),
        ({"held": 4, "last": 21}, "last: .* 0 to 20"),
        ({"size": (9, 9)}, "size: .*160"),
        ({"size": 900}, "size"),
        ({"max_bytes": 0}, "max_bytes"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_expected(tmp_path, monkeypatch, sweep, choices, words):
    monkeypatch.chdir(tmp_path)
    choices = {"path": "out.gif", "size": SIZE, **choices}
    with pytest.raises(ExportError, match=words):
        save_gif(choices.pop("path"), sweep, **choices)
    assert names_in(tmp_path) == []


def test_two_exports_at_once_do_not_disturb_one_another(tmp_path):
    path = tmp_path / "out.gif"
    with atomic_write(path) as file:
        file.write(b"the last to finish")
        save_gif(path, a_sweep(units=6), size=SIZE)
        assert len(shown(path)[0]) > 1
    assert path.read_bytes() == b"the last to finish" and names_in(tmp_path) == ["out.gif"]


KILLED = """
    import sys, time
    sys.path[:0] = {paths!r}
    from helpers.exports import SIZE, a_sweep
    from unitdrop.export import atomic_write, save_gif
    path, how = sys.argv[1:]
    if how == "write":
        with atomic_write(path) as file:
            file.write(b"half of it")
            file.flush()
            print("ready", flush=True)
            time.sleep(60)
    sweep = a_sweep(units=12)
    save_gif(path, sweep, size=SIZE)
    print("ready", flush=True)
    while True:
        save_gif(path, sweep, size=SIZE)
"""


def killed(path, how, seconds):
    """Start an export in a process of its own, and kill it so many seconds after it is well under way."""
    code = textwrap.dedent(KILLED).format(paths=[str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-c", code, str(path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(seconds)
        finally:
            process.send_signal(signal.SIGKILL)


@posix_only
def test_an_export_killed_while_it_writes_does_not_touch_the_old_file(tmp_path):
    path = tmp_path / "out.gif"
    path.write_text("old")
    killed(path, "write", 0.01)
    assert path.read_text() == "old"


@posix_only
@pytest.mark.parametrize("seconds", [0.05, 0.13, 0.22])
def test_an_export_killed_at_any_moment_leaves_a_whole_file(tmp_path, seconds):
    path = tmp_path / "out.gif"
    killed(path, "gif", seconds)
    assert len(shown(path)[0]) > 1


def test_the_frames_of_two_sweeps_are_those_of_either_in_at_most_256_colours(tmp_path, sweep):
    beside, view = others()["image"], View(end="bottom")
    save_gif(tmp_path / "out.gif", sweep, beside=beside, size=SIZE, view=view, held=2, last=3)
    frames, _, _ = shown(tmp_path / "out.gif")
    assert len(frames) == 4
    for k, frame in enumerate(frames):
        true = np.hstack([picture(each, 2, k, view=view) for each in (sweep, beside)]).astype(int)
        error = np.abs(frame - true)
        assert frame.shape == true.shape and error.mean() < 3 and np.percentile(error, 99.5) < 40


def test_the_animation_of_two_goes_past_the_later_flip_and_holds_both(tmp_path, sweep):
    beside, early = late(), sweep.flip.k
    assert early > 1 and 2 * early < 20 < beside.flip.k < 24
    for first, second in ((sweep, beside), (beside, sweep)):
        save_gif(tmp_path / "out.gif", first, beside=second, size=SIZE, frames=5, fps=10)
        steps = frame_steps(24, [early, beside.flip.k], 5)
        held = {0: 1000, early: 1500, beside.flip.k: 1500, 24: 2000}
        assert shown(tmp_path / "out.gif")[1] == [held.get(k, 100) for k in steps] and set(held) < set(steps)


def test_one_that_never_flips_does_not_draw_out_the_animation_of_the_one_it_stands_beside(tmp_path, sweep):
    for beside in (a_sweep(never=True), Sweep(sweep.readout, 1)):
        assert beside.flip is None or beside.flip.k == 0
        save_gif(tmp_path / "out.gif", sweep, beside=beside, size=SIZE)
        assert len(shown(tmp_path / "out.gif")[0]) == 2 * sweep.flip.k + 1


def test_two_flips_need_a_frame_more_than_one(tmp_path, sweep):
    save_gif(tmp_path / "one.gif", sweep, size=SIZE, frames=3)
    with pytest.raises(ExportError, match=r"frames: .* at least 4, got 3"):
        save_gif(tmp_path / "two.gif", sweep, size=SIZE, frames=3, beside=late())
    assert names_in(tmp_path) == ["one.gif"]


def test_an_animation_of_two_is_reduced_like_one_and_keeps_both_flips(tmp_path, sweep):
    save_gif(tmp_path / "full.gif", sweep, size=SIZE, beside=late(), frames=6)
    limit = (tmp_path / "full.gif").stat().st_size // 3
    save_gif(tmp_path / "small.gif", sweep, size=SIZE, beside=late(), frames=6, max_bytes=limit)
    frames, delays, _ = shown(tmp_path / "small.gif")
    assert (tmp_path / "small.gif").stat().st_size <= limit
    assert delays == [1000, 1500, 1500, 2000] and frames[0].shape == (160, 320, 3)
