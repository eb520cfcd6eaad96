"""The picture of the README: the panel with a mask being painted, and the comparison after the run, on a photograph and by the built-in engine.

The work in it is honest: everything but the cup is painted and made greyscale, and what was not painted keeps its pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from tests.browser.conftest import ROOT, Server
from tests.browser.opening import open_panel
from tests.browser.screenshots import take_beside
from tests.browser.test_voila import clean, expect, open_sample, prompt, run, stored_pixels

BRUSH = 80
"""Pixels of the picture, which has 600 x 400."""
STROKES = [
    (0.46, 0.60, 0.27, 0.27),
    (0.46, 0.60, 0.14, 0.13),
    (0.46, 0.60, 0.05, 0.03),
    (0.49, 0.27, 0.145, 0.14),
    (0.49, 0.27, 0.03, 0.03),
]
"""Round the saucer and round the cup: middle and half axes, in parts of the picture's sides."""


def round_stroke(page: Any, canvas: Any, x: float, y: float, across: float, down: float) -> None:
    """Paint along an ellipse with the mouse."""
    box = canvas.bounding_box()
    angles = np.linspace(0, 2 * np.pi, 33)
    points = [(box["x"] + box["width"] * (x + across * np.cos(a)), box["y"] + box["height"] * (y + down * np.sin(a))) for a in angles]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def test_all_but_the_cup_is_made_greyscale_and_compared(voila: Server, page: Any) -> None:
    page.set_viewport_size({"width": 760, "height": 1200})
    panel = open_panel(page, voila, "a cup of coffee")
    open_sample(panel, "coffee")
    panel.locator("details.nbi-more").first.evaluate("details => { details.open = false; }")
    panel.get_by_role("button", name="Mask").click()
    canvas = panel.locator(".nbi-mask")
    panel.get_by_role("slider", name="Size").fill(str(BRUSH))
    for stroke in STROKES:
        round_stroke(page, canvas, *stroke)
    panel.get_by_role("button", name="Invert").click()
    prompt(panel).fill("make it greyscale")
    painted = panel.screenshot(animations="disabled")
    run(panel, "make it greyscale", "t1")
    before = np.asarray(Image.open(ROOT / "notebook_img" / "pictures" / "samples" / "coffee.jpg").convert("RGB"))
    after = stored_pixels(voila, "a cup of coffee", 1)
    mask = stored_pixels(voila, "a cup of coffee", 1, "mask") > 0
    assert 0.4 < mask.mean() < 0.9
    assert np.array_equal(before[~mask], after[~mask])
    assert np.ptp(after[mask].astype(int), axis=-1).mean() < 6, "grey where it was painted"
    panel.get_by_role("button", name="Compare").click()
    expect(panel.locator(".nbi-compare")).to_contain_text("% changed", timeout=15_000)
    panel.get_by_role("slider", name="Share of").fill("46")
    take_beside(painted, panel, "readme")
    clean(page)
