"""The tools of the vision chat server: analyze, chat, status. Names, parameters and answer fields are fixed by its clients."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated, Any
from weakref import WeakValueDictionary

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from notebook_img.calls import Call, unfinished_jobs
from notebook_img.errors import NotebookImgError, PictureError, UsageError
from notebook_img.loop import in_thread
from notebook_img.mcp import sessions, vision_history
from notebook_img.mcp.sessions import session_name_of
from notebook_img.mcp.tools.base import MAKES, READS, Calling, ToolFacts, Tools
from notebook_img.mcp.vision_answers import (
    AnswerResult,
    ChatManager,
    ChatResult,
    ImageInfo,
    Status,
    analysed,
    as_json,
    fault_of,
    image_info,
    not_analysed,
    running_analysis,
    running_chat,
    settings_of,
)
from notebook_img.mcp.work import Work
from notebook_img.providers import choose_model
from notebook_img.records import JobRecord, TurnRecord
from notebook_img.studio import spent_today
from notebook_img.tree import Session, Turn

Image = Annotated[
    str,
    Field(
        min_length=1,
        max_length=30_000_000,
        description="Image: a path inside the allowed folders, base64, a data URL, or an id such as fox/t3",
    ),
]
DEFAULT_QUESTION = "Describe this image in detail."
NEW_CHAT = "Ask without session_id, or with is_new_conversation, to begin another conversation."


class VisionTools(Tools):
    """Questions about images."""

    facts = (
        ToolFacts(
            "analyze_image",
            "Analyse an image",
            "Answer one question about an image, or describe it. For follow-up questions use chat_vision.",
            MAKES,
        ),
        ToolFacts(
            "chat_vision",
            "Chat about an image",
            "Ask about an image and then ask on, in a conversation of a few turns. Leave session_id out for the first question; give "
            "the returned session_id to ask on, while can_continue is true.",
            MAKES,
        ),
        ToolFacts(
            "get_status",
            "Server status",
            "Say which models answer, what was spent today, limits, sessions and running jobs. Costs nothing.",
            READS,
        ),
    )

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def analyze_image(
        self,
        image: Image,
        ctx: Context,
        prompt: Annotated[str, Field(max_length=20_000, description="What to find out. Empty: a description")] = "",
    ) -> Annotated[CallToolResult, AnswerResult]:
        """Answer one question."""
        async with self.calling(ctx, "analyze_image", prompt or DEFAULT_QUESTION) as call:
            try:
                done = await self.perform(
                    call,
                    None,
                    lambda: Call("ask", prompt or DEFAULT_QUESTION, (self._small_enough(call, image),)),
                )
            except NotebookImgError as error:
                call.failed(error)
                return not_analysed(error, self.work.told(error))
            if isinstance(done, JobRecord):
                return running_analysis(done)
            return analysed(done.turn, await in_thread(image_info, done.turn, image))

    async def chat_vision(
        self,
        image: Image,
        question: Annotated[str, Field(max_length=20_000, description="The question")],
        ctx: Context,
        session_id: Annotated[str, Field(max_length=200, description="Conversation to ask on in; empty for a new one")] = "",
        is_new_conversation: Annotated[bool, Field(description="Begin anew even though session_id is given")] = False,
    ) -> Annotated[CallToolResult, ChatResult]:
        """Ask a question or a follow-up."""
        async with self.calling(ctx, "chat_vision", question) as call:
            try:
                result = await self._chat(call, image, question, session_id.strip(), anew=is_new_conversation)
            except NotebookImgError as error:
                call.failed(error)
                said = self.work.told(error)
                kind = fault_of(error, "chat_failed")
                result = ChatResult(status="error", error_type=kind, error=said, message=said, session_id=session_id)
            return as_json(result)

    async def _chat(self, call: Calling, image: str, question: str, session_id: str, *, anew: bool) -> ChatResult:
        if not question.strip():
            raise UsageError("The question is empty. Ask something about the image.")
        await in_thread(vision_history.import_once, self.work.studio)
        most = self.work.studio.settings.mcp_chat_turns
        if not session_id or anew:
            return await self._ask(call, image, question, session_id, None, most)
        began, wait = time.monotonic(), self.work.studio.settings.mcp_wait
        # Turns are counted and asked one after the other: questions sent at once would all see the same count.
        found = await in_thread(self._conversation, call, session_id)
        one_at_a_time = self._asking.setdefault(found.id if found is not None else session_id, asyncio.Lock())
        try:
            async with asyncio.timeout(wait):
                await one_at_a_time.acquire()
        except TimeoutError:
            raise UsageError("This conversation still works on the question before. Ask again in a moment.") from None
        try:
            found = found or await in_thread(self._conversation, call, session_id)
            if found is not None and (job := await in_thread(self._under_way, found)) is not None:
                return running_chat(job, session_id, await in_thread(lambda: len(found.turns)) + 1, most)
            left = max(0.0, wait - (time.monotonic() - began))
            return await self._ask(call, image, question, session_id, found, most, seconds=left)
        finally:
            one_at_a_time.release()

    async def _ask(
        self,
        call: Calling,
        image: str,
        question: str,
        session_id: str,
        conversation: Session | None,
        most: int,
        seconds: float | None = None,
    ) -> ChatResult:
        asked, last = 0, None
        if conversation is not None:
            found = conversation
            asked = await in_thread(lambda: len(found.turns))
            last = await in_thread(self.work.studio.store.last_question, found.id)
            if asked >= most:
                return ChatResult(
                    status="completed",
                    session_id=session_id,
                    conversation_turn=asked,
                    image_info=await in_thread(_latest_image, conversation),
                    message=f"This conversation has had its {most} turns. {NEW_CHAT}",
                    hint=NEW_CHAT,
                )
        # The picture is looked at first, so that a wrong path leaves no empty conversation behind.
        picture = await in_thread(self._small_enough, call, image)
        known = last is not None and await in_thread(self._is_shown, call, picture, last)
        made = conversation is None
        if conversation is None:
            name = session_id and session_name_of(session_id)
            free = bool(name) and not await in_thread(self.work.studio.store.session_named, name)
            stem = name if free else f"vision-{secrets.token_hex(4)}"
            conversation = await in_thread(lambda: sessions.new(self.work, call.caller, stem, exactly=free))
            if not self.work.studio.settings.vision_enable_persistence:
                self.work.passing.add(conversation.id)
        session = conversation
        name = await in_thread(lambda: session.name)
        done = await self.perform(
            call,
            lambda: session,
            lambda: Call("ask", question, () if known else (picture,)),
            fresh=made,
            after=None if known else last,
            seconds=seconds,
        )
        if isinstance(done, JobRecord):
            return running_chat(done, name, asked + 1, most)
        turns = await in_thread(lambda: len(session.turns))
        left = max(0, most - turns)
        return ChatResult(
            status="success",
            answer=done.turn.text,
            session_id=name,
            conversation_turn=turns,
            remaining_turns=left,
            can_continue=left > 0,
            image_info=await in_thread(_latest_image, session, image),
            hint=f"Ask on with session_id {name!r}: {left} more." if left else NEW_CHAT,
            model=done.turn.model,
        )

    def _under_way(self, conversation: Session) -> JobRecord | None:
        """Return the job that still answers an earlier question of this conversation."""
        # A service's job has a row of its own besides; the one a tool has made is the one its client knows.
        return next((row for row in unfinished_jobs(self.work.studio.store, conversation.name) if row.request.get("tool")), None)

    def _conversation(self, call: Calling, session_id: str) -> Session | None:
        """Return the conversation of an id; None for one that is new: the server that is replaced opens those under the id."""
        return sessions.find(self.work, call.caller, session_id, session_name_of(session_id), vision_history.name_of(session_id))

    def _is_shown(self, call: Calling, picture: Any, last: TurnRecord) -> bool:
        """Tell whether the latest question of a conversation was about this very picture, however it is named now."""
        shown = {use.sha256 for use in (*last.uses("input"), *last.uses("reference"))}
        if isinstance(picture, str):  # t1: of this conversation
            picture = Session(call.caller.studio, last.session_id).turn(picture)
        if isinstance(picture, Turn) and picture.kind == "ask":
            return {use.sha256 for use in picture.record.uses("input")} <= shown
        return (picture.picture if isinstance(picture, Turn) else picture).sha256 in shown

    def _small_enough(self, call: Calling, image: str) -> Any:
        picture = self.image(call.caller, image)
        most = self.work.studio.settings.vision_max_image_size
        data = getattr(picture, "data", b"")
        if len(data) > most:
            raise PictureError(f"The image has {len(data):,} bytes, more than {most:,} (the setting VISION_MAX_IMAGE_SIZE).")
        return picture

    async def get_status(self, ctx: Context) -> Annotated[CallToolResult, Status]:
        """Report the status."""
        async with self.calling(ctx, "get_status") as call:
            info = await in_thread(self._status, call)
            info.page = await in_thread(lambda: self.work.pages.link(call.caller))
            spent = await in_thread(spent_today, self.work.studio)
            info.message = (
                f"{info.server} {info.version} is running. Questions go to {info.model}, images to {info.image_model}. "
                f"Spent today: {spent}. {info.sessions} sessions"
                + (f", recent: {sessions.listed(info.recent_sessions)}" if info.recent_sessions else "")
                + (f". Jobs running: {', '.join(info.jobs_running)}" if info.jobs_running else "")
                + "."
                + (f" For the person, to see the pictures (opens once): {info.page}" if info.page else "")
                + (f" {info.alone}" if info.alone else "")
            )
            return as_json(info)

    def _status(self, call: Calling) -> Status:
        from notebook_img._version import __version__

        studio = self.work.studio
        settings, store = studio.settings, studio.store
        provider, model = choose_model("ask", settings)
        painter, image_model = choose_model("generate", settings)
        day_ago = time.time() - 86_400
        return Status(
            version=__version__,
            provider=provider.name,
            model=f"{provider.name}:{model}",
            image_model=f"{painter.name}:{image_model}",
            chat_manager=ChatManager(
                sessions=self.work.scope.count(), max_turns=settings.mcp_chat_turns, persistence=settings.vision_enable_persistence
            ),
            config=settings_of(settings, model, provider.address() if hasattr(provider, "address") else ""),
            spent_today_usd=store.known_today(),
            budget_usd=settings.budgets.everyone,
            client_budget_usd=settings.budgets.own,
            spent_by_client_today_usd=store.known_today_by(call.caller.studio.origin.words),
            max_image_bytes=settings.vision_max_image_size,
            max_turns=settings.mcp_chat_turns,
            persistence=settings.vision_enable_persistence,
            sessions=self.work.scope.count(),
            recent_sessions=[row.name for row in self.work.scope.sessions(limit=5)],
            jobs_running=[job.id for job in store.jobs(state="running", limit=20) if job.updated > day_ago],
            allowed_folders=[str(folder) for folder in call.caller.folders.allowed],
            client=call.caller.name,
            alone=self.work.alone,
        )


def _latest_image(session: Session, given: str = "") -> ImageInfo | None:
    """Return the facts about the picture of the latest question."""
    return next((info for turn in reversed(session.turns) if (info := image_info(turn, given)) is not None), None)
