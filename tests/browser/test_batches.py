"""Batches in the panel, in a browser: listed, followed while another process works on one, looked at, gone on with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img as ni
from tests.browser.conftest import Server
from tests.browser.opening import open_panel
from tests.browser.screenshots import take
from tests.browser.test_accessibility import axe, check
from tests.browser.test_voila import SOON, clean, expect

__all__ = ["axe"]


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ni.Studio:
    """Another process over the panel's home, with five photographs and a batch of which one item failed and three wait."""
    import numpy as np

    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("beach", "tower", "harbour", "forest", "market")):
        plane = np.tile(np.linspace(40 + number * 30, 230 - number * 20, 90, dtype=np.uint8)[:, None], (1, 120))
        Image.fromarray(np.stack([plane, plane[::-1], np.full_like(plane, number * 50)], axis=2)).save(folder / f"{name}.png")
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    studio = ni.Studio()
    studio.say = lambda _text: None
    names = ["beach", "lost", "tower", "harbour", "forest", "market"]
    studio.batch.edit("sepia", [f"photos/{name}.png" for name in names], first=3, session="shop")
    yield studio
    studio.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_batches_are_followed_looked_at_and_gone_on_with(
    voila: Server, page: Any, axe: str, tmp_path: Path, works: ni.Studio, theme: str
) -> None:
    panel = open_panel(page, voila, "fox", f'os.environ["NOTEBOOK_IMG_HOME"] = {str(tmp_path / "home")!r}', theme=theme)
    batches = panel.locator("details:has(.nbi-batches)")
    expect(batches).to_be_hidden()
    panel.get_by_role("tab", name="Gallery").click()
    batches.locator("summary").click(timeout=SOON)
    row = panel.locator(".nbi-batch").first
    expect(row).to_contain_text("2 of 6 done, 1 failed, 3 to do", timeout=SOON)
    row.locator("[aria-expanded]").press("Enter")
    expect(row.get_by_role("list", name="What failed")).to_contain_text("lost.png There is no file", timeout=SOON)
    tiles = row.locator(".nbi-item")
    expect(tiles).to_have_count(6)
    expect(tiles.first.locator("img")).to_have_attribute("src", re.compile("^blob:"), timeout=SOON)
    check(page, axe, f"{theme}, batches")
    take(panel.locator(".nbi-gallery-tab > details"), f"panel-batches-{theme}")
    if theme == "light":
        works.batch.list()[0].resume()  # in another process
    else:
        row.get_by_role("button", name="Go on with 3").press("Enter")
    expect(row).to_contain_text("5 of 6 done, 1 failed", timeout=SOON)
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-label", "Batch b1: 5 of 6 done, 1 failed")
    expect(tiles.nth(5).locator("img")).to_have_attribute("src", re.compile("^blob:"), timeout=SOON)
    row.get_by_role("button", name="market.png. Edit it").press("Enter")
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("shop/t", timeout=SOON)
    clean(page)
