"""Understands an edit prompt: all of its phrases, or none. Every word must be understood, so that nothing is half applied."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.providers.local.help import operation_words
from notebook_img.providers.local.operations import OPERATIONS, Operation
from notebook_img.providers.local.phrases import Phrase, Pieces, compiled, cut, mark_images
from notebook_img.providers.local.readers import READERS, to_json, to_words

WINDOW = 6
"""Most pieces that are read as one phrase: the four numbers of a box, a night with its moon and stars."""
MOST_STEPS = 40
MOST_CHARACTERS = 4000


@dataclass(frozen=True)
class Step:
    """One operation with its values, as parsed."""

    operation: Operation
    values: Mapping[str, Any]
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the step as it is recorded in `Reply.sent`."""
        return {
            "operation": self.operation.name,
            **{name: to_json(value) for name, value in self.values.items() if value not in {None, ""}},
        }

    def words(self) -> str:
        """Return what was done, in the past tense."""
        for_more, _, for_less = self.operation.done.partition("|")
        first = next(iter(self.values.values()), 0)
        template = for_less if for_less and isinstance(first, float | int) and first < 0 else for_more
        return template.format_map({name: _shown(value) for name, value in self.values.items()})


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 3:  # a size: width, height, longest side
        width, height, longest = value
        return f"{width}×{height}" if width and height else str(width or height or longest)
    if isinstance(value, tuple) and len(value) == 4:
        return ", ".join(str(part) for part in value)
    return to_words(value)


class UnknownPhraseError(UsageError):
    """A phrase that is not an operation. The provider turns it into a sentence that leads with the cause.

    Attributes
    ----------
    phrase : str
        As typed.
    nearest : Operation, optional
    """

    def __init__(self, phrase: str, nearest: Operation | None, hint: str = "") -> None:
        super().__init__(f"The built-in engine cannot {phrase!r}.")
        self.phrase = phrase
        self.nearest = nearest
        self.hint = hint


@dataclass
class _Tried:
    """How near an operation came to a phrase."""

    operation: Operation
    left: int
    weight: int
    error: UsageError | None = None


def parse(prompt: str) -> list[Step]:
    """Return the operations of an edit prompt, in its order.

    Raises
    ------
    UnknownPhraseError
        For a phrase that is not an operation.
    UsageError
        For an amount out of range, a missing text, or a prompt without any operation.
    """
    if len(prompt) > MOST_CHARACTERS:
        raise UsageError(f"The built-in engine reads prompts of up to {MOST_CHARACTERS} characters; this one has {len(prompt)}.")
    pieces = cut(mark_images(prompt))
    if len(pieces.spans) > 4 * MOST_STEPS:
        raise UsageError(f"The built-in engine does up to {MOST_STEPS} operations per prompt; split this one over several edits.")
    steps: list[Step] = []
    index = 0
    while index < len(pieces.spans):
        found = _longest(pieces, index)
        if found is None:
            raise _unknown(pieces, index, steps)
        step, last = found
        if step is not None:
            steps.append(step)
        index = last + 1
    if not steps:
        raise UsageError("The prompt names no operation. Try 'warmer by 20 %' or 'crop to a square'.", hint=Hint("list-operations"))
    if len(steps) > MOST_STEPS:
        raise UsageError(f"The built-in engine does up to {MOST_STEPS} operations per prompt; split this one over several edits.")
    return steps


def _longest(pieces: Pieces, index: int) -> tuple[Step | None, int] | None:
    """Return the operation of the longest run of pieces that is one, with the index of its last piece."""
    for last in range(min(index + WINDOW, len(pieces.spans)) - 1, index - 1, -1):
        phrase = pieces.phrase(index, last)
        step = _match(phrase, pieces.source(index, last))
        if step is not None:
            return step, last
    phrase = pieces.phrase(index, index)
    if not phrase.left() and "⟦" not in phrase.text:
        return None, index  # "please", "and so on": words without meaning of their own
    return None


