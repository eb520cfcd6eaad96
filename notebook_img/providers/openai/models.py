"""What OpenAI's models accept and cost, as tables.

Models of other servers have no rows: what they accept follows from their `Endpoint`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notebook_img.providers.interface import Capabilities, ModelInfo, OwnOption, Price
from notebook_img.providers.openai.endpoints import OPENAI_URL, THE_SERVERS_OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.interface import Kind
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
_OPTIONS_2_5 = (OwnOption("quality", "Effort spent on the picture; it sets the price.", (*_QUALITY, "xhigh", "max")), *_COMMON)
_OPTIONS_2_6 = (*_OPTIONS_2_5, OwnOption("complexity", "Effort spent on planning the picture.", ("low", "medium", "high")))
"""``complexity`` is new in 2.6 (docs.apiyi.com, gpt-image-2-6, read 2026-11-27); the SDK names no model for it."""
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

ANYTHING = replace(
    FREE_SIZES, kinds=FREE_SIZES.kinds | CHAT.kinds, schema=True, boxes=True, detail=True, streams_text=True, max_inputs=CHAT.max_inputs
)
"""Of a model that may be any."""

THIRD = "2026-11-27"
"""When the third parties' texts were read."""
IMAGE_PRICE = Price(
    text_in=5.0, cached_in=1.25, image_in=8.0, cached_image_in=2.0, image_out=30.0, text_out=10.0,
    source="developers.openai.com, model page of gpt-image-2.6; words in the answer by litellm (third party)", checked=THIRD,
)  # fmt: skip
"""Of gpt-image-2, 2.5 and 2.6."""


def _about(source: str, **rates: Any) -> Price:
    return Price(**rates, about=True, source=f"{source} (third party)", checked=THIRD)


_GENAI = "pydantic/genai-prices 0.2.3, which names OpenAI's price pages"
_METER = "iyulab/TokenMeter v0.17.0"
_SUCCESSOR = "gpt-image-2.6-sunburst"
_LONG: dict[str, Any] = {"long_from": 272_000, "long_factors": (2.0, 1.5)}
"""Twice the input and 1.5 times the output above 272K tokens of input (model pages, by the same source)."""
_CHAT_PRICES: Mapping[str, Price] = {
    "gpt-6.1-terra": _about(f"{_GENAI}; docs.litellm.ai agrees", text_in=1.0, text_out=5.0, cached_in=0.05, **_LONG),
    "gpt-6.1-sol": _about(f"{_GENAI}; docs.litellm.ai agrees", text_in=2.0, text_out=10.0, cached_in=0.1, **_LONG),
    "gpt-6-astra": _about(_GENAI, text_in=10.0, text_out=50.0, cached_in=1.0, **_LONG),
    "gpt-6-sol": _about(_GENAI, text_in=2.0, text_out=10.0, cached_in=0.2, **_LONG),
    "gpt-6-luna": _about(_GENAI, text_in=0.1, text_out=0.5, cached_in=0.01, **_LONG),
    "gpt-5.5": _about(_GENAI, text_in=5.0, text_out=30.0, cached_in=0.5, **_LONG),
    "gpt-5.4": _about(_GENAI, text_in=2.5, text_out=15.0, cached_in=0.25, **_LONG),
    "gpt-5.4-mini": _about(_GENAI, text_in=0.75, text_out=4.5, cached_in=0.075),
    "gpt-6.2-sol": _about(_METER, text_in=2.0, text_out=10.0),
    "gpt-6.2-astra": _about(_METER, text_in=8.0, text_out=40.0),
}
_IMAGE_1_5 = _about(
    f"{_GENAI}; model-price-repo agrees", text_in=5.0, cached_in=1.25, image_in=8.0, cached_image_in=2.0, image_out=32.0, text_out=10.0,
)  # fmt: skip


def _picture_row(name: str, capabilities: Capabilities = FREE_SIZES, price: Price | None = None, **facts: Any) -> ModelInfo:
    return ModelInfo(name, capabilities, price=price, source=SDK, **facts)


