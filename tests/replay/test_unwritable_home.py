"""A home that cannot be written is read and replayed; and what could not be kept is not paid for."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.errors import StoreError
from notebook_img.store import Store
from notebook_img.store.sqlite import FILE_NAME
from tests.needs import needs_fork
from tests.store.fixture_store import PACK, unpacked
from tests.store.making import add

CELL = "gen('a fox'); edit('night'); ask('what is it?')"


def without_rights(work: Callable[[], Any]) -> Any:
    """Do something in a process that may write nowhere in the home (root may write anywhere, whatever the mode)."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setegid(65534)
                os.seteuid(65534)
            os.write(write, json.dumps(work()).encode())
        except BaseException as error:
            os.write(write, json.dumps("".join(traceback.format_exception(error))).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(told)


def frozen(home: Path) -> None:
    """Take the right to write from a home; everybody may read it."""
    for path in (home, *home.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # pytest's folders are for their owner alone: that of the home, and that of the painter's package.
    painters = [Path(place) for place in sys.path if place.startswith(str(home.parents[1].parent))]
    for path in (*home.parents, *(inner for place in painters for inner in (place, *place.rglob("*")))):
        if path.stat().st_uid == os.getuid() and not path.stat().st_mode & 0o005:
            path.chmod(path.stat().st_mode | 0o055)


@needs_fork
@pytest.mark.parametrize("wal", [False, True], ids=["closed", "left in the WAL"])
def test_a_home_that_cannot_be_written_is_read_and_replayed(kernel, painter, tmp_path, monkeypatch, wal):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "temporary").chmod(0o777)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    home, notebook = tmp_path / "home", tmp_path / "work.ipynb"
    notebook.touch()
    first = kernel(home=home, notebook=notebook, session=None)
    made = [[turn.full_id, True, [picture.sha256 for picture in turn.pictures]] for turn in first.run("A", CELL).turns]
    if wal:
        copies = {path.name: path.read_bytes() for path in home.glob(f"{FILE_NAME}*") if not path.name.endswith("-shm")}
        assert len(copies[f"{FILE_NAME}-wal"]) > 0
    first.studio.close()
    if wal:
        for name, data in copies.items():
            (home / name).write_bytes(data)
    kernel(home=shutil.copytree(home, tmp_path / "other"), notebook=notebook, session=None).run("A", CELL)  # loads what a kernel needs
    frozen(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    calls = len(painter.calls)

    def again() -> dict[str, Any]:
        running = kernel(home=home, notebook=notebook, session=None)
        done = running.run("A", CELL)
        if done.error is not None:
            raise done.error
        denied = running.run("B", "gen('a wolf')")
        return {
            "turns": [(turn.full_id, turn.replayed, [picture.sha256 for picture in turn.pictures]) for turn in done.turns],
            "bytes": len(done.turns[0].picture.data),
            "calls": done.calls,
            "head": running.session.head.id,
            "denied": [str(denied.error), denied.calls],
        }

    told = without_rights(again)
    assert isinstance(told, dict), told
    assert told["turns"] == made
    assert (told["calls"], told["head"]) == (0, "t2")
    sentence, sent = told["denied"]
    assert "cannot be written" in sentence
    assert "nothing was sent" in sentence
    assert sent == 0
    assert len(painter.calls) == calls
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


@needs_fork
def test_the_command_line_shows_what_a_home_that_cannot_be_written_holds(home, tmp_path, capsys):
    from notebook_img.cli import main

    with Store.open(home) as store:
        add(store, store.create_session("fox"), 1, prompt="a red fox")
    main(["show", "fox"])
    capsys.readouterr()
    frozen(home)

    def show() -> list[Any]:
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()) as out:
            codes = [main(["sessions"]), main(["show", "fox"]), main(["show", "fox/t1"])]
        return [codes, out.getvalue()]

    codes, text = without_rights(show)
    assert codes == [0, 0, 0]
    assert "a red fox" in text


def test_a_store_of_an_older_version_is_a_source_of_replies_and_stays_as_it_is(tmp_path):
    from notebook_img.replay.packs import Packs

    home = unpacked(tmp_path)
    before = _contents(home)
    said: list[str] = []
    packs = Packs([home, PACK], said.append)
    with Store.open(home, read_only=True) as older:
        key = older.turns(older.session_named("fox").id)[0].request_key
        assert older.start_of_line(older.session_named("fox").id, 4) == 1
    found = packs.find(key)
    assert [reply.source for reply in found] == [2, 3]
    assert said == []
    with Store.open(tmp_path / "mine") as store:
        record = packs.take(found[0], store)
        assert store.read_picture(record.uses("output")[0].sha256)
    assert _contents(home) == before
    with sqlite3.connect(home / FILE_NAME) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def _contents(home: Path) -> dict[Path, bytes]:
    """Everything but what SQLite makes to read a file in WAL mode."""
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))}


def test_what_could_not_be_kept_is_not_paid_for(kernel, painter, tmp_path, monkeypatch):
    running = kernel(home=tmp_path / "home")
    usage = shutil.disk_usage
    monkeypatch.setattr(painter, "estimate", lambda *_: 0.04)
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    done = running.run("A", "gen('a fox')")
    assert isinstance(done.error, StoreError)
    assert "1 MB left" in str(done.error)
    assert "nothing was sent" in str(done.error)
    monkeypatch.setattr("shutil.disk_usage", usage)
    pictures = running.studio.store.home / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.write_bytes(b"a file in its place")
    done = running.run("B", "gen('a fox')")
    assert f"{pictures} cannot be written" in str(done.error)
    assert painter.calls == []
    assert running.studio.store.spend_rows() == []


def test_a_home_on_a_full_disk_is_read_and_replayed(kernel, painter, home, monkeypatch):
    first = kernel()
    made = first.run("A", CELL)
    first.studio.close()
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    before = _contents(home)
    running = kernel()
    done = running.run("A", CELL)
    assert (done.error, done.calls, done.hashes) == (None, 0, made.hashes)
    denied = running.run("B", "gen('a wolf')")
    assert "Its disk was full when it was opened" in str(denied.error)
    assert denied.calls == 0
    assert _contents(home) == before


def test_a_job_of_a_process_on_another_host_can_be_resumed_after_a_time(home):
    from notebook_img.calls.jobs import is_left
    from notebook_img.records import JobRecord

    now = time.time()
    with Store.open(home) as store:
        ages = {"fresh": 60.0, "old": 4000.0}
        for name, age in ages.items():
            store.add_job(JobRecord(name, "fox", "running", "another-container:7:1", now - age, now - age))
        assert {name: is_left(store, store.job(name)) for name in ages} == {"fresh": False, "old": True}
        own = JobRecord("own", "fox", "running", store.owner, now - 9000, now - 9000)
        store.add_job(own)
        assert not is_left(store, own)
