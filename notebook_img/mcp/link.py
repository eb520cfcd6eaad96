"""A bridge's connection to one kernel's server, and the check whether that kernel responds."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import INVALID_REQUEST, ElicitResult, ErrorData, Implementation

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import ClientRequestContext
    from mcp.types import ElicitRequestParams

    from notebook_img.mcp.discovery import Announcement

log = logging.getLogger("notebook_img.mcp")
CONNECT = 5.0
"""Seconds a kernel gets to open a connection."""


class State(enum.Enum):
    """What a look at a kernel's server found."""

    ANSWERS = "answers"
    UNRESPONSIVE = "unresponsive"
    """Its process keeps connections open and sends nothing: it was stopped, or a debugger or a library holds all its threads."""
    GONE = "gone"


async def look(to: Announcement, patience: float) -> State:
    """Ask a kernel's server whether it is there, and wait at most `patience` seconds for any answer."""
    address = urlsplit(to.url)
    asked = f"GET /alive HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {to.token}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(asked.encode())
                said = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:
        return State.UNRESPONSIVE
    except OSError:
        return State.GONE
    # With another token it is another server on the same port.
    return State.ANSWERS if said and b" 401 " not in said else State.GONE


async def _no_question(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:  # noqa: ARG001 - the SDK's
    """Refuse a question in the middle of a call: having this says that the client can be asked, and then questions come as results."""
    return ErrorData(code=INVALID_REQUEST, message="A question has to be the answer to a call.")


class Link:
    """An open connection to one kernel's server, held by a task of its own."""

    def __init__(self, to: Announcement, client_name: str, headers: dict[str, str], *, pages: bool = False, asks: bool = False) -> None:
        self.to = to
        self.client: Client | None = None
        self._name = client_name
        self._headers = headers
        self._extensions = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})] if pages else []
        """What the client's host can show, since the kernel has to know it."""
        self._asks = asks
        """Whether the client can ask its person."""
        self._ready: asyncio.Event = asyncio.Event()
        self._close: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> bool:
        """Connect; return whether that worked."""
        self._task = asyncio.create_task(self._hold())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), CONNECT)
        if self.client is None:
            await self.close()
        return self.client is not None

    async def close(self) -> None:
        """Disconnect."""
        self._close.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=1)
            if not done:
                self._task.cancel()

    async def _hold(self) -> None:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        try:
            # Not through a proxy: the token is for this computer only.
            async with httpx2.AsyncClient(headers=self._headers, timeout=httpx2.Timeout(30, read=None), trust_env=False) as http:
                info = Implementation(name=self._name, version="1")
                transport = streamable_http_client(self.to.url, http_client=http, max_sse_event_size=None)
                ask = _no_question if self._asks else None
                async with Client(transport, client_info=info, extensions=self._extensions, elicitation_callback=ask) as client:
                    self.client = client
                    self._ready.set()
                    await self._close.wait()
        except Exception as error:  # whatever it was, there is no connection
            log.info("no connection to %s: %s", self.to.url, type(error).__name__)
        finally:
            self.client = None
            self._ready.set()
