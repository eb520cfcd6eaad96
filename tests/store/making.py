"""Small real pictures and turns for the tests of store and tree."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any

from notebook_img.records import Kind, PictureUse, Role, SessionRecord, TurnRecord
from notebook_img.store import Store, check_store


def png(seed: int | str = 0, *, size: int = 0) -> bytes:
    """Return a PNG of one pixel, different for every seed, filled up to about `size` bytes with incompressible text."""
    digest = hashlib.sha256(str(seed).encode()).digest()
    filling = b"".join(hashlib.sha256(digest + number.to_bytes(4)).hexdigest().encode() for number in range(size // 64))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    words = chunk(b"tEXt", b"Comment\0" + digest.hex().encode() + filling)
    return b"\x89PNG\r\n\x1a\n" + header + words + chunk(b"IDAT", zlib.compress(b"\0" + digest[:3])) + chunk(b"IEND", b"")


def use(data: bytes, role: Role = "output", name: str = "") -> PictureUse:
    return PictureUse(hashlib.sha256(data).hexdigest(), role, "image/png", 1, 1, len(data), name)


def add(
    store: Store,
    session: SessionRecord,
    *seeds: int | str,
    parent: int | None = None,
    head_before: int | None = None,
    kind: Kind = "edit",
    move_head: bool | None = None,
    raw: Any = None,
    **fields: Any,
) -> TurnRecord:
    """Add a turn with one made picture for each seed."""
    made = [png(seed) for seed in seeds]
    role: Role = "input" if kind == "ask" else "output"
    record = TurnRecord(
        session_id=session.id,
        number=0,
        kind=kind,
        prompt=fields.pop("prompt", "make it night"),
        model=fields.pop("model", "local:built-in"),
        parent=parent,
        head_before=head_before,
        pictures=tuple(use(data, role) for data in made),
        **fields,
    )
    pictures = {picture.sha256: data for picture, data in zip(record.pictures, made, strict=True)}
    return store.add_turn(record, pictures, move_head=kind != "ask" if move_head is None else move_head, raw=raw)


def problems(store: Store) -> list[str]:
    """Return what is wrong with a store, in Python's words."""
    return [str(problem) for problem in check_store(store)]
