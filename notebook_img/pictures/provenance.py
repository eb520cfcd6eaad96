"""How a picture was made (prompt, model, parent ...), written into the file and read back, without touching its pixels.

PNG gets iTXt chunks, JPEG and WebP an XMP packet. A file with content credentials (C2PA) is never changed: a manifest
covers the whole file, and one added byte turns "made by X" into "tampered with" (supernovae-st/nika PR 177).
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from notebook_img.pictures.formats import header_size, normal_mime_type, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEYWORD = b"notebook_img"
"""Keyword of our PNG chunk; its text is JSON."""

_NAMESPACE = "urn:notebook-img:provenance:1"
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\x00"
_SEGMENT_LIMIT = 65_533
"""Most bytes a JPEG segment holds behind its length."""

_MOST = 1_000_000
"""Most bytes of provenance that are read or written; a hostile file may claim more."""

_OURS = re.compile(rb'<rdf:Description[^>]*xmlns:notebook_img="[^"]*".*?</rdf:Description>\s*', re.DOTALL)
_FACTS = re.compile(rb"<notebook_img:facts>(.*?)</notebook_img:facts>", re.DOTALL)


def write_provenance(data: bytes, mime_type: str, facts: Mapping[str, Any]) -> bytes:
    """Return the file with `facts` written into it.

    Parameters
    ----------
    data : bytes
        A PNG, JPEG or WebP file.
    mime_type : str
        Its type. For other types, damaged files, and files with content credentials, `data` is returned as it is.
    facts : mapping
        JSON-like; ``prompt`` is written as the file's description too.
    """
    kind = normal_mime_type(mime_type)
    if not facts or kind not in {"image/png", "image/jpeg", "image/webp"} or sniff(data) != kind or has_credentials(data):
        return data
    text = json.dumps(dict(facts), ensure_ascii=False, sort_keys=True, default=str).encode("utf-8", "replace")
    if len(text) > _MOST:
        return data
    prompt = str(facts.get("prompt") or "")
    try:
        if kind == "image/png":
            return _into_png(data, text, prompt)
        if kind == "image/jpeg":
            return _into_jpeg(data, text, prompt)
        return _into_webp(data, text, prompt)
    except (struct.error, IndexError, ValueError):
        return data


def read_provenance(data: bytes) -> dict[str, Any] | None:
    """Return what `write` put into a file, or None. Other programs' metadata is not ours to interpret."""
    kind = sniff(data)
    text: bytes | None = None
    try:
        if kind == "image/png":
            text = next(
                (_png_text(body) for name, body in _png_chunks(data) if name == b"iTXt" and body.startswith(_KEYWORD + b"\0")), None
            )
        elif kind == "image/jpeg":
            text = _xmp_facts(next((body[len(_XMP_MARK) :] for marker, body, _, _ in _segments(data) if _is_xmp(marker, body)), b""))
        elif kind == "image/webp":
            text = _xmp_facts(next((body for name, body in _riff_chunks(data) if name == b"XMP "), b""))
        facts = json.loads(text) if text and len(text) <= _MOST else None
    except (struct.error, IndexError, ValueError, zlib.error, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def has_credentials(data: bytes) -> bool:
    """Return whether a file carries content credentials.

    By the C2PA specification 2.1, appendix A: JPEG keeps the manifest in APP11 segments with JUMBF boxes, PNG in a
    ``caBX`` chunk, WebP in a ``C2PA`` chunk, ISO media (AVIF, HEIC) in a ``uuid`` box, TIFF in a field; a manifest kept
    elsewhere is named in XMP by ``dcterms:provenance``.
    """
    kind = sniff(data)
    try:
        if kind == "image/png":
            return any(
                name == b"caBX" or (name == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0") and _names_manifest(body))
                for name, body in _png_chunks(data)
            )
        if kind == "image/jpeg":
            return any(
                (marker == 0xEB and body[:2] == b"JP" and (b"jumb" in body[:32] or b"c2pa" in body[:256]))
                or (_is_xmp(marker, body) and _names_manifest(body))
                for marker, body, _, _ in _segments(data)
            )
        if kind == "image/webp":
            return any(name == b"C2PA" or (name == b"XMP " and _names_manifest(body)) for name, body in _riff_chunks(data))
    except (struct.error, IndexError):
        return False
    # The user type of the C2PA uuid box, and the word every manifest store begins with.
    return kind is not None and (bytes.fromhex("d8fec3d61b0e483c92975828877ec481") in data[:65536] or b"jumdc2pa" in data)


def _names_manifest(xmp: bytes) -> bool:
    return b"dcterms:provenance" in xmp


# PNG: https://www.w3.org/TR/png-3/#11iTXt


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        yield name, data[at + 8 : at + 8 + length] if name in {b"iTXt", b"caBX"} else b""
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _itxt(keyword: bytes, text: bytes) -> bytes:
    return _chunk(b"iTXt", keyword + b"\0\0\0\0\0" + text)


def _png_text(body: bytes) -> bytes:
    """Return the text of an iTXt chunk, inflated within bounds."""
    _, _, rest = body.partition(b"\0")
    compressed, rest = rest[:1] == b"\1", rest[2:]
    _, _, rest = rest.partition(b"\0")
    _, _, text = rest.partition(b"\0")
    return zlib.decompressobj().decompress(text, _MOST) if compressed else text


def _into_png(data: bytes, text: bytes, prompt: str) -> bytes:
    parts = [data[:8]]
    at, described, written = 8, False, False
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
        if name in {b"iTXt", b"tEXt", b"zTXt"} and body.startswith(b"Description\0"):
            described = True
        if name == b"iTXt" and body.startswith(_KEYWORD + b"\0"):
            at = end
            continue
        if name == b"IDAT" and not written:
            parts.append(_itxt(_KEYWORD, text))
            if prompt and not described:
                parts.append(_itxt(b"Description", prompt.replace("\0", "").encode("utf-8", "replace")))
            written = True
        parts.append(data[at:end])
        at = end
    parts.append(data[at:])
    return b"".join(parts) if written else data


# JPEG: ITU-T T.81, and Adobe's XMP specification part 3


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield (marker, content, start, end) of the segments before the pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in {0xD9, 0xDA}:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : end], at, end
        at = end


def _is_xmp(marker: int, body: bytes) -> bool:
    return marker == 0xE1 and body.startswith(_XMP_MARK)


def _into_jpeg(data: bytes, text: bytes, prompt: str) -> bytes:
    place, old = (2, 2), b""
    for marker, body, start, end in _segments(data):
        if _is_xmp(marker, body):
            place, old = (start, end), body[len(_XMP_MARK) :]
            break
        # Readers expect JFIF and EXIF first.
        if marker in {0xE0, 0xE1}:
            place = (end, end)
    packet = _XMP_MARK + _xmp(old, text, prompt)
    if len(packet) > _SEGMENT_LIMIT:
        packet = _XMP_MARK + _xmp(old, text, "")
    if len(packet) > _SEGMENT_LIMIT:
        return data
    return data[: place[0]] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + data[place[1] :]


# WebP: RFC 9649


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + (b"\0" if len(body) & 1 else b"")


def _into_webp(data: bytes, text: bytes, prompt: str) -> bytes:
    chunks = [(name, body) for name, body in _riff_chunks(data)]
    old = next((body for name, body in chunks if name == b"XMP "), b"")
    size = header_size(data)
    if not chunks or size is None:
        return data
    if chunks[0][0] != b"VP8X":
        # Only the extended form may hold XMP. Bit 28 of a lossless header says whether alpha is used.
        alpha = chunks[0][0] == b"VP8L" and bool(chunks[0][1][4] & 0x10)
        canvas = (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
        chunks.insert(0, (b"VP8X", bytes([0x10 if alpha else 0, 0, 0, 0]) + canvas))
    flags = chunks[0][1]
    chunks[0] = (b"VP8X", bytes([flags[0] | 0x04]) + flags[1:])
    body = b"".join(_riff_chunk(name, content) for name, content in chunks if name != b"XMP ")
    body += _riff_chunk(b"XMP ", _xmp(old, text, prompt))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _xmp(old: bytes, text: bytes, prompt: str) -> bytes:
    """Return an XMP packet with our facts; what another program wrote stays in it."""
    facts = escape(_printable(text.decode("utf-8")), quote=True)
    description = ""
    if prompt and b"dc:description" not in _OURS.sub(b"", old):
        words = escape(_printable(prompt), quote=True)
        description = f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>'
    ours = (
        f'<rdf:Description rdf:about="" xmlns:notebook_img="{_NAMESPACE}" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{description}<notebook_img:facts>{facts}</notebook_img:facts></rdf:Description>"
    ).encode()
    kept = _OURS.sub(b"", old)
    head, end, tail = kept.rpartition(b"</rdf:RDF>")
    if end:
        return head + ours + end + tail
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' + ours + b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _printable(text: str) -> str:
    """Return text without what XML 1.0 cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _xmp_facts(packet: bytes) -> bytes | None:
    found = _FACTS.search(packet[: 4 * _MOST])
    return unescape(found.group(1).decode("utf-8", "replace")).encode("utf-8", "replace") if found else None
