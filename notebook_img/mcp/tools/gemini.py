"""The tools of the multi-turn image editing server: generate, edit, sessions. Names and parameters are fixed by its clients."""

# ruff: noqa: N803 - parameter names that clients already send

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from notebook_img.calls import Call
from notebook_img.errors import UsageError
from notebook_img.ids import parse_id, turn_id
from notebook_img.loop import in_thread
from notebook_img.mcp import model_names, sessions
from notebook_img.mcp.tool_results import ImageResult
from notebook_img.mcp.tools.base import MAKES, READS, ToolFacts, Tools
from notebook_img.mcp.work import Caller
from notebook_img.tree import Session

Prompt = Annotated[str, Field(min_length=1, max_length=20_000, description="What to make or change, in plain words")]
OutputPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="File to write, relative to the working folder or absolute, inside the allowed folders. The suffix names the format.",
    ),
]
ImagePath = Annotated[
    str,
    Field(max_length=30_000_000, description="Image: a path inside the allowed folders, an id such as fox/t3, or sample:chelsea"),
]
AspectRatio = Annotated[
    str,
    Field(max_length=20, description="Such as 1:1, 16:9, 3:4; get_image_config_info lists what the model takes. Empty: the model's own"),
]
ImageSize = Annotated[str, Field(max_length=20, description="Such as 1K, 2K, 4K. Empty: the model's own")]
Mask = Annotated[
    str,
    Field(
        max_length=30_000_000,
        description="Where the picture may change: words (the cup), boxes x,y,w,h in pixels, or an image of its size that is white there, "
        "as a path, an id or a data URL. Empty: everywhere",
    ),
]
From = Annotated[
    str, Field(max_length=200, description="Turn or picture of the session to go on from, such as t3 or t3.2. Empty: the latest one")
]
Model = Annotated[str, Field(max_length=200, description="provider:model or a bare model name. Empty: the default model")]
Grow = Annotated[
    str, Field(max_length=20, description="Widen the mask by pixels or percent, such as 12 or 1%; a negative amount shrinks it")
]
MaskReading = Annotated[
    Literal["", "painted", "transparent"],
    Field(description="What may change in a mask with transparency that could mean either; only where an error asks for it"),
]
Outpaint = Annotated[
    str, Field(max_length=20, description="Widen the canvas to this ratio, such as 16:9, and paint only what is new; not with mask")
]
Confine = Annotated[bool, Field(description="false: take the service's picture outside the mask too")]
Align = Annotated[bool, Field(description="Without a mask: take out by how much the model moved or scaled the image; colours stay")]
SessionId = Annotated[
    str, Field(min_length=1, max_length=200, description="The sessionId that start_image_session returned, or a session's name")
]


class ModelRow(BaseModel):
    """One model."""

    name: str
    ready: bool
    does: str
    sizes: str
    price: str


class ConfigInfo(BaseModel):
    """What images can be asked for."""

    model: str = Field(description="The default model")
    aspectRatios: list[str]  # noqa: N815 - the name existing clients read
    imageSizes: list[str]  # noqa: N815
    models: list[ModelRow]
    allowed_folders: list[str]


