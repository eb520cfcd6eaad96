"""A call that its service does later, at a lower price: made ready and priced now, concluded by whichever process fetches its reply."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from notebook_img.calls.as_sent import as_sent
from notebook_img.calls.budget import booking_of, reserve, sendable, settle_failure
from notebook_img.calls.later_terms import check_later, later_factor
from notebook_img.calls.perform import finish, stored_or_ready
from notebook_img.calls.request import PreparedCall, begin
from notebook_img.calls.results import CallResult
from notebook_img.calls.store_reply import keep, rescued
from notebook_img.errors import StoreError
from notebook_img.loop import in_thread
from notebook_img.providers import Traffic, mark_of

if TYPE_CHECKING:
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.errors import NotebookImgError
    from notebook_img.providers.interface import Reply
    from notebook_img.workspace import Workspace


@dataclasses.dataclass(frozen=True)
class LaterCall:
    """A call that can be handed in."""

    ready: PreparedCall
    """As it is sent."""
    estimate: float | None
    """US dollars, at most, done later."""


async def prepare_later(workspace: Workspace, asked: PlacedCall) -> LaterCall | CallResult:
    """Return a call as it would be handed in, or the stored reply that it may have; nothing is reserved or sent."""
    found = await stored_or_ready(workspace, asked)
    if isinstance(found, CallResult):
        return found
    check_later(found)
    ready, price = await in_thread(sendable, workspace, found)
    return LaterCall(ready, price.high * later_factor(ready) if price is not None else None)


def reserve_later(workspace: Workspace, call: LaterCall) -> int:
    """Reserve what a call may cost, in the transaction that marks its item as sent."""
    return reserve(workspace, call.ready, call.ready.model, call.estimate)


def prepare_again(workspace: Workspace, asked: PlacedCall) -> PreparedCall:
    """Return a call as it was handed in, maybe by another process."""
    return as_sent(begin(workspace, asked))


def conclude_later(workspace: Workspace, ready: PreparedCall, reply: Reply, spend: int | None, seconds: float) -> CallResult:
    """Store the reply to a call that was done later; its item and its money are settled in the same transaction."""
    pending = dataclasses.replace(ready.pending, seconds=round(seconds, 3), key_mark=mark_of(ready.provider, workspace.settings))
    try:
        record = keep(workspace, pending, ready, reply, spend)
    except StoreError as error:
        raise rescued(workspace, error, reply, spend) from error
    return finish(workspace, ready.asked, CallResult(record, shape=ready.shape))


def fail_later(workspace: Workspace, error: NotebookImgError, spend: int | None) -> float | None:
    """Settle the money of a call that brought no reply; return what it cost in US dollars, None where that is not known."""
    booking = booking_of(error, Traffic(told=True), None, submitted=False)
    settle_failure(workspace, spend, booking)
    return booking.cost
