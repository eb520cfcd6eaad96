"""The built-in engine as a provider: free, offline, deterministic and not AI, as its captions say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.providers.interface import Capabilities, ModelInfo, Price, ProgressEvent, Reply, Request, Usage
from notebook_img.providers.local import edits, refusals
from notebook_img.providers.local.engine import ENGINE, NOTE, refuse_outside_mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.providers.interface import Emit, Kind
    from notebook_img.settings import Settings

MODEL = "builtin"

MODELS: tuple[ModelInfo, ...] = (
    ModelInfo(
        name=MODEL,
        capabilities=Capabilities(
            sizes=("512", "1K", "2K", "4K"),
            pixel_sizes=True,
            max_pixels=64_000_000,
            max_side=12_000,
            max_inputs=14,
            max_count=16,
            mask="native",
            keeps_frame=True,
            seed=True,
            schema=True,
            input_mime_types=("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif"),
            max_input_bytes=1_000_000_000,
            prompt_limit=edits.MOST_CHARACTERS,
        ),
        price=Price(per_picture={"*": 0.0}),
        note=NOTE,
        source="this package",
    ),
)


class LocalProvider:
    """Ordinary image operations in plain words, small scenes, and facts about pictures.

    Parameters
    ----------
    settings : Settings
        Used to see which services have a key, for the messages about what this engine cannot do.
    """

    name = "local"
    title = "Built-in engine"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def missing(self) -> str | None:
        """Return None: nothing needs to be set up."""
        return None

    def models(self) -> Sequence[ModelInfo]:
        """Return the one model."""
        return MODELS

    def default_model(self, kind: Kind) -> str | None:  # noqa: ARG002 - the same for every kind
        """Return ``builtin``."""
        return MODEL

    def model_info(self, model: str) -> ModelInfo:
        """Return the row of the one model.

        Raises
        ------
        NotFoundError
            For any other name: there is no service that could know more.
        """
        if model not in {"", MODEL}:
            raise NotFoundError(f"The built-in engine has one model, 'local:{MODEL}', not {model!r}.{did_you_mean(model, [MODEL])}")
        return MODELS[0]

    def estimate(self, request: Request) -> float | None:  # noqa: ARG002 - free whatever it is
        """Return 0.0."""
        return 0.0

    def check(self, request: Request) -> None:
        """Understand what the request says, and do nothing.

        Raises
        ------
        UsageError
            For words the engine does not know.
        """
        if request.kind == "edit":
            self._steps(request)
        elif request.kind == "generate":
            from notebook_img.providers.local.painter import scene_of

            scene_of(request, self.settings)
        else:
            from notebook_img.providers.local.questions import wanted

            wanted(request, self.settings)

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Do what the request says.

        Raises
        ------
        UsageError
            For words the engine does not know; nothing is done then.
        """
        self.model_info(request.model)
        if request.kind == "edit":
            return await self._edit(request, emit)
        if request.kind == "generate":
            from notebook_img.providers.local.painter import generate

            return await generate(request, emit, self.settings)
        from notebook_img.providers.local.questions import answer

        return await asyncio.to_thread(answer, request, self.settings)

    def _steps(self, request: Request) -> list[edits.Step]:
        if not request.inputs:
            raise UsageError(
                "There is no picture to edit. Name one.", hint=Hint("example-edit", image="sample:chelsea", text="warmer by 20 %")
            )
        try:
            steps = edits.parse(request.prompt)
        except edits.UnknownPhraseError as error:
            hint = f"Nearest: {error.nearest.name}, as in {error.nearest.example!r}." if error.nearest else ""
            raise refusals.cannot(error.phrase, "edit", self.settings, f"{hint} {error.hint}".strip()) from None
        steps += edits.frame_steps(request.aspect_ratio, request.size)
        if request.mask is not None:
            refuse_outside_mask(steps)
        return steps

    async def _edit(self, request: Request, emit: Emit) -> Reply:
        from notebook_img.providers.local import engine
        from notebook_img.providers.local.pixels.context import Context

        steps = self._steps(request)
        pictures = (*request.inputs, *request.references)
        images = await asyncio.to_thread(engine.opened, pictures)
        mask = await asyncio.to_thread(engine.mask_of, request.mask, images[0].size) if request.mask is not None else None
        count = request.count if any(step.operation.seeded for step in steps) else 1
        delivered: list[bytes] = []
        context = Context(
            images,
            names=[" ".join(picture.name.removeprefix("sample:").split()) for picture in pictures],
            space=images[0].info.get("icc_profile"),
        )
        for number in range(count):
            image = images[0]
            context.seed = (request.seed or 0) + number
            for index, step in enumerate(steps):
                # Each operation is a thread of its own, so that cancelling takes effect between two of them.
                if step.values.get("fetch"):
                    from notebook_img.pictures import WEIGHTS

                    emit(ProgressEvent(f"loading the weights {', '.join(WEIGHTS)}"))
                emit(ProgressEvent(step.words(), (number * len(steps) + index) / (count * len(steps))))
                image = await asyncio.to_thread(engine.apply, image, step, context, mask)
            delivered.append(await asyncio.to_thread(engine.encoded, image, request.inputs[0]))
        emit(ProgressEvent("done", 1.0))
        if count < request.count:
            context.warn("These operations give the same picture every time, so one was made.")
        if len(pictures) > 1 and not any(step.operation.needs_image for step in steps):
            context.warn("Only image 1 was used; 'blend with image 2 by 40 %', 'side by side' and 'contact sheet' use others.")
        kind = "JPEG" if delivered[0][:2] == b"\xff\xd8" else "PNG"
        text = ", ".join(step.words() for step in steps)
        return Reply(
            pictures=tuple(delivered),
            text=text,
            usage=Usage(pictures=len(delivered)),
            cost=0.0,
            seed=request.seed,
            sent={
                "engine": ENGINE,
                "operations": [step.to_json() for step in steps],
                "inputs": [f"sha256:{picture.sha256}" for picture in request.inputs],
                "references": [f"sha256:{picture.sha256}" for picture in request.references],
                **({"mask": f"sha256:{request.mask.sha256}"} if request.mask is not None else {}),
            },
            got={
                "format": kind,
                "why": "the input is a JPEG without transparency; quality 95, 4:4:4" if kind == "JPEG" else "lossless",
                "size": f"{image.width}x{image.height}",
            },
            warnings=tuple(context.warnings),
            free=True,
            note=", ".join((NOTE, *context.notes)),
        )

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:  # noqa: ARG002 - there is nothing to resume
        """Raise UsageError: the engine has no jobs."""
        raise UsageError("The built-in engine has no jobs to resume. Run the edit again; it is free.")

    async def probe(self) -> Sequence[str]:
        """Report that the engine is ready."""
        from notebook_img.providers.local.help import operation_names

        return (f"The built-in engine is ready: {len(operation_names())} edits, small scenes, facts about pictures.",)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""
