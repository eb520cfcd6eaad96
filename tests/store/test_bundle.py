from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_img.errors import NotFoundError, OutputError, PackError
from notebook_img.records import Origin, SessionRecord
from notebook_img.store import KnownCell, Store
from notebook_img.store.bundle import export_sessions, import_sessions
from notebook_img.store.pack import Pack
from tests.store.making import add, png, problems


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "other home")


@pytest.fixture
def exported(store: Store, fox: SessionRecord, tmp_path: Path) -> Path:
    """An export of session fox: two turns, a question, raw state, and the runs of a cell."""
    run = store.start_run("id:a", kernel="k1", source_hash="h", ordinal=1, notebook="/n.ipynb")
    origin = Origin("cell", kernel="k1", cell="id:a", run=run)
    first = add(
        store, fox, 1, prompt="first", started=1.0, content_key="c1", request_key="r1", origin=origin, raw={"signature": b"s" * 9000}
    )
    store.note_reply(run, "r1", "", fox.id, first.number)
    add(store, fox, 2, 3, parent=1, prompt="second", started=2.0, content_key="c2", raw={"inline": [png(2), b"short"]})
    add(store, fox, 2, parent=2, kind="ask", prompt="what?", started=3.0, content_key="c3")
    path = tmp_path / "fox.zip"
    export_sessions(store, [fox.id], path)
    return path


def everything(store: Store) -> object:
    return [(session, store.turns(session.id)) for session in store.sessions()], store.spend_rows(), store.runs()


def test_an_export_brings_everything_into_another_store_under_the_same_ids(
    store: Store, fox: SessionRecord, exported: Path, other: Store
) -> None:
    [imported] = import_sessions(other, exported)
    assert imported.said == "Session 'fox' was imported: 3 turns."
    session = other.session(fox.id)
    assert session is not None
    assert (session.name, session.head, session.model, session.turns) == ("fox", 2, "", 3)
    there = other.turns(fox.id)
    assert there == store.turns(fox.id)
    for turn in there:
        for use in turn.pictures:
            assert other.read_picture(use.sha256) == store.read_picture(use.sha256)
    assert other.load_raw(there[0].raw) == {"signature": b"s" * 9000}
    assert other.load_raw(there[1].raw) == {"inline": [png(2), b"short"]}
    assert [reply.number for reply in other.latest_replies(KnownCell("id:a", "", 1))] == [1]
    assert problems(other) == []
    assert add(other, session, 4).number == 4


def test_importing_the_same_export_twice_changes_nothing(exported: Path, other: Store) -> None:
    import_sessions(other, exported)
    before = everything(other)
    [again] = import_sessions(other, exported)
    assert again.added == 0
    assert "already here" in again.said
    assert everything(other) == before


def test_importing_into_the_store_it_came_from_changes_nothing(store: Store, exported: Path) -> None:
    before = everything(store)
    import_sessions(store, exported)
    assert everything(store) == before


def test_a_later_export_of_the_same_session_adds_what_is_new(store: Store, fox: SessionRecord, exported: Path, other: Store) -> None:
    import_sessions(other, exported)
    add(store, fox, 9, parent=2)
    export_sessions(store, [fox.id], exported)
    [imported] = import_sessions(other, exported)
    assert imported.added == 1
    assert other.turns(fox.id) == store.turns(fox.id)


def test_a_name_that_is_taken_gets_a_number_and_this_is_said(exported: Path, other: Store) -> None:
    other.create_session("fox")
    [imported] = import_sessions(other, exported)
    assert imported.session.name == "fox-2"
    assert imported.said == "Session 'fox' was imported as 'fox-2', because another session has its name: 3 turns."


def test_a_session_that_went_on_differently_here_comes_in_beside_it(store: Store, fox: SessionRecord, exported: Path, other: Store) -> None:
    import_sessions(other, exported)
    add(store, fox, "there", started=9.0)
    export_sessions(store, [fox.id], exported)
    add(other, fox, "here", started=8.0)
    mine = other.turns(fox.id)
    [imported] = import_sessions(other, exported)
    assert imported.session.name == "fox-2"
    assert other.turns(fox.id) == mine
    assert [turn.prompt for turn in other.turns(imported.session.id)] == [turn.prompt for turn in store.turns(fox.id)]
    before = everything(other)
    import_sessions(other, exported)
    assert everything(other) == before
    assert problems(other) == []


