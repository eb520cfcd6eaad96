"""OpenAI's models on Azure: both styles of its API, deployments, keys and Entra tokens, and a sentence for every fault of the connection."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from notebook_img.calls.budget import booking_of
from notebook_img.errors import (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.keys import redact
from notebook_img.providers import choose_model, key_services, lacking, mark_of, watching
from notebook_img.providers.interface import Request
from notebook_img.providers.openai import OpenAIProvider, azure
from notebook_img.settings import Settings
from tests.providers.openai.conftest import KEY as OPENAI_KEY
from tests.providers.openai.conftest import mask, picture

KEY = "azure-key-0123456789"
TOKEN = "eyJhbGciOiJub25lIn0.azure-token-0123456789.x"
VERSION = "2025-04-01-preview"
TABLE = '[azure.deployments]\npainter = "gpt-image-2.6-sunburst"\nreader = "gpt-6.1-terra"\n'
STYLES = pytest.mark.parametrize("version", [VERSION, ""], ids=["versioned", "v1"])


class Azure:
    """Providers over an Azure resource, and one request made with them."""

    def __init__(self, service, home) -> None:
        self.service, self.home, self.made = service, home, []
        (home / "endpoints.toml").write_text(TABLE)

    def provider(self, chosen: dict[str, Any] | None = None, **more: str) -> OpenAIProvider:
        environ = {
            "AZURE_OPENAI_ENDPOINT": self.service.url,
            "AZURE_OPENAI_API_KEY": KEY,
            "OPENAI_API_VERSION": VERSION,
            "OPENAI_BASE_URL": f"{self.service.url}/v1",
            "NOTEBOOK_IMG_HOME": str(self.home),
            **more,
        }
        settings = Settings(environ, **{"timeout": 20.0, "retries": 0, **(chosen or {})})
        self.made.append(OpenAIProvider(settings))
        return self.made[-1]

    async def ask(self, provider: OpenAIProvider | None = None, kind: str = "generate", model: str = "", **wishes: Any):
        provider = provider or self.provider()
        request = Request(kind, "a fox", model or provider.default_model(kind) or "", **wishes)  # type: ignore[arg-type]
        return await provider.run(request, lambda _event: None)


@pytest.fixture
async def on_azure(service, home):
    found = Azure(service, home)
    yield found
    for provider in found.made:
        await provider.aclose()


@pytest.fixture
def credential(monkeypatch):
    """Put a credential of the test's own in the place of azure-identity's."""
    told = SimpleNamespace(tokens=0, token=TOKEN, fails=None)

    def get_token(scope: str) -> Any:
        assert scope == "https://cognitiveservices.azure.com/.default"
        told.tokens += 1
        if told.fails:
            raise told.fails
        return SimpleNamespace(token=told.token, expires_on=0)

    monkeypatch.setattr(azure, "make_credential", lambda: SimpleNamespace(get_token=get_token))
    return told


@STYLES
async def test_pictures_are_made_by_the_deployment_and_recorded_as_the_models(on_azure, service, version):
    reply = await on_azure.ask(on_azure.provider(OPENAI_API_VERSION=version))
    assert (reply.model, len(reply.pictures)) == ("gpt-image-2.6-sunburst", 1)
    assert reply.cost > 0
    assert reply.sent["requests"][0]["model"] == "painter"
    (row,) = service.requests()
    assert row["path"] == ("/openai/deployments/painter/images/generations" if version else "/openai/v1/images/generations")
    assert row["query"] == ({"api-version": version} if version else {})
    assert row["headers"]["api-key" if version else "authorization"].endswith(KEY)


@STYLES
async def test_edits_take_a_mask_and_questions_a_picture(on_azure, version):
    provider = on_azure.provider(OPENAI_API_VERSION=version)
    edited = await on_azure.ask(provider, "edit", inputs=(picture(),), mask=mask((64, 48), (8, 8, 24, 24)))
    assert len(edited.pictures) == 1
    answer = await on_azure.ask(provider, "ask", inputs=(picture(),))
    assert answer.text
    assert (answer.model, answer.sent["requests"][0]["model"]) == ("gpt-6.1-terra", "reader")


@STYLES
async def test_a_token_of_entra_does_in_place_of_a_key(on_azure, service, credential, version):
    reply = await on_azure.ask(on_azure.provider(AZURE_OPENAI_API_KEY="", OPENAI_API_VERSION=version))
    assert len(reply.pictures) == 1
    assert credential.tokens == 1
    assert "api-key" not in service.requests()[0]["headers"]


async def test_a_deployment_can_be_named_itself(on_azure):
    assert (await on_azure.ask(model="painter")).model == "gpt-image-2.6-sunburst"
    provider = on_azure.provider()
    assert provider.model_info("painter").name == "gpt-image-2.6-sunburst"
    assert provider.estimate(Request("generate", "a fox", "painter")) == provider.estimate(
        Request("generate", "a fox", "gpt-image-2.6-sunburst")
    )


async def test_a_deployment_without_a_model_in_the_file_has_no_known_price(on_azure, service):
    service.control(azure_deployments={"gpt-image-2.6-sunburst": "gpt-image-2.6-sunburst"})
    (on_azure.home / "endpoints.toml").unlink()
    reply = await on_azure.ask()
    assert reply.cost is None
    assert on_azure.provider().estimate(Request("generate", "a fox", "gpt-image-2.6-sunburst")) is None


def test_what_is_not_known_of_a_deployment_is_left_to_azure(on_azure):
    able = on_azure.provider().model_info("poet").capabilities
    assert able.kinds == {"generate", "edit", "ask"}
    assert "server" not in able.history
    assert "server" not in on_azure.provider().model_info("painter").capabilities.history


def test_the_models_are_those_that_are_deployed(on_azure):
    provider = on_azure.provider()
    assert [row.name for row in provider.models()] == ["gpt-image-2.6-sunburst", "gpt-6.1-terra"]
    (on_azure.home / "endpoints.toml").write_text('[azure.deployments]\nsmall = "gpt-image-2.6-flare"\n')
    assert provider.default_model("edit") == "gpt-image-2.6-flare"


@pytest.mark.parametrize(
    ("more", "title", "why"),
    [
        ({}, "Azure OpenAI at 127.0.0.1, api-version 2025-04-01-preview", "AZURE_OPENAI_ENDPOINT is set"),
        ({"OPENAI_API_VERSION": ""}, "Azure OpenAI at 127.0.0.1, v1", "AZURE_OPENAI_ENDPOINT is set"),
        ({"OPENAI_API_KEY": OPENAI_KEY}, "OpenAI", "a key of OpenAI's comes first; AZURE_OPENAI_ENDPOINT is not used"),
        (
            {"OPENAI_API_KEY": OPENAI_KEY, "NOTEBOOK_IMG_OPENAI_CONNECTION": "azure"},
            "Azure OpenAI at 127.0.0.1, api-version 2025-04-01-preview",
            "the setting openai_connection says so; OpenAI's own key (environment variable OPENAI_API_KEY) is not used",
        ),
    ],
)
async def test_which_connection_wins_is_told_and_holds(on_azure, service, more, title, why):
    provider = on_azure.provider(**more)
    told = provider.connection()
    assert told.title == title
    assert told.why.startswith(why)
    await on_azure.ask(provider)
    sent = json.dumps(service.requests()[0]["headers"])
    assert (KEY in sent, OPENAI_KEY in sent) == (title != "OpenAI", title == "OpenAI")


def test_without_azure_there_is_one_way_and_nothing_to_tell(on_azure):
    assert on_azure.provider(AZURE_OPENAI_ENDPOINT="", OPENAI_API_KEY=OPENAI_KEY).connection() is None


def test_it_is_the_default_where_only_azure_is_set_up(on_azure):
    assert choose_model("edit", on_azure.provider().settings)[0].name == "openai"


def test_the_mark_is_the_resource_s(on_azure):
    settings = on_azure.provider().settings
    assert mark_of(on_azure.provider(), settings) == settings.key_mark("azure/127.0.0.1")
    with_key = on_azure.provider(OPENAI_API_KEY=OPENAI_KEY)
    assert mark_of(with_key, with_key.settings) == settings.key_mark(OPENAI_KEY)


def test_its_key_is_taken_out_of_every_text(on_azure):
    settings = on_azure.provider().settings
    assert KEY not in redact(f"it says {KEY}", key_services(settings), settings)


@pytest.mark.parametrize(
    ("more", "fault", "kind", "words"),
    [
        ({"AZURE_OPENAI_API_KEY": "another-key-9876543210"}, {}, AuthenticationError, "refused the key .*belongs to one resource"),
        ({}, {"azure_deployments": {}}, ModelNotFoundError, r"no deployment 'painter'.*\[azure.deployments\]"),
        ({}, {"azure_deployments": {"painter": "gpt-6.1-terra"}}, RequestRefusedError, "behind the deployment 'painter' does not do that"),
        ({"OPENAI_API_VERSION": "2020-01-01"}, {}, RequestRefusedError, "Does it know api-version 2020-01-01"),
        ({}, {"kind": "status", "status": 429, "times": -1}, RateLimitError, "quota of the deployment 'painter'"),
        ({}, {"kind": "reply", "reply": "azure_filter"}, RefusedError, "content management policy"),
    ],
)
async def test_every_fault_of_the_connection_has_its_sentence_and_books_nothing(on_azure, service, more, fault, kind, words):
    service.control(*([fault] if "kind" in fault else []), **(fault if "kind" not in fault else {}))
    with watching(told=True) as traffic, pytest.raises(kind, match=words) as caught:
        await on_azure.ask(on_azure.provider(**more))
    expected = ("refused", None) if kind is RefusedError else ("failed", 0.0)
    assert booking_of(caught.value, traffic, 0.03, submitted=False)[:2] == expected
    assert "key-0123" not in f"{caught.value!r}{caught.value.__cause__!r}"


def _azure_error(name: str, words: str = "") -> Exception:
    from azure.core import exceptions

    return getattr(exceptions, name)(words)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ("ClientAuthenticationError", "AADSTS700082: The refresh token has expired"),
            AuthenticationError,
            r"no token .*AADSTS700082.*az login",
        ),
        (("ServiceRequestError", "no route"), UnreachableError, "gives Entra tokens; nothing was sent"),
    ],
)
@STYLES
async def test_a_token_that_is_not_given_counts_as_not_sent(on_azure, service, credential, error, kind, words, version):
    credential.fails = _azure_error(*error)
    with watching(told=True) as traffic, pytest.raises(kind, match=words) as caught:
        await on_azure.ask(on_azure.provider(AZURE_OPENAI_API_KEY="", OPENAI_API_VERSION=version))
    assert booking_of(caught.value, traffic, 0.03, submitted=False)[:2] == ("failed", 0.0)
    assert not service.requests()


@pytest.mark.parametrize(
    ("suffix", "words"), [("-of-a-stranger", "Cognitive Services OpenAI User"), ("-expired", "no longer takes the token")]
)
async def test_a_token_azure_does_not_take_is_told_without_it(on_azure, credential, suffix, words):
    credential.token += suffix
    with pytest.raises(AuthenticationError, match=words) as caught:
        await on_azure.ask(on_azure.provider(AZURE_OPENAI_API_KEY=""))
    assert "eyJ" not in f"{caught.value!r}{caught.value.__dict__}{caught.value.__cause__!r}"


def test_neither_key_nor_the_package_for_tokens(on_azure, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = lacking(on_azure.provider(AZURE_OPENAI_API_KEY=""))
    assert isinstance(error, KeyMissingError)
    assert "'notebook-img[azure]'" in str(error)


@pytest.mark.parametrize(
    ("more", "table", "words"),
    [
        ({"AZURE_OPENAI_ENDPOINT": "my-resource"}, TABLE, "AZURE_OPENAI_ENDPOINT = 'my-resource' is not a base URL"),
        ({"AZURE_OPENAI_ENDPOINT": "", "NOTEBOOK_IMG_OPENAI_CONNECTION": "azure"}, TABLE, "Set AZURE_OPENAI_ENDPOINT"),
        ({}, "[azure.deployments]\npainter = 7\n", "line 2: painter = 7 should be the name of a model"),
        ({}, '[azure]\npainter = "x"\n', r"line 1: write \[azure.deployments\]"),
    ],
)
def test_what_is_set_up_wrong_is_named_with_its_place(on_azure, more, table, words):
    with pytest.raises(UsageError, match=words):
        on_azure.provider(**more).endpoint() if not table else _written(on_azure, table, more)


def _written(on_azure: Azure, table: str, more: dict[str, str]) -> None:
    (on_azure.home / "endpoints.toml").write_text(table)
    on_azure.provider(**more).endpoint()


async def test_the_endpoint_may_end_as_people_copy_it(on_azure, service):
    assert len((await on_azure.ask(on_azure.provider(AZURE_OPENAI_ENDPOINT=f"{service.url}/openai/v1/"))).pictures) == 1
