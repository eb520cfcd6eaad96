"""One request of a client: who asks, how far it has got, what it led to."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from notebook_img import loop
    from notebook_img.calls import CallResult, Estimated
    from notebook_img.mcp.errands import Errand
    from notebook_img.mcp.folders import Folders
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn


@dataclass(frozen=True)
class Caller:
    """Who calls a tool."""

    name: str
    studio: Studio
    folders: Folders
    since: float = 0.0
    """When its connection was first seen, seconds since the epoch."""


@dataclass
class Result:
    """The result of a request."""

    turn: Turn
    files: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass
class Running:
    """A request under way; it becomes a job when its client stops waiting."""

    caller: Caller
    session: str
    prompt: str
    tool: str
    perform: Callable[[loop.Tell], Awaitable[CallResult]]
    output: Path | None = None
    model: str = ""
    pixels: int = 0
    """Of the pictures it begins with."""
    sent: bool = False
    """Whether it was started: from then on it goes on without the client."""
    done: bool = False
    job: str = ""
    promised: str = ""
    """Id of the job a bridge may name to its client: its row is written before anything is sent."""
    submit_id: str = ""
    dear: Estimated | None = None
    """What it would be, where that is above what the person lets a client spend at once."""
    errand: Errand | None = None
    """What a process of its own does of it, where it can be billed."""
    begun: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What `Studio.begin` has opened for it; closed when it has ended, however that was."""
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
