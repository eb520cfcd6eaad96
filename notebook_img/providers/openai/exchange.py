"""One request under way: the client it uses, how its calls are made and repeated, and what is noted about it.

What is said and understood is the business of questions.py, images.py, gateway.py and conversation.py.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import weakref
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from notebook_img.errors import BadReplyError, NotebookImgError, ProviderError, ReplyTimeoutError, UsageError
from notebook_img.network import setup_problem, shown_url
from notebook_img.providers import left_pictures
from notebook_img.providers.interface import PartialEvent, SubmittedEvent
from notebook_img.providers.openai.azure import client_for
from notebook_img.providers.openai.billing import added
from notebook_img.providers.openai.failures import from_body, quoted, translate
from notebook_img.providers.openai.models import find_model
from notebook_img.providers.openai.sizes import picture_size
from notebook_img.providers.pricing import cost_of, made_for
from notebook_img.providers.retry import retrying
from notebook_img.providers.sending import watch_request
from notebook_img.providers.status_table import PERHAPS_BILLED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from openai import AsyncOpenAI

    from notebook_img.pictures import Picture, Prepared
    from notebook_img.providers.interface import Capabilities, Emit, ModelInfo, Request, Usage
    from notebook_img.providers.openai.billing import Bill
    from notebook_img.providers.openai.endpoints import Endpoint
    from notebook_img.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 2.0
"""Shorter than any server's: a paid request never goes into a connection that the other side is just closing."""


class Clients:
    """The SDK's clients, one per event loop, base URL, key and version."""

    def __init__(self) -> None:
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], AsyncOpenAI]] = weakref.WeakKeyDictionary()

    def get(self, endpoint: Endpoint, key: str) -> AsyncOpenAI:
        """Return the client for `endpoint`; no key is told as ``none``, which local servers take."""
        made = self._made.setdefault(asyncio.get_running_loop(), {})
        which = (endpoint.base_url, key, endpoint.azure.version if endpoint.azure else "")
        client = made.get(which)
        if client is None:
            import httpx2
            import openai

            # No redirects: pictures go to the host the user named and to no other.
            limits = httpx2.Limits(max_connections=64, keepalive_expiry=KEEP_ALIVE_SECONDS)
            try:
                http = openai.DefaultAsyncHttpx2Client(limits=limits, follow_redirects=False, event_hooks={"request": [watch_request]})
            except (OSError, ImportError, ValueError) as error:
                if sentence := setup_problem(error):
                    raise UsageError(f"{endpoint.title} cannot be asked: {sentence}") from None
                raise
            # A query of the base URL goes along with each request; the SDK would glue the path to it.
            base, _, query = endpoint.base_url.partition("?")
            if endpoint.azure is not None:
                client = client_for(endpoint.azure, key, http)
            else:
                client = openai.AsyncOpenAI(
                    api_key=key or "none", base_url=base, max_retries=0, http_client=http, default_query=dict(parse_qsl(query))
                )
            if endpoint.name != "openai" or endpoint.azure is not None:
                client.organization = client.project = None  # OPENAI_ORG_ID is nobody else's business
            made[which] = client
        return client

    async def aclose(self) -> None:
        """Close the clients of the running loop."""
        for client in self._made.pop(asyncio.get_running_loop(), {}).values():
            await client.close()


