"""Doing a batch: items are leased, sent, stored and reported, several at once, until none is left or an error would meet all the others.

The work runs on the core's loop whoever waits for it. Another process may work on the same batch: the store says whose an item is.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import CallResult, Notice, item_jobs, perform_call, place_call, resume_job, write_file_of
from notebook_img.errors import (
    AuthenticationError,
    BudgetError,
    ItemTakenError,
    JobPendingError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    OutputError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ReplayMissError,
    StoreError,
    UnreachableError,
)
from notebook_img.loop import in_thread, quick_switches, to_the_end
from notebook_img.studio.batch.places import Place, Places
from notebook_img.studio.batch.stored import call_of, make_folder

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from notebook_img.calls import PlacedCall
    from notebook_img.records import BatchRecord, Claim, ItemRecord, JobRecord, Origin, SessionRecord
    from notebook_img.replay import Slot
    from notebook_img.workspace import Workspace

OF_MODEL = (KeyMissingError, AuthenticationError, ModelNotFoundError)
"""What every item of a model would meet: where there are several models, the others go on."""
ENDS_ALL = (*OF_MODEL, BudgetError, StoreError, ReplayMissError)
"""What every item that is left would meet."""
DOWN = (OverloadedError, RateLimitError, UnreachableError)
"""What says that the service cannot be asked now: the item waits again, and after a few in a row the batch ends."""
TRIES = 3
"""How often an item may find its service unavailable, while other calls get through, before it counts as failed."""
LOOK = 1.0
"""Seconds between two looks at whether another process asked for a stop."""
SERVICE_DOWN = 3
"""Failures of that kind in a row, beyond those under way, after which the rest is left."""


class NotBegunError(Exception):
    """Nothing is sent any more, so an item that was made ready waits again."""


@dataclass(frozen=True)
class ItemEnded:
    """An item that came to its end, for whoever watches."""

    batch: int
    item: int
    state: str
    """Empty where another process has gone on with it."""


@dataclass
class Work:
    """A batch this process works on."""

    workspace: Workspace
    record: BatchRecord
    origin: Origin
    at_once: int
    before: int | None = None
    """Only items at earlier positions are done (``first``)."""
    fresh: bool = False
    slots: Mapping[int, Slot] = field(default_factory=dict)
    """By position the places among the requests of the cell that runs."""
    started: float = field(default_factory=time.monotonic)
    ended_by: NotebookImgError | None = None
    """What ended it for all items that were left."""
    first_error: NotebookImgError | None = None
    """Why the first item failed that did."""
    stopping: bool = False
    future: Future[None] | None = None
    down: int = 0
    """Calls in a row for which the service could not be asked."""
    answers: int = 0
    """Calls that the service has answered."""
    tries: dict[int, int] = field(default_factory=dict)
    """By item: how often the service could not be asked for it."""
    answers_at: dict[int, int] = field(default_factory=dict)
    """By item: what `answers` was when the service could last not be asked for it."""
    gone: dict[str, NotebookImgError] = field(default_factory=dict)
    """Where a batch asks several models: by model, why it cannot be asked at all."""
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an item may be begun: a place is free, or one is done."""

    def __post_init__(self) -> None:
        """Make its places."""
        self.places = Places(self.at_once, self.moved.set)

    def begin(self, tell: loop.Tell) -> Future[None]:
        """Start the work on the core's loop."""
        self.future = loop.spawn(self._all, tell)
        return self.future

    def stop(self, *, now: bool) -> None:
        """Begin no further item; with `now` cancel those under way."""
        self.stopping = True
        if now and self.future is not None:
            loop.stop(self.future)

    async def _all(self, tell: loop.Tell) -> None:
        try:
            session = self.workspace.store.session(self.record.session_id)
            if session is None:
                raise StoreError(f"The session of batch {self.record.name} was deleted.")
            with quick_switches():
                await self._done_in(session, tell)
        finally:
            for slot in self.slots.values():
                slot.leave()

    async def _done_in(self, session: SessionRecord, tell: loop.Tell) -> None:
        """Do the items, with turns in this session."""
        under_way: set[asyncio.Task[None]] = set()
        places = self.places
        left = await in_thread(item_jobs, self.workspace, self.record.id)
        looked, none_waits = time.monotonic(), False

        ended: list[asyncio.Task[None]] = []

        def begin(work: Coroutine[Any, Any, None]) -> None:
            task = asyncio.create_task(work)
            under_way.add(task)
            task.add_done_callback(note)

        def note(task: asyncio.Task[None]) -> None:
            ended.append(task)
            self.moved.set()

        try:
            while True:
                self.moved.clear()
                while left and not self.has_ended() and places.free > 0:
                    begin(self._fetched(left.popitem()[1], self.place(), tell))
                # Several are leased in one transaction, but for those no place waits for.
                if not self.has_ended() and places.free > places.ahead // 2 and not (none_waits and under_way):
                    claimed = await self._claimed(places.free)
                    none_waits = not claimed
                    for item, claim in claimed:
                        begin(self.do_one(session, item, claim, self.place(item), tell))
                if not under_way:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK):
                        await self.moved.wait()
                while ended:
                    under_way.discard(task := ended.pop())
                    none_waits = False  # it may wait again
                    self._note_fault(task)
                if time.monotonic() - looked >= LOOK:
                    looked, none_waits = time.monotonic(), False
                    self.stopping = await in_thread(self._asked_to_stop) or self.stopping
        finally:
            for task in under_way:
                task.cancel()
            if under_way:
                await to_the_end(asyncio.gather(*under_way, return_exceptions=True))

    def place(self, item: ItemRecord | None = None) -> Place:
        """Return a place for an item, where it waits until it may be sent."""
        return Place(self.places, functools.partial(self._check, item))

    def _check(self, item: ItemRecord | None) -> None:
        if self.has_ended():
            raise NotBegunError
        if item is not None and (gone := self.gone.get(item.call.get("model", ""))) is not None:
            raise gone

    def has_ended(self) -> bool:
        """Return whether it was stopped, or met what would meet all items."""
        return self.stopping or self.ended_by is not None

    async def _claimed(self, most: int) -> list[tuple[ItemRecord, Claim]]:
        """Lease the next items; those that are leased by the time a stop is seen wait again."""
        store = self.workspace.store
        leasing = asyncio.ensure_future(in_thread(store.claim_items, self.record.id, most, self.before))
        try:
            return await asyncio.shield(leasing)
        except asyncio.CancelledError:
            with contextlib.suppress(NotebookImgError):
                for _, claim in await leasing:
                    await to_the_end(in_thread(store.release_leased, claim))
            raise

    def _note_fault(self, task: asyncio.Task[None]) -> None:
        """Let an error that could not even be written down, such as a full disk, end the batch."""
        fault = None if task.cancelled() else task.exception()
        if isinstance(fault, NotebookImgError):
            self.ended_by = self.ended_by or fault
        elif fault is not None:
            raise fault

    def _asked_to_stop(self) -> bool:
        """Return whether a stop was asked for elsewhere: in another process, in the panel."""
        record = self.workspace.store.batch(self.record.id)
        if record is not None and record.stopping == "now" and self.future is not None:
            loop.stop(self.future)
        return record is None or bool(record.stopping)

    async def do_one(self, session: SessionRecord, item: ItemRecord, claim: Claim, place: Place, tell: loop.Tell) -> None:
        """Do one item; whatever becomes of it stands in its row."""
        store, started = self.workspace.store, time.monotonic()
        try:
            self._check(item)
            await self._performed(session, item, claim, place, tell)
            tell(ItemEnded(claim.batch, claim.item, "done"))
        except ItemTakenError:  # whoever has it now says what becomes of it
            tell(ItemEnded(claim.batch, claim.item, ""))
        except NotBegunError:
            await to_the_end(in_thread(store.release_leased, claim))
            tell(ItemEnded(claim.batch, claim.item, "waiting"))
        except NotebookImgError as error:
            waits = self._counted(item, error)
            state = await to_the_end(in_thread(self._failed, claim, error, time.monotonic() - started, waits))
            if state == "done":
                tell(Notice(error.sentence))
            tell(ItemEnded(claim.batch, claim.item, state))
        except asyncio.CancelledError:
            await to_the_end(in_thread(self._stopped, claim))
            raise
        except Exception as error:  # a mistake of ours costs one row, not the others
            details = str(error).splitlines()[0][:200] if str(error) else "no details"
            facts = {"error": f"{type(error).__name__}: {details}", "reason": type(error).__name__, "billed": "maybe"}
            await to_the_end(in_thread(lambda: store.end_item(claim, **facts)))
            tell(ItemEnded(claim.batch, claim.item, "failed"))
        finally:
            place.leave()

    async def _performed(self, session: SessionRecord, item: ItemRecord, claim: Claim, place: Place, tell: loop.Tell) -> None:
        workspace = self.workspace
        asked = dataclasses.replace(await in_thread(self._placed, session, item, claim), slot=self.slots.get(item.position))

        def notices(event: Any) -> None:
            if isinstance(event, Notice):
                tell(event)

        try:
            made = await perform_call(workspace, asked, notices, place)
        finally:
            asked.leave()
        assert isinstance(made, CallResult)  # a plan is what a dry run gives
        record = made.record
        if not made.replayed:
            self.answered()
        else:
            await to_the_end(in_thread(self._given_back, claim, made))
        workspace.shared.changed("turn", record.session_id, record.number)

    def _placed(self, session: SessionRecord, item: ItemRecord, claim: Claim) -> PlacedCall:
        """Return the call of an item with its pictures, where its answer will be put down."""
        call = call_of(self.workspace, self.record.call, item.call).but(fresh=self.fresh)
        if call.output is not None:
            make_folder(str(call.output))
        return dataclasses.replace(place_call(self.workspace, session, call, self.origin), claim=claim)

    def _given_back(self, claim: Claim, made: CallResult) -> None:
        """Note that an item is done by a stored reply, at no cost."""
        record = made.record
        self.workspace.store.end_item(claim, state="done", session_id=record.session_id, turn=record.number, cost=0.0)

    async def _fetched(self, job: JobRecord, place: Place, tell: loop.Tell) -> None:
        """Fetch what a service has done of an item that was given up; it is paid for once, whatever comes of this."""
        store, item = self.workspace.store, job.request["item"]["id"]
        try:
            async with place:
                made = await resume_job(self.workspace, job, lambda _event: None)
        except NotBegunError:
            return
        except NotebookImgError as error:
            failure = error
            now = await in_thread(store.job, job.id)
            claim = await in_thread(store.claim_left, item, job.request.get("spend"))
            if now is not None and now.state == "failed" and claim is not None:
                await to_the_end(in_thread(lambda: store.end_item(claim, **facts_of(failure))))
            tell(Notice(f"Item {item} of batch {self.record.name}: {error.sentence}"))
            return
        finally:
            place.leave()
        await in_thread(write_file_of, self.workspace, job, made)
        for text in made.notices:
            tell(Notice(str(text)))
        self.workspace.shared.changed("turn", made.record.session_id, made.record.number)
        tell(ItemEnded(self.record.id, item, "done"))

    def answered(self) -> None:
        """Note that the service is there."""
        self.down = 0
        self.answers += 1

    def tries_of(self, item: int) -> int:
        """Return how often the service could not be asked for an item, less its last try if no other call got through since."""
        return self.tries.get(item, 0) - (self.answers_at.get(item) == self.answers)

    def tried(self, item: int) -> int:
        """Count that the service could not be asked for an item; return how often that was."""
        self.tries[item], self.answers_at[item] = self.tries_of(item) + 1, self.answers
        return self.tries[item]

    def _counted(self, item: ItemRecord, error: NotebookImgError) -> bool:
        """Count a failure against its model, the service or all that is left; return whether the item waits again."""
        unpaid = getattr(error, "billed", "no") == "no"
        if isinstance(error, OF_MODEL) and unpaid and "model" in item.call:
            self.gone.setdefault(item.call["model"], error)
        elif isinstance(error, ENDS_ALL) and unpaid:
            self.ended_by = self.ended_by or error
            return True
        elif isinstance(error, DOWN) and unpaid:
            self.down += 1
            tries = self.tried(item.id)
            if self.down >= self.at_once + SERVICE_DOWN or getattr(error, "daily", False):
                self.ended_by = self.ended_by or error
            return self.ended_by is not None or tries < TRIES
        elif isinstance(error, ProviderError):
            self.answered()
        self.first_error = self.first_error or error
        return False

    def _failed(self, claim: Claim, error: NotebookImgError, seconds: float, waits: bool) -> str:
        """Write down why an item failed, or let it wait again where that is not its own fault; return its state."""
        store = self.workspace.store
        if waits:
            # What was paid for and could not be stored is not sent again.
            return store.leave_item(claim, error=error.sentence, reason=type(error).__name__)
        if isinstance(error, OutputError) and store.note_error(claim.item, error.sentence):
            return "done"
        facts = facts_of(error)
        store.end_item(claim, **facts, seconds=round(seconds, 3), job=str(getattr(error, "job", "") or ""))
        return str(facts["state"])

    def _stopped(self, claim: Claim) -> None:
        """Let an item wait again that was stopped before it could be billed; the books know whether it was."""
        with contextlib.suppress(StoreError):
            self.workspace.store.leave_item(claim)


def facts_of(error: NotebookImgError) -> dict[str, Any]:
    """Return what an item's row says of why it failed."""
    return {
        "state": "refused" if isinstance(error, RefusedError) else "failed",
        "error": error.sentence,
        "reason": type(error).__name__,
        "billed": error.billed if isinstance(error, ProviderError) else "maybe" if isinstance(error, JobPendingError) else "no",
        "cost": getattr(error, "cost", None),
    }
