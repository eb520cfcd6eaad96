"""A saved notebook as a page in Chromium, on the screen and printed: every picture is drawn, and none is cut off or hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from nbconvert import HTMLExporter

from tests.jupyter.publishing import FIGURES, FORMS, saved_notebook

DRAWN = """images => images.map(image => {
    const box = image.getBoundingClientRect();
    return image.complete && image.naturalWidth > 0 && box.width > 20 && box.right <= document.documentElement.clientWidth;
})"""


@pytest.mark.parametrize("form", FORMS)
def test_every_figure_is_seen_and_printed(form: str, page: Any, tmp_path: Path, start_emulator: Any) -> None:
    service = start_emulator("openai")
    made = saved_notebook(tmp_path, form, service)
    body, _ = HTMLExporter().from_notebook_node(made)
    page.set_content(body, wait_until="domcontentloaded")
    cells = page.locator(".jp-CodeCell")
    assert cells.count() == len(FIGURES)
    for name, cell in zip(FIGURES, cells.all(), strict=True):
        drawn = cell.locator("img").evaluate_all(DRAWN)
        assert drawn, name
        assert all(drawn), name
    page.emulate_media(media="print")
    shown = page.locator("img").count()
    assert all(page.locator("img").evaluate_all(DRAWN))
    with pypdfium2.PdfDocument(page.pdf()) as printed:
        assert sum(len([*sheet.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])]) for sheet in printed) == shown
