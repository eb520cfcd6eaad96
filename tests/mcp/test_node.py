"""The server as independent programs see it: the official conformance suite and the Inspector's command line.

They need Node.js and the npm registry: ``apt-get install nodejs npm`` (npx then fetches what it runs).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.conftest import paint, served

pytestmark = [pytest.mark.node, pytest.mark.slow]

CONFORMANCE = ("-p", "@modelcontextprotocol/conformance@0.1.16", "conformance")
INSPECTOR = ("-p", "@modelcontextprotocol/inspector@2.12.0", "mcp-inspector", "--cli")
GENERIC = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "completion-complete",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)


@functools.cache
def why_not() -> str:
    if shutil.which("npx") is None:
        return "npx is missing; apt-get install nodejs npm"
    probe = subprocess.run(
        [shutil.which("npx") or "npx", "-y", "-p", "node@22", *CONFORMANCE, "--version"], capture_output=True, text=True, timeout=280
    )
    return "" if probe.returncode == 0 else f"npx cannot fetch the suite: {probe.stderr[-300:]}"


@pytest.fixture(autouse=True)
def node() -> None:
    if reason := why_not():
        if os.environ.get("NOTEBOOK_IMG_NO_SKIPS"):
            pytest.fail(reason)
        pytest.skip(reason)


def npx(*words: str, seconds: float = 240, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("npx") or "npx", "-y", "-p", "node@22", *words], capture_output=True, text=True, timeout=seconds, cwd=cwd
    )


def test_the_conformance_suite_passes_with_fixtures_on_our_own_builder(folder: Path):
    with served() as url:
        done = npx(*CONFORMANCE, "server", "--url", url, cwd=folder)
    assert "Total: 40 passed, 0 failed" in done.stdout, done.stdout[-3000:]
    assert done.returncode == 0


def test_the_generic_scenarios_pass_on_the_product_itself(folder: Path):
    with served("--plain") as url:
        for scenario in GENERIC:
            done = npx(*CONFORMANCE, "server", "--url", url, "--scenario", scenario, cwd=folder)
            assert done.returncode == 0, f"{scenario}: {done.stdout[-2000:]}"


def inspect(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return npx(*INSPECTOR, *words, cwd=folder)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Inspector keeps a file in the home folder otherwise."""
    monkeypatch.setenv("MCP_CATALOG_PATH", str(tmp_path / "catalog.json"))


@pytest.mark.usefixtures("catalog")
def test_the_inspector_finds_no_fault_with_the_tools_over_http_and_calls_them(folder: Path):
    paint(folder / "cat.png")
    with served("--plain") as url:
        over = ("--server-url", url, "--transport", "http")
        assert inspect(folder, *over, "--method", "tools/list", "--strict", "-q").returncode == 0
        for era in ("legacy", "modern"):
            arguments = json.dumps({"imagePath": "cat.png", "prompt": "rotate by 90 degrees", "outputPath": f"{era}.png"})
            call = ("--protocol-era", era, "--method", "tools/call", "--tool-name", "edit_image", "--tool-args-json", arguments)
            done = inspect(folder, *over, *call, "--format", "json", "-q")
            assert done.returncode == 0, done.stdout + done.stderr
            result: Any = json.loads(done.stdout)
            result = result.get("result", result)
            assert result["structuredContent"]["pictures"][0]["width"] == 480
            assert (folder / f"{era}.png").is_file()


@pytest.mark.usefixtures("catalog")
def test_the_inspector_finds_no_fault_with_the_tools_over_stdio_and_calls_them(folder: Path):
    # The Inspector takes words with a dash for its own, so the server is started by a script.
    script = folder / "serve.py"
    script.write_text("from notebook_img.cli import main\nraise SystemExit(main(['mcp', '--alone']))\n")
    program = (sys.executable, str(script))
    assert inspect(folder, "--method", "tools/list", "--strict", "-q", *program).returncode == 0
    arguments = json.dumps({"prompt": "a red circle on white", "outputPath": "a.png"})
    call = ("--method", "tools/call", "--tool-name", "generate_image", "--tool-args-json", arguments, "--format", "json", "-q")
    done = inspect(folder, *call, *program)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a.png" in done.stdout
