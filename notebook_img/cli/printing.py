"""What a shell prints: clean stdout for pipes, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from notebook_img.cli.wording import IN_SHELLS
from notebook_img.errors import (
    AuthenticationError,
    BudgetError,
    JobPendingError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
    did_you_mean,
)
from notebook_img.hints import worded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.calls import Plan
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn


def say(text: str, *, end: str = "\n") -> None:
    """Print a remark on stderr; if that fails (a full disk, a reader that has left), stdout must not suffer."""
    with contextlib.suppress(OSError):
        print(text, end=end, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, in ASCII: it reaches any program through any console."""
    print(json.dumps(value))


EXIT_CODES: tuple[tuple[int, tuple[type[NotebookImgError], ...]], ...] = (
    (2, (UsageError,)),
    (3, (KeyMissingError, AuthenticationError)),
    (4, (RefusedError, RequestRefusedError, ModelNotFoundError)),
    (5, (RateLimitError, OverloadedError, UnreachableError)),
    (6, (ProviderError,)),
    (7, (BudgetError,)),
    (8, (JobPendingError,)),
)
"""What a script may want to tell apart: the command, the key, a no, not now (nothing billed), perhaps billed, the budget, a job."""


def exit_code(error: NotebookImgError) -> int:
    """Return the exit code for an error, 1 for what has no row of its own (files, the store)."""
    return next((code for code, kinds in EXIT_CODES if isinstance(error, kinds)), 1)


def print_json_list(values: Iterable[Any]) -> None:
    """Print a list as one line of JSON, however long it is: its items are made one after the other."""
    print("[", end="")
    for number, value in enumerate(values):
        print(", " if number else "", json.dumps(value), sep="", end="")
    print("]")


def print_error(error: NotebookImgError, *, as_json: bool, model: str = "", image: str = "") -> int:
    """Print what went wrong, naming the model or file where there are several; return the exit code."""
    message = worded(error, IN_SHELLS)
    # A masked edit in another frame was paid for: its picture is kept, and a shell has no error.picture.
    kept = getattr(getattr(error, "picture", None), "path", None)
    job = getattr(error, "job", "")
    if as_json:
        facts = {name: str(value) for name, value in (("model", model), ("image", image), ("picture", kept), ("job", job)) if value}
        print_json({"error": {"type": type(error).__name__, "message": message, **facts}})
    named = "" if message.startswith(image) else image
    say(": ".join(filter(None, (type(error).__name__, named, model, message))))
    if kept:
        say(f"The picture as it was delivered: {kept}")
    return exit_code(error)


class ProgressLine:
    """One line on a terminal's stderr that counts the seconds; nothing where stderr is not a terminal.

    Parameters
    ----------
    quiet : bool
        Say nothing but where pictures go and what that costs.
    place : str
        Which of several it is, ``3 of 12``.
    """

    def __init__(self, *, quiet: bool = False, place: str = "") -> None:
        from notebook_img.calls import Progress

        self.on = sys.stderr.isatty() and not quiet
        self.quiet = quiet
        self.place = f"{place}: " if place else ""
        self.started = time.monotonic()
        self.shown = 0.0
        self.progress = Progress("working")

    def on_event(self, event: Any) -> None:
        """Take an event of the core."""
        from notebook_img.calls import Notice

        if isinstance(event, Notice):
            self.clear()
            say(event.text)
        elif self.progress.take(event) == "waiting" and not self.on and not self.quiet:
            say(self.progress.waiting)
        now = time.monotonic()
        if self.on and now - self.started > 0.5 and now - self.shown > 0.2:
            self.shown = now
            say(f"\r\x1b[K{self.place}{self.progress.line[:60]} ... {now - self.started:.0f} s", end="")

    def clear(self) -> None:
        """Remove the line."""
        if self.on and self.shown:
            say("\r\x1b[K", end="")


def print_turn(turn: Turn, *, quiet: bool = False, image: str = "") -> None:
    """Print an answer, or the path of each picture: the file that was asked for, else the one in the store.

    The caption follows on stderr, unless `quiet`. Of several pictures asked about each answer begins with its name, `image`.
    """
    from notebook_img.tree import caption

    if turn.kind == "ask":
        print(f"{image}: {turn.text}" if image else turn.text)
    else:
        for path in turn.files or [picture.path for picture in turn.pictures]:
            print(path)
    if not quiet:
        say(caption(turn).plain())
        if turn.pictures and not turn.files and turn.kind != "ask" and not image:
            say(f"Kept in the store; notebook-img show {shlex.quote(turn.full_id)} -o FILE writes a copy where you want it.")


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a dry run as JSON: what would be sent, without bytes."""
    pictures = [{"name": item.name, "sha256": item.sha256, "width": item.width, "height": item.height} for item in plan.pictures]
    region = {"region": plan.region.plan.to_dict()} if plan.region is not None and plan.region.plan is not None else {}
    facts = {name: value for name, value in vars(plan).items() if name != "region"}
    facts["refusal"] = str(plan.refusal or "")
    return {**facts, "pictures": pictures, **region, "dry_run": True}


def turn_json(turn: Turn) -> dict[str, Any]:
    """Return a turn as JSON: its facts and its pictures' paths, without bytes."""
    files = [str(path) for path in turn.files]
    return {
        "id": turn.full_id,
        "kind": turn.kind,
        "prompt": turn.prompt,
        "model": turn.model,
        "parent": turn.parent.id if turn.parent else None,
        "text": turn.text,
        "value": turn.record.answer.get("value") if isinstance(turn.record.answer, dict) else None,
        "boxes": [box.to_dict() for box in turn.boxes or ()],
        "pictures": [
            {
                "sha256": picture.sha256,
                "mime_type": picture.mime_type,
                "width": picture.width,
                "height": picture.height,
                "path": str(picture.path),
                "file": files[index] if index < len(files) else None,
            }
            for index, picture in enumerate(turn.pictures)
        ],
        "seconds": turn.seconds,
        "cost": turn.cost,
        "seed": turn.seed,
        "warnings": list(turn.warnings),
    }


def open_studio() -> Studio:
    """Return the studio of this shell."""
    from notebook_img.records import Origin
    from notebook_img.studio import Studio

    studio = Studio()
    studio.origin = Origin(surface="cli")
    studio.say = say
    return studio


def split_flags(words: list[str], *known: str) -> tuple[list[str], set[str]]:
    """Split off flags; an unknown one is an error with the nearest name."""
    flags = {word for word in words if word.startswith("--")}
    for flag in flags - set(known):
        raise UsageError(f"There is no option {flag} here.{did_you_mean(flag, known)} It takes {', '.join(known) or 'none'}.")
    return [word for word in words if word not in flags], flags


def take_value(words: list[str], flag: str, what: str) -> str | None:
    """Take an option with its value out of the words; None where it was not given."""
    if flag not in words:
        return None
    at = words.index(flag)
    if at + 1 >= len(words):
        raise UsageError(f"{flag} needs {what}.")
    value = words[at + 1]
    del words[at : at + 2]
    return value


def print_done(text: str, facts: Any, *, as_json: bool) -> None:
    """Print what was done: as JSON, or the lines a pipe can use, if any."""
    if as_json:
        print_json(facts)
    elif text:
        print(text)
