"""What is set up wrong is told by its true cause, by name, and books nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img.cli.printing import exit_code
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    BudgetError,
    JobPendingError,
    KeyMissingError,
    ModelNotFoundError,
    NoPictureError,
    NotebookImgError,
    OverloadedError,
    PictureError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    RequestRefusedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from tests.answering import answering

KEY = "set-up-key-0123456789-abc"
BASES = {"openai": "OPENAI_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL", "ark": "ARK_BASE_URL", "fal": "FAL_BASE_URL"}
ENDS = {"openai": "/v1", "gemini": "", "ark": "/api/v3", "fal": ""}
DEAD = "http://127.0.0.1:9"


def said(home: Path, service: str, base: str) -> tuple[str, list[str]]:
    """Return what making a picture fails with where the base URL is this one, and the requests that came."""
    asked: list[str] = []

    def page(path: str, _headers: object) -> tuple[int, bytes]:
        asked.append(path)
        return (413 if "413" in base else 404), b"<html><head><title>Not Found</title></head></html>"

    with answering(page) as url:
        environ = {**{f"{name}_API_KEY": KEY for name in ("OPENAI", "GEMINI", "ARK")}, "FAL_KEY": KEY, "NOTEBOOK_IMG_HOME": str(home)}
        studio = ni.Studio(settings=ni.Settings({**environ, BASES[service]: base.replace("HERE", url)}, retries=0))
        try:
            with pytest.raises(NotebookImgError) as caught:
                studio.session("fox").generate("a fox", model=service)
            assert {row.cost for row in studio.store.spend_rows()} <= {0.0}
        finally:
            studio.close()
    assert "retired" not in str(caught.value)
    assert "Reinstall" not in str(caught.value)
    return str(caught.value).replace(url, "HERE"), asked


SENTENCES = [
    ("openai", "HERE", r"HERE does not offer what was asked for \(404\).*see OPENAI_BASE_URL. Perhaps HERE/v1 is meant"),
    ("openai", "HERE/v1/images/generations", r"Perhaps HERE/v1 is meant"),
    ("openai", "HERE/v1", r"HERE/v1 does not offer what was asked for \(404\).*see OPENAI_BASE_URL\.$"),
    ("openai", "nonsense", r"OPENAI_BASE_URL = 'nonsense' is not a base URL, so nothing was sent"),
    ("gemini", "HERE/elsewhere", r"There is no Gemini API at the base URL in use \(HTTP 404\). Correct GOOGLE_GEMINI_BASE_URL"),
    ("gemini", "HERE/?key=0123456789", r"GOOGLE_GEMINI_BASE_URL goes on after its path \(HERE\?\.\.\.\); leave that out. Nothing was sent"),
    ("ark", "HERE/elsewhere", r"There is no Ark API at the base URL in use \(HTTP 404\). Correct ARK_BASE_URL"),
    ("ark", "HERE/api/v3?key=0123456789", r"ARK_BASE_URL goes on after its path"),
    ("fal", "HERE/elsewhere", r"There is no fal queue at the base URL in use \(HTTP 404\). Correct FAL_BASE_URL"),
    *(
        (service, f"HERE{end}/413", r"The request is too large for \w+ \(HTTP 413\); send smaller or fewer")
        for service, end in ENDS.items()
    ),
]


@pytest.mark.parametrize(("service", "base", "words"), SENTENCES)
def test_a_base_url_that_leads_elsewhere_is_named_and_no_model_is_called_retired(home: Path, service: str, base: str, words: str) -> None:
    told, _ = said(home, service, base)
    assert re.search(words, told), told


def test_a_version_at_the_end_of_geminis_base_url_is_not_said_twice(home: Path) -> None:
    _, asked = said(home, "gemini", "HERE/v1beta")
    assert [path.partition("/models/")[0] for path in asked] == ["/v1beta"]


def test_a_query_of_openais_base_url_goes_along_with_each_request(home: Path) -> None:
    _, asked = said(home, "openai", "HERE/v1?code=0123456789")
    assert asked[0] == "/v1/images/generations?code=0123456789"


@pytest.mark.parametrize("service", BASES)
def test_a_dead_proxy_is_named_with_its_variable(home: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("NO_PROXY", "")
    told, asked = said(home, service, f"http://example.invalid{ENDS[service]}")
    assert f"through the proxy {DEAD} (HTTP_PROXY); nothing was sent. Is the proxy up, and the right one?" in told
    assert not asked


CODES: dict[int, tuple[type[NotebookImgError], ...]] = {
    1: (PictureError, StoreError),
    2: (UsageError,),
    3: (KeyMissingError, AuthenticationError),
    4: (RefusedError, RequestRefusedError, ModelNotFoundError),
    5: (RateLimitError, OverloadedError, UnreachableError),
    6: (ReplyTimeoutError, BadReplyError, NoPictureError),
    7: (BudgetError,),
    8: (JobPendingError,),
}


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for code, kinds in CODES.items() for kind in kinds])
def test_a_shell_tells_kinds_of_errors_apart_by_their_exit_code(code: int, kind: type[NotebookImgError]) -> None:
    facts = {"stage": "prompt", "reason": "x"} if kind is RefusedError else {"job": "j1"} if kind is JobPendingError else {}
    assert exit_code(kind("x", **facts)) == code
