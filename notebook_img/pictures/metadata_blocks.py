"""Blocks of EXIF and XMP without what is private, whichever file they stand in: of the same length, so that nothing else moves.

EXIF (CIPA DC-008) is a TIFF structure. What of it cannot be read is emptied, for other programs may read more of it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PLACE, SERIALS, OWNER = "place", "serial numbers", "owner"
ALL = frozenset({PLACE, SERIALS, OWNER})

_GPS, _EXIF, _SUB, _INTEROPERABILITY = 34853, 34665, 330, 40965
_TAGS = {
    _GPS: PLACE,
    315: OWNER,  # Artist
    316: OWNER,  # HostComputer
    33432: OWNER,  # Copyright
    40093: OWNER,  # XPAuthor
    42032: OWNER,  # CameraOwnerName
    42033: SERIALS,  # BodySerialNumber
    42037: SERIALS,  # LensSerialNumber
    42016: SERIALS,  # ImageUniqueID
    50735: SERIALS,  # CameraSerialNumber (DNG)
    37500: SERIALS,  # MakerNote, which is where most cameras keep it
    50740: SERIALS,  # DNGPrivateData, the same in a DNG
    700: OWNER,  # XMP
    33723: OWNER,  # IPTC
    34377: OWNER,  # Photoshop's resources
}
_XMP_WORDS = (
    (re.compile(rb"GPS(?:Latitude|Longitude|Dest)|photoshop:(?:City|State|Country)|Iptc4xmp\w+:(?:Location|CountryCode|City)"), PLACE),
    (re.compile(rb"SerialNumber|ImageUniqueID"), SERIALS),
    (re.compile(rb"dc:creator|dc:rights|OwnerName|xmpRights:|photoshop:(?:Credit|AuthorsPosition)|CreatorContactInfo|plus:"), OWNER),
)
_POINTERS = {_EXIF, _SUB, _INTEROPERABILITY}
"""Tags whose values are places of directories."""
_DATA = {513: 514, 273: 279, 324: 325}
"""Tags whose values are places of pictures, with those that hold their lengths."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
"""Bytes of a value by TIFF's type."""
_CODES = {1: "B", 3: "H", 4: "I", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}
"""How whole numbers are read, by TIFF's type."""
_ORDERS = {b"II": "<", b"MM": ">"}
_EMPTY = b"II*\0\x08\0\0\0"
"""The header of EXIF that holds nothing; zeros follow."""
_MOST_ENTRIES = 100_000
"""Entries of all directories together; more are made up, and would take seconds."""


def thinned_exif(body: bytes) -> tuple[bytes, frozenset[str]]:
    """Return a block of EXIF without private tags, and what they told.

    Nothing readable is lost where a block is emptied: where orientation can be read, so can the tags beside it.
    """
    lead = body[:6] if body.startswith(b"Exif\0\0") else b""
    block = body[len(lead) :]
    if not any(block):
        return body, frozenset()
    try:
        structure = _Structure(block)
        if structure.is_directory(structure.first):
            return lead + structure.cut(alone=True), structure.found
    except ValueError:
        pass
    return emptied_exif(body), ALL


def emptied_exif(body: bytes) -> bytes:
    """Return a block of EXIF of the same length that holds nothing."""
    lead = body[:6] if body.startswith(b"Exif\0\0") else b""
    return lead + (_EMPTY + bytes(len(body)))[: len(body) - len(lead)]


def thinned_tiff(data: bytes) -> tuple[bytes, frozenset[str]]:
    """Return a TIFF file without private tags, and what they told.

    Raises
    ------
    ValueError
        When its directories cannot be read.
    """
    structure = _Structure(data)
    return structure.cut(alone=False), structure.found


def told_by_xmp(packet: bytes) -> frozenset[str]:
    """Return what an XMP packet tells; one that cannot be read is taken to tell all."""
    if not packet.strip(b"\0 \t\r\n"):
        return frozenset()
    if b"rdf:RDF" not in packet:  # in another encoding, compressed, damaged
        return ALL
    return frozenset(name for pattern, name in _XMP_WORDS if pattern.search(packet))


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    place: int
    held: int
    """Where its values are."""

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return _SIZES.get(self.kind, 1) * self.count


