"""How long an agent waits for a tool that does next to nothing: over HTTP, beside the 30 ms it may take."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row, duration, home_of_its_own

CALLS = 100
REACH = 0.030
"""Seconds; the promise of issue 7."""


async def _median(url: str, token: str, era: str) -> float:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    async with http, Client(streamable_http_client(url, http_client=http), mode=era) as client:  # type: ignore[arg-type]
        found = []
        for number in range(-5, CALLS):
            started = time.perf_counter()
            await client.call_tool("list_sessions", {})
            if number >= 0:
                found.append(time.perf_counter() - started)
    return statistics.median(found)


def rows() -> list[Row]:
    """Return one row per protocol era."""
    from notebook_img.mcp import serve
    from notebook_img.studio import Studio

    with home_of_its_own(), tempfile.TemporaryDirectory() as folder, serve(Studio(), show=False, allowed=(Path(folder),)) as handle:
        assert handle.token is not None
        found = {
            name: asyncio.run(_median(handle.url, handle.token, era)) for name, era in (("2026-07-28", "auto"), ("2025-11-25", "legacy"))
        }
    return [
        Row(f"MCP tool call over HTTP, {name}", "30 ms", seconds / REACH, 1.0, duration(seconds), duration(REACH))
        for name, seconds in found.items()
    ]


def main() -> None:
    """Print the medians."""
    for row in rows():
        print(f"{row.what}: median {row.ours}")


if __name__ == "__main__":
    main()
