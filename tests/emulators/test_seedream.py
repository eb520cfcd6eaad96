"""The emulators of Ark and Jimeng are as strict as the services: what our tests rest on."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from tests.emulators.jimeng_checks import signature, verified
from tests.emulators.serving import Rejected

KEY = "ark-emulator-key-0123456789"
PLAIN = {"model": "doubao-seedream-4-5-251128", "prompt": "a fox", "size": "2K"}


@pytest.fixture
def ark(start_emulator):
    return start_emulator("ark")


@pytest.fixture
def jimeng(start_emulator):
    return start_emulator("jimeng")


def call(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"n": 2},
        {"size": "1024x1024"},
        {"size": "1K"},
        {"image": "data:image/PNG;base64,AAAA"},
        {"image": "data:image/png;base64,AAAA"},
        {"guidance_scale": 3},
        {"output_format": "png"},
        {"watermark": "false"},
        {"prompt": " "},
    ],
    ids=str,
)
def test_ark_refuses_what_the_model_does_not_take(ark, change):
    status, answer = call(f"{ark.url}/api/v3/images/generations", PLAIN | change, Authorization=f"Bearer {KEY}")
    assert status == 400
    assert answer["error"]["code"] in {"InvalidParameter", "MissingParameter"}


@pytest.mark.parametrize("field", [{"stream": False}, {"sequential_image_generation": "disabled"}], ids=str)
def test_ark_refuses_group_fields_for_pro_even_when_they_say_no(ark, field):
    wish = {**PLAIN, "model": "doubao-seedream-5-0-pro-260628", **field}
    assert call(f"{ark.url}/api/v3/images/generations", wish, Authorization=f"Bearer {KEY}")[0] == 400


def data_url(kind, data):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def test_ark_takes_webp_but_not_for_its_3_0_models(ark):
    from tests.providers.ark.conftest import picture

    image = {"image": data_url("webp", picture(form="WEBP").data)}
    old = {"model": "doubao-seededit-3-0-i2i-250628", "prompt": "a fox", **image}
    for wish, status in ((PLAIN | image, 200), (old, 400)):
        assert call(f"{ark.url}/api/v3/images/generations", wish, Authorization=f"Bearer {KEY}")[0] == status


@pytest.mark.parametrize(("model", "status"), [("doubao-seedream-4-5-251128", 400), ("doubao-seedream-5-0-pro-260628", 200)])
def test_ark_takes_more_than_10_mb_for_pro_only(ark, model, status):
    from tests.providers.ark.conftest import picture

    wish = {**PLAIN, "model": model, "image": data_url("png", picture().data + b"\0" * 10_000_000)}
    assert call(f"{ark.url}/api/v3/images/generations", wish, Authorization=f"Bearer {KEY}")[0] == status


def test_ark_wants_its_key(ark):
    assert call(f"{ark.url}/api/v3/images/generations", PLAIN, Authorization="Bearer wrong")[0] == 401


def upload_headers(secret, body=b""):
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    query = {"Action": "ApplyImageUpload", "FileSize": "10", "ServiceId": "tb4s082cfz", "Version": "2018-08-01", "s": "abcdefghijk"}
    headers = {"x-amz-date": date, "x-amz-security-token": "STS2000001"}
    signed, told = signature(secret, date, query, "GET", headers, body)
    scope = f"AKTP000001/{date[:8]}/cn-north-1/imagex/aws4_request"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={told}"
    return "&".join(f"{name}={value}" for name, value in query.items()), headers


def test_jimeng_refuses_a_wrong_signature(jimeng):
    query, headers = upload_headers("not the secret")
    status, answer = call(f"{jimeng.url}/?{query}", **headers)
    assert (status, answer["ResponseMetadata"]["Error"]["Code"]) == (403, "InvalidAuthorization")


@pytest.mark.parametrize("change", [{}, {"Signature": "0"}, {"query": "FileSize=11"}, {"x-amz-security-token": "other"}], ids=str)
def test_jimeng_takes_a_signature_only_when_all_of_it_fits(change):
    query, headers = upload_headers("SECRET")
    asked = SimpleNamespace(
        query=dict(pair.split("=") for pair in query.split("&")),
        headers={name.lower(): value for name, value in headers.items()},
        method="GET",
        body=b"",
    )
    if "query" in change:
        asked.query["FileSize"] = "11"
    elif "Signature" in change:
        asked.headers["authorization"] = asked.headers["authorization"][:-1] + ("0" if asked.headers["authorization"][-1] != "0" else "1")
    else:
        asked.headers |= change
    if not change:
        verified(asked, "SECRET", "STS2000001")
        return
    with pytest.raises(Rejected):
        verified(asked, "SECRET", "STS2000001")


def test_jimeng_refuses_a_login_it_does_not_know(jimeng):
    assert call(f"{jimeng.url}/mweb/v1/get_history_by_ids", {"submit_ids": ["x"]})[1]["ret"] == "1015"
