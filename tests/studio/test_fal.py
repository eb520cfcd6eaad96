"""fal through the studio: one call is a turn or a job, booked as the service bills it; stopped in the queue it costs nothing."""

from __future__ import annotations

import asyncio

import pytest

from notebook_img import loop
from notebook_img.calls.call import make_call
from notebook_img.calls.perform import perform_call
from notebook_img.errors import JobPendingError, NoPictureError, RefusedError
from notebook_img.pictures import Picture
from tests.studio.conftest import noise, rgb, spends

KEY = "fal-emulator-key-0123456789:abcdef"


@pytest.fixture
def fal(start):
    return start("fal")


@pytest.fixture
def studio(studio_of, fal):
    return studio_of({"FAL_KEY": KEY, "FAL_BASE_URL": fal.url, "FAL_POLL": "0.01"})


@pytest.fixture
def fox(studio):
    return studio.session("fox", model="fal")


def test_fal_is_used_only_when_named(studio):
    assert studio.session("other").generate("a red circle").model.startswith("local:")


def test_a_picture_is_made_edited_and_booked(fox, studio):
    first = fox.generate("a fox", size="512x512")
    second = fox.edit("make it night")
    assert [turn.model for turn in (first, second)] == ["fal:fal-ai/flux-2-pro"] * 2
    assert second.parent.id == first.id
    assert [turn.cost for turn in (first, second)] == [0.03, 0.045]
    assert spends(studio) == [("billed", 0.03), ("billed", 0.045)]
    assert {job.state for job in studio.jobs()} == {"done"}


def test_a_masked_edit_leaves_what_is_outside_as_it_was(fox):
    photo = noise((96, 64))
    turn = fox.edit("a hat", photo, mask="10,10,32,32", model="fal:fal-ai/qwen-image-edit", size="96x64")
    before, after = rgb(Picture(photo)), rgb(turn.picture)
    assert (before[48:] == after[48:]).all()
    assert (before[12:30, 12:30] != after[12:30, 12:30]).any()


def test_a_cut_out_model_edits_without_words_of_its_own(fox):
    turn = fox.edit("cut it out", noise((96, 64)), model="fal:fal-ai/bria/background/remove")
    assert turn.cost == 0.018


def test_what_is_stopped_in_the_queue_is_booked_as_nothing(studio, fal):
    fal.control(looks=10_000)
    asked = studio.prepare(studio.session("fox", model="fal"), make_call("generate", "a fox", None, {}))

    async def interrupted() -> None:
        task = asyncio.ensure_future(perform_call(studio, asked, lambda _event: None))
        await loop.in_thread(fal.wait_for, bool, "/status")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run(lambda _tell: interrupted())
    assert spends(studio) == [("failed", 0.0)]
    assert [job.state for job in studio.jobs()] == ["cancelled"]


def test_a_deadline_leaves_a_job_that_another_studio_fetches(studio, studio_of, fal, fox):
    fal.control(looks=1000)
    studio.settings.fal_deadline = 1.0
    with pytest.raises(JobPendingError) as caught:
        fox.generate("a fox")
    studio.close()
    fal.control(looks=1)
    other = studio_of({"FAL_KEY": KEY, "FAL_BASE_URL": fal.url, "FAL_POLL": "0.01"})
    (turn,) = other.resume(caught.value.job)
    assert (turn.session.name, turn.cost) == ("fox", 0.03)
    assert spends(other) == [("billed", 0.03)]


OWN = '[models."fal:fal-ai/flux-2-pro"]\nby_pixels = [[300000, 0.2], [4194304, 0.4]]\nper_reference = 0.01\n'


def test_a_price_of_ones_own_holds_for_a_job_that_another_studio_fetches(studio, studio_of, fal, fox, home):
    (home / "endpoints.toml").write_text(OWN)
    fal.control(looks=1000)
    studio.settings.fal_deadline = 1.0
    with pytest.raises(JobPendingError) as caught:
        fox.edit("make it night", noise((512, 512)), references=[noise((96, 64))], size="512x512")
    studio.close()
    fal.control(looks=1)
    (turn,) = studio_of({"FAL_KEY": KEY, "FAL_BASE_URL": fal.url, "FAL_POLL": "0.01"}).resume(caught.value.job)
    assert turn.cost == pytest.approx(0.22)


def test_a_price_of_ones_own_holds_for_a_picture_that_cannot_be_fetched_and_for_what_came(studio, fal, fox, home):
    (home / "endpoints.toml").write_text(OWN)
    fox.generate("a fox", size="512x512")
    fal.control({"kind": "reply", "reply": "expired"})
    with pytest.raises(JobPendingError):
        fox.generate("a hare", size="1K")
    assert spends(studio) == [("billed", 0.2), ("billed", 0.4)]


def test_a_job_that_ended_without_a_bill_is_booked_as_nothing_also_when_it_is_fetched_later(studio, fal, fox):
    fal.control({"kind": "reply", "reply": "broken", "status": 500, "type": "runner_server_error"}, looks=1000)
    studio.settings.fal_deadline = 1.0
    with pytest.raises(JobPendingError) as caught:
        fox.generate("a fox")
    fal.control(looks=1)
    with pytest.raises(NoPictureError, match="not billed"):
        list(studio.resume(caught.value.job))
    assert [cost for _state, cost in spends(studio)] == [0.0]
    assert [job.state for job in studio.jobs()] == ["failed"]


def test_a_refusal_leaves_no_turn(fox, fal):
    fal.control({"kind": "reply", "reply": "moderated"})
    with pytest.raises(RefusedError):
        fox.generate("a fox")
    assert not list(fox.turns)
