"""Gemini on Google Cloud: which connection holds, whose credentials, the labels of a call, and what refusals there mean.

google-genai's own rules are kept (read in google-genai 3.4.0): ``GOOGLE_GENAI_USE_ENTERPRISE`` before ``GOOGLE_GENAI_USE_VERTEXAI``, and a
project or location before any key. Project and location are always handed to the client: it drops what stands only in the environment
once a base URL is set, and posts to ``/`` without a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RequestRefusedError,
    UnreachableError,
    UsageError,
)
from notebook_img.network import checked_url, setup_problem
from notebook_img.providers.interface import Connection

if TYPE_CHECKING:
    from notebook_img.settings import Settings

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
LOG_IN = "Run gcloud auth application-default login, or name a service account's file in GOOGLE_APPLICATION_CREDENTIALS."
OWN_MACHINES = ("GCE_METADATA_HOST", "K_SERVICE", "VERTEX_PRODUCT")
"""Variables of machines of Google's, which have credentials of their own."""
LABEL = 63
"""Characters of a label (cloud.google.com/resource-manager/docs/labels-overview)."""
REGION = re.compile(r"[a-z][a-z0-9-]{1,62}")


@dataclass(frozen=True)
class Cloud:
    """Where on Google Cloud."""

    project: str
    location: str
    base_url: str = ""
    """Empty: Google's own for the location."""

    @property
    def shown_url(self) -> str:
        """The base URL, for messages."""
        host = "aiplatform" if self.location == "global" else f"{self.location}-aiplatform"
        return self.base_url or f"https://{host}.googleapis.com"


def cloud_of(settings: Settings) -> Cloud | None:
    """Return where on Google Cloud calls go, None where they go to the Gemini API with a key.

    Raises
    ------
    UsageError
        No project is named, or the location is not valid.
    """
    if not settings.google_cloud:
        return None
    project = settings.google_cloud_project or str(_told(settings).get("project_id") or "")
    if not project:
        raise UsageError(f"Google Cloud is chosen ({_chosen_by(settings)}), but no project is named. Set GOOGLE_CLOUD_PROJECT.")
    location = settings.google_cloud_location
    if not REGION.fullmatch(location):
        raise UsageError(f"GOOGLE_CLOUD_LOCATION = {location!r} is no location of Google Cloud. One looks like europe-west4, or global.")
    base = settings.google_vertex_base_url
    return Cloud(project, location, checked_url(base, "GOOGLE_VERTEX_BASE_URL") if base else "")


def connection_of(settings: Settings, service: keys.Service) -> Connection | None:
    """Return which connection is used, why, and what is set but not used; None where only the Gemini API is set up."""
    cloud, key = cloud_of(settings), keys.where(service, settings)
    if cloud is None:
        if not settings.google_cloud_project:
            return None
        return Connection("Gemini API", "GOOGLE_CLOUD_PROJECT alone does not choose Google Cloud (GOOGLE_GENAI_USE_VERTEXAI=true does)")
    why = f"{_chosen_by(settings)} is set"
    if key:
        why += f"; the key ({key}) is not used, because a project comes before a key"
    return Connection(
        f"Google Cloud, project {cloud.project}, {cloud.location}",
        why,
        credentials=_credentials_words(settings),
        identity=f"google-cloud/{cloud.project}/{cloud.location}",
    )


def _chosen_by(settings: Settings) -> str:
    if "google_cloud" in settings.chosen:
        return "the setting google_cloud"
    names = type(settings).table()["google_cloud"].env
    return next((name for name in names if settings.environ.get(name, "").strip()), names[-1])


def missing(settings: Settings) -> KeyMissingError | None:
    """Return why Google Cloud cannot be asked, None where no reason is known."""
    file = credentials_file(settings)
    if settings.google_credentials and (file is None or not file.is_file()):
        return KeyMissingError(
            f"GOOGLE_APPLICATION_CREDENTIALS names no file: {settings.google_credentials!r}. Correct or unset it.", provider="gemini"
        )
    if file is None and not _own_machine(settings):
        return KeyMissingError(f"Google Cloud is chosen, but there are no credentials for it. {LOG_IN}", provider="gemini")
    return None


