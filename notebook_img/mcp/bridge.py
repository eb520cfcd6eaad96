"""The stdio server's way into a live kernel: tool calls go to the kernel that shares our home, or are done here when there is none.

Everything else (lists, resources, prompts) is answered here, from the same store; so a kernel that dies takes one call
with it at the most, and the client's session goes on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, CallToolResult, Implementation, InputRequiredResult

from notebook_img.mcp import discovery
from notebook_img.mcp.folders import folders_of
from notebook_img.mcp.server import Server
from notebook_img.mcp.tools.base import BRIDGE_HEADER, FOLDERS_HEADER
from notebook_img.mcp.versions import report

if TYPE_CHECKING:
    from mcp import Client
    from mcp.server.mcpserver import Context

    from notebook_img.mcp.discovery import Announcement
    from notebook_img.mcp.work import Work

log = logging.getLogger("notebook_img.mcp")
CONNECT = 5.0
"""Seconds a kernel gets to answer; one whose process is stopped is passed over."""


TURNING = 0.5
"""Seconds a server that is stopped gets to turn the requests it has sent into jobs."""


class Link:
    """An open connection to one kernel's server, held by a task of its own."""

    def __init__(self, to: Announcement, client_name: str, headers: dict[str, str]) -> None:
        self.to = to
        self.client: Client | None = None
        self._name = client_name
        self._headers = headers
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
                transport = streamable_http_client(self.to.url, http_client=http, max_sse_event_size=None)
                async with Client(transport, client_info=Implementation(name=self._name, version="1")) as client:
                    self.client = client
                    self._ready.set()
                    await self._close.wait()
        except Exception as error:  # whatever it was, there is no connection
            log.info("no connection to %s: %s", self.to.url, type(error).__name__)
        finally:
            self.client = None
            self._ready.set()


class JoiningServer(Server):
    """A server whose tool calls a live kernel does, when there is one."""

    def __init__(self, work: Work, tools: str, *, notebook: str = "", alone: bool = False) -> None:
        super().__init__(work, tools)
        self.notebook = notebook
        self.alone = alone
        self._link: Link | None = None
        self._linking = asyncio.Lock()

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context | None = None) -> CallToolResult | InputRequiredResult:
        """Let the kernel do it, else do it here."""
        # A tool that is not of this server's family is unknown here, whatever the kernel serves.
        unknown = all(tool.name != name for tool in await self.list_tools())
        link = None if self.alone or context is None or unknown else await self._joined(context)
        if link is None or link.client is None:
            return await super().call_tool(name, arguments, context)
        assert context is not None
        ctx = context

        async def progress(progress: float, total: float | None = None, message: str | None = None) -> None:
            await report(ctx, progress, total, message)

        call = asyncio.ensure_future(link.client.call_tool(name, arguments, progress_callback=progress))
        try:
            while True:
                done, _ = await asyncio.wait({call}, timeout=1)
                if done:
                    return call.result()
                # A process that was killed closes its connections; one whose computer is in trouble may not.
                if not link.to.alive:
                    raise ConnectionError
        except MCPError as error:
            if link.to.alive and link.client is not None and await self._answers(link):
                raise
            await self._lost(link)
            raise await self._gone(link) from error
        except (OSError, anyio.ClosedResourceError, anyio.BrokenResourceError, RuntimeError) as error:
            await self._lost(link)
            raise await self._gone(link) from error
        finally:
            if not call.done():
                call.cancel()

    async def _gone(self, link: Link) -> MCPError:
        """Return the error for a call whose server went away. Where its kernel lives, what was sent goes on there as a job."""
        if link.to.alive:
            await asyncio.sleep(TURNING)
            going = await anyio.to_thread.run_sync(self._going_on)
            if going:
                return MCPError(
                    code=INTERNAL_ERROR,
                    message="The notebook stopped its server while it worked on this. What was sent goes on and is kept, "
                    f"so do not ask again: get_job fetches {' or '.join(going)}.",
                )
        return MCPError(
            code=INTERNAL_ERROR,
            message="The notebook's kernel ended while it worked on this. This server goes on without it: "
            "show_session tells what was kept, then ask again.",
        )

    def _going_on(self) -> list[str]:
        store = self.work.studio.store
        return [row.id for row in store.jobs(state="running", limit=5) if store.alive(row.owner)]

    async def _answers(self, link: Link) -> bool:
        if link.client is None:
            return False
        try:
            await asyncio.wait_for(link.client.list_prompts(cache_mode="bypass"), 3)
        except Exception:  # whatever it was, it did not answer
            return False
        return True

    async def _lost(self, link: Link) -> None:
        log.warning("the kernel at %s has ended; going on alone", link.to.url)
        if self._link is link:
            self._link = None
        await link.close()

    async def _joined(self, context: Context) -> Link | None:
        """Return the connection to the kernel chosen, opened when there is none yet."""
        async with self._linking:
            link = self._link
            if link is not None and link.client is not None and link.to.alive:
                return link
            if link is not None:
                self._link = None
                await link.close()
            settings = self.work.studio.settings
            for found in await anyio.to_thread.run_sync(discovery.find, settings.home, self.notebook):
                info = context.session.client_params
                name = (info.client_info.title or info.client_info.name) if info else "mcp client"
                fresh = Link(found, name, self._headers(found))
                if await fresh.open():
                    log.info("joined the kernel at %s", found.url)
                    self._link = fresh
                    return fresh
            return None

    def _headers(self, to: Announcement) -> dict[str, str]:
        """Return what the kernel has to know: the token, and our client's folders with the proof that we may name them."""
        own = folders_of(self.work.studio.settings)
        facts = {"base": str(own.base), "allowed": [str(folder) for folder in own.allowed], "urls": own.urls}
        return {
            "Authorization": f"Bearer {to.token}",
            BRIDGE_HEADER: to.bridge,
            FOLDERS_HEADER: base64.urlsafe_b64encode(json.dumps(facts).encode()).decode(),
        }

    async def close_link(self) -> None:
        """Disconnect from the kernel."""
        if self._link is not None:
            await self._link.close()
            self._link = None
