from __future__ import annotations

import socket
import traceback

import pytest

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    RateLimitError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.providers.openai import listing
from notebook_img.providers.openai.failures import scrub
from notebook_img.providers.received import retry_after
from tests.providers.openai.conftest import KEY, answer, picture

WRONG = "sk-proj-abcdefghijklmnop1234"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize("kind", ["ask", "generate"])
async def test_a_refused_key_is_named_by_where_it_is_set_and_never_shown(endpoint, kind):
    with pytest.raises(AuthenticationError, match=r"OPENAI_API_KEY.*keys set openai") as caught:
        await endpoint(key=WRONG)(kind, inputs=(picture(),) if kind == "ask" else ())
    shown = "".join(traceback.format_exception(caught.value))
    assert "sk-pro" not in shown
    assert WRONG[-4:] not in str(caught.value)


async def test_what_the_service_says_to_a_403_is_told_without_the_key(openai, service):
    body = {"error": {"message": f"Your organization must be verified. Key {KEY} or sk-pr***3456 is not allowed.", "code": None}}
    service.control({"kind": "status", "status": 403, "body": body})
    with pytest.raises(AuthenticationError, match="organization must be verified") as caught:
        await openai("generate", "a fox")
    assert KEY[:6] not in str(caught.value)
    assert "3456" not in str(caught.value)


