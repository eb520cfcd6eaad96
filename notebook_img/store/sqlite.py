"""A store in SQLite, one file in a folder: opening, transactions, upgrades. Its tables are in schema.py, its errors in sqlite_errors.py.

Transactions are begun by ourselves (``isolation_level = None`` and the ``begin`` event, the recipe of SQLAlchemy's SQLite
dialect documentation, "Using SQLAlchemy to emit BEGIN in lieu of SQLite's transaction control"): writes with BEGIN
IMMEDIATE, so that a writer waits at its start and never has to give up half-way.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
import tempfile
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, event

from notebook_img.errors import OutputError, StoreError
from notebook_img.files import reason
from notebook_img.store import counting, schema, search, sqlite_triggers, upgrades
from notebook_img.store.database import BUSY_TIMEOUT, Database
from notebook_img.store.filesystem import is_network
from notebook_img.store.grouped import Grouped
from notebook_img.store.shelf import Shelf
from notebook_img.store.sqlite_errors import as_store_error, lost_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
FILE_NAME = "store.sqlite"


class SQLiteDatabase(Database):
    """One SQLite file, used by any number of threads.

    Parameters
    ----------
    home : Path
        Folder of the store; made when missing, unless `read_only`.
    read_only : bool
        Change nothing, not even for an upgrade: of an older store a copy is upgraded and read.
    anew : bool
        Make a new index also beside pictures of an older one, whose rows are lost (see rebuild.py).
    busy_timeout : float
        Seconds to wait for other writers.
    network : callable
        Tells whether a folder lies on a network file system.

    Raises
    ------
    StoreError
        When the file cannot be opened, is no store, is damaged, or is newer than this version.
    """

    def __init__(
        self,
        home: Path,
        *,
        read_only: bool = False,
        anew: bool = False,
        busy_timeout: float = BUSY_TIMEOUT,
        network: Callable[[Path], bool] = is_network,
    ) -> None:
        self.path = home / FILE_NAME
        self._told_changes = 0
        self._anew = anew
        self._copy: weakref.finalize[Any, Any] | None = None
        self._network = network
        self._immutable = False
        super().__init__(home, Shelf(home), read_only=read_only, busy_timeout=busy_timeout)
        self._open()

    @property
    def shown(self) -> str:
        """Its folder."""
        return str(self.home)

    # Transactions

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection with one unchanging view of the store."""
        self._follow_fork()
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection inside BEGIN IMMEDIATE; committed at the end, rolled back by any exception."""
        self._follow_fork()
        self._refuse_read_only()
        # Waiting here is fair and immediate; SQLite's own waiting for another writer polls.
        with self._one_writer, self._told():
            self._follow_replacement()
            with self._engine.connect().execution_options(write=True) as connection, connection.begin():
                search.give_way(connection)
                yield connection
                count, self.doubt = counting.in_index(connection)
            self._tell_beside(count)

    def together(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction with what other threads wait to do: one wait for the disk serves all."""
        self._follow_fork()
        with self._told():
            return self._grouped.make(work)

    def persist(self, work: Callable[[Connection], T]) -> T:
        """Do the same: a local file is not lost in between."""
        return self.together(work)

    def damage(self, connection: Connection) -> str:
        """Return what is wrong with the index itself, whatever lies beside it; empty where it is sound."""
        told = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(5)")]
        if told != ["ok"]:
            return f"it is damaged ({'; '.join(told)[:200]})"
        if lacking := sqlite_triggers.lacking(connection):
            return f"it is damaged (without {', '.join(lacking[:5])})"
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            return "it has rows that belong to nothing"
        return ""

    # Opening

    def _start_afresh(self) -> None:
        super()._start_afresh()
        self._grouped = Grouped(self._one_writer, self.write)

    def _make_engine(self) -> Engine:
        # Pool without limit: a thread never waits for another thread's reading.
        engine = sqlalchemy.create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=sqlalchemy.QueuePool,
            pool_size=5,
            max_overflow=-1,
            # No ping: a local file does not go away, and a replaced one is noticed in _follow_replacement.
            pool_pre_ping=False,
        )
        event.listen(engine, "begin", _begin)
        return engine

    def _connect(self) -> sqlite3.Connection:
        mode = "mode=ro" if self.read_only and self._copy is None else "mode=rwc"
        extra = "&immutable=1" if self._immutable else ""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{mode}{extra}",
            uri=True,
            timeout=self.busy_timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        # A damaged letter costs itself, not the row it is in, and with it the whole list of turns.
        connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> None:
        if self.read_only:
            self._open_read_only()
            return
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            words = "a file is in its place" if isinstance(error, FileExistsError) else reason(error)
            raise StoreError(
                f"The store's folder {self.home} cannot be created: {words}. Set NOTEBOOK_IMG_HOME to a folder you can write to.",
            ) from error
        self._refuse_lost_index()
        with self._told():
            version = self._version()
            if version == schema.VERSION:
                self._leave_wal_on_network()
            elif version > schema.VERSION:
                raise self._newer(version)
            else:
                if version == 0:
                    self._refuse_lost_index(empty=True)
                    self._choose_journal()
                with self.write() as connection:
                    self._upgrade(connection)
                self._checkpoint()
            self._compare_counts()
            self._catch_up()
        with contextlib.suppress(OSError):
            self._identity = _identity(self.path)

    def _refuse_lost_index(self, *, empty: bool = False) -> None:
        """Refuse to begin anew beside the pictures of an index that is gone: all of it would be asked and paid for again."""
        gone = self._is_empty if empty else lambda: not self.path.exists()
        # Looked at twice: another process may have made the store, and its first picture, in between.
        if not self._anew and gone() and counting.holds_pictures(self.home) and gone():
            raise lost_index(
                f"The index {self.path} is {self._how_gone(empty)}, and {self.home / 'pictures'} holds the pictures it knew of. "
                "Nothing was changed. Restore it from a copy (store.sqlite, with store.sqlite-wal where there is one), or make turns again "
                "from what is there. To start anew instead, set NOTEBOOK_IMG_HOME to another folder."
            )

    def _how_gone(self, empty: bool) -> str:
        if self.path.is_symlink() and not empty:
            return f"a link to {self.path.readlink()}, which is not there"
        return "empty" if empty else "missing"

    def _is_empty(self) -> bool:
        return self._version() == 0

    def _checkpoint(self) -> None:
        """Bring a new index, or a new version of one, into its one file, so that not even a copy of that alone is empty."""
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _compare_counts(self) -> None:
        """Find out whether the index lacks rows, and note it in the index: a later change must not make it look whole."""
        # The file first: writers bring it up to date after the index, so that it never knows of more than the index, if that is whole.
        told = counting.beside(self.home)
        with self._engine.connect() as connection:
            count, self.doubt = counting.in_index(connection)
            doubt = self.doubt or counting.compare(count, told)
            if doubt == "unknown" and not self.doubt:
                doubt = "unknown" if counting.unnamed_pictures(self.home, connection) else ""
        if doubt and not self.doubt:
            with self.write() as connection:
                counting.set_doubt(connection, doubt)
        elif not doubt and told != count:
            counting.write_beside(self.home, count)

    def _catch_up(self) -> None:
        """Do what other processes left undone: one that goes on with an older version, or whose SQLite has no index of words."""
        with self._engine.connect() as connection:
            late = connection.exec_driver_sql(upgrades.LATE_RUNS).first() is not None
            unsearched = search.is_left_out(connection)
        if late or unsearched:
            with self.write() as connection:
                connection.exec_driver_sql(upgrades.PLACE_LATE_RUNS)
                search.make(connection)

    def _tell_beside(self, count: counting.Count) -> None:
        # Of an index in doubt nothing is written: when the right one is put back, the file must still know it.
        if not self.doubt and count.changes > self._told_changes:
            self._told_changes = count.changes
            counting.write_beside(self.home, count)

    def _open_read_only(self) -> None:
        if not self.path.is_file():
            raise StoreError(f"There is no store at {self.home} ({FILE_NAME} is missing).")
        try:
            with self._told():
                version = self._version()
        except StoreError as error:
            if error.lost_index:
                raise
            # A store in WAL mode on a medium that cannot be written to. Its newest rows may be in the WAL, which needs a place of its own;
            # without one it can be read as the unchanging file it is.
            wal = self.path.with_name(f"{FILE_NAME}-wal")
            if wal.is_file() and wal.stat().st_size:
                self._work_on_copy()
            self._immutable = self._copy is None
            self._start_afresh()
            with self._told():
                version = self._version()
        if version > schema.VERSION:
            raise self._newer(version)
        if version == 0:
            raise lost_index(f"The index {self.path} is empty.")
        if version < schema.VERSION:
            if self._copy is None:
                self._work_on_copy()
                self._start_afresh()
            with self._told(), self._engine.connect().execution_options(write=True) as connection, connection.begin():
                self._upgrade(connection)
        self._identity = _identity(self.path)

    def _work_on_copy(self) -> None:
        """Read a copy in a temporary folder, where the index itself must not be touched but cannot be read as it is."""
        try:
            folder = tempfile.mkdtemp(prefix="notebook_img-index-")
            self._copy = weakref.finalize(self, _remove_copy, folder, os.getpid())
            for name in (FILE_NAME, f"{FILE_NAME}-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(self.home / name, Path(folder) / name)
        except OSError as error:
            raise StoreError(f"The store at {self.home} can only be read from a copy, and none could be made: {reason(error)}.") from error
        self.path = Path(folder) / FILE_NAME

    def _version(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    def _upgrade(self, connection: Connection) -> None:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())  # another process may have been faster
        if version > schema.VERSION:
            raise self._newer(version)
        if version == 0:
            if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
                raise StoreError(
                    f"{self.path} is another program's database. Set NOTEBOOK_IMG_HOME to another folder; nothing was changed."
                )
            if not self._anew and counting.holds_pictures(self.home):
                self._refuse_lost_index(empty=True)
            schema.metadata.create_all(connection, checkfirst=False)
            sqlite_triggers.finish(connection)
            version = schema.VERSION
        while version < schema.VERSION:
            upgrades.UPGRADES[version](connection)
            version += 1
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION:d}")

    def _choose_journal(self) -> None:
        """Set WAL in a new file where the file system allows it; the choice is kept in the file.

        Only the maker of a store chooses: whoever exports the folder over the network sees a local disk and must not turn WAL on.
        """
        if self._network(self.home):
            return
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                with contextlib.closing(self._connect()) as connection:
                    connection.execute("PRAGMA journal_mode = WAL").fetchone()
                return
            except sqlite3.OperationalError as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    return  # no shared memory here: the rollback journal stays, or the next step says what is wrong
                if time.monotonic() > deadline:
                    raise
                # Another process makes the same store; SQLite does not wait by itself for this change.
                time.sleep(0.005)

    def _leave_wal_on_network(self) -> None:
        """Go back to the rollback journal in a store that somebody moved to a network file system."""
        with self._engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        if mode != "wal" or not self._network(self.home):
            return
        self._engine.dispose()  # the change needs the file for itself
        # When another process has it open this fails, and is tried again at the next opening.
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()

    # Staying right

    def _follow_replacement(self) -> None:
        """Open the file again if it was deleted or replaced: further writes would go to a file without a name."""
        try:
            same = _identity(self.path) == self._identity
        except (FileNotFoundError, AttributeError):
            same = False
        except OSError:
            same = True  # the transaction will say what is wrong
        if not same and hasattr(self, "_identity"):
            known = self._identity
            del self._identity
            self._engine.dispose()
            try:
                self._open()
            except StoreError:
                self._identity = known  # so that it is looked for again, and no empty file takes its place
                raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite, SQLAlchemy and the file writer raise into sentences."""
        try:
            yield
        except (sqlalchemy.exc.DBAPIError, sqlite3.Error) as error:
            plain = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
            raise as_store_error(plain, self.path, home=self.home, waited=self.busy_timeout) from error
        except OutputError as error:
            raise StoreError(f"The store could not be written and was not changed: {error.sentence}") from error


def _remove_copy(folder: str, process: int) -> None:
    # A forked child must not take it away from its parent.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _identity(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_dev, told.st_ino
