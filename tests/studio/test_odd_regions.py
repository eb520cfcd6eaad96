"""Odd pictures with odd masks, and a service that answers in another shape: what is paid for is kept, and nothing else changes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import UnsupportedError, UsageError
from notebook_img.pictures import load
from tests.pictures.making import file
from tests.pictures.regions.stand_in import tiled
from tests.studio.conftest import rgb, spends
from tests.studio.test_regions import session_of

__all__ = ["session_of"]

SIZE = (600, 400)
ANSWER = {"bucket": True, "shift": [0.01, 0.0], "mark": 0.02}
"""In a size of about a megapixel that was not asked for."""


def picture(kind: str) -> bytes:
    whole = Image.fromarray(tiled("coffee", 0, 0, *SIZE))
    if kind == "one pixel":
        return file(Image.new("RGB", (1, 1), "red"))
    if kind == "a line":
        return file(whole.crop((0, 0, 600, 1)))
    if kind == "tall":
        return file(Image.fromarray(tiled("coffee", 0, 0, 300, 4000)), "JPEG", quality=95)
    if kind == "alpha":
        whole.putalpha(Image.linear_gradient("L").resize(SIZE))
    if kind == "CMYK":
        return file(whole.convert("CMYK"), "TIFF")
    if kind == "animated":
        out = io.BytesIO()
        whole.convert("P").save(out, "GIF", save_all=True, append_images=[whole.rotate(180).convert("P")], duration=80)
        return out.getvalue()
    if kind == "16 bit":
        return file(Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 257))
    return file(whole.convert("P") if kind == "palette" else whole.convert("L") if kind == "grey" else whole)


def mask(kind: str, size: tuple[int, int]) -> Image.Image | np.ndarray:
    width, height = size
    white = np.zeros((height, width), np.uint8)
    if kind == "one pixel":
        white[height // 2, width // 2] = 255
    elif kind == "whole":
        white[:] = 255
    elif kind == "a frame":
        white[:] = 255
        white[height // 8 : -height // 8, width // 8 : -width // 8] = 0
    else:
        white[height // 3 : height // 2, width // 3 : width // 2] = 255
    if kind == "soft":
        return np.asarray(Image.fromarray(white).resize((width // 9 or 1, height // 9 or 1)).resize(size, Image.Resampling.BICUBIC))
    if kind == "16 bit":
        return white.astype(np.uint16) * 257
    if kind == "palette":
        return Image.fromarray(white).convert("P")
    return Image.fromarray(white)


@pytest.mark.parametrize(
    ("name", "shown", "painted"),
    [
        ("openai", "one pixel", "whole"),
        ("gemini", "one pixel", "one pixel"),
        ("gemini", "tall", "soft"),
        ("openai", "tall", "a frame"),
        ("openai", "alpha", "soft"),
        ("ark", "alpha", "palette"),
        ("ark", "CMYK", "a part"),
        ("gemini", "animated", "a part"),
        ("openai", "16 bit", "16 bit"),
        ("gemini", "palette", "palette"),
        ("openai", "grey", "one pixel"),
        ("ark", "grey", "a frame"),
    ],
)
def test_whatever_it_is_the_reply_is_kept_and_the_rest_stays(session_of, name: str, shown: str, painted: str):
    data = picture(shown)
    session, _ = session_of(name, ANSWER)
    given = mask(painted, load(data).size)
    before = rgb(load(data))
    turn = session.edit("paint a mark", data, mask=given)
    after, inside = rgb(turn.picture), rgb(turn.mask)[..., 0] > 0
    assert after.shape == before.shape
    assert np.array_equal(after[~inside], before[~inside])
    assert inside.any()
    assert [state for state, _ in spends(session.actor)] == ["billed"]
    assert len(turn.delivered) == 1


def test_a_line_that_a_service_does_not_take_is_refused_in_its_words_and_costs_nothing(session_of):
    session, _ = session_of("ark", ANSWER)
    with pytest.raises(UnsupportedError, match="sides of 15 pixels and more"):
        session.edit("paint a mark", picture("a line"), mask=mask("one pixel", (600, 1)))
    assert {cost for _, cost in spends(session.actor)} == {0.0}


@pytest.mark.parametrize("given", ["600,0,10,10", "0,0,0,5", np.zeros((400, 600), np.uint8), np.ones((40, 60), np.uint8) * 255])
def test_a_mask_that_is_outside_empty_or_of_another_size_costs_nothing(session_of, given):
    session, service = session_of("gemini", ANSWER)
    with pytest.raises(UsageError, match="mask"):
        session.edit("paint a mark", picture("plain"), mask=given)
    assert not spends(session.actor)
    assert not service.requests("generateContent")
