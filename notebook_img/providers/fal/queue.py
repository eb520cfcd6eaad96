"""fal's queue: a request is handed in, looked at until it is done, taken back while it still waits.

Source: docs.fal.ai/documentation/model-apis/inference/queue and fal.ai/docs/inference-api/queue/cancel, read 2026-11-28.
Addresses are kept as paths and always joined to the configured base URL: the key goes to no other host, whatever an answer names.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notebook_img.errors import BadReplyError, JobPendingError, ProviderError
from notebook_img.providers.fal.answers import ending, refusal, said_in
from notebook_img.providers.jobs import until_done
from notebook_img.providers.received import count_of

if TYPE_CHECKING:
    from notebook_img.providers.interface import Emit
    from notebook_img.providers.jobs import Patience
    from notebook_img.providers.status_table import Asked
    from notebook_img.providers.transport import Answer, Transport

WAITING, WORKING, DONE = "IN_QUEUE", "IN_PROGRESS", "COMPLETED"
CANCEL_SECONDS = 0.7
"""Stopping takes a second at most, taking back included."""
_PATH = re.compile(r"(/[A-Za-z0-9][\w.-]*)+")


@dataclass(frozen=True)
class Ticket:
    """A request in the queue, as any process can look at it again; holds no key and no host."""

    id: str
    path: str
    """``/OWNER/MODEL/requests/ID``."""


class Queue:
    """The calls of the queue with one key."""

    def __init__(self, transport: Transport, asked: Asked) -> None:
        self.transport = transport
        self.asked = asked

    async def _call(self, method: str, path: str, content: bytes | None = None, seconds: float | None = None) -> Answer:
        headers = {"Authorization": f"Key {self.asked.key}", "Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await self.transport.send(method, f"{self.asked.base_url}{path}", headers=headers, content=content, timeout=seconds)

    async def submit(self, endpoint: str, body: Mapping[str, Any]) -> Ticket:
        """Hand in one request; the errors are those of a call that may be billed."""
        answer = await self._call("POST", f"/{endpoint}", json.dumps(body, ensure_ascii=False).encode())
        if answer.status not in {200, 201, 202}:
            raise refusal(answer, self.asked)
        content = answer.json()
        found = content.get("request_id") if isinstance(content, dict) else None
        if not isinstance(found, str) or not re.fullmatch(r"[\w-]{1,100}", found):
            words = said_in(answer, self.asked.key).words
            raise BadReplyError(
                f"fal answered without the id of a request{f' ({words})' if words else ''}, so what became of it cannot be looked up. "
                "It may have been billed.",
                provider="fal",
                model=self.asked.model,
            )
        return Ticket(found, self._place(content.get("response_url"), endpoint, found))

    def _place(self, named: Any, endpoint: str, request: str) -> str:
        """Return the path of a request: the one the answer names where it is on our host, else the documented one."""
        if isinstance(named, str):
            own, parts = urlsplit(self.asked.base_url), urlsplit(named)
            path = parts.path.removeprefix(own.path)
            if parts.netloc == own.netloc and path.endswith(f"/requests/{request}") and is_path(path):
                return path
        return f"/{'/'.join(endpoint.split('/')[:2])}/requests/{request}"

    async def look(self, ticket: Ticket, emit: Emit) -> Mapping[str, Any]:
        """Ask for the state of a request.

        Raises
        ------
        JobPendingError
            It could not be asked about.
        ProviderError
            It has ended, and this is how.
        """
        return self._read(await self._ask(ticket, "/status", emit), ticket)

    async def result(self, ticket: Ticket, emit: Emit) -> Mapping[str, Any]:
        """Return the result of a request that is done; raises as `look` does.

        A server error there is the job's own end or the queue's fault of the moment, and looks the same: one that is there twice is an end.
        """
        answer = await self._ask(ticket, "", emit)
        if answer.status >= 500:
            await asyncio.sleep(self.transport.settings.fal_poll)
            answer = await self._ask(ticket, "", emit)
        return self._read(answer, ticket)

    async def _ask(self, ticket: Ticket, what: str, emit: Emit) -> Answer:
        async def once() -> Answer:
            answer = await self._call("GET", f"{ticket.path}{what}")
            ended = ending(answer, self.asked, ticket.id) is not None and (not what or answer.status == 404)
            if answer.status not in {200, 202} and not ended:
                raise refusal(answer, self.asked)
            return answer

        try:
            return await self.transport.again(once, emit)
        except ProviderError as error:
            raise _unasked(ticket, error.sentence) from error

    def _read(self, answer: Answer, ticket: Ticket) -> Mapping[str, Any]:
        if (end := ending(answer, self.asked, ticket.id)) is not None:
            raise end
        content = answer.json()
        if not isinstance(content, dict):
            raise _unasked(ticket, "its queue answered without a JSON object.")
        return content

    async def take_back(self, ticket: Ticket) -> bool:
        """Take a request back; return whether the queue says that it had not begun and is gone."""
        try:
            answer = await self._call("PUT", f"{ticket.path}/cancel", b"", CANCEL_SECONDS)
        except ProviderError:
            return False
        content = answer.json()
        return answer.status in {200, 202} and isinstance(content, dict) and content.get("status") == "OK"


def _unasked(ticket: Ticket, why: str) -> JobPendingError:
    return JobPendingError(f"fal has job {ticket.id}, but could not be asked about it: {why}", job=ticket.id)


def is_path(path: str) -> bool:
    """Whether a text is a plain path, as a kept job may only have."""
    return len(path) < 500 and _PATH.fullmatch(path) is not None


async def watch(
    ticket: Ticket, look: Callable[[], Awaitable[Mapping[str, Any]]], patience: Patience, emit: Emit, seen: Callable[[str], None]
) -> None:
    """Look at a request until it is done.

    Parameters
    ----------
    look : callable
        Makes one look, with retries, and returns what the queue says.
    seen : callable
        Is told each state.

    Raises
    ------
    JobPendingError
        Not done when the deadline came, or the queue could not be asked any longer.
    """

    async def once() -> Mapping[str, Any] | str:
        said = await look()
        state = str(said.get("status") or "").upper()
        seen(state)
        return said if state == DONE else _words(state, said)

    await until_done(once, patience, emit, title="fal", job=ticket.id, setting="FAL_DEADLINE")


def _words(state: str, said: Mapping[str, Any]) -> str:
    if state == WAITING:
        before = count_of(said.get("queue_position"))
        return f"in the queue, {before} before it" if before else "in the queue"
    return "painting" if state == WORKING else f"state {state[:40]}"
