"""Files: whole or not at all, safe names, and a GIF that shows what the figure shows."""

import csv
import os
import signal
import stat
import subprocess
import sys
import textwrap
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unitdrop.drawing import NARROW, SweepFigure
from unitdrop.export import film as export
from unitdrop.export.film import (
    REDUCTIONS,
    ExportError,
    atomic_write,
    destination,
    frame_delays,
    frame_steps,
    safe_name,
    save_csv,
    save_gif,
)
from unitdrop.plan import View
from unitdrop.readout import Readout
from unitdrop.sweep import Sweep

ROOT = Path(__file__).resolve().parents[2]
SIZE = (320, 180)
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")


def a_sweep(units=24, labels=("beach", "lake", "diner/outdoor", 'a "quoted", label'), never=False, **choices):
    """A head in which class 0 leads and the flip comes after some units, or never."""
    rng = np.random.default_rng(0)
    maps = rng.exponential(1.0, (units, 4, 4))
    weight = rng.normal(0, 0.2, (len(labels), units))
    weight[0] += 0.4
    bias = np.zeros(len(labels))
    bias[0] = 1000 if never else -4
    picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return Sweep(Readout(maps, weight, bias, labels, picture, "toy"), 0, **choices)


@pytest.fixture(scope="module")
def sweep():
    return a_sweep()


def left_over(folder):
    """The temporary files that an export has left behind."""
    return [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]


# names


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("diner/outdoor", "diner-outdoor"),
        ('a\\b:c*d?e"f<g>h|i', "a-b-c-d-e-f-g-h-i"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("trailing. ", "trailing"),
        ("", "unnamed"),
        ("   ", "unnamed"),
        ("...", "unnamed"),
        ("\x00\x1b[31m\n", "31m"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("COM\N{SUPERSCRIPT ONE}", "_COM1"),
        ("console", "console"),
        ("-rf", "rf"),
        ("Zürich, 桜 परी", "Zürich-桜-परी"),
        ("one  two__three", "one-two__three"),
        ("\ud800", "unnamed"),
        ("\N{CARE OF}", "c-o"),
    ],
)
def test_a_label_becomes_a_safe_file_name(label, name):
    assert safe_name(label) == name


@given(st.text(max_size=300))
def test_no_label_makes_a_name_that_a_system_refuses(tmp_path_factory, label):
    name = safe_name(label)
    assert name and len(name.encode()) <= 101
    assert not set(name) & set('/\\:*?"<>| ') and name[0] not in ".-" and name[-1] not in ". "
    assert not any(unicodedata.category(c)[0] in "CZ" for c in name)
    assert safe_name(name) == name or name.startswith("_")


def test_a_very_long_label_is_cut_between_letters(tmp_path):
    name = safe_name("桜" * 500)
    assert set(name) == {"桜"} and len(name.encode()) <= 100
    (tmp_path / f"{name}.gif").write_bytes(b"")


# writing


def test_a_file_is_replaced_only_once_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_whatever_ends_the_writing_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_the_last_step_leaves_the_old_file_too(tmp_path, monkeypatch, step, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(os, step, fail)
    path = tmp_path / "out.txt"
    path.write_text("old")
    expected = ExportError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught, atomic_write(path) as file:
        file.write(b"new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["out.txt"]
    if expected is ExportError:
        assert "out.txt" in str(caught.value) and "No space left" in str(caught.value)


@posix_only
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_gets_the_permissions_that_the_umask_leaves(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode


@posix_only
def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_write(path) as file:
        file.write(b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix_only
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path, exists):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if exists:
        (folder / "target").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(folder / "target")
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink() and (folder / "target").read_text() == "new"


@posix_only
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/out.gif", "no folder"),
        ("file/out.gif", "no folder"),
        ("folder", "is a folder"),
        (".", "is a folder"),
        ("fifo", "not a regular file"),
        ("loop", "not a regular file"),
        ("a\0b", "cannot be a file name"),
        ("x" * 300, "cannot be"),
    ],
)
def test_a_path_that_cannot_be_written_is_named_with_the_reason(tmp_path, name, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ExportError, match=words), atomic_write(f"{tmp_path}/{name}") as file:
        file.write(b"x")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("path", [None, 3, b"bytes", ""])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ExportError):
        destination(path)


