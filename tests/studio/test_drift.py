"""What an edit without a mask did to the frame: a smaller picture is said first, the rest when it is looked at, --align takes it out."""

from __future__ import annotations

import numpy as np
import pytest

from notebook_img.errors import UsageError
from notebook_img.pictures import measure_drift
from notebook_img.tree import caption, drift_lines
from tests.studio.conftest import GEMINI_KEY
from tests.studio.test_regions import photograph

MOVED = {"shift": [0.01, 0.0], "scale": 1.02, "gain": [1.05, 1.0, 0.95]}


@pytest.fixture
def session(start, studio_of):
    running = start("gemini")
    running.control(key=GEMINI_KEY, drift=MOVED)
    return studio_of({"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}).session("fox", model="gemini")


def test_a_picture_that_came_back_smaller_is_said_first(session):
    turn = session.edit("make it night", photograph((1800, 1200)))
    made = turn.picture
    line = caption(turn).line()
    assert line.startswith(f"fox/t1 · {made.width} × {made.height}, was 1800 × 1200 · gemini:")
    assert line.count(f"{made.width} × {made.height}") == 1
    small = session.edit("make it night", photograph((600, 400)))
    assert "was" not in caption(small).line()
    asked = session.edit("resize to 300 px", photograph((600, 400)), model="local")
    assert "was" not in caption(asked).line()


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("gemini", {}, "about 1254 × 836, was 3000 × 2000"),
        ("gemini", {"aspect_ratio": "1:1"}, "about 1024 × 1024, was 3000 × 2000"),
        ("openai:gpt-image-2.6-sunburst", {}, "1536 × 1024, was 3000 × 2000"),
        ("openai:gpt-image-1.5", {}, "1536 × 1024, was 3000 × 2000"),
        ("ark", {}, "2512 × 1672, was 3000 × 2000"),
        ("fal", {}, ""),
        ("jimeng", {}, "2496 × 1664, was 3000 × 2000"),
        ("openrouter:some/painter", {}, "about 1254 × 836, was 3000 × 2000"),
        ("gemini", {"size": "1K"}, ""),
        ("local", {}, ""),
    ],
)
def test_how_small_it_will_come_back_is_known_before_it_is_paid_for(studio_of, model, options, said):
    studio = studio_of(dict.fromkeys(("GEMINI_API_KEY", "OPENAI_API_KEY", "ARK_API_KEY", "FAL_KEY", "JIMENG_API_TOKEN"), "a-key"))
    plan = studio.session("fox").edit("sepia", photograph((3000, 2000)), model=model, dry_run=True, **options)
    assert plan.smaller == said
    assert (f"  smaller   {said}" in repr(plan)) is bool(said)
    small = studio.session("fox").edit("sepia", photograph((600, 400)), model=model, dry_run=True, **options)
    assert small.smaller == ""


def test_shift_scale_and_colour_are_measured_when_looked_at_and_since_the_beginning(session):
    first = session.edit("make it night", photograph((900, 600)))
    second = session.edit("warmer")
    (line,) = drift_lines(first)
    assert "moved 9 px, 2 % larger" in line or "moved 9.1 px, 2 % larger" in line or "moved 8.9 px, 2 % larger" in line
    assert "warmer by" in line
    assert not [text for text in first.warnings if "moved" in text]
    lines = drift_lines(second)
    assert lines[0].startswith("Against t1: moved")
    assert lines[1].startswith("Against the beginning")
    assert "4 % larger" in lines[1]
    assert "t2 against t1: moved" in second.compare().data["text/plain"]
    assert drift_lines(session.edit("grayscale", photograph((900, 600)), model="local"))[0].count("moved") == 0


def test_align_takes_out_shift_and_scale_and_leaves_the_warmth(session):
    moved = session.edit("warmer", photograph((900, 600)))
    turn = session.edit("warmer", photograph((900, 600)), align=True)
    left = measure_drift(turn.picture, turn.inputs[0])
    assert np.hypot(*left.shift) < 0.1
    assert left.scale == pytest.approx((1, 1), abs=0.0005)
    assert left.warmth == pytest.approx(measure_drift(moved.picture, moved.inputs[0]).warmth, abs=0.5)
    assert turn.record.note.startswith("aligned: moved 9")
    assert len(turn.delivered) == 1
    assert turn.asked == {"align": True}
    assert turn.record.request_key != moved.record.request_key


def test_what_lies_right_is_left_as_it_was_delivered(session, start):
    running = start("gemini")
    running.control(key=GEMINI_KEY, drift={})
    turn = session.edit("warmer", photograph((900, 600)), align=True)
    assert not turn.delivered
    assert "aligned" not in turn.record.note
    with pytest.raises(UsageError):
        session.generate("a fox", align=True)
