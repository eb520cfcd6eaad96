"""A kernel that does not respond: calls are not held by it, and what it has begun is not paid for a second time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from notebook_img.mcp import bridge, discovery
from notebook_img.mcp.bridge import JoiningServer
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.store import Store
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, OWN, Desk, called, paint, slow
from tests.mcp.test_kernel import Kernel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped by a signal there is on POSIX only")

CIRCLE = {"prompt": "a red circle on white", "model": "local"}
FOX = {"prompt": "a fox", "outputPath": "fox.png"}
PATIENCE = 2.0
"""Seconds a kernel gets in these tests; 5 in earnest."""
WITHIN = 60.0
"""Seconds for a call that would be held without end; on a busy machine the processes it needs take their time to start."""


SERVE = """
from notebook_img.cli import main
from notebook_img.mcp import errands
errands.POSSIBLE = False  # a kernel does its calls itself, in no worker
main(["mcp", "--http"])
"""


class Process:
    """A server in a process of its own, found as a kernel's is, that can be halted."""

    def __init__(self, folder: Path, home: Path) -> None:
        words = [sys.executable, "-c", SERVE]
        self.process = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert self.process.stderr
        assert "Serving" in self.process.stderr.readline()
        (self.found,) = discovery.find(home)

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        if self.process.poll() is None:
            self.go_on()
            self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture
def kernel(folder: Path, home: Path) -> Iterator[Process]:
    running = Process(folder, home)
    yield running
    running.end()


