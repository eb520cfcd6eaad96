"""Gemini's batch processing: pictures travel in files both ways, answers to questions inline where they fit.

A job whose results are many pictures inline cannot be handed over (503 after a minute, googleapis/python-genai issue 2519).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_img.errors import BadReplyError, NotebookImgError
from notebook_img.providers.gemini import models
from notebook_img.providers.gemini.connection import WATCHED, hear
from notebook_img.providers.gemini.failures import PROVIDER, SERVICE
from notebook_img.providers.gemini.route import Way
from notebook_img.providers.interface import LaterTerms, Standing
from notebook_img.providers.later import Recorded, answers_to, at_factor, lost_among, once, undone, weight_of
from notebook_img.providers.retry import retrying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from notebook_img.providers.gemini.provider import GeminiProvider
    from notebook_img.providers.interface import Emit, Reply, Request

T = TypeVar("T")

INLINE_BYTES = 15_000_000
"""Input up to this goes inline; the service takes 20 MB of it (ai.google.dev/gemini-api/docs/batch-api, read 2026-11)."""
ENDED = {"succeeded", "partially_succeeded", "failed", "cancelled", "expired"}
HTTP = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""The status that an error of a row has alone, by google.rpc.Code (googleapis/google/rpc/code.proto)."""
LISTED = 1000
"""Most jobs that are looked through for a name."""


