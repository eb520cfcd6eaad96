"""The panel in a browser, under Voila: pictures in, runs, masks, comparisons, history, questions, gallery, bad input."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from notebook_img.store import Store
from tests.browser.conftest import ROOT, Server, _page, wait_for
from tests.browser.opening import open_panel
from tests.browser.screenshots import take

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install playwright").expect
SOON = 15_000
GEMINI = 'os.environ["GEMINI_API_KEY"] = "AIza-test-key"; os.environ["GOOGLE_GEMINI_BASE_URL"] = {!r}'


def prompt(panel: Any) -> Any:
    return panel.get_by_role("textbox", name="Prompt", exact=True)


def run(panel: Any, text: str, done: str = "Done") -> None:
    field = prompt(panel)
    field.fill(text)
    field.press("Control+Enter")
    expect(panel.locator(".nbi-live")).to_contain_text(done, timeout=SOON)


def more(place: Any) -> None:
    """Open what is not shown at first sight."""
    place.locator("details.nbi-more").first.evaluate("details => { details.open = true; }")


def undo(panel: Any) -> Any:
    return panel.get_by_role("toolbar", name="Picture", exact=True).get_by_role("button", name="Undo")


def open_sample(panel: Any, name: str = "chelsea") -> None:
    more(panel)
    panel.get_by_label("Path, address, sample").fill(f"sample:{name}")
    panel.get_by_role("button", name="Open", exact=True).click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text(f"sample:{name}", timeout=SOON)


def head(panel: Any, name: str) -> None:
    expect(panel.locator(".nbi-frame.nbi-head .nbi-name")).to_contain_text(name, timeout=SOON)


def turns(server: Server, session: str) -> list[Any]:
    store = Store.open(server.store, read_only=True)
    try:
        return store.turns(store.session_named(session).id)
    finally:
        store.close()


def stored_pixels(server: Server, session: str, number: int, role: str = "output") -> np.ndarray[Any, Any]:
    store = Store.open(server.store, read_only=True)
    try:
        use = store.turn(store.session_named(session).id, number).uses(role)[0]
        path = store.picture_path(use.sha256, use.mime_type)
        return np.asarray(Image.open(path).convert("RGB" if role == "output" else "L"))
    finally:
        store.close()


def clean(page: Any) -> None:
    """No script failed, and nothing but Voila itself asked another host."""
    assert page.errors == []
    assert [url for url in page.foreign if "fontawesome" not in url] == []


@pytest.fixture
def red(tmp_path: Path) -> str:
    path = tmp_path / "red.png"
    Image.new("RGB", (120, 80), (200, 30, 30)).save(path)
    return str(path)


def test_upload_prompt_and_run(voila: Server, page: Any, red: str) -> None:
    panel = open_panel(page, voila, "upload")
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Upload").click()
    chooser.value.set_files(red)
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("red.png", timeout=SOON)
    expect(panel.locator(".nbi-cost")).to_contain_text("free")
    run(panel, "make it grayscale")
    head(panel, "t1")
    shown = panel.locator(".nbi-canvas img.nbi-picture")
    assert shown.evaluate("image => image.complete && image.naturalWidth") == 120
    pixels = stored_pixels(voila, "upload", 1)
    assert pixels.shape == (80, 120, 3)
    assert abs(int(pixels[40, 60, 0]) - int(pixels[40, 60, 1])) < 4
    assert turns(voila, "upload")[0].origin.surface == "panel"
    clean(page)


def test_paste_and_drop(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "paste")
    send = """([element, kind, image]) => new Promise((done) => {
        const canvas = document.createElement("canvas"); canvas.width = 50; canvas.height = 40;
        canvas.toBlob((blob) => {
            const data = new DataTransfer();
            if (image) data.items.add(new File([blob], "from-outside.png", { type: "image/png" })); else data.setData("text/plain", "");
            const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            element.dispatchEvent(event); done();
        });
    })"""
    tab = panel.get_by_role("tab", name="Edit").element_handle()
    well = panel.locator(".nbi-well").element_handle()
    page.evaluate(send, [tab, "paste", False])
    expect(panel.locator(".nbi-live")).to_have_text("The clipboard holds no picture.")
    page.evaluate(send, [tab, "paste", True])
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("from-outside.png 50 × 40", timeout=SOON)
    open_sample(panel, "coffee")
    page.evaluate(send, [well, "drop", True])
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("from-outside.png", timeout=SOON)
    side = panel.locator(".nbi-side").first.element_handle()
    page.evaluate(send, [side, "drop", True])
    expect(panel.locator(".nbi-reference")).to_have_count(1, timeout=SOON)
    clean(page)


def test_bad_input_is_told_in_one_sentence(voila: Server, page: Any, tmp_path: Path) -> None:
    panel = open_panel(page, voila, "bad")
    report = tmp_path / "report.png"
    report.write_bytes(b"%PDF-1.7 this is no picture")
    live = panel.locator(".nbi-live")
    panel.locator("input[type=file]").set_input_files(str(report))
    expect(live).to_contain_text("report.png", timeout=SOON)
    expect(live).to_have_class(re.compile("nbi-error"))
    panel.get_by_label("Path, address, sample").fill("nothere.png")
    panel.get_by_label("Path, address, sample").press("Enter")
    expect(live).to_contain_text("There is no file", timeout=SOON)
    open_sample(panel)
    error = panel.get_by_role("tabpanel", name="Edit").locator(".nbi-error")
    more(panel.locator(".nbi-side").first)
    prompt(panel).fill("add a red scarf")
    panel.get_by_role("button", name="Run").click()
    expect(error).to_contain_text("cannot 'add a red scarf'", timeout=SOON)
    model = panel.get_by_role("combobox", name="Model", exact=True).first
    model.select_option(label=model.get_by_role("option", name=re.compile("more that need a key")).text_content())
    model.select_option("gemini:" + gemini_model())
    panel.get_by_role("button", name="Run").click()
    expect(error).to_contain_text("GEMINI_API_KEY", timeout=SOON)
    assert turns(voila, "bad") == []
    clean(page)


def gemini_model() -> str:
    from notebook_img import providers
    from notebook_img.settings import Settings

    return str(providers.get("gemini", Settings(environ={})).default_model("edit"))


def drag(page: Any, canvas: Any, start: tuple[float, float], end: tuple[float, float], pointer: str) -> None:
    """Draw with a mouse, finger or pen: real mouse events, or pointer events of the other kinds."""
    box = canvas.bounding_box()
    points = [
        (
            box["x"] + box["width"] * (start[0] + (end[0] - start[0]) * step / 8),
            box["y"] + box["height"] * (start[1] + (end[1] - start[1]) * step / 8),
        )
        for step in range(9)
    ]
    if pointer == "mouse":
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
        return
    for index, (x, y) in enumerate(points):
        kind = "pointerdown" if index == 0 else "pointerup" if index == 8 else "pointermove"
        canvas.dispatch_event(kind, {"clientX": x, "clientY": y, "pointerType": pointer, "pointerId": 7, "pressure": 0.5, "bubbles": True})


def test_a_mask_drawn_with_mouse_touch_and_pen_confines_the_edit(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1080, "height": 1200})
    panel = open_panel(page, voila, "mask", theme="dark")
    open_sample(panel)
    run(panel, "warmer")
    panel.get_by_role("button", name="Mask").click()
    canvas = panel.locator(".nbi-mask")
    words = panel.locator(".nbi-maskbar [role=status]")
    drag(page, canvas, (0.2, 0.3), (0.4, 0.35), "mouse")
    expect(words).to_contain_text("% may change")
    drag(page, canvas, (0.6, 0.3), (0.7, 0.5), "touch")
    drag(page, canvas, (0.6, 0.8), (0.7, 0.8), "pen")
    panel.get_by_role("radio", name="Rectangle", exact=True).check()
    drag(page, canvas, (0.05, 0.05), (0.15, 0.15), "mouse")
    before = words.text_content()
    panel.get_by_role("button", name="Invert").click()
    expect(words).not_to_have_text(before)
    undo(panel).click()
    expect(words).to_have_text(before)
    take(panel, "mask-dark")
    expect(panel.get_by_text("Only what is painted will change.")).to_be_visible()
    run(panel, "make it brighter", "t2")
    mask = stored_pixels(voila, "mask", 2, "mask")
    one, two = stored_pixels(voila, "mask", 1), stored_pixels(voila, "mask", 2)
    assert mask.shape == (300, 451), "the mask has the picture's true size"
    assert mask[95, 130] == 255, "mouse"
    assert mask[120, 293] == 255, "touch"
    assert mask[240, 293] == 255, "pen"
    assert mask[30, 45] == 255, "rectangle"
    assert mask[200, 20] == 0
    assert np.array_equal(one[mask == 0], two[mask == 0])
    assert not np.array_equal(one, two)
    clean(page)


def test_a_mask_is_painted_with_the_keyboard_too(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "mask-keys")
    open_sample(panel)
    panel.get_by_role("button", name="Mask").press("Enter")
    canvas = panel.locator(".nbi-mask")
    expect(canvas).to_be_focused()
    words = panel.locator(".nbi-maskbar [role=status]")
    for key in ("Space", "ArrowRight", "Space", "ArrowDown", "Space"):
        canvas.press(key)
    expect(words).to_contain_text("may change")
    canvas.press("Control+z")
    canvas.press("Control+z")
    canvas.press("Control+z")
    expect(words).to_have_text("Paint what may change.")
    clean(page)


def test_compare_by_slider_side_by_side_and_difference(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "compare")
    open_sample(panel)
    run(panel, "pencil drawing")
    panel.get_by_role("button", name="Compare").click()
    slider = panel.get_by_role("slider", name=re.compile("Share of sample:chelsea"))
    top = panel.locator(".nbi-top")
    slider.fill("20")
    assert "80%" in top.evaluate("element => element.style.clipPath")
    slider.press("ArrowRight")
    assert "79.5%" in top.evaluate("element => element.style.clipPath")
    box = panel.locator(".nbi-over").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    assert abs(float(slider.input_value()) - 75) < 3
    expect(panel.locator(".nbi-compare")).to_contain_text("% changed", timeout=SOON)
    panel.get_by_role("radio", name="Side by side", exact=True).check()
    expect(panel.locator(".nbi-pair img.nbi-picture")).to_have_count(2)
    panel.get_by_role("radio", name="Difference", exact=True).check()
    expect(panel.get_by_alt_text(re.compile("^Where sample:chelsea and t1 differ"))).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel.locator(".nbi-canvas")).to_be_visible()
    clean(page)


def test_history_is_walked_with_mouse_and_keyboard(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "history")
    open_sample(panel)
    for text, name in (("warmer", "t1"), ("rotate 90 degrees", "t2")):
        run(panel, text, name)
    frames = panel.locator(".nbi-frame")
    frames.nth(1).click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("t1 warmer", timeout=SOON)
    head(panel, "t2")
    frames.nth(1).dblclick()
    head(panel, "t1")
    run(panel, "pencil drawing", "t3")
    assert turns(voila, "history")[2].parent == 1
    expect(panel.locator(".nbi-branches path")).to_have_count(3)
    strip = panel.locator(".nbi-strip")
    strip.focus()
    strip.press("ArrowUp")
    expect(panel.locator(".nbi-frame.nbi-chosen .nbi-name")).to_contain_text("t2", timeout=SOON)
    strip.press("Enter")
    head(panel, "t2")
    undo(panel).click()
    head(panel, "t1")
    panel.get_by_role("button", name="Redo", exact=True).click()
    head(panel, "t2")
    clean(page)


def test_names_download_and_copy(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "names")
    open_sample(panel)
    run(panel, "warmer")
    panel.get_by_role("button", name="Rename").click()
    panel.get_by_label("Name of the session").fill("renamed")
    panel.get_by_label("Name of the session").press("Enter")
    expect(panel.locator(".nbi-session")).to_have_value("renamed", timeout=SOON)
    expect(panel.get_by_role("button", name="Rename")).to_be_focused()
    more(panel)
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "chelsea-t1.jpg"
    assert np.array_equal(np.asarray(Image.open(download.value.path())), stored_pixels(voila, "renamed", 1))
    panel.get_by_role("button", name="Copy as magic").click()
    expect(panel.locator(".nbi-live")).to_contain_text("Copied the cell that repeats t1")
    assert page.evaluate("navigator.clipboard.readText()").startswith("%%imgedit -s renamed -i sample:chelsea")
    clean(page)


def test_questions_stream_follow_up_and_draw_boxes(voila: Server, page: Any, start_emulator: Any) -> None:
    emulator = start_emulator("gemini")
    emulator.control({"kind": "reply", "reply": "slow_stream", "seconds": 0.3}, answer="It is a tabby cat with green eyes, looking at you.")
    page.set_viewport_size({"width": 1080, "height": 1200})
    panel = open_panel(page, voila, "ask", GEMINI.format(emulator.url))
    open_sample(panel)
    panel.get_by_role("tab", name="Ask").click()
    question = panel.get_by_role("textbox", name="Question", exact=True)
    question.fill("What is in this picture?")
    question.press("Enter")
    answer = panel.locator(".nbi-answer").last
    expect(answer).to_have_text(re.compile("^It is a tabby"), timeout=SOON)
    expect(panel.locator(".nbi-live")).to_contain_text("Answered: t1", timeout=SOON)
    question.fill("And the colours?")
    panel.get_by_role("button", name="Ask", exact=True).click()
    expect(panel.locator(".nbi-live")).to_contain_text("Answered: t2", timeout=SOON)
    assert [turn.parent for turn in turns(voila, "ask")] == [None, 1]
    emulator.control(answer="")
    panel.get_by_label("Draw boxes").check()
    question.fill("the cat")
    question.press("Enter")
    expect(panel.locator(".nbi-box")).to_have_count(1, timeout=SOON)
    take(panel, "ask-light")
    panel.get_by_role("button", name="Use as mask").click()
    expect(panel.locator(".nbi-maskbar [role=status]")).to_contain_text("may change")
    clean(page)
    emulator.reset()


def test_stop_and_a_second_run(voila: Server, page: Any, start_emulator: Any) -> None:
    emulator = start_emulator("gemini")
    emulator.control({"kind": "hang", "times": 10})
    panel = open_panel(page, voila, "stop", GEMINI.format(emulator.url))
    open_sample(panel)
    expect(panel.locator(".nbi-cost")).to_contain_text("$", timeout=SOON)
    prompt(panel).fill("make it night")
    prompt(panel).press("Control+Enter")
    stop = panel.get_by_role("tabpanel", name="Edit").get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=SOON)
    emulator.wait_for(lambda rows: rows)
    expect(panel.locator(".nbi-progress").first).to_contain_text(re.compile(r"\d s"))
    prompt(panel).press("Control+Enter")
    error = panel.get_by_role("tabpanel", name="Edit").locator(".nbi-error")
    expect(error).to_contain_text("Still working")
    stop.click()
    expect(error).to_contain_text("Stopped", timeout=3_000)
    emulator.wait_for(lambda rows: any(row["state"] == "client left" for row in rows))
    expect(stop).to_be_hidden()
    assert turns(voila, "stop") == []
    clean(page)
    emulator.reset()


def test_narrow_outputs_and_touch_screens_have_everything_within_reach(voila: Server, browser: Any) -> None:
    for page in _page(browser, viewport={"width": 380, "height": 900}, has_touch=True):
        panel = open_panel(page, voila, "narrow")
        open_sample(panel)
        run(panel, "warmer")
        over = panel.evaluate("element => element.scrollWidth - element.clientWidth")
        assert over <= 0, f"{over} pixels stick out"
        assert prompt(panel).bounding_box()["width"] > 250
        panel.get_by_role("button", name="Compare").tap()
        expect(panel.get_by_label("Compare with")).to_be_visible(timeout=SOON)
        assert panel.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
        panel.get_by_role("button", name="Mask").tap()
        panel.get_by_role("tab", name="Gallery").tap()
        expect(panel.locator(".nbi-tile").first).to_be_visible(timeout=SOON)
        assert panel.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
        clean(page)


def test_the_studio_notebook_is_an_app(voila: Server, page: Any) -> None:
    (voila.folder / "08-studio.ipynb").write_bytes((ROOT / "notebooks" / "08-studio.ipynb").read_bytes())
    page.goto(f"{voila.url}/voila/render/08-studio.ipynb", wait_until="domcontentloaded", timeout=60_000)
    panel = page.locator(".nbi")
    panel.wait_for(timeout=60_000)
    panel.get_by_role("button", name="coffee").click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("sample:coffee", timeout=SOON)
    run(panel, "sepia")
    wait_for(lambda: len(turns(voila, "studio")) == 1, timeout=10)
    clean(page)
