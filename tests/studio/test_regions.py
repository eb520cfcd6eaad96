"""Edits inside a mask through whole studios: only the region travels, the reply comes back to its place, and nothing paid is refused."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from notebook_img.calls import Plan
from notebook_img.calls.region import takes_of
from notebook_img.pictures import Picture, load
from notebook_img.pictures.regions import RegionPlan, plan_region
from notebook_img.providers.interface import Capabilities
from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.pictures.regions.stand_in import DRIFTS, MASKS, PHOTOGRAPHS, SIZES, mask_of, tiled
from tests.studio.conftest import GEMINI_KEY, ark_environ, jimeng_environ, noise, openai_environ, rgb, spends

SERVICES = ("openai", "gemini", "ark")
TOLD: dict[str, dict[str, Any]] = {
    "none": {},
    "shift": {"shift": [0.02, -0.015]},
    "scale": {"scale": 1.02},
    "shift and scale": {"shift": [-0.012, 0.01], "scale": 0.985},
    "warmth": {"gain": [1.04, 1.0, 0.95], "offset": [3, 0, -4]},
    "blur": {"blur": 1.0, "bucket": True},
    "gradient": {"slope": [0.08, 0.05], "bucket": True},
    "background": {"background": True},
}
CASES = [
    # Every size with every mask that leaves something around it, every mask with every drift, every drift with every service.
    *((size, mask, DRIFTS[(size + 3 * number) % len(DRIFTS)], SERVICES[(size // 2 + number) % 3])
      for (size, (number, mask)) in itertools.product(range(len(SIZES)), enumerate(mask for mask in MASKS if mask != "whole"))),
    *((size, "whole", drift, service) for size, drift, service in zip((0, 1, 6), ("none", "shift", "background"), SERVICES, strict=True)),
]  # fmt: skip


@pytest.fixture
def session_of(start: Callable[[str], Running], studio_of: Callable[..., Any]) -> Callable[..., tuple[Session, Running]]:
    """A session with a service that answers with a drift."""

    def new(name: str, drift: dict[str, Any] | None = None, **settings: Any) -> tuple[Session, Running]:
        running = start(name)
        running.control(drift=drift)
        environ = {"ark": ark_environ, "jimeng": jimeng_environ, "openai": openai_environ}
        if name == "gemini":
            running.control(key=GEMINI_KEY)
            return studio_of({"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}, **settings).session(
                "fox", model=name
            ), running
        return studio_of(environ[name](running), **settings).session("fox", model=name), running

    return new


def photograph(size: tuple[int, int], name: str = "coffee", kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(tiled(name, 0, 0, *size)).save(out, kind, quality=95, compress_level=1)
    return out.getvalue()


def sent_pictures(service: Running) -> list[Picture]:
    """The pictures of the last request to a Gemini emulator."""
    import base64

    body = json.loads(service.body(service.requests("generateContent")[-1]["number"]))
    parts = [part for part in body["contents"][-1]["parts"] if "inlineData" in part or "inline_data" in part]
    blobs = [part.get("inlineData") or part.get("inline_data") for part in parts]
    return [load(base64.urlsafe_b64decode(blob["data"] + "==")) for blob in blobs]


def _case(size: int, mask: str, drift: str, name: str) -> Any:
    # Photographs of 24 megapixels take as long as all others together.
    late = pytest.mark.nightly if SIZES[size] == (6000, 4000) and mask != "tiny" else ()
    width, height = SIZES[size]
    return pytest.param(size, mask, drift, name, id=f"{width}x{height}-{mask}-{drift}-{name}".replace(" ", "-"), marks=late)


@pytest.mark.parametrize(("size", "mask", "drift", "name"), [_case(*row) for row in CASES])
def test_whatever_a_model_does_the_reply_is_in_its_place_and_nothing_else_changes(session_of, size, mask, drift, name):
    data = photograph(SIZES[size], PHOTOGRAPHS[size % len(PHOTOGRAPHS)])
    session, _ = session_of(name, {**TOLD[drift], "mark": 0.02})
    turn = session.edit("paint a mark", data, mask=mask_of(mask, SIZES[size]))
    before, after, inside = rgb(load(data)), rgb(turn.picture), rgb(turn.mask)[..., 0] > 0
    assert after.shape == before.shape
    assert np.array_equal(before[~inside], after[~inside]), "outside the mask every pixel stays"
    ((state, _),) = spends(session.actor)
    assert state == "billed"
    unaligned = [text for text in turn.warnings if "pasted where it came" in text]
    if mask == "whole" or drift == "background":
        assert len(unaligned) == 1
    else:
        assert not unaligned
        assert np.median(np.abs(before[inside].astype(int) - after[inside])) <= 4
        if drift != "gradient":  # a slope of light may be told as the mean it has on the ring, or not at all
            assert ("mended" in turn.record.note) == (drift in {"shift", "scale", "shift and scale", "warmth"})


MASK = "1600,1000,160,120"
LARGE = (2400, 1600)


def test_of_a_large_photograph_the_part_travels_with_the_whole_beside_it_small(session_of):
    session, service = session_of("gemini", {"mark": 0.02})
    turn = session.edit("add a bee", photograph(LARGE), mask=MASK)
    part, whole = sent_pictures(service)
    plan = RegionPlan.from_dict(turn.sent["region"])
    assert part.size == plan.sent == plan.frame_size
    there = rgb(turn.inputs[0])[plan.frame[1] : plan.frame[3], plan.frame[0] : plan.frame[2]].astype(int)
    assert part.mime_type == "image/jpeg"
    assert np.abs(rgb(part) - there).mean() < 3
    assert max(whole.size) == 768
    assert len(part.data) + len(whole.data) < len(turn.inputs[0].data) / 2
    body = json.loads(service.body(service.requests("generateContent")[-1]["number"]))
    said = body["contents"][-1]["parts"][-1]["text"]
    assert said.startswith("add a bee")
    assert "Image 1 is a part of a larger picture; image 2 is the whole of it" in said
    assert body["generationConfig"]["imageConfig"]["aspectRatio"] == plan.ratio
    assert turn.prompt == "add a bee"
    assert turn.asked.get("aspect_ratio") is None


def test_references_keep_their_numbers_and_the_whole_comes_last(session_of):
    session, service = session_of("gemini", {})
    session.edit("put image 2 there", photograph(LARGE), mask=MASK, references=[noise((300, 200))])
    _, reference, whole = sent_pictures(service)
    assert reference.size == (300, 200)
    assert max(whole.size) == 768
    said = json.loads(service.body(service.requests("generateContent")[-1]["number"]))["contents"][-1]["parts"][-1]["text"]
    assert "image 3 is the whole of it" in said


def test_a_masked_edit_that_continues_sends_no_earlier_pictures_and_keeps_no_state(session_of):
    session, service = session_of("gemini", {})
    session.edit("make it night", photograph(LARGE))
    assert session.head.record.raw
    turn = session.edit("add a bee", mask="900,500,120,90")
    body = json.loads(service.body(service.requests("generateContent")[-1]["number"]))
    assert len(body["contents"]) == 1
    assert len(sent_pictures(service)) == 2
    assert "make it night" in body["contents"][0]["parts"][0]["text"]
    assert not turn.record.raw
    after = session.edit("warmer")
    assert len(sent_pictures(service)) == 1
    assert after.parent.id == turn.id
    assert not [text for text in after.warnings if "state" in text], "what was not kept on purpose is not missed"


def test_a_dry_run_shows_the_frame_and_prices_the_size_it_picks(session_of):
    session, service = session_of("gemini", {})
    plan = session.edit("add a bee", photograph(LARGE), mask=MASK, dry_run=True)
    assert isinstance(plan, Plan)
    assert not service.requests("generateContent")
    small, large = plan, session.edit("add a bee", photograph(LARGE), mask="0,0,2300,1500", dry_run=True)
    assert large.region.plan.size == "2K"
    assert small.region.plan.size == "1K"
    assert small.estimate < large.estimate
    left, top, *_ = plan.region.plan.inside
    width, height = plan.region.plan.frame_size
    assert f"region    {width} × {height} from ({left}, {top}) of 2400 × 1600" in repr(plan)
    data, _ = plan._repr_mimebundle_()
    assert "image/jpeg" in data
    assert data["text/plain"] == repr(plan)


def test_a_patch_larger_than_the_model_paints_is_said_before_and_after(session_of):
    session, _ = session_of("openai", {"mark": 0.02})
    asked = {"mask": "100,100,2200,1400", "size": "1024x1024"}
    plan = session.edit("add a bee", photograph(LARGE), **asked, dry_run=True)
    turn = session.edit("add a bee", photograph(LARGE), **asked)
    assert "patch enlarged 2.3 x" in repr(plan)
    assert "patch enlarged 2.3 x" in turn.record.note


def test_outpainting_is_a_region_whose_ring_is_the_old_picture(session_of):
    session, _ = session_of("gemini", {"shift": [0.01, 0.0], "gain": [1.04, 1.0, 0.96]})
    data = photograph((900, 900))
    turn = session.edit("", data, outpaint="16:9")
    plan = RegionPlan.from_dict(turn.sent["region"])
    assert plan.picture == (1600, 900)
    left = 350
    assert np.array_equal(rgb(turn.picture)[:, left : left + 900], rgb(load(data)))
    assert "mended" in turn.record.note
    assert "moved 16 px" in turn.record.note


def test_a_model_that_takes_one_picture_gets_no_whole_beside_the_part():
    able = Capabilities(max_inputs=1, aspect_ratios=("1:1",), sizes=("1K",))
    mask = mask_of("tiny", LARGE)
    assert plan_region(LARGE, mask, takes_of(replace(able, max_inputs=2), given=1)).sends_whole
    assert not plan_region(LARGE, mask, takes_of(able, given=1)).sends_whole


@pytest.mark.parametrize(
    ("able", "least", "most"),
    [
        (Capabilities(pixel_sizes=True, min_pixels=256 * 256, max_pixels=4096**2), 1024**2, 4096**2),
        (Capabilities(pixel_sizes=True, min_pixels=3_686_400), 3_686_400, 3_686_400),
        (Capabilities(pixel_sizes=True, usual_pixels=2048**2), 2048**2, 2048**2 * 3 // 2),
    ],
    ids=["a bound of the protocol is no size", "a real least", "nothing known"],
)
def test_the_sizes_asked_for_are_such_as_a_model_paints(able, least, most):
    takes = takes_of(able, given=1)
    assert (takes.least_pixels, takes.most_pixels) == (least, most)


def test_a_model_of_few_sizes_gets_the_frame_of_one_of_them():
    takes = takes_of(Capabilities(pixel_sizes=True, sizes=("1K",), fixed_sizes=((1024, 1024), (1536, 1024), (1024, 1536))), given=1)
    plan = plan_region(LARGE, mask_of("edge", LARGE), takes)
    assert (plan.size, plan.ratio) == ("1536x1024", "")
    assert plan.frame_size[0] / plan.frame_size[1] == pytest.approx(1.5, abs=0.01)


def test_a_jpeg_that_becomes_a_large_png_says_its_size(session_of):
    session, _ = session_of("openai", {"mark": 0.02})
    turn = session.edit("add a bee", photograph((4000, 2100)), mask=MASK)
    assert f"PNG of {len(turn.picture.data) / 1e6:.0f} MB" in turn.record.note


def test_several_pictures_are_each_brought_back(session_of):
    session, _ = session_of("gemini", {"shift": [0.02, 0.0]})
    turn = session.edit("add a bee", photograph(LARGE), mask=MASK, n=2)
    assert len(turn.pictures) == len(turn.delivered) == 2
    assert "picture 1: moved" in turn.record.note
    assert "picture 2: moved" in turn.record.note


def test_the_unconfined_reply_is_asked_for_whole(session_of):
    session, service = session_of("gemini", {})
    turn = session.edit("add a bee", photograph(LARGE), mask=MASK, confine=False, aspect_ratio="3:2")
    assert [picture.size for picture in sent_pictures(service)] == [LARGE]
    assert "region" not in turn.sent
