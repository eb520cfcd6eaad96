"""Photographs and a way to ask the built-in engine."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from notebook_img.pictures import Picture, load
from notebook_img.providers.interface import Request
from notebook_img.providers.local import LocalProvider
from notebook_img.settings import Settings


@pytest.fixture(scope="session")
def cat() -> Picture:
    return load("sample:chelsea")


@pytest.fixture(scope="session")
def cup() -> Picture:
    return load("sample:coffee")


@pytest.fixture
def engine():
    return LocalProvider(Settings(environ={}))


@pytest.fixture
def run(engine):
    def ask(kind, prompt, *inputs, **options):
        provider = options.pop("provider", engine)
        emit = options.pop("emit", lambda event: None)
        return asyncio.run(provider.run(Request(kind, prompt, "builtin", inputs=inputs, **options), emit))

    return ask


def picture_of(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png(image: Image.Image, **options) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return Picture(buffer.getvalue())