class GeminiTools(Tools):
    """Generate, edit, and sessions."""

    facts = (
        ToolFacts(
            "generate_image",
            "Generate an image",
            "Make one new image from a text prompt and write it to outputPath. Use edit_image to change an existing image, and "
            "start_image_session when the user will want several rounds of changes.",
            MAKES,
            shows=True,
        ),
        ToolFacts(
            "edit_image",
            "Edit an image",
            "Change one existing image as the prompt says and write the result to outputPath; the original is never changed. "
            "With mask only a part changes. For further rounds on the result use start_image_session and continue_image_session instead.",
            MAKES,
            shows=True,
        ),
        ToolFacts(
            "start_image_session",
            "Start an image session",
            "Begin a session of several rounds: make an image from the prompt, or edit imagePath, and write it to outputPath. "
            "Returns sessionId for continue_image_session.",
            MAKES,
            shows=True,
        ),
        ToolFacts(
            "continue_image_session",
            "Continue an image session",
            "Edit the latest image of a session as the prompt says and write the result to outputPath. imagePath is one more "
            "reference image, such as a style or an object to add. Ratio and size stay as they were unless others are asked for.",
            MAKES,
            shows=True,
        ),
        ToolFacts(
            "get_image_config_info",
            "What images can be asked for",
            "List aspect ratios, sizes and models that can be used, and the folders files may be read from and written to. Costs nothing.",
            READS,
        ),
    )

    async def generate_image(
        self,
        prompt: Prompt,
        outputPath: OutputPath,
        ctx: Context,
        aspectRatio: AspectRatio = "",
        imageSize: ImageSize = "",
        model: Model = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Make one image."""
        async with self.calling(ctx, "generate_image", prompt) as call:
            done = await self.perform(
                call,
                None,
                lambda: Call("generate", prompt, **self._options(aspectRatio, imageSize, model)),
                output=outputPath,
            )
            return await self.picture_result(call, done)

    async def edit_image(
        self,
        imagePath: ImagePath,
        prompt: Prompt,
        outputPath: OutputPath,
        ctx: Context,
        aspectRatio: AspectRatio = "",
        imageSize: ImageSize = "",
        model: Model = "",
        mask: Mask = "",
        grow: Grow = "",
        outpaint: Outpaint = "",
        confine: Confine = True,
        align: Align = False,
        maskReading: MaskReading = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Edit one image."""
        async with self.calling(ctx, "edit_image", prompt) as call:

            def make() -> Call:
                options = self._options(aspectRatio, imageSize, model)
                part = self._part(call.caller, mask, maskReading, grow=grow, outpaint=outpaint, confine=confine, align=align)
                return Call("edit", prompt, (self.image(call.caller, imagePath),), **options, **part)

            done = await self.perform(call, None, make, output=outputPath)
            return await self.picture_result(call, done)

    async def start_image_session(
        self,
        prompt: Prompt,
        outputPath: OutputPath,
        ctx: Context,
        imagePath: ImagePath = "",
        aspectRatio: AspectRatio = "",
        imageSize: ImageSize = "",
        model: Model = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Begin a session."""
        async with self.calling(ctx, "start_image_session", prompt) as call:

            def session() -> Session:
                return sessions.new(self.work, call.caller, " ".join(prompt.split()[:4]))

            def make() -> Call:
                options = self._options(aspectRatio, imageSize, model)
                if not imagePath:
                    return Call("generate", prompt, **options)
                return Call("edit", prompt, (self.image(call.caller, imagePath),), **options)

            # The image and the output are checked before the session is made, so that a mistake leaves none behind.
            ready = await in_thread(make)
            await in_thread(call.caller.folders.output, outputPath)
            done = await self.perform(call, session, lambda: ready, output=outputPath, fresh=True)
            return await self.picture_result(call, done)

    async def continue_image_session(
        self,
        sessionId: SessionId,
        prompt: Prompt,
        outputPath: OutputPath,
        ctx: Context,
        imagePath: ImagePath = "",
        aspectRatio: AspectRatio = "",
        imageSize: ImageSize = "",
        mask: Mask = "",
        fromId: From = "",
        grow: Grow = "",
        outpaint: Outpaint = "",
        confine: Confine = True,
        align: Align = False,
        maskReading: MaskReading = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Go on in a session."""
        async with self.calling(ctx, "continue_image_session", prompt) as call:
            session = await in_thread(sessions.named, self.work, call.caller, sessionId)
            # Results are named fox/t3, and clients hand that on as the session: then they mean that turn.
            named = parse_id(sessionId.strip())
            start = fromId or (turn_id(named.number, named.picture) if named is not None and named.session else "")

            def make() -> Call:
                images = (self.image(call.caller, imagePath),) if imagePath else ()
                options = {**self._options(aspectRatio, imageSize, ""), "start": start or None}
                options |= self._part(call.caller, mask, maskReading, grow=grow, outpaint=outpaint, confine=confine, align=align)
                if start or call.caller.studio.head(session.id) is not None:
                    return Call("edit", prompt, references=images, **options)
                if not images:
                    raise UsageError(f"Session {session.name} is before its first image. Give imagePath: the image to begin with.")
                return Call("edit", prompt, images, **options)

            done = await self.perform(call, lambda: session, make, output=outputPath)
            return await self.picture_result(call, done)

    async def get_image_config_info(self, ctx: Context) -> Annotated[CallToolResult, ConfigInfo]:
        """List what can be asked for."""
        async with self.calling(ctx, "get_image_config_info") as call:

            def look() -> ConfigInfo:
                settings = self.work.studio.settings
                name, takes = model_names.capabilities("generate", settings)
                rows = [
                    ModelRow(**{key: row[key] for key in ("name", "ready", "does", "sizes", "price")}) for row in self.work.studio.models()
                ]
                return ConfigInfo(
                    model=name,
                    aspectRatios=list(takes.aspect_ratios if takes.aspect_ratios is not None else ANY_RATIOS),
                    imageSizes=list(takes.sizes if takes.sizes is not None else ("1K", "2K", "4K")),
                    models=[row for row in rows if row.ready] + [row for row in rows if not row.ready],
                    allowed_folders=[str(folder) for folder in call.caller.folders.allowed],
                )

            info = await in_thread(look)
            return CallToolResult(
                content=[TextContent(type="text", text=json.dumps(self._told(info), ensure_ascii=False))],
                structured_content=info.model_dump(),
            )

    def _told(self, info: ConfigInfo) -> dict[str, Any]:
        """Return what clients of the server that is replaced read: the same as JSON text, with models by what they are for."""
        fallback = self.work.studio.settings.fallback
        ready = [row.name for row in info.models if row.ready]
        return {
            "aspectRatios": info.aspectRatios,
            "imageSizes": info.imageSizes,
            "models": {
                "default": info.model,
                "fallback": fallback,
                "notes": f"Models are written provider:model. Ready: {', '.join(ready)}."[:1000],
            },
            "docs": DOCS,
            "allowed_folders": info.allowed_folders,
        }

    def _part(self, caller: Caller, mask: str, reading: str, *, grow: str, outpaint: str, confine: bool, align: bool) -> dict[str, Any]:
        return {
            "mask": self.mask(caller, mask),
            "mask_reading": reading or None,
            "grow": grow or None,
            "outpaint": outpaint or None,
            "confine": confine,
            "align": align,
        }

    def _options(self, ratio: str, size: str, model: str) -> dict[str, Any]:
        return {"aspect_ratio": ratio or None, "size": size or None, "model": model_names.named(model, self.work.studio.settings)}


DOCS = "https://ai.google.dev/gemini-api/docs/image-generation"
ANY_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "21:9")
"""Named where a model takes any."""
