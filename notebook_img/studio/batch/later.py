"""A batch that its service does later: handed in job by job, the service's id in the store before any wait, fetched by any process.

A job bears a name of ours, so that one whose id was never written down is found at the service. An item is handed in again only where the
service itself says that it never took its job.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img import providers
from notebook_img.calls import (
    CallResult,
    LaterCall,
    conclude_later,
    fail_later,
    is_left,
    prepare_again,
    prepare_later,
    reserve_later,
)
from notebook_img.errors import ItemTakenError, NotebookImgError
from notebook_img.loop import in_thread, to_the_end
from notebook_img.providers import later_of
from notebook_img.records import JobRecord
from notebook_img.studio.batch.stored import frozen
from notebook_img.studio.batch.work import ENDS_ALL, ItemEnded, Work, facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.calls import PreparedCall
    from notebook_img.loop import Tell
    from notebook_img.providers.interface import Later
    from notebook_img.records import BatchRecord, Claim, ItemRecord, SessionRecord
    from notebook_img.workspace import Workspace

WAVE = 100
"""Items that are made ready together: as many as fit into one job."""
FIRST_LOOK, LONGEST_PAUSE, GROWTH = 10.0, 300.0, 1.5
"""Seconds between two looks at jobs while their end is waited for: at first, at most, and by what factor they grow."""
LISTED = 120.0
"""Seconds a service gets to list a job whose answer was lost, before it counts as never taken: handed in twice it would be paid twice."""
_IN_HAND: set[tuple[str, str]] = set()
"""The jobs that this process fetches just now, by home and id: the row only tells processes apart. Used on the core's loop alone."""


