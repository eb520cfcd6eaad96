"""Reference pictures: signed uploads that see no cookie, and drafts that blend."""

from __future__ import annotations

import io
import json
import zlib
from datetime import UTC, datetime

import pytest
from PIL import Image

from notebook_img.errors import BadReplyError, RequestRefusedError, UnsupportedError
from notebook_img.pictures import Picture
from notebook_img.providers.jimeng.signing import UploadKey, signed_headers
from tests.emulators.jimeng_checks import signature
from tests.providers.ark.conftest import picture
from tests.providers.jimeng.conftest import FIRST, SECOND

KEY = UploadKey("AKTEST", "SKTEST", "STTEST")
AT = datetime(2026, 1, 1, tzinfo=UTC)
VECTORS = [
    (
        "GET",
        {"Action": "ApplyImageUpload", "FileSize": "12345", "ServiceId": "tb4s082cfz", "Version": "2018-08-01", "s": "abcdefghijk"},
        b"",
        "f6c9e16fafe4855052d280c9c9e21a8dbeb2188a038e57b16044acc3eb83b6fc",
    ),
    (
        "POST",
        {"Action": "CommitImageUpload", "FileSize": "12345", "ServiceId": "tb4s082cfz", "Version": "2018-08-01"},
        b'{"SessionKey":"SESS"}',
        "803b8168a19bec528740e8827c090c6d13599e3f5149efeec1f9d7bd3536ac8b",
    ),
]
BLEND = {"kind": "edit"}


@pytest.mark.parametrize(("method", "query", "body", "wanted"), VECTORS)
def test_signatures_fit_the_test_vectors(method, query, body, wanted):
    url = "https://imagex.bytedanceapi.com/?" + "&".join(f"{name}={value}" for name, value in query.items())
    headers = signed_headers(KEY, method, url, body, at=AT)
    assert headers["Authorization"].endswith(f"Signature={wanted}")
    names = "x-amz-date;x-amz-security-token"
    assert f"SignedHeaders={'x-amz-content-sha256;' if body else ''}{names}," in headers["Authorization"]


