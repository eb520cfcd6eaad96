"""Processes that are away for a while, as a laptop that is closed for a night: others go on with what was not sent, and nobody pays twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.store import Store
from tests.batches.conftest import MODEL
from tests.batches.test_money import sent
from tests.emulators.process import ROOT, Running
from tests.needs import needs_fork

TABLE = [{"animal": name} for name in ("fox", "owl", "bear", "cat", "dog", "hare")]


def test_an_item_that_another_process_has_taken_over_is_left_to_it_and_the_others_are_done(
    paid: ni.Studio, home: Path, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, first=1)
    claim, taken = paid.store.claim_items, []

    def taken_over(*asked: Any) -> Any:
        found = claim(*asked)
        if found and not taken:
            with Store.open(home) as other:
                other.release_leased(found[0][1])
                taken.extend(other.claim_items(batch.number, 1))
        return found

    monkeypatch.setattr(paid.store, "claim_items", taken_over)
    batch.resume(at_once=2)
    assert (batch.counts.done, sent(service)) == (5, 5)
    ((item, held),) = taken
    assert (batch[item.position].state, paid.store.item(item.id).lease) == ("leased", held.lease)  # type: ignore[union-attr]
    assert batch.resume().counts.words == "6 of 6 done"
    assert sent(service) == 6


ASLEEP = """
import os, signal, socket, sys, threading
socket.gethostname = lambda: "laptop"  # whose processes nobody here can look for
import notebook_img as ni
from notebook_img.store import Store
from notebook_img.studio.batch import work
work.LOOK = 3600.0  # no other thread reads the store at that moment
before, called, stored = getattr(Store, sys.argv[1]), [], threading.Event()
def sleeps(store, *words, **facts):
    called.append(1)
    if len(called) == 2:
        assert stored.wait(60)
        with store._database._one_writer:  # nor is any in the middle of a transaction
            os.kill(os.getpid(), signal.SIGSTOP)
            sys.stdin.readline()  # this thread may run a little further than the process
    return before(store, *words, **facts)
setattr(Store, sys.argv[1], sleeps)
add_turn = Store.add_turn
def tells(*words, **facts):
    try:
        return add_turn(*words, **facts)
    finally:
        stored.set()
Store.add_turn = tells
table = [{"animal": name} for name in ("fox", "owl", "bear", "cat", "dog", "hare")]
batch = ni.batch.generate("a {animal}", table, model=sys.argv[2], budget=5, at_once=1)
print(batch.counts.words)
"""


class Laptop:
    """A process on another machine of a shared home, that sleeps at a moment of its choice."""

    def __init__(self, environ: dict[str, str], sleeps_in: str) -> None:
        command = [sys.executable, "-c", ASLEEP, sleeps_in, MODEL]
        self.process = subprocess.Popen(
            command, env={**os.environ, **environ, "PYTHONPATH": str(ROOT)}, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
        )
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), self.process.communicate()

    def wakes(self) -> str:
        self.process.send_signal(signal.SIGCONT)
        told, errors = self.process.communicate("\n", timeout=120)
        assert self.process.returncode == 0, errors
        return told.strip()


@pytest.fixture
def laptop(environ: dict[str, str], photos: Path) -> Iterator[Callable[[str], Laptop]]:
    made: list[Laptop] = []

    def new(sleeps_in: str) -> Laptop:
        made.append(Laptop(environ, sleeps_in))
        return made[-1]

    yield new
    for one in made:
        one.process.kill()
        one.process.communicate()


def hours_later(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)


@needs_fork
def test_a_laptop_that_wakes_up_sends_nothing_that_was_done_meanwhile(
    paid: ni.Studio, service: Running, laptop: Callable[[str], Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = laptop("reserve")  # with one item done, and one or two leased
    batch = paid.batch.named("b1")
    counts = batch.resume().counts
    assert counts.done + counts.under_way == 6
    assert counts.under_way, "it may be awake on its machine"
    hours_later(monkeypatch, 8)
    assert batch.resume().counts.words == "6 of 6 done"
    assert asleep.wakes() == "6 of 6 done"
    assert sent(service) == len(batch.session.turns) == 6
    assert batch.cost == pytest.approx(sum(row.cost or 0.0 for row in paid.store.spend_rows()))


@needs_fork
def test_a_reply_that_comes_after_its_item_was_given_up_is_the_items_all_the_same(
    paid: ni.Studio, service: Running, laptop: Callable[[str], Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = laptop("add_turn")  # its second reply has come, and is not stored yet
    batch = paid.batch.named("b1")
    hours_later(monkeypatch, 8)
    assert batch.resume().counts.under_way
    hours_later(monkeypatch, 20)
    counts = batch.retry().counts
    assert counts.failed
    assert counts.done + counts.failed == 6
    assert {(item.record.reason, item.record.billed) for item in batch.errors} == {("Left", "maybe")}
    assert asleep.wakes() == "6 of 6 done"
    assert batch.counts.words == "6 of 6 done"
    assert not any(item.error for item in batch)
    assert sent(service) == len(batch.session.turns) == 6
    rows = paid.store.spend_rows()
    assert [row.state for row in rows] == ["billed"] * 6
    assert batch.cost == pytest.approx(sum(row.cost or 0.0 for row in rows))