@dataclass
class Exchange:
    """Everything the code that speaks to a server needs at hand while one request lasts."""

    endpoint: Endpoint
    client: AsyncOpenAI
    key: str = field(repr=False)
    settings: Settings
    emit: Emit
    request: Request
    info: ModelInfo
    seconds: float
    deployment: str = ""
    """What the model is called in requests, where that is a name of the user's own (Azure)."""
    warnings: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """What stands for base64 in `sent`: ``sha256:...`` by the text that was sent."""
    places: list[str] = field(default_factory=list)
    """Where pictures lie that were made for it and are not fetched (yet)."""
    bills: list[Bill] = field(default_factory=list)
    """What each answer used, whether usable or not."""

    @property
    def capabilities(self) -> Capabilities:
        """What the model accepts."""
        return self.info.capabilities

    @property
    def wire_model(self) -> str:
        """What the model is called in requests."""
        return self.deployment or self.request.model

    def facts(self) -> dict[str, Any]:
        """Return who is speaking, for errors."""
        return {"provider": self.endpoint.name, "model": self.request.model}

    def warn(self, text: str) -> None:
        """Remember something the user must be told, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def usage(self) -> Usage:
        """Return what all answers used."""
        return added(bill.usage for bill in self.bills)

    def cost(self) -> float | None:
        """Return what all answers cost in US dollars, or None where that is unknown."""
        if self.endpoint.free:
            return 0.0
        told = [bill.told_cost for bill in self.bills if bill.told_cost is not None]
        if told:
            return sum(told)
        chats = [bill.chat for bill in self.bills if bill.chat is not None]
        reader = find_model(self.endpoint, self.endpoint.ask_model)
        costs = [self.own_cost(), *(cost_of(chat, reader, day=self.request.day) for chat in chats)]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    def own_cost(self) -> float | None:
        """Return what the model itself cost, without one that read along."""
        usage, price = self.usage(), self.info.price
        by_piece = price is not None and (price.per_picture or price.by_pixels)
        if (usage.input_tokens is None or usage.output_tokens is None) and not by_piece:
            return None
        frame = picture_size(self.request, self.capabilities) if by_piece and self.request.kind != "ask" else None
        return cost_of(usage, self.info, made_for(self.request, usage.pictures or 0, frame=frame), day=self.request.day)

    def charge(self, error: ProviderError) -> None:
        """Add to an error what the answers used and cost: a failed request may have been billed all the same."""
        used = {name: value for name, value in vars(self.usage()).items() if value}
        if read_along := sum(bill.chat.total_tokens or 0 for bill in self.bills if bill.chat is not None):
            used["chat_tokens"] = read_along
        if used or any(bill.told_cost is not None for bill in self.bills):
            error.usage, error.cost = used or None, self.cost()

    def timeout(self) -> Any:
        """Return the SDK's limits for one call: seconds, here between two pieces of an answer; `ask` limits the whole."""
        import httpx2

        return httpx2.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))

    async def ask(self, call: Callable[[Progress], Awaitable[T]], *, free: bool = False) -> T:
        """Make one call under the retry policy; its faults become errors of ours.

        Parameters
        ----------
        call : callable
            Gets a `Progress`; it sets `begun` when a piece of the answer has come.
        free : bool
            It costs nothing whatever comes of it.
        """

        async def once() -> T:
            progress = Progress()
            try:
                async with asyncio.timeout(self.seconds):  # also where it drips
                    return await call(progress)
            except NotebookImgError:
                raise
            except Exception as error:  # an answer may hold anything
                problem = self.translated(error, begun=progress.begun)
            if isinstance(problem, BadReplyError | ReplyTimeoutError):
                problem.text = problem.text or progress.text
            # Outside the handler: theirs carries the request with its key and must not hang on as context.
            raise problem

        return await retrying(once, settings=self.settings, emit=self.emit, watched=True, free=free)

    def translated(self, error: Exception, *, begun: bool = False) -> NotebookImgError:
        """Return our error for one of the SDK's, of the network's, or of reading an answer that is not what it should be."""
        return translate(error, self.endpoint, self.request, key=self.key, begun=begun, deployment=self.deployment)

    def left(self) -> SubmittedEvent:
        """Return the event that has the pictures which were made and not fetched kept as a job."""
        return left_pictures.submitted(
            self.endpoint.name,
            list(dict.fromkeys(self.places)),
            model=self.request.model,
            asked_model=self.request.model,
            usage=vars(self.usage()),
            cost=self.cost(),
            sent={"requests": list(self.sent)},
            warnings=self.warnings,
        )

    def note(self, route: str, body: Mapping[str, Any]) -> None:
        """Record a request as sent, hashes in place of pictures."""
        self.sent.append({"to": f"{shown_url(self.endpoint.base_url)}/{route}", **self._shortened(body)})

    def _shortened(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._shortened(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._shortened(item) for item in value]
        return self.hashes.get(value, value) if isinstance(value, str) else value

    async def prepared(self, picture: Picture, *, most_bytes: int | None = None, only: str = "") -> Prepared:
        """Return the copy of `picture` that is sent; what was changed becomes a warning."""
        from notebook_img.pictures import prepare

        takes = self.capabilities
        copy = await asyncio.to_thread(
            prepare,
            picture,
            mime_types=(only,) if only else takes.input_mime_types,
            max_bytes=min(takes.max_input_bytes, most_bytes or takes.max_input_bytes),
            max_side=takes.max_input_side,
            max_pixels=takes.max_input_pixels,
        )
        for text in copy.notes:
            self.warn(f"{picture.name}: {text}" if picture.name else text)
        return copy

    async def data_url(self, copy: Prepared) -> str:
        """Return `copy` as the text that is sent for it."""
        url = await asyncio.to_thread(_data_url, copy.data, copy.mime_type, bare=self.endpoint.bare_base64)
        self.hashes[url] = f"sha256:{await asyncio.to_thread(_sha256, copy.data)}"
        return url

    def understood(self, answer: Any, *, begun: bool = False) -> Any:
        """Return an answer of the SDK, or raise an error if it is not what it should be.

        Parameters
        ----------
        begun : bool
            Whether the service has worked on the request already: then its errors are not such that it is asked again.
        """
        if isinstance(answer, str):  # the SDK hands over whatever is not JSON
            page = "<" in answer[:200]
            raise BadReplyError(
                f"{self.endpoint.title} answered with {'a web page' if page else 'something'} instead of JSON. "
                f"Is {shown_url(self.endpoint.base_url)} the base URL of an API? One ends like http://localhost:8000/v1.",
                text=quoted(answer, self.endpoint, self.key),
                **self.facts(),
            )
        if not begun and (answer is None or isinstance(answer, list | int | float)):  # an odd event of a stream is passed over
            raise BadReplyError(f"{self.endpoint.title} answered with JSON that is no answer. {PERHAPS_BILLED}", **self.facts())
        error = (getattr(answer, "model_extra", None) or {}).get("error") or getattr(answer, "error", None)
        if error:
            body = error if isinstance(error, dict) else getattr(error, "model_dump", lambda: {"message": str(error)})()
            raise from_body(body, self.endpoint, self.request, key=self.key, begun=begun)
        return answer

    def unstreamed(self, body: bytes, kind: Any) -> Any:
        """Return the whole answer of a server that was asked for a stream and ignores it, as the SDK's `kind`."""
        text = body.decode("utf-8-sig", "replace")
        value = None if text.lstrip().startswith("<") else json.loads(text)
        return self.understood(kind.construct(**value) if isinstance(value, dict) else text)

    def show_partial(self, text: Any, index: Any) -> None:
        """Show a partial picture; one that cannot be read is skipped, since the final one is what is paid for."""
        try:
            data = base64.b64decode(text, validate=True)
        except (TypeError, ValueError):
            return
        self.emit(PartialEvent(data, index if isinstance(index, int) else 0))

    def listed(self, text: str) -> list[dict[str, Any]]:
        """Return the rows of an answer of ``/models``."""
        if text.lstrip().startswith("<"):
            self.understood(text)
        value = json.loads(text)
        if isinstance(value, dict) and value.get("error"):
            error = value["error"]
            raise from_body(error if isinstance(error, dict) else {"message": str(error)}, self.endpoint, None, key=self.key)
        rows = value.get("data") or value.get("models") or [] if isinstance(value, dict) else value
        return [row for row in rows if isinstance(row, dict) and row.get("id")]

    def with_request(self, **changes: Any) -> Exchange:
        """Return the same exchange for a changed request; warnings and records are shared."""
        return replace(self, request=replace(self.request, **changes))


@dataclass
class Progress:
    """How far one call has got."""

    begun: bool = False
    done: bool = False
    """The server has said that nothing more comes."""
    text: str = ""
    """What of a streamed answer has come; an error that follows keeps it."""


def _data_url(data: bytes, mime_type: str, *, bare: bool) -> str:
    text = base64.b64encode(data).decode("ascii")
    return text if bare else f"data:{mime_type};base64,{text}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def unless_none(calls: Iterable[Awaitable[T]], exchange: Exchange, *, of: str = "pictures") -> list[T]:
    """Run calls side by side and return what came; some missing is a warning, all missing is an error.

    Of several errors one that rules out asking again is raised: of the others may be that something was paid for.
    """
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    came = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    failed = [_failure(outcome, exchange) for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed and not came:
        raise next((failure for failure in failed if not failure.retryable), failed[0])
    if failed:
        exchange.warn(f"{len(failed)} of {len(outcomes)} {of} did not come: {failed[0]}")
    return came


def _failure(outcome: BaseException, exchange: Exchange) -> ProviderError:
    """Return the error of one of several calls; what is not the call's failure (being cancelled, a wrong option) is raised."""
    if isinstance(outcome, ProviderError):
        return outcome
    if isinstance(outcome, NotebookImgError) or not isinstance(outcome, Exception):
        raise outcome
    problem = exchange.translated(outcome)
    if not isinstance(problem, ProviderError):
        raise problem
    return problem
