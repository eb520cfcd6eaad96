"""Image formats known by their first bytes, and their names: MIME types, suffixes, Pillow's names. Decodes nothing."""

from __future__ import annotations

import struct
from pathlib import Path

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.pictures.leniency import pixels_at
from notebook_img.pictures.tiff import is_camera_raw

MIME_TYPES: dict[str, str] = {
    ".png": "image/png",
    ".apng": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heic",
    ".ico": "image/x-icon",
    ".jp2": "image/jp2",
    ".pgm": "image/x-portable-anymap",
    ".ppm": "image/x-portable-anymap",
    ".pnm": "image/x-portable-anymap",
    ".hif": "image/heic",
    ".j2k": "image/jp2",
    ".mpo": "image/jpeg",
    **dict.fromkeys((".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"), "image/x-camera-raw"),
}
"""Suffix (lower case, with its dot) to MIME type: what may be read, and what a name is taken to mean."""

SUFFIXES: dict[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "image/x-icon": ".ico",
    "image/jp2": ".jp2",
    "image/x-portable-anymap": ".ppm",
    "image/x-camera-raw": ".raw",
}
"""MIME type to the suffix our files get."""

PILLOW_NAMES: dict[str, str] = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/x-icon": "ICO",
    "image/jp2": "JPEG2000",
    "image/x-portable-anymap": "PPM",
}
"""MIME type to the name Pillow registers a format under; HEIC is pillow-heif's."""

