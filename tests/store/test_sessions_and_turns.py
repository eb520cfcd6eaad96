from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy

from notebook_img.errors import NotFoundError, StoreError, UsageError
from notebook_img.records import Origin, SessionRecord, TurnRecord
from notebook_img.store import Store
from tests.store.making import add, png, use


def test_a_turn_comes_back_exactly_as_it_was_stored(store: Store, fox: SessionRecord) -> None:
    data, reference = png("made"), png("reference")
    record = TurnRecord(
        session_id=fox.id,
        number=0,
        kind="edit",
        prompt="make it night — with ünïcode\n'quotes' and a lone \ud800",
        model="gemini:flash",
        parent=None,
        picked=2,
        head_before=3,
        pictures=(dataclasses.replace(use(data), pixels_key="px:1"), use(reference, "reference", "style.jpg")),
        text="done",
        asked={"n": 4},
        sent={"a": [1, None]},
        got=["x"],
        seed=2**70,
        usage={"tokens": 5},
        cost=0.039,
        warnings=("smaller than asked",),
        note="remark",
        answer={"boxes": []},
        started=1.5,
        seconds=2.25,
        origin=Origin(surface="cell", name="me", kernel="k", cell="id:1", run=7, notebook="/a.ipynb"),
        request_key="r",
        content_key="c",
        key_mark="m",
    )
    stored = store.add_turn(
        record, {use(data).sha256: data, use(reference).sha256: reference}, move_head=True, raw={"parts": [b"\0\xff" * 5000]}
    )
    assert stored == dataclasses.replace(record, number=1, raw=stored.raw)
    # SQLite's text is UTF-8, which has no lone surrogates.
    stored = dataclasses.replace(stored, prompt=stored.prompt.replace("\ud800", "?"))
    assert store.turn(fox.id, 1) == stored
    assert store.turns(fox.id) == [stored]
    assert store.load_raw(stored.raw) == {"parts": [b"\0\xff" * 5000]}


def test_sessions_outlive_the_process_that_made_them(home: Path) -> None:
    with Store.open(home) as first:
        fox = first.create_session("fox", model="gemini:flash", notebook="/a.ipynb", settings={"history": "server"})
        turn = add(first, fox, 1)
    with Store.open(home) as second:
        found = second.session_named("fox")
        assert found is not None
        assert (found.id, found.model, found.notebook, found.settings, found.head, found.turns) == (
            fox.id,
            "gemini:flash",
            "/a.ipynb",
            {"history": "server"},
            1,
            1,
        )
        assert second.turn(fox.id, 1) == turn
        assert second.read_picture(turn.pictures[0].sha256) == png(1)


def test_sessions_are_listed_with_the_one_changed_last_first_and_in_pages(store: Store) -> None:
    sessions = [store.create_session(f"s{number}") for number in range(5)]
    add(store, sessions[1], 1)
    assert [session.name for session in store.sessions()] == ["s1", "s4", "s3", "s2", "s0"]
    assert [session.name for session in store.sessions(limit=2, offset=2)] == ["s3", "s2"]
    assert [session.name for session in store.sessions(search="S3")] == ["s3"]
    assert store.sessions(search="%") == []
    assert store.session_names()[0] == "s1"


def test_a_session_name_is_given_once(store: Store, fox: SessionRecord) -> None:
    with pytest.raises(UsageError, match="already"):
        store.create_session("fox")
    bear = store.create_session("bear")
    with pytest.raises(UsageError, match="already"):
        store.update_session(bear.id, name="fox")
    assert store.update_session(fox.id, name="fox").name == "fox"
    assert store.free_name("fox") == "fox-2"
    assert store.free_name("wolf") == "wolf"
    store.create_session("w" * 80)
    assert store.free_name("w" * 80) == f"{'w' * 78}-2"
    for name in ("t7", "a/b", ""):
        with pytest.raises(UsageError):
            store.create_session(name)


