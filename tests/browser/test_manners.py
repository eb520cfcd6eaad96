"""How the panel behaves under quick hands: keys faster than answers, drops beside their place, several views, a kernel that is gone."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.conftest import Server
from tests.browser.opening import PANEL, open_panel, panel_cell, write_notebook
from tests.browser.test_voila import GEMINI, SOON, clean, drag, expect, head, more, open_sample, prompt, run

DROP = """([element, kind, words]) => new Promise((done) => {
    const canvas = document.createElement("canvas"); canvas.width = 50; canvas.height = 40;
    canvas.toBlob((blob) => {
        const data = new DataTransfer();
        if (words) data.setData("text/plain", words); else data.items.add(new File([blob], "dropped.png", { type: "image/png" }));
        done(element.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })));
    });
})"""


def caption(panel: Any, words: str) -> None:
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text(words, timeout=SOON)


def test_history_and_masks_keep_up_with_quick_hands(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    panel = open_panel(page, voila, "quick")
    open_sample(panel)
    for text, name in (("warmer", "t1"), ("sepia", "t2"), ("vignette", "t3"), ("cooler", "t4")):
        run(panel, text, name)
    frames = panel.locator(".nbi-frame")
    frames.nth(1).click()
    caption(panel, "t1 warmer")
    # Three keys before the first answer: all of them count.
    panel.locator(".nbi-strip").evaluate(
        """strip => { for (const _ of [1, 2, 3]) strip.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true })) }"""
    )
    caption(panel, "t4 cooler")
    # What was painted on a picture is there again when one comes back to it.
    panel.get_by_role("button", name="Mask").click()
    canvas = panel.locator(".nbi-mask")
    canvas.scroll_into_view_if_needed()
    words = panel.locator(".nbi-maskbar [role=status]")
    drag(page, canvas, (0.2, 0.4), (0.5, 0.5), "mouse")
    expect(words).to_contain_text("% may change")
    painted = words.text_content()
    frames.nth(1).click()
    caption(panel, "t1 warmer")
    expect(words).to_have_text("Paint what may change.")
    frames.nth(4).click()
    caption(panel, "t4 cooler")
    expect(words).to_have_text(painted)
    # Whoever paints with the keyboard sees where.
    page.mouse.move(2, 2)
    panel.get_by_role("radio", name="Brush", exact=True).focus()
    page.keyboard.press("Tab")
    panel.get_by_role("button", name="Mask").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(canvas).to_be_focused()
    expect(panel.locator(".nbi-brush")).to_be_visible()
    # Names are changed with the keyboard alone.
    panel.get_by_role("button", name="Rename").press("Enter")
    panel.get_by_label("Name of the session").press("Escape")
    expect(panel.get_by_role("button", name="Rename")).to_be_focused()
    # What was said is in sight of where the error was made.
    panel.get_by_label("Path, address, sample").fill("nothere.png")
    panel.get_by_label("Path, address, sample").press("Enter")
    expect(panel.locator(".nbi-live")).to_contain_text("There is no file", timeout=SOON)
    expect(panel.locator(".nbi-toast")).to_contain_text("There is no file")
    expect(panel.locator(".nbi-toast")).to_be_in_viewport()
    clean(page)


def test_drops_and_the_gallery(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "drops")
    expect(panel.locator(".nbi-history p")).to_be_visible()
    panel.get_by_role("tab", name="Gallery").click()
    panel.locator(".nbi-tile").first.or_(panel.get_by_text("No pictures yet.")).wait_for()
    panel.get_by_role("tab", name="Edit").click()
    handle = panel.locator(".nbi-header").element_handle()
    assert not page.evaluate(DROP, [handle, "dragover", ""]), "the browser would leave the page otherwise"
    page.evaluate(DROP, [handle, "drop", ""])
    caption(panel, "dropped.png")
    field = prompt(panel).element_handle()
    assert page.evaluate(DROP, [field, "drop", "make it night"]), "words are left to the field they are dropped on"
    assert not page.evaluate(DROP, [field, "drop", ""])
    expect(panel.locator(".nbi-live")).to_have_text("dropped.png is a reference now.", timeout=SOON)
    more(panel.locator(".nbi-side").first)
    panel.get_by_label("Take away reference").click()
    expect(panel.get_by_role("button", name="Reference", exact=True)).to_be_focused()
    run(panel, "sepia", "t1")
    panel.locator(".nbi-session").select_option(label="New session…")
    panel.get_by_label("Name of the session").fill("drops two")
    panel.get_by_label("Name of the session").press("Enter")
    expect(panel.get_by_text("No picture yet")).to_be_visible(timeout=SOON)
    panel.get_by_role("tab", name="Gallery").click()
    # By its name: until the list is fetched anew its first tile is one of before.
    panel.get_by_role("option", name=re.compile("^drops.t1")).click()
    panel.get_by_role("toolbar", name="Chosen picture").get_by_role("button", name="Compare").click()
    tab = panel.get_by_role("tabpanel", name="Gallery")
    expect(tab.locator(".nbi-error")).to_contain_text("No picture is open to compare with")
    # Coming back, one finds the picture chosen before.
    panel.get_by_role("tab", name="Edit").click()
    panel.get_by_role("tab", name="Gallery").click()
    expect(panel.locator(".nbi-tile.nbi-chosen")).to_have_count(1)
    panel.get_by_role("tab", name="Edit").click()
    open_sample(panel)
    panel.get_by_role("tab", name="Gallery").click()
    expect(panel.locator(".nbi-tile.nbi-chosen")).to_have_count(1)
    panel.get_by_role("toolbar", name="Chosen picture").get_by_role("button", name="Compare").click()
    expect(panel.get_by_label("Compare with").locator("option:checked")).to_have_text("drops/t1", timeout=SOON)
    # A picture that was only asked about has a place in the history, and its conversation with it.
    panel.get_by_role("tab", name="Ask").click()
    panel.get_by_role("textbox", name="Question", exact=True).fill("What size is it?")
    panel.get_by_role("button", name="Ask", exact=True).click()
    expect(panel.locator(".nbi-live")).to_contain_text("Answered: t1", timeout=SOON)
    panel.locator(".nbi-session").select_option("drops")
    head(panel, "t1")
    panel.locator(".nbi-session").select_option("drops two")
    frame = panel.locator(".nbi-frame")
    expect(frame.locator(".nbi-asked")).to_have_count(1, timeout=SOON)
    frame.click()
    caption(panel, "sample:chelsea")
    expect(frame).to_have_class(re.compile("nbi-chosen"))
    expect(panel.locator(".nbi-said")).to_have_text(["What size is it?"])
    clean(page)


def test_two_views_and_a_kernel_that_is_gone(voila: Server, page: Any, start_emulator: Any) -> None:
    emulator = start_emulator("gemini")
    name = write_notebook(voila.folder, panel_cell("twice", GEMINI.format(emulator.url)), "panel")
    page.goto(f"{voila.url}/voila/render/{name}", wait_until="domcontentloaded", timeout=60_000)
    panel, other = page.locator(PANEL).first, page.locator(PANEL).nth(1)
    other.locator(".nbi-session option").first.wait_for(state="attached", timeout=60_000)
    open_sample(panel)
    caption(other, "sample:chelsea")
    # A view's own questions are answered to it alone.
    saved: list[str] = []
    page.on("download", lambda download: saved.append(download.suggested_filename))
    more(other)
    other.get_by_role("button", name="Download").click()
    expect(other.locator(".nbi-live")).to_contain_text("Downloaded", timeout=SOON)
    run(panel, "make it night", "t1")
    head(other, "t1")
    assert len(saved) == 1
    assert "Downloaded" not in (panel.locator(".nbi-live").text_content() or "")
    # Boxes come off the picture again, and nothing is sent without words.
    panel.get_by_role("tab", name="Ask").click()
    panel.get_by_label("Draw boxes").check()
    panel.get_by_role("button", name="Ask", exact=True).click()
    error = panel.get_by_role("tabpanel", name="Ask").locator(".nbi-error")
    expect(error).to_contain_text("Type what to find", timeout=SOON)
    panel.get_by_role("textbox", name="Question", exact=True).fill("the cat")
    panel.get_by_role("button", name="Ask", exact=True).click()
    boxes = panel.locator(".nbi-box")
    expect(boxes).to_have_count(1, timeout=SOON)
    show = panel.get_by_role("button", name=re.compile("Show 1 box"))
    expect(show).to_have_attribute("aria-pressed", "true")
    show.click()
    expect(boxes).to_have_count(0)
    # What a model writes is drawn, and nothing of it is read as HTML.
    emulator.control(
        answer="## Colours\n\nMostly **red** and *warm*, 3*4*5 <b>tags</b>:\n\n1. `#f00`\n2. blue\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    panel.get_by_label("Draw boxes").uncheck()
    panel.get_by_role("textbox", name="Question", exact=True).fill("Which colours?")
    panel.get_by_role("button", name="Ask", exact=True).click()
    expect(panel.locator(".nbi-live")).to_contain_text("Answered: t3", timeout=SOON)
    answer = panel.locator(".nbi-answer").last
    expect(answer.get_by_role("heading")).to_have_text("Colours")
    expect(answer.locator("b")).to_have_text(["red"])
    expect(answer.locator("p")).to_have_text("Mostly red and warm, 3*4*5 <b>tags</b>:")
    expect(answer.locator("ol > li")).to_have_text(["#f00", "blue"])
    expect(answer.locator("pre")).to_contain_text("| 1 | 2 |")
    emulator.control(answer="")
    # Stop is at hand on the Gallery tab, and the focus does not fall off with it.
    emulator.control({"kind": "hang", "times": 10})
    panel.get_by_role("tab", name="Edit").click()
    prompt(panel).fill("make it day")
    prompt(panel).press("Control+Enter")
    panel.get_by_role("tab", name="Gallery").click()
    stop = panel.get_by_role("tabpanel", name="Gallery").get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=SOON)
    stop.press("Enter")
    expect(stop).to_be_hidden(timeout=SOON)
    expect(panel.locator(".nbi-gallery")).to_be_focused()
    emulator.reset()
    clean(page)
