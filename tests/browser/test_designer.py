"""A designer's loop in the panel: paint, run, dislike, undo, try again; choosing among several."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from PIL import Image

from tests.browser.conftest import Server
from tests.browser.opening import open_panel
from tests.browser.screenshots import take
from tests.browser.test_voila import GEMINI, SOON, clean, drag, expect, head, more, open_sample, prompt, run, stored_pixels, turns, undo

WORDS = ".nbi-maskbar [role=status]"


def tool(panel: Any, name: str) -> None:
    panel.get_by_role("radio", name=name, exact=True).check()


VISIBLE = """() => [...document.querySelectorAll(".nbi :is(button, input, select, textarea, summary)")]
    .filter((each) => each.checkVisibility({visibilityProperty: true, opacityProperty: true}))
    .map((each) => each.getAttribute("aria-label") || each.labels?.[0]?.textContent.trim() || each.textContent.trim())"""


def test_at_first_sight_there_is_the_picture_and_what_is_used_every_time(voila: Server, page: Any) -> None:
    made = 'ni.session("sight").edit("warmer", "sample:chelsea").edit("invert")'
    panel = open_panel(page, voila, "sight", made)
    expect(panel.locator(".nbi-frame.nbi-head .nbi-name")).to_contain_text("current", timeout=SOON)
    expect(panel.locator(".nbi-stage img").first).to_be_visible(timeout=SOON)
    assert page.evaluate(VISIBLE) == [
        *("Session", "Rename", "Edit", "Ask", "Gallery"),
        *("Undo", "Redo", "Mask", "Compare", "Original", "Zoom out", "Zoom in", "Fit", "1:1", "More"),
        *("Prompt", "Run", "More"),
    ]
    folded = {
        each for more in panel.locator("details.nbi-more").all() for each in more.locator("button, summary, label").all_text_contents()
    }
    assert {"Cut out", "Download", "Upload", "Open", "Model"} <= {each.strip() for each in folded}
    panel.get_by_role("button", name="Compare").click()
    compared = panel.locator(".nbi-compare")
    expect(compared).to_contain_text("% changed", timeout=SOON)
    assert "mean" not in compared.inner_text().casefold(), "the numbers are told on request"
    panel.get_by_role("button", name="Mask").click()
    panel.get_by_role("tab", name="Ask").click()
    assert page.evaluate(VISIBLE) == [
        *("Session", "Rename", "Edit", "Ask", "Gallery"),
        *("Undo", "Redo", "Compare", "Original", "Zoom out", "Zoom in", "Fit", "1:1", "More"),
        *("Question", "Ask", "Model", "What can it do?", "Set a key"),
    ]
    panel.get_by_role("tab", name="Edit").click()
    expect(panel.get_by_role("button", name="Mask")).to_have_attribute("aria-pressed", "false")
    clean(page)


def test_paint_run_dislike_undo_try_again(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1080, "height": 1100})
    panel = open_panel(page, voila, "loop")
    open_sample(panel)
    expect(panel.locator(".nbi-frame.nbi-source")).to_have_count(1, timeout=SOON)
    panel.get_by_role("button", name="Mask").click()
    canvas, words = panel.locator(".nbi-mask"), panel.locator(WORDS)
    # With nothing painted it is unclear what is meant.
    prompt(panel).fill("make it brighter")
    prompt(panel).press("Control+Enter")
    doubt = panel.get_by_role("alertdialog", name="Nothing is painted")
    expect(doubt).to_be_visible()
    assert turns(voila, "loop") == []
    doubt.get_by_role("button", name="Paint first").click()
    expect(canvas).to_be_focused()
    drag(page, canvas, (0.3, 0.3), (0.6, 0.5), "mouse")
    expect(words).to_contain_text("% may change")
    painted = words.text_content()
    tool(panel, "Eraser")
    drag(page, canvas, (0.3, 0.3), (0.32, 0.3), "mouse")
    expect(words).not_to_have_text(painted or "")
    kept = words.text_content()
    run(panel, "make it brighter", "t1")
    head(panel, "t1")
    # The brush is back, and nothing is painted on what came.
    expect(panel.get_by_role("radio", name="Brush", exact=True)).to_be_checked()
    expect(words).to_have_text("Paint what may change.")
    # Disliked: the photograph is back with what was painted on it, and one tries again.
    expect(undo(panel)).to_have_text("Undo")
    undo(panel).click()
    expect(panel.locator(".nbi-frame.nbi-source")).to_have_class(re.compile("nbi-chosen"), timeout=SOON)
    expect(words).to_have_text(kept or "")
    take(panel, "panel-undo-mask")
    run(panel, "sepia", "t2")
    first, second = turns(voila, "loop")
    assert (first.parent, second.parent) == (None, None)
    assert first.uses("input")[0].sha256 == second.uses("input")[0].sha256
    assert np.array_equal(stored_pixels(voila, "loop", 1, "mask"), stored_pixels(voila, "loop", 2, "mask"))
    # The mask of the last run on what it made, and the whole way back with mask and prompt.
    panel.get_by_role("button", name="Last mask").click()
    expect(words).to_have_text(kept or "", timeout=SOON)
    expect(undo(panel)).to_have_text("Undo stroke")
    undo(panel).click()
    expect(words).to_have_text("Paint what may change.")
    more(panel)
    prompt(panel).fill("")
    panel.get_by_role("button", name="Again with this mask").click()
    expect(words).to_have_text(kept or "", timeout=SOON)
    expect(prompt(panel)).to_have_value("sepia")
    expect(panel.locator(".nbi-frame.nbi-source")).to_have_class(re.compile("nbi-chosen"))
    clean(page)


def test_strokes_have_keys_of_their_own(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "strokes")
    open_sample(panel)
    panel.get_by_role("button", name="Mask").click()
    canvas, words = panel.locator(".nbi-mask"), panel.locator(WORDS)
    slider = panel.get_by_role("slider", name="Size")
    before = float(slider.input_value())
    canvas.press("]")
    canvas.press("]")
    larger = float(slider.input_value())
    canvas.press("[")
    assert before < float(slider.input_value()) < larger
    drag(page, canvas, (0.2, 0.2), (0.4, 0.2), "mouse")
    one = words.text_content()
    drag(page, canvas, (0.2, 0.6), (0.6, 0.6), "mouse")
    two = words.text_content()
    assert one != two
    page.keyboard.press("Control+z")
    expect(words).to_have_text(one or "")
    page.keyboard.press("Control+y")
    expect(words).to_have_text(two or "")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    expect(words).to_have_text(two or "")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(words).to_have_text("Paint what may change.")
    expect(undo(panel)).to_have_text("Undo")
    # Held, O shows the original, whatever was done to it since.
    panel.get_by_role("button", name="Mask").click()
    run(panel, "rotate 90 degrees", "t1")
    run(panel, "sepia", "t2")
    panel.locator(".nbi-well").focus()
    page.keyboard.down("o")
    plate = panel.get_by_text("Original: sample:chelsea")
    expect(plate).to_be_visible(timeout=SOON)
    assert panel.locator(".nbi-before").evaluate("image => image.decode().then(() => image.naturalWidth)") == 451
    page.keyboard.up("o")
    expect(plate).to_be_hidden()
    clean(page)


def test_what_is_named_is_painted_and_what_is_sent_is_framed(voila: Server, page: Any, start_emulator: Any) -> None:
    emulator = start_emulator("gemini")
    page.set_viewport_size({"width": 1080, "height": 1100})
    panel = open_panel(page, voila, "region", GEMINI.format(emulator.url))
    open_sample(panel)
    panel.locator("details.nbi-more").first.evaluate("details => { details.open = false; }")
    panel.get_by_role("button", name="Mask").click()
    panel.get_by_label("What to find and paint").fill("the eye")
    panel.get_by_label("What to find and paint").press("Enter")
    expect(panel.locator(".nbi-live")).to_contain_text("“the eye”: 1 found by gemini", timeout=SOON)
    expect(panel.locator(WORDS)).to_contain_text("% may change", timeout=SOON)
    prompt(panel).fill("a red scarf")
    note = panel.get_by_text("The frame is what is sent")
    expect(note).to_be_visible(timeout=SOON)
    expect(panel.locator(".nbi-region")).to_have_count(1)
    expect(panel.locator(".nbi-cost")).to_contain_text("$")
    take(panel, "panel-region")
    panel.get_by_role("button", name="Clear").click()
    expect(panel.locator(".nbi-region")).to_have_count(0)
    # Of a whole picture it is said where a service gives back less than it has.
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(voila.folder / "whole.png")
    panel.get_by_role("button", name="Mask").click()
    more(panel)
    panel.get_by_label("Path, address, sample").fill("whole.png")
    panel.get_by_label("Path, address, sample").press("Enter")
    expect(panel.get_by_text("The result will be smaller: about 1254 × 836, was 3000 × 2000.")).to_be_visible(timeout=SOON)
    open_sample(panel)
    expect(panel.get_by_text("The result will be smaller")).to_have_count(0, timeout=SOON)
    # Cutting out is one click, and needs no service.
    panel.get_by_role("button", name="Cut out").click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("t2 cut out", timeout=30_000)
    clean(page)
    emulator.reset()


def test_of_several_pictures_one_is_chosen(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1080, "height": 1100})
    panel = open_panel(page, voila, "several")
    more(panel.locator(".nbi-side").first)
    panel.locator(".nbi-options summary").click()
    panel.get_by_label("Pictures", exact=True).fill("4")
    run(panel, "a gradient from orange to navy, a white circle", "t1")
    choices = panel.get_by_role("group", name="Choose the picture to go on from")
    expect(choices.get_by_role("button")).to_have_count(4, timeout=SOON)
    take(panel, "panel-choose")
    more(panel.locator(".nbi-side").first)
    tool(panel, "Edit this picture")
    prompt(panel).fill("sepia")
    prompt(panel).press("Control+Enter")
    expect(panel.get_by_role("tabpanel", name="Edit").locator(".nbi-error")).to_contain_text("Choose the one to edit first", timeout=SOON)
    choices.get_by_role("button", name="Choose picture 3 of 4").click()
    expect(panel.locator(".nbi-stage > .nbi-caption b")).to_have_text("t1.3", timeout=SOON)
    run(panel, "sepia", "t2")
    assert turns(voila, "several")[1].picked == 3
    # What it was made from is what one compares with, without being asked.
    panel.get_by_role("button", name="Compare").click()
    expect(panel.get_by_label("Compare with").locator("option:checked")).to_have_text("what it was made from")
    expect(panel.locator(".nbi-numbers summary")).to_have_text(re.compile("% changed"), timeout=SOON)
    clean(page)


def test_as_delivered_align_and_cut_out_are_at_hand_under_more(voila: Server, page: Any, start_emulator: Any) -> None:
    emulator = start_emulator("gemini")
    emulator.control(drift={"shift": [0.02, 0.01]})
    page.set_viewport_size({"width": 1080, "height": 1200})
    panel = open_panel(page, voila, "delivered", GEMINI.format(emulator.url))
    open_sample(panel, "coffee")
    delivered, cut = (panel.get_by_role("button", name=name, exact=True) for name in ("As delivered", "Cut out"))
    expect(cut).to_be_visible()
    expect(delivered).to_have_count(0)
    panel.get_by_role("button", name="Mask", exact=True).click()
    drag(page, panel.locator(".nbi-mask"), (0.3, 0.3), (0.6, 0.5), "mouse")
    run(panel, "a bee", "t1")
    panel.get_by_role("button", name="Mask", exact=True).click()
    # What the service sent beside what was pasted of it.
    delivered.click()
    expect(panel.locator(".nbi-compare")).to_contain_text("t1 as delivered", timeout=SOON)
    panel.get_by_role("radio", name="Side by side", exact=True).check()
    expect(panel.locator(".nbi-over")).to_have_count(2)
    expect(panel.get_by_role("img", name=re.compile("^t1 as delivered"))).to_be_visible(timeout=SOON)
    panel.get_by_role("button", name="Close").click()
    panel.evaluate("place => place.querySelectorAll('details').forEach((one) => (one.open = true))")
    align = panel.get_by_role("checkbox", name="Align")
    align.check()
    run(panel, "warmer", "t2")
    align.uncheck()
    expect(delivered).to_have_count(0 if not turns(voila, "delivered")[1].uses("delivered") else 1)
    cut.click()
    expect(panel.locator(".nbi-live")).to_contain_text("t3", timeout=6 * SOON)  # OpenCV is loaded
    first, second, third = turns(voila, "delivered")
    assert first.uses("delivered")
    assert "align" not in first.asked
    assert second.asked["align"] is True
    assert "moved" in f"{second.note} {second.warnings}"
    assert (third.prompt, third.model, "align" in third.asked) == ("cut out", "local:builtin", False)
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("cut out by GrabCut", timeout=SOON)
    for button in (delivered, cut):
        assert button.count() == 0 or button.evaluate("one => one.closest('details') !== null")
    clean(page)
