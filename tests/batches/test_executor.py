"""A batch whose items workers do: real pools of spawned processes, threads and loky, on the built-in engine and against the emulator."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import pickletools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import BudgetError, NotebookImgError, UsageError
from notebook_img.records import Claim
from notebook_img.studio.batch.one_item import ItemTask, do_item
from notebook_img.studio.batch.work import Work
from tests.batches.conftest import KEY, MODEL
from tests.emulators.process import Running

TABLE = [{"animal": name} for name in ("fox", "owl", "bear", "cat", "dog", "hare")]


def spawned() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    with spawned() as made:
        yield made


@pytest.fixture
def workers_environ(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What spawned workers find in their environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process do no item itself."""

    async def refuse(*_: Any) -> None:
        raise AssertionError("an item was done in the process that began the batch")

    monkeypatch.setattr(Work, "_performed", refuse)


def sent(service: Running) -> int:
    return len(service.requests("enerateContent"))


def arrived(service: Running, count: int) -> None:
    """Wait until so many calls have reached the service."""
    done = threading.Event()
    while sent(service) < count:
        assert not done.wait(0.05)


@pytest.mark.usefixtures("nothing_here")
def test_spawned_processes_do_a_batch_on_the_built_in_engine(studio: ni.Studio, photos: Path, pool: Executor) -> None:
    batch = studio.batch.edit("rotate 90 degrees", "photos/*.png", output="out/{stem}.png", executor=pool)
    assert batch.counts.words == "12 of 12 done"
    assert {(item.picture.width, item.picture.height) for item in batch} == {(30, 40 + number) for number in range(1, 13)}
    assert [item.label for item in batch] == [path.name for path in sorted(photos.glob("cat*"), key=lambda path: int(path.stem[4:]))]
    assert len(list(Path("out").iterdir())) == 12


@pytest.mark.usefixtures("nothing_here", "workers_environ")
def test_keys_are_the_workers_own_and_the_books_hold_over_processes(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path, pool: Executor
) -> None:
    studio = new_studio(key="")
    first = studio.batch.generate("a {animal}", TABLE, model=MODEL, first=1, executor=pool)
    price = first[0].cost
    with pytest.raises(BudgetError, match=r"Nothing more was sent: .* for batch b2"):
        studio.batch.generate("one {animal}", TABLE, model=MODEL, budget=3.5 * price, at_once=2, executor=pool)
    batch = studio.batch.list()[0]
    assert batch.counts.words == "3 of 6 done, 3 to do"
    studio.store.update_batch(batch.number, budget=1.0)
    assert batch.resume(executor=pool).counts.done == 6
    rows = [row for row in studio.store.spend_rows() if row.turn]
    assert sorted(row.turn for row in rows) == sorted(item.turn.full_id for each in (first, batch) for item in each if item.state == "done")
    assert sent(service) == len(rows) == 7
    other = new_studio(key="", budget=studio.store.known_today())
    with pytest.raises(BudgetError):  # the day's limit, which was chosen here
        other.batch.generate("no {animal}", TABLE, model=MODEL, budget=9, executor=pool)
    assert sent(service) == 7


@pytest.mark.usefixtures("workers_environ")
def test_a_killed_worker_loses_nothing_and_what_it_had_sent_is_listed(paid: ni.Studio, service: Running, photos: Path) -> None:
    service.control(latency=60)
    with spawned() as pool:
        pid = pool.submit(os.getpid).result()
        batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, at_once=2, executor=pool, wait=False)
        arrived(service, 2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(NotebookImgError, match=r"The executor has ended \(BrokenProcessPool.*2 failed, 4 to do"):
            batch.wait()
    assert {(item.record.reason, item.record.billed) for item in batch.errors} == {("Left", "maybe")}
    service.control(latency=0)
    with spawned() as pool:
        assert batch.resume(executor=pool).counts.words == "4 of 6 done, 2 failed"
    assert sent(service) == 6
    assert len(paid.store.spend_rows()) == 6


@pytest.mark.usefixtures("workers_environ")
def test_stopping_cancels_what_workers_do(paid: ni.Studio, service: Running, photos: Path, pool: Executor) -> None:
    service.control(latency=60)
    batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, at_once=3, executor=pool, wait=False)
    arrived(service, 2)
    batch.stop(now=True)
    assert (batch.counts.failed, batch.counts.waiting) == (2, 4)
    assert {item.record.reason for item in batch.errors} == {"Stopped"}
    service.control(latency=0)
    assert batch.resume(executor=pool).counts.words == "4 of 6 done, 2 failed"
    assert sent(service) == 6