@pytest.mark.parametrize(
    ("model", "settings", "kept", "ran_on"),
    [
        ("", {}, "", ""),
        ("gemini:flash", {}, "gemini:flash", ""),
        ("local:builtin", {}, "", "local:builtin"),
        ("local:builtin", {"model_typed": True}, "local:builtin", ""),
        ("", {"ran_on": "gemini:flash"}, "", "gemini:flash"),
    ],
    ids=["new", "of an older store", "built-in, of an older store", "built-in, typed", "follows the default"],
)
def test_which_model_a_session_keeps(
    store: Store, fox: SessionRecord, model: str, settings: dict[str, object], kept: str, ran_on: str
) -> None:
    found = store.update_session(fox.id, model=model, settings=settings)
    assert (found.kept_model, found.ran_on) == (kept, ran_on)


def test_moving_the_head_with_a_turn_forgets_what_could_be_redone(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1)
    store.update_session(fox.id, head=None, redo=(1,))
    add(store, fox, 1, kind="ask")
    asked = store.session(fox.id)
    assert asked is not None
    assert (asked.head, asked.redo) == (None, (1,))
    add(store, fox, 2)
    painted = store.session(fox.id)
    assert painted is not None
    assert (painted.head, painted.redo) == (3, ())


def test_turns_are_read_in_pages_in_either_order(store: Store, fox: SessionRecord) -> None:
    for number in range(10):
        add(store, fox, number)

    def numbers(**page: int | bool) -> list[int]:
        return [turn.number for turn in store.turns(fox.id, **page)]  # type: ignore[arg-type]

    assert numbers(limit=3) == [1, 2, 3]
    assert numbers(limit=3, after=3) == [4, 5, 6]
    assert numbers(limit=3, newest_first=True) == [10, 9, 8]
    assert numbers(limit=3, newest_first=True, before=8) == [7, 6, 5]
    assert numbers(limit=2, offset=4) == [5, 6]
    assert [len(turn.pictures) for turn in store.turns(fox.id)] == [1] * 10


def test_a_chain_is_the_way_from_the_first_turn_of_its_line(store: Store, fox: SessionRecord) -> None:
    for parent in (None, 1, 2, 2, None):
        add(store, fox, 0, parent=parent)
    assert [turn.number for turn in store.chain(fox.id, 4)] == [1, 2, 4]
    assert [turn.number for turn in store.chain(fox.id, 4, limit=2)] == [2, 4]
    assert store.chain(fox.id, 99) == []
    assert store.turn_numbers(fox.id)[3] == (4, 2, "edit")


def test_an_added_turn_settles_its_reservation_in_the_same_transaction(store: Store, fox: SessionRecord) -> None:
    spend = store.reserve("gemini:flash", 0.04, "2026-11-21", "cell", "fox", 5.0)
    record = TurnRecord(fox.id, 0, "edit", "x", "gemini:flash", cost=0.039)
    store.add_turn(record, move_head=True, spend=spend, spend_facts={"cost": 0.039, "usage": {"tokens": 3}})
    [row] = store.spend_rows()
    assert (row.state, row.cost, row.usage, row.turn, row.estimate) == ("billed", 0.039, {"tokens": 3}, "fox/t1", 0.04)


def test_a_turn_that_names_a_picture_nobody_has_is_not_stored(store: Store, fox: SessionRecord) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        store.add_turn(TurnRecord(fox.id, 0, "edit", "x", "m", pictures=(use(png("nowhere")),)), {}, move_head=True)
    assert store.turns(fox.id) == []
    assert store.session(fox.id).turns == 0  # type: ignore[union-attr]


def test_a_turn_of_a_session_deleted_meanwhile_says_where_its_picture_is(store: Store, fox: SessionRecord) -> None:
    store.delete_session(fox.id)
    with pytest.raises(StoreError, match="deleted while the call was running") as caught:
        add(store, fox, 1)
    path = store.picture_path(use(png(1)).sha256)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == png(1)


