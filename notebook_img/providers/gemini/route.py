"""One request to Gemini under way: the connection it takes, what is sent by it, and the reply made of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import KeyMissingError
from notebook_img.providers.gemini import questions, raw, replies
from notebook_img.providers.gemini.cloud import cloud_of, labels
from notebook_img.providers.gemini.contents import Composer
from notebook_img.providers.gemini.failures import PROVIDER, SERVICE
from notebook_img.providers.interface import Reply
from notebook_img.providers.pricing import in_force
from notebook_img.providers.services import mark_of

if TYPE_CHECKING:
    from google.genai.types import Content, GenerateContentConfig

    from notebook_img.errors import ProviderError
    from notebook_img.providers.gemini import reading
    from notebook_img.providers.gemini.contents import Draft
    from notebook_img.providers.gemini.provider import GeminiProvider
    from notebook_img.providers.interface import Request


@dataclass(frozen=True)
class Body:
    """The arguments of generateContent, and how the turn records them. Built in a thread."""

    draft: Draft
    contents: list[Content]
    config: GenerateContentConfig
    shown: Mapping[str, Any]

    @classmethod
    def of(cls, route: Route, draft: Draft) -> Body:
        """Build it with the SDK's own types."""
        from google.genai import types

        config = route.config(draft)
        shown = {"contents": draft.shown(), "config": raw.described(_shown(config))}
        return cls(draft, draft.contents(), types.GenerateContentConfig.model_validate(config), shown)


class Way:
    """A connection that is open: a key, or Google Cloud with credentials. Made in a thread."""

    def __init__(self, provider: GeminiProvider, model: str) -> None:
        self.cloud = cloud_of(provider.settings)
        self.credentials = provider.credentials if self.cloud else None
        self.key = "" if self.cloud else _key(provider, model)
        self.client = provider.clients.open(self.key, self.cloud, self.credentials.load() if self.credentials else None)

    async def fresh(self, seconds: float) -> str:
        """Return the key, or a token that is good now: what no message may show."""
        return await self.credentials.fresh(seconds) if self.credentials else self.key


class Route(Way):
    """One request under way: model, connection and what is built for it. Built in a thread."""

    def __init__(self, provider: GeminiProvider, request: Request) -> None:
        self.settings = provider.settings
        self.row = in_force(provider.model_info(request.model), request)
        super().__init__(provider, self.row.name)
        self.request = replace(request, model=self.row.name)
        mark = mark_of(provider, self.settings)
        self.composer = Composer(self.request, self.row.capabilities, self.row.name, mark, self.settings.window_turns)

    @classmethod
    def begin(cls, provider: GeminiProvider, request: Request) -> tuple[Route, Body | None]:
        """Make the route, and the body too if the kind of history is known: every hop between threads costs."""
        route = cls(provider, request)
        return route, None if request.history == "server" else Body.of(route, route.composer.draft(request.history))

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


def _key(provider: GeminiProvider, model: str) -> str:
    key = keys.find(SERVICE, provider.settings)
    if not key:
        raise KeyMissingError(provider.missing() or "", hint=keys.key_hint(SERVICE), provider=PROVIDER, model=model)
    return key


def _shown(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in {"automatic_function_calling", "labels"}}


def _with(problems: Sequence[ProviderError], cost: float | None) -> float | None:
    """Return what the pictures cost together with what the refused ones did."""
    return None if cost is None else cost + sum(problem.cost or 0.0 for problem in problems)
