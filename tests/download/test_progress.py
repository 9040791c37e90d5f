"""Progress is told or drawn, and what it raises stops the download at once."""

import io
import sys
import time
from dataclasses import replace

import pytest
from helpers import server
from helpers.downloads import (
    HALF,
    PATH,
    SMALL,
    Cancelled,
    assert_no_thread_is_left,
    cancel_after,
    installed,
    left_over,
    outcome_of,
    served,
)

from unitdrop.download import connection, fetch, tries


def test_progress_goes_from_nothing_to_everything(remote):
    calls = []
    with served(remote, server.slow(1_000_000)) as (well, _):
        fetch(well, progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done) and done[-1] == len(SMALL) and len(done) >= 4
    assert {call[1] for call in calls} == {len(SMALL)}


def test_progress_does_not_know_a_total_that_nobody_says(remote):
    calls = []
    with served(replace(remote, size=None), server.no_length()) as (well, _):
        fetch(well, progress=lambda *call: calls.append(call))
    assert {total for _, total in calls[:-1]} == {None} and calls[-1] == (len(SMALL), len(SMALL))


@pytest.mark.parametrize(
    "error", [Cancelled(), ValueError("no"), OSError("no"), KeyboardInterrupt(), SystemExit()]
)
def test_what_the_progress_raises_stops_the_download_and_passes_through(error, remote, table):
    def cancel(done, _total):
        if done > HALF:
            raise error

    with served(remote, server.once(server.slow(2_000_000))) as (well, site):
        with pytest.raises(type(error)) as caught:
            fetch(well, progress=cancel)
        assert caught.value is error and site.hits[PATH] == 1
        assert left_over(remote) == [] and installed(remote) == "nothing"
        table.append(
            (f"cancelled by {type(error).__name__}", 1, "stopped; passed through", installed(remote))
        )
        assert fetch(well).read_bytes() == SMALL
    assert_no_thread_is_left()


@pytest.mark.parametrize(
    "fault",
    [server.stalled(HALF), server.drip(), server.silent(60), server.failing(503)],
    ids=["stalled", "drip", "no answer", "between tries"],
)
def test_cancel_is_heard_long_before_any_limit_even_while_nothing_arrives(fault, remote, monkeypatch):
    for module, name in ((connection, "CONNECT"), (connection, "READ"), (tries, "PAUSE")):
        monkeypatch.setattr(module, name, 60.0)
    began = time.monotonic()
    with served(remote, fault) as (faulty, _):
        with pytest.raises(Cancelled):
            fetch(faulty, progress=cancel_after(0.3))
        assert time.monotonic() - began < 5 and left_over(remote) == []
        if fault(1).wait == 0:  # a thread that waits for the first byte ends with its own limit
            assert_no_thread_is_left()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_with_the_name_of_the_file_is_drawn_on_a_terminal(remote, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with served(replace(remote, size=None), server.once(server.truncated(HALF))) as (well, _):
        fetch(well)
        shown = sys.stderr.getvalue()
        assert "net.pth: 100%" in shown and "293k/293k" in shown
        fetch(well)
    assert sys.stderr.getvalue() == shown, "a cached file needs no bar"


def test_a_bar_is_drawn_in_a_notebook_too(remote, monkeypatch, capfd):
    import tqdm.auto
    import tqdm.notebook

    made = []

    class Watched(tqdm.notebook.tqdm):
        def __init__(self, *args, **how):
            super().__init__(*args, **how)
            made.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Watched)
    with served(remote) as (well, _):
        fetch(well)
    (bar,) = made
    _, widget, _ = bar.container.children
    assert (widget.value, widget.max, widget.bar_style) == (len(SMALL), len(SMALL), "success")


@pytest.mark.parametrize("fault", [None, server.flipped_bit(3)])
def test_nothing_is_printed_where_there_is_no_terminal(fault, unpinned, capfd):
    with served(unpinned, fault) as (well, _):
        outcome_of(well, trust_unpinned=True)
    assert capfd.readouterr() == ("", "")
