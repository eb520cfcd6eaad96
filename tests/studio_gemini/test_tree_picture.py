"""The README's picture of a session tree, taken from the notebook with Chromium: NOTEBOOK_IMG_SCREENSHOTS=1 pytest tests/studio_gemini/test_tree_picture.py."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.emulators.process import ROOT

NOTEBOOK = ROOT / "notebooks" / "04-gemini-editing.ipynb"
TARGET = ROOT / "docs" / "screenshots" / "tree.png"
CHROMIUM = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
MOST_BYTES = 200_000
WANTED = os.environ.get("NOTEBOOK_IMG_SCREENSHOTS") == "1"  # read now: tests see no settings of the user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


def test_the_tree_of_the_notebook_is_a_picture_for_the_readme(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    cell = next(cell for cell in notebook.cells if cell.source == "%imgsession tree")
    html = cell.outputs[-1]["data"]["text/html"]

    page_file = tmp_path / "tree.html"
    style = "font: 14px/1.45 system-ui, 'DejaVu Sans', sans-serif; margin: 16px; width: 420px; background: white; color: #111"
    page_file.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body style="{style}">{html}</body>', encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 452, "height": 600}, device_scale_factor=1.5)
        page.goto(page_file.as_uri())
        assert page.locator("img").count() == 6
        shot = page.screenshot(full_page=True)
        browser.close()

    # 256 colours: the page is text and thumbnails, and the file stays small.
    out = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT).save(out, "PNG", optimize=True)
    assert len(out.getvalue()) < MOST_BYTES
    if WANTED:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_bytes(out.getvalue())
