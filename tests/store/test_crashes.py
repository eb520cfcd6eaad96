from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from notebook_img.errors import BudgetError, StoreError
from notebook_img.records import SessionRecord, TurnRecord
from notebook_img.store import Store
from notebook_img.store.maintenance import repair_store as repair
from tests.needs import needs_fork, needs_moves_of_open_files
from tests.store.making import add, png, problems, use

ROOT = Path(__file__).parents[2]


def contents(home: Path) -> dict[str, bytes]:
    """Everything people keep in a home; SQLite's own side files come and go."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("store.sqlite")
    }


@needs_fork
def test_a_writer_killed_at_200_random_moments_loses_no_finished_turn_and_names_no_partial_picture(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killed_writer", str(home), "200"], capture_output=True, text=True, cwd=ROOT, timeout=240
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["kills"] == 200
    assert told["finished"] > 100


def test_four_processes_adding_100_turns_each_to_one_session_make_400_turns(home: Path) -> None:
    program = """
import sys
from pathlib import Path
from notebook_img.store import Store
from tests.needs import needs_fork, needs_moves_of_open_files
from tests.store.making import add
with Store.open(Path(sys.argv[1])) as store:
    session = store.session_named("fox")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(100):
        add(store, session, f"{sys.argv[2]}/{number}")
"""
    with Store.open(home) as store:
        fox = store.create_session("fox")
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(home), str(name)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for name in range(4)
        ]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"  # type: ignore[union-attr]
        for writer in writers:
            writer.communicate("go\n", timeout=120)
            assert writer.returncode == 0
        session = store.session(fox.id)
        assert session is not None
        assert session.turns == 400
        turns = store.turns(fox.id)
        assert [turn.number for turn in turns] == list(range(1, 401))
        assert len({turn.pictures[0].sha256 for turn in turns}) == 400
        assert problems(store) == []


def test_threads_of_one_process_add_turns_to_one_session_at_once(store: Store, fox: SessionRecord) -> None:
    threads = [
        threading.Thread(target=lambda name=name: [add(store, fox, f"{name}/{number}") for number in range(10)]) for name in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [turn.number for turn in store.turns(fox.id)] == list(range(1, 81))


@needs_fork
def test_a_forked_child_and_its_parent_both_go_on_writing(store: Store, fox: SessionRecord) -> None:
    add(store, fox, "before")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            add(store, fox, "thread")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            pid = os.fork()
            if pid == 0:
                try:
                    add(store, fox, f"child/{number}")
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            assert os.waitpid(pid, 0)[1] == 0
            add(store, fox, f"parent/{number}")
    finally:
        stop.set()
        writing.join()
    turns = store.turns(fox.id)
    assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
    assert len(turns) >= 11
    assert problems(store) == []


@pytest.mark.parametrize("call", ["fsync", "write", "replace"])
def test_a_full_disk_is_a_sentence_and_leaves_everything_as_it_was(
    store: Store, fox: SessionRecord, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    add(store, fox, 1)
    before = contents(store.home), store.turns(fox.id), store.session(fox.id)
    with monkeypatch.context() as patch:
        if call == "write":
            real = os.fdopen

            def opened(descriptor: int, *more: Any) -> Any:
                return _FullFile(real(descriptor, *more))

            patch.setattr("os.fdopen", opened)
        else:
            patch.setattr(os, call, _full)
        with pytest.raises(StoreError, match="disk is full") as caught:
            add(store, fox, 2, raw={"x": b"y" * 5000})
        assert len(str(caught.value)) < 600
    assert (contents(store.home), store.turns(fox.id), store.session(fox.id)) == before
    assert add(store, fox, 2).number == 2


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _FullFile:
    """A file on a disk without room."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_an_index_that_cannot_grow_is_a_sentence_and_leaves_everything_as_it_was(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1)
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    # SQLite's own limit gives the error a full disk gives; it holds for the connection, and the pool hands out the same one again.
    with store._database.read() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="is full"):
        add_many(store, fox)
    store.close()
    session = store.session(fox.id)
    assert session is not None
    assert session.turns == len(store.turns(fox.id))
    assert problems(store) == []
    add(store, fox, 2)


def add_many(store: Store, session: SessionRecord) -> None:
    for _ in range(400):
        add(store, session, 1, prompt="x" * 4000)


def test_a_locked_store_is_a_sentence_after_the_wait_and_reading_goes_on(home: Path) -> None:
    with Store.open(home) as other, Store.open(home, busy_timeout=0.2) as store:
        fox = other.create_session("fox")
        with other._database.write():
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"locked.*Nothing was changed"):
                add(store, fox, 1)
            assert time.monotonic() - began < 5
            assert store.session_named("fox") == fox
            assert store.turns(fox.id) == []
        assert add(store, fox, 1).number == 1


