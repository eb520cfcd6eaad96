"""What services say of a bill is not taken at its word, what is paid for stays within reach, and the budget holds meanwhile."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.errors import AuthenticationError, BadReplyError, BudgetError, OverloadedError, ProviderError, UsageError
from notebook_img.store import spend
from tests.answering import answering
from tests.pictures.making import file

KEY = "odd-bills-key-0123456789"
PICTURE = base64.b64encode(file(Image.new("RGB", (64, 48), "teal"))).decode()
ODD: dict[str, Any] = {
    "negative": -5, "huge": 10**15, "beyond 64 bits": 2**80, "float": 1e30, "text": "a lot", "dollars": "$0.04", "flag": True,
    "null": None, "list": [1], "table": {"a": 1},
}  # fmt: skip


def openai_said(count: Any) -> dict[str, Any]:
    details = {"text_tokens": count, "image_tokens": count, "cached_tokens": count}
    counted = {"input_tokens": count, "output_tokens": count, "total_tokens": count, "input_tokens_details": details}
    return {"created": 1, "data": [{"b64_json": PICTURE}], "usage": {**counted, "output_tokens_details": details}}


def gemini_said(count: Any) -> dict[str, Any]:
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "totalTokenCount")
    parts = [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]
    return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": dict.fromkeys(names, count)}


def ark_said(count: Any) -> dict[str, Any]:
    usage = dict.fromkeys(("generated_images", "output_tokens", "total_tokens"), count)
    return {"model": "m", "created": 1, "data": [{"b64_json": PICTURE}], "usage": usage}


def openrouter_said(count: Any) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]
    message = {"role": "assistant", "content": "", "images": images}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"cost": count, "prompt_tokens": count}}


SAID = {"openai": openai_said, "gemini": gemini_said, "ark": ark_said, "openrouter": openrouter_said}


class Counter:
    """The services; it answers with what it is told, and may be held up."""

    def __init__(self) -> None:
        self.body: Any = {}
        self.status = 200
        self.came, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def answer(self, _path: str, _headers: Any) -> tuple[int, bytes]:
        self.came.set()
        assert self.go_on.wait(60)
        return self.status, json.dumps(self.body).encode()


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def new_studio(counter: Counter, home: Path) -> Iterator[Callable[..., ni.Studio]]:
    made: list[ni.Studio] = []
    with answering(counter.answer) as url:
        environ = {
            **{f"{name}_API_KEY": KEY for name in ("OPENAI", "GEMINI", "ARK", "OPENROUTER")}, "FAL_KEY": KEY, "FAL_BASE_URL": url,
            "OPENAI_BASE_URL": f"{url}/v1", "GOOGLE_GEMINI_BASE_URL": url, "ARK_BASE_URL": f"{url}/api/v3",
            "OPENROUTER_BASE_URL": f"{url}/v1", "JIMENG_API_TOKEN": KEY, "JIMENG_BASE_URL": url, "NOTEBOOK_IMG_HOME": str(home),
        }  # fmt: skip

        def new(**chosen: Any) -> ni.Studio:
            made.append(ni.Studio(settings=ni.Settings(environ, retries=0, **chosen)))
            return made[-1]

        yield new
        counter.go_on.set()
        for studio in made:
            studio.close()


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("service", SAID)
def test_a_count_that_is_none_keeps_the_picture_and_books_no_nonsense(
    new_studio: Callable[..., ni.Studio], counter: Counter, service: str, odd: str
) -> None:
    counter.body, studio = SAID[service](ODD[odd]), new_studio()
    turn = studio.session("fox").generate("a fox", model=service)
    [row] = studio.store.spend_rows()
    assert len(turn.pictures) == 1
    assert row.state == "billed"
    assert turn.cost is None or 0 < turn.cost <= (row.estimate or 0), "never below nothing, never above what was expected"
    # What the service does not tell counts with its estimate: else whoever forgets to count is never over the budget.
    assert row.cost == (row.estimate if turn.cost is None else turn.cost)
    studio.session("fox").generate("the next one is not refused", model=service)


# What a service says in an answer of status 200; the error, and what is booked of it (nothing, or the estimate).
ERRORS_IN_200: list[tuple[str, dict[str, Any], type[ProviderError], str, str]] = [
    ("openai", {"error": {"message": "upstream broke", "code": "server_error"}}, BadReplyError, "upstream broke", "unknown"),
    ("openrouter", {"error": {"message": "upstream broke", "code": 502}}, BadReplyError, "upstream broke", "unknown"),
    ("gemini", {"error": {"code": 503, "message": "too many", "status": "UNAVAILABLE"}}, OverloadedError, "too many", "failed"),
    (
        "gemini",
        {"error": {"code": 403, "message": "API is disabled", "status": "X"}},
        AuthenticationError,
        "is not enabled in the key",
        "failed",
    ),
    ("ark", {"error": {"code": "InternalServiceError", "message": "broke"}}, OverloadedError, "broke", "failed"),
    ("fal", {"detail": "broke"}, BadReplyError, "broke", "unknown"),
    ("jimeng", {"ret": "1015", "errmsg": "login expired"}, AuthenticationError, "expired", "failed"),
]


@pytest.mark.parametrize(("service", "body", "kind", "said", "state"), ERRORS_IN_200)
def test_an_error_in_a_200_is_told_in_its_own_words_and_leaves_no_turn(
    new_studio: Callable[..., ni.Studio],
    counter: Counter,
    service: str,
    body: dict[str, Any],
    kind: type[ProviderError],
    said: str,
    state: str,
) -> None:
    counter.body, studio = body, new_studio()
    with pytest.raises(kind, match=said):
        studio.session("fox").generate("a fox", model=service)
    assert [(row.state, row.cost) for row in studio.store.spend_rows()] == [
        (state, 0.0 if state == "failed" else studio.store.spend_rows()[0].estimate)
    ]
    assert not studio.session("fox").turns


def held(studio: ni.Studio, counter: Counter, meanwhile: Callable[[], None], prompt: str = "a fox") -> ni.Turn:
    """Make a picture, and do something between the request and its answer."""
    counter.came.clear()
    counter.go_on.clear()
    done: list[Any] = []

    def call() -> None:
        done.append(studio.session("fox").generate(prompt, model="gemini"))

    calling = threading.Thread(target=call)
    calling.start()
    assert counter.came.wait(60)
    try:
        meanwhile()
    finally:
        counter.go_on.set()
        calling.join(60)
    return done[0]


def test_a_budget_of_the_home_that_is_lowered_while_a_call_runs_holds_from_the_next_one_on(
    new_studio: Callable[..., ni.Studio], counter: Counter, home: Path
) -> None:
    counter.body, studio = gemini_said(100), new_studio()
    turn = held(studio, counter, lambda: (home / "budget").write_text("0.01") and None)
    assert turn.cost
    assert [row.state for row in studio.store.spend_rows()] == ["billed"]
    with pytest.raises(BudgetError, match=r"at most \$0\.01"):
        studio.session("fox").generate("an owl", model="gemini")
    with pytest.raises(UsageError, match="only be lowered"):
        studio.settings.budget = 5


def test_a_call_in_flight_is_reserved_for_every_process_of_the_home(new_studio: Callable[..., ni.Studio], counter: Counter) -> None:
    counter.body, studio, other = gemini_said(100), new_studio(budget=0.06), new_studio(budget=0.06)

    def another() -> None:
        with pytest.raises(BudgetError, match="reserved by calls in flight"):
            other.session("owl").generate("an owl", model="gemini")

    held(studio, counter, another)


def test_a_call_across_midnight_is_paid_by_the_day_it_began(
    new_studio: Callable[..., ni.Studio], counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.body, studio = gemini_said(100), new_studio(budget=0.06)
    days = ["2026-12-31"]
    monkeypatch.setattr(spend, "today", lambda: days[-1])
    turn = held(studio, counter, lambda: days.append("2027-01-01"))
    assert [(row.day, row.cost) for row in studio.store.spend_rows()] == [("2026-12-31", turn.cost)]
    assert studio.store.spent_today().known == 0.0, "a new day, a new budget"
    held(studio, counter, lambda: None, "an owl")
    assert [row.day for row in studio.store.spend_rows()] == ["2027-01-01", "2026-12-31"]
    days.append("2026-12-31")  # a clock that is set back finds what that day has spent
    with pytest.raises(BudgetError):
        studio.session("fox").generate("a hare", model="gemini")


CUT = base64.b64encode(base64.b64decode(PICTURE)[:20]).decode()


@pytest.mark.parametrize("service", SAID)
def test_a_picture_that_came_in_pieces_is_within_reach_with_its_bytes(
    new_studio: Callable[..., ni.Studio], counter: Counter, service: str
) -> None:
    counter.body, studio = json.loads(json.dumps(SAID[service](1)).replace(PICTURE, CUT)), new_studio()
    with pytest.raises(ProviderError) as caught:
        studio.session("fox").generate("a fox", model=service)
    assert caught.value.pictures == (base64.b64decode(CUT),)
    assert [Path(place).read_bytes() for place in caught.value.kept] == [base64.b64decode(CUT)]


def _twice(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer in which each picture stands twice."""
    text = json.dumps(body)
    for begin, end in (('{"b64_json"', "}"), ('{"inlineData"', "}}"), ('{"type": "image_url"', "}}")):
        if begin in text:
            at = text.index(begin)
            one = text[at : text.index(end, at) + len(end)]
            text = text.replace(one, f"{one}, {one}")
    return json.loads(text)


@pytest.mark.parametrize("service", SAID)
def test_a_picture_that_came_twice_is_one_request_one_turn_and_one_bill(
    new_studio: Callable[..., ni.Studio], counter: Counter, service: str
) -> None:
    counter.body, studio = _twice(SAID[service](1)), new_studio()
    turn = studio.session("twice").generate("a fox", model=service)
    assert {picture.data for picture in turn.pictures} == {base64.b64decode(PICTURE)}
    [row] = studio.store.spend_rows(session="twice")
    assert (row.state, len(studio.session("twice").turns)) == ("billed", 1)
