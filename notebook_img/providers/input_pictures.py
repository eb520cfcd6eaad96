"""The input pictures of a request as services take them inside JSON: copies within the model's limits, data URLs, hashes for the record."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture, Prepared
    from notebook_img.providers.interface import Capabilities


def copies_of(pictures: Sequence[Picture], limits: Capabilities) -> tuple[list[Prepared], list[str]]:
    """Return the copies that are sent and what was done to them; blocks, so it runs in a thread."""
    from notebook_img.pictures import prepare

    copies = [
        prepare(
            picture,
            mime_types=limits.input_mime_types,
            max_bytes=limits.max_input_bytes,
            max_side=limits.max_input_side,
            max_pixels=limits.max_input_pixels,
        )
        for picture in pictures
    ]
    return copies, [f"image {number}: {note}" for number, copy in enumerate(copies, 1) for note in copy.notes]


def data_url(data: bytes, mime_type: str) -> str:
    """Return a picture as a data URL."""
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"


def hash_of(data: bytes) -> str:
    """Return what stands for a picture in the record of what was sent."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