@dataclass
class _Structure:
    """A TIFF structure under the knife."""

    block: bytes
    found: frozenset[str] = frozenset()
    data: bytearray = field(init=False)
    """What becomes of it."""
    entries_left: int = _MOST_ENTRIES

    def __post_init__(self) -> None:
        self.data = bytearray(self.block)
        if self.block[:2] not in _ORDERS:
            msg = "no byte order"
            raise ValueError(msg)
        self.order = _ORDERS[self.block[:2]]
        self.big = self.number(2, "H") == 43
        self.word = "Q" if self.big else "I"
        self.inline = 8 if self.big else 4
        self.length = 20 if self.big else 12
        self.first = self.number(self.inline, self.word)

    def number(self, at: int, code: str) -> int:
        """Return a number, 0 for a place outside."""
        return int(struct.unpack_from(self.order + code, self.data, at)[0]) if at + struct.calcsize(code) <= len(self.data) else 0

    def is_directory(self, at: int) -> bool:
        """Whether a directory seems to begin at a place."""
        start = at + (8 if self.big else 2)
        if not at or start > len(self.data):
            return False
        return not self.number(at, "Q" if self.big else "H") or self.number(start + 2, "H") in _SIZES

    def entries(self, at: int) -> tuple[list[_Entry], int]:
        """Return what is there of a directory, and where the place of the next one stands."""
        start = at + (8 if self.big else 2)
        there = max(0, (len(self.data) - start) // self.length)
        number = min(self.number(at, "Q" if self.big else "H"), there)
        self.entries_left -= number
        if self.entries_left < 0:
            msg = "more entries than any camera writes"
            raise ValueError(msg)
        found = []
        for place in range(start, start + number * self.length, self.length):
            tag, kind, count = struct.unpack_from(self.order + "HH" + self.word, self.data, place)
            entry = _Entry(tag, kind, count, place, place + self.length - self.inline)
            if entry.size > self.inline:
                entry = _Entry(tag, kind, count, place, self.number(entry.held, self.word))
            found.append(entry)
        return found, start + number * self.length

    def values(self, entry: _Entry) -> list[int]:
        """Return an entry's whole numbers."""
        code = _CODES.get(entry.kind, self.word)
        step = struct.calcsize(code)
        room = max(0, (len(self.data) - entry.held) // step)
        return [self.number(entry.held + index * step, code) for index in range(min(entry.count, room, _MOST_ENTRIES))]

    def cut(self, *, alone: bool) -> bytes:
        """Take private entries out, and what leads nowhere.

        Parameters
        ----------
        alone : bool
            Whether nothing but metadata is in the block: then what no entry leads to goes as well.
        """
        waiting, seen = [self.first], set[int]()
        while waiting:
            at = waiting.pop()
            if at in seen or not self.is_directory(at):
                continue
            seen.add(at)
            self._thin(at)
            entries, end = self.entries(at)
            waiting += [place for entry in entries if entry.tag in _POINTERS for place in self.values(entry)]
            waiting.append(self.number(end, self.word))
        if alone and self.found:
            kept = bytearray(len(self.data))
            for start, stop in self._reached(seen):
                kept[start:stop] = self.data[start:stop]
            self.data = kept
        return bytes(self.data)

    def _thin(self, at: int) -> None:
        """Take private entries out of a directory, where it stands."""
        entries, end = self.entries(at)
        private = [entry for entry in entries if entry.tag in _TAGS and not self._is_public_xmp(entry)]
        lost = [entry for entry in entries if entry.tag in _POINTERS and not all(map(self.is_directory, self.values(entry) or [0]))]
        following = self.number(end, self.word)
        dangling = following and not self.is_directory(following)
        if not private and not lost and not dangling:
            return
        self.found |= {_TAGS[entry.tag] for entry in private} | (ALL if lost or dangling else frozenset())
        for entry in private:
            for place in self.values(entry)[:1] if entry.tag == _GPS else ():
                self._blank_directory(place)
            if entry.size > self.inline:
                self._blank(entry.held, entry.held + entry.size)
        gone = {entry.place for entry in (*private, *lost)}
        kept = b"".join(bytes(self.data[entry.place : entry.place + self.length]) for entry in entries if entry.place not in gone)
        start = at + (8 if self.big else 2)
        stop = min(end + self.inline, len(self.data))
        fresh = kept + struct.pack(self.order + self.word, 0 if dangling else following)
        struct.pack_into(self.order + ("Q" if self.big else "H"), self.data, at, len(kept) // self.length)
        self.data[start:stop] = fresh[: stop - start].ljust(stop - start, b"\0")

    def _blank_directory(self, at: int) -> None:
        if not self.is_directory(at):
            return
        entries, end = self.entries(at)
        for entry in entries:
            self._blank(entry.held, entry.held + entry.size)
        self._blank(at, end)

    def _blank(self, start: int, stop: int) -> None:
        self.data[start:stop] = bytes(len(self.data[start:stop]))

    def _reached(self, directories: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield the parts that entries lead to."""
        yield 0, 2 * self.inline
        for at in directories:
            entries, end = self.entries(at)
            yield at, end + self.inline
            yield from ((entry.held, entry.held + entry.size) for entry in entries if entry.size > self.inline)
            tags = {entry.tag: entry for entry in entries}
            for places, lengths in _DATA.items():
                if places in tags and lengths in tags:
                    for start, length in zip(self.values(tags[places]), self.values(tags[lengths]), strict=False):
                        if b"Exif\0\0" not in self.data[start : start + length]:  # a small picture that tells it again
                            yield start, start + length

    def _is_public_xmp(self, entry: _Entry) -> bool:
        """Tell whether an entry is an XMP packet that names nothing private."""
        return entry.tag == 700 and not told_by_xmp(bytes(self.data[entry.held : entry.held + entry.size]))
