"""``notebook-img panel``: the panel in the browser without any notebook, for whoever has its token."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from notebook_img.cli import main
from notebook_img.store import Store
from tests.browser.conftest import environment
from tests.browser.test_voila import SOON, clean, expect, open_sample, run


def test_the_panel_opens_without_a_notebook_and_ends_with_ctrl_c(page: Any, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "shop"
    home.mkdir()
    work.mkdir()
    command = [sys.executable, "-m", "notebook_img", "panel", "--no-browser", "--json"]
    server = subprocess.Popen(command, cwd=work, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        with urllib.request.urlopen(url.partition("?")[0], timeout=60) as reply:
            assert urlsplit(reply.url).path == "/login", "not for whoever else is on this machine"
        page.goto(url, wait_until="domcontentloaded", timeout=60_000)
        panel = page.locator(".nbi")
        panel.wait_for(timeout=60_000)
        expect(panel.locator(".nbi-session option:checked")).to_contain_text("shop", timeout=SOON)
        assert "created" not in page.locator("body").inner_text(), "nothing but the panel is on the page"
        open_sample(panel)
        run(panel, "sepia", "t1")
        with Store.open(home / "store", read_only=True) as store:
            assert [turn.prompt for turn in store.turns(store.session_named("shop").id)] == ["sepia"]
        clean(page)
        page.close()
        server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 2)
    finally:
        server.kill()
        server.communicate()


def test_without_voila_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["panel", "fox"]) == 2
    said = capsys.readouterr().err
    assert "needs Voila, which is not installed. Run pip install 'notebook-img[panel]'" in said


@pytest.mark.parametrize(
    ("words", "says"), [(["a", "b"], "one session"), (["--port", "x"], "no port"), (["--prot"], "There is no option --prot")]
)
def test_wrong_words_are_errors(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["panel", *words]) == 2
    assert says in capsys.readouterr().err
