"""What the browser can ask for: groups of methods named `do_` and the message. They run in the panel's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.ids import turn_id
from notebook_img.studio import spent_today
from notebook_img.widgets import controls, state
from notebook_img.widgets.batches import BatchList
from notebook_img.widgets.gallery import Gallery
from notebook_img.widgets.history import History
from notebook_img.widgets.incoming import Incoming
from notebook_img.widgets.key_setting import KeySetting
from notebook_img.widgets.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.widgets.panel import Panel

Message = dict[str, Any]


class Actions:
    """Finds who does what a message asks for, and tells the browser how things stand.

    Parameters
    ----------
    panel : Panel
        Whose state they work on.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.away = False
        """Whether another picture than the head's is on the stage on purpose."""
        self.head_seen: int | None = None
        """The head when the stage was last set: only another one is news."""
        self.history = History(self)
        self.incoming = Incoming(self)
        self.requests = Requests(self)
        self.batches = BatchList(self)
        self._groups = (self, self.history, self.incoming, self.requests, self.batches, KeySetting(self), Gallery(self), panel.views)

    def perform(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Do what a message asks for.

        Raises
        ------
        UsageError
            For an unknown message: the page is older than the package.
        """
        name = f"do_{message.get('do', '')}"
        method = next((found for group in self._groups if (found := getattr(group, name, None)) is not None), None)
        if method is None:
            raise UsageError("The page and the installed notebook_img are of different versions. Restart the kernel and reload the page.")
        method(message, buffers)

    def do_hello(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Send everything to a view that has just appeared."""
        panel = self.panel
        panel.tell({"kind": "models", "models": controls.models(panel.studio.settings)})
        self.send_state()
        self.panel.views.send_picture()

    def send_state(self, *, newer: str = "") -> None:
        """Send the session's state to every view."""
        panel, store = self.panel, self.panel.studio.store
        record = store.session(panel.session.id)
        if record is None:
            panel.tell({"kind": "gone", "sessions": state.sessions(store, None)})
            return
        panel.session_name = record.name
        records = store.turns(record.id, limit=state.MOST_NODES, newest_first=True)[::-1]
        base = panel.base
        rows, uses = state.nodes(records, base)
        panel.thumbnails.know(uses)
        looked = store.turn(record.id, base.turn) if base.turn is not None else None
        questions = state.conversation(records, base.picture.sha256 if base.picture else "")
        masked = next((turn.id for turn in reversed(records) if turn.uses("mask")), "")
        panel.tell(
            {
                "kind": "state",
                "session": {"id": record.id, "name": record.name, "turns": record.turns, "model": record.shown_model},
                "sessions": state.sessions(store, record),
                "head": panel.studio.head(record.id),
                "redo": bool(record.redo),
                "nodes": rows,
                "hidden": max(0, record.turns - len(records)),
                "base": base.described(),
                "turn": state.details(looked) if looked is not None else None,
                "masked": masked,
                "chat": [state.question(question) for question in questions],
                "references": [{"sha": item.sha256, "name": item.name} for item in panel.references],
                "spent": f"Spent today: {spent_today(panel.studio)}",
                "running": panel.runner.current.described() if panel.runner.current else None,
                "newer": newer,
                "cells": self.history.cells_elsewhere,
            }
        )

    def send_all(self) -> None:
        """Send the state and the picture on the stage; update what stays in the notebook."""
        self.send_state()
        self.panel.views.send_picture()
        self.panel.left.update()

    def refresh(self, _what: str, _number: int | None) -> None:
        """Show what happened to the session, here, in a cell or in another process."""
        panel = self.panel
        if panel.studio.store.session(panel.session.id) is None:
            panel.record()  # says so
        head = panel.studio.head(panel.session.id)
        if panel.base.turn is not None and panel.studio.store.turn(panel.session.id, panel.base.turn) is None:
            self.away, panel.pinned = False, False
        if panel.base.turn == head and head is not None:
            self.send_state()
        elif not self.away and not panel.pinned:
            panel.show_head()
            self.send_all()
        else:
            busy = panel.runner.current is not None
            news = head is not None and head != self.head_seen and _what in ("head", "turn", "elsewhere") and not busy
            self.send_state(newer=turn_id(head) if news and head is not None else "")
