"""What some tests need of the machine: where it is missing they are skipped, and the reason says what has it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from notebook_img.store import search

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which Linux and macOS have")
needs_modes = pytest.mark.skipif(os.name == "nt", reason="needs POSIX file modes, which Linux and macOS have")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc, which Linux has")
needs_worker = pytest.mark.skipif(sys.platform == "win32", reason="needs the worker for paid calls, which Linux and macOS have")
needs_moves_of_open_files = pytest.mark.skipif(
    os.name == "nt", reason="needs open files that can be moved or deleted, as on Linux and macOS"
)
needs_xelatex = pytest.mark.skipif(
    shutil.which("xelatex") is None and not os.environ.get("NOTEBOOK_IMG_NO_SKIPS"),
    reason="needs xelatex: apt-get install --no-install-recommends texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-plain-generic",
)
needs_fts5 = pytest.mark.skipif(not search.is_available(), reason="needs SQLite 3.34 or later, built with FTS5")
