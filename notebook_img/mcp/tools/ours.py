"""Our own tools: look at sessions and pictures, step back, compare, save, and the jobs of long requests."""

from __future__ import annotations

import base64
import io
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import Annotations, CallToolResult, ImageContent, TextContent
from pydantic import BaseModel, Field

from notebook_img.calls import output_names, provenance_of, write_outputs
from notebook_img.display import moment
from notebook_img.errors import UsageError
from notebook_img.ids import turn_id
from notebook_img.loop import in_thread
from notebook_img.mcp import sessions, tool_results
from notebook_img.mcp.tool_results import JobResult, PictureInfo
from notebook_img.mcp.tools.base import FETCHES, MOVES, READS, STOPS, Calling, ToolFacts, Tools, structured
from notebook_img.mcp.tools.gemini import OutputPath, SessionId
from notebook_img.mcp.work import Result
from notebook_img.pictures import preview
from notebook_img.records import JobRecord
from notebook_img.tree import Turn

PictureId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="A turn (fox/t3), one picture of it (fox/t3.2), nbimg://pictures/..., or a path inside the allowed folders",
    ),
]


class SessionRow(BaseModel):
    """One session."""

    name: str
    turns: int
    model: str
    head: str
    updated: str = Field(description="Local time")


class SessionList(BaseModel):
    """Sessions, the one used last first."""

    sessions: list[SessionRow]
    total: int


class TurnRow(BaseModel):
    """One turn."""

    id: str
    kind: str
    parent: str
    prompt: str
    answer: str
    model: str
    by: str
    pictures: list[PictureInfo]
    inputs: list[str] = Field(default_factory=list, description="Resources of the pictures it was made from")
    cost_usd: float


class SessionInfo(BaseModel):
    """One session with its latest turns."""

    name: str
    head: str
    model: str
    turns: list[TurnRow]
    total: int


class Undone(BaseModel):
    """The state of a session after a step back."""

    session: str
    head: str = Field(description="Empty: before the first turn")


class View(BaseModel):
    """A closer look."""

    id: str
    width: int
    height: int
    mime_type: str
    shown_width: int
    shown_height: int


class Comparison(BaseModel):
    """How two images differ."""

    before: str
    after: str
    changed_percent: float = Field(description="Pixels that changed visibly")
    mean_difference: float = Field(description="0 to 255")
    ssim: float = Field(default=-1.0, description="Structural similarity, 1 for equal, -1 where it could not be computed")
    words: str


class Saved(BaseModel):
    """Files that were written."""

    id: str
    files: list[str]
    notes: list[str]


