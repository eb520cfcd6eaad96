"""How the work on a batch ends: waited for here, or looked on at while another process does it, and the error that tells of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError, Stopped, StoreError
from notebook_img.hints import Hint
from notebook_img.loop import in_thread

if TYPE_CHECKING:
    from notebook_img.loop import Tell
    from notebook_img.studio.batch.batch import Batch

LOOK = 0.25
"""Seconds between two looks at a batch that another process works on."""
SETTLES = 0.5
"""Seconds that a stop waits for the items under way to be written down."""


async def until_ended(batch: Batch, tell: Tell) -> None:
    """Await the end of the work on a batch, and tell what it does meanwhile."""
    work = batch.work
    remove = batch.studio.shared.listen_to_batch(batch.number, tell)
    try:
        if work is not None and work.future is not None:
            await asyncio.wait([asyncio.wrap_future(work.future)])
            error = None if work.future.cancelled() else work.future.exception()
            if error is not None and not isinstance(error, asyncio.CancelledError):
                raise _with_counts(batch, error)
            return
        while await in_thread(batch.studio.store.at_work, batch.number):  # noqa: ASYNC110 - another process tells nothing
            await asyncio.sleep(LOOK)
    finally:
        remove()


def stopped(batch: Batch) -> Stopped:
    """Stop what works on a batch here, and return the error that says how far it is."""
    work = batch.work
    if work is not None:
        work.stop(now=True)
        if work.future is not None:  # what became of those under way is said where it is known in time
            concurrent.futures.wait([work.future], timeout=SETTLES)
    return Stopped(f"Batch {batch.id} was stopped: {batch.counts.words}.", hint=Hint("resume-batch", batch=batch.id))


def check(batch: Batch) -> None:
    """Raise what ended a batch before its end, or what all of its items failed of."""
    counts, work = batch.counts, batch.work
    if work is not None and work.ended_by is not None and (counts.waiting or counts.later):
        raise _with_counts(batch, work.ended_by)
    if counts.total and counts.failed == counts.total:
        sentence = f"All {counts.total} items of batch {batch.id} failed. The first: {batch.errors[0].error}"
        if work is not None and work.first_error is not None:
            raise _saying(work.first_error, sentence, work.first_error.hints)
        raise NotebookImgError(sentence, hint=Hint("retry-batch", batch=batch.id))


def _with_counts(batch: Batch, error: BaseException) -> BaseException:
    """Return what ended the work with what remains of it, unless the store cannot even be read."""
    if not isinstance(error, NotebookImgError):
        return error
    try:
        rest = f" Batch {batch.id}: {batch.counts.words}."
    except StoreError:
        return error
    return _saying(error, f"{error.sentence}{rest}", (*error.hints, Hint("resume-batch", batch=batch.id)))


def _saying(error: NotebookImgError, sentence: str, hints: tuple[Hint, ...]) -> NotebookImgError:
    """Return an error of the same kind with another sentence and other hints."""
    other = copy.copy(error)
    other.args = (sentence,)
    other.hints = hints
    other.__cause__ = error
    return other
