"""Picture files: ``pictures/ab/abcdef….png``, named by the sha256 of their bytes, written whole before a row names them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sqlalchemy import select

from notebook_img.errors import OutputError, StoreError, UsageError
from notebook_img.files import OtherBytesError, part_name, reason, sync_folder, write_atomically, write_pieces
from notebook_img.hints import Hint
from notebook_img.pictures import SUFFIXES, sniff
from notebook_img.store import schema

if TYPE_CHECKING:
    from notebook_img.addresses import Address
    from notebook_img.store.database import Database

ROOM = 20_000_000
"""Bytes that have to be free for each picture a service is asked for, and once more for the index."""
_SUFFIXES = (*dict.fromkeys(SUFFIXES.values()), ".bin")


class PictureFiles:
    """Files by content: written once, never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pictures = database.files / "pictures"

    def picture_path(self, sha256: str, mime_type: str = "") -> Path:
        """Return the picture's path, or the one it would have if it were stored.

        Parameters
        ----------
        sha256 : str
            Hash of its bytes.
        mime_type : str
            Its type; looked up when not given.
        """
        if not mime_type:
            found = self._find(sha256)
            if found:
                return found
        return self._folder(sha256) / f"{sha256}{SUFFIXES.get(mime_type, '.bin')}"

    def has_picture(self, sha256: str) -> bool:
        """Return whether the picture's file exists."""
        return self._find(sha256) is not None

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
            raise StoreError(f"The store at {home} cannot be written, so the result could not be kept; nothing was sent. {remedy}")
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
        write_once(self.picture_path(sha256, mime_type or "unknown"), data)
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
        path = self.picture_path(sha256, mime_type or "unknown")
        make_folder(path.parent)
        try:
            with told_as_store_error():
                write_pieces(path, pieces, sha256=sha256)
        except OtherBytesError as error:
            raise StoreError(f"The picture could not be stored, and nothing was changed: {error}") from error

    def is_whole(self, sha256: str) -> bool | None:
        """Return whether a picture's file holds what its name says; None when it is missing."""
        path = self._find(sha256)
        return None if path is None else holds(path, sha256)

    def read_picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked against their hash.

        Raises
        ------
        StoreError
            When the file is missing or damaged.
        """
        path = self._find(sha256)
        if path is None:
            raise StoreError(f"The file of picture {sha256[:12]}… is missing from {self._pictures}.", hint=Hint("verify"))
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {reason(error)}.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"{path} was changed or damaged: its bytes do not match its name.", hint=Hint("verify"))
        return data

    def _folder(self, sha256: str) -> Path:
        return self._pictures / sha256[:2]

    def _find(self, sha256: str) -> Path | None:
        with self._database.read() as connection:
            mime_type = connection.execute(
                select(schema.pictures.c.mime_type).where(schema.pictures.c.sha256 == sha256),
            ).scalar_one_or_none()
        return self._find_file(sha256, mime_type or "")

    def _find_file(self, sha256: str, mime_type: str) -> Path | None:
        stem = self._folder(sha256) / sha256
        # The type it should have first; a glob would compile a pattern of its own for every picture.
        for suffix in dict.fromkeys((SUFFIXES.get(mime_type, ".bin"), *_SUFFIXES)):
            path = f"{stem}{suffix}"
            if os.path.isfile(path):  # noqa: PTH113
                return Path(path)
        return None


def folder_of_pictures(address: Address) -> Path:
    """Return the folder that holds the pictures of a home in a database.

    Raises
    ------
    UsageError
        When none is set.
    """
    if not address.pictures:
        raise UsageError(
            f"The home {address} needs a place for its pictures that all its machines reach. "
            "Set NOTEBOOK_IMG_PICTURES, for example to file:///shared/pictures."
        )
    return Path(url2pathname(urlsplit(address.pictures).path))


def write_once(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file named by its content, unless it exists; without `durable` a power cut may lose it.

    One that is there and holds other bytes is damaged, and is written again.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    except OSError:
        pass  # not there, or the writing below says why not
    make_folder(path.parent, durable=durable)
    with told_as_store_error():
        write_atomically(path, data, durable=durable)


def make_folder(folder: Path, *, durable: bool = True) -> None:
    """Make a folder of content where it is missing."""
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if durable:
                sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(f"The picture could not be stored, and nothing was changed: {folder}: {reason(error)}.") from error


@contextlib.contextmanager
def told_as_store_error() -> Iterator[None]:
    """Say that a file of the store could not be written, and that nothing has changed."""
    try:
        yield
    except OtherBytesError:
        raise
    except OutputError as error:
        raise StoreError(f"The picture could not be stored, and nothing was changed: {error}") from error


def holds(path: Path, sha256: str) -> bool:
    """Return whether a file has these bytes, by their hash."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
