"""Studios with the real SDKs and real HTTP against the emulated services."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from notebook_img.providers import retry
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running

KEY = "test-key-0123456789"
ARK_KEY = "ark-emulator-key-0123456789"
FIRST, SECOND = "jimeng-token-first-0001", "jimeng-token-second-0002"
GEMINI_KEY = "AIza-studio-key-9876543210-zy"

Start = Callable[[str], Running]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back off for hundredths of seconds: time is what tests may mock."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)


@pytest.fixture
def start(start_emulator: Callable[..., Running]) -> Iterator[Start]:
    """Start emulators, fresh; one that failed by itself fails the test."""
    used: list[Running] = []

    def fresh(name: str) -> Running:
        running = start_emulator(name)
        used.append(running)
        return running

    yield fresh
    for running in used:
        assert not [row["error"] for row in running.requests() if row["state"] == "emulator failed"]


@pytest.fixture
def service(start: Start) -> Running:
    """The emulated OpenAI."""
    return start("openai")


@pytest.fixture
def ark(start: Start) -> Running:
    return start("ark")


@pytest.fixture
def jimeng(start: Start) -> Running:
    return start("jimeng")


@pytest.fixture
def studio_of(home: Path) -> Iterator[Callable[..., Studio]]:
    """Make studios over the test's home, with an environment of their own."""
    made: list[Studio] = []

    def new(environ: dict[str, str], **settings: Any) -> Studio:
        chosen = {"timeout": 120, "retry_seconds": 5, **settings}
        made.append(Studio(settings=Settings({"NOTEBOOK_IMG_HOME": str(home), **environ}, **chosen)))
        return made[-1]

    yield new
    for studio in made:
        studio.close()


def openai_environ(service: Running) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{service.url}/v1"}


def ark_environ(service: Running) -> dict[str, str]:
    return {"ARK_API_KEY": ARK_KEY, "ARK_BASE_URL": f"{service.url}/api/v3"}


def jimeng_environ(service: Running, tokens: str = FIRST) -> dict[str, str]:
    return {"JIMENG_API_TOKEN": tokens, "JIMENG_BASE_URL": service.url, "JIMENG_UPLOAD_URL": service.url, "JIMENG_POLL": "0.01"}


@pytest.fixture
def studio(studio_of: Callable[..., Studio], service: Running) -> Studio:
    """A studio whose only service is OpenAI."""
    return studio_of(openai_environ(service))


@pytest.fixture
def fox(studio: Studio) -> Session:
    return studio.session("fox")


def png(size: tuple[int, int] = (64, 48), colour: str = "#c83214", *, white: tuple[int, int, int, int] | None = None) -> bytes:
    """Paint a plain picture, with a white region where `white` is."""
    image = Image.new("RGB", size, colour)
    if white:
        image.paste((255, 255, 255), white)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def noise(size: tuple[int, int] = (96, 64), kind: str = "PNG", **save: Any) -> bytes:
    """Return a picture in which every pixel counts: equality of pixels cannot come about by chance."""
    width, height = size
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **save)
    return out.getvalue()


def rgb(picture: Any) -> NDArray[np.uint8]:
    return np.asarray(picture.pil().convert("RGB"))


def spends(studio: Studio) -> list[tuple[str, float | None]]:
    """Return state and cost of every spend row, oldest first."""
    return [(row.state, row.cost) for row in reversed(studio.store.spend_rows())]