def test_deleting_a_session_removes_the_files_nothing_else_uses_and_keeps_what_was_spent(store: Store, fox: SessionRecord) -> None:
    bear = store.create_session("bear")
    spend = store.reserve("m", 0.1, "2026-11-21", "cell", "fox", None)
    store.settle(spend, "billed", 0.1)
    mine = add(store, fox, "mine", raw={"signature": b"x" * 9000})
    shared = add(store, fox, "shared")
    add(store, bear, "shared")
    store.delete_session(fox.id)
    assert store.session_named("fox") is None
    assert store.turns(fox.id) == []
    assert not store.has_picture(mine.pictures[0].sha256)
    assert store.read_picture(shared.pictures[0].sha256) == png("shared")
    with pytest.raises(StoreError):
        store.load_raw(mine.raw)
    assert [row.cost for row in store.spend_rows()] == [0.1]
    with pytest.raises(NotFoundError):
        store.delete_session(fox.id)


def test_a_picture_that_a_waiting_job_needs_is_not_removed(store: Store, fox: SessionRecord) -> None:
    from notebook_img.records import JobRecord

    turn = add(store, fox, 1)
    sha = turn.pictures[0].sha256
    store.add_job(JobRecord("j", "fox", "submitted", "o", 1.0, 1.0, request={"inputs": [sha]}))
    store.delete_session(fox.id)
    assert store.read_picture(sha) == png(1)


def test_deleting_a_branch_takes_what_follows_and_its_number_is_not_given_again(store: Store, fox: SessionRecord) -> None:
    for parent in (None, 1, 2, 1):
        add(store, fox, 0, parent=parent)
    store.update_session(fox.id, head=3, redo=(3, 4))
    assert store.delete_branch(fox.id, 2) == [2, 3]
    session = store.session(fox.id)
    assert session is not None
    assert (session.turns, session.head, session.redo) == (2, 1, (4,))
    store.delete_branch(fox.id, 4)
    assert add(store, fox, 9).number == 5
    with pytest.raises(NotFoundError):
        store.delete_branch(fox.id, 4)


def test_a_renamed_session_keeps_its_costs_and_a_deleted_namesake_keeps_its_own(store: Store) -> None:
    first = store.create_session("fox")
    store.settle(store.reserve("m", 1.0, "2026-11-20", "cell", "fox", None), "billed", 1.0, turn="fox/t1")
    store.delete_session(first.id)
    second = store.create_session("fox")
    store.settle(store.reserve("m", 2.0, "2026-11-21", "cell", "fox", None), "billed", 2.0, turn="fox/t1")
    store.update_session(second.id, name="wolf")
    assert [(row.cost, row.turn) for row in store.spend_rows(session="wolf")] == [(2.0, "wolf/t1")]
    assert [(row.cost, row.turn) for row in store.spend_rows(session="fox")] == [(1.0, "fox/t1")]


def test_a_picture_is_kept_once_under_its_hash_and_type(store: Store, home: Path) -> None:
    data = png(1)
    sha = store.put_picture(data)
    path = home / "pictures" / sha[:2] / f"{sha}.png"
    assert path.read_bytes() == data
    before = path.stat().st_mtime_ns
    store.put_picture(data)
    assert path.stat().st_mtime_ns == before
    assert store.picture_path(sha, "image/png") == path
    assert store.owns(path)


