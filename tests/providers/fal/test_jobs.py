"""Jobs at fal: handed in, watched, fetched at once, taken back while they wait; every way they end, and what it costs."""

from __future__ import annotations

import asyncio
import json

import pytest

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    JobPendingError,
    ModelNotFoundError,
    NoPictureError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    RequestRefusedError,
)
from notebook_img.providers.fal import FalProvider
from notebook_img.providers.interface import ProgressEvent, SubmittedEvent, WithdrawnEvent
from tests.providers.fal.conftest import KEY, Talk, picture, settings


async def test_a_job_is_told_before_it_is_waited_for_and_holds_neither_key_nor_host(fal, talk):
    reply = await talk(seed=7)
    (event,) = talk.told(SubmittedEvent)
    told = json.dumps(dict(event.state))
    assert KEY not in told
    assert fal.url not in told
    assert event.state["requests"] == [{"id": event.submit_id, "path": f"/fal-ai/flux-2-pro/requests/{event.submit_id}"}]
    assert (reply.cost, reply.seed, len(reply.pictures)) == (0.03, 7, 1)
    assert [said.message for said in talk.told(ProgressEvent)] == ["fal: in the queue", "fal: painting"]


async def test_the_place_in_the_queue_is_told(fal, talk):
    fal.control(before=3)
    await talk()
    assert talk.told(ProgressEvent)[0].message == "fal: in the queue, 3 before it"


async def test_the_key_goes_to_the_queue_and_to_nothing_else(fal, talk):
    await talk()
    assert {row["headers"].get("authorization") for row in fal.requests("/files/")} == {None}
    assert {row["headers"].get("authorization") for row in fal.requests("/fal-ai/")} == {f"Key {KEY}"}


async def test_an_address_elsewhere_is_not_followed(fal, talk):
    fal.control({"kind": "reply", "reply": "", "address": "http://127.0.0.1:9"})
    reply = await talk()
    assert len(reply.pictures) == 1


@pytest.mark.parametrize("url", ["http://10.0.0.1/secret.png", "http://169.254.169.254/latest", "file:///etc/passwd"])
async def test_a_picture_elsewhere_is_not_opened(fal, talk, url):
    fal.control({"kind": "reply", "reply": "elsewhere", "url": url})
    with pytest.raises((BadReplyError, NoPictureError)) as caught:
        await talk()
    assert caught.value.billed == "maybe"


async def test_pictures_that_stand_in_the_result_itself_are_taken(fal, talk):
    fal.control({"kind": "reply", "reply": "inline"})
    assert (await talk()).pictures[0].startswith(b"\x89PNG")


async def test_pictures_the_safety_checker_blacked_out_are_said(fal, talk):
    fal.control({"kind": "reply", "reply": "black"})
    assert (await talk()).warnings == ("fal's safety checker made 1 picture black.",)


async def test_a_deadline_leaves_a_job_that_another_process_fetches(fal, home, talk):
    fal.control(looks=6)
    talk.provider.settings.fal_deadline = 1.0
    times = iter([0.0, 0.5, 5.0])
    talk.provider.clock = lambda: next(times)
    with pytest.raises(JobPendingError, match="FAL_DEADLINE"):
        await talk()
    state = json.loads(json.dumps(talk.told(SubmittedEvent)[0].state))
    other = Talk(FalProvider(settings(fal.url, home)))
    reply = await other.provider.resume(state, other.events.append)
    assert (len(reply.pictures), reply.cost) == (1, 0.03)
    assert len([row for row in fal.requests() if row["method"] == "POST"]) == 1
    await other.provider.aclose()


@pytest.mark.parametrize("path", ["//elsewhere.example/x", "/a/../b", "https://elsewhere.example/x", "", 7])
async def test_a_kept_job_that_names_another_place_is_not_asked_for(fal, talk, path):
    with pytest.raises(NoPictureError, match="does not identify"):
        await talk.provider.resume({"requests": [{"id": "x", "path": path}]}, talk.events.append)
    assert not fal.requests()


async def test_a_picture_that_cannot_be_fetched_keeps_its_job_with_what_it_cost(fal, talk):
    fal.control({"kind": "reply", "reply": "expired"})
    with pytest.raises(JobPendingError, match="stays at fal for a week") as caught:
        await talk()
    assert caught.value.cost == 0.03


async def test_of_several_requests_those_that_came_are_kept(fal, talk):
    fal.control({"kind": "reply", "reply": "moderated", "after": 1})
    reply = await talk(count=3)
    assert len(reply.pictures) == 2
    assert reply.warnings[0].startswith("1 of 3 pictures is missing: fal's moderation refused the prompt")


