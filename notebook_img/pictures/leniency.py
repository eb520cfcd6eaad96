"""Files that are not quite right and that every browser shows: brought to what a strict reader takes, and said. Decodes nothing."""

from __future__ import annotations

import zlib

_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_MOST_TEXT = 65_536
"""Bytes; longer text in a PNG (a ComfyUI workflow) is never needed for its pixels, and readers refuse it for fear of bombs."""
_MOST_PROFILE = 16_000_000
"""Bytes of a colour profile; the largest of real ones have three million."""
_USUAL_PROFILE = 1_000_000

NO_END = "the mark at its end was missing"
BAD_TEXT = "a part that is not pixels had a wrong checksum and was passed over"


def readable_png(data: bytes) -> tuple[bytes, bytes | None, tuple[str, ...]]:
    """Return a PNG as a strict reader takes it.

    Returns
    -------
    (bytes, bytes or None, tuple of str)
        The file, without long or damaged texts; a profile that was too long for the reader; what has to be said.
    """
    view = memoryview(data)
    kept: list[memoryview] = [view[:8]]
    at, profile, notes = 8, None, []
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        name = bytes(view[at + 4 : at + 8])
        if name[:1].islower() and end <= len(data):
            if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
                notes.append(BAD_TEXT)
                at = end
                continue
            if name in _TEXT and (end - at > _MOST_TEXT or name == b"zTXt" or _is_packed(name, view[at + 8 : end - 4])):
                at = end
                continue
            if name == b"iCCP":
                found = _unpacked(bytes(view[at + 8 : end - 4]))
                if found is None or len(found) >= _USUAL_PROFILE:
                    profile = found
                    at = end
                    continue
        kept.append(view[at:end])
        at = end
    if at == len(data) and sum(map(len, kept)) == len(data):
        return data, None, ()
    return b"".join([*kept, view[at:]]), profile, tuple(dict.fromkeys(notes))


def _is_packed(name: bytes, body: memoryview) -> bool:
    start = bytes(body[:80]).find(b"\0")
    return name == b"iTXt" and start >= 0 and bytes(body[start + 1 : start + 2]) == b"\1"


def _unpacked(body: bytes) -> bytes | None:
    _, _, packed = body.partition(b"\0")
    try:
        reader = zlib.decompressobj()
        profile = reader.decompress(packed[1:], _MOST_PROFILE)
    except zlib.error:
        return None
    return None if reader.unconsumed_tail else profile


def lacks_end(data: bytes) -> bool:
    """Tell whether a JPEG has no mark at its end."""
    if data.endswith(b"\xff\xd9"):
        return False
    at = pixels_at(data)
    return at is not None and data.find(b"\xff\xd9", at) < 0


def pixels_at(data: bytes) -> int | None:
    """Return where the pixels of a JPEG begin, behind the header of its first scan; None where there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        elif marker == 0xD9:
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xDA:
                return at
    return None


def ended(data: bytes, filler: int = 0) -> bytes:
    """Return a JPEG with a mark at its end; `filler` stands for pixels that may be missing."""
    return data + bytes([filler] * 64) * bool(filler) + b"\xff\xd9"
