"""The caption line under a picture or an answer: one line of facts, then warnings, then the model's words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from notebook_img.pictures import shorten, size_words

SEPARATOR = " · "

NO_MATH = "tex2jax_ignore mathjax_ignore"
"""Class that keeps MathJax from reading the text between two dollar signs as a formula, as in ``$0.03 · today $0.12``."""
QUIET = "opacity:.8;font-size:.92em;line-height:1.5;margin:.4em 0 0;overflow-wrap:anywhere"
"""Style of captions: the inherited colour at less strength, so that it fits light and dark themes."""
CODE = "font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:.95em"
WARNING = "margin:.35em 0 0;padding:.1em .6em;border-left:3px solid #d08300;line-height:1.5;overflow-wrap:anywhere"
WORDS = "margin:.5em 0 0;line-height:1.5;overflow-wrap:anywhere"


MOST_WORDS = 20_000
"""Bytes of a model's words that a notebook shows."""


def cut(text: str) -> str:
    """Return words as a notebook holds them: beyond `MOST_WORDS` the rest stays in the turn, and that is said."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MOST_WORDS:
        return text
    return f"{data[:MOST_WORDS].decode('utf-8', 'ignore')}\n\n... (cut here; the turn's text has all {len(text):,} characters)"


@dataclass(frozen=True)
class Caption:
    """What is shown under a result. An empty field is not mentioned.

    Attributes
    ----------
    id, parent : str
        Turn ids, ``fox/t7`` and ``t6``.
    pictures : str
        Which picture was which where there were several: ``image 1 cat.png, image 2 logo``.
    model : str
        ``provider:model``.
    size : tuple of int, optional
        Width and height of the (first) picture, pixels.
    was : tuple of int, optional
        Width and height of what was edited, where the result is smaller without being asked to: that stands first.
    seconds : float, optional
        How long the service took.
    cost : float, optional
        US dollars; 0 is free, None is unknown.
    today : float, optional
        US dollars spent today, told with paid calls.
    file : str
        Where it was saved; several names separated by a comma.
    warnings : tuple of str
        Each one is shown in a line of its own.
    remarks : tuple of str
        What else was done as asked; one line, without a sign.
    replayed : str
        How a stored reply that was given back is named: ``replayed``. Its cost is not told again.
    note : str
        For example ``built-in, not AI``.
    who : str
        Who asked, when it was not this notebook: ``claude-desktop``.
    text : str
        What the model said beside the picture.
    """

    id: str = ""
    parent: str = ""
    pictures: str = ""
    model: str = ""
    size: tuple[int, int] | None = None
    was: tuple[int, int] | None = None
    seconds: float | None = None
    cost: float | None = 0.0
    today: float | None = None
    file: str = ""
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    replayed: str = ""
    note: str = ""
    who: str = ""
    text: str = ""

    def parts(self) -> list[str]:
        """Return the facts of the line in order, as plain words."""
        return [part for part in (self._named(), *self._rest()) if part]

    def line(self) -> str:
        """Return the line for a terminal."""
        return SEPARATOR.join(shorten(part, 300) for part in self.parts())

    def plain(self) -> str:
        """Return the line, the warnings and the model's words for a terminal."""
        warnings = (f"Warning: {warning.strip()}" for warning in self.warnings)
        return "\n".join(part for part in (self.line(), *warnings, "; ".join(self.remarks), cut(self.text.strip())) if part)

    def html(self) -> str:
        """Return the same as HTML; all of it is escaped."""
        out = [f'<div style="{QUIET}">{line}</div>'] if (line := self.line_html()) else []
        out += [f'<div style="{WARNING}">⚠ {escape(warning.strip())}</div>' for warning in self.warnings]
        if self.remarks:
            out.append(f'<div style="{QUIET}">{escape("; ".join(self.remarks))}</div>')
        if words := cut(self.text.strip()):
            out.append(f'<div style="{WORDS}">{paragraphs(words)}</div>')
        return "\n".join(out)

    def line_html(self) -> str:
        """Return only the line, as HTML."""
        parts = [f"<b>{escape(self.id)}</b>" + escape(self._from())] if self.id else [escape(self._from().strip())]
        for part in self._rest():
            if self.file and part == self._saved():
                parts.append(f'saved <code style="{CODE}">{escape(shorten(self.file, 300))}</code>')
            else:
                parts.append(escape(shorten(part, 300)))
        # A dollar sign in an element of its own begins no formula, also where the class is stripped.
        return SEPARATOR.join(part for part in parts if part).replace("$", "<span>$</span>")

    def _named(self) -> str:
        return (self.id + self._from()).strip()

    def _from(self) -> str:
        return f" from {self.parent}" if self.parent else ""

    def _saved(self) -> str:
        return f"saved {self.file}" if self.file else ""

    def _rest(self) -> list[str]:
        parts = [
            f"{size_words(self.size)}, was {size_words(self.was)}" if self.was else "",
            f"by {self.who}" if self.who else "",
            self.pictures,
            self.model,
            self.note,
            size_words(self.size) if not self.was else "",
            seconds_words(self.seconds),
            self._cost_words(),
            f"today {money(self.today)}" if self.today and not self.replayed else "",
            self._saved(),
            self.replayed,
        ]
        return [part for part in parts if part]

    def _cost_words(self) -> str:
        if self.replayed or not self.model:
            return ""
        if self.cost is None:
            return "cost unknown"
        if self.cost > 0:
            return money(self.cost)
        # The built-in engine says what it is by its note; that it is free goes without saying.
        return "" if self.model.partition(":")[0] == "local" else "free"


def moment(seconds: float) -> str:
    """Return a point in time (seconds since 1970) as people are told it on every surface: ``2026-11-28 09:41``, local."""
    import time

    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def money(dollars: float) -> str:
    """Return US dollars in words: ``$1.20``, ``$0.034``, ``$0.0004``."""
    if dollars >= 1 or dollars == 0:
        return f"${dollars:.2f}"
    if dollars >= 0.001:
        text = f"{dollars:.3f}"
        return f"${text.removesuffix('0')}"
    return f"${dollars:.4f}" if dollars >= 0.0001 else "less than $0.0001"


def price_range_words(low: float, high: float) -> str:
    """Return a price that may depend on the answer, in words: ``about $0.034``, ``$0.034 to $0.045``, ``nothing``."""
    if high == 0:
        return "nothing"
    least, most = money(low), money(high)
    return f"about {most}" if least == most else f"{least} to {most}"


def seconds_words(seconds: float | None) -> str:
    """Return a duration in words: ``0.4 s``, ``12 s``, ``2 min 5 s``; empty for None and 0."""
    if not seconds:
        return ""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def paragraphs(text: str) -> str:
    """Return plain text as escaped HTML that keeps its lines without CSS."""
    return "<br>\n".join(escape(line) for line in text.strip().splitlines())


def counted(number: int, noun: str, several: str = "") -> str:
    """Return ``1 turn``, ``2 turns``; `several` is the word for more than one where that takes more than an s."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"
