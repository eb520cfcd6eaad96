"""What came over the wire -> an `Answer`, not judged yet. Nothing a service sends is taken at its word here.

A picture that was delivered was paid for, so whatever is odd beside it is left out and the picture is kept.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from notebook_img.errors import BadReplyError
from notebook_img.providers.gemini import raw
from notebook_img.providers.gemini.failures import PROVIDER, mappings, whole
from notebook_img.providers.interface import Usage
from notebook_img.providers.received import count_of, decoded

_MODERATION = re.compile(r"safety|prohibit|blocked|blocklist|recitation|spii|jailbreak|armor|moderat|harm|content_policy", re.IGNORECASE)
"""An interaction's error code that means a refusal: the reasons of generateContent. The codes are not documented (google-genai 3.4.0: "a
URI that identifies the error type"), and all others are failures of the service."""
_COUNTS = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")
_DETAILS = ("promptTokensDetails", "candidatesTokensDetails")


@dataclass
class Answer:
    """One answer of the service, before it is judged."""

    pictures: list[bytes] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    thoughts: int = 0
    """Thought pictures that were skipped."""
    thought_picture: tuple[bytes, str] | None = None
    """The last of them, and what it is declared to be: the result where there is no other."""
    delivered: int = 0
    """Pictures that came, readable or not: what is billed."""
    text: str = ""
    reason: str = ""
    """The finish reason, or an interaction's status."""
    message: str = ""
    """The service's own sentence."""
    blocked: str = ""
    """Why the prompt was not taken at all."""
    failed: str = ""
    """What went wrong on the service's side, where it says that something did."""
    usage: Usage = field(default_factory=Usage)
    got: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    """What to continue from."""
    warnings: list[str] = field(default_factory=list)


def from_response(response: Any, heard: Sequence[str] = ()) -> Answer:
    """Read a GenerateContentResponse, or one chunk of a stream; `heard` are finish messages the SDK left out."""
    answer = Answer(
        usage=_usage(response.usage_metadata), got={"model_version": response.model_version, "response_id": response.response_id}
    )
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        answer.blocked = _name(feedback.block_reason)
        answer.message = getattr(feedback, "block_reason_message", None) or ""
    for candidate in response.candidates or ():
        answer.reason = _name(candidate.finish_reason) or answer.reason
        answer.message = candidate.finish_message or answer.message or " ".join(heard)
        before = len(answer.pictures)
        for part in (candidate.content.parts if candidate.content else None) or ():
            data = part.inline_data.data if part.inline_data else None
            if part.thought:
                if data is not None:
                    answer.thoughts += 1
                    answer.thought_picture = (data, part.inline_data.mime_type or "")
            elif data is not None:
                answer.pictures.append(data)
                answer.declared.append(part.inline_data.mime_type or "")
            elif part.text:
                answer.text += whole(part.text)
        # One candidate is asked for; of more that come, the one with the picture is continued from.
        if candidate.content and (len(answer.pictures) > before or not answer.kept):
            content = candidate.content.model_dump(exclude_none=True)
            if parts := [raw.sendable(part) for part in content.get("parts", ()) if raw.holds_something(part)]:
                answer.kept = {"content": {**content, "role": "model", "parts": parts}}
    answer.got["finish_reason"] = answer.reason or answer.blocked
    return answer


def mended(body: bytes, heard: Sequence[str] = ()) -> Answer | None:
    """Read a generateContent answer the SDK could not read as a whole: each piece that can be understood, without the others.

    Returns
    -------
    Answer or None
        None where there is neither a candidate nor a refusal in it.
    """
    from google.genai import types

    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(plain, Mapping):
        return None
    feedback, counted = (value if isinstance(value := plain.get(name), Mapping) else {} for name in ("promptFeedback", "usageMetadata"))
    usage: dict[str, Any] = {name: count for name in _COUNTS if (count := count_of(counted.get(name))) is not None}
    for name in _DETAILS:
        usage[name] = [
            {"modality": _text(entry.get("modality")), "tokenCount": count_of(entry.get("tokenCount"))}
            for entry in mappings(counted.get(name))
        ]
    clean: dict[str, Any] = {
        "candidates": [
            {
                "finishReason": _text(candidate.get("finishReason")) or None,
                "finishMessage": _text(candidate.get("finishMessage")) or None,
                "content": {"role": "model", "parts": [*_parts(candidate.get("content"))]},
            }
            for candidate in mappings(plain.get("candidates"))
        ],
        "promptFeedback": {"blockReason": reason} if (reason := _text(feedback.get("blockReason"))) else None,
        "usageMetadata": usage,
        "modelVersion": _text(plain.get("modelVersion")),
        "responseId": _text(plain.get("responseId")),
    }
    if not clean["candidates"] and not reason:
        return None
    answer = from_response(types.GenerateContentResponse.model_validate(clean), heard)
    answer.got["mended"] = True
    return answer


def error_in(body: bytes) -> Exception | None:
    """Return the SDK's error for one that stands in an answer of status 200, as proxies send it; None where there is none."""
    from google.genai import errors

    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return None
    told = plain.get("error") if isinstance(plain, Mapping) else None
    code = count_of(told.get("code")) if isinstance(told, Mapping) else None
    return errors.APIError(code, plain) if code is not None and 400 <= code < 600 else None


