"""What of a call has left this machine and how it was answered: what never left, or was refused, is never booked.

The retry policy makes an `Attempt` of every request, the HTTP clients mark it when its first bytes leave, and whoever keeps the books
reads all of them from a `Traffic`.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Attempt:
    """One request that is, or may be, billed."""

    sent: bool = False
    """Its first bytes have left; also True where that cannot be seen."""
    unbilled: bool = False
    """Its answer said that it is not billed."""


@dataclass
class Traffic:
    """The attempts of one call."""

    told: bool
    """Whether the provider makes every request under the retry policy; for others it is unknown what left."""
    attempts: list[Attempt] = field(default_factory=list)

    def call_off(self) -> None:
        """Note that the service took everything back before it began."""
        for attempt in self.attempts:
            attempt.unbilled = True

    @property
    def may_be_billed(self) -> bool:
        """Whether something left and no answer says that it is free."""
        if not self.told and not self.attempts:
            return True
        return any(attempt.sent and not attempt.unbilled for attempt in self.attempts)


_traffic: ContextVar[Traffic | None] = ContextVar("traffic", default=None)
_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


@contextlib.contextmanager
def watching(*, told: bool) -> Iterator[Traffic]:
    """Note the attempts that are made within, also in tasks that are begun there; see `Traffic.told`."""
    traffic = Traffic(told)
    token = _traffic.set(traffic)
    try:
        yield traffic
    finally:
        _traffic.reset(token)


@contextlib.contextmanager
def attempting(*, watched: bool, free: bool = False) -> Iterator[None]:
    """Make one attempt.

    Parameters
    ----------
    watched : bool
        Its HTTP client marks what leaves (`mark_sending`, `watch_request`); otherwise it counts as sent from the start.
    free : bool
        It costs nothing whatever comes of it (looking at a job, fetching a picture).
    """
    attempt, traffic = Attempt(sent=not watched, unbilled=free), _traffic.get()
    if traffic is not None:
        traffic.attempts.append(attempt)
    token = _attempt.set(attempt)
    try:
        yield
    except ProviderError as error:
        attempt.unbilled = attempt.unbilled or error.billed == "no"
        raise
    finally:
        _attempt.reset(token)


def nothing_left() -> bool:
    """Tell whether the attempt under way has sent nothing so far."""
    attempt = _attempt.get()
    return attempt is not None and not attempt.sent


async def mark_sending(event: str, _info: Any) -> None:
    """Mark the attempt under way when its first bytes leave: the ``trace`` extension of httpx and httpx2."""
    attempt = _attempt.get()
    if attempt is not None and event.endswith("send_request_headers.started"):
        attempt.sent = True


async def watch_request(request: Any) -> None:
    """Have a request marked when it leaves: an event hook of the clients that the SDKs use."""
    request.extensions = {**request.extensions, "trace": mark_sending}
