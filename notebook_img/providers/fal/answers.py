"""Reads what fal answers: its two error forms as errors of ours, and the pictures in a result.

Sources: docs.fal.ai/errors (models: ``{"detail": [{"loc", "msg", "type"}]}``), docs.fal.ai/documentation/model-apis/request-errors (the
queue: ``{"detail": "...", "error_type": "..."}``), docs.fal.ai/model-apis/faq ("Server errors (HTTP 500+) are never charged"; a 422 "may
still be charged if a runner spent GPU time"); read 2026-11-28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    ModelNotFoundError,
    NoPictureError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
)
from notebook_img.keys import scrubbed
from notebook_img.providers.fal.models import SERVICE
from notebook_img.providers.received import count_of, decoded, is_url, whole_url
from notebook_img.providers.status_table import Asked, error_for

if TYPE_CHECKING:
    from notebook_img.providers.transport import Answer

MODERATION = {"content_policy_violation": "prompt", "face_detection_error": "input"}
"""Types of error that are moderation, and what they are about where the place in the request does not say."""
INPUTS = {"image_url", "image_urls", "mask_url"}


@dataclass(frozen=True)
class Item:
    """One picture of a result."""

    url: str = ""
    data: bytes = b""
    frame: tuple[int, int] | None = None
    """Width and height, pixels, as the service says."""


@dataclass(frozen=True)
class Said:
    """What an error answer says."""

    kind: str = ""
    """Its machine-readable type."""
    words: str = ""
    place: tuple[str, ...] = ()
    """Where in the request the fault is."""
    own: bool = False
    """It is in a form of fal's."""


def said_in(answer: Answer, key: str) -> Said:
    """Read an error answer in either of its forms."""
    content = answer.json()
    detail = content.get("detail") if isinstance(content, dict) else None
    if isinstance(detail, str):
        return Said(_short(str(content.get("error_type") or ""), key, 60), _short(detail, key), own=True)
    first = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else None
    if first is None:
        return Said()
    place = first.get("loc")
    where = tuple(str(part) for part in place if str(part) != "body") if isinstance(place, list) else ()
    words = _short(f"{'.'.join(where)}: {first.get('msg') or ''}" if where else str(first.get("msg") or ""), key)
    return Said(_short(str(first.get("type") or ""), key, 60), words, where, own=True)


def refusal(answer: Answer, asked: Asked) -> ProviderError:
    """Return the error for a request that the queue did not take."""
    said = said_in(answer, asked.key)
    facts: dict[str, Any] = {"provider": "fal", "model": asked.model, "status": answer.status}
    if said.kind in MODERATION:
        return _moderated(said, facts)
    if answer.status == 404:
        if not said.own:
            return RequestRefusedError("There is no fal queue at the base URL in use (HTTP 404). Correct FAL_BASE_URL.", **facts)
        return ModelNotFoundError(
            f"fal does not know the model {asked.model} ({said.words}). Its ids look like fal-ai/flux-2-pro; see fal.ai/models.", **facts
        )
    if answer.status == 403 and "locked" in said.words.casefold():
        return RateLimitError(f"fal has locked the account: {said.words.rstrip('.')}.", daily=True, **facts)
    if answer.status in {401, 403}:
        # What is said here can hold a piece of the key, so none of it is repeated.
        return AuthenticationError(f"fal refused the key (HTTP {answer.status}).", hint=keys.key_hint(SERVICE, another=True), **facts)
    if 300 <= answer.status < 400:
        said = Said(words="correct FAL_BASE_URL", own=said.own)
    return error_for(answer.status, title="fal", own=said.own, facts=facts, said=said.words, retry_after=answer.retry_after)


def ending(answer: Answer, asked: Asked, job: str) -> ProviderError | None:
    """Return the error a job ended with; None where the answer does not end it (a page, a fault of the queue)."""
    if answer.status < 400:
        return None
    said = said_in(answer, asked.key)
    facts: dict[str, Any] = {"provider": "fal", "model": asked.model, "status": answer.status}
    if said.kind in MODERATION:
        return _moderated(said, facts)
    if not said.own or answer.status in {401, 403, 408, 429}:
        return None
    if answer.status == 404:
        return NoPictureError(
            f"fal does not know job {job} under the key that is set now. It may be too old, or belong to another account.",
            reason="unknown job",
            **facts,
        )
    if said.kind == "client_cancelled":
        return NoPictureError(f"fal's job {job} was cancelled before it began.", reason=said.kind, cost=0.0, **facts)
    parts = ": ".join(part for part in (said.kind, said.words) if part)
    why = f" ({parts})" if parts else ""
    if answer.status >= 500 or answer.status == 499:
        if not said.kind:
            return None
        return NoPictureError(
            f"fal could not make the picture{why}. Its server errors are not billed; ask again.", reason=said.kind, cost=0.0, **facts
        )
    return RequestRefusedError(f"fal refused the request{why}. It may have been billed.", billed="maybe", **facts)


def _moderated(said: Said, facts: dict[str, Any]) -> RefusedError:
    stage = "input" if INPUTS & set(said.place) else MODERATION[said.kind]
    about = "the prompt" if stage == "prompt" else "an input picture"
    return RefusedError(
        f"fal's moderation refused {about} ({said.kind}: {said.words}). Change it and ask again.", stage=stage, reason=said.kind, **facts
    )


def items_of(content: Any, base_url: str) -> list[Item]:
    """Return the pictures of a result: ``images`` or ``image``, each with a URL or a data URL."""
    if not isinstance(content, dict):
        return []
    found = content.get("images")
    listed = found if isinstance(found, list) else [content.get("image")]
    return [item for entry in listed if (item := _item(entry, base_url)) is not None]


def _item(entry: Any, base_url: str) -> Item | None:
    facts = entry if isinstance(entry, dict) else {}
    url = facts.get("url", entry)
    width, height = count_of(facts.get("width")), count_of(facts.get("height"))
    frame = (width, height) if width and height else None
    if isinstance(url, str) and is_url(url):
        return Item(url=whole_url(url, base_url), frame=frame)
    data = decoded(url) or decoded(facts.get("file_data"))
    return Item(data=data, frame=frame) if data else None


def _short(text: str, key: str, most: int = 250) -> str:
    text = " ".join(scrubbed(text, key).split())
    return text if len(text) <= most else text[: most - 1] + "…"
