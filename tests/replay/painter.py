"""A provider for tests, registered by the same kind of entry point as everybody's: every call paints another picture."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import random
from typing import ClassVar

from notebook_img.errors import OverloadedError
from notebook_img.providers.interface import Capabilities, ModelInfo, Reply

NAME = "painter"


def _note(log, prompt):
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{prompt}\n")


class Painter:
    name = NAME
    title = "Painter"
    calls: ClassVar[list[str]] = []
    fail_at: int | None = None
    key = True
    slow: ClassVar[dict[str, float]] = {}
    """Seconds a prompt takes."""
    _count = itertools.count()

    def __init__(self, settings):
        self.settings = settings

    @classmethod
    def reset(cls):
        cls.calls = []
        cls.fail_at = None
        cls.key = True
        cls.slow = {}

    def missing(self):
        return None if type(self).key else "No key for Painter is set up. Set PAINTER_KEY."

    def models(self):
        return [ModelInfo(name, Capabilities(max_count=8, pixel_sizes=True)) for name in ("oil", "ink")]

    def default_model(self, kind):
        return self.settings.environ.get("PAINTER_MODEL", "oil")

    def model_info(self, model):
        return ModelInfo(model, Capabilities(max_count=8))

    def estimate(self, request):
        return 0.0

    async def run(self, request, emit):
        from PIL import Image

        if type(self).fail_at is not None and len(type(self).calls) == type(self).fail_at:
            type(self).fail_at = None
            raise OverloadedError("Painter is overloaded. Try again later.", provider=NAME)
        type(self).calls.append(request.prompt)
        if log := os.environ.get("PAINTER_LOG"):
            await asyncio.to_thread(_note, log, request.prompt)
        await asyncio.sleep(type(self).slow.get(request.prompt, 0))
        if request.kind == "ask":
            return Reply(text=f"answer {next(self._count)}", free=True)
        pictures = []
        for _ in range(request.count):
            buffer = io.BytesIO()
            colour = tuple(random.SystemRandom().randrange(256) for _ in range(3))
            size = request.inputs[0].size if request.mask is not None else (24, 16)
            Image.new("RGB", size, colour).save(buffer, "PNG")
            pictures.append(buffer.getvalue())
        return Reply(pictures=tuple(pictures), free=True)

    async def resume(self, state, emit):
        raise NotImplementedError

    async def probe(self):
        return []

    async def aclose(self):
        return None
