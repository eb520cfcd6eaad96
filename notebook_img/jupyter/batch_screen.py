"""The live table of a batch in a cell: a bar, counts, cost, time left and the latest pictures; in the end its contact sheet."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Notice
from notebook_img.jupyter.output import is_captured

if TYPE_CHECKING:
    from notebook_img.pictures import Bundle, Preview
    from notebook_img.studio import Batch

PAUSE = 0.25
"""Least seconds between two updates."""
LATEST = 6
"""Pictures that are shown while it goes on."""


class BatchScreen:
    """One display handle while a batch is waited for.

    Parameters
    ----------
    shell : InteractiveShell
        Where it runs; only kernels get the live table.
    batch : Batch
        What is waited for.
    """

    def __init__(self, shell: Any, batch: Batch) -> None:
        self.shell = shell
        self.batch = batch
        self.live = getattr(shell, "kernel", None) is not None and not is_captured(shell)
        self.started = self.refreshed = time.monotonic()
        self.begun = batch.counts
        self.handle: Any = None
        self.seen: dict[int, Preview] = {}
        self.shown: Bundle | None = None

    def __enter__(self) -> Any:
        return self.on_event

    def __exit__(self, *error: object) -> None:
        """End as the contact sheet, also when the batch was stopped: what came stands there."""
        with contextlib.suppress(Exception):
            self._put(self.batch.drawn())
            self.batch.shown_in = self.shell.execution_count

    def on_event(self, event: Any) -> None:
        """Take an event of the batch, or a tick."""
        if isinstance(event, Notice):
            self.batch.studio.say(event.text)
        elif self.live and time.monotonic() - self.refreshed >= PAUSE:
            self._put(self._table())
            self.refreshed = time.monotonic()

    def _table(self) -> Bundle:
        from notebook_img import display

        counts, record = self.batch.counts, self.batch.record
        ended = counts.done + counts.failed - self.begun.done - self.begun.failed
        seconds = time.monotonic() - self.started
        left = seconds / ended * (counts.waiting + counts.under_way) if ended > 2 else None
        state = display.BatchState(f"Batch {record.name}", counts.parts, counts.share, left, record.spent)
        return display.batch_progress(state, self._latest())

    def _latest(self) -> list[tuple[str, Preview]]:
        """Return the latest pictures, each made small once."""
        from notebook_img.pictures import preview
        from notebook_img.tree import pictures_of

        studio = self.batch.studio
        latest = studio.store.latest_done(self.batch.number, LATEST)
        for item in latest:
            if item.id not in self.seen and (turn := studio.store.turn(item.session_id, item.turn or 0)) is not None:
                found = pictures_of(studio.store, turn, "", "input" if turn.kind == "ask" else "output")
                with contextlib.suppress(Exception):  # a picture that is gone is no reason to stop
                    self.seen[item.id] = preview(found[0], 160, 6000)
        self.seen = {item.id: self.seen[item.id] for item in latest if item.id in self.seen}
        return [(item.label, self.seen[item.id]) for item in latest if item.id in self.seen]

    def _put(self, bundle: Bundle) -> None:
        from IPython.display import DisplayHandle

        if bundle == self.shown:
            return  # nothing is sent to the browser while nothing changes
        self.shown = bundle
        if self.handle is not None:
            self.handle.update(dict(bundle.data), raw=True, metadata=dict(bundle.metadata))
            return
        self.handle = DisplayHandle()  # type: ignore[no-untyped-call]
        self.handle.display(dict(bundle.data), raw=True, metadata=dict(bundle.metadata))
