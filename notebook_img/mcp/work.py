"""The work behind the tools: a studio per client, and a bounded number of requests at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from notebook_img import loop
from notebook_img.calls import (
    CallResult,
    PlacedCall,
    Progress,
    check_output_files,
    chosen_model,
    dearer,
    perform_call,
    provenance_of,
    write_outputs,
)
from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.hints import worded
from notebook_img.loop import in_thread, to_the_end
from notebook_img.mcp import sessions
from notebook_img.mcp.errands import Errand, Worker, WorkerError
from notebook_img.mcp.folders import Folders, folders_of
from notebook_img.mcp.jobs import Jobs
from notebook_img.mcp.own_words import OwnWords
from notebook_img.mcp.page.links import Pages
from notebook_img.mcp.running_call import Caller, Note, Result, Running
from notebook_img.mcp.scope import Scope
from notebook_img.mcp.share import Share
from notebook_img.mcp.wording import FOR_AGENTS
from notebook_img.providers.interface import ProgressEvent, SubmittedEvent
from notebook_img.records import JobRecord, Origin, TurnRecord
from notebook_img.replay import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from notebook_img.calls import Call
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn

__all__ = ["AT_ONCE", "Caller", "Note", "Result", "Running", "Work"]

AT_ONCE = 8
"""Requests sent to services at the same time; the others wait in order."""
PIXELS_AT_ONCE = 200_000_000
"""Of the pictures they begin with: about 2 GB of memory where each is decoded and changed."""
CLIENTS = 64
"""Clients whose heads are remembered."""

_DONE = object()


class Work:
    """Does what tools ask.

    Parameters
    ----------
    studio : Studio
        Whose store, settings and providers are used; its own heads are left alone.
    at_once : int
        Requests on their way to services at the same time.
    allowed : tuple of Path
        Folders clients may read and write, in place of those of the settings.
    links : bool, optional
        Whether results hold links to the original pictures; the setting ``mcp_links`` otherwise.
    page : bool, optional
        Whether people see the pictures on a page of its own address; the setting ``mcp_page`` otherwise.
    scope : sequence of str
        The sessions clients see and touch, see `Scope`. Those begun here are among them.
    """

    def __init__(
        self,
        studio: Studio,
        *,
        at_once: int = AT_ONCE,
        allowed: tuple[Path, ...] = (),
        links: bool | None = None,
        page: bool | None = None,
        scope: Sequence[str] | None = None,
    ) -> None:
        self.studio = studio
        self.at_once = at_once
        self.allowed = allowed
        self.links = studio.settings.mcp_links if links is None else links
        self.page = studio.settings.mcp_page if page is None else page
        self.bridge_secret = ""
        """What a bridge presents to name its client's folders; empty without a bridge."""
        self.pages = Pages()
        """The links to the page people see; of a server that has none, none."""
        self.alone = ""
        """Why the kernel of a notebook was not joined, in a sentence."""
        self.scope = Scope(studio, scope)
        self.words = OwnWords()
        """What its server may speak of."""
        self.listeners: list[Callable[[Note], None]] = []
        self.calls = 0
        self.last_client = ""
        self.passing: set[str] = set()
        """Sessions that are not kept (VISION_ENABLE_PERSISTENCE=false)."""
        self.worker: Worker | None = None
        """Does what can be billed, where the server may be killed at any moment."""
        self._studios: OrderedDict[tuple[str, str], tuple[Studio, float]] = OrderedDict()
        self.jobs = Jobs(studio, self.caller, self._start, self.scope.shows_job)
        self._running: dict[int, Running] = {}
        self._slots: asyncio.Semaphore | None = None
        self._share: Share | None = None
        self._lock = threading.RLock()

    def told(self, error: NotebookImgError) -> str:
        """Return an error in an agent's words, with remedies this server has."""
        return self.words.of(worded(error, FOR_AGENTS))

    # ------------------------------------------------------------------------------------------ who and where

    def caller(self, name: str, folders: Folders | None = None, connection: str = "") -> Caller:
        """Return a client with the studio of its connection, and so with its own heads."""
        name = " ".join(name.split())[:60] or "mcp client"
        with self._lock:
            key = (name, connection)
            known = self._studios.pop(key) if key in self._studios else None
            studio = known[0] if known else self.studio.beside(Origin(surface="agent", name=name), keeps_stored_head=True)
            since = known[1] if known else time.time()
            self._studios[key] = studio, since
            while len(self._studios) > CLIENTS:
                self._studios.popitem(last=False)
        return Caller(name, studio, folders or folders_of(self.studio.settings, allowed=self.allowed or None), since)

    # ------------------------------------------------------------------------------------------ requests

    def prepare(
        self, caller: Caller, session: Session | None, call: Call, *, tool: str, output: str | None = None, after: TurnRecord | None = None
    ) -> Running:
        """Determine where a request starts and check where it writes; nothing is sent yet. Runs in a thread.

        Without a session it is the one all single requests share, whose first model counts for none of the others.
        A question goes on from the one `after`, even if it names a picture of its own.
        """
        path = caller.folders.output(output) if output else None
        begun = contextlib.ExitStack()
        with contextlib.ExitStack() as failed:
            failed.push(begun)
            if path is not None:
                begun.enter_context(caller.folders.making(path))
                check_output_files(path, call.n or 1, caller.studio.store, force=False, inside=caller.folders.inside)
            (placed,) = begun.enter_context(caller.studio.begin(session or sessions.own(self, caller), call))
            failed.pop_all()
        if session is None:
            placed = dataclasses.replace(placed, session=dataclasses.replace(placed.session, model="", settings={}))
        if after is not None:
            placed = dataclasses.replace(placed, parent=after, follows=None, picked=None, continues=False)

        model, pixels = call.model or placed.session.shown_model, _pixels(placed)
        running = Running(
            caller, placed.session.name, call.prompt, tool, performing(caller.studio, placed), path, model, pixels, begun=begun
        )
        if not _may_be_billed(caller.studio, placed):
            return running
        with contextlib.suppress(NotebookImgError):  # what its model does not take is said when it is done
            running.dear = dearer(caller.studio, placed, self.studio.settings.ask_above)
        if self.worker is not None:
            folders = dataclasses.replace(caller.folders, settings=None)
            running.errand = Errand(placed, caller.name, folders, tool, running.session, call.prompt, running.model, path)
        return running

    def _start(self, running: Running, tell: loop.Tell = lambda _event: None) -> concurrent.futures.Future[Result]:
        self._running[id(running)] = running
        running.future = loop.spawn(lambda tell: self._do(running, tell), tell)
        return running.future

    async def wait(
        self, running: Running, progress: Callable[[float, str], Awaitable[None]], *, seconds: float | None = None
    ) -> Result | JobRecord:
        """Start a request and wait for it for a limited time.

        Parameters
        ----------
        running : Running
            From `prepare`.
        progress : callable
            Told the seconds so far and what is going on.
        seconds : float, optional
            Longest wait; the setting ``mcp_wait`` otherwise.

        Returns
        -------
        Result or JobRecord
            The job when the wait was over first.

        Raises
        ------
        NotebookImgError
            What the request failed with.
        """
        here = asyncio.get_running_loop()
        events: asyncio.Queue[Any] = asyncio.Queue()

        def tell(event: Any) -> None:
            if isinstance(event, SubmittedEvent):
                self.jobs.submitted(running, event.submit_id)
            with contextlib.suppress(RuntimeError):  # the client's loop is gone
                here.call_soon_threadsafe(events.put_nowait, event)

        began = time.monotonic()
        deadline = began + (self.studio.settings.mcp_wait if seconds is None else seconds)
        if running.promised:
            with anyio.CancelScope(shield=True):  # else a row without a request would stay
                await in_thread(self.jobs.claim, running)
        future = self._start(running, tell)
        future.add_done_callback(lambda _: tell(_DONE))
        now, told = Progress("waiting for its turn"), 0.0
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 and (job := await in_thread(self.jobs.leave, running)) is not None:
                    return job
                event = None
                with contextlib.suppress(TimeoutError):
                    event = await asyncio.wait_for(events.get(), min(max(left, 0.05), 1.0))
                if event is _DONE:
                    if running.errand is not None and not isinstance(future.exception(), WorkerError):
                        await in_thread(self.jobs.forget, running)
                    return _outcome(future)
                now.take(event)
                elapsed = time.monotonic() - began
                if elapsed - told >= 0.5 or (event is not None and not told):
                    told = elapsed
                    await progress(elapsed, now.line)
        except asyncio.CancelledError:
            # The client cancelled, or is gone. What is on its way goes on; what waits for its turn is dropped.
            with anyio.CancelScope(shield=True):
                if running.sent:
                    # On the core's loop: this one may be about to end, and cancels what it waits for once more.
                    leaving = loop.spawn(lambda _tell: in_thread(self.jobs.leave, running))
                    await asyncio.shield(asyncio.wrap_future(leaving))
                else:
                    future.cancel()
            raise

    async def _do(self, running: Running, tell: loop.Tell) -> Result:
        """Do a request on the core's loop when its turn has come, and record how it ended."""
        try:
            if self._slots is None or self._share is None:
                self._slots, self._share = asyncio.Semaphore(self.at_once), Share(PIXELS_AT_ONCE)
            async with self._slots, self._share.of(running.pixels):
                running.sent = True
                tell(ProgressEvent("asking"))
                if running.errand is not None and self.worker is not None:
                    result = await self.worker.do(running, tell)
                else:
                    made = await running.perform(tell)
                    result = await to_the_end(in_thread(self._finished, running, made))
        except BaseException as error:
            failure = error
            await to_the_end(in_thread(lambda: self._ended(running, failure)))
            raise
        await to_the_end(in_thread(self._ended, running, None, result.turn))
        return result

    def _ended(self, running: Running, error: BaseException | None, turn: Turn | None = None) -> None:
        try:
            with running.begun:
                self.jobs.ended(running, error, turn)
        finally:
            # Last, since a process that ends waits for this only.
            self._running.pop(id(running), None)

    def _finished(self, running: Running, made: CallResult) -> Result:
        """Write the file that was asked for; the turn is kept in any case."""
        studio = running.caller.studio
        turn = studio.turn(made)
        notices = list(made.notices)
        files: tuple[Path, ...] = made.files
        if running.output is not None and turn.pictures:
            try:
                # The folder is checked again: minutes may have passed.
                inside = running.caller.folders.inside
                path, facts = inside(running.output), provenance_of(studio, turn.record)
                written, said = write_outputs(path, turn.pictures, studio.store, force=False, facts=facts, inside=inside)
                files, notices = (*files, *written), [*notices, *said]
            except NotebookImgError as error:
                notices.append(f"The picture is kept, but the file was not written: {self.told(error)}")
        studio.shared.changed("turn", made.record.session_id, made.record.number)
        return Result(turn, files, tuple(notices))

    # ------------------------------------------------------------------------------------------ ends

    def note(self, note: Note) -> None:
        """Tell the live output what a client did."""
        if note.state == "working":
            self.calls += 1
            self.last_client = note.client
        for listener in tuple(self.listeners):
            with contextlib.suppress(Exception):  # showing is never a reason for a call to fail
                listener(note)

    @property
    def under_way(self) -> int:
        """How many requests have not ended yet."""
        return len(self._running)

    def drain(self, seconds: float) -> None:
        """Wait until every request has ended and is stored, also those still waiting to be sent."""
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end:
            time.sleep(0.05)

    def close(self) -> None:
        """Drop the sessions that are not kept."""
        from notebook_img.tree import Session

        for session_id in tuple(self.passing):
            with contextlib.suppress(NotebookImgError):
                Session(self.studio, session_id).delete()
        self.passing.clear()


def performing(studio: Studio, placed: PlacedCall) -> Callable[[loop.Tell], Awaitable[CallResult]]:
    """Return what does a call on the core's loop."""

    async def perform(tell: loop.Tell) -> CallResult:
        made = await perform_call(studio, placed, tell)
        assert isinstance(made, CallResult)  # tools make no dry runs
        return made

    return perform


def _may_be_billed(studio: Studio, placed: PlacedCall) -> bool:
    """Return whether a service is asked; what is wrong with the choice of one is said when the call is done."""
    try:
        provider, _model, _exact = chosen_model(studio, placed)
    except NotebookImgError:
        return False
    return provider.name != BUILT_IN


def _pixels(placed: PlacedCall) -> int:
    """Return how many pixels the pictures have that a call begins with; one at a URL, whose size is not known yet, counts as none."""
    return sum(picture.width * picture.height for picture in (*placed.inputs, *placed.references) if hasattr(picture, "width"))


def _outcome(future: concurrent.futures.Future[Result]) -> Result:
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        raise UsageError("The request was cancelled (cancel_job); nothing was stored.") from None
