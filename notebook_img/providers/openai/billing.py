"""What servers say they counted, read without trust, and added up over all the answers to one request.

Numbers come from strangers: NaN, texts and lists stand where counts should, and none of that may cost the user an answer that is paid for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.providers.interface import Usage
from notebook_img.providers.received import MOST_DOLLARS, count_of, finite

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Bill:
    """What one answer used, as far as it was told."""

    usage: Usage = field(default_factory=Usage)
    told_cost: float | None = None
    """US dollars, where the gateway says so itself (OpenRouter's ``usage.cost``)."""
    chat: Usage | None = None
    """What a chat model used that read along; None where none did."""


def image_usage(told: Any, *, pictures: int | None = None) -> Usage:
    """Return the tokens of an image call as the service counted them.

    Parameters
    ----------
    pictures : int, optional
        How many pictures the answer delivered, whether or not they turn out to be usable.
    """
    given, made = getattr(told, "input_tokens_details", None), getattr(told, "output_tokens_details", None)
    return Usage(
        input_tokens=count_of(getattr(told, "input_tokens", None)),
        output_tokens=count_of(getattr(told, "output_tokens", None)),
        total_tokens=count_of(getattr(told, "total_tokens", None)),
        by_modality=_counted(
            input_text=getattr(given, "text_tokens", None),
            input_image=getattr(given, "image_tokens", None),
            output_text=getattr(made, "text_tokens", None),
            output_image=getattr(made, "image_tokens", None),
            cached=getattr(given, "cached_tokens", None) or _extra(given).get("cached_tokens"),
        ),
        pictures=pictures,
    )


def chat_usage(told: Any) -> Usage:
    """Return the tokens of a chat completion, or of the model of a response, as the service counted them."""
    prompt, answer = (_first(told, *names) for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")))
    given = _first(told, "prompt_tokens_details", "input_tokens_details")
    made = _first(told, "completion_tokens_details", "output_tokens_details")
    thought, painted = count_of(getattr(made, "reasoning_tokens", None)) or 0, count_of(_extra(made).get("image_tokens")) or 0
    written = count_of(answer)
    return Usage(
        input_tokens=count_of(prompt),
        output_tokens=written,
        total_tokens=count_of(getattr(told, "total_tokens", None)),
        by_modality=_counted(
            input_text=prompt,
            # The service counts thoughts and pictures into the answer; here no kind holds another.
            output_text=max(0, written - thought - painted) if written is not None else None,
            thought=thought,
            output_image=painted,
            cached=getattr(given, "cached_tokens", None),
        ),
    )


def _first(told: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(told, name, None)) is not None), None)


def told_cost(usage: Any) -> float | None:
    """Return the US dollars a gateway names in its usage (OpenRouter), or None."""
    cost = finite(_extra(usage).get("cost"))
    return float(cost) if cost is not None and 0 <= cost <= MOST_DOLLARS else None


def added(usages: Iterable[Usage]) -> Usage:
    """Return the sum of what several answers counted; what was not counted stays None."""
    several = list(usages)

    def total(counts: list[int | None]) -> int | None:
        known = [number for number in counts if number is not None]
        return sum(known) if known else None

    by: dict[str, int] = {}
    for usage in several:
        for name, number in usage.by_modality.items():
            by[name] = by.get(name, 0) + number
    return Usage(
        input_tokens=total([usage.input_tokens for usage in several]),
        output_tokens=total([usage.output_tokens for usage in several]),
        total_tokens=total([usage.total_tokens for usage in several]),
        by_modality=by,
        pictures=total([usage.pictures for usage in several]),
    )


def _counted(**told: Any) -> dict[str, int]:
    return {name: number for name, value in told.items() if (number := count_of(value))}


def _extra(told: Any) -> dict[str, Any]:
    """Return the fields of `told` that the SDK does not know."""
    return getattr(told, "model_extra", None) or {}
