"""The money of a call: reserved before it is sent, settled afterwards, and announced once per provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from notebook_img import keys
from notebook_img.calls.outputs import check_output
from notebook_img.errors import (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.providers import check_request, lacking, service_of

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall
    from notebook_img.providers.interface import Provider
    from notebook_img.workspace import Workspace

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


class Books(NamedTuple):
    """What is settled about money and keys before anything is sent."""

    mark: str
    """Hash that recognises the key."""
    estimate: float | None
    """US dollars."""
    spend: int | None
    """The reservation."""
    notices: tuple[str, ...]
    """What the user must be told first."""


def open_books(workspace: Workspace, ready: PreparedCall) -> Books:
    """Check the request against its output file, key, model and budget, and reserve what it may cost."""
    check_output(workspace, ready.asked)
    provider, request = ready.provider, ready.request
    if lack := lacking(provider, request.model):
        raise lack
    check_request(request, provider)
    mark = _key_mark(workspace, provider)
    estimate = provider.estimate(request)
    workspace.store.check_room(0 if estimate == 0.0 or request.kind == "ask" else request.count)
    if estimate == 0.0:
        return Books(mark, estimate, None, moved_notice(ready))
    spend = _reserve(workspace, ready, estimate)
    return Books(mark, estimate, spend, (*moved_notice(ready), *paid_notice(workspace, provider, estimate)))


def moved_notice(ready: PreparedCall) -> tuple[str, ...]:
    """Say that a session which follows the default goes to another service from this call on."""
    session = ready.asked.session
    before = session.ran_on.partition(":")[0]
    if ready.asked.call.kind == "ask" or ready.asked.call.model or session.kept_model or ready.exact or before in ("", ready.provider.name):
        return ()
    return (f"Edits in session {session.name!r} go to {ready.provider.title} from now on; before, they went to {before}.",)


def paid_notice(workspace: Workspace, provider: Provider, estimate: float | None) -> tuple[str, ...]:
    """Return, once per provider and process, where pictures go and what one call costs."""
    if provider.name in workspace.shared.noticed:
        return ()
    workspace.shared.noticed.add(provider.name)
    from notebook_img.display import money

    price = "the price of one call is not known" if estimate is None else f"this call costs about {money(estimate)}"
    return (f"Prompts and pictures of this call go to {provider.title}; {price}. Daily budget: {money(workspace.settings.budget)}.",)


def _key_mark(workspace: Workspace, provider: Provider) -> str:
    key = keys.find(service_of(provider), workspace.settings)
    return workspace.settings.key_mark(key) if key else ""


def _reserve(workspace: Workspace, ready: PreparedCall, estimate: float | None) -> int:
    asked = ready.asked
    return workspace.store.reserve(
        ready.model, estimate, day=None, origin=asked.origin.words, session=asked.session.name, budget=workspace.settings.budget
    )


def settle_unsent(workspace: Workspace, spend: int | None) -> None:
    """Cancel a reservation: nothing was sent."""
    if spend is not None:
        workspace.store.settle(spend, "failed", 0.0, {})


def settle_failure(workspace: Workspace, spend: int | None, error: BaseException, estimate: float | None, submitted: bool) -> None:
    """Record what a failed call cost: nothing where that is known, else what the service said, else unknown."""
    if spend is None:
        return
    if isinstance(error, ProviderError) and (error.cost is not None or error.usage):
        workspace.store.settle(spend, "refused" if isinstance(error, RefusedError) else "billed", error.cost, error.usage or {})
    elif isinstance(error, NOT_BILLED) and not submitted:
        workspace.store.settle(spend, "failed", 0.0, {})
    elif isinstance(error, RefusedError):
        workspace.store.settle(spend, "refused", None, {})
    else:
        # Interrupted, timed out, or an answer without a picture: it may have been billed, so the estimate stays counted.
        workspace.store.settle(spend, "unknown", estimate, {})
