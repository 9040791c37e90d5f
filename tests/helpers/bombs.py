"""Small checkpoints that ask for much: memory, time, depth.

Each is good weights with a pickle's opcodes beside them, or a header of safetensors. Some come to nothing and
are read; some are refused; none may cost much.
"""

import json
import random
import struct

from helpers.checkpoints import DATA, Global, Raw, opcodes, parts, pickled, tensor, zipped


def _beside(data):
    return zipped(pickled({"state_dict": parts(), "x": Raw(data)}))


def _listed(*items):
    """A list of what some opcodes push."""
    return _beside(b"](" + b"".join(items) + b"e")


def _repeated(name, argument, times, call=b"h\x01\x85R"):
    """A call on one argument, over and over; all results are kept."""
    begin = opcodes(argument) + b"q\x01" + opcodes(Global(name)) + b"q\x02"
    return _listed(begin, (b"h\x02" + call) * times)


def calls():
    """Calls that are repeated on one argument."""
    pairs, mapping = [[number, None] for number in range(30_000)], dict.fromkeys(range(30_000))
    dicts = Raw(b"(" + b"}" * 20_000 + b"t")
    return {
        "OrderedDict of one list": _repeated("collections OrderedDict", pairs, 30_000),
        "Counter of one dict": _repeated("collections Counter", mapping, 30_000),
        "defaultdict of one dict": _repeated("collections defaultdict", mapping, 30_000, b"Nh\x01\x86R"),
        "dict of one dict": _repeated("builtins dict", mapping, 30_000),
        "encode of one text": _repeated("_codecs encode", "x" * 1_000_000, 30_000),
        "bytearray of one text": _repeated("builtins bytearray", "x" * 1_000_000, 30_000),
        "something unknown of many dicts": _repeated("a b", dicts, 60_000, b"h\x01R"),
        "new objects of many dicts": _repeated("a b", dicts, 60_000, b"h\x01\x81"),
        "objects by name of many dicts": _repeated("a b", dicts, 50_000, b"h\x01}\x92"),
        "attributes of many dicts": _repeated("a b", dicts, 50_000, b")\x81h\x01b"),
        "attributes of attributes": _beside(
            b"ca\nb\nq\x01"
            + (opcodes(Global("builtins getattr")) + b"h\x01X\x09\0\0\0" + b"y" * 9 + b"\x86Rq\x01") * 20_000
        ),
        "one tensor in many shapes": _listed(
            opcodes(tensor("1", (2,))) + b"q\x01",
            (opcodes(Global("torch Size")) + opcodes((1,) * 16) + b"\x85R") * 9_000,
        ),
    }


def collisions():
    """Numbers that hash to themselves, and of which a dict tries very many places before it finds a free one.

    The first ones fill places in the order in which they are tried; the others lead to the first of those.
    """
    bits, rng = 18, random.Random(0)
    mask, place, places = (1 << bits) - 1, 0, {}
    while len(places) < 100_000:
        places[place] = len(places)
        place = 5 * place + 1 & mask
    late = set()
    while len(late) < 9_000:
        number = rest = rng.randrange(1 << bits, 1 << 24)
        place = number & mask
        while rest and place in places:
            rest >>= 5
            place = 5 * place + rest + 1 & mask
        if not rest and places.get(place, mask) < 20_000:
            late.add(number)
    numbers = [*places, *sorted(late)]
    whole = [b"J" + struct.pack("<i", number) for number in numbers]
    real = [b"G" + struct.pack(">d", number) for number in numbers]
    memo = b"N" + b"".join(b"r" + struct.pack("<I", number) for number in numbers)
    return {
        "whole numbers that collide": _beside(b"}(" + b"N".join(whole) + b"Nu"),
        "numbers that collide": _beside(b"}(" + b"N".join(real) + b"Nu"),
        "numbers of a dict of protocol 0": _beside(b"(" + b"N".join(whole) + b"Nd"),
        "numbers of objects that collide": _beside(memo),
    }


def names():
    """Names and texts."""
    short = b"".join(opcodes(f"{number:0120d}") + b"q" + bytes([number]) for number in range(250))
    pairs = ((one, other) for one in range(250) for other in range(250))
    return {
        "names of 8,000 letters": _repeated("a b", "x" * 4000, 90_000, b"h\x01h\x01\x93"),
        "62,500 names": _listed(short, *(bytes([104, one, 104, other, 147]) for one, other in pairs)),
        "140,000 names": _listed(*(f"ca{number}\nb\n".encode() for number in range(140_000))),
        "text of 40 MB": _beside(opcodes("x" * 40_000_000)),
        "line of 40 MB": _beside(b"V" + b"x" * 40_000_000 + b"\n"),
        "text of 40 MB in parts": _listed(opcodes("x" * 4000 + "\U0001f600") * 10_000),
        "lines without an end": _beside(b"(" + b"Vx" * 1_000_000),
        "number of 40 MB": _beside(b"\x8b" + struct.pack("<i", 40_000_000) + b"\x7f" * 40_000_000),
        "number of 10 million digits": _beside(b"L" + b"9" * 10_000_000 + b"L\n"),
        "100,000 numbers of 255 bytes": _listed((b"\x8a\xff" + b"\x7f" * 255) * 100_000),
    }


