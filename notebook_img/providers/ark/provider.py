"""The adapter to Ark: builds the request a model takes, sends it, fetches the pictures at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    BadReplyError,
    JobPendingError,
    KeyMissingError,
    NoPictureError,
    NotebookImgError,
    ProviderError,
    RefusedError,
    ReplyTimeoutError,
    UnsupportedError,
)
from notebook_img.network import checked_url, shown_url
from notebook_img.providers import left_pictures
from notebook_img.providers.ark.answers import Batch, Item, events, failure, item_of, items_of
from notebook_img.providers.ark.models import SERVICE, TABLE, current_names, row_of, wire_name
from notebook_img.providers.ark.prices import cost_of_pictures, price_range
from notebook_img.providers.ark.requests import as_sent, body_of, group_size, prepared
from notebook_img.providers.ark.sizes import size_for
from notebook_img.providers.connection_faults import unexpected
from notebook_img.providers.interface import Emit, Kind, ModelInfo, PartialEvent, ProgressEvent, Reply, Request, SubmittedEvent, Usage
from notebook_img.providers.pricing import in_force, sides_in
from notebook_img.providers.received import count_of
from notebook_img.providers.retry import retrying
from notebook_img.providers.status_table import Asked
from notebook_img.providers.transport import Answer, Transport, UnfetchedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from notebook_img.providers.ark.models import Seedream
    from notebook_img.providers.pricing import Estimate
    from notebook_img.settings import Settings

AT_ONCE = 4
"""Single requests in flight for one call of several pictures."""
_PAID = {"image_generation.partial_succeeded", "image_generation.partial_failed", "image_generation.completed"}
"""Events after which a stream is never asked for again."""
_BILLED_FIRST = (ReplyTimeoutError, BadReplyError, RefusedError, NoPictureError)
"""Of several failures of one call, the one most likely billed is raised: with the others the call would count as free."""


class ArkProvider:
    """Seedream on Volcengine Ark (China) or BytePlus (elsewhere)."""

    name = "ark"
    title = "Ark (Seedream)"
    service = SERVICE
    tells_sending = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.transport = Transport(settings, provider=self.name, title="Ark")

    def missing(self) -> str | None:
        """Return what is missing, or None."""
        if keys.find(self.service, self.settings):
            return None
        return "No key for Ark (Seedream) is set up."

    def address(self) -> str:
        """Return the base URL in use."""
        return shown_url(self.settings.ark_base_url)

    def models(self) -> Sequence[ModelInfo]:
        """Return the model table, the default first."""
        return [row.info for row in TABLE]

    def default_model(self, kind: Kind) -> str | None:
        """Return the default model: Seedream 5.0 takes the most references and makes groups."""
        return None if kind == "ask" else TABLE[0].info.name

    def model_info(self, model: str) -> ModelInfo:
        """Return the row of a model, an alias or an endpoint id."""
        return row_of(model).info

    def estimate(self, request: Request) -> float | None:
        """Return the list price of the pictures asked for, at most."""
        expected = self.price_range(request)
        return expected.high if expected is not None else None

    def price_range(self, request: Request) -> Estimate | None:
        """Return the list price of the pictures asked for, at least and at most."""
        return price_range(row_of(request.model), request)

    def frame(self, request: Request) -> tuple[int, int] | None:
        """Return width and height that are asked for; None where the service decides."""
        first = request.inputs[0].size if request.inputs and request.kind == "edit" else None
        return sides_in(size_for(row_of(request.model), size=request.size, aspect_ratio=request.aspect_ratio, first_input=first))

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Generate, edit or blend; see `Provider.run`."""
        key = keys.find(self.service, self.settings)
        if not key:
            raise KeyMissingError(self.missing() or "", hint=keys.key_hint(SERVICE), provider=self.name, model=request.model)
        if request.kind == "ask":
            raise UnsupportedError("Seedream makes pictures and does not answer questions. Ask another provider, for example gemini.")
        row, base = row_of(request.model), checked_url(self.settings.ark_base_url, "ARK_BASE_URL")
        row = replace(row, info=in_force(row.info, request))
        asked = Asked(wire_name(request.model, base), base, key)
        images, notes = await asyncio.to_thread(prepared, row, request)
        body = await asyncio.to_thread(body_of, row, request, asked.model, images)
        group = group_size(row, request, len(images))
        batch = Batch()
        sent = as_sent(body, images, group)
        try:
            if group:
                emit(ProgressEvent(f"Asking for a group of {group} pictures"))
                await self._group(row, body, group, asked, batch, emit, show=request.wants_partials)
            missing = request.count - len(batch.pictures) - len(batch.failures)
            if missing > 0 and not batch.broke:
                await self._singles(body, missing, asked, batch, emit)
        except asyncio.CancelledError:
            if batch.urls:  # made and billed: whoever resumes fetches them all
                cost = _cost(row, request, batch, len(batch.urls), len(images))
                emit(_left(request, batch, batch.urls, sent, notes, cost=cost))
            raise
        if batch.unfetched and not batch.pictures:
            made = len(batch.unfetched)
            cost = _cost(row, request, batch, max(made, batch.made or 0), len(images))
            event = _left(request, batch, batch.unfetched, sent, notes, cost=cost)
            emit(event)
            raise JobPendingError(f"{batch.failures[0].sentence} It is kept at Ark for a day.", job=event.submit_id, cost=cost)
        if not batch.pictures:
            raise _none_came(row, request, batch, len(images))
        return self._reply(row, request, batch, sent, notes, len(images))

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:
        """Fetch the pictures of a call that was billed while their URLs could not be fetched."""
        return await left_pictures.resumed(state, self.transport, emit, own=(self.settings.ark_base_url,))

    async def probe(self) -> Sequence[str]:
        """List the models and report which of ours are among them."""
        key = keys.find(self.service, self.settings)
        if not key:
            return [self.missing() or ""]
        base = checked_url(self.settings.ark_base_url, "ARK_BASE_URL")
        answer = await self.transport.send("GET", f"{base.rstrip('/')}/models", headers=_headers(key), timeout=30)
        content = answer.json()
        if answer.status != 200:
            raise failure(answer.status, content, Asked("", base, key), text=answer.text)
        listed = content.get("data") if isinstance(content, dict) else None
        offered = {str(entry.get("id")) for entry in listed or () if isinstance(entry, dict)}
        ours = [name for name in current_names(base) if name in offered]
        return [
            f"Ark answers and lists {len(offered)} models; of ours: {', '.join(ours) or 'none (are the ids those of the other region?)'}."
        ]

    async def aclose(self) -> None:
        """Close connections."""
        await self.transport.aclose()

    async def _group(
        self, row: Seedream, body: Mapping[str, Any], most: int, asked: Asked, batch: Batch, emit: Emit, *, show: bool
    ) -> None:
        """Ask for one group, as a stream where possible, so that what came before a cut is kept."""
        wish = {**body, "sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": most}}
        if "stream" not in row.fields:
            await self._whole(wish, asked, batch, emit)
            return
        content = json.dumps({**wish, "stream": True}, ensure_ascii=False).encode()

        async def once() -> None:
            try:
                async with self.transport.stream(
                    "POST", _url(asked), headers=_headers(asked.key), content=content, timeout=self.settings.timeout * most
                ) as response:
                    await self._read_stream(response, asked, batch, emit, show=show)
            except Exception as error:
                problem = self._problem(error)
                if not batch.begun:
                    raise problem from (error.__cause__ if problem is error else error)
                # Pictures that came are kept. What else was made is unknown, so nothing is asked for again, also where what came
                # could not be fetched: it is paid for.
                batch.broke = True
                batch.failures.append(problem)

        await retrying(once, settings=self.settings, emit=emit, watched=True)

    async def _read_stream(self, response: httpx.Response, asked: Asked, batch: Batch, emit: Emit, *, show: bool) -> None:
        if response.status_code != 200 or "event-stream" not in response.headers.get("content-type", ""):
            answer = Answer(response.status_code, response.headers, await response.aread())
            await self._take(*items_of(answer, asked), asked, batch, emit)
            return
        whole = False
        async for event in events(response):
            kind = event.get("type")
            batch.begun = batch.begun or kind in _PAID
            if kind == "image_generation.partial_succeeded":
                index = event.get("image_index")
                await self._keep(item_of(event, asked), asked, batch, emit, show_as=index if show and isinstance(index, int) else None)
            elif kind == "image_generation.partial_failed":
                batch.failures.append(item_of(event, asked).error or NoPictureError("Ark names no reason.", provider=self.name))
            elif kind == "image_generation.completed":
                whole = True
                batch.count_usage(event.get("usage"))
            elif isinstance(event.get("error"), dict):
                raise failure(None, event, asked)
            batch.model = str(event.get("model") or batch.model)
        if not whole:
            raise ReplyTimeoutError(
                "Ark's stream ended before it was complete. What was made may have been billed, so it is not repeated automatically.",
                provider=self.name,
                model=asked.model,
            )

    async def _singles(self, body: Mapping[str, Any], count: int, asked: Asked, batch: Batch, emit: Emit) -> None:
        """Send `count` single requests, a few at a time; good ones are kept when others fail."""
        gate = asyncio.Semaphore(AT_ONCE)
        parts = [Batch() for _ in range(count)]

        async def one(part: Batch) -> None:
            async with gate:
                try:
                    await self._whole(body, asked, part, emit)
                except Exception as error:  # one strange answer must not cost the pictures of the others
                    part.failures.append(self._problem(error))

        try:
            outcomes = await asyncio.gather(*map(one, parts), return_exceptions=True)
        finally:  # also of a stopped call: what was made is known then
            for part in parts:
                batch.add(part)
        if wrong := next((outcome for outcome in outcomes if outcome is not None), None):
            raise wrong

    async def _whole(self, body: Mapping[str, Any], asked: Asked, batch: Batch, emit: Emit) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()

        async def once() -> tuple[list[Item], Mapping[str, Any]]:
            answer = await self.transport.send("POST", _url(asked), headers=_headers(asked.key), content=content)
            return items_of(answer, asked)

        await self._take(*await retrying(once, settings=self.settings, emit=emit, watched=True), asked, batch, emit)

    async def _take(self, items: Sequence[Item], told: Mapping[str, Any], asked: Asked, batch: Batch, emit: Emit) -> None:
        batch.begun = True
        batch.count_usage(told.get("usage"))
        batch.model = str(told.get("model") or batch.model)
        for item in items:
            await self._keep(item, asked, batch, emit)

    async def _keep(self, item: Item, asked: Asked, batch: Batch, emit: Emit, *, show_as: int | None = None) -> None:
        """Fetch a picture while its URL is valid. Fetching is free, so it is retried, unlike the paid call."""
        try:
            if item.error is not None:
                raise item.error
            if item.url:
                batch.urls.append(item.url)
                data = await self.transport.fetch_result(item.url, emit, own=(asked.base_url,))
            else:
                data = item.data
        except UnfetchedError as error:
            batch.unfetched.append(item.url)
            batch.failures.append(error)
            return
        except Exception as error:
            batch.failures.append(self._problem(error))
            return
        batch.pictures.append(data)
        batch.sizes.append(item.size)
        if show_as is not None:
            emit(PartialEvent(data, show_as))

    def _problem(self, error: Exception) -> ProviderError:
        if isinstance(error, NotebookImgError) and not isinstance(error, ProviderError):
            raise error  # what is set up wrong here is no fault of the one picture
        return error if isinstance(error, ProviderError) else unexpected("Ark", self.name, error)

    def _reply(self, row: Seedream, request: Request, batch: Batch, sent: Mapping[str, Any], notes: list[str], references: int) -> Reply:
        made = max(len(batch.pictures), batch.made or 0)
        warnings = [*notes]
        short = request.count - len(batch.pictures)
        if short > 0:
            reasons = "; ".join(dict.fromkeys(error.sentence for error in batch.failures)) or "the service made no more"
            warnings.append(f"{short} of {request.count} pictures {'is' if short == 1 else 'are'} missing: {reasons}")
        watermark = bool(sent.get("watermark"))
        return Reply(
            pictures=tuple(batch.pictures),
            usage=Usage(
                output_tokens=count_of(batch.usage.get("output_tokens")),
                total_tokens=count_of(batch.usage.get("total_tokens")),
                pictures=made,
            ),
            cost=_cost(row, request, batch, made, references),
            seed=request.seed if "seed" in sent else None,
            sent=sent,
            got={
                "model": batch.model,
                "sizes": batch.sizes,
                "usage": batch.usage,
                "watermark": watermark,
                "failures": [error.sentence for error in batch.failures],
                **({"urls": batch.urls} if batch.urls else {}),
                **({"unfetched": batch.unfetched} if batch.unfetched else {}),
            },
            warnings=tuple(warnings),
            note="visible watermark" if watermark else "no visible watermark",
            model=batch.model if batch.model and batch.model != request.model else "",
        )


