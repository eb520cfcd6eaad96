from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from notebook_img.records import SessionRecord
from notebook_img.store import Store, search
from notebook_img.store.rows import insert_turn
from tests.needs import needs_fts5
from tests.store.fixture_store import unpacked
from tests.store.making import add, problems

PROMPTS = [
    "a red fox in the snow",
    "a grey owl at night",
    "A RED FOX, from behind",
    "100 % cotton",
    'the "quoted" fox',
    "der Fuchs läuft über das Eis",
    "狐と雪景色",
    "fo",
]


def found(store: Store, text: str, **more: object) -> list[str]:
    return [row.prompt for row in store.gallery(search=text, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize("indexed", [pytest.param(True, marks=needs_fts5, id="with FTS5"), pytest.param(False, id="without")])
def test_any_part_of_a_prompt_is_found_the_latest_first(home: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool) -> None:
    monkeypatch.setattr(search, "is_available", lambda: indexed)
    with Store.open(home) as store:
        fox = store.create_session("fox")
        for number, prompt in enumerate(PROMPTS):
            add(store, fox, number, prompt=prompt)
        assert found(store, "red fox") == ["A RED FOX, from behind", "a red fox in the snow"]
        assert found(store, "d fox in") == ["a red fox in the snow"]
        assert found(store, '"quoted"') == ['the "quoted" fox']
        assert found(store, "0 %") == ["100 % cotton"]
        assert found(store, "läuft") == ["der Fuchs läuft über das Eis"]
        assert found(store, "雪景色") == ["狐と雪景色"]
        assert found(store, "fo") == ["fo", 'the "quoted" fox', "A RED FOX, from behind", "a red fox in the snow"]
        assert found(store, "wolf") == []
        assert found(store, "red fox OR owl") == []


def test_a_page_of_a_search_goes_on_where_the_last_one_ended_also_where_a_session_is_rare(store: Store, fox: SessionRecord) -> None:
    owl = store.create_session("owl")
    first = add(store, fox, 1, 2, prompt="a fox")
    rare = add(store, owl, 3, prompt="a fox")
    with store._database.write() as connection:
        for number in range(2, 1500):
            insert_turn(connection, dataclasses.replace(first, number=number))
    rows = store.gallery(limit=40, search="a fox")
    seen = [row.id for row in rows]
    while rows:
        rows = store.gallery(limit=40, search="a fox", before=rows[-1].cursor)
        seen += [row.id for row in rows]
    assert len(seen) == len(set(seen)) == 2 * 1499 + 1
    assert [row.id for row in store.gallery(search="a fox", session=owl.id)] == [f"owl/t{rare.number}.1"]


def test_deleted_turns_are_found_no_more(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1, prompt="a red fox")
    add(store, fox, 2, parent=1, prompt="a red owl")
    store.delete_branch(fox.id, 2)
    assert found(store, "a red") == ["a red fox"]
    store.delete_session(fox.id)
    assert found(store, "a red") == []


@contextmanager
def without_the_index(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQLite as it is without FTS5: what touches the index of words is refused."""

    def no_prompts(_action: int, name: str | None, *_more: str | None) -> int:
        return sqlite3.SQLITE_DENY if name == "prompts" else sqlite3.SQLITE_OK

    connect = sqlite3.connect

    def connected(*where: Any, **how: Any) -> sqlite3.Connection:
        connection = connect(*where, **how)
        connection.set_authorizer(no_prompts)
        return connection

    with patch.context() as here:
        here.setattr(search, "is_available", lambda: False)
        here.setattr(sqlite3, "connect", connected)
        yield


def triggers(store: Store) -> set[str]:
    with store._database.read() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    return {name for name in names if name.startswith("words_")}


@needs_fts5
def test_a_store_goes_between_machines_with_and_without_the_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(home) as store:
        add(store, store.create_session("fox"), 1, prompt="a red fox")
    with without_the_index(monkeypatch), Store.open(home) as store:
        add(store, store.session_named("fox"), 2, prompt="a red owl")  # type: ignore[arg-type]
        assert found(store, "a red") == ["a red owl", "a red fox"]
        assert triggers(store) == set()
    with Store.open(home) as store:
        assert found(store, "a red") == ["a red owl", "a red fox"]
        with store._database.read() as connection:
            assert search.matching(connection, "red owl", until=10**9, limit=5) == [2]


@needs_fts5
def test_two_that_work_at_once_with_and_without_the_index_both_store_and_find_everything(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_the_index(monkeypatch):
        without = Store.open(home)
        fox = without.create_session("fox")
        stored = [add(without, fox, 0, prompt="fox 0").prompt]
    for number in (1, 4):
        with Store.open(home) as having:  # which makes the index, while the other one works on
            assert triggers(having) == {"words_came", "words_went"}
            gone = add(having, fox, number, prompt="fox to go").number
            with without_the_index(monkeypatch):
                stored.append(add(without, fox, number + 1, prompt=f"fox {number + 1}").prompt)
                without.delete_branch(fox.id, gone)
                assert found(without, "fox") == stored[::-1]
            stored.append(add(having, fox, number + 2, prompt=f"fox {number + 2}").prompt)
            assert found(having, "fox") == stored[::-1]
    without.close()
    with Store.open(home) as store:
        assert found(store, "fox") == stored[::-1]
        with store._database.read() as connection:
            assert len(search.matching(connection, "fox", until=10**9, limit=9)) == len(stored)
        assert problems(store) == []


def test_an_older_store_is_searched_after_its_upgrade(tmp_path: Path) -> None:
    home = shutil.copytree(unpacked(tmp_path), tmp_path / "copy")
    with Store.open(home) as store:
        assert found(store, "a watercolour fox")
