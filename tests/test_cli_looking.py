"""Looking back in a shell: the tree, what was spent, and long texts through a pager."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_img.store import Store
from tests.conftest import Here


def test_the_tree_of_a_session_is_drawn_up_to_a_turn(here: Here) -> None:
    for words in (("edit", "cat.png", "invert"), ("edit", "sepia"), ("ask", "what size is it?"), ("edit", "--from", "t1", "greyscale")):
        assert here(*words, "-s", "fox").returncode == 0
    drawn = here("tree", "fox").stdout
    assert [line in drawn for line in ("t1  invert", "├─ t2  sepia", "? t3  what size is it?", "└─ t4  greyscale (local)  ← head")] == [
        True
    ] * 4
    assert "t4" not in here("tree", "fox/t2").stdout
    assert here("tree", "fox", "--until", "t2").stdout == here("tree", "fox/t2").stdout
    rows = json.loads(here("tree", "fox", "--json").stdout)
    assert [(row["id"], row["parent"], row["kind"], row["head"]) for row in rows] == [
        ("fox/t1", None, "edit", False),
        ("fox/t2", "t1", "edit", False),
        ("fox/t3", "t2", "ask", False),
        ("fox/t4", "t1", "edit", True),
    ]


def test_without_a_name_the_tree_is_that_of_the_folder(here: Here) -> None:
    done = here("tree")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No session was begun in this folder" in done.stderr
    assert json.loads(here("sessions", "--json").stdout) == [], "looking makes nothing"
    here("edit", "cat.png", "invert")
    assert "t1  invert" in here("tree").stdout


@pytest.fixture
def books(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of two months, two models, a notebook and an agent; one of unknown price, one that failed."""
    monkeypatch.setenv("NOTEBOOK_IMG_USER", "kim")
    store = Store.open(home)
    store.create_session("fox", notebook="/somewhere/fox.ipynb")
    rows = [
        ("gemini:a", "2026-01-02", "cell", "fox", 0.04),
        ("gemini:a", "2026-01-30", "claude", "shop", 0.08),
        ("openai:b", "2026-02-01", "cli", "fox", 0.01),
        ("openai:b", "2026-02-01", "cli", "fox", None),
    ]
    for model, day, origin, session, cost in rows:
        known = None if cost is None else 0.04  # what is not told counts with its estimate
        store.settle(store.reserve(model, known, day, origin, session, 5.0), "billed", cost, {})
    store.settle(store.reserve("openai:b", 0.04, "2026-02-01", "cli", "fox", 5.0), "failed", 0.0, {})
    store.close()


@pytest.mark.usefixtures("books")
def test_costs_are_counted_by_what_is_named(here: Here) -> None:

    def rows(*words: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(here("cost", *words, "--csv").stdout)))

    assert rows("--by", "month,model") == [
        ["month", "model", "calls", "cost", "unknown"],
        ["2026-02", "openai:b", "2", "0.01", "1"],
        ["2026-01", "gemini:a", "2", "0.12", "0"],
    ]
    assert rows("--by", "person") == [["person", "calls", "cost", "unknown"], ["claude", "1", "0.08", "0"], ["kim", "3", "0.05", "1"]]
    assert rows("--by", "notebook")[1:] == [["", "1", "0.08", "0"], ["fox.ipynb", "3", "0.05", "1"]]
    assert rows("fox", "--by", "day,session")[1:] == [["2026-02-01", "fox", "2", "0.01", "1"], ["2026-01-02", "fox", "1", "0.04", "0"]]
    assert rows("--by", "session")[1:] == [["fox", "3", "0.05", "1"], ["shop", "1", "0.08", "0"]]


@pytest.mark.usefixtures("books")
def test_the_total_says_what_it_leaves_out(here: Here) -> None:
    told = here("cost").stdout.splitlines()
    assert told[0] == "What was spent; the sum leaves out 1 call of unknown price"
    assert told[-1].split() == ["all", "4", "$0.13", "1"]
    assert "leaves out" not in here("cost", "--by", "day", "--json").stdout


def test_what_costs_cannot_be_counted_by_is_said(here: Here) -> None:
    done = here("cost", "--by", "modle")
    assert done.returncode == 2
    assert "Did you mean 'model'" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_on_a_terminal_a_long_history_goes_through_the_pager(here: Here, tmp_path: Path) -> None:
    import pty
    import termios

    for prompt in ("invert", "sepia", "greyscale", "warmer"):
        here("edit", "cat.png", prompt, "-s", "fox")
    paged = tmp_path / "paged"
    environment = {**os.environ, "PAGER": f"tee {paged}"}
    command = [sys.executable, "-m", "notebook_img", "show", "fox"]

    def on_terminal(lines: int) -> str:
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (lines, 100))
        subprocess.run(command, env=environment, stdout=slave, timeout=60, check=True)
        said = os.read(master, 65536).decode()
        os.close(slave)
        os.close(master)
        return said

    assert "t1  invert" in on_terminal(50)
    piped = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert not paged.exists()
    assert "t1  invert" in on_terminal(5)
    assert paged.read_text(encoding="utf-8") == piped.stdout
