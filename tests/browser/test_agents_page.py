"""The page people see when an agent makes pictures: on its own address, and inside a host of MCP Apps with its sandbox and policy."""

from __future__ import annotations

import base64
import dataclasses
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError

import pytest

from notebook_img.mcp.page.links import IDLE
from notebook_img.pictures import Picture
from tests.browser.agents_desk import Desk, button, desk, host, paint, shown, told
from tests.browser.screenshots import take
from tests.browser.test_accessibility import axe, check
from tests.browser.test_voila import SOON, expect
from tests.emulators.process import Running
from tests.mcp.conftest import KEY

DARK = "() => getComputedStyle(document.documentElement).backgroundColor"

__all__ = ["axe", "desk", "host"]


def test_a_link_opens_the_page_once_and_shows_what_the_agent_made(desk: Desk, page: Any) -> None:
    session = desk.begin()
    link = desk.link()
    page.goto(link)
    shown(page, "t2")
    expect(page.locator("h1")).to_have_text(session)
    expect(page.locator(".nbi-caption")).to_contain_text("640 × 426 · local:builtin · free · by claude")
    assert "#" not in page.url, "the code is not left in the address"
    page.reload()
    shown(page, "t2")
    other = page.context.new_page()
    other.goto(link)
    expect(other.get_by_role("alert")).to_contain_text("used before", timeout=SOON)
    # What the agent does meanwhile comes by itself.
    desk.agent("continue_image_session", sessionId=session, prompt="blur", outputPath="blurred.png")
    asked = desk.handle.work.calls
    shown(page, "t3")
    assert desk.handle.work.calls == asked, "looking is nothing an agent did"
    # But not under the hands of a person who has begun to say what to change, or who compares.
    button(page, "Before and after").click()
    page.get_by_label("What should change?").fill("sepia")
    desk.agent("continue_image_session", sessionId=session, prompt="sharpen", outputPath="sharp.png")
    expect(page.get_by_role("status").last).to_have_text("t4 is new.", timeout=SOON)
    shown(page, "t3")
    expect(page.get_by_label("Share of Before that is shown over After")).to_be_visible()
    page.get_by_label("What should change?").press("Enter")
    shown(page, "t5")
    assert desk.studio.session(session).turn("t5").parent.id == "t3"
    assert page.errors == []
    assert page.foreign == []


def test_the_first_result_of_a_session_names_the_page_and_later_ones_do_not(desk: Desk) -> None:
    first = desk.agent("start_image_session", prompt="a red circle on white", outputPath="a.png")
    later = desk.agent("continue_image_session", sessionId=first.structured_content["sessionId"], prompt="greyscale", outputPath="b.png")
    assert f"{desk.handle.url.removesuffix('mcp')}page#" in first.content[0].text
    assert "page#" not in later.content[0].text


def test_history_and_comparison_work_by_keyboard(desk: Desk, page: Any) -> None:
    desk.begin()
    page.goto(desk.link())
    shown(page, "t2")
    page.get_by_role("option", name="t2 greyscale").focus()
    page.keyboard.press("ArrowLeft")
    shown(page, "t1")
    expect(page.get_by_role("option", name="t1")).to_be_focused()
    page.keyboard.press("ArrowRight")
    shown(page, "t2")
    button(page, "Before and after").focus()
    page.keyboard.press("Enter")
    slide = page.get_by_label("Share of Before that is shown over After")
    expect(slide).to_be_focused(timeout=SOON)
    page.keyboard.press("End")
    expect(slide).to_have_attribute("aria-valuetext", "100 percent Before")
    before, after = (page.get_by_role("img", name=name, exact=True) for name in ("Before", "After"))
    colour = "image => { const c = document.createElement('canvas'); c.width = c.height = 1; const x = c.getContext('2d'); x.drawImage(image, 0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data]; }"
    red, green, blue, _ = before.evaluate(colour)
    assert max(red, green, blue) - min(red, green, blue) > 20, "before: in colour"
    red, green, blue, _ = after.evaluate(colour)
    assert max(red, green, blue) - min(red, green, blue) < 6, "after: grey"
    assert page.errors == []


