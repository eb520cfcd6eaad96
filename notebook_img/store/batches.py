"""Batches and their items: what is to be done, who does it, what came of it. Any process of the home can go on with one.

An item is ``waiting`` until a process leases it, ``sent`` from the transaction that reserves its money, and then done, failed or refused. A
lease that its holder has left is taken over; what was sent never is: it may have been billed, and is only listed.
"""

from __future__ import annotations

import dataclasses
import secrets
import statistics
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, select, update

from notebook_img.errors import NotFoundError
from notebook_img.hints import Hint
from notebook_img.records import BatchRecord, Claim, ItemRecord
from notebook_img.store import schema
from notebook_img.store.database import now
from notebook_img.store.item_states import AT_SERVICE, BOOKED, is_left, left_as, share_end, write_end
from notebook_img.store.owner import this_process
from notebook_img.store.rows import ITEM_FIELDS, batch_record, batch_values, dumps, item_record, item_values, session_values, sound
from notebook_img.store.sessions import free_name, new_session

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow

LEASE_LASTS = 120.0
"""Seconds after which a lease may be taken over where it is unknown whether its process is alive."""
STOPPED = "It was stopped after it was sent, and may have been billed."
_BATCH_FIELDS = frozenset(field.name for field in dataclasses.fields(BatchRecord))


