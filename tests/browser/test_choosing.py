"""Keys and models in the panel, and the gallery with several pictures chosen at once."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from tests.browser.conftest import Server
from tests.browser.opening import open_panel
from tests.browser.screenshots import take
from tests.browser.test_voila import SOON, clean, expect, more, open_sample, prompt

KEY = "AIza-" + "k3y" * 9
SHOP = """
for name, prompts in (("chelsea", ("warmer", "sepia", "vignette")), ("coffee", ("cooler", "pencil drawing")), ("astronaut", ("greyscale",))):
    t = None
    for words in prompts:
        t = ni.session("shop").edit(words, t or "sample:" + name)
ni.session("shop").generate("a gradient from orange to navy, a white circle")
"""


def test_a_key_set_in_the_panel_takes_effect_at_once(voila: Server, page: Any, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1080, "height": 1100})
    home = tmp_path / "home"
    panel = open_panel(page, voila, "keys", f'os.environ["NOTEBOOK_IMG_HOME"] = {str(home)!r}')
    open_sample(panel)
    side = panel.locator(".nbi-side").first
    more(side)
    model = panel.get_by_role("combobox", name="Model", exact=True).first
    # Those that cannot be used yet are folded away behind one line.
    services = model.locator("optgroup")
    before = services.count()
    assert "Built-in engine" in [each.get_attribute("label") for each in services.all()]
    folded = model.locator("option", has_text="more that need a key")
    model.select_option(label=folded.text_content())
    assert services.count() > before
    page.keyboard.press("Escape")  # the list is open again, with all of them
    gemini = model.locator("optgroup[label*=Gemini] option").first.get_attribute("value") or ""
    model.select_option(gemini)
    hint = side.locator(".nbi-hint", has_text="GEMINI_API_KEY")
    expect(hint).to_be_visible(timeout=SOON)
    prompt(panel).fill("make it night")
    prompt(panel).press("Control+Enter")
    error = panel.get_by_role("tabpanel", name="Edit").locator(".nbi-error")
    error.get_by_role("button", name="Set a key").click(timeout=SOON)
    dialog = page.get_by_role("dialog", name="Set a key")
    field = dialog.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    expect(dialog.get_by_label("Service").locator("option:checked")).to_have_text(re.compile("Gemini"), timeout=SOON)
    assert field.get_attribute("type") == "password"
    field.fill(KEY)
    take(dialog, "panel-key")
    field.press("Enter")
    expect(panel.locator(".nbi-live")).to_contain_text("is kept in", timeout=SOON)
    expect(hint).to_be_hidden(timeout=SOON)
    assert page.locator("dialog input[type=password]").input_value() == ""
    assert KEY in (home / "keys.json").read_text(encoding="utf-8"), "there is no keyring here, so it is in the file"
    assert KEY not in page.content()
    # Nothing of it is a part of the widgets' state, which a saved notebook would hold.
    states = page.evaluate(
        """async () => {
            const manager = window.jupyterapp?.widgetManager ?? [...(window.widgetManagers ?? [])][0];
            return manager ? JSON.stringify(await manager.get_state()) : "";
        }"""
    )
    assert KEY not in states
    # What it can do, with examples that go into the prompt.
    model.select_option("local:builtin")
    side.get_by_role("button", name="What can it do?").click()
    can = page.get_by_role("dialog", name=re.compile("Built-in engine"))
    expect(can.get_by_role("row").nth(20)).to_be_attached(timeout=SOON)
    take(can, "panel-can")
    example = can.get_by_role("row", name=re.compile("^sepia")).get_by_role("button")
    words = example.text_content()
    example.click()
    expect(prompt(panel)).to_have_value(words or "")
    clean(page)


def test_several_pictures_are_chosen_starred_taken_away_and_deleted(voila: Server, page: Any, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1080, "height": 900})
    panel = open_panel(page, voila, "shop", f'os.environ["NOTEBOOK_IMG_HOME"] = {str(tmp_path / "home")!r}\n{SHOP}')
    panel.get_by_role("tab", name="Gallery").click()
    tiles = panel.locator(".nbi-tile")
    expect(tiles).to_have_count(10, timeout=SOON)
    tools = panel.get_by_role("toolbar", name="Chosen pictures")

    def tile(name: str) -> Any:
        return panel.get_by_role("option", name=re.compile("^" + re.escape(name).replace("/", ".")))

    # Stars, by the mark and by the key.
    tile("shop/t2.1").hover()
    tile("shop/t2.1").locator(".nbi-star").click()
    expect(tile("shop/t2.1")).to_have_class(re.compile("nbi-starred"), timeout=SOON)
    tile("sample:coffee").click()
    panel.locator(".nbi-gallery").press("s")
    expect(tile("sample:coffee")).to_have_class(re.compile("nbi-starred"), timeout=SOON)
    # Several: with Ctrl, with the mark on the tile, with the keyboard.
    tile("shop/t2.1").click(modifiers=["Control"])
    tile("shop/t6.1").hover()
    tile("shop/t6.1").locator(".nbi-mark").click()
    expect(tools).to_contain_text("3 chosen")
    expect(tools.get_by_role("button", name="Edit")).to_be_hidden()
    take(panel, "panel-gallery")
    with page.expect_download() as download:
        tools.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "pictures.zip"
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert sorted(Path(name).stem for name in archive.namelist()) == ["astronaut-t6", "chelsea-t2", "coffee"]
    panel.get_by_label("Which pictures").select_option("starred")
    expect(tiles).to_have_count(2, timeout=SOON)
    panel.get_by_label("Which pictures").select_option("sources")
    expect(tiles).to_have_count(3, timeout=SOON)
    panel.get_by_label("Which pictures").select_option("all")
    expect(tiles).to_have_count(10, timeout=SOON)
    # Deleting says what goes with it, and asks.
    tile("shop/t1.1").click()
    tools.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete")
    expect(dialog).to_contain_text("What comes of shop/t1 goes too: t2, t3.", timeout=SOON)
    take(dialog, "panel-delete")
    dialog.get_by_role("button", name="Keep").click()
    expect(tiles).to_have_count(10)
    tools.get_by_role("button", name="Delete…").click()
    dialog.get_by_role("button", name="Delete 3 turns").click(timeout=SOON)
    expect(tiles).to_have_count(6, timeout=SOON)
    expect(panel.locator(".nbi-live")).to_contain_text("Deleted 3 turns", timeout=SOON)
    clean(page)
