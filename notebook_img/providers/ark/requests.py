"""What a request becomes at Ark: its pictures, a body with nothing that was not asked for or that the model does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import UnsupportedError
from notebook_img.providers.ark.models import LEAST_SIDE, MOST_IN_A_GROUP, MOST_RATIO
from notebook_img.providers.ark.sizes import size_for
from notebook_img.providers.input_pictures import copies_of, data_url, hash_of
from notebook_img.providers.mask_words import prompt_with_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.pictures import Prepared
    from notebook_img.providers.ark.models import Seedream
    from notebook_img.providers.interface import Request


def prepared(row: Seedream, request: Request) -> tuple[list[Prepared], list[str]]:
    """Return the copies that are sent and what was done to them; blocks, so it runs in a thread."""
    limits = row.info.capabilities
    pictures = [*request.inputs, *request.references]
    if len(pictures) > limits.max_inputs:
        raise UnsupportedError(
            f"{row.info.name} takes {limits.max_inputs or 'no'} input pictures and references together, not {len(pictures)}."
        )
    if limits.needs_first_input and not pictures:
        raise UnsupportedError(f"{row.info.name} only edits. Give it a picture, or choose another model to make one from words.")
    copies, notes = copies_of(pictures, limits)
    for number, copy in enumerate(copies, 1):
        long, short = max(copy.width, copy.height), min(copy.width, copy.height)
        if short < LEAST_SIDE or long > MOST_RATIO * short:
            raise UnsupportedError(
                f"Image {number} is {copy.width}x{copy.height}; Seedream takes pictures with sides of {LEAST_SIDE} pixels and more, "
                "no longer than 16:1. Crop or enlarge it first."
            )
    return copies, notes


def body_of(row: Seedream, request: Request, model: str, images: Sequence[Prepared]) -> dict[str, Any]:
    """Return the request body, without anything that was not asked for or that the model does not take."""
    first = (images[0].width, images[0].height) if images and request.kind == "edit" else None
    body: dict[str, Any] = {
        "model": model,
        "prompt": prompt_with_mask(request),
        "response_format": "url",
        "watermark": _on(request.options.get("watermark")),
    }
    if images:
        urls = [data_url(copy.data, copy.mime_type.lower()) for copy in images]
        body["image"] = urls[0] if len(urls) == 1 else urls
    if size := size_for(row, size=request.size, aspect_ratio=request.aspect_ratio, first_input=first):
        body["size"] = size
    if request.seed is not None and "seed" in row.fields:
        if not -1 <= request.seed <= 2_147_483_647:
            raise UnsupportedError(f"Seed {request.seed} is out of range: Seedream takes -1 to 2147483647.")
        body["seed"] = request.seed
    for option, (field, form) in _WIRE.items():
        value = request.options.get(option)
        if value is not None and field in row.fields and (formed := form(value)) is not None:
            body[_WIRE_NAMES.get(field, field)] = formed
    if body.get("background") == "transparent" and body.get("output_format") == "jpeg":
        raise UnsupportedError("JPEG holds no transparency. Ask for format=png, or for another background.")
    return body


def _on(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.casefold() in {"on", "true", "yes", "1"})


def _guidance(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 1 <= number <= 10:
        raise UnsupportedError(f"Guidance {value!r} is outside what Seedream takes, a number from 1 to 10.")
    return number


_WIRE: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "guidance": ("guidance_scale", _guidance),
    "format": ("output_format", lambda value: "jpeg" if str(value).lower() == "jpg" else str(value).lower()),
    "optimize": ("optimize", lambda value: {"mode": str(value)}),
    "background": ("background", str),
    "web_search": ("web_search", lambda value: [{"type": "web_search"}] if _on(value) else None),
}
"""Our option: the field it needs, and how its value is written."""
_WIRE_NAMES: Mapping[str, str] = {"optimize": "optimize_prompt_options", "web_search": "tools"}


def group_size(row: Seedream, request: Request, references: int) -> int:
    """Return how many pictures one sequential request asks for; 0 when single requests do."""
    if "sequential" not in row.fields or str(request.options.get("group", "auto")).casefold() == "off":
        return 0
    most = min(request.count, MOST_IN_A_GROUP - references)
    return most if most > 1 else 0


def as_sent(body: Mapping[str, Any], images: Sequence[Prepared], group: int) -> dict[str, Any]:
    """Return the body as it is recorded: hashes in place of pictures, and the size of the group."""
    sent = dict(body)
    if images:
        sent["image"] = [hash_of(copy.data) for copy in images]
    if group:
        sent |= {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": group}}
    return sent
