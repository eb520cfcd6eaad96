"""Pictures by the routes ``/images/generations`` and ``/images/edits``."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, NoPictureError, ProviderError, UnsupportedError
from notebook_img.providers.interface import Reply
from notebook_img.providers.mask_words import prompt_with_mask
from notebook_img.providers.openai.billing import Bill, image_usage
from notebook_img.providers.openai.exchange import unless_none
from notebook_img.providers.openai.failures import from_body
from notebook_img.providers.openai.sizes import picture_size
from notebook_img.providers.received import decoded, is_url, whole_url
from notebook_img.providers.transport import Transport, UnfetchedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.pictures import Picture, Prepared
    from notebook_img.providers.openai.exchange import Exchange, Progress

PARTIALS = 2
"""Partial pictures asked for where somebody sees them; every one costs output tokens."""
SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


async def paint(exchange: Exchange) -> Reply:
    """Generate or edit, and return the pictures that came."""
    request, most = exchange.request, exchange.endpoint.max_count
    params = await _params(exchange)
    files = await _files(exchange) if request.inputs or request.references else {}
    if exchange.endpoint.is_openai or request.count <= most:
        shares = [min(most, request.count - start) for start in range(0, request.count, most)]
    else:
        shares = [1] * request.count
    made = await unless_none([_share(exchange, params, files, share) for share in shares], exchange)
    pictures = tuple(picture for _, several in made for picture in several)
    if len(pictures) < request.count and len(made) == len(shares):
        exchange.warn(f"{exchange.endpoint.title} made {len(pictures)} of {request.count} pictures.")
    return Reply(
        pictures=pictures,
        usage=replace(exchange.usage(), pictures=len(pictures)),
        cost=exchange.cost(),
        free=exchange.endpoint.free,
        seed=request.seed if exchange.capabilities.seed else None,
        sent={"requests": list(exchange.sent)},
        got=_got([answer for answer, _ in made]),
        warnings=tuple(exchange.warnings),
        model=request.model,
    )


def own_options(exchange: Exchange) -> dict[str, Any]:
    """Return the options of the model in the service's words.

    Raises
    ------
    UnsupportedError
        Options that exclude each other.
    """
    options = exchange.request.options
    words = {"format": "output_format", "compression": "output_compression", "fidelity": "input_fidelity"}
    if not exchange.endpoint.is_openai:
        words |= {"steps": "num_inference_steps", "guidance": "guidance_scale"}
    told = {words.get(name, name): value for name, value in options.items()}
    file_format = told.get("output_format")
    if told.get("background") == "transparent" and file_format == "jpeg":
        msg = "A transparent background needs the format png or webp; jpeg has no transparency."
        raise UnsupportedError(msg)
    if "output_compression" in told and file_format not in {"jpeg", "webp"}:
        msg = "compression needs the format jpeg or webp."
        raise UnsupportedError(msg)
    return told


async def _params(exchange: Exchange) -> dict[str, Any]:
    request, endpoint = exchange.request, exchange.endpoint
    params: dict[str, Any] = {"model": exchange.wire_model, "prompt": await prompt_of(exchange)}
    size = picture_size(request, exchange.capabilities)
    if size:
        params["size"] = size
    if endpoint.response_format:
        params["response_format"] = endpoint.response_format
    told = own_options(exchange)
    if endpoint.is_openai:
        return params | told
    extra: dict[str, Any] = {name: told.pop(name) for name in ("num_inference_steps", "guidance_scale") if name in told}
    if request.seed is not None:
        extra["seed"] = request.seed
    if request.negative_prompt:
        extra["negative_prompt"] = request.negative_prompt
    return params | told | ({"extra_body": extra} if extra else {})


async def prompt_of(exchange: Exchange) -> str:
    """Return the prompt; where the server takes no mask, with the mask in words."""
    request = exchange.request
    if request.mask is None or exchange.capabilities.mask == "native":
        return request.prompt
    return await asyncio.to_thread(prompt_with_mask, request)


async def _files(exchange: Exchange) -> dict[str, Any]:
    """Return the parts of the form: pictures as (name, bytes, type), without which strict servers refuse them."""
    request, endpoint = exchange.request, exchange.endpoint
    pictures = (*request.inputs, *request.references)
    native = request.mask is not None and exchange.capabilities.mask == "native"
    if endpoint.single_image and len(pictures) > 1:
        msg = f"{endpoint.title} edits one picture at a time and takes no references; {len(pictures)} were given."
        raise UnsupportedError(msg)
    # "The image to edit and mask must be of the same format and size" (OpenAI's guide on image generation).
    copies = [await exchange.prepared(picture, only="image/png" if native and not place else "") for place, picture in enumerate(pictures)]
    parts = [
        (f"image-{number}.{SUFFIXES.get(copy.mime_type, 'bin')}", copy.data, copy.mime_type) for number, copy in enumerate(copies, start=1)
    ]
    files: dict[str, Any] = {"image": parts[0] if len(parts) == 1 else parts}
    if native:
        assert request.mask is not None
        files["mask"] = ("mask.png", await asyncio.to_thread(mask_png, request.mask, copies[0]), "image/png")
    return files


def mask_png(mask: Picture, first: Prepared) -> bytes:
    """Return `mask` (white may change) in OpenAI's convention: a PNG whose transparent pixels may change, of the size of `first`."""
    from PIL import Image, ImageChops

    grey = mask.pil().convert("L")
    if grey.size != (first.width, first.height):
        grey = grey.resize((first.width, first.height), Image.Resampling.NEAREST)
    out = Image.new("RGBA", grey.size, (0, 0, 0, 255))
    out.putalpha(ImageChops.invert(grey))
    stream = io.BytesIO()
    out.save(stream, "PNG")
    return stream.getvalue()


