"""The core's own event loop, in a thread of its own, and the two ways to wait for work on it: sync and awaited.

Kernels run cells on their own loop, so network work never touches that one. Whoever waits wakes at least every
0.1 s, so that an interrupt is seen at once (measured: a blocking ``Future.result()`` holds it for the whole call),
and whatever ends the wait cancels the work.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import queue
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from notebook_img.errors import UsageError

T = TypeVar("T")
Tell: TypeAlias = Callable[[Any], None]
Work: TypeAlias = Callable[[Tell], Coroutine[Any, Any, T]]
"""Work gets a function that emits events, and runs on the core's loop."""

TICK = 0.1
"""Seconds between two looks at interrupts."""
GRACE = 0.5
"""Seconds that cancelled work has to close its connections before the wait ends anyway."""

log = logging.getLogger("notebook_img")

THREADS = 32
"""Most threads for disk and pixel work."""

_DONE = object()


class Tick:
    """Sent to `on_event` at every look, so that a display can count the seconds."""


_TICK = Tick()


class _Core:
    """One loop in one daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # asyncio's own pool is as small as the machine; these threads mostly wait for the disk.
        self.loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="notebook_img"))
        self.thread = threading.Thread(target=self._serve, name="notebook_img", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._cancel_all(), self.loop)
        self.thread.join(GRACE)

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.stop()


_core: _Core | None = None
_lock = threading.Lock()


def _start() -> _Core:
    global _core  # noqa: PLW0603 - one per process
    with _lock:
        if _core is None or not _core.thread.is_alive():
            _core = _Core()
        return _core


def _forget() -> None:
    """Let a forked child start afresh: its parent's loop thread does not exist there."""
    global _core, _lock  # noqa: PLW0603
    _core = None
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _stop() -> None:
    if _core is not None:
        _core.stop()


def on_core() -> bool:
    """Return whether this is the core's own thread."""
    return _core is not None and threading.current_thread() is _core.thread


def spawn(work: Work[T], tell: Tell = lambda _event: None) -> concurrent.futures.Future[T]:
    """Start `work` on the core's loop and return at once; for jobs that outlive their caller."""
    watched = _Watched(work)
    future = asyncio.run_coroutine_threadsafe(watched.run(tell), _start().loop)
    _spawned[future] = watched
    return future


def stop(future: concurrent.futures.Future[Any]) -> None:
    """Cancel work that was spawned. Unlike ``future.cancel()`` the future ends when the work has: its books are closed by then."""
    _spawned[future].cancel()


def run(work: Work[T], on_event: Tell | None = None) -> T:
    """Do `work` on the core's loop, wait for it, and hand its events to `on_event` in the caller's thread.

    Works inside a running event loop too (a notebook cell), which it blocks as any sync call does.

    Raises
    ------
    UsageError
        On the core's own thread, where waiting would wait for itself.
    """
    if on_core():
        raise UsageError("A sync call on notebook_img's own loop would wait for itself. Use the `.aio` form there.")
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    watched = _Watched(work)
    try:
        future = spawn(watched.run, events.put)
        future.add_done_callback(lambda _: events.put(_DONE))
        while True:
            try:
                event = events.get(timeout=TICK)
            except queue.Empty:
                event = _TICK
            if event is _DONE:
                return future.result()
            _hand(event, on_event)
    except BaseException:
        # Interrupted: nobody waits any more, so the request must not go on.
        watched.leave()
        raise


def _hand(event: Any, on_event: Tell | None) -> None:
    """Deliver an event; a display that fails does not end a request that is paid for."""
    if on_event is None:
        return
    try:
        on_event(event)
    except Exception:
        log.exception("showing %s failed", type(event).__name__)


