"""The members of a zip file of a stranger: listed one by one, read in pieces, never more than they say.

Python's `zipfile` holds the list of members whole, and unpacks formats that can ask for gigabytes of memory (LZMA). Format:
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

STORED, DEFLATED = 0, 8
MOST_MEMBERS = 500_000
CHUNK = 1 << 16
MOST_RATIO = 300
"""Times a larger member may be packed: text of ours reaches about 30, DEFLATE's limit is 1,032."""
SMALL = 1 << 20
"""Bytes up to which a member may be packed as tightly as it likes."""

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_NO_32, _NO_16 = 0xFFFFFFFF, 0xFFFF


class BrokenZipError(ValueError):
    """A file that is no zip, is cut off, or claims what cannot be."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a zip."""

    name: str
    method: int
    """``STORED`` or ``DEFLATED``."""
    packed: int
    """Bytes it takes in the zip."""
    size: int
    """Bytes it has."""
    offset: int
    """Where its local header stands."""


def members(file: BinaryIO) -> Iterator[Member]:
    """Give the members of a zip in the order of its directory.

    Raises
    ------
    BrokenZipError
        When it is no zip, cut off, or has members that cannot be.
    """
    try:
        yield from _members(file)
    except struct.error as error:
        raise BrokenZipError("its directory is cut off") from error


def _members(file: BinaryIO) -> Iterator[Member]:
    whole = file.seek(0, 2)
    count, size, start = _directory(file, whole)
    if count > MOST_MEMBERS:
        raise BrokenZipError(f"it has {count:,} members, and {MOST_MEMBERS:,} are read")
    if start + size > whole:
        raise BrokenZipError("its directory is cut off")
    file.seek(start)
    left, buffer, packed = size, b"", 0
    for _ in range(count):
        while left and len(buffer) < _ENTRY.size + 3 * _NO_16:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                break
            buffer, left = buffer + chunk, left - len(chunk)
        member, used = _entry(buffer)
        buffer = buffer[used:]
        packed += member.packed
        if member.offset + member.packed > start or packed > whole:
            raise BrokenZipError("its members overlap")
        if member.size > max(SMALL, MOST_RATIO * member.packed):
            raise BrokenZipError(f"{member.name[:80]} is packed more tightly than any real one")
        yield member


def stream(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """Give the bytes of a member in pieces; exactly as many as it says.

    Raises
    ------
    BrokenZipError
        When it is cut off, damaged, or longer or shorter than it says.
    """
    file.seek(member.offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        raise BrokenZipError("a member is not where its directory says")
    *_, name, extra = _LOCAL.unpack(header)
    file.seek(name + extra, 1)
    got = 0
    for data in _unpacked(file, member) if member.method == DEFLATED else _read(file, member.packed):
        got += len(data)
        if got > member.size:
            raise BrokenZipError("a member is longer than it says")
        yield data
    if got != member.size:
        raise BrokenZipError("a member is shorter than it says")


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        data = file.read(min(CHUNK, size))
        if not data:
            return
        size -= len(data)
        yield data


def _unpacked(file: BinaryIO, member: Member) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in _read(file, member.packed):
            left = piece
            while left:
                yield inflater.decompress(left, CHUNK)
                left = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise BrokenZipError("a member is damaged") from error


def _directory(file: BinaryIO, whole: int) -> tuple[int, int, int]:
    """Return how many members the directory lists, its size, and where it starts."""
    file.seek(max(0, whole - _END.size - _NO_16))
    tail = file.read(_END.size + _NO_16)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BrokenZipError("it has no directory")
    _, _, _, _, count, size, start, _ = _END.unpack_from(tail, at)
    if _NO_32 in (size, start) or count == _NO_16:
        place = whole - len(tail) + at - _LOCATOR_64.size
        file.seek(max(0, place))
        mark, _, where, _ = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
        if mark == b"PK\x06\x07" and where < whole:
            file.seek(where)
            mark, *_, count, size, start = _END_64.unpack(file.read(_END_64.size))
            if mark != b"PK\x06\x06":
                raise BrokenZipError("its directory is damaged")
    return count, size, start


def _entry(buffer: bytes) -> tuple[Member, int]:
    """Return the first member of a directory, and how many bytes it takes there."""
    fields = _ENTRY.unpack_from(buffer)
    mark, flags, method, packed, size = fields[0], fields[3], fields[4], fields[8], fields[9]
    name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
    used = _ENTRY.size + name_length + extra_length + comment_length
    if mark != b"PK\x01\x02" or used > len(buffer):
        raise BrokenZipError("its directory is damaged")
    name = buffer[_ENTRY.size : _ENTRY.size + name_length].decode("utf-8", "replace")
    size, packed, offset = _real(buffer[_ENTRY.size + name_length :][:extra_length], size, packed, offset)
    if flags & 1:
        raise BrokenZipError(f"{name[:80]} is encrypted")
    if method not in (STORED, DEFLATED) or (method == STORED and packed != size):
        raise BrokenZipError(f"{name[:80]} is packed in a way that is not read")
    return Member(name, method, packed, size, offset), used


def _real(extra: bytes, *numbers: int) -> tuple[int, ...]:
    """Return size, packed size and offset, those that do not fit into 32 bits taken from the extra field."""
    long = b""
    while len(extra) >= 4 and _NO_32 in numbers:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            long = extra[4 : 4 + length]
        extra = extra[4 + length :]
    places = iter(struct.iter_unpack("<Q", long[: len(long) // 8 * 8]))
    return tuple(next(places, (number,))[0] if number == _NO_32 else number for number in numbers)
