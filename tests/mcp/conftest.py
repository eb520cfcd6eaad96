"""A server in this process with a client of either era, in a working folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import Implementation
from PIL import Image

from notebook_img.mcp import vision_history
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.sdks.install import MAKE, Sdk

ROOT = Path(__file__).resolve().parents[2]
CODE = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
"""Servers that tests start are of this tree, whichever one is installed."""
OWN = "work, agents"
"""The session agents work in by themselves: that of their folder, see `folder`."""
ERAS = ("legacy", "auto")
KEY = "AIza-test-key-0123456789-abcd"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The client's working folder, with a photograph in it."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr(vision_history, "USUAL", str(tmp_path / "no-history.json"))
    paint(place / "cat.png")
    return place


def paint(path: Path, size: tuple[int, int] = (640, 480), colour: Any = "teal", kind: str = "PNG") -> Path:
    mode = "RGBA" if len(colour) == 4 and not isinstance(colour, str) else "RGB"
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    path.write_bytes(file.getvalue())
    return path


@dataclass
class Desk:
    """A studio with a server, as a kernel would have it."""

    studio: Studio
    work: Work
    server: Any

    def client(self, era: str = "auto", name: str = "tester") -> Client:
        return Client(self.server, mode=era, client_info=Implementation(name=name, version="1"))  # type: ignore[arg-type]


@pytest.fixture
def make_desk(folder: Path, home: Path) -> Callable[..., Desk]:
    def make(tools: str = "all", at_once: int = 8, **settings: Any) -> Desk:
        studio = Studio(**settings)
        work = Work(studio, at_once=at_once)
        return Desk(studio, work, build(work, tools))

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@contextlib.asynccontextmanager
async def held(client: Client) -> AsyncIterator[Client]:
    """Open a client in a task of its own: pytest-asyncio leaves a fixture in another task than it entered it in."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        try:
            async with client as connected:
                ready.set_result(connected)
                await over.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    task = asyncio.create_task(hold())
    yield await ready
    over.set()
    await task


@pytest.fixture(params=ERAS)
async def client(desk: Desk, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with held(desk.client(request.param)) as connected:
        yield connected


@pytest.fixture
def gemini(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    """The emulated Gemini as the default model."""
    emulator = start_emulator("gemini")
    emulator.control(key=KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", emulator.url)
    return emulator


def slow(seconds: float) -> dict[str, Any]:
    return {"kind": "slow", "seconds": seconds}


def stdio(home: Path, folder: Path, *arguments: str, **environment: str) -> StdioServerParameters:
    """A server process as a host starts it: almost no environment, another working folder."""
    here = {"JUPYTER_RUNTIME_DIR": os.environ.get("JUPYTER_RUNTIME_DIR", str(folder)), "PYTHONPATH": CODE}
    bare = {"NOTEBOOK_IMG_HOME": str(home), **here, **environment}
    return StdioServerParameters(command=sys.executable, args=["-m", "notebook_img", "mcp", *arguments], env=bare, cwd=folder)


class Raw:
    """A server process spoken to by lines, so that every byte of its stdout is seen."""

    def __init__(self, home: Path, folder: Path, *arguments: str, **environment: str) -> None:
        given = stdio(home, folder, *arguments, **environment)
        needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        self.process = subprocess.Popen(
            [given.command, *given.args],
            cwd=folder,
            env={**(given.env or {}), **needed},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.lines: list[Any] = []

    def send(self, method: str, number: int | None = None, **params: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def read(self, *numbers: int) -> Any:
        """Read until these requests are answered, in whatever order; return the last one's answer."""
        assert self.process.stdout
        while not set(numbers) <= (known := {row.get("id"): row for row in self.lines if "id" in row}).keys():
            line = self.process.stdout.readline()
            assert line, "it ended"
            self.lines.append(json.loads(line))
        return known[numbers[-1]]

    def hello(self) -> Any:
        self.send("initialize", 0, protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "raw", "version": "1"})
        reply = self.read(0)
        self.send("notifications/initialized")
        return reply

    def call(self, number: int, name: str, **arguments: Any) -> None:
        self.send("tools/call", number, name=name, arguments=arguments)


@contextlib.contextmanager
def served(*arguments: str, cwd: Path | None = None, **environment: str) -> Iterator[str]:
    """Serve over HTTP from a process of its own, without a token: the conformance suite cannot send one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mcp.conformance_server", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": CODE, **environment},
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def require(sdk: Sdk) -> None:
    """Skip a test whose packages are not installed; where nothing may be skipped it fails."""
    if sdk.made:
        return
    reason = f"the environment of {sdk.package} is missing; make it with: {MAKE}"
    if os.environ.get("NOTEBOOK_IMG_NO_SKIPS"):
        pytest.fail(reason)
    pytest.skip(reason)


async def called(client: Client, name: str, **arguments: Any) -> Any:
    """Call a tool that must not fail."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content[0].text
    return result


async def refused(client: Client, name: str, **arguments: Any) -> str:
    """Call a tool that must fail, and return what it says."""
    result = await client.call_tool(name, arguments)
    assert result.is_error, result.content
    return result.content[0].text
