"""Pictures out of a chat answer: gateways that send them as ``message.images`` (OpenRouter and its like)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NoPictureError
from notebook_img.providers.interface import Reply
from notebook_img.providers.openai.completions import complete
from notebook_img.providers.openai.exchange import unless_none
from notebook_img.providers.openai.images import picture_bytes, prompt_of
from notebook_img.providers.received import pictures_in

if TYPE_CHECKING:
    from notebook_img.providers.openai.exchange import Exchange


async def paint_by_chat(exchange: Exchange) -> Reply:
    """Ask for a picture in a chat and return what came with the answer; several are asked for side by side."""
    request = exchange.request
    params = await _params(exchange)
    completions = await unless_none([complete(exchange, params, stream=False) for _ in range(request.count)], exchange)
    for completion in completions:
        found = pictures_in(completion.text)
        if not completion.pictures:
            completion.pictures = list(found.places)
        completion.text = found.text
    urls = [url for completion in completions for url in completion.pictures]
    text = "\n\n".join(completion.text for completion in completions if completion.text)
    if not urls:
        raise NoPictureError(
            f"{request.model} answered without a picture{f': {text[:300]}' if text else '.'}",
            text=text,
            reason=completions[0].finish,
            **exchange.facts(),
        )
    for completion in completions:
        completion.bill.usage = replace(completion.bill.usage, pictures=len(completion.pictures))
    pictures = await unless_none([picture_bytes(exchange, url) for url in urls], exchange)
    return Reply(
        pictures=tuple(pictures),
        text=text,
        usage=replace(exchange.usage(), pictures=len(pictures)),
        cost=exchange.cost(),
        free=exchange.endpoint.free,
        sent={"requests": list(exchange.sent)},
        got={"finish": completions[0].finish, "model": completions[0].model, "id": completions[0].id},
        warnings=tuple(exchange.warnings),
        model=request.model,
    )


async def _params(exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    content: list[dict[str, Any]] = []
    pictures = (*request.inputs, *request.references)
    for number, picture in enumerate(pictures, start=1):
        if len(pictures) > 1:
            content.append({"type": "text", "text": f"Image {number}:"})
        copy = await exchange.prepared(picture)
        content.append({"type": "image_url", "image_url": {"url": await exchange.data_url(copy)}})
    content.append({"type": "text", "text": await prompt_of(exchange)})
    extra: dict[str, Any] = {"modalities": ["image", "text"]}
    image_config = {"aspect_ratio": request.aspect_ratio, "image_size": request.size}
    if chosen := {name: value for name, value in image_config.items() if value}:
        extra["image_config"] = chosen
    return {"model": request.model, "messages": [{"role": "user", "content": content}], "extra_body": extra}
