"""How an item of a batch gets from one state to the next, within a transaction: sent with its money, done with its turn, left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from notebook_img.errors import BudgetError, ItemTakenError
from notebook_img.hints import Hint
from notebook_img.store.database import now
from notebook_img.store.owner import is_alive
from notebook_img.store.rows import sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notebook_img.records import Claim
    from notebook_img.store.rows import AnyRow

LEFT = "The process that sent it ended before the reply came; it may have been billed."
"""What is said of an item that was sent by a process which is gone."""
AT_SERVICE = "state = 'sent' AND job != ''"
"""Of an item that a service does later; it is no process's own (see later_items.py)."""


def reserve_for(connection: Connection, claim: Claim, spend: int, estimate: float | None, in_flight: Iterable[AnyRow]) -> None:
    """Mark an item as sent in the transaction that reserves its money, and hold its batch to its own budget.

    Raises
    ------
    ItemTakenError
        When another process has taken the item over meanwhile: a computer that was asleep for a night.
    BudgetError
        When its batch would go over its budget.
    """
    batch = connection.exec_driver_sql("SELECT budget, spent FROM batches WHERE id = :id", {"id": claim.batch}).one_or_none()
    if batch is not None and batch.budget is not None and estimate != 0:
        taken = batch.spent / 1e9 + sum(row.estimate for row in in_flight if row.batch == claim.batch and row.estimate is not None)
        if taken + (estimate or 0.0) > batch.budget + 1e-9 or (estimate is None and taken >= batch.budget):
            raise BudgetError(
                f"Nothing more was sent: ${taken:.2f} of the ${batch.budget:.2f} for batch b{claim.batch} is spent or reserved, and the "
                f"next item may cost {'an unknown amount' if estimate is None else f'up to ${estimate:.2g}'}.",
                hint=Hint("raise-batch-budget", batch=f"b{claim.batch}"),
            )
    held = "UPDATE items SET state = 'sent', spend = :spend WHERE id = :item AND lease = :lease AND state IN ('leased', 'sent')"
    if connection.exec_driver_sql(held, {"spend": spend, "item": claim.item, "lease": claim.lease}).rowcount == 0:
        raise ItemTakenError("Another process has gone on with this item meanwhile, so nothing was sent from here.")


def part_from_money(connection: Connection, claim: Claim) -> None:
    """Part an item from the money reserved for it, which paid for a question about its mask. After a crash it still counts as sent."""
    part = "UPDATE items SET spend = NULL WHERE id = :item AND lease = :lease AND state = 'sent'"
    connection.exec_driver_sql(part, {"item": claim.item, "lease": claim.lease})


def done_with(
    connection: Connection, claim: Claim, spend: int | None, *, session_id: str, turn: int, seconds: float, cost: float | None
) -> None:
    """Record an item's turn in the transaction that stores it; `spend` is the row of its money."""
    had = {"error": "", "reason": "", "billed": "no"}  # of one that was given up before its reply came
    values = {"state": "done", "session_id": session_id, "turn": turn, "seconds": seconds, "cost": cost, **had}
    write_end(connection, claim, values, spend=spend)


def write_end(connection: Connection, claim: Claim, values: Mapping[str, Any], *, spend: int | None = None) -> None:
    """Change an item that is held by this lease, and let go of it; also one that was given up, where `spend` is what it was sent with."""
    held, given = "lease = :held", {"item": claim.item, "held": claim.lease}
    if spend is not None:
        held, given["paid"] = "(lease = :held OR (spend = :paid AND state = 'failed'))", spend
    plain = {**sound({name: value for name, value in values.items() if name != "spend"}), "owner": "", "lease": ""}
    change = f"UPDATE items SET {_set(plain)} WHERE id = :item AND {held} AND state != 'done'"  # noqa: S608 - names of our own
    if connection.exec_driver_sql(change, {**plain, **given}).rowcount:
        share_end(connection, claim.item, plain)


def share_end(connection: Connection, item: int, values: Mapping[str, Any]) -> None:
    """Give the end of an item to those that ask the same question; its cost stays with the first."""
    if values["state"] != "waiting":
        shared = {name: value for name, value in values.items() if name not in ("seconds", "owner", "lease")} | {"cost": 0.0}
        connection.exec_driver_sql(f"UPDATE items SET {_set(shared)} WHERE twin = :first", {**shared, "first": item})  # noqa: S608


def _set(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = :{name}" for name in values)


def is_left(connection: Connection, row: AnyRow) -> bool:
    """Return whether the process that holds an item has ended."""
    alive = is_alive(row.owner)
    # It cannot be told of a process on another machine: its lease runs out, but what it has sent is its own for a day.
    return now(connection) > row.until + (86400 if row.state == "sent" else 0) if alive is None else not alive


BOOKED = "spend.id AS spend, spend.state AS booked, coalesce(spend.cost, spend.estimate) AS cost"
"""What of an item's money `left_as` reads."""


def left_as(connection: Connection, row: AnyRow) -> dict[str, Any]:
    """Return what becomes of an item that its process has left; what may have been billed counts in the books from now on."""
    if row.state == "leased" or row.booked in ("failed", "free"):
        return {"state": "waiting"}
    counts = "UPDATE spend SET state = 'unknown', cost = estimate WHERE id = :id AND state = 'reserved'"
    connection.exec_driver_sql(counts, {"id": row.spend})
    return {"state": "failed", "billed": "maybe", "cost": row.cost, "error": LEFT, "reason": "Left"}
