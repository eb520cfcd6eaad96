"""The emulated service is strict: what the tests around rely on it to refuse, it refuses."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request

import pytest

from tests.providers.gemini.conftest import KEY, PICTURES, png

PNG = base64.urlsafe_b64encode(png().data).decode()
TEXT = {"contents": [{"role": "user", "parts": [{"text": "a fox"}]}]}
SAYS = {
    "contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": []}, {"role": "user", "parts": [{"text": "b"}]}]
}


def post(service, body, path=f"/v1/models/{PICTURES}:generateContent", headers=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        service.url + path, data, {"Content-Type": "application/json", "x-goog-api-key": KEY, **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text)["error"]["message"] if text.startswith("{") else text


def blob(data: str, mime_type: str = "image/png", role: str = "user", **more):
    part = {"inlineData": {"mimeType": mime_type, "data": data}, **more}
    contents = [{"role": "user", "parts": [{"text": "a"}, *([part] if role == "user" else [])]}]
    if role == "model":
        contents += [{"role": "model", "parts": [part]}, {"role": "user", "parts": [{"text": "b"}]}]
    return {"contents": contents}


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_both_versions_answer(version, service):
    status, reply = post(service, TEXT, f"/{version}/models/{PICTURES}:generateContent")
    assert status == 200
    assert "a fox" in reply["candidates"][0]["content"]["parts"][0]["text"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/x:generateContent", 404),
        ("/v1/models/unknown:generateContent", 404),
        (f"/v1/models/{PICTURES}:predict", 404),
        ("/", 404),
    ],
)
def test_unknown_paths_are_refused(path, status, service):
    assert post(service, TEXT, path)[0] == status


@pytest.mark.parametrize(("headers", "status"), [({"x-goog-api-key": ""}, 403), ({"x-goog-api-key": "other"}, 400)])
def test_the_key_has_to_be_right(headers, status, service):
    assert post(service, TEXT, headers=headers)[0] == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (TEXT | {"promt": 1}, 'Unknown name "promt"'),
        (TEXT | {"generationConfig": {"imageConfig": {"size": "2K"}}}, 'Unknown name "size"'),
        (TEXT | {"generationConfig": {"outputMimeType": "image/png"}}, 'Unknown name "outputMimeType"'),
        (TEXT | {"generationConfig": {"imageConfig": {"imageSize": "2k"}}}, "image_size must be one of"),
        (TEXT | {"generationConfig": {"imageConfig": {"aspectRatio": "7:3"}}}, "aspect_ratio must be one of"),
        ({"contents": []}, "end with a user turn"),
        (SAYS, "must not be empty"),
        (blob("%%%"), "Base64 decoding failed"),
        (blob("ab+/"), "standard alphabet"),
        (blob(base64.urlsafe_b64encode(b"no picture").decode()), "Unable to process input image"),
        (blob(PNG[: len(PNG) // 2 // 4 * 4]), "Unable to process input image"),
        (blob(PNG, "image/jpeg"), "is no image/jpeg"),
        (blob(PNG, "image/jpg"), "Unsupported MIME type"),
        (blob(PNG, role="model"), "missing a thought_signature"),
        (blob(PNG, role="model", thoughtSignature="AAAA"), "Thought signature is not valid"),
        (b'{"contents": ', "Invalid JSON payload"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_service_would_refuse_is_refused(body, words, service):
    status, message = post(service, body)
    assert status == 400
    assert words in message


def test_requests_above_the_limit_are_refused(service):
    status, message = post(service, b'{"contents": "' + b"A" * 100_000_001 + b'"}')
    assert (status, "payload size exceeds" in message) == (400, True)


def test_pictures_depend_on_prompt_and_input_and_nothing_else(service):
    def made(body):
        reply = post(service, {**body, "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}})[1]
        service.reset()
        return reply["candidates"][0]["content"]["parts"][-1]["inlineData"]["data"]

    service.reset()
    other = {"contents": [{"parts": [{"text": "a wolf"}]}]}
    assert made(TEXT) == made(TEXT)
    assert len({made(TEXT), made(other), made(blob(PNG)), made(blob(base64.urlsafe_b64encode(png(colour="red").data).decode()))}) == 4


def test_signatures_can_be_as_large_as_the_real_ones(service):
    service.control(signature_bytes=1_000_000)
    part = post(service, TEXT)[1]["candidates"][0]["content"]["parts"][0]
    assert len(base64.urlsafe_b64decode(part["thoughtSignature"])) == 1_000_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": PICTURES}, "input must not be empty"),
        ({"model": PICTURES, "input": "a", "n": 2}, "Unknown parameter 'n'"),
        ({"model": PICTURES, "input": [{"type": "image", "mime_type": "image/png", "data": "ab-_"}]}, "URL-safe alphabet"),
        ({"model": PICTURES, "input": "a", "previous_interaction_id": "never"}, "not found"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_interactions_are_checked_too(body, words, service):
    status, message = post(service, body, "/v1/interactions")
    assert status in {400, 404}
    assert words in message


def test_an_unknown_fault_or_option_is_refused(service):
    with pytest.raises(AssertionError, match="not one of"):
        service.control({"kind": "earthquake"})
    with pytest.raises(AssertionError, match="unknown"):
        service.control(colour="blue")