@dataclass
class LaterWork(Work):
    """What this process does for a batch that is done later: hand in what waits, fetch what is done, and go."""

    waits: bool = False
    """Whether it stays until everything was fetched."""

    async def _done_in(self, session: SessionRecord, tell: Tell) -> None:
        pause = FIRST_LOOK
        while True:
            await self._fetch(session, tell)  # first, since what was never taken is handed in anew
            await self._hand_in(session, tell)
            if not self.waits or self.has_ended() or not open_jobs(self.workspace, self.record):
                return
            await self.workspace.shared.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
            self.stopping = self.stopping or await in_thread(self._asked_to_stop)

    # Handing in

    async def _hand_in(self, session: SessionRecord, tell: Tell) -> None:
        store = self.workspace.store
        while not self.has_ended():
            claimed = await in_thread(store.claim_items, self.record.id, WAVE, self.before)
            if not claimed:
                return
            calls: dict[Claim, LaterCall] = {}
            try:
                for item, claim in claimed:
                    if (call := await self._ready(session, item, claim, tell)) is not None:
                        calls[claim] = call
                for keys in self._jobs(calls):
                    await self._submit(session, {claim: calls.pop(claim) for claim in keys}, tell)
                    if self.has_ended():
                        return
            finally:
                # A lease that is let go; what went into a job is not leased any more.
                for _, claim in claimed:
                    await to_the_end(in_thread(store.release_leased, claim))

    async def _ready(self, session: SessionRecord, item: ItemRecord, claim: Claim, tell: Tell) -> LaterCall | None:
        """Return the call of an item; one that has a stored reply, or cannot be sent, has its end then."""
        try:
            asked = await in_thread(self._placed, session, item, claim)
            made = await prepare_later(self.workspace, dataclasses.replace(asked, slot=self.slots.get(item.position)))
        except NotebookImgError as error:
            await self._end_failed(claim, error, None, tell)
            return None
        if isinstance(made, CallResult):
            await in_thread(self._given_back, claim, made)
            tell(ItemEnded(claim.batch, claim.item, "done"))
            return None
        return made

    def _jobs(self, calls: Mapping[Claim, LaterCall]) -> list[list[Claim]]:
        """Return the items by job."""
        by_provider: dict[str, dict[str, Claim]] = {}
        for claim, call in calls.items():
            by_provider.setdefault(call.ready.provider.name, {})[str(claim.item)] = claim
        return [
            [claims[key] for key in keys]
            for claims in by_provider.values()
            for keys in providers.jobs_for(
                later_of(calls[next(iter(claims.values()))].ready.provider),
                {key: calls[claim].ready.request for key, claim in claims.items()},
            )
        ]

    async def _submit(self, session: SessionRecord, calls: dict[Claim, LaterCall], tell: Tell) -> None:
        """Hand in one job: its row first, then the money of its items, then the service, then its id."""
        store, first = self.workspace.store, next(iter(calls.values()))
        later = later_of(first.ready.provider)
        job, name = f"j{secrets.token_hex(4)}", f"notebook-img-{self.record.name}-{secrets.token_hex(8)}"
        now = time.time()
        request = {"later": name, "batch": self.record.id}
        row = JobRecord(job, session.name, "running", store.owner, now, now, first.ready.model, self.record.prompt, request=request)

        def opened() -> dict[Claim, LaterCall]:
            store.add_job(row)
            store.assign_job(job, {claim: frozen(self.workspace, session, call.ready.asked.call) for claim, call in calls.items()})
            reserved = {}
            for claim, call in calls.items():
                try:
                    reserve_later(self.workspace, call)
                except ItemTakenError:  # by a process that thought this one was gone
                    continue
                except ENDS_ALL as error:
                    self.ended_by = self.ended_by or error
                    break
                reserved[claim] = call
            return reserved

        reserved = await to_the_end(in_thread(opened))
        if not reserved:
            store.update_job(job, state="cancelled")
            return
        try:
            state = await later.submit(name, {str(claim.item): call.ready.request for claim, call in reserved.items()}, tell)
        except BaseException as error:
            maybe = not isinstance(error, NotebookImgError) or getattr(error, "billed", "no") != "no"
            # Whether the service has it is found out by its name, here or by whoever comes next.
            await to_the_end(in_thread(store.leave_job, job) if maybe else in_thread(self._never_taken, job, str(error)))
            if not isinstance(error, NotebookImgError):
                raise
            self.ended_by = self.ended_by or error
            return
        await to_the_end(in_thread(lambda: store.update_job(job, **_taken(state))))

    def _never_taken(self, job: str, why: str) -> None:
        self.workspace.store.take_back(job)
        self.workspace.store.update_job(job, state="cancelled", error=why[:500])

    # Fetching

    async def _fetch(self, session: SessionRecord, tell: Tell) -> None:
        """Look at every job, and store what those that ended have brought."""
        store = self.workspace.store
        for job in await in_thread(open_jobs, self.workspace, self.record):
            here = str(store.home), job.id
            if here in _IN_HAND or (not is_left(store, job) and job.owner != store.owner):
                continue  # it is being fetched at this moment, here or by another process
            _IN_HAND.add(here)
            try:
                if not await in_thread(store.claim_job, job):
                    continue
                done = await self._fetch_one(session, job, tell)
            except NotebookImgError as error:
                self.ended_by = self.ended_by or error
                done = False
            finally:
                _IN_HAND.discard(here)
                await to_the_end(in_thread(store.leave_job, job.id))
            if done:
                await in_thread(lambda job=job: store.update_job(job.id, state="done"))

    async def _fetch_one(self, session: SessionRecord, job: JobRecord, tell: Tell) -> bool:
        store, settings = self.workspace.store, self.workspace.settings
        later = later_of(providers.get(providers.resolve(job.model, settings)[0], settings))
        state = dict(job.service_state)
        if not state:
            found = await later.find(str(job.request.get("later")))
            if found is None and time.time() - job.created < LISTED:
                return False
            if found is None:
                await in_thread(self._never_taken, job.id, "The service has no job of its name.")
                return False
            state = dict(found)
            await in_thread(lambda: store.update_job(job.id, **{**_taken(state), "state": "running"}))
        if not (await later.look(state)).ended:
            return False
        await self._take(session, job, later, state, tell)
        return not await in_thread(store.items_of_job, job.id)

    async def _take(self, session: SessionRecord, job: JobRecord, later: Later, state: Mapping[str, Any], tell: Tell) -> None:
        rows = {str(item.id): (item, claim, spend) for item, claim, spend in await in_thread(self.workspace.store.items_of_job, job.id)}
        ready: dict[str, PreparedCall] = {}
        for key, (item, claim, spend) in rows.items():
            try:
                ready[key] = await in_thread(
                    lambda item=item, claim=claim: prepare_again(self.workspace, self._placed(session, item, claim))
                )
            except NotebookImgError as error:
                await self._end_failed(claim, error, spend, tell, billed="maybe")
        seconds = time.time() - job.created
        requests = {key: one.request for key, one in ready.items()}
        async for key, outcome in later.fetch(state, requests):
            _, claim, spend = rows[key]
            if isinstance(outcome, NotebookImgError):
                await self._end_failed(claim, outcome, spend, tell)
                continue
            try:
                await to_the_end(in_thread(conclude_later, self.workspace, ready[key], outcome, spend, seconds))
            except NotebookImgError as error:
                await self._end_failed(claim, error, None, tell, billed="yes", cost=outcome.cost)
                continue
            self.workspace.shared.changed("turn", session.id, None)
            tell(ItemEnded(claim.batch, claim.item, "done"))

    async def _end_failed(self, claim: Claim, error: NotebookImgError, spend: int | None, tell: Tell, **facts: Any) -> None:
        """Write down why an item has no turn, and what it cost."""

        def written() -> str:
            told = {**facts_of(error), "cost": fail_later(self.workspace, error, spend), **facts}
            self.workspace.store.end_item(claim, **told)
            return str(told["state"])

        tell(ItemEnded(claim.batch, claim.item, await to_the_end(in_thread(written))))


def open_jobs(workspace: Workspace, record: BatchRecord) -> list[JobRecord]:
    """Return the service's jobs of a batch that are not fetched yet, oldest first."""
    rows = [row for state in ("submitted", "running") for row in workspace.store.jobs(state=state, limit=None)]
    return sorted((row for row in rows if row.request.get("batch") == record.id), key=lambda row: row.created)


async def cancel_jobs(workspace: Workspace, record: BatchRecord) -> None:
    """Ask the services to stop what they have of a batch; what they have done by then is fetched as ever."""
    settings = workspace.settings
    waiting = [job for job in await in_thread(open_jobs, workspace, record) if job.service_state]
    for job in waiting:
        await later_of(providers.get(providers.resolve(job.model, settings)[0], settings)).cancel(job.service_state)


def _taken(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": "submitted", "submit_id": str(state.get("id", "")), "service_state": dict(state)}