def test_everything_is_reached_and_done_by_keyboard(desk: Desk, page: Any) -> None:
    session = desk.begin()
    desk.studio.session(session).generate("a red circle on white", n=2)
    page.goto(desk.link())
    shown(page, "t2")
    page.get_by_role("option", name="t2 greyscale").focus()
    page.keyboard.press("ArrowRight")
    shown(page, "t3.1")
    page.get_by_label("What should change?").fill("invert the colours")
    page.mouse.click(2, 2)
    focused = "() => { const a = document.activeElement; return a.dataset.id ?? a.getAttribute('aria-label') ?? a.labels?.[0]?.textContent ?? a.textContent; }"
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
        assert page.evaluate("document.activeElement === document.body || document.activeElement.matches(':focus-visible')")
    parts = [
        "Picture. ",
        "Picture 1",
        "Picture 2",
        "Go on from here",
        "Mask",
        "Save",
        "What should change?",
        "Edit",
        "Pictures",
        f"{session}/t3",
    ]
    found = [next((place for place, name in enumerate(seen) if name.startswith(part)), -1) for part in parts]
    assert -1 not in found, seen
    assert found == sorted(found), "in the order in which they are read"
    button(page, "Picture 2").press("Enter")
    shown(page, "t3.2")
    button(page, "Go on from here").press("Enter")
    expect(page.get_by_role("status").last).to_have_text("The agent goes on from t3.2.", timeout=SOON)
    button(page, "Mask").press("Enter")
    expect(page.locator("canvas.nbi-mask")).to_be_focused()
    for key in ("Space", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(page.locator(".nbi-maskbar [role=status]")).to_contain_text("% may change", timeout=SOON)
    page.get_by_label("What should change?").press("Enter")
    shown(page, "t4")
    turn = desk.studio.session(session).turn("t4")
    assert turn.mask is not None
    assert turn.parent.id == "t3.2"


def test_what_is_painted_goes_with_the_edit_and_only_there_the_picture_changes(desk: Desk, page: Any) -> None:
    session = desk.begin()
    page.goto(desk.link())
    shown(page, "t2")
    paint(page, page)
    page.get_by_label("What should change?").fill("invert the colours")
    page.keyboard.press("Enter")
    shown(page, "t3")
    expect(page.get_by_role("status").last).to_have_text("t3 is made, free.")
    turn = desk.studio.session(session).turn("t3")
    assert turn.mask is not None
    before, after = (picture.array().astype(int) for picture in (turn.inputs[0], turn.picture))
    assert abs(before[213, 320] - after[213, 320]).max() > 10
    assert (before[:40] == after[:40]).all()
    # The agent goes on from what the person made.
    desk.agent("continue_image_session", sessionId=session, prompt="sharpen", outputPath="sharp.png")
    assert desk.studio.session(session).turn("t4").parent.id == "t3"


def test_one_of_several_is_chosen_and_the_agent_goes_on_from_there(desk: Desk, page: Any) -> None:
    session = desk.begin()
    made = desk.studio.session(session).generate("a red circle on white", n=3)
    page.goto(desk.link())
    shown(page, "t2")
    page.get_by_role("option", name=f"{made.id} a red circle").click()
    shown(page, "t3.1")
    button(page, "Picture 2").click()
    shown(page, "t3.2")
    take(page.locator("main"), "agents-page-pick")
    button(page, "Go on from here").click()
    expect(page.get_by_role("status").last).to_have_text("The agent goes on from t3.2.", timeout=SOON)
    page.get_by_label("What should change?").fill("greyscale")
    button(page, "Edit").click()
    shown(page, "t4")
    turn = desk.studio.session(session).turn("t4")
    assert turn.parent.id == "t3.2"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_issue(desk: Desk, page: Any, axe: str, theme: str) -> None:
    session = desk.begin()
    desk.studio.session(session).generate("a red circle on white", n=2)
    page.emulate_media(color_scheme=theme)
    page.goto(desk.link())
    shown(page, "t2")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    check(page, axe, f"{theme}, a picture")
    button(page, "Before and after").click()
    expect(page.get_by_label("Share of Before that is shown over After")).to_be_focused(timeout=SOON)
    check(page, axe, f"{theme}, compared")
    page.get_by_role("option", name="t3 a red circle").click()
    shown(page, "t3.1")
    button(page, "Mask").click()
    check(page, axe, f"{theme}, mask and picks")


def test_price_and_model_are_named_before_an_edit_and_chosen(
    desk: Desk, page: Any, start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    gemini = start_emulator("gemini")
    gemini.control(key=KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini.url)
    begun = desk.agent("start_image_session", prompt="a fox", outputPath="fox.png").structured_content
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(desk.link())
    shown(page, "t1")
    expect(page.locator(".nbi-caption")).to_contain_text(f"{begun['model']} · ${begun['cost_usd']:.3f}")
    expect(page.locator("header")).to_contain_text(f"${begun['cost_usd']:.3f} in this session")
    note = page.locator(".nbi-ask p")
    expect(note).to_contain_text(re.compile(rf"{begun['model']} · .*\$0\.\d"), timeout=SOON)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400, "nothing is cut off on a telephone"
    one = note.text_content()
    page.get_by_label("Pictures", exact=True).select_option("2")
    assert note.text_content() != one, "the price of another edit does not stand there"
    expect(note).to_contain_text("$", timeout=SOON)
    assert note.text_content() != one
    page.get_by_label("Model").select_option("local:builtin")
    page.get_by_label("What should change?").fill("greyscale")
    expect(note).to_have_text("local:builtin · free", timeout=SOON)
    sent = len(gemini.requests("enerateContent"))
    page.get_by_label("Pictures", exact=True).select_option("1")
    page.keyboard.press("Tab")
    page.get_by_label("What should change?").press("Enter")
    expect(page.get_by_role("status").last).to_have_text("t2 is made, free.", timeout=SOON)
    assert len(gemini.requests("enerateContent")) == sent, "a price asks no service, and the model was chosen"
    assert desk.studio.session(begun["sessionId"]).turn("t2").model == "local:builtin"
    assert page.errors == []


def test_a_page_whose_time_is_over_says_so_and_how_to_get_another(desk: Desk, page: Any) -> None:
    desk.begin()
    page.goto(desk.link())
    shown(page, "t2")
    page.get_by_label("What should change?").fill("blur")
    desk.handle.work.pages.clock = lambda: time.monotonic() + IDLE + 1
    expect(page.get_by_role("alert")).to_contain_text("time is over", timeout=SOON)
    expect(page.get_by_role("alert")).to_contain_text("Ask the agent where its pictures can be seen")
    expect(button(page, "Edit")).to_be_disabled()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Ask the agent where its pictures can be seen", timeout=SOON)
    page.goto("about:blank")
    page.goto(desk.link())
    shown(page, "t2")
    desk.handle.stop()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer", timeout=SOON)


CRAFTED = (
    '</script><img src=x onerror="window.harmed=1"><b>bold</b> &lt;i&gt; {{7*7}} ${7*7}',
    "night \u202egnp.tac\u202c \u2066\u202b\u05d0\u05d1\u05d2 \u0627\u0644\u0642\u0637\u0629",
    "W" * 900,
)


def test_crafted_names_and_words_harm_nothing(desk: Desk, page: Any, start_emulator: Callable[..., Running]) -> None:
    elsewhere = start_emulator("gemini").url
    session = desk.studio.session("<img src=x onerror=window.harmed=1> \u05d0\u05d1\u05d2")
    first = session.generate("a red circle on white")
    for words in CRAFTED:
        record = dataclasses.replace(first.record, number=0, prompt=words, text=words)
        desk.studio.store.add_turn(record, move_head=False)
    page.set_viewport_size({"width": 480, "height": 900})
    page.goto(desk.link())
    for number, words in enumerate(CRAFTED, 2):
        page.locator(f"[data-id$='/t{number}']").click()
        shown(page, f"t{number}")
        assert page.locator(".nbi-caption bdi").text_content() == words
        # What stands behind words that turn the direction is read as it was written.
        expect(page.locator(".nbi-caption .nbi-quiet")).to_contain_text("local:builtin · free")
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
    assert page.locator("main img[src=x], .nbi-caption img, main b b, option img").count() == 0
    assert page.evaluate("window.harmed") is None
    # And if something did get in: the policy runs no script but the page's own, and loads nothing.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.harmed=1><svg onload=window.harmed=1>')")
    page.evaluate("() => { const s = document.createElement('script'); s.textContent = 'window.harmed = 1'; document.body.append(s); }")
    assert page.evaluate("url => fetch(url, { mode: 'no-cors' }).then(() => 'sent', () => 'refused')", elsewhere) == "refused"
    assert page.evaluate("window.harmed") is None
    assert page.errors == []
    assert page.foreign == []


def test_the_page_and_its_door_refuse_what_is_not_theirs(desk: Desk) -> None:
    base = desk.handle.url.removesuffix("/mcp")

    def status(path: str, data: bytes | None = None, **headers: str) -> int:
        asked = urllib.request.Request(base + path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(asked, timeout=30) as reply:
                return int(reply.status)
        except HTTPError as error:
            return error.code

    assert status("/page") == 200
    assert status("/page", host="elsewhere.example:80") == 421
    assert status("/page/enter", b'{"code": "wrong"}', content_type="application/json") == 403
    assert status("/page/enter", b'{"code": "wrong"}', content_type="text/plain") == 405
    assert status("/page/enter", b"x" * 100_000, content_type="application/json") == 403
    assert status("/mcp", b"{}", authorization="Bearer wrong") == 401
    with urllib.request.urlopen(base + "/page", timeout=30) as reply:
        policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_host_of_apps_shows_the_page_with_the_agents_picture_in_its_own_theme(desk: Desk, host: Any) -> None:
    session = desk.begin()
    made = host.evaluate(
        "session => window.call('continue_image_session', { sessionId: session, prompt: 'sepia', outputPath: 'sepia.png' }, 'light')",
        session,
    )
    place = host.frame_locator("iframe").frame_locator("iframe")
    shown(place, "t3")
    assert made["id"] == f"{session}/t3"
    paint(host, place)
    place.get_by_label("What should change?").fill("invert the colours")
    expect(place.locator(".nbi-ask p")).to_have_text("local:builtin · free · only what is painted may change", timeout=SOON)
    for theme in ("light", "dark"):  # a person changes it while the page is there
        host.evaluate("theme => window.dress(theme)", theme)
        expect(place.locator("html")).to_have_attribute("data-theme", theme, timeout=SOON)
        red = int(place.locator("html").evaluate(DARK).removeprefix("rgb(").split(",")[0])
        assert (red < 80) == (theme == "dark")
        take(host.locator("iframe"), f"agents-page-{theme}")
    button(place, "Edit").click()
    shown(place, "t4")
    assert desk.studio.session(session).turn("t4").mask is not None
    assert told(host).endswith(f"That made {session}/t4, from which the session goes on.")
    place.get_by_role("option", name="t1").click()
    shown(place, "t1")
    button(place, "Go on from here").click()
    expect(place.get_by_role("status").last).to_have_text("The agent goes on from t1.", timeout=SOON)
    assert f"The person chose {session}/t1 to go on from." in told(host)
    host.evaluate("session => window.ask('continue_image_session', { sessionId: session, prompt: 'blur', outputPath: 'b.png' })", session)
    assert desk.studio.session(session).turn("t5").parent.id == "t1"
    button(place, "Save").click()
    host.wait_for_function("window.saved.length")
    saved = host.evaluate("window.saved[0].resource")
    assert Picture(base64.b64decode(saved["blob"])).sha256 == desk.studio.session(session).turn("t1").picture.sha256
    # A host that has pages needs no address, and its model sees no tool that is only the page's.
    assert "page#" not in str(made)
    visible = [
        tool["name"]
        for tool in host.evaluate("window.tools")
        if "model" not in tool.get("_meta", {}).get("ui", {}).get("visibility", ["model"])
    ]
    assert visible == ["choose_on_page", "price_on_page", "edit_on_page"]
    # What the page shows comes by the tool's result and by these, through the host.
    asked = set(host.evaluate("window.asked"))
    assert asked == {"ui/initialize", "tools/call", "resources/read", "ui/update-model-context", "ui/download-file"}
    assert host.errors == []
    assert host.foreign == []


def test_a_result_that_was_refused_is_said(desk: Desk, host: Any) -> None:
    host.evaluate("() => window.call('continue_image_session', { sessionId: 'none', prompt: 'sepia', outputPath: 'sepia.png' }, 'light')")
    place = host.frame_locator("iframe").frame_locator("iframe")
    expect(place.get_by_role("alert")).to_contain_text("There is no session 'none'", timeout=SOON)
