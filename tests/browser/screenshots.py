"""Screenshots for the documentation, written only when NOTEBOOK_IMG_SCREENSHOTS=1 asks for them."""

from __future__ import annotations

import io
import os
from typing import Any

from PIL import Image

from tests.browser.conftest import ROOT

FOLDER = ROOT / "docs" / "screenshots"
MOST_BYTES = 200_000
GAP = 24
"""Pixels between two screenshots."""
ACCENTS = ("#1463c4", "#6cb0ff", "#e4effc", "#18314f", "#1a6b34", "#6fd48b", "#ffffff")
WANTED = os.environ.get("NOTEBOOK_IMG_SCREENSHOTS") == "1"  # read now: tests see no settings of the user


def take(place: Any, name: str) -> None:
    """Keep a picture of an element as PNG of at most 200 kB."""
    if WANTED:
        _keep(_opened(place.screenshot(animations="disabled")), name)


def take_beside(earlier: bytes, place: Any, name: str) -> None:
    """Keep an earlier screenshot and one of an element side by side."""
    if WANTED:
        left, right = _opened(earlier), _opened(place.screenshot(animations="disabled"))
        both = Image.new("RGB", (left.width + GAP + right.width, max(left.height, right.height)), "white")
        both.paste(left, (0, 0))
        both.paste(right, (left.width + GAP, 0))
        _keep(both, name)


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _keep(image: Image.Image, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # A photograph would take all colours of the palette; the few strong ones of buttons and lines get a share of their own.
    strong = Image.new("RGB", (image.width, image.height // 6 // len(ACCENTS) * len(ACCENTS)))
    for index, colour in enumerate(ACCENTS):
        band = strong.height // len(ACCENTS)
        strong.paste(colour, (0, index * band, image.width, (index + 1) * band))
    both = Image.new("RGB", (image.width, image.height + strong.height))
    both.paste(image)
    both.paste(strong, (0, image.height))
    for colours in (256, 192, 128, 96, 64, 48):
        palette = both.quantize(colours)
        for dither in (Image.Dither.FLOYDSTEINBERG, Image.Dither.NONE):
            file = io.BytesIO()
            image.quantize(palette=palette, dither=dither).save(file, "PNG", optimize=True)
            if file.tell() <= MOST_BYTES:
                (FOLDER / f"{name}.png").write_bytes(file.getvalue())
                return
