"""A new provider is one module and one entry point, its key included: a package of somebody else's is installed beside ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.providers import registry

KEY = "acme-secret-0123456789-ABCDEF"
OTHER = "other-secret-9876543210-FEDCBA"

MODULE = '''
"""Acme Pictures: the whole of a provider that wants a key."""

import hashlib, io

from notebook_img import keys
from notebook_img.errors import KeyMissingError, RequestRefusedError
from notebook_img.providers.interface import Capabilities, ModelInfo, Reply, Service


class AcmeProvider:
    name = "acme"
    title = "Acme Pictures"
    service = Service("acme", "Acme Pictures", ("ACME_API_KEY", "ACME_TOKEN"), "https://acme.example/keys")

    def __init__(self, settings):
        self.settings = settings

    def missing(self):
        return None if keys.find(self.service, self.settings) else "Acme has no key."

    def models(self):
        return [ModelInfo("painter", Capabilities(kinds=frozenset({"generate", "edit"})))]

    def default_model(self, kind):
        return None if kind == "ask" else "painter"

    def model_info(self, model):
        return self.models()[0]

    def estimate(self, request):
        return 0.25

    async def run(self, request, emit):
        key = keys.find(self.service, self.settings)
        if "fail" in request.prompt:
            try:
                raise ValueError(f"401 for Bearer {key}")
            except ValueError as error:
                raise RequestRefusedError(f"Acme refuses {key}.", provider=self.name, model=request.model) from error
        from PIL import Image

        file = io.BytesIO()
        Image.new("RGB", (32, 32), "#336699").save(file, "PNG")
        return Reply(pictures=(file.getvalue(),), cost=0.25, got={"key": hashlib.sha256(key.encode()).hexdigest()})

    async def resume(self, state, emit):
        raise NotImplementedError

    async def probe(self):
        return [f"Acme knows the key {keys.find(self.service, self.settings)}."]

    async def aclose(self):
        pass
'''

SHELL = """
import hashlib, json, sys, traceback
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
shell.history_manager.enabled = False
shell.run_line_magic("load_ext", "notebook_img")
import notebook_img as ni

def ran(cell):
    with capture_output() as seen:
        done = shell.run_cell(cell)
    error = done.error_in_exec
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) if error else ""
    return {"ok": done.success, "shown": seen.stdout + seen.stderr + "".join(str(each.data) for each in seen.outputs), "error": shown}

told = {cell: ran(cell) for cell in json.loads(sys.argv[1])}
turns = [turn.record for turn in ni.session("fox").turns]
mark = ni.session("fox").actor.settings.key_mark
print("TOLD", json.dumps({
    "cells": told,
    "marks": [turn.key_mark for turn in turns],
    "used": [turn.got["key"] for turn in turns],
    "mark": {key: mark(key) for key in sys.argv[2:]},
    "hash": {key: hashlib.sha256(key.encode()).hexdigest() for key in sys.argv[2:]},
}))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with Acme's package as an installer leaves it: one module, and its metadata with one entry point."""
    site = tmp_path / "site"
    info = site / "acme_pictures-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pictures\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\nacme = acme_pictures:AcmeProvider\n")
    (site / "acme_pictures.py").write_text(MODULE)
    return site


