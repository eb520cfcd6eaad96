"""Place, serial numbers and owner cut out of a file without encoding its pixels again; orientation and colours stay.

EXIF (CIPA DC-008) is blanked where it stands, so that nothing else in the file moves; XMP and IPTC are taken out whole where they name
any of it, for both repeat what EXIF says in many words.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from notebook_img.pictures.formats import sniff

if TYPE_CHECKING:
    from notebook_img.pictures.picture import Picture

PLACE, SERIALS, OWNER = "place", "serial numbers", "owner"

_GPS, _EXIF = 34853, 34665
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
    700: OWNER,  # XMP
    33723: OWNER,  # IPTC
    34377: OWNER,  # Photoshop's resources
}
_XMP_WORDS = (
    (re.compile(rb"GPS(?:Latitude|Longitude|Dest)|photoshop:(?:City|State|Country)|Iptc4xmp\w+:(?:Location|CountryCode|City)"), PLACE),
    (re.compile(rb"SerialNumber|ImageUniqueID"), SERIALS),
    (re.compile(rb"dc:creator|dc:rights|OwnerName|xmpRights:|photoshop:(?:Credit|AuthorsPosition)|CreatorContactInfo|plus:"), OWNER),
)
_PNG_TEXTS = re.compile(rb"(?i)raw profile type (?:exif|app1|iptc|xmp|8bim)|XML:com\.adobe\.xmp|author|artist|owner|copyright|location")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
"""Bytes of a value by TIFF's type."""
_ORDERS = {b"II": "<", b"MM": ">"}
_EMPTY = b"II*\0\x08\0\0\0"
"""The header of EXIF that holds nothing; zeros follow."""
_MOST_DIRECTORIES = 64
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"


