"""Reading damaged pictures in another process, measured; run as a program, it reads thousands of them.

Each is compared with a second decoder's opinion, OpenCV's, where that has one: its pixels, and what its JPEG
library says of data that end too soon, which ours must not show as a picture.
"""

import contextlib
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unitdrop.errors import ImageError
from unitdrop.images.decoding import decoded
from unitdrop.images.files import picture_bytes


def mutants(form, first, count):
    """Read mutants of a format in a process of its own: a record of counts, measures and complaints."""
    here = Path(__file__).resolve()
    paths = [str(here.parents[2]), str(here.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-W", "ignore", str(here), form, str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        return {"complaints": [f"{form}: the process ended with {done.returncode} at mutant {lines[-1:]}"]}
    return json.loads(lines[-1])


def _encoded(image, codec, **options):
    buffer = io.BytesIO()
    image.save(buffer, codec, **options)
    return buffer.getvalue()


def bases(form):
    """Good files of a format."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1))
    grey, deep = colour.convert("L"), Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257)
    match form:
        case "JPEG":
            kinds = ({}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0})
            return [_encoded(image, form, **kind) for image in (colour, grey) for kind in kinds]
        case "PNG":
            images = (colour, grey, deep, colour.quantize(16), colour.convert("1"))
            return [_encoded(image, form) for image in images]
        case "GIF":
            return [_encoded(colour.quantize(n), form, interlace=n % 2) for n in (16, 33, 255)]
        case "WEBP":
            return [_encoded(colour, form, lossless=flag) for flag in (False, True)]
        case "AVIF":
            return [_encoded(colour, form), _encoded(grey, form)]
        case "BMP":
            return [
                _encoded(image, form) for image in (colour, grey, colour.quantize(16), colour.convert("1"))
            ]
    codecs = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    files = [_encoded(image, form, compression=c) for image in (colour, grey) for c in codecs]
    return [*files, _encoded(deep, form), _encoded(deep, form, compression="tiff_lzw")]


def mutant(number, files):
    """The mutant of that number: the same in every run."""
    rng = np.random.default_rng(number)
    data = bytearray(files[number % len(files)])
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        head = rng.random() < 0.5
        at, other = (int(rng.integers(min(len(data), 700 if head else len(data)))) for _ in range(2))
        length = int(rng.integers(1, 40))
        match int(rng.integers(9)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.choice([0, 1, 2, 0x7F, 0x80, 0xD9, 0xDA, 0xFF]))
            case 2:
                del data[max(at, 12) :]
            case 3:
                data[max(at, 12) :] = b"\xff\xd9" if data[:2] == b"\xff\xd8" else b"\0;"
            case 4:
                data[at:at] = rng.bytes(length)
            case 5:
                del data[at : at + length]
            case 6:
                data[at:at] = data[other : other + 4 * length]
            case 7:
                order = rng.choice(["<", ">"])
                value = int(rng.choice([0, 1, 7, 96, 192, 1000, 9000, 20_000, 65_535, 2**31 - 1]))
                data[at : at + 4] = struct.pack(f"{order}I", value)
            case 8:
                order = rng.choice(["<", ">"])
                value = int(rng.choice([0, 1, 7, 96, 192, 1000, 9000, 20_000, 65_535]))
                data[at : at + 2] = struct.pack(f"{order}H", value)
        if not data:
            break
    return _with_sums(bytes(data)) if data[:4] == b"\x89PNG" and rng.random() < 0.8 else bytes(data)


def _with_sums(data):
    """A PNG whose chunks have the right sums again, so that they are looked at."""
    place, parts = 8, [data[:8]]
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            break
        body = data[place + 4 : end - 4]
        parts += [data[place : place + 4], body, struct.pack(">I", zlib.crc32(body))]
        place = end
    return b"".join([*parts, data[place:]])


@contextlib.contextmanager
def _errors_caught():
    """Catch what C libraries write to stderr, in a file that is read afterwards."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def second_opinion(data):
    """What OpenCV makes of a file, RGB or None, and whether it says that a JPEG's data end too soon."""
    with _errors_caught() as file:
        try:
            flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            image = None
        file.seek(0)
        soon = b"premature end of data segment" in file.read().lower()
    return None if image is None else image[..., ::-1], soon


def _resident(what):
    """Resident memory, MB: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def _judge(number, data, form, found):
    """Read one mutant, and note what is wrong with what comes out."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start, before = time.process_time(), _resident("VmRSS")
    try:
        got, kind, _ = picture_bytes(data)
        shown = decoded(got, kind, "mutant", None)
    except ImageError:
        shown = None
    except BaseException as error:
        found["complaints"].append(f"{form} {number}: {error!r}"[:300])
        return
    finally:
        found["slowest"] = max(found["slowest"], time.process_time() - start)
        found["mb"] = max(found["mb"], _resident("VmHWM") - before)
    if shown is None:
        found["refused"] += 1
        return
    found["shown"] += 1
    other, soon = second_opinion(data)
    if form == "BMP" and data[10:14] == bytes(4):
        other = None  # it takes 0 at its word, where the pixels are said to begin, and shows the header
    found["soon"] += soon and form == "JPEG"  # a strip of a TIFF ends by its length, without a mark
    if other is not None and other.shape == shown.shape:
        far = float(np.abs(other.astype(int) - shown).mean())
        found["agreed" if far < 4 else "differs"] += 1
        found["numbers"] += [number] if far >= 4 else []
    else:
        found["alone"] += 1


def main(form, first, count):
    """Read mutants, and print what was found as the last line."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    files = bases(form)
    for data in files:
        decoded(data, form, "base", None)
    found = dict.fromkeys(("refused", "shown", "agreed", "differs", "alone", "soon"), 0)
    found |= {"slowest": 0.0, "mb": 0.0, "complaints": [], "numbers": []}
    for number in range(int(first), int(first) + int(count)):
        print(number, flush=True)
        _judge(number, mutant(number, files), form, found)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
