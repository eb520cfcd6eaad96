"""Notebooks under nbmake: a store of their own, and no key of the person who runs them."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PREFIXES = ("NOTEBOOK_IMG_", "GEMINI_", "GOOGLE_", "OPENAI_", "VISION_", "ARK_", "JIMENG_", "FAL_", "AZURE_", "OPENROUTER_", "ZHIPU", "ZAI_")
KEPT = ("NOTEBOOK_IMG_NO_SKIPS", "NOTEBOOK_IMG_SCREENSHOTS")


def pytest_configure() -> None:
    """Kernels inherit the environment of pytest, so it is cleaned here."""
    for name in [name for name in os.environ if name.startswith(PREFIXES) and name not in KEPT]:
        del os.environ[name]
    for old in Path(__file__).parent.glob("quickstart-*.png"):
        # Written by an earlier run, whose home is gone: to this one it would be somebody else's file, and stay.
        old.unlink(missing_ok=True)
    home = tempfile.mkdtemp(prefix="notebook_img-notebooks-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["NOTEBOOK_IMG_HOME"] = home
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
