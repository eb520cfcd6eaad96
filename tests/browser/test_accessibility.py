"""axe-core finds no serious issue, in light and dark, on every tab; and the two screenshots of the README."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, missing
from tests.browser.opening import open_panel
from tests.browser.screenshots import take
from tests.browser.test_voila import SOON, expect, open_sample, run

BAD = ("serious", "critical")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of axe-core."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm, which brings axe-core", "apt-get install npm")
    kept = os.environ.get("AXE_CORE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("axe")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        command = [str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(folder), "axe-core@4"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            missing("axe-core", f"npm install axe-core@4 ({done.stderr.strip()[-200:]})")
    return script.read_text(encoding="utf-8")


def check(page: Any, axe: str, where: str) -> None:
    page.evaluate(axe)
    found = page.evaluate("axe.run(document.querySelector('.nbi'), { resultTypes: ['violations'] })")
    bad = [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}: {each['nodes'][0]['failureSummary'][:300]}"
        for each in found["violations"]
        if each["impact"] in BAD
    ]
    assert bad == [], f"{where}: {bad}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_issue_on_any_tab(voila: Server, page: Any, axe: str, theme: str) -> None:
    page.set_viewport_size({"width": 1080, "height": 1200})
    panel = open_panel(page, voila, f"cat in {theme}", theme=theme)
    expect(panel).to_have_attribute("data-theme", theme, timeout=SOON)
    check(page, axe, f"{theme}, empty")
    open_sample(panel)
    run(panel, "more contrast, warmer", "t1")
    run(panel, "pencil drawing", "t2")
    panel.locator(".nbi-frame").nth(1).dblclick()
    expect(panel.locator(".nbi-frame.nbi-head .nbi-name")).to_contain_text("t1", timeout=SOON)
    run(panel, "sepia", "t3")
    run(panel, "vignette", "t4")
    for place in panel.locator(".nbi-more > summary").all():
        place.click() if not place.locator("..").evaluate("details => details.open") else None
    panel.locator(".nbi-options summary").click()
    check(page, axe, f"{theme}, edit")
    for place in panel.locator(".nbi-more > summary").all():
        place.click()
    panel.locator(".nbi-frame").nth(2).click()
    expect(panel.locator(".nbi-stage > .nbi-caption")).to_contain_text("pencil", timeout=SOON)
    panel.get_by_role("button", name="Compare").click()
    expect(panel.locator(".nbi-compare")).to_contain_text("% changed", timeout=SOON)
    panel.get_by_role("slider", name="Share of").fill("46")
    check(page, axe, f"{theme}, compare")
    panel.get_by_role("tab", name="Edit").focus()
    take(panel, f"panel-{theme}")
    panel.get_by_role("button", name="Mask").click()
    panel.get_by_role("button", name="Invert").click()
    check(page, axe, f"{theme}, mask")
    panel.get_by_role("tab", name="Ask").click()
    panel.get_by_role("textbox", name="Question", exact=True).fill("What size is it?")
    panel.get_by_role("button", name="Ask", exact=True).click()
    expect(panel.locator(".nbi-live")).to_contain_text("Answered", timeout=SOON)
    check(page, axe, f"{theme}, ask")
    panel.get_by_role("tab", name="Gallery").click()
    panel.locator(".nbi-tile").first.click()
    check(page, axe, f"{theme}, gallery")
    assert page.errors == []


def test_every_control_is_reached_with_tab_and_shows_its_focus(voila: Server, page: Any) -> None:
    panel = open_panel(page, voila, "focus")
    open_sample(panel)
    run(panel, "warmer")
    found = panel.evaluate(
        """root => [...root.querySelectorAll("button, select, input, textarea, summary, [role=listbox]")].filter((e) =>
            e.checkVisibility() && e.getClientRects().length && !e.disabled && e.tabIndex >= 0 && !(e.type === "radio" && !e.checked)).map((e) => {
                e.dataset.seen = String(Math.random());
                return [e.dataset.seen, e.outerHTML.slice(0, 120)];
            })"""
    )
    missed = dict(found)
    panel.locator(".nbi-session").focus()
    unmarked = []
    missed.pop(panel.locator(".nbi-session").get_attribute("data-seen"))
    for _ in range(len(found) + 10):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const e = document.activeElement;
                if (!e || !e.closest(".nbi")) return null;
                const place = e.closest(".nbi-choice") ?? e;
                return [e.dataset.seen, getComputedStyle(place).outlineStyle, e.outerHTML.slice(0, 120)];
            }"""
        )
        if focused is None:
            break
        missed.pop(focused[0], None)
        if focused[1] == "none":
            unmarked.append(focused[2])
    assert missed == {}, "not reached with the Tab key"
    assert unmarked == []
