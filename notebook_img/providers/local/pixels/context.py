"""What an operation may know besides the picture, and the two ways to leave transparency alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from PIL import Image

Values: TypeAlias = Mapping[str, Any]


@dataclass
class Context:
    """Surroundings of one run."""

    images: Sequence[Image.Image] = ()
    """All pictures of the request, the edited one first, in one space."""
    names: Sequence[str] = ()
    """What each of them is called."""
    space: bytes | None = None
    """Profile of their numbers, None for sRGB; the colours of an operation are given in it."""
    seed: int = 0
    region: tuple[int, int, int, int] | None = None
    """Bounds of the mask: left, top, right, bottom in pixels."""
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How something was done, in a few words each, for the caption."""

    def warn(self, sentence: str) -> None:
        """Keep a sentence for the reply, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def say(self, words: str) -> None:
        """Keep a few words for the caption, once."""
        if words not in self.notes:
            self.notes.append(words)


Function: TypeAlias = Callable[[Image.Image, Values, Context], Image.Image]


def on_colour(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Apply `change` to red, green and blue; the transparency stays as it is."""
    if image.mode != "RGBA":
        return change(image)
    result = change(image.convert("RGB"))
    result.putalpha(image.getchannel("A"))
    return result


def visible(image: Image.Image) -> Image.Image | None:
    """Return a mask of the pixels that can be seen at all, None where all can: hidden colours say nothing about a picture."""
    if image.mode != "RGBA":
        return None
    mask = image.getchannel("A").point([0] + [255] * 255)
    return mask if mask.getbbox() else None


BAND = 512
"""Rows worked on at a time, so that a large picture does not need many times its size."""


def in_bands(image: Image.Image, change: Callable[[Image.Image], Image.Image], reach: int) -> Image.Image:
    """Apply a change that looks no further than `reach` rows, to some rows at a time and on all cores; the size stays."""
    if image.height <= 2 * BAND:
        return change(image)

    def part(top: int) -> Image.Image:
        bottom, above = min(image.height, top + BAND), min(reach, top)
        changed = change(image.crop((0, top - above, image.width, min(image.height, bottom + reach))))
        return changed.crop((0, above, image.width, above + bottom - top))

    result = Image.new(image.mode, image.size)
    starts = range(0, image.height, BAND)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for top, done in zip(starts, pool.map(part, starts), strict=True):
            result.paste(done, (0, top))
    return result


def premultiplied(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Apply `change` with colours weighed by their opacity, so that hidden colours do not bleed into visible ones."""
    return change(image.convert("RGBa")).convert("RGBA") if image.mode == "RGBA" else change(image)


def blended(before: Image.Image, after: Image.Image, percent: float) -> Image.Image:
    """Return the mix of both with `percent` of `after`."""
    return after if percent >= 100 else Image.blend(before, after, max(percent, 0) / 100)
