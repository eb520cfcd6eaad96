"""Raw provider state: JSON with bytes anywhere in it, kept in files and returned bit for bit.

One JSON file per state, ``raw/ab/abcdef….json``; longer bytes values are files of their own beside it, or the picture file when they
are the bytes of a stored picture, so that a reply's picture is written once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from notebook_img.errors import StoreError
from notebook_img.files import reason
from notebook_img.store.picture_files import PictureFiles

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.store.database import Database

INLINE = 1024
"""Bytes values up to this size are base64 in the JSON: a file for each would cost a write to the disk."""

_BYTES = "$bytes"
_INLINE = "$base64"
_ESCAPED = "$dict"


class RawStates:
    """Raw states in files by content."""

    def __init__(self, database: Database, pictures: PictureFiles) -> None:
        self._database = database
        self._pictures = pictures
        self._shelf = database.shelf
        self._folder = database.files / "raw"

    def put_raw(self, state: Any, pictures: Mapping[str, bytes] | None = None) -> str:
        """Store a raw state and return its name.

        Parameters
        ----------
        state : JSON value
            Objects with text keys, lists (tuples come back as lists), text, numbers, booleans, None, and bytes.
        pictures : mapping, optional
            Stored pictures by sha256, so that one of them in the state is not hashed and looked for again.

        Raises
        ------
        StoreError
            When it cannot be written.
        TypeError
            When it holds something else.
        """
        if self._database.read_only:
            raise StoreError(f"The store at {self._database.shown} is open for reading only; nothing was changed.")

        known = {id(data): sha256 for sha256, data in (pictures or {}).items()}

        def keep(data: bytes) -> str:
            if id(data) in known:
                return known[id(data)]
            name = hashlib.sha256(data).hexdigest()
            if not self._pictures.is_kept(name):
                self._shelf.put(self._path(name, ".bin"), data, durable=False)
            return name

        text = json.dumps(pack(state, keep), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        name = hashlib.sha256(text).hexdigest()
        # Not synced: what a power cut takes of it is noticed by its hash, and the session goes on without it.
        self._shelf.put(self._path(name, ".json"), text, durable=False)
        return name

    def load_raw(self, name: str) -> Any:
        """Return a raw state exactly as it was stored.

        Raises
        ------
        StoreError
            When its files are missing or damaged.
        """
        return unpack(json.loads(self.raw_bytes(name, ".json").decode("utf-8", "surrogatepass")), self.blob)

    def raw_bytes(self, name: str, suffix: str) -> bytes:
        """Return one of the files of a raw state (``.json`` or ``.bin``), checked against its name."""
        path = self._path(name, suffix)
        try:
            self._shelf.bring(path)
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != name and self._shelf.bring(path, anew=True):
                data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"Raw state {name[:12]}… cannot be read: {reason(error)}. The session goes on without it.") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise StoreError(f"Raw state {name[:12]}… is damaged: its bytes do not match its name. The session goes on without it.")
        return data

    def raw_references(self, name: str) -> set[str]:
        """Return the hashes of the bytes values a raw state refers to (blob or picture files)."""
        found: set[str] = set()

        def note(blob: str) -> bytes:
            found.add(blob)
            return b""

        unpack(json.loads(self.raw_bytes(name, ".json").decode("utf-8", "surrogatepass")), note)
        return found

    def has_raw(self, name: str) -> bool:
        """Return whether the state's own file exists."""
        return self._shelf.holds(self._stem(name), (".json",))

    def drop_raw(self, name: str) -> None:
        """Delete a state's own file."""
        self._shelf.drop(self._path(name, ".json"))

    def blob(self, name: str) -> bytes:
        """Return the bytes of one value by its hash."""
        return self.raw_bytes(name, ".bin") if self._shelf.find(self._stem(name), (".bin",)) else self._pictures.read_picture(name)

    def _stem(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / name[:2] / f"{name}{suffix}"


def pack(value: Any, keep: Callable[[bytes], str]) -> Any:
    """Return `value` as plain JSON: longer bytes as the name `keep` gives them, shorter ones as base64."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return {_INLINE: base64.b64encode(data).decode("ascii")} if len(data) <= INLINE else {_BYTES: keep(data)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("raw state can only have text as keys")
        packed = {key: pack(item, keep) for key, item in value.items()}
        # An object that looks like one of our marks is wrapped, so that nothing in a reply can be taken for one.
        return {_ESCAPED: packed} if len(packed) == 1 and next(iter(packed)) in {_BYTES, _INLINE, _ESCAPED} else packed
    if isinstance(value, (list, tuple)):
        return [pack(item, keep) for item in value]
    return value


def unpack(value: Any, load: Callable[[str], bytes]) -> Any:
    """Undo `pack`."""
    if isinstance(value, dict):
        if len(value) == 1:
            [(mark, inner)] = value.items()
            if mark == _INLINE:
                return base64.b64decode(inner)
            if mark == _BYTES:
                return load(inner)
            if mark == _ESCAPED:
                return {key: unpack(item, load) for key, item in inner.items()}
        return {key: unpack(item, load) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item, load) for item in value]
    return value
