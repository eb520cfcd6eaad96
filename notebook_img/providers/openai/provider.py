"""The provider for OpenAI and every server that speaks its protocol; what differs between them is in endpoints.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_img import keys
from notebook_img.errors import JobPendingError, KeyMissingError, ProviderError, UnsupportedError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.network import shown_url
from notebook_img.providers import left_pictures
from notebook_img.providers.listening import listens
from notebook_img.providers.openai import azure
from notebook_img.providers.openai.endpoints import ENDPOINTS, OPENAI_URL, THE_SERVERS_OWN, find_endpoint, own_endpoints, placed
from notebook_img.providers.openai.estimates import estimate_answer, estimate_pictures
from notebook_img.providers.openai.exchange import Clients, Exchange
from notebook_img.providers.openai.listing import explained, models_listed, name_of, own_model, sees, some
from notebook_img.providers.openai.models import find_model, model_table
from notebook_img.providers.openai.sizes import picture_size
from notebook_img.providers.pricing import Estimate, in_force, sides_in
from notebook_img.providers.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.keys import Service
    from notebook_img.providers.interface import Connection, Emit, Kind, Later, ModelInfo, Reply, Request
    from notebook_img.providers.openai.endpoints import Endpoint
    from notebook_img.settings import Settings


class CompatibleProvider:
    """One OpenAI-compatible endpoint.

    Parameters
    ----------
    settings : Settings
        Read at each call: a key or base URL set later holds from then on.
    endpoint : Endpoint, optional
        An endpoint of one's own; subclasses are known by `endpoint_name`.
    """

    endpoint_name: ClassVar[str] = ""
    service: Service | None = None
    tells_sending = True

    def __init__(self, settings: Settings, endpoint: Endpoint | None = None) -> None:
        self.settings = settings
        self._given = endpoint
        self._clients = Clients()
        found = endpoint or find_endpoint(self.endpoint_name, settings)
        self.name = found.name
        self.title = found.title
        self.service = found.service

    def endpoint(self) -> Endpoint:
        """Return the endpoint as the settings place it now."""
        found = placed(self._given, self.settings) if self._given else find_endpoint(self.endpoint_name, self.settings)
        self.title, self.service = found.title, found.service  # another connection has another key
        return found

    def _key(self, endpoint: Endpoint) -> str:
        key = keys.find(endpoint.service, self.settings) or ""
        if not key and endpoint.name == "vision" and endpoint.base_url == OPENAI_URL:
            key = keys.find(OpenAIProvider.service, self.settings) or ""  # the same service, hence no leak
        return key

    def missing(self) -> str | None:
        """Return what is missing before this endpoint can be used."""
        endpoint = self.endpoint()
        if endpoint.azure is not None:
            if (lack := azure.missing(self.settings)) is not None:
                raise lack
            return None
        if self.endpoint_name == "vision" and not (self.settings.vision_base_url or self.settings.vision_model or self._key(endpoint)):
            return "No endpoint is set for questions; set VISION_BASE_URL and VISION_MODEL."
        if endpoint.service is None or self._key(endpoint) or not _wants_key(endpoint):
            return None
        return f"{endpoint.title} has no key."

    def address(self) -> str:
        """Return the base URL in use."""
        return shown_url(self.endpoint().base_url)

    def not_running(self) -> str:
        """Return a sentence where nothing listens at an address of this machine."""
        endpoint = self.endpoint()
        if not endpoint.free or listens(endpoint.base_url) is not False:
            return ""
        move = f", or set {endpoint.url_variable} to where it is" if endpoint.url_variable else ""
        return f"{endpoint.title} does not run: nothing listens at {shown_url(endpoint.base_url)}. Start it{move}."

    def models(self) -> Sequence[ModelInfo]:
        """Return the models known without asking, the default first."""
        return model_table(self.endpoint())

    def default_model(self, kind: Kind) -> str | None:
        """Return the default model for `kind`; ``default`` is whichever the server has loaded."""
        endpoint = self.endpoint()
        if kind == "ask":
            return endpoint.ask_model or None if endpoint.asks else None
        if endpoint.images == "no" or (kind == "edit" and not endpoint.edits):
            return None
        return (endpoint.edit_model if kind == "edit" else "") or endpoint.image_model or None

    def model_info(self, model: str) -> ModelInfo:
        """Return the row of `model`, a permissive one where the name is not known."""
        return find_model(self.endpoint(), model)

    def estimate(self, request: Request) -> float | None:
        """Return the expected cost in US dollars, at most; None when unknown."""
        expected = self.price_range(request)
        return expected.high if expected is not None else None

    def price_range(self, request: Request) -> Estimate | None:
        """Return the expected cost in US dollars, at least and at most."""
        endpoint = self.endpoint()
        if endpoint.free:
            return Estimate(0.0, 0.0)
        info = find_model(endpoint, request.model)
        if request.kind == "ask":
            return estimate_answer(request, info)
        if request.history == "server" and endpoint.responses:
            from notebook_img.providers.openai.conversation import estimate_conversation

            return estimate_conversation(request, info, find_model(endpoint, endpoint.ask_model))
        return estimate_pictures(request, info)

    def frame(self, request: Request) -> tuple[int, int] | None:
        """Return width and height that are asked for; None where the service decides."""
        endpoint = self.endpoint()
        size = None if endpoint.images == "chat" else picture_size(request, find_model(endpoint, request.model).capabilities)
        return sides_in(size)

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Send the request and return the reply."""
        return await self.run_by(None, request, emit)

    async def run_by(self, client: Any, request: Request, emit: Emit, settings: Settings | None = None) -> Reply:
        """Do as `run` does, by a client that stands in for the SDK's, which streams nothing, and by other settings."""
        exchange = await self.exchange(request, emit)
        if client is not None:
            client.real = exchange.client
            exchange = replace(
                exchange, client=client, endpoint=replace(exchange.endpoint, streams=False), settings=settings or self.settings
            )
        if exchange.request.model in {"", THE_SERVERS_OWN}:
            exchange = exchange.with_request(model=await own_model(exchange))
            exchange.info = in_force(find_model(exchange.endpoint, exchange.request.model), request)
        try:
            reply = await self._answer(exchange)
        except asyncio.CancelledError:
            if exchange.places:  # made and billed: whoever resumes fetches them
                emit(exchange.left())
            raise
        except ProviderError as error:
            if exchange.places:
                event = exchange.left()
                emit(event)
                why = f"{error.sentence} It was made, and can be fetched while its URL lasts."
                raise JobPendingError(why, job=event.submit_id, cost=exchange.cost()) from error
            problem = await explained(error, exchange)
            exchange.charge(problem)
            if problem is error:
                raise
            raise problem from None
        return replace(reply, got={**(reply.got or {}), "unfetched": list(exchange.places)}) if exchange.places else reply

    async def exchange(self, request: Request, emit: Emit) -> Exchange:
        """Return what a request under way needs."""
        endpoint = self.endpoint()
        key = await asyncio.to_thread(self._key, endpoint)  # a keyring may take its time
        if not key and (lacking := await asyncio.to_thread(self.missing)):
            raise KeyMissingError(lacking, hint=keys.key_hint(endpoint.service), provider=endpoint.name, model=request.model)
        info, deployment = in_force(find_model(endpoint, request.model), request), ""
        if endpoint.azure is not None:
            deployment = endpoint.azure.deployment_of(request.model)
            request = replace(request, model=endpoint.azure.model_of(request.model) or request.model)
        if "openai" not in _loaded():
            await asyncio.to_thread(__import__, "openai")  # a second of import must not stop the loop
        return Exchange(
            endpoint=endpoint,
            client=self._clients.get(endpoint, key),
            key=key,
            settings=self.settings,
            emit=emit,
            request=request,
            info=info,
            seconds=self.settings.vision_timeout if endpoint.name == "vision" else self.settings.timeout,
            deployment=deployment,
        )

    async def _answer(self, exchange: Exchange) -> Reply:
        request, endpoint = exchange.request, exchange.endpoint
        if request.kind == "ask":
            from notebook_img.providers.openai.questions import answer_question

            return await answer_question(exchange)
        if endpoint.images == "no" or (request.kind == "edit" and not endpoint.edits):
            verb = "edit" if request.kind == "edit" else "make"
            raise UnsupportedError(f"{endpoint.title} cannot {verb} pictures.", hint=Hint("choose-model"))
        if endpoint.images == "chat":
            from notebook_img.providers.openai.gateway import paint_by_chat

            return await paint_by_chat(exchange)
        if request.history == "server" and endpoint.responses:
            from notebook_img.providers.openai.conversation import paint_in_conversation

            return await paint_in_conversation(exchange)
        from notebook_img.providers.openai.images import paint

        return await paint(exchange)

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:
        """Fetch pictures that were made while their URLs could not be fetched; there are no other jobs here."""
        if not state.get("urls"):
            raise JobPendingError(f"{self.title} has no jobs to resume. Ask again.")
        base = self.endpoint().base_url
        transport = Transport(self.settings, provider=self.name, title=self.title)
        try:
            return await left_pictures.resumed(state, transport, emit, own=(base,))
        finally:
            await transport.aclose()

    async def probe(self) -> Sequence[str]:
        """Ask ``/models`` and report what the endpoint offers."""
        endpoint = self.endpoint()
        exchange = await self.exchange(_nothing(), lambda _event: None)
        listed = await models_listed(exchange)
        names = [name_of(model) for model in listed]
        where, many = shown_url(endpoint.base_url), "" if len(names) == 1 else "s"
        sentences = [f"{endpoint.title} answers at {where} and has {len(names)} model{many}."]
        if names:
            sentences[0] = sentences[0][:-1] + f": {some(names)}."
        if seeing := [name_of(model) for model in listed if sees(model)]:
            sentences.append(f"It says these can see: {some(seeing)}.")
        can = []
        for kind, doing in _DOING.items():
            model = self.default_model(kind)
            if model:
                can.append(doing)
            if model and model != THE_SERVERS_OWN and names and model not in names and f"{model}:latest" not in names:
                sentences.append(f"The default model to {doing}, {model}, is not among them.{did_you_mean(model, names)}")
        sentences.append(f"It is used to {', '.join(can) or 'do nothing'}{'; nothing there is billed' if endpoint.free else ''}.")
        return sentences

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._clients.aclose()


