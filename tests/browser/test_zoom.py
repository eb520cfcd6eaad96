"""Looking closely in the panel: the pointer paints where it is at any zoom, compared pictures zoom together, two fingers zoom and move."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Server
from tests.browser.opening import open_panel
from tests.browser.test_designer import WORDS
from tests.browser.test_voila import SOON, clean, expect, more, open_sample, run, stored_pixels


@pytest.mark.parametrize("browser_zoom", [1, 1.5])
def test_the_mask_is_painted_where_the_pointer_is_at_any_zoom(voila: Server, page: Any, browser_zoom: float) -> None:
    # As the browser's own zoom does: fewer CSS pixels in the window, more of the screen's for each.
    tools = page.context.new_cdp_session(page)
    size = {"width": round(1280 / browser_zoom), "height": round(1200 / browser_zoom)}
    tools.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": browser_zoom, "mobile": False})
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(voila.folder / "large.png")
    session = f"zoom {browser_zoom:g}"
    panel = open_panel(page, voila, session)
    more(panel)
    panel.get_by_label("Path, address, sample").fill("large.png")
    panel.get_by_label("Path, address, sample").press("Enter")
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("large.png", timeout=SOON)
    percent = panel.get_by_label("Zoom", exact=True).get_by_role("status")
    fitting = percent.text_content()
    panel.get_by_role("button", name="1:1").click()
    expect(percent).to_have_text("100 %")
    # What is shown there are the picture's own pixels, not those of the smaller copy.
    detail = panel.locator(".nbi-detail")
    expect(detail).to_be_visible(timeout=SOON)
    assert detail.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0.9 * panel.locator(".nbi-well").evaluate(
        "well => Math.min(3000, well.clientWidth * devicePixelRatio)"
    )
    well = panel.locator(".nbi-well")
    well.scroll_into_view_if_needed()
    box = well.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    corner = (box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.move(*corner)
    page.mouse.wheel(0, -240)
    expect(percent).not_to_have_text("100 %")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 130, middle[1] - 70, steps=4)
    page.mouse.up()
    panel.get_by_role("button", name="Mask").click()
    canvas = panel.locator(".nbi-mask")
    for _ in range(7):
        canvas.press("[")
    size = float(panel.get_by_role("slider", name="Size").input_value())
    spot = (round(middle[0] + 37), round(middle[1] - 21))
    frame = canvas.bounding_box()
    at = ((spot[0] - frame["x"]) / frame["width"] * 3000, (spot[1] - frame["y"]) / frame["height"] * 2000)
    page.mouse.click(*spot)
    # Wheel and middle button go on to zoom and move while a mask is painted; a second spot after both.
    page.mouse.wheel(0, -120)
    page.mouse.down(button="middle")
    page.mouse.move(spot[0] + 90, spot[1] + 40, steps=3)
    page.mouse.up(button="middle")
    frame = canvas.bounding_box()
    second = ((spot[0] - 150 - frame["x"]) / frame["width"] * 3000, (spot[1] + 60 - frame["y"]) / frame["height"] * 2000)
    page.mouse.click(spot[0] - 150, spot[1] + 60)
    canvas.press("0")
    expect(percent).to_have_text(fitting or "")
    run(panel, "make it brighter", "t1")
    mask = stored_pixels(voila, session, 1, "mask")
    assert mask.shape == (2000, 3000)
    for x, y in (at, second):
        near = mask[round(y - size) : round(y + size), round(x - size) : round(x + size)] > 127
        rows, columns = np.nonzero(near)
        assert abs(columns.mean() - size) < 2, "painted where the pointer was"
        assert abs(rows.mean() - size) < 2
        assert abs(near.sum() / (np.pi * size**2 / 4) - 1) < 0.1, "as large as the brush"
    expect(panel.locator(".nbi-live")).not_to_contain_text("clipboard")
    assert abs((mask > 127).sum() / (2 * np.pi * size**2 / 4) - 1) < 0.1, "and nowhere else"
    clean(page)


def place(page: Any, panel: Any, sheet: int) -> tuple[float, float, float]:
    """Return where a frame of the comparison lies in its pane, and how wide it is, CSS pixels."""
    frame, pane = panel.locator(".nbi-sheet").nth(sheet).bounding_box(), panel.locator(".nbi-over").nth(sheet).bounding_box()
    return frame["x"] - pane["x"], frame["y"] - pane["y"], frame["width"]


def test_both_pictures_of_a_comparison_zoom_and_move_together(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 1200})
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(voila.folder / "compared.png")
    panel = open_panel(page, voila, "closer")
    more(panel)
    panel.get_by_label("Path, address, sample").fill("compared.png")
    panel.get_by_label("Path, address, sample").press("Enter")
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("compared.png", timeout=SOON)
    run(panel, "invert", "t1")
    panel.get_by_role("button", name="Compare").click()
    percent = panel.get_by_label("Zoom", exact=True).get_by_role("status")
    panel.get_by_role("radio", name="Side by side", exact=True).check()
    panes = panel.locator(".nbi-over")
    expect(panes).to_have_count(2)
    panes.first.scroll_into_view_if_needed()
    fitting = percent.text_content()
    whole = place(page, panel, 0)
    # The wheel over one picture (Ctrl, as nothing was clicked): the same place of both comes nearer.
    box = panes.nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(percent).not_to_have_text(fitting or "")
    first = place(page, panel, 0)
    assert first == pytest.approx(place(page, panel, 1), abs=1)
    assert first[2] > 1.5 * whole[2]
    # A drag in one moves both by what it was dragged.
    box = panes.nth(1).bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 60, middle[1] - 20, steps=3)
    page.mouse.up()
    moved = place(page, panel, 0)
    assert moved == pytest.approx(place(page, panel, 1), abs=1)
    assert moved[0] == pytest.approx(first[0] - 60, abs=1.5)
    # What is shown are the pictures' own pixels, not those of the copies.
    panel.get_by_role("button", name="1:1").click()
    expect(percent).to_have_text("100 %")
    details = panel.locator(".nbi-compare .nbi-detail")
    for index in range(2):
        expect(details.nth(index)).to_be_visible(timeout=SOON)
    # With the slider both lie in one pane; a drag at the line moves the line, one beside it the pictures.
    panel.get_by_role("radio", name="Slider", exact=True).check()
    expect(percent).to_have_text("100 %")
    slider = panel.get_by_role("slider", name=re.compile("^Share of compared.png"))
    pane, line = panes.first.bounding_box(), panel.locator(".nbi-line").bounding_box()
    frames = panel.locator(".nbi-sheet")
    before = [frames.nth(index).bounding_box()["x"] for index in range(2)]
    assert before[0] == pytest.approx(before[1], abs=1)
    page.mouse.move(line["x"] + 1, pane["y"] + pane["height"] / 2)
    page.mouse.down()
    page.mouse.move(pane["x"] + pane["width"] * 0.75, pane["y"] + pane["height"] / 2, steps=4)
    page.mouse.up()
    assert float(slider.input_value()) == pytest.approx(75, abs=1)
    assert [frames.nth(index).bounding_box()["x"] for index in range(2)] == pytest.approx(before, abs=1)
    page.mouse.move(pane["x"] + pane["width"] * 0.3, pane["y"] + pane["height"] / 2)
    page.mouse.down()
    page.mouse.move(pane["x"] + pane["width"] * 0.3 + 50, pane["y"] + pane["height"] / 2, steps=3)
    page.mouse.up()
    assert [frames.nth(index).bounding_box()["x"] for index in range(2)] == pytest.approx([x + 50 for x in before], abs=1.5)
    assert float(slider.input_value()) == pytest.approx(75, abs=1)
    # Arrow keys: on the line they move it, elsewhere the pictures. 0 shows all of them.
    slider.press("ArrowLeft")
    assert float(slider.input_value()) < 75
    panel.get_by_role("radio", name="Difference", exact=True).check()
    expect(panel.get_by_alt_text(re.compile("^Where compared.png and t1 differ"))).to_be_visible(timeout=SOON)
    panel.locator(".nbi-well").press("0")
    expect(percent).not_to_have_text("100 %")
    panel.get_by_role("button", name="Close").click()
    expect(panel.locator(".nbi-canvas")).to_be_visible()
    clean(page)


def test_two_fingers_zoom_and_move_while_one_paints(voila: Server, browser: Any) -> None:
    from tests.browser.conftest import _page

    for page in _page(browser, viewport={"width": 800, "height": 1000}, has_touch=True):
        panel = open_panel(page, voila, "pinch")
        open_sample(panel)
        panel.get_by_role("button", name="Mask").tap()
        well = panel.locator(".nbi-well")
        well.scroll_into_view_if_needed()
        box = well.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        percent = panel.get_by_label("Zoom", exact=True).get_by_role("status")
        before = percent.text_content()
        tools = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[float, float], tools: Any = tools) -> None:
            found = [{"x": px, "y": py, "id": index} for index, (px, py) in enumerate(points)]
            tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": found})

        touch("touchStart", (x - 30, y))
        touch("touchStart", (x - 30, y), (x + 30, y))
        for step in range(1, 9):
            touch("touchMove", (x - 30 - step * 10, y), (x + 30 + step * 10, y))
        touch("touchEnd")
        expect(percent).not_to_have_text(before or "")
        expect(panel.locator(WORDS)).to_have_text("Paint what may change.")
        touch("touchStart", (x, y))
        touch("touchMove", (x + 20, y + 5))
        touch("touchEnd")
        expect(panel.locator(WORDS)).to_contain_text("may change")
        expect(panel.locator(WORDS)).not_to_have_text("Paint what may change.")
        clean(page)
