"""The two commands, as somebody runs them who has just cloned the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_make_demo_from_a_clean_clone_ends_in_a_page_with_pictures(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("needs make: apt-get install make")
    clone = tmp_path / "clone"
    cloned = subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], capture_output=True, text=True, check=False)
    if cloned.returncode:
        pytest.skip("needs a git checkout: git clone the project")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "NOTEBOOK_IMG_HOME")
    }
    done = subprocess.run(
        ["make", "demo", f"PYTHON={sys.executable}"], cwd=clone, env=environment, capture_output=True, text=True, timeout=850, check=False
    )
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("needs a package index: run with a network")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Look at it: build/01-quickstart.html" in done.stdout.replace(os.sep, "/")
    assert "Made  build/quickstart-night.png" in done.stdout.replace(os.sep, "/")
    page = (clone / "build" / "01-quickstart.html").read_text(encoding="utf-8")
    assert page.count("data:image/") >= 8
    assert "No description has been provided for this image" not in page
    assert not subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True).stdout


def test_help_lists_the_commands():
    if shutil.which("make") is None:
        pytest.skip("needs make: apt-get install make")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("demo", "lab", "test", "check"):
        assert f"make {name}" in done.stdout
