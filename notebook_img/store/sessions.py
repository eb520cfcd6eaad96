"""Sessions: rows with a name, a head and counters. What heads and lines mean is defined in tree/."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Connection, case, delete, func, literal, select, update

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.ids import turn_id
from notebook_img.records import SessionRecord
from notebook_img.store import schema
from notebook_img.store.database import now
from notebook_img.store.jobs import named_by_work
from notebook_img.store.names import MOST_LETTERS, check_session_name
from notebook_img.store.rows import PART, contains, dumps, session_record, session_values
from notebook_img.store.turn_notes import forget_session, forget_turns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.store.database import Database
    from notebook_img.store.picture_files import PictureFiles
    from notebook_img.store.raw import RawStates

_FIELDS = frozenset({"name", "model", "head", "redo", "notebook", "settings"})


class Sessions:
    """The sessions of a store."""

    _database: Database
    _files: PictureFiles
    _raw: RawStates

    def create_session(
        self,
        name: str,
        *,
        model: str = "",
        notebook: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> SessionRecord:
        """Create a session.

        Raises
        ------
        UsageError
            When the name is taken, or no name for a session (see names.py).
        """
        name = check_session_name(name)
        with self._database.write() as connection:
            record = new_session(name, model=model, notebook=notebook, settings=settings, at=now(connection))
            _refuse_taken(connection, record.name)
            connection.execute(schema.sessions.insert().values(**session_values(record), turns=0, last_number=0))
        return record

    def open_session(self, name: str, *, notebook: str = "", settings: Mapping[str, Any] | None = None) -> tuple[SessionRecord, bool]:
        """Return the session of this name, made where there is none, and whether it was made.

        However many processes ask for it at once, one of them makes it and all get it.

        Raises
        ------
        UsageError
            When no session can have such a name.
        """
        found = self.session_named(name)
        if found is not None:
            return found, False
        name = check_session_name(name)
        with self._database.write() as connection:
            record = new_session(name, notebook=notebook, settings=settings, at=now(connection))
            row = connection.execute(select(schema.sessions).where(schema.sessions.c.name == record.name)).one_or_none()
            if row is not None:
                return session_record(row), False
            connection.execute(schema.sessions.insert().values(**session_values(record), turns=0, last_number=0))
        return record, True

    def session_of_notebook(self, notebook: str) -> SessionRecord | None:
        """Return the session that belongs to a notebook: of several the one changed last."""
        table = schema.sessions.c
        query = select(schema.sessions).where(table.notebook == notebook).order_by(table.updated.desc(), table.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return session_record(row) if row is not None else None

    def session(self, session_id: str) -> SessionRecord | None:
        """Return the session with this id."""
        with self._database.read() as connection:
            row = connection.exec_driver_sql("SELECT * FROM sessions WHERE id = :id", {"id": session_id}).one_or_none()
        return session_record(row) if row else None

    def session_named(self, name: str) -> SessionRecord | None:
        """Return the session with exactly this name."""
        if not isinstance(name, str) or not name.isprintable():
            return None  # SQLite cannot be asked for every text Python can hold; no session has such a name
        with self._database.read() as connection:
            row = connection.execute(select(schema.sessions).where(schema.sessions.c.name == name)).one_or_none()
        return session_record(row) if row else None

    def sessions(self, limit: int | None = None, offset: int = 0, search: str = "") -> list[SessionRecord]:
        """Return sessions, the one changed last first.

        Parameters
        ----------
        limit, offset : int
            The page.
        search : str
            Part of the name or of the notebook's path.
        """
        table = schema.sessions.c
        query = select(schema.sessions).order_by(table.updated.desc(), table.id.desc()).limit(limit).offset(offset)
        if search:
            pattern = contains(search)
            query = query.where(table.name.like(pattern, escape="\\") | table.notebook.like(pattern, escape="\\"))
        with self._database.read() as connection:
            return [session_record(row) for row in connection.execute(query)]

    def session_names(self) -> list[str]:
        """Return all names, the session changed last first."""
        with self._database.read() as connection:
            return list(connection.execute(select(schema.sessions.c.name).order_by(schema.sessions.c.updated.desc())).scalars())

    def count_sessions(self) -> int:
        """Return how many sessions there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(schema.sessions)).scalar_one())

    def free_name(self, name: str) -> str:
        """Return `name`, or `name` with the first number from 2 on that is not taken."""
        with self._database.read() as connection:
            return free_name(connection, name)

    def update_session(self, session_id: str, **fields: Any) -> SessionRecord:
        """Change fields of a session: name, model, head, redo, notebook, settings.

        Raises
        ------
        UsageError
            When the new name is taken, or no name for a session.
        NotFoundError
            When the session was deleted.
        """
        unknown = set(fields) - _FIELDS
        if unknown:
            raise TypeError(f"a session has no field {min(unknown)!r} that can be changed")
        values = dict(fields)
        if "name" in values:
            values["name"] = check_session_name(values["name"])
        if "redo" in values:
            values["redo"] = dumps(list(values["redo"]))
        if "settings" in values:
            values["settings"] = dumps(dict(values["settings"]))
        with self._database.write() as connection:
            if "name" in values:
                _refuse_taken(connection, values["name"], but=session_id)
                _rename_elsewhere(connection, session_id, values["name"])
            change = update(schema.sessions).where(schema.sessions.c.id == session_id).values(**values, updated=now(connection))
            if connection.execute(change).rowcount == 0:
                raise NotFoundError("This session was deleted in the meantime.", hint=Hint("new-session"))
            row = connection.execute(select(schema.sessions).where(schema.sessions.c.id == session_id)).one()
        return session_record(row)

    def delete_session(self, session_id: str, *, only_empty: bool = False) -> None:
        """Delete a session with its turns, and the files nothing else uses. What was spent stays on record.

        Parameters
        ----------
        session_id : str
            The session.
        only_empty : bool
            Leave one that has turns by now.

        Raises
        ------
        NotFoundError
            When there is none with this id.
        """
        with self._database.write() as connection:
            if only_empty and connection.execute(select(schema.turns.c.id).where(schema.turns.c.session_id == session_id).limit(1)).first():
                return
            pictures, states = files_of(connection, schema.turns.c.session_id == session_id)
            if connection.execute(delete(schema.sessions).where(schema.sessions.c.id == session_id)).rowcount == 0:
                raise NotFoundError("This session was already deleted.")
            forget_session(self._database.notes, session_id)
        self._drop_unused(pictures, states)

    def delete_branch(self, session_id: str, number: int) -> list[int]:
        """Delete a turn and all that follows it; a head inside goes to the turn's parent. Return the deleted numbers.

        Raises
        ------
        NotFoundError
            When there is no such turn.
        """
        turns = schema.turns
        with self._database.write() as connection:
            below = (
                select(turns.c.number, turns.c.parent).where(turns.c.session_id == session_id, turns.c.number == number).cte(recursive=True)
            )
            below = below.union(
                select(turns.c.number, turns.c.parent)
                .join(below, turns.c.parent == below.c.number)
                .where(turns.c.session_id == session_id),
            )
            numbers = sorted(row.number for row in connection.execute(select(below)))
            if not numbers:
                raise NotFoundError(f"There is no turn {turn_id(number)} in this session.")
            parent = connection.execute(
                select(turns.c.parent).where(turns.c.session_id == session_id, turns.c.number == number),
            ).scalar_one()
            pictures: set[str] = set()
            states: set[str] = set()
            for start in range(0, len(numbers), PART):
                where = (turns.c.session_id == session_id) & turns.c.number.in_(numbers[start : start + PART])
                part = files_of(connection, where)
                pictures |= part[0]
                states |= part[1]
                connection.execute(delete(turns).where(where))
            session = connection.execute(select(schema.sessions).where(schema.sessions.c.id == session_id)).one()
            kept = [head for head in session_record(session).redo if head not in set(numbers)]
            connection.execute(
                update(schema.sessions)
                .where(schema.sessions.c.id == session_id)
                .values(
                    turns=session.turns - len(numbers),
                    head=parent if session.head in set(numbers) else session.head,
                    redo=dumps(kept),
                    updated=now(connection),
                ),
            )
            forget_turns(self._database.notes, session_id, numbers)
        self._drop_unused(pictures, states)
        return numbers

    def _drop_unused(self, pictures: set[str], states: set[str]) -> None:
        """Delete the files of deleted rows, unless something else uses them.

        While the files go, the write lock is held, and `add_turn` looks for its files under that lock: so no row can come to name a file
        that is being deleted. It is a transaction of its own: a deletion of rows that fails leaves every file.
        """
        names = sorted(states)
        for start in range(0, len(names), PART):
            with self._database.write() as connection:
                part = names[start : start + PART]
                used = set(connection.execute(select(schema.turns.c.raw).where(schema.turns.c.raw.in_(part))).scalars())
                for name in set(part) - used:
                    # Its blobs may be shared with other states, so they are left to `repair_store`, which looks at all of them.
                    self._raw.drop_raw(name)
        names = sorted(pictures)
        for start in range(0, len(names), PART):
            with self._database.write() as connection:
                self._drop_pictures(connection, names[start : start + PART])

    def _drop_pictures(self, connection: Connection, names: list[str]) -> None:
        used = set(connection.execute(select(schema.uses.c.sha256).where(schema.uses.c.sha256.in_(names))).scalars())
        waiting = named_by_work(connection)
        for name in names:
            if name not in used and name not in waiting:
                path = self._files._find_file(name, "")  # noqa: SLF001 - the same package
                connection.execute(delete(schema.pictures).where(schema.pictures.c.sha256 == name))
                if path and self._database.doubt:
                    # A turn whose row is lost may use it too.
                    self._database.shelf.set_aside([path])
                elif path:
                    self._database.shelf.drop(path)


