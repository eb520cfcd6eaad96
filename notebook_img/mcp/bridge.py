"""The stdio server's way into a live kernel: tool calls go to a kernel that shares our home, or are done here when there is none.

Everything else (lists, resources, prompts) is answered here, from the same store; so a kernel that dies or hangs
takes one call with it at the most, and the client's session goes on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread
from mcp.server.apps import client_supports_apps
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, CallToolResult, InputRequiredResult

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.mcp import client_settings, consent, discovery
from notebook_img.mcp.folders import folders_of
from notebook_img.mcp.jobs import new_job_id
from notebook_img.mcp.link import Link, State, look
from notebook_img.mcp.server import Server, served
from notebook_img.mcp.tool_results import of_job
from notebook_img.mcp.tools.base import BRIDGE_HEADER, CONNECTION_HEADER, FOLDERS_HEADER, JOB_META, MAKES
from notebook_img.mcp.versions import report
from notebook_img.mcp.vision_answers import as_json, running_analysis, running_chat
from notebook_img.records import JobRecord

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.types import InputResponses, RequestParamsMeta, Tool

    from notebook_img.mcp.discovery import Announcement
    from notebook_img.mcp.work import Work

log = logging.getLogger("notebook_img.mcp")
LOOK = 1.0
"""Seconds between two looks at a kernel that works on a call."""
PATIENCE = 5.0
"""Seconds a kernel gets to answer a look; a computation that holds all its threads may take some."""
GLANCE = 0.5
"""Seconds for one that did not respond at the last look, so that no later call waits for it."""
TURNING = 0.5
"""Seconds a server that is being stopped has to turn the requests it has sent into jobs."""

UNRESPONSIVE = "The notebook does not respond (its kernel was stopped, or waits at a breakpoint)"


class JoiningServer(Server):
    """A server whose tool calls are done by a live kernel, when there is one."""

    def __init__(self, work: Work, tools: str, *, notebook: str = "", alone: bool = False) -> None:
        super().__init__(work, tools)
        self.notebook = notebook
        self.alone = alone
        self._link: Link | None = None
        self._linking = asyncio.Lock()
        self._unresponsive: set[str] = set()
        """Addresses of the kernels that did not respond when they were last looked at."""
        self._set_here: dict[str, str] | None = None
        self._connection = secrets.token_hex(8)

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context | None = None) -> CallToolResult | InputRequiredResult:
        """Let the kernel do the call, else do it here."""
        # A tool that is not of this server's family is unknown here, whatever the kernel serves.
        tool = next((tool for tool in await self.list_tools() if tool.name == name), None)
        link = None if self.alone or context is None or tool is None else await self._joined(context)
        # What a kernel that serves one family lacks is done here.
        lacks = link is not None and name in served("all") - served(link.to.tools)
        if link is not None and tool is not None and context is not None and not lacks:
            answer = await self._through(link, tool, arguments, context)
            if answer is not None:
                return answer
        return await super().call_tool(name, arguments, context)

    async def _through(
        self, link: Link, tool: Tool, arguments: dict[str, Any], context: Context
    ) -> CallToolResult | InputRequiredResult | None:
        """Let the kernel do a call; None when it is to be done here instead."""
        assert link.client is not None
        # What may cost money is written down by the kernel before it begins, under an id that is known here.
        job = new_job_id() if tool.annotations == MAKES and link.to.claims else ""

        async def progress(progress: float, total: float | None = None, message: str | None = None) -> None:
            await report(context, progress, total, message)

        meta = cast("RequestParamsMeta", {JOB_META: job}) if job else None
        session = link.client.session

        async def send(answers: InputResponses | None, state: str | None) -> CallToolResult | InputRequiredResult:
            return await session.call_tool(
                tool.name,
                arguments,
                progress_callback=progress,
                meta=meta,
                input_responses=answers,
                request_state=state,
                allow_input_required=True,
            )

        async def done() -> CallToolResult | InputRequiredResult:
            result = await send(context.input_responses, context.request_state)
            if isinstance(result, InputRequiredResult) and not consent.modern(context):
                result = await send(await consent.passed_on(context, result), result.request_state)
            return result

        call = asyncio.ensure_future(done())
        cause: Exception | None = None
        try:
            while not (await asyncio.wait({call}, timeout=LOOK))[0]:
                # A process that was killed closes its connections; one whose computer is in trouble may not.
                state = await self._state(link.to)
                if not call.done() and (state is State.UNRESPONSIVE or not link.to.alive):
                    break
            else:
                result = call.result()
                if job and isinstance(result, CallToolResult) and (result.structured_content or {}).get("job_id") != job:
                    await self._forget(job)
                return result
        except MCPError as error:
            state, cause = await self._state(link.to), error
            if state is State.ANSWERS and link.client is not None:
                raise
        except (OSError, anyio.ClosedResourceError, anyio.BrokenResourceError, RuntimeError) as error:
            state, cause = await self._state(link.to), error
        finally:
            if not call.done():
                call.cancel()
        return await self._left(link, state, tool, job, cause)

    async def _left(self, link: Link, state: State, tool: Tool, job: str, cause: Exception | None = None) -> CallToolResult | None:
        """Go on without a kernel that does not answer: do the call here (None), or name the job it goes on as.

        What the kernel has begun is never done twice: it may be billed.
        """
        await self._lost(link, state)
        if tool.annotations is not None and tool.annotations.idempotent_hint:  # done twice it does no harm
            return None
        row = await anyio.to_thread.run_sync(self._take_back, job) if job else None
        if job and row is None:
            return None
        if state is not State.UNRESPONSIVE:
            raise await self._gone(link, job) from cause
        if row is None:
            raise MCPError(
                code=INTERNAL_ERROR,
                message=f"{UNRESPONSIVE} in the middle of this call, and may finish it when it runs again. "
                "Look with show_session before you ask again.",
            )
        return await anyio.to_thread.run_sync(self._unfinished, tool.name, row)

    def _unfinished(self, tool: str, job: JobRecord) -> CallToolResult:
        """Return the answer for a call that goes on when the kernel does, in the form its tool has."""
        why = f"{UNRESPONSIVE}, and goes on with this when it runs again. "
        if tool == "chat_vision":
            session = self.work.studio.store.session_named(job.session)
            turn, most = session.turns + 1 if session else 1, self.work.studio.settings.mcp_chat_turns
            return as_json(running_chat(job, job.session, turn, most, why=why))
        return running_analysis(job, why=why) if tool == "analyze_image" else of_job(job, why=why)

    def _take_back(self, job: str) -> JobRecord | None:
        """Take a call back from a kernel that has not begun it: it never will then. Its job where it has."""
        store, now = self.work.studio.store, time.time()
        try:
            store.add_job(JobRecord(job, "", "cancelled", store.owner, now, now, error="Done without the notebook, which did not respond."))
        except UsageError:
            return store.job(job)
        return None

    async def _forget(self, job: str) -> None:
        """Drop the row of a call whose result is here."""
        with contextlib.suppress(NotebookImgError):
            await anyio.to_thread.run_sync(self.work.studio.store.delete_job, job)

    async def _gone(self, link: Link, job: str) -> MCPError:
        """Return the error for a call whose server went away. What is stored, or goes on in a kernel that is alive, is named as a job."""
        await asyncio.sleep(TURNING)
        row = await anyio.to_thread.run_sync(self.work.studio.store.job, job) if job else None
        if row is not None and row.state == "running" and not link.to.alive:  # it may have ended between picture and row
            row = await anyio.to_thread.run_sync(self.work.jobs.stored, row)
        if row is not None and (row.state in ("done", "submitted") or (row.state == "running" and link.to.alive)):
            return MCPError(
                code=INTERNAL_ERROR,
                message="The notebook stopped its server during this call. What was sent goes on and is kept, "
                f"so do not ask again: get_job fetches {row.id}.",
            )
        await self._forget(job)
        return MCPError(
            code=INTERNAL_ERROR,
            message="The notebook's kernel ended during this call. This server goes on without it. "
            "show_session shows what was kept; then ask again.",
        )

    async def _state(self, to: Announcement) -> State:
        """Look at a kernel, and remember whether it responds: one that does not is not waited for again until it does."""
        if not to.alive:
            return State.GONE
        state = await look(to, GLANCE if to.url in self._unresponsive else PATIENCE)
        if state is not State.UNRESPONSIVE:
            self._unresponsive.discard(to.url)
        elif to.url not in self._unresponsive:
            log.warning("the kernel at %s does not respond; going on alone until it answers", to.url)
            self._unresponsive.add(to.url)
        return state

    async def _lost(self, link: Link, state: State) -> None:
        if state is not State.UNRESPONSIVE:
            log.warning("the kernel at %s has ended; going on alone", link.to.url)
        if self._link is link:
            self._link = None
        await link.close()

    async def _joined(self, context: Context) -> Link | None:
        """Return the connection to the kernel chosen, opened when there is none yet."""
        async with self._linking:
            link = self._link
            if link is not None:
                if link.client is not None and await self._state(link.to) is State.ANSWERS:
                    return link
                self._link = None
                await link.close()
            settings = self.work.studio.settings
            for found in await anyio.to_thread.run_sync(discovery.find, settings.home, self.notebook):
                if await anyio.to_thread.run_sync(self._differs, found) or await self._state(found) is not State.ANSWERS:
                    continue
                info = context.session.client_params
                name = (info.client_info.title or info.client_info.name) if info else "mcp client"
                fresh = Link(found, name, self._headers(found), pages=client_supports_apps(context), asks=consent.can_ask(context))
                if await fresh.open():
                    log.info("joined the kernel at %s", found.url)
                    self._link = fresh
                    return fresh
            return None

    def _differs(self, to: Announcement) -> bool:
        """Whether the client's environment sets what a kernel does not share; that is said, and the kernel is left alone."""
        if self._set_here is None:
            self._set_here = client_settings.set_here(self.work.studio.settings)
        names = client_settings.not_shared(self._set_here, to.marks)
        said = (
            f"The notebook at {to.url} is not joined: this client's own {', '.join(names)} {'is' if len(names) == 1 else 'are'} not in "
            "force there. Leave it out of the client's configuration, or set the same in the notebook, to share its kernel."
        )
        if names and said != self.work.alone:
            log.warning(said)
        self.work.alone = said if names else ""
        return bool(names)

    def _headers(self, to: Announcement) -> dict[str, str]:
        """Return what the kernel has to know: the token, and our client's folders with the proof that we may name them."""
        own = folders_of(self.work.studio.settings)
        facts = {"base": str(own.base), "allowed": [str(folder) for folder in own.allowed], "urls": own.urls}
        return {
            "Authorization": f"Bearer {to.token}",
            BRIDGE_HEADER: to.bridge,
            CONNECTION_HEADER: self._connection,
            FOLDERS_HEADER: base64.urlsafe_b64encode(json.dumps(facts).encode()).decode(),
        }

    async def close_link(self) -> None:
        """Disconnect from the kernel."""
        if self._link is not None:
            await self._link.close()
            self._link = None
