"""Jupyter's own agents, the real packages in an environment of their own, find the entry that was written and use the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from notebook_img.mcp import command
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import CODE, require
from tests.mcp.sdks.install import JUPYTER

OTHER = {"type": "stdio", "name": "other", "command": "x", "args": [], "env": []}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's configuration folder."""
    place = tmp_path / "config"
    place.mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(place))
    return place


def seen_by_jupyter(root: Path, *chats: str) -> Any:
    call = ("generate_image", {"prompt": "a red circle on white", "outputPath": "a.png"})
    task = json.dumps({"root": str(root), "chats": chats, "call": call})
    environment = {**os.environ, "PYTHONPATH": CODE}
    # The packages log to stdout; what was seen is the last line.
    done = subprocess.run(JUPYTER.command, input=task, capture_output=True, text=True, timeout=240, env=environment, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.node
def test_the_real_packages_read_the_entry_and_their_agents_use_the_server(folder: Path, home: Path, config: Path):
    require(JUPYTER)
    (folder / ".jupyter").mkdir()
    for place in (folder / ".jupyter", config):
        (place / "mcp_settings.json").write_text(json.dumps({"mcp_servers": [OTHER]}))
    command(Studio(), ["config", "jupyter-ai"])
    command(Studio(), ["config", "jupyter-mcp"])
    (folder / "chats").mkdir()
    seen = seen_by_jupyter(folder, "one.chat", "chats/two.chat")
    assert seen["mcp"].startswith("1.")
    for servers in (*seen["chats"].values(), seen["managed"]):
        other, ours = servers
        assert (other["name"], ours["name"], ours["command"]) == ("other", "notebook-img", sys.executable)
        assert {pair["name"]: pair["value"] for pair in ours["env"]} == {"NOTEBOOK_IMG_HOME": str(home.resolve())}
    assert {"generate_image", "edit_image"} <= set(seen["used"]["tools"])
    assert seen["used"]["kinds"][:2] == ["text", "image"]
    assert (folder / "a.png").is_file()


def test_a_folder_above_the_one_jupyter_was_started_in_is_not_jupyter_ais(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / ".jupyter").mkdir()
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "jpserver-77.json").write_text(json.dumps({"root_dir": str(folder)}))
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")
    command(Studio(), ["config", "jupyter-ai"])
    assert "Put this into" in capsys.readouterr().out
    assert not list((tmp_path / ".jupyter").iterdir())
    monkeypatch.setenv("JPY_PARENT_PID", "78")
    command(Studio(), ["config", "jupyter-ai"])
    assert str(tmp_path / ".jupyter" / "mcp_settings.json") in capsys.readouterr().out


def test_without_a_configuration_folder_the_entry_is_printed(config: Path, folder: Path, capsys: pytest.CaptureFixture[str]):
    config.rmdir()
    command(Studio(), ["config", "jupyter-mcp"])
    assert '"mcp_servers"' in capsys.readouterr().out
    assert not config.exists()
