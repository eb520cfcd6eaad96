"""Servers that speak OpenAI's protocol, as data: where they are, whose key they take, what they do differently.

A server of one's own is a table in the user's TOML file (`user_file.py`)::

    [garage]
    base_url = "http://garage.local:8000/v1"
    key_variable = "GARAGE_KEY"          # left out: no key is sent
    ask_model = "qwen2.5-vl-7b"
    image_model = "flux"
    images = "images"                    # "images", "chat" or "no"
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.keys import Service
from notebook_img.network import checked_url
from notebook_img.providers.openai.azure import SERVICE, Azure, azure_of, is_chosen
from notebook_img.providers.user_file import NO_SERVERS, user_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from notebook_img.settings import Settings

OPENAI_URL = "https://api.openai.com/v1"
THE_SERVERS_OWN = "default"
"""Model name that means "whichever the server has"; it is looked up with ``/models`` when asked."""


@dataclass(frozen=True)
class Endpoint:
    """One server and its ways. Everything a subclass would otherwise have to decide is a field."""

    name: str
    title: str
    base_url: str
    service: Service | None = None
    """Whose key it takes; None where none is sent."""
    url_variable: str = ""
    """Environment variable that moves it elsewhere."""
    asks: bool = True
    ask_model: str = ""
    image_model: str = ""
    edit_model: str = ""
    """Model for edits where it differs from `image_model`."""
    images: Literal["images", "chat", "no"] = "no"
    """``images``: the route ``/images/generations``; ``chat``: pictures come in a chat answer (``message.images``)."""
    edits: bool = False
    """Whether ``/images/edits`` (or the chat route) takes pictures to edit."""
    single_image: bool = False
    """The edit route knows one form field ``image`` only, never ``image[]``."""
    mask: bool = False
    max_inputs: int = 16
    max_count: int = 1
    """Pictures per request; more are asked for in parallel."""
    response_format: Literal["", "b64_json", "url"] = ""
    """Sent to ``/images`` only where set; results are understood in either form."""
    detail: bool = True
    """Whether ``detail`` of a picture is understood; it is sent only when the user names one."""
    bare_base64: bool = False
    """Pictures are sent as base64 without the ``data:`` prefix."""
    streams: bool = True
    stream_usage: bool = True
    """Whether ``stream_options`` is understood."""
    json_schema: bool = True
    json_object: bool = True
    responses: bool = False
    """Whether conversations are kept by the server (``/responses`` with the image tool)."""
    azure: Azure | None = None
    """The Azure resource whose deployments are spoken to."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    input_mime_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    billed: bool = False
    """A company's paid service, wherever a proxy or a test puts it."""
    local: bool = False
    """Runs on the user's own machine by nature: free of charge wherever it is reached."""
    note: str = ""
    source: str = ""

    @property
    def host(self) -> str:
        """The host name of the base URL, lower case."""
        return (urlsplit(self.base_url).hostname or "").lower()

    @property
    def is_openai(self) -> bool:
        """Whether these are OpenAI's own models and ways: there, on Azure, or wherever a test or a proxy puts them."""
        return self.responses or self.azure is not None

    @property
    def free(self) -> bool:
        """Whether it is known that nothing is billed."""
        return not self.billed and (self.local or on_own_network(self.host))


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint(
            name="openai",
            title="OpenAI",
            base_url=OPENAI_URL,
            service=Service("openai", "OpenAI", ("OPENAI_API_KEY",), "https://platform.openai.com/api-keys"),
            url_variable="OPENAI_BASE_URL",
            # The SDK's own list of chat models (openai 3.52.0, types/shared/chat_model.py), newest general one first.
            ask_model="gpt-6.1-terra",
            image_model="gpt-image-2.6-sunburst",
            images="images",
            edits=True,
            mask=True,
            max_count=10,
            responses=True,
            billed=True,
            max_tokens_field="max_completion_tokens",
            input_mime_types=("image/png", "image/jpeg", "image/webp"),
            source="openai 3.52.0, read 2026-11-20",
        ),
        Endpoint(
            name="ollama",
            title="Ollama",
            base_url="http://localhost:11434/v1",
            url_variable="OLLAMA_BASE_URL",
            ask_model="qwen3-vl",
            images="images",
            response_format="b64_json",
            image_model="x/z-image-turbo",
            detail=False,
            input_mime_types=("image/png", "image/jpeg"),
            local=True,
            # ollama issues 14306 and 14581: seen from 0.15.6 on, in 0.30.8 still.
            note="image generation there is experimental, and edits ignored the picture they were given",
            source="ollama docs, OpenAI compatibility, read 2026-11",
        ),
        Endpoint(
            name="lmstudio",
            title="LM Studio",
            base_url="http://localhost:1234/v1",
            url_variable="LMSTUDIO_BASE_URL",
            ask_model=THE_SERVERS_OWN,
            detail=False,
            json_object=False,
            local=True,
            source="LM Studio docs, read 2026-11; it knows json_schema, not json_object",
        ),
        Endpoint(
            name="vllm",
            title="vLLM",
            base_url="http://localhost:8000/v1",
            service=Service("vllm", "vLLM", ("VLLM_API_KEY",), "your server's own pages"),
            url_variable="VLLM_BASE_URL",
            ask_model=THE_SERVERS_OWN,
            images="images",
            image_model=THE_SERVERS_OWN,
            edits=True,
            single_image=True,
            response_format="b64_json",
            local=True,
            note="pictures are made by vLLM-Omni only",
            source="vllm and vllm-omni docs, read 2026-11",
        ),
        Endpoint(
            name="openrouter",
            title="OpenRouter",
            base_url="https://openrouter.ai/api/v1",
            service=Service("openrouter", "OpenRouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/keys"),
            url_variable="OPENROUTER_BASE_URL",
            ask_model="openrouter/auto",
            image_model="google/gemini-3-pro-image",
            images="chat",
            edits=True,
            max_inputs=14,
            billed=True,
            source="openrouter.ai/docs, multimodal/image-generation, read 2026-11",
        ),
        Endpoint(
            name="zhipu",
            title="Zhipu",
            base_url="https://open.bigmodel.cn/api/paas/v4",
            service=Service("zhipu", "Zhipu / Z.ai", ("ZHIPU_API_KEY", "ZAI_API_KEY"), "https://open.bigmodel.cn"),
            url_variable="ZHIPU_BASE_URL",
            ask_model="glm-4.6v",
            image_model="glm-image",
            images="images",
            detail=False,
            stream_usage=False,
            json_schema=False,
            billed=True,
            source="docs.bigmodel.cn, read 2026-11; results come as URLs only",
        ),
        Endpoint(
            name="vision",
            title="VISION endpoint",
            base_url=OPENAI_URL,
            service=Service("vision", "the VISION_* endpoint", ("VISION_API_KEY",), "your server's own pages"),
            url_variable="VISION_BASE_URL",
            source="VISION_* variables",
        ),
    )
}


