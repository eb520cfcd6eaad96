"""Edits whose history OpenAI keeps: the Responses API with its image tool.

Each turn sends only what is new. When the kept response is gone, the conversation is rebuilt from the last picture, and that is said.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, ModelNotFoundError, NoPictureError, RefusedError, RequestRefusedError
from notebook_img.providers.interface import PartialEvent, Reply, Usage
from notebook_img.providers.openai.exchange import unless_none
from notebook_img.providers.openai.failures import from_body, refusal_stage, scrub
from notebook_img.providers.openai.images import PARTIALS, mask_png, own_options, picture_bytes, usage_of
from notebook_img.providers.openai.models import cost_of, picture_size
from notebook_img.providers.openai.questions import added

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.providers.openai.exchange import Exchange, Progress

STATE = "openai.responses"


async def paint_in_conversation(exchange: Exchange) -> Reply:
    """Generate or edit with the history kept by the service."""
    request = exchange.request
    mark = await asyncio.to_thread(exchange.settings.key_mark, exchange.key) if exchange.key else ""
    previous = await _previous(exchange, mark)
    if previous is None and request.past:
        exchange.warn("The service keeps nothing of the turn before; the conversation starts afresh from its last picture.")
    try:
        responses = await _ask(exchange, previous)
    except (RequestRefusedError, ModelNotFoundError) as error:
        if previous is None or not _is_gone(error):
            raise
        exchange.warn("The conversation kept by the service has expired; it was rebuilt from the last picture.")
        responses = await _ask(exchange, None)
    outcomes = await unless_none([_pictures(exchange, response) for response in responses], exchange)
    pictures = [picture for _, several in outcomes for picture in several]
    usage = added([usage_of(getattr(getattr(response, "tool_usage", None), "image_gen", None)) for response in responses])
    made = [call for response in responses for call in _calls(response)]
    chat = [getattr(response, "usage", None) for response in responses]
    if any(chat):
        exchange.warn(f"{exchange.endpoint.ask_model} reads along in a kept conversation; the price of its tokens is not known here.")
    return Reply(
        pictures=tuple(pictures),
        text="\n\n".join(text for text, _ in outcomes if text),
        usage=Usage(usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.by_modality, pictures=len(pictures)),
        cost=None if any(chat) else cost_of(usage, exchange.info),
        sent={"requests": list(exchange.sent)},
        got={
            "ids": [response.id for response in responses],
            "model": responses[0].model,
            "chat_tokens": sum(getattr(counted, "total_tokens", 0) or 0 for counted in chat) or None,
            "image_cost": cost_of(usage, exchange.info),
            "revised_prompt": next((call.revised_prompt for call in made if call.revised_prompt), None),
        },
        warnings=tuple(exchange.warnings),
        raw={
            "state": STATE,
            "key_mark": mark,
            "chat_model": exchange.endpoint.ask_model,
            "responses": await asyncio.to_thread(_states, responses),
        },
        model=request.model,
    )


def _states(responses: list[Any]) -> list[dict[str, Any]]:
    """Return which response made which pictures: with several variants, the one gone on from decides."""
    return [
        {
            "id": response.id,
            "pictures": [hashlib.sha256(base64.b64decode(call.result)).hexdigest() for call in _calls(response) if call.result],
        }
        for response in responses
    ]


async def _previous(exchange: Exchange, mark: str) -> str | None:
    """Return the id of the response this request continues, or None if nothing of it can be used."""
    request = exchange.request
    if not request.past or not request.inputs:
        return None
    parent = request.past[-1]
    if parent.model.partition(":")[0] != exchange.endpoint.name:
        return None
    raw = await asyncio.to_thread(parent.load_raw)
    if not isinstance(raw, dict) or raw.get("state") != STATE or raw.get("key_mark") != mark:
        return None
    if raw.get("chat_model") != exchange.endpoint.ask_model:
        return None
    shown = request.inputs[0].sha256
    return next((state["id"] for state in raw.get("responses", ()) if shown in state["pictures"]), None)


async def _ask(exchange: Exchange, previous: str | None) -> list[Any]:
    request = exchange.request
    pictures: list[Picture] = [*request.inputs, *request.references]
    # A masked edit names the picture the mask belongs to; anything else of the kept turn is there already.
    known = request.inputs[0].sha256 if previous and request.mask is None else ""
    content: list[dict[str, Any]] = []
    first = None
    for place, picture in enumerate(pictures):
        if picture.sha256 == known:
            continue
        copy = await exchange.prepared(picture, only="image/png" if request.mask is not None and not place else "")
        first = first or copy
        content.append({"type": "input_image", "detail": "auto", "image_url": await exchange.data_url(copy)})
    content.append({"type": "input_text", "text": request.prompt})
    tool: dict[str, Any] = {"type": "image_generation", "model": request.model, "action": "edit" if request.inputs else "generate"}
    if size := picture_size(request, exchange.capabilities):
        tool["size"] = size
    tool |= own_options(exchange)
    if request.mask is not None and first is not None:
        data = await asyncio.to_thread(mask_png, request.mask, first)
        url = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
        exchange.hashes[url] = f"sha256:{hashlib.sha256(data).hexdigest()}"
        tool["input_image_mask"] = {"image_url": url}
    stream = request.wants_partials and exchange.capabilities.partial_pictures and request.count == 1
    if stream:
        tool["partial_images"] = PARTIALS
    params: dict[str, Any] = {
        "model": exchange.endpoint.ask_model,
        "input": [{"role": "user", "content": content}],
        "tools": [tool],
        "tool_choice": {"type": "image_generation"},
        "store": True,
    }
    if previous:
        params["previous_response_id"] = previous

    async def call(progress: Progress) -> Any:
        if stream:
            return await _streamed(exchange, params, progress)
        return exchange.understood(await exchange.client.responses.create(**params, timeout=exchange.timeout()))

    for _ in range(request.count):
        exchange.note("responses", {**params, "stream": True} if stream else params)
    return await unless_none([exchange.ask(call, whole=not stream) for _ in range(request.count)], exchange)


async def _streamed(exchange: Exchange, params: dict[str, Any], progress: Progress) -> Any:
    async with await exchange.client.responses.create(**params, stream=True, timeout=exchange.timeout()) as stream:
        async for event in stream:
            progress.begun = True
            if event.type == "response.image_generation_call.partial_image":
                exchange.emit(PartialEvent(base64.b64decode(event.partial_image_b64), event.partial_image_index))
            elif event.type in {"response.completed", "response.failed", "response.incomplete"}:
                return exchange.understood(event.response)
            elif event.type == "error":
                raise from_body(event.model_dump(), exchange.endpoint, exchange.request, key=exchange.key, begun=True)
    raise BadReplyError(
        f"{exchange.endpoint.title} ended before the picture was complete. It may have been billed, so it is not repeated on its own.",
        **exchange.facts(),
    )


_GONE = re.compile(r"previous.response|response.*(not found|expired|with id)|does not offer", re.IGNORECASE)


def _is_gone(error: RequestRefusedError | ModelNotFoundError) -> bool:
    return error.status in {400, 404} and bool(_GONE.search(str(error)))


def _calls(response: Any) -> list[Any]:
    return [item for item in response.output or () if item.type == "image_generation_call"]


async def _pictures(exchange: Exchange, response: Any) -> tuple[str, list[bytes]]:
    """Return the words and pictures of one response."""
    parts = [part for item in response.output or () if item.type == "message" for part in item.content]
    text = "\n".join(part.text for part in parts if part.type == "output_text")
    refusal = next((part.refusal for part in parts if part.type == "refusal"), "")
    calls = _calls(response)
    made = [await picture_bytes(exchange, call.result) for call in calls if call.result]
    if made:
        return text, made
    failed = next((call.error for call in calls if getattr(call, "error", None)), None)
    if failed is not None or refusal:
        details = getattr(failed, "moderation_details", None)
        told = getattr(details, "moderation_stage", "") or ("output" if refusal else "")
        words = scrub(getattr(failed, "message", "") or refusal, exchange.key)
        raise RefusedError(
            f"{exchange.endpoint.title} refused: {words}",
            stage=refusal_stage(told, words, has_pictures=bool(exchange.request.inputs)),
            reason=getattr(failed, "code", None) or "refusal",
            text=words,
            **exchange.facts(),
        )
    raise NoPictureError(
        f"{exchange.request.model} answered without a picture{f': {text[:300]}' if text else '.'}",
        text=text,
        reason=response.status or "",
        **exchange.facts(),
    )
