"""What a model takes and costs, as data: a part of interface.py, where authors of providers import it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["generate", "edit", "ask"]
HistoryKind: TypeAlias = Literal["window", "full", "server"]

NAMED_SIZES: Mapping[str, int] = {"512": 512, "1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096}
"""Side, pixels, of a square of that named size. Services keep its area for other ratios (the facts of each model's table)."""


@dataclass(frozen=True)
class OwnOption:
    """An option only some services have (quality, background, guidance ...)."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    type: type = str
    kinds: frozenset[Kind] = frozenset({"generate", "edit"})


@dataclass(frozen=True)
class Capabilities:
    """What one model accepts, as data. The studio checks a request against it before anything is sent.

    ``None`` for a tuple means "anything"; an empty tuple means "not at all".
    """

    kinds: frozenset[Kind] = frozenset({"generate", "edit", "ask"})
    aspect_ratios: tuple[str, ...] | None = None
    sizes: tuple[str, ...] | None = None
    """Named sizes such as ``2K``."""
    pixel_sizes: bool = False
    """Whether ``WIDTHxHEIGHT`` is taken as a size."""
    size_step: int = 1
    """Width and height must be multiples of this many pixels."""
    min_pixels: int = 0
    max_pixels: int | None = None
    """Bounds on width x height of an asked-for size."""
    max_side: int | None = None
    """Longest side, pixels, of an asked-for size."""
    max_ratio: float = 16.0
    """Longer side against the shorter, at the most."""
    fixed_sizes: tuple[tuple[int, int], ...] = ()
    """Width and height of the only sizes it makes, where these are few."""
    usual_pixels: int = 1024 * 1024
    """Width times height of what it makes where nothing is asked."""
    keeps_frame: bool = False
    """Whether an edit has the very frame of its input, pixel for pixel, so that for a mask no part needs to be cut out."""
    max_inputs: int = 14
    """Input pictures and references together."""
    max_count: int = 8
    """Pictures per call (``-n``), whether by one request or several in parallel."""
    mask: Literal["native", "words", "no"] = "words"
    """``native``: a mask is sent; ``words``: the region is described in the prompt; ``no``: no edits inside a mask.

    Confining the result to the mask is the studio's work in every case.
    """
    mask_alone: bool = False
    """Whether a mask that is sent goes with one picture only, and no references."""
    seed: bool = False
    negative_prompt: bool = False
    strength: bool = False
    schema: bool = False
    """Whether the model can be held to a JSON schema by the service itself."""
    boxes: bool = False
    detail: bool = False
    partial_pictures: bool = False
    streams_text: bool = False
    history: tuple[HistoryKind, ...] = ("window",)
    needs_first_input: bool = False
    input_mime_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    max_input_bytes: int = 20_000_000
    """Bytes of one input picture; larger ones are sent as a smaller copy, with a warning."""
    max_input_side: int | None = None
    max_input_pixels: int | None = None
    prompt_limit: int | None = None
    """Characters."""
    options: tuple[OwnOption, ...] = ()


@dataclass(frozen=True)
class Price:
    """What a model costs in US dollars, in the days from `since` to `until`; ``None`` where unknown.

    Rates are per million tokens; `providers/pricing.py` does the arithmetic.
    """

    per_picture: Mapping[str, float] = field(default_factory=dict)
    """By the name of a size (``"1K"``), or ``"*"`` for every size."""
    text_in: float | None = None
    text_out: float | None = None
    """Thoughts included, unless `thought_out` says otherwise."""
    image_in: float | None = None
    image_out: float | None = None
    per_reference: float | None = None
    """Per picture that goes along, in every picture made."""
    by_pixels: tuple[tuple[int, float], ...] = ()
    """The price of one picture of at most so many pixels (width x height), smallest first; it comes before `per_picture`."""
    exact_size: float | None = None
    """The price of one picture whose width and height were asked for, where a source has another one for those: the top of estimates."""
    thought_out: float | None = None
    cached_in: float | None = None
    """Input the service had in its cache; None: at the full rate."""
    cached_image_in: float | None = None
    """The same of pictures; None: like `cached_in`."""
    free_references: int = 0
    """How many of the pictures that go along are free, where `per_reference` is set."""
    long_from: int | None = None
    """Tokens of input above which all rates are multiplied by `long_factors` (in, out)."""
    long_factors: tuple[float, float] = (1.0, 1.0)
    since: str = ""
    until: str = ""
    """First and last local day it holds, ``YYYY-MM-DD``; empty: open."""
    then: Price | None = None
    """The price that follows it."""
    about: bool = False
    """Whether it rests on third parties alone: shown with "about"."""
    source: str = ""
    checked: str = ""
    """The day the source was read."""

    def on(self, day: str) -> Price:
        """Return the price of a day: this one, or one that follows it."""
        return self.then.on(day) if self.then is not None and self.until and day > self.until else self


@dataclass(frozen=True)
class ModelInfo:
    """One row of a provider's model table."""

    name: str
    """The bare model name, without ``provider:``."""
    capabilities: Capabilities
    status: Literal["current", "legacy", "deprecated", "retired", "unknown"] = "current"
    price: Price | None = None
    aliases: tuple[str, ...] = ()
    note: str = ""
    source: str = ""
    """Where the row comes from, and when."""
    ends: str = ""
    """The last day the service is said to have it, ``YYYY-MM-DD``. It warns; the judge is the service's own 404 or 410."""
    successor: str = ""
    """The bare model that takes its place."""
