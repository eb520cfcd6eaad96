"""What each Seedream model of Ark accepts, as data.

Sources, unless a row says otherwise: Ark's image generation reference and model list, the signature of
``volcengine-ark-runtime`` 5.0.54, and notes of gateways that relay it, read 2026-11-20. Prices are the list prices
in US dollars per picture on that day and the least certain facts here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_img.keys import Service
from notebook_img.providers.interface import Capabilities, Kind, ModelInfo, OwnOption, Price

if TYPE_CHECKING:
    from collections.abc import Mapping

Field: TypeAlias = Literal["seed", "guidance_scale", "output_format", "sequential", "stream", "optimize", "background", "web_search"]
"""What a model takes besides model, prompt, image, size, response_format and watermark."""

SERVICE = Service("ark", "Volcengine Ark (Seedream)", ("ARK_API_KEY",), "https://console.volcengine.com/ark")
SOURCE = "Ark image generation reference and model list, 2026-11-20"
SIZES = ("1K", "1.5K", "2K", "3K", "4K")
RATIOS = ("1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21", "2:1", "1:2", "4:1", "1:4", "8:1", "1:8")
MOST_PIXELS = 16_777_216
MOST_IN_A_GROUP = 15
"""References and results of one sequential request together."""
MOST_RATIO = 16.0
"""Longer side against shorter side, of pictures in both directions."""
LEAST_SIDE = 15
"""Pixels; sides of 14 and less are refused."""
LIST = "BytePlus list price"
CHECKED = "2026-11-27"
PROMPT_LIMIT = 4000
"""Characters. Ark advises about 300 Chinese characters or 600 English words; this only stops what is clearly not a prompt."""

_BOTH: frozenset[Kind] = frozenset({"generate", "edit"})
_WATERMARK = OwnOption("watermark", "The service's visible 'AI generated' mark; off by default.", ("on", "off"))
_FORMAT = OwnOption("format", "File format of the result.", ("jpeg", "png"))
_GUIDANCE = OwnOption("guidance", "How closely the prompt is followed, 1 to 10.", type=float)
_OPTIMIZE = OwnOption("optimize", "How the service rewrites the prompt first.", ("standard", "fast"))
_BACKGROUND = OwnOption("background", "Background of the result; transparent needs format png.", ("auto", "transparent", "opaque"))
"""docs.laozhang.ai (third party), read 2026-11-27: jpeg with transparent is an error there, png the default format."""
_SEARCH = OwnOption("web_search", "Let the model search the web for the prompt.", ("on", "off"))
_GROUP = OwnOption("group", "Several pictures: one group that belongs together (auto), or single requests (off).", ("auto", "off"))
_OPTIONS: Mapping[Field, OwnOption] = {
    "output_format": _FORMAT,
    "guidance_scale": _GUIDANCE,
    "optimize": _OPTIMIZE,
    "background": _BACKGROUND,
    "web_search": _SEARCH,
    "sequential": _GROUP,
}


@dataclass(frozen=True)
class Seedream:
    """One model: its public row, and what the adapter needs to know to talk to it."""

    info: ModelInfo
    fields: frozenset[Field]
    size: str | None
    """Named size taken when none is asked for; None leaves it to the service."""
    byteplus: str = ""
    """Its id at BytePlus, where both ids are confirmed."""
    adaptive: bool = False
    """Takes ``adaptive`` as size: that of the input picture."""
    least_side: int = 0
    """Shortest side, pixels, of an asked-for size."""


def _row(
    name: str,
    *,
    sizes: tuple[str, ...],
    fields: tuple[Field, ...] = (),
    references: int = 14,
    size: str | None = "2K",
    min_pixels: int = 921_600,
    max_pixels: int = MOST_PIXELS,
    price: Price | None = None,
    aliases: tuple[str, ...] = (),
    byteplus: str = "",
    status: Literal["current", "legacy"] = "current",
    max_input_bytes: int = 10_000_000,
    input_mime_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp"),
    least_side: int = 0,
    note: str = "",
) -> Seedream:
    capabilities = Capabilities(
        kinds=_BOTH,
        aspect_ratios=RATIOS,
        sizes=sizes,
        pixel_sizes=True,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        max_inputs=references,
        max_count=MOST_IN_A_GROUP if "sequential" in fields else 8,
        mask="words",
        seed="seed" in fields,
        partial_pictures="stream" in fields,
        input_mime_types=input_mime_types,
        max_input_bytes=max_input_bytes,
        max_input_pixels=36_000_000,
        prompt_limit=PROMPT_LIMIT,
        options=(_WATERMARK, *(option for field, option in _OPTIONS.items() if field in fields)),
    )
    names = (*aliases, byteplus) if byteplus else aliases
    return Seedream(
        ModelInfo(name, capabilities, status=status, price=price, aliases=names, note=note, source=SOURCE),
        frozenset(fields),
        size,
        byteplus,
        least_side=least_side,
    )


_LITE = _row(
    "doubao-seedream-5-0-260128",
    sizes=("2K", "3K", "4K"),
    fields=("sequential", "stream", "output_format", "web_search"),
    min_pixels=3_686_400,
    price=Price({"*": 0.035}, source=LIST, checked="2026-11-20"),
    aliases=("seedream-5.0", "seedream-5.0-lite", "doubao-seedream-5-0-lite-260128", "seedream-5-0-lite-260128"),
    byteplus="seedream-5-0-260128",
    note="4K appears in newer texts only",
)
_T2I = _row(
    "doubao-seedream-3-0-t2i-250415",
    sizes=(),
    fields=("seed", "guidance_scale"),
    references=0,
    size=None,
    min_pixels=512 * 512,
    max_pixels=2048 * 2048,
    least_side=512,
    aliases=("seedream-3.0",),
    byteplus="seedream-3-0-t2i-250415",
    status="legacy",
    note="512 to 2048 pixels a side; makes pictures from words only",
)
_I2I = _row(
    "doubao-seededit-3-0-i2i-250628",
    sizes=(),
    fields=("seed", "guidance_scale"),
    references=1,
    input_mime_types=("image/png", "image/jpeg"),  # the 4.0 family and later take more
    size=None,
    aliases=("seededit-3.0",),
    byteplus="seededit-3-0-i2i-250628",
    status="legacy",
    note="edits one picture and keeps its size",
)

TABLE: tuple[Seedream, ...] = (
    _LITE,
    _row(
        "seedream-5-5-261028",
        sizes=("1K", "1.5K", "2K"),
        fields=("output_format", "background"),
        references=10,
        # 1K and 1.5K are the lower tier; one source has the upper one for sizes asked for to the pixel.
        price=Price(
            by_pixels=((2_601_123, 0.020), (MOST_PIXELS, 0.035)),
            per_reference=0.008,
            exact_size=0.035,
            source="docs.apiyi.com, seedream-5-5-pricing, which quotes BytePlus; inference.sh agrees (third parties)",
            checked=CHECKED,
            about=True,
        ),
        aliases=("dola-seedream-5-5-261028", "seedream-5.5"),
        note="BytePlus, 2026-11-12; its id at Volcengine is not confirmed",
    ),
    _row(
        "doubao-seedream-5-0-pro-260628",
        sizes=("1K", "1.5K", "2K"),
        fields=("output_format", "background"),
        references=10,
        max_pixels=2048 * 2048,
        aliases=("seedream-5.0-pro",),
        byteplus="seedream-5-0-pro-260628",
        max_input_bytes=30_000_000,
        note="about two minutes a picture; a reseller asks $0.12, no list price was found",
    ),
    _row(
        "seedream-5-0-flash-260915",
        sizes=("1K", "1.5K", "2K"),
        fields=("output_format", "background"),
        references=10,
        max_pixels=2048 * 2048,
        price=Price({"*": 0.018}, per_reference=0.0, source=f"{LIST}; docs.apiyi.com agrees, references free", checked=CHECKED),
        aliases=("doubao-seedream-5-0-flash-260915", "seedream-5.0-flash"),
    ),
    _row(
        "doubao-seedream-4-5-251128",
        sizes=("2K", "4K"),
        fields=("sequential", "stream"),
        min_pixels=3_686_400,
        price=Price({"*": 0.04}, source=LIST, checked="2026-11-20"),
        aliases=("seedream-4.5",),
        byteplus="seedream-4-5-251128",
    ),
    _row(
        "doubao-seedream-4-0-250828",
        sizes=("1K", "2K", "4K"),
        fields=("sequential", "stream", "optimize"),
        aliases=("seedream-4.0",),
        byteplus="seedream-4-0-250828",
        note="about 0.2 CNY a picture; no price in US dollars is known",
    ),
    replace(
        _T2I,
        info=replace(
            _T2I.info, capabilities=replace(_T2I.info.capabilities, kinds=frozenset({"generate"}), max_side=2048, aspect_ratios=RATIOS[:-2])
        ),
        # The service's own guidance_scale is 2.5 here, 5.5 below.
    ),
    replace(
        _I2I,
        info=replace(
            _I2I.info,
            capabilities=replace(
                _I2I.info.capabilities, kinds=frozenset({"edit"}), needs_first_input=True, pixel_sizes=False, aspect_ratios=()
            ),
        ),
        adaptive=True,
    ),
)

_BY_NAME: Mapping[str, Seedream] = {name.casefold(): row for row in TABLE for name in (row.info.name, *row.info.aliases)}


def row_of(model: str) -> Seedream:
    """Return the row of a model or alias; an unknown name or an endpoint id (``ep-...``) gets a permissive one.

    What only some models take is left out of its requests unless it is asked for by name: an unset field never hurts.
    """
    known = _BY_NAME.get(model.casefold())
    if known is not None:
        return known
    options = (_WATERMARK, _FORMAT, _GUIDANCE, _OPTIMIZE, _BACKGROUND, _SEARCH)
    capabilities = Capabilities(
        kinds=_BOTH, pixel_sizes=True, max_inputs=14, max_count=8, mask="words", input_mime_types=("image/png", "image/jpeg"),
        max_input_bytes=10_000_000, max_input_pixels=36_000_000, usual_pixels=2048 * 2048, options=options,
    )  # fmt: skip
    info = ModelInfo(model, capabilities, status="unknown", note="an endpoint id" if model.startswith("ep-") else "not in the model table")
    return Seedream(info, frozenset({"guidance_scale", "output_format", "optimize", "background", "web_search"}), None)


def wire_name(model: str, base_url: str) -> str:
    """Return the id to send: BytePlus and Volcengine name the same models differently.

    Parameters
    ----------
    model : str
        As asked for: an id of either, or an alias.
    base_url : str
        Decides which of the two is spoken to; any other host gets Volcengine's ids.
    """
    row = _BY_NAME.get(model.casefold())
    if row is None:
        return model
    if row.byteplus:
        return row.byteplus if is_byteplus(base_url) else row.info.name
    # Only one id is confirmed: a full id goes as it was written, a short name becomes that id.
    return model if model.startswith(("doubao-", "dola-")) else row.info.name


def is_byteplus(base_url: str) -> bool:
    """Whether the base URL is BytePlus, the service outside China."""
    from urllib.parse import urlsplit

    return (urlsplit(base_url).hostname or "").casefold().endswith("bytepluses.com")


def current_names(base_url: str) -> list[str]:
    """Return the ids of the models that are current at this base URL."""
    return [wire_name(row.info.name, base_url) for row in TABLE if row.info.status == "current"]
