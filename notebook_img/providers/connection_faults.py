"""Faults of the connection as errors of ours: the same kind and words for every service, whichever library raised them.

httpx, httpx2 and aiohttp name their exceptions alike, so they are told apart by the names of their classes
(seen with httpx 0.28, httpx2 2.0 and google-genai 3.4.0).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from notebook_img.errors import (
    BadReplyError,
    NotebookImgError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.network import proxy_of, setup_problem, shown_url
from notebook_img.providers.sending import nothing_left
from notebook_img.providers.status_table import PERHAPS_BILLED

NOT_CONNECTED = {
    "ConnectError",
    "ConnectTimeout",
    "PoolTimeout",
    "ProxyError",
    "ClientConnectorError",
    "ConnectionTimeoutError",
}
NO_URL = {"UnsupportedProtocol", "InvalidURL", "InvalidUrlClientError"}
NO_HEADER = {"LocalProtocolError", "UnicodeEncodeError"}
LATE = {"TimeoutException", "TimeoutError", "APITimeoutError", "ServerTimeoutError", "SocketTimeoutError"}
CUT = {
    "ReadError",
    "WriteError",
    "CloseError",
    "RemoteProtocolError",
    "ServerDisconnectedError",
    "ClientPayloadError",
    "ClientOSError",
    "APIConnectionError",
    "ConnectionResetError",
    "IncompleteRead",
}


def connection_fault(error: BaseException, *, title: str, url: str, facts: Mapping[str, Any], hint: str = "") -> NotebookImgError | None:
    """Return our error for a fault of set-up or connection, None for any other.

    Parameters
    ----------
    error : BaseException
        What was raised, perhaps wrapped by an SDK.
    title, url : str
        The service in sentences, and its base URL.
    facts : mapping
        ``provider`` and ``model``.
    hint : str
        A sentence on what to look at when no connection comes about.
    """
    if sentence := setup_problem(error):
        return UsageError(f"{title} cannot be asked: {sentence}")
    names = class_names(error)
    if names & NO_URL:
        return UsageError(f"{title} cannot be asked: {shown_url(url)!r} is no http or https URL. Nothing was sent; correct the base URL.")
    if names & NO_HEADER:
        # The words of these two quote the header, and the header may be the key.
        return RequestRefusedError(
            f"The request to {title} has a header that cannot be sent, so nothing was sent. Set its key again: printable ASCII, one line.",
            **facts,
        )
    if names & NOT_CONNECTED:
        proxy = proxy_of(url)
        way = f" through {proxy}" if proxy else ""
        look = "Is the proxy up, and the right one?" if proxy else hint or "Check the network and the base URL."
        return UnreachableError(f"No connection to {title} at {shown_url(url)}{way}; nothing was sent. {look}", **facts)
    if names & (LATE | CUT) and nothing_left():
        return UnreachableError(f"No connection to {title} at {shown_url(url)} came about in time; nothing was sent.", **facts)
    if names & LATE:
        return ReplyTimeoutError(
            f"{title} sent no whole answer in time. {PERHAPS_BILLED} Run it again, or raise the setting timeout (NOTEBOOK_IMG_TIMEOUT).",
            **facts,
        )
    if names & CUT:
        return ReplyTimeoutError(f"The connection to {title} broke before its answer was complete. {PERHAPS_BILLED}", **facts)
    return None


def class_names(error: BaseException) -> set[str]:
    """Return the names of the classes of an error and of those it arose from."""
    names: set[str] = set()
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            break
        names.update(kind.__name__ for kind in type(link).__mro__)
        link = link.__cause__ or link.__context__
    return names


def unexpected(title: str, provider: str, error: Exception) -> BadReplyError:
    """Return our error for an unforeseen fault while an answer was read.

    Its own words are left out: they may quote what was sent.
    """
    return BadReplyError(f"What {title} answered could not be read ({type(error).__name__}). {PERHAPS_BILLED}", provider=provider)


@contextlib.contextmanager
def faults(title: str, provider: str, url: str, *, named: bool = False) -> Iterator[None]:
    """Turn httpx's faults into errors of ours. What was sent (a key, a cookie) hangs on theirs, so they are cut off.

    Parameters
    ----------
    title, provider : str
        The service's name in sentences, and its short name.
    url : str
        What is asked.
    named : bool
        The host is one that the service named (results, storage), where nothing is billed.
    """
    import httpx

    try:
        yield
        return
    except NotebookImgError:
        raise
    except httpx.DecodingError:
        problem: NotebookImgError = BadReplyError(f"{title} sent an answer that cannot be unpacked. {PERHAPS_BILLED}", provider=provider)
    except Exception as error:
        found = connection_fault(error, title=f"a host that {title} named" if named else title, url=url, facts={"provider": provider})
        if found is None:
            raise
        problem = found
        if named and isinstance(found, RequestRefusedError):
            problem = BadReplyError(f"{title} gave an upload permit that a header cannot carry. Nothing was sent.", provider=provider)
    raise problem from None