def find_endpoint(name: str, settings: Settings) -> Endpoint:
    """Return the endpoint called `name` as `settings` place it.

    Raises
    ------
    UsageError
        No such endpoint, or a base URL that is none.
    """
    if name in ENDPOINTS:  # whatever is wrong with the user's file
        return placed(ENDPOINTS[name], settings)
    own = own_endpoints(settings)
    if name not in own:
        msg = f"There is no endpoint {name!r}.{did_you_mean(name, [*ENDPOINTS, *own])}"
        raise UsageError(msg)
    return placed(own[name], settings)


def placed(endpoint: Endpoint, settings: Settings) -> Endpoint:
    """Return `endpoint` with the base URL and models the settings give it."""
    changes: dict[str, Any] = {}
    url = settings.environ.get(endpoint.url_variable, "").strip() if endpoint.url_variable else ""
    if endpoint.name == "openai" and is_chosen(settings, endpoint.service):
        return _on_azure(endpoint, settings)
    if endpoint.name == "openai":
        url = settings.openai_base_url
        if settings.openai_chat_model:
            changes["ask_model"] = settings.openai_chat_model
    elif endpoint.name == "vision":
        url = settings.vision_base_url
        at_openai = not url or urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname
        changes["ask_model"] = settings.vision_model or (ENDPOINTS["openai"].ask_model if at_openai else THE_SERVERS_OWN)
        if at_openai:
            changes["max_tokens_field"] = "max_completion_tokens"
    if url or endpoint.base_url:
        changes["base_url"] = checked_url(url or endpoint.base_url, endpoint.url_variable or endpoint.name, query=True)
    return replace(endpoint, **changes)


