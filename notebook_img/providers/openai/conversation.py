"""Edits whose history OpenAI keeps: the Responses API with its image tool.

Each turn sends only what is new. When the kept response is gone, the conversation is rebuilt from the last picture, and that is said.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, ModelNotFoundError, NoPictureError, RefusedError, RequestRefusedError
from notebook_img.providers.interface import Reply, Usage
from notebook_img.providers.openai.billing import Bill, chat_usage, image_usage
from notebook_img.providers.openai.estimates import DETAIL_TOKENS, estimate_pictures, seen_tokens
from notebook_img.providers.openai.exchange import unless_none
from notebook_img.providers.openai.failures import from_body, refusal_stage, scrub
from notebook_img.providers.openai.images import PARTIALS, mask_png, own_options, picture_bytes
from notebook_img.providers.openai.sizes import picture_size
from notebook_img.providers.pricing import Estimate, cost_of, past_tokens, words_of

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import ModelInfo, Request
    from notebook_img.providers.openai.exchange import Exchange, Progress

STATE = "openai.responses"
CALL_TOKENS = (50, 1000)
"""The least and the most tokens with which the chat model calls its image tool, thoughts included, for estimates: guesses."""


def estimate_conversation(request: Request, info: ModelInfo, reader: ModelInfo) -> Estimate | None:
    """Return what the next turn of a kept conversation may cost: its pictures, and the chat model that reads all of it again.

    What that model counted in the turn before is known; where it is not, the turns' own words and pictures are counted. At least, all
    of it comes from the service's cache; at most, none does, and the last picture is read once more.
    """
    prompt = words_of(len(request.prompt))
    least, most, cached = prompt, prompt + seen_tokens((*request.inputs, *request.references)), 0
    told = request.past[-1].got if request.past and request.inputs else None
    if isinstance(told, dict) and (variants := len(told.get("ids") or ())):
        counted = told.get("chat_tokens") or 0
        cached = counted // variants  # one of them is gone on from, and the count is of all
        least, most = least + cached, most + (counted or past_tokens(request, DETAIL_TOKENS["high"]))
    else:
        least = most
    painted = estimate_pictures(request, info)
    read = [
        cost_of(Usage(by_modality={"input_text": given, "cached": seen, "output_text": out}), reader, day=request.day)
        for given, seen, out in ((least, cached, CALL_TOKENS[0]), (most, 0, CALL_TOKENS[1]))
    ]
    if painted is None or read[0] is None or read[1] is None:
        return None
    return Estimate(painted.low + request.count * read[0], painted.high + request.count * read[1])


async def paint_in_conversation(exchange: Exchange) -> Reply:
    """Generate or edit with the history kept by the service."""
    request = exchange.request
    mark = await asyncio.to_thread(exchange.settings.key_mark, exchange.key) if exchange.key else ""
    previous = await _previous(exchange, mark)
    if previous is None and request.past:
        exchange.warn("The service keeps nothing of the previous turn; the conversation starts afresh from its last picture.")
    try:
        painted = await _ask(exchange, previous)
    except (RequestRefusedError, ModelNotFoundError) as error:
        if previous is None or not _is_gone(error):
            raise
        exchange.warn("The conversation kept by the service has expired; it was rebuilt from the last picture.")
        painted = await _ask(exchange, None)
    read_along = sum(bill.chat.total_tokens or 0 for bill in exchange.bills if bill.chat is not None)
    cost = exchange.cost()
    if read_along and cost is None:
        exchange.warn(f"{exchange.endpoint.ask_model} reads along in a kept conversation; the price of its tokens is not known here.")
    pictures = [picture for one in painted for picture in one.pictures]
    return Reply(
        pictures=tuple(pictures),
        text="\n\n".join(one.text for one in painted if one.text),
        usage=replace(exchange.usage(), pictures=len(pictures)),
        cost=cost,
        sent={"requests": list(exchange.sent)},
        got={
            "ids": [one.id for one in painted],
            "model": painted[0].model,
            "chat_tokens": read_along or None,
            "image_cost": exchange.own_cost(),
            "revised_prompt": next((one.revised_prompt for one in painted if one.revised_prompt), None),
        },
        warnings=tuple(exchange.warnings),
        raw={
            "state": STATE,
            "key_mark": mark,
            "chat_model": exchange.endpoint.ask_model,
            "responses": await asyncio.to_thread(_states, painted),
        },
        model=request.model,
    )


@dataclass(frozen=True)
class _Painted:
    """What is wanted of one response."""

    id: str
    model: str
    text: str
    revised_prompt: str
    pictures: list[bytes]


def _states(painted: list[_Painted]) -> list[dict[str, Any]]:
    """Return which response made which pictures: with several variants, the one gone on from decides."""
    return [{"id": one.id, "pictures": [hashlib.sha256(picture).hexdigest() for picture in one.pictures]} for one in painted]


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


async def _ask(exchange: Exchange, previous: str | None) -> list[_Painted]:
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
        return _finished(exchange, await exchange.client.responses.create(**params, timeout=exchange.timeout()))

    async def paint() -> _Painted:
        return await _read(exchange, await exchange.ask(call))

    for _ in range(request.count):
        exchange.note("responses", {**params, "stream": True} if stream else params)
    return await unless_none([paint() for _ in range(request.count)], exchange)


async def _streamed(exchange: Exchange, params: dict[str, Any], progress: Progress) -> Any:
    async with await exchange.client.responses.create(**params, stream=True, timeout=exchange.timeout()) as stream:
        async for event in stream:
            progress.begun = True
            kind = getattr(event, "type", "")
            if kind == "response.image_generation_call.partial_image":
                exchange.show_partial(getattr(event, "partial_image_b64", None), getattr(event, "partial_image_index", None))
            elif kind in {"response.completed", "response.failed", "response.incomplete"}:
                return _finished(exchange, event.response, begun=True)
            elif kind == "error":
                raise from_body(event.model_dump(), exchange.endpoint, exchange.request, key=exchange.key, begun=True)
    raise BadReplyError(
        f"{exchange.endpoint.title} ended before the picture was complete. It may have been billed, so it is not repeated automatically.",
        **exchange.facts(),
    )


def _finished(exchange: Exchange, response: Any, *, begun: bool = False) -> Any:
    """Return a response that is finished, its bill noted.

    One that failed is an error after which it is not asked for again: the models have worked on it, and pictures may have been made.
    """
    chat, image = getattr(response, "usage", None), getattr(getattr(response, "tool_usage", None), "image_gen", None)
    exchange.bills.append(Bill(image_usage(image), chat=chat_usage(chat) if chat is not None else None))
    return exchange.understood(response, begun=begun or bool(getattr(response, "status", None)))


_GONE = re.compile(r"previous.response|response.*(not found|expired|with id)|does not offer", re.IGNORECASE)


def _is_gone(error: RequestRefusedError | ModelNotFoundError) -> bool:
    return error.status in {400, 404} and bool(_GONE.search(str(error)))


def _named(items: Any, kind: str) -> list[Any]:
    """Return those of `items` whose type is `kind`."""
    return [item for item in items if getattr(item, "type", "") == kind] if isinstance(items, list) else []


def _words(parts: list[Any], name: str) -> list[str]:
    told = [getattr(part, name, None) for part in parts]
    return [words for words in told if words and isinstance(words, str)]


async def _read(exchange: Exchange, response: Any) -> _Painted:
    """Return the words and pictures of one response."""
    output = getattr(response, "output", None)
    parts = [item.content for item in _named(output, "message")]
    text = "\n".join(words for content in parts for words in _words(_named(content, "output_text"), "text"))
    refusals = [words for content in parts for words in _words(_named(content, "refusal"), "refusal")]
    calls = _named(output, "image_generation_call")
    if results := _words(calls, "result"):
        return _Painted(
            id=response.id,
            model=response.model,
            text=text,
            revised_prompt=next(iter(_words(calls, "revised_prompt")), ""),
            pictures=await unless_none([picture_bytes(exchange, result) for result in results], exchange),
        )
    failed = next((call.error for call in calls if getattr(call, "error", None)), None)
    if failed is not None or refusals:
        details = getattr(failed, "moderation_details", None)
        told = getattr(details, "moderation_stage", "") or ("output" if refusals else "")
        words = scrub(getattr(failed, "message", "") or "".join(refusals[:1]), exchange.key)
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
        reason=getattr(response, "status", None) or "",
        **exchange.facts(),
    )
