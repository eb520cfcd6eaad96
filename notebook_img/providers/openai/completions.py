"""One chat completion: sent, streamed or whole, and read into one form whatever the server made of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, RefusedError, ReplyTimeoutError, RequestRefusedError
from notebook_img.providers.interface import TextEvent
from notebook_img.providers.openai.billing import Bill, chat_usage, told_cost
from notebook_img.providers.status_table import PERHAPS_BILLED, error_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from notebook_img.providers.openai.exchange import Exchange, Progress

ROUTE = "chat/completions"


@dataclass
class Completion:
    """What came back."""

    text: str = ""
    """What was said; once complete, without `thoughts`."""
    thoughts: str = ""
    """What a model thought aloud before it."""
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
    completion.text, aloud = parted(completion.text)
    completion.thoughts = "\n\n".join(part for part in (completion.thoughts, aloud) if part)
    return _unrefused(completion, exchange)


async def _attempt(exchange: Exchange, params: Mapping[str, Any], *, streamed: bool) -> Completion:
    if streamed:
        return await exchange.ask(lambda progress: _streamed(exchange, params, progress))
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


def parted(text: str) -> tuple[str, str]:
    """Return what a model says and what it thinks before that, between ``<think>`` and ``</think>`` (DeepSeek, Qwen and their servers)."""
    if "<think>".startswith(text.lstrip()[:7].casefold()):
        found = _THOUGHT.match(text)
        return (text[found.end() :], found[1].strip()) if found else ("", "")
    return text, ""


_THOUGHT = re.compile(r"\s*<think>(.*?)(?:</think>\s*|\Z)", re.IGNORECASE | re.DOTALL)


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
    _take_thoughts(completion, message)
    _take_pictures(completion, getattr(message, "images", None))
    return completion


async def _streamed(exchange: Exchange, params: Mapping[str, Any], progress: Progress) -> Completion:
    stream = await exchange.client.chat.completions.create(**params, stream=True, timeout=exchange.timeout())
    async with stream:
        if (status := stream.response.status_code) != 200:  # a success all the same, such as 204
            raise error_for(status, title=exchange.endpoint.title, own=False, facts=exchange.facts(), free=exchange.endpoint.free)
        chunks = _noting_done(stream, progress)
        if "event-stream" not in stream.response.headers.get("content-type", "text/event-stream"):
            body = await stream.response.aread()
            if not body.lstrip().startswith((b"data:", b"event:")):
                # Some servers ignore `stream`: the whole answer comes at once.
                from openai.types.chat import ChatCompletion

                return _read(exchange, exchange.unstreamed(body, ChatCompletion))
            chunks = _chunks_of(body, progress)
        completion, shown = _begun(exchange), 0
        async for chunk in chunks:
            exchange.understood(chunk, begun=progress.begun)
            before = len(completion.text)
            _take_chunk(completion, chunk)
            if len(completion.text) > before:
                progress.begun, progress.text = True, completion.text
                said = parted(completion.text)[0]
                if len(said) > shown:
                    exchange.emit(TextEvent(said[shown:]))
                    shown = len(said)
    if not completion.finish and not (progress.done and completion.text):
        error = ReplyTimeoutError(f"The answer of {exchange.endpoint.title} broke off before its end. {PERHAPS_BILLED}", **exchange.facts())
        error.text = completion.text
        raise error
    return completion


async def _noting_done(stream: Any, progress: Progress) -> AsyncIterator[Any]:
    """Yield the chunks of a stream; its ``[DONE]``, which the SDK keeps to itself, is noted: it ends an answer that names no reason."""
    events = stream._iter_events  # noqa: SLF001 - read in openai 3.2; without it such an answer counts as broken off

    async def noted() -> AsyncIterator[Any]:
        async for event in events():
            progress.done = progress.done or str(event.data).startswith("[DONE]")
            yield event

    stream._iter_events = noted  # noqa: SLF001
    async for chunk in stream:
        yield chunk


async def _chunks_of(body: bytes, progress: Progress) -> AsyncIterator[Any]:
    """Yield the chunks of an event stream that came under another content type."""
    from openai.types.chat import ChatCompletionChunk

    for line in body.decode("utf-8-sig", "replace").split("\n"):
        data = line.removeprefix("data:").strip()
        if data.startswith("[DONE]"):
            progress.done = True
            return
        if line.startswith("data:") and isinstance(value := json.loads(data), dict):
            yield ChatCompletionChunk.construct(**value)


def _take_chunk(completion: Completion, chunk: Any) -> None:
    """Take from an event whatever of an answer is in it; one that holds something else is passed over."""
    completion.model = completion.model or _text(getattr(chunk, "model", None))
    completion.id = completion.id or _text(getattr(chunk, "id", None))
    _take_usage(completion, getattr(chunk, "usage", None))
    choices = getattr(chunk, "choices", None)
    for choice in choices if isinstance(choices, list) else ():
        delta = getattr(choice, "delta", None)
        _take_content(completion, getattr(delta, "content", None))
        _take_thoughts(completion, delta)
        completion.refusal += _text(getattr(delta, "refusal", None))
        _take_pictures(completion, getattr(delta, "images", None))
        completion.finish = _text(getattr(choice, "finish_reason", None)) or completion.finish


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _take_thoughts(completion: Completion, message: Any) -> None:
    """Take what servers list apart from the answer: vLLM and DeepSeek as ``reasoning_content``, OpenRouter as ``reasoning``."""
    completion.thoughts += _text(getattr(message, "reasoning_content", None)) or _text(getattr(message, "reasoning", None))


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
        url = _place(image)
        if url and url not in completion.pictures:
            completion.pictures.append(url)


def _place(image: Any) -> str:
    """Return the URL, data URL or base64 of one picture, in whichever form a gateway lists it."""
    if isinstance(image, str):
        return image
    for name in ("image_url", "url", "b64_json", "data", "image"):
        inner = image.get(name) if isinstance(image, dict) else getattr(image, name, None)
        if isinstance(inner, str) and inner:
            return inner
        if isinstance(inner, dict) and (found := _place(inner)):
            return found
    return ""


def _take_usage(completion: Completion, usage: Any) -> None:
    if usage is not None:
        completion.bill.usage, completion.bill.told_cost = chat_usage(usage), told_cost(usage)
