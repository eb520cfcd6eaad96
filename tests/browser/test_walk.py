"""A person's afternoon in JupyterLab, from no key at all to the pages that are handed on; each step rests on the one before."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.conftest import Server, wait_for
from tests.browser.opening import open_in_lab, write_notebook
from tests.browser.test_voila import SOON, drag, expect, head, run, undo
from tests.jupyter.publishing import EXPORTERS, pandoc_path

KEY = "AIza-a-key-typed-by-hand-0001"
CELLS = {
    "start": "import os\nos.environ.update(NOTEBOOK_IMG_HOME=os.path.abspath('walk-home'), GOOGLE_GEMINI_BASE_URL={url!r})\n"
    "%load_ext notebook_img",
    "first edit": "%%imgedit sample:coffee\nwarmer by 20 %",
    "key": "%img key gemini",
    "gemini": "%imgedit put a biscuit on the saucer",
    "stopped": "%imgedit and a second cup",
    "panel": "%imgsession panel",
    "compare": "%imgsession show t1 t2",
}
SHOWS = ("first edit", "gemini", "panel", "compare")
"""The cells that leave a picture in the saved notebook."""


class Notebook:
    """The notebook that is open in JupyterLab, run cell by cell as a person does."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.cells = page.locator(".jp-NotebookPanel:visible .jp-CodeCell")

    def begin(self, name: str) -> Any:
        """Run a cell and return its output, without waiting for the end."""
        cell = self.cells.nth([*CELLS].index(name))
        cell.locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Shift+Enter")
        return cell.locator(".jp-Cell-outputWrapper")

    def run(self, name: str) -> Any:
        output = self.begin(name)
        self.ended(name)
        return output

    def ended(self, name: str, timeout: float = 60_000) -> None:
        numbered = re.compile(r"\[\d+\]")
        expect(self.cells.nth([*CELLS].index(name)).locator(".jp-InputPrompt")).to_have_text(numbered, timeout=timeout)

    def start(self) -> None:
        """Run the first cell, again where JupyterLab dropped the run (see `run_all`)."""
        for _ in range(5):
            self.begin("start")
            with contextlib.suppress(AssertionError):
                return self.ended("start", 10_000)
        return self.ended("start")


@pytest.mark.slow
def test_from_no_key_to_the_pages_that_are_handed_on(lab: Server, page: Any, start_emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gemini = start_emulator("gemini")
    page.set_viewport_size({"width": 1280, "height": 1300})
    name = write_notebook(lab.folder, *(cell.replace("{url!r}", repr(gemini.url)) for cell in CELLS.values()), name="walk.ipynb")
    path = lab.folder / name
    open_in_lab(page, lab, name)
    notebook = Notebook(page)
    notebook.start()

    # No key: the built-in engine, and it says so.
    first = notebook.run("first edit")
    expect(first.locator("figure img")).to_have_count(1)
    expect(first).to_contain_text("walk/t1")
    expect(first).to_contain_text("built-in, not AI")
    assert gemini.requests("enerateContent") == []

    # A key is asked for without being shown, and the next line goes to the service.
    asked = notebook.begin("key")
    field = page.locator(".jp-Stdin-input:visible")
    expect(field).to_have_attribute("type", "password", timeout=SOON)
    field.fill(KEY)
    field.press("Enter")
    expect(asked).to_contain_text("is kept in", timeout=SOON)
    second = notebook.run("gemini")
    expect(second.locator("figure img")).to_have_count(1, timeout=SOON)
    expect(second).to_contain_text("Edits in session 'walk' go to Google Gemini from now on")
    expect(second).to_contain_text("walk/t2 from t1 · gemini:")
    assert len(gemini.requests("enerateContent")) == 1

    # Stop while the service thinks: one line, and the connection is closed.
    gemini.control({"kind": "hang", "path": "enerateContent"})
    third = notebook.begin("stopped")
    gemini.wait_for(lambda seen: len(seen) == 2, "enerateContent")
    expect(third).to_contain_text("gemini", timeout=SOON)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem").filter(has_text="Interrupt Kernel").first.click()
    notebook.ended("stopped")
    expect(third).to_contain_text(re.compile(r"Stopped after \d+ s; it may have been billed, about \$0\.\d+ is counted\."), timeout=SOON)
    expect(third.locator("figure img")).to_have_count(0)

    # The panel goes on where the cells are: a mask, a run, undo with the mask still painted, and the comparison.
    notebook.begin("panel")
    panel = page.locator(".jp-NotebookPanel:visible .nbi")
    head(panel, "t2")
    panel.get_by_role("button", name="Mask").click()
    drag(page, panel.locator(".nbi-mask"), (0.3, 0.3), (0.6, 0.5), "mouse")
    words = panel.locator(".nbi-maskbar [role=status]")
    expect(words).to_contain_text("% may change")
    painted = words.text_content() or ""
    run(panel, "make the coffee black", "Done: t3")
    head(panel, "t3")
    expect(undo(panel)).to_have_text("Undo")
    undo(panel).click()
    head(panel, "t2")
    expect(words).to_have_text(painted, timeout=SOON)
    run(panel, "make it a flat white", "Done: t4")
    panel.get_by_role("button", name="Compare").click()
    expect(panel.locator(".nbi-compare")).to_contain_text("% changed", timeout=SOON)
    page.keyboard.press("Escape")
    compared = notebook.run("compare")
    expect(compared.locator("figure img").first).to_be_visible(timeout=SOON)
    assert page.errors == []

    def saved() -> Any:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(300)  # JupyterLab drops the key while it is still busy
        text = path.read_text(encoding="utf-8")
        # JupyterLab may be writing it just now; and it has put an empty cell below the last one.
        made = nbformat.reads(text, as_version=4) if text.rstrip().endswith("}") else None
        return made if made and made.cells[len(CELLS) - 1].outputs else None

    made = wait_for(saved, timeout=30)
    text = path.read_text(encoding="utf-8")
    assert len(text) < 600_000
    assert KEY not in text
    assert KEY not in "".join(file.read_text(errors="replace") for file in Path(lab.folder / "walk-home").rglob("*.jsonl"))
    monkeypatch.setenv("PATH", pandoc_path())
    for form in ("html", "slides", "markdown", "latex, pdf", "script"):
        for cell_name, cell in zip(CELLS, made.cells, strict=False):
            found = EXPORTERS[form](nbformat.v4.new_notebook(cells=[cell], metadata=made.metadata))
            due = cell_name in SHOWS and form not in ("markdown", "script")
            assert bool(found) == due, f"{cell_name} in {form}: {len(found)} pictures"
