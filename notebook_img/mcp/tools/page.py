"""What only the page calls: what an edit would cost, the edit itself, and going on from the picture that was chosen there."""

# ruff: noqa: N803 - parameter names as in the other tools

from __future__ import annotations

from typing import Annotated

from mcp.server.apps import client_supports_apps
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from notebook_img.calls import Call, Plan
from notebook_img.errors import NotebookImgError, NotFoundError
from notebook_img.loop import in_thread
from notebook_img.mcp import model_names, sessions
from notebook_img.mcp.tool_results import ImageResult
from notebook_img.mcp.tools.base import MAKES, MOVES, PRICE_ON_PAGE, READS, ToolFacts, Tools, structured
from notebook_img.mcp.tools.gemini import From, Mask, Model, SessionId
from notebook_img.mcp.work import Caller

MOST_AT_ONCE = 4
"""Pictures a person can ask for at once on the page."""

Prompt = Annotated[str, Field(max_length=20_000, description="What to change, in plain words")]
Count = Annotated[int, Field(ge=1, le=MOST_AT_ONCE, description="How many pictures, of which one is picked")]


class Chosen(BaseModel):
    """Where the agent goes on from."""

    session: str
    head: str


class ModelChoice(BaseModel):
    """A model that can edit here and now."""

    name: str
    price: str = Field(description="Of one picture, in US dollars or words")


class PagePrice(BaseModel):
    """What an edit would cost, and with which model."""

    model: str = ""
    price: str = ""
    notes: list[str] = Field(default=[], description="What else a person wants to know before")
    problem: str = Field(default="", description="Why it would be refused")
    models: list[ModelChoice] = []


class PageTools(Tools):
    """The page's own three."""

    facts = (
        ToolFacts("choose_on_page", "Go on from here", "Make a picture the one the agent goes on from.", MOVES, on_page=True),
        ToolFacts(PRICE_ON_PAGE, "Price of an edit", "Say what an edit would cost. Nothing is sent.", READS, on_page=True),
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

    async def price_on_page(
        self,
        sessionId: SessionId,
        ctx: Context,
        prompt: Prompt = "",
        fromId: From = "",
        mask: Mask = "",
        model: Model = "",
        count: Count = 1,
    ) -> Annotated[CallToolResult, PagePrice]:
        """Say what an edit would cost."""
        async with self.calling(ctx, PRICE_ON_PAGE, prompt) as call:

            def look() -> PagePrice:
                found = PagePrice(models=self._models())
                try:
                    asked = self._edit(call.caller, prompt.strip() or "…", fromId, mask, model, count)
                    session = sessions.named(self.work, call.caller, sessionId)
                    plan = call.caller.studio.run(session, asked.but(dry_run=True))
                except NotebookImgError as error:
                    found.problem = self.work.told(error)
                    return found
                assert isinstance(plan, Plan)
                found.model = plan.model
                found.price = "price unknown" if plan.estimate is None else "free" if plan.estimate == 0 else plan.price
                region = plan.region.plan if plan.region is not None else None
                notes = [f"{', '.join(plan.left_out)} in the file is not sent" if plan.left_out else "", *(region.notes if region else ())]
                smaller = f"the result will be smaller: {plan.smaller}" if plan.smaller else ""
                found.notes = [note for note in (smaller, *notes) if note]
                return found

            found = await in_thread(look)
            return structured(found, found.problem or f"{found.model}, {found.price}.")

    async def edit_on_page(
        self,
        sessionId: SessionId,
        prompt: Annotated[Prompt, Field(min_length=1)],
        ctx: Context,
        fromId: From = "",
        mask: Mask = "",
        model: Model = "",
        count: Count = 1,
    ) -> Annotated[CallToolResult, ImageResult]:
        """Edit a picture."""
        async with self.calling(ctx, "edit_on_page", prompt) as call:
            session = await in_thread(sessions.named, self.work, call.caller, sessionId)

            def make() -> Call:
                return self._edit(call.caller, prompt, fromId, mask, model, count)

            return await self.picture_result(call, await self.perform(call, lambda: session, make, agreed=self._is_page(ctx)))

    def _is_page(self, ctx: Context) -> bool:
        """Return whether a person asks, on a page: hosts that have pages keep its own tools from their models, others know of none."""
        return self.work.pages.owner(ctx.headers or {}) is not None or client_supports_apps(ctx)

    def _edit(self, caller: Caller, prompt: str, start: str, mask: str, model: str, count: int) -> Call:
        chosen, several = model_names.named(model, self.work.studio.settings), count if count > 1 else None
        return Call("edit", prompt, start=start or None, mask=self.mask(caller, mask), model=chosen, n=several)

    def _models(self) -> list[ModelChoice]:
        """Return the models a person can choose: those that are ready and edit."""
        rows = self.work.studio.models()
        return [
            ModelChoice(name=row["name"], price=str(row["price"])) for row in rows if row["ready"] and "edit" in row["does"].split(", ")
        ]