@pytest.mark.parametrize(("method", "query", "body", "wanted"), VECTORS)
def test_the_emulators_own_signature_fits_them_too(method, query, body, wanted):
    import hashlib

    headers = {"x-amz-date": "20260101T000000Z", "x-amz-security-token": "STTEST", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    assert signature("SKTEST", "20260101T000000Z", query, method, headers, body)[1] == wanted


async def test_no_request_to_an_upload_host_carries_a_cookie(jimeng, talk):
    reply = await talk("make it night", **BLEND, inputs=(picture(),), references=(picture(60, 60, "blue"),))
    assert len(reply.pictures) == 4
    uploads = [row for row in jimeng.requests() if row["path"] == "/" or row["path"].startswith(("/upload/", "/result/"))]
    assert len(uploads) == 2 * 3 + 4
    assert all("cookie" not in row["headers"] for row in uploads)
    assert all(FIRST not in json.dumps(row["headers"]) for row in uploads)
    assert all(row["status"] == 200 for row in jimeng.requests())


async def test_the_checksum_has_eight_digits_also_when_it_begins_with_a_zero(jimeng, talk):
    with_zero = next(one for shade in range(1000) if zlib.crc32((one := picture(50, 50, f"#{shade:06x}")).data) < 1 << 28)
    await talk(**BLEND, inputs=(with_zero,))
    (put,) = jimeng.requests("/upload/v1/")
    assert put["headers"]["content-crc32"].startswith("0")
    assert len(put["headers"]["content-crc32"]) == 8


async def test_a_blend_holds_one_ability_and_one_mark_per_reference(jimeng, talk, drafts):
    await talk("swap them", **BLEND, inputs=(picture(90, 60),), references=(picture(40, 50, form="JPEG"), picture(30, 30)))
    (draft,) = drafts()
    blend = draft["component_list"][0]["abilities"]["blend"]
    assert blend["core_param"]["prompt"] == "######swap them"
    images = [ability["image_list"][0] for ability in blend["ability_list"]]
    assert [(image["width"], image["height"], image["format"]) for image in images] == [(90, 60, "png"), (40, 50, "jpeg"), (30, 30, "png")]
    assert [holder["ability_index"] for holder in blend["prompt_placeholder_info_list"]] == [0, 1, 2]


async def test_a_blend_keeps_the_model_size_seed_negative_prompt_and_strength_asked_for(jimeng, talk, drafts):
    reply = await talk(
        "x", model="jimeng-4.0", **BLEND, inputs=(picture(),), size="2K", aspect_ratio="16:9", seed=5, negative_prompt="rain", strength=0
    )
    blend = drafts()[0]["component_list"][0]["abilities"]["blend"]
    core = blend["core_param"]
    assert (core["model"], core["seed"], core["negative_prompt"]) == ("high_aes_general_v40", 5, "rain")
    assert (core["large_image_info"]["width"], core["large_image_info"]["height"], core["image_ratio"]) == (2560, 1440, 3)
    assert core["sample_strength"] == 0
    assert blend["ability_list"][0]["strength"] == 0, "0 is a legal strength"
    assert reply.seed == 5


async def test_an_edit_keeps_the_ratio_of_its_picture(jimeng, talk):
    reply = await talk("x", **BLEND, inputs=(picture(451, 300),))
    width, height = Image.open(io.BytesIO(reply.pictures[0])).size
    assert abs(width / height / (451 / 300) - 1) < 0.02


async def test_an_upload_belongs_to_the_login_that_made_it(jimeng, make):
    jimeng.control(accounts={FIRST: 0, SECOND: 5})
    reply = await make(f"{FIRST},{SECOND}")("x", **BLEND, inputs=(picture(),))
    assert len(reply.pictures) == 4
    assert len(jimeng.requests("get_upload_token")) == 2
    assert len(jimeng.requests("/upload/v1/")) == 2


async def test_what_the_upload_service_says_is_shown(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "upload_error"})
    jimeng.control(
        {
            "kind": "status",
            "status": 200,
            "body": {"ResponseMetadata": {"Error": {"Code": "Quota", "Message": "storage full"}}},
            "contains": "SessionKey",
        }
    )
    with pytest.raises(RequestRefusedError, match="Quota: storage full"):
        await talk("x", **BLEND, inputs=(picture(),))


@pytest.mark.parametrize(
    ("host", "words"), [("10.1.2.3", "private network"), ("evil.example/path", "an invalid host"), ("localhost:22", "private network")]
)
async def test_a_picture_is_put_on_public_hosts_only(jimeng, talk, host, words):
    address = {"StoreInfos": [{"StoreUri": "tos/x", "Auth": "a"}], "UploadHosts": [host], "SessionKey": "s"}
    jimeng.control({"kind": "status", "status": 200, "body": {"Result": {"UploadAddress": address}}, "path": "/", "after": 1})
    with pytest.raises(BadReplyError, match=words):
        await talk("x", **BLEND, inputs=(picture(),))


async def test_an_upload_costs_nothing_and_is_repeated_when_the_service_stumbles(jimeng, talk):
    jimeng.control(
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}, "path": "/upload/v1/"}, {"kind": "cut", "path": "/upload/v1/"}
    )
    assert len((await talk("x", **BLEND, inputs=(picture(),))).pictures) == 4
    assert len(jimeng.requests("/upload/v1/")) == 3


async def test_a_picture_too_large_or_of_another_format_is_converted_and_said(jimeng, talk):
    out = io.BytesIO()
    Image.new("RGB", (5000, 100), "red").save(out, "BMP")
    reply = await talk("x", **BLEND, inputs=(Picture(out.getvalue()),), aspect_ratio="1:1")
    assert any(warning.startswith("image 1:") for warning in reply.warnings)
    assert len(reply.pictures) == 4


async def test_eleven_pictures_are_refused_before_anything_is_sent(jimeng, talk):
    with pytest.raises(UnsupportedError, match="10 input pictures"):
        await talk("x", **BLEND, inputs=tuple(picture() for _ in range(11)))
    assert not jimeng.requests()