@pytest.fixture
def start(site: Path, home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python where Acme is installed; nobody sits at a terminal, so that a key comes from stdin."""

    def run(*words: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": path, **variables},
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,
        )

    return run


@pytest.fixture
def shell(start: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., dict[str, Any]]:
    """Run cells in a shell of their own; return what they showed, and what the turns of session fox say."""

    def run(*cells: str, typed: str = "", **variables: str) -> dict[str, Any]:
        done = start("-c", SHELL, json.dumps(cells), KEY, OTHER, typed=typed, **variables)
        assert "TOLD" in done.stdout, done.stderr[-3000:]
        return json.loads(done.stdout.rpartition("TOLD ")[2])

    return run


def holds_no_key(told: Any) -> bool:
    return KEY not in json.dumps(told) and OTHER not in json.dumps(told)


PAINT = "%imggen -m acme -s fox a fox"


def test_its_key_is_asked_for_kept_used_and_marked(shell: Callable[..., dict[str, Any]], home: Path) -> None:
    before = shell(PAINT)["cells"][PAINT]
    assert "Acme has no key." in before["error"]

    told = shell("%img key acme", PAINT, "%img", typed=f"{KEY}\n")
    cells = told.pop("cells")
    assert "Key for Acme Pictures (from https://acme.example/keys; nothing is shown" in cells["%img key acme"]["shown"]
    assert "The key of Acme Pictures is kept in" in cells["%img key acme"]["shown"]
    assert all(each["ok"] for each in cells.values()), cells
    assert "Acme Pictures" in cells["%img"]["shown"], "it counts as ready"
    assert holds_no_key(cells)
    assert told["used"] == [told["hash"][KEY]]
    assert told["marks"] == [told["mark"][KEY]]

    kept = home / "keys.json"
    assert json.loads(kept.read_text()) == {"acme": KEY}
    if os.name != "nt":
        assert kept.stat().st_mode & 0o777 == 0o600
    assert not [path for path in home.rglob("*") if path.is_file() and path != kept and KEY.encode() in path.read_bytes()]

    told = shell("%img key acme --forget", PAINT)
    assert "The kept key of Acme Pictures is forgotten." in told["cells"]["%img key acme --forget"]["shown"]
    assert json.loads(kept.read_text()) == {}


def test_its_variables_come_before_the_kept_key_and_turns_are_marked_with_the_one_used(shell: Callable[..., dict[str, Any]]) -> None:
    told = shell("%img key acme", PAINT, typed=f"{KEY}\n", ACME_TOKEN=OTHER)
    assert "But environment variable ACME_TOKEN comes first." in told["cells"]["%img key acme"]["shown"]
    assert told["used"] == [told["hash"][OTHER]]
    assert told["marks"] == [told["mark"][OTHER]]


@pytest.mark.parametrize("variables", [{"ACME_API_KEY": KEY}, {}], ids=["environment", "kept"])
def test_it_is_taken_out_of_errors_and_outputs(shell: Callable[..., dict[str, Any]], variables: dict[str, str]) -> None:
    keeping = [] if variables else ["%img key acme"]
    failing = "%imggen -m acme -s fox fail"
    cells = [*keeping, failing, "%tb", "%img doctor --online", "%config NotebookImg.verbose_errors = True", f"{failing} again"]
    told = shell(*cells, typed=f"{KEY}\n", **variables)["cells"]
    assert "Acme refuses [key]." in told[failing]["error"]
    assert "Acme knows the key [key]." in told["%img doctor --online"]["shown"]
    assert holds_no_key(told)


def test_a_prompt_that_contains_it_is_refused(shell: Callable[..., dict[str, Any]]) -> None:
    cell = f"%imggen -m local -s fox a circle {KEY}"
    assert "The prompt contains a key" in shell(cell, ACME_API_KEY=f"{OTHER},{KEY}")["cells"][cell]["error"]


def test_the_command_line_keeps_lists_and_forgets_it(start: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    def command(*words: str, typed: str = "") -> str:
        done = start("-m", "notebook_img", *words, typed=typed)
        assert done.returncode == 0, done.stderr
        assert KEY not in done.stdout + done.stderr
        return done.stdout

    assert "Kept in" in command("keys", "set", "acme", typed=f"{KEY}\n")
    [row] = [row for row in json.loads(command("keys", "--json")) if row["name"] == "acme"]
    assert "kept in" in row["where"]
    assert row["variables"] == ["ACME_API_KEY", "ACME_TOKEN"]
    assert "acme" in command("keys")
    made = json.loads(command("generate", "a fox", "-m", "acme", "--json"))
    assert made["model"] == "acme:painter"
    assert json.loads(command("keys", "forget", "acme", "--json")) == {"name": "acme", "forgotten": True}


def test_it_is_completed(start: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    script = """
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
shell.run_line_magic("load_ext", "notebook_img")
with provisionalcompleter():
    for line in ("%img key ac", "%imggen -m ac"):
        print([each.text for each in shell.Completer.completions(line, len(line))])
"""
    assert start("-c", script).stdout.splitlines() == ["['acme']", "['acme', 'acme:painter']"]
