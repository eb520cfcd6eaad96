"""What a batch would do, with its first items as they would be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import Plan as OnePlan
from notebook_img.calls import perform_call, place_call
from notebook_img.studio.batch.prices import to_send
from notebook_img.studio.batch.stored import call_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.records import SessionRecord
    from notebook_img.studio.batch.planning import Plan
    from notebook_img.studio.batch.prices import Prices
    from notebook_img.studio.studio import Studio

SHOWN = 3
"""Items that are shown as they would be sent."""


@dataclass(frozen=True)
class DryRun:
    """The price line of a batch, and its first items."""

    prices: Prices
    first: tuple[OnePlan, ...]

    @classmethod
    def of(cls, studio: Studio, session: SessionRecord, plan: Plan, prices: Prices, states: Mapping[str, Sequence[str]]) -> DryRun:
        """Look at the first items that would be sent; nothing is. `states` are those of an earlier batch, by key."""

        async def looked_at(call: Any) -> Any:
            placed = await loop.in_thread(place_call, studio, session, call, studio.origin)
            return await perform_call(studio, placed, lambda _event: None)

        first = []
        for one in to_send(plan, states)[:SHOWN]:
            call = call_of(studio, plan.shared, one.item.call).but(dry_run=True, output=None)
            found = loop.run(lambda _tell, call=call: looked_at(call))  # type: ignore[misc]
            if isinstance(found, OnePlan):
                first.append(found)
        return cls(prices, tuple(first))

    def __repr__(self) -> str:
        return "\n\n".join([f"Dry run, nothing was sent: {self.prices.words}", *map(repr, self.first)])
