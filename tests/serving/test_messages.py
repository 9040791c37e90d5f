"""What a page may send to its kernel."""

import json
import random
import struct

import pytest
from helpers.visitor import V1, legacy, message, v1

from unitdrop.serving.messages import MOST_BYTES, MOST_WORDS, Refused, check_message

UPDATE = {"comm_id": "c", "data": {"method": "update", "state": {"value": 3}, "buffer_paths": []}}
FILE = {"comm_id": "c", "data": {"method": "custom", "content": {"kind": "file", "name": "a.png"}}}
CONTROL = {"comm_id": "c", "target_name": "jupyter.widget.control", "data": {}}
GOOD = [
    ("comm_msg", UPDATE),
    ("comm_msg", FILE),
    ("comm_msg", {"comm_id": "c", "data": {"method": "request_states"}}),
    ("comm_open", CONTROL),
    ("comm_close", {"comm_id": "c", "data": {}}),
    ("comm_info_request", {"target_name": "jupyter.widget"}),
    ("kernel_info_request", {}),
]
CODE = {"code": "open('here', 'w')", "silent": False}
BAD = [
    ("execute_request", CODE),
    ("inspect_request", {"code": "x", "cursor_pos": 1}),
    ("complete_request", {"code": "x", "cursor_pos": 1}),
    ("debug_request", {}),
    ("shutdown_request", {"restart": True}),
    ("interrupt_request", {}),
    ("create_subshell_request", {}),
    ("input_reply", {"value": "x"}),
    ("", {}),
    (None, {}),
    (["comm_msg"], {}),
    ("comm_open", {"comm_id": "c", "target_name": "jupyter.widget", "data": {"state": {}}}),
    ("comm_open", {"comm_id": "c", "data": {}}),
    ("comm_msg", {"comm_id": "c", "data": {"method": "run"}}),
    ("comm_msg", {"comm_id": "c", "data": []}),
    ("comm_msg", {"comm_id": "c"}),
    ("comm_msg", {"comm_id": "c", "data": {"method": "update", "state": {}, "buffer_paths": [["value"]]}}),
]


def passes(content, protocol=None):
    """Whether a message is let through; any end but `Refused` is an error of the test."""
    try:
        check_message(content, protocol)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("kind", "content"), GOOD)
def test_what_the_panel_says_goes_through_in_either_protocol(kind, content):
    told = message(kind, content)
    assert passes(json.dumps(told)) and passes(v1(told), V1)
    assert passes(json.dumps(told | {"buffers": []}))


@pytest.mark.parametrize(("kind", "content"), BAD)
@pytest.mark.parametrize("channel", ["shell", "control"])
def test_nothing_else_does(kind, content, channel):
    told = message(kind, content) | {"channel": channel}
    assert not passes(json.dumps(told)) and not passes(v1(told, channel=channel.encode()), V1)
    assert not passes(legacy(json.dumps(told).encode()))


def test_one_file_goes_through_where_one_is_expected():
    told, file = message("comm_msg", FILE), bytes(1000)
    assert passes(legacy(json.dumps(told).encode(), file)) and passes(v1(told, file), V1)
    assert not passes(legacy(json.dumps(told).encode(), file, file)) and not passes(v1(told, file, file), V1)
    told = message("comm_msg", UPDATE)
    assert not passes(legacy(json.dumps(told).encode(), file)) and not passes(v1(told, file), V1)


@pytest.mark.parametrize("count", [-1, 0, 3, 100, 2**16, 2**31 - 1, -(2**31)])
def test_a_message_that_claims_many_parts_is_refused_unread(count):
    for rest in (b"", bytes(400), json.dumps(message(*GOOD[0])).encode()):
        assert not passes(struct.pack("!i", count) + rest)
        assert not passes(count.to_bytes(8, "little", signed=True) + rest, V1)
    assert not passes((2**62).to_bytes(8, "little") + bytes(400), V1)


def test_the_channels_that_a_page_only_listens_to_take_nothing():
    for channel in ("iopub", "stdin", "", None, "nowhere", ["shell"]):
        assert not passes(json.dumps(message(*GOOD[0]) | {"channel": channel}))
    for channel in (b"iopub", b"stdin", b"", b"\xff"):
        assert not passes(v1(message(*GOOD[0]), channel=channel), V1)


def test_a_kind_that_is_told_twice_is_refused_whichever_of_them_is_read():
    words = json.dumps(message(*GOOD[0]))
    for twice in (
        '"msg_type": "execute_request", "msg_type": "comm_msg"',
        '"msg_type": "comm_msg", "msg_type": 1',
    ):
        assert not passes(words.replace('"msg_type": "comm_msg"', twice))


def test_words_are_utf_8_and_not_too_many_and_not_too_deep():
    words = json.dumps(message(*GOOD[0]))
    assert not passes(legacy(words.encode("utf-16"))) and not passes(legacy(b"\xef\xbb\xbf" + words.encode()))
    assert not passes(words.replace("3", "[" * 50_000 + "]" * 50_000))
    assert not passes(words.replace("3", '"' + "x" * MOST_WORDS + '"'))
    assert not passes(legacy(words.encode(), bytes(MOST_BYTES)))
    for broken in ("", "[]", "null", "{}", "{", words[:-1], words.replace('"metadata": {}', '"metadata": 3')):
        assert not passes(broken) and not passes(broken.encode())


def test_files_written_into_the_words_are_refused():
    assert not passes(json.dumps(message("comm_msg", FILE) | {"buffers": ["x"]}))


@pytest.mark.slow
def test_no_mutant_of_a_message_does_more_than_pass_or_be_refused():
    rng, counts = random.Random(0), {True: 0, False: 0}
    seeds = [(json.dumps(message(*each)).encode(), None) for each in GOOD + BAD]
    seeds += [(legacy(words, b"file"), None) for words, _ in list(seeds)]
    seeds += [(v1(message(*each)), V1) for each in GOOD + BAD] + [(v1(message("comm_msg", FILE), b"x"), V1)]
    for _ in range(100_000):
        content, protocol = rng.choice(seeds)
        mutant = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(mutant) if rng.random() < 0.5 else min(len(mutant), 80))
            mutant[at : at + rng.choice((0, 1, 1, 4, 8))] = rng.randbytes(rng.choice((0, 1, 1, 4, 8)))
            mutant = mutant or bytearray(b"x")
        counts[passes(bytes(mutant), protocol)] += 1
    print(f"\n{sum(counts.values())} messages: {counts[True]} passed, {counts[False]} refused, 0 wrong")
