"""Items of batches that wait at a service: which of its jobs has them, and how they come back when it never took the job.

Such an item is ``sent`` and bears its job's id. It belongs to no process: whoever claims the job ends it, by the lease in its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from notebook_img.records import Claim, ItemRecord
from notebook_img.store import schema
from notebook_img.store.database import now
from notebook_img.store.rows import dumps, item_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.store.database import Database


class LaterItems:
    """The items of a store that services do later."""

    _database: Database

    def assign_job(self, job: str, items: Mapping[Claim, Mapping[str, Any]]) -> None:
        """Note the job that leased items will go into, before it is handed in, and their calls with pictures that last."""
        with self._database.write() as connection:
            connection.exec_driver_sql(
                "UPDATE items SET job = ?, call = ? WHERE id = ? AND lease = ? AND state = 'leased'",
                [(job, dumps(dict(call)), claim.item, claim.lease) for claim, call in items.items()],
            )

    def items_of_job(self, job: str) -> list[tuple[ItemRecord, Claim, int | None]]:
        """Return the items a job still has to bring, by whom they are ended, and the rows of their money."""
        table = schema.items.c
        query = select(schema.items).where(table.job == job, table.state == "sent").order_by(table.position)
        with self._database.read() as connection:
            return [(item_record(row), Claim(row.batch, row.id, row.lease), row.spend) for row in connection.execute(query)]

    def leave_job(self, job: str) -> None:
        """Let go of a job that this process has claimed, unless it has its end."""
        leave = "UPDATE jobs SET state = 'submitted', updated = :now WHERE id = :job AND state = 'running'"
        with self._database.write() as connection:
            connection.exec_driver_sql(leave, {"job": job, "now": now(connection)})

    def take_back(self, job: str) -> int:
        """Let the items of a job wait again that no service ever took, at no cost; return how many."""
        with self._database.write() as connection:
            # Unknown: another process has found out meanwhile that the one that reserved it is gone.
            money = "SELECT spend FROM items WHERE job = :job AND state = 'sent'"
            change = f"UPDATE spend SET state = 'failed', cost = 0.0 WHERE state IN ('reserved', 'unknown') AND id IN ({money})"  # noqa: S608 - our own
            connection.exec_driver_sql(change, {"job": job})
            back = "UPDATE items SET state = 'waiting', job = '', owner = '', lease = '' WHERE job = :job AND state IN ('leased', 'sent')"
            return connection.exec_driver_sql(back, {"job": job}).rowcount
