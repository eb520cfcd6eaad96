"""Files by content in an object store (Amazon S3 and what speaks like it, Google Cloud Storage, Azure), with a cache on this machine.

obstore is the client: one wheel without dependencies, writes on condition (``mode="create"``), in parts where they are large, retries, and
the same few calls for all three services (https://developmentseed.org/obstore, read in November 2026). Credentials are those of the
service's own environment variables or of the machine; none is a setting of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from notebook_img.errors import OutputError, StoreError, UsageError
from notebook_img.files import write_atomically
from notebook_img.network import shown_url
from notebook_img.store.setting_aside import FOLDER
from notebook_img.store.shelf import Entry, Shelf, write_once

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from notebook_img.settings import Address

MOST_CACHED = 2_000_000_000
"""Bytes of copies on this machine above which the ones not looked at for longest go."""
RESTED = 3600.0
"""Seconds since it was looked at before a copy may go: somebody may just be reading it."""
ROOM_ASKED = 60.0
"""Seconds for which a bucket that could be written is taken to be writable still."""
_PROBE = "probe"
_STORED = "stored"


class Bucket(Shelf):
    """An object store.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``, ``gs://...``, ``az://...``.
    cache : Path
        Folder for copies on this machine.

    Raises
    ------
    StoreError
        When its client is not installed, or the address is not one of its.
    """

    is_elsewhere = True

    def __init__(self, url: str, cache: Path) -> None:
        super().__init__(cache)
        self.url = url
        self._pid = 0
        self._client: ObjectStore | None = None
        self._written_at = -ROOM_ASKED
        self._cached_since = 0

    @property
    def shown(self) -> str:
        """Its address."""
        return shown_url(self.url)

    # What every shelf does

    def put(self, path: Path, data: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - what a bucket has taken, it keeps
        """Send a file unless it is there whole, and keep a copy."""
        from obstore.exceptions import AlreadyExistsError

        with self._told(_STORED):
            try:
                self._ask().put(self._key(path), data, mode="create")
            except AlreadyExistsError:
                if self._size(path) != len(data):  # cut, or somebody else's
                    self._ask().put(self._key(path), data)
        self._keep(path, data)

    def put_pieces(self, path: Path, pieces: Iterable[bytes], sha256: str) -> None:
        """Send a file in place of what may be there, when its bytes are known to be the right ones."""
        super().put_pieces(path, pieces, sha256)
        with self._told(_STORED):
            self._ask().put(self._key(path), path)

    def find(self, stem: Path, suffixes: Iterable[str]) -> Path | None:
        """Return a copy of the file, fetched where there is none yet."""
        suffixes = tuple(suffixes)
        path = super().find(stem, suffixes) or self._there(stem, suffixes)
        if path is not None:
            self.bring(path)
        return path

    def holds(self, stem: Path, suffixes: Iterable[str]) -> bool:
        """Return whether the bucket has it: the copy here may be all that is left of a picture that was deleted."""
        return self._there(stem, tuple(suffixes)) is not None

    def size(self, stem: Path, suffixes: Iterable[str]) -> int | None:
        """Return how long a file is: a copy here tells as well."""
        suffixes = tuple(suffixes)
        if (path := super().find(stem, suffixes)) is not None:
            return path.stat().st_size
        return self._size(there) if (there := self._there(stem, suffixes)) is not None else None

    def sizes(self, kind: str) -> Callable[[Path, Iterable[str]], int | None]:
        """Return what tells how long a file is: the bucket is listed once, not asked for each."""
        found = {entry.path: entry.size for entry in self.entries(kind)}
        return lambda stem, suffixes: next((found[path] for suffix in suffixes if (path := Path(f"{stem}{suffix}")) in found), None)

    def is_whole(self, path: Path) -> bool:
        """Return whether the object holds what its name says, whatever the copy here does."""
        data = self._read(path)
        return data is not None and hashlib.sha256(data).hexdigest() == path.stem

    def bring(self, path: Path, *, anew: bool = False) -> bool:
        """Fetch a file that is not here."""
        with contextlib.suppress(OSError):
            if not anew and path.is_file():
                os.utime(path)
                return False
        data = self._read(path)
        if data is not None:
            self._keep(path, data)
        return data is not None

    def _read(self, path: Path) -> bytes | None:
        with self._told("read"), contextlib.suppress(FileNotFoundError):
            return bytes(self._ask().get(self._key(path)).bytes())
        return None

    def drop(self, path: Path) -> None:
        """Delete a file in the bucket, and its copy."""
        with self._told("deleted"), contextlib.suppress(FileNotFoundError):
            self._ask().delete(self._key(path))
        super().drop(path)

    def entries(self, kind: str) -> Iterator[Entry]:
        """Give all objects of a kind."""
        with self._told("listed"):
            for page in self._ask().list(prefix=f"{kind}/"):
                for row in page:
                    yield Entry(self.root / row["path"], row["size"], row["last_modified"].timestamp())

    def parts(self) -> list[Path]:
        """Return nothing: an object that was not sent whole is not there."""
        return []

    def set_aside(self, paths: Iterable[Path]) -> str:
        """Move objects to ``rescued/DATE`` in the bucket."""
        folder = f"{FOLDER}/{time.strftime('%Y-%m-%d %H.%M.%S')}"
        with self._told("moved"):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    self._ask().rename(self._key(path), f"{folder}/{self._key(path)}")
                super().drop(path)
        return f"{self.shown}/{folder}"

    def check_room(self) -> None:
        """Find out, once a minute, whether the bucket can be written."""
        if time.monotonic() - self._written_at > ROOM_ASKED:
            with self._told(_STORED):
                self._ask().put(_PROBE, b"")
            self._written_at = time.monotonic()

    # The bucket

    def _ask(self) -> ObjectStore:
        # A forked child needs threads and connections of its own.
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = _opened(self.url, self.shown), os.getpid()
        return self._client

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _size(self, path: Path) -> int | None:
        with self._told("read"), contextlib.suppress(FileNotFoundError):
            return int(self._ask().head(self._key(path))["size"])
        return None

    def _there(self, stem: Path, suffixes: tuple[str, ...]) -> Path | None:
        """Return the path of an object with one of these suffixes; the first is asked for by name, the others by a list of its folder."""
        if not suffixes:
            return None
        if self._size(first := Path(f"{stem}{suffixes[0]}")) is not None:
            return first
        if len(suffixes) == 1:
            return None
        with self._told("listed"):
            keys = {row["path"] for page in self._ask().list(prefix=f"{self._key(stem.parent)}/") for row in page}
        return next((path for suffix in suffixes if self._key(path := Path(f"{stem}{suffix}")) in keys), None)

    @contextlib.contextmanager
    def _told(self, done: str) -> Iterator[None]:
        """Turn what the client raises into sentences."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except AlreadyExistsError:
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(
                f"{self.shown} does not let this machine in, so nothing could be {done} ({_said(error)}). "
                "Its credentials are missing, wrong or expired: set the variables of the service anew (AWS_ACCESS_KEY_ID ...)."
            ) from error
        except FileNotFoundError as error:
            if done != _STORED:
                raise
            raise StoreError(f"{self.shown} is not there, so nothing could be stored. Check NOTEBOOK_IMG_PICTURES.") from error
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(
                f"{self.shown} did not answer as it should, so nothing could be {done} ({_said(error)}). Try again."
            ) from error

    # Copies on this machine

    def _keep(self, path: Path, data: bytes) -> None:
        """Keep a copy. Not being able to costs only time, where the bytes can be had again."""
        with contextlib.suppress(StoreError, OutputError):
            if path.is_file():
                write_once(path, data, durable=False)
            else:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomically(path, data, durable=False)
        self._cached_since += len(data)
        if self._cached_since > MOST_CACHED // 20:
            self._cached_since = 0
            self._make_room()

    def _make_room(self) -> None:
        found = sorted(super().entries("pictures"), key=lambda entry: entry.changed)
        too_many = sum(entry.size for entry in found) - MOST_CACHED
        for entry in found:
            if too_many <= 0 or time.time() - entry.changed < RESTED:
                return
            with contextlib.suppress(OSError):
                entry.path.unlink()
                too_many -= entry.size


