"""The first cells of the README in JupyterLab: pictures with alt text, captions, no script errors, nothing asked of other hosts."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import Server, wait_for
from tests.browser.opening import open_in_lab, run_all, write_notebook
from tests.browser.screenshots import take

CELLS = (
    "%load_ext notebook_img",
    "%%imgedit sample:chelsea -o night.png\nmake it night, with a thin crescent moon",
    "%imgedit warmer by 20 % and add the caption 'Chelsea by night'",
    "%imgsession tree",
)


def test_the_first_cells_show_pictures_with_alt_text(lab: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1100, "height": 1250})
    name = write_notebook(lab.folder, *CELLS, name="first-cells.ipynb")
    open_in_lab(page, lab, name)
    run_all(page)
    page.get_by_text("Session first-cells: 2 turns").wait_for(timeout=60_000)
    figures = page.locator(".jp-NotebookPanel:visible .jp-OutputArea figure img")
    assert figures.count() == 2
    for index in range(2):
        image = figures.nth(index)
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        assert "night" in image.get_attribute("alt")
    caption = page.locator(".jp-NotebookPanel:visible figcaption").first.inner_text()
    assert "built-in, not AI" in caption
    assert "saved night.png" in caption
    assert (lab.folder / "night.png").read_bytes().startswith(b"\x89PNG")
    assert not page.errors
    assert not page.foreign
    page.locator(".jp-NotebookPanel:visible .jp-Cell").first.scroll_into_view_if_needed()
    take(page.locator(".jp-NotebookPanel:visible .jp-Notebook"), "quickstart")
    # What is saved is what was shown, and it is small.
    path = lab.folder / name

    def saved() -> bool:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(300)  # JupyterLab drops the key while it is still busy
        return "Session first-cells" in path.read_text(encoding="utf-8")

    wait_for(saved, timeout=30)
    assert path.stat().st_size < 200_000
