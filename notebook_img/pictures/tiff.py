"""The directories of a TIFF file: which one is the picture, and whether the file is a camera's raw data. Decodes nothing.

TIFF 6.0, Adobe's TIFF/EP and DNG 1.7, and BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_MOST = 64
"""Directories that are looked at; a hostile file may chain any number."""
_NEW_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG = 254, 256, 257, 262, 330, 50706
_RAW_PHOTOMETRIC = frozenset({32803, 34892})
"""Colour filter array, and linear raw."""
_SIZES = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
"""Bytes of a value of the integer types."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True)
class Directory:
    """One picture of a file.

    Attributes
    ----------
    at : int
        Where it begins.
    tags : mapping
        The first values of tags that are whole numbers; all values of the sub-directories' places.
    nested : bool
        Whether it hangs below another one, where readers that only turn pages do not find it.
    """

    at: int
    tags: Mapping[int, tuple[int, ...]]
    nested: bool = False

    def value(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag."""
        return self.tags.get(tag, (default,))[0]

    @property
    def reduced(self) -> bool:
        """Whether it is a smaller copy of another picture of the file."""
        return bool(self.value(_NEW_SUBFILE) & 1)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.value(_WIDTH) * self.value(_HEIGHT)


def directories(data: bytes) -> list[Directory]:
    """Return the directories of a TIFF file as far as they can be read, those below another one after it."""
    try:
        order = {b"II": "<", b"MM": ">"}[data[:2]]
        big = struct.unpack_from(order + "H", data, 2)[0] == 43
        (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    except (KeyError, struct.error):
        return []
    found: list[Directory] = []
    waiting = [(first, False)]
    seen: set[int] = set()
    while waiting and len(found) < _MOST:
        at, nested = waiting.pop(0)
        if at in seen or not at:
            continue
        seen.add(at)
        try:
            tags, following = _directory(data, at, order, big=big)
        except struct.error:
            continue
        found.append(Directory(at, tags, nested))
        below = [(place, True) for place in tags.get(_SUB_DIRECTORIES, ())]
        waiting = [*below, *([(following, nested)] if not nested else []), *waiting]
    return found


def _directory(data: bytes, at: int, order: str, *, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    count_code, entry, place_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + count_code, data, at)
    start = at + struct.calcsize(order + count_code)
    tags: dict[int, tuple[int, ...]] = {}
    for index in range(min(count, 4096)):
        where = start + index * entry
        tag, kind, values = struct.unpack_from(order + "HH" + place_code, data, where)
        size = _SIZES.get(kind)
        if size is None:
            continue
        held = where + entry - struct.calcsize(place_code)
        wanted = min(values, _MOST if tag == _SUB_DIRECTORIES else 1)
        if values * size > struct.calcsize(place_code):
            (held,) = struct.unpack_from(order + place_code, data, held)
        tags[tag] = struct.unpack_from(f"{order}{wanted}{_CODES[size]}", data, held) if wanted else ()
    (following,) = struct.unpack_from(order + place_code, data, start + count * entry)
    return {tag: value for tag, value in tags.items() if value}, following


def is_camera_raw(data: bytes) -> bool:
    """Tell whether a TIFF file holds a sensor's data: DNG, NEF, ARW, PEF and their like, CR2 by its mark."""
    if data[8:10] == b"CR" and data[:2] == b"II":
        return True
    found = directories(data)
    return any(directory.value(_PHOTOMETRIC) in _RAW_PHOTOMETRIC for directory in found) or any(_DNG in part.tags for part in found[:1])


def with_its_picture_first(data: bytes) -> bytes:
    """Return a TIFF file whose first directory is its picture, where that was a smaller copy of it."""
    found = directories(data)
    if not found or not found[0].reduced:
        return data
    whole = [directory for directory in found if not directory.reduced]
    best = max(whole or found, key=lambda directory: directory.pixels)
    if best is found[0]:
        return data
    order = "<" if data[:2] == b"II" else ">"
    if struct.unpack_from(order + "H", data, 2)[0] == 43:
        return data[:8] + struct.pack(order + "Q", best.at) + data[16:]
    return data[:4] + struct.pack(order + "I", best.at) + data[8:]
