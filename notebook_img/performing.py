"""One call from what is asked to a stored turn: replay, check, reserve, send, store, finish (design section 4)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img import choice, giving, keys, outputs, replay
from notebook_img.errors import (
    AuthenticationError,
    JobPendingError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ReplayMissError,
    RequestRefusedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from notebook_img.jobs import keep_job, leave_job
from notebook_img.keeping import keep, provenance_of, rescued, write_output
from notebook_img.loop import in_thread, to_the_end
from notebook_img.preparing import Ready, begin, check_output, prepare
from notebook_img.providers.interface import ProgressEvent, Reply, SubmittedEvent
from notebook_img.records import TurnRecord
from notebook_img.results import Made, Notice, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.asking import Asked
    from notebook_img.loop import Tell
    from notebook_img.providers.interface import Provider
    from notebook_img.studio import Studio

NOT_BILLED = (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    RateLimitError,
    OverloadedError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
"""Errors after which a call is known not to have been billed: it was not sent, or the service did not take it."""


async def perform(studio: Studio, asked: Asked, tell: Tell) -> Made | Plan:
    """Do a call and return its turn; runs on the core's loop, disk and pixel work in threads.

    Raises
    ------
    NotebookImgError
        In which case the tree is as it was; a billed call has its row in the spend table all the same.
    """
    try:
        return await _perform(studio, asked, tell)
    except NotebookImgError as error:
        keys.cleaned(error, studio.settings)
        raise


async def _perform(studio: Studio, asked: Asked, tell: Tell) -> Made | Plan:
    slot = asked.slot
    try:
        ready = await in_thread(begin, studio, asked)
        if slot is not None:
            await slot.wait_for_earlier()
        decision = replay.Decision()
        if studio.kernel is not None:
            key, typed = ready.pending.request_key, bool(asked.call.model)
            decision = await in_thread(lambda: giving.decide(studio, asked, key, ready.model, typed=typed))
        if asked.call.dry_run:
            return await in_thread(_plan, studio, ready, decision)
        if decision.stored is not None:
            return await to_the_end(in_thread(_give_back, studio, ready, decision.stored))
        if decision.miss:
            raise ReplayMissError(await in_thread(giving.explain_miss, studio, asked, ready.pending))
        return await _ask_service(studio, ready, decision, tell)
    except BaseException:
        if slot is not None:
            slot.fail()
        raise


def _give_back(studio: Studio, ready: Ready, stored: replay.Stored) -> Made:
    record = giving.give_back(studio, ready.asked, stored)
    return _finish(studio, ready.asked, Made(record, replayed=True, shape=ready.shape))


def _plan(studio: Studio, ready: Ready, decision: replay.Decision) -> Plan:
    choice.check(ready.request, ready.provider)
    if decision.stored is None:
        check_output(studio, ready.asked)
    spent = studio.store.spent(today())
    return Plan(
        kind=ready.request.kind,
        prompt=ready.request.prompt,
        model=ready.model,
        pictures=(*ready.request.inputs, *ready.request.references, *((ready.request.mask,) if ready.request.mask else ())),
        estimate=ready.provider.estimate(ready.request),
        replay=studio.stored_id(decision.stored) if decision.stored else "",
        budget=studio.settings.budget,
        spent=spent[0],
        options=dict(ready.pending.asked),
    )


async def _ask_service(studio: Studio, ready: Ready, decision: replay.Decision, tell: Tell) -> Made:
    """Send the request; when the model stays overloaded and a fallback is set, ask that one."""
    try:
        return await _ask_one(studio, ready, decision, tell)
    except (OverloadedError, RateLimitError) as error:
        fallback = studio.settings.fallback
        if not fallback or ready.asked.call.model:
            raise
        tell(ProgressEvent(f"{ready.model} gave up; asking {fallback}"))
        first = ready.model
        try:
            other = await in_thread(prepare, studio, dataclasses.replace(ready.asked, call=ready.asked.call.but(model=fallback)))
            other.pending = dataclasses.replace(other.pending, request_key=ready.pending.request_key)
            other.warnings = (*other.warnings, f"{first} stayed unavailable, so {other.model} answered.")
            return await _ask_one(studio, other, decision, tell)
        except NotebookImgError as second:
            raise second from error


class Books(NamedTuple):
    """What is settled about money and keys before anything is sent."""

    mark: str
    """Of the key."""
    estimate: float | None
    """US dollars."""
    spend: int | None
    """The reservation."""
    notices: tuple[str, ...]
    """What must be said first."""


async def _ask_one(studio: Studio, ready: Ready, decision: replay.Decision, tell: Tell) -> Made:
    provider, request = ready.provider, ready.request
    opening = asyncio.ensure_future(in_thread(_open_books, studio, ready))
    try:
        books = await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The reservation may have been made by the time the stop is seen; nothing was sent for it.
        with contextlib.suppress(NotebookImgError):
            late = await opening
            await to_the_end(in_thread(_settle_unsent, studio, late.spend))
        raise
    mark, estimate, spend, notices = books
    for text in notices:
        tell(Notice(text))
    started = time.monotonic()
    jobs: list[str] = []

    def emit(event: Any) -> None:
        if isinstance(event, SubmittedEvent):
            jobs.append(keep_job(studio, ready, event, spend, mark))
        tell(event)

    try:
        reply = await provider.run(request, emit)
    except BaseException as error:
        await to_the_end(in_thread(_settle_failure, studio, spend, error, estimate, bool(jobs)))
        for job in jobs:
            await to_the_end(in_thread(leave_job, studio, job, error))
        if jobs and isinstance(error, JobPendingError):
            error.job = jobs[-1]
        if isinstance(error, Exception) and not isinstance(error, NotebookImgError):
            details = str(error).splitlines()[0][:200] if str(error) else "no details"
            raise ProviderError(
                f"{provider.title} could not be used ({type(error).__name__}: {details}). %tb has the details for a bug report.",
                provider=provider.name,
                model=request.model,
            ) from error
        raise
    pending = dataclasses.replace(ready.pending, seconds=round(time.monotonic() - started, 3), key_mark=mark)
    return await to_the_end(in_thread(_conclude, studio, ready, pending, reply, spend, jobs, decision))


def _open_books(studio: Studio, ready: Ready) -> Books:
    """Check the request against its output file, key, model and budget, and reserve what it may cost."""
    check_output(studio, ready.asked)
    provider, request = ready.provider, ready.request
    if missing := provider.missing():
        raise KeyMissingError(missing, provider=provider.name, model=request.model)
    choice.check(request, provider)
    mark = _key_mark(studio, provider)
    estimate = provider.estimate(request)
    if estimate == 0.0:
        return Books(mark, estimate, None, ())
    spend = _reserve(studio, ready, estimate)
    return Books(mark, estimate, spend, studio.paid_notice(provider, estimate))


def _settle_unsent(studio: Studio, spend: int | None) -> None:
    if spend is not None:
        studio.store.settle(spend, "failed", 0.0, {})


def _conclude(
    studio: Studio, ready: Ready, pending: TurnRecord, reply: Reply, spend: int | None, jobs: Sequence[str], decision: replay.Decision
) -> Made:
    """Store what came back, and do all that follows from it."""
    try:
        record = keep(studio, pending, ready, reply, spend)
    except NotebookImgError as error:
        for job in jobs:
            leave_job(studio, job, error)
        if isinstance(error, StoreError):
            raise rescued(studio, error, reply, spend) from error
        raise
    except Exception as error:
        # A mistake of ours must not cost the user what was paid for either.
        failure = StoreError(
            f"it could not be stored ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'})."
        )
        raise rescued(studio, failure, reply, spend) from error
    for job in jobs:
        studio.store.update_job(job, state="done", turn=f"{ready.asked.session.name}/{record.id}")
    spent = studio.store.spent_known(today()) if spend is not None else None
    giving.note(studio, ready.asked, record, decision)
    return _finish(studio, ready.asked, Made(record, today=spent, shape=ready.shape))


def _key_mark(studio: Studio, provider: Provider) -> str:
    key = keys.find(provider.name, studio.settings)
    return studio.settings.key_mark(key) if key else ""


def today() -> str:
    """Return the local day, ``YYYY-MM-DD``: what the budget counts by."""
    return dt.datetime.now().astimezone().date().isoformat()


def _reserve(studio: Studio, ready: Ready, estimate: float | None) -> int:
    asked = ready.asked
    return studio.store.reserve(ready.model, estimate, today(), asked.origin.words, asked.session.name, studio.settings.budget)


def _settle_failure(studio: Studio, spend: int | None, error: BaseException, estimate: float | None, submitted: bool) -> None:
    """Write down what a failed call cost: nothing where that is known, else what the service said, else unknown."""
    if spend is None:
        return
    if isinstance(error, ProviderError) and (error.cost is not None or error.usage):
        studio.store.settle(spend, "refused" if isinstance(error, RefusedError) else "billed", error.cost, error.usage or {})
    elif isinstance(error, NOT_BILLED) and not submitted:
        studio.store.settle(spend, "failed", 0.0, {})
    elif isinstance(error, RefusedError):
        studio.store.settle(spend, "refused", None, {})
    else:
        # Interrupted, timed out, or an answer without a picture: it may have been billed, so the estimate stays counted.
        studio.store.settle(spend, "unknown", estimate, {})


def _finish(studio: Studio, asked: Asked, made: Made) -> Made:
    """Move the head, write the files that were asked for."""
    record = made.record
    if record.kind != "ask":
        # A turn that was just stored has moved the stored head with it.
        studio.move_head(record.session_id, record.number, "turn", start=asked.start, stored=not made.replayed, slot=asked.slot)
    if asked.call.output is None and not studio.settings.save_to:
        return made
    copies: list[Path] = []
    files: list[Path] = []
    if studio.settings.save_to and not made.replayed and (shown := studio.pictures_of(record, "output")):
        folder = studio.working_folder / Path(studio.settings.save_to).expanduser()
        stem = f"{asked.session.name}-{record.id}"
        copies, said = outputs.keep_copies(folder, stem, shown, studio.store, facts=provenance_of(studio, record))
        made.notices = (*made.notices, *said)
    if asked.call.output is not None:
        files, said = write_output(studio, record, asked.call.output, force=asked.call.force, replayed=made.replayed)
        made.notices = (*made.notices, *said)
    made.files = (*files, *copies)
    return made
