"""A store in PostgreSQL, shared by machines: opening, transactions, upgrades, and what SQLite's words are there.

Its triggers are in postgres_triggers.py, its errors in postgres_errors.py. A write transaction first takes one lock for the whole store
(``pg_advisory_xact_lock``), as BEGIN IMMEDIATE does in SQLite: READ COMMITTED then sees all that was committed before, nothing has to be
repeated, and a machine that falls asleep in the middle loses the lock with its transaction (``idle_in_transaction_session_timeout``).
"""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, event, inspect, select

from notebook_img.errors import OutputError, StoreError
from notebook_img.files import reason, write_atomically
from notebook_img.store import postgres_triggers, schema, upgrades
from notebook_img.store.database import BUSY_TIMEOUT, CLOCK, Database
from notebook_img.store.people import with_owner
from notebook_img.store.postgres_errors import as_store_error, bad_address, no_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from notebook_img.settings import Address, DatabaseURL
    from notebook_img.store.shelf import Shelf

T = TypeVar("T")

CONNECT_SECONDS = 10
"""Longest wait for a connection, unless `connect_timeout` stands in the address."""
ASLEEP_SECONDS = 60
"""How long a transaction may wait for its own program before the database gives it up."""
TRIES = 4
"""How often a write is begun where connections are lost: a database that moves to another machine takes some seconds."""
PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""

