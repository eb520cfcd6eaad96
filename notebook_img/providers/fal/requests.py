"""What a request becomes at fal: the address, and a body with nothing that was not asked for or that the model does not take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UnsupportedError
from notebook_img.providers.fal.models import OPTIONS, Endpoint, FalModel, frame_of, use_of
from notebook_img.providers.input_pictures import copies_of, data_url, hash_of
from notebook_img.providers.mask_words import prompt_with_mask
from notebook_img.providers.pricing import in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import Request

MOST_AT_ONCE = 4
"""Pictures of one request, where the model makes several (``num_images``)."""


@dataclass(frozen=True)
class Wish:
    """A request as it is handed in."""

    endpoint: Endpoint
    frame: tuple[int, int]
    """Width and height that the pictures will have, pixels, as far as is known."""
    bodies: tuple[Mapping[str, Any], ...] = ()
    """One for each request in the queue."""
    sent: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def wish_of(row: FalModel, request: Request, *, whole: bool = False) -> Wish:
    """Read a request.

    Parameters
    ----------
    whole : bool
        Also encode the pictures and make the bodies; blocks, so it runs in a thread.

    Raises
    ------
    UnsupportedError
        The model does not do it, or not with these options.
    """
    endpoint, masked = use_of(row, request)
    pictures = [*request.inputs, *request.references]
    first = (pictures[0].width, pictures[0].height) if pictures else None
    sized = "image_size" in endpoint.fields and (
        bool(request.size or request.aspect_ratio) or (bool(pictures) and not endpoint.keeps_frame)
    )
    told = frame_of(row, size=request.size, aspect_ratio=request.aspect_ratio, first=first)
    frame = told if sized or first is None else first
    if not whole:
        return Wish(endpoint, frame)
    body = _fields(row, request, endpoint, masked=masked)
    if sized:
        body["image_size"] = {"width": frame[0], "height": frame[1]}
    copies, notes = copies_of(pictures, in_force(row.info, request).capabilities)
    sent: dict[str, Any] = {"endpoint": endpoint.path, **body}
    if copies:
        urls = [data_url(copy.data, copy.mime_type) for copy in copies]
        body[endpoint.images] = urls if endpoint.images == "image_urls" else urls[0]
        sent[endpoint.images] = [hash_of(copy.data) for copy in copies]
    if masked and request.mask is not None:
        body["mask_url"] = data_url(_mask_png(request.mask, (copies[0].width, copies[0].height)), "image/png")
        sent["mask_url"] = f"sha256:{request.mask.sha256}"
    if "prompt" not in endpoint.fields and request.prompt:
        notes.append(f"{row.info.name} takes no prompt; the words were not sent")
    at_once = MOST_AT_ONCE if "num_images" in endpoint.fields else 1
    bodies = []
    for start in range(0, request.count, at_once):
        one = dict(body)
        if (number := min(at_once, request.count - start)) > 1:
            one["num_images"] = sent["num_images"] = number
        if start and "seed" in one:
            one["seed"] += start  # the same seed would paint the same picture again
        bodies.append(one)
    return Wish(endpoint, frame, tuple(bodies), sent, tuple(notes))


def _fields(row: FalModel, request: Request, endpoint: Endpoint, *, masked: bool) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if "prompt" in endpoint.fields:
        body["prompt"] = request.prompt if masked else prompt_with_mask(request)
    plain = {"seed": request.seed, "negative_prompt": request.negative_prompt, "strength": request.strength}
    plain["aspect_ratio"] = request.aspect_ratio if "image_size" not in endpoint.fields else None
    options = {field: request.options.get(option.name) for field, option in OPTIONS.items()}
    for name, value in {**plain, **options}.items():
        if value is not None and name in endpoint.fields:
            try:
                body[name] = _FORMS.get(name, lambda value: value)(value)
            except (TypeError, ValueError):
                raise UnsupportedError(f"{value!r} is no value for {name}; write a number.") from None
    if str(body.get("style", "")).startswith("vector"):
        raise UnsupportedError(f"{row.info.name} draws vector styles as SVG, which is no picture that can be kept. Choose another style.")
    return body


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "guidance_scale": float,
    "num_inference_steps": int,
    "upscale_factor": float,
    "output_format": lambda value: "jpeg" if str(value).casefold() == "jpg" else str(value).casefold(),
    "safety_tolerance": str,
}
"""How the value of a field is written."""


def _mask_png(mask: Picture, size: tuple[int, int]) -> bytes:
    """Return a mask as fal takes it: white is painted anew, black stays, the size of the picture that is sent."""
    import io

    grey = mask.pil().convert("L")
    if grey.size != size:
        grey = grey.resize(size)
    out = io.BytesIO()
    grey.save(out, "PNG")
    return out.getvalue()