def without_private_parts(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a file without what tells where it was made, by which camera and by whom.

    Parameters
    ----------
    data : bytes
        JPEG, PNG, WebP, TIFF, HEIC or AVIF; other files hold none of it.

    Returns
    -------
    (bytes, tuple of str)
        The file, the same object where nothing had to go, and what went: ``"place"``, ``"serial numbers"``, ``"owner"``.
    """
    cutters = {
        "image/jpeg": _from_jpeg,
        "image/png": _from_png,
        "image/webp": _from_webp,
        "image/tiff": _blanked,
        "image/heic": _from_boxes,
        "image/avif": _from_boxes,
    }
    cutter = cutters.get(sniff(data) or "")
    if cutter is None:
        return data, ()
    try:
        cut, found = cutter(data)
    except (struct.error, IndexError, ValueError, zlib.error):
        return data, ()
    return (cut, tuple(name for name in (PLACE, SERIALS, OWNER) if name in found)) if found else (data, ())


def to_leave(picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """Return a picture as it may leave this machine, the same where nothing had to go, and what went."""
    from notebook_img.pictures.picture import Picture

    cut, gone = without_private_parts(picture.data)
    if not gone:
        return picture, ()
    # The pixels are the same, so what is known of them holds.
    return Picture(cut, name=picture.name, mime_type=picture.mime_type, width=picture.width, height=picture.height), gone


def _from_jpeg(data: bytes) -> tuple[bytes, set[str]]:
    kept, found = [data[:2]], set()
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # a fill byte, which may stand before any marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        marker, body = data[at + 1], data[at + 4 : end]
        here: set[str] = set()
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            block, here = _in_exif(body)
            kept.append(data[at : at + 4] + block)
        elif marker == 0xE1 and body.startswith((_XMP, _XMP_MORE)):
            here = _in_xmp(body)
        elif marker == 0xED and b"8BIM\x04\x04" in body:
            here = {OWNER}
        if marker != 0xE1 or not body.startswith(b"Exif\0\0"):
            kept += [] if here else [data[at:end]]
        found |= here
        at = end
    # Behind the picture phones keep further pictures and videos, each with a place of its own.
    end = data.find(b"\xff\xd9", at) + 2
    if end > 2 and (b"Exif\0\0" in data[end:] or data[end + 4 : end + 8] == b"ftyp" or b"ftypmp4" in data[end:]):
        found.add(PLACE)
        kept = [part for part in kept if part[4:8] != b"MPF\0"]
        return b"".join([*kept, data[at:end]]), found
    return b"".join([*kept, data[at:]]), found


def _from_png(data: bytes) -> tuple[bytes, set[str]]:
    kept, found, at = [data[:8]], set(), 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        here: set[str] = set()
        if name == b"eXIf":
            block, here = _in_exif(body)
            kept.append(_chunk(name, block))
        elif name in {b"tEXt", b"zTXt", b"iTXt"} and _PNG_TEXTS.match(body.split(b"\0", 1)[0]):
            here = _in_text(name, body)
        if name != b"eXIf" and not here:
            kept.append(data[at:end])
        found |= here
        at = end
    return b"".join([*kept, data[at:]]), found


def _in_text(name: bytes, body: bytes) -> set[str]:
    """Return what a PNG text tells; a profile of EXIF or IPTC written as hexadecimal is taken to tell all of it."""
    keyword, _, rest = body.partition(b"\0")
    if keyword.lower().startswith(b"raw profile"):
        return {PLACE, OWNER}
    if not keyword.startswith(b"XML"):
        return {PLACE} if keyword.lower() == b"location" else {OWNER}
    packed = name == b"iTXt" and rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]
    try:
        return _in_xmp(zlib.decompressobj().decompress(text, 1_000_000) if packed else text)
    except zlib.error:
        return {PLACE, OWNER}


def _from_webp(data: bytes) -> tuple[bytes, set[str]]:
    kept, found, at, dropped = [], set(), 12, 0
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        body = data[at + 8 : at + 8 + length]
        here: set[str] = set()
        part = data[at:end]
        if name == b"EXIF":
            block, here = _in_exif(body)
            part = data[at : at + 8] + block + bytes(length % 2)
        elif name == b"XMP " and (here := _in_xmp(body)):
            part, dropped = b"", 0x04
        kept.append(part)
        found |= here
        at = end
    body = b"".join(kept)
    if dropped and body[:4] == b"VP8X":
        body = body[:8] + bytes([body[8] & ~dropped]) + body[9:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body, found


def _from_boxes(data: bytes) -> tuple[bytes, set[str]]:
    """Blank EXIF and XMP of HEIC and AVIF where they stand: places in such a file are counted from its beginning."""
    block, found = bytearray(data), set()
    # An item of EXIF begins with where its header is: behind "Exif", or at once, which is an offset of 0.
    for match in re.finditer(rb"(?:Exif\0\0|\0{4})(?=II\*\0|MM\0\*)", data):
        cut, here = _blanked(data[match.end() :])
        block[match.end() :] = cut
        found |= here
    for match in re.finditer(rb"<x:xmpmeta.*?</x:xmpmeta>", data, re.DOTALL):
        here = _in_xmp(match.group())
        if here:
            block[match.start() : match.end()] = b" " * len(match.group())
        found |= here
    return bytes(block), found


def _in_exif(body: bytes) -> tuple[bytes, set[str]]:
    """Return a block of EXIF without private tags; one that cannot be read is emptied, for others may read more of it.

    Nothing readable is lost with it: where orientation can be read, so can the tags beside it.
    """
    lead = body[:6] if body.startswith(b"Exif\0\0") else b""
    block = body[len(lead) :]
    order = _ORDERS.get(block[:2], "")
    first = _number(block, 4, order + "I") if order else 0
    empty = first + 2 <= len(block) and not _number(block, first, order + "H")
    if first and (empty or _number(block, first + 4, order + "H") in _SIZES):
        cut, found = _blanked(block)
        return lead + cut, found
    return (lead + (_EMPTY + bytes(len(block)))[: len(block)], {PLACE, SERIALS, OWNER}) if any(block) else (body, set())


def _in_xmp(packet: bytes) -> set[str]:
    return {name for pattern, name in _XMP_WORDS if pattern.search(packet)}


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _blanked(block: bytes) -> tuple[bytes, set[str]]:
    """Return a TIFF structure of the same length without private tags: their entries taken out, their values overwritten."""
    order = _ORDERS.get(block[:2])
    if order is None or len(block) < 8:
        return block, set()
    (version,) = struct.unpack_from(order + "H", block, 2)
    data, found = bytearray(block), set()
    for at in _directories(block, order, big=version == 43):
        found |= _thinned(data, at, order, big=version == 43)
    return bytes(data), found


def _directories(block: bytes, order: str, *, big: bool) -> Iterator[int]:
    """Yield where directories begin: pages, what hangs below them, and EXIF's own."""
    code, size = ("Q", 8) if big else ("I", 4)
    waiting, seen = [_number(block, size, order + code)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if not at or at in seen or at + 2 > len(block):
            continue
        seen.add(at)
        entries, end = _entries(block, at, order, big=big)
        for tag, _, count, _, held in entries:
            if tag in {_EXIF, 330}:
                waiting += (_number(block, held + index * size, order + code) for index in range(min(count, 16)))
        waiting.append(_number(block, end, order + code))
        yield at


def _number(block: bytes | bytearray, at: int, code: str) -> int:
    """Return a number, 0 for a place outside: a damaged pointer must not keep the rest from being thinned."""
    return int(struct.unpack_from(code, block, at)[0]) if at + struct.calcsize(code) <= len(block) else 0


def _entries(block: bytes | bytearray, at: int, order: str, *, big: bool) -> tuple[list[tuple[int, int, int, int, int]], int]:
    """Return (tag, bytes of the values, count, its place, their place) of what is there of a directory, and where it ends."""
    start, length, inline = at + (8 if big else 2), 20 if big else 12, 8 if big else 4
    there = max(0, (len(block) - start) // length)
    number = min(_number(block, at, order + ("Q" if big else "H")), there)
    found = []
    for index in range(min(number, 65_535)):
        place = start + index * length
        tag, kind, count = struct.unpack_from(order + "HH" + ("Q" if big else "I"), block, place)
        size, held = _SIZES.get(kind, 1) * count, place + length - inline
        if size > inline:
            (held,) = struct.unpack_from(order + ("Q" if big else "I"), block, held)
        found.append((tag, size, count, place, held))
    return found, start + number * length


def _thinned(data: bytearray, at: int, order: str, *, big: bool) -> set[str]:
    """Take private entries out of a directory, where it stands."""
    entries, end = _entries(data, at, order, big=big)
    private = [entry for entry in entries if entry[0] in _TAGS and not _is_public_xmp(data, entry)]
    if not private:
        return set()
    inline = 8 if big else 4
    for tag, size, _, place, held in private:
        if tag == _GPS:
            there = _number(data, held, order + ("Q" if big else "I"))
            below, below_end = _entries(data, there, order, big=big) if there else ([], 0)
            for _, inner, _, _, value in below:
                data[value : value + inner] = bytes(len(data[value : value + inner]))
            data[there:below_end] = bytes(len(data[there:below_end]))
        elif held != place + (20 if big else 12) - inline:
            data[held : held + size] = bytes(len(data[held : held + size]))
    length = 20 if big else 12
    kept = b"".join(bytes(data[place : place + length]) for tag, _, _, place, _ in entries if place not in {entry[3] for entry in private})
    start, following = at + (8 if big else 2), bytes(data[end : end + inline])
    struct.pack_into(order + ("Q" if big else "H"), data, at, len(kept) // length)
    fresh = kept + following
    data[start : end + len(following)] = fresh + bytes(end + len(following) - start - len(fresh))
    return {_TAGS[entry[0]] for entry in private}


def _is_public_xmp(data: bytearray, entry: tuple[int, int, int, int, int]) -> bool:
    """Tell whether an entry is an XMP packet that names nothing private."""
    return entry[0] == 700 and not _in_xmp(bytes(data[entry[4] : entry[4] + entry[1]]))
