"""The Gemini models as data: what each takes, what it costs, and where each row comes from.

Rows were checked on 2026-11-20 against google-genai 3.4.0, Google's model and price pages, and where those were silent,
what other clients wrote down. A name that is not here is passed on with permissive capabilities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
"""Tokens one input picture counts, of whatever size: measured by others for 3.1, and about 1,090 for questions
(JOHNISKING/image-token-cost, third party); used for estimates only."""
ANSWER_TOKENS = (100, 2000)
THOUGHT_TOKENS = (0, 1500)
"""The least and the most tokens of an answer, and of thoughts before a picture, that estimates count with: guesses, no source has them."""
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

GOOGLE = "Google's model and price pages"
THIRD = "2026-11-27"
"""When the third parties' texts were read."""


GENAI_PRICES = "pydantic/genai-prices 0.2.3, which names Google's price page"


def _about(source: str, **rates: Any) -> Price:
    return Price(**rates, about=True, source=f"{source} (third party)", checked=THIRD)


MODELS: tuple[ModelInfo, ...] = (
    ModelInfo(
        PICTURES,
        replace(_PAINTS, aspect_ratios=ALL_RATIOS, sizes=("1K", "2K", "4K"), options=_thinking("minimal", "medium", "high")),
        price=Price(
            {"1K": 0.0336, "2K": 0.0504, "4K": 0.1134},
            text_in=1.50, image_in=1.50, image_out=30.0, text_out=7.50,
            source=f"{GOOGLE}; words and thoughts by litellm discussion 44983 (third party)", checked=THIRD,
        ),
        aliases=("nano-banana-2.1", "nano-banana"),
        note="Up to 14 references: 10 objects, 4 characters. Input pictures are counted at the text rate, the only one published.",
        source=f"{GOOGLE}, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3-pro-image",
        replace(_PAINTS, sizes=("1K", "2K", "4K")),
        price=_about(
            "model-price-repo, 2026-07-24", per_picture={"1K": 0.134, "2K": 0.134, "4K": 0.24},
            text_in=2.0, image_in=2.0, text_out=12.0, image_out=120.0,
        ),
        aliases=("nano-banana-pro", "nano-banana-pro-preview"),
        note="Always thinks. One client found about 11 of the 14 references usable.",
        source=f"Google's model page, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3.1-flash-lite-image",
        replace(_PAINTS, options=_thinking("minimal", "high")),
        price=_about(
            "promptfoo pull request 9923 and pollinations 12132, which quote Google's page", per_picture={"1K": 0.0336},
            text_in=0.25, image_in=0.25, text_out=1.50, image_out=30.0,
        ),
        note="It has one size, so none is sent: one client was answered 400 for it.",
        source=f"Google's model page, {CHECKED}",
    ),
    ModelInfo(
        "gemini-3.1-flash-image",
        replace(_PAINTS, aspect_ratios=ALL_RATIOS, sizes=("512", "1K", "2K", "4K"), options=_thinking("minimal", "high")),
        status="retired",
        price=Price(
            {"512": 0.045, "1K": 0.067, "2K": 0.101, "4K": 0.151}, text_in=0.50, image_in=0.50, text_out=3.0, image_out=60.0,
            source=f"Google's price page; words by {GENAI_PRICES} (third party)", checked=THIRD,
        ),
        note="One reseller says that it goes on there.",
        source=f"Google's price page, {CHECKED}; its end by litellm discussion 44983, read {THIRD}",
        ends="2026-10-29",
        successor=PICTURES,
    ),
    ModelInfo(
        "gemini-2.5-flash-image",
        # It sends no thought signatures, so only the first picture itself still tells how the subject looked.
        replace(_PAINTS, needs_first_input=True),
        status="deprecated",
        price=_about(
            "model-price-repo, 2026-07-24", per_picture={"1K": 0.039}, text_in=0.30, image_in=0.30, text_out=2.50, image_out=30.0,
        ),
        note="Best with at most 3 references. Google's pages disagree on its end (2026-10-02, end of October, 2027-03-15).",
        source=f"Google's model page, {CHECKED}; its end by Firebase's page of 2026-07-05",
        ends="2026-10-31",
        successor=PICTURES,
    ),
    *(
        ModelInfo(name, _ANSWERS, price=price, note=note, source=f"model list of google-genai 3.4.0, {CHECKED}")
        for name, note, price in (
            (
                QUESTIONS, "Answers questions.",
                _about(
                    f"{GENAI_PRICES}; litellm discussion 39357 agrees", text_in=0.75, text_out=3.75, cached_in=0.075, until="2026-12-31",
                    then=_about(GENAI_PRICES, text_in=1.50, text_out=7.50, cached_in=0.15, since="2027-01-01"),
                ),
            ),
            (
                "gemini-4-argon", "Answers questions; frontier model.",
                _about(
                    GENAI_PRICES, text_in=2.0, text_out=10.0, cached_in=0.1, until="2026-11-30",
                    then=_about(GENAI_PRICES, text_in=4.0, text_out=20.0, cached_in=0.2, since="2026-12-01"),
                ),
            ),
            (
                "gemini-3.5-flash-lite", "Answers questions; fastest.",
                _about(GENAI_PRICES, text_in=0.30, text_out=2.50, cached_in=0.03),
            ),
        )
    ),
    *(
        ModelInfo(
            name, _ANSWERS, price=_about("iyulab/TokenMeter v0.17.0", text_in=given, text_out=told),
            note="Answers questions; newer than our SDK's list.", source=f"iyulab/TokenMeter v0.17.0 (third party), read {THIRD}",
        )
        for name, given, told in (("gemini-4-hydrogen", 1.50, 7.50), ("gemini-4-neon", 3.0, 15.0))
    ),
)  # fmt: skip
# Preview ids of image models ended on 2026-06-25 and Imagen is shut down; both are left out on purpose.

IMAGEN = "Imagen is shut down; its migration page names gemini-nano-banana-2.1, with thinking=minimal for fast, high for standard."

BY_NAME = {name: row for row in MODELS for name in (row.name, *row.aliases)}


def info(name: str) -> ModelInfo:
    """Return the row for a model, by name or alias, with or without ``models/``; permissive capabilities when unknown."""
    bare = name.removeprefix("models/")
    if bare in BY_NAME:
        return BY_NAME[bare]
    if bare.startswith("imagen-"):  # firebase.google.com, imagen-models-migration: what its users are told to take
        return ModelInfo(bare, replace(_PAINTS, kinds=frozenset({"generate"})), status="retired", note=IMAGEN, successor=PICTURES)
    capabilities = replace(_PAINTS, aspect_ratios=None, sizes=None, schema=True)
    return ModelInfo(bare, capabilities, status="unknown", note="Not in our table: passed on as it is, price unknown.")


def on_cloud(row: ModelInfo) -> ModelInfo:
    """Return the row as it is on Google Cloud: smaller pictures, and no history on the server's side.

    Source: cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding: 7 MB of a picture that is sent inline.
    """
    capabilities = replace(row.capabilities, max_input_bytes=7_000_000, history=("window", "full"))
    return replace(row, capabilities=capabilities)


def current() -> str:
    """Return the names of the current models, for a sentence."""
    return ", ".join(row.name for row in MODELS if row.status == "current")
