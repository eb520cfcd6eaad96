"""Every test gets a home of its own; no test sees the keys or the store of the person who runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import hypothesis
import pytest

import notebook_img.studio.default
from tests.emulators.process import emulators, start_emulator

__all__ = ["emulators", "start_emulator"]

hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")
"""An example may take as long as a busy machine makes it."""

PREFIXES = (
    "NOTEBOOK_IMG_",
    "GEMINI_",
    "GOOGLE_",
    "OPENAI_",
    "VISION_",
    "ARK_",
    "JIMENG_",
    "FAL_",
    "AZURE_",
    "OPENROUTER_",
    "ZHIPU",
    "ZAI_",
    "JUPYTERHUB_",
    # The process that starts pytest's workers sets these for them where it has loaded readline: the size of no terminal of ours.
    "LINES",
    "COLUMNS",
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a fresh, empty home and an environment without keys and without a terminal's size."""
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(folder))
    # The system's keyring is not a test's business.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # Nor is what an earlier test in this process made.
    monkeypatch.setattr(notebook_img.studio.default, "_default", None)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    yield folder


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder commands run in, with a picture that no engine leaves as it is."""
    from PIL import Image

    Image.effect_noise((64, 48), 60).convert("RGB").save(tmp_path / "cat.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Here: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the words of a command."""


@pytest.fixture
def here(cwd: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command line in this process, for words, exit code and output: a process of its own costs half a second."""
    from notebook_img.cli import main

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main(words)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, out, err)

    return run