def shelf_of(address: Address) -> Shelf:
    """Return where the pictures of a home in a database lie.

    Raises
    ------
    UsageError
        When no place is set.
    """
    if not address.pictures:
        raise UsageError(
            f"The home {address} needs a place for its pictures that all its machines reach. "
            "Set NOTEBOOK_IMG_PICTURES, for example to s3://bucket/pictures or file:///shared/pictures."
        )
    parts = urlsplit(address.pictures)
    if parts.scheme == "file":
        return Shelf(Path(url2pathname(parts.path)))
    return Bucket(address.pictures, address.folder / "cache")


def _opened(url: str, shown: str) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise StoreError("Pictures in an object store need the extra team: pip install 'notebook-img[team]'.") from error
    patient: Any = {
        "max_retries": 6,
        "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
        "retry_timeout": timedelta(seconds=60),
    }
    # Given here options of the client are no longer read from the environment.
    plain = os.environ.get("AWS_ALLOW_HTTP", os.environ.get("AZURE_ALLOW_HTTP", "")).casefold() in {"1", "true"}
    options: Any = {"connect_timeout": "10s", "timeout": "120s", "allow_http": plain}
    try:
        return from_url(url, retry_config=patient, client_options=options)
    except (BaseError, ValueError, TypeError) as error:
        raise StoreError(
            f"{shown} cannot be opened ({_said(error)}). Check NOTEBOOK_IMG_PICTURES and the variables of the service."
        ) from error


def _said(error: BaseException) -> str:
    """Return what a service says in a few words; the client's own text has addresses and whole replies in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = _ADDRESSED.sub("", lines[0]) if lines else type(error).__name__
    return words.partition(": <")[0][:200].rstrip(".: ")


_ADDRESSED = re.compile(r"^.*?Error performing \w+ \S+ in \S+ - |\bhttps?://\S+")