async def _share(exchange: Exchange, params: Mapping[str, Any], files: Mapping[str, Any], count: int) -> tuple[Any, list[bytes]]:
    """Return the answer to one call for `count` pictures, and the pictures that came with it."""
    answer = await _one(exchange, params, files, count)
    items = _items(answer)
    delivered = sum(bool(_place(item)) for item in items)
    exchange.bills.append(Bill(image_usage(getattr(answer, "usage", None), pictures=delivered)))
    return answer, await _collected(exchange, items)


async def _one(exchange: Exchange, params: Mapping[str, Any], files: Mapping[str, Any], count: int) -> Any:
    """Make one call for `count` pictures."""
    # Only where somebody sees them: partial pictures are billed.
    partial = exchange.request.wants_partials and exchange.capabilities.partial_pictures and exchange.request.count == 1
    fields = dict(params) | ({"n": count} if count > 1 or exchange.endpoint.is_openai else {})
    if partial:
        fields |= {"stream": True, "partial_images": PARTIALS}
    exchange.note("images/edits" if files else "images/generations", {**fields, **_told(files)})
    images = exchange.client.images
    method: Any = images.edit if files else images.generate

    async def call(progress: Progress) -> Any:
        answer = await method(**fields, **files, timeout=exchange.timeout())
        return await _finished(exchange, answer, progress) if partial else exchange.understood(answer)

    return await exchange.ask(call)


def _told(files: Mapping[str, Any]) -> dict[str, Any]:
    import hashlib

    told: dict[str, Any] = {}
    for name, parts in files.items():
        several = parts if isinstance(parts, list) else [parts]
        told[name] = [f"sha256:{hashlib.sha256(data).hexdigest()}" for _, data, _ in several]
    return told


async def _finished(exchange: Exchange, stream: Any, progress: Progress) -> Any:
    """Show partial pictures while they come, and return the event that completes."""
    if not hasattr(stream, "response"):
        return exchange.understood(stream)
    async with stream:
        if "event-stream" not in stream.response.headers.get("content-type", "text/event-stream"):
            from openai.types import ImagesResponse

            return exchange.unstreamed(await stream.response.aread(), ImagesResponse)
        async for event in stream:
            progress.begun = True
            kind = getattr(event, "type", "") or ""
            if kind.endswith(".partial_image"):
                exchange.show_partial(getattr(event, "b64_json", None), getattr(event, "partial_image_index", None))
            elif kind.endswith(".completed"):
                return event
            elif kind == "error" or getattr(event, "error", None):
                exchange.understood(event, begun=True)
    raise BadReplyError(
        f"{exchange.endpoint.title} ended before the picture was complete. It may have been billed, so it is not repeated automatically.",
        **exchange.facts(),
    )


def _items(answer: Any) -> list[Any]:
    data = getattr(answer, "data", None)
    if isinstance(data, list):
        return data
    return [answer] if getattr(answer, "b64_json", None) else []


def _place(item: Any) -> str:
    """Return the base64 or the URL of one picture of an answer; ``""`` where there is none."""
    told = (getattr(item, name, None) for name in ("b64_json", "url"))
    return next((text for text in told if text and isinstance(text, str)), "")


async def _collected(exchange: Exchange, items: Sequence[Any]) -> list[bytes]:
    """Return the pictures of an answer's items, downloading those that are URLs; some failed is a warning, all is an error."""
    if not items:
        raise NoPictureError(
            f"{exchange.endpoint.title} answered without a picture, and without saying why.", reason="empty", **exchange.facts()
        )
    return await unless_none([_bytes_of(exchange, item) for item in items], exchange)


async def _bytes_of(exchange: Exchange, item: Any) -> bytes:
    extra = getattr(item, "model_extra", None) or {}
    if error := extra.get("error"):
        body = error if isinstance(error, dict) else {"message": str(error)}
        raise from_body(body, exchange.endpoint, exchange.request, key=exchange.key, begun=True)
    if place := _place(item):
        return await picture_bytes(exchange, place)
    raise NoPictureError(f"{exchange.endpoint.title} named a picture without sending it.", reason="empty", **exchange.facts())


async def picture_bytes(exchange: Exchange, text: str) -> bytes:
    """Return the picture behind base64, a data URL or a URL; it is downloaded at once, since such URLs expire.

    Whether a picture can be used as a whole is judged where it can be kept (calls/store_reply.py): it is paid for.
    """
    from notebook_img.pictures import sniff

    base = exchange.endpoint.base_url
    if not is_url(text):
        data = await asyncio.to_thread(decoded, text)
        if data is None or sniff(data) is None:
            error = BadReplyError(f"{exchange.endpoint.title} sent something as a picture that is not a usable image.", **exchange.facts())
            error.pictures = (data,) if data else ()
            raise error
        return data
    transport = Transport(exchange.settings, provider=exchange.endpoint.name, title=exchange.endpoint.title)
    place = whole_url(text, base)
    exchange.places.append(place)
    try:
        data = await transport.fetch_result(place, exchange.emit, own=(base,))
    except UnfetchedError:
        raise  # it stays among the places, for a job
    except ProviderError:
        exchange.places.remove(place)  # it may not be opened, today or later
        raise
    finally:
        await transport.aclose()
    exchange.places.remove(place)
    return data


def _got(answers: Sequence[Any]) -> dict[str, Any]:
    first = answers[0]
    got = {name: getattr(first, name, None) for name in ("size", "quality", "background", "output_format", "created")}
    revised = (getattr(item, "revised_prompt", None) for answer in answers for item in _items(answer))
    got["revised_prompt"] = next((words for words in revised if words and isinstance(words, str)), None)
    return {name: value for name, value in got.items() if value is not None}
