"""fal's image models as data: one row per family, with the address of each use, what that takes and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_img.errors import UnsupportedError
from notebook_img.keys import Service
from notebook_img.providers.interface import Capabilities, Kind, ModelInfo, OwnOption, Price
from notebook_img.providers.pricing import Made, picture_price, price_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.providers.interface import Request

SERVICE = Service("fal", "fal", ("FAL_KEY",), "https://fal.ai/dashboard/keys")

Use: TypeAlias = Literal["generate", "edit", "several", "mask"]
"""From words; from one picture; from several; from one inside a mask."""

MEGAPIXEL = 1024 * 1024
"""Pixels of what fal counts as one megapixel."""
STEP = 16
"""Pixels; computed sides are multiples of it."""


@dataclass(frozen=True)
class Endpoint:
    """One address, and the fields of its input schema that are used."""

    path: str
    fields: frozenset[str]
    images: Literal["", "image_url", "image_urls"] = ""
    mask: bool = False
    keeps_frame: bool = True
    """An edit without a size keeps the frame of its picture; where it does not, one is told."""


@dataclass(frozen=True)
class FalModel:
    """One row: its public facts, and what the adapter needs to know to ask for it."""

    info: ModelInfo
    endpoints: Mapping[Use, Endpoint]
    size: str = "1K"
    """Named size where a ratio is asked without one."""
    sides: tuple[int, int] = (256, 4096)
    """Shortest and longest side of an asked-for size, pixels."""


OPTIONS: Mapping[str, OwnOption] = {
    "guidance_scale": OwnOption("guidance", "How closely the prompt is followed.", type=float),
    "num_inference_steps": OwnOption("steps", "Steps of the sampler.", type=int),
    "output_format": OwnOption("format", "File format of the result.", ("jpeg", "png")),
    "safety_tolerance": OwnOption("safety", "Tolerance of the service's safety filter, 1 (strict) to 6.", ("1", "2", "3", "4", "5", "6")),
    "style": OwnOption("style", "Style of the picture, for example digital_illustration."),
    "upscale_factor": OwnOption("factor", "How many times larger the result is.", type=float),
    "model": OwnOption("variant", "Which variant of the model does it, in the words of its page."),
}
"""A field of theirs and the option of ours that fills it."""

_COMMON = frozenset({"prompt", "seed"})
_SIZED = _COMMON | {"image_size"}
_DEV = frozenset({"num_images", "guidance_scale", "num_inference_steps", "output_format"})
_KONTEXT = _COMMON | {"aspect_ratio", "num_images", "guidance_scale", "output_format", "safety_tolerance"}
_KONTEXT_RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
_BOTH: frozenset[Kind] = frozenset({"generate", "edit"})
_EDIT: frozenset[Kind] = frozenset({"edit"})
_READ = "2026-11-28"
_PAGE = "fal.ai/models/{}/llms.txt"
_SEEN = f"{_PAGE}, read {_READ}"


def _by_megapixel(first: float, further: float, source: str, **more: Any) -> Price:
    """Return a price by the megapixels of a picture, each begun one counted."""
    tiers = tuple((MEGAPIXEL * count, round(first + further * (count - 1), 6)) for count in range(1, 5))
    return Price(by_pixels=tiers, source=source, checked=_READ, **more)


def _each(dollars: float, source: str, **more: Any) -> Price:
    return Price({"*": dollars}, source=source, checked=_READ, **more)


def _row(
    name: str,
    endpoints: Mapping[Use, Endpoint],
    *,
    price: Price | None = None,
    most: int = 1,
    ratios: tuple[str, ...] | None = None,
    sizes: tuple[str, ...] = ("1K", "2K"),
    size: str = "1K",
    sides: tuple[int, int] = (256, 4096),
    min_pixels: int = 0,
    max_pixels: int = 4 * MEGAPIXEL,
    aliases: tuple[str, ...] = (),
    note: str = "",
    source: str = "",
) -> FalModel:
    fields = frozenset().union(*(endpoint.fields for endpoint in endpoints.values()))
    sized = "image_size" in fields
    capabilities = Capabilities(
        kinds=_BOTH if "generate" in endpoints else _EDIT,
        aspect_ratios=None if sized else ratios or (),
        sizes=sizes if sized else (),
        pixel_sizes=sized,
        min_pixels=min_pixels,
        max_pixels=max_pixels if sized else None,
        max_side=sides[1] if sized else None,
        max_inputs=most,
        max_count=4,
        mask="native" if "mask" in endpoints else "words" if "prompt" in fields else "no",
        mask_alone="mask" in endpoints,
        seed="seed" in fields,
        negative_prompt="negative_prompt" in fields,
        strength="strength" in fields,
        needs_first_input="generate" not in endpoints,
        max_input_bytes=10_000_000,
        max_input_side=4096,
        options=tuple(option for field, option in OPTIONS.items() if field in fields),
    )
    also = (*aliases, *(endpoint.path for endpoint in endpoints.values() if endpoint.path != name))
    info = ModelInfo(name, capabilities, price=price, aliases=tuple(dict.fromkeys(also)), note=note, source=source or _SEEN.format(name))
    return FalModel(info, endpoints, size, sides)


TABLE: tuple[FalModel, ...] = (
    _row(
        "fal-ai/flux-2-pro",
        {
            "generate": Endpoint("fal-ai/flux-2-pro", _SIZED | {"output_format", "safety_tolerance"}),
            "edit": Endpoint("fal-ai/flux-2-pro/edit", _SIZED | {"output_format", "safety_tolerance"}, "image_urls"),
        },
        price=_by_megapixel(0.03, 0.015, "docs.bfl.ai/quick_start/pricing", per_reference=0.015),
        most=9,
        sides=(512, 2048),
        aliases=("flux-2-pro",),
        source="fal.ai/models/fal-ai/flux-2-pro/edit/api and docs.bfl.ai/quick_start/pricing, read 2026-11-28",
    ),
    _row(
        "fal-ai/flux-2",
        {
            "generate": Endpoint("fal-ai/flux-2", _SIZED | _DEV),
            "edit": Endpoint("fal-ai/flux-2/edit", _SIZED | _DEV, "image_urls"),
        },
        most=4,
        sides=(512, 2048),
        aliases=("flux-2",),
        note="FLUX.2 [dev]; its price stands in no page that was found",
        source="fal.ai/models/fal-ai/flux-2/api, read 2026-11-28",
    ),
    *(
        _row(
            f"fal-ai/flux-pro/kontext{tier}",
            {
                "generate": Endpoint(f"fal-ai/flux-pro/kontext{tier}/text-to-image", _KONTEXT),
                "edit": Endpoint(f"fal-ai/flux-pro/kontext{tier}", _KONTEXT, "image_url"),
                "several": Endpoint(f"fal-ai/flux-pro/kontext{tier}/multi", _KONTEXT, "image_urls"),
            },
            price=price,
            most=4,
            ratios=_KONTEXT_RATIOS,
            aliases=(f"flux-kontext{tier.replace('/', '-') or '-pro'}",),
            source=source,
        )
        for tier, price, source in (
            ("", _each(0.04, "docs.apiyi.com, flux-image-generation (third party)", about=True), "fal.ai/models/fal-ai/flux-pro/kontext"),
            ("/max", _each(0.08, _PAGE.format("fal-ai/flux-pro/kontext/max")), _SEEN.format("fal-ai/flux-pro/kontext/max")),
        )
    ),
    _row(
        "fal-ai/qwen-image-edit",
        {
            "generate": Endpoint("fal-ai/qwen-image", _SIZED | _DEV | {"negative_prompt"}),
            "edit": Endpoint("fal-ai/qwen-image-edit", _SIZED | _DEV | {"negative_prompt"}, "image_url"),
            "several": Endpoint("fal-ai/qwen-image-edit-plus", _SIZED | _DEV | {"negative_prompt"}, "image_urls"),
            "mask": Endpoint("fal-ai/qwen-image-edit/inpaint", _SIZED | _DEV | {"negative_prompt", "strength"}, "image_url", mask=True),
        },
        price=_by_megapixel(0.03, 0.03, _PAGE.format("fal-ai/qwen-image-edit/inpaint")),
        most=3,
        aliases=("qwen-image-edit",),
        source="fal.ai/models/fal-ai/qwen-image-edit/inpaint/llms.txt, read 2026-11-28; the other three of its addresses cost no more",
    ),
    _row(
        "fal-ai/bytedance/seedream/v4.5",
        {
            "generate": Endpoint("fal-ai/bytedance/seedream/v4.5/text-to-image", _SIZED | {"num_images"}),
            "edit": Endpoint("fal-ai/bytedance/seedream/v4.5/edit", _SIZED | {"num_images"}, "image_urls", keeps_frame=False),
        },
        price=_each(0.04, "ByteDance's own price of the model (third party)", about=True),
        most=10,
        sizes=("2K", "4K"),
        size="2K",
        sides=(1024, 4096),
        min_pixels=3_686_400,
        max_pixels=16 * MEGAPIXEL,
        aliases=("seedream-4.5",),
        source="fal.ai/models/fal-ai/bytedance/seedream/v4.5",
    ),
    _row(
        "fal-ai/recraft/v3",
        {
            "generate": Endpoint("fal-ai/recraft/v3/text-to-image", frozenset({"prompt", "image_size", "style"})),
            "edit": Endpoint(
                "fal-ai/recraft/v3/image-to-image", frozenset({"prompt", "strength", "style", "negative_prompt"}), "image_url"
            ),
        },
        price=_each(0.04, _PAGE.format("fal-ai/recraft/v3/text-to-image")),
        sizes=("1K",),
        sides=(512, 2048),
        aliases=("recraft-v3",),
        source=_SEEN.format("fal-ai/recraft/v3/text-to-image"),
    ),
    _row(
        "fal-ai/flux-pro/v1/fill",
        {
            "mask": Endpoint(
                "fal-ai/flux-pro/v1/fill", _COMMON | {"num_images", "output_format", "safety_tolerance"}, "image_url", mask=True
            )
        },
        note="edits inside a mask only; its price stands in no page that was found",
        source="fal.ai/docs/model-api-reference/image-generation-api/flux-pro-v1, read 2026-11-28",
    ),
    _row(
        "fal-ai/bria/background/remove",
        {"edit": Endpoint("fal-ai/bria/background/remove", frozenset(), "image_url")},
        price=_each(0.018, _PAGE.format("fal-ai/bria/background/remove")),
        note="cuts the subject out; takes no prompt",
    ),
    _row(
        "fal-ai/birefnet/v2",
        {"edit": Endpoint("fal-ai/birefnet/v2", frozenset({"model"}), "image_url")},
        note="cuts the subject out; takes no prompt; billed by seconds, so its price is not known before",
    ),
    _row(
        "fal-ai/recraft/upscale/crisp",
        {"edit": Endpoint("fal-ai/recraft/upscale/crisp", frozenset(), "image_url")},
        note="enlarges and sharpens; takes no prompt",
        source="fal.ai/models/fal-ai/recraft/upscale/crisp",
    ),
    _row(
        "fal-ai/clarity-upscaler",
        {
            "edit": Endpoint(
                "fal-ai/clarity-upscaler",
                _COMMON | {"negative_prompt", "upscale_factor", "guidance_scale", "num_inference_steps"},
                "image_url",
            )
        },
        note="enlarges, and invents detail by the prompt",
        source="fal.ai/models/fal-ai/clarity-upscaler",
    ),
)
"""The default first."""

_BY_NAME: Mapping[str, FalModel] = {name.casefold(): row for row in reversed(TABLE) for name in (*row.info.aliases, row.info.name)}
_ANY = _SIZED | _DEV | {"aspect_ratio", "negative_prompt", "strength", *OPTIONS}


def row_of(model: str) -> FalModel:
    """Return the row of a model, an alias or one of its addresses; any other id gets one that takes what is typed."""
    known = _BY_NAME.get(model.casefold())
    if known is not None:
        return known
    path = model if "/" in model else f"fal-ai/{model}"
    capabilities = Capabilities(
        kinds=_BOTH, pixel_sizes=True, max_count=4, seed=True, negative_prompt=True, strength=True, max_input_bytes=10_000_000,
        max_input_side=4096, options=(*OPTIONS.values(),),
    )  # fmt: skip
    uses: dict[Use, Endpoint] = {
        "generate": Endpoint(path, _ANY),
        # Most addresses called so take a list, also of one.
        "edit": Endpoint(path, _ANY, "image_urls" if path.endswith("/edit") else "image_url"),
        "several": Endpoint(path, _ANY, "image_urls"),
    }
    return FalModel(ModelInfo(model, capabilities, status="unknown", note="not in the model table"), uses)


def is_known(model: str) -> bool:
    """Whether a model has a row of its own."""
    return model.casefold() in _BY_NAME


def use_of(row: FalModel, request: Request) -> tuple[Endpoint, bool]:
    """Return the address a request goes to, and whether its mask goes along.

    Raises
    ------
    UnsupportedError
        The model has none for it.
    """
    pictures = len(request.inputs) + len(request.references)
    if request.mask is not None and pictures == 1 and "mask" in row.endpoints:
        return row.endpoints["mask"], True
    wanted: tuple[Use, ...] = ("generate",) if not pictures else ("several", "edit") if pictures > 1 else ("edit", "several")
    found = next((row.endpoints[use] for use in wanted if use in row.endpoints), None)
    if found is not None:
        return found, False
    if "mask" in row.endpoints and pictures:
        raise UnsupportedError(f"{row.info.name} changes what is inside a mask. Give it one picture and a mask, or choose another model.")
    raise UnsupportedError(f"{row.info.name} works on a picture. Give it one, or choose another model to make one from words.")


def frame_of(row: FalModel, *, size: str | None, aspect_ratio: str | None, first: tuple[int, int] | None) -> tuple[int, int]:
    """Return width and height to ask for, pixels: exactly as typed, else about the named size in the ratio asked or that of `first`."""
    from notebook_img.providers.interface import NAMED_SIZES

    pixels = (size or "").upper().replace("×", "X").split("X")
    if len(pixels) == 2 and all(side.isdecimal() for side in pixels):
        return int(pixels[0]), int(pixels[1])
    ratio = _ratio(aspect_ratio) if aspect_ratio else first[0] / first[1] if first else 1.0
    side = NAMED_SIZES.get((size or row.size).upper(), 1024)
    least, most = row.sides
    height = side / math.sqrt(ratio)
    height = min(max(height, least, least / ratio), most, most / ratio)
    return max(STEP, round(height * ratio / STEP) * STEP), max(STEP, round(height / STEP) * STEP)


def _ratio(text: str) -> float:
    try:
        width, height = map(float, text.split(":"))
        ratio = width / height
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 1 / 16 <= ratio <= 16:
        raise UnsupportedError(f"{text!r} is not an aspect ratio it can make. Write one like 16:9.")
    return ratio


def cost_of(row: FalModel, frames: Iterable[tuple[int, int]], references: int, day: str = "") -> float | None:
    """Return what pictures of these sizes cost, US dollars; None where the price is not known.

    Parameters
    ----------
    frames : iterable of (int, int)
        Width and height of each picture made, pixels.
    references : int
        Input pictures of each call.
    day : str
        The local day of the call, ``YYYY-MM-DD``; empty: today.
    """
    price = price_on(row.info, day)
    if price is None:
        return None
    each = [picture_price(price, Made(1, pixels=width * height, references=references)) for width, height in frames]
    return round(sum(dollars for dollars in each if dollars is not None), 6)
