"""Jobs: submitted, watched until they are final, resumed by anybody."""

from __future__ import annotations

import asyncio
import json

import pytest

from notebook_img.errors import (
    BadReplyError,
    JobPendingError,
    NoPictureError,
    RefusedError,
    RequestRefusedError,
)
from notebook_img.providers.interface import ProgressEvent, Provider, SubmittedEvent, WaitEvent
from notebook_img.providers.jimeng import JimengProvider
from notebook_img.settings import Settings
from tests.providers.jimeng.conftest import FIRST, SECOND, settings

SUBMIT = "aigc_draft/generate"
HISTORY = "get_history_by_ids"


def test_it_is_a_provider_that_says_what_it_is():
    provider = JimengProvider(Settings(environ={}))
    assert isinstance(provider, Provider)
    assert "JIMENG_API_TOKEN" in provider.missing()
    assert "undocumented web protocol that can change" in provider.missing()


async def test_a_job_brings_all_its_pictures_as_delivered(jimeng, talk):
    reply = await talk(count=2)
    assert len(reply.pictures) == 4, "a job makes four; those that came are kept"
    assert len(set(reply.pictures)) == 4
    assert reply.cost is None
    assert not reply.warnings
    assert all("cookie" not in row["headers"] for row in jimeng.requests("/result/"))


async def test_a_job_that_is_hidden_at_first_queued_and_post_processed_is_awaited(jimeng, talk):
    await talk()
    assert len(jimeng.requests(HISTORY)) == 7, "two looks hidden, then 20, 20, 42, 45, 50"
    assert [event.message for event in talk.told(ProgressEvent)] == [
        "Jimeng: in the queue or painting",
        "Jimeng: post-processing",
        "Jimeng: finalising",
    ]


async def test_lists_handed_out_early_are_not_taken_for_the_result(jimeng, talk):
    reply = await talk()
    assert len(reply.pictures) == 4
    assert len(jimeng.requests("/result/")) == 4, "nothing of a partial list was fetched"


@pytest.mark.parametrize("final", [10, 50])
async def test_both_final_states_are_known(jimeng, talk, final):
    jimeng.control({"kind": "reply", "reply": "states", "states": [20, final]})
    assert len((await talk()).pictures) == 4


async def test_a_state_nobody_knows_is_waited_through(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "strange"})
    assert len((await talk()).pictures) == 4


async def test_a_filtered_job_is_a_refusal(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "filtered"})
    with pytest.raises(RefusedError, match="fail code 2038") as caught:
        await talk()
    assert caught.value.reason == "2038"


async def test_a_failed_job_tells_its_code(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "failed"})
    with pytest.raises(NoPictureError, match="fail code 1180: internal algorithm error"):
        await talk()


async def test_a_finished_job_without_a_picture_is_an_error(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "empty"})
    with pytest.raises(NoPictureError, match="without a picture"):
        await talk()


async def test_fewer_pictures_than_asked_for_are_kept_with_a_warning(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "no_url", "without": [0, 2]})
    reply = await talk(count=4)
    assert len(reply.pictures) == 2
    assert "2 picture(s) of the job are missing" in reply.warnings[0]


async def test_the_cover_is_taken_where_there_is_no_large_picture(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "cover_only"})
    assert len((await talk()).pictures) == 4


async def test_a_result_that_is_no_image_is_said(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "not_an_image"})
    with pytest.raises(JobPendingError, match="not a usable image"):
        await talk()


async def test_a_result_on_a_private_address_is_not_fetched(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "elsewhere", "url": "https://169.254.169.254/latest"})
    with pytest.raises(BadReplyError, match="private network"):
        await talk()


async def test_urls_that_ran_out_are_asked_for_anew(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "expired", "dead": 1})
    assert len((await talk()).pictures) == 4
    assert len(jimeng.requests(SUBMIT)) == 1


async def test_the_job_is_told_before_it_is_watched_without_the_token(jimeng, make):
    jimeng.control({"kind": "reply", "reply": "never"})
    talk = make(jimeng_deadline=1)
    with pytest.raises(JobPendingError):
        await talk()
    (event,) = talk.told(SubmittedEvent)
    assert talk.events.index(event) < talk.events.index(talk.told(ProgressEvent)[0])
    assert json.loads(json.dumps(event.state)) == event.state
    assert FIRST not in json.dumps(event.state)


async def test_a_job_that_never_ends_meets_the_deadline_and_can_be_resumed(jimeng, make):
    jimeng.control({"kind": "reply", "reply": "never"})
    talk = make(jimeng_deadline=1, jimeng_poll=0.05)
    with pytest.raises(JobPendingError, match=r"after 1 s.*resume") as caught:
        await talk()
    assert caught.value.job == talk.told(SubmittedEvent)[0].submit_id
    assert len(jimeng.requests(HISTORY)) < 20, "looks grow rarer"


async def test_a_fresh_provider_resumes_what_another_one_submitted(jimeng, make):
    jimeng.control(states=[20] * 60 + [50])
    first = make(jimeng_poll=0.01)
    task = asyncio.create_task(first(count=4, seed=99))
    await asyncio.to_thread(jimeng.wait_for, lambda rows: len(rows) > 3, HISTORY)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    state = json.loads(json.dumps(first.told(SubmittedEvent)[0].state))
    reply = await make().resume(state)
    assert len(reply.pictures) == 4
    assert reply.seed == 99
    assert reply.sent["prompt"] == "a fox"
    assert len(jimeng.requests(SUBMIT)) == 1, "nothing was paid twice"


