"""What only the page calls: going on from the picture that was chosen there, and editing it within the mask that was painted."""

# ruff: noqa: N803 - parameter names as in the other tools

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from notebook_img.calls import Call
from notebook_img.errors import NotFoundError
from notebook_img.loop import in_thread
from notebook_img.mcp import sessions
from notebook_img.mcp.tool_results import ImageResult
from notebook_img.mcp.tools.base import MAKES, MOVES, ToolFacts, Tools, structured
from notebook_img.mcp.tools.gemini import From, Mask, Prompt, SessionId


class Chosen(BaseModel):
    """Where the agent goes on from."""

    session: str
    head: str


class PageTools(Tools):
    """The page's own two."""

    facts = (
        ToolFacts("choose_on_page", "Go on from here", "Make a picture the one the agent goes on from.", MOVES, on_page=True),
        ToolFacts("edit_on_page", "Edit", "Edit a picture of a session, also within a mask. No file is written.", MAKES, on_page=True),
    )

    async def choose_on_page(
        self,
        image: Annotated[str, Field(min_length=1, max_length=4096, description="A turn (fox/t3) or one picture of it (fox/t3.2)")],
        ctx: Context,
    ) -> Annotated[CallToolResult, Chosen]:
        """Go on from a picture."""
        async with self.calling(ctx, "choose_on_page", image) as call:

            def choose() -> Chosen:
                turn = self.turn(call.caller, image)
                if turn is None:
                    raise NotFoundError(f"{image[:80]} is no picture of a session.")
                head = turn.session.checkout(turn.number)
                return Chosen(session=head.session.name, head=head.full_id)

            done = await in_thread(choose)
            return structured(done, f"Session {done.session} goes on from {image}.")

    async def edit_on_page(
        self,
        sessionId: SessionId,
        prompt: Prompt,
        ctx: Context,
        fromId: From = "",
        mask: Mask = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Edit a picture."""
        async with self.calling(ctx, "edit_on_page", prompt) as call:
            session = await in_thread(sessions.named, self.work, call.caller, sessionId)

            def make() -> Call:
                return Call("edit", prompt, start=fromId or None, mask=self.mask(call.caller, mask))

            return await self.picture_result(call, await self.perform(call, lambda: session, make, agreed=True))
