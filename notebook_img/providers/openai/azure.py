"""OpenAI's models on Azure: which connection holds, the resource and its deployments, keys and Entra tokens, what only Azure refuses.

Deployments have names of their own; the user's TOML file (`user_file.py`) says which model stands behind each::

    [azure.deployments]
    painter = "gpt-image-2.6-sunburst"
    reader = "gpt-6.1-terra"

Sources: learn.microsoft.com/azure/ai-foundry/openai: api-version-lifecycle (the v1 style needs no api-version), reference, and
the Azure client of openai 3.52.0.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.hints import Hint
from notebook_img.keys import Service
from notebook_img.network import checked_url
from notebook_img.providers.interface import Connection
from notebook_img.providers.user_file import user_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import AsyncOpenAI

    from notebook_img.settings import Settings

SERVICE = Service("azure", "Azure OpenAI", ("AZURE_OPENAI_API_KEY",), "https://portal.azure.com")
SCOPE = "https://cognitiveservices.azure.com/.default"
TABLE = "azure.deployments"
LOG_IN = "Log in again (az login), or set AZURE_OPENAI_API_KEY."


@dataclass(frozen=True)
class Azure:
    """One Azure OpenAI resource."""

    resource: str
    """Its URL, without a path."""
    version: str
    """The api-version; empty for the v1 style, which has none."""
    deployments: tuple[tuple[str, str], ...] = ()
    """Name and model of each that the user's file names."""

    @property
    def base_url(self) -> str:
        """Where the API begins."""
        return f"{self.resource}/openai" if self.version else f"{self.resource}/openai/v1"

    @property
    def host(self) -> str:
        """The host name, for sentences."""
        return urlsplit(self.resource).hostname or ""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are deployed, as far as the file says."""
        return tuple(model for _, model in self.deployments)

    def model_of(self, asked: str) -> str | None:
        """Return the model that stands behind a deployment, or a model that is deployed itself; None where the file names neither."""
        named = dict(self.deployments)
        return named.get(asked) or (asked if asked in named.values() else None)

    def deployment_of(self, asked: str) -> str:
        """Return the deployment that a request goes to: one of that name, one of that model, else the name as it is."""
        named = dict(self.deployments)
        return asked if asked in named else next((name for name, model in named.items() if model == asked), asked)


def is_chosen(settings: Settings, openai: Service | None) -> bool:
    """Whether calls to OpenAI's models go to Azure: where only Azure is set up, or the setting says so."""
    if settings.openai_connection == "azure" and not settings.azure_endpoint:
        raise UsageError("Azure is chosen (setting openai_connection), but no resource is named. Set AZURE_OPENAI_ENDPOINT.")
    if not settings.azure_endpoint or settings.openai_connection == "openai":
        return False
    return settings.openai_connection == "azure" or openai is None or not keys.is_set(openai, settings)


def azure_of(settings: Settings) -> Azure:
    """Return the resource as the settings name it.

    Raises
    ------
    UsageError
        The URL is not valid, or the table of deployments is not.
    """
    url = checked_url(settings.azure_endpoint, "AZURE_OPENAI_ENDPOINT")
    # People copy it with the path of either style.
    resource = re.sub(r"/openai(/v1)?$", "", url)
    return Azure(resource, settings.azure_api_version, tuple(_deployments(settings).items()))