async def test_resuming_finds_the_login_again_among_several(jimeng, make):
    first = make(SECOND, jimeng_deadline=1)
    jimeng.control({"kind": "reply", "reply": "never"})
    with pytest.raises(JobPendingError):
        await first()
    state = first.told(SubmittedEvent)[0].state
    jimeng.control()
    before = len(jimeng.requests(HISTORY))
    with pytest.raises(JobPendingError):
        await make(f"{FIRST},{SECOND}", jimeng_deadline=1).resume(state)
    assert all(SECOND in row["headers"]["cookie"] for row in jimeng.requests(HISTORY)[before:])


async def test_a_job_whose_token_was_renewed_is_looked_for_under_every_login(jimeng, make):
    talk = make(SECOND)
    await talk()
    state = {**talk.told(SubmittedEvent)[0].state, "key_mark": "of-a-token-that-is-gone"}
    assert len((await make(f"{FIRST},{SECOND}").resume(state)).pictures) == 4


async def test_a_job_of_another_account_is_said_to_be_unknown(jimeng, make):
    talk = make(FIRST)
    await talk()
    with pytest.raises(NoPictureError, match="does not know job"):
        await make(SECOND).resume(talk.told(SubmittedEvent)[0].state)


async def test_a_job_the_service_never_lists_stays_resumable(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "lost"})
    with pytest.raises(JobPendingError, match="does not list it yet"):
        await talk()


async def test_a_submission_whose_answer_was_lost_is_found_by_its_own_id(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "takes_but_hangs", "path": SUBMIT})
    assert len((await talk()).pictures) == 4
    assert len(jimeng.requests(SUBMIT)) == 1


async def test_stopping_while_the_submission_is_in_flight_still_tells_the_job(jimeng, talk):
    jimeng.control({"kind": "hang", "path": SUBMIT})
    task = asyncio.create_task(talk())
    await asyncio.to_thread(jimeng.wait_for, lambda rows: rows, SUBMIT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(talk.told(SubmittedEvent)) == 1


async def test_stopping_between_two_submissions_that_were_refused_tells_no_job(jimeng, talk):
    jimeng.control({"kind": "status", "status": 503, "path": SUBMIT, "times": -1, "headers": {"Retry-After": "4"}})
    task = asyncio.create_task(talk())
    await asyncio.to_thread(jimeng.wait_for, lambda rows: rows and rows[-1]["state"] == "answered", SUBMIT)
    while not talk.told(WaitEvent):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a turn of the loop, until the answer was read
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not talk.told(SubmittedEvent)


async def test_stopping_while_watching_ends_at_once(jimeng, make):
    jimeng.control({"kind": "reply", "reply": "never"})
    talk = make(jimeng_poll=30)
    task = asyncio.create_task(talk())
    await asyncio.to_thread(jimeng.wait_for, lambda rows: rows and rows[-1]["state"] == "answered", HISTORY)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)


async def test_looking_is_free_and_repeated_when_the_service_stumbles(jimeng, talk):
    jimeng.control(
        {"kind": "status", "status": 502, "headers": {"Retry-After": "0"}, "path": HISTORY},
        {"kind": "cut", "path": HISTORY, "after": 2},
    )
    assert len((await talk()).pictures) == 4
    assert len(talk.told(WaitEvent)) == 2


async def test_a_service_that_cannot_be_asked_any_more_leaves_the_job_resumable(jimeng, make):
    jimeng.control({"kind": "status", "status": 503, "path": HISTORY, "times": -1})
    with pytest.raises(JobPendingError, match="could not be asked"):
        await make(retries=0)()


async def test_a_login_that_expires_while_the_job_runs_leaves_it_resumable(jimeng, talk):
    jimeng.control({"kind": "status", "status": 200, "body": {"ret": "1015", "errmsg": "login error"}, "path": HISTORY})
    with pytest.raises(JobPendingError, match=r"expired.*resume"):
        await talk()
    assert len((await talk.resume(talk.told(SubmittedEvent)[0].state)).pictures) == 4


@pytest.mark.parametrize(
    ("ret", "kind", "words"),
    [
        ("4001", RefusedError, "moderation refused the prompt"),
        ("2003", RefusedError, "moderation refused an input picture"),
        ("4002", RequestRefusedError, "calls a parameter invalid"),
        ("5001", NoPictureError, "could not make the picture"),
        ("9999", RequestRefusedError, "ret 9999: odd"),
    ],
)
async def test_what_the_service_says_no_to_is_told(jimeng, talk, ret, kind, words):
    jimeng.control({"kind": "reply", "reply": "ret", "ret": ret, "errmsg": f"odd {FIRST}"})
    with pytest.raises(kind, match=words) as caught:
        await talk()
    assert FIRST not in str(caught.value)
    assert not talk.told(SubmittedEvent)


async def test_an_unknown_model_is_passed_through_and_the_answer_shown(jimeng, talk, drafts):
    with pytest.raises(RequestRefusedError, match="model jimeng-9"):
        await talk(model="jimeng-9")


async def test_a_page_instead_of_json_says_that_the_protocol_may_have_changed(jimeng, talk):
    jimeng.control({"kind": "html", "status": 200, "path": SUBMIT})
    with pytest.raises(BadReplyError, match="protocol may have changed"):
        await talk()


def test_the_state_of_a_job_holds_only_a_mark_of_the_token():
    chosen = settings("http://127.0.0.1:1")
    assert chosen.key_mark(FIRST) != chosen.key_mark(SECOND)
