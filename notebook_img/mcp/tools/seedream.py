"""The tool of the Jimeng (Seedream) server. Names and parameters are fixed by its clients."""

# ruff: noqa: N802, N803 - names that clients already send

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from notebook_img.calls import Call
from notebook_img.errors import UnsupportedError
from notebook_img.loop import in_thread
from notebook_img.mcp import model_names
from notebook_img.mcp.tool_results import ImageResult
from notebook_img.mcp.tools.base import MAKES, ToolFacts, Tools
from notebook_img.mcp.tools.gemini import ANY_RATIOS, Prompt
from notebook_img.mcp.work import Result
from notebook_img.providers import check_request, choose_model, model_info
from notebook_img.providers.interface import Request


class SeedreamTools(Tools):
    """Generate with Seedream."""

    facts = (
        ToolFacts(
            "generateImage",
            "Generate an image with Seedream",
            "Make images from a prompt with Seedream (Ark or Jimeng where one is set up, else the default model). filePath names a "
            "reference image to blend in. Returns where the pictures lie.",
            MAKES,
            shows=True,
        ),
    )

    async def generateImage(
        self,
        prompt: Prompt,
        ctx: Context,
        filePath: Annotated[
            str, Field(max_length=30_000_000, description="Reference image to blend, a path inside the allowed folders")
        ] = "",
        model: Annotated[str, Field(max_length=200, description="Such as jimeng-4.0. Empty: the default")] = "",
        width: Annotated[int, Field(ge=0, le=8192, description="Pixels; 0 leaves it to the model")] = 0,
        height: Annotated[int, Field(ge=0, le=8192, description="Pixels; 0 leaves it to the model")] = 0,
        sample_strength: Annotated[
            float, Field(ge=-1, le=1, description="How freely the reference is treated, 0 to 1; -1 leaves it to the model")
        ] = -1,
        negative_prompt: Annotated[str, Field(max_length=5000, description="What must not be in the picture")] = "",
    ) -> Annotated[CallToolResult, ImageResult]:
        """Make images."""
        async with self.calling(ctx, "generateImage", prompt) as call:
            notes: list[str] = []

            def make() -> Call:
                kind = "edit" if filePath else "generate"
                settings = self.work.studio.settings
                wanted = model_names.named(model, settings) or model_names.seedream(settings)
                name, takes = model_names.capabilities(kind, settings, wanted)  # type: ignore[arg-type]
                options: dict[str, Any] = {"model": name if wanted else ""}
                words = prompt
                if width or height:
                    size, ratio = self._size(name, kind, width or height, height or width, notes)
                    options |= {"size": size, "aspect_ratio": ratio}
                if sample_strength >= 0:
                    if takes.strength:
                        options["strength"] = sample_strength
                    else:
                        notes.append(f"{name} takes no sample_strength; it was left out.")
                if negative_prompt:
                    if takes.negative_prompt:
                        options["negative_prompt"] = negative_prompt
                    elif name.startswith("local:"):
                        notes.append(f"{name} takes no negative prompt; it was left out.")
                    else:
                        words = f"{prompt}\nAvoid: {negative_prompt}"
                        notes.append(f"{name} takes no negative prompt; it was added to the prompt.")
                return Call(kind, words, (self.image(call.caller, filePath),) if filePath else (), **options)  # type: ignore[arg-type]

            ready = await in_thread(make)
            done = await self.perform(call, None, lambda: ready)
            if isinstance(done, Result):
                done.notices = (*done.notices, *notes)
            answer = await self.picture_result(call, done)
            # Clients of the server that is replaced read one text per picture: the service's own URL, where it gave one.
            urls = (done.turn.got or {}).get("urls", []) if isinstance(done, Result) else []
            answer.content[:0] = [TextContent(type="text", text=str(url)) for url in urls]
            return answer

    def _size(self, name: str, kind: Any, width: int, height: int, notes: list[str]) -> tuple[str | None, str | None]:
        """Return the size asked for where the model takes it, else the nearest aspect ratio, with a note."""
        provider, model = choose_model(kind, self.work.studio.settings, asked=name)
        size = f"{width}x{height}"
        try:
            check_request(Request(kind, "x", model, size=size), provider, self.work.studio.settings)
            return size, None
        except UnsupportedError:
            ratios = model_info(provider, model, self.work.studio.settings).capabilities.aspect_ratios
            known = [ratio for ratio in (ANY_RATIOS if ratios is None else ratios) if ":" in ratio]
            nearest = min(known, key=lambda ratio: abs(_value(ratio) - width / height), default=None)
            notes.append(
                f"{name} does not take {size} pixels; " + (f"asked for {nearest} instead." if nearest else "its own size was used.")
            )
            return None, nearest


def _value(ratio: str) -> float:
    left, _, right = ratio.partition(":")
    try:
        return float(left) / float(right)
    except (ValueError, ZeroDivisionError):
        return 1e9
