"""One call from what is asked to a stored turn: replay, check, reserve, send, store, finish (design section 4)."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.calls import replay_lookup
from notebook_img.calls.as_sent import as_sent
from notebook_img.calls.budget import Books, booking_of, closed_to, open_books, settle_failure, unless_stopped
from notebook_img.calls.found_mask import find_mask, sought_mask
from notebook_img.calls.frames import smaller_words
from notebook_img.calls.jobs import keep_job, leave_job
from notebook_img.calls.outputs import check_output, keep_copies, provenance_of, write_output
from notebook_img.calls.pacing import CallPace
from notebook_img.calls.request import PreparedCall, begin, note_model, prepare
from notebook_img.calls.results import CallResult, Notice, Plan
from notebook_img.calls.same_request import urls_of, without_network
from notebook_img.calls.store_reply import keep, put_aside, rescued
from notebook_img.errors import (
    JobPendingError,
    NotebookImgError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ReplayMissError,
    StoreError,
)
from notebook_img.hints import Hint
from notebook_img.ids import turn_id
from notebook_img.loop import in_thread, to_the_end
from notebook_img.providers import check_request, expected, key_services, own_cost, own_terms, paced, unable, watching
from notebook_img.providers.interface import ProgressEvent, Reply, SubmittedEvent, WithdrawnEvent
from notebook_img.records import TurnRecord
from notebook_img.replay import Decision, Stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.loop import Tell
    from notebook_img.workspace import Workspace

ANYWHERE: AbstractAsyncContextManager[None] = contextlib.nullcontext()
"""The place of a call that waits for no other."""


async def perform_call(
    workspace: Workspace, asked: PlacedCall, tell: Tell, place: AbstractAsyncContextManager[None] = ANYWHERE
) -> CallResult | Plan:
    """Do a call and return its turn; runs on the core's loop, disk and pixel work in threads.

    Parameters
    ----------
    place : async context manager
        Entered before its money is reserved, left when the reply is there: of the calls of a batch so many are sent at once.

    Raises
    ------
    NotebookImgError
        In which case the tree is as it was; a billed call has its row in the spend table all the same.
    """
    try:
        return await _perform(workspace, asked, tell, place)
    except NotebookImgError as error:
        keys.cleaned(error, key_services(workspace.settings), workspace.settings)
        raise


async def stored_or_ready(workspace: Workspace, asked: PlacedCall) -> CallResult | PreparedCall:
    """Return the stored reply that a call may have, else the call ready to be sent; raise where it must not be sent."""
    found = await _stored_or_ready(workspace, asked)
    return found if isinstance(found, CallResult) else found[0]


async def _stored_or_ready(workspace: Workspace, asked: PlacedCall) -> CallResult | tuple[PreparedCall, Decision]:
    ready, decision = await _looked_up(workspace, asked)
    if asked.call.dry_run:
        return ready, decision
    if decision.stored is not None:
        return await to_the_end(in_thread(_give_back, workspace, ready, decision, decision.stored))
    if workspace.kernel is not None:
        await in_thread(replay_lookup.refuse_again, workspace, ready)
    if decision.miss:
        raise ReplayMissError(await in_thread(replay_lookup.explain_miss, workspace, asked, ready.pending))
    return ready, decision


async def _perform(workspace: Workspace, asked: PlacedCall, tell: Tell, place: AbstractAsyncContextManager[None]) -> CallResult | Plan:
    slot = asked.slot
    try:
        found = await _stored_or_ready(workspace, asked)
        if isinstance(found, CallResult):
            return found
        ready, decision = found
        if asked.call.dry_run:
            return await in_thread(_plan, workspace, ready, decision)
        try:
            return await _ask_service(workspace, ready, decision, tell, place)
        except RefusedError as error:
            await to_the_end(in_thread(replay_lookup.note_refusal, workspace, ready, error.sentence))
            raise
    except BaseException:
        if slot is not None:
            slot.fail()
        raise


async def _looked_up(workspace: Workspace, asked: PlacedCall) -> tuple[PreparedCall, Decision]:
    """Return the request and whether a stored reply may be given; a URL is fetched only where that is not known without it.

    Where replay is "only", no URL is fetched: the request is then the one with the pictures that are known.
    """
    urls = urls_of(asked) if workspace.settings.replay == "only" else []
    if workspace.kernel is None and not urls:
        ready = await in_thread(begin, workspace, asked)
        return ready, replay_lookup.look_up(workspace, ready)  # nothing is read, so no thread is needed
    latest: tuple[PreparedCall, Decision] | None = None
    for known in await in_thread(lambda: list(without_network(workspace, asked))):
        with contextlib.suppress(NotebookImgError):  # the picture that is known is gone
            found = await _looked_up_once(workspace, known)
            if found[1].stored is not None:
                return found
            latest = latest or found
    if not urls:
        return await _looked_up_once(workspace, asked)
    if latest is None:
        raise ReplayMissError(replay_lookup.explain_unfetched(urls))
    return latest


async def _looked_up_once(workspace: Workspace, asked: PlacedCall) -> tuple[PreparedCall, Decision]:
    ready = await in_thread(begin, workspace, asked)
    if asked.slot is not None:
        await asked.slot.wait_for_earlier()
    return ready, await in_thread(replay_lookup.look_up, workspace, ready)


def _give_back(workspace: Workspace, ready: PreparedCall, decision: Decision, stored: Stored) -> CallResult:
    record = replay_lookup.give_back(workspace, ready.asked, stored)
    ready.asked.bill.turn = turn_id(record.number, session=workspace.session_name(record.session_id))
    note_model(workspace, ready)
    return finish(
        workspace,
        ready.asked,
        CallResult(record, replayed=replay_lookup.given_words(workspace, ready, record, decision), shape=ready.shape),
    )


def _plan(workspace: Workspace, ready: PreparedCall, decision: Decision) -> Plan:
    ready, sought, looking = sought_mask(workspace, ready)
    ready = as_sent(ready)
    check_request(ready.request, ready.provider, workspace.settings)
    if decision.stored is None:
        check_output(workspace, ready.asked)
    price = expected(ready.provider, ready.request)
    return Plan(
        kind=ready.request.kind,
        prompt=ready.request.prompt,
        model=ready.model,
        pictures=(*ready.request.inputs, *ready.request.references, *((ready.request.mask,) if ready.request.mask else ())),
        estimate=price.high + looking if price is not None else None,
        least=price.low + looking if price is not None else None,
        replay=workspace.stored_id(decision.stored) if decision.stored else "",
        budget=workspace.settings.budget,
        spent=workspace.store.known_today(),
        options=dict(ready.pending.asked),
        region=ready.region,
        left_out=ready.left_out,
        mask=sought,
        smaller=smaller_words(ready),
        refusal=(closed_to(workspace, ready) or unable(ready.provider, ready.request)) if decision.stored is None else None,
    )


async def _ask_service(
    workspace: Workspace, ready: PreparedCall, decision: Decision, tell: Tell, place: AbstractAsyncContextManager[None]
) -> CallResult:
    """Send the request; when the model stays overloaded and a fallback is set, ask that one."""
    try:
        return await _ask_one(workspace, ready, decision, tell, place)
    except (OverloadedError, RateLimitError) as error:
        fallback = workspace.settings.fallback
        if not fallback or ready.asked.call.model or error.billed != "no":
            raise
        tell(ProgressEvent(f"{ready.model} is unavailable; asking {fallback}"))
        first = ready.model
        try:
            # Not fresh: a mask that was found anew for the first model holds for this one.
            call = ready.asked.call.but(model=fallback, keeps_model=False, fresh=False)
            other = await in_thread(prepare, workspace, dataclasses.replace(ready.asked, call=call))
            other.pending = dataclasses.replace(other.pending, request_key=ready.pending.request_key)
            other.warnings = (*other.warnings, f"{first} stayed unavailable, so {other.model} answered.")
            return await _ask_one(workspace, other, decision, tell, place)
        except NotebookImgError as second:
            raise second from error


async def _ask_one(
    workspace: Workspace, ready: PreparedCall, decision: Decision, tell: Tell, place: AbstractAsyncContextManager[None]
) -> CallResult:
    async with place:
        ready, pending, reply, spend, jobs = await _answered(workspace, ready, tell)
    return await to_the_end(in_thread(_conclude, workspace, ready, pending, reply, spend, jobs, decision))


async def _answered(
    workspace: Workspace, ready: PreparedCall, tell: Tell
) -> tuple[PreparedCall, TurnRecord, Reply, int | None, Sequence[str]]:
    """Reserve the money and send; return the call as it was sent, its turn so far, the reply, the reservation, the jobs."""
    if ready.wanted:
        ready = await find_mask(workspace, ready, tell)
    provider = ready.provider
    pace = CallPace(workspace, ready.model, ready.asked.call.rate or "")
    books = await unless_stopped(workspace, functools.partial(_opened, workspace, ready, pace), lambda books: books.spend)
    ready, mark, estimate, spend, notices = books
    request = ready.request
    for text in notices:
        tell(Notice(text))
    started = time.monotonic()
    jobs: list[str] = []
    bill = ready.asked.bill
    bill.counts(estimate, certain=False)

    def emit(event: Any) -> None:
        if isinstance(event, SubmittedEvent):
            jobs.append(keep_job(workspace, ready, event, spend, mark))
            bill.job = jobs[-1]
        if isinstance(event, WithdrawnEvent):
            traffic.call_off()
            while jobs:
                workspace.store.update_job(jobs.pop(), state="cancelled", error="taken back before it began")
            bill.job = ""
        tell(event)

    try:
        told = getattr(provider, "tells_sending", False)
        with watching(told=True) as traffic, paced(pace):
            if not told and spend is not None:
                await pace.turn(emit)
            traffic.told = told  # nothing has left while it waited
            reply = await provider.run(request, emit)
        reply = dataclasses.replace(reply, cost=own_cost(provider, request, reply))
    except BaseException as error:
        if isinstance(error, NotebookImgError) and error.pictures and not error.kept:
            delivered = error.pictures
            error.kept = tuple(map(str, await to_the_end(in_thread(put_aside, workspace, delivered))))
        if isinstance(error, JobPendingError) and error.cost is not None and own_terms(provider, request) is not None:
            error.cost = estimate  # by the user's own price; the service's table does not know it
        booking = booking_of(error, traffic, estimate, submitted=bool(jobs))
        bill.counts(booking.cost, certain=booking.state == "billed")
        await to_the_end(in_thread(settle_failure, workspace, spend, booking))
        for job in jobs:
            await to_the_end(in_thread(leave_job, workspace, job, error))
        if jobs and isinstance(error, JobPendingError):
            error.kept_as(jobs[-1])
        if isinstance(error, Exception) and not isinstance(error, NotebookImgError):
            details = str(error).splitlines()[0][:200] if str(error) else "no details"
            raise ProviderError(
                f"{provider.title} could not be used ({type(error).__name__}: {details}).",
                billed="no" if booking.cost == 0.0 else "maybe",
                hint=Hint("show-traceback"),
                provider=provider.name,
                model=request.model,
            ) from error
        raise
    pending = dataclasses.replace(ready.pending, seconds=round(time.monotonic() - started, 3), key_mark=mark)
    return ready, pending, reply, spend, jobs


def _opened(workspace: Workspace, ready: PreparedCall, pace: CallPace) -> Books:
    books = open_books(workspace, ready)
    if books.spend is not None:
        pace.look()
    return books


def _conclude(
    workspace: Workspace,
    ready: PreparedCall,
    pending: TurnRecord,
    reply: Reply,
    spend: int | None,
    jobs: Sequence[str],
    decision: Decision,
) -> CallResult:
    """Store the reply, then update jobs, replay and output files."""
    bill = ready.asked.bill
    bill.came = True
    try:
        record = keep(workspace, pending, ready, reply, spend)
    except NotebookImgError as error:
        for job in jobs:
            leave_job(workspace, job, error)
        if isinstance(error, StoreError):
            raise rescued(workspace, error, reply, spend) from error
        raise
    except Exception as error:
        # A mistake of ours must not cost the user what was paid for either.
        failure = StoreError(
            f"it could not be stored ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'})."
        )
        raise rescued(workspace, failure, reply, spend) from error
    bill.turn, bill.job = turn_id(record.number, session=ready.asked.session.name), ""
    bill.counts(record.cost, certain=True)
    for job in jobs:
        workspace.store.update_job(job, state="done", turn=bill.turn)
    # The cost of the day is told after a single call, not after each item of a batch.
    spent = workspace.store.known_today() if spend is not None and ready.asked.claim is None else None
    replay_lookup.note(workspace, ready.asked, record, decision)
    note_model(workspace, ready)
    return finish(workspace, ready.asked, CallResult(record, today=spent, shape=ready.shape))


def finish(workspace: Workspace, asked: PlacedCall, made: CallResult) -> CallResult:
    """Move the head and write the files that were asked for."""
    record = made.record
    if record.kind != "ask" and asked.claim is None:
        # A turn that was just stored has moved the stored head with it.
        workspace.move_head(record.session_id, record.number, "turn", start=asked.start, stored=not made.replayed, slot=asked.slot)
    if asked.call.output is None and not workspace.settings.save_to:
        return made
    copies: list[Path] = []
    files: list[Path] = []
    if workspace.settings.save_to and not made.replayed and (shown := workspace.pictures_of(record, "output")):
        folder = workspace.working_folder / Path(workspace.settings.save_to).expanduser()
        stem = f"{asked.session.name}-{record.id}"
        copies, said = keep_copies(folder, stem, shown, workspace.store, facts=provenance_of(workspace, record))
        made.notices = (*made.notices, *said)
    if asked.call.output is not None:
        files, said = write_output(workspace, record, asked.call.output, force=asked.call.force, replayed=bool(made.replayed))
        made.notices = (*made.notices, *said)
    made.files = (*files, *copies)
    return made