@pytest.fixture
def joining(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A server of a host, in this process, that joins the kernel."""
    monkeypatch.setattr(bridge, "PATIENCE", PATIENCE)
    monkeypatch.setattr(bridge, "LOOK", 0.2)
    studio = Studio()
    work = Work(studio)
    yield Desk(studio, work, build(work, "all", JoiningServer))
    studio.close()


@contextlib.asynccontextmanager
async def connected(desk: Desk, era: str = "auto") -> Any:
    """A client of the joining server, which lets go of its kernel at the end."""
    async with desk.client(era) as client:
        yield client
    await desk.server.close_link()


async def joined(client: Client, desk: Desk, to: str) -> None:
    """Call until the kernel is joined."""
    end = time.monotonic() + 30
    while desk.server._link is None or desk.server._link.to.url != to:
        assert time.monotonic() < end
        await called(client, "list_sessions")


async def done(client: Client, job: str) -> Any:
    """Return the result of a job."""
    end = time.monotonic() + 60
    while (facts := (await called(client, "get_job", job_id=job, wait_seconds=2)).structured_content)["status"] == "running":
        assert time.monotonic() < end
    return facts


@pytest.mark.parametrize("era", ERAS)
async def test_calls_go_on_alone_while_it_does_not_respond_and_through_it_when_it_lives_again(kernel: Process, joining: Desk, era: str):
    async with connected(joining, era) as client:
        await joined(client, joining, kernel.found.url)
        kernel.stop()
        for longest in (PATIENCE + 4, 4, 4):  # only the first call waits for it
            began = time.monotonic()
            made = await called(client, "generate_image", **CIRCLE, outputPath=f"{longest}.png")
            assert made.structured_content["status"] == "done"
            assert time.monotonic() - began < longest
        assert joining.server._link is None
        kernel.go_on()
        await joined(client, joining, kernel.found.url)


async def test_a_client_that_comes_while_it_does_not_respond_is_not_held(kernel: Process, joining: Desk):
    kernel.stop()
    async with connected(joining) as client:
        began = time.monotonic()
        await called(client, "generate_image", **CIRCLE, outputPath="a.png")
        assert time.monotonic() - began < PATIENCE + 4
        kernel.go_on()
        await joined(client, joining, kernel.found.url)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("generate_image", FOX),
        ("start_image_session", FOX),
        ("generateImage", {"prompt": "a fox"}),
        ("analyze_image", {"image": "cat.png"}),
        ("chat_vision", {"image": "cat.png", "question": "What is this?"}),
    ],
)
async def test_what_it_has_sent_becomes_a_job_and_is_not_sent_again(
    gemini: Running, kernel: Process, joining: Desk, folder: Path, tool: str, arguments: dict[str, str]
):
    gemini.control(slow(2))
    async with connected(joining) as client:
        await joined(client, joining, kernel.found.url)
        asking = asyncio.create_task(client.call_tool(tool, arguments))
        await asyncio.to_thread(gemini.wait_for, lambda rows: rows, "enerateContent")
        kernel.stop()
        result = await asyncio.wait_for(asking, WITHIN)
        facts = result.structured_content
        assert (result.is_error, facts["status"]) == (False, "running")
        assert "does not respond" in result.content[0].text
        assert facts["job_id"] in result.content[0].text
        # Asking for it does not help yet, and is not held either.
        assert (await called(client, "get_job", job_id=facts["job_id"], wait_seconds=0)).structured_content["status"] == "running"
        kernel.go_on()
        fetched = await done(client, facts["job_id"])
        assert fetched["status"] == "done"
        assert fetched["id"]
    assert len(gemini.requests("enerateContent")) == 1
    assert (folder / "fox.png").exists() == ("outputPath" in arguments)


async def test_what_it_never_began_is_done_without_it_and_it_does_not_begin_it_later(
    gemini: Running, kernel: Process, joining: Desk, monkeypatch: pytest.MonkeyPatch
):
    async with connected(joining) as client:
        await joined(client, joining, kernel.found.url)
        look, told = bridge.look, asyncio.Event()

        async def stopping(to: Any, patience: float) -> Any:
            """Halt it just after the look that found it alive."""
            state = await look(to, patience)
            if not told.is_set():
                told.set()
                kernel.stop()
            return state

        monkeypatch.setattr(bridge, "look", stopping)
        made = await asyncio.wait_for(called(client, "generate_image", **FOX), WITHIN)
        assert made.structured_content["status"] == "done"
        kernel.go_on()
        await joined(client, joining, kernel.found.url)
        sessions = (await called(client, "list_sessions")).structured_content["sessions"]
        assert [(row["name"], row["turns"]) for row in sessions] == [(OWN, 1)]
    assert len(gemini.requests("enerateContent")) == 1


async def test_a_look_is_repeated_at_once_and_a_step_back_is_not(kernel: Process, joining: Desk, monkeypatch: pytest.MonkeyPatch):
    """A step taken twice is two steps: the call that is caught by it says so instead."""
    async with connected(joining) as client:
        made = await called(client, "start_image_session", **CIRCLE, outputPath="a.png")
        session = made.structured_content["sessionId"]
        look = bridge.look
        for tool in ("show_session", "undo_turn"):
            await joined(client, joining, kernel.found.url)
            told = asyncio.Event()

            async def stopping(to: Any, patience: float, told: asyncio.Event = told) -> Any:
                state = await look(to, patience)
                if not told.is_set():
                    told.set()
                    kernel.stop()
                return state

            monkeypatch.setattr(bridge, "look", stopping)
            asked = client.call_tool(tool, {"session": session})
            if tool == "show_session":
                assert not (await asyncio.wait_for(asked, WITHIN)).is_error
            else:
                with pytest.raises(MCPError, match="may finish it when it runs again"):
                    await asyncio.wait_for(asked, WITHIN)
            monkeypatch.setattr(bridge, "look", look)
            kernel.go_on()


async def test_calls_under_way_at_once_each_become_a_job_of_their_own(gemini: Running, kernel: Process, joining: Desk):
    gemini.control(*[slow(2)] * 3)
    async with connected(joining) as client:
        await joined(client, joining, kernel.found.url)
        asking = [
            asyncio.create_task(client.call_tool("generate_image", {"prompt": f"a fox {n}", "outputPath": f"{n}.png"})) for n in range(3)
        ]
        await asyncio.to_thread(gemini.wait_for, lambda rows: len(rows) == 3, "enerateContent")
        kernel.stop()
        jobs = [(await asyncio.wait_for(call, WITHIN)).structured_content["job_id"] for call in asking]
        assert len(set(jobs)) == 3
        kernel.go_on()
        assert {(await done(client, job))["status"] for job in jobs} == {"done"}
    assert len(gemini.requests("enerateContent")) == 3


async def test_one_that_dies_while_it_does_not_respond_leaves_a_job_that_says_so(gemini: Running, kernel: Process, joining: Desk):
    gemini.control({"kind": "hang"})
    async with connected(joining) as client:
        await joined(client, joining, kernel.found.url)
        asking = asyncio.create_task(client.call_tool("generate_image", FOX))
        await asyncio.to_thread(gemini.wait_for, lambda rows: rows, "enerateContent")
        kernel.stop()
        job = (await asyncio.wait_for(asking, WITHIN)).structured_content["job_id"]
        kernel.process.kill()
        kernel.process.wait(10)
        ended = await client.call_tool("get_job", {"job_id": job})
        assert (ended.is_error, ended.structured_content["status"]) == (True, "failed")
        assert "ended before the service answered" in ended.structured_content["error"]
    assert len(gemini.requests("enerateContent")) == 1


async def test_a_call_that_was_answered_leaves_no_job(gemini: Running, kernel: Process, joining: Desk, home: Path):
    async with connected(joining) as client:
        await joined(client, joining, kernel.found.url)
        await called(client, "generate_image", **FOX)
        refused = await client.call_tool("edit_image", {"imagePath": "missing.png", "prompt": "x", "outputPath": "x.png"})
        assert refused.is_error
    with Store.open(home) as store:
        assert store.jobs() == []
        assert store.session_named(OWN).turns == 1


async def test_only_a_bridge_chooses_the_id_of_a_job(folder: Path, home: Path, make_desk: Callable[..., Desk]):
    """A client with the token alone must not add rows under ids of its own."""
    desk = make_desk(mcp_wait=0)
    async with desk.client() as client:
        result = await client.call_tool("generate_image", {**CIRCLE, "outputPath": "a.png"}, meta={"notebook-img/job": "jdeadbeef"})
    assert not result.is_error
    assert desk.studio.store.job("jdeadbeef") is None


async def test_a_real_kernel_that_is_stopped_and_let_go_again(gemini: Running, folder: Path, home: Path, joining: Desk):
    paint(folder / "dog.png")
    gemini.control(slow(2))
    kernel = Kernel(folder)
    try:
        await asyncio.to_thread(kernel.run, "%load_ext notebook_img\n%imgmcp start")
        (found,) = discovery.find(home)
        async with connected(joining) as client:
            await joined(client, joining, found.url)
            asking = asyncio.create_task(client.call_tool("generate_image", FOX))
            await asyncio.to_thread(gemini.wait_for, lambda rows: rows, "enerateContent")
            kernel.manager.signal_kernel(signal.SIGSTOP)
            job = (await asyncio.wait_for(asking, WITHIN)).structured_content["job_id"]
            await asyncio.wait_for(called(client, "generate_image", **CIRCLE, outputPath="alone.png"), WITHIN)
            kernel.manager.signal_kernel(signal.SIGCONT)
            assert (await done(client, job))["files"] == [str(folder / "fox.png")]
            await joined(client, joining, found.url)
        assert "runs on" in await asyncio.to_thread(kernel.text, "%imgmcp status")
    finally:
        kernel.manager.signal_kernel(signal.SIGCONT)
        kernel.stop()
    assert len(gemini.requests("enerateContent")) == 1