def _deployments(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in user_files(settings):
        azure = file.tables.get("azure", {})
        named = azure.get("deployments", {}) if isinstance(azure, dict) else None
        if not isinstance(named, dict) or not isinstance(azure, dict) or set(azure) - {"deployments"}:
            raise UsageError(f'{file.place("azure")}: write [{TABLE}], and under it lines like painter = "gpt-image-2.6-sunburst".')
        for name, model in named.items():
            if not isinstance(model, str) or not model.strip():
                raise UsageError(f"{file.place(TABLE, name)}: {name} = {model!r} should be the name of a model, in quotes.")
            found[name] = model.strip()
    return found


def connection_of(settings: Settings, openai: Service | None) -> Connection | None:
    """Return which connection is used and why; None where only OpenAI itself is set up."""
    if not settings.azure_endpoint:
        return None
    if not is_chosen(settings, openai):
        why = "the setting openai_connection says so" if settings.openai_connection == "openai" else "a key of OpenAI's comes first"
        return Connection("OpenAI", f"{why}; AZURE_OPENAI_ENDPOINT is not used (setting openai_connection: azure)")
    azure = azure_of(settings)
    key = keys.where(SERVICE, settings)
    style = f"api-version {azure.version}" if azure.version else "v1"
    why = "AZURE_OPENAI_ENDPOINT is set"
    if openai is not None and (other := keys.where(openai, settings)):
        why = f"the setting openai_connection says so; OpenAI's own key ({other}) is not used"
    return Connection(
        f"Azure OpenAI at {azure.host}, {style}",
        why,
        credentials="" if key else "Entra tokens (azure-identity)",
        identity=f"azure/{azure.host}",
    )


def missing(settings: Settings) -> KeyMissingError | None:
    """Return what keeps Azure from being asked: neither a key nor the package that gets tokens."""
    from importlib.util import find_spec

    if keys.find(SERVICE, settings) or (find_spec("azure") is not None and find_spec("azure.identity") is not None):
        return None
    return KeyMissingError(
        "Azure OpenAI has no key, and the package that gets Entra tokens is not installed. Set AZURE_OPENAI_API_KEY, or install it.",
        hint=Hint("install", package="'notebook-img[azure]'"),
        provider="openai",
    )


def client_for(azure: Azure, key: str, http: Any) -> AsyncOpenAI:
    """Return the SDK's client for a resource: with its key, else with tokens."""
    import openai

    tokens = None if key else Tokens()
    if azure.version:
        return openai.AsyncAzureOpenAI(
            azure_endpoint=azure.resource,
            api_version=azure.version,
            api_key=key or None,
            azure_ad_token_provider=tokens,
            max_retries=0,
            http_client=http,
        )
    return openai.AsyncOpenAI(api_key=key or tokens, base_url=azure.base_url, max_retries=0, http_client=http)


def make_credential() -> Any:
    """Return the object that gets tokens: the environment's, the machine's, that of ``az login`` ..., the first that has one."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


class Tokens:
    """Entra tokens for the SDK, fetched in a thread before a request leaves; azure-identity keeps each while it is good."""

    def __init__(self) -> None:
        self._credential: Any = None

    async def __call__(self) -> str:
        """Return a token that is good now.

        Raises
        ------
        ProviderError
            None was given; nothing was sent.
        """
        try:
            return str(await asyncio.to_thread(self._fetch))
        except Exception as error:
            problem = _untold(error)
        # Outside the handler: what azure-identity says can hold parts of what was sent.
        raise problem

    def _fetch(self) -> str:
        if self._credential is None:
            self._credential = make_credential()
        return str(self._credential.get_token(SCOPE).token)


def _untold(error: Exception) -> ProviderError:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ServiceRequestError", "ServiceResponseError"}:
        return UnreachableError(
            "No connection to the server that gives Entra tokens; nothing was sent. Check the network.", provider="openai"
        )
    code = next(iter(re.findall(r"AADSTS\d+", str(error))), type(error).__name__)
    return AuthenticationError(f"Entra gave no token for Azure OpenAI ({code}). Nothing was sent. {LOG_IN}", provider="openai")


def refusal(
    status: int, code: str, message: str, azure: Azure, *, key: str, deployment: str, wait: float | None, facts: Mapping[str, Any]
) -> ProviderError | None:
    """Return the error for what only Azure says; None for everything that OpenAI says alike."""
    if status in {401, 403} and code == "PermissionDenied":
        return AuthenticationError(
            f"Your Entra account may not use {azure.host} ({status}). Ask for the role Cognitive Services OpenAI User there.", **facts
        )
    if status == 401:
        what = "refused the key" if key else "no longer takes the token"
        then = "A key belongs to one resource: is AZURE_OPENAI_ENDPOINT the one it was made for?" if key else LOG_IN
        return AuthenticationError(
            f"Azure OpenAI at {azure.host} {what} (401). {then}", hint=keys.key_hint(SERVICE, another=True) if key else (), **facts
        )
    if code == "DeploymentNotFound":
        return ModelNotFoundError(
            f"{azure.host} has no deployment {deployment!r} (404), or it is younger than five minutes. Its region may lack the model. Name "
            f"your deployments and their models under [{TABLE}] in your endpoints file.",
            **facts,
        )
    if code == "OperationNotSupported":
        return RequestRefusedError(
            f"The model behind the deployment {deployment!r} does not do that ({status}). Deploy one that does, and name it "
            f"under [{TABLE}].",
            **facts,
        )
    if status == 404:
        version = f"Does it know api-version {azure.version}? " if azure.version else ""
        return RequestRefusedError(
            f"{azure.host} does not offer what was asked for (404). {version}Is AZURE_OPENAI_ENDPOINT the part before /openai?", **facts
        )
    if status == 429:
        return RateLimitError(
            f"The quota of the deployment {deployment!r} at {azure.host} is used up for the moment (429). A higher one is set in the "
            "Azure portal.",
            retry_after=wait,
            **facts,
        )
    if status == 400 and re.search(r"api.?version", message, re.IGNORECASE):
        return RequestRefusedError(
            f"Azure OpenAI does not take api-version {azure.version or 'none'} (400). Correct OPENAI_API_VERSION, "
            "or unset it for the v1 style.",
            **facts,
        )
    return None
