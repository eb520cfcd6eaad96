"""How far a call is, in words: its events, taken one after the other, become one state that every surface shows its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from notebook_img.providers.interface import PartialEvent, ProgressEvent, QueueEvent, SubmittedEvent, TextEvent, WaitEvent

Change: TypeAlias = Literal["message", "waiting", "text", "partial", ""]
"""What an event changed; empty for one that says nothing of how far the call is (a tick, a notice)."""


@dataclass
class Progress:
    """What is known of a call while it lasts."""

    message: str = ""
    """What is being done."""
    fraction: float | None = None
    """0 to 1 where the service tells."""
    waiting: str = ""
    """Why nothing is being done at the moment; empty while something is."""
    text: str = ""
    """What the model has said so far."""
    partial: bytes | None = None
    """The latest partial picture."""

    @property
    def line(self) -> str:
        """The state in one line, for surfaces that have no more room."""
        return self.waiting or self.message

    def take(self, event: Any) -> Change:
        """Take an event of the core; return what it changed."""
        if isinstance(event, WaitEvent):
            # The event counts the attempts that failed, and the most that may follow the first.
            attempts = f"attempt {event.attempt + 1} of {event.most + 1}"
            self.waiting = f"{event.reason.rstrip('.')}; trying again in {event.seconds:.0f} s ({attempts})"
            return "waiting"
        if isinstance(event, QueueEvent):
            left = "" if event.seconds is None else f"; the next one is sent in {event.seconds:.0f} s"
            self.waiting = f"{event.reason}, so this one waits{left}"
            return "waiting"
        change: Change = ""
        if isinstance(event, TextEvent):
            self.text += event.text
            change = "text"
        elif isinstance(event, PartialEvent):
            self.partial = event.data
            change = "partial"
        elif isinstance(event, ProgressEvent):
            self.message, self.fraction = event.message, event.fraction
            change = "message"
        elif isinstance(event, SubmittedEvent):
            self.message = "the service has taken the job"
            change = "message"
        if change:
            self.waiting = ""
        return change
