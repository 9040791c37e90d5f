"""Small files that ask for much come to little: what a pickle makes is bounded before it is made."""

import pytest
from helpers.bombs import bombs
from helpers.checkpoint_process import measured
from helpers.checkpoints import Raw, parts, pickled, zipped

from unitdrop.checkpoints.pickles import outline
from unitdrop.errors import CheckpointError

SECONDS, MEGABYTES = 2, 300


@pytest.mark.slow
def test_small_files_that_ask_for_much_cost_little(tmp_path):
    files = bombs()
    places = {name: tmp_path / str(number) for number, name in enumerate(files)}
    for name, content in files.items():
        places[name].write_bytes(content)
    outcomes = measured(places.items())
    print(f"\n{'file':40} {'bytes':>9} {'ms':>6} {'MB':>6}")
    for name, ms, mb, virtual, kind, _ in outcomes:
        print(f"{name:40} {len(files[name]):9} {ms:6.0f} {max(mb, virtual):6.0f}  {kind or 'read'}")
    bad = [each for each in outcomes if each.kind not in ("", "CheckpointError", "Misfit")]
    bad += [each for each in outcomes if each.ms > SECONDS * 1e3 or max(each.mb, each.virtual) > MEGABYTES]
    print(
        f"{len(outcomes)} files, {len(bad)} of them over {SECONDS} s or {MEGABYTES} MB, or with another error"
    )
    assert len(outcomes) == len(files) and not bad, bad


@pytest.mark.parametrize(
    "name", ["OrderedDict of one list", "Counter of one dict", "something unknown of many dicts"]
)
def test_a_call_that_is_repeated_on_one_argument_is_refused(name, read):
    with pytest.raises(CheckpointError, match="copies the same things over and over"):
        read(bombs()[name])


def test_what_holds_itself_and_what_is_deep_is_no_fault():
    found = outline(
        pickled({"x": Raw(b"]q\x01h\x01a"), "y": Raw(b")" + b"\x85" * 10_000)}), limit=20_000
    ).value
    assert found["x"][0] is found["x"]


def test_many_opcodes_are_refused(read):
    with pytest.raises(CheckpointError, match=r"over \d+ opcodes"):
        read(zipped(pickled({"state_dict": parts(), "x": Raw(b"](" + b"N" * 400_000 + b"e")})))


def test_the_losses_of_a_long_training_lie_beside_the_weights(read):
    losses = [0.5] * 100_000
    assert read(zipped(pickled({"state_dict": parts(), "losses": losses})))


def test_nothing_in_a_file_chooses_the_hash_of_a_key():
    found = outline(
        pickled({1: "a", -0.5: "b", 1 << 70: "c", "x": "d", False: "e", None: "f"}), limit=100
    ).value
    assert found == {b"1": "a", b"-0.5": "b", "x": "d", False: "e", None: "f"}
    assert not any(type(key) in (int, float) for key in found)
