"""What is handed in: the address for each use, the fields it takes, pictures and masks in the service's convention."""

from __future__ import annotations

import base64
import dataclasses
import io
import json

import pytest
from PIL import Image

from notebook_img.errors import UnsupportedError
from notebook_img.providers.fal.models import TABLE, cost_of, row_of
from notebook_img.providers.interface import Price, Provider
from tests.emulators.fal import MODELS
from tests.providers.fal.conftest import handed_in, mask, picture


def test_every_address_of_the_table_takes_the_fields_that_are_sent_there():
    # What the emulator takes was written down from the service's own schemas, not from our table.
    for row in TABLE:
        for endpoint in row.endpoints.values():
            extra = ({endpoint.images} if endpoint.images else set()) | ({"mask_url"} if endpoint.mask else set())
            assert (endpoint.fields | extra) <= set(MODELS[endpoint.path]), endpoint.path


def test_it_is_a_provider_that_says_what_it_lacks(talk):
    assert isinstance(talk.provider, Provider)
    assert talk.provider.missing() is None
    del talk.provider.settings.environ["FAL_KEY"]
    assert talk.provider.missing() == "No key for fal is set up."


async def test_one_model_has_an_address_for_each_use(fal, talk):
    model = "fal-ai/qwen-image-edit"
    await talk(model=model)
    await talk(model=model, kind="edit", inputs=(picture(),))
    await talk(model=model, kind="edit", inputs=(picture(),), references=(picture(colour="blue"),))
    await talk(model=model, kind="edit", inputs=(picture(),), mask=mask())
    assert [sent["path"] for sent in handed_in(fal)] == [
        "/fal-ai/qwen-image",
        "/fal-ai/qwen-image-edit",
        "/fal-ai/qwen-image-edit-plus",
        "/fal-ai/qwen-image-edit/inpaint",
    ]


@pytest.mark.parametrize("name", ["fal-ai/flux-2-pro", "flux-2-pro", "fal-ai/flux-2-pro/edit", "FAL-AI/Flux-2-Pro"])
def test_a_model_goes_by_its_name_its_short_name_and_its_addresses(name):
    assert row_of(name).info.name == "fal-ai/flux-2-pro"


async def test_a_mask_is_sent_white_where_it_may_change_and_as_large_as_the_picture(fal, talk):
    await talk("a hat", model="fal-ai/flux-pro/v1/fill", kind="edit", inputs=(picture(),), mask=mask(48, 32))
    body = json.loads(fal.body(1))
    sent = Image.open(io.BytesIO(base64.b64decode(body["mask_url"].partition(",")[2])))
    assert (sent.size, sent.getpixel((0, 0))) == ((96, 64), 0)
    assert sent.getpixel((40, 40)) == 255
    assert body["prompt"] == "a hat"


async def test_a_mask_stands_in_words_where_the_model_takes_none(fal, talk):
    await talk("a hat", kind="edit", inputs=(picture(),), mask=mask())
    (sent,) = handed_in(fal)
    assert sent["prompt"].startswith("a hat\n\nChange only the area from 10 %")
    assert "mask_url" not in sent


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"size": "2K", "aspect_ratio": "16:9"}, {"width": 2048, "height": 1152}),
        ({"size": "768x512"}, {"width": 768, "height": 512}),
        ({"aspect_ratio": "2:3"}, {"width": 832, "height": 1248}),
        ({}, None),
    ],
)
async def test_a_size_is_told_only_where_one_was_asked(fal, talk, wishes, expected):
    await talk(**wishes)
    assert handed_in(fal)[0].get("image_size") == expected


async def test_an_edit_keeps_its_frame_where_the_model_would_make_a_square(fal, talk):
    await talk(model="fal-ai/bytedance/seedream/v4.5", kind="edit", inputs=(picture(300, 200),))
    size = handed_in(fal)[0]["image_size"]
    assert size["width"] / size["height"] == pytest.approx(1.5, rel=0.02)
    assert size["width"] * size["height"] == pytest.approx(2048 * 2048, rel=0.02)


async def test_several_pictures_are_one_request_or_several_with_seeds_of_their_own(fal, talk):
    assert len((await talk(model="fal-ai/flux-2", count=3, seed=5)).pictures) == 3
    assert len(set((await talk(count=3, seed=5)).pictures)) == 3
    first, *others = handed_in(fal)
    assert (first["num_images"], first["seed"]) == (3, 5)
    assert sorted((sent.get("num_images"), sent["seed"]) for sent in others) == [(None, 5), (None, 6), (None, 7)]


