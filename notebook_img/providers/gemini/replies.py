"""What Gemini answered -> pictures, words and counts, or the error that says why there are none."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from notebook_img.errors import BadReplyError, NoPictureError, ProviderError, RefusedError
from notebook_img.providers.gemini import raw
from notebook_img.providers.gemini.failures import PROVIDER, words
from notebook_img.providers.gemini.models import DEFAULT_SIZE
from notebook_img.providers.interface import ModelInfo, Request, Usage

REFUSALS: dict[str, tuple[str, str]] = {
    # reason: (what was refused, what to do), from google-genai 3.4.0's FinishReason and BlockedReason
    "SAFETY": ("for safety", "Say it in other words"),
    "IMAGE_SAFETY": ("because the picture is held to be unsafe", "Say it in other words, or use another picture"),
    "PROHIBITED_CONTENT": ("as prohibited content", "Ask for something else"),
    "IMAGE_PROHIBITED_CONTENT": ("because the picture shows prohibited content", "Ask for something else"),
    "IMAGE_RECITATION": ("because it is too close to an existing picture", "Ask for something of your own"),
    "RECITATION": ("because it is too close to an existing work", "Ask for something of your own"),
    "BLOCKLIST": ("because of a word on its list", "Say it in other words"),
    "SPII": ("because of personal data", "Leave the personal data out"),
    "JAILBREAK": ("as an attempt to get around its rules", "Say it in other words"),
    "MODEL_ARMOR": ("by its filter", "Say it in other words"),
}
NO_PICTURE: dict[str, str] = {
    "STOP": "it answered in words",
    "NO_IMAGE": "it made none",
    "IMAGE_OTHER": "something went wrong while it painted",
    "OTHER": "it does not say why",
    "MAX_TOKENS": "the answer ran out of tokens",
    "LANGUAGE": "it does not know the language",
}
BROKEN = {
    "MALFORMED_RESPONSE",
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "CONTINUATION",
    "FINISH_REASON_UNSPECIFIED",
    "",
}


@dataclass
class Answer:
    """One answer of the service, before it is judged."""

    pictures: list[bytes] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    thoughts: int = 0
    """Thought pictures that were skipped."""
    text: str = ""
    reason: str = ""
    """The finish reason, or an interaction's status."""
    message: str = ""
    """The service's own sentence."""
    blocked: str = ""
    """Why the prompt was not taken at all."""
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
        answer.reason = _name(candidate.finish_reason)
        answer.message = candidate.finish_message or answer.message or " ".join(heard)
        parts = (candidate.content.parts if candidate.content else None) or []
        for part in parts:
            data = part.inline_data.data if part.inline_data else None
            if part.thought:
                answer.thoughts += data is not None
            elif data is not None:
                answer.pictures.append(data)
                answer.declared.append(part.inline_data.mime_type or "")
            elif part.text:
                answer.text += part.text
        if parts:
            content = candidate.content.model_dump(exclude_none=True)
            answer.kept = {"content": {"role": "model", **content}}
    answer.got["finish_reason"] = answer.reason or answer.blocked
    return answer


def from_interaction(interaction: Any, *, stored: bool) -> Answer:
    """Read an Interaction."""
    answer = Answer(reason=str(interaction.status or ""), usage=_interaction_usage(interaction.usage))
    answer.got = {"interaction": interaction.id, "finish_reason": answer.reason, "model_version": getattr(interaction, "model", None)}
    for error in getattr(interaction, "errors", None) or ():
        answer.message = " ".join(filter(None, (answer.message, getattr(error, "message", None))))
        answer.blocked = answer.blocked or str(getattr(error, "code", None) or "")
    steps = interaction.steps or []
    for step in steps:
        if getattr(step, "type", "") != "model_output":
            continue
        for block in step.content or ():
            if block.type == "text":
                answer.text += block.text or ""
            elif block.type == "image" and isinstance(block.data, str):
                answer.pictures.append(base64.b64decode(block.data))
                answer.declared.append(block.mime_type or "")
    answer.kept = {"steps": raw.kept_steps(steps)} | ({"interaction": interaction.id} if stored else {})
    return answer


def checked(answer: Answer, request: Request, row: ModelInfo, key: str) -> Answer:
    """Return the answer with its warnings, or raise why there is none.

    Raises
    ------
    RefusedError, NoPictureError, BadReplyError
    """
    facts: dict[str, Any] = {
        "provider": PROVIDER,
        "model": row.name,
        "usage": plain(answer.usage),
        "cost": cost(answer.usage, row, request.size, 0, asked=request.kind == "ask"),
    }
    said = words(" ".join(filter(None, (answer.message, answer.text))), key)
    quoted = f' Its words: "{said}".' if said else ""
    if request.kind == "ask":
        if answer.text.strip() and not answer.blocked and answer.reason not in REFUSALS:
            if answer.reason == "MAX_TOKENS":
                answer.warnings.append("The answer ran out of tokens and is cut off.")
            return answer
        raise _no(answer, "answer", quoted, facts)
    usable = _sniffed(answer)
    if usable:
        if answer.reason not in {"STOP", "completed"}:
            answer.warnings.append(f"Gemini ended with {answer.reason or 'no reason'}{f': {said}' if answer.message else ''}.")
        return answer
    if answer.pictures:
        raise BadReplyError("Gemini sent a picture that cannot be read as one. Run it again.", text=answer.text, **facts)
    raise _no(answer, "picture", quoted, facts)


