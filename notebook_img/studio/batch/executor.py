"""A batch whose items an executor does: threads, processes, a cluster. This process leases them, hands them out and keeps the count."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.loop import in_thread, to_the_end
from notebook_img.network import url_secrets
from notebook_img.providers import choose_model
from notebook_img.studio.batch.earlier import keep_done
from notebook_img.studio.batch.one_item import ItemOutcome, ItemTask, do_item
from notebook_img.studio.batch.work import SERVICE_DOWN, TRIES, ItemEnded, NotBegunError, Work

if TYPE_CHECKING:
    from notebook_img.loop import Tell
    from notebook_img.records import Claim, ItemRecord, SessionRecord
    from notebook_img.studio.batch.places import Place
    from notebook_img.workspace import Workspace

GRACE = 5.0
"""Seconds that workers have to end what they were stopped in, or to be gone where their pool is broken."""


def check_executor(executor: Any) -> None:
    """Refuse an executor that cannot be given work."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise UsageError(f"executor has to be a concurrent.futures.Executor or a Dask client, not {type(executor).__name__}.")


@dataclass
class ExecutorWork(Work):
    """A batch this process hands out to workers."""

    executor: Any = None
    here: Collection[int] = ()
    """Positions of items that are done here: they have a stored reply, and a worker has no cell to give it back in."""
    done_there: set[int] = field(default_factory=set)
    settings: dict[str, Any] | None = None

    def stop(self, *, now: bool) -> None:
        """Begin no further item; with `now` the workers, who look at the store, cancel theirs."""
        if now:
            self.workspace.store.update_batch(self.record.id, stopping="now")
        super().stop(now=now)

    async def _all(self, tell: Tell) -> None:
        try:
            await super()._all(tell)
        finally:
            slots = {position: slot for position, slot in self.slots.items() if position in self.done_there}
            if slots:
                run = next(iter(slots.values())).run
                await to_the_end(in_thread(keep_done, self.workspace, self.record, run, slots))

    async def do_one(self, session: SessionRecord, item: ItemRecord, claim: Claim, place: Place, tell: Tell) -> None:
        """Have one item done."""
        if item.position in self.here:
            await super().do_one(session, item, claim, place, tell)
            return
        try:
            async with place:
                await self._done_there(session, item, claim, tell)
        except NotBegunError:
            await to_the_end(in_thread(self.workspace.store.release_leased, claim))
            tell(ItemEnded(claim.batch, claim.item, "waiting"))
        finally:
            place.leave()

    async def _done_there(self, session: SessionRecord, item: ItemRecord, claim: Claim, tell: Tell) -> None:
        """Have a worker do one item."""
        release = self.workspace.store.release_leased
        try:
            future = await in_thread(self._submitted, session, claim)
        except Exception as error:
            await to_the_end(in_thread(release, claim))
            self.ended_by = self.ended_by or _told(error, "takes no more work")
            tell(ItemEnded(claim.batch, claim.item, "waiting"))
            return
        except asyncio.CancelledError:
            await to_the_end(in_thread(release, claim))  # its worker, if it has one, finds the lease gone
            raise
        here, ended = asyncio.get_running_loop(), asyncio.Event()

        def note(_future: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone
                here.call_soon_threadsafe(ended.set)

        future.add_done_callback(note)
        try:
            await ended.wait()
        except asyncio.CancelledError:
            future.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), GRACE)
            await to_the_end(in_thread(release, claim))
            raise
        try:
            outcome = await in_thread(future.result)
        except Exception as error:  # whatever an executor says of a worker that is gone
            tell(ItemEnded(claim.batch, claim.item, await to_the_end(self._lost(claim, error))))
        else:
            self._came(item, claim, outcome, session)
            # What was not begun waits again, unless it was sent: a cluster that loses a worker hands out its items a second time.
            state = outcome.state or await to_the_end(in_thread(self.workspace.store.lose_item, claim)) or "sent"
            tell(ItemEnded(claim.batch, claim.item, state))

    def _submitted(self, session: SessionRecord, claim: Claim) -> Any:
        workspace = self.workspace
        if self.settings is None:
            self.settings = travelling(workspace, self.record.kind, session)
        notebook = str(workspace.notebook) if workspace.notebook else ""
        tries = self.tries_of(claim.item)
        home = str(workspace.settings.address)
        task = ItemTask(home, claim, self.origin, self.settings, notebook, self.fresh, self.at_once, self.down, tries)
        return self.executor.submit(do_item, task)

    def _came(self, item: ItemRecord, claim: Claim, outcome: ItemOutcome, session: SessionRecord) -> None:
        """Count what a worker says as if it had happened here."""
        if outcome.state == "done":
            self.answered()
            self.done_there.add(item.position)
            self.workspace.shared.changed("turn", session.id, outcome.turn)
        if outcome.down:
            self.down += 1
            self.tried(claim.item)
        if outcome.ends_all:
            self.ended_by = self.ended_by or outcome.error
        else:
            self.first_error = self.first_error or outcome.error

    async def _lost(self, claim: Claim, error: Exception) -> str:
        """Settle an item whose worker gave no answer: what was not sent waits again, what was sent is listed. Return its state."""
        store = self.workspace.store
        self.down += 1
        self.tries[claim.item] = tries = self.tries.get(claim.item, 0) + 1
        if isinstance(error, (BrokenExecutor, NotebookImgError)) or self.down >= self.at_once + SERVICE_DOWN:
            self.ended_by = self.ended_by or _told(error, "has ended")
        gives_up = tries >= TRIES and self.ended_by is None
        facts = {"error": _told(error, f"gave it up {tries} times").sentence, "reason": type(error).__name__} if gives_up else {}
        until = time.monotonic() + GRACE
        # A pool that is broken ends its other workers in its own time.
        while (state := await in_thread(lambda: store.lose_item(claim, **facts))) is None and time.monotonic() < until:  # noqa: ASYNC110 - a process that ends tells nothing
            await asyncio.sleep(0.05)
        return state or "sent"


def travelling(workspace: Workspace, kind: Any, session: SessionRecord) -> dict[str, Any]:
    """Return the settings a worker works with: those that were chosen here, limits and model as they are here; nothing secret."""
    settings = workspace.settings
    secret = {name for name, value in settings.chosen.items() if isinstance(value, str) and url_secrets(value)}
    chosen = {name: value for name, value in settings.chosen.items() if name != "home" and name not in secret}
    provider, model = choose_model(kind, settings, session=session.kept_model, ran_on=session.ran_on)
    limits = {
        name: getattr(settings, name)
        for name in ("pictures", "budget", "rate", "timeout", "retries", "retry_seconds", "fallback", "history")
    }
    if settings.save_to:
        limits["save_to"] = str(workspace.working_folder / Path(settings.save_to).expanduser())
    return {**chosen, **limits, "model": f"{provider.name}:{model}" if model else provider.name}


def _told(error: Exception, what: str) -> NotebookImgError:
    if isinstance(error, NotebookImgError):
        return error
    words = str(error).splitlines()[0][:200].rstrip(".") if str(error) else "no details"
    return NotebookImgError(f"The executor {what} ({type(error).__name__}: {words}).")
