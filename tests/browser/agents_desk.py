"""An agent's server, the page on its own address and in a host of MCP Apps, and what the tests of the page do there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation

from notebook_img.mcp.http_server import ServerHandle, serve
from notebook_img.studio.studio import Studio
from tests.browser.apps.host import hosting
from tests.browser.conftest import missing
from tests.browser.test_voila import SOON, expect
from tests.mcp.sdks.install import APPS, MAKE


@dataclass
class Desk:
    """A server in this process, and an agent that is connected to it."""

    studio: Studio
    handle: ServerHandle
    folder: Path

    def agent(self, tool: str, **given: Any) -> Any:
        """Call a tool as the agent would: a text, and structured content."""

        async def ask() -> Any:
            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {self.handle.token}"}, timeout=60) as http:
                transport = streamable_http_client(self.handle.url, http_client=http)
                async with Client(transport, client_info=Implementation(name="claude", version="1")) as client:
                    result = await client.call_tool(tool, given)
                    assert not result.is_error, result.content
                    return result

        with ThreadPoolExecutor(1) as pool:  # this thread has the browser's loop
            return pool.submit(asyncio.run, ask()).result()

    def begin(self) -> str:
        """Let the agent begin a session with a photograph and edit it once; its name."""
        begun = self.agent("start_image_session", prompt="resize to 640 px wide", imagePath="sample:chelsea", outputPath="cat.png")
        session = str(begun.structured_content["sessionId"])
        self.agent("continue_image_session", sessionId=session, prompt="greyscale", outputPath="grey.png")
        return session

    def link(self) -> str:
        return str(self.agent("get_status").structured_content["page"])


@pytest.fixture
def desk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    studio = Studio()
    with serve(studio, show=False) as handle:
        yield Desk(studio, handle, tmp_path)


@pytest.fixture
def host(desk: Desk, page: Any) -> Any:
    """A conversation whose host shows pages."""
    if not APPS.made:
        missing("The host of MCP Apps", MAKE)
    with hosting(APPS.folder, desk.handle.url, str(desk.handle.token)) as (address, sandbox):
        page.add_init_script(f"window.sandbox = {sandbox!r}")
        page.goto(address)
        page.wait_for_function("window.ready")
        yield page


def shown(place: Any, turn: str) -> None:
    """Wait until a turn is the one in the large."""
    expect(place.locator(".nbi-caption b")).to_have_text(turn, timeout=SOON)
    expect(place.locator(".nbi-canvas img.nbi-picture")).to_have_attribute("src", re.compile("^data:image/"), timeout=SOON)


def told(host: Any) -> str:
    """What the page told the model, the oldest that was not read yet."""
    host.wait_for_function("window.context.length")
    return str(host.evaluate("window.context.shift()"))


def button(place: Any, words: str) -> Any:
    return place.get_by_role("button", name=words)


def paint(page: Any, place: Any) -> None:
    """Paint a stroke over the middle of the picture."""
    button(place, "Mask").click()
    place.locator("canvas.nbi-mask").scroll_into_view_if_needed()
    box = place.locator("canvas.nbi-mask").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(middle[0] - 40, middle[1])
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1], steps=4)
    page.mouse.up()
    expect(place.locator(".nbi-maskbar [role=status]")).to_contain_text("% may change", timeout=SOON)
