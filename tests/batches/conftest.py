"""Batches over files of the test's own folder: on the built-in engine, and against the emulated Gemini service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import notebook_img as ni
from tests.gemini_service import environ, new_studio, service

__all__ = ["environ", "new_studio", "service"]

KEY = "AIza-batch-key-9876543210-zy"
MODEL = "gemini:gemini-nano-banana-2.1"


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def paid(new_studio: Callable[..., ni.Studio], photos: Path) -> ni.Studio:
    """A studio whose default model is a service that costs money."""
    return new_studio()


@pytest.fixture
def studio(photos: Path) -> ni.Studio:
    """A studio on the built-in engine; `said` holds what it says."""
    studio = ni.Studio()
    studio.said = []  # type: ignore[attr-defined]
    studio.say = studio.said.append  # type: ignore[attr-defined]
    return studio


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder ``photos`` with twelve pictures of two suffixes, in the working directory."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(1, 13):
        Image.new("RGB", (40 + number, 30), (number * 20, 90, 160)).save(folder / f"cat {number}.{'png' if number % 3 else 'PNG'}")
    (folder / "notes.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return folder