class GeminiLater:
    """The batch processing of the Gemini API; see `Later`."""

    terms = LaterTerms(
        factor=0.5,
        hours=48,
        most_bytes=1_900_000_000,
        source="ai.google.dev/gemini-api/docs/batch-api, read 2026-11: half the price, 24 hours aimed at, expired after 48, files to 2 GB",
    )

    def __init__(self, provider: GeminiProvider) -> None:
        self.provider = provider

    def group(self, request: Request) -> str:
        """Return the model, and whether pictures or answers are made."""
        return f"{models.info(request.model).name} {'answers' if request.kind == 'ask' else 'pictures'}"

    def weight(self, request: Request) -> int:
        """Return about how many bytes a request takes."""
        return weight_of(request) * answers_to(request)

    async def submit(self, name: str, requests: Mapping[str, Request], emit: Emit) -> Mapping[str, Any]:
        """Hand in a job; see `Later.submit`."""
        rows = {key: row for each, request in requests.items() for key, row in (await self._rows(each, request)).items()}
        first = next(iter(requests.values()))
        inline = first.kind == "ask" and sum(map(self.weight, requests.values())) <= INLINE_BYTES
        way = await asyncio.to_thread(Way, self.provider, first.model)
        source: Any = [_inline(key, row) for key, row in rows.items()] if inline else await self._uploaded(way, name, rows, emit)
        model = models.info(first.model).name

        async def create() -> Any:
            return await way.client.aio.batches.create(model=model, src=source, config={"display_name": name})

        return _state(await self._ask(way, create, emit))

    async def find(self, name: str) -> Mapping[str, Any] | None:
        """Return the job that bears this name, if there is one."""
        way = await asyncio.to_thread(Way, self.provider, "")

        async def look_through() -> Any:
            seen = 0
            async for job in await way.client.aio.batches.list(config={"page_size": 100}):
                seen += 1
                if job.display_name == name:
                    return job
                if seen == LISTED:
                    raise lost_among(self.provider, LISTED)
            return None

        found = await self._ask(way, look_through)
        return _state(found) if found is not None else None

    async def look(self, state: Mapping[str, Any]) -> Standing:
        """Return how a job stands."""
        job = await self._job(await asyncio.to_thread(Way, self.provider, ""), state)
        word = _word(job)
        return Standing(word in ENDED, word)

    async def fetch(self, state: Mapping[str, Any], requests: Mapping[str, Request]) -> AsyncIterator[tuple[str, Reply | NotebookImgError]]:
        """Yield what a job has brought; see `Later.fetch`."""
        way = await asyncio.to_thread(Way, self.provider, "")
        job = await self._job(way, state)
        word = _word(job)
        waiting = dict(requests)
        came: dict[str, list[dict[str, Any]]] = {}
        async for row, line in self._lines(way, job):
            key = row.rpartition("#")[0]
            if key not in waiting:
                continue
            came.setdefault(key, []).append(line)
            if len(came[key]) == answers_to(waiting[key]):  # lines of one request need not stand together
                yield key, await self._reply(waiting.pop(key), came.pop(key))
        for key, request in waiting.items():
            if key in came:
                yield key, await self._reply(request, came[key])
            else:
                yield key, undone(SERVICE.title, word, provider=PROVIDER, model=request.model)

    async def cancel(self, state: Mapping[str, Any]) -> None:
        """Stop a job."""
        way = await asyncio.to_thread(Way, self.provider, "")
        await self._ask(way, lambda: way.client.aio.batches.cancel(name=state["id"]))

    # what is sent

    async def _rows(self, key: str, request: Request) -> dict[str, Mapping[str, Any]]:
        """Return what would be sent for a request, by the keys of its rows."""
        recorder = _Client()
        with contextlib.suppress(Recorded):
            await self.provider.run_by(recorder, _plain(request), lambda _event: None)
        return {f"{key}#{number}": body for number, body in enumerate(recorder.asked)}

    async def _uploaded(self, way: Way, name: str, rows: Mapping[str, Mapping[str, Any]], emit: Emit) -> str:
        def written() -> io.BytesIO:
            return io.BytesIO(b"".join(json.dumps({"key": key, "request": _wire(row)}).encode() + b"\n" for key, row in rows.items()))

        data = await asyncio.to_thread(written)

        async def upload() -> Any:
            data.seek(0)
            return await way.client.aio.files.upload(file=data, config={"mime_type": "jsonl", "display_name": name})

        return str((await self._ask(way, upload, emit)).name)

    # what comes back

    async def _job(self, way: Way, state: Mapping[str, Any]) -> Any:
        return await self._ask(way, lambda: way.client.aio.batches.get(name=state["id"]))

    async def _lines(self, way: Way, job: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        if job.dest is None:
            return
        for answer in job.dest.inlined_responses or ():
            line: dict[str, Any] = {"parsed": answer.response} if answer.response is not None else {}
            if answer.error is not None:
                line["error"] = {"code": answer.error.code, "message": answer.error.message}
            yield str((answer.metadata or {}).get("key", "")), line
        if not job.dest.file_name:
            return
        with tempfile.TemporaryDirectory(prefix="notebook_img-later-") as folder:
            file = Path(folder) / "results.jsonl"
            await self._ask(way, lambda: way.client.aio.files.download(file=job.dest.file_name, destination=str(file)))
            lines = _read(file)
            while (read := await asyncio.to_thread(next, lines, None)) is not None:
                yield str(read.get("key", "")), read

    async def _reply(self, request: Request, lines: list[dict[str, Any]]) -> Reply | NotebookImgError:
        """Read the reply by the code that reads one that comes at once."""
        try:
            reply = await self.provider.run_by(_Client(lines), _plain(request), lambda _event: None, once(self.provider.settings))
        except NotebookImgError as error:
            return at_factor(error, self.terms.factor)
        return at_factor(reply, self.terms.factor)

    async def _ask(self, way: Way, call: Callable[[], Awaitable[T]], emit: Emit = lambda _event: None) -> T:
        secret = await way.fresh(self.provider.settings.timeout)
        return await retrying(
            lambda: self.provider.guarded(call, model="", key=secret), self.provider.settings, emit, watched=WATCHED, free=True
        )


class _Client:
    """Stands in for the SDK's client: takes down what is asked, or hands over what has come, one line a call."""

    def __init__(self, lines: list[dict[str, Any]] | None = None) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.lines = lines
        self.aio = SimpleNamespace(models=SimpleNamespace(generate_content=self._whole, generate_content_stream=self._streamed))

    async def _whole(self, *, model: str, contents: Any, config: Any) -> Any:
        if self.lines is None:
            self.asked.append({"model": model, "contents": contents, "config": config})
            raise Recorded
        if not self.lines:
            raise BadReplyError("Gemini's job holds no answer to this one. Ask again.", provider=PROVIDER, billed="no")
        return _response(self.lines.pop(0))

    async def _streamed(self, **asked: Any) -> AsyncIterator[Any]:
        whole = await self._whole(**asked)

        async def one() -> AsyncIterator[Any]:
            yield whole

        return one()


def _response(line: Mapping[str, Any]) -> Any:
    from google.genai import errors, types

    if "parsed" in line:
        return line["parsed"]
    if isinstance(told := line.get("error") or line.get("status"), dict):
        code = int(given) if isinstance(given := told.get("code"), int) else 13
        status = HTTP.get(code, code if 400 <= code < 600 else 500)
        raise errors.APIError(status, {"error": {"status": str(told.get("status") or "FAILED"), **told, "code": status}})
    plain = line.get("response")
    hear(json.dumps(plain).encode())  # what the SDK cannot read as a whole is read piece by piece
    return types.GenerateContentResponse.model_validate(plain)


def _plain(request: Request) -> Request:
    """Return a request that carries all it needs: a batch job cannot go on from history kept by the service."""
    return replace(request, history="window") if request.history == "server" else request


def _inline(key: str, row: Mapping[str, Any]) -> Any:
    from google.genai import types

    return types.InlinedRequest(contents=row["contents"], config=row["config"], metadata={"key": key})


def _wire(row: Mapping[str, Any]) -> dict[str, Any]:
    def dumped(value: Any) -> Any:
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)

    config = {name: value for name, value in dumped(row["config"]).items() if name != "automaticFunctionCalling"}
    return {"contents": [dumped(content) for content in row["contents"]], "generationConfig": config}


def _state(job: Any) -> dict[str, Any]:
    return {"id": job.name}


def _word(job: Any) -> str:
    return str(getattr(job.state, "value", job.state)).removeprefix("JOB_STATE_").lower()


def _read(file: Path) -> Iterator[dict[str, Any]]:
    """Read a file of results line by line; one that cannot be read stands for nothing."""
    with file.open("rb") as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value
