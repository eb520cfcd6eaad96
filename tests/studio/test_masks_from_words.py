"""A mask given by words: found by a model, its shape inside the box, priced with the edit; in the request it counts as its words."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from notebook_img.calls import found_mask
from notebook_img.calls.mask_words import words_of
from notebook_img.calls.stopping import Bill
from notebook_img.errors import BudgetError, NotebookImgError, NotFoundError, UsageError
from notebook_img.pictures import Box, grow_mask, load, shapes_in
from notebook_img.providers.pricing import Estimate
from tests.pictures.regions.stand_in import tiled
from tests.studio.conftest import GEMINI_KEY, ark_environ, noise, openai_environ, rgb, spends

SIZE = (600, 400)
DISC = (210, 120, 330, 240)
BOXES = [
    {
        "box_2d": [1000 * (DISC[1] - 8) // 400, 1000 * (DISC[0] - 8) // 600, 1000 * (DISC[3] + 8) // 400, 1000 * (DISC[2] + 8) // 600],
        "label": "cup",
    }
]


def cup() -> Image.Image:
    """A red disc on a photograph's grey ground."""
    image = Image.fromarray(tiled("coffee", 0, 0, *SIZE)).convert("L").point(lambda value: 90 + value // 6).convert("RGB")
    ImageDraw.Draw(image).ellipse(DISC, fill=(200, 30, 30))
    return image


@pytest.fixture
def gemini(start):
    running = start("gemini")
    running.control(key=GEMINI_KEY, drift={"mark": 0.1}, boxes=BOXES)
    return running


def environ(running) -> dict[str, str]:
    return {"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}


@pytest.fixture
def session(studio_of, gemini):
    return studio_of(environ(gemini)).session("fox", model="gemini")


def inside(turn) -> np.ndarray:
    return rgb(turn.mask)[..., 0] > 0


def test_what_is_named_is_found_and_its_shape_becomes_the_mask(session, gemini):
    turn = session.edit("paint it blue", cup(), mask="the cup")
    true = np.zeros(SIZE[::-1], bool)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    true[((x - 270) / 60) ** 2 + ((y - 180) / 60) ** 2 <= 1] = True
    found = inside(turn)
    assert (found & true).sum() / true.sum() > 0.98
    assert found.sum() < 1.25 * true.sum(), "a disc, and not its box"
    assert np.array_equal(rgb(turn.picture)[~found], np.asarray(cup())[~found])
    assert '"the cup": 1 found by gemini:' in turn.record.note
    assert "shape by GrabCut" in turn.record.note
    assert turn.asked["mask"] == "the cup"
    assert [state for state, _ in spends(session.actor)] == ["billed", "billed"]
    assert len(gemini.requests("generateContent")) == 2


def test_the_same_words_about_the_same_picture_are_asked_once(session, gemini):
    session.edit("paint it blue", cup(), mask="the cup")
    session.edit("paint it green", cup(), mask="The Cup", grow=6)
    assert len(gemini.requests("generateContent")) == 3


def test_a_dry_run_asks_nothing_and_prices_both(session, gemini):
    plan = session.edit("paint it blue", cup(), mask="the cup", dry_run=True)
    assert not gemini.requests("generateContent")
    assert 'mask      "the cup" is looked for first, by gemini:' in repr(plan)
    assert plan.region is None
    session.edit("paint it blue", cup(), mask="the cup")
    again = session.edit("paint it green", cup(), mask="the cup", dry_run=True)
    assert "1 found by" in repr(again)
    assert again.region is not None


def test_none_found_is_an_error_before_the_edit_and_the_question_is_booked(session, gemini):
    gemini.control(boxes=[])
    with pytest.raises(UsageError, match='found no "unicorn" in the picture, so nothing was edited'):
        session.edit("paint it blue", cup(), mask="unicorn")
    assert len(gemini.requests("generateContent")) == 1
    assert [state for state, _ in spends(session.actor)] == ["billed"]
    assert not list(session.turns)


def test_several_are_all_in_the_mask_and_said(session, gemini):
    gemini.control(boxes=[*BOXES, {"box_2d": [700, 50, 950, 250], "label": "cup"}])
    turn = session.edit("paint them blue", cup(), mask="cups")
    assert '"cups": 2 found' in turn.record.note
    assert inside(turn)[330, 90]
    assert inside(turn)[180, 270]


def test_room_in_the_budget_is_for_both_before_the_question_is_asked(studio_of, gemini):
    session = studio_of(environ(gemini), budget=0.0338).session("fox", model="gemini")
    with pytest.raises(BudgetError):
        session.edit("paint it blue", noise((2000, 1500)), mask="the cup", size="2K")
    assert not gemini.requests("generateContent")


def test_a_question_of_known_price_does_not_pass_the_budget_beside_an_edit_of_unknown_price(studio_of, gemini, monkeypatch):
    session = studio_of(environ(gemini), budget=0.0001).session("fox", model="gemini")
    monkeypatch.setattr(found_mask, "expected", lambda provider, request: Estimate(0.002, 0.002) if request.kind == "ask" else None)
    with pytest.raises(BudgetError):
        session.edit("paint it blue", cup(), mask="the cup")
    assert not gemini.requests("generateContent")


IMPOSSIBLE = {
    "a file of somebody else's": ({"output": "theirs.png"}, "", "theirs.png"),
    "an aspect ratio": ({"aspect_ratio": "16:9"}, "", "takes no aspect ratio"),
    "a size it does not make": ({"size": "99K"}, "", "does not take the size 99K"),
    "a painter that is blocked": ({"model": "gemini"}, '["gemini:*banana*"]', "is blocked by"),
    "a finder that is blocked": ({}, '["gemini:gemini-3*flash"]', r'No model that is set up here finds "the cup"'),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_where_the_edit_is_not_possible_nothing_is_asked(studio_of, gemini, home, tmp_path, monkeypatch, case):
    options, block, said = IMPOSSIBLE[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.png").write_bytes(noise())
    if block:
        home.mkdir(parents=True, exist_ok=True)
        (home / "endpoints.toml").write_text(f"[models]\nblock = {block}\n")
    session = studio_of(environ(gemini)).session("fox", model="gemini")
    with pytest.raises(NotebookImgError, match=said):
        session.edit("paint it blue", cup(), mask="the cup", **options)
    assert not gemini.requests("generateContent")
    assert not spends(session.actor)


def test_a_dry_run_refuses_a_ratio_too(session):
    with pytest.raises(UsageError, match="takes no aspect ratio"):
        session.edit("paint it blue", cup(), mask="the cup", aspect_ratio="16:9", dry_run=True)


def test_what_was_known_costs_nothing_in_the_caption_and_fresh_asks_anew(session, gemini):
    first = session.edit("paint it blue", cup(), mask="the cup")
    again = session.edit("paint it green", cup(), mask="the cup")
    assert ", $0." in first.record.note.partition("found by")[2].partition(")")[0]
    assert "$" not in again.record.note.partition("found by")[2].partition(")")[0]
    session.edit("paint it red", cup(), mask="the cup", fresh=True)
    assert len(gemini.requests("generateContent")) == 5


@pytest.mark.parametrize("fresh", [False, True])
def test_calls_at_once_wait_for_one_answer(session, gemini, fresh):
    gemini.control(latency=0.3)

    async def both() -> None:
        await asyncio.gather(
            *(session.aio.edit(words, cup(), mask="the cup", fresh=fresh) for words in ("paint it blue", "paint it green"))
        )

    asyncio.run(both())
    assert len(gemini.requests("generateContent")) == 3


def test_a_price_of_the_users_own_holds_for_the_question(studio_of, gemini, home):
    home.mkdir(parents=True, exist_ok=True)
    asker = asker_of_gemini(studio_of, gemini)
    (home / "endpoints.toml").write_text(f'[models."{asker}"]\ntext_in = 1000.0\ntext_out = 1000.0\nimage_in = 1000.0\n')
    session = studio_of(environ(gemini)).session("fox", model="gemini")
    before = session.edit("paint it blue", cup(), mask="the cup", dry_run=True)
    assert before.estimate > 1.0
    session.edit("paint it blue", cup(), mask="the cup")
    assert spends(session.actor)[0][1] > 0.1


def asker_of_gemini(studio_of, gemini) -> str:
    plan = studio_of(environ(gemini)).session("fox", model="gemini").edit("paint it blue", cup(), mask="the cup", dry_run=True)
    return plan.mask.rpartition("by ")[2]


def wait_until(done) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def stopped(session, done) -> str:
    """Stop an edit once `done()`, and return what is said of it."""

    async def stop() -> str:
        task = asyncio.ensure_future(session.aio.edit("paint it blue", cup(), mask="the cup"))
        await asyncio.to_thread(wait_until, done)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return str(caught.value)

    return asyncio.run(stop())


def test_stopped_while_it_is_looked_for_the_question_is_said_to_be_counted(session, gemini):
    gemini.control(latency=20)
    said = stopped(session, lambda: gemini.requests("generateContent"))
    [(state, cost)] = spends(session.actor)
    assert state == "unknown"
    assert cost
    assert "it may have been billed, about $0.00" in said


def test_stopped_during_the_edit_the_question_is_counted_too():
    bill = Bill()
    bill.counts(0.002, certain=True)
    bill.question = bill.cost
    bill.counts(0.07, certain=False)
    assert (bill.cost, bill.certain) == (pytest.approx(0.072), False)
    bill.counts(None, certain=False)
    assert bill.cost is None


def test_stopped_while_money_is_reserved_nothing_stays_reserved(session, gemini, monkeypatch):
    store, seen = session.actor.store, threading.Event()
    reserve, go = store.reserve, threading.Event()

    def slowly(*args, **named):
        seen.set()
        assert go.wait(20)
        return reserve(*args, **named)

    monkeypatch.setattr(store, "reserve", slowly)

    stopped(session, seen.is_set)
    go.set()
    wait_until(lambda: spends(session.actor) == [("failed", 0.0)])
    assert not gemini.requests("generateContent")


def test_a_service_that_cannot_ask_has_another_look(studio_of, gemini, ark):
    session = studio_of({**environ(gemini), **ark_environ(ark)}).session("fox", model="ark")
    turn = session.edit("paint it blue", cup(), mask="the cup")
    assert turn.model.startswith("ark:")
    assert "found by gemini:" in turn.record.note


def test_where_nothing_can_look_the_error_says_what_to_give(studio_of):
    session = studio_of({}).session("fox", model="local")
    with pytest.raises(UsageError, match=r'No model that is set up here finds "the cup".*x,y,w,h in pixels'):
        session.edit("blur", cup(), mask="the cup")


def test_the_built_in_engine_edits_inside_what_a_model_found(studio_of, gemini):
    session = studio_of(environ(gemini)).session("fox")
    turn = session.edit("grayscale", cup(), mask="the cup", model="local")
    assert np.ptp(rgb(turn.picture)[180, 270].astype(int)) == 0
    assert np.array_equal(rgb(turn.picture)[~inside(turn)], np.asarray(cup())[~inside(turn)])


def test_the_request_is_the_same_whatever_shape_is_found(session, gemini):
    first = session.edit("paint it blue", cup(), mask="the cup")
    gemini.control(boxes=[{"box_2d": [100, 100, 300, 300], "label": "cup"}])
    session.actor.shared.found.clear()
    second = session.edit("paint it blue", cup(), mask="the cup")
    third = session.edit("paint it blue", cup(), mask="the saucer")
    assert first.record.request_key == second.record.request_key != third.record.request_key
    assert not np.array_equal(inside(first), inside(second))


def test_a_grown_mask_counts_as_what_it_is(studio_of, service):
    session = studio_of(openai_environ(service)).session("fox")
    turn = session.edit("paint it blue", noise(SIZE), mask="100,100,60,40", grow="1%")
    assert inside(turn).sum() > 60 * 40
    assert inside(turn)[98, 130]
    assert not inside(turn)[90, 130]
    assert turn.asked == {}
    again = session.edit("paint it blue", noise(SIZE), mask=grow_mask(load(rectangle()), "1%").pil())
    assert again.record.request_key == turn.record.request_key
    with pytest.raises(UsageError, match="no mask to grow"):
        session.edit("paint it blue", noise(SIZE), grow=12)


def rectangle() -> Image.Image:
    mask = Image.new("L", SIZE)
    mask.paste(255, (100, 100, 160, 140))
    return mask


@pytest.mark.parametrize(
    "mask",
    ["t1", "t7.2", "fox/t1", "cup.png", "masks/cup", "10,20,30,40", "https://a.example/m.png", "sample:chelsea", b"x", None, [1, 2, 3, 4]],
)
def test_what_is_a_file_or_numbers_is_no_words(mask):
    assert words_of(mask) == ""


def test_a_file_that_exists_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "the cup").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert words_of("the cup") == ""
    assert words_of("the mug") == "the mug"


def test_words_too_long_for_a_files_name_are_words():
    assert words_of("컵" * 100) == "컵" * 100


def test_an_id_is_the_picture_of_its_turn(studio_of, service):
    session = studio_of(openai_environ(service)).session("fox")
    source = session.edit("grayscale", rectangle(), model="local")
    turns = [session.edit(words, noise(SIZE), mask=mask) for words, mask in (("blue", source.id), ("red", f"fox/{source.id}"))]
    assert all(inside(turn).sum() == 60 * 40 for turn in turns)
    with pytest.raises(NotFoundError, match="t99"):
        session.edit("green", noise(SIZE), mask="t99")


@pytest.mark.parametrize("word", ["the", "A", "an"])
def test_a_lone_article_wants_quotes(fox, service, word):
    with pytest.raises(UsageError, match="Put its words in quotes"):
        fox.edit("cup blue", noise(SIZE), mask=word)
    with pytest.raises(NotFoundError, match=r"nowhere\.png"):
        fox.edit("blue", noise(SIZE), mask="nowhere.png")
    assert not service.requests()


def test_where_no_shape_stands_out_the_box_is_the_mask():
    flat = load(Image.new("RGB", (200, 150), "grey"))
    mask, how = shapes_in(flat, [Box("x", 40, 30, 120, 90), Box("beside it", 300, 0, 400, 50)])
    assert how == "as a box"
    assert mask.pil().getbbox() == (40, 30, 120, 90)
    assert mask.pil().getextrema() == (0, 255)
    with pytest.raises(UsageError, match="no box has a pixel"):
        shapes_in(flat, [Box("beside it", 300, 0, 400, 50)])
