"""Hostile and damaged checkpoints are refused, fast and in little memory."""

import re

import pytest
from helpers.checkpoint_process import measured, mutants
from helpers.checkpoints import LIKE, saved, state
from helpers.hostile import hostile, inert, write

SECONDS, MEGABYTES = 2, 200  # what a hostile file may take at most


def test_hostile_files_are_refused_fast_and_small(tmp_path):
    files = hostile()
    places = {name: tmp_path / str(number) for number, name in enumerate(files)}
    for name, (content, _) in files.items():
        write(places[name], content)
    (tmp_path / "good").write_bytes(saved(state()))
    good, *outcomes = measured([("good", tmp_path / "good"), *places.items()])
    assert good.kind == "", "what measures them finds fault with a good file too"
    report(outcomes, places)
    assert [outcome.name for outcome in outcomes] == list(files) and len(files) >= 40
    for outcome in outcomes:
        assert outcome.kind in ("CheckpointError", "Misfit"), outcome
        assert re.search(files[outcome.name][1], outcome.message), outcome
        assert outcome.message.isprintable() and len(outcome.message) < 600, outcome
        assert outcome.ms < SECONDS * 1e3 and max(outcome.mb, outcome.virtual) < MEGABYTES, outcome


def test_what_is_never_built_costs_nothing(tmp_path, read):
    """Beside good weights lie objects that would take all memory, or for ever, if they were made."""
    files = inert()
    places = {name: tmp_path / str(number) for number, name in enumerate(files)}
    for name, content in files.items():
        places[name].write_bytes(content)
        assert list(read(content)) == list(LIKE), name
    outcomes = measured(places.items())
    report(outcomes, places)
    for outcome in outcomes:
        assert outcome.kind == "", outcome
        assert outcome.ms < SECONDS * 1e3 and max(outcome.mb, outcome.virtual) < MEGABYTES, outcome


def report(outcomes, places):
    """A table for pytest -s."""
    print(f"\n{'file':40} {'bytes':>12} {'ms':>6} {'MB':>6} {'asked':>6}  message")
    for name, ms, mb, virtual, _, message in outcomes:
        size = places[name].lstat().st_size if places[name].exists() else 0
        said = message.partition(": ")[2]
        print(f"{name[:40]:40} {size:12} {ms:6.0f} {mb:6.1f} {virtual:6.1f}  {said[:110]}")
    slowest, largest = max(outcome.ms for outcome in outcomes), max(outcome.mb for outcome in outcomes)
    print(f"{len(outcomes)} hostile files; at most {slowest:.0f} ms and {largest:.0f} MB each")


def check_mutants(first, count):
    read, unjudged, slowest, grown, complaints = mutants(first, count)
    print(
        f"\n{count} mutants: {read} read, {len(complaints)} wrong, {unjudged} that only this package reads;"
    )
    print(f"the slowest in {slowest:.0f} ms, {grown:.0f} MB more memory at most")
    assert not complaints, complaints[:10]
    assert slowest < SECONDS * 1e3 and grown < MEGABYTES


def test_500_mutants_raise_nothing_but_checkpoint_errors():
    check_mutants(10_000, 500)


@pytest.mark.slow
def test_10000_mutants_raise_nothing_but_checkpoint_errors():
    check_mutants(0, 10_000)
