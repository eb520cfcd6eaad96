"""What a request may cost, before it is sent: tokens of pictures and answers, as far as sources tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.providers.interface import Usage
from notebook_img.providers.openai.sizes import picture_size
from notebook_img.providers.pricing import Estimate, estimate, made_for, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import ModelInfo, Request

_TOKENS: Mapping[str, tuple[int, int]] = {
    "low": (272, 272), "medium": (1056, 1056), "high": (4160, 4160), "xhigh": (8320, 8320), "max": (12_480, 12_480), "auto": (272, 4160),
}  # fmt: skip
"""The least and the most output tokens of a 1024x1024 picture: low, medium and high as published for gpt-image-1, xhigh and max guesses.

Only estimates rest on them; a cost is computed from the usage the service tells.
"""
_TOKENS_2_6 = {**_TOKENS, "low": (816, 1088), "medium": (3168, 4224), "auto": (816, 4224)}
"""2.6 takes 3 to 4 times as many at low and medium (docs.laozhang.ai gpt-image-2-6, third party, read 2026-11-27)."""
PICTURE_TOKENS = 1000
"""Input tokens of a picture that is edited, for estimates."""
ANSWER_TOKENS = (100, 2000)
"""The least and the most tokens of an answer, thoughts included, for estimates: guesses, no source has them."""
PATCH, PATCH_TOKENS = 32, 1.2
"""GPT-6 reads a picture in squares of so many pixels at 1.2 tokens each: 1024 x 1024 is 1,229, a 12-megapixel photograph 14,364
(JOHNISKING/image-token-cost, third party, read 2026-11-27)."""
DETAIL_TOKENS = {"low": 308, "high": 2940}
"""The most tokens of a picture at a level of detail: high by the same source, low as one of 512 x 512."""


def estimate_pictures(request: Request, info: ModelInfo) -> Estimate | None:
    """Return what the pictures of `request` may cost, or None where no price is known."""
    size = picture_size(request, info.capabilities)
    width, height = (int(part) for part in size.split("x")) if size and "x" in size else (1024, 1024)
    table = _TOKENS_2_6 if info.name.startswith("gpt-image-2.6") else _TOKENS
    given = {
        "input_text": words_of(len(request.prompt)) * request.count,
        "input_image": PICTURE_TOKENS * (len(request.inputs) + len(request.references)) * request.count,
    }
    low, high = (
        Usage(by_modality={**given, "output_image": round(count * width * height / 1024**2) * request.count})
        for count in table.get(str(request.options.get("quality", "auto")), table["auto"])
    )
    return estimate(info, request, low=low, high=high, made=made_for(request, request.count, frame=size))


def estimate_answer(request: Request, info: ModelInfo) -> Estimate | None:
    """Return what the answer to `request` may cost, or None where no price is known."""
    seen = seen_tokens((*request.inputs, *request.references), request.detail)
    given = {"input_text": words_of(len(request.prompt)), "input_image": seen}
    low, high = (Usage(by_modality={**given, "output_text": count}) for count in ANSWER_TOKENS)
    return estimate(info, request, low=low, high=high)


def seen_tokens(pictures: Iterable[Picture], detail: str | None = None) -> int:
    """Return the tokens as which a chat model reads pictures."""
    most = DETAIL_TOKENS.get(detail or "", 1 << 40)
    return sum(min(most, round(_patches(picture.width) * _patches(picture.height) * PATCH_TOKENS)) for picture in pictures)


def _patches(side: int) -> int:
    return -(-side // PATCH)
