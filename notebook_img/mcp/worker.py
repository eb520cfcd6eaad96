"""A process of its own for calls that can be billed: what was sent is received and stored, whatever becomes of the server.

A host that closes kills its server some seconds later, and with it a call that is being paid for. So the server only places such
a call, writes its job down, and hands it over; ``python -m notebook_img.mcp.worker`` sends it and stores what comes. There is one
such process per server, begun with the first call of the kind, in a session of its own (so that no signal for the server's group
reaches it). It ends when its server has gone and everything it was handed is done. There is none on Windows, where hosts end all
processes of a server at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import os
import pickle
import signal
import sys
import threading
from dataclasses import replace
from typing import IO, Any, NoReturn

from notebook_img import loop
from notebook_img.calls import CallResult
from notebook_img.errors import NotebookImgError, ProviderError, sentence_of
from notebook_img.loop import in_thread
from notebook_img.mcp.errands import OF_A_CLIENT, BatchErrand, Done, Errand, read, write
from notebook_img.mcp.running_call import Caller, Running
from notebook_img.mcp.work import Work, performing
from notebook_img.records import Origin
from notebook_img.studio import Batch, Studio


class Process:
    """Does the errands that come through one pipe and reports on them through the other, until the server has gone and all are done."""

    def __init__(self, work: Work, errands: IO[bytes], news: IO[bytes]) -> None:
        self._work = work
        self._errands = errands
        self._news = news
        self._telling = threading.Lock()
        self._running: dict[int, Running] = {}
        self._batches: set[concurrent.futures.Future[Done]] = set()

    def run(self) -> None:
        """Go on until the server has gone and everything is stored."""
        self._tell(self._work.studio.store.owner)
        while (message := read(self._errands)) is not None:
            number, errand = message
            if isinstance(errand, BatchErrand):
                self._take_batch(number, errand)
            elif errand is not None:
                self._take(number, errand)
            elif (running := self._running.get(number)) is not None and running.future is not None:
                running.future.cancel()
        concurrent.futures.wait(list(self._batches))
        self._work.drain(math.inf)

    def _caller(self, errand: Errand | BatchErrand) -> Caller:
        return self._work.caller(errand.client, replace(errand.folders, settings=self._work.studio.settings))

    def _take_batch(self, number: int, errand: BatchErrand) -> None:
        studio = self._caller(errand).studio

        async def done(_tell: loop.Tell) -> Done:
            batch = await in_thread(studio.batch.named, f"b{errand.number}")
            await _ended(batch)  # it may be working on it already, up to another item
            await in_thread(lambda: batch.begin(errand.first, handed_over=True))
            await _ended(batch)
            return Done(error=batch.work.ended_by if batch.work is not None else None)

        future = loop.spawn(done)
        self._batches.add(future)
        future.add_done_callback(lambda _: self._batch_ended(number, future))

    def _batch_ended(self, number: int, future: concurrent.futures.Future[Done]) -> None:
        try:
            done = future.result()
        except BaseException as error:  # the server raises it in its place
            done = Done(error=error)
        self._tell((number, done))
        self._batches.discard(future)

    def _take(self, number: int, errand: Errand) -> None:
        work, caller = self._work, self._caller(errand)
        perform = performing(caller.studio, errand.placed)
        running = Running(
            caller, errand.session, errand.prompt, errand.tool, perform, errand.output, errand.model, job=errand.job, sent=True
        )
        self._running[number] = running
        future = work.jobs.adopt(running, lambda event: self._tell((number, event)))
        future.add_done_callback(lambda _: self._ended(number, running))

    def _ended(self, number: int, running: Running) -> None:
        self._running.pop(number, None)
        assert running.future is not None
        try:
            result = running.future.result()
            made = CallResult(result.turn.record, replayed=result.turn.given, shape=result.turn.shape, today=result.turn.today)
            done = Done(made, result.files, result.notices)
        except BaseException as error:  # the server raises it in its place
            done = Done(error=error)
        self._tell((number, done))

    def _tell(self, message: Any) -> None:
        with self._telling, contextlib.suppress(OSError):  # the server has gone: the store keeps what comes
            try:
                write(self._news, message)
            except (pickle.PicklingError, TypeError, AttributeError):
                number, event = message
                if isinstance(event, Done) and event.error is not None:
                    said = ProviderError(sentence_of(event.error), billed="maybe")
                    write(self._news, (number, Done(error=said)))


async def _ended(batch: Batch) -> None:
    """Wait until this process has stopped working on a batch; what became of it is in its rows."""
    if (work := batch.work) is not None and work.future is not None:
        await asyncio.wait([asyncio.wrap_future(work.future)])


def main() -> NoReturn:
    """Do what one server hands over."""

    def stop(number: int, _frame: object) -> None:
        # What is paid for is waited for; a second signal ends the process.
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    # Nothing else may write where the server reads.
    news = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    studio = Studio()
    studio.settings.of_a_client = OF_A_CLIENT in sys.argv
    studio.origin = Origin(surface="agent")
    work = Work(studio)
    with contextlib.suppress(NotebookImgError):
        Process(work, sys.stdin.buffer, news).run()
    studio.close()
    os._exit(0)  # no thread holds anything that is not stored


if __name__ == "__main__":
    main()
