"""Gemini on Google Cloud: a project and credentials in place of a key, checked by an emulator that has a token server of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from notebook_img.calls.budget import booking_of
from notebook_img.errors import (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    RateLimitError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from notebook_img.providers import choose_model, lacking, mark_of, watching
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.providers.gemini.cloud import labels
from notebook_img.providers.interface import Reply, Request
from notebook_img.providers.validation import check_request
from notebook_img.settings import Settings
from tests.emulators.process import Running
from tests.google_account import account_file
from tests.providers.gemini.conftest import KEY, PICTURES, png

GENERATE = f"projects/picture-lab/locations/europe-west4/publishers/google/models/{PICTURES}:generateContent"


def environ(service: Running, home: Path, **more: str) -> dict[str, str]:
    return {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "picture-lab",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_VERTEX_BASE_URL": service.url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(account_file(home, service.url)),
        "NOTEBOOK_IMG_HOME": str(home),
        **more,
    }


class Cloud:
    """Providers over Google Cloud, and one request made with them."""

    def __init__(self, service: Running, home: Path) -> None:
        self.service, self.home, self.made = service, home, []

    def provider(self, chosen: dict[str, Any] | None = None, **more: str) -> GeminiProvider:
        settings = Settings(environ(self.service, self.home, **more), **{"timeout": 20, "retries": 1, **(chosen or {})})
        self.made.append(GeminiProvider(settings))
        return self.made[-1]

    async def ask(self, provider: GeminiProvider | None = None, kind: str = "generate", **wishes: Any) -> Reply:
        provider = provider or self.provider()
        request = Request(kind, "a fox", provider.default_model(kind), **wishes)  # type: ignore[arg-type]
        return await provider.run(request, lambda _event: None)


@pytest.fixture
async def cloud(service, home):
    found = Cloud(service, home)
    yield found
    for provider in found.made:
        await provider.aclose()


async def test_it_needs_no_key_and_sends_a_token_to_the_path_of_the_project(cloud):
    assert cloud.provider().missing() is None
    assert len((await cloud.ask()).pictures) == 1
    token, call = cloud.service.requests()
    assert (token["path"], call["path"]) == ("/token", f"/v1beta1/{GENERATE}")
    assert call["headers"]["authorization"].startswith("Bearer ya29.")
    assert "x-goog-api-key" not in call["headers"]


async def test_a_key_beside_it_is_not_sent_and_is_named(cloud, monkeypatch):
    # The SDK reads the process's own environment too.
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    provider = cloud.provider(GEMINI_API_KEY=KEY)
    await cloud.ask(provider)
    assert not [row for row in cloud.service.requests() if KEY in str(row["headers"])]
    told = provider.connection()
    assert told.title == "Google Cloud, project picture-lab, europe-west4"
    assert told.why == (
        "GOOGLE_GENAI_USE_VERTEXAI is set; the key (environment variable GEMINI_API_KEY) is not used, because a project comes before a key"
    )
    assert told.credentials.startswith("service account painter@picture-lab.iam.gserviceaccount.com (")


@pytest.mark.parametrize(
    ("variables", "title"),
    [
        ({}, "Google Cloud"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "0"}, "Gemini API"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "yes"}, "Gemini API"),  # the SDK takes true and 1 only
        ({"GOOGLE_GENAI_USE_VERTEXAI": "", "GOOGLE_GENAI_USE_ENTERPRISE": "True"}, "Google Cloud"),
        ({"GOOGLE_GENAI_USE_ENTERPRISE": "false"}, "Gemini API"),
    ],
)
def test_the_variables_choose_as_in_the_sdk(cloud, monkeypatch, variables, title):
    from google.genai import Client

    provider = cloud.provider(GEMINI_API_KEY=KEY, **variables)
    assert provider.connection().title.startswith(title)
    for name, value in {"GEMINI_API_KEY": KEY, **environ(cloud.service, cloud.home, **variables)}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings(action="ignore"):
        assert Client().vertexai == (title == "Google Cloud")


def test_without_a_key_it_is_the_default_model(cloud):
    settings = cloud.provider().settings
    assert choose_model("edit", settings)[0].name == "gemini"
    assert choose_model("edit", Settings({"NOTEBOOK_IMG_HOME": str(cloud.home)}))[0].name == "local"


async def test_the_project_of_the_credentials_is_taken_where_none_is_named(cloud):
    await cloud.ask(cloud.provider(GOOGLE_CLOUD_PROJECT=""))
    assert cloud.service.requests()[-1]["path"].endswith(GENERATE)


async def test_questions_stream_and_pictures_go_along(cloud):
    reply = await cloud.ask(kind="ask", inputs=(png(),))
    assert "about 1 picture(s)" in reply.text
    assert cloud.service.requests()[-1]["path"].endswith(":streamGenerateContent")


async def test_calls_carry_labels_as_google_takes_them(cloud):
    provider = cloud.provider(NOTEBOOK_IMG_LABELS="team=Vision Lab, Course=ML 101")
    await cloud.ask(provider, labels={"person": "Ada Lovelace", "home": "notebook_img", "notebook": "Füchse (1)"})
    assert cloud.service.requests()[-1]["body"]["labels"] == {
        "person": "ada-lovelace", "home": "notebook_img", "notebook": "f-chse-1", "team": "vision-lab", "course": "ml-101",
    }  # fmt: skip
    assert labels({"1x": "y", "person": "", "名": "x"}) == {"x": "y"}


async def test_calls_with_a_key_carry_none(run, service):
    reply = await run("generate", "a fox", labels={"person": "ada"})
    assert "labels" not in service.requests()[-1]["body"]
    assert "ada" not in str(reply.sent)


async def test_a_token_serves_many_calls_and_is_fetched_again_when_it_ends(cloud):
    cloud.service.control(token_seconds=1)
    provider = cloud.provider()
    await cloud.ask(provider)
    before = len(cloud.service.requests("/token"))
    cloud.service.control(token_seconds=3600)
    for _ in range(3):
        await cloud.ask(provider)
    assert len(cloud.service.requests("/token")) == before + 1


async def test_other_credentials_are_seen_in_the_same_kernel(cloud):
    provider = cloud.provider()
    await cloud.ask(provider)
    file = account_file(cloud.home, cloud.service.url, account="stranger@picture-lab.iam.gserviceaccount.com")
    os.utime(file, (1, 1))
    with pytest.raises(AuthenticationError, match="expired or were revoked"):
        await cloud.ask(provider)


@pytest.mark.parametrize(
    ("more", "fault", "kind", "words"),
    [
        ({}, {"options": {"revoked": True}}, AuthenticationError, r"expired or were revoked \(invalid_grant\). Nothing was sent"),
        ({}, {"kind": "status", "status": 503, "path": "/token", "times": -1, "body": {"error": "x"}}, Exception, "nothing was sent"),
        ({}, {"kind": "cut", "path": "/token", "times": -1}, UnreachableError, "gives Google Cloud's tokens; nothing was sent"),
        ({"GOOGLE_CLOUD_PROJECT": "other-lab"}, {}, AuthenticationError, "has no project other-lab.*Correct GOOGLE_CLOUD_PROJECT"),
        (
            {},
            {"kind": "reply", "reply": "disabled", "path": "publishers"},
            AuthenticationError,
            "is not switched on in project picture-lab",
        ),
        (
            {},
            {"kind": "reply", "reply": "forbidden", "path": "publishers"},
            AuthenticationError,
            "may not use models in project picture-lab.*Vertex AI User",
        ),
        ({}, {"kind": "reply", "reply": "unbilled", "path": "publishers"}, AuthenticationError, "Billing is off in project picture-lab"),
        ({}, {"kind": "reply", "reply": "quota", "path": "publishers", "times": -1}, RateLimitError, "quota of project picture-lab"),
        ({"GOOGLE_CLOUD_LOCATION": "us-south9"}, {}, ModelNotFoundError, f"no '{PICTURES}' in us-south9.*LOCATION=global"),
        ({}, {"kind": "status", "status": 401, "path": "publishers"}, AuthenticationError, "no longer takes these credentials"),
    ],
)
async def test_every_fault_of_the_connection_has_its_sentence_and_books_nothing(cloud, more, fault, kind, words):
    cloud.service.control(*([fault] if "kind" in fault else []), **fault.get("options", {}))
    provider = cloud.provider({"retries": 0}, **more)
    with watching(told=True) as traffic, pytest.raises(kind, match=words) as caught:
        await cloud.ask(provider)
    assert booking_of(caught.value, traffic, 0.03, submitted=False)[:2] == ("failed", 0.0)
    said = f"{caught.value!r}{caught.value.__dict__}{caught.value.__cause__!r}"
    assert "ya29" not in said
    assert "PRIVATE KEY" not in said
    assert "eyJ" not in said, "no assertion either"


async def test_a_token_server_that_hangs_is_given_up_and_the_loop_goes_on(cloud):
    cloud.service.control({"kind": "hang", "path": "/token", "times": -1})
    provider = cloud.provider({"retries": 0})
    provider.settings.chosen["timeout"] = 0.5  # below what a person may set
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    beside = asyncio.ensure_future(ticking())
    with pytest.raises(UnreachableError, match="nothing was sent"):
        await cloud.ask(provider)
    beside.cancel()
    assert ticks > 5


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"GOOGLE_APPLICATION_CREDENTIALS": "nowhere.json"}, "names no file: 'nowhere.json'"),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": "nowhere"}, "gcloud auth application-default login"),
        ({"GOOGLE_CLOUD_PROJECT": "", "GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": "nowhere"}, "Set GOOGLE_CLOUD_PROJECT"),
        ({"GOOGLE_CLOUD_LOCATION": "Europe West"}, "is no location of Google Cloud"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(cloud, monkeypatch, more, words):
    monkeypatch.setattr("notebook_img.providers.gemini.cloud._own_machine", lambda _settings: False)
    error = lacking(cloud.provider(**more))
    assert isinstance(error, KeyMissingError | UsageError)
    assert words in error.sentence


def test_a_file_that_is_no_credentials_is_named(cloud):
    provider = cloud.provider()
    Path(provider.settings.google_credentials).write_text('{"type": "poem"}')
    with pytest.raises(KeyMissingError, match=r"account\.json cannot be used"):
        provider.credentials.load()


def test_the_mark_covers_connection_project_and_location(cloud):
    marks = {
        mark_of(cloud.provider(**more), cloud.provider().settings)
        for more in (
            {},
            {"GOOGLE_CLOUD_PROJECT": "other"},
            {"GOOGLE_CLOUD_LOCATION": "global"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "0", "GEMINI_API_KEY": KEY},
        )
    }
    assert len(marks) == 4
    assert mark_of(cloud.provider(GEMINI_API_KEY=KEY), cloud.provider().settings) in marks, "the key beside it changes nothing"


def test_history_on_the_server_is_refused_before_anything_is_sent(cloud):
    provider = cloud.provider()
    request = Request("edit", "warmer", PICTURES, inputs=(png(),), history="server")
    with pytest.raises(UnsupportedError, match="It takes the history kinds window, full"):
        check_request(request, provider)
    with_key = cloud.provider(GOOGLE_GENAI_USE_VERTEXAI="", GEMINI_API_KEY=KEY)
    check_request(dataclasses.replace(request), with_key)


async def test_the_doctor_learns_what_the_project_lists(cloud):
    (line, *_) = await cloud.provider().probe()
    assert line.startswith("Google Cloud, project picture-lab, europe-west4 takes the credentials and lists")


async def test_a_picture_costs_there_what_it_costs_with_a_key(cloud):
    reply = await cloud.ask()
    with_key = cloud.provider(GOOGLE_GENAI_USE_VERTEXAI="", GEMINI_API_KEY=KEY)
    assert reply.cost == pytest.approx(0.0336, rel=0.05)
    request = Request("generate", "a fox", PICTURES)
    assert with_key.estimate(request) == cloud.provider().estimate(request)
