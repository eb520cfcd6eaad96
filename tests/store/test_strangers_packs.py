"""Packs of strangers, damaged or made to do harm: a `PackError` or a sound import, never anything else, and never much memory."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from notebook_img.errors import PackError
from notebook_img.records import Origin
from notebook_img.replay.packs import Packs, find_packs
from notebook_img.store import KnownCell, Store
from notebook_img.store.bundle import export_sessions, import_sessions
from notebook_img.store.pack import Pack
from tests.store.making import add, problems
from tests.store.test_bundle import _put

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a sound export: two sessions, questions, raw state, runs, replies and moves."""
    path = tmp_path_factory.mktemp("sound") / "fox.zip"
    with Store.open(tmp_path_factory.mktemp("home")) as store:
        fox, owl = store.create_session("fox"), store.create_session("owl")
        for number, session in enumerate((fox, fox, owl)):
            run = store.start_run(f"id:{number}", kernel="k", source_hash=f"h{number}", ordinal=1, notebook="/n.ipynb")
            origin = Origin("cell", kernel="k", cell=f"id:{number}", run=run)
            turn = add(store, session, number, origin=origin, request_key=f"r{number}", content_key="c", raw={"x": b"y" * 3000}, cost=0.04)
            store.note_reply(run, f"r{number}", "m", session.id, turn.number)
            store.note_move(session.id, kind="turn", from_head=None, to_head=turn.number, run=run)
        add(store, fox, 1, parent=2, kind="ask", text="words", answer={"value": 1.5}, usage={"tokens": 3}, asked={"n": 1}, seed=2**70)
        export_sessions(store, [fox.id, owl.id], path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("beside")


@pytest.fixture(scope="module")
def mine(folder: Path) -> Iterator[Store]:
    """A store with a session of its own, into which all the others come and out of which they go again."""
    with Store.open(folder / "home") as store:
        add(store, store.create_session("own"), "own")
        yield store


def tried(store: Store, data: bytes) -> None:
    """Read and import a pack in every way; whatever it holds, the rest goes on."""
    path = store.home.parent / "theirs.pictures.zip"
    path.write_bytes(data)
    said: list[str] = []
    packs = Packs([path], said.append)
    packs.find("r1")
    packs.latest_replies(KnownCell("id:1", "h1", 1))
    assert len(said) <= 1
    own = store.session_named("own")
    assert own is not None
    before = store.turns(own.id)
    if problem := refused(store, path):
        assert len(problem) < 600
        assert str(path) in problem
    else:
        sound(store, path.parent)
    assert store.turns(own.id) == before
    for session in store.sessions():
        if session.id != own.id:
            store.delete_session(session.id)
    assert problems(store) == []


def refused(store: Store, path: Path) -> str:
    """Import a pack; return why it was refused, if it was."""
    try:
        import_sessions(store, path)
    except PackError as error:
        return str(error)
    return ""


def sound(store: Store, folder: Path) -> None:
    """Use everything that a pack may have brought."""
    assert [problem for problem in problems(store) if "missing" not in problem] == []
    for session in store.sessions():
        turns = store.turns(session.id)
        assert session.head is None or store.has_turn(session.id, session.head)
        for turn in turns:
            assert len(store.chain(session.id, turn.number)) <= len(turns)
            store.start_of_line(session.id, turn.number)
        store.last_question(session.id)
    store.gallery(limit=1000)
    for run in store.runs():
        store.latest_replies(KnownCell(run.cell, run.source_hash, run.ordinal))
        list(store.cell_moves(store.sessions()[0].id, run.cell))
    again = folder / "again.zip"
    export_sessions(store, [session.id for session in store.sessions()], again, force=True)
    Pack(again).verify()


# Crafted: one value of its JSON is another one

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from([2**31, 2**53, 2**63, 2**64, 10**30, -(2**63) - 1]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", "t7", "../../x", "\ud800", "\0", "a" * 2000, "fox/t1", "0" * 64]),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)), max_leaves=8
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give every container and key of a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@st.composite
def crafted(draw: st.DrawFn) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    name = draw(st.sampled_from(["sessions.json", "sessions.json", "cells.json", "manifest.json"]))
    changes = draw(
        st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(["replace", "remove", "double"]), VALUES), min_size=1, max_size=3)
    )

    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        members = dict(members)
        plain = json.loads(members[name])
        for index, how, value in changes:
            found = list(places(plain))
            if not found:
                break
            holder, key = found[index % len(found)]
            if how == "replace":
                holder[key] = value
            elif how == "remove":
                del holder[key]
            elif isinstance(holder, list):
                holder.insert(0, holder[key])
        # NaN and Infinity as Python writes them, half surrogates as escapes.
        data = json.dumps(plain).encode()
        if name == "manifest.json":
            members[name] = data
        else:
            _put(members, name, data)
        return members

    return change


