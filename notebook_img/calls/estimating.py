"""What a call would be before it is made: its key, its model and its price. Nothing is sent, reserved or stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_img.calls.as_sent import as_sent
from notebook_img.calls.found_mask import sought_mask
from notebook_img.calls.later_terms import check_later, later_factor
from notebook_img.calls.mask_words import words_of
from notebook_img.calls.replay_lookup import look_up
from notebook_img.calls.request import prepare
from notebook_img.providers import check_request, expected, unable

if TYPE_CHECKING:
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.providers import Estimate
    from notebook_img.workspace import Workspace


@dataclass(frozen=True)
class Estimated:
    """A call that could be made."""

    key: str
    """What replay compares; see replay/rules.py."""
    model: str
    """``provider:model``."""
    price: Estimate | None
    """US dollars; None where unknown."""
    replayed: bool
    """Whether a stored reply would be given."""


def estimated(workspace: Workspace, asked: PlacedCall, *, later: bool = False) -> Estimated:
    """Return key, model and price of a call; where it has a place among its cell's requests, that learns its key.

    Parameters
    ----------
    later : bool
        It is to be done later, at the service's price for that.

    Raises
    ------
    NotebookImgError
        When its model would not take it.
    """
    prepared = prepare(workspace, asked)
    if later:
        check_later(prepared)
    ready, _, looking = sought_mask(workspace, prepared)
    key, replayed = ready.pending.request_key, False
    if asked.slot is not None:
        asked.slot.enter(key, ready.model)
        replayed = look_up(workspace, ready).stored is not None
    ready = as_sent(ready)
    check_request(ready.request, ready.provider, workspace.settings)
    if not replayed and (refusal := unable(ready.provider, ready.request)) is not None:
        raise refusal
    price = expected(ready.provider, ready.request)
    if price is not None and looking:
        price = type(price)(price.low + looking, price.high + looking)
    if later:
        factor = later_factor(ready)
        price = type(price)(price.low * factor, price.high * factor) if price is not None else None
    return Estimated(key, ready.model, price, replayed)


def dearer(workspace: Workspace, asked: PlacedCall, limit: float) -> Estimated | None:
    """Return key, model and price of a call that may cost more than a limit, in US dollars; None for any other, or at an unknown price.

    Preparing what is sent takes long with a large picture, above all within a mask. So it is only done where the call could cost that
    much: as it was asked for, or with a mask in any size the model has.

    Raises
    ------
    NotebookImgError
        When its model would not take it.
    """
    call = asked.call
    if not words_of(call.mask):  # those are looked for first, at a price
        part = call.mask is not None or call.outpaint is not None
        whole = prepare(workspace, replace(asked, call=call.but(mask=None, grow=None, outpaint=None)) if part else asked)
        sizes = (whole.able.sizes or ()) if part else ()
        prices = [expected(whole.provider, replace(whole.request, size=size)) for size in (whole.request.size, *sizes)]
        if not any(price is not None and price.high > limit for price in prices):
            return None
    found = estimated(workspace, asked)
    return found if found.price is not None and found.price.high > limit else None
