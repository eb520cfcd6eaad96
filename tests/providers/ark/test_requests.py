"""What is sent to Ark: only what the model takes."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from notebook_img.errors import UnsupportedError
from notebook_img.pictures import Picture
from notebook_img.providers.ark.models import TABLE, row_of, wire_name
from notebook_img.providers.ark.sizes import fitted, size_for
from tests.providers.ark.conftest import LITE, picture

FIELDS = {"model", "prompt", "response_format", "watermark", "size"}


async def test_a_plain_request_holds_nothing_that_was_not_asked_for(ark, talk):
    reply = await talk("a fox", size="2K")
    body = ark.requests("generations")[0]["body"]
    assert body == {"model": LITE, "prompt": "a fox", "response_format": "url", "watermark": False, "size": "2K"}
    assert len(reply.pictures) == 1
    assert reply.sent == body


async def test_the_watermark_is_off_unless_asked_for_and_that_is_said(ark, talk):
    off = await talk()
    on = await talk(options={"watermark": "on"})
    assert [row["body"]["watermark"] for row in ark.requests("generations")] == [False, True]
    assert (off.got["watermark"], off.note) == (False, "no visible watermark")
    assert (on.got["watermark"], on.note) == (True, "visible watermark")


@pytest.mark.parametrize("row", [row for row in TABLE if "edit" in row.info.capabilities.kinds], ids=lambda row: row.info.name)
async def test_every_model_gets_only_fields_it_takes(ark, talk, row):
    wishes = {
        "seed": 7,
        "negative_prompt": None,
        "options": {"guidance": "3", "format": "png", "optimize": "fast", "background": "transparent"},
    }
    reply = await talk("warmer", model=row.info.name, kind="edit", inputs=(picture(),), **wishes)
    assert len(reply.pictures) == 1
    sent = set(ark.requests("generations")[0]["body"])
    assert ("seed" in sent) == ("seed" in row.fields)
    assert ("output_format" in sent) == ("output_format" in row.fields)
    assert not sent & {"stream", "sequential_image_generation", "sequential_image_generation_options"}


async def test_seed_and_guidance_go_to_the_3_0_models_only(ark, talk):
    with_seed = await talk(model="seedream-3.0", seed=42, options={"guidance": 4.5})
    without = await talk(model=LITE, seed=42, options={"guidance": 4.5})
    first, second = (row["body"] for row in ark.requests("generations"))
    assert (first["seed"], first["guidance_scale"], with_seed.seed) == (42, 4.5, 42)
    assert not set(second) - FIELDS
    assert without.seed is None


async def test_fourteen_references_are_sent_as_data_urls_in_order(ark, talk):
    pictures = tuple(picture(40 + number, 40) for number in range(14))
    reply = await talk("blend them", kind="edit", inputs=pictures[:1], references=pictures[1:])
    hashes = [f"sha256:{hashlib.sha256(one.data).hexdigest()}" for one in pictures]
    assert reply.sent["image"] == hashes
    assert len(ark.requests("generations")[0]["body"]["image"]) == 14
    assert b'"data:image/png;base64,' in ark.body(ark.requests("generations")[0]["number"])


async def test_fifteen_references_are_refused_before_anything_is_sent(ark, talk):
    with pytest.raises(UnsupportedError, match="14 input pictures and references together, not 15"):
        await talk(kind="edit", inputs=tuple(picture() for _ in range(15)))
    assert not ark.requests("generations")


async def test_a_format_ark_does_not_take_is_converted_and_said(ark, talk):
    out = io.BytesIO()
    Image.new("CMYK", (80, 50), (10, 20, 30, 0)).save(out, "TIFF")
    reply = await talk(kind="edit", inputs=(Picture(out.getvalue()),))
    assert len(reply.pictures) == 1
    assert any("image 1:" in warning for warning in reply.warnings)


@pytest.mark.parametrize("size", [(14, 100), (2000, 100)])
async def test_a_picture_too_small_or_too_thin_is_refused_before_anything_is_sent(ark, talk, size):
    with pytest.raises(UnsupportedError, match="sides of 15 pixels"):
        await talk(kind="edit", inputs=(picture(*size),))
    assert not ark.requests("generations")


async def test_an_edit_keeps_the_ratio_of_its_picture(ark, talk):
    reply = await talk(kind="edit", inputs=(picture(451, 300),))
    width, height = Image.open(io.BytesIO(reply.pictures[0])).size
    assert abs(width / height / (451 / 300) - 1) < 0.02


async def test_a_mask_is_described_in_words(ark, talk):
    mask = Image.new("L", (100, 50))
    mask.paste(255, (50, 0, 100, 25))
    out = io.BytesIO()
    mask.save(out, "PNG")
    await talk("a red hat", kind="edit", inputs=(picture(100, 50),), mask=Picture(out.getvalue()))
    prompt = ark.requests("generations")[0]["body"]["prompt"]
    assert prompt.startswith("a red hat\n")
    assert "from 50 % to 100 % of the width" in prompt


CASES = [(row, ratio) for row in TABLE for ratio in row.info.capabilities.aspect_ratios]


@pytest.mark.parametrize(("row", "ratio"), CASES, ids=lambda value: value if isinstance(value, str) else value.info.name)
def test_every_ratio_at_every_size_stays_within_the_limits_of_the_model(row, ratio):
    limits = row.info.capabilities
    wide, high = map(int, ratio.split(":"))
    for named in limits.sizes or ("1K",):
        width, height = fitted(row, wide / high, named)
        assert limits.min_pixels <= width * height <= limits.max_pixels
        assert abs(width / height / (wide / high) - 1) < 0.012
        assert limits.max_side is None or max(width, height) <= limits.max_side


@pytest.mark.parametrize(
    ("model", "size", "words"),
    [
        ("doubao-seedream-4-5-251128", "1024x1024", "3,686,400"),
        ("doubao-seedream-4-5-251128", "1K", "2K, 4K"),
        (LITE, "8000x8000", "16,777,216"),
        (LITE, "huge", "2K, 3K, 4K, WIDTHxHEIGHT"),
        (LITE, "16000x256", "1:16"),
    ],
)
def test_a_size_outside_the_limits_is_refused_with_what_is_taken(model, size, words):
    with pytest.raises(UnsupportedError, match=words):
        size_for(row_of(model), size=size, aspect_ratio=None, first_input=None)


def test_size_and_ratio_together_give_pixels():
    row = row_of(LITE)
    assert size_for(row, size="2K", aspect_ratio=None, first_input=None) == "2K"
    assert size_for(row, size="2k", aspect_ratio="16:9", first_input=None) == "2728x1536"
    assert size_for(row, size="2560x1440", aspect_ratio="16:9", first_input=None) == "2560x1440"
    with pytest.raises(UnsupportedError, match="is not 1:1"):
        size_for(row, size="2560x1440", aspect_ratio="1:1", first_input=None)


@pytest.mark.parametrize(
    ("asked", "host", "sent"),
    [
        ("seedream-4.5", "ark.cn-beijing.volces.com", "doubao-seedream-4-5-251128"),
        ("doubao-seedream-4-5-251128", "ark.ap-southeast.bytepluses.com", "seedream-4-5-251128"),
        ("seedream-4-5-251128", "ark.cn-beijing.volces.com", "doubao-seedream-4-5-251128"),
        ("dola-seedream-5-5-261028", "ark.ap-southeast.bytepluses.com", "dola-seedream-5-5-261028"),
        ("ep-20261101-abcde", "ark.cn-beijing.volces.com", "ep-20261101-abcde"),
        ("seedream-9-9", "ark.cn-beijing.volces.com", "seedream-9-9"),
    ],
)
def test_volcengine_and_byteplus_get_their_own_names(asked, host, sent):
    assert wire_name(asked, f"https://{host}/api/v3") == sent


async def test_an_endpoint_id_is_passed_through(ark, talk):
    reply = await talk(model="ep-20261101-abcde", size="2K")
    assert len(reply.pictures) == 1
    assert reply.cost is None
