"""OpenAI's image models through the studio: options, several pictures, partial ones, kept conversations, refusals."""

from __future__ import annotations

import pytest

from notebook_img import loop
from notebook_img.calls.call import make_call
from notebook_img.calls.perform import perform_call
from notebook_img.errors import (
    BadReplyError,
    BudgetError,
    JobPendingError,
    ModelNotFoundError,
    NoPictureError,
    RefusedError,
    UnsupportedError,
)
from notebook_img.providers.interface import PartialEvent
from tests.studio.conftest import noise, openai_environ, png, rgb, spends

MODEL = "openai:gpt-image-2.6-sunburst"


def test_pictures_are_made_and_edited_on_and_what_they_cost_is_known(studio, fox):
    first = fox.generate("a fox", size="1024x1024")
    second = first.edit("make it night")
    assert first.model == MODEL
    assert first.picture.size == (1024, 1024)
    assert second.parent.id == first.id
    assert second.inputs[0].sha256 == first.picture.sha256
    assert second.cost > 0
    assert [state for state, _ in spends(studio)] == ["billed", "billed"]
    assert sum(cost for _, cost in spends(studio)) == pytest.approx(first.cost + second.cost)


@pytest.mark.parametrize(
    ("price", "size", "dollars"),
    [
        ('per_picture = { "1K" = 0.02, "*" = 0.05 }\nper_reference = 0.005', "1K", 0.03),
        ("by_pixels = [[1048576, 0.03], [16777216, 0.06]]", "1K", 0.03),
        ("by_pixels = [[1048576, 0.03], [16777216, 0.06]]", "2K", 0.06),
    ],
)
def test_a_price_of_ones_own_is_reserved_and_booked_by_size_pixels_and_pictures_that_go_along(studio, fox, home, price, size, dollars):
    (home / "endpoints.toml").write_text(f'[models."{MODEL}"]\n{price}\n')
    words = {"references": [noise((64, 64))], "size": size}
    assert fox.edit("warmer", noise((96, 96)), dry_run=True, **words).estimate == pytest.approx(dollars)
    assert fox.edit("warmer", noise((96, 96)), **words).cost == pytest.approx(dollars)


def test_the_bytes_that_came_are_kept_untouched(fox, service):
    turn = fox.generate("a fox", format="webp", quality="high", background="transparent")
    assert turn.picture.mime_type == "image/webp"
    sent = service.requests("images/generations")[0]["body"]
    assert (sent["quality"], sent["background"], sent["output_format"]) == ("high", "transparent", "webp")
    assert "response_format" not in sent
    assert turn.picture.path.read_bytes() == turn.picture.data


def test_several_pictures_come_in_one_request_and_one_is_picked(fox, service):
    turn = fox.generate("a fox", n=3)
    assert len({picture.sha256 for picture in turn.pictures}) == 3
    assert len(service.requests("images/generations")) == 1
    assert turn.pick(2).edit("closer").inputs[0].sha256 == turn.pictures[1].sha256


def test_sixteen_inputs_are_sent_and_seventeen_refused(fox, service):
    pictures = [png((64, 64), f"#{shade:02x}0000") for shade in range(0, 170, 10)]
    fox.edit("a collage", pictures[0], references=pictures[1:16])
    assert sum(part["name"] == "image[]" for part in service.requests("images/edits")[0]["body"]) == 16
    with pytest.raises(UnsupportedError, match="at most 16"):
        fox.edit("a collage", pictures[0], references=pictures[1:17])


def events_of(studio, session, call):
    seen = []
    asked = studio.prepare(session, call)
    made = loop.run(lambda tell: perform_call(studio, asked, tell), seen.append)
    return made, [event for event in seen if isinstance(event, PartialEvent)]


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("history", ["window", "server"])
def test_partial_pictures_are_asked_for_only_where_somebody_sees_them(studio, fox, service, seen, history):
    made, partials = events_of(studio, fox, make_call("generate", "a fox", None, {"history": history}).but(partials=seen))
    assert bool(partials) == seen
    (request,) = service.requests("v1/")
    assert ("partial_images" in str(request["body"])) == seen
    assert len(made.record.uses("output")) == 1


def test_a_conversation_the_server_keeps_sends_only_what_is_new(fox, service):
    first = fox.generate("a fox", history="server")
    second = first.edit("make it night", history="server")
    bodies = service.requests("responses")
    assert bodies[1]["body"]["previous_response_id"]
    assert bodies[1]["size"] < 1500
    assert second.got["revised_prompt"] == "with 1 before"


def test_a_conversation_that_has_expired_is_rebuilt_from_the_last_picture(fox, service):
    first = fox.generate("a fox", history="server")
    service.reset()
    second = first.edit("make it night", history="server")
    assert any("rebuilt from the last picture" in warning for warning in second.warnings)
    assert rgb(second.picture).shape


def test_history_as_a_setting_of_the_whole_studio_refuses_nobody(studio_of, service):
    studio = studio_of(openai_environ(service), history="server")
    session = studio.session("fox")
    session.generate("a fox")
    assert service.requests("responses")
    assert session.ask("what is it?").text
    assert session.edit("crop to a square", png(), model="local").pictures


