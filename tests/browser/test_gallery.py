"""The gallery in a browser: 10,000 pictures scroll without delay, are searched and sent to the stage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from notebook_img.store import Store
from tests.browser.conftest import Server
from tests.browser.opening import open_panel
from tests.browser.screenshots import take
from tests.browser.test_voila import SOON, clean, expect


def test_a_gallery_of_10000_pictures_scrolls_at_once(voila: Server, page: Any, tmp_path: Path) -> None:
    home = tmp_path / "many"
    fill_store(home)
    panel = open_panel(page, voila, "many", f'os.environ["NOTEBOOK_IMG_HOME"] = {str(home)!r}')
    panel.get_by_role("tab", name="Gallery").click()
    gallery = panel.locator(".nbi-gallery")
    tiles = panel.locator(".nbi-tile")
    expect(tiles.first.locator("img")).to_have_attribute("src", re.compile("^blob:"), timeout=SOON)
    # To the end, as a reader would with the End key held down; the longest a frame takes is the delay one feels.
    longest = gallery.evaluate(
        """async (list) => {
            let longest = 0, before = performance.now(), still = 0, height = 0;
            while (still < 40) {
                list.scrollTop = list.scrollHeight;
                await new Promise(requestAnimationFrame);
                const now = performance.now();
                longest = Math.max(longest, now - before); before = now;
                still = list.scrollHeight === height ? still + 1 : 0; height = list.scrollHeight;
            }
            return longest;
        }"""
    )
    expect(panel.locator(".nbi-gallery-tab [role=status]").first).to_have_text("10000 pictures", timeout=60_000)
    assert tiles.count() < 100, "only what is on the screen exists"
    assert longest < 1_000, f"the page stood still for {longest:.0f} ms"
    gallery.evaluate("list => (list.scrollTop = list.scrollHeight / 2)")
    expect(tiles.nth(8).locator("img")).to_have_attribute("src", re.compile("^blob:"), timeout=SOON)
    panel.get_by_label("Search prompts").fill("batch 42 ")
    expect(panel.locator(".nbi-gallery-tab [role=status]").first).to_have_text("100 pictures", timeout=SOON)
    tiles.first.click()
    take(panel, "gallery-light")
    panel.get_by_role("toolbar", name="Chosen picture").get_by_role("button", name="Edit").click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("seeded/t43", timeout=SOON)
    clean(page)


def fill_store(home: Path) -> None:
    """Write 100 turns of 100 pictures each."""
    import hashlib
    import io

    from notebook_img.records import PictureUse, TurnRecord

    store = Store.open(home)
    session = store.create_session("seeded")
    uses, files = [], {}
    for number in range(100):
        file = io.BytesIO()
        hue = int(number * 2.55)
        gradient = np.linspace(0, 255, 64, dtype=np.uint8)
        plane = np.stack([np.full((64, 64), hue), np.tile(gradient, (64, 1)), np.tile(gradient[:, None], (1, 64))], axis=2).astype(np.uint8)
        Image.fromarray(plane, "HSV").convert("RGB").save(file, "PNG")
        data = file.getvalue()
        sha = hashlib.sha256(data).hexdigest()
        files[sha] = data
        uses.append(PictureUse(sha, "output", "image/png", 64, 64, len(data)))
    for number in range(100):
        record = TurnRecord(
            session.id, 0, "generate", f"batch {number} of many colours", "local:builtin", pictures=tuple(uses), started=1.79e9
        )
        store.add_turn(record, files if number == 0 else {}, move_head=False)
    store.close()
