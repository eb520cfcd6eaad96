"""Where EXIF and XMP stand in files made of boxes: the items of HEIC and AVIF (ISO/IEC 14496-12, 23008-12), the boxes of JPEG 2000."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Span = tuple[int, int]

_MOST_EXTENTS = 10_000
"""Pieces of all items together; more are made up, and would take seconds."""
_EXIF_IN_JP2 = b"JpgTiffExif->JP2"
_XMP_IN_JP2 = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


@dataclass(frozen=True)
class Part:
    """A block of metadata in a file: what it is, and the pieces it stands in."""

    kind: Literal["exif", "xmp"]
    spans: tuple[Span, ...]


def metadata_items(data: bytes) -> Iterator[Part]:
    """Yield the items of HEIC and AVIF that hold metadata; EXIF with the four bytes of where its header is.

    Raises
    ------
    ValueError
        When the list of items cannot be read.
    """
    meta = next((span for name, span in _boxes(data, (0, len(data))) if name == b"meta"), None)
    if meta is None:
        return
    inner = dict(_boxes(data, (meta[0] + 4, meta[1])))
    if b"iinf" not in inner or b"iloc" not in inner:
        return
    kinds = dict(_kinds(data, inner[b"iinf"]))
    for number, spans in _places(data, inner[b"iloc"], inner.get(b"idat")):
        if kinds.get(number):
            yield Part(kinds[number], spans)


def metadata_boxes(data: bytes) -> Iterator[Part]:
    """Yield the boxes of JPEG 2000 that hold metadata."""
    for name, (start, stop) in _boxes(data, (0, len(data))):
        if name == b"uuid" and data[start : start + 16] == _EXIF_IN_JP2:
            yield Part("exif", ((start + 16, stop),))
        elif name == b"uuid" and data[start : start + 16] == _XMP_IN_JP2:
            yield Part("xmp", ((start + 16, stop),))


def _boxes(data: bytes, within: Span) -> Iterator[tuple[bytes, Span]]:
    """Yield the boxes of a part of a file, with where their contents are."""
    at, end = within
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1 and at + 16 <= end:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        length = length or end - at
        if length < head:
            return
        yield name, (at + head, min(at + length, end))
        at += length


class _Reader:
    """Whole numbers one after the other."""

    def __init__(self, data: bytes, span: Span) -> None:
        self.data, (self.at, self.end) = data, span

    def number(self, size: int) -> int:
        """Return the next number of so many bytes; none is 0."""
        if self.at + size > self.end:
            msg = "a box ends too early"
            raise ValueError(msg)
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


def _kinds(data: bytes, span: Span) -> Iterator[tuple[int, Literal["exif", "xmp"]]]:
    """Yield the numbers of items that are metadata, and what they are."""
    count = 2 if not data[span[0]] else 4
    for name, (start, stop) in _boxes(data, (span[0] + 4 + count, span[1])):
        if name != b"infe":
            continue
        reader = _Reader(data, (start, stop))
        version = reader.number(4) >> 24
        number = reader.number(2 if version < 3 else 4)
        reader.number(2)
        kind = data[reader.at : reader.at + 4]
        if kind == b"Exif":
            yield number, "exif"
        elif kind == b"mime" and b"rdf+xml" in data[reader.at : stop]:
            yield number, "xmp"


def _places(data: bytes, span: Span, own: Span | None) -> Iterator[tuple[int, tuple[Span, ...]]]:
    """Yield items by number with the pieces they stand in; `own` is the box in which some of them are kept."""
    reader = _Reader(data, span)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    for_place, for_length, for_base, for_index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    total = 0
    for _ in range(reader.number(2 if version < 2 else 4)):
        number = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        elsewhere = reader.number(2)
        base, count = reader.number(for_base), reader.number(2)
        total += count
        if total > _MOST_EXTENTS:
            msg = "more pieces than any file has"
            raise ValueError(msg)
        start = own[0] if method == 1 and own else 0
        spans = []
        for _ in range(count):
            reader.number(for_index if version else 0)
            place, length = start + base + reader.number(for_place), reader.number(for_length)
            spans.append((min(place, len(data)), min(place + length, len(data)) if length else len(data)))
        if not elsewhere and method < 2:
            yield number, tuple(spans)