@pytest.mark.usefixtures("workers_environ")
def test_a_rate_holds_over_workers(paid: ni.Studio, service: Running, photos: Path, pool: Executor) -> None:
    batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, rate="3/hour", executor=pool, at_once=2, wait=False)
    done = threading.Event()
    while batch.counts.done < 3:
        assert not done.wait(0.05)
    batch.stop(now=True)
    assert (batch.counts.words, sent(service)) == ("3 of 6 done, 3 to do", 3)
    assert batch.cost == pytest.approx(sum(item.cost or 0.0 for item in batch))


@pytest.mark.usefixtures("workers_environ")
def test_what_travels_is_plain_data_without_a_key(paid: ni.Studio, service: Running, photos: Path) -> None:
    class Watched(ThreadPoolExecutor):
        def submit(self, work: Any, task: ItemTask) -> Any:  # type: ignore[override]
            travelled.append(pickle.dumps((work, task), protocol=4))
            return super().submit(*pickle.loads(travelled[-1]))

    travelled: list[bytes] = []
    paid.settings.set("rate", "gemini=100/s")
    with Watched(1) as executor:
        paid.batch.generate("a {animal}", TABLE, model=MODEL, first=2, executor=executor)
    assert len(travelled) == 2
    assert not any(KEY.encode() in one for one in travelled)
    named = {word for one in travelled for kind, word, _ in pickletools.genops(one) if kind.name == "SHORT_BINUNICODE"}
    modules = {word for word in named if isinstance(word, str) and word.split(".")[0] in sys.modules and "." in word}
    assert modules == {"notebook_img.studio.batch.one_item", "notebook_img.records"}


def test_an_item_that_was_given_out_twice_is_done_once(
    paid: ni.Studio, workers_environ: dict[str, str], service: Running, photos: Path
) -> None:
    batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, first=1)
    ((item, claim),) = paid.store.claim_items(batch.number, 1)
    task = pickle.loads(pickle.dumps(ItemTask(str(paid.settings.home), claim, settings={"model": MODEL})))
    asleep = paid.store.take_item(claim)  # the first run, on a worker that a cluster has lost
    assert asleep is not None
    assert (do_item(task).state, do_item(task).state) == ("done", "")
    with pytest.raises(NotebookImgError, match="Another process has gone on"):
        paid.store.reserve("gemini:x", 0.01, None, "", "", None, asleep[1])
    assert (sent(service), batch[item.position].state) == (2, "done")  # type: ignore[union-attr]
    assert do_item(ItemTask(str(paid.settings.home), Claim(batch.number, item.id, ""))).state == ""


class Loses(ThreadPoolExecutor):
    """A cluster that loses each piece of work once; of some items all."""

    def __init__(self, always: int = -1) -> None:
        super().__init__(2)
        self.seen: set[int] = set()
        self.always = always

    def submit(self, work: Any, task: ItemTask) -> Any:  # type: ignore[override]
        lost = task.claim.item not in self.seen or task.claim.item == self.always
        self.seen.add(task.claim.item)
        return super().submit(_lose if lost else work, task)


def _lose(_task: ItemTask) -> None:
    raise ConnectionError("the worker is gone")


def test_what_a_lost_worker_had_not_begun_another_one_does(studio: ni.Studio, photos: Path) -> None:
    with Loses() as executor:
        batch = studio.batch.edit("blur", "photos/*.png", executor=executor, at_once=2, first=3)
        assert batch.counts.done == 3
        executor.always = batch[4].record.id  # type: ignore[union-attr]
        batch.resume(executor=executor, at_once=12)
    assert batch.counts.words == "11 of 12 done, 1 failed"
    assert batch.errors[0].error == "The executor gave it up 3 times (ConnectionError: the worker is gone)."


@pytest.mark.parametrize("kind", ["threads", "loky"])
def test_other_executors_do_the_same(studio: ni.Studio, photos: Path, kind: str) -> None:
    import loky

    (photos / "cat 5.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    table = [{"photo": f"photos/cat {number}.png"} for number in (1, 2, 4, 5)]
    with ThreadPoolExecutor(2) if kind == "threads" else loky.ProcessPoolExecutor(2) as executor:
        batch = studio.batch.edit("blur", table, executor=executor)
    assert [item.state for item in batch] == ["done", "done", "done", "failed"]


def test_what_is_no_executor_is_refused(studio: ni.Studio, photos: Path) -> None:
    with pytest.raises(UsageError, match=r"has to be a .*Executor or a Dask client, not int"):
        studio.batch.edit("blur", "photos/*.png", executor=4)
    with ThreadPoolExecutor(1) as executor, pytest.raises(UsageError, match="Leave out one of the two"):
        studio.batch.edit("blur", "photos/*.png", executor=executor, later=True)
    with pytest.raises(NotebookImgError, match=r"takes no more work \(RuntimeError: cannot schedule new futures after shutdown.*12 to do"):
        studio.batch.edit("blur", "photos/*.png", executor=executor)
