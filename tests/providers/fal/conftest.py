"""The fal emulator, and a provider that speaks to it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from notebook_img.pictures import Picture
from notebook_img.providers.fal import FalProvider
from notebook_img.providers.interface import Event, Reply, Request
from notebook_img.settings import Settings

KEY = "fal-emulator-key-0123456789:abcdef"


@pytest.fixture
def fal(start_emulator):
    emulator = start_emulator("fal")
    yield emulator
    assert not [row["error"] for row in emulator.requests() if row["state"] == "emulator failed"]


class Talk:
    """A provider, and what it told while it ran."""

    def __init__(self, provider: FalProvider) -> None:
        self.provider = provider
        self.events: list[Event] = []

    def request(self, prompt: str = "a fox", *, model: str = "fal-ai/flux-2-pro", kind: str = "generate", **wishes: Any) -> Request:
        return Request(kind=kind, prompt=prompt, model=model, **wishes)  # type: ignore[arg-type]

    async def __call__(self, prompt: str = "a fox", **wishes: Any) -> Reply:
        return await self.provider.run(self.request(prompt, **wishes), self.events.append)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def talk(fal, home):
    provider = FalProvider(settings(fal.url, home))
    yield Talk(provider)
    await provider.aclose()


def settings(url: str, home: Any, **chosen: Any) -> Settings:
    environ = {"FAL_KEY": KEY, "FAL_POLL": "0.01", "NOTEBOOK_IMG_HOME": str(home)}
    return Settings(environ, fal_base_url=url, retry_seconds=5, **chosen)


def picture(width: int = 96, height: int = 64, colour: str = "orange", form: str = "PNG") -> Picture:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, form)
    return Picture(out.getvalue())


def mask(width: int = 96, height: int = 64) -> Picture:
    image = Image.new("L", (width, height))
    image.paste(255, (10, 10, 40, 40))
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(out.getvalue())


def handed_in(fal) -> list[dict[str, Any]]:
    """The requests that were handed in: address and body of each."""
    return [{"path": row["path"], **row["body"]} for row in fal.requests() if row["method"] == "POST"]
