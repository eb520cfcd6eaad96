"""What calls cost: reservations while they run, then what was billed. Rows outlive their turns and sessions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, select, update

from notebook_img.errors import BudgetError
from notebook_img.hints import Hint
from notebook_img.store import schema
from notebook_img.store.database import insert_row, now
from notebook_img.store.item_states import part_from_money, reserve_for
from notebook_img.store.owner import is_alive, this_process
from notebook_img.store.people import this_person
from notebook_img.store.rows import dumps, sound, spend_record
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.records import Claim, SpendRecord
    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow

RESERVATION_LASTS = 3600.0
"""Seconds after which a reservation no longer counts, where it is unknown whether its process is alive."""

_CENT = 1e-9
"""Sums of floating-point dollars may be off by this much."""


_INSERT = insert_into(schema.spend)


class Spent(NamedTuple):
    """What a day has cost, in US dollars."""

    known: float
    reserved: float
    """By calls in flight."""
    unknown: int
    """How many calls have an unknown cost."""


def today() -> str:
    """Return the local day, ``YYYY-MM-DD``: what the budget counts by."""
    return dt.datetime.now().astimezone().date().isoformat()


class Reserving(NamedTuple):
    """What is reserved, as `Spend.reserve` is told."""

    model: str
    estimate: float | None
    day: str
    origin: str
    session: str
    budget: float | None
    claim: Claim | None
    own: float | None

    def made(self, connection: Connection) -> tuple[int, str]:
        """Return the row's id, or why nothing was reserved."""
        in_flight, estimate = _expire(connection), self.estimate
        for limit, who in ((self.budget, ""), (self.own, self.origin)):
            if limit is None or estimate == 0:
                continue
            known = _known_by(connection, self.day, who) if who else _known(connection, self.day)
            reserved = sum(row.estimate or 0.0 for row in in_flight if row.day == self.day and who in ("", row.origin))
            taken = known + reserved
            over = taken + estimate > limit + _CENT if estimate is not None else taken >= limit
            if over:
                return 0, _over_budget(self.model, estimate, known, reserved, limit, who)
        values = {
            "at": now(connection),
            "day": self.day,
            "model": self.model,
            "state": "reserved",
            "estimate": estimate,
            "cost": None,
            "session": self.session,
            "turn": "",
            "origin": self.origin,
            "usage": "{}",
            "owner": this_process(),
            "person": this_person(),
            "batch": self.claim.batch if self.claim is not None else None,
        }
        spend = insert_row(connection, _INSERT, sound(values))
        if self.claim is not None:
            reserve_for(connection, self.claim, spend, estimate, in_flight)
        return spend, ""


class Spend:
    """The spend rows of a store.

    Today's spending is the known costs of the day plus the estimates of the calls in flight. A call that may have been billed
    counts if it was settled with a cost, so settle a time-out as ``unknown`` with its estimate as the cost.
    """

    _database: Database

    def reserve(
        self,
        model: str,
        estimate: float | None,
        day: str | None,
        origin: str,
        session: str,
        budget: float | None,
        claim: Claim | None = None,
        own: float | None = None,
    ) -> int:
        """Reserve money for a call that is about to be sent, if the day's budget allows it.

        The check and the reservation are one write transaction, so two processes cannot both take the last dollar.

        Parameters
        ----------
        model : str
            ``provider:model``.
        estimate : float, optional
            US dollars; None when unknown: then the call is only refused if the budget is used up already.
        day : str, optional
            Local day, ``YYYY-MM-DD``; None for today.
        origin, session : str
            Who asks, and in which session (its name).
        budget : float, optional
            US dollars for the day; None for no limit.
        claim : Claim, optional
            The item of a batch it is for, which is marked as sent.
        own : float, optional
            US dollars for the day of this `origin` alone; None for no limit of its own.

        Returns
        -------
        int
            Id of the row, to be settled.

        Raises
        ------
        BudgetError
            When the call would go over the budget. Nothing is reserved.
        """
        reserving = Reserving(model, estimate, day or today(), origin, session, budget, claim, own)
        spend, refused = self._database.together(reserving.made)
        # Raised here, so that what was found out of ended processes stays written.
        if refused:
            raise BudgetError(refused, hint=Hint("raise-budget"))
        return spend

    def settle(
        self,
        spend: int,
        state: str,
        cost: float | None = None,
        usage: Mapping[str, Any] | None = None,
        turn: str = "",
        question_for: Claim | None = None,
    ) -> None:
        """Record how a reserved call ended.

        Parameters
        ----------
        spend : int
            The row `reserve` gave.
        state : str
            ``billed``, ``failed`` (not billed), ``refused``, ``free`` or ``unknown``.
        cost : float, optional
            US dollars, where known. Of a billed call whose cost the service did not tell, the estimate counts.
        usage : mapping, optional
            What the service counted.
        turn : str
            ``name/t7``, where there is one.
        question_for : Claim, optional
            The item of a batch that this was only a question about: what it asks for itself is still to be sent.
        """
        facts = {"id": spend, "state": state, "cost": cost, "usage": dumps(dict(usage or {})), "turn": turn or None}

        def settled(connection: Connection) -> None:
            settle_row(connection, facts)
            if question_for is not None:
                part_from_money(connection, question_for)

        self._database.persist(settled)

    def spent(self, day: str) -> Spent:
        """Return known costs and live reservations of a day, and how many calls have an unknown cost."""
        with self._database.read() as connection:
            return _spent(connection, day)

    def spent_today(self) -> Spent:
        """Return the same of today."""
        return self.spent(today())

    def known_today(self) -> float:
        """Return the known costs of today in US dollars: the quick part of `spent_today`."""
        with self._database.read() as connection:
            return _known(connection, today())

    def known_today_by(self, origin: str) -> float:
        """Return the known costs of today of one origin, in US dollars."""
        with self._database.read() as connection:
            return _known_by(connection, today(), origin)

    def unpriced_today(self, model: str) -> bool:
        """Whether ``provider:model`` was asked today without its price being known."""
        query = "SELECT 1 FROM spend WHERE day = :day AND model = :model AND estimate IS NULL LIMIT 1"
        with self._database.read() as connection:
            return connection.exec_driver_sql(query, {"day": today(), "model": model}).scalar_one_or_none() is not None

    def spend_rows(self, session: str | None = None, day: str | None = None, limit: int | None = None) -> list[SpendRecord]:
        """Return spend rows, newest first; only those of a session (by its name then) or a day."""
        table = schema.spend.c
        query = select(schema.spend).order_by(table.id.desc()).limit(limit)
        if session is not None:
            query = query.where(table.session == session)
        if day is not None:
            query = query.where(table.day == day)
        with self._database.read() as connection:
            return [spend_record(row) for row in connection.execute(query)]


