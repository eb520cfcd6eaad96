"""One chat completion: sent, streamed or whole, and read into one form whatever the server made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, RefusedError, RequestRefusedError
from notebook_img.providers.interface import TextEvent
from notebook_img.providers.openai.billing import Bill, chat_usage, told_cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.openai.exchange import Exchange, Progress

ROUTE = "chat/completions"


@dataclass
class Completion:
    """What came back."""

    text: str = ""
    finish: str = ""
    refusal: str = ""
    model: str = ""
    id: str = ""
    bill: Bill = field(default_factory=Bill)
    pictures: list[str] = field(default_factory=list)
    """Data URLs or URLs of ``message.images``."""

    @property
    def cut(self) -> bool:
        """Whether the limit on the answer's length ended it."""
        return self.finish in {"length", "max_tokens"}


async def complete(exchange: Exchange, params: Mapping[str, Any], *, stream: bool) -> Completion:
    """Send one chat request and return its completion.

    Raises
    ------
    RefusedError
        The model, or a filter behind it, refused.
    BadReplyError
        The answer is no completion, or broke off.
    """
    sent = dict(params)
    streamed = stream and exchange.endpoint.streams
    if streamed and exchange.endpoint.stream_usage:
        sent["stream_options"] = {"include_usage": True}
    while True:
        exchange.note(ROUTE, {**sent, "stream": True} if streamed else sent)
        try:
            completion = await _attempt(exchange, sent, streamed=streamed)
            break
        except RequestRefusedError as error:
            adapted = _adapted(sent, str(error), exchange)
            if adapted is None:
                raise
            sent = adapted
    return _unrefused(completion, exchange)


async def _attempt(exchange: Exchange, params: Mapping[str, Any], *, streamed: bool) -> Completion:
    if streamed:
        return await exchange.ask(lambda progress: _streamed(exchange, params, progress), whole=False)
    return await exchange.ask(lambda _progress: _whole(exchange, params))


def _unrefused(completion: Completion, exchange: Exchange) -> Completion:
    if completion.refusal or completion.finish == "content_filter":
        words = completion.refusal or completion.text
        raise RefusedError(
            f"{exchange.request.model} refused to answer{f': {words[:300]}' if words else ''}.".replace("..", "."),
            stage="output",
            reason="refusal" if completion.refusal else "content_filter",
            text=words,
            **exchange.facts(),
        )
    return completion


def _adapted(params: dict[str, Any], message: str, exchange: Exchange) -> dict[str, Any] | None:
    """Return `params` without what the server says it does not know; None if that is not what it says.

    Servers differ in what they take, and say so only when asked: each of these is a complaint seen in the wild.
    """
    if "stream_options" in params and re.search(r"stream_options|include_usage", message):
        return {name: value for name, value in params.items() if name != "stream_options"}
    if "max_tokens" in params and "max_completion_tokens" in message:
        return {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in params.items()}
    if "temperature" in params and "temperature" in message and re.search(r"support|allow|only", message, re.IGNORECASE):
        exchange.warn(f"{exchange.request.model} does not take a temperature; it was left out.")
        return {name: value for name, value in params.items() if name != "temperature"}
    if "modalities" in params.get("extra_body", {}) and len(params["extra_body"]["modalities"]) > 1 and "modalit" in message:
        return {**params, "extra_body": {**params["extra_body"], "modalities": ["image"]}}
    return None


async def _whole(exchange: Exchange, params: Mapping[str, Any]) -> Completion:
    answer = await exchange.client.chat.completions.create(**params, timeout=exchange.timeout())
    return _read(exchange, exchange.understood(answer))


def _begun(exchange: Exchange) -> Completion:
    """Return an empty completion whose bill counts from now on, whatever becomes of the answer."""
    completion = Completion()
    exchange.bills.append(completion.bill)
    return completion


def _read(exchange: Exchange, answer: Any) -> Completion:
    completion = _begun(exchange)
    _take_usage(completion, getattr(answer, "usage", None))
    choices = getattr(answer, "choices", None)
    if not choices or not isinstance(choices, list):
        raise BadReplyError(
            f"{exchange.endpoint.title} sent no answer: its JSON has no choices.", text=str(answer)[:2000], **exchange.facts()
        )
    message = choices[0].message
    completion.finish = _text(choices[0].finish_reason)
    completion.refusal = _text(getattr(message, "refusal", None))
    completion.model = _text(getattr(answer, "model", None))
    completion.id = _text(getattr(answer, "id", None))
    _take_content(completion, getattr(message, "content", None))
    _take_pictures(completion, getattr(message, "images", None))
    return completion


async def _streamed(exchange: Exchange, params: Mapping[str, Any], progress: Progress) -> Completion:
    stream = await exchange.client.chat.completions.create(**params, stream=True, timeout=exchange.timeout())
    async with stream:
        if "event-stream" not in stream.response.headers.get("content-type", "text/event-stream"):
            # Some servers ignore `stream`: the whole answer comes at once.
            from openai.types.chat import ChatCompletion

            return _read(exchange, exchange.unstreamed(await stream.response.aread(), ChatCompletion))
        completion = _begun(exchange)
        async for chunk in stream:
            exchange.understood(chunk, begun=progress.begun)
            before = len(completion.text)
            _take_chunk(completion, chunk)
            if len(completion.text) > before:
                progress.begun, progress.text = True, completion.text
                exchange.emit(TextEvent(completion.text[before:]))
    if not completion.finish:
        raise BadReplyError(
            f"The answer of {exchange.endpoint.title} broke off before its end. "
            "The call may have been billed, so it is not repeated automatically.",
            text=completion.text,
            **exchange.facts(),
        )
    return completion


def _take_chunk(completion: Completion, chunk: Any) -> None:
    """Take from an event whatever of an answer is in it; one that holds something else is passed over."""
    completion.model = completion.model or _text(getattr(chunk, "model", None))
    completion.id = completion.id or _text(getattr(chunk, "id", None))
    _take_usage(completion, getattr(chunk, "usage", None))
    choices = getattr(chunk, "choices", None)
    for choice in choices if isinstance(choices, list) else ():
        delta = getattr(choice, "delta", None)
        _take_content(completion, getattr(delta, "content", None))
        completion.refusal += _text(getattr(delta, "refusal", None))
        _take_pictures(completion, getattr(delta, "images", None))
        completion.finish = _text(getattr(choice, "finish_reason", None)) or completion.finish


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _take_content(completion: Completion, content: Any) -> None:
    if isinstance(content, str):
        completion.text += content
    elif isinstance(content, list):  # some gateways answer in parts
        for part in content:
            if isinstance(part, dict) and part.get("type") in {"text", "output_text"}:
                completion.text += str(part.get("text") or "")
            elif isinstance(part, dict) and "image_url" in part:
                _take_pictures(completion, [part])


def _take_pictures(completion: Completion, images: Any) -> None:
    for image in images if isinstance(images, list) else ():
        place = image.get("image_url") if isinstance(image, dict) else getattr(image, "image_url", None)
        url = place.get("url") if isinstance(place, dict) else place
        if isinstance(url, str) and url not in completion.pictures:
            completion.pictures.append(url)


def _take_usage(completion: Completion, usage: Any) -> None:
    if usage is not None:
        completion.bill.usage, completion.bill.told_cost = chat_usage(usage), told_cost(usage)