_own = MetaData()
_facts = Table("notebook_img", _own, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""What is no row of the store: its version, and the secret of its key mark."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('notebook_img'), hashtext(current_schema()))"
_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"


class PostgresDatabase(Database):
    """A database of PostgreSQL, used by any number of threads.

    Parameters
    ----------
    address : Address
        The database, the folder of its pictures, the folder on this machine.
    shelf : Shelf
        Where pictures and raw states lie.
    read_only : bool
        Change nothing.
    busy_timeout : float
        Seconds to wait for other writers.

    Raises
    ------
    StoreError
        When it cannot be reached, holds something else, or is newer than this version.
    """

    def __init__(self, address: Address, shelf: Shelf, *, read_only: bool = False, busy_timeout: float = BUSY_TIMEOUT) -> None:
        assert address.database is not None
        self.url: DatabaseURL = address.database
        super().__init__(address.folder, shelf, read_only=read_only, busy_timeout=busy_timeout)
        self.notes = None
        self._open()

    @property
    def shown(self) -> str:
        """Its address without the password."""
        return str(self.url)

    # Transactions

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection with one unchanging view of the store."""
        self._follow_fork()
        with self._told(), self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection that holds the store's lock; committed at the end, rolled back by any exception."""
        self._follow_fork()
        self._refuse_read_only()
        with self._one_writer, self._told(), self._locked() as connection:
            yield connection
            number = connection.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()::text").scalar_one()
            try:
                connection.commit()
            except sqlalchemy.exc.DBAPIError as error:
                if not error.connection_invalidated or number is None or not self._was_committed(number):
                    raise

    def persist(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a write transaction, again where the connection was lost and nothing has changed."""
        for attempt in range(TRIES):
            try:
                with self.write() as connection:
                    return work(connection)
            except StoreError as error:
                if not error.lost_connection or attempt == TRIES - 1:
                    raise
                time.sleep(PAUSE * 2**attempt)  # until the database is back
        raise AssertionError("unreachable")

    def damage(self, connection: Connection) -> str:  # noqa: ARG002 - PostgreSQL keeps its own rows whole
        """Return nothing: what a damaged disk does to PostgreSQL, its own tools tell (pg_amcheck)."""
        return ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Connection]:
        for attempt in range(TRIES):
            with self._engine.connect() as connection:
                try:
                    connection.exec_driver_sql(_LOCK)
                    _set_clock(connection)
                except sqlalchemy.exc.DBAPIError as error:
                    # Nothing has been asked or changed yet, so it can be begun again whoever the writer is.
                    if not error.connection_invalidated or attempt == TRIES - 1:
                        raise
                else:
                    yield connection
                    return
            time.sleep(PAUSE * 2**attempt)  # until the database is back

    def _was_committed(self, number: str) -> bool:
        """Return whether a transaction was committed whose connection was lost while it was.

        ``pg_xact_status`` is made for this question (postgresql.org/docs/current/functions-info.html, "pg_xact_status").
        """
        pause, deadline = 0.05, time.monotonic() + self.busy_timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(sqlalchemy.exc.DBAPIError, psycopg_errors()), self._engine.connect() as connection:
                state = connection.exec_driver_sql("SELECT pg_xact_status(:number ::xid8)", {"number": number}).scalar_one()
                if state != "in progress":
                    return bool(state == "committed")
            time.sleep(pause)  # it is not back yet, or has not noticed that its client is gone
            pause = min(2 * pause, 1.0)
        raise StoreError(
            f"The connection to the store at {self.shown} was lost during a change, and whether it was made cannot be found out now. "
            "Look at what is there before you do it again."
        )

    # Opening

    def _make_engine(self) -> Engine:
        # Pool without limit: a thread never waits for another thread's reading. A connection that was lost meanwhile is noticed before
        # it is used (pool_pre_ping).
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=sqlalchemy.QueuePool,
            pool_size=5,
            max_overflow=-1,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        event.listen(engine, "before_cursor_execute", _in_its_words, retval=True)
        return engine

    def _connect(self) -> Any:
        import psycopg
        from psycopg.types.numeric import Int8Dumper

        # What the address says itself comes first.
        wait: Any = {} if "connect_timeout=" in self.url.url else {"connect_timeout": CONNECT_SECONDS}
        connection = psycopg.connect(
            self.url.url,
            **wait,
            application_name="notebook_img",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            autocommit=True,
        )
        try:
            connection.adapters.register_dumper(str, _dumper())
            # Not by the size of each number: in "SELECT 7 UNION ..." it would be the type of the column.
            connection.adapters.register_dumper(int, Int8Dumper)
            timeouts = f"SET lock_timeout = {int(self.busy_timeout * 1000)}; SET idle_in_transaction_session_timeout = '{ASLEEP_SECONDS}s'"
            connection.execute(f"{timeouts}; SET client_encoding = 'UTF8'" + ("; SET default_transaction_read_only = on" * self.read_only))
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise no_driver() from error
        try:
            psycopg.conninfo.conninfo_to_dict(self.url.url)
        except psycopg.ProgrammingError:
            # Not as its cause: its words repeat a part of the address, which may be the password.
            raise bad_address() from None
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.home}, the folder on this machine for the home {self.shown}, cannot be created: {reason(error)}. "
                "Check the rights of the folder it would lie in."
            ) from error
        version = self._version()
        if version > schema.VERSION:
            raise self._newer(version)
        if version < schema.VERSION:
            if self.read_only:
                raise StoreError(
                    f"The store at {self.shown} {'has to be upgraded' if version else 'is empty'}, and is open for reading only. "
                    "Open it once from a program that may write, such as notebook-img doctor."
                )
            with self.write() as connection:
                self._upgrade(connection)
        self._keep_mark()

    def _version(self) -> int:
        with self._told(), self._engine.connect() as connection:
            _set_clock(connection)
            return _read_version(connection)

    def _upgrade(self, connection: Connection) -> None:
        version = _read_version(connection)  # another process may have been faster
        if version > schema.VERSION:
            raise self._newer(version)
        if version == 0:
            if taken := sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables)):
                raise StoreError(
                    f"{self.shown} holds tables of another program ({taken[0]}). "
                    "Name an empty database in NOTEBOOK_IMG_HOME; nothing was changed."
                )
            _own.create_all(connection, checkfirst=False)
            schema.metadata.create_all(connection, checkfirst=False)
            for statement in postgres_triggers.STATEMENTS:
                connection.exec_driver_sql(statement)
            schema.begin_counts(connection)
            connection.execute(_facts.insert().values(name="mark", value=secrets.token_hex(32)))
            connection.execute(_facts.insert().values(name="version", value=str(schema.VERSION)))
            _index_words(connection)
            return
        while version < schema.VERSION:
            upgrades.UPGRADES[version](connection)
            version += 1
        connection.execute(_facts.update().where(_facts.c.name == "version").values(value=str(schema.VERSION)))

    def _keep_mark(self) -> None:
        """Keep the secret that keys are recognised by where `Settings.key_mark` reads it: all machines of a home have the same."""
        with self.read() as connection:
            mark = bytes.fromhex(connection.execute(select(_facts.c.value).where(_facts.c.name == "mark")).scalar_one())
        path = self.home / "mark"
        with contextlib.suppress(OSError):
            if path.read_bytes() == mark:
                return
        with self._told():
            write_atomically(path, mark, private=True)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what psycopg, SQLAlchemy and the file writer raise into sentences."""
        try:
            yield
        except sqlalchemy.exc.DBAPIError as error:
            raise as_store_error(error.orig, self.url, waited=self.busy_timeout, lost=error.connection_invalidated) from error
        except OutputError as error:
            raise StoreError(f"The store could not be written and was not changed: {error.sentence}") from error
        except psycopg_errors() as error:
            raise as_store_error(error, self.url, waited=self.busy_timeout, lost=False) from error


def _read_version(connection: Connection) -> int:
    if connection.exec_driver_sql("SELECT to_regclass('notebook_img')").scalar_one() is None:
        return 0
    return int(connection.execute(select(_facts.c.value).where(_facts.c.name == "version")).scalar_one_or_none() or 0)


def _set_clock(connection: Connection) -> None:
    connection.info[CLOCK] = (connection.exec_driver_sql(_TIME).scalar_one(), time.monotonic())


def _index_words(connection: Connection) -> None:
    """Index prompts by every three letters in a row, where the server has the extension pg_trgm; else they are read one by one."""
    with contextlib.suppress(sqlalchemy.exc.DBAPIError), connection.begin_nested():
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        connection.exec_driver_sql("CREATE INDEX turns_by_words ON turns USING gin (prompt gin_trgm_ops)")


def psycopg_errors() -> type[Exception]:
    """Return what its driver raises where SQLAlchemy does not stand between: while it connects."""
    import psycopg

    return psycopg.Error


_DRIVER = re.compile(r"'(?:[^']|'')*'|(?<![:\w]):([A-Za-z_]\w*)|\?|%")
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s+INDEXED BY \w+"), ""),
    # "+column" keeps SQLite from an index; the planner here needs no such words.
    (re.compile(r"(?<=[\s(])\+(?=[a-z_])"), ""),
    # SQLite's LIKE knows no case of ASCII letters.
    (re.compile(r"\bLIKE\b"), "ILIKE"),
    (re.compile(r"\btotal\((\w+)\)"), r"coalesce(sum(\1), 0.0)"),
)


@functools.lru_cache(maxsize=2000)
def translated(statement: str, *, compiled: bool) -> str:
    """Return a statement of the store in PostgreSQL's words, and its places for values as psycopg writes them.

    Parameters
    ----------
    statement : str
        As SQLite reads it.
    compiled : bool
        Whether SQLAlchemy wrote it, for psycopg already as far as the values go.
    """
    for pattern, words in _WORDS:
        statement = pattern.sub(words, statement)
    return statement if compiled else _DRIVER.sub(_place, statement)


def _place(found: re.Match[str]) -> str:
    if found[1]:
        return f"%({found[1]})s"
    return "%s" if found[0] == "?" else found[0].replace("%", "%%")


def _in_its_words(_connection: Connection, _cursor: Any, statement: str, parameters: Any, context: Any, _many: bool) -> tuple[str, Any]:
    return translated(statement, compiled=context is None or context.compiled is not None), with_owner(parameters)


@functools.cache
def _dumper() -> type:
    from psycopg.types.string import StrDumper

    class Text(StrDumper):
        """Text as the database can hold it: no NUL, nothing UTF-8 cannot encode. A letter must not cost a paid turn."""

        def dump(self, obj: str) -> bytes:
            return obj.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")

    return Text