class OurTools(Tools):
    """Sessions, pictures, jobs."""

    facts = (
        ToolFacts(
            "list_sessions", "List sessions", "List image sessions, the one used last first, with their heads. Costs nothing.", READS
        ),
        ToolFacts(
            "show_session",
            "Show a session",
            "Show the latest turns of a session: prompts, answers, who made them, pictures with ids and files. Costs nothing.",
            READS,
            shows=True,
        ),
        ToolFacts(
            "undo_turn",
            "Undo a turn",
            "Step back in a session: continue_image_session then goes on from the image before. Nothing is deleted, and another "
            "client's or notebook's place in the session does not move.",
            MOVES,
        ),
        ToolFacts(
            "view_image",
            "View an image",
            "Look at an image more closely than its thumbnail, whole or a part of it (left, top, right, bottom in pixels). Costs nothing.",
            READS,
        ),
        ToolFacts(
            "compare_images",
            "Compare two images",
            "Show two images side by side and say in numbers how they differ. Costs nothing.",
            READS,
        ),
        ToolFacts(
            "save_image",
            "Save an image to a file",
            "Write an image of a session to a file in an allowed folder, in the format its suffix names. "
            "Files that are not ours are never overwritten.",
            MOVES,
        ),
        ToolFacts(
            "get_job",
            "Fetch a job",
            "Fetch the result of a request that took longer than the client waits. Waits a while; call again while status is running.",
            FETCHES,
            shows=True,
        ),
        ToolFacts("cancel_job", "Cancel a job", "Stop a running job. What the service was already paid for may be lost.", STOPS),
    )

    async def list_sessions(
        self,
        ctx: Context,
        limit: Annotated[int, Field(ge=1, le=200, description="How many")] = 20,
        search: Annotated[str, Field(max_length=200, description="Part of the name")] = "",
    ) -> Annotated[CallToolResult, SessionList]:
        """List sessions."""
        async with self.calling(ctx, "list_sessions", search):

            def look() -> SessionList:
                rows = [
                    SessionRow(
                        name=row.name,
                        turns=row.turns,
                        model=row.shown_model,
                        head=turn_id(row.head, session=row.name) if row.head else "",
                        updated=moment(row.updated),
                    )
                    for row in self.work.scope.sessions(limit=limit, search=search)
                ]
                return SessionList(sessions=rows, total=self.work.scope.count())

            found = await in_thread(look)
            lines = "; ".join(f"{row.name} ({row.turns} turns, {row.updated})" for row in found.sessions)
            return structured(found, f"{found.total} sessions. {lines}" if found.sessions else "There are no sessions yet.")

    async def show_session(
        self, session: SessionId, ctx: Context, limit: Annotated[int, Field(ge=1, le=100, description="Latest turns shown")] = 20
    ) -> Annotated[CallToolResult, SessionInfo]:
        """Show a session."""
        async with self.calling(ctx, "show_session", session) as call:

            def look() -> tuple[SessionInfo, Turn | None]:
                found = sessions.named(self.work, call.caller, session)
                head = found.head
                turns = [found.turn_from(record) for record in self.work.studio.store.turns(found.id, limit=limit, newest_first=True)][::-1]
                info = SessionInfo(
                    name=found.name,
                    head=head.full_id if head else "",
                    model=found.record.shown_model,
                    turns=[_row(turn) for turn in turns],
                    total=found.record.turns,
                )
                return info, head

            info, head = await in_thread(look)
            steps = "; ".join(f"{turn.id} {turn.kind}: {tool_results.clipped(turn.prompt, 80)}" for turn in info.turns)
            answer = structured(info, f"Session {info.name}: {info.total} turns, head {info.head or 'none'}. {steps}")
            if head is not None and head.pictures:
                answer.content.append(await in_thread(lambda: tool_results.thumbnail(head.pictures[0], side=512)))
            return answer

    async def undo_turn(self, session: SessionId, ctx: Context) -> Annotated[CallToolResult, Undone]:
        """Step back."""
        async with self.calling(ctx, "undo_turn", session) as call:

            def undo() -> Undone:
                found = sessions.named(self.work, call.caller, session)
                head = found.undo()
                return Undone(session=found.name, head=head.full_id if head else "")

            done = await in_thread(undo)
            return structured(done, f"Session {done.session} is at {done.head or 'its beginning: the next edit has to name an image'}.")

    async def view_image(
        self,
        image: PictureId,
        ctx: Context,
        max_side: Annotated[int, Field(ge=64, le=2048, description="Longest side shown, pixels")] = 1280,
        crop: Annotated[list[int] | None, Field(description="left, top, right, bottom in pixels of the image")] = None,
    ) -> Annotated[CallToolResult, View]:
        """Look closely."""
        async with self.calling(ctx, "view_image", image) as call:

            def look() -> tuple[View, ImageContent]:
                picture, name = self.looked_up(call.caller, image)
                if crop is not None:
                    from notebook_img.pictures import Box

                    if len(crop) != 4:
                        raise UsageError("crop needs four numbers: left, top, right, bottom, in pixels of the image.")
                    picture = Box("", *crop).crop(picture)
                shown = preview(picture, max_side, 450_000)
                view = View(
                    id=name,
                    width=picture.width,
                    height=picture.height,
                    mime_type=picture.mime_type,
                    shown_width=shown.width,
                    shown_height=shown.height,
                )
                return view, ImageContent(type="image", data=shown.base64, mime_type=shown.mime_type)

            view, content = await in_thread(look)
            part = f" (part {crop})" if crop else ""
            answer = structured(
                view, f"{view.id}{part}: {view.width} x {view.height} pixels, shown at {view.shown_width} x {view.shown_height}."
            )
            answer.content.append(content)
            return answer

    async def compare_images(self, before: PictureId, after: PictureId, ctx: Context) -> Annotated[CallToolResult, Comparison]:
        """Compare two images."""
        async with self.calling(ctx, "compare_images", f"{before} and {after}") as call:

            def look() -> tuple[Comparison, ImageContent]:
                from notebook_img import display

                first, first_name = self.looked_up(call.caller, before)
                second, second_name = self.looked_up(call.caller, after)
                numbers = display.measure(first, second)
                info = Comparison(
                    before=first_name,
                    after=second_name,
                    changed_percent=round(numbers.changed * 100, 3),
                    mean_difference=round(numbers.mean, 3),
                    ssim=round(numbers.ssim, 4) if numbers.ssim is not None else -1.0,
                    words=f"{', '.join(numbers.parts())}{'. ' + ' '.join(numbers.notes) if numbers.notes else ''}",
                )
                return info, _beside(first, second)

            info, content = await in_thread(look)
            answer = structured(info, f"{info.before} (left) and {info.after} (right): {info.words}.")
            answer.content.append(content)
            return answer

    async def save_image(self, image: PictureId, outputPath: OutputPath, ctx: Context) -> Annotated[CallToolResult, Saved]:  # noqa: N803 - as in the other tools
        """Write a file."""
        async with self.calling(ctx, "save_image", image) as call:

            def save() -> Saved:
                picture, name = self.looked_up(call.caller, image)
                folders = call.caller.folders
                path = folders.output(outputPath)
                turn = self.turn(call.caller, image)
                facts = provenance_of(call.caller.studio, turn.record, turn.picked) if turn is not None else lambda _index: {}
                store = self.work.studio.store
                with folders.making(path):
                    files, said = write_outputs(path, [picture], store, force=False, facts=facts, inside=folders.inside)
                return Saved(id=name, files=[str(file) for file in files], notes=said)

            done = await in_thread(save)
            return structured(done, f"{done.id} saved to {', '.join(done.files)}. {tool_results.sentences(done.notes)}")

    async def get_job(
        self,
        job_id: Annotated[str, Field(min_length=1, max_length=100, description="From the answer of the request")],
        ctx: Context,
        wait_seconds: Annotated[float, Field(ge=0, le=50, description="How long to wait for it")] = 30,
    ) -> Annotated[CallToolResult, JobResult]:
        """Fetch a job."""
        async with self.calling(ctx, "get_job", job_id) as call:
            longest = min(wait_seconds, max(self.work.studio.settings.mcp_wait, 0.1))
            row = await self.work.jobs.follow(job_id, longest, call.progress, call.caller)
            answer = await in_thread(self._job_result, call, row)
            return await self.with_page(call, answer, call.turn) if call.turn is not None and call.turn.kind != "ask" else answer

    async def cancel_job(
        self, job_id: Annotated[str, Field(min_length=1, max_length=100, description="From the answer of the request")], ctx: Context
    ) -> Annotated[CallToolResult, JobResult]:
        """Stop a job."""
        async with self.calling(ctx, "cancel_job", job_id) as call:
            row = await self.work.jobs.cancel(job_id)
            return await in_thread(self._job_result, call, row)

    def _job_result(self, call: Calling, row: JobRecord) -> CallToolResult:
        if row.state == "done" and row.turn:
            name, _, number = row.turn.rpartition("/")
            turn = sessions.named(self.work, call.caller, name).turn(number)
            output = str(row.request.get("output") or "")
            done = Result(turn, tuple(path for path in output_names(output, turn.pictures) if path.exists()) if output else ())
            call.turn = turn
            if turn.kind == "ask":
                facts = JobResult(
                    status="done", id=turn.full_id, sessionId=name, answer=turn.text, model=turn.model, job_id=row.id, seconds=turn.seconds
                )
                words = TextContent(type="text", text=turn.text or "(no words)")
                return CallToolResult(content=[words], structured_content=facts.model_dump())
            answer = tool_results.of_turn(turn, done.files, kind=JobResult)
            assert answer.structured_content is not None
            answer.structured_content["job_id"] = row.id
            return answer
        status = {"submitted": "running", "done": "failed"}.get(row.state, row.state)
        return tool_results.of_job(row, kind=JobResult, status=status)