def credentials_file(settings: Settings) -> Path | None:
    """Return the file with application-default credentials: the named one, else the one gcloud wrote, else None."""
    if settings.google_credentials:
        return Path(settings.google_credentials).expanduser()
    folder = settings.environ.get("CLOUDSDK_CONFIG") or "~/.config/gcloud"
    if "APPDATA" in settings.environ and "CLOUDSDK_CONFIG" not in settings.environ:
        folder = f"{settings.environ['APPDATA']}/gcloud"
    file = Path(folder).expanduser() / "application_default_credentials.json"
    return file if file.is_file() else None


def _own_machine(settings: Settings) -> bool:
    """Whether this machine is Google's and hands out credentials: seen without the network, as google-auth does it."""
    if any(settings.environ.get(name) for name in OWN_MACHINES):
        return True
    with contextlib.suppress(OSError):
        return "Google" in Path("/sys/class/dmi/id/product_name").read_text(encoding="utf-8")
    return False


def _told(settings: Settings) -> Mapping[str, Any]:
    """Return the contents of the credentials file; nothing where it cannot be read."""
    file = credentials_file(settings)
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(file.read_text(encoding="utf-8")) if file is not None else None
        return content if isinstance(content, dict) else {}
    return {}


def _credentials_words(settings: Settings) -> str:
    told, file = _told(settings), credentials_file(settings)
    if file is None:
        return "this machine's own"
    kind = {"service_account": "service account", "authorized_user": "your login"}.get(str(told.get("type")), "credentials")
    who = f" {told['client_email']}" if isinstance(told.get("client_email"), str) else ""
    return f"{kind}{who} ({file})"


class Credentials:
    """Application-default credentials, loaded again when their file changes, their token refreshed in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: tuple[tuple[object, ...], Any] | None = None

    def load(self) -> Any:
        """Return google-auth's object; reads files and may ask the machine's own service, so it runs in a thread.

        Raises
        ------
        KeyMissingError
            There are none, or their file cannot be used.
        """
        file = credentials_file(self.settings)
        try:
            wanted = (str(file), file.stat().st_mtime_ns if file is not None else 0)
            if self._loaded is None or self._loaded[0] != wanted:
                self._loaded = (wanted, _read(file))
        except Exception as error:
            raise _unloaded(error, file) from None
        return self._loaded[1]

    async def fresh(self, seconds: float) -> str:
        """Return a token that is good now, refreshed in a thread where it is not; nothing of the call has left by then."""
        found = await asyncio.to_thread(self.load)
        if not found.valid:
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.to_thread(_refresh, found, seconds)
            except Exception as error:
                raise _unrefreshed(error) from None
        return str(found.token or "")


def _read(file: Path | None) -> Any:
    import google.auth

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises against files of strangers; this one the user names
        if file is None:
            return google.auth.default(scopes=SCOPES)[0]
        return google.auth.load_credentials_from_file(str(file), scopes=SCOPES)[0]  # type: ignore[no-untyped-call]


def _refresh(found: Any, seconds: float) -> None:
    from google.auth.transport.requests import Request

    # Its own limit is two minutes, in which the thread would hold up the end of the process.
    found.refresh(functools.partial(Request(), timeout=seconds))


def _unloaded(error: Exception, file: Path | None) -> NotebookImgError:
    if sentence := setup_problem(error):
        return UsageError(f"Google Cloud cannot be asked: {sentence}")
    if file is None:
        return KeyMissingError(f"Google Cloud is chosen, but there are no credentials for it. {LOG_IN}", provider="gemini")
    return KeyMissingError(
        f"The Google Cloud credentials in {file} cannot be used ({type(error).__name__}). Nothing was sent. {LOG_IN}", provider="gemini"
    )


def _unrefreshed(error: Exception) -> NotebookImgError:
    """Return our error for a token that was not given. google-auth's own words may quote what was sent, so only codes are repeated."""
    if sentence := setup_problem(error):
        return UsageError(f"Google Cloud cannot be asked: {sentence}")
    names = {kind.__name__ for kind in type(error).__mro__}
    code = next(iter(re.findall(r"invalid_grant|invalid_client|unauthorized_client|invalid_scope", str(error))), "")
    if code == "invalid_grant":
        return AuthenticationError(
            f"Google Cloud's credentials have expired or were revoked (invalid_grant). Nothing was sent. {LOG_IN}", provider="gemini"
        )
    if "TransportError" in names or "TimeoutError" in names:
        return UnreachableError(
            "No connection to the server that gives Google Cloud's tokens; nothing was sent. Check the network and its proxy.",
            provider="gemini",
        )
    if getattr(error, "retryable", False):
        return OverloadedError("The server that gives Google Cloud's tokens failed; nothing was sent. Try again later.", provider="gemini")
    return AuthenticationError(
        f"Google Cloud gave no token for these credentials ({code or type(error).__name__}). Nothing was sent. {LOG_IN}", provider="gemini"
    )


