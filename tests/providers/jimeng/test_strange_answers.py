"""Strange answers of Jimeng: a job that may have been taken is looked for, and nothing but errors of ours comes out."""

from __future__ import annotations

import json
import math

import pytest

from notebook_img.errors import BadReplyError, JobPendingError, NoPictureError, RequestRefusedError
from notebook_img.providers.interface import SubmittedEvent
from tests.providers.ark.conftest import picture
from tests.providers.jimeng.conftest import FIRST

SUBMIT = "aigc_draft/generate"
HISTORY = "get_history_by_ids"
UNREADABLE = ["zz", "null", "", "<html>busy</html>", "[" * 200_000, '{"data": null}', '{"ret": null}']


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: body[:20] or "nothing")
async def test_a_job_that_was_taken_with_words_nobody_understands_is_found_by_its_own_id(jimeng, talk, body):
    jimeng.control({"kind": "reply", "reply": "takes_but_mumbles", "body": body, "path": SUBMIT})
    assert len((await talk()).pictures) == 4
    assert len(jimeng.requests(SUBMIT)) == 1, "nothing is paid twice"
    (event,) = talk.told(SubmittedEvent)
    assert jimeng.requests(HISTORY)[0]["body"] == {"submit_ids": [event.submit_id]}


async def test_a_job_that_may_have_been_taken_stays_resumable_while_nobody_can_be_asked(jimeng, make):
    jimeng.control(
        {"kind": "reply", "reply": "takes_but_mumbles", "body": "zz", "path": SUBMIT},
        {"kind": "status", "status": 503, "path": HISTORY},
    )
    talk = make(retries=0)
    with pytest.raises(JobPendingError, match="could not be asked"):
        await talk()
    assert len((await talk.resume(talk.told(SubmittedEvent)[0].state)).pictures) == 4


async def test_a_submission_that_was_not_understood_and_is_never_listed_was_not_taken(jimeng, talk):
    jimeng.control({"kind": "status", "status": 200, "body": "zz", "path": SUBMIT})
    with pytest.raises(BadReplyError, match="protocol may have changed"):
        await talk()
    assert len(jimeng.requests(HISTORY)) == 10
    assert len(jimeng.requests(SUBMIT)) == 1


@pytest.mark.parametrize("status", [math.inf, math.nan, None, "fifty", True], ids=str)
async def test_a_state_that_is_no_number_is_waited_through(jimeng, talk, status):
    jimeng.control(states=[20, status, 50])
    assert len((await talk()).pictures) == 4
    assert len(jimeng.requests(HISTORY)) == 5, "two looks hidden, then 20, the strange one, 50"


@pytest.mark.parametrize("credit", ["NaN", "1e999", "null", '"5"'])
async def test_credits_that_are_no_number_are_unknown(jimeng, talk, credit):
    jimeng.control({"kind": "status", "status": 200, "body": f'{{"ret": "0", "credit": {{"gift_credit": {credit}}}}}'})
    assert await talk.provider.probe() == ["Login 1 of 1 at Jimeng has an unknown number of credits."]


async def test_an_upload_permit_that_no_header_can_carry_is_a_bad_reply(jimeng, talk):
    host = jimeng.url.removeprefix("http://")
    address = {"StoreInfos": [{"StoreUri": "tos/x", "Auth": "käse"}], "UploadHosts": [host], "SessionKey": "s"}
    body = {"Result": {"UploadAddress": address}}
    jimeng.control({"kind": "status", "status": 200, "body": body, "path": "/", "after": 1})
    with pytest.raises(BadReplyError, match="a header cannot carry"):
        await talk("x", kind="edit", inputs=(picture(),))
    assert not jimeng.requests(SUBMIT)


async def test_what_was_kept_of_a_job_without_its_id_is_said(jimeng, talk):
    with pytest.raises(NoPictureError, match="does not identify it"):
        await talk.resume({})
    assert not jimeng.requests()


@pytest.mark.parametrize("tokens", ["", "käse-token-1234", "two-halves-1234\nof-a-token", "bad;token-1234"])
async def test_a_job_waits_where_the_token_is_missing_or_cannot_be_sent(jimeng, make, tokens):
    with pytest.raises(JobPendingError, match=r"Job some-id waits at Jimeng.*JIMENG_API_TOKEN") as caught:
        await make(tokens).resume({"submit_id": "some-id"})
    assert caught.value.job == "some-id"
    assert "token-1234" not in str(caught.value)
    assert not jimeng.requests()


async def test_a_job_is_resumed_from_its_id_alone(jimeng, talk):
    await talk()
    state = talk.told(SubmittedEvent)[0].state
    kept = {"submit_id": state["submit_id"], "warnings": None, "count": "z", "history_id": None}
    assert len((await talk.resume(kept)).pictures) == 4


async def test_a_piece_of_a_token_is_not_repeated(jimeng, talk):
    jimeng.control({"kind": "reply", "reply": "ret", "ret": "9999", "errmsg": f"session {FIRST[:-2]} is odd", "path": SUBMIT})
    with pytest.raises(RequestRefusedError, match=r"session \[key\] is odd") as caught:
        await talk()
    assert FIRST[:10] not in json.dumps(str(caught.value))
