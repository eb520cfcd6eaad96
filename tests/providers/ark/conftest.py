"""The Ark emulator, and a provider that speaks to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from notebook_img.pictures import Picture
from notebook_img.providers.ark import ArkProvider
from notebook_img.providers.interface import Event, Reply, Request
from notebook_img.settings import Settings

KEY = "ark-emulator-key-0123456789"
LITE = "doubao-seedream-5-0-260128"


@pytest.fixture
def ark(start_emulator):
    return start_emulator("ark")


class Talk:
    """A provider, and what it told while it ran."""

    def __init__(self, provider: ArkProvider) -> None:
        self.provider = provider
        self.events: list[Event] = []

    async def __call__(self, prompt: str = "a fox", *, model: str = LITE, kind: str = "generate", **wishes: Any) -> Reply:
        request = Request(kind=kind, prompt=prompt, model=model, **wishes)  # type: ignore[arg-type]
        return await self.provider.run(request, self.events.append)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def talk(ark):
    provider = ArkProvider(settings(ark.url))
    yield Talk(provider)
    await provider.aclose()


def settings(url: str, **chosen: Any) -> Settings:
    return Settings(ark_base_url=f"{url}/api/v3", retry_seconds=5, environ={**__import__("os").environ, "ARK_API_KEY": KEY}, **chosen)


def picture(width: int = 90, height: int = 60, colour: str = "orange", form: str = "PNG") -> Picture:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, form)
    return Picture(out.getvalue())


@pytest.fixture
def paint() -> Callable[..., Picture]:
    return picture
