"""Every command and output in the README is run here.

Fences marked ``ipython`` are the cells of one notebook, in order, on the built-in engine; a comment ``<!-- cells: gemini -->`` before a fence
moves it to another notebook, which runs against that service's emulator. Fences marked ``console`` are shell sessions: lines after ``$``
are commands, the others what they print, with ``...`` for what changes from run to run.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN_ELSEWHERE = (
    "notebook-img keys set",
    "make demo",
    "make lab",
    "make test",
    "make check",
    "make mcpb",
    "pip install",
    "git clone",
    "jupyter lab",
    "voila ",
)
"""Commands that other tests run (test_commands.py, tests/browser), or that install things."""

ENVIRONMENT = {
    "gemini": lambda url: {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "AIza-emulator-key"},
    "openai": lambda url: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "test-key-0123456789"},
    "ark": lambda url: {"ARK_BASE_URL": f"{url}/api/v3", "ARK_API_KEY": "ark-emulator-key-0123456789"},
    "jimeng": lambda url: {
        "JIMENG_BASE_URL": url,
        "JIMENG_UPLOAD_URL": url,
        "JIMENG_API_TOKEN": "jimeng-token-first-0001",
        "JIMENG_POLL": "0.02",
    },
}


@dataclass(frozen=True)
class Fence:
    kind: str
    group: str
    text: str


def fences() -> list[Fence]:
    pattern = re.compile(r"(?:<!-- cells: (?P<group>[\w ]+) -->\s*\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
    return [Fence(match["kind"], (match["group"] or "local").strip(), match["text"]) for match in pattern.finditer(README)]


def groups() -> list[str]:
    return list(dict.fromkeys(fence.group for fence in fences() if fence.kind == "ipython"))


@pytest.mark.parametrize("group", groups())
def test_the_cells_of_the_readme_run(group, tmp_path, home, request, monkeypatch):
    for service in [name for name in group.split() if name in ENVIRONMENT]:
        emulator = request.getfixturevalue("start_emulator")(service)
        emulator.reset()
        for name, value in ENVIRONMENT[service](emulator.url).items():
            monkeypatch.setenv(name, value)
    from PIL import Image

    Image.new("RGB", (64, 48), "orange").save(tmp_path / "cat.png")
    cells = [fence.text for fence in fences() if fence.kind == "ipython" and fence.group == group]
    if not cells[0].startswith("%load_ext"):
        cells.insert(0, "%load_ext notebook_img")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.rstrip("\n")) for text in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.outputs]
    assert shown, "the cells of the README show something"
    assert not any(output.output_type == "stream" and output.name == "stderr" for output in shown)


def commands() -> list[tuple[str, str]]:
    parts = [part for fence in fences() if fence.kind == "console" for part in re.split(r"^\$ ", fence.text, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def test_the_commands_of_the_readme_print_what_it_says(tmp_path, home):
    from PIL import Image

    Image.new("RGB", (64, 48), "orange").save(tmp_path / "cat.png")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    check = doctest.OutputChecker()
    ran = 0
    for command, expected in commands():
        if command.startswith(SHOWN_ELSEWHERE):
            continue
        words = shlex.split(command)
        if words[0] == "notebook-img":
            words = [sys.executable, "-m", "notebook_img", *words[1:]]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        got = done.stdout + done.stderr
        assert check.check_output(expected, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"$ {command}\n--- README says\n{expected}--- got\n{got}"
        )
        ran += 1
    assert ran >= 3


def test_files_the_readme_shows_are_there():
    for target in re.findall(r"!?\[[^\]]*\]\(([^)#]+)\)", README):
        if not target.startswith(("http", "mailto:")):
            assert (ROOT / target).exists(), target


def test_the_readme_names_the_registry_entry():
    assert "mcp-name:" in README
