"""Jobs: requests that outlive their client, as rows in the store that any process can read, stop and take up."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img import loop
from notebook_img.calls import is_left, resume_job
from notebook_img.errors import JobPendingError, NotFoundError, OverloadedError, UnreachableError, did_you_mean, sentence_of
from notebook_img.ids import turn_id
from notebook_img.loop import in_thread
from notebook_img.mcp.errands import WorkerError
from notebook_img.mcp.running_call import Caller, Result, Running
from notebook_img.records import JobRecord

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable

    from notebook_img.calls import CallResult
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn

LOOK = 0.3
"""Seconds between two looks at a job that runs in another process."""


def new_job_id() -> str:
    """Return an id no job has."""
    return f"j{secrets.token_hex(4)}"


class Jobs:
    """The jobs of one server.

    Parameters
    ----------
    studio : Studio
        Its store holds their rows.
    caller : callable
        Returns the client of that name.
    start : callable
        Starts a request; it gets its future.
    shows : callable
        Whether clients see a job.
    """

    def __init__(
        self,
        studio: Studio,
        caller: Callable[[str], Caller],
        start: Callable[..., concurrent.futures.Future[Result]],
        shows: Callable[[JobRecord], bool] = lambda _row: True,
    ) -> None:
        self._studio = studio
        self._shows = shows
        self._caller = caller
        self._start = start
        self._here: dict[str, Running] = {}
        """Those that run in this process."""

    def leave(self, running: Running) -> JobRecord | None:
        """Turn a request without a waiting client into a job; None when it has just ended."""
        with running.lock:
            if running.done:
                return None
            if running.job:
                return self._studio.store.job(running.job)
            return self._write_down(running, new_job_id())

    def claim(self, running: Running) -> None:
        """Make a job of a request before it begins, under the id a bridge has chosen.

        Of two that add the row of one id the second one fails: either this process does the request, or the bridge that took it
        back, never both.

        Raises
        ------
        UsageError
            When the bridge was quicker: the kernel did not respond, and the request was done without it.
        """
        with running.lock:
            self._write_down(running, running.promised)

    def hand_over(self, running: Running, owner: str) -> JobRecord:
        """Write down that another process does a request, before that process hears of it, so that it is found under that owner."""
        with running.lock:
            if running.job:
                return self._studio.store.update_job(running.job, owner=owner)
            return self._write_down(running, new_job_id(), owner)

    def adopt(self, running: Running, tell: loop.Tell) -> concurrent.futures.Future[Result]:
        """Start a request that another process has written down."""
        self._here[running.job] = running
        future = self._start(running, tell)
        loop.spawn(lambda _tell: self._watch(running))
        return future

    def forget(self, running: Running) -> None:
        """Drop the row of a request whose result its client gets now; one that a bridge has named is the bridge's to drop."""
        if running.job and not running.promised:
            self._studio.store.delete_job(running.job)

    def _write_down(self, running: Running, job_id: str, owner: str = "") -> JobRecord:
        now = time.time()
        row = JobRecord(
            id=job_id,
            session=running.session,
            state="running",
            owner=owner or self._studio.store.owner,
            created=now,
            updated=now,
            model=running.model,
            prompt=running.prompt[:2000],
            request={
                "tool": running.tool,
                "client": running.caller.name,
                "output": str(running.output or ""),
                "submit": running.submit_id,
            },
        )
        self._studio.store.add_job(row)
        running.job = row.id
        self._here[row.id] = running
        loop.spawn(lambda _tell: self._watch(running))
        return row

    def submitted(self, running: Running, submit_id: str) -> None:
        """Record the service's own id, also in an existing row: a job that is taken up is found by that id."""
        with running.lock:
            running.submit_id = submit_id
            job = running.job
        if job:
            self._studio.store.update_job(job, submit_id=submit_id)

    def ended(self, running: Running, error: BaseException | None, turn: Turn | None = None) -> None:
        """Write down how a request ended, where it has become a job; from now on it cannot become one."""
        with running.lock:
            running.done = True
            job = running.job
        if not job:
            return
        self._here.pop(job, None)
        update = self._studio.store.update_job
        if error is None and turn is not None:
            update(job, state="done", turn=turn.full_id, submit_id=running.submit_id)
        elif isinstance(error, asyncio.CancelledError):
            update(job, state="cancelled")
        else:
            # The service has it and could not be asked now: it can be fetched later.
            later = bool(running.submit_id) and isinstance(error, (JobPendingError, UnreachableError, OverloadedError, WorkerError))
            said = sentence_of(error)[:500] if error is not None else ""
            update(job, state="submitted" if later else "failed", error=said, submit_id=running.submit_id)

    async def _watch(self, running: Running) -> None:
        """Check whether any process wants the job stopped."""
        while not running.done:
            await asyncio.sleep(LOOK)
            row = await in_thread(self._studio.store.job, running.job)
            if (row is None or row.cancel_wanted) and running.future is not None and not running.done:
                running.future.cancel()
                return

    def job(self, job_id: str) -> JobRecord:
        """Return a job's row, whichever process it belongs to.

        Raises
        ------
        NotFoundError
            With the latest jobs.
        """
        row = self._studio.store.job(job_id.strip())
        if row is None or not self._shows(row):
            known = [job.id for job in self._studio.store.jobs(limit=5) if self._shows(job)]
            latest = f" The latest are {', '.join(known)}." if known else " None is known; a call that named none is done."
            raise NotFoundError(f"There is no job {job_id[:40]!r}.{did_you_mean(job_id, known)}{latest}")
        return row

    def stored(self, row: JobRecord) -> JobRecord:
        """Return the row of a job whose process has ended, done if what it asked for was stored before its end was written down."""
        store = self._studio.store
        session = store.session_named(row.session)
        for turn in store.turns(session.id, limit=50, newest_first=True) if session is not None else ():
            asked = (turn.origin.surface, turn.origin.name, turn.prompt[:2000])
            if asked == ("agent", row.request.get("client"), row.prompt) and turn.started >= row.created - 1:
                return store.update_job(row.id, state="done", turn=turn_id(turn.number, session=row.session))
        return row

    async def follow(
        self, job_id: str, seconds: float, progress: Callable[[float, str], Awaitable[None]], caller: Caller | None = None
    ) -> JobRecord:
        """Wait a while for a job, wherever it runs; one that was left with a service is fetched from there.

        Parameters
        ----------
        job_id : str
            Ours.
        seconds : float
            The longest wait.
        progress : callable
            Told the seconds so far and what is going on.
        caller : Caller, optional
            Who asks: a file the job has still to write must be in this client's folders.
        """
        began = time.monotonic()
        told, taken_up = 0.0, False
        while True:
            row = await in_thread(self.job, job_id)
            left = row.id not in self._here and is_left(self._studio.store, row)
            if left and row.state == "running":
                row = await in_thread(self.stored, row)
                left = row.state == "running"
            if left and taken_up:
                return row
            if left:
                row, taken_up = await self._take_up(row, caller)
            elapsed = time.monotonic() - began
            if row.state not in ("running", "submitted") or elapsed >= seconds:
                return row
            if elapsed - told >= 1:
                told = elapsed
                await progress(elapsed, "still working")
            await asyncio.sleep(min(LOOK, max(0.02, seconds - elapsed)))

    async def _take_up(self, row: JobRecord, caller: Caller | None) -> tuple[JobRecord, bool]:
        """Go on with a job that was left, and return whether that was tried.

        A service's job is fetched from there; what was done by the core is taken over; anything else is lost with its process.
        """
        store = self._studio.store
        kept = await in_thread(self._resumable, row)
        if kept is None or kept.state in ("failed", "cancelled"):
            why = (kept.error if kept else row.error) or "The process that ran it has ended before the service answered. Ask again."
            return await in_thread(lambda: store.update_job(row.id, state="failed", error=why)), True
        if kept.state == "done":
            return await in_thread(lambda: store.update_job(row.id, state="done", turn=kept.turn)), True
        if kept.id != row.id and kept.state == "running" and store.alive(kept.owner, kept.updated):
            return row, False  # another process fetches it at this moment; it is looked at again

        own = self._caller(str(row.request.get("client") or kept.request["pending"].get("origin", {}).get("name", "")))
        output = str(row.request.get("output") or "") if row.request.get("tool") else ""

        async def perform(tell: loop.Tell) -> CallResult:
            return await resume_job(own.studio, kept, tell)

        running = Running(
            Caller(own.name, own.studio, (caller or own).folders),
            row.session,
            row.prompt,
            "get_job",
            perform,
            Path(output) if output else None,
            row.model,
            sent=True,
            job=row.id,
            submit_id=kept.submit_id,
        )
        if self._here.setdefault(row.id, running) is not running:
            return row, True
        if not await in_thread(store.claim_job, row):  # another process was quicker; it tells in the row
            self._here.pop(row.id, None)
            return await in_thread(self.job, row.id), True
        self._start(running)
        loop.spawn(lambda _tell: self._watch(running))
        return await in_thread(self.job, row.id), True

    def _resumable(self, row: JobRecord) -> JobRecord | None:
        """Return the row a service's job was stored under: this one, or the core's own for the same request."""
        if row.service_state and row.request.get("pending"):
            return row
        submitted = row.submit_id or row.request.get("submit")
        rows = self._studio.store.jobs(limit=200) if submitted else []
        return next(
            (other for other in rows if other.submit_id == submitted and other.service_state and other.request.get("pending")), None
        )

    async def cancel(self, job_id: str, *, seconds: float = 5.0) -> JobRecord:
        """Stop a job, in whatever process it runs; wait a moment for it to end."""
        row = await in_thread(self.job, job_id)
        if row.state not in ("running", "submitted"):
            return row
        store = self._studio.store
        await in_thread(lambda: store.update_job(row.id, cancel_wanted=True))
        running = self._here.get(row.id)
        if running is not None and running.future is not None:
            running.future.cancel()
        elif is_left(store, row):
            return await in_thread(lambda: store.update_job(row.id, state="cancelled"))
        end = time.monotonic() + seconds
        while True:
            row = await in_thread(self.job, row.id)
            if row.state != "running" or time.monotonic() >= end:
                return row
            await asyncio.sleep(0.05)