def _no(answer: Answer, what: str, quoted: str, facts: Mapping[str, Any]) -> ProviderError:
    reason = answer.blocked or answer.reason
    if answer.blocked:
        stage: Literal["input", "prompt"] = "input" if reason.startswith("IMAGE_") else "prompt"
        why, advice = REFUSALS.get(reason.upper(), ("before it began", "Say it in other words"))
        sentence = f"Gemini refused the {'input picture' if stage == 'input' else 'prompt'} {why} ({reason}). {advice}.{quoted}"
        return RefusedError(sentence, stage=stage, reason=reason, text=answer.text or answer.message, **facts)
    if reason in REFUSALS:
        why, advice = REFUSALS[reason]
        return RefusedError(
            f"Gemini refused its own {what} {why} ({reason}). {advice}.{quoted}",
            stage="output",
            reason=reason,
            text=answer.text or answer.message,
            **facts,
        )
    if (
        reason in BROKEN
        or (what == "answer" and reason in {"STOP", "completed"})
        or (reason == "STOP" and not answer.text and not answer.message)
    ):
        return BadReplyError(
            f"Gemini sent an empty or broken answer ({reason or 'no reason given'}). Run it again.{quoted}", text=answer.text, **facts
        )
    why = NO_PICTURE.get(reason, NO_PICTURE["STOP"] if reason == "completed" and answer.text else f"it ended with {reason}")
    return NoPictureError(
        f"Gemini sent no {what}: {why} ({reason}). Ask for a {what} in plain words, or run it again.{quoted}",
        text=answer.text or answer.message,
        reason=reason,
        **facts,
    )


def _sniffed(answer: Answer) -> bool:
    """Look at what the bytes really are; what is no picture is dropped and said."""
    from notebook_img.pictures import sniff

    found = [(data, declared, sniff(data)) for data, declared in zip(answer.pictures, answer.declared, strict=True)]
    answer.got["pictures"] = [{"declared": declared, "mime_type": kind, "bytes": len(data)} for data, declared, kind in found]
    if answer.thoughts:
        answer.got["thought_pictures_skipped"] = answer.thoughts
    good = [data for data, _, kind in found if kind]
    if good:
        for _, declared, kind in found:
            if kind and kind != declared:
                answer.got.setdefault("warnings", []).append(f"declared as {declared or 'nothing'}, is {kind}")
        if len(good) < len(found):
            answer.warnings.append(f"{len(found) - len(good)} of {len(found)} pictures could not be read and were dropped.")
        answer.pictures = good
    return bool(good)


def total(usages: Sequence[Usage], pictures: int) -> Usage:
    """Add up what parallel requests used."""

    def add(name: str) -> int | None:
        known = [getattr(usage, name) for usage in usages if getattr(usage, name) is not None]
        return sum(known) if known else None

    by_modality: dict[str, int] = {}
    for usage in usages:
        for name, count in usage.by_modality.items():
            by_modality[name] = by_modality.get(name, 0) + count
    return Usage(add("input_tokens"), add("output_tokens"), add("total_tokens"), by_modality, pictures)


def cost(usage: Usage, row: ModelInfo, size: str | None, pictures: int, *, asked: bool) -> float | None:
    """Return US dollars, or None when the table does not know.

    Pictures are priced by their tokens where both the rate and the count are known, else by the size that was asked for.
    Input is added where its rate is known.
    """
    price, tokens = row.price, usage.by_modality
    if price is None:
        return None
    whole = 0.0
    if pictures:
        if price.image_out is not None and tokens.get("output_image"):
            whole = tokens["output_image"] * price.image_out / 1e6
        else:
            each = price.per_picture.get(size or DEFAULT_SIZE, price.per_picture.get("*"))
            if each is None:
                return None
            whole = pictures * each
    rates = {"input_text": price.text_in, "input_image": price.image_in, "output_text": price.text_out, "thought": price.text_out}
    unknown = [name for name, rate in rates.items() if rate is None and tokens.get(name)]
    if (unknown or not tokens) and (asked or not pictures):
        return None
    return whole + sum(tokens.get(name, 0) * (rate or 0.0) for name, rate in rates.items()) / 1e6


def plain(usage: Usage) -> dict[str, Any]:
    """Return what is known of it, as errors carry it."""
    known = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": usage.total_tokens}
    return {name: value for name, value in known.items() if value is not None} | (
        {"by_modality": dict(usage.by_modality)} if usage.by_modality else {}
    )


def _usage(counted: Any) -> Usage:
    if counted is None:
        return Usage()
    by_modality = _modalities("input", counted.prompt_tokens_details, "token_count") | _modalities(
        "output", counted.candidates_tokens_details, "token_count"
    )
    if counted.thoughts_token_count:
        by_modality["thought"] = counted.thoughts_token_count
    if counted.cached_content_token_count:
        by_modality["cached"] = counted.cached_content_token_count
    return Usage(counted.prompt_token_count, counted.candidates_token_count, counted.total_token_count, by_modality)


def _interaction_usage(counted: Any) -> Usage:
    if counted is None:
        return Usage()
    by_modality = _modalities("input", counted.input_tokens_by_modality, "tokens") | _modalities(
        "output", counted.output_tokens_by_modality, "tokens"
    )
    if counted.total_thought_tokens:
        by_modality["thought"] = counted.total_thought_tokens
    return Usage(counted.total_input_tokens, counted.total_output_tokens, counted.total_tokens, by_modality)


def _modalities(side: str, entries: Iterable[Any] | None, field_name: str) -> dict[str, int]:
    out: dict[str, int] = {}
    for entry in entries or ():
        name = f"{side}_{_name(entry.modality).lower()}"
        out[name] = out.get(name, 0) + (getattr(entry, field_name) or 0)
    return out


def _name(value: Any) -> str:
    """Return the name of an enum member of the SDK, known or not, or a plain text."""
    return "" if value is None else str(getattr(value, "value", value))
