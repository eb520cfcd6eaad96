"""A real browser against JupyterLab and Voila on 127.0.0.1: one server of each and one browser for the whole run."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROME = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-default-browser-check",
]
ROOT = Path(__file__).resolve().parents[2]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
NO_SKIPS = bool(os.environ.get("NOTEBOOK_IMG_NO_SKIPS"))  # read now: tests see no settings of the user
START = 90
"""Seconds a server may take to start on a busy machine."""


def missing(what: str, command: str) -> None:
    """Skip with the command that enables the test, or fail where nothing may be skipped."""
    words = f"{what} is missing: {command}"
    if NO_SKIPS:
        pytest.fail(words)
    pytest.skip(words)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep everything with a browser on one worker, so that servers and browser are started once."""
    for item in items:
        if "tests/browser" in item.nodeid:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return headless Chromium."""
    if CHROME is None:
        missing("Chromium", "apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install playwright")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROME, headless=True, args=FLAGS)
        yield started
        started.close()


def _page(browser: Any, **context: Any) -> Iterator[Any]:
    opened = browser.new_context(**{"viewport": {"width": 1280, "height": 1200}, "accept_downloads": True, **context})
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened.new_page()
    page.errors = []
    page.foreign = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.foreign.append(request.url) if not request.url.startswith(LOCAL) else None)
    # Nothing leaves the machine, and nothing waits for a name server.
    opened.route(lambda url: not url.startswith(LOCAL), lambda route: route.abort())
    yield page
    opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page of its own; `errors` holds script errors, `foreign` requests to other hosts."""
    yield from _page(browser)


def free_port() -> int:
    """Return a port nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(met: Callable[[], Any], process: subprocess.Popen[bytes] | None = None, timeout: float = START) -> Any:
    """Wait until `met()` is true and return it."""
    end = time.monotonic() + timeout
    while True:
        if process is not None and process.poll() is not None:
            pytest.fail(f"the server ended with {process.returncode}")
        try:
            if result := met():
                return result
        except OSError:
            pass
        assert time.monotonic() < end, "not met in time"
        time.sleep(0.1)  # pause between two looks at another process


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which no setting, key or store of the user is seen."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("NOTEBOOK_IMG_", "GEMINI_", "GOOGLE_", "OPENAI_", "VISION_", "ARK_", "JIMENG_", "OPENROUTER_", "ZHIPU", "ZAI_")
        )
    }
    return {
        **kept,
        "HOME": str(home),
        "NOTEBOOK_IMG_HOME": str(home / "store"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }


@dataclass
class Server:
    """A running server: `url`, `token`, the folder its notebooks lie in, the store its kernels write to."""

    url: str
    token: str
    folder: Path
    home: Path
    log: Path

    @property
    def store(self) -> Path:
        """Home of the kernels' store."""
        return self.home / "store"


def _serve(
    home: Path, command: list[str], *, port: int, token: str, folder: Path, ready: Callable[[], Any], **more: str
) -> Iterator[Server]:
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**environment(home), **more}, stdout=output, stderr=output, cwd=folder)
        try:
            wait_for(ready, process)
            yield Server(f"http://127.0.0.1:{port}", token, folder, home, log)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start JupyterLab with settings and workspaces of its own; put notebooks into `lab.folder`."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    # The question about Jupyter's news covers a corner of the page.
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port, token = free_port(), secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--allow-root"),
        *("--LabApp.extension_manager=readonly", "--ServerApp.terminals_enabled=False"),
    ]
    address = f"http://127.0.0.1:{port}/api?token={token}"
    yield from _serve(home, command, port=port, token=token, folder=folder, ready=lambda: urllib.request.urlopen(address, timeout=2).status)


@pytest.fixture(scope="session")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start Voila over a folder of notebooks; each page that opens one has a kernel of its own, and all share one store."""
    home = tmp_path_factory.mktemp("voila")
    folder = home / "notebooks"
    folder.mkdir()
    port = free_port()
    command = [
        *(sys.executable, "-m", "voila", str(folder), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"),
        *("--strip_sources=True", "--VoilaConfiguration.show_tracebacks=True"),
    ]

    def ready() -> bool:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True

    yield from _serve(home, command, port=port, token="", folder=folder, ready=ready)
