"""Where files by content lie, ``pictures/ab/abcdef….png`` and ``raw/ab/…``: a folder here, or an object store (bucket.py) with a cache.

A file is written once under the hash of its bytes and never changed, so writing it twice does no harm, and a copy of it is as good as it.
Paths are those of this machine: in the folder itself, or in the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from notebook_img.errors import OutputError, StoreError
from notebook_img.files import OtherBytesError, reason, sync_folder, write_atomically, write_pieces
from notebook_img.store.setting_aside import set_aside


@dataclass(frozen=True)
class Entry:
    """One file of a shelf."""

    path: Path
    """On this machine; not there yet where it was never looked at."""
    size: int
    """Bytes."""
    changed: float
    """Seconds since the epoch."""


class Shelf:
    """Files by content in one folder.

    Parameters
    ----------
    root : Path
        The folder.
    """

    is_elsewhere = False
    """Whether what is in `root` are copies."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def shown(self) -> str:
        """Where it is, in words."""
        return str(self.root)

    def put(self, path: Path, data: bytes, *, durable: bool = True) -> None:
        """Write a file unless it is there whole.

        Raises
        ------
        StoreError
            When it cannot be written.
        """
        write_once(path, data, durable=durable)

    def put_pieces(self, path: Path, pieces: Iterable[bytes], sha256: str) -> None:
        """Write a file that comes in pieces, in place of what may be there.

        Raises
        ------
        StoreError
            When it cannot be written.
        OtherBytesError
            When its hash is another one; nothing is written.
        """
        make_folder(path.parent)
        with told_as_store_error():
            write_pieces(path, pieces, sha256=sha256)

    def find(self, stem: Path, suffixes: Iterable[str]) -> Path | None:
        """Return the file with one of these suffixes, the first that there is."""
        # A glob would compile a pattern of its own for every picture.
        for suffix in suffixes:
            if os.path.isfile(path := f"{stem}{suffix}"):  # noqa: PTH113
                return Path(path)
        return None

    def holds(self, stem: Path, suffixes: Iterable[str]) -> bool:
        """Return whether the file is there for everybody, not only in a cache."""
        return self.find(stem, suffixes) is not None

    def size(self, stem: Path, suffixes: Iterable[str]) -> int | None:
        """Return how long a file is, here or where it was copied from; None where it is missing."""
        path = self.find(stem, suffixes)
        return path.stat().st_size if path is not None else None

    def sizes(self, kind: str) -> Callable[[Path, Iterable[str]], int | None]:  # noqa: ARG002 - a bucket lists the kind once
        """Return what tells how long a file is, by its path without suffix and its suffixes; None where it is missing."""
        return self.size

    def is_whole(self, path: Path) -> bool:
        """Return whether a file is there and holds what its name says."""
        return holds(path, path.stem)

    def bring(self, path: Path, *, anew: bool = False) -> bool:  # noqa: ARG002 - a bucket has more to do
        """See to it that a file can be read at its path, if there is one; return whether it was brought just now.

        `anew` distrusts a copy that is here already.
        """
        return False

    def drop(self, path: Path) -> None:
        """Delete a file; nothing happens where there is none."""
        path.unlink(missing_ok=True)

    def entries(self, kind: str) -> Iterator[Entry]:
        """Give all files of a kind, ``pictures`` or ``raw``, finished or not."""
        for path in (self.root / kind).glob("??/*"):
            with contextlib.suppress(FileNotFoundError):
                told = path.stat()
                yield Entry(path, told.st_size, told.st_mtime)

    def parts(self) -> list[Path]:
        """Return the files whose writing was never finished."""
        return [path for kind in ("pictures", "raw") for path in (self.root / kind).glob("??/.*.part")]

    def set_aside(self, paths: Iterable[Path]) -> str:
        """Move files aside; return where they are now, in words."""
        return str(set_aside(self.root, paths))

    def check_room(self) -> None:
        """Refuse what could not be written, where that can be told without writing much (see `PictureFiles.check_room`)."""


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
