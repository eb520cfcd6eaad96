"""What a server says of its models (``/models``): which it has, which can see, and what that adds to an error."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from notebook_img.errors import ModelNotFoundError, ProviderError, ReplyTimeoutError, RequestRefusedError, UnreachableError, near
from notebook_img.hints import Hint
from notebook_img.network import shown_url
from notebook_img.providers.openai.failures import NO_EYES, translate
from notebook_img.providers.pricing import end_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.providers.openai.exchange import Exchange

LOOK_SECONDS = 8.0
"""Seconds a look at ``/models`` may take that only improves a message."""
_VISION_NAME = re.compile(
    r"vl|vision|visual|llava|pixtral|gemma-?[3-9]|minicpm-?v|moondream|omni|4v|4\.\dv|gpt-|gemini|claude", re.IGNORECASE
)
_NO_CHAT = re.compile(r"embed|whisper|tts|rerank|bge-|moderation", re.IGNORECASE)


async def models_listed(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the rows of ``/models``."""
    endpoint = exchange.endpoint
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            # Raw, since what stands there besides the names differs from server to server, and the SDK insists on its own form.
            raw = await exchange.client.models.with_raw_response.list(timeout=LOOK_SECONDS)
            return exchange.listed(raw.http_response.text)
    except ProviderError:
        raise
    except Exception as error:
        problem = translate(error, endpoint, None, key=exchange.key)
    if isinstance(problem, ReplyTimeoutError):  # which would warn of a bill; a look at the models costs nothing
        problem = UnreachableError(
            f"{endpoint.title} at {shown_url(endpoint.base_url)} did not say which models it has, so nothing was asked of it. "
            "Is it busy? Try again.",
            hint=Hint("use-model", model=f"{endpoint.name}:MODEL"),
            provider=endpoint.name,
        )
    raise problem


async def own_model(exchange: Exchange) -> str:
    """Return the model the server has: for questions one that looks as if it could see."""
    listed = [model for model in await models_listed(exchange) if not _NO_CHAT.search(name_of(model))]
    if not listed:
        raise ModelNotFoundError(
            f"{exchange.endpoint.title} at {shown_url(exchange.endpoint.base_url)} has no model loaded. Load one there.",
            hint=Hint("use-model", model=f"{exchange.endpoint.name}:MODEL"),
            provider=exchange.endpoint.name,
        )
    seeing = [model for model in listed if sees(model)] or [model for model in listed if _VISION_NAME.search(name_of(model))]
    return name_of((seeing if exchange.request.kind == "ask" and seeing else listed)[0])


async def explained(error: ProviderError, exchange: Exchange) -> ProviderError:
    """Add to an error what ``/models`` knows: near names of a missing model, models that can see."""
    if not isinstance(error, ModelNotFoundError | RequestRefusedError) or exchange.endpoint.azure is not None:
        return error  # Azure lists what could be deployed, not what is
    blind = NO_EYES.search(error.sentence) is not None and exchange.request.kind == "ask"
    if not blind and not isinstance(error, ModelNotFoundError):
        return error
    try:
        listed = await models_listed(exchange)
    except ProviderError:
        listed = []
    names = [name_of(model) for model in listed]
    facts: dict[str, Any] = {"provider": error.provider, "model": error.model, "status": error.status}
    if blind:
        seeing = [name_of(model) for model in listed if sees(model)]
        which = f" There, {some(seeing)} can." if seeing else ""
        blind_words = "" if "cannot see" in error.sentence else f"{exchange.request.model} cannot see pictures. "
        return RequestRefusedError(f"{blind_words}{error.sentence}{which}", hint=() if seeing else Hint("choose-model"), **facts)
    row = exchange.info
    note = f" {end}" if (end := end_of(row, exchange.request.day)) else ""
    close = near(exchange.request.model, names) or names[:5]
    has = f" It has {some(close)}." if close else ""
    return ModelNotFoundError(f"{error.sentence}{note}{has}", hint=() if close else Hint("list-models"), **facts)


def name_of(model: Mapping[str, Any]) -> str:
    """Return the name a row of ``/models`` stands for."""
    return str(model["id"])


def some(names: Sequence[str], most: int = 6) -> str:
    """Return the first few names as words, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def sees(told: Mapping[str, Any]) -> bool:
    """Return whether ``/models`` says that a model takes pictures.

    OpenRouter has ``architecture.input_modalities``, LM Studio ``type: vlm``, llama.cpp and others ``capabilities``.
    """
    architecture = told.get("architecture")
    modalities = architecture.get("input_modalities") if isinstance(architecture, dict) else told.get("input_modalities")
    capabilities = told.get("capabilities")
    words = [word for listed in (modalities, capabilities) if isinstance(listed, list) for word in listed]
    if isinstance(capabilities, dict):
        words += [name for name, value in capabilities.items() if value]
    return told.get("type") == "vlm" or bool({"image", "vision", "multimodal"} & {str(word).lower() for word in words})
