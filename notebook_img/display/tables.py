"""Tables for people: HTML with named columns, and aligned text for a terminal."""

from __future__ import annotations

import unicodedata
from html import escape
from typing import TYPE_CHECKING, Any

from notebook_img.display.captions import NO_MATH
from notebook_img.pictures import Bundle, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELL = "padding:.25em .8em;text-align:{};vertical-align:top;overflow-wrap:break-word"
_PLAIN_WIDTH = 60
"""Characters a cell may take in a terminal."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "") -> Bundle:
    """Show rows as a table.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of sequences
        Cells; None is left empty, numbers (and text such as ``$0.034``) stand at the right. The first cell names its row.
    caption : str
        What the table is about.

    Returns
    -------
    Bundle
        ``text/html`` and ``text/plain``.
    """
    texts = [[_words(cell) for cell in [*row, *[None] * (len(columns) - len(row))]][: len(columns)] for row in rows]
    right = [
        bool(texts) and all(_is_number(row[k]) or not row[k] for row in texts) and any(row[k] for row in texts) for k in range(len(columns))
    ]
    return Bundle({"text/html": _html(columns, texts, right, caption), "text/plain": _plain(columns, texts, right, caption)})


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], caption: str) -> str:
    sides = [_CELL.format("right" if is_right else "left") for is_right in right]
    heads = "".join(f'<th scope="col" style="{side}">{escape(name)}</th>' for name, side in zip(columns, sides, strict=True))
    body = []
    for row in rows:
        cells = [
            f'<{tag} style="{side}{";font-weight:600" if k == 0 else ""}">{_lines(cell)}</{tag.split()[0]}>'
            for k, (cell, side) in enumerate(zip(row, sides, strict=True))
            for tag in ['th scope="row"' if k == 0 else "td"]
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f'<caption style="text-align:left;padding:.25em 0;opacity:.8">{escape(caption)}</caption>' if caption else ""
    if not rows:
        body.append(f'<tr><td colspan="{max(len(columns), 1)}" style="{_CELL.format("left")};opacity:.8">nothing yet</td></tr>')
    return "\n".join(
        [
            f'<table class="{NO_MATH}" style="border-collapse:collapse;margin:0;font-variant-numeric:tabular-nums">{title}',
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody></table>",
        ]
    )


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], caption: str) -> str:
    grid = [[shorten(cell, _PLAIN_WIDTH) for cell in row] for row in [columns, *rows]]
    widths = [max(columns_wide(row[k]) for row in grid) for k in range(len(columns))]
    lines = [[_padded(cell, width, is_right) for cell, width, is_right in zip(row, widths, right, strict=True)] for row in grid]
    lines.insert(1, ["-" * width for width in widths])
    text = ["  ".join(line).rstrip() for line in lines]
    return "\n".join([*([caption] if caption else []), *text, *([] if rows else ["nothing yet"])])


def columns_wide(text: str) -> int:
    """Return how many terminal columns `text` takes; Chinese, Japanese and Korean characters take two each."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, right: bool) -> str:
    room = " " * (width - columns_wide(text))
    return room + text if right else text + room


def _words(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{cell:,.6g}" if isinstance(cell, float) else str(cell)


def _is_number(text: str) -> bool:
    bare = text.strip().removeprefix("-").removeprefix("$").removesuffix("%").removesuffix("s").strip().replace(",", "")
    return bare.replace(".", "", 1).isdigit()


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())
