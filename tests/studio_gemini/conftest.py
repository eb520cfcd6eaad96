"""The studio with the real SDK against the emulated service, in this process and in a real kernel."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.gemini_service import environ, new_studio, service
from tests.jupyter.kernels import Kernel, environment, running_kernel

__all__ = ["environ", "new_studio", "service"]

KEY = "AIza-studio-key-9876543210-zy"
MODEL = "gemini:gemini-nano-banana-2.1"


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def studio(new_studio: Callable[..., Studio]) -> Studio:
    return new_studio()


@pytest.fixture
def fox(studio: Studio) -> Session:
    return studio.session("fox")


@pytest.fixture
def kernel_of(service: Running, home: Path, tmp_path: Path) -> Callable[..., AbstractContextManager[Kernel]]:
    """Start kernels over the test's home; what they show first is the extension being loaded."""

    def start(**more: str) -> AbstractContextManager[Kernel]:
        environ = environment(home, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=service.url)
        return running_kernel({**environ, **more}, tmp_path / "work")

    return start


def png(size: tuple[int, int] = (64, 48), colour: str = "teal", kind: str = "PNG", **save: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **save)
    return out.getvalue()


def painted(service: Running) -> list[dict[str, Any]]:
    """Return the record of what was asked of the models."""
    return service.requests("generateContent") + service.requests("interactions")
