"""What a page may send to its kernel."""

import json
import random
import struct

import pytest
from helpers.visitor import message, v1

from unitdrop.serving.messages import MOST_BYTES, MOST_WORDS, Refused, check_message, done_message

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


def passes(content):
    """Whether a message is let through; any end but `Refused` is an error of the test."""
    try:
        check_message(content)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("kind", "content"), GOOD)
def test_what_the_panel_says_goes_through(kind, content):
    assert passes(v1(message(kind, content)))


@pytest.mark.parametrize(("kind", "content"), BAD)
@pytest.mark.parametrize("channel", [b"shell", b"control"])
def test_nothing_else_does(kind, content, channel):
    assert not passes(v1(message(kind, content), channel=channel))


@pytest.mark.parametrize(("kind", "content"), GOOD)
def test_the_legacy_protocol_is_not_spoken(kind, content):
    words = json.dumps(message(kind, content))
    assert not passes(words)
    assert not passes(struct.pack("!2I", 1, 8) + words.encode())


def test_one_file_goes_through_where_one_is_expected():
    file = bytes(1000)
    told = check_message(v1(message("comm_msg", FILE), file))
    assert told.file == 1000 and 100 < told.words < 1000 and len(told.message_id) == 32
    assert not passes(v1(message("comm_msg", FILE), file, file))
    assert not passes(v1(message("comm_msg", UPDATE), file))


@pytest.mark.parametrize("count", [0, 1, 5, 8, 100, 2**16, 2**31 - 1, 2**62, 2**64 - 1])
def test_a_message_that_claims_many_parts_is_refused_unread(count):
    for rest in (b"", bytes(400), v1(message(*GOOD[0]))[8:]):
        assert not passes(count.to_bytes(8, "little") + rest)


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("offset", [0, 1, 2**63, 2**64 - 1])
def test_offsets_that_lead_elsewhere_are_refused(at, offset):
    content = bytearray(v1(message(*GOOD[0])))
    content[8 * (at + 1) : 8 * (at + 2)] = offset.to_bytes(8, "little")
    assert not passes(bytes(content))


def test_the_channels_that_a_page_only_listens_to_take_nothing():
    for channel in (b"iopub", b"stdin", b"", b"\xff", b"SHELL"):
        assert not passes(v1(message(*GOOD[0]), channel=channel))


def raw(*parts):
    """A message of parts as they are."""
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def test_a_kind_that_is_told_twice_is_refused_whichever_of_them_is_read():
    content = json.dumps(UPDATE).encode()
    assert passes(raw(b"shell", b'{"msg_id": "a", "msg_type": "comm_msg"}', b"{}", b"{}", content))
    for twice in (("execute_request", "comm_msg"), ("comm_msg", "execute_request"), ("comm_msg", "comm_msg")):
        header = '{{"msg_id": "a", "msg_type": "{}", "msg_type": "{}"}}'.format(*twice).encode()
        assert not passes(raw(b"shell", header, b"{}", b"{}", content))


def test_words_are_utf_8_and_not_too_many_and_not_too_deep():
    header, content = b'{"msg_id": "a", "msg_type": "comm_msg"}', json.dumps(UPDATE)
    for odd in (
        content.encode("utf-16"),
        b"\xef\xbb\xbf" + content.encode(),
        content.replace("3", "[" * 40_000 + "]" * 40_000).encode(),
        content.replace("3", "9" * 5000).encode(),
        content.replace("3", '"' + "x" * MOST_WORDS + '"').encode(),
        b"",
        b"[]",
        b"null",
        b"{",
    ):
        assert not passes(raw(b"shell", header, b"{}", b"{}", odd))
    assert not passes(raw(b"shell", header, b"{}", b"3", content.encode()))
    assert not passes(v1(message("comm_msg", FILE), bytes(MOST_BYTES)))


@pytest.mark.slow
def test_no_mutant_of_a_message_does_more_than_pass_or_be_refused():
    rng, counts = random.Random(0), {True: 0, False: 0}
    seeds = [v1(message(*each)) for each in GOOD + BAD] + [v1(message("comm_msg", FILE), b"x")]
    for _ in range(100_000):
        mutant = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(mutant) if rng.random() < 0.5 else min(len(mutant), 80))
            mutant[at : at + rng.choice((0, 1, 1, 4, 8))] = rng.randbytes(rng.choice((0, 1, 1, 4, 8)))
            mutant = mutant or bytearray(b"x")
        counts[passes(bytes(mutant))] += 1
    print(f"\n{sum(counts.values())} messages: {counts[True]} passed, {counts[False]} refused, 0 wrong")


@pytest.mark.parametrize("found", [None, "", 7, [], "x" * 1000])
def test_a_message_without_an_id_of_its_own_is_refused(found):
    told = message(*GOOD[0])
    told["header"]["msg_id"] = found
    assert not passes(v1(told))


@pytest.mark.parametrize(
    ("kind", "state", "channel", "expected"),
    [
        ("status", "idle", b"iopub", "asked"),
        ("status", "busy", b"iopub", None),
        ("stream", "idle", b"iopub", None),
        ("status", "idle", b"shell", None),
    ],
)
def test_a_kernel_tells_what_it_has_done(kind, state, channel, expected):
    told = message(kind, {"execution_state": state}) | {"parent_header": {"msg_id": "asked"}}
    assert done_message(v1(told, channel=channel)) == expected
    assert done_message({"header": {}}) is None and done_message("idle") is None