@posix_only
@pytest.mark.parametrize(("protected", "words"), [("folder", "may not be"), ("file", "write-protected")])
def test_protection_is_respected(tmp_path, monkeypatch, protected, words):
    path = tmp_path / "out.gif"
    path.write_text("old")
    blocked = tmp_path if protected == "folder" else path
    # The superuser may write anywhere, and tests run as one in containers: so the system's answer is played.
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p) != blocked)
    with pytest.raises(ExportError, match=words), atomic_write(path):
        pass
    assert path.read_text() == "old"


# tables


def test_the_table_holds_every_k_the_unit_dropped_its_weight_and_every_class(tmp_path, sweep):
    assert save_csv(tmp_path / "out.csv", sweep) == tmp_path / "out.csv"
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["k", "weight", "unit", *(f"p({label})" for label in sweep.readout.labels)]
    assert [row[0] for row in rows] == [str(k) for k in range(sweep.units + 1)]
    assert rows[0][1:3] == ["", ""]
    assert np.array_equal(np.array([row[3:] for row in rows], np.float32), sweep.curve)
    assert np.array_equal(np.array([row[2] for row in rows[1:]], int), sweep.ranking)
    assert np.array_equal(np.array([row[1] for row in rows[1:]], np.float32), sweep.weights_ranked)


def test_labels_of_any_kind_go_through_a_table_and_start_no_formula(tmp_path):
    labels = ("=cmd|'/c calc'!A1", "a\nb", 'say "hi", you', "\ud800lone")
    save_csv(tmp_path / "out.csv", a_sweep(labels=labels))
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header[3:] == ["p(=cmd|'/c calc'!A1)", "p(a\nb)", 'p(say "hi", you)', "p(\\ud800lone)"]


# which frames, and for how long


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
    assert len(delays) == count and 2 <= min(delays) and max(delays) <= 0xFFFF
    assert delays[0] >= 100 and delays[-1] >= 200 and (flip >= count or delays[flip] >= 150)
    ordinary = [d for k, d in enumerate(delays) if k not in (0, flip, count - 1)]
    assert all(abs(d - 100 / fps) <= 1 + 1e-9 or d == 2 for d in ordinary)


def test_hundredths_are_rounded_so_that_errors_cancel():
    delays = frame_delays(list(range(602)), (), fps=12)[1:-1]
    assert abs(sum(delays) - 600 * 100 / 12) <= 1


# the animation


def shown(path):
    """Frames (RGB), delays in ms and the loop of a GIF, as Pillow reads it."""
    with Image.open(path) as picture:
        frames, delays = [], []
        for k in range(picture.n_frames):
            picture.seek(k)
            frames.append(np.asarray(picture.convert("RGB")))
            delays.append(picture.info["duration"])
        return frames, delays, picture.info["loop"]


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "out.gif"
    calls = []
    assert save_gif(path, sweep, size=SIZE, frames=9, fps=10, progress=lambda *at: calls.append(at)) == path
    return path, calls


