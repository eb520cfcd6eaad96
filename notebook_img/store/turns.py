"""Turns: adding one whole or not at all, and reading them in pages, chains and branches at a cost that does not grow with the session."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, literal, select

from notebook_img.errors import StoreError
from notebook_img.ids import MOST_NUMBER, turn_id
from notebook_img.store import schema
from notebook_img.store.database import now
from notebook_img.store.item_states import done_with
from notebook_img.store.rows import PART, dumps, insert_turn, session_values, turn_records
from notebook_img.store.sessions import free_name
from notebook_img.store.spend import settle_row
from notebook_img.store.turn_notes import add_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from notebook_img.records import Claim, PictureUse, SessionRecord, TurnRecord
    from notebook_img.store.database import Database
    from notebook_img.store.picture_files import PictureFiles
    from notebook_img.store.raw import RawStates
    from notebook_img.store.rows import AnyRow


_COUNT = "UPDATE sessions SET last_number = :number, turns = :turns, updated = :updated WHERE id = :id"
_COUNT_AND_MOVE_HEAD = _COUNT.replace(" WHERE", ", head = :number, redo = '[]' WHERE")


MADE = ("output", "delivered")
"""Roles of pictures without which a turn is none."""


class _FileGoneError(Exception):
    """A picture file has disappeared: another process deleted the last turn that used it."""

    def __init__(self, use: PictureUse) -> None:
        super().__init__(use.sha256)
        self.use = use


class Turns:
    """The turns of a store."""

    _database: Database
    _files: PictureFiles
    _raw: RawStates

    def add_turn(
        self,
        record: TurnRecord,
        pictures: Mapping[str, bytes] | None = None,
        *,
        move_head: bool,
        spend: int | None = None,
        spend_facts: Mapping[str, Any] | None = None,
        raw: Any = None,
        spare: Mapping[str, Callable[[], bytes]] | None = None,
        session: SessionRecord | None = None,
        claim: Claim | None = None,
    ) -> TurnRecord:
        """Store a turn: its files first, then everything else in one transaction.

        Parameters
        ----------
        record : TurnRecord
            With number 0; its pictures are in `pictures` or in the store already.
        pictures : mapping
            Bytes by sha256.
        move_head : bool
            Make it the session's stored head and forget what could be redone.
        spend : int, optional
            The reservation this turn settles.
        spend_facts : mapping, optional
            ``state`` ("billed" when left out), ``cost``, ``usage``.
        raw : JSON value with bytes, optional
            The provider's raw state (see `RawStates.put_raw`).
        spare : mapping, optional
            Gives the bytes, by sha256, of pictures that were in the store when the call began: asked only where a file is gone since.
        session : SessionRecord, optional
            The session as it was when the call began. It is made again where it was deleted since: what is paid for is stored.
        claim : Claim, optional
            The item of a batch that is done with it.

        Returns
        -------
        TurnRecord
            With its number, the name of its raw state, and a warning about what was deleted meanwhile.

        Raises
        ------
        StoreError
            When it cannot be stored, with the session as it was.
        """
        given = dict(pictures or {})
        types = {use.sha256: use.mime_type for use in record.pictures}
        lost: dict[str, PictureUse] = {}
        for attempt in range(3 + len(types)):
            for sha256, data in given.items():
                self._files.put_picture(data, sha256=sha256, mime_type=types.get(sha256, ""))
            stored = record if raw is None else dataclasses.replace(record, raw=self._raw.put_raw(raw, given))
            stored = _without(stored, lost.values())
            try:
                add = functools.partial(self._add_row, stored, move_head, spend, dict(spend_facts or {}), frozenset(lost), session, claim)
                return self._database.persist(add)
            except _FileGoneError as error:
                use, missing = error.use, error.use.sha256
                if missing in given and attempt < 2:
                    continue
                if missing not in given and (spared := _spared(missing, spare)) is not None:
                    given[missing] = spared
                elif use.role in MADE or missing in given:
                    raise StoreError(
                        f"Picture {missing[:12]}… is not in the store, so the turn that names it was not stored. "
                        "It was deleted in the meantime. Ask again with the image itself.",
                    ) from error
                else:
                    lost[missing] = use
        raise AssertionError("unreachable")

    def _add_row(
        self,
        record: TurnRecord,
        move_head: bool,
        spend: int | None,
        spend_facts: dict[str, Any],
        lost: Collection[str],
        began_in: SessionRecord | None,
        claim: Claim | None,
        connection: Connection,
    ) -> TurnRecord:
        session = _session_row(connection, record.session_id)
        if session is None and began_in is not None:
            record = _made_again(connection, began_in, record)
            session = _session_row(connection, record.session_id)
        if session is None:
            kept = "".join(f" Its picture is kept: {self._files.picture_path(use.sha256)}." for use in record.uses("output")[:1])
            raise StoreError(f"The session was deleted while the call was running, so the turn was not stored.{kept}")
        for use in record.pictures:
            if use.sha256 not in lost:
                self._check_file(use)
        if record.raw and not self._raw.has_raw(record.raw):
            record = dataclasses.replace(record, raw="")
        number = session.last_number + 1
        record = dataclasses.replace(record, number=number)
        insert_turn(connection, record)
        connection.exec_driver_sql(
            _COUNT_AND_MOVE_HEAD if move_head else _COUNT,
            {
                "id": record.session_id,
                "number": number,
                "turns": session.turns + 1,
                "updated": now(connection),
            },
        )
        if spend is not None:
            settle_row(
                connection,
                {
                    "id": spend,
                    "state": spend_facts.get("state", "billed"),
                    "cost": spend_facts.get("cost", record.cost),
                    "usage": dumps(dict(spend_facts.get("usage") or record.usage)),
                    "session": session.name,
                    "turn": turn_id(number, session=session.name),
                },
            )
        if claim is not None:
            done_with(connection, claim, spend, session_id=record.session_id, turn=number, seconds=record.seconds, cost=record.cost)
        add_notes(self._database.notes, connection, session._mapping, [record])  # noqa: SLF001 - a row's public name for it
        return record

    def _check_file(self, use: PictureUse) -> None:
        if not self._files.is_kept(use.sha256, use.mime_type):
            raise _FileGoneError(use)

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""
        turns = schema.turns
        with self._database.read() as connection:
            rows = connection.execute(select(turns).where(turns.c.session_id == session_id, turns.c.number == number))
            found = turn_records(connection, rows)
        return found[0] if found else None

    def turns(
        self,
        session_id: str,
        *,
        limit: int | None = None,
        before: int | None = None,
        after: int | None = None,
        newest_first: bool = False,
        offset: int = 0,
    ) -> list[TurnRecord]:
        """Return turns by number.

        Parameters
        ----------
        limit : int, optional
            Most turns to return.
        before, after : int, optional
            Only numbers below, above this one: how to go from page to page.
        newest_first : bool
            The order.
        offset : int
            Turns to pass over, for access by index.
        """
        turns = schema.turns
        query = select(turns).where(turns.c.session_id == session_id)
        if before is not None:
            query = query.where(turns.c.number < before)
        if after is not None:
            query = query.where(turns.c.number > after)
        query = query.order_by(turns.c.number.desc() if newest_first else turns.c.number).limit(limit).offset(offset)
        with self._database.read() as connection:
            return turn_records(connection, connection.execute(query))

    def chain(self, session_id: str, number: int, limit: int | None = None) -> list[TurnRecord]:
        """Return a turn and those it follows, oldest first; with `limit`, only the nearest."""
        turns = schema.turns
        start = select(turns.c.id, turns.c.number, turns.c.parent, literal(1).label("depth")).where(
            turns.c.session_id == session_id, turns.c.number == number
        )
        chain = start.cte("chain", recursive=True)
        step = (
            select(turns.c.id, turns.c.number, turns.c.parent, chain.c.depth + 1)
            .join(chain, turns.c.number == chain.c.parent)
            # Parents have smaller numbers; what has not is damaged, and must not lead round in a ring.
            .where(turns.c.session_id == session_id, turns.c.number < chain.c.number)
        )
        if limit is not None:
            step = step.where(chain.c.depth < limit)
        chain = chain.union_all(step)
        query = select(turns).join(chain, chain.c.id == turns.c.id).order_by(chain.c.depth.desc())
        with self._database.read() as connection:
            return turn_records(connection, connection.execute(query))

    def turn_numbers(self, session_id: str, *, until: int | None = None, latest: int | None = None) -> list[tuple[int, int | None, str]]:
        """Return ``(number, parent, kind)`` of the turns of a session by number: its outline, without their content.

        Parameters
        ----------
        until : int, optional
            Only up to this number.
        latest : int, optional
            Only the latest so many.
        """
        query = "SELECT number, parent, kind FROM turns WHERE session_id = :session AND number <= :until ORDER BY number DESC LIMIT :latest"
        values = {
            "session": session_id,
            "until": MOST_NUMBER if until is None else until,
            "latest": MOST_NUMBER if latest is None else latest,
        }
        with self._database.read() as connection:
            rows = connection.exec_driver_sql(query, values).all()
        return [(row[0], row[1], row[2]) for row in reversed(rows)]

    def turns_numbered(self, session_id: str, numbers: Iterable[int]) -> list[TurnRecord]:
        """Return the turns with these numbers, by number."""
        turns, wanted = schema.turns, sorted(numbers)
        found: list[TurnRecord] = []
        with self._database.read() as connection:
            for start in range(0, len(wanted), PART):
                page = select(turns).where(turns.c.session_id == session_id, turns.c.number.in_(wanted[start : start + PART]))
                found += turn_records(connection, connection.execute(page.order_by(turns.c.number)))
        return found

    def count_turns(self, session_id: str, *, until: int | None = None) -> tuple[int, int]:
        """Return how many turns and how many questions a session has, or has up to a number."""
        values = {"session": session_id, "until": MOST_NUMBER if until is None else until}
        # Named: SQLite takes the index of questions only where it sees the word (see `Lookups.last_question`).
        query = """
            SELECT
                (SELECT count(*) FROM turns WHERE session_id = :session AND number <= :until),
                (SELECT count(*) FROM turns INDEXED BY questions_by_number
                 WHERE session_id = :session AND number <= :until AND kind = 'ask')
        """
        with self._database.read() as connection:
            both, questions = connection.exec_driver_sql(query, values).one()
        return both - questions, questions

    def find_replies(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered this request, oldest first."""
        turns = schema.turns
        query = select(turns).where(turns.c.request_key == request_key).order_by(turns.c.started, turns.c.id)
        with self._database.read() as connection:
            return turn_records(connection, connection.execute(query))


