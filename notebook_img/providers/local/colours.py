"""Colour names: read from prompts, and found for the colours of a picture. Light: neither PIL nor numpy."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from notebook_img.providers.local.phrases import Phrase

Rgb: TypeAlias = tuple[int, int, int]

NAMED: dict[str, str] = dict(
    pair.strip().rsplit(" ", 1)
    for pair in """
    black 000000, charcoal 36393f, dark grey 4d4d4d, grey 808080, silver c0c0c0, light grey d3d3d3, off-white f3f0e8, white ffffff,
    slate 5b6876, dark slate 2f3e46, steel blue 4682b4, gunmetal 2a3439, ash b2beb5, pearl e6e2d8, ivory fffff0, cream fff5d7, beige e8dcc0,
    sand d8c39a, tan c8a878, khaki b5a76c, taupe 8b7d6b, umber 635147, brown 7b4a24, dark brown 4a2c17, very dark brown 2a1a10,
    chocolate 5c3317, coffee 6f4e37, chestnut 80461b, sienna a0522d, rust b7410e, copper b87333, bronze a97142, terracotta cc6b49,
    caramel b8763e, ochre cc8a22, mustard d6a520, gold f2c14e, amber ffb300, honey dd9f3d, straw e3d48b, wheat f0dcae, yellow ffe11a,
    lemon fff44f, pale yellow fffab0, light brown a97b50, dusty brown 977565, orange ff8c1a, dark orange d9660d, burnt orange bf5516,
    pumpkin ea7317, apricot fbceb1, peach ffcba4, salmon fa8072, coral ff6f52, tomato ff5540, vermilion e34234, red e6191e, scarlet ff2400,
    crimson b8142c, dark red 8b0000, maroon 6a0f1f, burgundy 5e1224, wine 722f37, brick red a03a2c, rose e8638c, dusty rose b5787f,
    pink ff9ebb, light pink ffd1dc, hot pink ff5bab, blush e7b9b4, raspberry c2185b, magenta e0189f, fuchsia f02fd0, plum 74355b,
    mauve 9d7b9c, lilac c5a3d6, lavender cdbfee, violet 8443c4, purple 6f1f9c, dark purple 3b1450, aubergine 3d2138, orchid cf6bd0,
    indigo 3d1f8f, navy 10163f, midnight blue 191b50, dark blue 12218f, royal blue 2f53d6, blue 1f4fe0, cobalt 1747a6, azure 2a8cff,
    sky blue 86c5f0, light blue b3daf2, pale blue d9ebf7, powder blue b6cfe0, dusty blue 7f9ab5, slate blue 61709c, cornflower 6a93e8,
    cerulean 1f86b8, petrol 115469, teal 0f8080, dark teal 0b4a4d, turquoise 38cfc2, cyan 19d8ee, aqua 7fe5e8, mint aef0cd, seafoam 8fd8b2,
    jade 1fa36c, emerald 22a85a, green 23932f, dark green 0f4a1c, forest green 245c2a, grass green 5ba432, olive 75762a, dark olive 484a20,
    moss 7c8f4a, sage a4b494, light green a5e08e, lime b6e62e, chartreuse c9f22e, pistachio b7d69a, grey-green 7c8f80, grey-blue 76879c,
    grey-brown 83786c, dark grey-green 3f4a40, dark grey-blue 3b4657, dark grey-brown 453d37, warm grey 9b9288, cool grey 8b939c
    """.replace("\n", " ").split(",")
)
"""Plain names of colours as people say them; hexadecimal sRGB. Chosen for this package."""

HEX = r"#[0-9a-f]{6}|#[0-9a-f]{3}"
RGB = r"rgb ?\( ?\d+ ?, ?\d+ ?, ?\d+ ?\)"


def to_rgb(text: str) -> Rgb:
    """Return red, green and blue, 0 to 255, of ``#rrggbb``."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def to_hex(rgb: tuple[float, float, float] | Rgb) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*(max(0, min(255, round(value))) for value in rgb))


@functools.cache
def _by_key() -> dict[str, str]:
    from PIL import ImageColor  # the CSS names besides ours

    # Pillow puts a tuple in the place of a name's text once somebody has used it, so both are read.
    known = {name: to_hex(ImageColor.getrgb(name)[:3]) for name in tuple(ImageColor.colormap)}
    ours = {re.sub(r"[^a-z]", "", name): f"#{value}" for name, value in NAMED.items()}
    # What people type means the pure CSS colour; what a palette is told in means the nearest plain name.
    merged = {**ours, **known, "darkgrey": ours["darkgrey"], "darkgray": ours["darkgrey"]}  # CSS has dark grey lighter than grey
    merged.update({key.replace("grey", "gray"): value for key, value in ours.items() if "grey" in key})
    merged.update({f"bright{key}": merged[key] for key in ("red", "green", "blue", "yellow", "orange", "pink")})
    return merged


def parse(text: str) -> str | None:
    """Return ``#rrggbb`` for a name, ``#rgb``, ``#rrggbb`` or ``rgb(r, g, b)``; None if it is none."""
    text = text.strip().casefold()
    if re.fullmatch(HEX, text):
        return text if len(text) == 7 else "#" + "".join(2 * letter for letter in text[1:])
    if re.fullmatch(RGB, text):
        values = [int(value) for value in re.findall(r"\d+", text)]
        return to_hex((values[0], values[1], values[2])) if max(values) <= 255 else None
    return _by_key().get(re.sub(r"[^a-z]", "", text)) if re.fullmatch(r"[a-z][a-z \-]*", text) else None


def take(phrase: Phrase) -> str | None:
    """Take the first colour out of a phrase and return it as ``#rrggbb``."""
    explicit = re.search(rf"(?:{HEX}(?![0-9a-z])|{RGB})", phrase.text, re.IGNORECASE)
    if explicit:
        found = parse(explicit.group())
        if found:
            phrase.text = f"{phrase.text[: explicit.start()]} {phrase.text[explicit.end() :]}"
            return found
    words = list(re.finditer(r"[A-Za-z]+", phrase.text))
    for index in range(len(words)):
        for length in (3, 2, 1):
            span = words[index : index + length]
            text = phrase.text[span[0].start() : span[-1].end()]
            if len(span) == length and re.fullmatch(r"[A-Za-z]+(?:[ \-][A-Za-z]+)*", text) and (found := parse(text)):
                phrase.text = f"{phrase.text[: span[0].start()]} {phrase.text[span[-1].end() :]}"
                return found
    return None


def _lab(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return CIE L*a*b* (D65) of sRGB, after IEC 61966-2-1 and CIE 15."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (part / 255 for part in rgb)]
    red, green, blue = linear
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@functools.cache
def _named_lab() -> dict[str, tuple[float, float, float]]:
    return {name: _lab(to_rgb(f"#{value}")) for name, value in NAMED.items()}


def name(rgb: tuple[float, float, float]) -> str:
    """Return the nearest plain name of a colour, by distance in CIE L*a*b*."""
    wanted = _lab(rgb)
    return min(_named_lab(), key=lambda known: sum((a - b) ** 2 for a, b in zip(wanted, _named_lab()[known], strict=True)))


def words(colour: str) -> str:
    """Return how a colour is called in a sentence: its CSS or plain name, or ``#rrggbb``."""
    for known, value in _by_key().items():
        if value.casefold() == colour.casefold():
            return next((name for name in NAMED if re.sub(r"[^a-z]", "", name) == known), known)
    return colour
