"""A batch that can be billed outlives its server: a process of its own does it, whatever becomes of the server."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import Raw, paint
from tests.mcp.test_worker import environment, paid, until, workers
from tests.needs import needs_proc

__all__ = ["paid"]

pytestmark = [needs_proc, pytest.mark.slow]
LONG = 5.0
"""Seconds the service works on each picture while a test does something in the middle of a batch: three rounds or four are left for it."""


def begun(gemini: Running, home: Path, folder: Path, count: int) -> tuple[Raw, dict[str, Any]]:
    """A server that has just handed over a batch of so many pictures, two at once, and what it answered."""
    names = [paint(folder / f"p{number}.png", (60 + number, 40)).name for number in range(count)]
    server = Raw(home, folder, "--alone", NOTEBOOK_IMG_MCP_WAIT="0.1", NOTEBOOK_IMG_AT_ONCE="2", **environment(gemini))
    server.hello()
    server.call(1, "run_batch", prompt="at night", images=names, max_cost=50)
    return server, server.read(1)["result"]["structuredContent"]


def sent(gemini: Running) -> int:
    return len(gemini.requests("generateContent"))


def asked(server: Raw, tool: str, **given: Any) -> Any:
    number = len(server.lines) + 1000  # of none before it
    server.call(number, tool, **given)
    return server.read(number)["result"]


def ended(server: Raw) -> Any:
    """What is said of the batch when nothing works on it any more."""
    return until(lambda: (found := asked(server, "get_batch", batch_id="b1"))["structuredContent"]["status"] != "running" and found)


def test_a_batch_outlives_a_killed_server_and_the_next_one_finds_it(paid: Running, home: Path, folder: Path):
    paid.control(latency=LONG)
    server, facts = begun(paid, home, folder, 6)
    assert (facts["status"], facts["total"]) == ("running", 6)
    until(lambda: sent(paid))
    server.process.kill()
    server.process.wait()
    assert sent(paid) < 6, "it was killed in the middle"
    paid.control(latency=0)
    after = Raw(home, folder, "--alone", **environment(paid))
    after.hello()
    facts = ended(after)["structuredContent"]
    after.process.kill()
    assert (facts["status"], facts["done"], facts["failed"]) == ("done", 6, 0)
    assert len({item["id"] for item in facts["items"]}) == 6
    assert sent(paid) == 6, "none was paid for twice"
    turns = Studio(home=home).batch.named("b1").session.turns
    assert {(turn.origin.surface, turn.origin.name) for turn in turns} == {("agent", "raw")}


def test_the_next_server_stops_it_and_goes_on_with_it(paid: Running, home: Path, folder: Path):
    after = Raw(home, folder, "--alone", NOTEBOOK_IMG_AT_ONCE="2", **environment(paid))
    after.hello()
    paid.control(latency=LONG)
    server, _ = begun(paid, home, folder, 8)
    until(lambda: sent(paid))
    server.process.kill()
    server.process.wait()
    asked(after, "stop_batch", batch_id="b1")
    batch = Studio(home=home).batch.named("b1")
    until(lambda: not batch.running)
    assert batch.counts.waiting
    assert sent(paid) == batch.counts.done
    paid.control(latency=0)
    names = [f"p{number}.png" for number in range(8)]
    facts = asked(after, "run_batch", prompt="at night", images=names, max_cost=50)["structuredContent"]
    after.process.kill()
    assert (facts["batch_id"], facts["status"], facts["done"]) == ("b1", "done", 8)
    assert sent(paid) == 8


def test_a_killed_worker_is_said_and_what_ends_a_batch_comes_back_from_it(paid: Running, home: Path, folder: Path):
    paid.control(latency=LONG)
    server, _ = begun(paid, home, folder, 6)
    until(lambda: sent(paid))
    os.kill(workers(server.process.pid)[0], signal.SIGKILL)
    said = ended(server)
    assert "run_batch with the same words goes on" in said["content"][0]["text"]
    paid.control(latency=0)
    names = [f"p{number}.png" for number in range(6)]
    asked(server, "run_batch", prompt="at night", images=names, max_cost=50)
    facts = ended(server)["structuredContent"]
    assert sent(paid) == 6, "what was on its way may have been billed, and is not sent again"
    assert facts["failed"]
    assert facts["done"] + facts["failed"] == 6
    asked(server, "run_batch", prompt="by day", images=names, max_cost=0.05)
    until(lambda: "of the $0.05 for batch b2" in asked(server, "get_batch", batch_id="b2")["content"][0]["text"])
    server.process.kill()
