"""Picture files: ``pictures/ab/abcdef….png``, named by the sha256 of their bytes, written whole before a row names them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from notebook_img.errors import StoreError
from notebook_img.files import OtherBytesError, part_name, reason
from notebook_img.hints import Hint
from notebook_img.pictures import SUFFIXES, sniff
from notebook_img.store import schema
from notebook_img.store.filesystem import can_write

if TYPE_CHECKING:
    from notebook_img.store.database import Database

ROOM = 20_000_000
"""Bytes that have to be free for each picture a service is asked for, and once more for the index."""
_SUFFIXES = (*dict.fromkeys(SUFFIXES.values()), ".bin")


class PictureFiles:
    """Files by content: written once, never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shelf = database.shelf
        self._pictures = database.files / "pictures"

    def picture_path(self, sha256: str, mime_type: str = "") -> Path:
        """Return the picture's path, or the one it would have if it were stored.

        Parameters
        ----------
        sha256 : str
            Hash of its bytes.
        mime_type : str
            Its type. Looked up when not given, and then the file is there to be read, if it is anywhere.
        """
        found = self._find(sha256) if not mime_type else None
        return found or self._place(sha256, mime_type)

    def has_picture(self, sha256: str) -> bool:
        """Return whether the picture's file exists."""
        return self.is_kept(sha256, self._known_type(sha256))

    def is_kept(self, sha256: str, mime_type: str = "") -> bool:
        """Return whether the picture's file is there for everybody; quickest where its type is given."""
        return self._shelf.holds(self._stem(sha256), _suffixes(mime_type))

    def check_room(self, pictures: int | None = None) -> None:
        """Refuse what could not be kept, before it is paid for.

        Parameters
        ----------
        pictures : int, optional
            How many are expected. Left out, only the right to write is looked at.

        Raises
        ------
        StoreError
            When the store cannot be written, or its disk has too little left.
        """
        home = self._database.files
        remedy = "Set NOTEBOOK_IMG_HOME to a folder you can write to."
        if self._database.read_only:
            if can_write(home):  # its disk was full when it was opened
                remedy = "Its disk was full when it was opened: free some space and begin anew (restart the kernel), or use another disk."
            raise StoreError(f"The store at {home} cannot be written, so the result could not be kept; nothing was sent. {remedy}")
        self._shelf.check_room()
        try:
            self._pictures.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self._pictures / part_name("probe")
            probe.touch(mode=0o600, exist_ok=False)
            probe.unlink()
            free = min(shutil.disk_usage(folder).free for folder in (home, self._pictures))
        except OSError as error:
            why = reason(error)
            raise StoreError(
                f"{self._pictures} cannot be written ({why}), so the result could not be kept; nothing was sent. {remedy}"
            ) from error
        if pictures is not None and free < ROOM * (1 + pictures):
            raise StoreError(
                f"The disk with the store at {home} has {free / 1e6:.0f} MB left, so the result might not be kept; nothing was sent. "
                "Free some space, or set NOTEBOOK_IMG_HOME to a folder on another disk."
            )

    def put_picture(self, data: bytes, *, mime_type: str = "", sha256: str = "") -> str:
        """Store the bytes of a picture and return their sha256; an existing file is not written again.

        Parameters
        ----------
        data : bytes
            The picture as it came.
        mime_type, sha256 : str
            Given by those who know them already.

        Raises
        ------
        StoreError
            When the disk is full or the folder cannot be written.
        """
        if self._database.read_only:
            raise StoreError(f"The store at {self._database.shown} is open for reading only; nothing was changed.")
        sha256 = sha256 or hashlib.sha256(data).hexdigest()
        if not mime_type:
            mime_type = sniff(data) or ""
        self._shelf.put(self._place(sha256, mime_type), data)
        return sha256

    def put_stream(self, pieces: Iterable[bytes], *, sha256: str, mime_type: str = "") -> None:
        """Keep a picture that comes in pieces, however large it is; nothing is kept where its hash turns out to be another one.

        Raises
        ------
        StoreError
            When it cannot be written, or is not the picture with this hash.
        """
        if self._database.read_only:
            raise StoreError(f"The store at {self._database.shown} is open for reading only; nothing was changed.")
        try:
            self._shelf.put_pieces(self._place(sha256, mime_type), pieces, sha256)
        except OtherBytesError as error:
            raise StoreError(f"The picture could not be stored, and nothing was changed: {error}") from error

    def is_whole(self, sha256: str) -> bool | None:
        """Return whether a picture's file holds what its name says; None when it is missing."""
        path = self._find(sha256)
        return None if path is None else self._shelf.is_whole(path)

    def read_picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked against their hash.

        Raises
        ------
        StoreError
            When the file is missing or damaged.
        """
        path = self._find(sha256)
        if path is None:
            raise StoreError(f"The file of picture {sha256[:12]}… is missing from {self._shelf.shown}.", hint=Hint("verify"))
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256 and self._shelf.bring(path, anew=True):
                data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {reason(error)}.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"{path} was changed or damaged: its bytes do not match its name.", hint=Hint("verify"))
        return data

    def _folder(self, sha256: str) -> Path:
        return self._pictures / sha256[:2]

    def size(self, sha256: str, mime_type: str) -> int | None:
        """Return how long the file of a picture is; None where it is missing."""
        return self._shelf.size(self._stem(sha256), _suffixes(mime_type))

    def sizes(self) -> Callable[[str, str], int | None]:
        """Return what tells how long the file of a picture is, by hash and type; None where it is missing."""
        sizes = self._shelf.sizes("pictures")
        return lambda sha256, mime_type: sizes(self._stem(sha256), _suffixes(mime_type))

    def _stem(self, sha256: str) -> Path:
        return self._folder(sha256) / sha256

    def _place(self, sha256: str, mime_type: str) -> Path:
        return Path(f"{self._stem(sha256)}{SUFFIXES.get(mime_type, '.bin')}")

    def _known_type(self, sha256: str) -> str:
        with self._database.read() as connection:
            query = select(schema.pictures.c.mime_type).where(schema.pictures.c.sha256 == sha256)
            return connection.execute(query).scalar_one_or_none() or ""

    def _find(self, sha256: str) -> Path | None:
        return self._find_file(sha256, self._known_type(sha256))

    def _find_file(self, sha256: str, mime_type: str) -> Path | None:
        return self._shelf.find(self._stem(sha256), _suffixes(mime_type))


def _suffixes(mime_type: str) -> tuple[str, ...]:
    """Return the suffixes a picture may have, the one it should have first."""
    return tuple(dict.fromkeys((SUFFIXES.get(mime_type, ".bin"), *_SUFFIXES)))