def _row(turn: Turn) -> TurnRow:
    return TurnRow(
        id=turn.full_id,
        kind=turn.kind,
        parent=turn_id(turn.record.parent) if turn.record.parent is not None else "",
        prompt=tool_results.clipped(turn.prompt, 1000),
        answer=tool_results.clipped(turn.text, 1000),
        model=turn.model,
        by=turn.origin.words,
        pictures=tool_results.picture_infos(turn),
        inputs=[f"nbimg://pictures/{picture.sha256}" for picture in turn.inputs],
        cost_usd=-1.0 if turn.cost is None else turn.cost,
    )


def _beside(first: Any, second: Any) -> ImageContent:
    """Return two pictures as one, side by side, as a JPEG on white."""
    from PIL import Image

    sides = [Image.open(io.BytesIO(preview(picture, 640, 150_000).data)).convert("RGBA") for picture in (first, second)]
    height = max(side.height for side in sides)
    sheet = Image.new("RGB", (sides[0].width + sides[1].width + 8, height), "white")
    sheet.paste(sides[0], (0, 0), sides[0])
    sheet.paste(sides[1], (sides[0].width + 8, 0), sides[1])
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=82)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return ImageContent(type="image", data=data, mime_type="image/jpeg", annotations=Annotations(audience=["user", "assistant"]))