def _session_row(connection: Connection, session_id: str) -> AnyRow | None:
    return connection.exec_driver_sql("SELECT * FROM sessions WHERE id = :id", {"id": session_id}).one_or_none()


def _made_again(connection: Connection, session: SessionRecord, record: TurnRecord) -> TurnRecord:
    """Insert a session that was deleted again, under its id and if it is free its name; return the turn as its first."""
    last = max(record.parent or 0, record.head_before or 0)
    again = dataclasses.replace(session, name=free_name(connection, session.name), updated=now(connection), head=None, redo=())
    connection.execute(schema.sessions.insert().values(**session_values(again), turns=0, last_number=last))
    said = f"The session was deleted while the call was running, so it was made again as {again.name!r}."
    return dataclasses.replace(record, parent=None, picked=None, head_before=None, warnings=(*record.warnings, said))


def _without(record: TurnRecord, lost: Iterable[PictureUse]) -> TurnRecord:
    """Return a turn that says which of its inputs were deleted meanwhile."""
    said = [
        f"{use.name or 'A picture'} ({use.role}) was deleted while the call was running: the turn is stored without it." for use in lost
    ]
    return dataclasses.replace(record, warnings=(*record.warnings, *said)) if said else record


def _spared(sha256: str, spare: Mapping[str, Callable[[], bytes]] | None) -> bytes | None:
    """Return the bytes of a picture whose file is gone, where another place still has them."""
    if spare is None or sha256 not in spare:
        return None
    try:
        return spare[sha256]()
    except (StoreError, OSError):
        return None
