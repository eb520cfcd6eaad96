"""Above `ask_above` a person is asked before a client spends their money, where the client can ask; else they are told how to allow it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult, Implementation, InputRequiredResult

from notebook_img.calls import Call, dearer
from notebook_img.mcp.http_server import serve
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, Desk, called, paint, refused
from tests.mcp.test_joining import joining

PAID: tuple[tuple[str, dict[str, Any]], ...] = (
    ("generate_image", {"prompt": "a fox", "outputPath": "a.png"}),
    ("edit_image", {"prompt": "make it night", "imagePath": "cat.png", "outputPath": "b.png"}),
    ("edit_image", {"prompt": "make it night", "imagePath": "cat.png", "outputPath": "c.png", "mask": "10,10,80,80"}),
    ("edit_image", {"prompt": "make it night", "imagePath": "cat.png", "outputPath": "d.png", "mask": "the cup"}),
    ("start_image_session", {"prompt": "a fox", "outputPath": "e.png"}),
    ("generateImage", {"prompt": "a fox", "model": "gemini"}),
    ("analyze_image", {"image": "cat.png", "prompt": "What is it?"}),
    ("run_batch", {"prompt": "make it night", "images": ["cat.png"], "max_cost": 1}),
)


class Person:
    """Says the same to every question."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, _context: Any, params: Any) -> ElicitResult:
        self.asked.append(params.message)
        said = {"agreed": self.answer == "yes"} if self.answer in ("yes", "no") else None
        return ElicitResult(action="accept" if said else "decline", content=said)  # type: ignore[arg-type]

    def client(self, desk: Desk, era: str) -> Client:
        can = {"elicitation_callback": self} if self.answer else {}
        return Client(desk.server, mode=era, client_info=Implementation(name="tester", version="1"), **can)  # type: ignore[arg-type]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("answer", "sent"), [("yes", 1), ("no", 0), ("closes it", 0), ("", 0)])
async def test_a_call_above_the_limit_waits_for_the_persons_word(
    make_desk: Callable[..., Desk], gemini: Running, folder: Path, era: str, answer: str, sent: int
):
    desk, person = make_desk(ask_above=0.01), Person(answer)
    async with person.client(desk, era) as client:
        result = await client.call_tool("start_image_session", {"prompt": "a fox", "outputPath": "a.png"})
    assert len(gemini.requests("enerateContent")) == sent
    assert (folder / "a.png").is_file() == bool(sent)
    assert len(desk.studio.sessions()) == sent
    assert len(person.asked) == bool(answer)
    if answer:
        assert person.asked[0].startswith("tester asks for start_image_session with gemini:")
        assert "up to $0.0" in person.asked[0]
    if not sent:
        assert result.is_error
        assert "has not agreed" in result.content[0].text
        assert "NOTEBOOK_IMG_ASK_ABOVE" in result.content[0].text


@pytest.mark.parametrize("era", ERAS)
async def test_every_tool_that_can_cost_money_asks(make_desk: Callable[..., Desk], gemini: Running, era: str):
    desk, person = make_desk(ask_above=0.0, model="gemini"), Person("no")
    async with person.client(desk, era) as client:
        for number, (tool, arguments) in enumerate(PAID, 1):
            assert "has not agreed" in await refused(client, tool, **arguments)
            assert len(person.asked) == number
        said = await called(client, "chat_vision", image="cat.png", question="What is it?")
        assert "has not agreed" in said.structured_content["error"]
    assert not gemini.requests("enerateContent")
    assert not any(session.turns for session in desk.studio.sessions())


async def test_what_is_free_or_below_the_limit_is_done_at_once(make_desk: Callable[..., Desk], gemini: Running):
    desk, person = make_desk(ask_above=0.0), Person("no")
    async with person.client(desk, "auto") as client:
        await called(client, "start_image_session", prompt="a red circle", outputPath="a.png", model="local")
        desk.studio.settings.set("ask_above", 0.1)
        await called(client, "generate_image", prompt="a fox", outputPath="b.png", model="gemini")
    assert not person.asked
    assert len(gemini.requests("enerateContent")) == 1


async def test_what_was_said_holds_for_the_call_it_was_asked_for(make_desk: Callable[..., Desk], gemini: Running):
    desk = make_desk(ask_above=0.01)
    async with Person("yes").client(desk, "auto") as client:
        asked = {"prompt": "a fox", "outputPath": "a.png"}
        question = await client.session.call_tool("generate_image", asked, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        yes = {"consent": ElicitResult(action="accept", content={"agreed": True})}
        with pytest.raises(MCPError, match="requestState"):
            await client.session.call_tool(
                "generate_image",
                {**asked, "imageSize": "4K"},
                input_responses=yes,
                request_state=question.request_state,
                allow_input_required=True,
            )
        unasked = await client.session.call_tool("generate_image", asked, input_responses=yes, allow_input_required=True)
        assert isinstance(unasked, InputRequiredResult)
    assert not gemini.requests("enerateContent")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("answer", "sent"), [("yes", 1), ("no", 0), ("", 0)])
async def test_a_kernel_that_is_joined_asks_the_clients_person(
    folder: Path, home: Path, gemini: Running, monkeypatch: pytest.MonkeyPatch, era: str, answer: str, sent: int
):
    monkeypatch.setenv("NOTEBOOK_IMG_ASK_ABOVE", "0.01")
    person = Person(answer)
    with serve(Studio()) as kernel:
        async with person.client(joining(), era) as client:
            result = await client.call_tool("generate_image", {"prompt": "a fox", "outputPath": "a.png"})
        assert kernel.work.calls >= 1
        assert not kernel.work.studio.store.jobs(limit=None)
    assert len(gemini.requests("enerateContent")) == sent
    assert result.is_error == (not sent)
    assert len(person.asked) == bool(answer)


def test_what_is_sent_is_made_only_where_the_call_may_be_dear(
    make_desk: Callable[..., Desk], gemini: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    made = []
    from notebook_img.calls import estimating

    monkeypatch.setattr(estimating, "as_sent", lambda ready: made.append(ready) or ready)
    studio = make_desk().studio
    picture = paint(folder / "large.png", (2000, 1500))
    with studio.begin(studio.session("fox"), Call("edit", "make it night", (picture,))) as (placed,):
        assert dearer(studio, placed, 1.0) is None
    with studio.begin(studio.session("fox"), Call("edit", "make it night", (picture,), mask="10,10,80,80")) as (placed,):
        assert dearer(studio, placed, 1.0) is None
        assert not made
        found = dearer(studio, placed, 0.01)
    assert found is not None
    assert found.price is not None
    assert found.price.high > 0.01
