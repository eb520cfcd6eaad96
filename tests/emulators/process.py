"""Emulators as tests use them: started as a process of their own, told what to do, asked what they saw."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A running emulator: its `url`, and its control routes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, *faults: dict[str, Any], **options: Any) -> None:
        """Add faults to its script (see faults.py) and set options."""
        self._call("/_control", {"faults": list(faults), "options": options})

    def reset(self) -> None:
        """Forget faults, options, state and record."""
        self._call("/_reset", {})

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """Return the record of requests whose path contains `path`, oldest first."""
        return [row for row in self._call("/_requests") if path in row["path"]]

    def body(self, number: int) -> bytes:
        """Return the whole body of one of the last 40 requests."""
        with urllib.request.urlopen(f"{self.url}/_requests/{number}/body", timeout=20) as reply:
            return reply.read()

    def wait_for(self, met: Callable[[list[dict[str, Any]]], Any], path: str = "", timeout: float = 30) -> Any:
        """Wait until `met(requests)` is true and return it; AssertionError with the record when it does not come to be."""
        end = time.monotonic() + timeout
        while not (result := met(rows := self.requests(path))):
            assert time.monotonic() < end, f"not met within {timeout} s; the emulator saw {json.dumps(rows)[:2000]}"
            time.sleep(0.02)  # pause between two looks at another process
        return result

    def _call(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error


@contextmanager
def running(name: str, *arguments: str) -> Iterator[Running]:
    """Run ``python -m tests.emulators.NAME`` for the time of the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.emulators.{name}", "--tied", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), f"the emulator {name} did not start, see its stderr"
        yield Running(url)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(10)
        process.stdout.close()


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def emulators() -> Iterator[Start]:
    """Start emulators by name, once each per test process; what is in them is whoever's was last."""
    with ExitStack() as stack:
        started: dict[tuple[str, ...], Running] = {}

        def start(name: str, *arguments: str) -> Running:
            key = (name, *arguments)
            if key not in started:
                started[key] = stack.enter_context(running(name, *arguments))
            return started[key]

        yield start


@pytest.fixture
def start_emulator(emulators: Start) -> Start:
    """Start emulators for one test: at its first start each has forgotten the tests before."""
    fresh: set[Running] = set()

    def start(name: str, *arguments: str) -> Running:
        running = emulators(name, *arguments)
        if running not in fresh:
            fresh.add(running)
            running.reset()
        return running

    return start
