"""The command line's output: several models, JSON everywhere, silence, streams that cannot be written, words of a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Here

Done = subprocess.CompletedProcess[str]
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")


def shell(cwd: Path, words: str) -> Done:
    """Run a command in a real shell, for its redirections."""
    return subprocess.run(
        f"'{sys.executable}' -m notebook_img {words}", shell=True, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def turns(here: Here, session: str) -> list[tuple[str, str | None]]:
    return [(turn["id"].split("/")[1], turn["parent"]) for turn in json.loads(here("show", session, "--json").stdout)]


# Several models


def test_several_models_go_on_from_the_same_turn_and_the_first_is_the_head(here: Here) -> None:
    here("edit", "cat.png", "warmer", "-s", "fox")
    done = here("edit", "-s", "fox", "darker", "-m", "local", "-m", "local:builtin", "--json")
    assert done.returncode == 0, done.stderr
    made = [json.loads(line) for line in done.stdout.splitlines()]
    (begun, *siblings) = turns(here, "fox")
    assert begun == ("t1", None)
    assert siblings == [("t2", "t1"), ("t3", "t1")]
    following = json.loads(here("edit", "-s", "fox", "invert", "--json").stdout)
    assert f"fox/{following['parent']}" == made[0]["id"]


def test_several_models_write_a_file_each(here: Here, cwd: Path) -> None:
    done = here("edit", "cat.png", "darker", "-m", "local", "-m", "local:builtin", "-o", "w.png")
    assert done.stdout.split() == ["w-local.png", "w-local-builtin.png"], done.stderr
    assert sorted(path.name for path in cwd.glob("w*")) == ["w-local-builtin.png", "w-local.png"]


@pytest.mark.parametrize("models", [("local", "loacl"), ("loacl", "local")])
def test_a_misspelt_model_stops_all_of_them_before_anything_is_made(here: Here, models: tuple[str, str]) -> None:
    done = here("edit", "cat.png", "darker", "-s", "fox", "-m", models[0], "-m", models[1])
    assert done.returncode == 1
    assert "Did you mean 'local'" in done.stderr
    assert done.stdout == ""
    assert json.loads(here("sessions", "--json").stdout) == []


def test_what_came_is_printed_also_where_another_model_failed(here: Here) -> None:
    done = here("edit", "cat.png", "darker", "-s", "fox", "-m", "gemini", "-m", "local")
    assert done.returncode == 3
    assert done.stdout.endswith(".png\n")
    assert "fox/t1" in done.stderr
    assert "KeyMissingError: gemini: " in done.stderr
    done = here("edit", "cat.png", "darker", "-s", "fox", "-m", "gemini", "-m", "local", "--json")
    turn, error = map(json.loads, done.stdout.splitlines())
    assert turn["id"] == "fox/t2"
    assert (error["error"]["type"], error["error"]["model"]) == ("KeyMissingError", "gemini")


# JSON


def test_json_prints_json_whatever_is_done(here: Here) -> None:
    here("edit", "cat.png", "warmer", "-s", "fox")

    def told(*words: str) -> object:
        done = here(*words, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    assert told("sessions", "cost") == []
    assert told("sessions", "cost", "fox") == []
    assert told("show", "fox/t1", "-o", "q.png") == {"id": "fox/t1", "files": ["q.png"]}
    assert told("sessions", "export", "fox", "fox.zip") == {"session": "fox", "file": "fox.zip"}
    assert told("sessions", "rename", "fox", "hen") == {"was": "fox", "name": "hen"}
    assert told("sessions", "delete", "hen", "--yes") == {"deleted": "hen"}
    assert told("sessions", "import", "fox.zip") == [{"name": "fox", "turns": 1}]
    assert told("resume") == []
    assert told("keys", "forget", "gemini") == {"name": "gemini", "forgotten": False}


def test_costs_as_json_are_those_of_the_table(here: Here) -> None:
    from notebook_img.studio.studio import Studio

    here("edit", "cat.png", "warmer", "-s", "fox")
    store = Studio().store
    for cost in (0.04, None):
        store.settle(store.reserve("gemini:x", cost, "2026-01-02", "cli", "fox", 5.0), "billed", cost, {})
    store.settle(store.reserve("gemini:x", 0.04, "2026-01-02", "cli", "fox", 5.0), "failed", 0.0, {})
    store.close()
    [row] = json.loads(here("sessions", "cost", "fox", "--json").stdout)
    assert row == {"day": "2026-01-02", "model": "gemini:x", "calls": 2, "cost": 0.04, "unknown": 1}
    assert "2026-01-02" in here("sessions", "cost", "fox").stdout


# Names


@pytest.mark.parametrize(
    ("words", "says"), [(("models", "gemni"), "Did you mean 'gemini'"), (("sessions", "cost", "fxo"), "Did you mean 'fox'")]
)
def test_a_misspelt_name_is_an_error_with_the_near_ones(here: Here, words: tuple[str, ...], says: str) -> None:
    here("edit", "cat.png", "warmer", "-s", "fox")
    done = here(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


def test_options_of_notebooks_are_said_to_be_that(here: Here) -> None:
    for option in (["--no-vars"], ["--as", "x"]):
        done = here("edit", "cat.png", "warmer", *option)
        assert done.returncode == 2
        assert "notebook" in done.stderr
        assert "only of" not in done.stderr
    assert "an option for asking, not for editing" in here("edit", "cat.png", "warmer", "--boxes").stderr


def test_the_doctor_speaks_a_shells_words(here: Here) -> None:
    for words in (("doctor",), ("doctor", "--json")):
        out = here(*words).stdout
        assert "%img" not in out
        assert "notebook-img keys set gemini" in out


# Silence


def test_quiet_prints_the_path_and_nothing_else(here: Here) -> None:
    done = here("edit", "cat.png", "warmer", "-s", "fox", "--quiet", "-o", "w.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "w.png\n", "")
    done = here("ask", "-s", "fox", "what size is it?", "--quiet")
    assert "64 × 48" in done.stdout
    assert done.stderr == ""
    assert here("edit", "-s", "fox", "add a red scarf", "--quiet").stderr, "an error is said all the same"


# Streams


@needs_full
def test_output_that_cannot_be_written_is_one_sentence(cwd: Path) -> None:
    done = shell(cwd, "edit cat.png darker -s fox >/dev/full")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "OutputError: The output cannot be written: the disk is full." in done.stderr
    assert [row["name"] for row in json.loads(shell(cwd, "sessions --json").stdout)] == ["fox"]
    assert "Traceback" not in shell(cwd, "edit cot.png darker --json >/dev/full").stderr


@needs_full
@pytest.mark.parametrize("closed", ["2>/dev/full", "2>&-", "2>&- <&-"])
def test_remarks_that_cannot_be_written_cost_no_result(cwd: Path, closed: str) -> None:
    done = shell(cwd, f"edit cat.png darker -o w.png {closed}")
    assert (done.returncode, done.stdout) == (0, "w.png\n")
    assert (cwd / "w.png").read_bytes().startswith(b"\x89PNG")
    done = shell(cwd, f"edit cot.png darker {closed}")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's redirection")
def test_a_closed_stdout_is_no_traceback(cwd: Path) -> None:
    done = shell(cwd, "edit cat.png darker -o w.png >&-")
    assert "Traceback" not in done.stderr
    assert (cwd / "w.png").is_file()


# Exporting over a file


@pytest.mark.parametrize("name", ["fox.zip", "fox.py"])
def test_export_overwrites_a_file_only_with_force(here: Here, cwd: Path, name: str) -> None:
    here("edit", "cat.png", "warmer", "-s", "fox")
    (cwd / name).write_text("mine")
    done = here("sessions", "export", "fox", name)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (cwd / name).read_text() == "mine"
    done = here("sessions", "export", "fox", name, "--force")
    assert done.returncode == 0, done.stderr
    assert (cwd / name).read_bytes() != b"mine"
