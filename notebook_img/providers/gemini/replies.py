"""An `Answer` -> pictures, words, counts and cost, or the error that says why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    NoPictureError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UnreachableError,
)
from notebook_img.providers.gemini.failures import PROVIDER, words
from notebook_img.providers.gemini.models import DEFAULT_SIZE
from notebook_img.providers.gemini.reading import Answer
from notebook_img.providers.interface import ModelInfo, Request, Usage
from notebook_img.providers.pricing import cost_of, made_for

DONE = {"STOP", "completed"}
"""How an answer ends that is whole."""
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
NOT_TAKEN = (AuthenticationError, ModelNotFoundError, OverloadedError, RateLimitError, RequestRefusedError, UnreachableError)
"""Errors of requests the service did not take: nothing was billed."""
UNFINISHED = {"failed", "cancelled", "queued", "in_progress", "requires_action", "requires_continuation"}
"""How an interaction ends without a result."""
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
        "cost": cost(answer.usage, row, request, sum(map(bool, answer.pictures))),
    }
    said = words(" ".join(filter(None, (answer.message, answer.text))), key)
    quoted = f' Its words: "{said}".' if said else ""
    if request.kind == "ask":
        if answer.text.strip() and not answer.blocked and answer.reason not in REFUSALS:
            if answer.reason == "MAX_TOKENS":
                answer.warnings.append("The answer ran out of tokens and is cut off.")
            elif answer.reason not in DONE or answer.failed:
                answer.warnings.append(f"Gemini ended with {answer.failed or answer.reason or 'no reason'}; the answer may be cut off.")
            return answer
        raise _no(answer, "answer", quoted, facts)
    if not any(answer.pictures) and answer.thought_picture is not None and not answer.blocked and answer.reason not in REFUSALS:
        data, declared = answer.thought_picture
        answer.pictures, answer.declared = [data], [declared]
        answer.thoughts -= 1
        answer.warnings.append("The only picture of the answer was marked as a thought; it was taken all the same.")
    usable = _sniffed(answer)
    if usable:
        if answer.reason not in DONE or answer.failed:
            ended = answer.failed or answer.reason or "no reason"
            answer.warnings.append(f"Gemini ended with {ended}{f': {said}' if answer.message else ''}.")
        if answer.got.get("mended"):
            answer.warnings.append("A part of the answer could not be read and was left out.")
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
    if answer.failed or reason in UNFINISHED:
        sentence = (
            f"Gemini failed and sent no {what} ({answer.failed or reason}). It may have been billed, so it is not repeated automatically."
        )
        return BadReplyError(f"{sentence}{quoted}", text=answer.text, **facts)
    if (
        reason in BROKEN
        or answer.got.get("mended")
        or (what == "answer" and reason in DONE)
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
    """Check what the bytes really are; anything that is not a picture is dropped and reported."""
    from notebook_img.pictures import sniff

    found = [(data, declared, sniff(data)) for data, declared in zip(answer.pictures, answer.declared, strict=True)]
    answer.got["pictures"] = [{"declared": declared, "mime_type": kind, "bytes": len(data)} for data, declared, kind in found]
    if answer.thoughts:
        answer.got["thought_pictures_skipped"] = answer.thoughts
    answer.delivered = sum(bool(data) for data, _, _ in found)
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


def cost(usage: Usage, row: ModelInfo, request: Request, pictures: int) -> float | None:
    """Return US dollars, or None when the table does not know."""
    return cost_of(usage, row, made_for(request, pictures, usual=DEFAULT_SIZE), day=request.day)


def may_be_billed(problem: ProviderError) -> bool:
    """Whether a call may have cost something that was not reported."""
    return problem.cost is None and (bool(problem.usage) or not isinstance(problem, NOT_TAKEN))


def weightiest(problems: Sequence[ProviderError]) -> ProviderError:
    """Return one of several errors to represent all, with the cost of all.

    One after which nothing is known of the cost comes first, so that the call counts as one that may have been billed; then one
    that was billed; one of a request that was not taken comes last, as after it a call is asked again or counts as free.
    """

    def weight(problem: ProviderError) -> int:
        return 2 if may_be_billed(problem) and not problem.usage else 1 if problem.usage or problem.cost is not None else 0

    first = max(problems, key=weight)
    costs = [problem.cost for problem in problems if problem.cost is not None]
    first.cost = sum(costs) if costs and not any(map(may_be_billed, problems)) else None
    return first


def plain(usage: Usage) -> dict[str, Any]:
    """Return what is known of it, as errors carry it."""
    known = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": usage.total_tokens}
    return {name: value for name, value in known.items() if value is not None} | (
        {"by_modality": dict(usage.by_modality)} if usage.by_modality else {}
    )
