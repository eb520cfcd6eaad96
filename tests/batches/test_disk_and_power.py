"""What machines do in the middle of a paid batch: a disk that is full, power that goes while something is written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import OverloadedError, StoreError
from notebook_img.providers import retry
from notebook_img.store import Store
from notebook_img.store.sqlite import FILE_NAME, SQLiteDatabase
from tests.batches.conftest import MODEL
from tests.batches.test_money import sent
from tests.emulators.process import Running
from tests.needs import needs_fork

# ------------------------------------------------------------------------------------------ a disk that is full


def mounts() -> bool:
    """Return whether this process may mount a small disk of its own; in a container root may not."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False, capture_output=True)
        return done.returncode == 0 and subprocess.run(["umount", folder], check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not mounts(), reason="needs a system that lets this user mount a tmpfs: root on Linux")


@contextlib.contextmanager
def files_that_cannot_grow() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Yield what lets this process write no byte more into any file, as the system itself sees to it."""
    import resource  # which Windows lacks

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    yield full


@contextlib.contextmanager
def small_disk(home: Path) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Yield what fills the disk of a home to the last byte, with somebody's file."""
    home.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", home], check=True)
    try:

        @contextlib.contextmanager
        def full() -> Iterator[None]:
            ballast = home / "somebody's film.mov"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(1 << 16)) == 1 << 16:
                    pass
                while file.write(b" "):
                    pass
            yield
            ballast.unlink()

        yield full
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


@pytest.fixture
def disk(request: pytest.FixtureRequest, home: Path) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    with small_disk(home) if request.param == "a small disk" else files_that_cannot_grow() as full:
        yield full