def test_the_animation_goes_past_the_flip_and_holds_start_flip_and_end(written, sweep):
    frames, delays, loop = shown(written[0])
    steps = frame_steps(2 * sweep.flip.k, [sweep.flip.k], 9)
    assert 1 < sweep.flip.k and 2 * sweep.flip.k <= sweep.units, "the toy flips too late for this test"
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
    attempt = export._Film.encode

    def noted(film, reduction, limit, progress):
        tried.append((reduction, attempt(film, reduction, limit, progress)))
        return tried[-1][1]

    monkeypatch.setattr(export._Film, "encode", noted)
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
    assert path.read_text() == "old" and not left_over(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_closes_the_figure_and_leaves_the_old_file(tmp_path, sweep, monkeypatch, error):
    closed, close = [], SweepFigure.close
    monkeypatch.setattr(SweepFigure, "close", lambda self: (closed.append(self), close(self)))
    path = tmp_path / "out.gif"
    path.write_text("old")

    def stop(done, total):
        raise error

    with pytest.raises(error):
        save_gif(path, sweep, size=SIZE, progress=stop)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["out.gif"] and len(closed) == 1


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
    assert os.listdir(tmp_path) == []


def test_two_exports_at_once_do_not_disturb_one_another(tmp_path):
    path = tmp_path / "out.gif"
    with atomic_write(path) as file:
        file.write(b"the last to finish")
        save_gif(path, a_sweep(units=6), size=SIZE)
        assert len(shown(path)[0]) > 1
    assert path.read_bytes() == b"the last to finish" and os.listdir(tmp_path) == ["out.gif"]


KILLED = """
    import sys, time
    sys.path[:0] = {paths!r}
    from test_export import SIZE, a_sweep
    from unitdrop.export.film import atomic_write, save_gif
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
    code = textwrap.dedent(KILLED).format(
        paths=[str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "export")]
    )
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


# png


def test_a_png_holds_the_picture_of_the_window_to_the_pixel(sweep, tmp_path):
    view = View(cam="prediction", cmap="cividis")
    path = export.save_png(tmp_path / "out.PNG", sweep, 3, 2, view=view, size=SIZE)
    figure = SweepFigure(*SIZE)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), figure.show(sweep, 3, 2, view))
    figure.close()
    assert path == tmp_path / "out.PNG" and os.listdir(tmp_path) == ["out.PNG"]


def test_a_png_that_cannot_be_made_leaves_no_file(sweep, tmp_path):
    with pytest.raises(ExportError, match="ends in .png"):
        export.save_png(tmp_path / "out.gif", sweep)
    with pytest.raises(ValueError, match="U = 24"):
        export.save_png(tmp_path / "out.png", sweep, 20, 5)
    with pytest.raises(ExportError, match="gone"):
        export.save_png(tmp_path / "gone" / "out.png", sweep, size=SIZE)
    assert os.listdir(tmp_path) == []


# side by side


@pytest.fixture
def closed(monkeypatch):
    """The figures that have been made, and those that have been closed."""
    made, gone, start, close = [], [], SweepFigure.__init__, SweepFigure.close
    monkeypatch.setattr(SweepFigure, "__init__", lambda self, *a: (start(self, *a), made.append(self))[0])
    monkeypatch.setattr(SweepFigure, "close", lambda self: (gone.append(self), close(self))[1])
    return made, gone


def picture(sweep, top, bottom, view=View(), size=SIZE):
    """The picture of one sweep alone."""
    figure = SweepFigure(*size)
    try:
        return figure.show(sweep, top, bottom, view)
    finally:
        figure.close()


def others():
    """Sweeps of 24 units to stand beside the first: another scope, ranking, target, image."""
    rng = np.random.default_rng(1)
    another = Readout(
        rng.random((24, 2, 3)),
        rng.normal(0, 1, (5, 24)),
        np.zeros(5),
        tuple("abcde"),
        rng.integers(0, 256, (30, 12, 3), dtype=np.uint8),
    )
    return {
        "scope": a_sweep(scope="class"),
        "ranking": a_sweep(rank="random", seed=3),
        "target": Sweep(a_sweep().readout, 1),
        "image": Sweep(another, rank="margin"),
        "itself": None,
    }


@pytest.mark.parametrize("which", others())
def test_a_png_of_two_sweeps_holds_the_picture_of_either_to_the_pixel(sweep, tmp_path, which, closed):
    beside, view = others()[which] or sweep, View(cmap="viridis")
    path = export.save_png(tmp_path / "out.png", sweep, 3, 2, view=view, size=SIZE, beside=beside)
    assert len(closed[0]) == 2 and set(closed[1]) == set(closed[0])
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (SIZE[1], 2 * SIZE[0], 3)
    np.testing.assert_array_equal(pixels[:, : SIZE[0]], picture(sweep, 3, 2, view=view))
    np.testing.assert_array_equal(pixels[:, SIZE[0] :], picture(beside, 3, 2, view=view))


def test_without_a_size_two_pictures_are_narrow_and_one_is_wide(sweep, tmp_path):
    with Image.open(export.save_png(tmp_path / "one.png", sweep)) as one:
        assert one.size == (960, 540)
    with Image.open(export.save_png(tmp_path / "two.png", sweep, 1, beside=sweep)) as two:
        assert two.size == (2 * NARROW[0], NARROW[1]) == (1280, 600)
        right = np.asarray(two)[:, NARROW[0] :]
    np.testing.assert_array_equal(right, picture(sweep, 1, 0, size=NARROW))
    save_gif(tmp_path / "one.gif", sweep, last=0)
    save_gif(tmp_path / "two.gif", sweep, last=0, beside=sweep)
    assert shown(tmp_path / "one.gif")[0][0].shape == (500, 900, 3)
    assert shown(tmp_path / "two.gif")[0][0].shape == (600, 1280, 3)


def test_the_frames_of_two_sweeps_are_those_of_either_in_at_most_256_colours(tmp_path, sweep):
    beside, view = others()["image"], View(end="bottom")
    save_gif(tmp_path / "out.gif", sweep, beside=beside, size=SIZE, view=view, held=2, last=3)
    frames, _, _ = shown(tmp_path / "out.gif")
    assert len(frames) == 4
    for k, frame in enumerate(frames):
        true = np.hstack([picture(each, 2, k, view=view) for each in (sweep, beside)]).astype(int)
        error = np.abs(frame - true)
        assert frame.shape == true.shape and error.mean() < 3 and np.percentile(error, 99.5) < 40


def late(units=24):
    """A sweep of which nearly all units must go before it flips."""
    weight = np.stack([np.linspace(1, 2, units), np.zeros(units)])
    return Sweep(Readout(np.ones((units, 2, 2)), weight, [0, 2.5], ("a", "b"), np.zeros((9, 9, 3), np.uint8)))


def test_the_animation_of_two_goes_past_the_later_flip_and_holds_both(tmp_path, sweep):
    beside, early = late(), sweep.flip.k
    assert 1 < early and 2 * early < 20 < beside.flip.k < 24
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


@pytest.mark.parametrize("save", [export.save_png, save_gif])
def test_what_cannot_stand_beside_a_sweep_is_refused_with_what_was_expected(tmp_path, sweep, save, closed):
    path = tmp_path / ("out.gif" if save is save_gif else "out.png")
    path.write_text("old")
    with pytest.raises(ExportError, match="beside: expected a sweep of 24 units.* got one of 6; take one"):
        save(path, sweep, size=SIZE, beside=a_sweep(units=6))
    with pytest.raises(ExportError, match="beside: expected a Sweep, got str"):
        save(path, sweep, size=SIZE, beside="class")
    with pytest.raises(ExportError, match="size: .*160"):
        save(path, sweep, size=(320, 9), beside=sweep)
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]
    assert not set(closed[0]) - set(closed[1])


def test_two_flips_need_a_frame_more_than_one(tmp_path, sweep):
    save_gif(tmp_path / "one.gif", sweep, size=SIZE, frames=3)
    with pytest.raises(ExportError, match="frames: .* at least 4, got 3"):
        save_gif(tmp_path / "two.gif", sweep, size=SIZE, frames=3, beside=late())
    assert os.listdir(tmp_path) == ["one.gif"]


@pytest.mark.parametrize("broken", ["first", "second"])
@pytest.mark.parametrize("save", [export.save_png, save_gif])
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
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]
    assert len(closed[0]) == 2 and set(closed[1]) == set(closed[0])


def test_the_first_figure_is_closed_if_there_can_be_no_second(tmp_path, sweep, monkeypatch, closed):
    start = SweepFigure.__init__

    def once(self, *size):
        if closed[0]:
            raise MemoryError
        start(self, *size)

    monkeypatch.setattr(SweepFigure, "__init__", once)
    with pytest.raises(MemoryError):
        export.save_png(tmp_path / "out.png", sweep, size=SIZE, beside=sweep)
    assert closed[0] == closed[1] and len(closed[0]) == 1 and os.listdir(tmp_path) == []


def test_an_animation_of_two_is_reduced_like_one_and_keeps_both_flips(tmp_path, sweep):
    save_gif(tmp_path / "full.gif", sweep, size=SIZE, beside=late(), frames=6)
    limit = (tmp_path / "full.gif").stat().st_size // 3
    save_gif(tmp_path / "small.gif", sweep, size=SIZE, beside=late(), frames=6, max_bytes=limit)
    frames, delays, _ = shown(tmp_path / "small.gif")
    assert (tmp_path / "small.gif").stat().st_size <= limit
    assert delays == [1000, 1500, 1500, 2000] and frames[0].shape == (160, 320, 3)
