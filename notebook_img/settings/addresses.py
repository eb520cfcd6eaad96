"""Where a home is: a folder of this machine, or a database with a place for its pictures. No address shows its password."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

DATABASES = ("postgresql", "postgres")
"""Schemes of databases that can be a home: libpq reads both (postgresql.org/docs/current/libpq-connect.html, 34.1.1.2)."""
_SECRET = frozenset({"password", "sslpassword"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class DatabaseURL:
    """A database, as libpq reads it. As text it has no password."""

    url: str
    """With the password, where it holds one: only for the driver."""

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        user, at, place = parts.netloc.rpartition("@")
        query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0].casefold() not in _SECRET], safe="/=-,")
        return urlunsplit(("postgresql", f"{user.partition(':')[0]}{at}{place}", parts.path or "/", query, ""))

    def __repr__(self) -> str:
        return f"DatabaseURL({str(self)!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand in no text: its password, as it is and as it is spelt in the URL."""
        parts = urlsplit(self.url)
        told = [parts.netloc.rpartition("@")[0].partition(":")[2], *(value for name, value in parse_qsl(parts.query) if name in _SECRET)]
        return tuple(dict.fromkeys(spelt for value in told for spelt in (value, unquote(value)) if spelt))

    @property
    def name(self) -> str:
        """A short name for it: that of the database."""
        return re.sub(r"[^\w.-]", "-", urlsplit(self.url).path.strip("/")) or "database"

    def with_password_of(self, environ: Mapping[str, str], variable: str) -> DatabaseURL:
        """Return it with the password that a variable has for the same address: one that travelled has left it behind."""
        text = environ.get(variable, "").strip()
        if self.secrets or not is_address(text):
            return self
        try:
            other = read_home(text)
        except ValueError:
            return self
        return other if isinstance(other, DatabaseURL) and str(other) == str(self) else self


@dataclass(frozen=True)
class Address:
    """Where a store is."""

    folder: Path
    """The home itself; of a home in a database the folder of this machine: kept keys, rescued files, what programs wrote."""
    database: DatabaseURL | None = None
    pictures: str = ""
    """Where the pictures of a home in a database lie: ``s3://bucket/prefix``, ``file:///shared/pictures``."""

    def __str__(self) -> str:
        return str(self.folder if self.database is None else self.database)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name it to another program, without a password."""
        if self.database is None:
            return {"NOTEBOOK_IMG_HOME": str(self.folder.resolve())}
        return {"NOTEBOOK_IMG_HOME": str(self.database), "NOTEBOOK_IMG_PICTURES": self.pictures}

    @property
    def for_own_process(self) -> dict[str, str]:
        """The same for a process of ours on this machine, with the password; never to be shown."""
        return self.environment | ({"NOTEBOOK_IMG_HOME": self.database.url} if self.database is not None else {})

    @property
    def is_shared(self) -> bool:
        """Whether it is a database, which other machines may use as well."""
        return self.database is not None


def is_address(text: str) -> bool:
    """Return whether a text is an address rather than a path (a drive of Windows has one letter)."""
    return _SCHEME.match(text) is not None


def read_home(text: str | os.PathLike[str]) -> Path | DatabaseURL:
    """Read what stands for a home.

    Raises
    ------
    ValueError
        When it is an address no home can have. Its words do not repeat the address.
    """
    if not isinstance(text, str) or not is_address(text):
        return Path(text).expanduser()
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme not in DATABASES:
        msg = "a home is a folder, or a database: postgresql://USER@HOST/DATABASE"
        raise ValueError(msg)
    return DatabaseURL(text)


def folder_beside(default: Path, database: DatabaseURL) -> Path:
    """Return the folder of this machine that belongs to a home in a database."""
    return default / "shared" / f"{database.name}-{hashlib.sha256(str(database).encode()).hexdigest()[:12]}"
