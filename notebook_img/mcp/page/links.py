"""Who may open the page on its own address: a link opens it once, and is changed for a token that the browser's tab keeps."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.mcp.running_call import Caller

VALID = 12 * 3600.0
"""Seconds a link can be opened after it was named."""
IDLE = 4 * 3600.0
"""Seconds after its last request at which a page's time is over; one that is looked at asks every few seconds."""
MOST = 64
"""Links, and tokens, that are valid at a time; the oldest, or longest unused, give way."""


@dataclass(frozen=True)
class Entry:
    """For whom a page acts, which session it begins with, and until when this holds."""

    caller: Caller
    session: str
    until: float


class Pages:
    """The links to one server's page, and the tokens they were changed for. All of them end with the server.

    Parameters
    ----------
    address : callable, optional
        Returns the server's address, such as ``http://127.0.0.1:8765``, and begins to serve when nothing serves yet. Without it
        there is no page, and no link.
    clock : callable
        Returns the seconds that have gone by.
    """

    def __init__(self, address: Callable[[], str] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.address = address
        self.clock = clock
        self._links: OrderedDict[str, Entry] = OrderedDict()
        self._tokens: OrderedDict[str, Entry] = OrderedDict()
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def link(self, caller: Caller, session: str = "") -> str:
        """Return a link that opens the page once; empty where there is no page.

        Parameters
        ----------
        caller : Caller
            For whom the page acts: what is chosen there is where this client goes on from.
        session : str
            What it shows first; the session used last otherwise.
        """
        address = self.address() if self.address is not None else ""
        if not address:
            return ""
        code = secrets.token_urlsafe(24)
        with self._lock:
            _keep(self._links, code, Entry(caller, session, self.clock() + VALID))
        # Behind the hash, which browsers do not send.
        return f"{address}/page#{code}"

    def told(self, caller: Caller, session: str) -> bool:
        """Return whether a client was told a link for a session."""
        return (caller.name, session) in self._told

    def note_told(self, caller: Caller, session: str) -> None:
        """Note that an answer with a link for this session goes to the client."""
        self._told.add((caller.name, session))

    def enter(self, code: str) -> tuple[str, str] | None:
        """Return a token and the session to show, in exchange for the code of a link; None where it was used before or is too old."""
        with self._lock:
            entry = self._links.pop(code, None)
            if entry is None or entry.until < self.clock():
                return None
            token = secrets.token_urlsafe(32)
            _keep(self._tokens, token, replace(entry, until=self.clock() + IDLE))
        return token, entry.session

    def owner(self, headers: Mapping[str, str]) -> Caller | None:
        """Return for whom a request acts that comes from a page; None for any other."""
        entry = self._used(bearer(headers.get("authorization", "")))
        return entry.caller if entry is not None else None

    def knows(self, token: str) -> bool:
        """Return whether this is the token of a page whose time is not over."""
        return self._used(token) is not None

    def _used(self, token: str) -> Entry | None:
        """Return what a token stands for, which holds for some more time now."""
        with self._lock:
            entry, now = self._tokens.pop(token, None), self.clock()
            if entry is None or entry.until < now:
                return None
            entry = replace(entry, until=now + IDLE)
            _keep(self._tokens, token, entry)
        return entry


def bearer(header: str) -> str:
    """Return the token of an authorization header."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _keep(where: OrderedDict[str, Entry], key: str, entry: Entry) -> None:
    where[key] = entry
    while len(where) > MOST:
        where.popitem(last=False)