class OpenAIProvider(CompatibleProvider):
    """OpenAI's own models, there or on Azure."""

    endpoint_name = "openai"
    service = ENDPOINTS["openai"].service
    more_services = (azure.SERVICE,)

    def connection(self) -> Connection | None:
        """Return whether calls go to OpenAI or to Azure, and why; None where only OpenAI is set up."""
        return azure.connection_of(self.settings, OpenAIProvider.service)

    def later(self) -> Later:
        """Return OpenAI's batch processing; Azure has none for pictures."""
        if self.endpoint().azure is not None:
            msg = "Azure does nothing later here: its batches make no pictures. Use an OpenAI key, or leave `later` out."
            raise UnsupportedError(msg)
        from notebook_img.providers.openai.later import OpenAILater

        return OpenAILater(self)

    @staticmethod
    def keyless(settings: Settings) -> bool:
        """Whether Azure is chosen, which takes tokens in place of a key."""
        return azure.is_chosen(settings, OpenAIProvider.service)


class OllamaProvider(CompatibleProvider):
    """Ollama on this machine."""

    endpoint_name = "ollama"


class LMStudioProvider(CompatibleProvider):
    """LM Studio on this machine."""

    endpoint_name = "lmstudio"


class VLLMProvider(CompatibleProvider):
    """vLLM, with vLLM-Omni for pictures."""

    endpoint_name = "vllm"
    service = ENDPOINTS["vllm"].service