def _left(
    request: Request, batch: Batch, urls: Sequence[str], sent: Mapping[str, Any], notes: Sequence[str], *, cost: float | None
) -> SubmittedEvent:
    """Return the event that has the pictures at these URLs kept as a job."""
    return left_pictures.submitted(
        "ark",
        urls,
        model=batch.model or request.model,
        asked_model=request.model,
        usage=batch.usage,
        cost=cost,
        seed=request.seed if "seed" in sent else None,
        sent=dict(sent),
        warnings=notes,
    )


def _url(asked: Asked) -> str:
    return f"{asked.base_url.rstrip('/')}/images/generations"


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def _none_came(row: Seedream, request: Request, batch: Batch, references: int) -> ProviderError:
    """Return the error of a call without a picture, with its cost where the service said what it made."""
    kinds = [*_BILLED_FIRST, ProviderError]
    failures = sorted(batch.failures, key=lambda error: next(at for at, kind in enumerate(kinds) if isinstance(error, kind)))
    error = failures[0] if failures else NoPictureError("Ark answered without a picture.", provider="ark")
    error.model = request.model
    if batch.made is not None and not isinstance(error, ReplyTimeoutError):
        error.usage, error.cost = dict(batch.usage), _cost(row, request, batch, batch.made, references)
    return error


def _cost(row: Seedream, request: Request, batch: Batch, made: int, references: int) -> float | None:
    # The answer does not say what a search cost.
    return None if batch.usage.get("tool_usage") else cost_of_pictures(row, request, made, references)
