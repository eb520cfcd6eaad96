"""Every test gets a home of its own; no test sees the keys or the store of the person who runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.process import start_emulator

__all__ = ["start_emulator"]

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
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a fresh, empty home and an environment without keys."""
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(folder))
    # The system's keyring is not a test's business.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    yield folder
