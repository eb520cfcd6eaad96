"""What going on with a batch would send and cost, for those who ask a person first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.calls import estimated, place_call
from notebook_img.errors import NotebookImgError
from notebook_img.studio.batch.stored import call_of

if TYPE_CHECKING:
    from notebook_img.records import ItemRecord
    from notebook_img.studio.batch.batch import Batch

SAMPLE = 20
"""Items that are priced; of more the price is theirs on average. Each means reading its pictures."""


@dataclass(frozen=True)
class Again:
    """What would be sent."""

    count: int
    """Items: those that wait, and those that failed and are sent once more."""
    unsure: int
    """How many of them may have been billed, or were refused."""
    low: float
    """US dollars at least."""
    high: float | None
    """US dollars at most; None where the price of any is unknown."""

    @property
    def free(self) -> bool:
        """Whether it surely costs nothing."""
        return self.high == 0.0

    @property
    def price(self) -> str:
        """The price in words."""
        from notebook_img.display import price_range_words

        return "an unknown amount" if self.high is None else price_range_words(self.low, self.high)


def sent_again(batch: Batch, *, retry: bool, billed: bool = False) -> Again:
    """Price `Batch.resume`, or with `retry` `Batch.retry`, before it is done.

    Parameters
    ----------
    billed : bool
        Of a retry: also what may have been billed, and what was refused.
    """
    batch._settle()  # noqa: SLF001 - its other half: what ended processes have left waits again
    store = batch.studio.store
    states = ("waiting", "failed", "refused") if retry else ("waiting",)
    found = [
        item
        for item in store.items(batch.number, states=states)
        if item.state == "waiting" or (item.key and (billed or surely_unbilled(item)))
    ]
    asked = [item for item in found if item.twin is None]
    prices = [_price(batch, item) for item in asked[:SAMPLE]]
    share = len(asked) / max(1, len(prices))
    known = [price for price in prices if price is not None]
    high = None if len(known) < len(prices) else share * sum(high for _, high in known)
    unsure = sum(item.state != "waiting" and not surely_unbilled(item) for item in found)
    return Again(len(found), unsure, share * sum(low for low, _ in known), high)


def surely_unbilled(item: ItemRecord) -> bool:
    """Return whether a failed item was surely not billed, and can be sent at all."""
    return item.state == "failed" and item.billed == "no" and bool(item.key)


def _price(batch: Batch, item: ItemRecord) -> tuple[float, float] | None:
    studio, record = batch.studio, batch.record
    try:
        call = call_of(studio, record.call, item.call).but(dry_run=True)
        asked = place_call(studio, batch.session.record, call, studio.cell_origin())
        found = estimated(studio, asked, later=bool(record.facts.get("later")))
    except NotebookImgError:
        return 0.0, 0.0  # it fails again before it is sent
    return (0.0, 0.0) if found.replayed else found.price
