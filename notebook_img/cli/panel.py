"""``panel``: the panel in the browser without any notebook, through Voila on this machine only."""

from __future__ import annotations

import importlib.util
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from notebook_img.cli.printing import print_json, say, split_flags, take_value
from notebook_img.errors import UsageError
from notebook_img.hints import Hint

if TYPE_CHECKING:
    from types import FrameType

ADDRESS = "127.0.0.1"
STARTS = 90
"""Seconds Voila may take until it answers."""
CELL = """import os
os.chdir({folder!r})
from IPython.utils.capture import capture_output
with capture_output():
    import notebook_img as ni
    panel = ni.panel({session!r})
panel"""


def panel(words: list[str]) -> int:
    """Serve the panel of a session until Ctrl+C; return the exit code."""
    port = take_value(words, "--port", "a number, for example 8866")
    names, flags = split_flags(words, "--no-browser", "--json")
    if len(names) > 1:
        raise UsageError(f"A panel shows one session, and {len(names)} are named. Name one.")
    if port is not None and not (port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{port!r} is no port. It is a number up to 65535.")
    if importlib.util.find_spec("voila") is None:
        raise UsageError(
            "The panel in a browser needs Voila, which is not installed.", hint=Hint("install", package="'notebook-img[panel]'")
        )
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="notebook-img-panel-", ignore_cleanup_errors=True) as place:
        folder, number, token = Path(place), int(port or _free_port()), secrets.token_urlsafe(24)
        with _served(folder, names[0] if names else None, number, token) as server:
            url = f"http://{ADDRESS}:{number}/?token={token}"
            _wait(server, number, folder / "log")
            if "--json" in flags:
                print_json({"url": url, "session": names[0] if names else None})
            else:
                say(f"The panel is at {url}")
                say("It ends with Ctrl+C. What it makes is in the same sessions as that of notebooks and of this command line.")
            sys.stdout.flush()
            if "--no-browser" not in flags:
                webbrowser.open(url)
            try:
                server.wait()
            except KeyboardInterrupt:
                say("The panel has ended.")
                return 0
            finally:
                _stop(server)
            raise UsageError(f"Voila ended by itself. {_last_words(folder / 'log')} Run it again; what was made is in the store.")


def _served(folder: Path, session: str | None, port: int, token: str) -> subprocess.Popen[bytes]:
    """Start Voila over a notebook of one cell. The token is in a file only this user can read: a command line can be seen by others."""
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "panel",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": CELL.format(folder=str(Path.cwd()), session=session),
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]}
    (folder / "notebook_img.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    settings = {"Voila": {"token": token, "ip": ADDRESS, "port": port, "port_retries": 0, "open_browser": False}}
    (folder / "voila.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "voila", "notebook_img.ipynb", "--no-browser", "--strip_sources=True"]
    with (folder / "log").open("wb") as log:
        # A session of its own: Ctrl+C comes here alone, and Voila is ended in order.
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - this Python, our words


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((ADDRESS, 0))
        return int(found.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + STARTS
    while server.poll() is None:
        try:
            with socket.create_connection((ADDRESS, port), 1):
                return
        except OSError:
            if time.monotonic() > end:
                break
            time.sleep(0.1)
    _stop(server)
    raise UsageError(f"Voila did not start at port {port}. {_last_words(log)} Run it again, or name another port with --port.")


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"It said: {lines[-1][:300]}" if lines else "It said nothing."


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End Voila, which ends its kernels."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
