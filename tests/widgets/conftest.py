"""Panels without a browser: what they tell is kept in a list, what a browser would ask is handed over as messages."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from notebook_img import Studio
from notebook_img.records import Origin
from notebook_img.widgets import Panel


class Watched:
    """A panel with everything it has told."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.told: list[tuple[dict[str, Any], list[bytes]]] = []
        panel.send = lambda content, buffers=None: self.told.append((content, list(buffers or [])))  # type: ignore[method-assign]

    def do(self, action: str, *buffers: bytes, **message: Any) -> None:
        """Hand a message over and wait until it has been dealt with, the call it started included."""
        self.panel.handle({"do": action, **message}, list(buffers))
        self.panel.settle()

    def all(self, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        """Return what was told of one kind."""
        return [(content, buffers) for content, buffers in self.told if content["kind"] == kind]

    def last(self, kind: str) -> dict[str, Any]:
        """Return the latest message of a kind."""
        found = self.all(kind)
        assert found, f"nothing of kind {kind!r} was told, only {[content['kind'] for content, _ in self.told]}"
        return found[-1][0]

    @property
    def state(self) -> dict[str, Any]:
        """The latest state."""
        return self.last("state")

    @property
    def error(self) -> str:
        """The latest error, or an empty string."""
        found = self.all("error")
        return found[-1][0]["text"] if found else ""


@pytest.fixture
def studio(home: Any) -> Iterator[Studio]:
    """Return a kernel's studio."""
    made = Studio()
    made.origin = Origin(surface="cell", kernel="k")
    yield made
    made.close()


@pytest.fixture
def watch(studio: Studio) -> Iterator[Callable[..., Watched]]:
    """Return a function that opens a panel of a session."""
    opened: list[Panel] = []

    def open_panel(name: str = "fox") -> Watched:
        panel = Panel(studio, name)
        opened.append(panel)
        watched = Watched(panel)
        watched.do("hello")
        return watched

    yield open_panel
    for panel in opened:
        panel.close()


@pytest.fixture
def panel(watch: Callable[..., Watched]) -> Watched:
    """Return a panel of an empty session."""
    return watch()


def png(width: int = 40, height: int = 30, colour: Any = "orange", mode: str = "RGB") -> bytes:
    """Return a PNG."""
    file = io.BytesIO()
    Image.new(mode, (width, height), colour).save(file, "PNG")
    return file.getvalue()
