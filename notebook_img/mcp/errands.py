"""Handing a call that can be billed over to a process of its own, the server's end of `worker`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import logging
import os
import pickle
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.errors import ProviderError
from notebook_img.files import reason
from notebook_img.loop import in_thread
from notebook_img.mcp import sessions
from notebook_img.mcp.running_call import Result, Running

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.calls import CallResult, PlacedCall
    from notebook_img.mcp.folders import Folders
    from notebook_img.mcp.work import Work

log = logging.getLogger("notebook_img.mcp")
POSSIBLE = sys.platform != "win32"
OF_A_CLIENT = "of-a-client"
"""Word for a process whose environment is one client's configuration."""
STOPPING = 5.0
"""Seconds a call that is stopped gets to end, so that what had come by then is known."""
NOT_STARTED = "The process for paid calls could not be started, so nothing was sent. Ask again."
GONE = "The process that did this call has ended. It may have been billed; list_sessions shows whether it was stored."
BATCH_GONE = "The process that did it has ended. run_batch with the same words goes on; what may have been billed is not sent again."
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True)
class Errand:
    """A call with all that is needed to do it in another process."""

    placed: PlacedCall
    client: str
    folders: Folders
    tool: str
    session: str
    prompt: str
    model: str
    output: Path | None
    job: str = ""
    """The id of its row, by which it is found also when the server has gone."""


@dataclass(frozen=True)
class BatchErrand:
    """A batch that is written down, to be done in another process."""

    number: int
    client: str
    folders: Folders
    first: int | None = None


@dataclass(frozen=True)
class Done:
    """What came of an errand: the call's result with its files and notices, or the error; of a batch what ended it early."""

    made: CallResult | None = None
    files: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()
    error: BaseException | None = None


class WorkerError(ProviderError):
    """The process that did a call has ended before it could tell how it went."""


class Worker:
    """The server's end: starts the process when it is first needed, hands errands over, and passes on what comes back.

    Parameters
    ----------
    work : Work
        The server's.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = ""
        self._waiting: dict[int, tuple[loop.Tell, asyncio.Future[Done]]] = {}
        self._numbers = itertools.count(1)
        self._batches: dict[int, concurrent.futures.Future[Done]] = {}
        """By number the latest errand of each batch."""
        self._lock = threading.Lock()

    async def do(self, running: Running, tell: loop.Tell) -> Result:
        """Have a call done, on the core's loop; return its result as if it had been done here."""
        assert running.errand is not None
        process, owner = await in_thread(self._begun)
        row = await in_thread(self._work.jobs.hand_over, running, owner)
        done = await self._asked(process, replace(running.errand, job=row.id), tell)
        if done.error is not None:
            return await in_thread(self._kept, running, done.error)
        assert done.made is not None
        return await in_thread(self._taken_over, running, done)

    def begin(self, errand: BatchErrand) -> None:
        """Have a batch done; it goes on also when this server has gone. Its rows say how far it is."""
        self._work.studio.store.update_batch(errand.number, stopping="")

        async def done(_tell: loop.Tell) -> Done:
            process, _owner = await in_thread(self._begun)
            done = await self._asked(process, errand, lambda _event: None)
            return Done(error=WorkerError(BATCH_GONE, billed="maybe")) if isinstance(done.error, WorkerError) else done

        self._batches[errand.number] = loop.spawn(done)

    def at_work(self, batch: int) -> bool:
        """Return whether a batch was handed over and has not ended; its first row may not say so yet."""
        future = self._batches.get(batch)
        return future is not None and not future.done()

    def ended_by(self, batch: int) -> BaseException | None:
        """Return what ended a batch before all was done, as far as this server knows."""
        future = self._batches.get(batch)
        if future is None or not future.done() or future.cancelled():
            return None
        return future.exception() or future.result().error

    async def _asked(self, process: subprocess.Popen[bytes], errand: Errand | BatchErrand, tell: loop.Tell) -> Done:
        """Send an errand and wait for what comes of it; it is stopped when the waiting is cancelled."""
        number, answer = next(self._numbers), asyncio.get_running_loop().create_future()
        self._waiting[number] = (tell, answer)
        try:
            if not await in_thread(self._send, process, (number, errand)):
                raise WorkerError(NOT_STARTED, billed="no")
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await in_thread(self._send, process, (number, None))
            # It may have come in this moment.
            await asyncio.wait({answer}, timeout=STOPPING)
            raise
        finally:
            self._waiting.pop(number, None)

    def _taken_over(self, running: Running, done: Done) -> Result:
        """Go on from what the other process made: the head of this client is in this one."""
        assert done.made is not None
        assert running.errand is not None
        studio, record = running.caller.studio, done.made.record
        if record.kind == "ask":
            studio.heads.asked(record, None)
        else:
            studio.move_head(record.session_id, record.number, "turn", start=running.errand.placed.start, stored=True)
        studio.shared.changed("turn", record.session_id, record.number)
        return Result(studio.turn(done.made), done.files, done.notices)

    def _kept(self, running: Running, error: BaseException) -> Result:
        """Return what was stored although the process has ended, or raise what went wrong."""
        row = self._work.studio.store.job(running.job) if isinstance(error, WorkerError) else None
        if row is None or row.state != "done" or not row.turn:
            raise error
        name, _, number = row.turn.rpartition("/")
        return Result(sessions.named(self._work, running.caller, name).turn(number))

    def _begun(self) -> tuple[subprocess.Popen[bytes], str]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
                first = read(self._process.stdout)
                if not isinstance(first, str):
                    raise WorkerError(NOT_STARTED, billed="no")
                self._owner = first
                threading.Thread(target=self._listen, args=(self._process,), name="notebook_img-worker", daemon=True).start()
            return self._process, self._owner

    def _started(self) -> subprocess.Popen[bytes]:
        client = (OF_A_CLIENT,) if self._work.studio.settings.of_a_client else ()
        try:
            return subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "notebook_img.mcp.worker", *client],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Not the host's, which may wait for the end of that stream.
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self._work.studio.settings.address.for_own_process},
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerError(f"{NOT_STARTED} ({reason(error)})", billed="no") from error

    def _send(self, process: subprocess.Popen[bytes], message: Any) -> bool:
        """Return whether a message could be sent whole; a process that ends later is noticed by who listens."""
        with self._lock:
            try:
                write(process.stdin, message)
            except OSError:
                return False
            return True

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        while (message := read(process.stdout)) is not None:
            number, event = message
            tell, answer = self._waiting.get(number, (None, None))
            if tell is None or answer is None:
                continue
            if isinstance(event, Done):
                _settle(answer, event)
            else:
                tell(event)
        process.wait()
        gone = WorkerError(GONE, billed="maybe")
        for _tell, answer in list(self._waiting.values()):
            _settle(answer, Done(error=gone))


def _settle(answer: asyncio.Future[Done], done: Done) -> None:
    def settle() -> None:
        if not answer.done():
            answer.set_result(done)

    with contextlib.suppress(RuntimeError):  # the loop has ended with its process
        answer.get_loop().call_soon_threadsafe(settle)


def write(file: IO[bytes] | None, message: Any) -> None:
    """Write a message to a pipe."""
    assert file is not None
    data = pickle.dumps(message)
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def read(file: IO[bytes] | None) -> Any:
    """Return the next message of a pipe; None at the end, also where it ends within one: that errand was never begun."""
    assert file is not None
    head = file.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = file.read(length)
    return pickle.loads(data) if len(data) == length else None  # noqa: S301 - from our own process, by a pipe of its own