async def test_what_is_stopped_while_it_waits_is_taken_back_and_costs_nothing(fal, talk):
    fal.control(looks=1000)
    task = asyncio.ensure_future(talk(count=2))
    await asyncio.to_thread(fal.wait_for, lambda rows: len({row["path"] for row in rows if row["path"].endswith("/status")}) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(fal.requests("/cancel")) == 2
    assert talk.told(WithdrawnEvent) == [WithdrawnEvent(talk.told(SubmittedEvent)[0].submit_id)]


async def test_what_is_stopped_while_it_is_painted_stays_a_job(fal, talk):
    fal.control(looks=3)
    painting = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        if [said.message for said in talk.told(ProgressEvent)][-1] == "fal: painting":
            painting.set()
            await asyncio.sleep(60)

    talk.provider.sleep = sleep
    task = asyncio.ensure_future(talk())
    await painting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not fal.requests("/cancel")
    assert not talk.told(WithdrawnEvent)


@pytest.mark.parametrize(
    ("fault", "kind", "words", "billed"),
    [
        ({"kind": "status", "status": 401}, AuthenticationError, "refused the key", "no"),
        (
            {"kind": "status", "status": 403, "message": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai."},
            RateLimitError,
            "locked the account: User is locked. Reason: Exhausted balance",
            "no",
        ),
        ({"kind": "status", "status": 404, "message": "Application 'x' not found"}, ModelNotFoundError, "does not know the model", "no"),
        ({"kind": "html", "status": 404}, RequestRefusedError, "Correct FAL_BASE_URL", "no"),
        ({"kind": "status", "status": 422}, RequestRefusedError, "refused the request", "no"),
        ({"kind": "html", "status": 502}, BadReplyError, "may have been billed", "maybe"),
        ({"kind": "cut"}, ReplyTimeoutError, "may have been billed", "maybe"),
        ({"kind": "reply", "reply": "no_id"}, BadReplyError, "without the id of a request", "maybe"),
        ({"kind": "reply", "reply": "no_picture"}, NoPictureError, "without a picture", "maybe"),
    ],
)
async def test_every_refusal_is_its_own_sentence(fal, talk, fault, kind, words, billed):
    fal.control({**fault, "times": -1, "path": "/fal-ai/flux-2-pro"} if fault["kind"] == "status" else fault)
    with pytest.raises(kind, match=words) as caught:
        await talk()
    assert caught.value.billed == billed
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "words", "cost"),
    [
        ({"reply": "broken", "status": 500, "type": "runner_server_error"}, NoPictureError, "server errors are not billed", 0.0),
        ({"reply": "broken", "status": 503, "type": "runner_disconnected"}, NoPictureError, "server errors are not billed", 0.0),
        ({"reply": "broken", "status": 499, "type": "client_cancelled"}, NoPictureError, "cancelled before it began", 0.0),
        ({"reply": "moderated"}, RefusedError, "moderation refused the prompt", None),
        ({"reply": "moderated", "place": "image_url"}, RefusedError, "moderation refused an input picture", None),
    ],
)
async def test_every_end_of_a_job_is_final_and_costs_what_the_service_says(fal, talk, fault, kind, words, cost):
    fal.control({"kind": "reply", **fault})
    with pytest.raises(kind, match=words) as caught:
        await talk()
    assert caught.value.cost == cost
    results = [row for row in fal.requests("/requests/") if row["method"] == "GET" and not row["path"].endswith("/status")]
    assert len(results) == (2 if fault.get("status", 0) >= 500 else 1), "an end is not asked for over and over"


async def test_a_fault_in_the_request_names_the_field(fal, talk):
    with pytest.raises(RequestRefusedError, match="image_url: Field required") as caught:
        await talk(model="someone/strange-model", kind="edit", inputs=(picture(),), references=(picture(colour="blue"),))
    assert caught.value.billed == "maybe", "a runner may have spent time on it, the service says"


@pytest.mark.parametrize("fault", [{"kind": "html", "status": 502}, {"kind": "cut"}, {"kind": "status", "status": 503}])
async def test_looking_is_free_and_is_done_again(fal, talk, fault, monkeypatch):
    monkeypatch.setattr("notebook_img.providers.retry.FIRST_WAIT", 0.01)
    fal.control({**fault, "path": "/status", "times": 2})
    assert len((await talk()).pictures) == 1


async def test_a_queue_that_cannot_be_asked_any_longer_keeps_the_job(fal, talk, monkeypatch):
    monkeypatch.setattr("notebook_img.providers.retry.FIRST_WAIT", 0.001)
    fal.control({"kind": "html", "status": 502, "path": "/status", "times": -1})
    with pytest.raises(JobPendingError, match="could not be asked about it"):
        await talk()


async def test_a_job_of_another_account_is_not_known(fal, talk):
    await talk()
    state = talk.told(SubmittedEvent)[0].state
    fal.reset()
    with pytest.raises(NoPictureError, match="does not know job"):
        await talk.provider.resume(state, talk.events.append)


async def test_the_doctor_learns_whether_the_key_is_taken(fal, talk):
    assert await talk.provider.probe() == ["fal's queue answers and takes the key."]
    fal.control(keys=["another"])
    with pytest.raises(AuthenticationError):
        await talk.provider.probe()
