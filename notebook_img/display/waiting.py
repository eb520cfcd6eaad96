"""What a cell shows while a service works; the finished figure replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from notebook_img.display.captions import NO_MATH, QUIET, SEPARATOR, WORDS, paragraphs, seconds_words
from notebook_img.display.figures import image_html
from notebook_img.pictures import Bundle, preview, shorten

if TYPE_CHECKING:
    from notebook_img.pictures import Picture

_PARTIAL_SIDE = 512
_PARTIAL_BYTES = 40_000


@dataclass(frozen=True)
class Progress:
    """How far a call has got.

    Attributes
    ----------
    message : str
        What is being done: ``gemini is painting``.
    seconds : float
        Since the call began.
    fraction : float, optional
        0 to 1 where the service tells.
    waiting : str
        Why it waits: ``too many requests, again in 12 s (2 of 4)``.
    text : str
        What the model has said so far.
    picture : Picture, optional
        A partial picture.
    """

    message: str
    seconds: float = 0.0
    fraction: float | None = None
    waiting: str = ""
    text: str = ""
    picture: Picture | None = None


def progress(state: Progress) -> Bundle:
    """Show `state` as a small figure with a progress bar, and as one line for a terminal."""
    share = None if state.fraction is None else min(max(state.fraction, 0.0), 1.0)
    parts = [
        shorten(state.message, 200),
        seconds_words(state.seconds),
        "" if share is None else f"{share:.0%}",
        shorten(state.waiting, 300),
    ]
    parts = [part for part in parts if part]
    value = "" if share is None else f' value="{share:.3f}"'
    # A bar without a value moves by itself: the call is alive, nobody knows how long it takes.
    bar = (
        f'<progress max="1"{value} aria-label="{escape(state.message)}" style="width:12em;max-width:40%;vertical-align:middle"></progress>'
    )
    out = [f'<div class="{NO_MATH}" style="{QUIET}">{bar} {SEPARATOR.join(escape(part) for part in parts)}</div>']
    if state.picture is not None:
        seen = preview(state.picture, _PARTIAL_SIDE, _PARTIAL_BYTES)
        out.insert(0, image_html(seen, "Partial picture, not finished", style="opacity:.85"))
    if words := state.text.strip():
        out.append(f'<div class="{NO_MATH}" style="{WORDS}">{paragraphs(words)}</div>')
    plain = SEPARATOR.join(parts) + (f"\n{words}" if words else "")
    return Bundle({"text/html": "\n".join(out), "text/plain": plain})


def note(text: str) -> Bundle:
    """Return one sentence for the user, as an output of its own."""
    html = f'<div class="{NO_MATH}" style="{QUIET}">{escape(text)}</div>'
    return Bundle({"text/html": html, "text/plain": text})
