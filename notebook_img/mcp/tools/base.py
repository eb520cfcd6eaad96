"""What all tools share: who calls, errors as sentences for the model, requests that become jobs."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
from mcp.server.apps import client_supports_apps
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel

from notebook_img.calls import Call, words_of
from notebook_img.display import money
from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.ids import parse_id, turn_id
from notebook_img.loop import in_thread
from notebook_img.mcp import page, sessions, tool_results
from notebook_img.mcp.consent import QuestionError, consented
from notebook_img.mcp.folders import Folders
from notebook_img.mcp.versions import report
from notebook_img.mcp.work import Caller, Note, Result, Running, Work
from notebook_img.records import JobRecord, TurnRecord
from notebook_img.tree import Session, Turn

if TYPE_CHECKING:
    from notebook_img.pictures import Picture

BRIDGE_HEADER = "x-notebook-img-bridge"
FOLDERS_HEADER = "x-notebook-img-folders"
CONNECTION_HEADER = "x-notebook-img-connection"
SESSION_HEADER = "mcp-session-id"
JOB_META = "notebook-img/job"
"""Field of a call's ``_meta``: the id under which a bridge may name it to its client as a job."""
READ_BY_PAGE = ("list_sessions", "show_session")
"""What the page reads."""
PRICE_ON_PAGE = "price_on_page"
"""What the page asks while a person types."""
BOXES = re.compile(r"[\d\s,;.\-]+")
JOB_ID = re.compile(r"j[0-9a-f]{8}")
PICTURE_URI = re.compile(r"(?:nbimg://pictures/)?(?P<sha256>[0-9a-f]{64})")

MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Sends to a service, may cost money, adds a turn and a file, changes none."""
READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
MOVES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
FETCHES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


@dataclass(frozen=True)
class ToolFacts:
    """How a tool is presented."""

    name: str
    title: str
    description: str
    annotations: ToolAnnotations
    shows: bool = False
    """Whether what it answers is shown on the page, in conversations whose host has pages."""
    on_page: bool = False
    """Whether only the page calls it: models never see it."""

    @property
    def meta(self) -> dict[str, Any] | None:
        """What hosts with pages have to know."""
        if self.on_page:
            return {"ui": {"visibility": ["app"]}}
        return {"ui": {"resourceUri": page.URI, "visibility": ["model", "app"]}} if self.shows else None


@dataclass
class Calling:
    """One tool call under way."""

    caller: Caller
    tool: str
    context: Context
    turn: Turn | None = None
    state: str = "done"
    words: str = ""
    """What is noted besides, such as the sentence of an error that is answered and not raised."""

    def failed(self, error: NotebookImgError) -> None:
        """Note that the call failed, where the error is part of its answer."""
        self.state, self.words = "failed", error.sentence

    async def progress(self, seconds: float, message: str) -> None:
        """Report progress."""
        await report(self.context, round(seconds, 1), None, message)


class Tools:
    """A family of tools over the same work."""

    facts: Sequence[ToolFacts] = ()

    def __init__(self, work: Work) -> None:
        self.work = work

    def register(self, server: MCPServer[Any], only: Callable[[str], bool] | None = None, *, on_page: bool = False) -> None:
        """Add those of the tools that a server has, or others that are named; with `on_page` for its page alone."""
        words = self.work.words
        for facts in self.facts:
            if (only or words.has)(facts.name):
                server.add_tool(
                    getattr(self, facts.name),
                    name=facts.name,
                    title=facts.title,
                    description=words.of(facts.description),
                    annotations=facts.annotations,
                    meta=replace(facts, on_page=facts.on_page or on_page).meta,
                )

    def caller(self, ctx: Context) -> Caller:
        """Return who calls: the name the client gave itself, and the folders it may use. A page acts for whom its link was made."""
        if (owner := self.work.pages.owner(ctx.headers or {})) is not None:
            return owner
        info = ctx.session.client_params
        name = (info.client_info.title or info.client_info.name) if info else ""
        headers = ctx.headers or {}
        # Heads are a connection's. The protocol knows none from 2026-07-28 on: there those of one name share them.
        connection = headers.get(CONNECTION_HEADER if self._is_bridge(headers) else SESSION_HEADER, "")
        return self.work.caller(name, self._folders(headers), connection)

    def _folders(self, headers: Any) -> Folders | None:
        """Return the folders of one of our bridges; another HTTP client cannot widen what it may use."""
        if not self._is_bridge(headers):
            return None
        try:
            facts = json.loads(base64.urlsafe_b64decode(headers.get(FOLDERS_HEADER, "")))
            settings = self.work.studio.settings
            return Folders(Path(facts["base"]), tuple(Path(folder) for folder in facts["allowed"]), bool(facts["urls"]), settings)
        except (ValueError, KeyError, TypeError):
            return None

    def _is_bridge(self, headers: Any) -> bool:
        """Tell whether a bridge of ours calls, which has proved that it can read our discovery file: the bearer token is not enough."""
        given, wanted = headers.get(BRIDGE_HEADER, ""), self.work.bridge_secret
        return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())

    def _promised(self, ctx: Context) -> str:
        """Return the id under which a bridge of ours may name this call to its client as a job."""
        given = str((ctx.request_context.meta or {}).get(JOB_META, "")) if self._is_bridge(ctx.headers or {}) else ""
        return given if JOB_ID.fullmatch(given) else ""

    @contextlib.asynccontextmanager
    async def calling(self, ctx: Context, tool: str, text: str = "") -> AsyncIterator[Calling]:
        """Record the call, and turn our errors into what the model reads."""
        try:
            call = Calling(self.caller(ctx), tool, ctx)
        except NotebookImgError as error:  # a setting that cannot be used
            raise ToolError(self.work.told(error)) from error
        key = secrets.token_hex(4)
        # A page looks every few seconds, and at prices with every word, which is nothing a client did.
        looks = tool == PRICE_ON_PAGE or (tool in READ_BY_PAGE and self.work.pages.owner(ctx.headers or {}) is not None)

        def note(state: str, words: str = text) -> None:
            if looks:
                return
            self.work.note(Note(call.caller.name, tool, state, time.time(), call.turn, words[:300], key))

        note("working")
        try:
            yield call
        except NotebookImgError as error:
            note("failed", error.sentence)
            raise ToolError(self.work.told(error)) from error
        except QuestionError:
            note("done", "the person is asked first")
            raise
        except BaseException:
            note("job" if call.turn is None else "done", "the client is gone")
            raise
        note(call.state, call.words or text)

    def image(self, caller: Caller, text: str) -> Any:
        """Return what a client named as an image: an id stays text, everything else becomes a Picture."""
        plain = text.strip()
        if (turn := self.turn(caller, plain)) is not None:
            return turn
        if parse_id(plain):
            return plain  # t7: of the session the request is about
        if match := PICTURE_URI.fullmatch(plain):
            return self.stored(match["sha256"])
        try:
            return caller.folders.picture(plain)
        except NotebookImgError as error:
            if not set("*?") & set(plain):  # a pattern names no picture that was attached
                error.hints = (*error.hints, Hint("hand-over", folder=str(caller.folders.base)))
            raise

    def mask(self, caller: Caller, text: str) -> Any:
        """Return what a client gave as a mask: words and boxes stay text, everything else is an image; None for nothing."""
        plain = text.strip()
        return (plain or None) if not plain or words_of(plain) or BOXES.fullmatch(plain) else self.image(caller, plain)

    def turn(self, caller: Caller, text: str) -> Turn | None:
        """Return the turn that ``fox/t7`` or ``fox/t7.2`` names; None for anything else, such as a path."""
        found = parse_id(text)
        if found is None or not found.session:
            return None
        return sessions.named(self.work, caller, found.session).turn(turn_id(found.number, found.picture))

    def stored(self, sha256: str) -> Any:
        """Return a picture of the store by its hash."""
        from notebook_img.pictures import Picture

        store = self.work.studio.store
        if not store.has_picture(sha256) or not self.work.scope.shows_picture(sha256):
            raise NotFoundError(f"No picture with the hash {sha256[:12]}… is stored here.")
        return Picture(store.read_picture(sha256), sha256=sha256, path=store.picture_path(sha256))

    def looked_up(self, caller: Caller, text: str) -> tuple[Picture, str]:
        """Return the one picture that an id or a path names, and what to call it."""
        turn = self.turn(caller, text)
        if turn is not None:
            if turn.picked is None and len(turn.pictures) > 1:
                raise UsageError(f"{turn.full_id} has {len(turn.pictures)} pictures. Name one: {turn.full_id}.1")
            return turn.picture, turn.full_id
        picture = self.image(caller, text)
        if isinstance(picture, str):
            raise UsageError(f"{picture} of which session? Write it with the session's name, such as fox/{picture}.")
        return picture, picture.name or f"nbimg://pictures/{picture.sha256}"

    async def perform(
        self,
        call: Calling,
        session: Callable[[], Session] | None,
        make: Callable[[], Call],
        *,
        output: str | None = None,
        fresh: bool = False,
        after: TurnRecord | None = None,
        seconds: float | None = None,
        agreed: bool = False,
    ) -> Result | JobRecord:
        """Prepare a request in a thread, start it and wait a while. Without a session it is a single request.

        A session created for this request (`fresh`) is removed if the request fails. The person is asked before much is spent, unless
        it is the person who asks (`agreed`).
        """
        provisional = call.caller.studio.provisional

        def prepare() -> Running:
            if session is None:
                return self.work.prepare(call.caller, None, make(), tool=call.tool, output=output, after=after)
            chosen = session()
            if fresh:
                provisional.made(chosen.id)
            with provisional.trying(chosen.id):  # also where the request cannot be placed
                return self.work.prepare(call.caller, chosen, make(), tool=call.tool, output=output, after=after)

        with anyio.CancelScope(shield=True):  # else a session made by the thread would stay
            running = await in_thread(prepare)
        running.promised = self._promised(call.context)
        try:
            await anyio.lowlevel.checkpoint()  # cancelled meanwhile: nothing is sent
            if not agreed:
                await self._agreed(call, running)
            done = await self.work.wait(running, call.progress, seconds=seconds)
        except BaseException:
            if running.future is None:  # once it was started its end does this
                with anyio.CancelScope(shield=True):
                    await in_thread(running.begun.close)
            raise
        if isinstance(done, Result):
            call.turn = done.turn
        else:
            call.state = "job"
        return done

    async def _agreed(self, call: Calling, running: Running) -> None:
        """Ask the person about a call that may cost more than `ask_above`."""
        if running.dear is None or running.dear.price is None:
            return
        limit = self.work.studio.settings.ask_above
        most = running.dear.price.high
        await consented(
            call.context,
            most,
            f"{call.tool} with {running.dear.model}, which may cost up to {money(most)} (asked above {money(limit)}).",
            "Choose a smaller size or another model, or ask them to raise NOTEBOOK_IMG_ASK_ABOVE in this server's settings.",
        )

    async def picture_result(
        self, call: Calling, done: Result | JobRecord, kind: type[tool_results.ImageResult] = tool_results.ImageResult
    ) -> CallToolResult:
        """Return the answer of a tool that makes pictures. The first one of a session says where a person can look at it."""
        if isinstance(done, JobRecord):
            return tool_results.of_job(done, kind=kind)
        answer = await in_thread(lambda: tool_results.of_turn(done.turn, done.files, done.notices, kind=kind))
        return await self.with_page(call, answer, done.turn)

    async def with_page(self, call: Calling, answer: CallToolResult, turn: Turn) -> CallToolResult:
        """Return a result that says where a person can look at it, the first time for a session; hosts with pages show it anyway."""
        line = answer.content[0]
        if not client_supports_apps(call.context) and isinstance(line, TextContent):
            session, pages = turn.session.name, self.work.pages
            link = "" if pages.told(call.caller, session) else await in_thread(pages.link, call.caller, session)
            if link:  # only now: an answer that was cancelled while the page's server started told nothing
                pages.note_told(call.caller, session)
                line.text += f" For the person, to look at it and go on from it (opens once): {link}"
        return answer


def structured(model: BaseModel, text: str) -> CallToolResult:
    """Return a text line with structured content."""
    return CallToolResult(content=[tool_results.one_line(text)], structured_content=model.model_dump())
