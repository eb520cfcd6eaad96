"""Two pictures against each other: side by side, the difference, the numbers, and one over the other with a handle.

Plain HTML and CSS: no script and no kernel is needed, so that it works in saved pages too. The handle is a resizable box (CSS
``resize``); where styles are removed it becomes two pictures.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from notebook_img.display.captions import NO_MATH, QUIET, SEPARATOR
from notebook_img.display.differences import VISIBLE, confront, heat
from notebook_img.display.figures import image_html
from notebook_img.pictures import Bundle, encode_within, measure_drift, scale_down, shorten, still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture, Preview

_SMALL_SIDE, _SMALL_BYTES = 320, 9_000
_SMALL_WIDTH = 256
"""On the page, CSS pixels: three fit beside each other in a cell of JupyterLab on a laptop."""
_LARGE_SIDE, _LARGE_BYTES = 640, 20_000
_HEAT_BYTES = 9_000
_OVER = "position:var(--none,absolute)"
"""A property that is never set, hence ``absolute``. JupyterLab 4.6 takes ``resize`` and ``cqw`` out of untrusted HTML but leaves
``position``; variables it takes out as well, and so the slider comes apart as a whole, into two pictures."""
# Two small, two large, one heat map and the still image: 112 kB at most, hence below 150 kB in the notebook.


def compare(a: Picture, b: Picture, labels: Sequence[str] = ("before", "after")) -> Bundle:
    """Compare two pictures.

    Parameters
    ----------
    a, b : Picture
        `b` is brought to the size of `a` when they differ, and that is said.
    labels : sequence of str
        Two names, for example turn ids.

    Returns
    -------
    Bundle
        ``text/html`` and ``text/plain``.
    """
    names = [shorten(label, 60) or fallback for label, fallback in zip([*labels, "", ""], ("first", "second"), strict=False)]
    compared = confront(a, b)
    numbers = compared.numbers
    line = SEPARATOR.join(numbers.parts())
    drift = [f"{names[1]} against {names[0]}: {measure_drift(b, a).words()}."] if numbers.touched else []
    notes = [*numbers.notes, *drift]
    map_image, top = heat(compared.gaps, _SMALL_SIDE)
    drawn = [(compared.first, names[0]), (compared.second, names[1])]
    small = [encode_within(scale_down(image, _SMALL_SIDE), _SMALL_BYTES) for image, _ in drawn]
    cells = [_cell(seen, f"<b>{escape(name)}</b>", f"{name}, side by side") for seen, (_, name) in zip(small, drawn, strict=True)]
    if numbers.touched:
        seen = encode_within(map_image, _HEAT_BYTES)
        cells.append(_cell(seen, _legend(top), f"Difference of {names[0]} and {names[1]}: {numbers.parts()[0]}", small[0].width))
        large = [encode_within(scale_down(image, _LARGE_SIDE), _LARGE_BYTES) for image, _ in drawn]
        slider = _slider(large, names)
    else:
        slider = ""
    out = [
        f'<figure class="{NO_MATH}" style="margin:0">',
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start">',
        *cells,
        "</div>",
        f'<figcaption><div style="{QUIET}"><b>{escape(names[0])}</b> and <b>{escape(names[1])}</b>: {escape(line)}</div>',
        *(f'<div style="{QUIET}">{escape(note)}</div>' for note in notes),
        "</figcaption>",
        slider,
        "</figure>",
    ]
    plain = [f"{names[0]} and {names[1]}: {line}", *notes]
    image, facts = still(list(zip(small, names, strict=True)), plain[0], columns=2)
    words = Bundle({"text/html": "\n".join(f'<div style="{QUIET}">{escape(said)}</div>' for said in plain), "text/plain": "\n".join(plain)})
    return Bundle({"text/html": "\n".join(part for part in out if part), **image, "text/plain": "\n".join(plain)}, facts, words)


def _cell(seen: Preview, label: str, alt: str, width: int | None = None) -> str:
    """Return one of the pictures beside each other; `label` is HTML."""
    width = min(max(width or seen.width, 128), _SMALL_WIDTH)
    image = image_html(seen, alt, width=width, style="image-rendering:pixelated" if seen.width < width else "")
    under = f'<figcaption style="{QUIET};margin:.2em 0 0">{label}</figcaption>'
    return f'<figure style="margin:0;width:{width}px;max-width:100%">{image}{under}</figure>'


def _legend(top: int) -> str:
    ramp = "#000004,#50127b 6%,#b63679 25%,#fb8861 56%,#fcfdbf"
    bar = f'<span style="display:inline-block;width:64px;height:.7em;border-radius:2px;background:linear-gradient(90deg,{ramp})"></span>'
    most = "255" if top >= 255 else f"{top} or more"
    return f'<span><b>difference</b> <span title="dark: the same; light: differs most; visible from {VISIBLE}">0 {bar} {most}</span></span>'


def _slider(large: Sequence[Preview], names: Sequence[str]) -> str:
    """Lay the first picture over the second, in a box whose right edge can be dragged.

    The box takes its width from an invisible strip that is resizable and stretched up and down, so that its corner (what a
    browser lets one drag) is as high as the picture. The strip is lower than that corner, some 15 pixels, or its upper end would
    not be part of it.
    """
    width = max(large[1].width, 256)
    fill = "display:block;width:100%;height:auto;border-radius:0"
    over = f"{_OVER};left:0;top:0;width:100cqw;max-width:none;height:auto;border-radius:0;pointer-events:none"
    stage = "position:relative;container-type:inline-size;max-width:100%;margin:14px 0 0;overflow:hidden;border-radius:3px"
    plate = "top:8px;padding:.1em .5em;border-radius:3px;background:#000a;color:#fff;font-size:.85em;pointer-events:none"
    strip = "width:50cqw;min-width:18px;max-width:100cqw;height:var(--none,12px);resize:horizontal;overflow:hidden;opacity:0"
    strip += ";transform:translateY(-240px) scaleY(120);transform-origin:0 0"
    grip = (
        f"{_OVER};right:-15px;top:50%;width:var(--none,28px);height:var(--none,28px);margin-top:var(--none,-14px);border-radius:50%;pointer-events:none;"
        "background:linear-gradient(90deg,#0000 36%,#555 36% 44%,#0000 44% 56%,#555 56% 64%,#0000 64%) center/100% 36% no-repeat #fff;"
        "box-shadow:0 0 4px #0008"
    )
    clip = "position:relative;height:100%;max-width:100%;overflow:hidden;box-shadow:2px 0 0 #fff,3px 0 3px #0008"
    first, second = (f"<b>{escape(name)}</b>" for name in names)
    return "\n".join(
        [
            f'<div style="{stage};width:{width}px">',
            image_html(large[1], f"{names[1]}, large", width=width, style=fill),
            f'<div style="{_OVER};{plate};right:8px">{escape(names[1])}</div>',
            f'<div style="{_OVER};left:0;top:0;height:100%"><div style="{clip}">',
            image_html(large[0], f"{names[0]}, large", width=width, style=over),
            f'<div style="{strip}"></div>',
            f'<div style="{_OVER};{plate};left:8px">{escape(names[0])}</div>',
            f'</div><div style="{grip}" aria-hidden="true"></div></div>',
            "</div>",
            f'<div style="{QUIET}">Drag the line between {first} and {second} (without styles they appear one below the other).</div>',
        ]
    )
