"""The zip files of torch >= 1.6, and their layout: `read_zip`.

Python's zipfile and torch's own reader both take files that others see differently (two directories, bytes
before the first entry, names that differ in case only). So the layout is read here, and only files are taken
in which there is nothing to see differently: entries one after another from the first byte on, then one
directory, then its end, as torch writes them.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from unitdrop.checkpoints.files import read_at, shown
from unitdrop.checkpoints.kinds import kind_of_zip
from unitdrop.checkpoints.pickles import MAX_PICKLE, most_opcodes, outline
from unitdrop.checkpoints.storages import Contents, Place
from unitdrop.errors import CheckpointError

MAX_DIRECTORY = 16 << 20  # bytes
_MAX_TAIL = 1 << 17  # bytes at the end of a zip, or of its directory, that are looked at to name it
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_FULL, _FULL64 = 0xFFFF, 0xFFFFFFFF  # "too large for here: see the 64-bit field"
_SIZES_LATER = 8  # the flag of entries whose size follows their data


class ZipEntry(NamedTuple):
    """A file in a zip: its data begin at `start`."""

    name: str
    size: int
    crc: int
    flags: int
    method: int
    header: int
    start: int = 0


def read_zip(file: BinaryIO, size: int, weights: int) -> Contents:
    """Return what a zip of torch.save of `size` bytes holds, in which so many `weights` are looked for.

    Raises
    ------
    CheckpointError
        The file is damaged, or unsafe to read.
    """
    if kind := kind_of_zip(_some_names(file, size)):
        raise CheckpointError(kind)
    entries = read_entries(file, size, 1_000 + 10 * weights)
    pickle = entries["data.pkl"]
    if pickle.size > MAX_PICKLE:
        raise CheckpointError(f"its pickle has {pickle.size} bytes, over the {MAX_PICKLE} that are read")
    found = outline(read_at(file, pickle.start, pickle.size), limit=most_opcodes(weights))
    places = {name: Place(entry.start, entry.size, entry.crc) for name, entry in entries.items()}
    stored = {}
    for storage in found.storages.values():
        place = places.pop(f"data/{storage.key}", None)
        if place is None or place.nbytes < storage.nbytes:
            raise CheckpointError(f"it lacks the data of its storage {shown(storage.key)}; download it again")
        if place.nbytes > storage.nbytes:
            raise CheckpointError(
                f"its storage {shown(storage.key)} is longer than it says; download it again"
            )
        stored[storage.key] = place
    return Contents(found.value, file, size, stored, others=places, outline=found)


def _some_names(file: BinaryIO, size: int) -> list[str]:
    """Return the first names in the directory of any zip, as far as they can be told."""
    tail = read_at(file, max(0, size - _MAX_TAIL), min(size, _MAX_TAIL))
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + _END.size:
        return ["data.pkl"]  # cut short: what it is can no longer be told
    count, length, offset = _END.unpack_from(tail, end)[4:7]
    directory = read_at(file, min(offset, size), max(0, min(length, size - offset, _MAX_TAIL)))
    names, position = [], 0
    while len(directory) >= position + _CENTRAL.size and directory[position : position + 4] == b"PK\x01\x02":
        letters, extra, comment = _CENTRAL.unpack_from(directory, position)[10:13]
        position += _CENTRAL.size
        names.append(directory[position : position + letters].decode("utf-8", "replace"))
        position += letters + extra + comment
    return names if names or not count else ["data.pkl"]


def read_entries(file: BinaryIO, size: int, most: int) -> dict[str, ZipEntry]:
    """Return the entries of a zip of torch.save, at most `most`, by their names without their common folder.

    Raises
    ------
    CheckpointError
        If the zip is not laid out as torch.save does it, or holds something else.
    """
    count, offset, length = _directory(file, size)
    if count > most or length > MAX_DIRECTORY:
        raise CheckpointError(f"its zip has {count} entries, over the {most} that are read")
    directory = io.BytesIO(read_at(file, offset, length))
    listed = sorted((_central(directory) for _ in range(count)), key=lambda entry: entry.header)
    if directory.read(1):
        raise _odd_zip("its directory is longer than its entries")
    _check_stored(listed)
    position, entries = 0, {}
    for entry in listed:
        entry, position = _local(file, entry, position, offset)
        name = _inner_name(entry.name, listed[0].name)
        if name in entries:
            raise _odd_zip(f"two entries are called {shown(name)}")
        entries[name] = entry
    if position != offset:
        raise _odd_zip("there is something between its entries and its directory")
    _check_records(file, entries)
    return entries


def _check_stored(entries: list[ZipEntry]) -> None:
    """Refuse what would grow when it is unpacked."""
    packed = next((entry.name for entry in entries if entry.method), None)
    if packed is not None:
        raise CheckpointError(
            f"its entry {shown(packed)} is compressed, as by a program that zipped it again; "
            "get the original file, or load it and save it with torch.save"
        )


def _odd_zip(what: str) -> CheckpointError:
    return CheckpointError(
        f"its zip is not laid out as torch.save does it ({what}); download it again, or if it was "
        "unpacked and zipped again, get the original file"
    )


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Return the number of entries in the zip's directory, where it begins, and its length."""
    if size < _END.size:
        raise CheckpointError("its zip is cut short; download it again")
    before = min(size - _END.size, _LOCATOR.size + _END64.size)
    tail = read_at(file, size - _END.size - before, before + _END.size)
    mark, disk, disks, here, count, length, offset, comment = _END.unpack(tail[before:])
    if mark != b"PK\x05\x06" or comment:
        raise CheckpointError("its zip is cut short, or followed by something else; download it again")
    end, found = size - _END.size, (disk, disks, here, count, length, offset)
    if tail[:before][-_LOCATOR.size :].startswith(b"PK\x06\x07"):
        end, found = _directory64(tail, size, found)
    disk, disks, here, count, length, offset = found
    if disk or disks or here != count or not count or offset + length != end:
        raise _odd_zip("its directory is not where it should be")
    return count, offset, length


