"""Every command in docs/keeping.md is run here, in order and in a shell, and prints what the page says (``...`` for what changes from run to run)."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "keeping.md").read_text(encoding="utf-8")


def commands() -> list[tuple[str, str]]:
    fences = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    parts = [part for fence in fences for part in re.split(r"^\$ ", fence, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell, which this system does not have")
def test_the_commands_of_the_page_print_what_it_says(tmp_path: Path, home: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "notebook-img"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m notebook_img "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    work = tmp_path / "work"
    work.mkdir()
    check = doctest.OutputChecker()
    assert len(commands()) > 10
    for command, expected in commands():
        done = subprocess.run(["sh", "-c", command], cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False)
        got = done.stdout + done.stderr
        assert "Traceback" not in got
        assert check.check_output(expected, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"$ {command}\n--- the page says\n{expected}--- got\n{got}"
        )
