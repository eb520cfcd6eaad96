"""Jobs: requests that outlive whoever waited for them. Outputs: what we last wrote under somebody's file name."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select, update

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.records import JobRecord
from notebook_img.store import schema
from notebook_img.store.database import now
from notebook_img.store.owner import this_process
from notebook_img.store.rows import job_record, job_values
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from notebook_img.store.database import Database

_FIELDS = frozenset(field.name for field in dataclasses.fields(JobRecord)) - {"id", "created", "updated"}


class Jobs:
    """The jobs of a store, readable by every process."""

    _database: Database

    def add_job(self, record: JobRecord) -> None:
        """Store a job.

        Raises
        ------
        UsageError
            When there is one with its id.
        """
        fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        with self._database.write() as connection:
            if connection.execute(select(schema.jobs.c.id).where(schema.jobs.c.id == record.id)).first():
                raise UsageError(f"There already is a job {record.id!r}.")
            connection.execute(schema.jobs.insert().values(job_values(fields)))

    def update_job(self, job_id: str, **fields: Any) -> JobRecord:
        """Change fields of a job.

        Raises
        ------
        NotFoundError
            When there is no such job.
        """
        unknown = set(fields) - _FIELDS
        if unknown:
            raise TypeError(f"a job has no field {min(unknown)!r} that can be changed")
        with self._database.write() as connection:
            change = update(schema.jobs).where(schema.jobs.c.id == job_id).values(**job_values(fields), updated=now(connection))
            if connection.execute(change).rowcount == 0:
                raise NotFoundError(f"There is no job {job_id!r} in the store.")
            return job_record(connection.execute(select(schema.jobs).where(schema.jobs.c.id == job_id)).one())

    def claim_job(self, job: JobRecord) -> bool:
        """Make this process the one that waits for a job; False when another one took it after the row `job` was read."""
        table, me = schema.jobs.c, this_process()
        unchanged = (table.state == job.state) & (table.owner == job.owner) & (table.updated == job.updated)
        with self._database.write() as connection:
            change = update(schema.jobs).where((table.id == job.id) & (unchanged | ((table.state == "running") & (table.owner == me))))
            change = change.values(state="running", owner=me, updated=now(connection))
            return connection.execute(change).rowcount == 1

    def delete_job(self, job_id: str) -> None:
        """Forget a job whose result has reached the one who asked; nothing happens when there is none."""
        with self._database.write() as connection:
            connection.execute(delete(schema.jobs).where(schema.jobs.c.id == job_id))

    def job(self, job_id: str) -> JobRecord | None:
        """Return the job with this id."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.jobs).where(schema.jobs.c.id == job_id)).one_or_none()
        return job_record(row) if row else None

    def jobs(self, state: str | None = None, session: str | None = None, limit: int | None = 50) -> list[JobRecord]:
        """Return jobs, newest first; only those in a state, or of a session."""
        table = schema.jobs.c
        query = select(schema.jobs).order_by(table.created.desc(), table.id).limit(limit)
        if state is not None:
            query = query.where(table.state == state)
        if session is not None:
            query = query.where(table.session == session)
        with self._database.read() as connection:
            return [job_record(row) for row in connection.execute(query)]


def named_by_work(connection: Connection) -> str:
    """Return the words of jobs and batches that are not at their end: a picture they name by its hash is in use."""
    jobs, items, batches = schema.jobs.c, schema.items.c, schema.batches.c
    queries = (
        select(jobs.request).where(jobs.state.in_(("running", "submitted"))),
        select(items.call).where(items.state != "done"),
        select(batches.call),
    )
    return " ".join(text for query in queries for text in connection.execute(query).scalars())


class Outputs:
    """What was written where: a file may be overwritten only while it still holds what we wrote."""

    _database: Database

    def last_written(self, path: str | Path) -> str | None:
        """Return the sha256 of what we last wrote to this path."""
        with self._database.read() as connection:
            query = select(schema.outputs.c.sha256).where(schema.outputs.c.path == _key(path))
            return connection.execute(query).scalar_one_or_none()

    def note_written(self, path: str | Path, sha256: str) -> None:
        """Remember what was written to a path."""
        if self._database.read_only:
            return
        with self._database.write() as connection:
            connection.exec_driver_sql(_NOTE_OUTPUT, {"path": _key(path), "sha256": sha256, "at": now(connection)})


_NOTE_OUTPUT = insert_into(schema.outputs, or_replace=True)


def _key(path: str | Path) -> str:
    # A name may be bytes that are no text, which the index cannot hold.
    return os.fsencode(os.path.normcase(Path(path).resolve())).decode("utf-8", "backslashreplace")