def test_an_error_inside_a_transaction_takes_all_of_it_back(store: Store, fox: SessionRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    def insert(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("notebook_img.store.turns.now", insert)  # after the turn's row, before the session's
        with pytest.raises(KeyboardInterrupt):
            add(store, fox, 1)
    assert store.turns(fox.id) == []
    assert store.session(fox.id).turns == 0  # type: ignore[union-attr]
    assert add(store, fox, 1).number == 1


def test_a_picture_deleted_by_another_process_while_a_turn_is_stored_is_written_again(
    store: Store, fox: SessionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._add_row
    calls: list[int] = []

    def late(*arguments: Any) -> TurnRecord:
        if not calls:
            store.picture_path(use(png(1)).sha256, "image/png").unlink()
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(store, "_add_row", late)
    turn = add(store, fox, 1)
    assert len(calls) == 2
    assert store.read_picture(turn.pictures[0].sha256) == png(1)


@needs_moves_of_open_files
def test_a_home_deleted_while_in_use_is_made_anew_and_not_written_into_the_void(store: Store, fox: SessionRecord) -> None:
    import shutil

    add(store, fox, 1)
    shutil.rmtree(store.home)
    wolf = store.create_session("wolf")
    add(store, wolf, 2)
    with Store.open(store.home) as other:
        assert other.session_names() == ["wolf"]
        assert other.turns(wolf.id) == store.turns(wolf.id)


RESERVE = """
import sys
from pathlib import Path
from notebook_img.errors import BudgetError
from notebook_img.store import Store
with Store.open(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    got = 0
    for _ in range(10):
        try:
            store.reserve("gemini:flash", 0.5, "2026-11-21", "cell", "fox", 5.0)
            got += 1
        except BudgetError:
            pass
    print(got, flush=True)
    sys.stdin.readline()
"""


def test_processes_racing_for_the_last_of_the_budget_never_take_more_than_there_is(home: Path) -> None:
    with Store.open(home) as store:
        store.settle(store.reserve("gemini:flash", 0.5, "2026-11-21", "cell", "fox", 5.0), "billed", 0.6)
        racers = [
            subprocess.Popen([sys.executable, "-c", RESERVE, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"  # type: ignore[union-attr]
        for racer in racers:
            racer.stdin.write("go\n")  # type: ignore[union-attr]
            racer.stdin.flush()  # type: ignore[union-attr]
        got = sum(int(racer.stdout.readline()) for racer in racers)  # type: ignore[union-attr]
        assert got == 8
        assert store.spent("2026-11-21") == (0.6, 4.0, 0)
        with pytest.raises(BudgetError, match=r"\$0\.60 of at most \$5\.00 has been spent and \$4\.00 is reserved"):
            store.reserve("gemini:flash", 0.5, "2026-11-21", "cell", "fox", 5.0)
        for racer in racers:
            racer.communicate("end\n", timeout=30)
        if os.name != "nt":
            # Their processes have ended without settling. Nobody knows what was billed, so their estimates count as spent.
            assert store.spent("2026-11-21")[:2] == (0.6, 0)
            assert "8 reserved calls" in " ".join(problems(store))
            store.reserve("gemini:flash", 0.3, "2026-11-21", "cell", "fox", 5.0)
            assert store.spent("2026-11-21") == (4.6, 0.3, 0)


@pytest.mark.parametrize(
    ("spent", "estimate", "budget", "refused"),
    [
        (0.0, 5.0, 5.0, False),
        (0.0, 5.01, 5.0, True),
        (4.9, 0.1, 5.0, False),
        (5.0, 0.0, 5.0, False),
        (4.99, None, 5.0, False),
        (5.0, None, 5.0, True),
        (0.0, 0.01, 0.0, True),
        (99.0, 99.0, None, False),
    ],
)
def test_a_call_is_refused_when_it_would_go_over_the_budget(
    store: Store, spent: float, estimate: float | None, budget: float | None, refused: bool
) -> None:
    store.settle(store.reserve("m", 0.0, "2026-11-21", "cell", "fox", None), "billed", spent)
    store.settle(store.reserve("m", 0.0, "2026-11-20", "cell", "fox", None), "billed", 1000.0)  # another day
    if refused:
        with pytest.raises(BudgetError, match="Nothing was sent"):
            store.reserve("m", estimate, "2026-11-21", "cell", "fox", budget)
        assert len(store.spend_rows(day="2026-11-21")) == 1
    else:
        store.reserve("m", estimate, "2026-11-21", "cell", "fox", budget)


def test_check_names_what_is_wrong_and_repair_mends_what_can_be_mended(store: Store, fox: SessionRecord) -> None:
    import hashlib

    kept, lost = add(store, fox, "kept", raw={"x": b"y" * 5000}), add(store, fox, "lost", raw={"x": b"z" * 5000})
    assert problems(store) == []
    assert repair(store) == []
    lost_path = store.picture_path(lost.pictures[0].sha256)
    lost_path.unlink()
    (store.home / "raw" / lost.raw[:2] / f"{lost.raw}.json").unlink()
    part = store.picture_path(kept.pictures[0].sha256).parent / ".abc.xyz.part"
    part.write_bytes(b"half")
    orphan = store.picture_path(store.put_picture(png("orphan")))
    young = store.picture_path(store.put_picture(png("young")))
    for path in (part, orphan):
        os.utime(path, (1.0, 1.0))
    text = " ".join(problems(store))
    assert "1 picture file missing, used by fox/t2" in text
    assert "1 raw state missing" in text
    assert "1 unfinished file" in text
    assert "1 file that no turn uses" in text
    assert orphan.exists()
    done = repair(store)
    assert len(done) == 2
    assert not orphan.exists()
    [aside] = (store.home / "rescued").glob(f"*/pictures/??/{orphan.name}")
    assert aside.read_bytes() == png("orphan")
    assert f"copy what is in {aside.parents[2]} back into {store.home}" in " ".join(done)
    assert not part.exists()
    assert young.exists()  # perhaps a turn is being stored right now
    # The name of a lost state stays in its turn: whoever puts the file back has it again.
    assert store.turn(fox.id, 2).raw == lost.raw  # type: ignore[union-attr]
    assert store.load_raw(kept.raw) == {"x": b"y" * 5000}
    assert [problem[:22] for problem in problems(store)] == ["1 picture file missing", "1 raw state missing; t"]
    assert hashlib.sha256(png("lost")).hexdigest() == store.put_picture(png("lost"))
    assert store.put_raw({"x": b"z" * 5000}) == lost.raw
    assert problems(store) == []


def test_a_run_left_by_a_dead_kernel_is_marked_failed(store: Store) -> None:
    if os.name == "nt":
        pytest.skip("Windows does not tell which processes live")
    run = store.start_run("id:1", kernel="k", source_hash="h")
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET owner = ?", (dead_owner(),))
    assert "1 cell run" in " ".join(problems(store))
    repair(store)
    assert store.run(run).state == "failed"  # type: ignore[union-attr]


def dead_owner() -> str:
    ended = subprocess.run(
        [sys.executable, "-c", "from notebook_img.store.owner import this_process as p; print(p())"], capture_output=True, cwd=ROOT
    )
    return ended.stdout.decode().strip()


def test_a_process_is_told_from_a_later_one_with_the_same_number() -> None:
    from notebook_img.store import is_alive, this_process

    assert is_alive(this_process()) is True
    host, pid, start = this_process().split(":")
    assert is_alive(f"{host}:{pid}:1{start}") is False
    assert is_alive(f"elsewhere:{pid}:{start}") is None
    assert is_alive("nonsense") is None
    if os.name != "nt":
        assert is_alive(dead_owner()) is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only /proc tells a process that has ended from one that lives")
def test_a_process_whose_exit_nobody_has_asked_for_is_dead() -> None:
    from notebook_img.store import is_alive

    words = [sys.executable, "-c", "from notebook_img.store.owner import this_process as p; print(p(), flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        owner = process.stdout.readline().strip()
        assert is_alive(owner) is True
        process.kill()
        assert process.stdout.read() == ""  # its files are closed: it has ended
        end = time.monotonic() + 10
        while is_alive(owner):
            assert time.monotonic() < end
            time.sleep(0.01)  # the system closes files just before it marks the process


def test_a_damaged_raw_state_stops_neither_check_nor_repair_and_what_it_may_refer_to_stays(store: Store, fox: SessionRecord) -> None:
    turn = add(store, fox, 1, raw={"x": b"y" * 5000})
    state = store.home / "raw" / turn.raw[:2] / f"{turn.raw}.json"
    state.write_bytes(b"{}")
    for path in (store.home / "raw").rglob("*"):
        if path.is_file():
            os.utime(path, (1.0, 1.0))
    assert problems(store) == []
    assert repair(store) == []
    assert len([path for path in (store.home / "raw").rglob("*") if path.is_file()]) == 2
