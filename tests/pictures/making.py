"""Image files for the tests, made here: every format, mode and oddity they speak about."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def photo(width: int = 60, height: int = 40, mode: str = "RGB", seed: int = 7) -> Image.Image:
    """A picture in which no two corners are alike."""
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, 4), dtype=np.uint8)
    noise[..., 0] += np.linspace(0, 190, width, dtype=np.uint8)[None, :]
    noise[..., 1] += np.linspace(0, 190, height, dtype=np.uint8)[:, None]
    noise[..., 3] = np.linspace(0, 255, width, dtype=np.uint8)[None, :]
    image = Image.fromarray(noise)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def webp_header(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def sixteen_bit_rgb_png(width: int = 8, height: int = 8) -> bytes:
    """Pillow cannot write 48-bit PNG, other programs do."""
    rows = b"".join(b"\x00" + struct.pack(">HHH", 65535, 32768, 256) * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def with_orientation(image: Image.Image, orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}[kind]
    return file(image, kind, exif=exif, **options)
