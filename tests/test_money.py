"""What was paid for is kept, what was not sent is not booked, and nothing is paid for by mistake: against the emulated service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notebook_img as ni
from notebook_img.calls.call import make_call
from notebook_img.calls.results import Notice
from notebook_img.cli import main
from notebook_img.errors import BadReplyError, BudgetError, NotebookImgError, NotFoundError, StoreError, UsageError
from notebook_img.jupyter.output import Screen
from notebook_img.records import Origin
from notebook_img.replay.cells import Kernel
from notebook_img.store import Store
from notebook_img.store.spend import today
from tests.emulators.process import Running
from tests.gemini_service import environ, new_studio, service

__all__ = ["environ", "new_studio", "service"]

KEY = "AIza-money-key-0123456789-ab"
PATH = "generateContent"


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def studio(new_studio: Callable[..., ni.Studio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ni.Studio:
    monkeypatch.chdir(tmp_path)
    return new_studio()


def states(studio: ni.Studio) -> list[str]:
    return [row.state for row in studio.store.spend_rows()]


# ------------------------------------------------------------------------------------------ arguments


def test_numbers_of_numpy_are_numbers(studio: ni.Studio, service: Running) -> None:
    turn = studio.generate("a fox", n=np.int64(2))

    assert len(turn.pictures) == 2
    assert dict(turn.asked) == {"n": 2}
    assert len(service.requests(PATH)) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": -1}, "n has to be a whole number from 1 to 100, not -1. For example: n=4."),
        ({"n": 0}, "not 0"),
        ({"n": True}, "not True"),
        ({"n": 1.5}, "not 1.5"),
        ({"seed": -4}, "seed has to be a whole number of 0 or more, not -4"),
        ({"strength": "much"}, "strength has to be a number from 0 to 1, not 'much'"),
        ({"size": object()}, "size has to be text, not a value of type object. For example: size='2K'."),
        ({"model": 3}, "model has to be text, not 3"),
        ({"output": b"x.png"}, "output has to be a file name, not a value of type bytes"),
        ({"guidance": np.zeros(3)}, "guidance has to be text, a number, True or False, not a value of type ndarray"),
        ({"force": "x"}, "force is either True or False, not 'x'"),
    ],
)
def test_an_odd_argument_is_a_sentence_and_costs_nothing(studio: ni.Studio, service: Running, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        studio.generate("a fox", **options)

    assert said in str(caught.value)
    assert states(studio) == []
    assert service.requests(PATH) == []


@pytest.mark.parametrize(
    "odd",
    [
        lambda s: s.checkout(10**30),
        lambda s: s.turn("t" + "9" * 24),
        lambda s: s.edit("warm", "t99999999999999999999999"),
        lambda s: s.edit("warm", "http://[::1"),
        lambda s: s.edit("warm", mask=(float("nan"), 1, 2, 3)),
        lambda s: s.actor.session("\ud800"),
        lambda s: s.actor.session("\ud800", create=False),
        lambda s: s.export(5),
        lambda s: s.head.picture.save(5),
        lambda s: s.head.picture.show(crop=(1, 2)),
        lambda s: s.head.compare(5),
    ],
)
def test_odd_arguments_are_errors_of_ours(studio: ni.Studio, odd: Callable[[Any], Any]) -> None:
    session = studio.session("fox")
    session.generate("a red circle", model="local")

    with pytest.raises(NotebookImgError) as caught:
        odd(session)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


# ------------------------------------------------------------------------------------------ replies that are hard to keep


def test_a_reply_above_the_own_limits_is_kept(new_studio: Callable[..., ni.Studio]) -> None:
    turn = new_studio(max_pixels=10_000).generate("a fox")

    assert turn.picture.width * turn.picture.height > 10_000


def test_a_full_disk_after_payment_says_where_the_picture_is(studio: ni.Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_options: Any) -> Any:
        raise StoreError("The picture could not be stored: the disk is full.")

    monkeypatch.setattr(Store, "add_turn", full)
    with pytest.raises(StoreError, match="The service answered, but") as caught:
        studio.generate("a fox")

    kept = Path(str(caught.value).rsplit("is kept: ", 1)[1].rstrip("."))
    assert [kept.read_bytes()] == list(caught.value.delivered)
    assert states(studio) == ["billed"]


def test_a_mistake_of_ours_after_payment_keeps_the_picture(studio: ni.Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_args: Any, **_options: Any) -> Any:
        raise TypeError("Object of type int64 is not JSON serializable")

    monkeypatch.setattr(Store, "add_turn", wrong)
    with pytest.raises(StoreError, match="is kept: ") as caught:
        studio.generate("a fox")

    assert caught.value.delivered
    assert states(studio) == ["billed"]


def test_of_two_masked_pictures_the_one_of_another_size_is_brought_into_the_frame(studio: ni.Studio, service: Running) -> None:
    service.control({"kind": "reply", "reply": "wrong_size", "times": 1})

    turn = studio.edit("warmer", "sample:chelsea", mask="10,10,80,80", n=2)

    assert [picture.size for picture in turn.pictures] == [(451, 300), (451, 300)]
    assert states(studio) == ["billed"] * len(states(studio))


def test_a_display_that_fails_cancels_no_paid_call(studio: ni.Studio) -> None:
    def broken(_event: Any) -> None:
        raise ZeroDivisionError

    turn = studio.run(studio.session("fox"), make_call("generate", "a fox", None, {}), broken)

    assert turn.pictures
    assert states(studio) == ["billed"]


# ------------------------------------------------------------------------------------------ budget and what is said


IN_FLIGHT = """
import notebook_img as ni
studio = ni.Studio()
studio.say = lambda text: print(text, flush=True)
studio.generate("a fox")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the POSIX way")
def test_the_call_of_a_killed_process_stays_in_the_budget(
    new_studio: Callable[..., ni.Studio], service: Running, environ: dict[str, str]
) -> None:
    service.control({"kind": "hang", "path": PATH})
    with subprocess.Popen([sys.executable, "-c", IN_FLIGHT], env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "go to Google Gemini" not in process.stdout.readline():  # said when the money is reserved
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    studio = new_studio(budget=0.05)

    with pytest.raises(BudgetError):
        studio.generate("another fox")

    assert states(studio) == ["unknown"]
    assert studio.store.spent(today())[0] > 0.03


def test_the_notice_of_the_first_paid_call_is_said_to_quiet_cells_and_to_python(
    studio: ni.Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    studio.say = said.append
    studio.generate("a fox")
    assert sum("go to Google Gemini" in text for text in said) == 1

    Screen(None, "Making", quiet=True).on_event(Notice("Prompts go to Google Gemini."))
    assert "Prompts go to Google Gemini." in capsys.readouterr().out


def test_a_key_in_a_prompt_or_a_file_name_goes_nowhere(studio: ni.Studio, service: Running, home: Path, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="contains a key"):
        studio.generate(f"a card that says {KEY}")
    with pytest.raises(NotFoundError) as caught:
        studio.edit("warmer", environ["GEMINI_API_KEY"])

    assert KEY not in str(caught.value)
    assert service.requests(PATH) == []
    assert KEY.encode() not in b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_new_session_with_an_old_name_has_cost_nothing(studio: ni.Studio) -> None:
    first = studio.session("fox")
    cost = first.generate("a fox").cost
    assert first.cost() == (cost, 0)
    first.delete()

    assert studio.session("fox").cost() == (0, 0)
    assert studio.store.spent(today())[0] == cost


# ------------------------------------------------------------------------------------------ ids, homes, heads


def test_ids_of_sessions_with_spaces_are_images(studio: ni.Studio) -> None:
    notebook = studio.session("My Notebook")
    first = notebook.generate("a red circle", model="local")

    assert notebook.edit("warmer", first.full_id, model="local").parent == first
    assert studio.session("other").edit("warmer", "My Notebook/t1", model="local").inputs[0] == first.picture


def test_a_turn_of_another_home_brings_its_picture(new_studio: Callable[..., ni.Studio], tmp_path: Path) -> None:
    theirs = new_studio(tmp_path / "theirs").session("fox").generate("a red circle", model="local")
    own = new_studio(tmp_path / "own").session("fox")

    turn = own.edit("warmer", theirs, model="local")

    assert turn.parent is None
    assert turn.inputs[0].sha256 == theirs.picture.sha256


def test_a_head_deleted_elsewhere_goes_to_what_it_followed(new_studio: Callable[..., ni.Studio]) -> None:
    here, there = new_studio(), new_studio()
    session = here.session("fox")
    session.generate("a red circle", model="local")
    session.edit("warmer", model="local")
    there.session("fox").delete_turn("t2")

    assert session.head is not None
    assert session.head.id == "t1"
    assert session.edit("colder", model="local").parent == session.turn("t1")


def test_the_key_is_in_no_repr(studio: ni.Studio) -> None:
    from notebook_img.providers.openai.exchange import Exchange

    unset: Any = None
    shown = repr(Exchange(unset, unset, KEY, unset, unset, unset, unset, 1.0))
    assert KEY not in shown


# ------------------------------------------------------------------------------------------ what a server calls itself


@pytest.fixture
def openai(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("openai")


def test_an_unreadable_answer_is_a_sentence_without_the_key(openai: Running, home: Path) -> None:
    openai.control({"kind": "malformed", "path": "images"})
    environ = {"OPENAI_API_KEY": "sk-money-0123456789", "OPENAI_BASE_URL": f"{openai.url}/v1", "NOTEBOOK_IMG_HOME": str(home)}
    studio = ni.Studio(settings=ni.Settings(environ, timeout=20))

    with pytest.raises(BadReplyError, match="may have been billed") as caught:
        studio.generate("a fox", model="openai")

    assert "\n" not in str(caught.value)
    assert states(studio) == ["unknown"]
    studio.close()


def test_a_typed_server_whose_model_has_another_name_is_replayed(openai: Running, home: Path) -> None:
    openai.control(key="", models=["qwen2.5-vl-7b"], detail=False)
    environ = {"NOTEBOOK_IMG_HOME": str(home), "LMSTUDIO_BASE_URL": f"{openai.url}/v1"}
    answers = []
    for _ in range(2):
        studio = ni.Studio(settings=ni.Settings(environ))
        studio.shared.kernel = Kernel()
        studio.origin = Origin(surface="cell", kernel=studio.shared.kernel.id)
        studio.shared.kernel.begin("ask", cell_id="one", notebook="")
        answers.append(studio.session("fox").ask("what is this?", "sample:coffee", model="lmstudio"))
        studio.shared.kernel.end(lambda store=studio.store: store, failed=False)
        studio.close()

    assert [answer.replayed for answer in answers] == [False, True]
    assert answers[0].model == "lmstudio:qwen2.5-vl-7b"
    assert len(openai.requests("chat")) == 1
    assert answers[1].text == answers[0].text


# ------------------------------------------------------------------------------------------ words


def test_the_command_line_prints_json_where_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert main(["generate", "a fox", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["dry_run"], plan["prompt"], plan["pictures"]) == (True, "a fox", [])

    assert main(["keys", "--json"]) == 0
    shown = capsys.readouterr().out
    assert {row["name"]: row["where"] for row in json.loads(shown)}["gemini"] == "environment variable GEMINI_API_KEY"
    assert KEY not in shown

    assert main(["edit", ".", "make it night"]) == 1
    assert "folder" in capsys.readouterr().err

    assert main(["generate", "a fox"]) == 0
    assert capsys.readouterr().err.count("go to Google Gemini") == 1

    monkeypatch.setenv("NOTEBOOK_IMG_BUDGET", "0.01")
    assert main(["generate", "a hen"]) == 7
    refused = capsys.readouterr().err
    assert "%" not in refused
    assert "Raise it with NOTEBOOK_IMG_BUDGET" in refused
