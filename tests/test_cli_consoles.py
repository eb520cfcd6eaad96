"""Consoles that lack letters: a call that was paid for ends with its result, whatever can be printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_img.cli import COMMANDS, main

ENCODINGS = ["ascii:strict", "cp1252", "utf-8:strict"]


def run(cwd: Path, encoding: str, *commands: tuple[str | bytes, ...]) -> subprocess.CompletedProcess[bytes]:
    """Run commands in one process, whose streams have this encoding; it ends with the first exit code that is not 0."""
    program = "import os, sys; from notebook_img.cli import main; codes = [main(words.split(chr(31))) for words in sys.argv[1:]]; sys.exit(max(codes))"
    lines = [b"\x1f".join(os.fsencode(word) for word in words) for words in commands]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program, *lines], cwd=cwd, env=environment, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr, done.stderr.decode("ascii", "replace")
    return done


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_ends_well_on_a_console_that_lacks_letters(cwd: Path, encoding: str) -> None:
    made = ("edit", "cat.png", "caption 'ĉu 여우 狐'", "-s", "狐 ĉ", "-o", "狐.png")
    looks = [("show", "狐 ĉ"), ("show", "狐 ĉ/t1"), ("sessions",), ("ask", "-s", "狐 ĉ", "what size is it?"), ("models",), ("doctor",)]
    done = run(cwd, encoding, made, *looks)
    assert done.returncode == 0, done.stderr
    assert (cwd / "狐.png").is_file()
    assert ("64 x 48" if encoding.startswith("ascii") else "64 × 48").encode(encoding.partition(":")[0], "replace") in done.stdout


def test_json_is_ascii_whatever_it_is_about(cwd: Path) -> None:
    made = ("edit", "cat.png", "caption '狐'", "-s", "狐", "--json")
    looks = [("show", "狐", "--json"), ("sessions", "--json"), ("ask", "-s", "狐", "how sharp?", "--json"), ("show", "鶏", "--json")]
    done = run(cwd, "utf-8", made, *looks)
    assert done.stdout.isascii()
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["id"] == "狐/t1"
    assert "鶏" in rows[-1]["error"]["message"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names that are no text are POSIX")
def test_a_file_whose_name_is_no_text_keeps_its_bytes(cwd: Path) -> None:
    name = b"caf\xe9.png"
    done = run(cwd, "utf-8:strict", ("edit", "cat.png", "invert", "-o", name), ("edit", name, "sepia", "-o", name))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (name + b"\n") * 2, "and it is known for ours when it is written again"
    assert (os.fsencode(cwd) + b"/" + name) in [entry.path for entry in os.scandir(os.fsencode(cwd))]


def test_every_command_but_the_server_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        if command != "mcp":  # its stdout is the protocol
            assert main([command, "--help"]) == 0
            assert "--json" in capsys.readouterr().out, command
