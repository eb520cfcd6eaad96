"""Nothing paid for is lost: a server that ends in the middle of a call, in any way and at any moment, leaves the picture in the store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from notebook_img.mcp.commands import longest
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import KEY, OWN, Raw, called, stdio
from tests.needs import needs_proc, needs_worker

pytestmark = [needs_worker, pytest.mark.slow]
AT_ONCE = 8
SECONDS = 1.5
"""How long the service works on a picture."""


@pytest.fixture
def paid(start_emulator: Callable[..., Running]) -> Running:
    gemini = start_emulator("gemini")
    gemini.control(key=KEY, latency=SECONDS)
    return gemini


def environment(gemini: Running) -> dict[str, str]:
    return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": gemini.url, "NOTEBOOK_IMG_BUDGET": "100"}


def asked(gemini: Running, prompt: str) -> list[dict[str, Any]]:
    return [row for row in gemini.requests("generateContent") if f'"{prompt}"' in json.dumps(row).replace("\\", "")]


def until(met: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (result := met()):
        assert time.monotonic() < end, "not met in time"
        time.sleep(0.05)  # pause between two looks at another process
    return result


def workers(parent: int) -> list[int]:
    """The processes a server has begun for paid calls."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"notebook_img.mcp.worker" in words and int((place / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(place.name))
    return found


def kill(server: Raw, _number: int) -> None:
    server.process.kill()


def terminate(server: Raw, _number: int) -> None:
    server.process.send_signal(signal.SIGTERM)


def close(server: Raw, _number: int) -> None:
    """As hosts do it: they close the pipe, wait a moment and kill the whole group."""
    assert server.process.stdin
    server.process.stdin.close()
    with contextlib.suppress(Exception):
        server.process.wait(0.3)
    server.process.kill()


WAYS = (kill, terminate, close)


@pytest.mark.parametrize("moments", [AT_ONCE, pytest.param(50, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])])
def test_a_server_that_ends_at_any_moment_of_a_call_leaves_its_picture(paid: Running, home: Path, folder: Path, moments: int):
    def end(number: int) -> None:
        prompt = f"fox number {number}"
        server = Raw(home, folder, "--alone", **environment(paid))
        server.hello()
        server.call(1, "generate_image", prompt=prompt, outputPath=f"{number}.png")
        until(lambda: asked(paid, prompt))
        time.sleep(SECONDS * 1.1 * number / moments)  # the moment
        WAYS[number % 3](server, number)
        server.process.wait(60)
        assert server.process.stdout
        server.process.stdout.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(end, range(moments)))
    store = Studio(home=home).store
    prompts = {f"fox number {number}" for number in range(moments)}

    def kept() -> bool:
        rows = store.session_named(OWN)
        return rows is not None and {turn.prompt for turn in store.turns(rows.id)} == prompts

    until(kept)
    assert len(store.gallery(limit=2 * moments)) == moments
    assert len(paid.requests("generateContent")) == moments, "nothing was paid for twice"
    # Files too are where they were asked for, and the books hold each call once.
    until(lambda: all((folder / f"{number}.png").exists() for number in range(moments)))
    until(lambda: not [job for job in store.jobs(limit=200) if job.state in ("running", "submitted")])


def test_who_comes_next_fetches_it_as_a_job(paid: Running, home: Path, folder: Path):
    server = Raw(home, folder, "--alone", **environment(paid))
    server.hello()
    server.call(1, "generate_image", prompt="a fox", outputPath="fox.png")
    until(lambda: asked(paid, "a fox"))
    store = Studio(home=home).store
    (job,) = store.jobs()
    assert job.state == "running"
    server.process.kill()
    server.process.wait()
    after = Raw(home, folder, "--alone", **environment(paid))
    after.hello()
    after.call(1, "get_job", job_id=job.id, wait_seconds=30)
    facts = after.read(1)["result"]["structuredContent"]
    assert (facts["status"], facts["files"]) == ("done", [str(folder / "fox.png")])
    after.process.kill()
    assert len(paid.requests("generateContent")) == 1


async def test_results_heads_progress_and_errors_are_those_of_calls_in_the_server_itself(paid: Running, home: Path, folder: Path):
    paid.control(latency=0.3)
    said: list[str] = []

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        said.append(message or "")

    async with Client(stdio(home, folder, "--alone", **environment(paid))) as client:
        begun = await client.call_tool(
            "start_image_session", {"prompt": "a fox", "outputPath": "a.png", "imagePath": "cat.png"}, progress_callback=progress
        )
        session = begun.structured_content["sessionId"]
        await called(client, "continue_image_session", sessionId=session, prompt="in snow", outputPath="b.png", mask="10,10,200,200")
        question = await called(client, "analyze_image", image="cat.png", prompt="What is this?")
        again = await called(client, "continue_image_session", sessionId=session, prompt="at night", outputPath="c.png", imagePath="a.png")
        await called(client, "edit_image", imagePath=f"{session}/t1", prompt="closer", outputPath="closer.png")
        paid.control({"kind": "reply", "reply": "blocked", "reason": "SAFETY"})
        refused = await client.call_tool("generate_image", {"prompt": "no", "outputPath": "d.png"})
        turns = (await called(client, "show_session", session=session)).structured_content["turns"]
        jobs = (await called(client, "get_status")).structured_content["jobs_running"]
    assert said
    assert [turn["parent"] for turn in turns] == ["", "t1", "t2"]
    assert again.structured_content["files"] == [str(folder / "c.png")]
    assert question.structured_content["answer"]
    assert refused.is_error
    assert "SAFETY" in refused.content[0].text or "refused" in refused.content[0].text
    assert jobs == []
    assert Studio(home=home).store.jobs() == [], "what was handed over needs no row any more"