async def test_options_go_by_the_names_of_the_service_and_nothing_else_is_sent(fal, talk):
    await talk(model="fal-ai/flux-2", seed=3, options={"guidance": "4.5", "steps": 20, "format": "jpeg"})
    assert handed_in(fal)[0] == {
        "path": "/fal-ai/flux-2", "prompt": "a fox", "seed": 3, "guidance_scale": 4.5, "num_inference_steps": 20, "output_format": "jpeg",
    }  # fmt: skip
    with pytest.raises(UnsupportedError, match="write a number"):
        await talk(model="fal-ai/flux-2", options={"guidance": "much"})


async def test_a_cut_out_takes_the_picture_only_and_that_is_said(fal, talk):
    reply = await talk("cut it out", model="fal-ai/bria/background/remove", kind="edit", inputs=(picture(),))
    assert set(handed_in(fal)[0]) == {"path", "image_url"}
    assert reply.warnings == ("fal-ai/bria/background/remove takes no prompt; the words were not sent",)
    assert reply.cost == 0.018


@pytest.mark.parametrize("model", ["fal-ai/recraft/upscale/crisp", "fal-ai/clarity-upscaler"])
async def test_an_upscaler_gives_a_larger_picture(talk, model):
    from notebook_img.pictures import Picture

    reply = await talk("crisp", model=model, kind="edit", inputs=(picture(),))
    assert Picture(reply.pictures[0]).width == 192


@pytest.mark.parametrize(
    ("model", "wishes", "words"),
    [
        ("fal-ai/bria/background/remove", {}, "works on a picture"),
        ("fal-ai/flux-pro/v1/fill", {"kind": "edit", "inputs": (picture(),)}, "inside a mask"),
        ("fal-ai/recraft/v3", {"options": {"style": "vector_illustration"}}, "SVG"),
        ("fal-ai/flux-2", {"aspect_ratio": "wide"}, "is not an aspect ratio"),
    ],
)
async def test_what_a_model_does_not_do_is_refused_before_anything_is_sent(fal, talk, model, wishes, words):
    with pytest.raises(UnsupportedError, match=words):
        await talk(model=model, **wishes)
    assert not fal.requests()


async def test_a_model_without_a_row_takes_what_is_typed(fal, talk):
    reply = await talk(model="someone/strange-model", kind="edit", inputs=(picture(),), seed=4)
    assert handed_in(fal)[0]["path"] == "/someone/strange-model"
    assert reply.cost is None
    assert talk.provider.model_info("someone/strange-model").status == "unknown"


@pytest.mark.parametrize(
    ("model", "frames", "references", "dollars"),
    [
        # docs.bfl.ai/quick_start/pricing: $0.03 for the first megapixel, $0.015 for each further one and for each input.
        ("fal-ai/flux-2-pro", [(1024, 1024)], 0, 0.03),
        ("fal-ai/flux-2-pro", [(2048, 2048)], 0, 0.075),
        ("fal-ai/flux-2-pro", [(1024, 1024)], 1, 0.045),
        # fal.ai/models/fal-ai/flux-pro/kontext/max/llms.txt: "$0.08 per images"
        ("fal-ai/flux-pro/kontext/max", [(1024, 1024), (1024, 1024)], 1, 0.16),
        # fal.ai/models/fal-ai/qwen-image-edit/inpaint/llms.txt: "$0.03 per megapixels"
        ("fal-ai/qwen-image-edit", [(1024, 1536)], 1, 0.06),
        # fal.ai/models/fal-ai/recraft/v3/text-to-image/llms.txt: "$0.04 per image"
        ("fal-ai/recraft/v3", [(1024, 1024)], 0, 0.04),
        ("fal-ai/flux-2", [(1024, 1024)], 0, None),
    ],
)
def test_a_picture_costs_what_the_service_s_page_says(model, frames, references, dollars):
    assert cost_of(row_of(model), frames, references) == dollars


async def test_a_picture_costs_what_it_did_on_the_day_of_the_call(talk, monkeypatch):
    row = row_of("fal-ai/recraft/v3")
    price = dataclasses.replace(row.info.price, until="2026-12-31", then=Price({"*": 0.5}, since="2027-01-01"))
    changed = dataclasses.replace(row, info=dataclasses.replace(row.info, price=price))
    monkeypatch.setattr("notebook_img.providers.fal.provider.row_of", lambda _model: changed)
    wanted = [talk.request(model="fal-ai/recraft/v3", day=day) for day in ("2026-12-31", "2027-01-01")]
    assert [talk.provider.estimate(request) for request in wanted] == [0.04, 0.5]
    assert [(await talk.provider.run(request, talk.events.append)).cost for request in wanted] == [0.04, 0.5]


def test_an_estimate_is_for_the_size_that_is_asked(talk):
    estimate = talk.provider.estimate
    assert estimate(talk.request()) == 0.03
    assert estimate(talk.request(size="2K", count=2)) == 0.15
    assert estimate(talk.request(kind="edit", inputs=(picture(),))) == 0.045
