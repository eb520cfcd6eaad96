"""Reading what a service sent, so that nothing in it can surprise the code behind: JSON, counts, faults of the connection.

A picture that was paid for is never lost over a strange number beside it.
"""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any

from notebook_img.errors import (
    BadReplyError,
    ProviderError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_COUNTED = 2**53
"""Above it a number is not a count, and JSON readers disagree about it."""


def read_json(data: bytes | str) -> Any:
    """Return `data` as JSON; None where it is not JSON, is nested too deeply, or holds NaN, Infinity or 1e999."""
    try:
        return json.loads(data, parse_constant=lambda _name: None, parse_float=lambda text: finite(float(text)))
    except (ValueError, RecursionError):
        return None


def finite(value: Any) -> float | None:
    """Return a number as it is, or None for anything else: a text, a truth value, NaN, an infinity, a number beyond floats."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None


def count_of(value: Any) -> int | None:
    """Return a number of things (tokens, pictures), or None where `value` is not one: negative numbers count nothing."""
    number = finite(value)
    return int(number) if number is not None and 0 <= number <= MOST_COUNTED else None


def unexpected(title: str, provider: str, error: Exception) -> BadReplyError:
    """Return our error for an unforeseen failure while an answer was read.

    Its own words are left out: they may quote what was sent.
    """
    return BadReplyError(
        f"What {title} answered could not be read ({type(error).__name__}). "
        "The call may have been billed, so it is not repeated automatically.",
        provider=provider,
    )


@contextlib.contextmanager
def faults(title: str, provider: str, *, named: bool = False) -> Iterator[None]:
    """Turn httpx's faults into errors of ours. What was sent (a key, a cookie) hangs on theirs, so they are cut off.

    Parameters
    ----------
    title, provider : str
        The service's name in sentences, and its short name.
    named : bool
        The host is one that the service named (results, storage), where nothing is billed.
    """
    import httpx

    problem: ProviderError
    try:
        yield
        return
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        problem = RequestRefusedError(f"The base URL of {title} is not an http or https URL. Correct it.")
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # The words of these two quote the header, and the header is the key.
        if named:
            problem = BadReplyError(f"{title} returned an upload permit that a header cannot carry. Nothing was sent.")
        else:
            problem = RequestRefusedError(
                f"The request to {title} has a header that cannot be sent, so nothing was sent. Set its key again: printable "
                "ASCII on one line."
            )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        why = str(error).strip()[:120] or type(error).__name__
        problem = UnreachableError(
            f"A host that {title} named cannot be reached ({why})."
            if named
            else f"{title} cannot be reached ({why}); nothing was sent. Check the network and the base URL."
        )
    except (httpx.TimeoutException, TimeoutError):
        problem = ReplyTimeoutError(
            f"{title} did not answer in time. The call may have been billed, so it is not repeated automatically; "
            "NOTEBOOK_IMG_TIMEOUT sets how long to wait."
        )
    except httpx.DecodingError:
        problem = BadReplyError(f"{title} sent an answer that cannot be unpacked. Try again later.")
    except httpx.TransportError as error:
        problem = ReplyTimeoutError(
            f"The connection to {title} broke before the answer was complete ({type(error).__name__}). "
            "The call may have been billed, so it is not repeated automatically."
        )
    problem.provider = provider
    raise problem from None
