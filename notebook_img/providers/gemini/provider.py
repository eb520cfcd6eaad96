"""GeminiProvider: one request in, one reply out, over google-genai's async client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_img import keys
from notebook_img.errors import BadReplyError, NotebookImgError, ProviderError, UnsupportedError, UsageError
from notebook_img.network import shown_url
from notebook_img.providers.gemini import models, reading, replies
from notebook_img.providers.gemini.cloud import Cloud, Credentials, cloud_of, connection_of, missing
from notebook_img.providers.gemini.connection import GOOGLE_URL, WATCHED, Clients, hearing
from notebook_img.providers.gemini.contents import Draft
from notebook_img.providers.gemini.failures import PROVIDER, SERVICE, InteractionGoneError, SignatureError, translate
from notebook_img.providers.gemini.route import Body, Route, Way
from notebook_img.providers.interface import Connection, Emit, Kind, ModelInfo, Reply, Request, TextEvent, Usage
from notebook_img.providers.later import answers_to
from notebook_img.providers.pricing import Estimate, estimate, made_for, past_tokens, words_of
from notebook_img.providers.retry import retrying

if TYPE_CHECKING:
    from notebook_img.providers.interface import Later
    from notebook_img.settings import Settings

T = TypeVar("T")


class GeminiProvider:
    """Google's Gemini API."""

    name = PROVIDER
    title = SERVICE.title
    service = SERVICE
    tells_sending = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clients = Clients(settings)
        self.credentials = Credentials(settings)

    # what it offers

    def missing(self) -> str | None:
        """Return a sentence when no key is set up; what Google Cloud lacks is raised."""
        if self.settings.google_cloud:
            cloud_of(self.settings)
            if (lack := missing(self.settings)) is not None:
                raise lack
            return None
        if keys.find(self.service, self.settings):
            return None
        return "No key for Google Gemini is set up."

    def connection(self) -> Connection | None:
        """Return whether calls go to the Gemini API or to Google Cloud, and why; None where nothing speaks for Google Cloud."""
        return connection_of(self.settings, self.service)

    @staticmethod
    def keyless(settings: Settings) -> bool:
        """Whether Google Cloud is chosen, which wants no key."""
        return settings.google_cloud

    def address(self) -> str:
        """Return the base URL in use; on Google Cloud the connection says where it is."""
        return "" if self.settings.google_cloud else shown_url(self.settings.gemini_base_url or GOOGLE_URL)

    def models(self) -> Sequence[ModelInfo]:
        """Return the model table, the default model first."""
        return [self.model_info(row.name) for row in models.MODELS]

    def default_model(self, kind: Kind) -> str | None:
        """Return the bare default model for `kind`."""
        return models.QUESTIONS if kind == "ask" else models.PICTURES

    def model_info(self, model: str) -> ModelInfo:
        """Return the row for `model`; an unknown name gets permissive capabilities."""
        row = models.info(model)
        return models.on_cloud(row) if self.settings.google_cloud else row

    def estimate(self, request: Request) -> float | None:
        """Return the expected cost in US dollars, at most; None when unknown."""
        expected = self.price_range(request)
        return expected.high if expected is not None else None

    def price_range(self, request: Request) -> Estimate | None:
        """Return the expected cost in US dollars, at least and at most: how long the model thinks and answers is not known before."""
        row, asks = models.info(request.model), request.kind == "ask"
        times = 1 if asks else request.count
        tokens = {
            "input_text": words_of(len(request.prompt)),
            "input_image": models.PICTURE_TOKENS * (len(request.inputs) + len(request.references)),
        }
        made = made_for(request, request.count, usual=models.DEFAULT_SIZE)
        # At most all of a whole history counts again.
        before = past_tokens(request, models.PICTURE_TOKENS) if request.history != "window" else 0
        out = "output_text" if asks else "thought"
        least, most = models.ANSWER_TOKENS if asks else models.THOUGHT_TOKENS
        low, high = (
            Usage(by_modality={kind: count * times for kind, count in each.items()})
            for each in ({**tokens, out: least}, {**tokens, "input_text": tokens["input_text"] + before, out: most})
        )
        return estimate(row, request, low=low, high=high, made=made)

    # asking

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Send the request and return the reply; see `Provider.run`."""
        return await self.run_by(None, request, emit)

    async def run_by(self, client: Any, request: Request, emit: Emit, settings: Settings | None = None) -> Reply:
        """Do as `run` does, by a client that stands in for the SDK's, and by other settings."""
        history = request.history
        route, body = await asyncio.to_thread(Route.begin, self, request)
        route.client, route.settings = client or route.client, settings or self.settings
        if history == "server" and (route.cloud is not None or not self.settings.gemini_store):
            history = "window"
            why = "Google Cloud keeps none here" if route.cloud else "Google may not keep interactions here (setting gemini_store)"
            route.composer.warnings.append(f"{why}, so the window was sent instead of server history.")
        if history == "server":
            return await self._on_server(route, emit)
        if body is None:
            body = await asyncio.to_thread(lambda: Body.of(route, route.composer.draft(history)))
        try:
            return await self._generate(route, body, emit)
        except SignatureError as error:
            if not body.draft.continues:
                raise
            why = f"{error.sentence.rstrip('.')}, so only the last picture and the prompt were sent."
        return await self._generate(route, await asyncio.to_thread(lambda: Body.of(route, route.composer.bare(why))), emit)

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:  # noqa: ARG002 - the interface's names
        """Raise UsageError: this provider answers at once and has no jobs."""
        raise UsageError("Gemini answers at once and has no jobs to resume.")

    def later(self) -> Later:
        """Return the batch processing of the Gemini API; on Google Cloud it takes a bucket or BigQuery, which is not built."""
        if self.settings.google_cloud:
            msg = "Gemini on Google Cloud does nothing later here: its batches want a bucket. Use a Gemini API key, or leave `later` out."
            raise UnsupportedError(msg)
        from notebook_img.providers.gemini.later import GeminiLater

        return GeminiLater(self)

    async def probe(self) -> Sequence[str]:
        """Ask the service for its models; return sentences."""
        route = await asyncio.to_thread(Way, self, "")
        token = await route.fresh(self.settings.timeout)
        # Google Cloud lists a project's own models unless it is told otherwise.
        which: Any = {"query_base": True} if route.cloud else None

        async def listed() -> set[str]:
            return {(model.name or "").rpartition("/")[2] async for model in await route.client.aio.models.list(config=which)}

        found = await self.guarded(listed, model=models.PICTURES, key=token, cloud=route.cloud)
        used = self.connection()
        what = f"{used.title} takes the credentials" if route.cloud and used else "Google Gemini takes the key"
        lines = [f"{what} and lists {len(found)} models."]
        wanted = (models.PICTURES, models.QUESTIONS)
        return lines + [f"The default model {name} is not among them." for name in wanted if name not in found]

    async def aclose(self) -> None:
        """Close connections."""
        await self.clients.aclose()

    # the two APIs

    async def _generate(self, route: Route, body: Body, emit: Emit) -> Reply:
        client, contents, typed = route.client, body.contents, body.config
        streams = route.request.kind == "ask" and route.request.boxes is None and route.request.schema is None

        async def whole() -> reading.Answer:
            with hearing() as heard:
                try:
                    response = await client.aio.models.generate_content(model=route.row.name, contents=contents, config=typed)
                    if not response.candidates and (told := reading.error_in(heard.body)) is not None:
                        raise told
                    return reading.from_response(response, heard.messages)
                except Exception:
                    answer = reading.mended(heard.body, heard.messages)
                    if answer is None:
                        raise
                    return answer

        async def streamed() -> reading.Answer:
            return await _collected(
                await client.aio.models.generate_content_stream(model=route.row.name, contents=contents, config=typed), emit
            )

        sent = {"method": "generateContent", "model": route.row.name, **body.shown}
        return await self._several(route, body.draft, streamed if streams else whole, sent, emit)

    async def _on_server(self, route: Route, emit: Emit) -> Reply:
        draft = await asyncio.to_thread(route.composer.draft, "server")
        try:
            return await self._interact(route, draft, emit)
        except InteractionGoneError as error:
            why = f"{error.sentence.rstrip('.')}, so the window was sent instead."
            draft = await asyncio.to_thread(route.composer.rebuilt, why)
        except SignatureError as error:
            if not draft.continues:
                raise
            why = f"{error.sentence.rstrip('.')}, so only the last picture and the prompt were sent."
            draft = await asyncio.to_thread(route.composer.bare, why)
        return await self._interact(route, draft, emit)

    async def _interact(self, route: Route, draft: Draft, emit: Emit) -> Reply:
        # Its first use loads a second's worth of modules (measured with google-genai 3.4.0).
        interactions = await asyncio.to_thread(lambda: route.client.aio.interactions)
        body = route.interaction(draft)

        async def whole() -> reading.Answer:
            made = await interactions.create(**body, input=draft.steps(), timeout=self.settings.timeout)
            return reading.from_interaction(made, stored=True)

        sent = {"method": "interactions", **body, "input": draft.shown()}
        return await self._several(route, draft, whole, sent, emit, continues=draft.previous_interaction is not None)

    async def _several(
        self,
        route: Route,
        draft: Draft,
        once: Callable[[], Awaitable[reading.Answer]],
        sent: Mapping[str, Any],
        emit: Emit,
        *,
        continues: bool = False,
    ) -> Reply:
        """Ask `count` times at once; keep what comes, and report what is missing."""
        request = route.request

        async def attempt() -> reading.Answer:
            secret = await route.fresh(self.settings.timeout)
            answer = await self.guarded(once, model=route.row.name, key=secret, continues=continues, cloud=route.cloud)
            return replies.checked(answer, request, route.row, secret)

        count = answers_to(request)
        outcomes = await asyncio.gather(
            *(retrying(attempt, route.settings, emit, watched=WATCHED) for _ in range(count)), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, ProviderError):
                raise outcome
        answers = [outcome for outcome in outcomes if isinstance(outcome, reading.Answer)]
        problems = [outcome for outcome in outcomes if isinstance(outcome, ProviderError)]
        if not answers:
            raise replies.weightiest(problems)
        return route.reply(draft, answers, problems, {**sent, "requests": count} if count > 1 else sent)

    async def guarded(
        self, call: Callable[[], Awaitable[T]], *, model: str, key: str, continues: bool = False, cloud: Cloud | None = None
    ) -> T:
        """Await one exchange within the time allowed; whatever goes wrong becomes an error of ours."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await call()
        except NotebookImgError:
            raise
        except Exception as error:
            url = cloud.shown_url if cloud else self.settings.gemini_base_url or GOOGLE_URL
            problem = translate(error, model=model, key=key, url=url, continues=continues, cloud=cloud)
            shown = f"{error!r}{getattr(error, 'details', '')}"
            cause: Exception | None = error if keys.scrubbed(shown, key) == shown else None
        # Outside the handler, so that an error which quotes the key does not hang on as its context.
        raise problem from cause


async def _collected(chunks: Any, emit: Emit) -> reading.Answer:
    """Emit a stream's text as it comes, and return the sum of its chunks."""
    answer = reading.Answer()
    parts: list[dict[str, Any]] = []
    begun = False
    try:
        async for chunk in chunks:
            begun = True
            piece = reading.from_response(chunk)
            if piece.text:
                emit(TextEvent(piece.text))
            answer.text += piece.text
            answer.reason, answer.blocked = piece.reason or answer.reason, piece.blocked or answer.blocked
            answer.message = piece.message or answer.message
            answer.usage = piece.usage if piece.usage != Usage() else answer.usage
            answer.got |= {name: value for name, value in piece.got.items() if value}
            parts += piece.kept.get("content", {}).get("parts", [])
    except Exception as error:
        if not begun:
            raise
        # What has begun to arrive, be it thoughts, is billed: never asked again on its own, whatever the reason it broke off.
        raise BadReplyError(
            "The answer broke off. The call may have been billed, so it is not repeated automatically.",
            text=answer.text,
            provider=PROVIDER,
        ) from error
    finally:
        if hasattr(chunks, "aclose"):
            await chunks.aclose()
    answer.kept = {"content": {"role": "model", "parts": parts}}
    return answer