def _on_azure(openai: Endpoint, settings: Settings) -> Endpoint:
    """Return OpenAI's endpoint over a resource on Azure: its default models are those that are deployed there."""
    azure = azure_of(settings)
    paint, read = openai.image_model, settings.openai_chat_model or openai.ask_model
    painting = [model for model in azure.models if "image" in model]
    reading = [model for model in azure.models if "image" not in model]
    return replace(
        openai,
        title="Azure OpenAI",
        base_url=azure.base_url,
        service=SERVICE,
        url_variable="AZURE_OPENAI_ENDPOINT",
        image_model=paint if paint in painting or not painting else painting[0],
        ask_model=read if read in reading or not reading else reading[0],
        responses=False,  # its image tool there wants a deployment of its own, named in a header
        azure=azure,
    )


def on_own_network(host: str) -> bool:
    """Return whether `host` is this machine or one of the user's own network."""
    if host in {"localhost", "host.docker.internal"} or host.endswith((".localhost", ".local", ".lan", ".internal", ".home.arpa")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local


_OURS = {"name", "service", "responses", "azure", "source"}
_KINDS: dict[str, type] = {
    **{field.name: type(field.default) for field in fields(Endpoint) if field.name not in _OURS},
    **dict.fromkeys(("title", "base_url", "key_variable"), str),
}
"""What a table of the user's file may contain. A key is named by its variable there."""


def own_endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Return the endpoints of the user's TOML files by name.

    Raises
    ------
    UsageError
        The file cannot be read, or a table in it is not an endpoint; the message names the line or the word.
    """
    found: dict[str, Endpoint] = {}
    for file in user_files(settings):
        tables = {name: table for name, table in file.tables.items() if name not in NO_SERVERS}
        found |= {name: _own(name, table, file.path) for name, table in tables.get("endpoints", tables).items()}
    return found


def _own(name: str, table: object, path: Path) -> Endpoint:
    if not isinstance(table, dict):
        msg = f"{name!r} in {path} is not a table. Write [{name}] and under it base_url = ..."
        raise UsageError(msg)
    if name in ENDPOINTS:
        msg = f"{path} names an endpoint {name!r}, which already exists. Choose another name or set {ENDPOINTS[name].url_variable}."
        raise UsageError(msg)
    values: dict[str, Any] = {}
    for word, value in table.items():
        if word not in _KINDS:
            msg = f"[{name}] in {path} has an unknown word {word!r}.{did_you_mean(word, _KINDS)} It may have {', '.join(sorted(_KINDS))}."
            raise UsageError(msg)
        if word == "key_variable" and not str(value).replace("_", "").isalnum():
            msg = f"[{name}] in {path}: key_variable is the name of an environment variable, never a key."
            raise UsageError(msg)
        wanted = _KINDS[word]
        value = tuple(value) if wanted is tuple and isinstance(value, list) else value  # noqa: PLW2901 - TOML has lists only
        if type(value) is not wanted:
            msg = f"[{name}] in {path}: {word} = {value!r} should be {_kind_name(wanted)}."
            raise UsageError(msg)
        values[word] = value
    if "base_url" not in values:
        msg = f'[{name}] in {path} needs a base_url, for example base_url = "http://localhost:8000/v1".'
        raise UsageError(msg)
    _check_choice(name, path, values)
    values["base_url"] = checked_url(values["base_url"], f"[{name}] base_url in {path}", query=True)
    values.setdefault("title", name)
    if variable := values.pop("key_variable", ""):
        values["service"] = Service(name, values["title"], (variable,))
    values.setdefault("ask_model", THE_SERVERS_OWN if values.get("asks", True) else "")
    if values.get("images", "no") != "no":
        values.setdefault("image_model", THE_SERVERS_OWN)
    return Endpoint(name=name, source=str(path), **values)


_CHOICES = {
    "images": ("images", "chat", "no"),
    "response_format": ("", "b64_json", "url"),
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
}


def _check_choice(name: str, path: Path, values: Mapping[str, Any]) -> None:
    for word, choices in _CHOICES.items():
        if word in values and values[word] not in choices:
            msg = f"[{name}] in {path}: {word} = {values[word]!r} is not one of {', '.join(map(repr, choices))}."
            raise UsageError(msg)


def _kind_name(kind: type) -> str:
    return {bool: "true or false", str: "text in quotes", int: "a whole number", tuple: "a list"}[kind]
