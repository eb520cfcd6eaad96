"""Whether a call can be done later, and what of its price that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError
from notebook_img.providers import later_of

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall


def check_later(ready: PreparedCall) -> None:
    """Refuse what cannot be done later, before anything is sent."""
    if ready.wanted:
        raise UnsupportedError("A mask from words is found by a question first, which cannot be done later. Give the mask as a picture.")
    later_of(ready.provider).group(ready.request)


def later_factor(ready: PreparedCall) -> float:
    """Return what a call costs later, against one that is answered at once."""
    return later_of(ready.provider).terms.factor
