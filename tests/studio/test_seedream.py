"""Seedream through the studio: Ark's groups, sizes and watermark; Jimeng's drafts, several logins, no credit."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib

import pytest

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    JobPendingError,
    ModelNotFoundError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    UnsupportedError,
)
from tests.studio.conftest import ARK_KEY, FIRST, SECOND, ark_environ, jimeng_environ, noise, openai_environ, png, rgb, spends

SMALL = "doubao-seedream-4-0-250828"


@pytest.fixture
def seed(studio_of, ark):
    """A session with Ark's smallest pictures."""
    return studio_of(ark_environ(ark)).session("fox", model=f"ark:{SMALL}")


@pytest.fixture
def web(studio_of, jimeng):
    """A session with Jimeng."""
    return studio_of(jimeng_environ(jimeng)).session("fox", model="jimeng")


def bodies(ark) -> list[dict]:
    return [row["body"] for row in ark.requests("images/generations")]


def drafts(jimeng) -> list[dict]:
    sent = [json.loads(json.loads(jimeng.body(row["number"]))["draft_content"]) for row in jimeng.requests("aigc_draft/generate")]
    return [draft["component_list"][0]["abilities"] for draft in sent]


# ---------------------------------------------------------------------------------------------- ark


def test_ark_is_taken_when_only_its_key_is_set(studio_of, ark):
    turn = studio_of(ark_environ(ark)).session("fox").generate("a fox")
    assert turn.model == "ark:doubao-seedream-5-0-260128"
    assert turn.cost == 0.035
    assert turn.picture.mime_type == "image/jpeg"


def test_a_session_of_edits_uses_the_last_picture_and_chosen_earlier_ones(seed, ark):
    first = seed.generate("a fox", size="1024x1024")
    second = seed.edit("make it night")
    third = seed.edit("like the first one", references=[first])
    assert third.parent.id == second.id
    assert [len(body.get("image", ())) if isinstance(body.get("image"), list) else int("image" in body) for body in bodies(ark)] == [
        0,
        1,
        2,
    ]
    assert third.references[0].sha256 == first.picture.sha256


def test_the_watermark_is_off_unless_asked_for_and_it_is_said(seed, ark):
    plain = seed.generate("a fox", size="1K")
    marked = seed.generate("a fox", size="1K", watermark="on")
    assert [body["watermark"] for body in bodies(ark)] == [False, True]
    assert plain.note == "no visible watermark"
    assert marked.note == "visible watermark"
    assert "no visible watermark" in plain.figure().text


def test_a_group_is_one_request_and_its_pictures_one_turn(seed, ark):
    turn = seed.generate("four seasons", n=4, size="1K")
    assert len({picture.sha256 for picture in turn.pictures}) == 4
    (body,) = bodies(ark)
    assert body["sequential_image_generation_options"] == {"max_images": 4}


def test_partial_failure_in_a_group_keeps_the_good_pictures_and_says_what_is_missing(seed, ark):
    ark.control({"kind": "reply", "reply": "partial_failure", "missing": [1]})
    turn = seed.generate("four seasons", n=4, size="1K")
    assert len(turn.pictures) == 3
    assert any("1 of 4 pictures is missing" in warning and "sensitive" in warning for warning in turn.warnings)


@pytest.mark.parametrize(
    ("model", "size"),
    [("seedream-4.5", "1024x1024"), ("seedream-4.5", "1K"), (SMALL, "3K"), (SMALL, "9000x9000"), ("seedream-3.0", "400x400")],
)
def test_sizes_are_refused_before_the_call(seed, ark, model, size):
    with pytest.raises(UnsupportedError, match=r"It takes|least size|its most|no side") as caught:
        seed.generate("a fox", model=f"ark:{model}", size=size)
    assert size.upper() in str(caught.value).upper()
    assert not ark.requests()


def test_a_seed_is_sent_only_where_the_model_takes_one(seed, ark):
    turn = seed.generate("a fox", model="ark:seedream-3.0", size="512x512", seed=7, guidance=3.5)
    assert (bodies(ark)[0]["seed"], bodies(ark)[0]["guidance_scale"]) == (7, 3.5)
    assert turn.seed == 7
    with pytest.raises(UnsupportedError, match="seed"):
        seed.generate("a fox", model=f"ark:{SMALL}", size="1K", seed=7)
    assert "seed" not in seed.generate("a fox", model=f"ark:{SMALL}", size="1K").sent


def test_fields_a_model_rejects_are_not_sent_at_all(seed, ark):
    seed.generate("a fox", model="ark:seedream-5.0-pro", n=2, size="1K")
    assert all("sequential_image_generation" not in body and "stream" not in body for body in bodies(ark))
    assert len(bodies(ark)) == 2


