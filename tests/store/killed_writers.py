"""Eight writers at once that store turns and delete some of their own, killed one after the other. Run by test_at_once.py.

Prints one JSON object: how many kills, how many turns were told as finished and as deleted, and what was found wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from notebook_img.records import TurnRecord
from notebook_img.store import Store, rebuild_store
from tests.store.forked import forked
from tests.store.making import png, problems, use

WRITERS = 8


@dataclass
class Told:
    """What the writers said they had done."""

    finished: dict[tuple[str, int], str] = field(default_factory=dict)
    """Session and turn: hash of its picture."""
    deleted: set[tuple[str, int]] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    """Deleted as a whole."""


def work(home: Path, seed: int, pipe: int) -> None:
    """Store and delete turns until killed; say what is going to be deleted, and what is finished."""
    luck = random.Random(seed)

    def say(*words: object) -> None:
        os.write(pipe, f"{' '.join(str(word) for word in words)}\n".encode())

    with Store.open(home) as store:
        common = store.session_named("common")
        assert common is not None
        own, _ = store.open_session(f"own {seed}")
        mine: list[int] = []
        for number in range(100_000):
            session = common if number % 2 else own
            # Pictures are shared between writers, so that one deletes what another is about to use.
            data = png(luck.randrange(40), size=luck.randrange(20_000))
            record = TurnRecord(session.id, 0, "edit", f"{seed}/{number}", "m", parent=None, pictures=(use(data),))
            turn = store.add_turn(record, {use(data).sha256: data}, move_head=True, raw={"state": [data, data[:3000]]})
            say("stored", session.id, turn.number, use(data).sha256)
            if session is common:
                mine.append(turn.number)
            if luck.random() < 0.3 and mine:
                gone = mine.pop(luck.randrange(len(mine)))
                say("deleting", common.id, gone)
                store.delete_branch(common.id, gone)
            if luck.random() < 0.05:
                say("dropping", own.id)
                store.delete_session(own.id)
                own, _ = store.open_session(f"own {seed}")


def started(home: Path, seed: int) -> tuple[int, int]:
    """Start a writer; return its number and the pipe it tells into."""
    return forked(lambda pipe: work(home, seed, pipe))


def ended(pid: int, pipe: int, told: Told) -> None:
    """Kill a writer and note what it told."""
    os.kill(pid, signal.SIGKILL)
    with os.fdopen(pipe, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    for line in text.split("\n")[:-1]:
        what, session, *rest = line.split()
        if what == "stored":
            told.finished[session, int(rest[0])] = rest[1]
        elif what == "deleting":
            told.deleted.add((session, int(rest[0])))
        else:
            told.sessions.add(session)


def wrongs(home: Path, told: Told) -> list[str]:
    """Return what is wrong with the store."""
    found = []
    with Store.open(home) as store:
        expected = ("unfinished", "reserved", "no turn uses")
        found += [problem for problem in problems(store) if not any(word in problem for word in expected)]
        for (session, number), sha256 in told.finished.items():
            if (session, number) in told.deleted or session in told.sessions:
                continue
            turn = store.turn(session, number)
            if turn is None or turn.pictures[0].sha256 != sha256:
                found.append(f"t{number} of {session} is lost")
            elif hashlib.sha256(store.read_picture(sha256)).hexdigest() != sha256:
                found.append(f"the picture of t{number} is not whole")
        for record in store.sessions():
            if record.turns != len(store.turns(record.id)):
                found.append(f"{record.name} counts {record.turns} turns and has {len(store.turns(record.id))}")
    return found


def main(home: Path, kills: int) -> None:
    luck, told = random.Random(20261128), Told()
    with Store.open(home) as store:
        store.create_session("common")
    writers = [started(home, seed) for seed in range(WRITERS)]
    found: list[str] = []
    try:
        for seed in range(WRITERS, WRITERS + kills):
            time.sleep(luck.uniform(0.05, 0.3))  # the random moment
            place = luck.randrange(WRITERS)
            ended(*writers[place], told)
            writers[place] = started(home, seed)
    finally:
        for pid, pipe in writers:
            with contextlib.suppress(ProcessLookupError):
                ended(pid, pipe, told)
    found += wrongs(home, told)
    before = len(told.finished)
    (home / "store.sqlite").unlink()
    for name in ("store.sqlite-wal", "store.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    rebuild_store(home)
    # A turn whose writer was killed before its commit may have a note all the same, and others may have deleted its picture since; of every
    # turn that was told as finished the picture has been read.
    expected = ("doubt", "raw", "picture file missing", "picture files missing")
    found += [problem for problem in wrongs(home, told) if not any(word in problem for word in expected)]
    print(json.dumps({"kills": kills, "finished": before, "deleted": len(told.deleted), "wrong": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
