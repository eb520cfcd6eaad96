"""Place, serial numbers and owner cut out of a file without encoding its pixels again; orientation and colours stay.

EXIF is blanked where it stands, so that nothing else in the file moves; XMP and IPTC are taken out whole where they name any of it, for
both repeat what EXIF says in many words. What cannot be read is taken to tell all. Camera raw data is developed instead: its makers' notes
say both which camera it was and how its pixels are to be read, so blanking them would change the picture.
"""

from __future__ import annotations

import re
import struct
import zlib
from itertools import islice
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError, PictureError
from notebook_img.pictures.boxed_metadata import metadata_boxes, metadata_items
from notebook_img.pictures.formats import sniff
from notebook_img.pictures.metadata_blocks import ALL, OWNER, PLACE, SERIALS, emptied_exif, thinned_exif, thinned_tiff, told_by_xmp

if TYPE_CHECKING:
    from notebook_img.pictures.boxed_metadata import Part
    from notebook_img.pictures.picture import Picture

_PNG_TEXTS = re.compile(rb"(?i)raw profile type (?:exif|app1|iptc|xmp|8bim)|XML:com\.adobe\.xmp|author|artist|owner|copyright|location")
_IPTC = re.compile(rb"8BIM\x04[\x04\x22-\x24]")
"""Photoshop's resources that hold IPTC, EXIF or XMP."""
_GIF_XMP = b"!\xff\x0bXMP DataXMP"
_NOTHING: frozenset[str] = frozenset()
CAMERA_RAW = "image/x-camera-raw"
_MOST_TEXT = 4_000_000
"""Characters of XMP that are read; more is taken to tell all."""
_MOST_STRAY = 16
"""Blocks of EXIF looked for outside of what a file lists."""
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"


