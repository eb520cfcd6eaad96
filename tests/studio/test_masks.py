"""Masks for everybody: whatever a service does, pixels outside the mask are those of the input."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.pictures import Box, load
from tests.studio.conftest import (
    GEMINI_KEY,
    ark_environ,
    jimeng_environ,
    noise,
    openai_environ,
    rgb,
    spends,
)

SIZE = (192, 128)
REGION = "40,30,80,60"


def region() -> np.ndarray:
    inside = np.zeros((SIZE[1], SIZE[0]), bool)
    inside[30:90, 40:120] = True
    return inside


@pytest.fixture(params=["openai", "gemini", "ark", "jimeng", "local"])
def painter(request, studio_of, start):
    """A session with each provider in turn."""
    name = request.param
    environ = {}
    if name != "local":
        running = start(name)
        if name == "gemini":
            running.control(key=GEMINI_KEY)
            environ = {"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}
        else:
            environ = {"openai": openai_environ, "ark": ark_environ, "jimeng": jimeng_environ}[name](running)
    session = studio_of(environ).session("fox", model=name)
    return session, "grayscale" if name == "local" else "make it night"


def test_pixels_outside_the_mask_are_identical_with_every_provider(painter):
    session, words = painter
    turn = session.edit(words, noise(SIZE), mask=REGION)
    before, after, inside = rgb(load(noise(SIZE))), rgb(turn.picture), region()
    assert (before[~inside] == after[~inside]).all()
    assert (before[45:75, 55:105] != after[45:75, 55:105]).any()
    assert turn.picture.mime_type == "image/png"
    assert len(turn.delivered) == len(turn.pictures)
    assert "pasted inside the mask" in turn.record.note


def test_outpainting_keeps_the_old_picture_pixel_for_pixel(painter):
    session, _ = painter
    turn = session.edit("" if "local" not in session.model else "blur", noise((160, 160)), outpaint="16:9")
    picture = turn.picture
    assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.02)
    left, top = (picture.width - 160) // 2, (picture.height - 160) // 2
    assert (rgb(picture)[top : top + 160, left : left + 160] == rgb(load(noise((160, 160))))).all()
    assert turn.inputs[0].size == (160, 160)


def painted(kind: str) -> object:
    inside = region()
    if kind == "bool":
        return inside
    if kind == "uint8":
        return inside.astype("uint8") * 255
    if kind == "picture":
        return Image.fromarray(inside.astype("uint8") * 255)
    if kind == "alpha":
        alpha = Image.new("RGBA", SIZE, (0, 0, 0, 255))
        alpha.putalpha(Image.fromarray((~inside).astype("uint8") * 255))
        return alpha
    if kind == "box":
        return Box("it", 40, 30, 120, 90)
    if kind == "boxes":
        return [Box("it", 40, 30, 80, 90), Box("it", 80, 30, 120, 90)]
    return REGION


@pytest.mark.parametrize("kind", ["text", "box", "boxes", "bool", "uint8", "picture", "alpha"])
def test_a_mask_may_be_given_in_any_form(fox, kind):
    turn = fox.edit("make it night", noise(SIZE), mask=painted(kind))
    assert ((rgb(turn.mask)[..., 0] > 0) == region()).all()
    assert any("transparent may change" in warning for warning in turn.warnings) == (kind == "alpha")


def test_a_native_mask_is_sent_in_the_services_own_convention(fox, service):
    fox.edit("make it night", noise(SIZE), mask=REGION)
    parts = {part["name"]: part for part in service.requests("images/edits")[0]["body"]}
    assert {"image", "mask"} <= set(parts)
    assert "left edge" not in parts["prompt"]["text"]


def test_without_confinement_the_reply_is_taken_as_it_came(fox):
    turn = fox.edit("make it night", noise(SIZE), mask=REGION, confine=False)
    before, inside = rgb(load(noise(SIZE))), region()
    after = rgb(load(turn.picture.pil().resize(SIZE, Image.Resampling.NEAREST)))
    assert (before[~inside] != after[~inside]).any()
    assert not turn.delivered


BAD = [
    (np.zeros((128, 192), bool), "nothing may change"),
    (np.ones((64, 64), bool), r"64 x 64.*192 x 128"),
    ("500,500,10,10", ""),
    ("0,0,0,0", ""),
    ("nowhere.png", "nowhere.png"),
]


@pytest.mark.parametrize(("mask", "said"), BAD, ids=["empty", "wrong size", "outside", "no extent", "no file"])
def test_a_mask_that_means_nothing_is_an_error_before_anything_is_sent(studio, fox, service, mask, said):
    with pytest.raises((UsageError, NotFoundError), match=said or ".") as caught:
        fox.edit("make it night", noise(SIZE), mask=mask)
    assert len(str(caught.value)) < 400
    assert not service.requests()
    assert not spends(studio)


def test_masks_belong_to_edits(fox):
    for wish in ({"mask": REGION}, {"outpaint": "16:9"}):
        with pytest.raises(UsageError, match=r"belongs to an edit|takes no (mask|outpaint)"):
            fox.generate("a fox", **wish)
    with pytest.raises(UsageError, match="Leave out mask or outpaint"):
        fox.edit("more", noise(SIZE), mask=REGION, outpaint="16:9")


def test_with_a_mask_a_size_is_that_of_the_patch_and_nothing_is_refused_once_paid(studio, fox):
    turn = fox.edit("make it night", noise(SIZE), mask=REGION, size="1024x1024")
    assert turn.picture.size == SIZE
    assert turn.delivered[0].size == (1024, 1024)
    assert turn.sent["region"]["size"] == "1024x1024"
    assert (rgb(turn.picture)[~region()] == rgb(load(noise(SIZE)))[~region()]).all()
    ((state, cost),) = spends(studio)
    assert state == "billed"
    assert cost > 0


@pytest.mark.parametrize("model", ["openai", "local"])
def test_an_aspect_ratio_with_a_mask_is_an_error_before_anything_is_sent(studio, fox, service, model):
    with pytest.raises(UsageError, match="keeps the picture's frame, so it takes no aspect ratio"):
        fox.edit("grayscale", noise(SIZE), mask=REGION, aspect_ratio="1:1", model=model)
    assert not service.requests()
    assert not spends(studio)


def test_a_masked_turned_photograph_stays_upright(fox):
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.open(io.BytesIO(noise((128, 192)))).save(out, "PNG", exif=exif)
    turn = fox.edit("make it night", out.getvalue(), mask=REGION)
    upright = rgb(load(out.getvalue()))
    assert turn.picture.size == (192, 128)
    assert (upright[~region()] == rgb(turn.picture)[~region()]).all()


def test_a_masked_edit_continues_and_carries_over_to_another_provider(studio_of, service, ark):
    session = studio_of({**openai_environ(service), **ark_environ(ark)}).session("fox", model="openai")
    first = session.edit("make it night", noise(SIZE), mask=REGION)
    second = session.edit("add a moon", mask="0,0,30,30", model="ark")
    assert second.parent.id == first.id
    before, after = rgb(first.picture), rgb(second.picture)
    assert (before[40:, 40:] == after[40:, 40:]).all()


def test_transparency_outside_the_mask_stays(fox):
    image = Image.open(io.BytesIO(noise(SIZE))).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    out = io.BytesIO()
    image.save(out, "PNG")
    turn = fox.edit("make it night", out.getvalue(), mask=REGION)
    before, after = np.asarray(image), np.asarray(turn.picture.pil().convert("RGBA"))
    assert (before[~region()] == after[~region()]).all()