class Batches:
    """The batches of a store."""

    _database: Database

    def add_batch(self, record: BatchRecord, items: Sequence[ItemRecord], *, session: str, settings: Mapping[str, Any]) -> BatchRecord:
        """Store a batch with its items and a session of its own, in one transaction.

        Parameters
        ----------
        record : BatchRecord
            With id 0; with the id of a session, its turns go there.
        items : sequence of ItemRecord
            With id 0; `ItemRecord.twin` holds the position of the item whose answer one shares.
        session : str
            The name its own session is made of: ``fox`` gives ``fox-b3``.
        settings : mapping
            What the session is made with: ``model``, ``settings``, ``notebook``.
        """
        with self._database.write() as connection:
            number = 1 + (connection.execute(select(func.max(schema.batches.c.id))).scalar_one() or 0)
            own = record.session_id
            if not own:
                made = new_session(free_name(connection, f"{session}-b{number}"), **settings, at=now(connection))
                connection.execute(schema.sessions.insert().values(**session_values(made), turns=0, last_number=0))
                own = made.id
            record = dataclasses.replace(record, id=number, session_id=own)
            connection.execute(schema.batches.insert().values(sound(batch_values(record))))
            _insert_items(connection, record.id, items)
            _tie_twins(connection, record.id, items)
        return record

    def merge_items(self, batch: int, items: Sequence[ItemRecord], **fields: Any) -> None:
        """Let a batch name these items from now on: those it had keep what came of them, new ones wait, the others are left out.

        Items are the same whose keys are; of equal keys the first is the first.
        """
        with self._database.write() as connection:
            rows = connection.execute(
                select(schema.items.c.id, schema.items.c.key, schema.items.c.state)
                .where(schema.items.c.batch == batch)
                .order_by(schema.items.c.position < 0, schema.items.c.position)
            ).all()
            known: dict[str, list[int]] = {}
            for row in reversed(rows):
                known.setdefault(row.key, []).append(row.id)
            connection.execute(update(schema.items).where(schema.items.c.batch == batch).values(position=-1))
            new, moved = [], []
            for item in items:
                if item.key and (ids := known.get(item.key)):
                    moved.append((item.position, item.label, dumps(dict(item.fields)), dumps(dict(item.call)), ids.pop()))
                else:
                    new.append(item)
            if moved:
                # What a service has keeps its call: its pictures lie in the store, whatever becomes of the files.
                call = f"CASE WHEN {AT_SERVICE} THEN call ELSE ? END"
                change = f"UPDATE items SET position = ?, label = ?, fields = ?, call = {call}, twin = NULL WHERE id = ?"  # noqa: S608
                connection.exec_driver_sql(change, moved)
            connection.execute(
                delete(schema.items).where(
                    schema.items.c.batch == batch,
                    schema.items.c.position < 0,
                    schema.items.c.state.in_(("waiting", "failed")),
                    schema.items.c.key == "",
                )
            )
            _insert_items(connection, batch, new)
            _tie_twins(connection, batch, items)
            _update_batch(connection, batch, fields)

    def update_batch(self, batch: int, **fields: Any) -> None:
        """Change fields of a batch: ``budget``, ``stopping``, ``facts``.

        Raises
        ------
        NotFoundError
            When there is no such batch.
        """
        with self._database.write() as connection:
            if not _update_batch(connection, batch, fields):
                raise NotFoundError(f"There is no batch b{batch} in the store.", hint=Hint("list-batches"))

    def batch(self, batch: int) -> BatchRecord | None:
        """Return one batch."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.batches).where(schema.batches.c.id == batch)).one_or_none()
        return batch_record(row) if row else None

    def batches(self, *, session: str | None = None, limit: int | None = None) -> list[BatchRecord]:
        """Return batches, newest first; only those made beside a session."""
        query = select(schema.batches).order_by(schema.batches.c.id.desc()).limit(limit)
        if session is not None:
            query = query.where((schema.batches.c.beside == session) | (schema.batches.c.session_id == session))
        with self._database.read() as connection:
            return [batch_record(row) for row in connection.execute(query)]

    def batches_of_cell(self, cell: str, source_hash: str, notebook: str) -> list[BatchRecord]:
        """Return the batches a cell made, newest first: by its id, else by its words in the notebook."""
        table = schema.batches.c
        alike = (table.source_hash == source_hash) & (table.notebook == notebook)
        query = select(schema.batches).where((table.cell == cell) | alike).order_by(table.id.desc())
        with self._database.read() as connection:
            found = [batch_record(row) for row in connection.execute(query)] if cell else []
        return sorted(found, key=lambda record: (record.cell != cell, -record.id))

    def batch_keys(self, batch: int) -> dict[str, list[str]]:
        """Return the states of the items of each key, in the order in which `merge_items` takes them."""
        table = schema.items.c
        found: dict[str, list[str]] = {}
        with self._database.read() as connection:
            query = select(table.key, table.state).where(table.batch == batch, table.key != "")
            for row in connection.execute(query.order_by(table.position < 0, table.position)):
                found.setdefault(row.key, []).append(row.state)
        return found

    def items(
        self, batch: int, *, states: Collection[str] = (), start: int = 0, limit: int | None = None, newest_first: bool = False
    ) -> list[ItemRecord]:
        """Return the items a batch names, in order; only those in some states, or a page of them."""
        table = schema.items.c
        order = table.position.desc() if newest_first else table.position
        query = select(schema.items).where(table.batch == batch, table.position >= start).order_by(order).limit(limit)
        if states:
            query = query.where(table.state.in_(tuple(states)))
        with self._database.read() as connection:
            return [item_record(row) for row in connection.execute(query)]

    def latest_done(self, batch: int, most: int) -> list[ItemRecord]:
        """Return the items that were done last, the latest first."""
        query = "SELECT * FROM items WHERE batch = :batch AND state = 'done' ORDER BY turn DESC LIMIT :most"
        with self._database.read() as connection:
            return [item_record(row) for row in connection.exec_driver_sql(query, {"batch": batch, "most": most})]

    def item_counts(self, batch: int, before: int | None = None) -> dict[str, int]:
        """Return how many items are in each state; ``unsure``: failed and perhaps billed, ``later``: a service has them for later."""
        unsure, later = "WHEN state = 'failed' AND billed != 'no' THEN 'unsure'", f"WHEN {AT_SERVICE} THEN 'later'"
        state = f"CASE {unsure} {later} ELSE state END"
        query = f"SELECT {state} AS now, count(*) FROM items WHERE batch = :batch AND position >= 0 AND position < :before GROUP BY now"  # noqa: S608
        with self._database.read() as connection:
            values = {"batch": batch, "before": 1 << 60 if before is None else before}
            return {row[0]: int(row[1]) for row in connection.exec_driver_sql(query, values)}

    # Doing

    def claim_items(
        self, batch: int, most: int, before: int | None = None, *, lasts: float = LEASE_LASTS
    ) -> list[tuple[ItemRecord, Claim]]:
        """Lease the next waiting items of a batch to this process.

        Parameters
        ----------
        most : int
            How many.
        before : int, optional
            Only items at earlier positions.
        lasts : float
            Seconds the lease holds where it cannot be told whether this process is alive.
        """
        lease = secrets.token_hex(8)
        query = (
            "SELECT * FROM items WHERE batch = :batch AND state = 'waiting' AND position >= 0 AND position < :before AND twin IS NULL "
            "ORDER BY position LIMIT :most"
        )

        def leased(connection: Connection) -> Sequence[AnyRow]:
            found = connection.exec_driver_sql(query, {"batch": batch, "before": 1 << 60 if before is None else before, "most": most}).all()
            if found:
                change = "UPDATE items SET state = 'leased', owner = ?, lease = ?, until = ? WHERE id = ?"
                connection.exec_driver_sql(change, [(this_process(), lease, now(connection) + lasts, row.id) for row in found])
            return found

        found = self._database.together(leased)
        return [(dataclasses.replace(item_record(row), state="leased", lease=lease), Claim(batch, row.id, lease)) for row in found]

    def release_leased(self, claim: Claim) -> None:
        """Let an item wait again if it is leased still."""
        free = "UPDATE items SET state = 'waiting', owner = '', lease = '', job = '' WHERE id = ? AND lease = ? AND state = 'leased'"
        with self._database.write() as connection:
            connection.exec_driver_sql(free, (claim.item, claim.lease))

    def release_item(self, claim: Claim) -> None:
        """Let an item wait again that was not sent, or of which it is known that it was not billed."""
        with self._database.write() as connection:
            write_end(connection, claim, {"state": "waiting"})

    def leave_item(self, claim: Claim, *, error: str = STOPPED, reason: str = "Stopped") -> str:
        """Record that an item was given up: it waits again, unless the books count something for it; return its state."""
        booked = "SELECT spend.cost FROM items JOIN spend ON spend.id = items.spend WHERE items.id = :item AND items.state = 'sent'"
        with self._database.write() as connection:
            costs = connection.exec_driver_sql(booked, {"item": claim.item}).scalars().all()
            if not costs or costs[0] == 0.0:
                write_end(connection, claim, {"state": "waiting"})
                return "waiting"
            write_end(connection, claim, {"state": "failed", "billed": "maybe", "cost": costs[0], "error": error, "reason": reason})
            return "failed"

    def end_item(self, claim: Claim, *, state: str = "failed", **fields: Any) -> None:
        """Record how an item ended: ``error``, ``reason``, ``billed``, ``cost``, ``seconds``, ``job``; ``turn`` with ``session_id``."""
        with self._database.write() as connection:
            write_end(connection, claim, {"state": state, **fields})

    def note_error(self, item: int, error: str) -> bool:
        """Say of an item that is done what did not succeed after its reply was stored: its file; return whether it is done."""
        note = "UPDATE items SET error = ? WHERE id = ? AND state = 'done'"
        with self._database.write() as connection:
            return connection.exec_driver_sql(note, (error, item)).rowcount == 1

    def settle_items(self, batch: int, *, own: bool = False) -> int:
        """Take over what ended processes have left: leased items wait again, sent ones are listed as failed; return how many.

        Of one that was sent the books say whether it was billed: a process may have ended between the two.

        Parameters
        ----------
        own : bool
            This process, too, works on the batch no longer.
        """
        with self._database.write() as connection:
            rows = connection.exec_driver_sql(
                f"SELECT items.id, items.state, items.owner, items.until, {BOOKED} FROM items "  # noqa: S608 - names of our own
                "LEFT JOIN spend ON spend.id = items.spend WHERE items.batch = :batch AND "
                "(items.state = 'leased' OR (items.state = 'sent' AND items.job = ''))",
                {"batch": batch},
            ).all()
            left = [row for row in rows if is_left(connection, row) or (own and row.owner == this_process())]
            for row in left:
                values = left_as(connection, row)
                connection.execute(update(schema.items).where(schema.items.c.id == row.id).values(**values, owner="", lease=""))
                share_end(connection, row.id, values)
        return len(left)

    def typical_seconds(self, model: str) -> float | None:
        """Return how long the latest turns of a model took, their median; None where there are none."""
        query = "SELECT seconds FROM turns WHERE model = :model AND seconds > 0 ORDER BY id DESC LIMIT 20"
        with self._database.read() as connection:
            found = connection.exec_driver_sql(query, {"model": model}).scalars().all()
        return statistics.median(found) if found else None

    def at_work(self, batch: int) -> bool:
        """Return whether a living process has items of a batch."""
        query = (
            "SELECT DISTINCT owner, until, state FROM items WHERE batch = :batch AND (state = 'leased' OR (state = 'sent' AND job = ''))"
        )
        with self._database.read() as connection:
            return any(not is_left(connection, row) for row in connection.exec_driver_sql(query, {"batch": batch}))

    def claim_left(self, item: int, spend: int | None) -> Claim | None:
        """Return what ends an item that was given up, from the call whose money `spend` is; None where it was sent again, or is done."""
        query = "SELECT batch, id, lease FROM items WHERE id = :item AND spend = :spend AND state IN ('sent', 'failed')"
        with self._database.read() as connection:
            row = connection.exec_driver_sql(query, {"item": item, "spend": spend}).one_or_none()
        return Claim(*row) if row is not None else None

    def wait_again(self, batch: int, *, billed: bool = False, but: Collection[int] = ()) -> int:
        """Let failed items wait again that were surely not billed; with `billed` all that failed or were refused. Return how many.

        Those in `but` stay as they are.
        """
        table = schema.items.c
        which = table.state.in_(("failed", "refused")) if billed else (table.state == "failed") & (table.billed == "no")
        change = update(schema.items).where(table.batch == batch, table.position >= 0, which & (table.key != "") & table.id.not_in(but))
        with self._database.write() as connection:
            return int(connection.execute(change.values(state="waiting", error="", reason="", billed="no", cost=None, job="")).rowcount)


def _insert_items(connection: Connection, batch: int, items: Sequence[ItemRecord]) -> None:
    names = [name for name in ITEM_FIELDS if name not in ("id", "twin")]
    into, given = ", ".join(names), ", ".join(f":{name}" for name in names)
    text = f"INSERT INTO items ({into}) VALUES ({given})"  # noqa: S608 - names of our own
    rows = [{name: value for name, value in item_values(dataclasses.replace(item, batch=batch)).items() if name in names} for item in items]
    if rows:
        connection.exec_driver_sql(text, [sound(row) for row in rows])


def _tie_twins(connection: Connection, batch: int, items: Sequence[ItemRecord]) -> None:
    if twins := [(item.twin, item.position) for item in items if item.twin is not None]:
        place = "SELECT id FROM items AS first WHERE first.batch = ? AND first.position = ?"
        change = f"UPDATE items SET twin = ({place}) WHERE batch = ? AND position = ?"  # noqa: S608
        connection.exec_driver_sql(change, [(batch, first, batch, position) for first, position in twins])
        # The first may have its answer already.
        connection.exec_driver_sql(
            "UPDATE items SET (state, session_id, turn, error, reason, billed, cost) = "
            "(SELECT state, session_id, turn, error, reason, billed, 0.0 FROM items AS first WHERE first.id = items.twin) "
            "WHERE batch = ? AND twin IN (SELECT id FROM items WHERE batch = ? AND state IN ('done', 'failed', 'refused'))",
            (batch, batch),
        )


def _update_batch(connection: Connection, batch: int, fields: Mapping[str, Any]) -> bool:
    unknown = set(fields) - _BATCH_FIELDS
    if unknown:
        raise TypeError(f"a batch has no field {min(unknown)!r}")
    values = {name: dumps(dict(value)) if name in ("call", "facts") else value for name, value in fields.items()}
    change = update(schema.batches).where(schema.batches.c.id == batch).values(**values, updated=now(connection))
    return bool(connection.execute(change).rowcount)