def from_interaction(interaction: Any, *, stored: bool) -> Answer:
    """Read an Interaction. The SDK does not check it, so it may hold anything.

    Raises
    ------
    BadReplyError
        When it is no object at all.
    """
    if not hasattr(interaction, "model_dump"):
        raise BadReplyError("Gemini answered with something that cannot be read as its JSON. Run it again.", provider=PROVIDER)
    # Piece by piece: the SDK cannot write out what it let pass, and has every picture of it twice.
    plain = {name: _plain(getattr(interaction, name, None)) for name in ("id", "model", "status", "steps", "errors", "usage")}
    answer = Answer(reason=_text(plain.get("status")), usage=_interaction_usage(plain.get("usage")))
    key = _text(plain.get("id"))
    answer.got = {"interaction": key, "finish_reason": answer.reason, "model_version": _text(plain.get("model"))}
    for error in mappings(plain.get("errors")):
        code, message = _text(error.get("code")), _text(error.get("message"))
        answer.message = " ".join(filter(None, (answer.message, message)))
        if _MODERATION.search(code):
            answer.blocked = answer.blocked or code
        else:
            answer.failed = answer.failed or code or "no code given"
    steps = mappings(plain.get("steps"))
    for block in raw.blocks(steps):
        if block.get("type") == "text":
            answer.text += _text(block.get("text"))
        elif block.get("type") == "image" and "data" in block:
            answer.pictures.append(decoded(block["data"]) or b"")
            answer.declared.append(_text(block.get("mime_type")))
    answer.kept = {"steps": raw.kept_steps(steps)} | ({"interaction": key} if stored and key else {})
    return answer


def _parts(content: Any) -> Iterator[Any]:
    """Return the parts of a content that can be understood; of an odd one at least its picture or its words."""
    from google.genai import types

    for part in mappings(content.get("parts") if isinstance(content, Mapping) else None):
        blob = part.get("inlineData") or part.get("inline_data")
        if isinstance(blob, Mapping):
            declared = blob.get("mimeType") or blob.get("mime_type")
            # The SDK takes one alphabet, on one line and padded; what came may be neither.
            bytes_given = decoded(blob.get("data"))
            data = base64.b64encode(bytes_given).decode() if bytes_given else blob.get("data")
            bare: dict[str, Any] = {"inlineData": {"data": data, "mimeType": declared if isinstance(declared, str) else None}}
        else:
            bare = {"text": _text(part.get("text"))}
        signature = part.get("thoughtSignature") or part.get("thought_signature")
        thought = bool(part.get("thought"))
        for form in ({**bare, "thought": thought, "thoughtSignature": signature}, {**bare, "thought": thought}):
            with contextlib.suppress(ValueError):  # pydantic's own is one
                yield types.Part.model_validate(form)
                break


def _usage(counted: Any) -> Usage:
    if counted is None:
        return Usage()
    by_modality = _modalities(
        ("input", ((entry.modality, entry.token_count) for entry in counted.prompt_tokens_details or ())),
        ("output", ((entry.modality, entry.token_count) for entry in counted.candidates_tokens_details or ())),
        ("thought", [("", counted.thoughts_token_count)]),
        ("cached", [("", counted.cached_content_token_count)]),
    )
    return Usage(
        count_of(counted.prompt_token_count), count_of(counted.candidates_token_count), count_of(counted.total_token_count), by_modality
    )


def _interaction_usage(counted: Any) -> Usage:
    if not isinstance(counted, Mapping):
        return Usage()
    by_modality = _modalities(
        *(
            (side, ((entry.get("modality"), entry.get("tokens")) for entry in mappings(counted.get(f"{side}_tokens_by_modality"))))
            for side in ("input", "output")
        ),
        ("thought", [("", counted.get("total_thought_tokens"))]),
    )
    given, made, total = (count_of(counted.get(f"total_{name}")) for name in ("input_tokens", "output_tokens", "tokens"))
    return Usage(given, made, total, by_modality)


def _modalities(*sides: tuple[str, Iterable[tuple[Any, Any]]]) -> dict[str, int]:
    """Return the tokens that were counted, each under its side and modality."""
    out: dict[str, int] = {}
    for side, entries in sides:
        for modality, tokens in entries:
            if count := count_of(tokens):
                name = f"{side}_{_name(modality).lower()}".rstrip("_")
                out[name] = out.get(name, 0) + count
    return out


def _name(value: Any) -> str:
    """Return the name of an enum member of the SDK, known or not, or a plain text."""
    return _text(getattr(value, "value", value))


def _text(value: Any) -> str:
    """Return a text or a number as text, nothing for anything else."""
    return whole(str(value)) if isinstance(value, (str, int)) else ""


def _plain(value: Any) -> Any:
    """Return a piece of an interaction as JSON, None where the SDK cannot write it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not hasattr(value, "model_dump"):
        return value
    try:
        return value.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
    except Exception:  # whatever comes of values of other types than it expects
        # A step as odd as this is read from its content.
        return {"type": getattr(value, "type", None), "content": _plain(getattr(value, "content", None))}