def new_session(name: str, *, model: str = "", notebook: str = "", settings: Mapping[str, Any] | None = None, at: float) -> SessionRecord:
    """Return a session that is not stored yet."""
    return SessionRecord(secrets.token_hex(8), name, at, at, model=model, notebook=notebook, settings=dict(settings or {}))


def free_name(connection: Connection, name: str) -> str:
    """Return `name`, or `name` with the first number from 2 on that is not taken."""
    start = contains(name[: MOST_LETTERS // 2])[1:]
    query = select(schema.sessions.c.name).where(schema.sessions.c.name.like(start, escape="\\"))
    taken = set(connection.execute(query).scalars())
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name[: MOST_LETTERS - len(str(number)) - 1]}-{number}"
    return found


def files_of(connection: Connection, where: sqlalchemy.ColumnElement[bool]) -> tuple[set[str], set[str]]:
    """Return the pictures and the raw states that the chosen turns name."""
    turns = schema.turns
    used = select(schema.uses.c.sha256).join(turns, turns.c.id == schema.uses.c.turn_id).where(where).distinct()
    states = select(turns.c.raw).where(where, turns.c.raw != "").distinct()
    return set(connection.execute(used).scalars()), set(connection.execute(states).scalars())


def _refuse_taken(connection: Connection, name: str, *, but: str = "") -> None:
    taken = connection.execute(select(schema.sessions.c.id).where(schema.sessions.c.name == name, schema.sessions.c.id != but)).first()
    if taken:
        raise UsageError(f"A session named {name!r} already exists. Choose another name.", hint=Hint("open-session", name=name))


def _rename_elsewhere(connection: Connection, session_id: str, name: str) -> None:
    """Let the session's spend rows and waiting jobs follow its new name; rows of a deleted session of that name stay."""
    session = connection.execute(
        select(schema.sessions.c.name, schema.sessions.c.created).where(schema.sessions.c.id == session_id),
    ).one_or_none()
    if session is None:
        return
    spend, jobs = schema.spend, schema.jobs
    own = (spend.c.session == session.name) & (spend.c.at >= session.created)
    turn = case((spend.c.turn != "", literal(name) + func.substr(spend.c.turn, len(session.name) + 1)), else_="")
    connection.execute(update(spend).where(own).values(session=name, turn=turn))
    connection.execute(update(jobs).where(jobs.c.session == session.name, jobs.c.created >= session.created).values(session=name))
