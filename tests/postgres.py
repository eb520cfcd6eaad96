"""A PostgreSQL server of the tests' own: a data folder of this run, a Unix socket, no port, no waiting for the disk.

On Debian and Ubuntu the programs come with ``apt-get install postgresql``.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from notebook_img.settings import Address, DatabaseURL
from notebook_img.store import Store
from tests.emulators.process import Running, Start

_FOUND = [os.path.dirname(path) for path in (shutil.which("postgres"), *sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))) if path]
PROGRAMS = os.path.dirname(os.path.realpath(f"{_FOUND[0]}/postgres")) if _FOUND else ""

needs_postgres = pytest.mark.skipif(not PROGRAMS or not hasattr(os, "fork"), reason="needs a PostgreSQL server: apt-get install postgresql")


class Server:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._has_pattern = False

    def url(self, database: str, *, password: str = "") -> str:
        """Return the address of a database."""
        user = f"tester:{password}" if password else "tester"
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_database(self, *, empty: bool = False) -> str:
        """Make a database and return its name: with the tables of a new store, or empty."""
        name = f"home{next(self._numbers)}"
        if not empty and not self._has_pattern:
            self.ask("CREATE DATABASE pattern")
            Store.open(
                Address(self.folder.parent / f"{self.folder.name}-made", DatabaseURL(self.url("pattern")), "file:///nowhere")
            ).close()
            self._has_pattern = True
        self.ask(f"CREATE DATABASE {name}" if empty else f"CREATE DATABASE {name} TEMPLATE pattern")
        return name

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / ".s.PGSQL.5432"


@contextlib.contextmanager
def running_postgres() -> Iterator[Server]:
    """Run a server for the time of the context."""
    # The server refuses to run as root, and a socket's path has at most 107 letters.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = {}
    if os.getuid() == 0:
        nobody = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if _is_user(name))
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    folder.chmod(0o755)
    data = folder / "data"
    try:
        made = [f"{PROGRAMS}/initdb", "-D", str(data), "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8", "--no-locale"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, timeout=120, **user)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off -c max_connections=200"
        control = [f"{PROGRAMS}/pg_ctl", "-D", str(data), "-s", "-w", "-t", "120"]
        subprocess.run(
            [*control, "-l", str(folder / "log"), "-o", options, "start"],
            check=True,
            cwd=folder,
            timeout=150,
            stdout=subprocess.DEVNULL,
            **user,
        )
        try:
            yield Server(folder)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=False, cwd=folder, timeout=60, capture_output=True, **user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(folder.with_name(f"{folder.name}-made"), ignore_errors=True)


def _is_user(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this test process."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def bucket(emulators: Start, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of this test's own, on an S3 server whose address and credentials stand in the environment."""
    server = emulators("s3")
    server.control()
    name = f"bucket-{secrets.token_hex(6)}"
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/{name}", method="PUT"), timeout=60).close()
    for variable, value in s3_environment(server.url).items():
        monkeypatch.setenv(variable, value)
    return Bucket(f"s3://{name}/some/prefix", server)


def s3_environment(url: str) -> dict[str, str]:
    """Return what points a client at an S3 server on this machine."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIATESTER",
        "AWS_SECRET_ACCESS_KEY": "bucket-key-0123456789",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
    }


@dataclass(frozen=True)
class Bucket:
    """Where pictures go."""

    url: str
    server: Running


@pytest.fixture
def team_home(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Address]:
    """Makes homes in databases of their own, with their pictures in a shared folder, or where `pictures` says."""

    def make(pictures: str = "") -> Address:
        folder = tmp_path_factory.mktemp("team")
        return Address(folder / "here", DatabaseURL(postgres.url(postgres.new_database())), pictures or (folder / "shared").as_uri())

    return make