def _attempts(phrase: Phrase, operation: Operation) -> list[_Tried | tuple[int, dict[str, Any]]]:
    found: list[_Tried | tuple[int, dict[str, Any]]] = []
    for pattern, presets in operation.triggers.items():
        match = compiled(pattern).search(phrase.text)
        if not match:
            continue
        trial = phrase.copy()
        # The mark keeps the place of the word, for texts that follow it without quotes.
        mark = " ⟪ " if operation.parameters and operation.parameters[0].kind == "text" else " "
        trial.text = f"{phrase.text[: match.start()]}{mark}{phrase.text[match.end() :]}"
        weight = match.end() - match.start()
        values: dict[str, Any] = {}
        error: UsageError | None = None
        missing = False
        for parameter in operation.parameters:
            try:
                value = READERS[parameter.kind](trial, parameter, dict(presets))
            except UsageError as problem:
                error = error or problem
                continue
            missing = missing or (value is None and not parameter.optional)
            values[parameter.name] = value
        left = len(trial.left(operation.fillers)) + trial.text.count("⟦")
        if left or missing or error is not None:
            found.append(_Tried(operation, left + (0.5 if missing else 0), weight, error))  # type: ignore[arg-type]
        else:
            found.append((weight, values))
    return found


def _match(phrase: Phrase, source: str) -> Step | None:
    best: tuple[int, Step] | None = None
    for operation in OPERATIONS:
        for attempt in _attempts(phrase, operation):
            if isinstance(attempt, tuple) and (best is None or attempt[0] > best[0]):
                best = attempt[0], Step(operation, attempt[1], source)
    return best[1] if best else None


def _unknown(pieces: Pieces, index: int, before: list[Step]) -> UsageError:
    """Return the error for the phrase that begins at `index`."""
    tried = [
        attempt for operation in OPERATIONS for attempt in _attempts(pieces.phrase(index, index), operation) if isinstance(attempt, _Tried)
    ]
    tried.sort(key=lambda attempt: (attempt.left, -attempt.weight))
    if tried and tried[0].left == 0 and tried[0].error is not None:
        return tried[0].error
    if tried and 0 < tried[0].left < 1 and tried[0].operation.parameters[0].kind == "text":
        return UsageError(f"{pieces.source(index, index)!r} needs its text, in quotes: {tried[0].operation.example!r}.")
    last = index
    while last + 1 < len(pieces.spans) and _longest(pieces, last + 1) is None:
        last += 1
    phrase = pieces.source(index, last)
    hint = ""
    if before and before[-1].operation.parameters and before[-1].operation.parameters[0].kind == "text":
        hint = "Put a text that has commas or 'and' in it in quotes."
    elif re.search(r"\b(?:image|picture|photo) ([2-9]|1\d)\b", phrase):
        hint = "It edits image 1; others are used by 'blend with image 2 by 40 %', 'side by side' and 'contact sheet' alone."
    return UnknownPhraseError(phrase if len(phrase) <= 80 else phrase[:79] + "…", _nearest(phrase, tried), hint)


def _nearest(phrase: str, tried: list[_Tried]) -> Operation | None:
    by_name = {operation.name: operation for operation in OPERATIONS}
    generic = {"add", "make", "change", "remove", "take", "show", "keep", "fit", "text", "write", "format"}
    words = [word.casefold() for word in phrase.replace("-", " ").split()]
    known = operation_words()
    for word in words:
        if len(word) > 3 and word not in generic:
            close = difflib.get_close_matches(word, known, n=1, cutoff=0.78)
            if close:
                return by_name[known[close[0]]]
    # A word that triggers something, in a sentence that asks for more than that ("blur the background").
    strong = [attempt for attempt in tried if attempt.left <= 3 and attempt.weight > 4 and not set(attempt.operation.words) & {"cut"}]
    return strong[0].operation if strong and strong[0].left <= 2 else None


SIZES: dict[str, int] = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096}
"""Named sizes: pixels of the longest side."""


def frame_steps(aspect_ratio: str | None, size: str | None) -> list[Step]:
    """Return the operations that the options ``--aspect`` and ``--size`` ask for, done after those of the prompt."""
    steps: list[Step] = []
    if aspect_ratio:
        steps += parse(f"crop to {aspect_ratio}")
    if size:
        longest = SIZES.get(size.casefold())
        steps += parse(f"resize to {longest} px" if longest else f"resize to {size}")
    return steps


def is_exact(prompt: str) -> bool:
    """Return whether a prompt is nothing but exact operations: resize, crop, rotate, flip, border, auto levels, greyscale, cut out."""
    try:
        steps = parse(prompt)
    except UsageError:
        return False
    return bool(steps) and all(step.operation.exact and re.search(step.operation.exact, step.source, re.IGNORECASE) for step in steps)


def cuts_out(prompt: str) -> bool:
    """Return whether a prompt asks for transparency around what the picture is of."""
    try:
        return any(step.operation.name == "cut out" for step in parse(prompt))
    except UsageError:
        return False
