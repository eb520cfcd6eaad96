"""How far a batch is: counts, and the words for them that every surface shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.store import Store


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
    def words(self) -> str:
        """The counts in a few words, those that are 0 left out."""
        parts = [
            f"{self.done:,} of {self.total:,} done",
            f"{self.failed:,} failed" if self.failed else "",
            f"{self.under_way:,} under way" if self.under_way else "",
            f"{self.later:,} at the service" if self.later else "",
            f"{self.waiting:,} to do" if self.waiting else "",
        ]
        return ", ".join(filter(None, parts))


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
