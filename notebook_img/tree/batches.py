"""How far a batch is, in counts and in the words that every surface shows; and what it is in its notebook's tree: one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.display import TreeNode
    from notebook_img.records import BatchRecord
    from notebook_img.store import Store

MOST_BATCHES = 12
"""Batches that a tree draws; of older ones their number."""


@dataclass(frozen=True)
class Counts:
    """How many items are in each state."""

    total: int
    done: int = 0
    failed: int = 0
    """Failed or refused."""
    waiting: int = 0
    """Not begun."""
    under_way: int = 0
    later: int = 0
    """Handed in at a service that does them later."""
    unsure: int = 0
    """Of the failed ones, those that may have been billed."""

    @property
    def parts(self) -> list[str]:
        """Each count in words, those that are 0 left out."""
        counts = ((self.failed, "failed"), (self.under_way, "under way"), (self.later, "at the service"), (self.waiting, "to do"))
        return [f"{self.done:,} of {self.total:,} done", *(f"{count:,} {words}" for count, words in counts if count)]

    @property
    def words(self) -> str:
        """The counts in one line."""
        return ", ".join(self.parts)

    @property
    def share(self) -> float:
        """How much of it has ended, from 0 to 1."""
        return (self.done + self.failed) / max(1, self.total)


def counts_of(store: Store, batch: int) -> Counts:
    """Return how far a batch is."""
    found = store.item_counts(batch)
    return Counts(
        sum(found.values()),
        done=found.get("done", 0),
        failed=found.get("failed", 0) + found.get("refused", 0) + found.get("unsure", 0),
        waiting=found.get("waiting", 0),
        under_way=found.get("leased", 0) + found.get("sent", 0),
        later=found.get("later", 0),
        unsure=found.get("unsure", 0),
    )


def batch_nodes(store: Store, session: str, before: float | None) -> tuple[list[TreeNode], int]:
    """Return the batches that were made beside a session as nodes of its tree, oldest first, and how many older ones there are.

    Parameters
    ----------
    session : str
        Its id.
    before : float, optional
        Only those made by then.
    """
    # What went into the session itself stands there turn by turn.
    made = [record for record in store.batches(session=session) if record.beside == session != record.session_id]
    found = [record for record in made if before is None or record.created <= before]
    return [_node(store, record) for record in reversed(found[:MOST_BATCHES])], max(0, len(found) - MOST_BATCHES)


def _node(store: Store, record: BatchRecord) -> TreeNode:
    """Return a batch as one node: its latest picture, its counts, what it cost, and the session that its turns are in."""
    from notebook_img import display
    from notebook_img.tree.pictures import pictures_of

    own = store.session(record.session_id)
    latest = next(iter(store.latest_done(record.id, 1)), None)
    turn = store.turn(latest.session_id, latest.turn or 0) if latest is not None else None
    shown = pictures_of(store, turn, "", "input" if turn.kind == "ask" else "output")[:1] if turn is not None else ()
    cost = display.money(record.spent) if record.spent else ""
    note = ", ".join(filter(None, [counts_of(store, record.id).words, cost, f"in {own.name}" if own is not None else ""]))
    return display.TreeNode(record.name, None, record.kind, record.prompt, next(iter(shown), None), note=note)