def refusal(
    status: int, said: str, reasons: set[str], cloud: Cloud, *, model: str, wait: float | None, facts: Mapping[str, Any]
) -> ProviderError | None:
    """Return the error for what only Google Cloud says; None for everything that both services say alike.

    Sources: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors, and the reasons of google.rpc.ErrorInfo.
    """
    place = f"project {cloud.project}"
    if status == 401:
        return AuthenticationError(f"Google Cloud no longer takes these credentials (HTTP 401). Nothing is billed. {LOG_IN}", **facts)
    if status == 403 and ("SERVICE_DISABLED" in reasons or "has not been used in project" in said):
        return AuthenticationError(
            f"The Vertex AI API is not switched on in {place} (HTTP 403). Switch it on with gcloud services enable "
            "aiplatform.googleapis.com.",
            **facts,
        )
    if status == 403 and ("CONSUMER_INVALID" in reasons or ("project" in said.casefold() and "not found" in said.casefold())):
        return AuthenticationError(f"Google Cloud has no {place} for these credentials (HTTP 403). Correct GOOGLE_CLOUD_PROJECT.", **facts)
    if status == 403 and "BILLING_DISABLED" in reasons:
        return AuthenticationError(f"Billing is off in {place} (HTTP 403). Switch it on in the Google Cloud console.", **facts)
    if status == 403:
        return AuthenticationError(
            f"These credentials may not use models in {place} (HTTP 403). Ask for the role Vertex AI User, "
            "or correct GOOGLE_CLOUD_PROJECT.",
            **facts,
        )
    if status == 404:
        elsewhere = "" if cloud.location == "global" else " Try GOOGLE_CLOUD_LOCATION=global."
        return ModelNotFoundError(
            f"Google Cloud has no {model!r} in {cloud.location}, or {place} may not use it (HTTP 404).{elsewhere}", **facts
        )
    if status == 429:
        return RateLimitError(
            f"The quota of {place} for {model!r} in {cloud.location} is used up for the moment (HTTP 429). "
            "A higher one is asked for in the Google Cloud console.",
            retry_after=wait,
            **facts,
        )
    if status == 400 and "location" in said.casefold() and "not supported" in said.casefold():
        return RequestRefusedError(f"Google Cloud does not serve {model!r} from {cloud.location}. Set GOOGLE_CLOUD_LOCATION.", **facts)
    return None


def labels(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return labels as Google Cloud takes them: lower-case letters, digits, ``_`` and ``-``; what ends up empty is dropped."""
    fitting = {_label(name).lstrip("-_0123456789"): _label(value) for name, value in wanted.items()}
    return {name: value for name, value in fitting.items() if name and value}


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.casefold())[:LABEL].strip("-")
