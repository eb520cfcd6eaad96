"""Requests that are done later, by the real SDKs against strict emulators: handed in as the service wants them, fetched as what they are."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from notebook_img.errors import NotebookImgError, OverloadedError, ProviderError, RefusedError, UnsupportedError
from notebook_img.pictures import Picture
from notebook_img.providers import UndoneError, get, jobs_for, later_of, retry
from notebook_img.providers.interface import Later, LaterTerms, Reply, Request
from notebook_img.settings import Settings
from tests.emulators.process import Running

KEY = "test-key-0123456789"
DONE = {"gemini": "succeeded", "openai": "completed"}
RUNNING = {"gemini": "running", "openai": "in_progress"}


def png(colour: str = "teal", size: tuple[int, int] = (64, 48)) -> Picture:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return Picture(out.getvalue())


class Bench:
    """A provider, its service, and its batch processing."""

    def __init__(self, name: str, service: Running, home: Path) -> None:
        self.name, self.service = name, service
        environ = {
            "GEMINI_API_KEY": KEY,
            "GOOGLE_GEMINI_BASE_URL": service.url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{service.url}/v1",
            "NOTEBOOK_IMG_HOME": str(home),
        }
        self.settings = Settings(environ, timeout=20, retry_seconds=5)
        self.provider = get(name, self.settings)
        self.later = later_of(self.provider)

    def request(self, kind: Any, prompt: str, *inputs: Picture, **more: Any) -> Request:
        return Request(kind, prompt, self.provider.default_model(kind) or "", inputs=inputs, **more)

    async def submit(self, requests: dict[str, Request], name: str = "fox-b1.0") -> dict[str, Any]:
        state = await self.later.submit(name, requests, lambda _event: None)
        return json.loads(json.dumps(state))  # it has to stand in a row

    async def fetched(self, state: dict[str, Any], requests: dict[str, Request]) -> dict[str, Reply | NotebookImgError]:
        # By a provider that did not hand it in.
        return {key: outcome async for key, outcome in later_of(get(self.name, self.settings)).fetch(state, requests)}


@pytest.fixture(params=["gemini", "openai"])
async def bench(
    request: pytest.FixtureRequest, start_emulator: Callable[..., Running], home: Path, monkeypatch: Any
) -> AsyncIterator[Bench]:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    made = Bench(request.param, start_emulator(request.param), home)
    yield made
    await made.provider.aclose()
    assert not [row["error"] for row in made.service.requests() if row["state"] == "emulator failed"]


only = lambda name: pytest.mark.parametrize("bench", [name], indirect=True)  # noqa: E731


def asked_at_once(service: Running) -> list[dict[str, Any]]:
    return [row for row in service.requests() if ":generateContent" in row["path"] or row["path"].startswith(("/v1/images", "/v1/chat"))]


async def test_pictures_are_made_later_at_half_the_price(bench: Bench):
    requests = {f"i{number}": bench.request("generate", f"fox {number}") for number in range(3)}
    at_once = await bench.provider.run(requests["i0"], lambda _event: None)

    state = await bench.submit(requests)
    came = await bench.fetched(state, requests)

    assert set(came) == set(requests)
    for reply in came.values():
        assert isinstance(reply, Reply)
        assert Picture(reply.pictures[0]).size > (1, 1)
        assert reply.cost == pytest.approx(at_once.cost * bench.later.terms.factor, rel=0.02)
        assert reply.usage.total_tokens
    assert len({reply.pictures[0] for reply in came.values()}) == 3
    assert len(asked_at_once(bench.service)) == 1


async def test_edits_take_their_pictures_along_each_once(bench: Bench):
    photo, style = png(), png("red")
    requests = {f"i{number}": bench.request("edit", f"warmer {number}", photo, references=(style,)) for number in range(2)}

    came = await bench.fetched(await bench.submit(requests), requests)

    assert all(isinstance(reply, Reply) and reply.pictures for reply in came.values()), came
    if bench.name == "openai":
        assert len([row for row in bench.service.requests("/v1/files") if row["method"] == "POST"]) == 3  # two pictures and the requests


@only("openai")
async def test_a_mask_goes_along_as_a_file(bench: Bench):
    mask = png("white")
    requests = {"i0": bench.request("edit", "a hat", png(), mask=mask)}
    came = await bench.fetched(await bench.submit(requests), requests)
    assert isinstance(came["i0"], Reply), came


async def test_questions_are_answered_later_as_the_schema_wants(bench: Bench):
    schema = {"type": "object", "properties": {"breed": {"type": "string"}}, "required": ["breed"], "additionalProperties": False}
    requests = {
        "plain": bench.request("ask", "What is this?", png()),
        "typed": bench.request("ask", "Which breed?", png(), schema=schema),
    }
    came = await bench.fetched(await bench.submit(requests), requests)
    assert isinstance(came["plain"], Reply), came
    assert "What is this?" in came["plain"].text
    assert isinstance(came["typed"], Reply), came
    assert isinstance(came["typed"].value["breed"], str)


@only("gemini")
async def test_answers_travel_inline_and_pictures_as_files(bench: Bench):
    asked = {"i0": bench.request("ask", "What is this?", png())}
    await bench.submit(asked)
    assert not bench.service.requests("/upload/")
    painted = {
        f"i{number}": bench.request("generate", f"fox {number}") for number in range(20)
    }  # inline the service could not hand them over
    came = await bench.fetched(await bench.submit(painted), painted)
    assert len(bench.service.requests("/upload/")) == 2
    assert all(isinstance(reply, Reply) for reply in came.values())


@only("gemini")
async def test_several_pictures_of_one_request_are_rows_of_one_job(bench: Bench):
    requests = {"i0": bench.request("generate", "foxes", count=3), "i1": bench.request("generate", "owl")}
    came = await bench.fetched(await bench.submit(requests), requests)
    assert [len(came[key].pictures) for key in ("i0", "i1")] == [3, 1]


async def test_a_job_waits_until_it_has_ended(bench: Bench):
    bench.service.control(batches=RUNNING[bench.name])
    requests = {"i0": bench.request("generate", "a fox")}
    state = await bench.submit(requests)
    assert not (await bench.later.look(state)).ended
    bench.service.control(batches=DONE[bench.name])
    standing = await bench.later.look(state)
    assert (standing.ended, standing.state) == (True, DONE[bench.name])


async def test_a_job_is_found_by_its_name_alone(bench: Bench):
    requests = {"i0": bench.request("generate", "a fox")}
    states = [await bench.submit(requests, name) for name in ("b1", "b2")]
    assert [await bench.later.find(name) for name in ("b1", "b2", "b3")] == [*states, None]


@pytest.mark.parametrize("ending", ["expired", "cancelled", "failed"])
async def test_a_job_that_ended_early_brings_what_was_done_and_says_what_was_not(bench: Bench, ending: str):
    requests = {f"i{number}": bench.request("generate", f"fox {number}") for number in range(3)}
    state = await bench.submit(requests)
    bench.service.control(batches=ending)

    came = await bench.fetched(state, requests)

    done = [outcome for outcome in came.values() if isinstance(outcome, Reply)]
    left = [outcome for outcome in came.values() if isinstance(outcome, UndoneError)]
    assert (len(done), len(left)) == ((0, 3) if ending == "failed" else (1, 2))
    assert all(error.billed == "no" and ending in str(error) for error in left)


async def test_cancelling_stops_a_job(bench: Bench):
    bench.service.control(batches=RUNNING[bench.name])
    state = await bench.submit({"i0": bench.request("generate", "a fox")})
    await bench.later.cancel(state)
    assert (await bench.later.look(state)).state == "cancelled"


async def test_rows_fail_on_their_own(bench: Bench):
    faults = {
        "gemini": [
            {"kind": "reply", "reply": "blocked", "path": "batch-row", "contains": "fox 1"},
            {"kind": "reply", "reply": "row_error", "code": 13, "path": "batch-row", "contains": "fox 2"},
        ],
        "openai": [
            {"kind": "reply", "reply": "refuse_prompt", "path": "batch-row", "contains": "fox 1"},
            {"kind": "reply", "reply": "", "status": 503, "path": "batch-row", "contains": "fox 2"},
        ],
    }
    bench.service.control(*faults[bench.name])
    requests = {f"i{number}": bench.request("generate", f"fox {number}") for number in range(4)}

    came = await bench.fetched(await bench.submit(requests), requests)

    assert isinstance(came["i1"], RefusedError)
    assert isinstance(came["i2"], OverloadedError)
    assert came["i2"].billed == "no"
    assert isinstance(came["i0"], Reply)
    assert isinstance(came["i3"], Reply)


async def test_what_an_answer_says_decides_whether_a_job_may_be_there(bench: Bench):
    where = "batchGenerateContent" if bench.name == "gemini" else "/v1/batches"
    bench.service.control({"kind": "status", "status": 429, "path": where}, {"kind": "cut", "path": where})
    with pytest.raises(ProviderError) as caught:
        await bench.submit({"i0": bench.request("generate", "a fox")})
    assert caught.value.billed == "maybe"  # so the caller looks for it by name
    assert await bench.later.find("fox-b1.0") is None


def test_jobs_hold_a_hundred_pictures_of_one_kind_and_model():
    class Small:
        terms = LaterTerms(0.5, 24, most=100, most_bytes=10_000)

        def group(self, request: Request) -> str:
            return f"{request.model} {request.kind}"

        def weight(self, request: Request) -> int:
            return len(request.prompt)

    requests = {f"a{number}": Request("generate", "fox", "one") for number in range(250)}
    requests |= {f"b{number}": Request("generate", "fox", "two", count=4) for number in range(30)}
    requests |= {f"c{number}": Request("ask", "x" * 4000, "one") for number in range(5)}
    jobs: Any = jobs_for(Small(), requests)  # type: ignore[arg-type]
    assert [len(keys) for keys in jobs] == [100, 100, 50, 25, 5, 2, 2, 1]
    assert sorted(key for keys in jobs for key in keys) == sorted(requests)


@pytest.mark.parametrize(
    ("name", "environ", "why"),
    [
        ("gemini", {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}, "Google Cloud"),
        ("openai", {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY": "k"}, "Azure"),
        ("ark", {}, "does nothing later"),
        ("local", {}, "does nothing later"),
        ("openrouter", {}, "does nothing later"),
    ],
)
def test_services_without_it_say_so_before_anything_is_sent(name: str, environ: dict[str, str], why: str, home: Path):
    with pytest.raises(UnsupportedError, match=why):
        later_of(get(name, Settings({**environ, "NOTEBOOK_IMG_HOME": str(home)})))


def test_ours_fit_the_protocol(bench: Bench):
    assert isinstance(bench.later, Later)
