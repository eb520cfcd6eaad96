"""One result as one HTML figure: a picture, or several in a labelled grid, with the caption under it.

It is HTML, because JupyterLab 4.6 and nbconvert 7.17 drop an image's alternative text and have no place for a caption; beside it
is a small still image, since LaTeX, PDF and qtconsole take no HTML. Both together stay below 150 kB in the notebook.
Styles are inline and may be removed (untrusted notebooks, GitHub) without anything getting lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from notebook_img.display.captions import NO_MATH, QUIET, Caption
from notebook_img.pictures import PREVIEW_BYTES, PREVIEW_SIDE, TINY_SIDE, Bundle, Preview, preview, shorten, size_words, smaller, still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture

_SIDES = ((4, 512), (9, 384), (10**9, 256))
"""Longest side of each preview by the number of pictures in the grid, pixels."""
# Seen through what is transparent; grey that works on white and on black pages.
_CHEQUERED = "background:repeating-conic-gradient(#8884 0 25%,#8881 0 50%) 0 0/16px 16px"


@dataclass(frozen=True)
class Shot:
    """One picture of a figure.

    Attributes
    ----------
    picture : Picture or Preview
        What to show; a preview is shown as it is.
    label : str
        Stands under it in a grid: ``t7.1``.
    alt : str
        Alternative text; made from label and size when empty.
    """

    picture: Picture | Preview
    label: str = ""
    alt: str = ""

    @property
    def words(self) -> str:
        """The alternative text, on one line."""
        if self.alt:
            return shorten(self.alt, 240)
        return ", ".join(part for part in (self.label or "Picture", size_words((self.picture.width, self.picture.height))) if part)


def figure(
    shots: Sequence[Shot], caption: Caption, *, max_side: int = PREVIEW_SIDE, max_bytes: int = PREVIEW_BYTES, text: str = ""
) -> Bundle:
    """Show a result.

    Parameters
    ----------
    shots : sequence of Shot
        One picture, or several for a grid.
    caption : Caption
        What stands under it.
    max_side : int
        Longest side of a preview, pixels; less in a grid.
    max_bytes : int
        Bytes of all previews together.
    text : str
        More plain text, put under the caption.

    Returns
    -------
    Bundle
        ``text/html``, a still image and ``text/plain``.
    """
    side = max_side if len(shots) == 1 else min(max_side, next(side for most, side in _SIDES if len(shots) <= most))
    seen = [small(shot.picture, side, max_bytes // len(shots)) for shot in shots]
    inner = image_html(seen[0], shots[0].words) if len(shots) == 1 else _grid(shots, seen)
    under = caption.html() + (f"\n<div>{'<br>'.join(escape(line) for line in text.splitlines())}</div>" if text else "")
    # Alone it is a plain element: sanitised pages show the tags they do not know as text.
    alone = Bundle({"text/html": f'<div class="{NO_MATH}">{under}</div>', "text/plain": caption.plain()}) if under else None
    under = f'\n<figcaption class="{NO_MATH}">{under}</figcaption>' if under else ""
    plain = [f"[{shot.words}]" for shot in shots]
    plain += [part for part in (caption.plain(), text) if part]
    image, facts = still([(one, shot.label) for one, shot in zip(seen, shots, strict=True)], "; ".join(shot.words for shot in shots))
    html = f'<figure style="margin:0">\n{inner}{under}\n</figure>'
    return Bundle({"text/html": html, **image, "text/plain": "\n".join(plain)}, facts, alone)


def small(picture: Picture | Preview, side: int, most_bytes: int) -> Preview:
    """Return the preview of a picture; what already is one stays as it is where it is small enough."""
    return smaller(picture, side, most_bytes) if isinstance(picture, Preview) else preview(picture, side, most_bytes)


def image_html(seen: Preview, alt: str, *, width: int | None = None, style: str = "") -> str:
    """Return an ``<img>`` that shrinks with the page; icons are enlarged with hard edges.

    Parameters
    ----------
    seen : Preview
        The picture.
    alt : str
        Alternative text, not escaped yet.
    width : int, optional
        Width on the page, CSS pixels; the preview's own when not given.
    style : str
        More inline style.
    """
    styles = ["display:block", "max-width:100%", "height:auto", "border-radius:3px"]
    if width is None:
        width = seen.width
        if max(seen.width, seen.height) <= TINY_SIDE:
            width *= max(1, 2 * TINY_SIDE // max(seen.width, seen.height, 1))
            styles.append("image-rendering:pixelated")
    if seen.mime_type == "image/png":
        styles.append(_CHEQUERED)
    if style:
        styles.append(style)
    return f'<img alt="{escape(alt)}" src="{seen.url}" width="{width}" style="{";".join(styles)}">'


def _grid(shots: Sequence[Shot], seen: Sequence[Preview]) -> str:
    # As wide as the pictures want to be, fewer beside each other on a narrow page; without styles one under the other.
    widest = 340 if len(shots) <= 4 else 240 if len(shots) <= 9 else 160
    cells = []
    for shot, one in zip(shots, seen, strict=True):
        label = f'<figcaption style="{QUIET};margin:.2em 0 0">{escape(shot.label)}</figcaption>' if shot.label else ""
        image = image_html(one, shot.words, width=min(widest, one.width) if max(one.width, one.height) > TINY_SIDE else None)
        cells.append(f'<figure style="margin:0;display:inline-block;max-width:100%">{image}{label}</figure>')
    return '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-end">\n' + "\n".join(cells) + "\n</div>"
