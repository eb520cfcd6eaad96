"""The adapter to fal: hands requests in, watches them, fetches the pictures at once. Every call is a job that any process resumes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    BadReplyError,
    JobPendingError,
    KeyMissingError,
    NoPictureError,
    NotebookImgError,
    ProviderError,
    ReplyTimeoutError,
)
from notebook_img.network import checked_url, shown_url
from notebook_img.providers.fal.answers import items_of
from notebook_img.providers.fal.models import SERVICE, TABLE, cost_of, row_of
from notebook_img.providers.fal.queue import DONE, WAITING, Queue, Ticket, is_path, watch
from notebook_img.providers.fal.requests import Wish, wish_of
from notebook_img.providers.interface import Emit, Kind, ModelInfo, Reply, Request, SubmittedEvent, Usage, WithdrawnEvent
from notebook_img.providers.jobs import Patience
from notebook_img.providers.received import count_of
from notebook_img.providers.retry import retrying
from notebook_img.providers.status_table import Asked
from notebook_img.providers.transport import Transport, UnfetchedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from notebook_img.settings import Settings


@dataclass
class Part:
    """What one request of a call brought."""

    pictures: list[bytes] = field(default_factory=list)
    frames: list[tuple[int, int] | None] = field(default_factory=list)
    """Width and height of each picture made, pixels, where that is told; fetched or not."""
    failures: list[ProviderError] = field(default_factory=list)
    unfetched: list[str] = field(default_factory=list)
    """Where pictures lie that could not be fetched now."""
    facts: dict[str, Any] = field(default_factory=dict)
    hidden: int = 0
    """Pictures the safety checker blacked out."""


class FalProvider:
    """The image models fal hosts.

    Attributes
    ----------
    clock, sleep
        Time, seconds; tests put their own in.
    """

    name = "fal"
    title = "fal"
    service = SERVICE
    tells_sending = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.transport = Transport(settings, provider=self.name, title=self.title)
        self.clock: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def missing(self) -> str | None:
        """Return what is missing, or None."""
        return None if keys.find(self.service, self.settings) else "No key for fal is set up."

    def address(self) -> str:
        """Return the base URL in use."""
        return shown_url(self.settings.fal_base_url)

    def models(self) -> Sequence[ModelInfo]:
        """Return the model table, the default first."""
        return [row.info for row in TABLE]

    def default_model(self, kind: Kind) -> str | None:
        """Return the default model; fal is used only when named."""
        return None if kind == "ask" else TABLE[0].info.name

    def model_info(self, model: str) -> ModelInfo:
        """Return the row of a model, an alias or an address; any other id gets a permissive one."""
        return row_of(model).info

    def estimate(self, request: Request) -> float | None:
        """Return what the pictures asked for cost at the size they will have; None where that is not known."""
        row = row_of(request.model)
        frame = wish_of(row, request).frame
        return cost_of(row, [frame] * request.count, len(request.inputs) + len(request.references), request.day)

    def frame(self, request: Request) -> tuple[int, int] | None:
        """Return width and height of what comes back, as far as is known."""
        return wish_of(row_of(request.model), request).frame

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Generate or edit; see `Provider.run`."""
        queue = self._queue(request.model)
        wish = await asyncio.to_thread(_prepared, request)
        tickets, failures = await self._hand_in(queue, wish, request, emit)
        if not tickets:
            raise _worst(failures)
        state = self._state(tickets, wish, request, [error.sentence for error in failures])
        emit(SubmittedEvent(tickets[0].id, state))
        seen: dict[Ticket, str] = {}
        try:
            return await self._fetch(queue, tickets, state, emit, seen)
        except asyncio.CancelledError:
            # What still waits in the queue costs nothing; what has begun is paid for, and stays a job that can be fetched.
            if all(seen.get(ticket, WAITING) == WAITING for ticket in tickets):
                gone = await asyncio.gather(*map(queue.take_back, tickets))
                if all(gone):
                    emit(WithdrawnEvent(tickets[0].id))
            raise

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:
        """Fetch the pictures of a job another process, or an earlier call, handed in."""
        listed = state.get("requests")
        named = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        tickets = [Ticket(str(entry.get("id")), str(entry.get("path"))) for entry in named if is_path(str(entry.get("path")))]
        if not tickets:
            raise NoPictureError(
                "What was stored about this job does not identify it at fal, so it cannot be fetched.", reason="unknown job", provider="fal"
            )
        return await self._fetch(self._queue(str(state.get("model") or "")), tickets, state, emit, {})

    async def probe(self) -> Sequence[str]:
        """Ask about a request that never was: the queue looks at the key first."""
        queue = self._queue("")
        try:
            await queue.look(Ticket("probe", "/fal-ai/flux-2/requests/00000000-0000-0000-0000-000000000000"), lambda _event: None)
        except NoPictureError:
            pass  # unknown there, as it must be
        except JobPendingError as error:
            raise error.__cause__ or error from None
        return ["fal's queue answers and takes the key."]

    async def aclose(self) -> None:
        """Close connections."""
        await self.transport.aclose()

    def _queue(self, model: str) -> Queue:
        key = keys.find(self.service, self.settings)
        if not key:
            raise KeyMissingError(self.missing() or "", hint=keys.key_hint(SERVICE), provider=self.name, model=model)
        return Queue(self.transport, Asked(model, checked_url(self.settings.fal_base_url, "FAL_BASE_URL"), key))

    async def _hand_in(self, queue: Queue, wish: Wish, request: Request, emit: Emit) -> tuple[list[Ticket], list[ProviderError]]:
        """Hand in the requests of a call together: one where the model makes several pictures at once, else one for each."""
        tasks = [
            asyncio.ensure_future(
                retrying(lambda body=body: queue.submit(wish.endpoint.path, body), settings=self.settings, emit=emit, watched=True)  # type: ignore[misc]
            )
            for body in wish.bodies
        ]
        try:
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        except asyncio.CancelledError:
            taken = [task.result() for task in tasks if task.done() and not task.cancelled() and task.exception() is None]
            if taken:
                emit(SubmittedEvent(taken[0].id, self._state(taken, wish, request, [])))
            raise
        failures = [outcome for outcome in outcomes if isinstance(outcome, ProviderError)]
        tickets = [outcome for outcome in outcomes if isinstance(outcome, Ticket)]
        strange = next((outcome for outcome in outcomes if not isinstance(outcome, Ticket | ProviderError)), None)
        if isinstance(strange, BaseException) and not tickets:
            raise strange
        return tickets, failures

    def _state(self, tickets: Sequence[Ticket], wish: Wish, request: Request, missing: Sequence[str]) -> dict[str, Any]:
        """Return what `resume` needs, as JSON and without the key."""
        return {
            "requests": [{"id": ticket.id, "path": ticket.path} for ticket in tickets],
            "model": request.model,
            "count": request.count,
            "references": len(request.inputs) + len(request.references),
            "frame": list(wish.frame),
            "day": request.day,
            "seed": request.seed if "seed" in wish.endpoint.fields else None,
            "sent": dict(wish.sent),
            "warnings": list(wish.notes),
            "missing": list(missing),
        }

    async def _fetch(self, queue: Queue, tickets: Sequence[Ticket], state: Mapping[str, Any], emit: Emit, seen: dict[Ticket, str]) -> Reply:
        """Wait for all requests of a call and make the reply. One that is not done yet keeps the job for all of them."""
        outcomes = await asyncio.gather(*(self._one(queue, ticket, emit, seen) for ticket in tickets), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, ProviderError):
                raise outcome
        parts = [outcome for outcome in outcomes if isinstance(outcome, Part)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, ProviderError)]
        failures += [error for part in parts for error in part.failures]
        pictures = [data for part in parts for data in part.pictures]
        whole = state.get("frame")
        expected = (whole[0], whole[1]) if isinstance(whole, list) and len(whole) == 2 else (1024, 1024)
        row = row_of(str(state.get("model") or ""))
        frames = [frame or expected for part in parts for frame in part.frames]
        cost = cost_of(row, frames, count_of(state.get("references")) or 0, str(state.get("day") or ""))
        left = [url for part in parts for url in part.unfetched]
        if not pictures:
            if left:
                raise JobPendingError(f"{failures[0].sentence} It stays at fal for a week.", job=tickets[0].id, cost=cost)
            raise _worst(failures)
        facts = {name: value for part in parts for name, value in part.facts.items()}
        return Reply(
            pictures=tuple(pictures),
            usage=Usage(pictures=len(frames)),
            cost=cost,
            seed=state.get("seed"),
            sent=state.get("sent"),
            got={"requests": [ticket.id for ticket in tickets], **facts, **({"unfetched": left} if left else {})},
            warnings=tuple(_warnings(state, parts, failures, len(pictures))),
        )

    async def _one(self, queue: Queue, ticket: Ticket, emit: Emit, seen: dict[Ticket, str]) -> Part:
        """Wait for one request and fetch its pictures."""
        patience = Patience(self.settings.fal_poll, self.settings.fal_deadline, self.clock, self.sleep)
        await watch(ticket, lambda: queue.look(ticket, emit), patience, emit, lambda state: seen.__setitem__(ticket, state))
        seen[ticket] = DONE
        content = await queue.result(ticket, emit)
        items = items_of(content, queue.asked.base_url)
        if not items:
            raise NoPictureError(
                f"fal finished job {ticket.id} without a picture in a form that is known.", provider="fal", model=queue.asked.model
            )
        nsfw = content.get("has_nsfw_concepts")
        part = Part(hidden=sum(map(bool, nsfw)) if isinstance(nsfw, list) else 0)
        part.facts = {name: content[name] for name in ("seed", "prompt", "timings", "has_nsfw_concepts") if name in content}
        for item in items:
            part.frames.append(item.frame)
            try:
                part.pictures.append(item.data or await self.transport.fetch_result(item.url, emit, own=(queue.asked.base_url,)))
            except BadReplyError as error:
                part.failures.append(error)
                if isinstance(error, UnfetchedError):
                    part.unfetched.append(item.url)
        return part


def _prepared(request: Request) -> Wish:
    return wish_of(row_of(request.model), request, whole=True)


def _warnings(state: Mapping[str, Any], parts: Sequence[Part], failures: Sequence[ProviderError], came: int) -> list[str]:
    warnings = [str(note) for note in state.get("warnings") or ()]
    short = (count_of(state.get("count")) or 1) - came
    reasons = dict.fromkeys([*map(str, state.get("missing") or ()), *(error.sentence for error in failures)])
    if short > 0 or reasons:
        said = "; ".join(reasons) or "the service made no more"
        warnings.append(f"{max(short, 1)} of {count_of(state.get('count')) or 1} pictures {'is' if short <= 1 else 'are'} missing: {said}")
    if hidden := sum(part.hidden for part in parts):
        warnings.append(f"fal's safety checker made {hidden} picture{'s' if hidden > 1 else ''} black.")
    return warnings


def _worst(failures: Sequence[ProviderError]) -> NotebookImgError:
    """Of several failures of one call, return the one most likely billed: with the others the call would count as free."""
    return min(failures, key=lambda error: (error.billed == "no", not isinstance(error, ReplyTimeoutError)))