def without_private_parts(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a file without what tells where it was made, by which camera and by whom.

    Parameters
    ----------
    data : bytes
        Of any format that is read.

    Returns
    -------
    (bytes, tuple of str)
        The file, the same object where nothing had to go, and what went: ``"place"``, ``"serial numbers"``, ``"owner"``.
        It is a PNG where that cannot be cut out of its format: of camera raw data, and of a file that is damaged.

    Raises
    ------
    PictureError
        For camera raw data that cannot be developed here.
    """
    cutters = {
        "image/jpeg": _from_jpeg,
        "image/png": _from_png,
        "image/webp": _from_webp,
        "image/gif": _from_gif,
        "image/tiff": thinned_tiff,
        "image/heic": _from_boxes,
        "image/avif": _from_boxes,
        "image/jp2": _from_boxes,
        "image/x-icon": _from_icon,
        CAMERA_RAW: _from_camera_raw,
    }
    cutter = cutters.get(sniff(data) or "")
    if cutter is None:
        return data, ()
    try:
        cut, found = cutter(data)
    except (struct.error, IndexError, ValueError, zlib.error):
        cut, found = _encoded_anew(data)
    return (cut, tuple(name for name in (PLACE, SERIALS, OWNER) if name in found)) if found else (data, ())


def to_leave(picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """Return a picture as a service may have it, the same where nothing had to go, and what went."""
    from notebook_img.pictures.picture import Picture

    if picture.mime_type == CAMERA_RAW:
        return picture, ()  # no service takes such a file: what is sent is the picture it is developed to
    cut, gone = without_private_parts(picture.data)
    if not gone:
        return picture, ()
    if not cut.startswith(picture.data[:4]):  # encoded anew
        return Picture(cut, name=picture.name), gone
    # The pixels are the same, so what is known of them holds.
    return Picture(cut, name=picture.name, mime_type=picture.mime_type, width=picture.width, height=picture.height), gone


def _encoded_anew(data: bytes) -> tuple[bytes, frozenset[str]]:
    """Return the pixels alone, as PNG: of a file in which nothing can be told from anything."""
    from notebook_img.pictures.picture import Picture, from_pil

    try:
        return from_pil(Picture(data).pil()).data, ALL
    except NotebookImgError:
        return data, frozenset()  # no picture: it goes nowhere


def _from_jpeg(data: bytes) -> tuple[bytes, frozenset[str]]:
    kept, found, more = [data[:2]], set[str](), b""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:  # a fill byte, which may stand before any marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        marker, body = data[at + 1], data[at + 4 : end]
        part, here = data[at:end], _NOTHING
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            block, here = thinned_exif(body)
            part = part[:4] + block
        elif marker == 0xE1 and body.startswith(_XMP):
            here = told_by_xmp(body[len(_XMP) :])
            part = b"" if here else part
        elif marker == 0xE1 and body.startswith(_XMP_MORE):
            more += body[len(_XMP_MORE) + 40 :]  # behind an identifier, the whole length and the place in it
        elif marker == 0xED and _IPTC.search(body):
            part, here = b"", frozenset({OWNER})
        kept.append(part)
        found |= here
        at = end
    if told := told_by_xmp(more):  # in pieces, which only together can be read
        found |= told
        kept = [part for part in kept if not part.startswith(_XMP_MORE, 4)]
    # Behind the picture phones keep further pictures and videos, each with a place of its own.
    end = data.find(b"\xff\xd9", at) + 2
    if end > 2 and (b"Exif\0\0" in data[end:] or data[end + 4 : end + 8] == b"ftyp" or b"ftypmp4" in data[end:]):
        found.add(PLACE)
        kept = [part for part in kept if part[4:8] != b"MPF\0"]
        return b"".join([*kept, data[at:end]]), frozenset(found)
    return b"".join([*kept, data[at:]]), frozenset(found)


def _from_png(data: bytes) -> tuple[bytes, frozenset[str]]:
    kept, found, at = [data[:8]], _NOTHING, 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        part, here = data[at:end], _NOTHING
        if name == b"eXIf":
            block, here = thinned_exif(body)
            # Readers pass over a block with a wrong checksum. Mended, its orientation would begin to count, so it is left out.
            part = _chunk(name, block) if _chunk(name, body) == part else b""
        elif name in {b"tEXt", b"zTXt", b"iTXt"} and _PNG_TEXTS.match(body.split(b"\0", 1)[0]):
            here = _in_text(name, body)
            part = b"" if here else part
        kept.append(part)
        found |= here
        at = end
    return b"".join([*kept, data[at:]]), found


def _in_text(name: bytes, body: bytes) -> frozenset[str]:
    """Return what a PNG text tells; a profile of EXIF or IPTC written as hexadecimal is taken to tell all of it."""
    keyword, _, rest = body.partition(b"\0")
    if keyword.lower().startswith(b"raw profile"):
        return ALL
    if not keyword.startswith(b"XML"):
        return frozenset({PLACE} if keyword.lower() == b"location" else {OWNER})
    text = rest[2:].split(b"\0", 2)[-1]
    if name != b"iTXt" or rest[:1] != b"\1":
        return told_by_xmp(text)
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(text, _MOST_TEXT)
    except zlib.error:
        return ALL
    return ALL if unpacking.unconsumed_tail else told_by_xmp(plain)


def _from_webp(data: bytes) -> tuple[bytes, frozenset[str]]:
    kept, found, at, dropped = [], _NOTHING, 12, 0
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        body = data[at + 8 : at + 8 + length]
        part, here = data[at:end], _NOTHING
        if name == b"EXIF":
            block, here = thinned_exif(body)
            part = data[at : at + 8] + block + bytes(length % 2)
        elif name == b"XMP " and (here := told_by_xmp(body)):
            part, dropped = b"", 0x04
        kept.append(part)
        found |= here
        at = end
    body = b"".join(kept)
    if dropped and body[:4] == b"VP8X":
        body = body[:8] + bytes([body[8] & ~dropped]) + body[9:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body, found


def _from_gif(data: bytes) -> tuple[bytes, frozenset[str]]:
    found = _NOTHING
    while (start := data.find(_GIF_XMP)) >= 0:
        end = start + len(_GIF_XMP)
        while end < len(data) and data[end]:  # as decoders pass over it: by the length of each block
            end += data[end] + 1
        here = told_by_xmp(data[start + len(_GIF_XMP) : end])
        if not here:
            break
        data, found = data[:start] + data[end + 1 :], found | here
    return data, found


def _from_icon(data: bytes) -> tuple[bytes, frozenset[str]]:
    """Return an icon as it is, or its largest picture alone where one of them is a PNG that tells something."""
    for number in range(int.from_bytes(data[4:6], "little")):
        length, start = struct.unpack_from("<II", data, 14 + 16 * number)
        inner = data[start : start + length]
        if sniff(inner) == "image/png" and (found := _from_png(inner)[1]):
            return _encoded_anew(data)[0], found
    return data, _NOTHING


def _from_camera_raw(data: bytes) -> tuple[bytes, frozenset[str]]:
    from notebook_img.pictures.picture import Picture, from_pil

    try:
        return from_pil(Picture(data).pil()).data, ALL
    except PictureError as error:
        raise PictureError(
            "It is camera raw data, which tells which camera it was and cannot be developed here, so it stays here. "
            "Export it as JPEG or TIFF.",
            hint=error.hints,
        ) from error


def _from_boxes(data: bytes) -> tuple[bytes, frozenset[str]]:
    """Blank EXIF and XMP of HEIC, AVIF and JPEG 2000 where they stand: places in such a file are counted from its beginning."""
    block, found = bytearray(data), _NOTHING
    for part in (*metadata_items(data), *metadata_boxes(data)):
        found |= _blanked_part(block, part)
    # What no list names, other programs may look for as this does.
    for match in islice(re.finditer(rb"Exif\0\0(?=II\*\0|MM\0\*)", block), _MOST_STRAY):
        cut, here = thinned_tiff(bytes(block[match.end() :]))
        block[match.end() :] = cut
        found |= here
    for match in re.finditer(rb"<x:xmpmeta.*?</x:xmpmeta>", block, re.DOTALL):
        if here := told_by_xmp(match.group()):
            block[match.start() : match.end()] = b" " * len(match.group())
            found |= here
    return bytes(block), found


def _blanked_part(block: bytearray, part: Part) -> frozenset[str]:
    body = b"".join(block[start:stop] for start, stop in part.spans)
    if part.kind == "xmp":
        told = told_by_xmp(body)
        cut = b" " * len(body) if told else body
    else:
        cut, told = _thinned_item(body)
    for start, stop in part.spans if told else ():
        block[start:stop], cut = cut[: stop - start], cut[stop - start :]
    return told


def _thinned_item(body: bytes) -> tuple[bytes, frozenset[str]]:
    """Return an item of EXIF, which in HEIC and AVIF begins with how far behind the first four bytes its header is."""
    if body[:2] in {b"II", b"MM"}:  # as in JPEG 2000
        return thinned_exif(body)
    at = 4 + int.from_bytes(body[:4], "big")
    if body[4:at] in {b"", b"Exif\0\0"} and at <= len(body):
        block, told = thinned_exif(body[at:])
        return body[:at] + block, told
    return bytes(4) + emptied_exif(bytes(len(body) - 4)), ALL


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