def test_an_export_without_raw_state_has_none(store: Store, fox: SessionRecord, exported: Path, other: Store) -> None:
    export_sessions(store, [fox.id], exported, raw=False)
    assert not [name for name in zipfile.ZipFile(exported).namelist() if name.startswith("raw/")]
    import_sessions(other, exported)
    assert {turn.raw for turn in other.turns(fox.id)} == {""}
    assert problems(other) == []


def test_the_same_sessions_give_the_same_bytes(store: Store, fox: SessionRecord, exported: Path) -> None:
    before = exported.read_bytes()
    export_sessions(store, [fox.id], exported)
    assert exported.read_bytes() == before


def test_an_export_overwrites_only_its_own_file(store: Store, fox: SessionRecord, exported: Path, tmp_path: Path) -> None:
    exported.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match="was not written by notebook_img"):
        export_sessions(store, [fox.id], exported)
    assert exported.read_bytes() == b"somebody's"
    export_sessions(store, [fox.id], exported, force=True)
    Pack(exported).verify()
    with pytest.raises(OutputError, match="is a folder"):
        export_sessions(store, [fox.id], tmp_path)
    with pytest.raises(OutputError, match="does not exist"):
        export_sessions(store, [fox.id], tmp_path / "nowhere" / "x.zip")
    with pytest.raises(NotFoundError):
        export_sessions(store, ["no such id"], tmp_path / "x.zip")
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_an_export_goes_on_without_what_is_gone_and_names_it(store: Store, fox: SessionRecord, tmp_path: Path, other: Store) -> None:
    gone, cut, whole = (add(store, fox, number, raw={"x": bytes([number]) * 5000}) for number in (1, 2, 3))
    store.picture_path(gone.pictures[0].sha256).unlink()
    store.picture_path(cut.pictures[0].sha256).write_bytes(b"half")
    (store._database.files / "raw" / gone.raw[:2] / f"{gone.raw}.json").write_bytes(b"{}")
    said = export_sessions(store, [fox.id], tmp_path / "x.zip")
    assert [text.partition(" ")[0] for text in said] == ["A", "A", "The"]
    for text, turn in zip(said, ("fox/t1", "fox/t2", "fox/t1"), strict=True):
        assert turn in text
    [imported] = import_sessions(other, tmp_path / "x.zip")
    assert imported.added == 3
    assert other.read_picture(whole.pictures[0].sha256) == png(3)
    assert [problem[:23] for problem in problems(other)] == ["2 picture files missing", "1 raw state missing; th"]


def test_importing_the_right_bytes_heals_what_is_damaged_or_missing(store: Store, fox: SessionRecord, exported: Path) -> None:
    first, second, _ = store.turns(fox.id)
    missing, flipped = (store.picture_path(turn.pictures[0].sha256) for turn in (first, second))
    missing.unlink()
    data = flipped.read_bytes()
    flipped.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    state = store._database.files / "raw" / first.raw[:2] / f"{first.raw}.json"
    state.write_bytes(state.read_bytes()[:-1])
    import_sessions(store, exported)
    assert store.read_picture(first.pictures[0].sha256) == png(1)
    assert flipped.read_bytes() == data
    assert store.load_raw(first.raw) == {"signature": b"s" * 9000}
    assert problems(store) == []


