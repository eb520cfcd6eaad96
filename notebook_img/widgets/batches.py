"""The panel's batches: a list that follows them wherever they run, their sheets, stopping, and sending again what failed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError
from notebook_img.hints import worded
from notebook_img.records import Origin
from notebook_img.studio import Batch, sent_again, surely_unbilled
from notebook_img.widgets.wording import IN_PANELS, remedies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.records import BatchRecord, ItemRecord, PictureUse
    from notebook_img.studio import Again
    from notebook_img.widgets.actions import Actions

Message = dict[str, Any]

MOST = 30
"""Batches listed, the newest ones."""
PAGE = 60
"""Items of a sheet in one message; their pictures come when they are on the screen."""
NAMED = 12
"""Failures that are named with their reasons."""
SHOWN = {"leased": "under way", "sent": "under way", "failed": "failed", "refused": "refused", "waiting": "to do", "done": ""}
"""What a sheet says of an item in each state."""


class BatchList:
    """The messages about batches.

    Parameters
    ----------
    actions : Actions
        Of the panel it belongs to.
    """

    def __init__(self, actions: Actions) -> None:
        self.panel = actions.panel
        # What a batch says is meant for a cell that waits for it; the panel has its own words.
        self.studio = self.panel.studio.beside(Origin(surface="panel"), same_heads=True)
        self.studio.say = lambda _text: None
        self._looking: set[str] = set()
        self._told: list[Message] | None = None
        self._ended: dict[int, tuple[BatchRecord, Message]] = {}

    # The list

    def do_batches(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the list, and tell this view what changes until it looks away."""
        view = str(message.get("view", ""))
        if not message.get("on"):
            self._looking.discard(view)
            return
        self._looking.add(view)
        self._told = None
        self.look()

    def look(self) -> None:
        """Tell the views that show the list what has changed, in this kernel or in any process of the home."""
        if not self._looking:
            return
        rows = [self._described(record) for record in self.studio.store.batches(limit=MOST)]
        if rows != self._told:
            self._told = rows
            self.panel.tell({"kind": "batches", "rows": rows})

    def _described(self, record: BatchRecord) -> Message:
        known = self._ended.get(record.id)
        if known is not None and known[0] == record:
            return known[1]
        from notebook_img.display import money

        batch = Batch(self.studio, record.id)
        counts = batch.counts
        row: Message = {
            "number": record.id,
            "name": record.name,
            "session": self.studio.session_name(record.session_id),
            "prompt": " ".join(record.prompt.split())[:200],
            "share": counts.share,
            "words": " · ".join(filter(None, [counts.words, money(record.spent) if record.spent else ""])),
            "running": counts.done + counts.failed < counts.total and batch.running,
        }
        row["actions"] = self._actions(batch, running=row["running"])
        if counts.done + counts.failed == counts.total:
            self._ended[record.id] = (record, row)
        return row

    def _actions(self, batch: Batch, *, running: bool) -> list[Message]:
        """Return what can be done with a batch, as buttons."""
        counts = batch.counts
        if running:
            stopping = bool(batch.record.stopping)
            return [{"words": "Cancel what is under way" if stopping else "Stop", "icon": "stop", "do": "stop_batch", "now": stopping}]
        found: list[Message] = []
        failed = batch.errors if counts.failed else []
        sure = sum(surely_unbilled(item.record) for item in failed)
        rest = sum(not surely_unbilled(item.record) and bool(item.record.key) for item in failed)
        if counts.waiting or counts.under_way:
            found.append({"words": f"Go on with {counts.waiting + counts.under_way:,}", "icon": "play", "do": "resume_batch"})
        elif counts.later:
            found.append({"words": "Fetch what is done", "icon": "download", "do": "resume_batch"})
        if counts.later:
            found.append({"words": "Cancel at the service", "icon": "stop", "do": "stop_batch", "now": True})
        if sure:
            found.append({"words": f"Send {sure:,} again", "icon": "redo", "do": "retry_batch", "billed": False})
        if rest:
            found.append({"words": f"Send all {sure + rest:,} again…", "icon": "redo", "do": "retry_batch", "billed": True})
        return found

    # A sheet

    def do_batch(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send a page of a batch's sheet, and why items failed."""
        batch, store, start = self._batch(message), self.studio.store, int(message.get("start") or 0)
        records = store.items(batch.number, start=start, limit=PAGE)
        total, failures = batch.counts.total, batch.errors if not start else []
        uses: list[PictureUse] = []
        told: Message = {
            "kind": "batch",
            "number": batch.number,
            "start": start,
            "items": [self._tile(record, uses) for record in records],
            "more": max(0, total - start - len(records)),
            "failures": [{"label": item.label, "error": item.error} for item in failures[:NAMED]],
            "unnamed": max(0, len(failures) - NAMED),
        }
        self.panel.thumbnails.know(uses)
        self.panel.views.reply(message, told)

    def _tile(self, record: ItemRecord, uses: list[PictureUse]) -> Message:
        turn = self.studio.store.turn(record.session_id, record.turn) if record.turn is not None else None
        shown = turn.uses("input" if turn.kind == "ask" else "output") if turn is not None else ()
        uses.extend(shown[:1])
        return {
            "label": record.label,
            "state": record.state,
            "words": (turn.text[:300] if turn.kind == "ask" else "") if turn is not None else SHOWN.get(record.state, record.state),
            "sha": shown[0].sha256 if shown else "",
            "session": record.session_id,
            "turn": record.turn if turn is not None and turn.kind != "ask" else None,
        }

    # Going on

    def do_resume_batch(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Do what waits; first ask where that costs."""
        batch = self._batch(message)
        if self._agreed(batch, message, sent_again(batch, retry=False)):
            batch.resume(wait=False)
            self._begun(batch)

    def do_retry_batch(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send what failed once more; first ask where that costs, or where it may be paid a second time."""
        batch, billed = self._batch(message), bool(message.get("billed"))
        if self._agreed(batch, message, sent_again(batch, retry=True, billed=billed)):
            batch.retry(billed=billed, wait=False)
            self._begun(batch)

    def _agreed(self, batch: Batch, message: Message, again: Again) -> bool:
        """Return whether it may be sent. What costs is asked first, and once more if by now it is more than was agreed to."""
        if not again.count or (again.free and not again.unsure) or again.count <= int(message.get("agreed") or 0):
            return True
        from notebook_img.display import counted

        costs = "That costs nothing." if again.free else f"That costs {again.price}."
        of = "1 of them" if again.unsure == 1 else f"{again.unsure:,} of them"
        unsure = f"{of} may have been billed or refused before, and may be paid for a second time." if again.unsure else ""
        asked: Message = {name: message[name] for name in ("do", "batch", "billed") if name in message}
        told = {
            "kind": "batch question",
            "title": f"Send {counted(again.count, 'item')} of batch {batch.id}?",
            "lines": [line for line in (costs, unsure, self._budget(batch)) if line],
            "send": {**asked, "agreed": again.count},
        }
        self.panel.views.reply(message, told)
        return False

    @staticmethod
    def _budget(batch: Batch) -> str:
        from notebook_img.display import money

        record = batch.record
        return f"{money(record.spent)} of its budget of {money(record.budget)} is spent." if record.budget is not None else ""

    def _begun(self, batch: Batch) -> None:
        """Show that it goes on, and in the end how it ended."""
        panel, work = self.panel, batch.work
        self._told = None
        self.look()
        if work is not None and work.future is not None:
            panel.notify(f"Batch {batch.id} goes on.")
            work.future.add_done_callback(lambda _future: panel.later(self._over, batch))

    def _over(self, batch: Batch) -> None:
        self._told = None
        self.look()
        batch.check()
        self.panel.notify(f"Batch {batch.id}: {batch.counts.words}.", "done")

    def do_stop_batch(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Stop a batch in whichever process works on it; the panel stays free while what is under way ends."""
        batch, now = self._batch(message), bool(message.get("now"))
        self._apart(message, lambda: batch.stop(now=now))
        self.panel.notify(f"Batch {batch.id} begins nothing more." if not now else f"Batch {batch.id} is being cancelled.")

    def _apart(self, message: Message, work: Callable[[], Any]) -> None:
        def guarded() -> None:
            try:
                work()
            except NotebookImgError as error:
                self.panel.fail(worded(error, IN_PANELS), message, remedies(error))
            self.panel.later(self.look)

        threading.Thread(target=guarded, name="notebook_img batch", daemon=True).start()

    def _batch(self, message: Message) -> Batch:
        batch = Batch(self.studio, int(message["batch"]))
        batch.record  # noqa: B018 - an error where it was deleted
        return batch
