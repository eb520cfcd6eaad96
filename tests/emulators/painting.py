"""The pictures emulators answer with: they depend on the prompt and on the inputs, and are the same every time."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zlib
from functools import lru_cache

from PIL import Image

from tests.emulators.serving import Rejected

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "MPO": "image/jpeg",
}


def opened(data: bytes) -> tuple[str, tuple[int, int]]:
    """Decode a picture completely; return its MIME type and stored size in pixels. Rejected 400 when it is none."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return TYPES.get(picture.format or "", f"image/{(picture.format or '').lower()}"), picture.size
    except Exception as error:  # Pillow raises more than one family for damaged files
        raise Rejected(400, "Unable to process input image. Please retry or report.") from error


@lru_cache(maxsize=64)
def painted(
    prompt: str,
    inputs: tuple[bytes, ...] = (),
    size: tuple[int, int] = (256, 256),
    mime_type: str = "image/png",
    weight: int = 0,
    variant: int = 0,
) -> bytes:
    """Paint a picture.

    Parameters
    ----------
    prompt, inputs, variant
        What it depends on. With inputs it is the first of them, tinted.
    size
        Width and height, pixels.
    mime_type
        PNG, JPEG or WebP.
    weight
        Least size in bytes (PNG and JPEG): filled up with noise that no decoder shows.
    """
    digest = hashlib.sha256(repr((prompt, [hashlib.sha256(data).hexdigest() for data in inputs], variant)).encode()).digest()
    tint = Image.frombytes("RGB", (3, 3), (digest + digest)[:27]).resize(size, Image.Resampling.BICUBIC)
    if inputs:
        with Image.open(io.BytesIO(inputs[0])) as first:
            tint = Image.blend(first.convert("RGB").resize(size), tint, 0.4)
    out = io.BytesIO()
    tint.save(out, FORMATS[mime_type], **({"compress_level": 1} if mime_type == "image/png" else {"quality": 85}))
    return weighted(out.getvalue(), weight, digest)


@lru_cache(maxsize=4)
def textured(size: tuple[int, int]) -> bytes:
    """A PNG with as much detail as a photograph has: about a byte per pixel."""
    noise = Image.effect_noise((size[0] // 2, size[1] // 2), 9).resize(size, Image.Resampling.BICUBIC)
    slope = Image.linear_gradient("L").resize(size)
    out = io.BytesIO()
    Image.merge("RGB", [Image.blend(noise, slope, share) for share in (0.3, 0.5, 0.7)]).save(out, "PNG", compress_level=6)
    return out.getvalue()


def weighted(data: bytes, weight: int, seed: bytes) -> bytes:
    """Fill a PNG (private chunk) or a JPEG (APP15 segments) up to `weight` bytes."""
    missing = weight - len(data)
    if missing <= 12:
        return data
    noise = random.Random(seed).randbytes(missing)
    if data.startswith(b"\x89PNG"):
        body = b"noIs" + noise[: missing - 12]
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:33] + chunk + data[33:]  # after IHDR
    if data.startswith(b"\xff\xd8"):
        pieces = [noise[at : at + 65_000] for at in range(0, missing, 65_000)]
        return data[:2] + b"".join(b"\xff\xef" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces) + data[2:]
    return data
