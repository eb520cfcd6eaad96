"""The command line: the magics' words and options, clean stdout, progress on a terminal, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulators.process import Running

CLI = [sys.executable, "-m", "notebook_img"]
KEY = "AIza-test-key-0123456789-abcd"


@pytest.fixture
def cli(cwd: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*CLI, *words], cwd=cwd, capture_output=True, text=True, timeout=120, **options)

    return run


@pytest.fixture
def service(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    running = start_emulator("gemini")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
    return running


def test_a_session_over_several_commands(cli, cwd: Path) -> None:
    done = cli("edit", "cat.png", "rotate 90 degrees", "-o", "night.png", "-s", "fox")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "night.png\n"
    assert "fox/t1" in done.stderr
    assert "48 × 64" in done.stderr
    assert (cwd / "night.png").read_bytes().startswith(b"\x89PNG")
    done = cli("edit", "-s", "fox", "invert", "--json")
    turn = json.loads(done.stdout)
    assert (turn["id"], turn["parent"], turn["kind"], turn["prompt"]) == ("fox/t2", "t1", "edit", "invert")
    assert Path(turn["pictures"][0]["path"]).is_file()
    assert (turn["pictures"][0]["width"], turn["pictures"][0]["height"]) == (48, 64)
    done = cli("ask", "-s", "fox", "what size is it?")
    assert done.returncode == 0, done.stderr
    assert "48" in done.stdout
    assert "t3" in done.stderr
    assert len(json.loads(cli("show", "fox", "--json").stdout)) == 3
    assert "t2" in cli("show", "fox").stdout
    shown = cli("show", "fox/t2", "-o", "copy.png")
    assert shown.stdout == "copy.png\n", shown.stderr
    assert cli("show", "fox/t2").returncode == 0
    assert json.loads(cli("show", "fox/t2", "--json").stdout)["id"] == "fox/t2"


def test_options_stand_anywhere_and_a_turn_can_be_gone_on_from(here, cwd: Path) -> None:
    assert here("generate", "-s", "fox", "-n", "2", "--seed", "7", "noise", "--size", "64x64").returncode == 0
    done = here("edit", "invert", "-s", "fox", "--json")
    assert done.returncode == 2
    assert "--pick" in json.loads(done.stdout)["error"]["message"]
    for words in (("t1.2", "invert"), ("--from", "t1", "--pick", "2", "invert"), ("--pick", "2", "invert", "--from", "fox/t1")):
        done = here("edit", *words, "-s", "fox", "--json")
        assert json.loads(done.stdout)["parent"] == "t1.2" or json.loads(done.stdout)["parent"] == "t1", done.stderr


def test_several_pictures_get_numbered_names(here, cwd: Path) -> None:
    done = here("generate", "-n", "3", "noise", "-o", "fox.png")
    assert done.stdout.split() == ["fox-1.png", "fox-2.png", "fox-3.png"]
    assert sorted(path.name for path in cwd.glob("fox*")) == ["fox-1.png", "fox-2.png", "fox-3.png"]


def test_the_suffix_converts_and_says_so(here, cwd: Path) -> None:
    done = here("edit", "cat.png", "invert", "-o", "out.jpg")
    assert done.returncode == 0
    assert (cwd / "out.jpg").read_bytes().startswith(b"\xff\xd8")


def test_stdout_is_clean_in_pipes(cli) -> None:
    done = cli("edit", "cat.png", "invert", "--json")
    assert done.stdout.count("\n") == 1
    json.loads(done.stdout)
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("edti", "cat.png", "invert"), 2, "Did you mean 'edit'"),
        (("edit", "cat.png", "invert", "--colour", "red"), 2, "--colour"),
        (("edit", "cat.png"), 2, "prompt"),
        (("edit",), 2, "prompt"),
        (("edit", "invert"), 2, "nothing to go on from"),
        (("edit", "cot.png", "invert"), 1, "cat.png"),
        (("edit", "-s", "fox", "invert"), 1, "fox"),
        (("edit", "-m", "gemni", "cat.png", "invert"), 1, "gemini"),
        (("edit", "-m", "gemini", "cat.png", "invert"), 3, "key"),
        (("edit", "cat.png", "add a red scarf"), 2, "red scarf"),
        (("edit", "cat.png", "invert", "-o", "cat.png"), 1, "--force"),
        (("edit", "cat.png", "invert", "-o", "out.xyz"), 2, ".png"),
        (("edit", "cat.png", "invert", "-o", "nowhere/out.png"), 1, "nowhere"),
        (("edit", "cat.png", "invert", "-o"), 2, "--output"),
        (("edit", "cat.png", "invert", "--as", "x"), 2, "--as"),
        (("show",), 2, "SESSION"),
        (("show", "fox"), 1, "fox"),
        (("show", "fox/t1"), 1, "fox"),
        (("sessions", "delet", "x"), 2, "Did you mean 'delete'"),
        (("sessions", "delete", "fox"), 1, "fox"),
        (("sessions", "import", "cat.png"), 1, "cat.png"),
        (("sessions", "import", "missing.zip"), 1, "missing.zip"),
        (("models", "--jsno"), 2, "--json"),
        (("keys", "set", "gemni"), 1, "gemini"),
        (("keys", "show", "gemini"), 2, "keys set"),
        (("doctor", "now"), 2, "now"),
        (("resume", "j-1"), 1, "j-1"),
        (("ask", "cat.png", "what size is it?", "-n", "2"), 2, "-n"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(here, cwd: Path, words, code: int, says: str) -> None:
    before = (cwd / "cat.png").read_bytes()
    done = here(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(done.stderr) < 600
    assert "%img" not in done.stderr, "a shell has no magics"
    assert "%ask" not in done.stderr
    assert done.stdout == ""
    assert (cwd / "cat.png").read_bytes() == before
    assert sorted(path.name for path in cwd.iterdir()) == ["cat.png"]
    assert all(row["turns"] == 0 for row in json.loads(here("sessions", "--json").stdout))


def test_errors_are_json_too_when_asked_for(here) -> None:
    done = here("edit", "cot.png", "invert", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "NotFoundError"


def test_a_file_that_is_ours_is_written_again_and_one_that_was_changed_is_not(here, cwd: Path) -> None:
    assert here("edit", "cat.png", "invert", "-o", "out.png").returncode == 0
    assert here("edit", "cat.png", "sepia", "-o", "out.png").returncode == 0
    with (cwd / "out.png").open("ab") as file:
        file.write(b"mine now")
    assert here("edit", "cat.png", "invert", "-o", "out.png").returncode == 1
    assert (cwd / "out.png").read_bytes().endswith(b"mine now")
    assert here("edit", "cat.png", "invert", "-o", "out.png", "--force").returncode == 0
    assert not (cwd / "out.png").read_bytes().endswith(b"mine now")


def test_sessions_are_listed_exported_imported_renamed_and_deleted(here, cwd: Path) -> None:
    here("edit", "cat.png", "invert", "-s", "fox")
    [row] = json.loads(here("sessions", "--json").stdout)
    assert (row["name"], row["turns"]) == ("fox", 1)
    assert "fox" in here("sessions").stdout
    assert here("sessions", "export", "fox", "fox.zip").returncode == 0
    assert here("sessions", "rename", "fox", "hen").returncode == 0
    refused = here("sessions", "delete", "hen")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert here("sessions", "delete", "hen", "--yes").returncode == 0
    assert json.loads(here("sessions", "--json").stdout) == []
    assert here("sessions", "import", "fox.zip").returncode == 0
    assert [row["name"] for row in json.loads(here("sessions", "--json").stdout)] == ["fox"]
    assert here("sessions", "cost").returncode == 0


def test_models_doctor_and_keys_answer_without_a_network(cli, home: Path) -> None:
    rows = json.loads(cli("models", "--json").stdout)
    assert {"local:builtin"} <= {row["name"] for row in rows}
    assert "gemini:" in cli("models").stdout
    doctor = cli("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    findings = {row["what"]: row for row in json.loads(doctor.stdout)}
    assert findings["store"]["state"] == "ok"
    assert findings["gemini"]["state"] == "missing"
    assert cli("doctor").returncode == 0
    assert cli("doctor", "--repair").returncode == 0
    assert "GEMINI_API_KEY" in cli("keys").stdout
    kept = cli("keys", "set", "gemini", input=f"{KEY}\n")
    assert kept.returncode == 0, kept.stderr
    assert KEY not in kept.stdout + kept.stderr
    assert "kept in" in cli("keys").stdout
    assert KEY not in cli("keys").stdout + cli("doctor", "--json").stdout
    assert cli("keys", "forget", "gemini").stdout == "Forgotten.\n"


@pytest.mark.parametrize("words", [(), ("--help",), ("help",), ("-h",), ("edit", "--help"), ("generate", "-h"), ("ask", "--help"), ("--version",), ("sessions", "--help"), ("show", "-h"), ("keys", "--help"), ("doctor", "-h"), ("models", "-h"), ("resume", "-h")])  # fmt: skip
def test_help_goes_to_stdout(here, words) -> None:
    done = here(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""
    assert "%img" not in done.stdout


def test_help_of_a_command_names_every_option_it_takes(here) -> None:
    printed = here("edit", "--help").stdout
    for option in ("--image", "--mask", "--from", "--pick", "--output", "--force", "--dry-run", "--model", "--session", "--json"):
        assert option in printed
    assert "--as" not in printed.replace("--aspect", "")


def test_a_dry_run_stores_nothing(here) -> None:
    done = here("edit", "cat.png", "invert", "--dry-run", "-s", "fox")
    assert "Dry run" in done.stdout
    assert all(row["turns"] == 0 for row in json.loads(here("sessions", "--json").stdout))


def test_a_reader_that_leaves_early_is_no_error(cwd: Path) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m notebook_img models | head -1", shell=True, cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def ending() -> float:
    """Return how long a plain process takes just now to end after an interrupt."""
    plain = subprocess.Popen(
        [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert plain.stdout is not None
    plain.stdout.readline()
    started = time.monotonic()
    plain.send_signal(signal.SIGINT)
    plain.communicate(timeout=60)
    return time.monotonic() - started


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_interrupting_ends_with_130_within_a_second_and_stops_the_request(cwd: Path, service: Running) -> None:
    service.control({"kind": "hang", "path": "generateContent"})
    service.control({"kind": "hang", "path": "streamGenerateContent"})
    process = subprocess.Popen(
        [*CLI, "edit", "cat.png", "a fox", "-m", "gemini"], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    service.wait_for(lambda rows: [row for row in rows if "GenerateContent" in row["path"] or "generateContent" in row["path"]], timeout=30)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert time.monotonic() - started < 6, (
        "a second, and a moment for the process to end on a busy machine; the service would hang for ever"
    )
    assert out == ""
    assert re.search(r"^Stopped after \d+ s; it may have been billed, about \$0\.\d+ is counted\.$", err, re.MULTILINE)
    assert "Traceback" not in err
    service.wait_for(lambda rows: any("left" in json.dumps(row) for row in rows))


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are POSIX")
def test_a_terminal_sees_a_progress_line_and_nothing_of_it_stays(cwd: Path, service: Running) -> None:
    import pty

    service.control({"kind": "slow", "seconds": 2, "path": "GenerateContent"})
    service.control({"kind": "slow", "seconds": 2, "path": "generateContent"})
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*CLI, "edit", "cat.png", "a fox", "-m", "gemini", "-o", "fox.png"], cwd=cwd, stdout=subprocess.PIPE, stderr=slave, text=True
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(master)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, seen
    assert out == "fox.png\n"
    text = seen.decode()
    assert " s" in text
    assert "\r\x1b[K" in text
    assert text.count("\r\x1b[K") >= 3
    final = text.rpartition("\x1b[K")[2]
    assert "t1" in final


def test_the_first_paid_call_says_where_pictures_go_and_the_budget_holds(cli, service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    done = cli("edit", "cat.png", "a fox", "-m", "gemini")
    assert done.returncode == 0, done.stderr
    assert "go to Google Gemini" in done.stderr
    service.reset()
    monkeypatch.setenv("NOTEBOOK_IMG_BUDGET", "0.01")
    done = cli("edit", "cat.png", "a hen", "-m", "gemini")
    assert done.returncode == 7
    assert "BudgetError" in done.stderr
    assert service.requests("enerateContent") == []


@pytest.mark.skipif(os.name == "nt", reason="needs a small file system of its own")
def test_a_full_disk_is_said_and_leaves_everything_as_it_was(cwd: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    small = tmp_path_factory.mktemp("small")
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True).returncode
    ):
        pytest.skip("needs root and mount: run the tests as root where tmpfs can be mounted")
    try:

        def run(*words, **env):
            return subprocess.run([*CLI, *words], cwd=cwd, capture_output=True, text=True, timeout=60, env={**os.environ, **env})

        target = small / "out.png"
        assert run("edit", "cat.png", "resize to 1000x800", "-o", str(target)).returncode == 1
        done = run("edit", "cat.png", "resize to 1000x800", "-o", str(target))
        assert "the disk is full" in done.stderr
        assert list(small.iterdir()) == []
        # Room for an index, and none for the picture beside it.
        subprocess.run(["mount", "-o", "remount,size=700k", str(small)], check=True)
        done = run("edit", "cat.png", "resize to 1000x800", "-s", "full", NOTEBOOK_IMG_HOME=str(small / "home"))
        assert done.returncode == 1, done.stdout
        assert "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(small.rglob("*.part"))
        target.write_bytes(b"")
        target.unlink()
        shown = run("sessions", "--json", NOTEBOOK_IMG_HOME=str(small / "home"))
        assert all(row["turns"] == 0 for row in json.loads(shown.stdout or "[]")), shown.stderr
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_a_home_that_cannot_be_written_is_said(cli, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cwd / "file").touch()
    for folder in (cwd / "file", cwd / "file" / "deeper"):
        monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(folder))
        done = cli("edit", "cat.png", "invert")
        assert done.returncode == 1, done.stdout
        assert "NOTEBOOK_IMG_HOME" in done.stderr
        assert "Traceback" not in done.stderr
        doctor = cli("doctor")
        assert doctor.returncode == 1
        assert "Traceback" not in doctor.stderr