_2_6 = replace(FREE_SIZES, options=_OPTIONS_2_6)
OPENAI_MODELS: tuple[ModelInfo, ...] = (
    _picture_row(_SUCCESSOR, _2_6, IMAGE_PRICE, note="released 2026-11-04"),
    _picture_row("gpt-image-2.6-flare", _2_6, IMAGE_PRICE, note="released 2026-11-04, the faster one"),
    _picture_row("gpt-image-2.5-sunburst", FREE_SIZES, IMAGE_PRICE, aliases=("gpt-image-2.5-sunburst-2026-09-08",)),
    _picture_row("gpt-image-2.5-flare", FREE_SIZES, IMAGE_PRICE, aliases=("gpt-image-2.5-flare-2026-09-08",)),
    _picture_row("gpt-image-2", replace(FREE_SIZES, options=_OPTIONS_2), IMAGE_PRICE, aliases=("gpt-image-2-2026-04-21",)),
    _picture_row("gpt-image-1.5", THREE_SIZES, _IMAGE_1_5, status="legacy"),
    _picture_row(
        "gpt-image-1-mini", replace(THREE_SIZES, options=_OPTIONS_1_MINI),
        _about(f"{_GENAI}; model-price-repo agrees", text_in=2.0, cached_in=0.2, image_in=2.5, cached_image_in=0.25, image_out=8.0),
        status="legacy",
    ),
    _picture_row("chatgpt-image-latest", replace(THREE_SIZES, options=_OPTIONS_2), _IMAGE_1_5, note="whatever ChatGPT uses"),
    *(
        _picture_row(name, THREE_SIZES, price, status="retired", ends=ends, successor=_SUCCESSOR)
        for name, ends, price in (
            (
                "gpt-image-1", "2026-10-23",
                _about(_GENAI, text_in=5.0, cached_in=1.25, image_in=10.0, cached_image_in=2.5, image_out=40.0),
            ),
            ("dall-e-3", "2026-05-12", None),
            ("dall-e-2", "2026-05-12", None),
        )
    ),
    *(
        ModelInfo(name, CHAT, price=price, source="openai 3.52.0, types/shared/chat_model.py, read 2026-11-20")
        for name, price in _CHAT_PRICES.items()
    ),
)  # fmt: skip

_SERVER_OPTIONS = (
    OwnOption("quality", "Effort spent on the picture, where the server knows it."),
    OwnOption("steps", "Sampling steps, where the server knows them.", type=int),
    OwnOption("guidance", "How closely the prompt is followed, where the server knows it.", type=float),
)


def model_table(endpoint: Endpoint) -> tuple[ModelInfo, ...]:
    """Return the rows of `endpoint`, the default model for pictures first, else that for questions."""
    if endpoint.azure is not None and endpoint.azure.deployments:
        return tuple(
            find_model(endpoint, model) for model in dict.fromkeys((endpoint.image_model, endpoint.ask_model, *endpoint.azure.models))
        )
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
            price=_price_at(endpoint, name),
            note=endpoint.note if name != THE_SERVERS_OWN else "the first fitting model the server has loaded",
            source=endpoint.source,
        )
        for name in names
    )


def _price_at(endpoint: Endpoint, name: str) -> Price | None:
    if endpoint.free:
        return Price(per_picture={"*": 0.0}, text_in=0.0, text_out=0.0)
    at_openai = endpoint.host == urlsplit(OPENAI_URL).hostname
    return next((row.price for row in OPENAI_MODELS if at_openai and name == row.name), None)


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
    if endpoint.azure is not None:
        behind = endpoint.azure.model_of(model)
        row = find_model(replace(endpoint, azure=None, responses=True), behind or model)
        # The server's own history is off there; see endpoints.py.
        able = row.capabilities if behind or row.status != "unknown" else ANYTHING
        row = replace(row, capabilities=replace(able, history=tuple(kind for kind in able.history if kind != "server")))
        return row if behind else replace(row, price=None, note="a deployment that [azure.deployments] does not name")
    for row in model_table(endpoint):
        if model == row.name or model in row.aliases:
            return row
    if not endpoint.is_openai:
        return ModelInfo(model, server_capabilities(endpoint, model), status="unknown", source=endpoint.source)
    pictures = "image" in model or model.startswith("dall-e")
    return ModelInfo(model, FREE_SIZES if pictures else CHAT, status="unknown")
