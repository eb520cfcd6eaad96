"""What is sent of a picture with a mask is shown before it is paid for, and what came back can be seen as it was delivered."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.widgets.conftest import Watched, png
from tests.widgets.test_history import mask_png
from tests.widgets.test_turns import gemini, run  # noqa: F401 - a fixture


@pytest.fixture
def large(panel: Watched, gemini: Any) -> Watched:  # noqa: F811
    """A panel with a picture of 3000 x 2000 pixels, and a service that edits."""
    data = png(3000, 2000)
    panel.do("upload", data, token="x", index=0, count=1, name="large.png", size=len(data))
    return panel


def test_an_estimate_with_a_mask_has_the_frame_that_is_sent(large: Watched) -> None:
    asked = {"what": "edit", "prompt": "a scarf", "model": "gemini", "options": {}}
    large.do("estimate", **asked)
    assert "region" not in large.last("estimate")
    small = mask_png((300, 200), (100, 100, 120, 120))
    large.do("estimate", small, **asked, mask={"sha": large.state["base"]["sha"]}, token="t")
    told = large.last("estimate")
    left, top, right, bottom = told["region"]
    assert left <= 1000
    assert top <= 1000
    assert right >= 1200
    assert bottom >= 1200
    assert (right - left) * (bottom - top) < 3000 * 2000 / 4
    assert told["notes"].startswith("The frame is what is sent: ")
    assert "of 3000 × 2000" in told["notes"]
    assert told["token"] == "t"
    assert "$" in told["text"]


def test_a_result_that_will_be_smaller_is_said_before_it_is_paid_for(large: Watched) -> None:
    asked = {"what": "edit", "prompt": "make it night", "model": "gemini", "options": {}}
    large.do("estimate", **asked)
    assert large.last("estimate")["smaller"] == "about 1254 × 836, was 3000 × 2000"
    small = mask_png((300, 200), (100, 100, 120, 120))
    large.do("estimate", small, **asked, mask={"sha": large.state["base"]["sha"]})
    assert large.last("estimate")["smaller"] == "", "inside a mask it keeps its size"
    large.do("estimate", **{**asked, "options": {"size": "4K"}})
    assert large.last("estimate")["smaller"] == "", "asked for"
    large.do("estimate", **{**asked, "model": "local"})
    assert large.last("estimate")["smaller"] == ""
    run(large, "make it night", model="gemini")
    made = large.panel.base.picture
    assert made is not None
    assert f"{made.width} × {made.height}" == "1254 × 836", "as it was told"


def test_what_was_delivered_is_seen_beside_what_was_pasted(large: Watched) -> None:
    sha = large.state["base"]["sha"]
    run(large, "a scarf", "edit", mask_png((3000, 2000), (1000, 1000, 1200, 1200)), mask={"sha": sha}, model="gemini")
    assert large.error == ""
    assert large.state["turn"]["delivered"]
    large.do("delivered", turn=1)
    content, (before, after) = large.all("compare")[-1]
    assert content["labels"] == ["t1 as delivered", "t1"]
    assert Image.open(io.BytesIO(before)).size != Image.open(io.BytesIO(after)).size
    run(large, "sepia", model="local")
    large.do("delivered", turn=2)
    assert large.error == "t2 is as it was delivered."


def test_what_is_named_is_found_and_painted_before_an_edit_is_paid_for(large: Watched) -> None:
    large.do("open", text="sample:chelsea")
    large.do("find", words=" ")
    assert "Type what to find" in large.error
    large.do("find", words="the cat", model="gemini", view="v")
    content, (data,) = large.all("mask")[-1]
    assert (content["sha"], content["anew"], content["view"]) == (large.state["base"]["sha"], True, "v")
    mask = Image.open(io.BytesIO(data))
    assert mask.size == (451, 300)
    assert 0 < sum(mask.convert("L").histogram()[128:]) < 451 * 300
    assert "“the cat”: 1 found by gemini:" in large.last("notice")["text"]
    assert large.state["chat"][0]["prompt"] == "the cat", "the question stands in the conversation"
    assert large.state["base"]["broughtIn"], "nothing was edited"


def test_a_model_that_finds_nothing_says_what_helps(panel: Watched) -> None:
    panel.do("open", text="sample:chelsea")
    panel.do("find", words="the cat")
    assert panel.all("mask") == []
    assert panel.error
    assert panel.last("error")["remedies"]


def test_cut_out_is_a_button(panel: Watched) -> None:
    panel.do("open", text="sample:coffee")
    run(panel, "cut out")
    assert panel.error == ""
    assert panel.panel.session.turn("t1").picture.pil().mode == "RGBA"


def test_a_comparison_tells_the_drift_since_the_last_turn_and_since_the_beginning(panel: Watched, gemini: Any) -> None:  # noqa: F811
    panel.do("abilities", **{"for": "edit", "model": "gemini"})
    assert panel.last("abilities")["align"]
    panel.do("open", text="sample:chelsea")
    run(panel, "warmer", model="local")
    run(panel, "make it night", model="gemini", options={"align": True})
    assert panel.error == ""
    assert panel.panel.session.turn("t2").asked["align"] is True
    panel.do("compare")
    notes = panel.last("difference")["notes"]
    assert any(note.startswith("Against t1: ") for note in notes)
    assert any(note.startswith("Against the beginning (sample:chelsea): ") for note in notes)