WRITABLE: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""Suffixes a picture can be converted to when it is saved (HEIC too where pillow-heif is installed)."""

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/heif": "image/heic",
    "image/vnd.microsoft.icon": "image/x-icon",
}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"FUJIFILMCCD-RAW", "image/x-camera-raw"),
    (b"IIRO", "image/x-camera-raw"),
    (b"IIRS", "image/x-camera-raw"),
    (b"MMOR", "image/x-camera-raw"),
    (b"IIU\x00", "image/x-camera-raw"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
)

# ISO base media brands, ISO/IEC 23008-12 (HEIF) and AV1 Image File Format 1.1.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"crx ": "image/x-camera-raw",
}


_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"II\xbc\x01", "a JPEG XR image"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"DDS ", "a DirectDraw texture"),
    (b"qoif", "a QOI image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"icns", "an Apple icon"),
    (b"DICM", "DICOM"),
)
"""Image formats that are known and not read, with the bytes they begin with."""


def normal_mime_type(mime_type: str) -> str:
    """Return the registered name of a MIME type: ``image/jpg`` becomes ``image/jpeg``, parameters go."""
    plain = mime_type.split(";", 1)[0].strip().casefold()
    return _ALIASES.get(plain, plain)


def sniff(data: bytes) -> str | None:
    """Return the MIME type of an image by its first bytes, or None when they are not of a known image format.

    Names and declared types are never asked: services deliver JPEG as ``.png`` (llmsresearch/paperbanana#53).

    Parameters
    ----------
    data : bytes
        The file, or at least its first 64 bytes (of which a camera's raw data in TIFF cannot be told from other TIFF).
    """
    head = bytes(data[:64])
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return "image/x-camera-raw" if mime_type == "image/tiff" and is_camera_raw(data) else mime_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    # Two letters alone would take in any text that starts with "BM": the header's length has to be one of the known ones.
    if head[:2] == b"BM" and len(head) >= 18 and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}:
        return "image/bmp"
    if head[:1] == b"P" and head[1:2] in b"23456" and len(head) > 3 and head[2:3] in b" \t\r\n":
        return "image/x-portable-anymap"
    if head[4:8] == b"ftyp":
        length = min(int.from_bytes(head[:4], "big"), 64)
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]
        # "mif1" only says "HEIF structure": an AVIF file may lead with it and name itself later.
        named = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        return "image/avif" if "image/avif" in named else next(iter(named), None)
    return None


def is_picture_file(name: str) -> bool:
    """Return whether a file is a picture by its first bytes, whatever its name; one of a kind that is known and not read is one too."""
    try:
        with Path(name).expanduser().open("rb") as file:
            head = file.read(132)
    except (OSError, ValueError, RuntimeError):  # a null character, a user who does not exist
        return False
    return sniff(head) is not None or _unread(head) != ""


def _unread(head: bytes) -> str:
    """Return the name of an image format that is known and not read, or an empty string."""
    return next((name for mark, name in _NOT_READ if head[_MARK_AT.get(name, 0) :].startswith(mark)), "")


_MARK_AT = {"DICOM": 128}


def what_it_is(data: bytes) -> str:
    """Return what bytes are that are not an image, in a few words for an error message."""
    if not data:
        return "is empty"
    head = bytes(data[:1024])
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself (git lfs pull fetches it)"
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return "is an SVG drawing, and only pixel images are taken (export it as PNG)"
    if text.startswith((b"<!doctype html", b"<html")):
        return "is an HTML page, not an image"
    if head.startswith(b"%PDF"):
        return "is a PDF document, not an image (export its page as PNG)"
    if name := _unread(head):
        return f"is {name}, which is not read here (export it as PNG or JPEG)"
    if head[4:8] == b"ftyp":
        return "is a video or another media file, not an image"
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "is an archive, not an image"
    try:
        head[:1000].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head[:1000]) - 3:
            return "is not an image of a known format"
    return "is not an image of a known format" if b"\x00" in head else "holds text, not an image"


def header_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) as the header of a PNG, GIF, BMP or WebP file claims them; None where only the decoder can tell.

    Pillow's WebP reader allocates the whole canvas as soon as it opens a file, so the size must be known before.
    """
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
            return struct.unpack(">II", data[16:24])
        if data[:4] == b"GIF8":
            return struct.unpack("<HH", data[6:10])
        if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") >= 40:
            width, height = struct.unpack("<ii", data[18:26])
            return abs(width), abs(height)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError):
        pass
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Read the canvas size of a WebP file (Google's "WebP Container Specification", RFC 9649)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def broken_structure(data: bytes, mime_type: str) -> str | None:
    """Return what is wrong with a PNG or JPEG as a file, or None; costs far less than decoding.

    PNG: every chunk with its checksum up to the end mark. JPEG: the segments up to the pixels, and an end mark after them.
    """
    if mime_type == "image/png":
        return _broken_png(data)
    if mime_type == "image/jpeg":
        return _broken_jpeg(data)
    return None


def _broken_png(data: bytes) -> str | None:
    import zlib

    at, pixels = 8, False
    view = memoryview(data)
    while at + 12 <= len(data):
        length = int.from_bytes(view[at : at + 4], "big")
        kind = bytes(view[at + 4 : at + 8])
        end = at + 12 + length
        if end > len(data):
            return "is cut off"
        if kind[:1].isupper() and zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            return "is damaged (a checksum is wrong)"
        pixels = pixels or kind == b"IDAT"
        if kind == b"IEND":
            return None if pixels else "holds no pixels"
        at = end
    return "is cut off"


def _broken_jpeg(data: bytes) -> str | None:
    # Behind the first scan header FF is followed by 00 or a restart mark, so FF D9 is the end of the picture, also where a phone
    # appended a video to it. Where it is missing, the decoder tells whether pixels are missing too.
    if pixels_at(data) is not None:
        return None
    return "is cut off or holds no pixels"


def mime_type_for(path: Path) -> str:
    """Return the MIME type a file of this name must have.

    Raises
    ------
    UsageError
        When the suffix is that of no image format we write; the message lists them.
    """
    suffix = path.suffix.casefold()
    mime_type = MIME_TYPES.get(suffix)
    if mime_type is None or mime_type not in {MIME_TYPES[known] for known in (*WRITABLE, ".heic")}:
        ending = f"{suffix!r} is not an image format that can be written" if suffix else f"{path.name!r} has no suffix that names a format"
        raise UsageError(f"{ending}. End the name with {', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}.{did_you_mean(suffix, WRITABLE)}")
    return mime_type
