"""What follows from the HTTP status of an answer, for every service: repeated or not, booked or not, and which error it is.

Codes that only one service has (moderation, a missing model in its own words) are read by its adapter first; all else is a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from notebook_img.errors import (
    BadReplyError,
    Billed,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ReplyTimeoutError,
    RequestRefusedError,
)

PERHAPS_BILLED = "The call may have been billed, so it is not repeated automatically."

UNBILLED_500: Mapping[str, str] = {
    "gemini": 'ai.google.dev/gemini-api/docs/billing, FAQ: "If your request fails with a 400 or 500 error, you won\'t be charged"',
    "fal": 'docs.fal.ai/model-apis/faq: "Server errors (HTTP 500+) are never charged"',
    "ark": "docs.byteplus.com, ModelArk pricing, and its Volcengine twin: only pictures that were made are billed, by their number",
}
"""The services whose documents say that a 500 of theirs is not billed, with the place. OpenAI's say to ask again and nothing of the
bill (platform.openai.com/docs/guides/error-codes); Jimeng has no documents; what stands behind a compatible server is not known."""


@dataclass(frozen=True)
class Asked:
    """Which model was asked where, for messages."""

    model: str
    base_url: str
    key: str = field(default="", repr=False)
    """Removed from everything the service says."""


@dataclass(frozen=True)
class Row:
    """One rule; the first that fits holds."""

    first: int
    last: int
    """The statuses, both included."""
    form: str
    """Who answered: ``own`` (the service in its own error form), ``unbilled`` (the same, and its documents call it free), ``any``."""
    kind: type[ProviderError]
    repeat: bool
    billed: Billed
    words: str
    """What happened; ``{title}`` and ``{status}`` are filled in."""
    source: str


TABLE = (
    Row(429, 429, "any", RateLimitError, True, "no", "{title} received too many requests (HTTP 429)", "RFC 6585, section 4"),
    Row(503, 503, "own", OverloadedError, True, "no", "{title} is overloaded at the moment (HTTP 503)", "RFC 9110, section 15.6.4"),
    Row(500, 500, "unbilled", OverloadedError, True, "no", "{title} had an internal error (HTTP 500)", "see UNBILLED_500"),
    Row(
        408, 408, "any", ReplyTimeoutError, False, "maybe", "{title} timed out while it read the request (HTTP 408)",
        "RFC 9110, section 15.5.9; proxies send it with the request in hand",
    ),
    Row(
        504, 504, "any", ReplyTimeoutError, False, "maybe", "{title} did not answer its gateway in time (HTTP 504)",
        "RFC 9110, section 15.6.5: what stands behind the gateway goes on",
    ),
    Row(
        524, 524, "any", ReplyTimeoutError, False, "maybe", "{title} did not answer its gateway in time (HTTP 524)",
        "developers.cloudflare.com, error 524: connected, no answer in time",
    ),
    Row(500, 999, "any", BadReplyError, False, "maybe", "{title} failed (HTTP {status})", "no document says what became of the request"),
    Row(
        413, 413, "any", RequestRefusedError, False, "no",
        "The request is too large for {title} (HTTP 413); send smaller or fewer pictures", "RFC 9110, section 15.5.14",
    ),
    Row(400, 499, "any", RequestRefusedError, False, "no", "{title} refused the request (HTTP {status})", "RFC 9110, section 15.5"),
    Row(
        300, 399, "any", RequestRefusedError, False, "no",
        "{title}'s base URL redirects elsewhere (HTTP {status}); pictures and keys are not sent along", "RFC 9110, section 15.4",
    ),
    Row(100, 299, "any", BadReplyError, False, "maybe", "{title} sent no answer (HTTP {status})", "a success, so perhaps work"),
)  # fmt: skip


def row_for(status: int, *, provider: str, own: bool, free: bool = False) -> Row:
    """Return the rule for a status.

    Parameters
    ----------
    status : int
        Of the answer, or named in an error that came with 200.
    provider : str
        The short name, for what its documents say.
    own : bool
        Whether the service itself answered, in its own error form; a page, an empty body and another's JSON are a proxy's.
    free : bool
        Nothing is ever billed there.
    """
    forms = {"any"} | ({"own"} if own else set()) | ({"unbilled"} if own and (free or provider in UNBILLED_500) else set())
    return next(row for row in TABLE if row.first <= status <= row.last and row.form in forms)


def error_for(
    status: int, *, title: str, own: bool, facts: Mapping[str, Any], said: str = "", retry_after: float | None = None, free: bool = False
) -> ProviderError:
    """Return the error for a status that no adapter reads better.

    Parameters
    ----------
    title : str
        The service in sentences.
    facts : mapping
        ``provider`` and ``model``.
    said : str
        Its own words, scrubbed.
    """
    row = row_for(status, provider=str(facts.get("provider", "")), own=own, free=free)
    billed: Billed = "no" if free else row.billed
    sentence = f"{row.words.format(title=title, status=status)}{f': {said.rstrip(chr(46))}' if said else ''}."
    if billed == "maybe":
        sentence = f"{sentence} {PERHAPS_BILLED}"
    return row.kind(sentence, **{**facts, "status": status}, retry_after=retry_after, billed=billed)
