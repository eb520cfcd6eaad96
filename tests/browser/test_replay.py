"""Running again in a real JupyterLab: only there do cells have ids, and only there are kernels restarted under an open notebook."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from notebook_img import Studio
from tests.browser.conftest import Server, wait_for
from tests.browser.opening import open_in_lab, run_all, write_notebook

Line = list[tuple[str, str | None]]
SOON = 60


class Opened:
    """A notebook of three edits in JupyterLab, and the session it works in."""

    def __init__(self, page: Any, lab: Server, session: str) -> None:
        self.page = page
        self.lab = lab
        self.session = session
        setup = f"%load_ext notebook_img\n%config NotebookImg.model = 'local'\n%imgsession {session}"
        edits = ("%imgedit sample:coffee warmer", "%imgedit pencil sketch", "%imgedit invert")
        self.name = write_notebook(lab.folder, setup, *edits, "print('ALL', 'DONE')", name=f"{session}.ipynb")

    @property
    def turns(self) -> Line:
        """Id and parent of each turn in the store: whatever was asked for is one turn more."""
        studio = Studio(home=self.lab.store)
        try:
            record = studio.store.session_named(self.session)
            found = studio.store.turns(record.id) if record else []
            return [(turn.id, None if turn.parent is None else f"t{turn.parent}") for turn in found]
        finally:
            studio.close()

    def run_all_in_a_fresh_kernel(self) -> list[str]:
        """End every kernel, open the notebook again, run it, and return the captions under its pictures."""
        for each in self._api("sessions"):
            self._api(f"sessions/{each['id']}", "DELETE")
        open_in_lab(self.page, self.lab, self.name)
        run_all(self.page)
        self.page.get_by_text("ALL DONE", exact=True).wait_for(timeout=SOON * 1000)
        return self.captions()

    def run(self, cell: int) -> str:
        """Run one of the three edits again with the keyboard, and return its caption."""
        place = self.page.locator(".jp-NotebookPanel:visible .jp-CodeCell").nth(cell)
        number = place.locator(".jp-InputPrompt")
        before = number.text_content()
        place.scroll_into_view_if_needed()
        place.locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")
        wait_for(lambda: number.text_content() not in (before, "[*]:", "[ ]:"), timeout=SOON)
        return str(place.locator("figcaption").first.inner_text())

    def captions(self) -> list[str]:
        cells = self.page.locator(".jp-NotebookPanel:visible .jp-CodeCell")
        found = []
        for index in (1, 2, 3):
            cells.nth(index).scroll_into_view_if_needed()
            found.append(cells.nth(index).locator("figcaption").first.inner_text())
        return found

    def _api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"{self.lab.url}/api/{path}", method=method, headers={"Authorization": f"token {self.lab.token}"})
        with urllib.request.urlopen(request, timeout=20) as reply:
            body = reply.read()
        return json.loads(body) if body else None


@pytest.mark.slow
def test_run_all_twice_in_fresh_kernels_asks_for_nothing(lab: Server, page: Any) -> None:
    notebook = Opened(page, lab, "lab-twice")
    first = notebook.run_all_in_a_fresh_kernel()
    assert not any("replayed" in caption for caption in first)
    line = [("t1", None), ("t2", "t1"), ("t3", "t2")]
    assert notebook.turns == line
    second = notebook.run_all_in_a_fresh_kernel()
    assert all("replayed" in caption for caption in second), second
    assert notebook.turns == line


@pytest.mark.slow
def test_the_middle_cell_run_again_starts_where_it_started(lab: Server, page: Any) -> None:
    notebook = Opened(page, lab, "lab-middle")
    notebook.run_all_in_a_fresh_kernel()
    assert "replayed" not in notebook.run(2)
    assert notebook.turns[3:] == [("t4", "t1")], "not on top of its own result"
    notebook.run(3)
    assert notebook.turns[4:] == [("t5", "t4")]


@pytest.mark.slow
def test_the_same_cell_three_times_then_a_fresh_kernel_gives_back_the_last(lab: Server, page: Any) -> None:
    notebook = Opened(page, lab, "lab-thrice")
    notebook.run_all_in_a_fresh_kernel()
    for _ in range(2):
        notebook.run(2)
    assert notebook.turns[3:] == [("t4", "t1"), ("t5", "t1")]
    notebook.run(3)
    assert notebook.turns[5:] == [("t6", "t5")]
    again = notebook.run_all_in_a_fresh_kernel()
    assert [caption.split()[0] for caption in again] == ["lab-thrice/t1", "lab-thrice/t5", "lab-thrice/t6"]
    assert len(notebook.turns) == 6