def fuzz(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        database=None,
    )


@fuzz(200)
@given(change=crafted())
def test_a_crafted_pack_is_refused_or_sound(members: dict[str, bytes], mine: Store, change: Any) -> None:
    tried(mine, zipped(change(members)))


@st.composite
def damaged(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    how, seed = draw(st.sampled_from(["flip", "cut", "zeros", "repeat", "insert"])), draw(st.integers(0, 2**32))

    def change(data: bytes) -> bytes:
        luck = random.Random(seed)
        at = luck.randrange(len(data)) if luck.random() < 0.7 else len(data) - 1 - luck.randrange(min(len(data), 900))
        size = luck.choice([1, 1, 4, 100, 5000])
        return {
            "flip": data[:at] + bytes([data[at] ^ (1 << luck.randrange(8))]) + data[at + 1 :],
            "cut": data[:at],
            "zeros": data[:at] + b"\0" * size + data[at + size :],
            "repeat": data[:at] + data[at : at + size] + data[at:],
            "insert": data[:at] + luck.randbytes(size) + data[at:],
        }[how]

    return change


@fuzz(100)
@given(change=damaged())
def test_a_damaged_pack_is_refused_or_sound(members: dict[str, bytes], mine: Store, change: Any) -> None:
    tried(mine, change(zipped(members)))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@fuzz(6000)
@given(change=crafted())
@example(change=lambda members: members)
def test_six_thousand_crafted_packs(members: dict[str, bytes], mine: Store, change: Any) -> None:
    tried(mine, zipped(change(members)))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@fuzz(4000)
@given(change=damaged())
def test_four_thousand_damaged_packs(members: dict[str, bytes], mine: Store, change: Any) -> None:
    tried(mine, change(zipped(members)))


# Made to do harm


def _nested(members: dict[str, bytes]) -> bytes:
    _put(members, "sessions.json", b'{"sessions":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    return zipped(members)


def _deep_answer(members: dict[str, bytes]) -> bytes:
    _turns(members, lambda turn: turn.update(answer=json.loads("[" * 900 + "]" * 900)))
    return zipped(members)


def _infinite(members: dict[str, bytes]) -> bytes:
    _put(members, "sessions.json", members["sessions.json"].replace(b'"seconds":0.0', b'"seconds":1e999'))
    return zipped(members)


def _ring(members: dict[str, bytes]) -> bytes:
    _turns(members, lambda turn: turn.update(parent=3 if turn["number"] == 1 else turn["parent"]))
    return zipped(members)


def _bomb(members: dict[str, bytes]) -> bytes:
    _put(members, "sessions.json", b'{"sessions":[' + b" " * 140_000_000 + b"]}")
    return zipped(members)


def _many_items(members: dict[str, bytes]) -> bytes:
    _turns(members, lambda turn: turn.update(answer=[{}] * 1_000_000))
    return zipped(members)


def _encrypted(members: dict[str, bytes]) -> bytes:
    data = bytearray(zipped(members))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _overlapping(members: dict[str, bytes]) -> bytes:
    data = bytearray(zipped(members))
    first, second = data.find(b"PK\x01\x02"), data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, second + 20, len(data) - 10)
    assert first < second
    return bytes(data)


def _turns(members: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> None:
    plain = json.loads(members["sessions.json"])
    for session in plain["sessions"]:
        for turn in session["turns"]:
            change(turn)
    _put(members, "sessions.json", json.dumps(plain).encode())


HARM: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "nested deeply": _nested,
    "an answer nested deeply": _deep_answer,
    "a ring of parents": _ring,
    "140 MB of spaces": _bomb,
    "a million empty objects": _many_items,
    "LZMA": lambda members: zipped(members, zipfile.ZIP_LZMA),
    "encrypted": _encrypted,
    "overlapping members": _overlapping,
    "the same session twice": lambda members: zipped(
        {**members, **_put_json(members, "sessions.json", lambda plain: plain["sessions"].append(plain["sessions"][0]))}
    ),
    "a list in the place of a turn": lambda members: zipped(
        {**members, **_put_json(members, "sessions.json", lambda plain: plain["sessions"][0]["turns"].append([1, 2]))}
    ),
    "a number too long for Python": lambda members: zipped(
        {**members, **_member(members, "sessions.json", members["sessions.json"].replace(b'"picked":null', b'"picked":' + b"9" * 5000))}
    ),
}


def _member(members: dict[str, bytes], name: str, data: bytes) -> dict[str, bytes]:
    changed = dict(members)
    _put(changed, name, data)
    return changed


def _put_json(members: dict[str, bytes], name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    plain = json.loads(members[name])
    other = change(plain)
    return _member(members, name, json.dumps(plain if other is None else other).encode())


@pytest.mark.parametrize("harm", HARM)
def test_what_is_made_to_do_harm_does_none(members: dict[str, bytes], mine: Store, harm: str) -> None:
    tried(mine, HARM[harm](dict(members)))
    with pytest.raises(PackError):
        Pack(mine.home.parent / "theirs.pictures.zip").find_replies("r1")


def test_numbers_that_are_none_become_unknown(members: dict[str, bytes], tmp_path: Path) -> None:
    changed = dict(members)
    _put(changed, "sessions.json", members["sessions.json"].replace(b'"cost":0.04', b'"cost":Infinity'))
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(changed))
    with Store.open(tmp_path / "home") as store:
        for imported in import_sessions(store, path):
            assert {turn.cost for turn in store.turns(imported.session.id)} == {None}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders, and links need a right")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["a pipe", "a dangling link", "a ring of links", "a folder"])
def test_what_is_no_file_beside_a_notebook_is_said_once_and_left_out(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "work.pictures.zip"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(path.name if kind == "a ring of links" else "nowhere")
    said: list[str] = []
    packs = Packs(find_packs([tmp_path, tmp_path / "no folder"], []), said.append)
    assert packs.find("r1") == []
    assert packs.latest_replies(KnownCell("id:1", "h", 1)) == ()
    [text] = said
    assert "left out" in text


MEASURE = """
import resource, sys
from pathlib import Path
from notebook_img.replay.packs import Packs
from notebook_img.store import Store, import_sessions
import notebook_img.store.pack_schema
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
path, home = Path(sys.argv[1]), Path(sys.argv[2])
with Store.open(home) as store:
    store.create_session("x")
    before = most()
    packs = Packs([path], print)
    assert len(packs.find("r77")) == 1
    looked = most() - before
    [imported] = import_sessions(store, path)
print(imported.added, looked, most() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
@pytest.mark.parametrize("turns", [3_000, pytest.param(60_000, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])])
def test_a_pack_of_any_size_takes_64_MB_at_most(members: dict[str, bytes], tmp_path: Path, turns: int) -> None:
    plain = json.loads(members["sessions.json"])
    session = plain["sessions"][0]
    template = session["turns"][0]
    luck = random.Random(1)
    session["turns"] = [
        {**template, "number": number, "parent": number - 1 or None, "request_key": f"r{number}", "text": luck.randbytes(900).hex()}
        for number in range(1, turns + 1)
    ]
    plain["sessions"] = [session]
    changed = _member(members, "sessions.json", json.dumps(plain).encode())
    path = tmp_path / "big.pictures.zip"
    path.write_bytes(zipped(changed))
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path), str(tmp_path / "home")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    added, looked, imported = done.stdout.split()
    assert int(added) == turns
    assert float(looked) < 64
    assert float(imported) < 64