def rewritten(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Change members of a zip, as somebody might."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(buffer.getvalue())


def _picture(members: dict[str, bytes]) -> str:
    return next(name for name in members if name.startswith("pictures/"))


def _sessions(members: dict[str, bytes], change: Callable[[dict], None]) -> None:
    plain = json.loads(members["sessions.json"])
    change(plain["sessions"][0])
    _put(members, "sessions.json", json.dumps(plain).encode())


def _put(members: dict[str, bytes], name: str, data: bytes) -> None:
    """Put a member in with a manifest that agrees: only its meaning is wrong."""
    members[name] = data
    manifest = json.loads(members["manifest.json"])
    manifest["members"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    members["manifest.json"] = json.dumps(manifest).encode()


def _manifest(inside: dict[str, bytes], **values: object) -> None:
    inside["manifest.json"] = json.dumps({**json.loads(inside["manifest.json"]), **values}).encode()


TAMPERINGS: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a picture of other bytes": (lambda members: members.update({_picture(members): b"other"}), "does not match"),
    "a picture left out": (lambda members: members.pop(_picture(members)), "is missing"),
    "a picture left out of the manifest too": (
        lambda members: (
            _manifest(
                members, members={k: v for k, v in json.loads(members["manifest.json"])["members"].items() if k != _picture(members)}
            ),
            members.pop(_picture(members)),
        ),
        "is missing",
    ),
    "a picture that is no image": (lambda members: _put(members, _picture(members), b"<script>"), "not what it says"),
    "a member added": (lambda members: members.update({"../../evil": b"x"}), "was added"),
    "raw state under another name": (lambda members: _put(members, f"raw/{'0' * 64}.json", b"{}"), "not what it says"),
    "sessions that are no JSON": (lambda members: _put(members, "sessions.json", b"{"), "cannot be understood"),
    "a turn without a prompt": (
        lambda members: _sessions(members, lambda session: session["turns"][0].pop("prompt")),
        "cannot be understood",
    ),
    "a turn with number 0": (
        lambda members: _sessions(members, lambda session: session["turns"][0].update(number=0)),
        "cannot be understood",
    ),
    "a picture with a path for a hash": (
        lambda members: _sessions(members, lambda session: session["turns"][0]["pictures"][0].update(sha256="../../x")),
        "cannot be understood",
    ),
    "a newer version": (lambda members: _manifest(members, version=3), "newer notebook_img"),
    "another format": (lambda members: _manifest(members, format="theirs"), "no manifest of ours"),
    "no manifest": (lambda members: members.pop("manifest.json"), "no manifest of ours"),
    "a manifest that is no JSON": (lambda members: members.update({"manifest.json": b"\xff"}), "no manifest of ours"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_an_export_that_was_tampered_with_is_refused_and_nothing_is_imported(exported: Path, other: Store, tampering: str) -> None:
    change, words = TAMPERINGS[tampering]
    rewritten(exported, change)
    before = everything(other)
    with pytest.raises(PackError, match=words) as caught:
        import_sessions(other, exported)
    assert len(str(caught.value)) < 600
    assert "othing was imported" in str(caught.value)
    assert everything(other) == before


@pytest.mark.parametrize("length", [0, 10, 0.3, 0.6, 0.99])
def test_a_cut_off_export_is_refused_and_nothing_is_imported(exported: Path, other: Store, length: float) -> None:
    data = exported.read_bytes()
    exported.write_bytes(data[: int(length if length >= 1 else len(data) * length)])
    with pytest.raises(PackError, match="cut off or not a zip"):
        import_sessions(other, exported)
    assert other.sessions() == []


def test_a_file_that_is_not_there_is_a_sentence(other: Store, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="There is no file"):
        import_sessions(other, tmp_path / "nothing.zip")


def test_a_session_name_from_a_file_is_made_sound(exported: Path, other: Store) -> None:
    rewritten(exported, lambda members: _sessions(members, lambda session: session.update(name="../t7")))
    [imported] = import_sessions(other, exported)
    assert imported.session.name == "imported"


def test_a_pack_finds_replies_and_gives_pictures_checked_by_hash(store: Store, fox: SessionRecord, exported: Path) -> None:
    pack = Pack(exported)
    assert [turn.number for turn in pack.find_replies("r1")] == [1]
    assert pack.find_replies("r2") == []
    turn = pack.turn(fox.id, 1)
    assert turn is not None
    assert pack.picture(turn.pictures[0].sha256) == png(1)
    [run] = pack.runs
    assert (run.cell, run.replies) == ("id:a", ((fox.id, 1),))
    rewritten(exported, lambda members: members.update({_picture(members): b"x"}))
    with pytest.raises(PackError, match="does not match"):
        Pack(exported).picture(turn.pictures[0].sha256)


def test_among_the_runs_here_one_of_another_home_stands_where_its_clock_puts_it(
    store: Store, fox: SessionRecord, exported: Path, other: Store
) -> None:
    [run] = [run for run in store.runs() if run.cell == "id:a"]
    for _ in range(20):  # a home in which more has been run, and long ago
        store.start_run("id:other", kernel="k", source_hash="x")
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET started = 1000.0, seen = 500 WHERE id = ?", (run.id,))
    exported = exported.with_name("again.zip")
    export_sessions(store, [fox.id], exported)
    here = other.create_session("here")
    first = other.start_run("id:z", kernel="k0", source_hash="z")
    with other._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET started = 900.0 WHERE id = ?", (first,))
    latest = other.start_run("id:a", kernel="mine", source_hash="", ordinal=1)
    other.note_reply(latest, "r", "m", here.id, 9)
    import_sessions(other, exported)
    assert [reply.number for reply in other.latest_replies(KnownCell("id:a", "", 1))] == [9]
