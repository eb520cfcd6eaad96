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

from notebook_img.errors import BadReplyError, ProviderError
from notebook_img.providers.openai.failures import from_body, translate
from notebook_img.providers.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from openai import AsyncOpenAI

    from notebook_img.pictures import Picture
    from notebook_img.pictures.convert import Prepared
    from notebook_img.providers.interface import Capabilities, Emit, ModelInfo, Request
    from notebook_img.providers.openai.endpoints import Endpoint
    from notebook_img.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 2.0
"""Shorter than any server's: a paid request never goes into a connection that the other side is just closing."""


class Clients:
    """The SDK's clients, one per event loop, base URL and key."""

    def __init__(self) -> None:
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], AsyncOpenAI]] = weakref.WeakKeyDictionary()

    def get(self, endpoint: Endpoint, key: str) -> AsyncOpenAI:
        """Return the client for `endpoint`; no key is told as ``none``, which local servers take."""
        made = self._made.setdefault(asyncio.get_running_loop(), {})
        client = made.get((endpoint.base_url, key))
        if client is None:
            import httpx2
            import openai

            # No redirects: pictures go to the host the user named and to no other.
            limits = httpx2.Limits(max_connections=64, keepalive_expiry=KEEP_ALIVE_SECONDS)
            http = openai.DefaultAsyncHttpx2Client(limits=limits, follow_redirects=False)
            client = openai.AsyncOpenAI(api_key=key or "none", base_url=endpoint.base_url, max_retries=0, http_client=http)
            if endpoint.name != "openai":
                client.organization = client.project = None  # OPENAI_ORG_ID is nobody else's business
            made[endpoint.base_url, key] = client
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
    warnings: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """What stands for base64 in `sent`: ``sha256:...`` by the text that was sent."""

    @property
    def capabilities(self) -> Capabilities:
        """What the model accepts."""
        return self.info.capabilities

    def facts(self) -> dict[str, Any]:
        """Return who is speaking, for errors."""
        return {"provider": self.endpoint.name, "model": self.request.model}

    def warn(self, text: str) -> None:
        """Note something the user must be told, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def timeout(self) -> Any:
        """Return the SDK's limits for one call: seconds, here between two pieces of an answer."""
        import httpx2

        return httpx2.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))

    async def ask(self, call: Callable[[Progress], Awaitable[T]], *, whole: bool = True) -> T:
        """Make one call under the retry policy; its faults become errors of ours.

        Parameters
        ----------
        call : callable
            Gets a `Progress`; it sets `begun` when a piece of the answer has come.
        whole : bool
            Whether the time limit holds for the whole call, not only between two pieces of a stream.
        """

        async def once() -> T:
            progress = Progress()
            try:
                async with asyncio.timeout(self.seconds if whole else None):
                    return await call(progress)
            except ProviderError:
                raise
            except Exception as error:
                import openai

                transport = type(error).__module__.split(".")[0] in {"httpx", "httpx2", "httpcore", "httpcore2"}
                # The SDK reads answers with pydantic, whose errors are none of its own.
                unreadable = type(error).__name__ == "ValidationError" and type(error).__module__.startswith("pydantic")
                if transport or unreadable or isinstance(error, openai.OpenAIError | json.JSONDecodeError | TimeoutError):
                    # Theirs carries the request with its key; it is cut off.
                    ours = translate(error, self.endpoint, self.request, key=self.key, begun=progress.begun)
                    if isinstance(ours, BadReplyError):
                        ours.text = ours.text or progress.text
                    raise ours from None
                raise

        return await retrying(once, settings=self.settings, emit=self.emit)

    def note(self, route: str, body: Mapping[str, Any]) -> None:
        """Record a request as sent, hashes in place of pictures."""
        self.sent.append({"to": f"{self.endpoint.base_url}/{route}", **self._shortened(body)})

    def _shortened(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._shortened(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._shortened(item) for item in value]
        return self.hashes.get(value, value) if isinstance(value, str) else value

    async def prepared(self, picture: Picture, *, most_bytes: int | None = None, only: str = "") -> Prepared:
        """Return the copy of `picture` that is sent; what was changed becomes a warning."""
        from notebook_img.pictures.convert import prepare

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

    def understood(self, answer: Any) -> Any:
        """Return an answer of the SDK that is what it should be, or raise what else it is."""
        if isinstance(answer, str):  # the SDK hands over whatever is not JSON
            page = "<" in answer[:200]
            raise BadReplyError(
                f"{self.endpoint.title} answered with {'a web page' if page else 'something'} instead of JSON. "
                f"Is {self.endpoint.base_url} the base URL of an API? One ends like http://localhost:8000/v1.",
                text=answer[:2000],
                **self.facts(),
            )
        error = (getattr(answer, "model_extra", None) or {}).get("error") or getattr(answer, "error", None)
        if error:
            body = error if isinstance(error, dict) else getattr(error, "model_dump", lambda: {"message": str(error)})()
            raise from_body(body, self.endpoint, self.request, key=self.key)
        return answer

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
    """How far one call has come."""

    begun: bool = False
    text: str = ""
    """What of a streamed answer has come; an error that follows keeps it."""


def _data_url(data: bytes, mime_type: str, *, bare: bool) -> str:
    text = base64.b64encode(data).decode("ascii")
    return text if bare else f"data:{mime_type};base64,{text}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def unless_none(calls: Iterable[Awaitable[T]], exchange: Exchange, *, of: str = "pictures") -> list[T]:
    """Run calls side by side and return what came; some missing is a warning, all missing is the first error."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    came = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failed:
        if not isinstance(failure, ProviderError):
            raise failure
    if failed and not came:
        raise failed[0]
    if failed:
        exchange.warn(f"{len(failed)} of {len(outcomes)} {of} did not come: {failed[0]}")
    return came