class OpenRouterProvider(CompatibleProvider):
    """OpenRouter, a gateway to many services."""

    endpoint_name = "openrouter"
    service = ENDPOINTS["openrouter"].service


class ZhipuProvider(CompatibleProvider):
    """Zhipu (GLM, CogView)."""

    endpoint_name = "zhipu"
    service = ENDPOINTS["zhipu"].service


class VisionProvider(CompatibleProvider):
    """The endpoint for questions that the ``VISION_*`` variables name."""

    endpoint_name = "vision"
    service = ENDPOINTS["vision"].service


def own_names(settings: Settings) -> list[str]:
    """Return the names of the endpoints in the user's own file."""
    return list(own_endpoints(settings))


def own_services(settings: Settings) -> list[Service]:
    """Return the services whose keys the endpoints in the user's own file take."""
    return [endpoint.service for endpoint in own_endpoints(settings).values() if endpoint.service is not None]


def own_provider(name: str, settings: Settings) -> CompatibleProvider | None:
    """Return the provider for an endpoint of the user's own file, or None for an unknown name."""
    endpoint = own_endpoints(settings).get(name)
    return CompatibleProvider(settings, endpoint) if endpoint else None


_DOING: Mapping[Kind, str] = {"ask": "answer questions", "generate": "make pictures", "edit": "edit pictures"}


def _wants_key(endpoint: Endpoint) -> bool:
    """Return whether `endpoint` is useless without a key: services are, one's own servers need not be."""
    return not endpoint.local and ((endpoint.is_openai and endpoint.base_url == OPENAI_URL) or not _is_own(endpoint))


def _is_own(endpoint: Endpoint) -> bool:
    from notebook_img.providers.openai.endpoints import on_own_network

    return on_own_network(endpoint.host)


def _loaded() -> Mapping[str, Any]:
    import sys

    return sys.modules


def _nothing() -> Request:
    from notebook_img.providers.interface import Request

    return Request(kind="ask", prompt="", model="")
