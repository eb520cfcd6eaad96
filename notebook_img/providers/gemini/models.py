"""The Gemini models as data: what each takes, what it costs, and where each row comes from.

Rows were checked on 2026-11-20 against google-genai 3.4.0, Google's model and price pages, and where those were silent,
what other clients wrote down. A name that is not here is passed on with permissive capabilities.
"""

from __future__ import annotations

from dataclasses import replace

from notebook_img.providers.interface import Capabilities, ModelInfo, OwnOption, Price

CHECKED = "2026-11-20"
PICTURES = "gemini-nano-banana-2.1"
"""Default for making and editing pictures: GA since 2026-10-06."""
QUESTIONS = "gemini-3.8-flash"
"""Default for questions: the model of google-genai 3.4.0's own examples, and its list's most capable Flash model."""

TEN_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
ALL_RATIOS = (*TEN_RATIOS, "1:8", "8:1", "1:4", "4:1")
INPUT_TYPES = ("image/png", "image/jpeg", "image/webp")
"""The types every model takes. The SDK names GIF, BMP, TIFF and HEIC too, but Gemini refused GIF where it was tried."""
MOST_PICTURES = 14
PICTURE_TOKENS = 1120
"""Tokens one input picture counts, measured by others for 3.1; used for estimates only."""
DEFAULT_SIZE = "1K"
REQUEST_BYTES = 70_000_000
"""Bytes of all pictures of one request before base64: the service takes requests of 100 MB since 2026-01-08."""


def _thinking(*levels: str) -> tuple[OwnOption, ...]:
    return (OwnOption("thinking", "How long the model thinks before it paints.", levels),) if levels else ()


_PAINTS = Capabilities(
    kinds=frozenset({"generate", "edit", "ask"}),
    aspect_ratios=TEN_RATIOS,
    sizes=("1K",),
    max_inputs=MOST_PICTURES,
    max_count=8,
    mask="words",
    boxes=True,
    streams_text=True,
    history=("window", "full", "server"),
    input_mime_types=INPUT_TYPES,
    max_input_bytes=20_000_000,
    # Above the longest side of anything the models make, so that their own pictures are never scaled.
    max_input_side=8192,
)
_ANSWERS = replace(
    _PAINTS, kinds=frozenset({"ask"}), aspect_ratios=(), sizes=(), max_inputs=16, max_count=1, schema=True, mask="no", options=()
)

MODELS: tuple[ModelInfo, ...] = (
    ModelInfo(
        PICTURES,
        replace(_PAINTS, aspect_ratios=ALL_RATIOS, sizes=("1K", "2K", "4K"), options=_thinking("minimal", "medium", "high")),
        price=Price(per_picture={"1K": 0.0336, "2K": 0.0504, "4K": 0.113}, text_in=1.50, image_in=1.50),
        aliases=("nano-banana-2.1", "nano-banana"),
        note="Up to 14 references: 10 objects, 4 characters. Input pictures are counted at the text rate, the only one published.",
        source=f"Google's model and price pages, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3-pro-image",
        replace(_PAINTS, sizes=("1K", "2K", "4K")),
        price=Price(per_picture={"1K": 0.134, "2K": 0.134, "4K": 0.24}),
        aliases=("nano-banana-pro", "nano-banana-pro-preview"),
        note="Always thinks. One client found about 11 of the 14 references usable.",
        source=f"Google's model page, price by third parties, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3.1-flash-lite-image",
        replace(_PAINTS, options=_thinking("minimal", "high")),
        price=Price(per_picture={"1K": 0.034}),
        note="The price is approximate.",
        source=f"Google's model page, price by third parties, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3.1-flash-image",
        replace(_PAINTS, aspect_ratios=ALL_RATIOS, sizes=("512", "1K", "2K", "4K"), options=_thinking("minimal", "high")),
        status="deprecated",
        price=Price(per_picture={"512": 0.045, "1K": 0.067, "2K": 0.101, "4K": 0.151}, image_out=60.0),
        note="Probably switched off on 2026-10-29.",
        source=f"Google's price page, end by third parties, {CHECKED}",
    ),
    ModelInfo(
        "gemini-2.5-flash-image",
        # It sends no thought signatures, so only the first picture itself still tells how the subject looked.
        replace(_PAINTS, needs_first_input=True),
        status="legacy",
        price=Price(per_picture={"1K": 0.039}),
        note="Best with at most 3 references. Google's pages disagree on its end (2026-10-02, 2027-03-15).",
        source=f"Google's model page, price by third parties, {CHECKED}",
    ),
    *(
        ModelInfo(name, _ANSWERS, note=note, source=f"model list of google-genai 3.4.0, {CHECKED}; prices not checked")
        for name, note in (
            (QUESTIONS, "Answers questions."),
            ("gemini-4-argon", "Answers questions; frontier model."),
            ("gemini-3.5-flash-lite", "Answers questions; fastest."),
        )
    ),
)
# Preview ids of image models ended on 2026-06-25 and Imagen is shut down; both are left out on purpose.

BY_NAME = {name: row for row in MODELS for name in (row.name, *row.aliases)}


def info(name: str) -> ModelInfo:
    """Return the row for a model, by name or alias, with or without ``models/``; permissive capabilities when unknown."""
    bare = name.removeprefix("models/")
    if bare in BY_NAME:
        return BY_NAME[bare]
    capabilities = replace(_PAINTS, aspect_ratios=None, sizes=None, schema=True)
    return ModelInfo(bare, capabilities, status="unknown", note="Not in our table: passed on as it is, price unknown.")


def current() -> str:
    """Return the names of the current models, for a sentence."""
    return ", ".join(row.name for row in MODELS if row.status == "current")
