"""Reads what Ark answers: whole answers, its event stream, and its errors as ours."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
)
from notebook_img.keys import scrubbed
from notebook_img.providers.ark.models import SERVICE, current_names
from notebook_img.providers.received import count_of, decoded, finite, is_url, read_json, whole_url
from notebook_img.providers.status_table import Asked, error_for

if TYPE_CHECKING:
    import httpx

    from notebook_img.providers.transport import Answer

MOST_EVENT_BYTES = 100_000_000
STAGES: Mapping[str, str] = {"InputText": "prompt", "InputImage": "input", "OutputImage": "output", "OutputText": "output"}
"""How moderation codes begin (``InputTextSensitiveContentDetected``, ``OutputImageRiskDetection`` ...), and what they are about."""
STATUS_OF: Mapping[str, int] = {"InternalServiceError": 500, "ServerOverloaded": 503, "ServiceOverloaded": 503, "ServiceUnavailable": 503}
"""How codes of an error inside a 200 begin, and the status that such an error has alone."""
STAGE_WORDS: Mapping[str, str] = {"prompt": "the prompt", "input": "an input picture", "output": "the picture it made"}


@dataclass(frozen=True)
class Item:
    """One picture of an answer: a URL, its bytes, or why it is missing."""

    url: str = ""
    data: bytes = b""
    size: str = ""
    error: ProviderError | None = None


@dataclass
class Batch:
    """The result of one request."""

    pictures: list[bytes] = field(default_factory=list)
    failures: list[ProviderError] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    urls: list[str] = field(default_factory=list)
    """Where the pictures are, fetched or not."""
    unfetched: list[str] = field(default_factory=list)
    begun: bool = False
    """An item came, usable or not: the call is paid and is not sent again."""
    broke: bool = False
    """The stream broke off, so it is unknown what else was made."""

    @property
    def made(self) -> int | None:
        """How many pictures the service says it made, and so bills; None where it does not say."""
        return count_of(self.usage.get("generated_images"))

    def add(self, part: Batch) -> None:
        """Add what another request of the same call brought."""
        for name in ("pictures", "failures", "sizes", "urls", "unfetched"):
            getattr(self, name).extend(getattr(part, name))
        self.count_usage(part.usage)
        self.model = part.model or self.model

    def count_usage(self, usage: Any) -> None:
        """Add what the service counted; anything that is not a count is left out of sums and store."""
        for name, value in usage.items() if isinstance(usage, Mapping) else ():
            number = finite(value)
            if number is not None and number >= 0:
                self.usage[name] = (finite(self.usage.get(name)) or 0) + number
            elif value and isinstance(value, Mapping):
                self.usage[name] = value


def items_of(answer: Answer, asked: Asked) -> tuple[list[Item], Mapping[str, Any]]:
    """Return the items and the rest of a whole answer; raise the error its status stands for."""
    content = answer.json()
    if answer.status != 200:
        raise failure(answer.status, content, asked, retry_after=answer.retry_after, text=answer.text)
    if not isinstance(content, dict):
        raise BadReplyError(
            "Ark's answer is not a JSON object. Try again.",
            provider="ark",
            model=asked.model,
            text=scrubbed(answer.text[:2000], asked.key),
        )
    if isinstance(content.get("error"), dict) and not content.get("data"):
        raise failure(None, content, asked)
    found = content.get("data")
    if not isinstance(found, list):
        raise BadReplyError(
            "Ark answered without a list of pictures. Try again.",
            provider="ark",
            model=asked.model,
            text=scrubbed(answer.text[:2000], asked.key),
        )
    return [item_of(entry, asked) for entry in found], content


def item_of(entry: Any, asked: Asked) -> Item:
    """Read one item, of an answer or of an event."""
    if not isinstance(entry, dict):
        return Item(error=BadReplyError("Ark listed a picture in an unknown form.", provider="ark", model=asked.model))
    if isinstance(entry.get("error"), dict):
        return Item(error=failure(None, entry, asked))
    size = str(entry.get("size") or "")
    if isinstance(entry.get("url"), str) and is_url(entry["url"]):
        return Item(url=whole_url(entry["url"], asked.base_url), size=size)
    if data := decoded(entry.get("b64_json")) or decoded(entry.get("url")):
        return Item(data=data, size=size)
    return Item(error=BadReplyError("Ark listed a picture without a URL or usable bytes.", provider="ark", model=asked.model))


def failure(status: int | None, content: Any, asked: Asked, *, retry_after: float | None = None, text: str = "") -> ProviderError:
    """Return the error for an error answer ``{"error": {"code", "message", "param", "type"}}``.

    `status` is None for an error inside an answer that came with status 200.
    """
    told = content.get("error") if isinstance(content, dict) else None
    told = told if isinstance(told, dict) else {}
    code = _shortened(str(told.get("code") or ""), asked.key, 100)
    is_page = text.lstrip().startswith("<")
    words = _shortened(str(told.get("message") or "") or ("" if is_page else text), asked.key)
    model = asked.model
    facts: dict[str, Any] = {"provider": "ark", "model": model, "status": status}
    said = f"{code}: {words}" if code and words else code or words
    for start, stage in STAGES.items():
        if code.startswith(start):
            return RefusedError(
                f"Ark's moderation refused {STAGE_WORDS[stage]} ({said}). "
                f"Change the {'picture' if stage == 'input' else 'prompt'} and ask again.",
                stage=stage,
                reason=code,
                **facts,
            )
    if status == 404 and is_page:
        return RequestRefusedError("There is no Ark API at the base URL in use (HTTP 404). Correct ARK_BASE_URL.", **facts)
    if status == 404 or code.startswith(("ModelNotOpen", "ModelNotFound", "NotFound", "InvalidEndpointOrModel", "InvalidEndpoint")):
        if code.startswith("ModelNotOpen"):
            return ModelNotFoundError(
                f"The model {model} is not switched on for this account ({said}). Switch it on in Ark's console.", **facts
            )
        return ModelNotFoundError(
            f"Ark does not know the model {model} ({said}). Was it retired, or does it belong to the other of Volcengine and BytePlus? "
            f"Current: {', '.join(current_names(asked.base_url))}.",
            **facts,
        )
    if status == 429 or code.startswith(("RateLimit", "RequestBurst", "QuotaExceeded", "SetLimitExceeded", "InflightBatchsizeExceeded")):
        used_up = code.startswith(("QuotaExceeded", "SetLimitExceeded"))
        return RateLimitError(
            f"Ark received too many requests ({said}). {'The quota is used up; see its console.' if used_up else 'Wait a moment.'}",
            daily=used_up,
            retry_after=retry_after,
            **facts,
        )
    if code.startswith("AccountOverdue"):
        return RequestRefusedError(f"Ark's account has an unpaid bill ({said}). Pay it in the console, then ask again.", **facts)
    if status in {401, 403} or code.startswith(("Authentication", "AccessDenied", "Unauthorized", "InvalidApiKey")):
        # What the service says here can hold a piece of the key, so none of its words are repeated.
        shown = f" ({code})" if re.fullmatch(r"[A-Za-z.]{1,60}", code) else ""
        return AuthenticationError(
            f"Ark refused the key{shown}. Keys of Volcengine and BytePlus are not interchangeable (ARK_BASE_URL).",
            hint=keys.key_hint(SERVICE, another=True),
            **facts,
        )
    if status is not None and 300 <= status < 400:
        said = "correct ARK_BASE_URL"
    meant = next((number for start, number in STATUS_OF.items() if code.startswith(start)), 400)
    return error_for(status or meant, title="Ark", own=bool(code), facts=facts, said=said, retry_after=retry_after)


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Read a server-sent event stream until ``[DONE]``; yield each event's JSON.

    Lines end with CR, LF or both and with nothing else: JSON may hold U+2028, which a general line splitter takes for an end.
    A byte order mark may stand before the first one (HTML standard, section 9.2.6).
    """
    pending = bytearray()
    first = True
    data: list[bytes] = []
    async for chunk in response.aiter_bytes():
        pending += chunk
        if len(pending) + sum(map(len, data)) > MOST_EVENT_BYTES:
            raise BadReplyError("Ark sent an event larger than 100 MB; the rest was not read.", provider="ark")
        for whole in _lines(pending):
            line = whole.removeprefix(codecs.BOM_UTF8) if first else whole
            first = False
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                joined = b"\n".join(data)
                data = []
                if joined.strip() == b"[DONE]":
                    return
                yield _event(joined)
    if data and b"".join(data).strip() != b"[DONE]":
        yield _event(b"\n".join(data))


def _event(data: bytes) -> dict[str, Any]:
    content = read_json(data)
    if not isinstance(content, dict):
        raise BadReplyError("Ark sent an event that is not a JSON object.", provider="ark", text=data[:2000].decode("utf-8", "replace"))
    return content


def _lines(pending: bytearray) -> Iterator[bytes]:
    """Remove the complete lines from `pending`. A CR at its very end waits: an LF may follow."""
    while (match := re.search(rb"\r\n|\n|\r(?!\Z)", pending)) is not None:
        line = bytes(pending[: match.start()])
        del pending[: match.end()]
        yield line


def _shortened(text: str, secret: str, most: int = 250) -> str:
    text = " ".join(scrubbed(text, secret).split())
    return text if len(text) <= most else text[: most - 1] + "…"