@pytest.mark.parametrize(("reply", "stage"), [("refuse_prompt", "prompt"), ("refuse_output", "output")])
def test_moderation_is_typed_and_leaves_no_trace(studio, fox, service, reply, stage):
    service.control({"kind": "reply", "reply": reply})
    with pytest.raises(RefusedError) as caught:
        fox.generate("something")
    assert caught.value.stage == stage
    assert caught.value.reason
    assert not list(fox.turns)
    assert [state for state, _ in spends(studio)] == ["refused"]


def test_some_of_several_that_failed_are_a_warning(fox, service):
    service.control({"kind": "reply", "reply": "one_fails"})
    turn = fox.generate("a fox", n=3)
    assert len(turn.pictures) == 2
    assert any("filtered" in warning for warning in turn.warnings)


@pytest.mark.parametrize("reply", ["no_pictures", "bad_picture"])
def test_an_answer_without_a_usable_picture_is_booked_and_leaves_no_trace(studio, fox, service, reply):
    service.control({"kind": "reply", "reply": reply})
    with pytest.raises((NoPictureError, Exception), match=r"without a picture|not a usable image"):
        fox.generate("a fox")
    assert not list(fox.turns)
    assert [state for state, _ in spends(studio)] in (["billed"], ["unknown"])


def test_pictures_that_come_as_urls_are_fetched_at_once(fox, service):
    service.control(urls_only=True)
    assert fox.generate("a fox").pictures[0].size
    assert len(service.requests("files/")) == 1


@pytest.mark.parametrize(("status", "requests"), [(503, 3), (404, 1)])
def test_a_paid_picture_that_cannot_be_fetched_is_booked_and_no_other_model_is_paid(studio_of, service, status, requests):
    service.control({"kind": "status", "status": status, "path": "/files/", "times": -1}, urls_only=True)
    studio = studio_of(openai_environ(service), fallback="openai:gpt-image-1.5", retries=2)
    session = studio.session("fox")
    with pytest.raises(JobPendingError, match=str(status)):
        session.generate("a fox")
    assert len(service.requests("images/generations")) == 1
    assert len(service.requests("/files/")) == requests
    assert not list(session.turns)
    ((state, cost),) = spends(studio)
    assert state == "billed"
    assert cost == pytest.approx((1 * 5 + 1056 * 30) / 1e6)


def test_a_picture_lost_on_the_way_without_counted_tokens_is_booked_at_an_unknown_cost(studio_of, service):
    service.control({"kind": "status", "status": 503, "path": "/files/", "times": -1}, models=["glm-image"], server=True, urls_only=True)
    studio = studio_of({"ZHIPU_API_KEY": "test-key-0123456789", "ZHIPU_BASE_URL": f"{service.url}/v1"})
    with pytest.raises(JobPendingError):
        studio.session("fox", model="zhipu").generate("a fox")
    assert spends(studio) == [("unknown", None)]


def test_what_a_gateway_says_a_useless_answer_cost_is_booked(studio_of, service):
    service.control({"kind": "reply", "reply": "text_only"}, models=["google/gemini-3-pro-image"], tells_cost=True)
    studio = studio_of({"OPENROUTER_API_KEY": "test-key-0123456789", "OPENROUTER_BASE_URL": f"{service.url}/v1"})
    with pytest.raises(NoPictureError):
        studio.session("fox", model="openrouter").generate("a fox")
    assert spends(studio) == [("billed", 0.0125)]


def test_a_server_that_failed_with_the_request_in_hand_may_have_billed_it(studio, fox, service):
    service.control({"kind": "status", "status": 520})
    with pytest.raises(BadReplyError, match="may have been billed"):
        fox.generate("a fox")
    ((state, cost),) = spends(studio)
    assert state == "unknown"
    assert cost > 0


def test_a_fidelity_the_model_does_not_take_is_refused_before_anything_is_sent(fox, service):
    with pytest.raises(UnsupportedError, match="low"):
        fox.edit("warmer", png(), model="openai:gpt-image-1-mini", fidelity="high")
    assert not service.requests()


def test_a_chat_gateway_hands_out_pictures_too(studio_of, service):
    service.control(models=["google/gemini-3-pro-image"])
    environ = {"OPENROUTER_API_KEY": "test-key-0123456789", "OPENROUTER_BASE_URL": f"{service.url}/v1"}
    session = studio_of(environ).session("fox", model="openrouter")
    turn = session.edit("make it night", png())
    assert turn.model == "openrouter:google/gemini-3-pro-image"
    assert turn.edit("more").parent.id == "t1"


@pytest.mark.parametrize("size", ["100x100", "1000x1000", "4000x4000", "8K"])
def test_sizes_are_refused_before_anything_is_sent(studio, fox, service, size):
    with pytest.raises(UnsupportedError, match=r"size|pixels"):
        fox.generate("a fox", size=size)
    assert not service.requests()
    assert not spends(studio)


def test_a_model_that_was_retired_says_so(fox):
    with pytest.raises(ModelNotFoundError, match=r"gpt-image-2\.6-sunburst"):
        fox.generate("a fox", model="openai:gpt-image-1")


def test_the_budget_holds_for_pictures(studio, fox, service):
    studio.settings.budget = 0.0001
    with pytest.raises(BudgetError):
        fox.generate("a fox", n=10)
    assert not service.requests()


def test_an_edit_without_a_size_keeps_its_frame(fox):
    turn = fox.edit("make it night", noise((300, 200)))
    assert turn.picture.width / turn.picture.height == pytest.approx(1.5, rel=0.02)
    assert not turn.warnings