def test_fourteen_references_are_sent_and_fifteen_refused(seed, ark):
    pictures = [png((64, 64), f"#{shade:02x}0000") for shade in range(0, 150, 10)]
    seed.generate("a collage", references=pictures[:14], size="1K")
    assert len(bodies(ark)[0]["image"]) == 14
    with pytest.raises(UnsupportedError, match="at most 14"):
        seed.generate("a collage", references=pictures[:15], size="1K")


def test_a_reference_in_the_wrong_format_is_converted_and_that_is_said(seed, ark, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(tmp_path / "scan.tiff")
    turn = seed.edit("make it blue", tmp_path / "scan.tiff", size="1K")
    assert any("image 1" in warning for warning in turn.warnings), turn.warnings
    assert turn.inputs[0].mime_type == "image/tiff"


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ({"reply": "moderated"}, RefusedError, "sensitive"),
        ({"reply": "not_an_image"}, JobPendingError, "not a usable"),
        ({"reply": "partial_failure", "missing": [0]}, RefusedError, "sensitive"),
    ],
)
def test_what_goes_wrong_at_ark_is_typed_and_leaves_no_trace(seed, ark, fault, kind, said):
    ark.control({"kind": "reply", **fault})
    with pytest.raises(kind, match=said) as caught:
        seed.generate("a fox", size="1K")
    assert len(str(caught.value)) < 600
    assert ARK_KEY not in str(caught.value)
    assert not list(seed.turns)


def test_an_unknown_model_is_passed_through_and_the_services_answer_shown(seed):
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        seed.generate("a fox", model="ark:seedream-9")


def test_a_wrong_key_is_refused_without_showing_it(studio_of, ark):
    session = studio_of({**ark_environ(ark), "ARK_API_KEY": "wrong-key-0987654321"}).session("fox")
    with pytest.raises(AuthenticationError) as caught:
        session.generate("a fox")
    assert "0987654321" not in str(caught.value)


def test_a_paid_picture_that_cannot_be_fetched_is_booked_and_starts_no_fallback(studio_of, ark, service):
    studio = studio_of({**ark_environ(ark), **openai_environ(service)}, model="ark", fallback="openai", retries=1)
    ark.control({"kind": "status", "status": 503, "path": "/results/", "times": -1})
    with pytest.raises(JobPendingError, match="could not be fetched"):
        studio.session("fox").generate("a fox")
    assert spends(studio) == [("billed", 0.035)]
    assert not service.requests(), "it is paid once"


def test_overload_of_the_paid_call_still_starts_the_fallback(studio_of, ark, service):
    studio = studio_of({**ark_environ(ark), **openai_environ(service)}, model="ark", fallback="openai", retries=0)
    ark.control({"kind": "status", "status": 503})
    assert studio.session("fox").generate("a fox").model.startswith("openai:")
    assert spends(studio)[0] == ("failed", 0.0)


@pytest.mark.parametrize("fault", ["hang", "cut", "malformed"])
def test_a_call_that_may_have_been_billed_counts_with_its_estimate(studio_of, ark, fault):
    studio = studio_of(ark_environ(ark), timeout=1)
    ark.control({"kind": fault})
    with pytest.raises((ReplyTimeoutError, BadReplyError)):
        studio.session("fox").generate("a fox", model="ark")
    assert spends(studio) == [("unknown", 0.035)]


def test_a_negative_count_makes_no_money(studio_of, ark):
    studio = studio_of(ark_environ(ark))
    body = {"data": [{"b64_json": base64.b64encode(png()).decode()}], "usage": {"generated_images": -3}}
    ark.control({"kind": "status", "status": 200, "body": body})
    assert studio.session("fox").generate("a fox", model="ark").cost == 0.035
    assert spends(studio) == [("billed", 0.035)]


def test_what_is_refused_before_it_is_sent_costs_nothing(studio_of, ark):
    studio = studio_of(ark_environ(ark))
    with pytest.raises(UnsupportedError, match="sides of 15 pixels"):
        studio.session("fox").edit("at night", png((14, 100)), model="ark")
    assert spends(studio) == [("failed", 0.0)]
    assert not ark.requests()


# ---------------------------------------------------------------------------------------------- jimeng


def test_jimeng_is_used_only_when_named(studio_of, jimeng):
    studio = studio_of(jimeng_environ(jimeng))
    assert studio.session("plain").generate("a red circle on white").model == "local:builtin"
    turn = studio.session("fox").generate("a fox", model="jimeng", size="1K")
    assert turn.model == "jimeng:jimeng-4.5"
    assert len(turn.pictures) == 4
    assert turn.note == "unofficial web session, paid in credits"
    assert spends(studio)[-1] == ("billed", None)


