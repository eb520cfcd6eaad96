"""One call at a time: started, reported on, stopped. Reports are gathered, so that messages stay few."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import Notice, Progress, stoppable
from notebook_img.errors import NotebookImgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from notebook_img.calls import Call, Stopwatch
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn

REFRESH = 0.12
"""Least seconds between two messages about a running call."""
PARTIAL_SIDE, PARTIAL_BYTES = 768, 90_000


class Run:
    """One call and its progress."""

    def __init__(self, call: Call, title: str) -> None:
        self.call = call
        self.title = title
        self.view = ""
        """The view it was started in; other views are told how it went, but get no files."""
        self.started = time.monotonic()
        self.progress = Progress()
        self.stopped = False
        self.finds = ""
        """What is looked for to be painted as a mask."""
        self.watch: Stopwatch | None = None
        self.future: Future[Any] | None = None

    def described(self) -> dict[str, Any]:
        """Return what the browser is told."""
        return {
            "what": self.call.kind,
            "prompt": self.call.prompt,
            "title": self.title,
            "elapsed": round(time.monotonic() - self.started, 2),
            "message": self.progress.message,
            "waiting": self.progress.waiting,
            "fraction": self.progress.fraction,
            "text": self.progress.text,
        }


class Runner:
    """Starts calls of a panel, one at a time.

    Parameters
    ----------
    studio : Studio
        The panel's.
    send : callable
        Takes a message and its buffers.
    finished : callable
        Called with the run and its Turn, or the error that ended it, in the core's thread.
    """

    def __init__(
        self,
        studio: Studio,
        send: Callable[[dict[str, Any], list[bytes]], None],
        finished: Callable[[Run, Turn | None, BaseException | None], None],
    ) -> None:
        self._studio = studio
        self._send = send
        self._finished = finished
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.current: Run | None = None

    def start(self, session: Session, call: Call, title: str, view: str = "", finds: str = "") -> Run:
        """Start a call, from one of the panel's views.

        Raises
        ------
        UsageError
            While another one runs.
        """
        run = Run(call, title)
        run.view, run.finds = view, finds
        with self._lock:
            if self.current is not None:
                short = self.current.call.prompt[:60] or self.current.title
                raise UsageError(f"Still working on {short!r}. Wait until it is done, or stop it. Nothing was sent.")
            self.current = run
        try:
            with stoppable() as run.watch:
                run.future = self._studio.start(session, call, lambda event: self._on_event(run, event))
        except BaseException:
            self.current = None
            raise
        self._send({"kind": "progress", "run": run.described()}, [])
        run.future.add_done_callback(lambda future: self._done(run, future))
        return run

    def stop(self) -> bool:
        """Cancel the running call; its request is closed at once. Return whether there was one."""
        run = self.current
        if run is None or run.future is None:
            return False
        run.stopped = True
        loop.stop(run.future)
        return True

    def _on_event(self, run: Run, event: Any) -> None:
        if isinstance(event, Notice):
            self._send({"kind": "notice", "text": event.text, "tone": "info"}, [])
            return
        run.progress.take(event)
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(REFRESH, self._flush, (run,))
                self._timer.daemon = True
                self._timer.start()

    def _flush(self, run: Run) -> None:
        with self._lock:
            self._timer = None
            if self.current is not run:
                return
            partial, run.progress.partial = run.progress.partial, None
        message: dict[str, Any] = {"kind": "progress", "run": run.described()}
        buffers = []
        if partial is not None:
            from notebook_img import pictures
            from notebook_img.pictures import preview

            with contextlib.suppress(NotebookImgError, OSError):  # a broken early picture is no reason to stop waiting
                seen = preview(pictures.load(partial, settings=self._studio.settings), PARTIAL_SIDE, PARTIAL_BYTES)
                message["partial"] = seen.mime_type
                buffers.append(seen.data)
        self._send(message, buffers)

    def _done(self, run: Run, future: Future[Any]) -> None:
        error: BaseException | None = None
        turn = None
        try:
            turn = future.result()
        except CancelledError:
            error = run.watch.error() if run.watch is not None else NotebookImgError("Stopped.")
        except BaseException as caught:
            error = caught
        with self._lock:
            self.current = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self._finished(run, turn, error)
