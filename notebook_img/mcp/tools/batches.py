"""Many at once for agents: a batch with a price limit that has to be given, its progress, its results as rows."""

from __future__ import annotations

import asyncio
import base64
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ImageContent
from pydantic import BaseModel, Field

from notebook_img.display import money
from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.loop import in_thread
from notebook_img.mcp.consent import consented
from notebook_img.mcp.errands import BatchErrand
from notebook_img.mcp.tool_results import clipped
from notebook_img.mcp.tools.base import MAKES, READS, STOPS, Calling, ToolFacts, Tools, structured
from notebook_img.mcp.versions import report
from notebook_img.mcp.work import Caller
from notebook_img.replay import BUILT_IN
from notebook_img.studio import Batch

MOST_ROWS = 50
"""Items a result lists; the others are counted."""
LOOK = 0.3
"""Seconds between two looks at a batch."""

BatchId = Annotated[str, Field(min_length=1, max_length=200, description="From the answer of run_batch, such as b3")]
Wait = Annotated[float, Field(ge=0, le=50, description="How long to wait for it, seconds")]


class BatchItem(BaseModel):
    """One item."""

    label: str
    state: Literal["waiting", "running", "done", "failed"]
    id: str = Field(default="", description="Its turn, such as fox-b3/t7")
    answer: str = ""
    error: str = ""


class BatchResult(BaseModel):
    """How far a batch is."""

    batch_id: str
    session: str
    status: Literal["done", "running", "stopped"]
    total: int
    done: int
    failed: int
    to_do: int
    cost_usd: float
    items: list[BatchItem] = Field(description="The first of them, failed ones in front")


STATES: dict[str, Literal["waiting", "running", "done", "failed"]] = {
    "waiting": "waiting",
    "leased": "running",
    "sent": "running",
    "done": "done",
    "failed": "failed",
    "refused": "failed",
}


class BatchTools(Tools):
    """Batches."""

    facts = (
        ToolFacts(
            "run_batch",
            "Do one thing with many images",
            "Make, edit or question many images at once: one call per image, or per combination of values for {braces} in the prompt. "
            "max_cost (US dollars) bounds the whole batch. Failed items are rows; get_batch follows it.",
            MAKES,
        ),
        ToolFacts("get_batch", "Look at a batch", "Say how far a batch is, and list its results. Costs nothing.", READS),
        ToolFacts(
            "stop_batch", "Stop a batch", "Begin no further item; what is under way ends. run_batch with the same words goes on.", STOPS
        ),
    )

    async def run_batch(
        self,
        prompt: Annotated[str, Field(min_length=1, max_length=20000, description="May hold {name}, {stem}, {i} and the names of `over`")],
        max_cost: Annotated[float, Field(ge=0, description="US dollars the batch may cost at most, over all its runs")],
        ctx: Context,
        kind: Literal["edit", "ask", "generate"] = "edit",
        images: Annotated[list[str] | None, Field(description="Paths inside the allowed folders, turns (fox/t3) or sample:NAME")] = None,
        over: Annotated[dict[str, list[str]] | None, Field(description="Values to combine, by brace or option")] = None,
        model: Annotated[str, Field(description="provider:model; the default when empty")] = "",
        row: Annotated[str, Field(description='For questions: columns of a typed answer, "breed str, age float?"')] = "",
        first: Annotated[int | None, Field(ge=1, description="Do only the first N; the rest waits")] = None,
    ) -> Annotated[CallToolResult, BatchResult]:
        """Do one call with many images."""
        async with self.calling(ctx, "run_batch", prompt) as call:
            options = {"over": over, "budget": max_cost, "first": first, "model": model, "row": row}
            begun = functools.partial(self._begun, call.caller, kind, prompt, images, options)
            await self._agreed_to(call, max_cost, begun)
            batch = await in_thread(begun)
            assert isinstance(batch, Batch)
            self.work.scope.begun.add(_session_of(batch))
            await in_thread(self._start, call.caller, batch, first)
            return await self._followed(call, batch, self.work.studio.settings.mcp_wait)

    async def _agreed_to(self, call: Calling, max_cost: float, begun: Callable[..., Any]) -> None:
        """Ask the person about a batch that may cost more than `ask_above`, or an unknown amount."""
        limit = self.work.studio.settings.ask_above
        prices = (await in_thread(lambda: begun(dry_run=True))).prices
        if not prices.sends:
            return
        if prices.high is None:  # what has no known price is counted against no limit
            remedy = "Choose a model whose price is known, or ask them to write its price into endpoints.toml."
            await consented(call.context, max_cost, f"a batch: {prices.words} What it may cost is not known.", remedy)
        elif min(prices.high, max_cost) > limit:
            await consented(
                call.context,
                max_cost,
                f"a batch: {prices.words} It may cost up to {money(max_cost)} (asked above {money(limit)}).",
                f"Give a max_cost of at most {limit:g}, or ask them to raise NOTEBOOK_IMG_ASK_ABOVE in this server's settings.",
            )

    def _begun(
        self, caller: Caller, kind: str, prompt: str, images: list[str] | None, options: dict[str, Any], *, dry_run: bool = False
    ) -> Any:
        """Write a batch down, or price it only."""
        if kind != "generate" and not images:
            raise UsageError("images is empty. List the images to work on.")
        items = [self.image(caller, name) for name in images] if images else None
        given = {name: value for name, value in options.items() if value not in (None, "")}
        return getattr(caller.studio.batch, kind)(prompt, items, wait=False, starts=False, dry_run=dry_run, **given)

    def _start(self, caller: Caller, batch: Batch, first: int | None) -> None:
        """Begin to work on a batch: here, or where it outlives this server if it can be billed."""
        asked = batch.prices.models if batch.prices is not None else ()
        if self.work.worker is not None and any(model.partition(":")[0] != BUILT_IN for model in asked):
            self.work.worker.begin(BatchErrand(batch.number, caller.name, replace(caller.folders, settings=None), first))
        else:
            batch.begin(first)

    def _running(self, batch: Batch) -> bool:
        return batch.running or (self.work.worker is not None and self.work.worker.at_work(batch.number))

    def _named(self, caller: Caller, name: str) -> Batch:
        batch = caller.studio.batch.named(name)
        if not self.work.scope.shows(_session_of(batch)):
            raise NotFoundError(f"There is no batch {name!r}.", hint=Hint("list-batches"))
        return batch

    async def get_batch(self, batch_id: BatchId, ctx: Context, wait_seconds: Wait = 30) -> Annotated[CallToolResult, BatchResult]:
        """Say how far it is."""
        async with self.calling(ctx, "get_batch", batch_id) as call:
            batch = await in_thread(self._named, call.caller, batch_id)
            return await self._followed(call, batch, min(wait_seconds, self.work.studio.settings.mcp_wait))

    async def stop_batch(self, batch_id: BatchId, ctx: Context) -> Annotated[CallToolResult, BatchResult]:
        """Stop it."""
        async with self.calling(ctx, "stop_batch", batch_id) as call:
            batch = await in_thread(self._named, call.caller, batch_id)
            await in_thread(batch.stop)
            return await in_thread(self._result, batch)

    async def _followed(self, call: Calling, batch: Batch, seconds: float) -> CallToolResult:
        """Wait a while, report progress, and return how far it is."""
        began = time.monotonic()
        told = -1
        while await in_thread(self._running, batch) and time.monotonic() - began < seconds:
            counts = await in_thread(lambda: batch.counts)
            ended = counts.done + counts.failed
            if ended > told:
                told = ended
                await report(call.context, ended, counts.total, counts.words)
            await asyncio.sleep(LOOK)
        return await in_thread(self._result, batch)

    def _result(self, batch: Batch) -> CallToolResult:
        counts, record = batch.counts, batch.record
        running = self._running(batch)
        failed = batch.errors[:MOST_ROWS]
        done = batch.studio.store.items(batch.number, states=("done",), limit=MOST_ROWS)
        rows = [*failed, *batch.views(done)]
        turns = {item.record.id: item.turn for item in rows[:MOST_ROWS] if item.record.turn is not None}
        items = [
            BatchItem(
                label=item.label,
                state=STATES[item.state],
                id=turns[item.record.id].full_id if item.record.id in turns else "",
                answer=clipped(turns[item.record.id].text, 300) if item.record.id in turns else "",
                error=clipped(item.error, 300),
            )
            for item in rows[:MOST_ROWS]
        ]
        result = BatchResult(
            batch_id=batch.id,
            session=batch.name,
            status="running" if running else "stopped" if counts.waiting else "done",
            total=counts.total,
            done=counts.done,
            failed=counts.failed,
            to_do=counts.waiting + counts.under_way,
            cost_usd=record.spent,
            items=items,
        )
        ended_by = None if running else self._ended_by(batch)
        why = f" {self.work.told(ended_by)}" if isinstance(ended_by, NotebookImgError) else ""
        answer = structured(result, f"Batch {batch.id}: {counts.words}, ${record.spent:.2f} so far.{why}")
        data = batch.drawn().data.get("image/jpeg") if counts.done and record.kind != "ask" else None
        if isinstance(data, (str, bytes)):
            text = data if isinstance(data, str) else base64.b64encode(data).decode("ascii")
            answer.content.append(ImageContent(type="image", data=text, mime_type="image/jpeg"))
        return answer

    def _ended_by(self, batch: Batch) -> BaseException | None:
        """Return what ended a batch before all was done, as far as this process knows."""
        here = batch.work.ended_by if batch.work is not None else None
        return here or (self.work.worker.ended_by(batch.number) if self.work.worker is not None else None)


def _session_of(batch: Batch) -> str:
    """Return the id of a batch's own session, or of the notebook's where it has none."""
    return batch.record.session_id or batch.record.beside
