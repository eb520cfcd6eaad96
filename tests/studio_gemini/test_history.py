"""What a session sends: the window, the whole chat, or only what is new; and what happens when its state is no good any more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.studio.studio import Studio
from notebook_img.tree import Session, Turn
from tests.emulators.process import Running
from tests.jupyter.kernels import environment
from tests.pages import ROOT
from tests.studio_gemini.conftest import KEY, painted

OTHER_KEY = "AIza-another-key-000011112222"


def four_turns(session: Session, **options: Any) -> list[Turn]:
    turns = [session.edit("make it night", "sample:chelsea", **options)]
    return turns + [session.edit(prompt, **options) for prompt in ("warmer", "add a moon", "add stars")]


def test_the_window_stays_flat_and_holds_the_last_turn_and_earlier_prompts(fox: Session, service: Running):
    service.control(picture_bytes=1_500_000)
    four_turns(fox)

    sizes = [row["size"] for row in painted(service)]
    assert max(sizes[1:]) < 1.05 * min(sizes[1:])
    last = json.loads(service.body(4))["contents"]
    assert [content["role"] for content in last] == ["user", "model", "user"]
    assert "1. make it night\n2. warmer" in last[0]["parts"][0]["text"]


def test_the_full_history_is_the_whole_chat(fox: Session, service: Running):
    four_turns(fox, history="full")

    last = json.loads(service.body(4))["contents"]
    assert [content["role"] for content in last] == ["user", "model"] * 3 + ["user"]
    assert [content["parts"][-1]["text"] for content in last[::2]] == ["make it night", "warmer", "add a moon", "add stars"]


def test_server_history_sends_only_what_is_new(fox: Session, service: Running):
    service.control(picture_bytes=400_000)
    turns = four_turns(fox, history="server")

    rows = service.requests("interactions")
    assert [row["size"] < 1000 for row in rows] == [False, True, True, True]
    assert rows[1]["body"]["previous_interaction_id"] == turns[0].got["interaction"]
    assert turns[3].warnings == ()


def test_history_is_chosen_per_session_and_a_call_can_differ(fox: Session, studio: Studio, service: Running):
    fox.history = "full"
    four_turns(fox)
    fox.edit("crop it", history="window")

    assert studio.session("fox").history == "full"
    assert len(json.loads(service.body(4))["contents"]) == 7
    assert len(json.loads(service.body(5))["contents"]) == 3
    assert fox.turns[0].asked == {}
    assert fox.turns[4].asked == {"history": "window"}


def test_an_unknown_kind_of_history_names_the_kinds(fox: Session, service: Running):
    with pytest.raises(UsageError, match="window, full, server"):
        fox.history = "everything"
    with pytest.raises(UsageError, match="window, full, server"):
        fox.edit("make it night", "sample:chelsea", history="everything")
    assert painted(service) == []


def test_an_expired_interaction_falls_back_to_the_window_and_says_so(fox: Session, service: Running):
    fox.edit("make it night", "sample:chelsea", history="server")
    service.control(interactions_expired=True)

    turn = fox.edit("warmer", history="server")

    assert any("the window was sent instead" in warning for warning in turn.warnings)
    assert turn.picture.sha256 != turn.inputs[0].sha256


def test_nothing_is_kept_by_the_service_where_that_is_forbidden(new_studio: Callable[..., Studio], service: Running):
    session = new_studio(gemini_store=False, history="server").session("fox")
    session.edit("make it night", "sample:chelsea")

    turn = session.edit("warmer")

    assert service.requests("interactions") == []
    assert any("gemini_store" in warning for warning in turn.warnings)


def test_a_new_process_goes_on_with_the_same_context_bit_for_bit(fox: Session, studio: Studio, service: Running, home: Path):
    service.control(signature_bytes=200_000)
    turn = fox.edit("make it night", "sample:chelsea")
    studio.close()

    code = "import notebook_img as ni; t = ni.session('fox').edit('warmer'); print(t.id, t.parent.id, list(t.warnings))"
    environ = environment(home, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=service.url)
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=60)

    assert ran.stdout.split("\n")[-2] == "t2 t1 []"
    row = painted(service)[-1]
    assert row["state"] == "answered"
    signed = [part for part in row["body"]["contents"][1]["parts"] if "thoughtSignature" in part or "thought_signature" in part]
    assert len(signed) == 2
    raw = studio.store.load_raw(turn.record.raw)
    assert len(raw["replies"][0]["content"]["parts"][0]["thought_signature"]) == 200_000


@pytest.mark.parametrize("damage", ["changed", "missing", "no JSON"])
def test_state_that_cannot_be_read_is_done_without_and_that_is_said(fox: Session, service: Running, home: Path, damage: str):
    fox.edit("make it night", "sample:chelsea")
    for path in (home / "raw").rglob("*.json"):
        path.unlink() if damage == "missing" else path.write_text(path.read_text() + " " if damage == "changed" else "{")

    turn = fox.edit("warmer")

    assert turn.warnings == (
        "The stored state of t1 cannot be used (StoreError while reading it); the picture and the prompt were sent instead.",
    )
    contents = json.loads(service.body(2))["contents"]
    assert [content["role"] for content in contents] == ["user"]
    assert f"sha256:{turn.inputs[0].sha256}" in json.dumps(painted(service)[1]["body"])


def test_a_signature_file_that_is_damaged_is_done_without(fox: Session, service: Running, home: Path):
    service.control(signature_bytes=5000)
    fox.edit("make it night", "sample:chelsea")
    for path in (home / "raw").rglob("*.bin"):
        path.write_bytes(b"\0" * path.stat().st_size)

    assert "cannot be used" in fox.edit("warmer").warnings[0]


@pytest.mark.parametrize("change", ["model", "key", "provider"])
def test_state_of_another_model_key_or_provider_is_not_sent(fox: Session, studio: Studio, service: Running, change: str):
    first = fox.edit("make it night", "sample:chelsea")
    if change == "model":
        turn = fox.edit("warmer", model="gemini:gemini-3-pro-image")
    elif change == "key":
        service.control(key=OTHER_KEY)
        studio.settings.environ = {**studio.settings.environ, "GEMINI_API_KEY": OTHER_KEY}
        turn = fox.edit("warmer")
    else:
        first = fox.edit("rotate by 90 degrees", model="local")
        turn = fox.edit("warmer")

    row = painted(service)[-1]
    assert row["state"] == "answered"
    assert [content["role"] for content in row["body"]["contents"]] == ["user"]
    assert "ignature" not in json.dumps(row["body"])
    assert f"sha256:{first.picture.sha256}" in json.dumps(row["body"])
    assert turn.parent == first


@pytest.mark.parametrize("where", ["its own", "another"])
def test_state_in_an_export_is_used_in_the_home_it_comes_from_and_elsewhere_the_picture_is_sent(
    fox: Session, new_studio: Callable[..., Studio], service: Running, tmp_path: Path, where: str
):
    first = fox.edit("make it night", "sample:chelsea")
    path = fox.export(tmp_path / "fox.zip")
    if where == "its own":
        fox.delete()
    studio = fox.actor if where == "its own" else new_studio(tmp_path / "another")
    (there,) = studio.import_sessions(path)  # type: ignore[attr-defined]
    assert there.edit("warmer").parent.picture.sha256 == first.picture.sha256  # type: ignore[union-attr]
    sent = json.dumps(painted(service)[-1]["body"])
    assert ("ignature" in sent) == (where == "its own")
    assert f"sha256:{first.picture.sha256}" in sent
    assert "used only in the home it comes from" in (ROOT / "docs" / "running-again.md").read_text(encoding="utf-8")


def test_a_service_that_refuses_its_own_signature_gets_the_picture_alone(fox: Session, service: Running):
    fox.edit("make it night", "sample:chelsea")
    service.control({"kind": "reply", "reply": "refuses_signature"})

    turn = fox.edit("warmer")

    assert any("only the last picture and the prompt were sent" in warning for warning in turn.warnings)


def test_signatures_of_a_megabyte_lie_in_files_and_not_in_rows(fox: Session, service: Running, home: Path):
    service.control(signature_bytes=1_000_000)
    fox.edit("make it night", "sample:chelsea")

    assert (home / "store.sqlite").stat().st_size < 600_000
    assert sum(path.stat().st_size for path in (home / "raw").rglob("*.bin")) == 2_000_000


def test_going_on_from_an_earlier_turn_sends_that_turns_state(fox: Session, service: Running):
    first, second, *_ = four_turns(fox)
    assert second.parent == first

    branch = first.edit("make it rain")

    assert branch.parent == first
    contents = painted(service)[-1]["body"]["contents"]
    assert f"sha256:{first.picture.sha256}" in json.dumps(contents[1])


def test_a_failed_turn_is_in_no_later_context(fox: Session, service: Running):
    fox.edit("make it night", "sample:chelsea")
    service.control({"kind": "reply", "reply": "blocked", "reason": "SAFETY"})
    with pytest.raises(NotebookImgError):
        fox.edit("something forbidden")

    fox.edit("warmer")

    assert "something forbidden" not in service.body(3).decode()
