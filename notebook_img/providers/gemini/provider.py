"""GeminiProvider: one request in, one reply out, over google-genai's async client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_img import keys
from notebook_img.errors import BadReplyError, KeyMissingError, NotebookImgError, ProviderError, UsageError
from notebook_img.network import shown_url
from notebook_img.providers.gemini import models, questions, raw, reading, replies
from notebook_img.providers.gemini.cloud import Cloud, Credentials, cloud_of, connection_of, labels, missing
from notebook_img.providers.gemini.connection import GOOGLE_URL, WATCHED, Clients, hearing
from notebook_img.providers.gemini.contents import Composer, Draft
from notebook_img.providers.gemini.failures import PROVIDER, SERVICE, InteractionGoneError, SignatureError, translate
from notebook_img.providers.interface import Connection, Emit, Kind, ModelInfo, Reply, Request, TextEvent, Usage
from notebook_img.providers.pricing import Estimate, estimate, made_for, priced, words_of
from notebook_img.providers.retry import retrying
from notebook_img.providers.services import mark_of

if TYPE_CHECKING:
    from google.genai.types import Content, GenerateContentConfig

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
        low, high = (
            Usage(by_modality={kind: count * times for kind, count in {**tokens, ("output_text" if asks else "thought"): out}.items()})
            for out in (models.ANSWER_TOKENS if asks else models.THOUGHT_TOKENS)
        )
        return estimate(row, request, low=low, high=high, made=made)

    # asking

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Send the request and return the reply; see `Provider.run`."""
        history = request.history
        route, body = await asyncio.to_thread(_Route.begin, self, request)
        if history == "server" and (route.cloud is not None or not self.settings.gemini_store):
            history = "window"
            why = "Google Cloud keeps none here" if route.cloud else "Google may not keep interactions here (setting gemini_store)"
            route.composer.warnings.append(f"{why}, so the window was sent instead of server history.")
        if history == "server":
            return await self._on_server(route, emit)
        if body is None:
            body = await asyncio.to_thread(lambda: _Body.of(route, route.composer.draft(history)))
        try:
            return await self._generate(route, body, emit)
        except SignatureError as error:
            if not body.draft.continues:
                raise
            why = f"{error.sentence.rstrip('.')}, so only the last picture and the prompt were sent."
        return await self._generate(route, await asyncio.to_thread(lambda: _Body.of(route, route.composer.bare(why))), emit)

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:  # noqa: ARG002 - the interface's names
        """Raise UsageError: this provider answers at once and has no jobs."""
        raise UsageError("Gemini answers at once and has no jobs to resume.")

    async def probe(self) -> Sequence[str]:
        """Ask the service for its models; return sentences."""
        route = await asyncio.to_thread(_Way.of, self, "")
        token = await route.fresh(self.settings.timeout)
        # Google Cloud lists a project's own models unless it is told otherwise.
        which: Any = {"query_base": True} if route.cloud else None

        async def listed() -> set[str]:
            return {(model.name or "").rpartition("/")[2] async for model in await route.client.aio.models.list(config=which)}

        found = await self._guarded(listed, model=models.PICTURES, key=token, cloud=route.cloud)
        used = self.connection()
        what = f"{used.title} takes the credentials" if route.cloud and used else "Google Gemini takes the key"
        lines = [f"{what} and lists {len(found)} models."]
        wanted = (models.PICTURES, models.QUESTIONS)
        return lines + [f"The default model {name} is not among them." for name in wanted if name not in found]

    async def aclose(self) -> None:
        """Close connections."""
        await self.clients.aclose()

    # the two APIs

    async def _generate(self, route: _Route, body: _Body, emit: Emit) -> Reply:
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

    async def _on_server(self, route: _Route, emit: Emit) -> Reply:
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

    async def _interact(self, route: _Route, draft: Draft, emit: Emit) -> Reply:
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
        route: _Route,
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
            answer = await self._guarded(once, model=route.row.name, key=secret, continues=continues, cloud=route.cloud)
            return replies.checked(answer, request, route.row, secret)

        count = 1 if request.kind == "ask" else max(1, request.count)
        outcomes = await asyncio.gather(
            *(retrying(attempt, self.settings, emit, watched=WATCHED) for _ in range(count)), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, ProviderError):
                raise outcome
        answers = [outcome for outcome in outcomes if isinstance(outcome, reading.Answer)]
        problems = [outcome for outcome in outcomes if isinstance(outcome, ProviderError)]
        if not answers:
            raise replies.weightiest(problems)
        return route.reply(draft, answers, problems, {**sent, "requests": count} if count > 1 else sent)

    async def _guarded(
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

    # keys and connections

    def _key(self, model: str) -> str:
        key = keys.find(self.service, self.settings)
        if not key:
            raise KeyMissingError(self.missing() or "", hint=keys.key_hint(SERVICE), provider=PROVIDER, model=model)
        return key


@dataclass(frozen=True)
class _Body:
    """The arguments of generateContent, and how the turn records them. Built in a thread."""

    draft: Draft
    contents: list[Content]
    config: GenerateContentConfig
    shown: Mapping[str, Any]

    @classmethod
    def of(cls, route: _Route, draft: Draft) -> _Body:
        """Build it with the SDK's own types."""
        from google.genai import types

        config = route.config(draft)
        shown = {"contents": draft.shown(), "config": raw.described(_shown(config))}
        return cls(draft, draft.contents(), types.GenerateContentConfig.model_validate(config), shown)


class _Way:
    """A connection that is open: a key, or Google Cloud with credentials. Made in a thread."""

    def __init__(self, provider: GeminiProvider, model: str) -> None:
        self.cloud = cloud_of(provider.settings)
        self.credentials = provider.credentials if self.cloud else None
        self.key = "" if self.cloud else provider._key(model)  # noqa: SLF001 - the other half of one class
        self.client = provider.clients.open(self.key, self.cloud, self.credentials.load() if self.credentials else None)

    @classmethod
    def of(cls, provider: GeminiProvider, model: str) -> _Way:
        """Open it."""
        return cls(provider, model)

    async def fresh(self, seconds: float) -> str:
        """Return the key, or a token that is good now: what no message may show."""
        return await self.credentials.fresh(seconds) if self.credentials else self.key


class _Route(_Way):
    """One request under way: model, connection and what is built for it. Built in a thread."""

    def __init__(self, provider: GeminiProvider, request: Request) -> None:
        self.settings = provider.settings
        self.row = priced(provider.model_info(request.model), request)
        super().__init__(provider, self.row.name)
        self.request = replace(request, model=self.row.name)
        mark = mark_of(provider, self.settings)
        self.composer = Composer(self.request, self.row.capabilities, self.row.name, mark, self.settings.window_turns)
        self.started = time.monotonic()

    @classmethod
    def begin(cls, provider: GeminiProvider, request: Request) -> tuple[_Route, _Body | None]:
        """Make the route, and the body too if the kind of history is known: every hop between threads costs."""
        route = cls(provider, request)
        return route, None if request.history == "server" else _Body.of(route, route.composer.draft(request.history))

    def frame(self, draft: Draft) -> dict[str, str]:
        """Return ratio and size as they are sent. A model with one size gets none: it answered 400 to its own (pollinations PR 12132)."""
        sizes = self.row.capabilities.sizes
        image = {"aspect_ratio": draft.ratio, "image_size": self.request.size if sizes is None or len(sizes) > 1 else None}
        return {name: value for name, value in image.items() if value}

    def config(self, draft: Draft) -> dict[str, Any]:
        """Return the configuration for generateContent."""
        request = self.request
        config: dict[str, Any] = {"automatic_function_calling": {"disable": True}}
        if self.cloud is not None and (given := labels({**request.labels, **self.settings.labels})):
            config["labels"] = given
        paints = self.row.capabilities.sizes != ()
        if request.kind != "ask":
            config["response_modalities"] = ["TEXT", "IMAGE"]
            if given := self.frame(draft):
                config["image_config"] = given
        elif paints and self.row.status != "unknown":
            config["response_modalities"] = ["TEXT"]
        if level := request.options.get("thinking"):
            config["thinking_config"] = {"thinking_level": str(level).upper()}
        if (schema := questions.schema(request, self.row.capabilities)) is not None:
            config |= {"response_mime_type": "application/json", "response_json_schema": dict(schema)}
        return config

    def interaction(self, draft: Draft) -> dict[str, Any]:
        """Return everything of an interaction but its input."""
        request = self.request
        body: dict[str, Any] = {"model": self.row.name, "store": True}
        if draft.previous_interaction:
            body["previous_interaction_id"] = draft.previous_interaction
        if request.kind != "ask":
            body["response_modalities"] = ["text", "image"]
            if given := self.frame(draft):
                body["response_format"] = [{"type": "image", **given}]
        elif (schema := questions.schema(request, self.row.capabilities)) is not None:
            body["response_format"] = [{"type": "text", "mime_type": "application/json", "schema": dict(schema)}]
        if level := request.options.get("thinking"):
            body["generation_config"] = {"thinking_level": str(level)}
        return body

    def reply(self, draft: Draft, answers: Sequence[reading.Answer], problems: Sequence[ProviderError], sent: Mapping[str, Any]) -> Reply:
        """Put the answers of one request together."""
        request, row = self.request, self.row
        pictures = tuple(picture for answer in answers for picture in answer.pictures) if request.kind != "ask" else ()
        text = "\n\n".join(dict.fromkeys(answer.text.strip() for answer in answers if answer.text.strip()))
        notes = [*draft.warnings, *(warning for answer in answers for warning in answer.warnings)]
        if problems:
            unknown = " What that cost is not known and not counted." if any(map(replies.may_be_billed, problems)) else ""
            notes.append(f"{len(problems)} of {len(answers) + len(problems)} pictures are missing: {problems[0]}{unknown}")
        usage = replies.total([answer.usage for answer in answers], len(pictures))
        delivered = sum(answer.delivered for answer in answers)
        reply = Reply(
            pictures=pictures,
            text=text,
            usage=usage,
            cost=_with(problems, replies.cost(usage, row, request, delivered)),
            sent=sent,
            got=answers[0].got if len(answers) == 1 else {"replies": [answer.got for answer in answers]},
            warnings=tuple(dict.fromkeys(notes)),
            raw=raw.make([answer.kept for answer in answers], draft.said),
        )
        if request.kind != "ask" or (request.boxes is None and request.schema is None):
            return reply
        facts = {"provider": PROVIDER, "model": row.name, "cost": reply.cost, "usage": replies.plain(usage)}
        value = questions.value(text, **facts)
        if request.boxes is None:
            return replace(reply, value=value, value_by="schema" if row.capabilities.schema else "text")
        size = request.inputs[0].size if request.inputs else (questions.SCALE, questions.SCALE)
        boxes, mended = questions.boxes(value, size, **facts)
        return replace(reply, boxes=boxes, warnings=(*reply.warnings, *mended))


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


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in {"automatic_function_calling", "labels"}}


def _with(problems: Sequence[ProviderError], cost: float | None) -> float | None:
    """Return what the pictures cost together with what the refused ones did."""
    return None if cost is None else cost + sum(problem.cost or 0.0 for problem in problems)
