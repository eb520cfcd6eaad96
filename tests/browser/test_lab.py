"""The panel in JupyterLab: beside cells, and in a notebook that was saved and opened again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.browser.conftest import Server, wait_for
from tests.browser.opening import open_in_lab, panel_cell, run_all, write_notebook
from tests.browser.test_voila import SOON, expect, head, open_sample, prompt, run, turns, undo

TURNS = 20


@pytest.mark.slow
def test_panel_and_cells_see_each_other_and_the_saved_notebook_stays_small(lab: Server, page: Any) -> None:
    name = write_notebook(
        lab.folder,
        "%load_ext notebook_img\n%imgsession lab",
        panel_cell("lab"),
        "t = %imgedit --quiet sample:coffee pencil drawing",
        "print('CELLS', len(ni.session('lab').turns))",
        name="beside-cells.ipynb",
    )
    open_in_lab(page, lab, name)
    cells = page.locator(".jp-NotebookPanel:visible .jp-CodeCell")
    run_all(page)
    expect(page.get_by_text("CELLS 1", exact=True)).to_be_visible(timeout=60_000)
    panel = page.locator(".nbi")
    head(panel, "t1")
    open_sample(panel)
    for number in range(2, TURNS):
        run(panel, f"caption 'number {number}'", f"Done: t{number} ")
    # Single keys belong to the panel, not to JupyterLab's command mode (dd would delete the cell).
    strip = panel.locator(".nbi-strip")
    strip.focus()
    strip.press("d")
    strip.press("d")
    expect(panel).to_be_visible()
    prompt(panel).fill("typed")
    prompt(panel).press("Control+s")
    # What a cell does is seen in the panel at once, and the other way round.
    cells.nth(2).scroll_into_view_if_needed()
    cells.nth(2).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Shift+Enter")
    head(panel, f"t{TURNS}")
    assert turns(lab, "lab")[-1].parent is None
    undo(panel).click()
    expect(panel.locator(".nbi-frame.nbi-head .nbi-name")).not_to_contain_text(f"t{TURNS}", timeout=SOON)
    # Undone is what came of the photograph, so the photograph is on the stage, and what is there is what stays.
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("sample:coffee", timeout=SOON)
    page.keyboard.press("Escape")
    cells.nth(3).scroll_into_view_if_needed()
    cells.nth(3).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text(f"CELLS {TURNS}", exact=True)).to_be_visible(timeout=SOON)
    path = lab.folder / name

    def saved() -> bool:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(300)
        return f"CELLS {TURNS}" in path.read_text(encoding="utf-8")

    wait_for(saved, timeout=30)
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    outputs = json.loads(text)["cells"][1]["outputs"][-2:]  # before them stands which session was opened
    assert [sorted(output["data"]) for output in outputs] == [
        ["application/vnd.jupyter.widget-view+json", "text/plain"],
        ["image/jpeg", "text/html", "text/plain"],
    ]
    left = "".join(outputs[1]["data"]["text/html"])
    assert "data:image/jpeg;base64," in left
    assert "at sample:coffee (" in "".join(outputs[1]["data"]["text/plain"]), "the picture left is the one on the stage"
    assert page.locator(".notebook-img-left").is_hidden()
    assert page.errors == []
    assert page.foreign == []


def test_a_saved_notebook_shows_picture_and_words_without_a_kernel(lab: Server, page: Any) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbformat.sign import NotebookNotary

    name = write_notebook(
        lab.folder,
        "import os\nos.environ['NOTEBOOK_IMG_HOME'] = os.path.abspath('saved-home')\nimport notebook_img as ni\n"
        "ni.session('saved').edit('make it night', 'sample:chelsea')\nni.panel('saved')",
    )
    notebook = nbformat.read(lab.folder / name, as_version=4)
    place = {"metadata": {"path": str(lab.folder)}}
    NotebookClient(notebook, kernel_name="python3", resources=place, store_widget_state=False).execute()  # as front ends save it
    nbformat.write(notebook, lab.folder / name)
    NotebookNotary(data_dir=str(lab.home / "data")).sign(notebook)  # as one's own is: only in these the Lab looks for the widget
    open_in_lab(page, lab, name)
    left = page.locator(".jp-NotebookPanel:visible .notebook-img-left")
    expect(left).to_be_visible(timeout=SOON)
    expect(left).to_contain_text(re.compile(r"panel of session 'saved', at t1 \(451 × 300\)"))
    assert left.locator("img").evaluate("image => image.naturalWidth") == 451
    # What the Lab writes in the panel's own place is there, and nobody has to read it.
    complaint = page.locator(".jp-NotebookPanel:visible").get_by_text("model not found")
    expect(complaint).to_have_count(1, timeout=SOON)
    expect(complaint).to_be_hidden()
    # A panel that lives in another notebook of the same page hides the picture under itself, and no other.
    write_notebook(lab.folder, panel_cell("living"), name="living.ipynb")
    page.get_by_role("button", name="Refresh the file browser.").click()
    page.locator(".jp-DirListing-item", has_text="living.ipynb").dblclick()
    page.wait_for_selector(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000, state="attached")
    run_all(page)
    expect(page.locator(".jp-NotebookPanel:visible .nbi")).to_be_visible(timeout=60_000)
    open_sample(page.locator(".jp-NotebookPanel:visible .nbi"))
    expect(left).to_be_hidden()
    page.get_by_role("tab", name=name).click()
    expect(left).to_be_visible(timeout=SOON)
    # After a restart the line to the kernel is closed; every control says so instead of failing in silence.
    page.get_by_role("tab", name="living.ipynb").click()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem").filter(has_text="Restart Kernel…").first.click()
    page.locator(".jp-Dialog .jp-mod-accept, .jp-Dialog .jp-mod-warn").last.click()
    page.wait_for_selector(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000, state="attached")
    panel = page.locator(".jp-NotebookPanel:visible .nbi")
    prompt(panel).fill("warmer")
    error = panel.get_by_role("tabpanel", name="Edit").locator(".nbi-error")

    def told() -> bool:
        panel.get_by_role("button", name="Run", exact=True).click()
        return bool(error.text_content() or "")

    wait_for(told, timeout=30)
    expect(error).to_contain_text("The kernel was restarted. Run the cell again to use the panel.")
    assert page.errors == []
