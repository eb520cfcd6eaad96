"""The zip of a pack or an export: its members and manifest, every member checked against its hash when it is read.

The member ``manifest.json`` has the version and the size and sha256 of every other one. Nothing is ever unpacked by name. A pack may come
from anybody: what is read of it has limits, is kept in a temporary file and not in memory, and whatever is wrong with it is a `PackError`.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from notebook_img.errors import NotebookImgError, PackError, did_you_mean
from notebook_img.files import reason
from notebook_img.pictures import sniff
from notebook_img.store import json_stream, zip_members

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 2
"""1: without the pictures that were missing when it was written (``missing`` in the manifest)."""
FORMAT = "notebook_img sessions"
MANIFEST = "manifest.json"
MOST_BYTES = 1 << 30
"""Largest member that is read."""
NO_HASH = "none"
"""Of a member whose size is not the one the manifest says."""

_MEMBERS = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;
CREATE TABLE members (name TEXT PRIMARY KEY, method, packed, size, offset, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE gone (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class PackFile:
    """A zip with a manifest of ours, opened for reading.

    Parameters
    ----------
    path : Path
        The zip.

    Raises
    ------
    PackError
        When it is no such file, damaged, or newer than this version. Every method may raise it too.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        with self._told():
            # Without a name SQLite keeps it in memory while it is small, and in a temporary file of its own from then on.
            self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            weakref.finalize(self, self._index.close)
            self._index.executescript(_MEMBERS)
            self._list_members()

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.name

    def holds_picture(self, sha256: str) -> bool:
        """Return whether it says to have a picture."""
        return self._picture_name(sha256) is not None

    def picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked to be an image with this hash."""
        return b"".join(self.picture_stream(sha256))

    def picture_stream(self, sha256: str) -> Iterator[bytes]:
        """Give a picture's bytes in pieces; at the end it is known whether they were an image with this hash."""
        name = self._picture_name(sha256)
        if name is None:
            raise self._damaged(f"picture {sha256[:12]}… is missing")
        pieces = self.stream(name)
        first = next(pieces, b"")
        _, told = self._member(name)
        if told == NO_HASH:
            raise self._damaged(f"{name} does not match its hash")
        if told != sha256 or sniff(first) is None:
            raise self._damaged(f"picture {sha256[:12]}… is not what it says it is")
        yield first
        yield from pieces

    def has(self, name: str) -> bool:
        """Return whether it says to have a member."""
        return bool(self._rows("SELECT 1 FROM members WHERE name = ? AND size IS NOT NULL", name))

    def raw_names(self) -> list[str]:
        """Return the members that hold raw state."""
        return [name for (name,) in self._rows("SELECT name FROM members WHERE name >= 'raw/' AND name < 'raw0' ORDER BY name")]

    def raw_is_sound(self, name: str) -> bool:
        """Return whether a member is named by its hash, as raw state is."""
        path = Path(name)
        return path.suffix in (".json", ".bin") and self._member(name)[1] == path.stem and path.parent == Path("raw")

    def stream(self, name: str) -> Iterator[bytes]:
        """Give a member's bytes in pieces; at the end they have been checked against its size and hash."""
        member, sha256 = self._member(name)
        if member.size > MOST_BYTES:
            raise self._damaged(f"{name} is too large to be read ({member.size / 1e9:.1f} GB)")
        digest = hashlib.sha256()
        with self._told(), self._opened() as file:
            for piece in zip_members.stream(file, member):
                digest.update(piece)
                yield piece
        if digest.hexdigest() != sha256:
            raise self._damaged(f"{name} does not match its hash")

    def _list_members(self) -> None:
        with self._opened() as file:
            try:
                for member in zip_members.members(file):
                    values = (member.name, member.method, member.packed, member.size, member.offset)
                    self._index.execute("INSERT INTO members (name, method, packed, size, offset) VALUES (?, ?, ?, ?, ?)", values)
            except (zip_members.BrokenZipError, sqlite3.IntegrityError) as error:
                raise self._damaged(f"it is cut off or not a zip file ({error})") from error
        try:
            self._read_manifest()
        except (json_stream.BrokenJSONError, zip_members.BrokenZipError, KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"{self.path} is not a pack or export of notebook_img: it has no manifest of ours. Nothing was imported."
            ) from error

    def _read_manifest(self) -> None:
        from notebook_img.store.pack_schema import member_values

        facts: dict[str, Any] = {}
        if not self._rows("SELECT 1 FROM members WHERE name = ?", MANIFEST):
            raise KeyError(MANIFEST)
        member, _ = self._member(MANIFEST)
        with self._opened() as file:
            for path, value in json_stream.values(zip_members.stream(file, member), ("members", "*"), ("missing", "*")):
                if path[0] == "members" and len(path) == 2:
                    sha256, size = member_values(value)
                    # One of another size has no hash it could match.
                    known = "UPDATE members SET sha256 = CASE WHEN size = ? THEN ? ELSE ? END WHERE name = ?"
                    if not self._index.execute(known, (size, sha256, NO_HASH, path[1])).rowcount:
                        self._index.execute("INSERT INTO members (name, sha256) VALUES (?, ?)", (path[1], sha256))
                elif path[0] == "missing" and len(path) == 2:
                    self._index.execute("INSERT OR IGNORE INTO gone VALUES (?)", (str(value)[:64],))
                elif path == ("version",):
                    facts["version"] = int(value)
                elif len(path) == 1:
                    facts[str(path[0])] = value
        if facts["format"] != FORMAT:
            raise KeyError("format")
        if facts["version"] > VERSION:
            raise PackError(
                f"{self.path} was made by a newer notebook_img (its version {facts['version']}, this one reads {VERSION}). "
                "Run pip install -U notebook-img; nothing was imported.",
            )

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._told():
            return self._index.execute(query, values).fetchall()

    def _member(self, name: str) -> tuple[zip_members.Member, str]:
        rows = self._rows("SELECT name, method, packed, size, offset, sha256 FROM members WHERE name = ?", name)
        if not rows or rows[0][3] is None:
            raise self._damaged(f"{name} is missing")
        return zip_members.Member(*rows[0][:5]), rows[0][5] or ""

    def _picture_name(self, sha256: str) -> str | None:
        # "~" comes behind every letter of a suffix.
        rows = self._rows(
            "SELECT name FROM members WHERE name >= ? AND name < ? AND size IS NOT NULL LIMIT 1",
            f"pictures/{sha256}",
            f"pictures/{sha256}~",
        )
        return str(rows[0][0]) if rows else None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the zip for a moment: a file that stays open cannot be replaced on Windows."""
        if self.path.exists() and not self.path.is_file():
            # To open a pipe could wait for ever.
            raise PackError(f"{self.path} is no ordinary file.")
        with self.path.open("rb") as file:
            yield file

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn whatever a file of a stranger can raise into one sentence."""
        try:
            yield
        except NotebookImgError:
            raise
        except FileNotFoundError as error:
            beside = [path.name for path in self.path.parent.glob("*.zip")]
            named = did_you_mean(self.path.name, beside) or " Name the zip of an export or a pack."
            raise PackError(f"There is no file {self.path}.{named}") from error
        except OSError as error:
            raise PackError(f"{self.path} cannot be read: {reason(error)}.") from error
        except (ValueError, sqlite3.Error, MemoryError, RecursionError) as error:
            raise self._damaged(str(error)[:100]) from error

    def _damaged(self, what: str) -> PackError:
        return PackError(f"{self.path} is damaged or was changed: {what}. Nothing was imported from it. Get a new copy.")
