from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from notebook_img.errors import StoreError
from notebook_img.store import KnownCell, Store, schema, upgrades
from notebook_img.store.filesystem import is_network, type_in_mount, type_in_mountinfo
from notebook_img.store.sqlite import FILE_NAME
from tests.needs import needs_fork
from tests.store.making import add

ROOT = Path(__file__).parents[2]


def journal(home: Path) -> str:
    with contextlib.closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def refused(home: Path, match: str) -> str:
    """Open a store that has to refuse with one or two sentences, and to leave the file alone."""
    path = home / FILE_NAME
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=match) as caught:
        Store.open(home)
    assert len(str(caught.value)) < 600
    assert (path.read_bytes() if path.is_file() else None) == before
    return str(caught.value)


def test_a_new_store_uses_wal_full_sync_foreign_keys_and_a_version(home: Path) -> None:
    with Store.open(home / "deep" / "er") as store:
        with store._database.read() as connection:
            told = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("foreign_keys", "synchronous", "user_version")
            }
        assert told == {"foreign_keys": 1, "synchronous": 2, "user_version": schema.VERSION}
        assert store._database.busy_timeout == 30.0
    assert journal(home / "deep" / "er") == "wal"


def test_a_store_on_a_network_file_system_keeps_a_rollback_journal(home: Path) -> None:
    with Store.open(home, network=lambda _: True) as store:
        add(store, store.create_session("fox"), 1)
    assert journal(home) == "delete"
    # Whoever exports the folder sees a local disk, and must not turn WAL on.
    Store.open(home, network=lambda _: False).close()
    assert journal(home) == "delete"


def test_a_store_moved_to_a_network_file_system_leaves_wal(home: Path) -> None:
    with Store.open(home) as store:
        store.create_session("fox")
    assert journal(home) == "wal"
    with Store.open(home, network=lambda _: True) as store:
        assert store.session_names() == ["fox"]
    assert journal(home) == "delete"


MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/me/local\040disk rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/share rw shared:1 - fuse.sshfs me@there: rw
"""
MAC = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//me@server/share on /Volumes/my share (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths; Windows asks GetDriveType")
@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/data", "ext4"), ("/home/me", "nfs4"), ("/home/me/local disk/x", "xfs"), ("/homework", "ext4"), ("/mnt/share/a/b", "fuse.sshfs")],
)
def test_the_probe_reads_the_file_system_type_of_a_folder(folder: str, kind: str) -> None:
    assert type_in_mountinfo(Path(folder), MOUNTS) == kind


@pytest.mark.skipif(os.name == "nt", reason="POSIX paths; Windows asks GetDriveType")
def test_the_probe_reads_what_macos_prints() -> None:
    assert type_in_mount(Path("/Volumes/my share/x"), MAC) == "smbfs"
    assert type_in_mount(Path("/Users/me"), MAC) == "apfs"


def test_this_test_runs_on_a_local_disk_or_says_so(home: Path) -> None:
    assert is_network(home) in (True, False)


def test_a_store_of_a_newer_version_is_refused_and_untouched(home: Path) -> None:
    Store.open(home).close()
    with contextlib.closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    refused(home, "newer notebook_img")


def test_an_older_store_is_brought_up_step_by_step_or_not_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(home) as store:
        store.create_session("fox")

    def first(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE added (x)")

    def second(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO added VALUES (1)")

    def broken(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO added VALUES (1, 2)")

    now = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", now + 2)
    monkeypatch.setattr(upgrades, "UPGRADES", {now: first, now + 1: second})
    with Store.open(home, read_only=True) as store:
        assert store.session_names() == ["fox"], "what is only read is brought up in memory"
    monkeypatch.setattr(upgrades, "UPGRADES", {now: first, now + 1: broken})
    with pytest.raises(StoreError, match="nothing was changed"):
        Store.open(home)
    monkeypatch.setattr(upgrades, "UPGRADES", {now: first, now + 1: second})
    with Store.open(home, read_only=True) as reader, reader._database.read() as connection:
        # Of a copy: for somebody who may only read it stays what it is.
        assert connection.exec_driver_sql("SELECT x FROM added").scalars().all() == [1]
    with contextlib.closing(sqlite3.connect(home / FILE_NAME)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (now,)
    with Store.open(home) as store, store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT x FROM added").scalars().all() == [1]
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == now + 2
        assert store.session_names() == ["fox"]


@pytest.mark.parametrize(
    "content", [b"this is no database, although it is long enough to be taken for one" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_refused_and_untouched(home: Path, content: bytes) -> None:
    (home / FILE_NAME).write_bytes(content)
    refused(home, "damaged or not a database")


def test_a_damaged_store_is_a_sentence_wherever_the_damage_shows(home: Path) -> None:
    with Store.open(home, network=lambda _: True) as store:
        fox = store.create_session("fox")
        for number in range(50):
            add(store, fox, number, prompt="x" * 500)
    path = home / FILE_NAME
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 20] = b"\x17" * (4096 * 19)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), Store.open(home) as store:
        store.turns(store.session_named("fox").id)  # type: ignore[union-attr]


def test_another_programs_database_is_refused_and_untouched(home: Path) -> None:
    with contextlib.closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program's"):
        Store.open(home)
    with contextlib.closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as connection:
        assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master")] == ["theirs"]


def test_a_home_that_cannot_be_made_is_a_sentence_that_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="NOTEBOOK_IMG_HOME") as caught:
            Store.open(home)
        assert len(str(caught.value)) < 600
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_in_the_place_of_the_index_is_a_sentence(home: Path) -> None:
    (home / FILE_NAME).mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(home)


@needs_fork
@pytest.mark.parametrize("rights", [0o500, 0o000], ids=["to write", "to look into it"])
def test_a_home_without_the_right_is_a_sentence(home: Path, rights: int) -> None:
    for folder in home.parents:  # pytest's own are for their owner alone
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    home.chmod(rights)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:  # root may write anywhere
                os.setegid(65534)
                os.seteuid(65534)
            Store.open(home)
        except StoreError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    home.chmod(0o700)
    assert "NOTEBOOK_IMG_HOME" in told
    assert len(told) < 600


def test_a_store_opened_for_reading_only_reads_and_never_writes(home: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        Store.open(home, read_only=True)
    with Store.open(home) as store:
        fox = store.create_session("fox")
        turn = add(store, fox, 1, raw={"x": 1})
    with Store.open(home, read_only=True) as reader:
        assert reader.turn(fox.id, 1) == turn
        assert reader.load_raw(turn.raw) == {"x": 1}
        for write in (
            lambda: add(reader, fox, 2),
            lambda: reader.put_picture(b"x"),
            lambda: reader.put_raw({}),
            lambda: reader.create_session("y"),
        ):
            with pytest.raises(StoreError, match="reading only"):
                write()
    assert journal(home) == "wal"


def test_opening_an_existing_store_does_little(home: Path) -> None:
    """One look at the version, one at the journal: no table is listed, nothing is written."""
    with Store.open(home) as store:
        store.create_session("fox")
    before = (home / FILE_NAME).read_bytes()
    statements: list[str] = []
    real = sqlite3.connect

    def connect(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection = real(*arguments, **more)
        connection.set_trace_callback(statements.append)
        return connection

    sqlite3.connect = connect  # type: ignore[assignment]
    try:
        with Store.open(home) as store:
            assert store.session_names() == ["fox"]
    finally:
        sqlite3.connect = real
    assert len(statements) <= 20
    assert not [words for words in statements if "sqlite_master" in words or words.startswith(("CREATE", "INSERT", "BEGIN IMMEDIATE"))]
    assert (home / FILE_NAME).read_bytes() == before


def test_many_processes_can_make_the_same_store_at_once(home: Path) -> None:
    program = """
import sys
from pathlib import Path
from notebook_img.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Store.open(Path(sys.argv[1]) / "new") as store:
    store.create_session(sys.argv[2])
"""
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home), f"s{number}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for maker in makers:
        assert maker.stdout.readline() == "ready\n"  # type: ignore[union-attr]
    for maker in makers:
        _, errors = maker.communicate("go\n", timeout=60)
        assert maker.returncode == 0, errors
    with Store.open(home / "new") as store:
        assert sorted(store.session_names()) == ["s0", "s1", "s2", "s3"]
    assert journal(home / "new") == "wal"


def test_runs_of_a_process_that_goes_on_with_version_2_get_their_place_at_the_next_opening(home: Path) -> None:
    with Store.open(home) as store:
        runs = [store.start_run("id:a", kernel=kernel, source_hash="h", ordinal=1) for kernel in ("k1", "k2", "k3")]
        for turn, run in enumerate(runs, 1):
            store.note_reply(run, "r", "m", "s", turn)
        with store._database.write() as connection:
            connection.exec_driver_sql("UPDATE runs SET seen = 0 WHERE id = ?", (runs[1],))
            connection.exec_driver_sql("DELETE FROM runs WHERE id = ?", (runs[2],))
    with Store.open(home) as store:
        assert [reply.number for reply in store.latest_replies(KnownCell("id:a", "h", 1))] == [2]
        last = store.start_run("id:a", kernel="k4", source_hash="h", ordinal=1)
        store.note_reply(last, "r", "m", "s", 4)
        assert [reply.number for reply in store.latest_replies(KnownCell("id:a", "h", 1))] == [4]
