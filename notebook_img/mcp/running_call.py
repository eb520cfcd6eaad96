"""One request of a client: who asks, how far it is, what it came to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from notebook_img import loop
    from notebook_img.calls import CallResult
    from notebook_img.mcp.folders import Folders
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn


@dataclass(frozen=True)
class Caller:
    """Who calls a tool."""

    name: str
    studio: Studio
    folders: Folders


@dataclass
class Result:
    """What a request came to."""

    turn: Turn
    files: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass
class Running:
    """A request under way; it becomes a job when nobody waits for it any more."""

    caller: Caller
    session: str
    prompt: str
    tool: str
    perform: Callable[[loop.Tell], Awaitable[CallResult]]
    output: Path | None = None
    model: str = ""
    sent: bool = False
    """Whether its turn came: from then on it goes on without the client."""
    done: bool = False
    job: str = ""
    submit_id: str = ""
    fresh: str = ""
    """Id of the session made for this request; it goes when nothing came of it."""
    future: concurrent.futures.Future[Result] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Note:
    """Something a client did, for the live output."""

    client: str
    tool: str
    state: str
    """``working``, ``done``, ``failed``, ``job``."""
    at: float
    turn: Turn | None = None
    text: str = ""
    key: str = ""
    """The same for all notes of one call."""


def facts_of(turn: Turn) -> Callable[[int], dict[str, Any]]:
    """Return what is written into a file about its making."""
    several = len(turn.pictures) > 1
    parent = turn.record.parent

    def facts(index: int) -> dict[str, Any]:
        return {
            "prompt": turn.prompt,
            "model": turn.model,
            "parent": f"t{parent}" if parent is not None else "",
            "seed": turn.seed,
            "turn": f"{turn.full_id}.{index + 1}" if several else turn.full_id,
        }

    return facts