def test_a_job_is_stopped_in_the_process_that_does_it(paid: Running, home: Path, folder: Path):
    paid.control({"kind": "hang"})
    server = Raw(home, folder, "--alone", NOTEBOOK_IMG_MCP_WAIT="0.5", **environment(paid))
    server.hello()
    server.call(1, "generate_image", prompt="a fox", outputPath="fox.png")
    job = server.read(1)["result"]["structuredContent"]["job_id"]
    until(lambda: asked(paid, "a fox"))
    server.process.kill()
    after = Raw(home, folder, "--alone", **environment(paid))
    after.hello()
    after.call(1, "cancel_job", job_id=job)
    assert after.read(1)["result"]["structuredContent"]["status"] == "cancelled"
    after.process.kill()
    paid.wait_for(lambda rows: any(row["state"] == "client left" for row in rows), "generateContent")


@needs_proc
def test_the_worker_ends_with_its_server_and_free_work_needs_none(paid: Running, home: Path, folder: Path):
    paid.control(latency=0)
    server = Raw(home, folder, "--alone", **environment(paid))
    server.hello()
    server.call(1, "edit_image", imagePath="cat.png", prompt="rotate by 90 degrees", outputPath="a.png")
    server.call(5, "run_batch", images=["cat.png", "cat.png"], prompt="blur", model="local", max_cost=0)
    assert server.read(1, 5)["result"]["structuredContent"]["done"] == 2
    assert workers(server.process.pid) == [], "exact work and the built-in engine's is done here, for nothing"
    server.call(2, "generate_image", prompt="a fox", outputPath="b.png")
    server.call(3, "generate_image", prompt="a cat", outputPath="c.png")
    server.read(2, 3)
    (worker,) = workers(server.process.pid)
    assert os.getsid(worker) == worker
    server.process.kill()
    server.process.wait()

    def gone() -> bool:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    until(gone)


@needs_proc
def test_a_worker_that_is_killed_is_said_and_the_next_call_has_another(paid: Running, home: Path, folder: Path):
    server = Raw(home, folder, "--alone", **environment(paid))
    server.hello()
    server.call(1, "generate_image", prompt="a fox", outputPath="a.png")
    until(lambda: asked(paid, "a fox"))
    os.kill(workers(server.process.pid)[0], signal.SIGKILL)
    lost = server.read(1)["result"]
    assert lost["isError"]
    assert "may have been billed" in lost["content"][0]["text"]
    server.call(2, "generate_image", prompt="a cat", outputPath="b.png")
    assert server.read(2)["result"]["structuredContent"]["status"] == "done"
    server.process.kill()


@contextlib.contextmanager
def called_over_http(gemini: Running, home: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A server over HTTP while it makes a picture for a client."""
    bare = stdio(home, folder, **environment(gemini)).env or {}
    process = subprocess.Popen(
        [sys.executable, "-m", "notebook_img", "mcp", "--http"], cwd=folder, env=bare, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    words = process.stderr.readline()
    url, place = words.split(" on ")[1].split(". ")[0], words.split(" is in ")[1].split(" (")[0]
    token = json.loads(Path(place).read_text())["token"]
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "generate_image", "arguments": {"prompt": "a fox", "outputPath": "fox.png"}, "_meta": meta}
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "generate_image",
    }
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60).read())
        until(lambda: asked(gemini, "a fox"))
        yield process
        process.kill()
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_over_http_waits_for_what_was_sent(paid: Running, home: Path, folder: Path, number: int):
    with called_over_http(paid, home, folder) as process:
        process.send_signal(number)
        assert process.wait(60) == 0
    assert (folder / "fox.png").exists()
    assert len(paid.requests("generateContent")) == 1


@needs_proc
def test_a_second_signal_ends_a_server_over_http_and_not_what_was_paid_for(paid: Running, home: Path, folder: Path):
    paid.control({"kind": "hang"})
    with called_over_http(paid, home, folder) as process:
        (worker,) = workers(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.stderr
        assert "a second time ends at once" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT
        os.kill(worker, signal.SIGKILL)  # it was still there, waiting for the service


def test_a_server_that_is_to_end_waits_as_long_as_a_call_may_take(monkeypatch: pytest.MonkeyPatch):
    for name, value, seconds in (
        ("NOTEBOOK_IMG_TIMEOUT", "900", 930),
        ("VISION_TIMEOUT", "1000", 1030),
        ("NOTEBOOK_IMG_TIMEOUT", "x", 1030),
    ):
        monkeypatch.setenv(name, value)
        assert longest(Settings()) == seconds
