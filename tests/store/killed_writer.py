"""Forks writers, kills each at a random moment with SIGKILL, and checks the store again and again. Run by test_crashes.py.

Prints one JSON object: how many kills, how many finished turns, and what was found wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from notebook_img.records import TurnRecord
from notebook_img.store import Store
from tests.store.forked import forked
from tests.store.making import png, problems, use


def write_turns(home: Path, seed: int, pipe: int) -> None:
    """Add turns until killed; report each one that is finished."""
    with Store.open(home) as store:
        session = store.session_named("fox")
        assert session is not None
        for number in range(100_000):
            data = png(f"{seed}/{number}", size=random.Random(number + seed).randrange(60_000))
            record = TurnRecord(session.id, 0, "edit", f"{seed}/{number}", "local:built-in", pictures=(use(data),))
            spend = store.reserve("local:built-in", 0.0, "2026-11-21", "cell", "fox", None)
            turn = store.add_turn(record, {use(data).sha256: data}, move_head=True, spend=spend, raw={"state": [data, data[:5000]]})
            os.write(pipe, f"{turn.number} {use(data).sha256}\n".encode())


def killed(home: Path, seed: int, luck: random.Random) -> list[tuple[int, str]]:
    """Run one writer for a moment, kill it, and return the turns it said were finished."""
    pid, read = forked(lambda pipe: write_turns(home, seed, pipe))
    with os.fdopen(read, "rb") as pipe:
        # Every other writer is killed while it opens the store or stores its first turn.
        told = pipe.readline() if seed % 2 else b""
        time.sleep(luck.uniform(0.0, 0.07))  # the random moment
        os.kill(pid, signal.SIGKILL)
        told = (told + pipe.read()).decode()
    os.waitpid(pid, 0)
    lines = [line.split() for line in told.splitlines()]
    return [(int(line[0]), line[1]) for line in lines if len(line) == 2 and len(line[1]) == 64]


def wrongs(home: Path, finished: list[tuple[int, str]]) -> list[str]:
    """Return what is wrong with the store."""
    with Store.open(home) as store:
        found = [problem for problem in problems(store) if "unfinished" not in problem and "reserved" not in problem]
        session = store.session_named("fox")
        assert session is not None
        turns = {turn.number: turn for turn in store.turns(session.id)}
        if len(turns) != session.turns or sorted(turns) != list(range(1, len(turns) + 1)) or session.head != len(turns):
            found.append(f"counted {session.turns} turns, head {session.head}, and there are {len(turns)}")
        found += [f"t{number} is lost" for number, sha in finished if number not in turns or turns[number].pictures[0].sha256 != sha]
        for turn in turns.values():
            data = store.read_picture(turn.pictures[0].sha256)
            state = store.load_raw(turn.raw)
            if state["state"][0] != data:
                found.append(f"the raw state of {turn.id} is another one")
    for path in home.rglob("*"):
        if path.is_file() and len(path.stem) == 64 and hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            found.append(f"{path.name} is not whole")
    return found


def main(home: Path, kills: int) -> None:
    luck = random.Random(20261121)
    with Store.open(home) as store:
        store.create_session("fox")
    finished: list[tuple[int, str]] = []
    found: list[str] = []
    for seed in range(kills):
        finished += killed(home, seed, luck)
        if seed % 40 == 39:
            found += wrongs(home, finished)
    print(json.dumps({"kills": kills, "finished": len(finished), "wrong": found + wrongs(home, finished)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
