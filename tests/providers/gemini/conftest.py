"""A provider that talks to the emulated service through the real SDK, and what sessions hand it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from notebook_img.pictures import Picture
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.providers.interface import Event, PastTurn, Reply, Request
from notebook_img.settings import Settings
from tests.emulators.process import Running
from tests.gemini_service import service

__all__ = ["service"]

KEY = "AIza-test-key-0123456789-abcd"
PICTURES = "gemini-nano-banana-2.1"
QUESTIONS = "gemini-3.8-flash"


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def settings(service: Running, home: Path) -> Settings:
    return Settings({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}, timeout=20)


@pytest.fixture
async def provider(settings: Settings) -> AsyncIterator[GeminiProvider]:
    provider = GeminiProvider(settings)
    yield provider
    await provider.aclose()


@pytest.fixture
def run(provider: GeminiProvider):
    """Run one request; events are on `run.events`."""

    async def call(kind: str, prompt: str, *inputs: Picture, model: str = "", past: tuple[PastTurn, ...] = (), **more) -> Reply:
        request = Request(kind, prompt, model or provider.default_model(kind), inputs=tuple(inputs), past=past, **more)
        return await provider.run(request, call.events.append)

    call.events: list[Event] = []
    return call


def png(size=(64, 48), colour="teal", kind="PNG", **save) -> Picture:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **save)
    return Picture(out.getvalue())


class Story:
    """A session as the studio would hand it on: every turn becomes a PastTurn of the next."""

    def __init__(self, run, settings: Settings, first: Picture | None, model: str = PICTURES) -> None:
        self.run, self.settings, self.model = run, settings, model
        self.past: tuple[PastTurn, ...] = ()
        self.picture = first

    async def edit(self, prompt: str, *, picture: Picture | None = None, key: str = KEY, **more) -> Reply:
        inputs = tuple(filter(None, [picture or self.picture]))
        reply = await self.run("edit" if inputs else "generate", prompt, *inputs, model=self.model, past=self.past, **more)
        self.add("edit" if inputs else "generate", prompt, inputs, reply, key, **more)
        self.picture = Picture(reply.pictures[0])
        return reply

    def add(self, kind, prompt, inputs, reply: Reply, key: str = KEY, **more) -> None:
        turn = PastTurn(
            id=f"t{len(self.past) + 1}",
            kind=kind,
            prompt=prompt,
            model=f"gemini:{self.model}",
            text=reply.text,
            inputs=inputs,
            references=more.get("references", ()),
            pictures=tuple(Picture(data) for data in reply.pictures),
            key_mark=self.settings.key_mark(key),
            load_raw=lambda: reply.raw,
        )
        self.past = (*self.past, turn)


@pytest.fixture
def story(run, settings: Settings):
    return lambda first=None, model=PICTURES: Story(run, settings, first, model)