def test_a_draft_has_what_was_asked_for(web, jimeng):
    turn = web.generate(
        "a fox", model="jimeng:jimeng-3.0", aspect_ratio="3:2", size="1K", seed=2_600_000_001, negative_prompt="snow", strength=0.0
    )
    core = drafts(jimeng)[0]["generate"]["core_param"]
    assert (core["seed"], core["sample_strength"], core["negative_prompt"], core["image_ratio"]) == (2_600_000_001, 0.0, "snow", 7)
    assert core["model"].startswith("high_aes_general_v30l:")
    assert turn.seed == 2_600_000_001
    assert (turn.asked["strength"], turn.sent["strength"]) == (0.0, 0.0)


def test_an_edit_blends_the_picked_picture_with_references(web, jimeng):
    first = web.generate("a fox", size="1K")
    second = first.pick(2).edit("at night", references=[noise()])
    assert second.parent.id == "t1.2"
    assert len(drafts(jimeng)[1]["blend"]["ability_list"]) == 2
    put = [zlib.crc32(jimeng.body(row["number"])) for row in jimeng.requests("/upload/v1/")]
    assert zlib.crc32(first.pictures[1].data) in put
    assert zlib.crc32(noise()) in put


def test_no_upload_host_ever_sees_a_cookie(web, jimeng):
    web.edit("at night", noise(), size="1K")
    uploads = [row for row in jimeng.requests() if row["path"] == "/" or row["path"].startswith(("/upload", "/result"))]
    assert len(uploads) >= 4
    assert all("cookie" not in row["headers"] for row in uploads)


async def test_two_jobs_on_two_logins_at_once(studio_of, jimeng):
    jimeng.control(accounts={FIRST: 1, SECOND: 1})
    studio = studio_of(jimeng_environ(jimeng, f"{FIRST},{SECOND}"))
    sessions = [studio.session(name, model="jimeng") for name in ("fox", "owl")]
    turns = await asyncio.gather(*(session.aio.generate(f"a {session.name}", size="1K") for session in sessions))
    assert [len(turn.pictures) for turn in turns] == [4, 4]
    assert turns[0].picture.sha256 != turns[1].picture.sha256
    taken = [
        row["headers"]["cookie"] for row in jimeng.requests("aigc_draft/generate") if row["state"] == "answered" and row["status"] == 200
    ]
    assert any(FIRST in cookie for cookie in taken)
    assert any(SECOND in cookie for cookie in taken)
    assert len(studio.jobs(state="done")) == 2


@pytest.mark.parametrize(
    ("options", "fault", "kind", "said"),
    [
        ({"expired": [FIRST]}, None, AuthenticationError, "expired|login"),
        ({"accounts": {FIRST: 0}}, None, RateLimitError, "credit"),
        ({}, {"kind": "reply", "reply": "filtered", "path": "aigc_draft"}, RefusedError, "filter"),
        ({}, {"kind": "reply", "reply": "not_an_image", "path": "aigc_draft"}, JobPendingError, "not a usable"),
    ],
    ids=["expired", "no credit", "filtered", "no image"],
)
def test_what_goes_wrong_at_jimeng_is_typed_and_leaves_no_trace(studio_of, jimeng, options, fault, kind, said):
    jimeng.control(*([fault] if fault else []), **options)
    studio = studio_of(jimeng_environ(jimeng))
    session = studio.session("fox", model="jimeng")
    with pytest.raises(kind, match=said) as caught:
        session.generate("a fox", size="1K")
    assert len(str(caught.value)) < 600
    assert FIRST not in str(caught.value)
    assert not list(session.turns)
    assert bool(studio.waiting_jobs()) is (kind is JobPendingError), "what is made and paid for can be fetched later"


def test_the_daily_credit_is_claimed_only_with_the_setting(studio_of, jimeng):
    jimeng.control(accounts={FIRST: 0})
    with pytest.raises(RateLimitError, match="JIMENG_DAILY_CREDIT"):
        studio_of(jimeng_environ(jimeng)).session("fox", model="jimeng").generate("a fox", size="1K")
    assert not jimeng.requests("credit_receive")
    claiming = studio_of({**jimeng_environ(jimeng), "JIMENG_DAILY_CREDIT": "true"})
    assert len(claiming.session("fox", model="jimeng").generate("a fox", size="1K").pictures) == 4


def test_sizes_below_the_least_are_refused_before_the_call(web, jimeng):
    with pytest.raises(UnsupportedError, match="least size"):
        web.generate("a fox", size="100x100")
    assert not jimeng.requests()


def test_no_token_stands_in_the_store(studio_of, jimeng):
    studio = studio_of(jimeng_environ(jimeng))
    turn = studio.session("fox", model="jimeng").generate("a fox", size="1K")
    stored = b"".join(path.read_bytes() for path in studio.settings.home.rglob("*") if path.is_file())
    assert FIRST.encode() not in stored
    assert rgb(turn.picture).size
