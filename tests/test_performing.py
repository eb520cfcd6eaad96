"""From a call to a stored turn over real HTTP: refused and failed calls leave no trace, money is counted, what came is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img.errors import BudgetError, KeyMissingError, NoPictureError, OverloadedError, ProviderError, RefusedError, UnsupportedError
from notebook_img.providers import retry
from notebook_img.store.spend import today
from tests.emulators.process import Running

KEY = "AIza-test-key-0123456789-abcd"
PATH = "enerateContent"


@pytest.fixture
def service(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    return start_emulator("gemini")


@pytest.fixture
def studio(service: Running, home: Path) -> Iterator[ni.Studio]:
    environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
    made = ni.Studio(settings=ni.Settings(environ, retries=2, timeout=20))
    yield made
    made.close()


@pytest.fixture
def session(studio: ni.Studio) -> ni.Session:
    return studio.session("fox")


def spend(studio: ni.Studio) -> list[tuple[str, float | None]]:
    return [(row.state, row.cost) for row in sorted(studio.store.spend_rows(), key=lambda row: row.id)]


def test_with_a_key_gemini_is_the_default_and_the_turn_records_everything(session: ni.Session, service: Running) -> None:
    turn = session.edit("make it night", "sample:chelsea")
    assert turn.model.startswith("gemini:")
    assert session.model == "", "a session follows the default until a model is typed for it"
    assert turn.cost is not None
    assert turn.cost > 0
    assert turn.usage
    assert turn.asked == {}
    assert turn.sent
    assert turn.inputs[0].name == "sample:chelsea"
    assert turn.text
    assert turn.record.key_mark
    assert KEY not in repr(turn.record)
    assert turn.record.seconds > 0
    assert len(service.requests(PATH)) == 1


def test_the_bytes_a_service_delivered_are_kept_untouched(session: ni.Session, service: Running) -> None:
    service.control({"kind": "reply", "reply": "jpeg_as_png", "path": PATH})
    turn = session.generate("a fox")
    assert turn.picture.mime_type == "image/jpeg"
    assert turn.picture.data.startswith(b"\xff\xd8")
    assert turn.picture.path is not None
    assert turn.picture.path.suffix == ".jpg"


def test_a_model_named_in_the_call_comes_first(session: ni.Session, service: Running) -> None:
    session.edit("invert", "sample:chelsea", model="local")
    assert service.requests() == []
    session.edit("make it night")
    assert len(service.requests(PATH)) == 1, "the built-in engine named once is not kept"


@pytest.mark.parametrize(
    ("fault", "kind", "state"),
    [
        ({"kind": "reply", "reply": "blocked", "reason": "PROHIBITED_CONTENT"}, RefusedError, {"refused", "failed", "billed"}),
        ({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY"}, RefusedError, {"refused", "billed"}),
        ({"kind": "reply", "reply": "text_only", "text": "I would rather not."}, NoPictureError, {"billed", "unknown"}),
        ({"kind": "status", "status": 400}, ProviderError, {"failed"}),
        ({"kind": "status", "status": 404}, ProviderError, {"failed"}),
        ({"kind": "malformed"}, ProviderError, {"unknown"}),
        ({"kind": "cut_midway"}, ProviderError, {"unknown"}),
        ({"kind": "reply", "reply": "garbage"}, ProviderError, {"billed", "unknown"}),
    ],
)
def test_a_refused_or_failed_call_leaves_no_turn_and_its_money_is_known(
    studio: ni.Studio, session: ni.Session, service: Running, fault: dict, kind: type[Exception], state: set[str]
) -> None:
    first = session.edit("invert", "sample:chelsea", model="local")
    kept = sorted(path.name for path in (studio.settings.home).rglob("*.png"))
    service.control({**fault, "path": PATH, "times": -1})
    with pytest.raises(kind) as caught:
        session.edit("make it night", model="gemini")
    assert len(str(caught.value)) < 600
    assert [turn.id for turn in session.turns] == ["t1"]
    assert session.head == first
    assert sorted(path.name for path in (studio.settings.home).rglob("*.png")) == kept
    assert len(service.requests(PATH)) == 1, "what may have been billed is never sent again"
    assert [each for each, _ in spend(studio)][-1] in state
    assert "reserved" not in {each for each, _ in spend(studio)}


def test_an_overloaded_service_is_asked_again_and_then_given_up(studio: ni.Studio, session: ni.Session, service: Running) -> None:
    service.control({"kind": "status", "status": 503, "path": PATH})
    assert session.generate("a fox").id == "t1"
    assert len(service.requests(PATH)) == 2
    service.control({"kind": "status", "status": 503, "path": PATH, "times": -1})
    with pytest.raises(OverloadedError):
        session.generate("a hen")
    assert len(service.requests(PATH)) == 2 + 3
    assert spend(studio)[-1] == ("failed", 0.0)


def test_a_fallback_answers_when_the_model_stays_overloaded(studio: ni.Studio, session: ni.Session, service: Running) -> None:
    service.control({"kind": "status", "status": 503, "path": PATH, "times": -1})
    studio.settings.fallback = "local"
    turn = session.generate("a red circle")
    assert turn.model.startswith("local:")
    assert any("gemini" in warning for warning in turn.warnings)


def test_the_budget_is_checked_before_anything_is_sent(studio: ni.Studio, session: ni.Session, service: Running) -> None:
    studio.settings.budget = 0.001
    with pytest.raises(BudgetError) as caught:
        session.generate("a fox")
    assert "$" in str(caught.value)
    assert service.requests() == []
    assert len(session.turns) == 0
    assert session.generate("a red circle", model="local").cost == 0, "what is free needs no budget"


def test_calls_in_flight_are_reserved(studio: ni.Studio, session: ni.Session, service: Running) -> None:
    first = session.generate("a fox")
    service.reset()
    service.control(latency=1.0)
    studio.settings.budget = (first.cost or 0) * 2.5
    failed: list[BaseException] = []

    def paint(number: int) -> None:
        try:
            session.generate(f"fox {number}")
        except BudgetError as error:
            failed.append(error)

    threads = [threading.Thread(target=paint, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed
    assert len(service.requests(PATH)) == 4 - len(failed)
    spent, reserved, _ = studio.store.spent(today())
    assert spent <= studio.settings.budget
    assert reserved == 0


def test_the_first_paid_call_says_where_pictures_go_once(studio: ni.Studio, session: ni.Session) -> None:
    said: list[str] = []
    studio.say = said.append
    session.generate("a fox")
    assert [text for text in said if "Google Gemini" in text]
    said.clear()
    session.generate("a hen")
    assert said == []


def test_every_billed_call_has_a_row_also_of_deleted_turns(studio: ni.Studio, session: ni.Session) -> None:
    turn = session.generate("a fox")
    assert studio.session_for("fox", creates=False).cost() == (turn.cost, 0)
    session.delete()
    assert [cost for _, cost in spend(studio)] == [turn.cost]


def test_a_dry_run_needs_no_key_and_sends_nothing(service: Running, home: Path) -> None:
    studio = ni.Studio(settings=ni.Settings({"NOTEBOOK_IMG_HOME": str(home), "GOOGLE_GEMINI_BASE_URL": service.url}))
    plan = studio.edit("make it night", "sample:chelsea", model="gemini", dry_run=True)
    assert "make it night" in repr(plan)
    assert "$" in repr(plan)
    assert service.requests() == []
    with pytest.raises(KeyMissingError, match="keys set gemini"):
        studio.edit("make it night", "sample:chelsea", model="gemini")
    assert service.requests() == []
    studio.close()


@pytest.mark.parametrize("options", [{"size": "9K"}, {"aspect_ratio": "7:123"}, {"n": 500}, {"boxes": "x"}])
def test_what_the_model_does_not_take_is_refused_before_it_is_sent(session: ni.Session, service: Running, options: dict) -> None:
    with pytest.raises((UnsupportedError, ni.NotebookImgError)) as caught:
        session.generate("a fox", **options)
    assert len(str(caught.value)) < 600
    assert service.requests() == []
    assert len(session.turns) == 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("generate", {"boxes": "x"}),
        ("generate", {"mask": "1,2,3,4"}),
        ("ask", {"output": "x.png"}),
        ("ask", {"n": 2}),
        ("edit", {"table": "x int"}),
    ],
)
def test_an_argument_of_another_kind_of_call_is_not_dropped_in_silence(session: ni.Session, kind: str, options: dict) -> None:
    with pytest.raises(ni.NotebookImgError, match=f"{kind} takes no {next(iter(options))}"):
        getattr(session, kind)("a fox", **options)


def test_an_output_that_is_refused_costs_nothing(session: ni.Session, service: Running, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"mine")
    with pytest.raises(ni.NotebookImgError, match="force"):
        session.generate("a fox", output=tmp_path / "cat.png")
    assert service.requests() == []


def test_of_several_pictures_those_that_came_are_kept_and_the_missing_ones_are_a_warning(session: ni.Session, service: Running) -> None:
    service.control({"kind": "reply", "reply": "blocked", "reason": "PROHIBITED_CONTENT", "path": PATH, "after": 1})
    turn = session.generate("a fox", n=3)
    assert len(turn.pictures) == 2
    assert any("1" in warning for warning in turn.warnings)


def test_the_parent_is_fixed_when_a_call_starts(session: ni.Session, service: Running) -> None:
    session.edit("invert", "sample:chelsea", model="local")
    service.control(latency=1.0)
    made: list[ni.Turn] = []
    thread = threading.Thread(target=lambda: made.append(session.edit("make it night", model="gemini")))
    thread.start()
    service.wait_for(lambda rows: rows, path=PATH)
    session.edit("sepia", model="local")
    thread.join()
    assert made[0].record.parent == 1
