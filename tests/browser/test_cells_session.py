"""Which session the panel shows beside cells: it goes along with them, or says where they are; and the list is as it is when opened."""

from __future__ import annotations

import re
from typing import Any

from notebook_img.studio import Studio
from tests.browser.conftest import Server
from tests.browser.opening import open_in_lab, run_all, write_notebook
from tests.browser.test_voila import SOON, expect, head


def test_the_panel_goes_along_with_the_cells_or_says_where_they_are(lab: Server, page: Any) -> None:
    name = write_notebook(
        lab.folder,
        "%load_ext notebook_img\nimport notebook_img as ni\n%imgsession first\n%imggen --quiet -m local a blue circle",
        "ni.panel()",
        "%imgsession second\n%imggen --quiet -m local a red circle",
        name="two-sessions.ipynb",
    )
    open_in_lab(page, lab, name)
    run_all(page)
    panel = page.locator(".jp-NotebookPanel:visible .nbi")
    sessions, elsewhere = panel.locator(".nbi-session"), panel.locator(".nbi-newer", has_text="The cells work in session")
    expect(sessions).to_have_value("second", timeout=60_000)
    head(panel, "t1")
    expect(elsewhere).to_be_hidden()
    # Once another session is chosen in the panel it stays there, and says where the cells go on.
    sessions.select_option("first")
    expect(panel.locator(".nbi-frame")).to_have_attribute("title", re.compile("blue circle"), timeout=SOON)
    expect(elsewhere).to_be_hidden()
    last = page.locator(".jp-NotebookPanel:visible .jp-CodeCell").nth(2)
    last.scroll_into_view_if_needed()
    last.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Shift+Enter")
    expect(elsewhere).to_contain_text("The cells work in session second.", timeout=SOON)
    expect(sessions).to_have_value("first")
    elsewhere.get_by_role("button", name="Show it here").click()
    expect(sessions).to_have_value("second", timeout=SOON)
    head(panel, "t2")
    expect(elsewhere).to_be_hidden()
    # What another process has made since is in the list when it is opened.
    with Studio(home=lab.store).store as store:
        store.create_session("made elsewhere")
    sessions.focus()
    expect(sessions.locator("option[value='made elsewhere']")).to_be_attached(timeout=SOON)
    assert page.errors == []
