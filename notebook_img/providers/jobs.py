"""Waiting for a job at a service: how often to look, what to say meanwhile, when to leave it to be fetched later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from notebook_img.errors import JobPendingError
from notebook_img.providers.interface import ProgressEvent

if TYPE_CHECKING:
    from notebook_img.providers.interface import Emit

T = TypeVar("T")

GROWTH, MOST_GROWTH = 1.25, 5
"""How many times the one before each pause is, and how many times the first at most."""


@dataclass(frozen=True)
class Patience:
    """How long and how often to look."""

    first: float
    """Seconds between the first two looks."""
    deadline: float
    """Seconds altogether."""
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


async def until_done(look: Callable[[], Awaitable[T | str]], patience: Patience, emit: Emit, *, title: str, job: str, setting: str) -> T:
    """Look at a job until it is done, and return what the last look found.

    Parameters
    ----------
    look : callable
        Returns what was found once the job is done; until then its state in words, ``""`` for none.
    title, job, setting : str
        The service, the id of its job and the variable of the deadline, for messages.

    Raises
    ------
    JobPendingError
        It was not done when the deadline came.
    """
    started, pause, told = patience.clock(), patience.first, ""
    while True:
        found = await look()
        if not isinstance(found, str):
            return found
        if found and found != told:
            emit(ProgressEvent(f"{title}: {found}"))
            told = found
        left = patience.deadline - (patience.clock() - started)
        if left <= 0:
            raise JobPendingError(
                f"{title} is still working on job {job} after {patience.deadline:g} s ({setting}). Nothing is lost.", job=job
            )
        await patience.sleep(min(pause, left))
        pause = min(pause * GROWTH, patience.first * MOST_GROWTH)
