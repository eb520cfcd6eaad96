"""What of a session is sent: the window by default, the whole chat on request, and what happens when state is lost."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from notebook_img.errors import RequestRefusedError
from notebook_img.pictures import Picture
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.settings import Settings
from tests.providers.gemini.conftest import KEY, png
from tests.providers.gemini.test_pictures import parts, shown


def mark(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def signatures(row) -> list[str]:
    return [part["thoughtSignature"] for part in parts(row, "model") if "thoughtSignature" in part]


def texts(row, role="user") -> list[str]:
    return [part["text"] for part in parts(row, role) if "text" in part]


async def test_the_second_turn_sends_the_first_answer_with_its_signatures_bit_for_bit(story, service):
    service.control(signature_bytes=100_000)
    session = story(png())
    first = await session.edit("make it night")
    second = await session.edit("add a moon")
    row = service.requests()[-1]
    assert [content["role"] for content in row["body"]["contents"]] == ["user", "model", "user"]
    kept = first.raw["replies"][0]["content"]["parts"]
    assert signatures(row) == [mark(part["thought_signature"]) for part in kept]
    assert texts(row) == ["make it night", "add a moon"]
    assert second.warnings == ()


async def test_the_picture_the_model_made_is_not_sent_twice(story, service):
    session = story(png())
    first = await session.edit("make it night")
    await session.edit("add a moon")
    assert shown(service.requests()[-1]) == []
    made = [part["inlineData"]["data"] for part in parts(service.requests()[-1], "model") if "inlineData" in part]
    assert made == [mark(first.pictures[0])]


@pytest.mark.parametrize("oddity", ["jpeg_as_png", "thought_picture", "jpeg"])
async def test_odd_answers_go_back_as_they_came(oddity, story, service):
    service.control({"kind": "reply", "reply": oddity})
    session = story(png())
    first = await session.edit("make it night")
    assert (await session.edit("add a moon")).warnings == ()
    sent = parts(service.requests()[-1], "model")
    assert len(sent) == len(first.raw["replies"][0]["content"]["parts"])
    assert shown(service.requests()[-1]) == []


async def test_bytes_stay_flat_over_a_session(story, service):
    service.control(picture_bytes=900_000)
    session = story(png())
    for number in range(6):
        await session.edit(f"step {number}, a little warmer and with more contrast in the shadows")
    sizes = [row["size"] for row in service.requests()][1:]
    assert max(sizes) - min(sizes) < 2_000
    assert max(sizes) < 1_250_000


async def test_earlier_prompts_go_along_as_text(story, service):
    session = story(png())
    for prompt in ("make it night", "add a moon", "add a scarf", "warmer"):
        await session.edit(prompt)
    earlier, parent, now = texts(service.requests()[-1])
    assert earlier.splitlines()[1:] == ["1. make it night", "2. add a moon"]
    assert (parent, now) == ("add a scarf", "warmer")


async def test_a_window_can_hold_more_turns(run, settings, story, service):
    settings.set("window_turns", 3)
    session = story(png())
    for prompt in ("one", "two", "three", "four"):
        await session.edit(prompt)
    row = service.requests()[-1]
    assert [content["role"] for content in row["body"]["contents"]] == ["user", "model"] * 3 + ["user"]
    assert texts(row) == ["one", "two", "three", "four"]


async def test_references_of_a_later_turn_are_numbered_from_the_models_own_picture(story, service):
    session = story(png())
    await session.edit("make it night")
    await session.edit("with the hat of image 2", references=(png(colour="red"),))
    row = service.requests()[-1]
    assert texts(row)[1:] == ["image 1 is the picture you made last.", "image 2:", "with the hat of image 2"]
    assert len([part for part in parts(row) if "inlineData" in part]) == 1


async def test_a_picked_picture_is_continued_from_with_its_own_signature(story, service):
    session = story(None)
    many = await session.edit("a fox", count=3)
    await session.edit("closer", picture=Picture(many.pictures[2]))
    row = service.requests()[-1]
    made = [part["inlineData"]["data"] for part in parts(row, "model") if "inlineData" in part]
    assert made == [mark(many.pictures[2])]
    assert shown(row) == []


async def test_one_of_two_pictures_of_an_answer_is_sent_again_to_say_which(story, service):
    service.control({"kind": "reply", "reply": "two_pictures"})
    session = story(None)
    two = await session.edit("a fox")
    await session.edit("closer", picture=Picture(two.pictures[1]))
    assert shown(service.requests()[-1]) == [mark(two.pictures[1])]


async def test_a_picture_changed_since_is_sent_itself_without_signatures_it_does_not_fit(story, service):
    session = story(png())
    await session.edit("make it night")
    confined = png((1024, 768), "navy")
    await session.edit("add a moon", picture=confined)
    row = service.requests()[-1]
    assert signatures(row) == []
    assert shown(row) == [mark(confined.data)]
    assert "1. make it night" in texts(row)[0]


async def test_models_that_need_it_get_the_first_input(story, service):
    session = story(first := png((80, 60), "olive"), model="gemini-2.5-flash-image")
    for prompt in ("one", "two", "three"):
        await session.edit(prompt)
    row = service.requests()[-1]
    assert texts(row)[0] == "The picture this session began with:"
    assert mark(first.data)[:20] == shown(row)[0][:20] or len(first.data) < 225
    assert len(shown(row)) == 1


async def test_questions_in_between_are_in_no_edits_context(run, story, service):
    session = story(png())
    made = await session.edit("make it night")
    answer = await run("ask", "what is it?", Picture(made.pictures[0]), past=session.past)
    session.add("ask", "what is it?", (Picture(made.pictures[0]),), answer)
    await session.edit("add a moon")
    assert texts(service.requests()[-1]) == ["make it night", "add a moon"]


async def test_full_history_is_what_the_sdks_own_chat_sends(settings, story, service):
    from google import genai
    from google.genai import types

    first = png()
    session = story(first)
    for prompt in ("one", "two", "three"):
        await session.edit(prompt, history="full")
    ours = service.requests()[-1]
    past = []
    for turn, prompt in zip(session.past[:2], ("one", "two"), strict=True):
        picture = [types.Part.from_bytes(data=first.data, mime_type="image/png")] if prompt == "one" else []
        past.append(types.Content(role="user", parts=[*picture, types.Part.from_text(text=prompt)]))
        past.append(types.Content.model_validate(turn.load_raw()["replies"][0]["content"]))
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=service.url))
    config = types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"])
    client.chats.create(model=session.model, history=past, config=config).send_message("three")
    assert service.requests()[-1]["body"] == ours["body"]


async def test_full_history_begins_where_the_model_changed_and_says_so(story, service):
    session = story(png())
    await session.edit("one")
    session.model = "gemini-3-pro-image"
    await session.edit("two", history="full")
    reply = await session.edit("three", history="full")
    assert "The history before t1 and its own is not sent" in reply.warnings[0]
    assert texts(service.requests()[-1]) == ["two", "three"]
    assert len(shown(service.requests()[-1])) == 1


async def test_another_model_gets_the_picture_but_no_signatures(story, service):
    session = story(png())
    first = await session.edit("make it night")
    session.model = "gemini-3-pro-image"
    reply = await session.edit("add a moon")
    row = service.requests()[-1]
    assert signatures(row) == []
    assert shown(row) == [mark(first.pictures[0])]
    assert reply.warnings == ("t1 was made by gemini-nano-banana-2.1: its picture is sent, that model's own state is not.",)


async def test_another_key_gets_the_picture_but_no_signatures(story, service):
    session = story(png())
    await session.edit("make it night", key="another-key-entirely")
    await session.edit("add a moon")
    assert signatures(service.requests()[-1]) == []


async def test_a_fresh_provider_goes_on_with_the_same_context(story, service, settings, home):
    """As after a kernel restart: only what was stored is left, and the service accepts the signatures."""
    session = story(png())
    await session.edit("make it night")
    again = GeminiProvider(Settings(settings.environ, timeout=20))

    async def run(kind, prompt, *inputs, model="", past=(), **more):
        from notebook_img.providers.interface import Request

        return await again.run(Request(kind, prompt, model, inputs=inputs, past=past, **more), lambda _: None)

    session.run = run
    reply = await session.edit("add a moon")
    assert reply.warnings == ()
    assert len(signatures(service.requests()[-1])) == 2


@pytest.mark.parametrize("damage", ["raises", "gone", "nonsense"])
async def test_unreadable_state_falls_back_to_picture_and_prompt_and_says_so(damage, story, service):
    session = story(png())
    first = await session.edit("make it night")

    def broken():
        raise OSError("the disk ate it")

    changes = {
        "raises": {"load_raw": broken},
        "gone": {"load_raw": lambda: None},
        "nonsense": {"load_raw": lambda: {"replies": 7}},
    }
    session.past = (replace(session.past[0], **changes[damage]),)
    reply = await session.edit("add a moon")
    row = service.requests()[-1]
    assert shown(row) == [mark(first.pictures[0])]
    assert texts(row) == ["add a moon"]
    assert "The stored state of t1 cannot be used" in reply.warnings[0]


async def test_a_damaged_signature_leads_to_one_fallback_that_is_said(story, service):
    session = story(png())
    first = await session.edit("make it night")
    for part in session.past[0].load_raw()["replies"][0]["content"]["parts"]:
        part["thought_signature"] = b"\0" * 64
    reply = await session.edit("add a moon")
    rows = service.requests()
    assert [row["state"] for row in rows] == ["answered", "rejected", "answered"]
    assert shown(rows[-1]) == [mark(first.pictures[0])]
    assert "only the last picture and the prompt were sent" in reply.warnings[0]


async def test_the_fallback_is_tried_once_only(story, service):
    session = story(png())
    await session.edit("make it night")
    service.control({"kind": "reply", "reply": "refuses_signature", "times": 5})
    with pytest.raises(RequestRefusedError, match="does not accept its own earlier turn"):
        await session.edit("add a moon")
    assert len(service.requests()) == 3


async def test_lost_signatures_are_what_the_emulator_refuses(story, service):
    """The emulator would notice a signature that is dropped: otherwise the tests above would prove nothing."""
    session = story(png())
    await session.edit("make it night")
    for part in session.past[0].load_raw()["replies"][0]["content"]["parts"]:
        part.pop("thought_signature")
    await session.edit("add a moon")
    assert "missing a thought_signature" in service.requests()[1]["rejected"]


# state on the server's side


async def test_server_history_sends_only_what_is_new(story, service):
    service.control(picture_bytes=500_000)
    session = story(png())
    for prompt in ("one", "two", "three"):
        reply = await session.edit(prompt, history="server")
        assert reply.warnings == ()
        assert len(reply.pictures) == 1
    rows = service.requests("interactions")
    assert all(row["size"] < 600 for row in rows[1:])
    first_id = session.past[0].load_raw()["replies"][0]["interaction"]
    assert rows[1]["body"]["previous_interaction_id"] == first_id
    assert rows[0]["body"]["store"] is True


async def test_server_history_passes_ratio_and_size(story, service):
    session = story(png())
    reply = await session.edit("one", history="server", aspect_ratio="16:9", size="2K")
    assert Picture(reply.pictures[0]).size == (2731, 1536)
    assert reply.usage.by_modality["output_image"] == 1680
    assert reply.cost == pytest.approx(0.0504, rel=0.01)


async def test_an_expired_interaction_falls_back_to_the_window_and_says_so(story, service):
    session = story(png())
    first = await session.edit("one", history="server")
    service.control(interactions_expired=True)
    reply = await session.edit("two", history="server")
    assert "no longer has the earlier interaction" in reply.warnings[0]
    body = service.requests("interactions")[-1]["body"]
    assert "previous_interaction_id" not in body
    kinds = [step["type"] for step in body["input"]]
    assert kinds == ["user_input", "thought", "model_output", "user_input"]
    assert body["input"][2]["content"][-1]["data"] == mark(first.pictures[0])
    service.control(interactions_expired=False)
    assert (await session.edit("three", history="server")).warnings == ()


async def test_storing_can_be_forbidden(story, service, settings):
    settings.set("gemini_store", False)
    session = story(png())
    await session.edit("one", history="server")
    reply = await session.edit("two", history="server")
    assert "gemini_store" in reply.warnings[0]
    assert service.requests("interactions") == []


async def test_another_key_starts_a_new_interaction(story, service):
    session = story(png())
    first = await session.edit("one", history="server", key="another-key-entirely")
    await session.edit("two", history="server")
    body = service.requests("interactions")[-1]["body"]
    assert "previous_interaction_id" not in body
    assert mark(first.pictures[0]) in [block.get("data") for block in body["input"][0]["content"]]


async def test_a_changed_picture_is_sent_along_with_the_interaction(story, service):
    session = story(png())
    await session.edit("one", history="server")
    confined = png((1024, 768), "navy")
    await session.edit("two", history="server", picture=confined)
    body = service.requests("interactions")[-1]["body"]
    assert body["previous_interaction_id"]
    assert body["input"][0]["content"][0]["data"] == mark(confined.data)


async def test_window_and_server_can_take_turns_in_one_session(story, service):
    session = story(png())
    for history in ("window", "server", "window", "server", "server"):
        assert (await session.edit(f"by {history}", history=history)).warnings == ()
