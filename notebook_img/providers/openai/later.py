"""OpenAI's batch processing: a file of requests for one route, its pictures uploaded beforehand, results in files of their own."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_img.errors import BadReplyError, NotebookImgError
from notebook_img.providers.interface import LaterTerms, Standing
from notebook_img.providers.later import Recorded, at_factor, lost_among, once, undone, weight_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from notebook_img.providers.interface import Emit, Reply, Request
    from notebook_img.providers.openai.exchange import Exchange
    from notebook_img.providers.openai.provider import CompatibleProvider

T = TypeVar("T")

ENDED = {"completed", "failed", "expired", "cancelled"}
NAME = "notebook_img"
"""Under which a job's name stands in its metadata."""
FILES_LAST = 3 * 86_400
"""Seconds that uploaded pictures and requests are kept: longer than a job may take."""
ROUTES = {"ask": "/v1/chat/completions", "generate": "/v1/images/generations", "edit": "/v1/images/edits"}
NO_ROW = {"code": "500", "message": "the row holds no answer"}
LISTED = 1000
"""Most jobs that are looked through for a name."""


class OpenAILater:
    """The batch processing of OpenAI; see `Later`."""

    terms = LaterTerms(
        factor=0.5,
        hours=24,
        most_bytes=190_000_000,
        source="openai 3.52.0, types/batch_create_params: 24h, 200 MB, routes; half the price: platform.openai.com/docs/guides/batch",
    )

    def __init__(self, provider: CompatibleProvider) -> None:
        self.provider = provider

    def group(self, request: Request) -> str:
        """Return model and route: a job has one of each."""
        return f"{request.model} {_route(request)}"

    def weight(self, request: Request) -> int:
        """Return about how many bytes a request takes; the pictures of edits are uploaded on their own."""
        return weight_of(request) if request.kind == "ask" else 4 * len(request.prompt) + 4000

    async def submit(self, name: str, requests: Mapping[str, Request], emit: Emit) -> Mapping[str, Any]:
        """Hand in a job; see `Later.submit`."""
        exchange = await self._exchange(emit)
        uploaded: dict[str, str] = {}
        lines = []
        for key, request in requests.items():
            body = await self._recorded(request)
            if "image" in body:  # of a form; in JSON pictures are named
                given = body.pop("image")
                body["images"] = [await self._put(exchange, part, uploaded) for part in (given if isinstance(given, list) else [given])]
            if "mask" in body:
                body["mask"] = await self._put(exchange, body["mask"], uploaded)
            lines.append(json.dumps({"custom_id": key, "method": "POST", "url": _route(request), "body": body}))
        data = "\n".join(lines).encode()
        file = await self._ask(exchange, lambda: _upload(exchange, ("requests.jsonl", data, "application/jsonl"), "batch"))
        route = _route(next(iter(requests.values())))

        async def create() -> Any:
            return await exchange.client.batches.create(
                completion_window="24h",
                endpoint=route,  # type: ignore[arg-type]
                input_file_id=file.id,
                metadata={NAME: name},
                timeout=exchange.timeout(),
            )

        return {"id": (await self._ask(exchange, create)).id}

    async def find(self, name: str) -> Mapping[str, Any] | None:
        """Return the job that bears this name, if there is one."""
        exchange = await self._exchange()

        async def look_through() -> Any:
            seen = 0
            async for job in exchange.client.batches.list(limit=100):
                seen += 1
                if (job.metadata or {}).get(NAME) == name:
                    return job
                if seen == LISTED:
                    raise lost_among(self.provider, LISTED)
            return None

        found = await self._ask(exchange, look_through)
        return {"id": found.id} if found is not None else None

    async def look(self, state: Mapping[str, Any]) -> Standing:
        """Return how a job stands."""
        job = await self._job(await self._exchange(), state)
        counts = job.request_counts
        return Standing(job.status in ENDED, job.status, counts.completed if counts else None, counts.total if counts else None)

    async def fetch(self, state: Mapping[str, Any], requests: Mapping[str, Request]) -> AsyncIterator[tuple[str, Reply | NotebookImgError]]:
        """Yield what a job has brought; see `Later.fetch`."""
        exchange = await self._exchange()
        job = await self._job(exchange, state)
        waiting = dict(requests)
        for file in filter(None, (job.output_file_id, job.error_file_id)):
            async for line in self._lines(exchange, file):
                request = waiting.pop(str(line.get("custom_id")), None)
                if request is None:
                    continue
                code = (line.get("error") or {}).get("code", "") if isinstance(line.get("error"), dict) else ""
                if code.startswith("batch_"):  # batch_expired, batch_cancelled
                    yield str(line["custom_id"]), self._undone(code.removeprefix("batch_"), request)
                else:
                    yield str(line["custom_id"]), await self._reply(request, line)
        why = "; ".join(str(error.message) for error in ((job.errors.data if job.errors else None) or [])[:3])
        for key, request in waiting.items():
            yield key, self._undone(f"{job.status}{f' ({why})' if why else ''}", request)

    async def cancel(self, state: Mapping[str, Any]) -> None:
        """Stop a job."""
        exchange = await self._exchange()
        await self._ask(exchange, lambda: exchange.client.batches.cancel(state["id"], timeout=exchange.timeout()))

    # what is sent

    async def _recorded(self, request: Request) -> dict[str, Any]:
        recorder = _Client()
        with contextlib.suppress(Recorded):
            await self.provider.run_by(recorder, _plain(request), lambda _event: None)
        body = {name: value for name, value in recorder.asked.items() if name != "timeout"}
        return {**body, **body.pop("extra_body", {})}

    async def _put(self, exchange: Exchange, part: tuple[str, bytes, str], uploaded: dict[str, str]) -> dict[str, str]:
        """Return what names a picture at the service; equal ones of a job are uploaded once."""
        mark = hashlib.sha256(part[1]).hexdigest()
        if mark not in uploaded:
            uploaded[mark] = (await self._ask(exchange, lambda: _upload(exchange, part, "vision"))).id
        return {"file_id": uploaded[mark]}

    # what comes back

    async def _job(self, exchange: Exchange, state: Mapping[str, Any]) -> Any:
        return await self._ask(exchange, lambda: exchange.client.batches.retrieve(state["id"], timeout=exchange.timeout()))

    async def _lines(self, exchange: Exchange, file: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the lines of a file of results; of a hundred pictures it is too large to be read at once."""
        async with contextlib.AsyncExitStack() as stack:
            content = exchange.client.files.with_streaming_response.content
            answer = await self._ask(exchange, lambda: stack.enter_async_context(content(file, timeout=exchange.timeout())))
            async for line in answer.iter_lines():
                value = _json(line)
                if isinstance(value, dict):
                    yield value

    async def _reply(self, request: Request, line: Mapping[str, Any]) -> Reply | NotebookImgError:
        """Read the reply by the code that reads one that comes at once."""
        try:
            reply = await self.provider.run_by(_Client(line), _plain(request), lambda _event: None, once(self.provider.settings))
        except NotebookImgError as error:
            return at_factor(error, self.terms.factor)
        return at_factor(reply, self.terms.factor)

    def _undone(self, state: str, request: Request) -> NotebookImgError:
        return undone(self.provider.title, state, provider=self.provider.name, model=request.model)

    async def _exchange(self, emit: Emit = lambda _event: None) -> Exchange:
        from notebook_img.providers.interface import Request as AnyRequest

        return await self.provider.exchange(AnyRequest("ask", "", ""), emit)

    async def _ask(self, exchange: Exchange, call: Callable[[], Awaitable[T]]) -> T:
        return await exchange.ask(lambda _progress: call(), free=True)


class _Client:
    """Stands in for the SDK's client: takes down what is asked, or hands over the answer that a row holds."""

    def __init__(self, line: Mapping[str, Any] | None = None) -> None:
        self.asked: dict[str, Any] = {}
        self.lines = [line] if line is not None else None
        self.real: Any = None
        self.images = SimpleNamespace(generate=self._images, edit=self._images)
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._chat))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)  # a list of models that improves a message

    async def _images(self, **asked: Any) -> Any:
        from openai.types import ImagesResponse

        return ImagesResponse.construct(**self._body(asked, "images"))

    async def _chat(self, **asked: Any) -> Any:
        from openai.types.chat import ChatCompletion

        return ChatCompletion.construct(**self._body(asked, "chat/completions"))

    def _body(self, asked: dict[str, Any], route: str) -> dict[str, Any]:
        if self.lines is None:
            self.asked = asked
            raise Recorded
        if not self.lines:
            msg = "The answer does not fit what was asked for, and later it cannot be asked to mend it. Ask again."
            raise BadReplyError(msg, billed="yes")
        line = self.lines.pop()
        answer = line.get("response")
        answer = answer if isinstance(answer, dict) else {"status_code": 500, "body": {"error": line.get("error") or NO_ROW}}
        body = answer.get("body")
        if answer.get("status_code") == 200 and isinstance(body, dict):
            return body
        raise self._error(int(answer.get("status_code") or 500), body, route)

    def _error(self, status: int, body: Any, route: str) -> Exception:
        """Return the SDK's error for a row that failed."""
        import httpx2

        response = httpx2.Response(status, json=body, request=httpx2.Request("POST", f"{self.real.base_url}{route}"))
        error: Exception = self.real._make_status_error_from_response(response)  # noqa: SLF001 - what the SDK itself calls (openai 3.52.0)
        return error


def _route(request: Request) -> str:
    return ROUTES["generate" if request.kind == "edit" and not (request.inputs or request.references) else request.kind]


def _plain(request: Request) -> Request:
    """Return a request that carries all it needs: no history kept by the service, and no partial pictures."""
    return replace(request, history="window" if request.history == "server" else request.history, wants_partials=False)


async def _upload(exchange: Exchange, part: tuple[str, bytes, str], purpose: str) -> Any:
    return await exchange.client.files.create(
        file=part,
        purpose=purpose,  # type: ignore[arg-type]
        expires_after={"anchor": "created_at", "seconds": FILES_LAST},
        timeout=exchange.timeout(),
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
