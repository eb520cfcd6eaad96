"""What a shell gets to see: clean stdout for pipes, everything else on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.results import Plan
    from notebook_img.tree import Turn


class ProgressLine:
    """One line on a terminal's stderr that counts the seconds; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()
        self.started = time.monotonic()
        self.shown = 0.0
        self.message = "working"

    def on_event(self, event: Any) -> None:
        """Take an event of the core."""
        from notebook_img.providers.interface import ProgressEvent, WaitEvent
        from notebook_img.results import Notice

        if isinstance(event, Notice):
            self.clear()
            print(event.text, file=sys.stderr)
        elif isinstance(event, ProgressEvent):
            self.message = event.message
        elif isinstance(event, WaitEvent):
            self.message = f"{event.reason}; waiting {event.seconds:.0f} s"
            if not self.on:
                print(self.message, file=sys.stderr)
        now = time.monotonic()
        if self.on and now - self.started > 0.5 and now - self.shown > 0.2:
            self.shown = now
            print(f"\r\x1b[K{self.message[:60]} ... {now - self.started:.0f} s", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.on and self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def print_turn(turn: Turn) -> None:
    """Print an answer, or where each picture lies: the file that was asked for, else the one in the store."""
    from notebook_img.tree.showing import caption

    if turn.kind == "ask":
        print(turn.text)
    else:
        for path in turn.files or [picture.path for picture in turn.pictures]:
            print(path)
    print(caption(turn).plain(), file=sys.stderr)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a dry run as JSON: what would be sent, without bytes."""
    pictures = [{"name": item.name, "sha256": item.sha256, "width": item.width, "height": item.height} for item in plan.pictures]
    return {**vars(plan), "pictures": pictures, "dry_run": True}


def turn_json(turn: Turn) -> dict[str, Any]:
    """Return a turn as JSON: its facts and where its pictures lie, without bytes."""
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
