"""Turns: adding one whole or not at all, and reading them in pages, chains and branches at a cost that does not grow with the session."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, literal, select

from notebook_img.errors import StoreError
from notebook_img.ids import turn_id
from notebook_img.pictures import SUFFIXES
from notebook_img.store import schema
from notebook_img.store.rows import dumps, insert_turn, turn_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.records import TurnRecord
    from notebook_img.store.database import Database
    from notebook_img.store.picture_files import PictureFiles
    from notebook_img.store.raw import RawStates


_COUNT = "UPDATE sessions SET last_number = :number, turns = :turns, updated = :updated WHERE id = :id"
_COUNT_AND_MOVE_HEAD = _COUNT.replace(" WHERE", ", head = :number, redo = '[]' WHERE")


class _FileGoneError(Exception):
    """A picture file has disappeared: another process deleted the last turn that used it."""


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

        Returns
        -------
        TurnRecord
            With its number, and the name of its raw state.

        Raises
        ------
        StoreError
            When it cannot be stored, with the session as it was.
        """
        given = dict(pictures or {})
        types = {use.sha256: use.mime_type for use in record.pictures}
        for attempt in (1, 2, 3):
            for sha256, data in given.items():
                self._files.put_picture(data, sha256=sha256, mime_type=types.get(sha256, ""))
            stored = record if raw is None else dataclasses.replace(record, raw=self._raw.put_raw(raw, given))
            try:
                return self._add_row(stored, move_head, spend, dict(spend_facts or {}))
            except _FileGoneError as error:
                missing = str(error)
                if missing not in given or attempt == 3:
                    raise StoreError(
                        f"Picture {missing[:12]}… is not in the store, so the turn that names it was not stored. "
                        "It was deleted in the meantime. Ask again with the image itself.",
                    ) from error
        raise AssertionError("unreachable")

    def _add_row(self, record: TurnRecord, move_head: bool, spend: int | None, spend_facts: dict[str, Any]) -> TurnRecord:
        with self._database.write() as connection:
            session = connection.exec_driver_sql(
                "SELECT name, last_number, turns FROM sessions WHERE id = :id", {"id": record.session_id}
            ).one_or_none()
            if session is None:
                kept = "".join(f" Its picture is kept: {self._files.picture_path(use.sha256)}." for use in record.uses("output")[:1])
                raise StoreError(f"The session was deleted while the call was running, so the turn was not stored.{kept}")
            for use in record.pictures:
                self._check_file(connection, use.sha256, use.mime_type)
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
                    "updated": time.time(),
                },
            )
            if spend is not None:
                connection.exec_driver_sql(
                    "UPDATE spend SET state = :state, cost = :cost, usage = :usage, session = :session, turn = :turn WHERE id = :id",
                    {
                        "id": spend,
                        "state": spend_facts.get("state", "billed"),
                        "cost": spend_facts.get("cost", record.cost),
                        "usage": dumps(dict(spend_facts.get("usage") or record.usage)),
                        "session": session.name,
                        "turn": turn_id(number, session=session.name),
                    },
                )
        return record

    def _check_file(self, connection: Connection, sha256: str, mime_type: str) -> None:
        path = self._files._folder(sha256) / f"{sha256}{SUFFIXES.get(mime_type, '.bin')}"  # noqa: SLF001 - the same package
        if path.is_file():
            return
        known = connection.execute(select(schema.pictures.c.mime_type).where(schema.pictures.c.sha256 == sha256)).scalar_one_or_none()
        if self._files._find_file(sha256, known or "") is None:  # noqa: SLF001
            raise _FileGoneError(sha256)

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

    def turn_numbers(self, session_id: str) -> list[tuple[int, int | None, str]]:
        """Return ``(number, parent, kind)`` of all turns of a session by number: its outline, without their content."""
        turns = schema.turns
        query = select(turns.c.number, turns.c.parent, turns.c.kind).where(turns.c.session_id == session_id).order_by(turns.c.number)
        with self._database.read() as connection:
            return [(row.number, row.parent, row.kind) for row in connection.execute(query)]

    def find_replies(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered this request, oldest first."""
        turns = schema.turns
        query = select(turns).where(turns.c.request_key == request_key).order_by(turns.c.started, turns.c.id)
        with self._database.read() as connection:
            return turn_records(connection, connection.execute(query))
