"""The money of a call: reserved before it is sent, settled afterwards, and announced once per provider."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from notebook_img.calls.as_sent import as_sent
from notebook_img.calls.outputs import check_output
from notebook_img.errors import JobPendingError, NotebookImgError, ProviderError, RefusedError, UnsupportedError, UsageError
from notebook_img.hints import Hint
from notebook_img.loop import in_thread, to_the_end
from notebook_img.providers import (
    banned,
    check_request,
    end_of,
    expected,
    lacking,
    mark_of,
    model_info,
    own_file,
    usable_own_models,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.calls.request import PreparedCall
    from notebook_img.providers import Estimate, Traffic
    from notebook_img.providers.interface import Provider
    from notebook_img.workspace import Workspace


T = TypeVar("T")


class Books(NamedTuple):
    """What is settled about money and keys before anything is sent."""

    ready: PreparedCall
    """The call as it is sent."""
    mark: str
    """Hash that recognises the key."""
    estimate: float | None
    """US dollars."""
    spend: int | None
    """The reservation."""
    notices: tuple[str, ...]
    """What the user must be told first."""


def closed_to(workspace: Workspace, ready: PreparedCall) -> NotebookImgError | None:
    """Return why the model of a call cannot be asked whatever is asked of it: it is not allowed here, or it has no key."""
    if why := banned(ready.provider, ready.request.model, workspace.settings):
        return UnsupportedError(why, hint=Hint("choose-model"))
    return lacking(ready.provider, ready.request.model)


def sendable(workspace: Workspace, ready: PreparedCall) -> tuple[PreparedCall, Estimate | None]:
    """Return the call as it is sent and what it may cost; one that its output file, key, model or the disk forbids is refused."""
    check_output(workspace, ready.asked)
    provider, settings = ready.provider, workspace.settings
    if closed := closed_to(workspace, ready):
        raise closed
    ready = as_sent(ready)
    request = ready.request
    check_request(request, provider, settings)
    price = expected(provider, request)
    workspace.store.check_room(None if price is not None and price.high == 0.0 else 0 if request.kind == "ask" else request.count)
    return ready, price


def open_books(workspace: Workspace, ready: PreparedCall) -> Books:
    """Check the request against its output file, key, model and budget, and reserve what it may cost at most."""
    ready, price = sendable(workspace, ready)
    provider, settings = ready.provider, workspace.settings
    mark = mark_of(provider, settings)
    estimate = price.high if price is not None else None
    notices = (*moved_notice(ready), *_once(workspace, usable_own_models(settings)[1]), *_once(workspace, _ending(workspace, ready)))
    if estimate == 0.0:
        return Books(ready, mark, estimate, None, notices)
    uncounted = unpriced_notice(workspace, ready.model) if price is None else ()
    spend = reserve(workspace, ready, ready.model, estimate)
    return Books(ready, mark, estimate, spend, (*notices, *paid_notice(workspace, provider, price), *uncounted))


def _ending(workspace: Workspace, ready: PreparedCall) -> str:
    return end_of(model_info(ready.provider, ready.request.model, workspace.settings), ready.request.day)


def _once(workspace: Workspace, sentence: str) -> tuple[str, ...]:
    """Return a sentence that has not been said in this process."""
    if not sentence or sentence in workspace.shared.noticed:
        return ()
    workspace.shared.noticed.add(sentence)
    return (sentence,)


def unpriced_notice(workspace: Workspace, model: str) -> tuple[str, ...]:
    """Say, once a day and home, that calls to a model do not count against the budget, and how to give it a price."""
    if workspace.store.unpriced_today(model):
        return ()
    example = f'per_picture = 0.04 (US dollars) under [models."{model}"] in {own_file(workspace.settings)}'
    return (f"The price of {model} is not known, so its calls do not count against the budget. To give it one, write {example}.",)


def moved_notice(ready: PreparedCall) -> tuple[str, ...]:
    """Say that a session which follows the default goes to another service from this call on."""
    session = ready.asked.session
    before = session.ran_on.partition(":")[0]
    if ready.asked.call.kind == "ask" or ready.asked.call.model or session.kept_model or ready.exact or before in ("", ready.provider.name):
        return ()
    return (f"Edits in session {session.name!r} go to {ready.provider.title} from now on; before, they went to {before}.",)


def paid_notice(workspace: Workspace, provider: Provider, price: Estimate | None) -> tuple[str, ...]:
    """Return, once per provider and process, where pictures go and what one call costs."""
    if provider.name in workspace.shared.noticed:
        return ()
    workspace.shared.noticed.add(provider.name)
    from notebook_img.display import money, price_range_words

    cost = "the price of one call is not known" if price is None else f"this call costs {price_range_words(*price)}"
    return (f"Prompts and pictures of this call go to {provider.title}; {cost}. Daily budget: {money(workspace.settings.budget)}.",)


def reserve(workspace: Workspace, ready: PreparedCall, model: str, estimate: float | None) -> int:
    """Reserve money for what a call is about to ask a model."""
    asked, budgets = ready.asked, workspace.settings.budgets
    return workspace.store.reserve(
        model,
        estimate,
        day=None,
        origin=asked.origin.words,
        session=asked.session.name,
        budget=budgets.everyone,
        claim=asked.claim,
        own=budgets.own,
    )


async def unless_stopped(workspace: Workspace, reserving: Callable[[], T], spend_of: Callable[[T], int | None]) -> T:
    """Reserve in a thread; a reservation that was made by the time a stop is seen is cancelled, for nothing was sent."""
    opening = asyncio.ensure_future(in_thread(reserving))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(NotebookImgError):
            spend = spend_of(await opening)
            await to_the_end(in_thread(settle_failure, workspace, spend, Booking("failed", 0.0)))
        raise


class Booking(NamedTuple):
    """What a failed call is in the books."""

    state: str
    cost: float | None
    """US dollars; None where the cost is unknown."""
    usage: Mapping[str, Any] = {}


def booking_of(error: BaseException, traffic: Traffic, estimate: float | None, *, submitted: bool) -> Booking:
    """Return what is booked for a call that failed: what the service said, else nothing where that is known, else the estimate.

    Parameters
    ----------
    error : BaseException
        How it ended; also by a stop.
    traffic : Traffic
        What had left by then.
    estimate : float or None
        US dollars.
    submitted : bool
        A service has taken a job of it.
    """
    refused = "refused" if isinstance(error, RefusedError) else ""
    if isinstance(error, ProviderError) and (error.cost is not None or error.usage):
        return Booking(refused or "billed", error.cost, error.usage or {})
    if isinstance(error, JobPendingError) and error.cost is not None:
        return Booking("billed", error.cost)
    if not submitted and not _may_be_billed(error, traffic):
        return Booking("failed", 0.0)
    return Booking(refused or "unknown", None if refused else estimate)


def _may_be_billed(error: BaseException, traffic: Traffic) -> bool:
    if isinstance(error, UsageError):
        return False
    if isinstance(error, ProviderError):
        return error.billed != "no"
    # Stopped, or an unforeseen fault: it depends on what was sent.
    return traffic.may_be_billed


def settle_failure(workspace: Workspace, spend: int | None, booking: Booking) -> None:
    """Write down what a failed call cost."""
    if spend is not None:
        workspace.store.settle(spend, booking.state, booking.cost, dict(booking.usage))
