"""All services at one port of this process, which play the fault that a prompt names. What hangs is ended by the server's word."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from notebook_img.providers import retry
from notebook_img.providers.pace import Pace
from tests.google_account import account_file
from tests.providers.faults import KEY, TRIES, Case, own_form

CASE = re.compile(rb"case-(\d+)-")
SECONDS = 59.0
"""The time-out of every exchange, below those that adapters have of their own; nothing else is as long, so `Clock` knows it by it."""


class Clock:
    """Ends the time-out of a case when the server says so: nothing waits for one, and no machine is too slow for one."""

    def __init__(self) -> None:
        self.timeout_of = asyncio.timeout
        self.case: ContextVar[int] = ContextVar("case", default=0)
        self.running: defaultdict[int, list[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]]] = defaultdict(list)

    def timeout(self, delay: float | None) -> asyncio.Timeout:
        """Stand in for `asyncio.timeout`."""
        made = self.timeout_of(delay)
        if delay == SECONDS:
            self.running[self.case.get()].append((asyncio.get_running_loop(), made))
        return made

    def end(self, number: int) -> None:
        """End what runs for a case, and what belongs to none."""
        for which in (number, 0):
            for loop, made in self.running.pop(which, ()):
                loop.call_soon_threadsafe(self._end, made)

    def _end(self, made: asyncio.Timeout) -> None:
        with contextlib.suppress(RuntimeError):  # it was over
            made.reschedule(0)


class Server:
    """All services at one port; it counts the paid requests by their case."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cases: dict[int, Case] = {}
        self.seen: Counter[int] = Counter()
        self.open: set[asyncio.Task[Any]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        task.add_done_callback(self.open.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        """End what still hangs."""
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        found = CASE.search(body)
        if found is None:  # a token, looking at models, at a job: free
            token = {"access_token": KEY, "expires_in": 3600, "token_type": "Bearer"}
            free = {"data": [], "ret": "0", "object": "list"} if b"get_history" not in head else {"ret": "0", "data": {}}
            self._whole(writer, 200, json.dumps(token if head.startswith(b"POST /token") else free), "application/json")
            await writer.drain()
            return True
        number = int(found[1])
        self.seen[number] += 1
        return await self._play(self.cases[number], reader, writer)

    def _whole(self, writer: asyncio.StreamWriter, status: int, body: str, kind: str, wait: str = "") -> None:
        data = body.encode()
        more = f"Retry-After: {wait}\r\n" if wait else ""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode() + data)

    async def _play(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        fault, json_type = case.fault, "application/json"
        half = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"data": ['
        match fault.kind:
            case "status":
                bodies = {
                    "own": (own_form(case.provider, fault.status), json_type),
                    "page": (f"<html><head><title>{fault.status}</title></head><body>proxy {KEY}</body></html>", "text/html"),
                    "empty": ("", "text/plain"),
                    "foreign": (json.dumps({"message": f"upstream failed for {KEY}", "request_id": "1"}), json_type),
                }
                self._whole(writer, fault.status, *bodies[fault.form], fault.wait)
            case "204":
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            case "empty_200":
                self._whole(writer, 200, "", json_type)
            case "broken_json":
                self._whole(writer, 200, '{"data": [{"b64_json": ', json_type)
            case "page_200":
                self._whole(writer, 200, "<html><body>Log in</body></html>", "text/html")
            case "null":
                self._whole(writer, 200, "null", json_type)
            case "list":
                self._whole(writer, 200, "[]", json_type)
            case "truncated":
                writer.write(half)
                await writer.drain()
                return False
            case "nothing":
                return False
            case "reset":
                writer.transport.abort()
                return False
            case "reset_after_headers" | "reset_midway":
                writer.write(half if fault.kind == "reset_midway" else half.partition(b"{")[0])
                await writer.drain()
                writer.transport.abort()
                return False
            case "hang" | "hang_after_headers" | "drip":
                if fault.kind != "hang":
                    writer.write(half)
                if fault.kind == "drip":
                    writer.write(b" ")
                await writer.drain()
                self.clock.end(case.number)
                # Until the other side is gone; it sends nothing more.
                await reader.read()
                return False
        await writer.drain()
        return True


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no case wait, nor learn from the refusals of another: what a home keeps of them is test_rates.py's."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setitem(retry.retrying.__kwdefaults__, "sleep", at_once)  # type: ignore[arg-type]
    monkeypatch.setattr(retry, "pace_in_force", Pace)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asyncio, "timeout", made.timeout)
    return made


def environ_at(url: str, home: Path, provider: str) -> Mapping[str, str]:
    """Return an environment whose services are all at one URL, with the connection that a provider's name stands for."""
    endpoints = home / f"{provider}.toml"
    endpoints.write_text(
        f'[garage]\nbase_url = "{url}/v1"\nkey_variable = "GARAGE_KEY"\nask_model = "seeing"\nimage_model = "flux"\n'
        'images = "images"\nedits = true\nbilled = true\n',
        encoding="utf-8",
    )
    environ = {
        **{f"{name}_API_KEY": KEY for name in ("OPENAI", "OPENROUTER", "GEMINI", "ARK")},
        "GARAGE_KEY": KEY,
        "JIMENG_API_TOKEN": KEY,
        "FAL_KEY": KEY,
        "FAL_BASE_URL": url,
        "NOTEBOOK_IMG_HOME": str(home),
        "NOTEBOOK_IMG_ENDPOINTS": str(endpoints),
        "NOTEBOOK_IMG_RETRIES": str(TRIES - 1),
        "NOTEBOOK_IMG_RETRY_SECONDS": "60",
        "NOTEBOOK_IMG_BUDGET": "1000000",
        "NOTEBOOK_IMG_TIMEOUT": str(SECONDS),
        "VISION_TIMEOUT": str(SECONDS),
        "JIMENG_POLL": "0.01",
        "FAL_POLL": "0.01",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENROUTER_BASE_URL": f"{url}/v1",
        "GOOGLE_GEMINI_BASE_URL": url,
        "ARK_BASE_URL": f"{url}/api/v3",
        "JIMENG_BASE_URL": url,
        "JIMENG_UPLOAD_URL": url,
    }
    if provider == "azure":
        endpoints.write_text('[azure.deployments]\npainter = "gpt-image-2.6-sunburst"\nreader = "gpt-6.1-terra"\n')
        environ |= {"AZURE_OPENAI_ENDPOINT": url, "AZURE_OPENAI_API_KEY": KEY, "NOTEBOOK_IMG_OPENAI_CONNECTION": "azure"}
    if provider == "google-cloud":
        environ |= {
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_CLOUD_PROJECT": "picture-lab",
            "GOOGLE_VERTEX_BASE_URL": url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account_file(home, url)),
        }
    return environ
