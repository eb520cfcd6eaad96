"""What the services that do requests later have in common: which provider can, groups for its jobs, prices, rows that have no reply.

A request goes into a job by the code that would send it at once: its client is a recorder that takes down what would be sent. The same
code reads the reply, from a client that hands it over. So nothing is asked or read in two ways.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from notebook_img.errors import ProviderError, UnsupportedError
from notebook_img.hints import Hint
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from notebook_img.errors import NotebookImgError
    from notebook_img.providers.interface import Later, Provider, Reply, Request


class Recorded(BaseException):
    """Ends a call whose request was to be recorded and not sent. No `Exception`, so that no handler takes it for a failed request."""


class UndoneError(ProviderError):
    """A job ended before it came to this request."""

    usually_billed = "no"


def later_of(provider: Provider) -> Later:
    """Return the batch processing of a provider's service.

    Raises
    ------
    UnsupportedError
        It has none, on the connection in use.
    """
    make = getattr(provider, "later", None)
    if make is None:
        raise UnsupportedError(f"{provider.title} does nothing later at a lower price. Leave `later` out.", hint=Hint("choose-model"))
    found: Later = make()
    return found


def jobs_for(later: Later, requests: Mapping[str, Request]) -> list[list[str]]:
    """Return the keys of requests by job: equal groups together, each job within the service's limits."""
    jobs: dict[str, list[list[str]]] = {}
    room: dict[str, tuple[int, int]] = {}
    for key, request in requests.items():
        group = later.group(request)
        pictures, weight = answers_to(request), later.weight(request)
        left, bytes_left = room.get(group, (0, 0))
        if left < pictures or bytes_left < weight:
            jobs.setdefault(group, []).append([])
            left, bytes_left = later.terms.most, later.terms.most_bytes
        jobs[group][-1].append(key)
        room[group] = left - pictures, bytes_left - weight
    return [keys for several in jobs.values() for keys in several]


def at_factor(outcome: Reply | NotebookImgError, factor: float) -> Reply | NotebookImgError:
    """Return a reply or an error with what it cost when done later."""
    if isinstance(outcome, Exception):
        if isinstance(outcome, ProviderError) and outcome.cost is not None:
            outcome.cost *= factor
        return outcome
    return outcome if outcome.cost is None else dataclasses.replace(outcome, cost=round(outcome.cost * factor, 9))


def undone(title: str, state: str, **facts: Any) -> UndoneError:
    """Return the error of a request that a job has no row for."""
    return UndoneError(f"{title} did not do this one: its job is {state}. Nothing was billed for it; ask again.", **facts)


def once(settings: Settings) -> Settings:
    """Return settings by which nothing is tried twice: a reply that is fetched is what it is."""
    return Settings(settings.environ, **{**settings.chosen, "retries": 0})


def answers_to(request: Request) -> int:
    """Return how many answers a request gets: one for each picture, one for a question."""
    return 1 if request.kind == "ask" else max(1, request.count)


def weight_of(request: Request) -> int:
    """Return the bytes of a request's pictures as they travel in JSON, and of its words."""
    pictures: Sequence[Any] = (*request.inputs, *request.references, *([request.mask] if request.mask is not None else []))
    return sum(len(picture.data) * 4 // 3 for picture in pictures) + 4 * len(request.prompt) + 2000


def lost_among(provider: Provider, most: int) -> ProviderError:
    """Return the error of a search for a job that has looked through as many jobs as it may: the job may be an older one."""
    sentence = f"{provider.title} has more than {most:,} jobs, and one whose answer was lost is not among the latest."
    return ProviderError(f"{sentence} Whether it was taken is not known, so nothing is sent again.", provider=provider.name, billed="maybe")
