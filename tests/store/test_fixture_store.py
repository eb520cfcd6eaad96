"""A store and a pack that commit 344ad51 wrote: they open, give back what they hold at no cost, and can be gone on with.

What must hold for ever stands in ``fixtures/expected.json``; how it was made, in make_fixture.py. Nothing here names a module inside the
package: a store outlives every one of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.cli import main
from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, environment, running_kernel
from tests.store.fixture_store import (
    EXPECTED,
    HOME_ZIP,
    JIMENG_TOKEN,
    OWL,
    PACK,
    Services,
    beside,
    cells,
    content_key,
    last_turns,
    request_key,
    run,
    session_values,
    spend_values,
    turn_values,
    turns_in,
    unpacked,
    working_folder,
)

GEMINI = "gemini:gemini-3.1-flash-image"
GIVING = [cell for cell in cells("fox.ipynb") if not {"waits", "pack"} & {*cell.tags}]
"""The cells of fox.ipynb that have something to give back."""


@pytest.fixture(scope="module")
def expected() -> Any:
    return json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def started(emulators: Callable[..., Running]) -> Services:
    return Services(emulators)


@pytest.fixture
def services(started: Services) -> Iterator[Services]:
    """All services, fresh."""
    started.reset()
    yield started
    failed = [row["error"] for service in started.running.values() for row in service.requests() if row["state"] == "emulator failed"]
    assert not failed


@pytest.fixture
def studio(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ni.Studio]:
    """A studio over a copy of the store, in its working folder and with all keys set."""
    opened = _opened(unpacked(tmp_path), services, monkeypatch)
    yield opened
    opened.close()


def _opened(home: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> ni.Studio:
    for name, value in services.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(beside(home))
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(home))
    return ni.Studio(home=home)


@dataclass
class Again:
    """fox.ipynb as it ran again: the kernel, which goes on, and what it gave."""

    kernel: Kernel
    home: Path
    given: dict[str, list[dict[str, Any]]]
    asked: list[str]
    spend: list[list[Any]]
    session: dict[str, Any]
    table: dict[str, list[Any]]


@pytest.fixture(scope="module")
def again(started: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Again]:
    """Run all of fox.ipynb in a fresh kernel over a copy of the store, its keys set and every service there to be asked."""
    started.reset()
    home = unpacked(tmp_path_factory.mktemp("again"))
    with _running(home, "fox.ipynb", **started.environ) as kernel:
        given = _run_fox(kernel)
        table = kernel.value("facts.to_dict('list')")
        asked = started.asked()
        studio = ni.Studio(home=home)
        session, spend = session_values(studio.session("fox")), spend_values(studio)
        studio.close()
        yield Again(kernel, home, given, asked, spend, session, table)


def _running(home: Path, notebook: str, **environ: str) -> Any:
    work = beside(home)
    more = {"NOTEBOOK_IMG_REPLAY": "only", "JPY_SESSION_NAME": str(work.resolve() / notebook)}
    return running_kernel(environment(home, **environ, **more), work)


def _run_fox(kernel: Kernel) -> dict[str, list[dict[str, Any]]]:
    given = {}
    for cell in GIVING:
        ran = run(kernel, cell.source, cell.id)
        assert ran.status == "ok", f"{cell.id}: {ran.traceback}"
        given[cell.id] = last_turns(kernel)
    return given


def _pictures(expected: Any, full_id: str) -> list[str]:
    session, _, turn = full_id.partition("/")
    (found,) = [each for each in expected["sessions"][session]["turns"] if each["id"] == turn]
    return [sha256 for sha256, *_ in found["pictures"]]


# What is in it


def test_every_session_turn_and_picture_is_there(studio: ni.Studio, services: Services, expected: Any) -> None:
    found = {session.name: session_values(session) for session in studio.sessions()}
    assert sorted(found) == sorted(expected["sessions"])
    for name, session in expected["sessions"].items():
        told = {turn["id"]: turn for turn in found[name]["turns"]}
        for turn in session["turns"]:
            assert told.get(turn["id"]) == turn
        # What its first turn ran on is no choice of a model when it was the built-in engine.
        assert found[name] == {**session, "model": "" if session["model"].startswith("local:") else session["model"]}
    assert spend_values(studio) == expected["spend"]
    for session in studio.sessions():
        for turn in session.turns:
            for picture in (*turn.pictures, *turn.delivered, *turn.inputs, *turn.references, *([turn.mask] if turn.mask else [])):
                assert picture.pil().size == picture.size
    assert not services.asked()


def test_the_command_line_lists_it(
    studio: ni.Studio, services: Services, expected: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    studio.close()
    assert main(["sessions", "--json"]) == 0
    listed = {row["name"]: row["turns"] for row in json.loads(capsys.readouterr().out)}
    assert listed == {name: len(session["turns"]) for name, session in expected["sessions"].items()}
    assert main(["show", "fox", "--json"]) == 0
    shown = {row["id"]: row["prompt"] for row in json.loads(capsys.readouterr().out)}
    assert shown == {f"fox/{turn['id']}": turn["prompt"] for turn in expected["sessions"]["fox"]["turns"]}
    assert main(["show", "fox/t1.2", "-o", str(tmp_path / "second.png")]) == 0
    with Image.open(tmp_path / "second.png") as written:
        assert written.format == "PNG"
    assert not services.asked()


def test_the_hash_of_a_stored_turn_is_that_of_what_it_returned(expected: Any) -> None:
    for session in expected["sessions"].values():
        for turn in session["turns"]:
            assert turn["content_key"] == _content(turn), f"{session['name']}/{turn['id']}"


def _content(turn: Any) -> str:
    """Compute the content key of a turn: what the request keys of all that follow it have been made with."""
    parts = ["content-1", turn["request_key"], turn["text"] if turn["kind"] == "ask" else "", [sha256 for sha256, *_ in turn["pictures"]]]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


# Running again


def test_the_same_cells_in_a_fresh_kernel_give_the_very_same_turns_at_no_cost(again: Again, expected: Any) -> None:
    assert {cell: [turn["id"] for turn in turns] for cell, turns in again.given.items()} == {
        cell.id: expected["given"]["fox"][cell.id] for cell in GIVING
    }
    for cell, turns in again.given.items():
        for turn in turns:
            assert turn["replayed"] == (cell != "undo"), cell
            assert turn["pictures"] == _pictures(expected, turn["id"])
    assert again.asked == []
    assert again.spend == expected["spend"]
    same = {**expected["sessions"]["fox"], "model": "jimeng:jimeng-4.5"}  # the last one typed in these cells
    assert again.session == same, "nothing is new, and the head is where it was"
    assert again.table == {"colour": ["#858773", "#858773"], "width": [96, 96]}
    with Image.open(beside(again.home) / "snow.webp") as written:
        assert (written.format, written.size) == ("WEBP", (512, 512))


def test_cells_without_ids_and_calls_in_python_give_the_very_same_turns(services: Services, tmp_path: Path, expected: Any) -> None:
    home = unpacked(tmp_path)
    with _running(home, "owl.ipynb", **services.environ) as kernel:
        for cell in cells("owl.ipynb"):
            ran = run(kernel, cell.source)
            assert ran.status == "ok", f"{cell.source}: {ran.traceback}"
        given = turns_in(kernel, OWL)
    assert {name: [turn["id"] for turn in turns] for name, turns in given.items()} == expected["given"]["owl"]
    assert all(turn["replayed"] for turns in given.values() for turn in turns)
    studio = ni.Studio(home=home)
    assert session_values(studio.session("owl")) == expected["sessions"]["owl"]
    studio.close()
    assert not services.asked()


# The pack


def test_the_pack_gives_a_colleague_without_a_key_the_same_pictures(services: Services, tmp_path: Path, expected: Any) -> None:
    home = tmp_path / "home"
    shutil.copy(PACK, working_folder(beside(home)))
    places = {name: value for name, value in services.environ.items() if not name.endswith(("_KEY", "_TOKEN"))}
    with _running(home, "fox.ipynb", **places) as kernel:
        given = _run_fox(kernel)
    assert {cell: [turn["pictures"] for turn in turns] for cell, turns in given.items()} == {
        cell.id: [_pictures(expected, full_id) for full_id in expected["given"]["fox"][cell.id]] for cell in GIVING
    }
    assert all(turn["replayed"] for cell, turns in given.items() for turn in turns if cell != "undo")
    studio = ni.Studio(home=home)
    there = {turn["content_key"]: turn for turn in expected["sessions"]["fox"]["turns"]}
    for turn in studio.session("fox").turns:
        values, stored = turn_values(turn), there[content_key(turn)]
        for name in ("kind", "prompt", "model", "text", "value", "asked", "cost", "usage", "pictures", "delivered", "request_key"):
            assert values[name] == stored[name], f"{name} of {turn.full_id}"
    assert spend_values(studio) == []
    studio.close()
    assert not services.asked()


def test_the_pack_can_be_imported(tmp_path: Path, services: Services, expected: Any) -> None:
    studio = ni.Studio(home=tmp_path / "home")
    (session,) = studio.import_sessions(PACK)
    found, wanted = session_values(session), expected["sessions"]["fox"]
    studio.close()
    assert {**found, "cost": wanted["cost"]} == wanted, "all but the books, which stay at home"
    assert not services.asked()


# Going on


@pytest.mark.parametrize(("turn", "picked"), [("t4", None), ("t1", 1), ("t1", 2)])
def test_a_gemini_session_goes_on_from_its_stored_state(
    studio: ni.Studio, services: Services, expected: Any, turn: str, picked: int | None
) -> None:
    start = studio.session("fox").turn(turn)
    made = (start if picked is None else start.pick(picked)).edit("brighter", size="512")
    assert made.model == GEMINI, "its session's own model"
    assert made.warnings == ()
    assert made.parent.number == start.number
    (row,) = services["gemini"].requests()
    assert row["status"] == 200, "the emulator takes a signature only with the content it was made for"
    parts = [
        part
        for content in json.loads(services["gemini"].body(row["number"]))["contents"]
        if content["role"] == "model"
        for part in content["parts"]
    ]
    pictures = [hashlib.sha256(_decoded(part["inlineData"]["data"])).hexdigest() for part in parts if "inlineData" in part]
    assert pictures == [_pictures(expected, f"fox/{turn}")[(picked or 1) - 1]]
    with zipfile.ZipFile(HOME_ZIP) as archive:
        kept = {Path(name).stem for name in archive.namelist() if name.startswith("raw/")}
    sent = {hashlib.sha256(_decoded(part["thoughtSignature"])).hexdigest() for part in parts}
    assert len(sent) == 2, "that of the text and that of the picture"
    assert sent <= kept


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))


def test_waiting_jobs_are_fetched_not_paid_again_and_become_turns(again: Again, services: Services, expected: Any) -> None:
    heron, gold = [job for job in expected["jobs"] if job["state"] == "submitted"]
    told = {job["submit_id"]: {"owner": JIMENG_TOKEN, **{name: job[name] for name in ("prompt", "size", "seed")}} for job in (heron, gold)}
    services["jimeng"].control(earlier=told)
    kernel, work = again.kernel, beside(again.home)
    kernel.good("%config NotebookImg.replay = 'restart'")
    last_turns(kernel)
    kernel.good("%imgsession resume")
    assert sorted(turn["id"] for turn in last_turns(kernel)) == ["fox/t18", "shop/t3"]
    assert not [asked for asked in services.asked() if "aigc_draft/generate" in asked]
    kernel.good("%imgsession resume")
    assert last_turns(kernel) == [], "nothing waits any more"

    studio = ni.Studio(home=again.home)
    fox, shop = studio.session("fox"), studio.session("shop")
    for job, turn in ((heron, fox.turn("t18")), (gold, shop.turn("t3"))):
        values = turn_values(turn)
        assert (turn.prompt, turn.seed, turn.model, turn.cost) == (job["prompt"], job["seed"], job["model"], None)
        assert request_key(turn) == job["request_key"]
        assert content_key(turn) == _content(values)
    assert (fox.head.id, shop.head.id) == ("t18", "t3")
    with Image.open(work / "heron.jpg") as written:
        assert (written.format, written.size) == ("JPEG", (256, 256)), "the file that the interrupted call asked for"
    before, after = (np.asarray(picture.pil().convert("RGB")) for picture in (shop.turn("t3").inputs[0], shop.turn("t3").picture))
    inside = np.zeros(before.shape[:2], bool)
    inside[12:36, 16:48] = True
    assert (before[~inside] == after[~inside]).all()
    assert (before[inside] != after[inside]).any()
    settled = [
        [session, f"{session}/{turn}", model, "billed", estimate, None]
        for (session, _, model, _, estimate, _), turn in zip(expected["spend"][-2:], ("t18", "t3"), strict=True)
    ]
    assert spend_values(studio) == [*expected["spend"][:-2], *settled]
    studio.close()

    kernel.good("%config NotebookImg.replay = 'only'")
    (cell,) = [cell for cell in cells("fox.ipynb") if "waits" in cell.tags]
    ran = run(kernel, cell.source, cell.id)
    assert ran.status == "ok", ran.traceback
    (given,) = last_turns(kernel)
    assert (given["id"], given["replayed"]) == ("fox/t18", True), "the interrupted cell has its picture now"
    assert not [asked for asked in services.asked() if "aigc_draft/generate" in asked]


# Keys

FOX: dict[str, Callable[[Any], Any]] = {
    "t1": lambda s: s.generate("a watercolour fox", model=GEMINI, size="512", n=2),
    "t2": lambda s: s.turn("t1").edit("make it night", model=GEMINI, size="512", pick=2),
    "t4": lambda s: s.turn("t2").edit("add a crescent moon", model=GEMINI, size="512"),
    "t5": lambda s: s.turn("t4").ask("what animal is this?", model=GEMINI),
    "t6": lambda s: s.turn("t2").edit("add snow,\nand no wind", model=GEMINI, size="512"),
    "t7": lambda s: s.generate("a red fox", model="openai", format="jpeg"),
    "t8": lambda s: s.edit("a fox's head", "banner.png", model="openai", mask="24,4,48,16"),
    "t9": lambda s: s.turn("t8").ask("the colours and the width", model="openai", table="colour str, width int"),
    "t10": lambda s: s.generate("a fox in the reeds", model="ark:seedream-3.0", size="512x512", seed=7),
    "t11": lambda s: s.edit("warmer", "cat.png", model="local"),
    "t12": lambda s: s.edit("warmer", "cat.png", model="ark:seededit-3.0"),
    "t13": lambda s: s.ask("how many animals are there?", "cat.png", model="lmstudio"),
    "t14": lambda s: s.generate("a fox by a river", model="jimeng", size="256x256"),
    "t15": lambda s: s.edit("greyscale", "cat.png", model="local"),
    "t16": lambda s: s.turn("t15").edit("rotate 90 degrees", model="local"),
    "t17": lambda s: s.turn("t16").ask("what size is it?", model="local"),
}
OWL_CALLS: dict[str, Callable[[Any], Any]] = {
    "t1": lambda s: s.edit("crop to a square, resize to 32x32", "sample:chelsea", model="local"),
    "t2": lambda s: s.turn("t1").edit("invert", model="local"),
    "t3": lambda s: s.generate("noise", size="16x16", model="local"),
    "t6": lambda s: s.edit("invert", Image.new("RGB", (64, 48), "teal"), mask=_place(), model="local"),
    "t7": lambda s: s.turn("t6").ask("what size is it?", model="local"),
    "t8": lambda s: s.turn("t7").ask("how bright is it?", model="local"),
    "t10": lambda s: s.turn("t1").edit("blend with the second picture", references=[Image.new("RGB", (64, 48), "teal")], model="local"),
    "t12": lambda s: s.turn("t11").edit("flip", model="local"),
}


def _place() -> Any:
    place = np.zeros((48, 64), "uint8")
    place[8:40, 16:48] = 255
    return place


@pytest.mark.parametrize(("name", "calls"), [("fox", FOX), ("owl", OWL_CALLS)], ids=["fox", "owl"])
def test_the_same_request_has_the_same_key_byte_for_byte(
    studio: ni.Studio, expected: Any, name: str, calls: dict[str, Callable[[Any], Any]]
) -> None:
    session = studio.session(name)
    stored = {turn["id"]: turn for turn in expected["sessions"][name]["turns"]}
    for number, call in calls.items():
        made = call(session)
        values = turn_values(made)
        assert not made.replayed, "outside a kernel it asks"
        assert values["request_key"] == stored[number]["request_key"], f"{name}/{number}"
        assert values["content_key"] == _content(values), f"{name}/{number}"
        if made.model.startswith("local:") and made.kind == "ask":
            assert values["content_key"] == stored[number]["content_key"], "the built-in engine measures the same every time"


def test_a_fresh_run_in_a_cell_has_the_same_key(again: Again, expected: Any) -> None:
    kernel = again.kernel
    kernel.good("%config NotebookImg.replay = 'restart'")
    last_turns(kernel)
    ran = run(kernel, "%imgedit cat.png -m local greyscale --fresh", "fresh")
    assert ran.status == "ok", ran.traceback
    (made,) = last_turns(kernel)
    studio = ni.Studio(home=again.home)
    turn = studio.session("fox").turn(made["id"])
    (stored,) = [each for each in expected["sessions"]["fox"]["turns"] if each["id"] == "t15"]
    assert not made["replayed"]
    assert made["id"] != "fox/t15"
    assert request_key(turn) == stored["request_key"]
    studio.close()