def _directory64(tail: bytes, size: int, short: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return where the end of the directory begins, and the numbers in the 64-bit record there."""
    if len(tail) < _END.size + _LOCATOR.size + _END64.size:
        raise _odd_zip("its 64-bit directory is cut short")
    _, disk, offset, disks = _LOCATOR.unpack_from(tail, _END64.size)
    mark, length, _, _, *found = _END64.unpack_from(tail)
    end = size - len(tail)
    if mark != b"PK\x06\x06" or offset != end or disk or disks > 1 or length != _END64.size - 12:
        raise _odd_zip("its 64-bit directory is not where it should be")
    for one, other, full in zip(short, found, [_FULL] * 4 + [_FULL64] * 2, strict=True):
        if one not in (other, full):
            raise _odd_zip("its two directories disagree")
    return end, tuple(found)


def _central(directory: BinaryIO) -> ZipEntry:
    """Return the next entry of the directory."""
    fields = _CENTRAL.unpack(read_at(directory, directory.tell(), _CENTRAL.size))
    mark, _, _, flags, method, _, _, crc, packed, size, letters, extra, comment, disk, _, _, header = fields
    name = read_at(directory, directory.tell(), letters).decode("utf-8")
    more = read_at(directory, directory.tell(), extra)
    if mark != b"PK\x01\x02" or comment or disk:
        raise _odd_zip("its directory is damaged")
    size, packed, header = _wide([size, packed, header], more)
    if flags & ~(_SIZES_LATER | 0x800):  # 0x800: the name is UTF-8
        raise _odd_zip(f"its entry {shown(name)} is encrypted or has unknown flags")
    if not method and packed != size:
        raise _odd_zip(f"its entry {shown(name)} has two sizes")
    return ZipEntry(name, size, crc, flags, method, header)


def _wide(numbers: list[int], extra: bytes) -> list[int]:
    """Return numbers of the directory, those that do not fit into 32 bits from the extra field."""
    full = numbers.count(_FULL64)
    if not full and not extra:
        return numbers
    if len(extra) != 4 + 8 * full or struct.unpack_from("<HH", extra) != (1, 8 * full):
        raise _odd_zip("its directory has unknown fields")
    wide = iter(struct.unpack_from(f"<{full}Q", extra, 4))
    return [next(wide) if number == _FULL64 else number for number in numbers]


def _local(file: BinaryIO, entry: ZipEntry, position: int, most: int) -> tuple[ZipEntry, int]:
    """Check an entry where it lies; return it with the start of its data, and where the next one begins."""
    fields = _LOCAL.unpack(read_at(file, entry.header, _LOCAL.size))
    mark, _, flags, method, _, _, crc, packed, size, letters, extra = fields
    if entry.header != position or mark != b"PK\x03\x04":
        raise _odd_zip(f"{shown(entry.name)} overlaps another entry, or there is something before it")
    # Of entries whose sizes come later, and of empty ones, torch writes zeros here.
    unset = {0} if flags & _SIZES_LATER or not entry.crc else set()
    given = ((crc, entry.crc), (packed, entry.size), (size, entry.size))
    if (flags, method) != (entry.flags, 0) or any(n not in {m, _FULL64} | unset for n, m in given):
        raise _odd_zip(f"{shown(entry.name)} is described twice, and differently")
    if read_at(file, file.tell(), letters) != entry.name.encode("utf-8"):
        raise _odd_zip(f"{shown(entry.name)} has two names")
    start = file.tell() + extra
    end = start + entry.size
    if end > most:
        raise _odd_zip(f"{shown(entry.name)} is longer than the file")
    if flags & _SIZES_LATER:
        end += _descriptor(file, entry, end)
    return entry._replace(start=start), end


def _descriptor(file: BinaryIO, entry: ZipEntry, offset: int) -> int:
    """Check the sizes that follow the data of an entry; return how many bytes they take."""
    layout = struct.Struct("<4sLQQ" if max(entry.header, entry.size) >= _FULL64 else "<4s3L")
    found = layout.unpack(read_at(file, offset, layout.size))
    if found != (b"PK\x07\x08", entry.crc, entry.size, entry.size):
        raise _odd_zip(f"{shown(entry.name)} is described twice, and differently")
    return layout.size


def _inner_name(name: str, first: str) -> str:
    """Return an entry's name without the top folder, in lower case: torch's reader sees no difference."""
    top, _, inner = name.partition("/")
    if top != first.partition("/")[0] or not inner:
        raise _odd_zip(f"{shown(name)} lies outside the one folder")
    return inner.lower()


_SMALL = {
    "version": lambda data: data.strip().isdigit(),
    ".format_version": bytes.isdigit,
    ".storage_alignment": bytes.isdigit,
    ".data/serialization_id": bytes.isdigit,
    "byteorder": lambda data: data == b"little",
}


def _check_records(file: BinaryIO, entries: Mapping[str, ZipEntry]) -> None:
    """Refuse a zip that holds anything else than torch.save puts into it."""
    if any(name.endswith("/data.pkl") for name in entries):
        raise _odd_zip("its data.pkl lies in a folder in a folder")
    if "data.pkl" not in entries or "version" not in entries:
        raise CheckpointError("it is a zip, but not of torch.save (it has no data.pkl or no version)")
    for name, entry in entries.items():
        if name in _SMALL:
            if not (entry.size <= 64 and _SMALL[name](read_at(file, entry.start, entry.size))):
                raise CheckpointError(
                    f"its {name} is not what torch.save writes on a little-endian machine; "
                    "save it again on one"
                )
        elif name != "data.pkl" and not re.fullmatch(r"data/[0-9]+", name):
            raise CheckpointError(f"its zip holds {shown(name)}, which torch.save does not write")
