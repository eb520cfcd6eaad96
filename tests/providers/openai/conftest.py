"""One provider over the real SDK and real HTTP against the emulator, and pictures to ask about."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from notebook_img.pictures import Picture
from notebook_img.providers import openai as ours
from notebook_img.providers.interface import PastTurn, Reply, Request
from notebook_img.settings import Settings
from tests.emulators.process import Running

KEY = "test-key-0123456789"


@pytest.fixture
def service(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("openai")


@dataclass
class PlacedCall:
    """A provider, and what it told while it worked."""

    provider: Any
    events: list[Any] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first event has come."""

    async def __call__(self, kind: str, prompt: str = "What is this?", **values: Any) -> Reply:
        values.setdefault("model", self.provider.default_model(kind) or "")
        self.events.clear()
        return await self.provider.run(Request(kind=kind, prompt=prompt, **values), self._note)

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self.begun.set()

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def endpoint(service: Running, home: Path) -> AsyncIterator[Callable[..., PlacedCall]]:
    """Make a provider by name whose base URL is the emulator."""
    made: list[Any] = []

    def make(name: str = "openai", *, key: str = KEY, environ: dict[str, str] | None = None, toml: str = "", **chosen: Any) -> PlacedCall:
        url = f"{service.url}/v1"
        upper = name.upper()
        variables = {f"{upper}_BASE_URL": url, f"{upper}_API_KEY": key, "NOTEBOOK_IMG_HOME": str(home), **(environ or {})}
        if toml:
            file = home / "endpoints.toml"
            file.write_text(toml.replace("BASE", url), encoding="utf-8")
            chosen["endpoints"] = str(file)
        settings = Settings(
            environ=variables, timeout=chosen.pop("timeout", 20.0), retry_seconds=chosen.pop("retry_seconds", 5.0), **chosen
        )
        classes = {cls.endpoint_name: cls for cls in vars(ours).values() if isinstance(cls, type)}
        provider = classes[name](settings) if name in classes else ours.own_provider(name, settings)
        assert provider is not None
        made.append(provider)
        return PlacedCall(provider)

    yield make
    for provider in made:
        await provider.aclose()


@pytest.fixture
async def openai(endpoint: Callable[..., PlacedCall]) -> PlacedCall:
    return endpoint()


def answer(body: Any, **more: Any) -> dict[str, Any]:
    """Return the fault that answers with `body`, whatever it is: a text goes out as it stands, as JSON."""
    headers = {"Content-Type": "application/json"}
    return {"kind": "status", "status": 200, "body": body if isinstance(body, str) else json.dumps(body), "headers": headers, **more}


def stream_of(*events: Any) -> dict[str, Any]:
    """Return the fault that answers with a stream of these events."""
    body = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
    return {"kind": "status", "status": 200, "body": body, "headers": {"Content-Type": "text/event-stream"}}


def picture(
    size: tuple[int, int] = (64, 48),
    colour: str = "#c83214",
    *,
    box: tuple[int, int, int, int] | None = None,
    name: str = "",
    kind: str = "PNG",
) -> Picture:
    """Paint a plain picture, with a white region where `box` is."""
    image = Image.new("RGB", size, colour)
    if box:
        image.paste((255, 255, 255), box)
    stream = io.BytesIO()
    image.save(stream, kind)
    return Picture(stream.getvalue(), name=name)


def mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Picture:
    image = Image.new("L", size, 0)
    image.paste(255, box)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return Picture(stream.getvalue(), name="mask")


def pixels_hash(shown: Picture) -> str:
    return hashlib.sha256(shown.pil().convert("RGB").tobytes()).hexdigest()


def past(
    kind: str,
    prompt: str,
    *,
    text: str = "",
    inputs: tuple[Picture, ...] = (),
    pictures: tuple[Picture, ...] = (),
    raw: Any = None,
    got: Any = None,
    model: str = "openai:x",
) -> PastTurn:
    return PastTurn(
        id="t1", kind=kind, prompt=prompt, model=model, text=text, inputs=inputs, references=(), pictures=pictures, key_mark="",
        load_raw=lambda: raw, got=got,
    )  # fmt: skip


def image_of(data: bytes) -> Iterator[Image.Image]:
    return Image.open(io.BytesIO(data))
