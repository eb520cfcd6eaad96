"""``import notebook_img`` and ``%load_ext notebook_img`` load no SDK, no image library, no database and no widgets."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HEAVY = (
    "google.genai",
    "openai",
    "mcp",
    "ipywidgets",
    "PIL",
    "sqlalchemy",
    "pydantic",
    "numpy",
    "httpx",
    "anywidget",
    "botocore",
    "obstore",
    "psycopg",
    "pandas",
    "matplotlib",
)
BARE_SHELL = """
import sys, json
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance()
shell.history_manager.enabled = False
{cells}
print("LOADED", json.dumps(sorted(sys.modules)))
"""


def loaded(script: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout.rpartition("LOADED ")[2]))


@cache
def shell_with(*cells: str) -> frozenset[str]:
    return frozenset(loaded(BARE_SHELL.format(cells="\n".join(f"assert shell.run_cell({cell!r}).success" for cell in cells))))


def heavy(modules: set[str] | frozenset[str]) -> set[str]:
    return {name for name in HEAVY if name in modules}


def test_importing_the_package_loads_nothing_heavy() -> None:
    before = loaded('import sys, json; print("LOADED", json.dumps(sorted(sys.modules)))')
    after = loaded('import sys, json, notebook_img; print("LOADED", json.dumps(sorted(sys.modules)))')
    assert not heavy(after - before)
    ours = {name for name in after - before if name.startswith("notebook_img")}
    assert ours == {"notebook_img", "notebook_img._version"}, "public names are loaded on first use"


def test_loading_the_extension_loads_nothing_heavy() -> None:
    assert not heavy(shell_with("%load_ext notebook_img") - shell_with("pass"))


@pytest.mark.parametrize("cell", ["%img -h", "%imgsession -h", "%imggen -h"])
def test_help_needs_no_sdk(cell: str, tmp_path: Path) -> None:
    after = shell_with("%load_ext notebook_img", cell) - shell_with("pass")
    assert not heavy(after) & {"google.genai", "openai", "mcp", "ipywidgets"}


def test_an_edit_on_the_built_in_engine_needs_no_sdk() -> None:
    after = shell_with("%load_ext notebook_img", "%imgedit --quiet sample:chelsea make it night") - shell_with("pass")
    assert not heavy(after) & {"google.genai", "openai", "mcp", "ipywidgets", "httpx", "botocore"}
