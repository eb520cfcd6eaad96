"""The Jimeng emulator, and providers that speak to it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from notebook_img.providers.interface import Event, Reply, Request
from notebook_img.providers.jimeng import JimengProvider
from notebook_img.settings import Settings

FIRST, SECOND = "jimeng-token-first-0001", "jimeng-token-second-0002"


@pytest.fixture
def jimeng(start_emulator):
    return start_emulator("jimeng")


def settings(url: str, tokens: str = FIRST, **chosen: Any) -> Settings:
    environ = {**os.environ, "JIMENG_API_TOKEN": tokens}
    urls = {"jimeng_base_url": url, "jimeng_upload_url": url}
    return Settings(**{"jimeng_poll": 0.01, "jimeng_deadline": 20, "retry_seconds": 5, **urls, **chosen}, environ=environ)


class Talk:
    """A provider, and what it told while it ran."""

    def __init__(self, provider: JimengProvider) -> None:
        self.provider = provider
        self.events: list[Event] = []

    async def __call__(self, prompt: str = "a fox", *, model: str = "jimeng-4.5", kind: str = "generate", **wishes: Any) -> Reply:
        request = Request(kind=kind, prompt=prompt, model=model, **{"size": "1K", **wishes})  # type: ignore[arg-type]
        return await self.provider.run(request, self.events.append)

    async def resume(self, state: Any) -> Reply:
        return await self.provider.resume(state, self.events.append)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def make(jimeng):
    made: list[JimengProvider] = []

    def talk(tokens: str = FIRST, **chosen: Any) -> Talk:
        made.append(JimengProvider(settings(jimeng.url, tokens, **chosen)))
        return Talk(made[-1])

    yield talk
    for provider in made:
        await provider.aclose()


@pytest.fixture
def talk(make):
    return make()


@pytest.fixture
def drafts(jimeng):
    """The drafts the service was sent, decoded."""
    import json

    def sent() -> list[dict[str, Any]]:
        return [json.loads(json.loads(jimeng.body(row["number"]))["draft_content"]) for row in jimeng.requests("aigc_draft/generate")]

    return sent
