"""Eight writers in a home of PostgreSQL and S3: killed, cut off from the database, met by faults of the bucket. Run by test_killed_team.py.

Arguments: the database's socket and name, the S3 server and the address of the pictures, a folder, how many kills. Prints one JSON object.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import select
import signal
import sys
import time
import urllib.request
from pathlib import Path

from notebook_img.errors import StoreError
from notebook_img.records import TurnRecord
from notebook_img.settings import Address, DatabaseURL
from notebook_img.store import Store
from tests.store.cutting_proxy import CuttingProxy
from tests.store.forked import forked
from tests.store.making import png, problems, use

WRITERS = 8
FAULTS: tuple[dict[str, object], ...] = ({"status": 503}, {"reset": True}, {"wait": 0.2}, {"status": 500, "only": "PUT"})


def work(address: Address, seed: int, pipe: int) -> None:
    """Store turns until killed; say which are finished."""
    luck = random.Random(seed)
    store = None
    while True:
        # What is told as an error was not done, and is done anew with another picture.
        with contextlib.suppress(StoreError):
            store = store or Store.open(address)
            session, _ = store.open_session("common")
            data = png(f"{seed}/{luck.random()}", size=luck.randrange(20_000))
            spend = store.reserve("m:m", 0.001, "2026-11-28", "cell", "common", None)
            record = TurnRecord(session.id, 0, "edit", str(seed), "m:m", pictures=(use(data),), cost=0.001)
            raw = {"state": [data, data[:3000]]}
            turn = store.add_turn(record, {use(data).sha256: data}, move_head=True, spend=spend, raw=raw)
            os.write(pipe, f"{turn.number} {use(data).sha256}\n".encode())


def started(address: Address, seed: int) -> tuple[int, int]:
    """Start a writer; return its number and the pipe it tells into."""
    return forked(lambda pipe: work(address, seed, pipe))


class Told:
    """What the writers said is finished."""

    def __init__(self) -> None:
        self.turns: dict[int, str] = {}
        self.wrong: list[str] = []
        self._begun: dict[int, bytes] = {}

    def hear(self, pipe: int) -> bool:
        """Read what a writer says; return whether it may say more."""
        said = os.read(pipe, 1 << 16)
        *lines, self._begun[pipe] = (self._begun.get(pipe, b"") + said).split(b"\n")
        for line in lines:
            number, sha256 = line.decode().split()
            if int(number) in self.turns:
                self.wrong.append(f"t{number} was given twice")
            self.turns[int(number)] = sha256
        return bool(said)

    def wait_for(self, more: int, pipes: list[int]) -> None:
        """Wait until so many more turns are finished: a busy machine takes its time."""
        wanted, end = len(self.turns) + more, time.monotonic() + 300
        while len(self.turns) < wanted:
            ready, _, _ = select.select(pipes, [], [], end - time.monotonic())
            assert ready, f"no writer got on: {len(self.turns)} turns"
            for pipe in ready:
                assert self.hear(pipe), "a writer has ended by itself"


def ended(pid: int, pipe: int, told: Told) -> None:
    """Kill a writer and note what it told."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while told.hear(pipe):
        pass
    told._begun.pop(pipe, None)
    os.close(pipe)


def wrongs(store: Store, told: dict[int, str]) -> list[str]:
    """Return what is wrong with the store."""
    expected = ("no turn uses", "reserved")
    found = [problem for problem in problems(store) if not any(word in problem for word in expected)]
    session = store.session_named("common")
    assert session is not None
    turns = {turn.number: turn for turn in store.turns(session.id)}
    found += [f"t{number} is lost" for number, sha in told.items() if number not in turns or turns[number].pictures[0].sha256 != sha]
    if sorted(turns) != list(range(1, session.turns + 1)) or session.head != session.turns:
        found.append(f"{session.turns} turns are counted, head {session.head}, and there are {len(turns)}")
    shelf = store._database.shelf
    for turn in turns.values():
        sha256 = turn.pictures[0].sha256
        if not shelf.is_whole(store.picture_path(sha256, "image/png")):
            found.append(f"the picture of t{turn.number} is not in the bucket")
        if hashlib.sha256(store.load_raw(turn.raw)["state"][0]).hexdigest() != sha256:
            found.append(f"the raw state of t{turn.number} is another one")
    booked = {row.turn for row in store.spend_rows() if row.state == "billed"}
    if booked != {f"common/t{number}" for number in turns}:
        found.append(f"{len(booked)} turns are in the books, and there are {len(turns)}")
    known = sum(row.cost or 0.0 for row in store.spend_rows())
    if abs(store.spent("2026-11-28").known - known) > 1e-9:
        found.append(f"the day's sum is {store.spent('2026-11-28').known}, and its rows make {known}")
    return found


def main(socket: str, name: str, server: str, pictures: str, folder: str, kills: int) -> None:
    """Let writers work and be killed, then look."""
    luck, told = random.Random(20261128), Told()
    with CuttingProxy(Path(socket)) as proxy:
        url = f"postgresql://tester@127.0.0.1:{proxy.port}/{name}?sslmode=disable&gssencmode=disable"
        address = Address(Path(folder), DatabaseURL(url), pictures)
        writers = [started(address, seed) for seed in range(WRITERS)]
        try:
            for seed in range(WRITERS, WRITERS + kills):
                told.wait_for(luck.randrange(1, 9), [pipe for _, pipe in writers])
                control(server, [luck.choice(FAULTS) for _ in range(luck.randrange(3))])
                if seed % 3 == 0:
                    proxy.cut()
                elif seed % 3 == 1:
                    proxy.cut_at(luck.choice([b"COMMIT", b"INSERT INTO", b"UPDATE"]), after=luck.random() < 0.5)
                place = luck.randrange(WRITERS)
                ended(*writers[place], told)
                writers[place] = started(address, seed)
        finally:
            for pid, pipe in writers:
                ended(pid, pipe, told)
    control(server, [])
    direct = f"postgresql://tester@/{name}?host={Path(socket).parent}"
    with Store.open(Address(Path(folder) / "looking", DatabaseURL(direct), pictures)) as store:
        found = told.wrong + wrongs(store, told.turns)
        print(json.dumps({"kills": kills, "finished": len(told.turns), "stored": store.sessions()[0].turns, "wrong": found}))


def control(server: str, faults: list[dict[str, object]]) -> None:
    """Tell the S3 server what to do wrong next."""
    urllib.request.urlopen(f"{server}/_control", data=json.dumps({"faults": faults}).encode(), timeout=60).close()


if __name__ == "__main__":
    main(*sys.argv[1:6], int(sys.argv[6]))
