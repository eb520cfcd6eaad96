"""A home in PostgreSQL with its pictures in a shared folder: what is its own. What every home promises is in the other modules."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notebook_img.errors import BudgetError, StoreError, UsageError
from notebook_img.records import TurnRecord
from notebook_img.settings import Address, DatabaseURL, Settings
from notebook_img.store import KnownCell, Store, check_store, rebuild_store, repair_store, schema, verify_store
from notebook_img.store.postgres import translated
from notebook_img.studio.costs import cost_rows
from notebook_img.studio.studio import Studio
from tests.postgres import Server, needs_postgres
from tests.store.cutting_proxy import CuttingProxy
from tests.store.making import add, png, problems, use

pytestmark = needs_postgres

Make = Callable[[], Address]
SECRET = "hunter2/%40"
SPELT = "hunter2%2F%2540"


def test_two_machines_have_one_history(team_home: Make, tmp_path: Path) -> None:
    here = team_home()
    there = Address(tmp_path / "another machine", here.database, here.pictures)
    with Store.open(here) as one, Store.open(there) as other:
        fox = one.create_session("fox")
        add(one, fox, 1, prompt="a red fox")
        assert [turn.prompt for turn in other.turns(fox.id)] == ["a red fox"]
        assert other.read_picture(other.turns(fox.id)[0].pictures[0].sha256) == png(1)
        assert add(other, fox, 2).number == 2
        assert [row.id for row in one.gallery(search="RED f", show="all")] == ["fox/t1.1"]


def test_all_machines_recognise_a_key_alike(team_home: Make, tmp_path: Path) -> None:
    here = team_home()
    marks = []
    for folder in ("one", "two"):
        with Store.open(Address(tmp_path / folder, here.database, here.pictures)):
            marks.append((tmp_path / folder / "mark").read_bytes())
    assert marks[0] == marks[1]
    assert len(marks[0]) == 32


def test_a_folder_here_that_cannot_keep_the_mark_is_an_error_of_the_store(team_home: Make) -> None:
    address = team_home()
    (address.folder / "mark").mkdir(parents=True)
    with pytest.raises(StoreError, match="could not be written and was not changed"):
        Store.open(address)


def test_two_programs_that_find_an_empty_database_make_one_store_of_it(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database(empty=True)
    address = Address(tmp_path / "here", DatabaseURL(postgres.url(name)), (tmp_path / "shared").as_uri())
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_count_sessions, [address] * 4) == [0] * 4
    assert postgres.ask("SELECT count(*) FROM counts", name) == [(1,)]


def _count_sessions(address: Address) -> int:
    with Store.open(address) as store:
        return store.count_sessions()


def test_another_programs_database_is_left_alone(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database(empty=True)
    postgres.ask("CREATE TABLE sessions (whatever text)", name)
    with pytest.raises(StoreError, match="tables of another program"):
        Store.open(Address(tmp_path, DatabaseURL(postgres.url(name)), tmp_path.as_uri()))
    assert postgres.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == [(1,)]


def test_a_store_of_a_newer_version_is_not_touched(postgres: Server, team_home: Make) -> None:
    address = team_home()
    postgres.ask("UPDATE notebook_img SET value = '99' WHERE name = 'version'", address.database.name)  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="newer notebook_img"):
        Store.open(address)


def test_two_processes_cannot_both_take_the_last_dollar(team_home: Make) -> None:
    address = team_home()
    with Store.open(address) as store, multiprocessing.get_context("spawn").Pool(4) as pool:
        taken = pool.map(_reserve, [address] * 12)
        assert taken.count(True) == 5
        assert store.spent("2026-11-28").reserved + store.spent("2026-11-28").known == pytest.approx(5.0)


def _reserve(address: Address) -> bool:
    with Store.open(address) as store:
        try:
            store.reserve("m:m", 1.0, "2026-11-28", "cell", "fox", 5.0)
        except BudgetError:
            return False
        return True


def test_the_time_of_all_is_the_databases(team_home: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(team_home()) as store:
        real = time.time()
        monkeypatch.setattr(time, "time", lambda: real + 86_400.0)  # this machine's clock is a day ahead
        fox = store.create_session("fox")
        spend = store.reserve("m:m", 1.0, "2026-11-28", "cell", "fox", None)
        assert abs(fox.updated - real) < 3600
        assert abs(store.spend_rows()[0].at - real) < 3600
        assert spend == store.spend_rows()[0].id


def test_a_prompt_with_letters_no_database_holds_is_stored(team_home: Make) -> None:
    with Store.open(team_home()) as store:
        fox = store.create_session("fox")
        add(store, fox, 1, prompt="a\0b\ud800c")
        assert store.turns(fox.id)[0].prompt in ("a\N{REPLACEMENT CHARACTER}b?c", "a\0b?c")


# Losing the connection


@pytest.fixture
def proxy(postgres: Server) -> Iterator[CuttingProxy]:
    with CuttingProxy(postgres.socket) as running:
        yield running


def through(proxy: CuttingProxy, address: Address) -> Address:
    assert address.database is not None
    url = f"postgresql://tester@127.0.0.1:{proxy.port}/{address.database.name}?sslmode=disable&gssencmode=disable"
    return Address(address.folder, DatabaseURL(url), address.pictures)


def test_connections_that_were_lost_while_idle_are_not_noticed(team_home: Make, proxy: CuttingProxy) -> None:
    with Store.open(through(proxy, team_home())) as store:
        fox = store.create_session("fox")
        for seed in range(3):
            proxy.cut()
            assert store.session_named("fox") == store.session(fox.id)
            proxy.cut()
            add(store, fox, seed)
        assert store.session(fox.id).turns == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("when", [b"INSERT INTO", b"UPDATE sessions", b"COMMIT"])
@pytest.mark.parametrize("after", [False, True], ids=["before it arrives", "after it arrived"])
def test_a_paid_turn_is_stored_once_wherever_the_connection_is_cut(team_home: Make, proxy: CuttingProxy, when: bytes, after: bool) -> None:
    direct = team_home()
    with Store.open(through(proxy, direct)) as store, Store.open(direct) as looking:
        fox = store.create_session("fox")
        for seed in range(2):
            spend = store.reserve("m:m", 1.0, "2026-11-28", "cell", "fox", None)
            proxy.cut_at(when, after=after)
            data = png(seed)
            record = TurnRecord(fox.id, 0, "edit", str(seed), "m:m", pictures=(use(data),), cost=0.5)
            store.add_turn(record, {use(data).sha256: data}, move_head=True, spend=spend)
        assert [turn.prompt for turn in looking.turns(fox.id)] == ["0", "1"]
        assert [row.state for row in looking.spend_rows()] == ["billed", "billed"]
        assert problems(looking) == []


def test_what_cannot_be_reached_is_one_sentence(team_home: Make, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notebook_img.store.postgres.PAUSE", 0.0)
    with Store.open(through(proxy, team_home())) as store:
        proxy.refuse()
        with pytest.raises(StoreError, match=r"cannot be reached|was lost") as told:
            store.create_session("fox")
        assert len(str(told.value).splitlines()) == 1


# What is said


def test_a_password_stands_in_no_text(postgres: Server, team_home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = team_home()
    url = f"postgresql://tester:{SPELT}@/{address.database.name}?host={postgres.folder}"  # type: ignore[union-attr]
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", url)
    monkeypatch.setenv("NOTEBOOK_IMG_PICTURES", address.pictures)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    studio = Studio(settings=settings)
    texts = [repr(settings), str(dict(settings)), repr(settings.address), str(settings.address), repr(studio), repr(studio.store)]
    texts += [str(settings.home), str(settings.address.environment), pickle.dumps(studio).decode("latin-1")]
    from notebook_img.cli import main

    assert settings.address.for_own_process["NOTEBOOK_IMG_HOME"] == url
    assert studio.store.count_sessions() == 0
    for wrong in (
        url.replace("/home", "/nowhere"),
        url.replace(str(postgres.folder), "/nowhere"),
        url.replace("host=", "hots="),
        url.replace(SPELT, "hunter2%zz"),
        url.replace("postgresql", "mysql"),
        url.replace(f":{SPELT}", "").replace("?", f"?password={SPELT}&") + "x",
    ):
        monkeypatch.setenv("NOTEBOOK_IMG_HOME", wrong)
        with pytest.raises((StoreError, UsageError)) as told:
            Studio().store.count_sessions()
        texts.append(str(told.value))
        assert main(["sessions"]) in (1, 2)
    with pytest.raises(UsageError) as chosen:
        Settings(home=url.replace("postgresql", "mysql"))
    texts.append(str(chosen.value))
    assert [text for text in texts if "hunter2" in text] == []


def test_nor_in_what_the_shell_prints(
    postgres: Server, team_home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from notebook_img.cli import main

    address = team_home()
    url = f"postgresql://tester:{SPELT}@/{address.database.name}?host={postgres.folder}"  # type: ignore[union-attr]
    monkeypatch.setenv("NOTEBOOK_IMG_PICTURES", address.pictures)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for home in (url, url.replace("/home", "/nowhere"), url.replace(SPELT, "hunter2%zz")):
        monkeypatch.setenv("NOTEBOOK_IMG_HOME", home)
        for words in (["doctor"], ["doctor", "--json"], ["doctor", "--repair"], ["sessions"], ["batch"], ["keys"], ["cost"]):
            main(words)
    told = capfd.readouterr()
    assert "postgresql://tester@" in told.out
    assert "hunter2" not in told.out + told.err


def test_an_address_that_travelled_finds_the_password_of_its_new_place(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://tester:{SPELT}@db.example/team"
    settings = Settings({"NOTEBOOK_IMG_HOME": url})
    there = Settings({"NOTEBOOK_IMG_HOME": url}, home=str(settings.address), pictures="file:///shared")
    elsewhere = Settings({}, home=str(settings.address))
    assert there.address.for_own_process["NOTEBOOK_IMG_HOME"] == url
    assert elsewhere.address.for_own_process["NOTEBOOK_IMG_HOME"] == "postgresql://tester@db.example/team"


def test_pictures_need_a_place_that_is_named(team_home: Make, tmp_path: Path) -> None:
    address = team_home()
    with pytest.raises(UsageError, match="NOTEBOOK_IMG_PICTURES"):
        Store.open(Address(tmp_path, address.database, ""))
    for wrong in ("s3//bucket", "ftp://host/x", "/shared", "file://shared", "file:///"):
        with pytest.raises(UsageError, match="pictures"):
            Settings(pictures=wrong)
    for wrong in ("mysql://host/x", "s3://bucket"):
        with pytest.raises(UsageError, match="a home is a folder, or a database"):
            Settings(home=wrong)


# Care


def test_the_doctor_cares_for_it_too(team_home: Make) -> None:
    address = team_home()
    with Store.open(address) as store:
        fox = store.create_session("fox")
        first, second = add(store, fox, 1), add(store, fox, 2)
        path = store.picture_path(first.pictures[0].sha256)
        path.write_bytes(b"other bytes")
        store.picture_path(second.pictures[0].sha256).unlink()
        stray = path.with_name(f"{'0' * 64}.png")
        stray.write_bytes(png("stray"))
        os.utime(stray, (1, 1))
        assert len(check_store(store)) == 3
        copies = address.folder / "copies"
        copies.mkdir()
        (copies / "any name").write_bytes(png(1))
        assert any("made whole from" in line for line in verify_store(store, [copies]))
        assert store.read_picture(first.pictures[0].sha256) == png(1)
        assert any("Moved 1 file" in line for line in repair_store(store))
        assert not stray.exists()
        assert list((path.parents[2] / "rescued").rglob(stray.name))
        assert "1 picture file missing" in problems(store)[0]
    assert rebuild_store(address) == ["Nothing was lost that could be made again."]


def test_what_goes_with_its_session_leaves_the_shared_folder(team_home: Make) -> None:
    with Store.open(team_home()) as store:
        fox, owl = store.create_session("fox"), store.create_session("owl")
        add(store, fox, 1, 2)
        add(store, owl, 2)
        store.delete_session(fox.id)
        assert [store.has_picture(use(png(seed)).sha256) for seed in (1, 2)] == [False, True]


def test_a_writer_that_is_killed_holds_nobody_up(team_home: Make) -> None:
    address = team_home()
    with Store.open(address) as store:
        context = multiprocessing.get_context("spawn")
        told, says = context.Pipe(duplex=False)
        writer = context.Process(target=_hold_the_lock, args=(address, says))
        writer.start()
        assert told.recv() == "in the middle"
        os.kill(writer.pid, signal.SIGKILL)  # type: ignore[arg-type]
        writer.join()
        store.create_session("fox")
        assert store.session_names() == ["fox"]


def _hold_the_lock(address: Address, says: object) -> None:
    with Store.open(address) as store, store._database.write() as connection:
        connection.exec_driver_sql("UPDATE counts SET turns = 7")
        says.send("in the middle")  # type: ignore[attr-defined]
        signal.pause()


@pytest.mark.parametrize(
    ("sqlite", "there"),
    [
        ("SELECT a FROM t WHERE b = :b AND c LIKE 'id:%' LIMIT ?", "SELECT a FROM t WHERE b = %(b)s AND c ILIKE 'id:%%' LIMIT %s"),
        ("SELECT n FROM t INDEXED BY by_n WHERE +n = :n", "SELECT n FROM t WHERE n = %(n)s"),
        ("SELECT total(cost), depth + 1 FROM t", "SELECT coalesce(sum(cost), 0.0), depth + 1 FROM t"),
        ("SELECT ':no', x::text, '?' FROM t", "SELECT ':no', x::text, '?' FROM t"),
    ],
)
def test_statements_are_put_into_its_words(sqlite: str, there: str) -> None:
    assert translated(sqlite, compiled=False) == there


# People


@pytest.fixture
def people(team_home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Studio]:
    """Let people work in one home, each on a machine of their own; the one who was called last is the one who acts."""
    address = team_home()
    studios: dict[str, Studio] = {}

    def act(name: str) -> Studio:
        monkeypatch.setenv("NOTEBOOK_IMG_USER", name)
        if name not in studios:
            settings = Settings({"NOTEBOOK_IMG_HOME": address.database.url}, pictures=address.pictures)  # type: ignore[union-attr]
            studios[name] = Studio(settings=settings)
        return studios[name]

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return act


def in_notebook(studio: Studio, notebook: Path) -> str:
    studio.notebook = notebook
    studio._current._id = None
    return studio.session().name


def test_the_same_path_under_two_people_is_two_notebooks(people: Callable[[str], Studio], tmp_path: Path) -> None:
    notebook = tmp_path / "fox.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    assert in_notebook(people("alice"), notebook) == "fox"
    assert in_notebook(people("bob"), notebook) == "fox-2"
    assert in_notebook(people("alice"), notebook) == "fox"
    assert in_notebook(people("bob"), notebook) == "fox-2"
    assert [record.notebook for record in people("bob").store.sessions()].count(str(notebook)) == 1


def test_a_notebook_that_is_not_on_this_machine_is_not_taken_for_one_that_was_moved_here(
    people: Callable[[str], Studio], tmp_path: Path
) -> None:
    assert in_notebook(people("alice"), tmp_path / "only with alice" / "fox.ipynb") == "fox"
    assert in_notebook(people("bob"), tmp_path / "fox.ipynb") == "fox-2"
    # Her own she may have moved.
    assert in_notebook(people("alice"), tmp_path / "elsewhere" / "fox.ipynb") == "fox"


def test_a_cell_is_given_what_its_own_notebooks_cells_got(people: Callable[[str], Studio]) -> None:
    cell = KnownCell("src:abc:1", "abc", 1, notebook="/home/me/fox.ipynb")
    alice = people("alice").store
    fox = alice.create_session("fox")
    turn = add(alice, fox, 1, request_key="key")
    run = alice.start_run(cell.key, kernel="k", source_hash="abc", ordinal=1, notebook=cell.notebook)
    alice.note_reply(run, "key", "local:built-in", fox.id, turn.number)
    assert len(people("alice").store.latest_replies(cell)) == 1
    assert people("bob").store.latest_replies(cell) == []
    assert people("bob").store.relatives("/other.ipynb", {cell.key}, {"abc"}) == []
    assert people("alice").store.runs()[0].notebook == cell.notebook
    assert people("bob").store.runs()[0].notebook == f"@alice:{cell.notebook}"


def test_the_books_say_who_spent_it(people: Callable[[str], Studio]) -> None:
    for name, dollars in (("alice", 1.0), ("bob", 2.0), ("alice", 4.0)):
        store = people(name).store
        store.settle(store.reserve("m:m", dollars, "2026-11-28", "cell", "fox", None), "billed", cost=dollars)
    rows = cost_rows(people("bob").store, by=("person",))
    assert {row["person"]: row["cost"] for row in rows} == {"alice": 5.0, "bob": 2.0}


def test_a_home_of_version_6_is_upgraded(postgres: Server, team_home: Make) -> None:
    address = team_home()
    name = address.database.name  # type: ignore[union-attr]
    postgres.ask("ALTER TABLE spend DROP COLUMN person", name)
    postgres.ask("UPDATE notebook_img SET value = '6' WHERE name = 'version'", name)
    with Store.open(address) as store:
        store.reserve("m:m", 1.0, "2026-11-28", "cell", "fox", None)
        assert store.spend_rows()[0].person
    assert postgres.ask("SELECT value FROM notebook_img WHERE name = 'version'", name) == [(str(schema.VERSION),)]