async def test_no_key_where_one_is_needed_says_how_to_set_it(endpoint, service):
    provider = endpoint(environ={"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""})
    assert "has no key" in provider.provider.missing()
    with pytest.raises(KeyMissingError, match="keys set openai"):
        await provider("generate", "a fox")
    assert not service.requests()


async def test_a_local_server_needs_no_key(endpoint, service):
    service.control(key="", models=["qwen3-vl"])
    local = endpoint("ollama", environ={"OLLAMA_API_KEY": ""})
    assert local.provider.missing() is None
    await local("ask", inputs=(picture(),))
    assert service.requests("chat")[0]["headers"]["authorization"] == "Bearer none"


async def test_an_endpoint_that_is_down_says_so_and_asks_whether_it_runs(endpoint):
    down = endpoint("ollama", environ={"OLLAMA_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}, retry_seconds=0.0)
    with pytest.raises(UnreachableError, match="Is it running"):
        await down("ask", inputs=(picture(),))


async def test_a_wrong_path_says_what_a_base_url_looks_like(endpoint, service):
    with pytest.raises(RequestRefusedError, match=r"Perhaps http://127.0.0.1:\d+/v1 is meant"):
        await endpoint("vision", environ={"VISION_BASE_URL": service.url, "VISION_MODEL": "m"})("ask", inputs=(picture(),))


async def test_a_missing_model_is_told_with_near_ones(openai):
    with pytest.raises(ModelNotFoundError, match="gpt-6-astra"):
        await openai("ask", model="gpt-6-astro", inputs=(picture(),))
    with pytest.raises(ModelNotFoundError, match=r"ended on 2026-10-23; its successor is gpt-image-2\.6-sunburst"):
        await openai("generate", model="gpt-image-1")


@pytest.mark.parametrize("kind", ["malformed", "empty"])
async def test_broken_json_in_a_200_is_a_bad_reply_and_not_repeated(openai, service, kind):
    service.control({"kind": kind})
    with pytest.raises(BadReplyError):
        await openai("generate", "a fox")
    assert len(service.requests("images")) == 1


async def test_a_web_page_in_a_200_is_a_wrong_base_url(openai, service):
    service.control({"kind": "html", "status": 200, "times": -1})
    for kind, values in (
        ("generate", {}),
        ("ask", {"inputs": (picture(),)}),
        ("ask", {"inputs": (picture(),), "schema": {"type": "object"}}),
    ):
        with pytest.raises(BadReplyError, match=r"web page.*base URL"):
            await openai(kind, **values)


async def test_an_html_error_page_becomes_a_sentence(openai, service):
    service.control({"kind": "html", "status": 502, "times": -1})
    with pytest.raises(BadReplyError, match="may have been billed") as caught:
        await openai("generate", "a fox")
    assert "<" not in str(caught.value)
    assert len(service.requests("images")) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(520, BadReplyError), (507, BadReplyError), (505, BadReplyError), (524, ReplyTimeoutError), (408, ReplyTimeoutError)],
)
async def test_a_server_that_fails_with_the_request_in_hand_is_not_asked_again(openai, service, status, kind):
    service.control({"kind": "status", "status": status, "times": -1})
    with pytest.raises(kind, match=rf"{status}.*may have been billed"):
        await openai("generate", "a fox")
    assert len(service.requests("images")) == 1


async def test_an_error_in_a_200_is_held_to_the_same_statuses(openai, service):
    service.control({**answer({"error": {"code": 524, "message": "A timeout occurred."}}), "times": -1})
    with pytest.raises(ReplyTimeoutError, match="timeout occurred"):
        await openai("generate", "a fox")
    assert len(service.requests("images")) == 1


async def test_a_redirect_is_not_followed_with_pictures_and_key(openai, service):
    service.control({"kind": "redirect", "status": 307, "location": "https://elsewhere.example/v1/chat/completions"})
    with pytest.raises(RequestRefusedError, match=r"redirects.*https://elsewhere\.example"):
        await openai("ask", inputs=(picture(),))
    assert len(service.requests()) == 1


async def test_used_up_credit_is_not_waited_for(openai, service):
    body = {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"}}
    service.control({"kind": "status", "status": 429, "body": body})
    with pytest.raises(RateLimitError, match="no credit") as caught:
        await openai("generate", "a fox")
    assert caught.value.daily
    assert len(service.requests("images")) == 1


@pytest.mark.parametrize(
    "body", [{"error": "the words"}, {"detail": "the words"}, {"detail": [{"loc": ["body"], "msg": "the words"}]}, {"message": "the words"}]
)
async def test_errors_of_other_servers_are_read(openai, service, body):
    service.control({"kind": "status", "status": 422, "body": body})
    with pytest.raises(RequestRefusedError, match="the words"):
        await openai("generate", "a fox")


async def test_every_message_is_short(openai, service):
    service.control({"kind": "status", "status": 400, "body": {"error": {"message": "word " * 900}}})
    with pytest.raises(RequestRefusedError) as caught:
        await openai("generate", "a fox")
    assert len(str(caught.value)) < 600


def test_scrubbing_leaves_words_and_takes_keys():
    assert scrub("The task-force asked for sk-abcdef123456, see page 3") == "The task-force asked for [key], see page 3"
    assert scrub("key my-private-key-value here", "my-private-key-value") == "key [key] here"
    assert scrub("ends in ...ate-key-va", "my-private-key-value") == "ends in ...[key]"
    assert scrub("x data:image/png;base64,AAAA= y") == "x (data) y"
    assert scrub("<html><head><title>404 Not Found</title></head></html>") == "404 Not Found"


def test_the_wait_a_service_asks_for_is_read_in_every_form():
    assert retry_after({"retry-after": "2"}) == 2
    assert retry_after({"retry-after-ms": "1500"}) == 1.5
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[garage]\nask_model = 'm'\n", "needs a base_url"),
        ("[garage]\nbase_url = 'BASE'\nbase_ulr = 'x'\n", "Did you mean 'base_url'"),
        ("[garage]\nbase_url = 'ftp://x'\n", "not a base URL"),
        ("[garage]\nbase_url = 'http://me:secret@x/v1'\n", "user name or password"),
        ("[openai]\nbase_url = 'BASE'\n", "already exists"),
        ("[garage]\nbase_url = 'BASE'\nimages = 'yes'\n", "not one of"),
        ("[garage]\nbase_url = 'BASE'\ndetail = 'no'\n", "true or false"),
        ("[garage\n", "not valid TOML"),
        ("garage = 1\n", "not a table"),
    ],
)
def test_a_wrong_endpoints_file_says_what_is_wrong(endpoint, toml, words):
    with pytest.raises(UsageError, match=words) as caught:
        endpoint("garage", toml=toml)
    assert "secret" not in str(caught.value)


async def test_probing_says_what_an_endpoint_has_and_can_do(endpoint, openai, service):
    service.control(model_facts={"gpt-6-astra": {"architecture": {"input_modalities": ["text", "image"]}}})
    sentences = " ".join(await openai.provider.probe())
    assert "6 models" in sentences
    assert "these can see: gpt-6-astra" in sentences
    assert "edit pictures" in sentences
    service.control(models=["qwen3-vl:8b"], key="")
    assert "not among them. Did you mean 'qwen3-vl:8b'" in " ".join(await endpoint("ollama").provider.probe())


async def test_probing_what_does_not_answer_is_an_error_that_doctor_tells(endpoint, service):
    down = endpoint("vllm", environ={"VLLM_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"})
    with pytest.raises(UnreachableError, match="No connection"):
        await down.provider.probe()
    service.control({"kind": "html", "status": 200, "path": "models"})
    with pytest.raises(NotebookImgError, match="web page"):
        await endpoint().provider.probe()


async def test_a_server_that_lists_no_models_in_time_is_an_error_that_nothing_was_asked(endpoint, service, monkeypatch):
    monkeypatch.setattr(listing, "LOOK_SECONDS", 0.3)
    service.control({"kind": "hang", "path": "models", "times": -1}, key="")
    studio = endpoint("lmstudio")
    with pytest.raises(UnreachableError, match="nothing was asked"):
        await studio("ask", inputs=(picture(),))
    with pytest.raises(UnreachableError, match="nothing was asked"):
        await studio.provider.probe()
    assert not service.requests("chat")


async def test_a_missing_model_is_told_also_where_the_list_of_models_does_not_come(openai, service, monkeypatch):
    monkeypatch.setattr(listing, "LOOK_SECONDS", 0.3)
    service.control({"kind": "hang", "path": "models"})
    with pytest.raises(ModelNotFoundError, match="gpt-6-astro"):
        await openai("ask", model="gpt-6-astro", inputs=(picture(),))


def test_every_named_endpoint_is_registered_and_importing_it_loads_no_sdk():
    import subprocess
    import sys

    code = (
        "import sys; from notebook_img.providers import get; from notebook_img.settings import Settings; "
        "s = Settings(environ={}); n = 'openai ollama lmstudio vllm openrouter zhipu vision'.split(); "
        "[(p.models(), p.missing(), p.model_info('x')) for p in (get(x, s) for x in n)]; "
        "assert not {'openai', 'httpx2', 'pydantic', 'PIL', 'numpy', 'httpx'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_endpoint_of_ones_own_is_found_by_its_name_like_any_other(home):
    from notebook_img import providers
    from notebook_img.settings import Settings

    (home / "endpoints.toml").write_text(
        '[garage]\nbase_url = "http://127.0.0.1:9/v1"\nimages = "images"\nedits = true\n', encoding="utf-8"
    )
    settings = Settings(environ={}, endpoints=str(home / "endpoints.toml"))
    assert providers.resolve("garage:qwen2.5-vl:7b", settings) == ("garage", "qwen2.5-vl:7b")
    assert "garage" in providers.names(settings)
    garage = providers.get("garage", settings)
    assert garage is providers.get("garage", settings)
    assert garage.default_model("edit") == "default"