@pytest.mark.parametrize(
    "disk",
    [pytest.param("a small disk", marks=needs_mounts), pytest.param("a limit of the system", marks=needs_fork)],
    indirect=True,
)
def test_a_disk_that_is_really_full_ends_the_batch_and_nothing_is_paid_twice(
    disk: Callable[[], AbstractContextManager[None]], paid: ni.Studio, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_turn, replies, stack = Store.add_turn, [], contextlib.ExitStack()

    def fifth_meets_a_full_disk(*words: Any, **facts: Any) -> Any:
        replies.append(1)
        if len(replies) == 5:
            stack.enter_context(disk())
        return add_turn(*words, **facts)

    monkeypatch.setattr(Store, "add_turn", fifth_meets_a_full_disk)
    with stack, pytest.raises(StoreError, match=r"full|large|space"):
        paid.batch.edit("make it night", "photos/*.png", model=MODEL, budget=3, at_once=1)
    batch = paid.batch.list()[0]
    assert batch.counts.done == 4
    batch.resume()
    lost = batch.errors
    assert len(lost) in (1, 2), "while the fifth is stored the sixth may be on its way"
    assert batch.counts.words == f"{12 - len(lost)} of 12 done, {len(lost)} failed"
    assert all(item.record.billed in ("maybe", "yes") and item.cost for item in lost)
    assert sent(service) == 12
    assert batch.cost == pytest.approx(paid.store.known_today()) == pytest.approx(sum(item.cost for item in batch))


# ------------------------------------------------------------------------------------------ power that goes


class Moments:
    """Copies of a home as the disk holds it after each write, and how many requests had left by the next one."""

    def __init__(self, home: Path, copies: Path, service: Running) -> None:
        self.home, self.copies, self.service = home, copies, service
        self.taken: list[Path] = []
        self.asked: list[set[str]] = []

    def take(self) -> None:
        """Copy what was written and waited for; what was asked by now belongs to the moment before as well: power may go at any time."""
        asked = prompts(self.service)
        if self.taken:
            self.asked.append(asked)
        copy = self.copies / f"moment{len(self.taken)}"
        shutil.copytree(self.home, copy, ignore=shutil.ignore_patterns("*-shm"))
        self.taken.append(copy)

    def cut(self, number: int) -> None:
        """Let half of the next transaction stand at the end of the log: it was being written when the power went."""
        log, then = (self.taken[at] / f"{FILE_NAME}-wal" for at in (number, number + 1))
        had, has = log.read_bytes(), then.read_bytes()
        if len(has) > len(had) and has.startswith(had):
            log.write_bytes(has[: len(had) + (len(has) - len(had)) // 2])


def prompts(service: Running) -> set[str]:
    return {row["body"]["contents"][-1]["parts"][-1]["text"] for row in service.requests("enerateContent")}


def test_power_that_goes_at_any_step_loses_nothing_and_nothing_is_asked_twice(
    paid: ni.Studio,
    new_studio: Callable[..., ni.Studio],
    service: Running,
    home: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = [{"animal": name} for name in ("fox", "owl", "bear")]
    paid.batch.generate("a {animal}", table, model=MODEL, first=1)
    moments, write = Moments(home, tmp_path, service), SQLiteDatabase.write

    @contextlib.contextmanager
    def watched(self: SQLiteDatabase) -> Iterator[Any]:
        with write(self) as connection:
            yield connection
        moments.take()

    with monkeypatch.context() as patched:
        patched.setattr(SQLiteDatabase, "write", watched)
        new_studio().batch.named("b1").resume(at_once=1)  # with a store that is opened now, so that all it writes is watched
    moments.asked.append(prompts(service))
    assert len(moments.taken) > 6
    assert len(prompts(service)) == sent(service) == 3
    for number, copy in enumerate(moments.taken):
        if number % 2 and number + 1 < len(moments.taken):
            moments.cut(number)
        service.reset()
        studio = new_studio(copy)
        batch = studio.batch.named("b1")
        batch.resume(at_once=1)
        states = {item.fields["animal"]: (item.state, item.record.reason) for item in batch}
        assert {state for state, _ in states.values()} <= {"done", "failed"}, (number, states)
        assert not prompts(service) & moments.asked[number], f"moment {number}: asked twice"
        assert all(reason == "Left" for state, reason in states.values() if state == "failed"), (number, states)
        assert batch.counts.done == len(batch.session.turns) >= 2
        rows = studio.store.spend_rows()
        assert {row.state for row in rows} <= {"billed", "unknown"}
        assert batch.cost == pytest.approx(sum(row.cost or 0.0 for row in rows))
        studio.close()


# ------------------------------------------------------------------------------------------ a service that is down


class Outage:
    """A service that answers 503 for ten minutes of a clock that goes on only where somebody waits."""

    def __init__(self, service: Running, studio: ni.Studio) -> None:
        self.service, self.now = service, 1_000_000.0
        self.over = self.now + 600
        studio.shared.clock, studio.shared.sleep = lambda: self.now, self.sleep
        service.control({"kind": "status", "status": 503, "times": -1, "path": "enerateContent"})

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.over:
            await asyncio.to_thread(self.service.reset)


def test_who_has_the_patience_waits_for_a_service_that_is_down_for_ten_minutes(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 1.0)  # as it is: nobody waits in earnest here
    studio = new_studio(retries=20, retry_seconds=3600)
    outage = Outage(service, studio)
    batch = studio.batch.edit("make it night", "photos/*.png", model=MODEL, budget=3, at_once=2)
    assert batch.counts.words == "12 of 12 done"
    assert outage.now >= outage.over
    assert [row.state for row in studio.store.spend_rows()] == ["billed"] * 12


def test_else_the_rest_waits_at_no_cost_and_is_done_when_the_service_is_back(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path
) -> None:
    studio = new_studio()
    outage = Outage(service, studio)
    with pytest.raises(OverloadedError, match=r"0 of 12 done, 12 to do"):
        studio.batch.edit("make it night", "photos/*.png", model=MODEL, budget=3, at_once=2)
    assert outage.now < outage.over, "it is not asked for ten minutes"
    assert studio.store.known_today() == 0.0
    service.reset()
    batch = studio.batch.named("b1")
    assert batch.resume().counts.words == "12 of 12 done"
    assert sent(service) == 12
    assert batch.cost == pytest.approx(studio.store.known_today())
