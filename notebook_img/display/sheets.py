"""Contact sheets: many results at a glance, each with its words and what became of it; what has no picture says so.

For sessions, siblings and batches. One sheet takes no more of a notebook than one picture does (150 kB, all forms together).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_img.display.captions import NO_MATH
from notebook_img.display.figures import image_html
from notebook_img.errors import NotebookImgError
from notebook_img.pictures import PREVIEW_BYTES, TINY_SIDE, Bundle, Preview, preview, shorten, still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture

MOST_ITEMS = 40
"""Items drawn; more would be specks."""
_WIDTHS = ((4, 240), (12, 176), (10**9, 128))
"""CSS pixels a picture gets on the page, by how many there are."""
_MARKUP = 500
"""Bytes of picture that the markup and words of a place take up, once the picture is in base64."""
_STILL = 24
"""Pictures of the still image."""

_TEXT = "font-size:.85em;line-height:1.35;overflow-wrap:anywhere"

State: TypeAlias = Literal["", "head", "question", "waiting", "running", "failed"]

_MARKS: dict[State, tuple[str, str]] = {
    "": ("", ""),
    "head": ("← head", "outline:2px solid currentColor;outline-offset:2px"),
    "question": ("", ""),
    "waiting": ("waiting", "border:1px dashed #8888"),
    "running": ("running", "border:1px dashed #8888"),
    "failed": ("failed", "border:2px solid #c44;box-sizing:border-box"),
}
"""What each state says under a picture, and how its place looks."""


@dataclass(frozen=True)
class SheetItem:
    """One place of a sheet.

    Attributes
    ----------
    label : str
        Its name: ``t7``, ``cat.jpg``.
    caption : str
        A few words more: the prompt, the answer, why it failed.
    picture : Picture or Preview, optional
        What to show; None where there is none (yet).
    state : str
        ``head``, ``question``, ``waiting``, ``running``, ``failed``; empty for what is simply there.
    """

    label: str
    caption: str = ""
    picture: Picture | Preview | None = None
    state: State = ""

    @property
    def words(self) -> str:
        """The item on one line."""
        mark = _MARKS[self.state][0]
        named = f"? {self.label}" if self.state == "question" else self.label
        return "  ".join(
            part for part in (named, shorten(self.caption, 90), f"({mark})" if mark and self.state != "head" else mark) if part
        )


def sheet(items: Sequence[SheetItem], *, title: str = "", more: int = 0) -> Bundle:
    """Draw items in rows.

    Parameters
    ----------
    items : sequence of SheetItem
        In the order in which they are shown; of more than `MOST_ITEMS` the last ones are.
    title : str
        What it is a sheet of.
    more : int
        How many there are besides, which are counted only.

    Returns
    -------
    Bundle
        ``text/html``, a still image where there is a picture, and ``text/plain``.
    """
    more += max(0, len(items) - MOST_ITEMS)
    items = items[-MOST_ITEMS:]
    width = next(width for most, width in _WIDTHS if len(items) <= most)
    pictured = sum(item.picture is not None for item in items)
    each = (PREVIEW_BYTES - _MARKUP * len(items)) // max(1, pictured)
    seen = [_preview(item.picture, 2 * width, each) for item in items]
    rest = f"… {more} earlier not drawn" if more else ""
    head = f'<div style="margin:0 0 8px"><b>{escape(title)}</b></div>' if title else ""
    flow = f"display:grid;grid-template-columns:repeat(auto-fill,minmax({width}px,1fr));gap:14px;max-width:{6 * (width + 14)}px;{_TEXT}"
    html = [
        f'<div class="{NO_MATH}" style="max-width:100%">{head}',
        *([f'<div style="opacity:.8;font-size:.85em;margin:0 0 8px">{rest}</div>'] if rest else []),
        f'<div style="{flow}">',
        *(_cell(item, one, width) for item, one in zip(items, seen, strict=True)),
        "</div></div>",
    ]
    lines = [*([title] if title else []), *([rest] if rest else []), *(item.words for item in items)]
    shown = [(one, item.label) for item, one in zip(items, seen, strict=True) if one is not None][-_STILL:]
    image, facts = still(shown, f"{title or 'Contact sheet'}: {', '.join(label for _, label in shown)}") if shown else ({}, {})
    return Bundle({"text/html": "\n".join(html), **image, "text/plain": "\n".join(lines)}, facts, Bundle({"text/plain": title or rest}))


def _preview(picture: Picture | Preview | None, side: int, most_bytes: int) -> Preview | None:
    if picture is None or isinstance(picture, Preview):
        return picture
    try:
        return preview(picture, side, most_bytes)
    except NotebookImgError:  # its file is gone or damaged
        return None


def _cell(item: SheetItem, seen: Preview | None, width: int) -> str:
    mark, look = _MARKS[item.state]
    height = round(width * 0.75)
    if seen is not None:
        # Whole, whatever its shape, and not enlarged: what is small is drawn small.
        fit = min(width / seen.width, height / seen.height, 1 if max(seen.width, seen.height) > TINY_SIDE else 2)
        inner = image_html(seen, item.words, width=max(8, round(seen.width * fit)))
    else:
        inner = f'<span style="opacity:.8;padding:.6em">{escape(mark or "no picture")}</span>'
        look = look or "border:1px dashed #8888"
    place = f"height:{height}px;display:flex;align-items:flex-end;margin:0 0 4px;{look}".rstrip(";")
    named = f"<b>{escape(item.words.split('  ')[0])}</b>{f' {escape(mark)}' if mark and seen is not None else ''}"
    caption = f"<div>{escape(shorten(item.caption, 90))}</div>" if item.caption else ""
    return f'<figure style="margin:0"><div style="{place}">{inner}</div><figcaption>{named}{caption}</figcaption></figure>'