class _Watched(Generic[T]):
    """Work that can be abandoned at any moment, even between its start and the first look at its future."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._left = threading.Event()
        self._closed = threading.Event()
        self._task: asyncio.Task[Any] | None = None

    async def run(self, tell: Tell) -> T:
        """Do the work, unless its caller no longer waits."""
        self._task = asyncio.current_task()
        try:
            if self._left.is_set():
                raise asyncio.CancelledError
            return await self._work(tell)
        finally:
            self._closed.set()

    def cancel(self) -> bool:
        """Cancel the work; return whether it has still to end."""
        self._left.set()
        task = self._task
        if task is None or self._closed.is_set():
            return False
        with contextlib.suppress(RuntimeError):  # the loop has ended
            task.get_loop().call_soon_threadsafe(task.cancel)
        return True

    def leave(self) -> None:
        """Cancel the work, and give it a moment to close its connections and its books, unless interrupted again."""
        if self.cancel():
            with contextlib.suppress(KeyboardInterrupt):
                self._closed.wait(GRACE)

    async def leave_awaited(self) -> None:
        """Do as `leave` does, on the loop of whoever waited."""
        if self.cancel():
            with contextlib.suppress(asyncio.CancelledError):
                for _ in range(round(GRACE / 0.01)):
                    if self._closed.is_set():
                        break
                    await asyncio.sleep(0.01)


_spawned: weakref.WeakKeyDictionary[concurrent.futures.Future[Any], _Watched[Any]] = weakref.WeakKeyDictionary()


async def wait(work: Work[T], on_event: Tell | None = None) -> T:
    """Do `work` on the core's loop and await it from any other loop; cancelling the wait cancels the work."""
    if on_core():
        return await work(on_event or (lambda _event: None))
    here = asyncio.get_running_loop()
    events: asyncio.Queue[Any] = asyncio.Queue()

    def tell(event: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the waiting loop is gone
            here.call_soon_threadsafe(events.put_nowait, event)

    watched = _Watched(work)
    future = spawn(watched.run, tell)
    future.add_done_callback(lambda _: tell(_DONE))
    try:
        while True:
            try:
                event = await asyncio.wait_for(events.get(), TICK)
            except TimeoutError:
                event = _TICK
            if event is _DONE:
                return future.result()
            _hand(event, on_event)
    except asyncio.CancelledError:
        await watched.leave_awaited()
        raise
    except BaseException:
        watched.cancel()
        raise


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do `work` on a loop and in a thread of its own and wait for it, so that it can be given up whatever it hangs in.

    For what the core's threads wait for: on the core's loop it would need a thread of the pool that those who wait have used up.
    """
    result: concurrent.futures.Future[T] = concurrent.futures.Future()
    watched = _Watched(lambda _tell: work())

    async def serve() -> None:
        # Here, and not after the loop has closed: that waits for its look-ups of names.
        try:
            result.set_result(await watched.run(lambda _event: None))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=lambda: asyncio.run(serve()), name="notebook_img-apart", daemon=True).start()
    try:
        while not concurrent.futures.wait((result,), TICK).done:
            pass
        return result.result()
    except BaseException:
        watched.leave()
        raise


SWITCH = 0.001
"""Seconds after which Python switches from one busy thread to another while many calls are under way; its default is 0.005."""
_switching: list[float] = []


@contextlib.contextmanager
def quick_switches() -> Iterator[None]:
    """Go around work of which the loop and its threads have much to do at once: neither waits 5 ms for the other."""
    with _lock:
        _switching.append(sys.getswitchinterval())
        sys.setswitchinterval(min(SWITCH, _switching[0]))
    try:
        yield
    finally:
        with _lock:
            # The last to leave restores what the first one found.
            first = _switching[0]
            _switching.pop()
            if not _switching:
                sys.setswitchinterval(first)


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Do pixel or disk work in a thread."""
    return await asyncio.to_thread(function, *args)


async def to_the_end(work: Awaitable[T]) -> T:
    """Await `work` so that a cancellation waits until it is done: for the write that keeps what was paid for."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise
