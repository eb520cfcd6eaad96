"""What OpenAI's models accept and cost, as tables, and the sizes that follow from them.

Models of other servers have no rows: what they accept follows from their `Endpoint`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError, UsageError
from notebook_img.providers.interface import NAMED_SIZES, Capabilities, ModelInfo, OwnOption, Price, Usage
from notebook_img.providers.openai.endpoints import THE_SERVERS_OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.interface import Kind, Request
    from notebook_img.providers.openai.endpoints import Endpoint

SDK = "openai 3.52.0, image_generate_params.py, read 2026-11-20"
RATIOS = ("1:1", "5:4", "4:5", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "2:1", "1:2", "21:9", "9:21", "3:1", "1:3")
SIZES = ("1K", "2K", "4K")
"""Each stands for the pixels of a square of that size, whatever the ratio, but for no more than `MOST_PIXELS`."""
MOST_PIXELS = 3840 * 2160
"""Of the largest picture (same source); other servers are asked for no more either."""
FIXED_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
"""The sizes of models before gpt-image-2 (same source)."""
LONGEST = 3.0
"""Largest ratio of the longer to the shorter side (same source)."""

_QUALITY = ("auto", "low", "medium", "high")
_COMMON = (
    OwnOption("background", "What lies behind the subject; transparent needs format png or webp.", ("auto", "transparent", "opaque")),
    OwnOption("format", "File format of the result.", ("png", "jpeg", "webp")),
    OwnOption("compression", "Quality of a jpeg or webp result, 0 to 100.", type=int),
    OwnOption("moderation", "How strictly requests are filtered.", ("auto", "low")),
)
_OPTIONS_2_5 = (
    OwnOption("quality", "Effort spent on the picture; it sets the price.", (*_QUALITY, "xhigh", "max")),
    *_COMMON,
    OwnOption("complexity", "Effort spent on planning the picture.", ("low", "medium", "high")),
)
_OPTIONS_2 = (OwnOption("quality", "Effort spent on the picture; it sets the price.", _QUALITY), *_COMMON)
_OPTIONS_1_5 = (
    *_OPTIONS_2,
    OwnOption("fidelity", "How closely an edit keeps faces and details.", ("low", "high"), kinds=frozenset({"edit"})),
)
_OPTIONS_1_MINI = (*_OPTIONS_2, replace(_OPTIONS_1_5[-1], choices=("low",)))
"""``gpt-image-1-mini`` supports only ``low`` (openai 3.52.0, image_edit_params.py, input_fidelity)."""

_PICTURES: frozenset[Kind] = frozenset({"generate", "edit"})

FREE_SIZES = Capabilities(
    kinds=_PICTURES,
    aspect_ratios=RATIOS,
    sizes=SIZES,
    pixel_sizes=True,
    size_step=16,
    min_pixels=655_360,
    max_pixels=MOST_PIXELS,
    max_side=3840,
    max_ratio=LONGEST,
    max_inputs=16,
    max_count=10,
    mask="native",
    partial_pictures=True,
    history=("window", "server"),
    max_input_bytes=20_000_000,  # 50 MB are allowed; a request of 16 such pictures is not what anybody wants to wait for
    prompt_limit=32_000,
    options=_OPTIONS_2_5,
)
THREE_SIZES = replace(
    FREE_SIZES,
    aspect_ratios=("1:1", "3:2", "2:3"),
    sizes=("1K",),
    size_step=1,
    min_pixels=1024 * 1024,
    max_pixels=1536 * 1024,
    max_side=1536,
    fixed_sizes=FIXED_SIZES,
    options=_OPTIONS_1_5,
)
CHAT = Capabilities(
    kinds=frozenset({"ask"}),
    aspect_ratios=(),
    sizes=(),
    max_inputs=50,
    max_count=1,
    mask="no",
    schema=True,
    boxes=True,
    detail=True,
    streams_text=True,
    history=("window", "full"),
)

IMAGE_PRICE = Price(text_in=5.0, image_in=8.0, text_out=30.0, image_out=30.0)
"""US dollars per million tokens of gpt-image-2, 2.5 and 2.6; third-party price lists, read 2026-11-20."""


def _picture_row(name: str, capabilities: Capabilities = FREE_SIZES, **facts: object) -> ModelInfo:
    price = IMAGE_PRICE if capabilities.sizes and "2K" in capabilities.sizes else None
    return ModelInfo(name, capabilities, price=price, source=SDK, **facts)  # type: ignore[arg-type]


OPENAI_MODELS: tuple[ModelInfo, ...] = (
    _picture_row("gpt-image-2.6-sunburst", note="released 2026-11-04"),
    _picture_row("gpt-image-2.6-flare", note="released 2026-11-04, the faster one"),
    _picture_row("gpt-image-2.5-sunburst", aliases=("gpt-image-2.5-sunburst-2026-09-08",)),
    _picture_row("gpt-image-2.5-flare", aliases=("gpt-image-2.5-flare-2026-09-08",)),
    _picture_row("gpt-image-2", replace(FREE_SIZES, options=_OPTIONS_2), aliases=("gpt-image-2-2026-04-21",)),
    _picture_row("gpt-image-1.5", THREE_SIZES, status="legacy"),
    _picture_row("gpt-image-1-mini", replace(THREE_SIZES, options=_OPTIONS_1_MINI), status="legacy"),
    _picture_row("chatgpt-image-latest", replace(THREE_SIZES, options=_OPTIONS_2), note="whatever ChatGPT uses"),
    _picture_row("gpt-image-1", THREE_SIZES, status="retired", note="shut down 2026-10-23; use gpt-image-2.6-sunburst"),
    _picture_row("dall-e-3", THREE_SIZES, status="retired", note="retired 2026-05-12; use gpt-image-2.6-sunburst"),
    _picture_row("dall-e-2", THREE_SIZES, status="retired", note="retired 2026-05-12; use gpt-image-2.6-sunburst"),
    *(
        ModelInfo(name, CHAT, source="openai 3.52.0, types/shared/chat_model.py, read 2026-11-20", note="prices not known here")
        for name in ("gpt-6.1-terra", "gpt-6.1-sol", "gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-5.5", "gpt-5.4", "gpt-5.4-mini")
    ),
)

_SERVER_OPTIONS = (
    OwnOption("quality", "Effort spent on the picture, where the server knows it."),
    OwnOption("steps", "Sampling steps, where the server knows them.", type=int),
    OwnOption("guidance", "How closely the prompt is followed, where the server knows it.", type=float),
)


def model_table(endpoint: Endpoint) -> tuple[ModelInfo, ...]:
    """Return the rows of `endpoint`, the default model for pictures first, else that for questions."""
    if endpoint.is_openai:
        rows = OPENAI_MODELS
        if all(row.name != endpoint.ask_model for row in rows):
            rows = (*rows, ModelInfo(endpoint.ask_model, CHAT, source="setting openai_chat_model"))
        return rows
    names = dict.fromkeys(name for name in (endpoint.image_model, endpoint.edit_model, endpoint.ask_model) if name)
    return tuple(
        ModelInfo(
            name,
            server_capabilities(endpoint, name),
            status="current" if name != THE_SERVERS_OWN else "unknown",
            price=Price() if not endpoint.free else Price(per_picture={"*": 0.0}, text_in=0.0, text_out=0.0),
            note=endpoint.note if name != THE_SERVERS_OWN else "the first fitting model the server has loaded",
            source=endpoint.source,
        )
        for name in names
    )


def server_capabilities(endpoint: Endpoint, model: str) -> Capabilities:
    """Return what `model` of another server may be asked for; unknown models may be asked for all the server can."""
    makes = endpoint.images != "no" and model in {"", endpoint.image_model, endpoint.edit_model}
    answers = endpoint.asks and model in {"", endpoint.ask_model}
    if not (makes or answers):
        makes, answers = endpoint.images != "no", endpoint.asks
    kinds: set[Kind] = set()
    if answers:
        kinds.add("ask")
    if makes:
        kinds |= {"generate", "edit"} if endpoint.edits else {"generate"}
    return Capabilities(
        kinds=frozenset(kinds),
        aspect_ratios=None if makes else (),
        sizes=SIZES if makes else (),
        pixel_sizes=makes and endpoint.images == "images",
        max_inputs=1 if makes and not answers and endpoint.single_image else endpoint.max_inputs,
        max_count=8 if makes else 1,
        mask="native" if endpoint.mask else "words",
        seed=makes and endpoint.images == "images",
        negative_prompt=makes and endpoint.images == "images",
        schema=endpoint.json_schema,
        boxes=answers,
        detail=endpoint.detail,
        streams_text=endpoint.streams,
        history=("window", "full") if answers else ("window",),
        input_mime_types=endpoint.input_mime_types,
        options=_SERVER_OPTIONS if makes else (),
    )


def find_model(endpoint: Endpoint, model: str) -> ModelInfo:
    """Return the row of `model`; a name without one gets what its family or its server permits."""
    for row in model_table(endpoint):
        if model == row.name or model in row.aliases:
            return row
    if not endpoint.is_openai:
        return ModelInfo(model, server_capabilities(endpoint, model), status="unknown", source=endpoint.source)
    pictures = "image" in model or model.startswith("dall-e")
    return ModelInfo(model, FREE_SIZES if pictures else CHAT, status="unknown")


def frame_ratio(text: str) -> float:
    """Return width / height of ``"16:9"``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:x/]\s*(\d+(?:\.\d+)?)\s*", text)
    if not found or not float(found[1]) or not float(found[2]):
        msg = f"{text!r} is not an aspect ratio. Write one like 16:9."
        raise UsageError(msg)
    return float(found[1]) / float(found[2])


def picture_size(request: Request, capabilities: Capabilities) -> str | None:
    """Return the ``size`` to send, or None to leave it to the service.

    An edit that names no size keeps the ratio of its first input: a session should not drift from frame to frame.

    Raises
    ------
    UnsupportedError
        A size or ratio the model does not take.
    """
    size, fixed = request.size, capabilities.fixed_sizes
    if size and size.casefold() == "auto":
        return "auto"
    if size and (exact := re.fullmatch(r"(\d+)\s*[xX×]\s*(\d+)", size)):
        width, height = int(exact[1]), int(exact[2])
        _check_exact(width, height, capabilities, request.model)
        return f"{width}x{height}"
    named = (size or "1K").upper()
    if named not in SIZES:
        msg = f"{request.model} has no size {size!r}; it takes {', '.join(SIZES)} or WIDTHxHEIGHT."
        raise UnsupportedError(msg)
    pixels = min(NAMED_SIZES[named] ** 2, MOST_PIXELS)
    if request.aspect_ratio:
        ratio = frame_ratio(request.aspect_ratio)
    elif request.inputs:
        ratio = request.inputs[0].width / request.inputs[0].height
        if not size:
            pixels = min(max(request.inputs[0].width * request.inputs[0].height, pixels), 1536 * 1024)
    elif size:
        ratio = 1.0
    else:
        return None
    if fixed:
        width, height = min(fixed, key=lambda pair: abs(pair[0] / pair[1] - ratio))
        if request.aspect_ratio and abs(width / height / ratio - 1) > 0.02:
            msg = f"{request.model} makes 1:1, 3:2 and 2:3 only, not {request.aspect_ratio}; gpt-image-2.6-sunburst makes others."
            raise UnsupportedError(msg)
        return f"{width}x{height}"
    if capabilities.size_step > 1 and not 1 / LONGEST - 1e-9 <= ratio <= LONGEST + 1e-9:
        if request.aspect_ratio:
            msg = f"{request.model} makes ratios from 1:3 to 3:1, not {request.aspect_ratio}."
            raise UnsupportedError(msg)
        return "auto"
    return "{}x{}".format(*fit(ratio, pixels, capabilities))


def fit(ratio: float, pixels: int, capabilities: Capabilities) -> tuple[int, int]:
    """Return the allowed width and height nearest to `ratio` that hold about `pixels` pixels."""
    step, most_side = max(capabilities.size_step, 8), capabilities.max_side or 1 << 20
    least, most = capabilities.min_pixels, capabilities.max_pixels or 1 << 40
    pixels = min(max(pixels, least), most)
    best: tuple[float, tuple[int, int]] | None = None
    middle = round((pixels * ratio) ** 0.5 / step)
    for columns in range(max(1, round(middle * 0.85)), round(middle * 1.15) + 2):
        for rows in {int(columns / ratio), int(columns / ratio) + 1}:
            width, height = columns * step, max(rows, 1) * step
            if max(width, height) > most_side or not least <= width * height <= most:
                continue
            if max(width, height) > LONGEST * min(width, height) and capabilities.size_step > 1:
                continue
            # A wrong ratio is what a mask and the eye notice; a few pixels more or less nobody does.
            badness = abs(width / height / ratio - 1) * 20 + abs(width * height / pixels - 1)
            if best is None or badness < best[0]:
                best = badness, (width, height)
    return best[1] if best else (1024, 1024)


def _check_exact(width: int, height: int, capabilities: Capabilities, model: str) -> None:
    fixed = capabilities.fixed_sizes
    if fixed and (width, height) not in fixed:
        sizes = ", ".join("{}x{}".format(*pair) for pair in fixed)
        msg = f"{model} makes {sizes}, not {width}x{height}."
        raise UnsupportedError(msg)
    step, most = capabilities.size_step, capabilities.max_pixels
    wrong = ""
    if step > 1 and (width % step or height % step):
        wrong = f"width and height must be multiples of {step}"
    elif step > 1 and max(width, height) > LONGEST * min(width, height):
        wrong = "the longer side may be at most three times the shorter"
    elif capabilities.max_side and max(width, height) > capabilities.max_side:
        wrong = f"no side may be longer than {capabilities.max_side}"
    elif (most and width * height > most) or width * height < capabilities.min_pixels:
        wrong = f"width x height must lie between {capabilities.min_pixels:,} and {most:,}"
    if wrong:
        near = "{}x{}".format(*fit(min(max(width / max(height, 1), 1 / LONGEST), LONGEST), width * height, capabilities))
        msg = f"{model} cannot make {width}x{height}: {wrong}. {near} would do."
        raise UnsupportedError(msg)


_TOKENS: Mapping[str, int] = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 8320, "max": 12_480}
"""Output tokens of a 1024x1024 picture: low, medium, high as published for gpt-image-1; the others are guesses.

Only estimates rest on them; a cost is computed from the usage the service tells.
"""


def estimate_pictures(request: Request, info: ModelInfo) -> float | None:
    """Return the expected price of `request` in US dollars, or None where no price is known."""
    price = info.price
    if price is None or price.image_out is None:
        return None
    size = picture_size(request, info.capabilities)
    width, height = (int(part) for part in size.split("x")) if size and "x" in size else (1024, 1024)
    tokens = _TOKENS.get(str(request.options.get("quality", "auto")), _TOKENS["medium"]) * width * height / 1024**2
    given = 1000 * (len(request.inputs) + len(request.references)) * (price.image_in or 0) + len(request.prompt) / 4 * (price.text_in or 0)
    return request.count * (tokens * price.image_out + given) / 1e6


def cost_of(usage: Usage, info: ModelInfo) -> float | None:
    """Return what `usage` costs in US dollars, or None where a price or a count is unknown."""
    price = info.price
    if price is None or usage.output_tokens is None or usage.input_tokens is None:
        return None
    by = usage.by_modality
    image_in, image_out = by.get("input_image", 0), by.get("output_image", usage.output_tokens if "edit" in info.capabilities.kinds else 0)
    counts = (
        (max(0, usage.input_tokens - image_in), price.text_in),
        (image_in, price.image_in if price.image_in is not None else price.text_in),
        (max(0, usage.output_tokens - image_out), price.text_out),
        (image_out, price.image_out),
    )
    if any(count and rate is None for count, rate in counts):
        return None
    return sum(count * (rate or 0.0) for count, rate in counts) / 1e6
