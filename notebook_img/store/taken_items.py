"""Items that another process does for the one that leased them: a worker of an executor takes each over once, by its lease."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from notebook_img.records import Claim, ItemRecord
from notebook_img.store import schema
from notebook_img.store.batches import LEASE_LASTS
from notebook_img.store.database import now
from notebook_img.store.item_states import BOOKED, is_left, left_as, write_end
from notebook_img.store.owner import this_process
from notebook_img.store.rows import item_record

if TYPE_CHECKING:
    from notebook_img.store.database import Database


class TakenItems:
    """What workers need of the items of a store."""

    _database: Database

    def item(self, item: int) -> ItemRecord | None:
        """Return an item by its id."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.items).where(schema.items.c.id == item)).one_or_none()
        return item_record(row) if row else None

    def take_item(self, claim: Claim) -> tuple[ItemRecord, Claim] | None:
        """Take over an item that was leased for a worker; None where it was sent, has its end, or waits again.

        Each run has a lease of its own, made of the first: a second run of the same work (a cluster that thinks a worker is gone) takes
        what was not sent from the first one, which then sends nothing.
        """
        lease = f"{claim.lease}.{secrets.token_hex(4)}"
        take = (
            "UPDATE items SET owner = :owner, lease = :lease, until = :until "
            "WHERE id = :item AND state = 'leased' AND (lease = :first OR substr(lease, 1, length(:first) + 1) = :first || '.')"
        )
        values = {"owner": this_process(), "lease": lease, "item": claim.item, "first": claim.lease}
        with self._database.write() as connection:
            if connection.exec_driver_sql(take, {**values, "until": now(connection) + LEASE_LASTS}).rowcount == 0:
                return None
            row = connection.execute(select(schema.items).where(schema.items.c.id == claim.item)).one()
        return item_record(row), dataclasses.replace(claim, lease=lease)

    def lose_item(self, claim: Claim, *, error: str = "", reason: str = "") -> str | None:
        """Settle an item whose worker gave no answer; return its state, None as long as that worker may be at it.

        What was not sent waits again, or has failed with `error`; what was sent may have been billed, and is listed.
        """
        query = (
            f"SELECT items.state, items.owner, items.lease, items.until, {BOOKED} FROM items "  # noqa: S608 - names of our own
            "LEFT JOIN spend ON spend.id = items.spend WHERE items.id = :item"
        )
        with self._database.write() as connection:
            row = connection.exec_driver_sql(query, {"item": claim.item}).one_or_none()
            if row is None or row.lease.partition(".")[0] != claim.lease:
                return row.state if row is not None else ""
            if row.lease != claim.lease and not is_left(connection, row):
                return None
            values = left_as(connection, row)
            if error and values["state"] == "waiting":
                values = {"state": "failed", "error": error, "reason": reason}
            write_end(connection, dataclasses.replace(claim, lease=row.lease), values)
        return str(values["state"])