def settle_row(connection: Connection, facts: Mapping[str, Any]) -> None:
    """Write down how a call ended: ``id``, ``state``, ``cost``, ``usage`` as JSON, ``session`` and ``turn`` where there are any."""
    # As text: it is part of every turn's transaction.
    connection.exec_driver_sql(
        "UPDATE spend SET state = :state, cost = coalesce(:cost, CASE WHEN :state = 'billed' THEN estimate END), usage = :usage, "
        "session = coalesce(:session, session), turn = coalesce(:turn, turn) WHERE id = :id",
        {"session": None, **facts},
    )


def ended_reservations(connection: Connection) -> list[int]:
    """Return the reservations of ended processes."""
    return [row.id for row in _reservations(connection) if not _is_live(connection, row.owner, row.at)]


def expire_reservations(connection: Connection) -> int:
    """Turn reservations of ended processes into ``unknown``; return how many."""
    before = len(_reservations(connection))
    return before - len(_expire(connection))


def _reservations(connection: Connection) -> list[AnyRow]:
    # As text, see `_spent`.
    return list(connection.exec_driver_sql("SELECT id, at, owner, day, estimate, batch, origin FROM spend WHERE state = 'reserved'"))


def _expire(connection: Connection) -> list[AnyRow]:
    """Turn reservations of ended processes into ``unknown``, their estimate counted as spent; return those in flight."""
    rows = _reservations(connection)
    live = [row for row in rows if _is_live(connection, row.owner, row.at)]
    if len(live) < len(rows):
        ended = [row.id for row in rows if row not in live]
        connection.execute(update(schema.spend).where(schema.spend.c.id.in_(ended)).values(state="unknown", cost=schema.spend.c.estimate))
    return live


def _is_live(connection: Connection, owner: str, at: float) -> bool:
    alive = is_alive(owner)
    return now(connection) - at < RESERVATION_LASTS if alive is None else alive


def _known(connection: Connection, day: str) -> float:
    # Kept by the store itself (sqlite_triggers.py): the sum of a day with 50,000 calls must not be made for each of them.
    billionths = connection.exec_driver_sql("SELECT known FROM days WHERE day = :day", {"day": day}).scalar_one_or_none()
    return (billionths or 0) / 1e9


def _known_by(connection: Connection, day: str, origin: str) -> float:
    query = "SELECT total(cost) FROM spend WHERE day = :day AND origin = :origin"
    return float(connection.exec_driver_sql(query, {"day": day, "origin": origin}).scalar_one())


def _spent(connection: Connection, day: str) -> Spent:
    known = _known(connection, day)
    # As text, and the index by name: SQLite needs to see the words of its condition, and would take the longer one of all days as well.
    unknown = connection.exec_driver_sql(
        "SELECT count(*) FROM spend INDEXED BY spend_unknown WHERE day = :day AND cost IS NULL AND state IN ('billed', 'unknown')",
        {"day": day},
    ).scalar_one()
    reserved = [row for row in _reservations(connection) if row.day == day and row.estimate is not None]
    return Spent(known, sum(row.estimate for row in reserved if _is_live(connection, row.owner, row.at)), int(unknown))


def _over_budget(model: str, estimate: float | None, known: float, reserved: float, budget: float, who: str) -> str:
    asked = "unknown" if estimate is None else f"up to ${estimate:.2f}" if estimate >= 0.01 else f"up to ${estimate:.4f}"
    in_flight = f" and ${reserved:.2f} is reserved by calls in flight" if reserved else ""
    return (
        f"Nothing was sent: the cost of this call to {model} is {asked}, and today ${known:.2f} of at most ${budget:.2f} has been spent"
        f"{f' by {who}' if who else ''}{in_flight}."
    )
