"""How far a batch is: a bar, counts, cost, time left, and the latest pictures, however many items there are."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from notebook_img.display.captions import NO_MATH, QUIET, SEPARATOR, money
from notebook_img.display.figures import image_html
from notebook_img.pictures import Bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Preview

_WIDTH = 80
"""CSS pixels of each of the latest pictures."""


@dataclass(frozen=True)
class BatchState:
    """How far a batch is."""

    name: str
    counts: Sequence[str]
    """How many items are done, failed, under way, in words."""
    share: float
    """How much of it has ended, from 0 to 1."""
    left: float | None
    """Seconds it may still take; None where that is not known yet."""
    cost: float
    """US dollars counted so far."""


def batch_progress(state: BatchState, latest: Sequence[tuple[str, Preview]] = ()) -> Bundle:
    """Draw a batch that is going on; `latest` are the newest pictures with their labels."""
    cost = money(state.cost) if state.cost else ""
    left = f"{_duration(state.left)} left" if state.left is not None else ""
    words = f"{state.name}: {SEPARATOR.join(filter(None, [*state.counts, cost, left]))}"
    look = "width:24em;max-width:60%;vertical-align:middle"
    bar = f'<progress max="1" value="{state.share:.3f}" aria-label="{escape(words)}" style="{look}"></progress>'
    html = [f'<div class="{NO_MATH}" style="{QUIET}">{bar} {escape(words)}</div>']
    if latest:
        seen = "".join(
            f'<span style="display:inline-block;width:{_WIDTH}px">{image_html(one, label, width=min(_WIDTH, one.width))}</span>'
            for label, one in latest
        )
        html.append(f'<div style="display:flex;gap:8px;align-items:flex-end;margin:6px 0 0">{seen}</div>')
    return Bundle({"text/html": "\n".join(html), "text/plain": words})


def _duration(seconds: float) -> str:
    """Return a time in words: ``40 s``, ``12 min``, ``3 h``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
