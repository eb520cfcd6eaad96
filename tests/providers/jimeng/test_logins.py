"""Logins and credits: several tokens, none leaking into another's requests."""

from __future__ import annotations

import asyncio

import pytest

from notebook_img.errors import AuthenticationError, KeyMissingError, RateLimitError, UsageError
from notebook_img.providers.interface import SubmittedEvent
from notebook_img.providers.jimeng.login import Login, read_logins
from tests.providers.jimeng.conftest import FIRST, SECOND

SUBMIT = "aigc_draft/generate"
BOTH = f"{FIRST},{SECOND}"


def tokens_of(rows):
    return [FIRST if FIRST in row["headers"]["cookie"] else SECOND for row in rows]


async def test_two_jobs_on_two_logins_at_once(jimeng, make):
    jimeng.control(accounts={FIRST: 1, SECOND: 1})
    talk = make(BOTH)
    replies = await asyncio.gather(talk("a fox"), talk("a crow"))
    assert all(len(reply.pictures) == 4 for reply in replies)
    states = [event.state for event in talk.told(SubmittedEvent)]
    assert len({state["key_mark"] for state in states}) == 2
    assert {state["sent"]["prompt"] for state in states} == {"a fox", "a crow"}


async def test_a_login_without_credit_is_passed_over_and_said(jimeng, make):
    jimeng.control(accounts={FIRST: 0, SECOND: 5})
    reply = await make(BOTH)()
    assert tokens_of(jimeng.requests(SUBMIT)) == [FIRST, SECOND]
    assert reply.warnings == ("skipped: Login 1 of Jimeng has no credit left (ret 1006: not enough credits).",)
    bodies = {row["body"]["submit_id"] for row in jimeng.requests(SUBMIT)}
    assert len(bodies) == 2, "another login gets another submit id"


async def test_a_login_without_credit_is_set_aside_for_ten_minutes_not_for_ever(jimeng, make):
    jimeng.control(accounts={FIRST: 0, SECOND: 5})
    talk = make(BOTH)
    now = 1000.0
    talk.provider.clock = lambda: now
    await talk()
    await talk()
    assert tokens_of(jimeng.requests(SUBMIT)) == [FIRST, SECOND, SECOND]
    jimeng.control(accounts={FIRST: 5, SECOND: 5})
    now += 601
    await talk()
    assert tokens_of(jimeng.requests(SUBMIT))[-1] == FIRST


async def test_when_all_are_set_aside_they_are_tried_again(jimeng, talk):
    jimeng.control(accounts={FIRST: 0})
    with pytest.raises(RateLimitError):
        await talk()
    jimeng.control(accounts={FIRST: 5})
    assert len((await talk()).pictures) == 4


async def test_no_credit_on_any_login_is_one_error_and_nothing_is_claimed(jimeng, make):
    jimeng.control(accounts={FIRST: 0, SECOND: 0})
    with pytest.raises(RateLimitError, match=r"None of the 2 logins.*JIMENG_DAILY_CREDIT") as caught:
        await make(BOTH)()
    assert caught.value.daily
    assert FIRST not in str(caught.value)
    assert not jimeng.requests("/commerce/")


async def test_the_daily_credit_is_claimed_only_with_the_setting(jimeng, make):
    jimeng.control(accounts={FIRST: 0})
    assert len((await make(jimeng_daily_credit=True)()).pictures) == 4
    assert len(jimeng.requests("credit_receive")) == 1
    await make(jimeng_daily_credit=True)()
    assert len(jimeng.requests("credit_receive")) == 1, "there is credit now"


async def test_an_expired_login_says_what_to_do(jimeng, make):
    jimeng.control(expired=[FIRST])
    with pytest.raises(AuthenticationError, match=r"Login 1 of Jimeng has expired.*sessionid in JIMENG_API_TOKEN"):
        await make()()


async def test_an_expired_login_is_passed_over_when_there_is_another(jimeng, make):
    jimeng.control(expired=[FIRST])
    reply = await make(BOTH)()
    assert len(reply.pictures) == 4
    assert "has expired" in reply.warnings[0]


async def test_what_one_login_is_told_never_travels_with_another(jimeng, make):
    talk = make(BOTH)
    await talk()
    jimeng.control(accounts={FIRST: 0, SECOND: 5})
    await talk("again")  # the emulator sets a cookie in each answer, and refuses any that is not the login's own
    for row in jimeng.requests("/mweb/"):
        assert not (FIRST in row["headers"]["cookie"] and SECOND in row["headers"]["cookie"])
        assert "passport_csrf_token" not in row["headers"]["cookie"]


@pytest.mark.parametrize("at_top", [True, False])
async def test_credits_are_read_from_both_places(jimeng, make, at_top):
    jimeng.control(accounts={FIRST: 7, SECOND: 3}, credit_at_top=at_top)
    talk = make(BOTH)
    assert await talk.provider.probe() == ["Login 1 of 2 at Jimeng has 7 credits.", "Login 2 of 2 at Jimeng has 3 credits."]


async def test_without_a_token_nothing_is_sent(jimeng, make):
    with pytest.raises(KeyMissingError, match="JIMENG_API_TOKEN"):
        await make("")()
    assert not jimeng.requests()


def test_tokens_are_read_once_each_and_kept_out_of_reprs():
    logins = read_logins(f" {FIRST} ,sessionid={SECOND},,{FIRST}")
    assert [login.token for login in logins] == [FIRST, SECOND]
    assert FIRST not in repr(logins)


@pytest.mark.parametrize("token", ["a b", "a;b", 'a"b', "a\r\nX: y", "käse"])
def test_a_token_that_cannot_stand_in_a_cookie_is_refused(token):
    with pytest.raises(UsageError, match="Token 1"):
        read_logins(token)


def test_every_login_has_browser_ids_of_its_own():
    one, other = Login(FIRST), Login(SECOND)
    assert one.web_id != other.web_id
    assert one.web_id == Login(FIRST).web_id
    assert one.web_id.startswith("7")
    assert len(one.web_id) == 19
