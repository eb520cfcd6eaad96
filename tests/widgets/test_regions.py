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
