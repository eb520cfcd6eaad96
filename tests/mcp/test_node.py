"""The server as independent programs see it: the official conformance suite, of both eras, and the Inspector's command line.

``python -m tests.mcp.sdks.install`` puts them into ``build/sdks``; it needs Node.js and the npm registry.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.conftest import paint, require, served
from tests.mcp.sdks.install import CHECKERS

pytestmark = [pytest.mark.node, pytest.mark.slow]

SUITES = {
    "0.1.16": ("conformance-0.1",),
    "2025-11-25": ("conformance-0.2", "--requirements", "2025-11-25"),
    "2026-07-28": ("conformance-0.2", "--requirements", "2026-07-28"),
}
NOT_SCORED = {"server-sse-polling"}
"""Those that fail, besides the extension for tasks, which the SDK does not have. The rest of what is not scored passes too."""
BOTH = {"completion-complete", "tools-list", "resources-list", "prompts-list", "server-sse-multiple-streams", "dns-rebinding-protection"}
HANDSHAKE = {"server-initialize", "ping"}
GENERIC = {
    "0.1.16": BOTH | HANDSHAKE,
    "2025-11-25": BOTH | HANDSHAKE | {"server-session-lifecycle"},
    "2026-07-28": BOTH | {"caching", "sep-2164-resource-not-found", "http-header-validation", "input-required-result-unsupported-methods"},
}
"""What needs no fixtures."""


@pytest.fixture(autouse=True)
def checkers() -> None:
    require(CHECKERS)


def node(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    programs = CHECKERS.modules / ".bin"
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    return subprocess.run(
        [str(programs / "node"), *words], capture_output=True, text=True, timeout=240, cwd=cwd, env={**os.environ, "PATH": path}
    )


@pytest.fixture(scope="module")
def with_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(NOTEBOOK_IMG_HOME=str(tmp_path_factory.mktemp("fixtures"))) as url:
        yield url


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served("--plain", NOTEBOOK_IMG_HOME=str(tmp_path_factory.mktemp("product"))) as url:
        yield url


def scenarios(suite: str, url: str, folder: Path) -> tuple[set[str], set[str], int]:
    """Run a suite; return the scenarios that passed and that failed, and its exit code."""
    package, *words = SUITES[suite]
    done = node(str(CHECKERS.modules / package / "dist" / "index.js"), "server", "--url", url, *words, cwd=folder)
    found = re.findall(r"^([✓✗]) ([\w-]+): ", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return *({name for mark, name in found if mark == kind} for kind in "✓✗"), done.returncode


@pytest.mark.parametrize("suite", SUITES)
def test_all_that_is_scored_passes_with_fixtures_on_our_own_builder(with_fixtures: str, folder: Path, suite: str):
    passed, failed, code = scenarios(suite, with_fixtures, folder)
    assert code == 0
    if suite == "0.1.16":
        assert not failed
        assert len(passed) >= 30
    else:
        required = (CHECKERS.modules / "conformance-0.2" / "requirements" / f"{suite}.yaml").read_text(encoding="utf-8")
        scored = set(re.findall(r"^  - ([\w-]+)$", required.partition("\nserver:\n")[2].partition("\n\n")[0], re.MULTILINE))
        assert len(scored) >= 30
        assert scored <= passed
        assert {name for name in failed if not name.startswith("tasks-")} <= NOT_SCORED


@pytest.mark.parametrize("suite", SUITES)
def test_what_needs_no_fixtures_passes_on_the_product_itself(product: str, folder: Path, suite: str):
    passed, _, _ = scenarios(suite, product, folder)
    assert GENERIC[suite] <= passed


def inspect(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return node(str((CHECKERS.modules / ".bin" / "mcp-inspector").resolve()), "--cli", *words, cwd=folder)


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
