"""Draws the scenes of scenes.py. What is random in a picture comes from the seed alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from notebook_img.providers.interface import ProgressEvent, Reply, Request, Usage
from notebook_img.providers.local import refusals, scenes

if TYPE_CHECKING:
    from notebook_img.providers.interface import Emit
    from notebook_img.providers.local.scene import Scene
    from notebook_img.settings import Settings


def scene_of(request: Request, settings: Settings) -> Scene:
    """Return what the words of a request describe; UsageError where they are nothing the engine draws."""
    try:
        return scenes.parse(request.prompt)
    except scenes.UnknownSceneError as error:
        raise refusals.cannot(error.phrase, "generate", settings) from None


async def generate(request: Request, emit: Emit, settings: Settings) -> Reply:
    """Draw `request.count` pictures; the first with the seed itself, each further one with the next seed.

    Raises
    ------
    UsageError
        For words that are nothing the engine draws.
    """
    from notebook_img.providers.local.engine import ENGINE, NOTE, encoded

    scene = scene_of(request, settings)
    size = scenes.canvas(request.aspect_ratio, request.size)
    from notebook_img.providers.local.pixels.context import Context
    from notebook_img.providers.local.pixels.shapes import paint

    context = Context()
    delivered: list[bytes] = []
    first = request.seed or 0
    for number in range(request.count):
        emit(ProgressEvent(f"drawing {number + 1} of {request.count}", number / request.count))
        image = await asyncio.to_thread(paint, scene, size, first + number, number, context)
        delivered.append(await asyncio.to_thread(encoded, image))
    emit(ProgressEvent("done", 1.0))
    if request.references or request.inputs:
        context.warn("The built-in engine draws from words alone; the pictures were not used.")
    return Reply(
        pictures=tuple(delivered),
        text=scene.words(),
        usage=Usage(pictures=len(delivered)),
        cost=0.0,
        seed=request.seed,
        sent={
            "engine": ENGINE,
            "scene": scene.to_json(),
            "size": f"{size[0]}x{size[1]}",
            "seeds": [first + number for number in range(request.count)],
        },
        got={"format": "PNG"},
        warnings=tuple(context.warnings),
        free=True,
        note=NOTE,
    )