def test_a_damaged_picture_is_not_taken_for_the_real_one(store: Store) -> None:
    sha = store.put_picture(png(1))
    path = store.picture_path(sha)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(StoreError, match="do not match"):
        store.read_picture(sha)
    path.write_bytes(b"short")
    store.put_picture(png(1))  # cut off, so it is written again
    assert store.read_picture(sha) == png(1)
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        store.read_picture(sha)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {"parts": [{"signature": bytes(range(256)) * 8192}, {"text": "x", "thought": True}]},
        {"small": b"", "short": b"\x00\xff", "long": b"y" * 1025},
        {"$bytes": "not a mark"},
        {"a": {"$base64": {"$dict": [{"$bytes": b"z" * 2000}]}}},
        [1, 2.5, True, "\ud800 lone surrogate", "\u2028", {}],
    ],
)
def test_raw_state_comes_back_bit_for_bit(store: Store, state: object) -> None:
    assert store.load_raw(store.put_raw(state)) == state


def test_a_raw_state_that_holds_the_stored_picture_does_not_write_it_twice(store: Store, fox: SessionRecord, home: Path) -> None:
    data = png("large", size=20_000)
    record = TurnRecord(fox.id, 0, "edit", "x", "m", pictures=(use(data),))
    turn = store.add_turn(record, {use(data).sha256: data}, move_head=True, raw={"parts": [{"inline": data}]})
    assert store.load_raw(turn.raw) == {"parts": [{"inline": data}]}
    assert list((home / "raw").rglob("*.bin")) == []


def test_raw_state_with_something_else_in_it_is_refused(store: Store) -> None:
    with pytest.raises(TypeError):
        store.put_raw({1: "x"})
    with pytest.raises(TypeError):
        store.put_raw({"x": object()})


def test_the_gallery_is_every_made_picture_newest_first_in_pages(store: Store, fox: SessionRecord) -> None:
    bear = store.create_session("bear")
    add(store, fox, 1, prompt="a red fox")
    add(store, bear, 2, 3, prompt="100% bear_s", model="gemini:flash")
    add(store, bear, 2, kind="ask")
    rows = store.gallery(limit=2)
    assert [row.id for row in rows] == ["bear/t1.2", "bear/t1.1"]
    assert [row.id for row in store.gallery(limit=2, before=rows[-1].cursor)] == ["fox/t1.1"]
    assert [row.id for row in store.gallery(search="100%")] == ["bear/t1.2", "bear/t1.1"]
    assert store.gallery(search="10_%") == []
    assert [row.id for row in store.gallery(session=fox.id)] == ["fox/t1.1"]
    assert len(store.gallery(model="gemini")) == len(store.gallery(model="gemini:flash")) == 2
    assert rows[0].picture.sha256 == hashlib.sha256(png(3)).hexdigest()


def test_outputs_remember_what_was_last_written_to_a_path(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.last_written(tmp_path / "a.png") is None
    store.note_written(tmp_path / "a.png", "one")
    store.note_written(tmp_path / "a.png", "two")
    monkeypatch.chdir(tmp_path)
    assert store.last_written("sub/../a.png") == "two"


def test_a_job_is_a_row_that_any_process_can_read_and_change(home: Path) -> None:
    from notebook_img.records import JobRecord

    with Store.open(home) as one, Store.open(home) as other:
        record = JobRecord("j1", "fox", "running", one.owner, 1.0, 1.0, request={"prompt": "x"})
        one.add_job(record)
        assert other.job("j1") == record
        assert other.update_job("j1", cancel_wanted=True, state="submitted").cancel_wanted
        found = one.job("j1")
        assert found is not None
        assert found.cancel_wanted
        assert found.updated > 1.0
        assert [job.id for job in one.jobs("submitted")] == ["j1"]
        assert one.jobs("done") == []
        with pytest.raises(NotFoundError):
            one.update_job("j2", state="done")
        with pytest.raises(UsageError):
            one.add_job(record)


def test_rows_hold_hashes_and_json_never_bytes(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1, raw={"x": b"y" * 5000})
    with store._database.read() as connection:
        # What SQLite keeps of its own index of words (`prompts_...`) is its business.
        for table in (name for name in sqlalchemy.inspect(connection).get_table_names() if not name.startswith("prompts")):
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
                assert not any(isinstance(value, bytes) for value in row)
                json.dumps(list(row))
