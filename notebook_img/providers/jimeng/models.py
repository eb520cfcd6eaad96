"""Jimeng's models and sizes, as data: what people call them, what the service calls them, what they take."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError
from notebook_img.providers.interface import Capabilities, ModelInfo
from notebook_img.providers.jimeng.protocol import MOST_PICTURES, MOST_REFERENCES

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "c-rick/jimeng-mcp 1.10.0 and notes on xiaolong14/jimeng-api, read 2026-11-20"

KEYS: Mapping[str, str] = {
    "jimeng-5.0": "high_aes_general_v50",
    "jimeng-4.6": "high_aes_general_v42",
    "jimeng-4.5": "high_aes_general_v40l",
    "jimeng-4.1": "high_aes_general_v41",
    "jimeng-4.0": "high_aes_general_v40",
    "jimeng-3.1": "high_aes_general_v30l_art_fangzhou:general_v3.0_18b",
    "jimeng-3.0": "high_aes_general_v30l:general_v3.0_18b",
    "jimeng-2.1": "high_aes_general_v21_L:general_v2.1_L",
    "jimeng-2.0-pro": "high_aes_general_v20_L:general_v2.0_L",
    "jimeng-2.0": "high_aes_general_v20:general_v2.0",
    "jimeng-1.4": "high_aes_general_v14:general_v1.4",
    "jimeng-xl-pro": "text2img_xl_sft",
}
"""Our name: the service's. A name that is not here goes as it is."""
DEFAULT = "jimeng-4.5"

RATIO_CODES: Mapping[str, int] = {"1:1": 1, "3:4": 2, "16:9": 3, "4:3": 4, "9:16": 5, "2:3": 6, "3:2": 7, "21:9": 8}
SIZES_2K: Mapping[str, tuple[int, int]] = {
    "1:1": (2048, 2048),
    "4:3": (2304, 1728),
    "3:4": (1728, 2304),
    "16:9": (2560, 1440),
    "9:16": (1440, 2560),
    "3:2": (2496, 1664),
    "2:3": (1664, 2496),
    "21:9": (3024, 1296),
}
"""Pixels at 2k; 1k is half of each side and 4k twice (measured for 1:1, inferred for the others)."""
SCALES: Mapping[str, float] = {"1K": 0.5, "2K": 1.0, "4K": 2.0}
CODE_4K = 100
"""Added to the ratio code at 4k."""
LEAST_SIDE, MOST_SIDE = 256, 6048


@dataclass(frozen=True)
class Frame:
    """A size as a draft writes it."""

    width: int
    height: int
    ratio_code: int
    resolution: str


def service_key(model: str) -> str:
    """Return the service's name of a model; an unknown name is passed through."""
    return KEYS.get(model.casefold(), model)


def info_of(model: str) -> ModelInfo:
    """Return the row of a model."""
    folded = model.casefold()
    known = folded in KEYS
    large = not known or folded.startswith(("jimeng-5", "jimeng-4"))
    capabilities = Capabilities(
        kinds=frozenset({"generate", "edit"}),
        aspect_ratios=tuple(RATIO_CODES),
        sizes=("1K", "2K", "4K") if large else ("1K", "2K"),
        pixel_sizes=True,
        min_pixels=LEAST_SIDE * LEAST_SIDE,
        max_pixels=4096 * 4096 if large else 2048 * 2048,
        max_side=MOST_SIDE,
        max_inputs=MOST_REFERENCES,
        max_count=MOST_PICTURES,
        mask="words",
        seed=True,
        negative_prompt=True,
        strength=True,
        input_mime_types=("image/png", "image/jpeg", "image/webp"),
        max_input_bytes=20_000_000,
        max_input_side=4096,
    )
    return ModelInfo(
        folded if known else model,
        capabilities,
        status="current" if known and large else "legacy" if known else "unknown",
        aliases=(KEYS[folded],) if known else (),
        note="unofficial web protocol, paid with the account's credits",
        source=SOURCE if known else "",
    )


def table() -> list[ModelInfo]:
    """Return all rows, the default first."""
    return [info_of(name) for name in sorted(KEYS, key=lambda name: name != DEFAULT)]


def frame_for(model: str, *, size: str | None, aspect_ratio: str | None, first_input: tuple[int, int] | None) -> Frame:
    """Return the size to ask for: exact pixels when given, else a named size in a ratio, else the ratio of the first input.

    Raises
    ------
    UnsupportedError
        The size or ratio is none the service takes.
    """
    limits = info_of(model).capabilities
    if aspect_ratio is not None and aspect_ratio not in RATIO_CODES:
        raise UnsupportedError(f"Jimeng does not take the aspect ratio {aspect_ratio}. It takes {', '.join(RATIO_CODES)}.")
    match = re.fullmatch(r"(\d{1,5})\s*[xX×*]\s*(\d{1,5})", (size or "").strip())
    if match:
        return _exact(int(match[1]), int(match[2]))
    named = (size or ("2K" if "4K" in (limits.sizes or ()) else "1K")).strip().upper()
    if named not in (limits.sizes or ()):
        raise UnsupportedError(
            f"{model} does not take the size {size!r}. It takes {', '.join(limits.sizes or ())} or WIDTHxHEIGHT in pixels."
        )
    if aspect_ratio is None and first_input is not None:
        ratio = first_input[0] / first_input[1]
        aspect_ratio = nearest_ratio(ratio)
        width, height = SIZES_2K[aspect_ratio]
        if abs(math.log(width / height / ratio)) > 0.01:
            return _of_ratio(ratio, named)
    width, height = SIZES_2K[aspect_ratio or "1:1"]
    scale = SCALES[named]
    return Frame(int(width * scale), int(height * scale), _code(aspect_ratio or "1:1", named), named.lower())


def nearest_ratio(ratio: float) -> str:
    """Return the ratio of the table that is nearest to width / height."""
    return min(SIZES_2K, key=lambda name: abs(math.log(SIZES_2K[name][0] / SIZES_2K[name][1] / ratio)))


def _of_ratio(ratio: float, named: str) -> Frame:
    """About as many pixels as the named size has, in a ratio of its own: an edit keeps the frame of its picture."""
    side = 2048 * SCALES[named]
    height = side / math.sqrt(ratio)
    height = min(max(height, LEAST_SIDE, LEAST_SIDE / ratio), MOST_SIDE, MOST_SIDE / ratio)
    return Frame(round(height * ratio / 2) * 2, round(height / 2) * 2, _code(nearest_ratio(ratio), named), named.lower())


def _exact(width: int, height: int) -> Frame:
    if min(width, height) < LEAST_SIDE or max(width, height) > MOST_SIDE:
        raise UnsupportedError(f"{width}x{height}: Jimeng takes sides from {LEAST_SIDE} to {MOST_SIDE} pixels.")
    # The class of resolution whose pixel count is nearest.
    named = min(SCALES, key=lambda name: abs(math.log(width * height / (2048 * SCALES[name]) ** 2)))
    return Frame(width, height, _code(nearest_ratio(width / height), named), named.lower())


def _code(ratio: str, named: str) -> int:
    return RATIO_CODES[ratio] + (CODE_4K if named == "4K" else 0)
