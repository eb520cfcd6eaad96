"""Heads: the current turn of each session for one studio, and where a cell starts when it is run again (design section 6)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.records import TurnRecord
    from notebook_img.replay.cells import Run
    from notebook_img.store import Store

BY_AGENT = {"started_by": "agent"}
"""Among a session's settings: an agent made it, so agents' moves are its stored head."""


class Heads:
    """One studio's heads; several studios of the same person may share one object.

    A studio starts at a session's stored head and has its own from then on; its moves also update the stored one.

    Parameters
    ----------
    keeps_stored : bool
        Leave the stored head of sessions a person started where it is: an agent that works there must not decide where a
        kernel that is restarted begins. In sessions agents started (`BY_AGENT`) the stored head moves.
    agent : str
        The name of an agent: in a person's session it goes on with the branch it made itself, also in another process.
    """

    def __init__(self, *, keeps_stored: bool = False, agent: str = "") -> None:
        self.keeps_stored = keeps_stored
        self.agent = agent
        self._heads: dict[str, int | None] = {}
        self._questions: dict[str, int | None] = {}
        self._lock = threading.RLock()

    def head(self, store: Store, session_id: str) -> int | None:
        """Return the head: the stored one at first, and again if the own one was deleted."""
        with self._lock:
            if session_id not in self._heads:
                record = store.session(session_id)
                own = store.branch_of(session_id, self.agent) if self.agent and not self.moves_stored(store, session_id) else None
                self._heads[session_id] = own if own is not None else record.head if record else None
            head = self._heads[session_id]
            if head is not None and not store.has_turn(session_id, head):
                # Deleted under us, here or in another process: the stored head went to what it followed.
                record = store.session(session_id)
                head = self._heads[session_id] = record.head if record else None
            return head

    def moves_stored(self, store: Store, session_id: str) -> bool:
        """Return whether a move in this session updates the stored head."""
        if store.read_only:
            return False
        if not self.keeps_stored:
            return True
        record = store.session(session_id)
        return record is not None and record.settings.get("started_by") == BY_AGENT["started_by"]

    def reread(self, session_id: str) -> None:
        """Forget the own head and use the stored one again."""
        with self._lock:
            self._heads.pop(session_id, None)
            self._questions.pop(session_id, None)

    def move(
        self,
        store: Store,
        session_id: str,
        to: int | None,
        kind: str,
        *,
        run: Run | None,
        start: int | None,
        redo: Sequence[int | None] | None,
        stored: bool = False,
    ) -> int | None:
        """Move the head, and the stored one unless it is to stay; return where the move started.

        Parameters
        ----------
        store : Store
            Where the session is.
        session_id : str
            The session.
        to : int or None
            The new head.
        kind : str
            ``turn``, ``undo``, ``redo``, ``checkout``, ``resume``.
        run : Run or None
            The run of a cell that moves it.
        start : int or None
            For a turn: its parent, or the head before a new line.
        redo : sequence or None
            The new redo list; a turn clears it.
        stored : bool
            Whether the stored head has been moved already.
        """
        # Where an undo or a checkout started is its place, also when the cell is run again.
        before = start if kind == "turn" else self.start_of(store, session_id, self.head(store, session_id), run)
        with self._lock:
            self._heads[session_id] = to
            self._questions[session_id] = None
        if not stored and self.moves_stored(store, session_id):
            store.update_session(session_id, head=to, redo=tuple(redo or ()))
        return before

    @staticmethod
    def start_of(store: Store, session_id: str, head: int | None, run: Run | None) -> int | None:
        """Return where a run starts: the head, or where the cell's earlier run started if the head is a result of that run."""
        # Of calls made at once the first may have moved the head already, and all of them start where it did.
        if run is None or (session_id in run.moved and run.under_way(session_id) is None):
            return head
        for cell in run.keys or (run.cell,):
            for move in store.cell_moves(session_id, cell, before_run=run.row or None):
                to = move.to_head
                if to == head or (to is not None and head is not None and to < head and store.descends(session_id, head, to)):
                    return move.run_start
        return head

    def last_question(self, store: Store, session_id: str, head: int | None, run: Run | None) -> TurnRecord | None:
        """Return the question a follow-up continues: the last one, if the head has not moved since.

        In a cell that is run again it is the one its earlier run went on from, and not that run's own.
        """
        with self._lock:
            known = session_id in self._questions
            number = self._questions.get(session_id)
        if known:
            record = store.turn(session_id, number) if number is not None else None
        else:
            record = store.last_question(session_id)
            record = record if record is not None and record.head_before == head else None
        if record is None or run is None or session_id in run.asked:
            return record
        link: TurnRecord | None = record
        while link is not None and link.kind == "ask":
            before = store.turn(session_id, link.parent) if link.parent is not None else None
            if link.origin.cell in (run.cell, *run.keys):
                record = before
            link = before
        return record if record is not None and record.kind == "ask" else None

    def asked(self, record: TurnRecord, run: Run | None) -> None:
        """Remember the question a follow-up would continue."""
        with self._lock:
            self._questions[record.session_id] = record.number
        if run is not None:
            run.asked.add(record.session_id)