def objects():
    """Objects, many or in one another."""
    one = opcodes(tensor("1", (2,))) + b"q\0"
    lists = [b"](" + bytes([104, at]) * 200 + b"eq" + bytes([at + 1]) for at in range(30)]
    keys = [opcodes(f"k{number}") for number in range(10)]
    dicts = [
        b"}(" + b"".join(key + bytes([104, at]) for key in keys) + b"uq" + bytes([at + 1]) for at in range(30)
    ]
    keyed = b"".join(opcodes(f"k{number}") + b"h\x01" for number in range(60_000))
    shared = {"a": Raw(opcodes(parts()) + b"q\x01")}
    return {
        "290,000 sets": _listed(b"\x8f" * 290_000),
        "70,000 dicts": _listed(b"}K\x01Ns" * 70_000),
        "70,000 mappings of unknown classes": _listed(b"\x8fK\x01Ns" * 70_000),
        "objects 40,000 deep": _beside(b"Nq\x01" + b"c_a\nb\n)\x81}K\x01h\x01sbq\x01" * 35_000),
        "calls 50,000 deep": _beside(b"}q\x01" + b"c_a\nb\nh\x01\x85Rq\x01" * 50_000),
        "laughs with a tensor": _beside(one + b"".join(lists)),
        "laughs with a tensor under names": _beside(one + b"".join(dicts)),
        "200,000 times one tensor": _listed(one, b"h\0" * 200_000),
        "60,000 names of one tensor": zipped(
            pickled(
                {**parts(), "x": Raw(opcodes(tensor("1", (2,))) + b"q\x01"), "y": Raw(b"}(" + keyed + b"u")}
            )
        ),
        "60,000 times the state dict": zipped(
            pickled({**shared, "x": Raw(b"](" + b"h\x01" * 60_000 + b"e")})
        ),
        "60,000 names of the state dict": zipped(pickled({**shared, "x": Raw(b"}(" + keyed + b"u")})),
        "60,000 objects of the state dict": zipped(
            pickled({**shared, "x": Raw(b"](" + b"c_a\nb\nh\x01\x85R" * 60_000 + b"e")})
        ),
        "a dict in itself under 30 names": _beside(
            b"}q\0"
            + opcodes("t")
            + one[:-2]
            + b"s"
            + b"".join(opcodes(f"k{key}") + b"h\0s" for key in range(30))
        ),
        "2,000 brackets": _beside(b"(" * 2000),
        "140,000 numbers of objects": _listed(
            *(b"Nr" + struct.pack("<I", number) for number in range(140_000))
        ),
        "views that span 50 MB": zipped(
            pickled(
                {
                    name: tensor("0", (2, 2), numel=12_000_000, stride=(11_999_990, 1))
                    for name in (f"w{number}" for number in range(100))
                }
            ),
            DATA | {"0": bytes(48_000_000)},
        ),
    }


def headers():
    """Headers of safetensors, and empty tables of every kind."""

    def file(text):
        return struct.pack("<Q", len(text)) + text

    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return {
        "ten bytes": file(b"{}"),
        "metadata alone": file(b'{"__metadata__":{"format":"pt"}}'),
        "no header": file(b""),
        "300,000 lists": file(b'{"a":[' + b"[]," * 300_000 + b"[]]}"),
        "300,000 objects": file(b'{"a":[' + b"{}," * 300_000 + b"{}]}"),
        "number of 900,000 digits": file(b'{"a":' + b"9" * 900_000 + b"}"),
        "15,000 empty tensors": file(json.dumps({str(number): empty for number in range(15_000)}).encode()),
        "tensor without a name": file(json.dumps({"": empty}).encode()),
        "empty dict": zipped(pickled({}), {}),
        "empty state dict": zipped(pickled({"state_dict": {}}), {}),
        "empty list": zipped(pickled([]), {}),
        "nothing": zipped(pickled(None), {}),
        "tensors called by dots": zipped(pickled({".": tensor("1", (2,)), "": tensor("1", (2,))})),
        "tensor called by a prefix alone": zipped(pickled({"module.": tensor("1", (2,))})),
    }


def bombs():
    """Every one, by name."""
    return calls() | collisions() | names() | objects() | headers()
