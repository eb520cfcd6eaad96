"""The SDK's client as this provider uses it: no retries, no redirects, no old connections, and with the model's words."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.network import checked_url, setup_problem
from notebook_img.providers.sending import watch_request

if TYPE_CHECKING:
    from google import genai

    from notebook_img.providers.gemini.cloud import Cloud
    from notebook_img.settings import Settings

KEEP_ALIVE_SECONDS = 2.0
"""An idle connection older than this is not used again: a paid request must not meet a server that is just closing it."""
GOOGLE_URL = "https://generativelanguage.googleapis.com"
WATCHED = find_spec("httpx2") is not None
"""Whether the HTTP client is one that tells what it sends; the SDK takes httpx2 where that is installed (read in google-genai 3.4.0)."""
VERSIONS = {"beta": "v1beta", "stable": "v1"}
"""What GOOGLE_GENAI_API_VERSION may say besides plain version names (``beta`` read in google-genai 3.4.0)."""

CLOUD_VERSIONS = {"beta": "v1beta1", "stable": "v1"}
"""The same on Google Cloud."""


@dataclass
class Heard:
    """What an answer contains besides what the SDK passes on."""

    messages: list[str] = field(default_factory=list)
    """Finish messages: google-genai 3.4.0 drops them for the Developer API."""
    body: bytes = b""
    """The answer itself: the SDK discards all of it when one piece is not as expected."""


_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


class Clients:
    """One client, created again when key or credentials, address or time limit change."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client: tuple[tuple[object, ...], genai.Client] | None = None
        self._lock = (os.getpid(), threading.Lock())

    def open(self, key: str, cloud: Cloud | None = None, credentials: Any = None) -> genai.Client:
        """Return the client for this key, or for these credentials on Google Cloud; it has a pool of connections per event loop.

        Imports the SDK.
        """
        if self._lock[0] != os.getpid():
            self._lock = (os.getpid(), threading.Lock())  # the parent of this fork may have held the old one
        # Sixteen first calls at once would make sixteen clients, at 30 ms and a pool of connections each.
        with self._lock[1]:
            return self._opened(key, cloud, credentials)

    def _opened(self, key: str, cloud: Cloud | None, credentials: Any) -> genai.Client:
        settings = self.settings
        version = settings.gemini_api_version
        if cloud is not None:
            base = cloud.base_url
            who: dict[str, Any] = {
                "vertexai": True, "credentials": credentials, "project": cloud.project, "location": cloud.location,
            }  # fmt: skip
        else:
            base = settings.gemini_base_url and checked_url(settings.gemini_base_url, "GOOGLE_GEMINI_BASE_URL")
            if found := re.fullmatch(r"(.+)/(v1\w*)", base):  # copied from a list of endpoints; the SDK adds the version itself
                base, version = found[1], version or found[2]
            who = {"vertexai": False, "api_key": key}
        wanted = (key, cloud, id(credentials), settings.gemini_base_url, version, settings.timeout, os.getpid())
        if self._client is None or self._client[0] != wanted:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from google import genai
                from google.genai import types
            # An enum value the SDK does not know yet is handled by us; its warning would only puzzle the reader of a notebook.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"google\.genai")
            options = types.HttpOptions(
                base_url=base or None,
                api_version=(CLOUD_VERSIONS if cloud is not None else VERSIONS).get(version, version) or None,
                timeout=int(settings.timeout * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                async_client_args=_client_arguments(),
            )
            # It warns about two keys in the environment although it is handed the one to use.
            logging.getLogger("google_genai._api_client").addFilter(_needless)
            try:
                self._client = (wanted, genai.Client(**who, http_options=options))
            except (OSError, ImportError, ValueError) as error:
                if sentence := setup_problem(error):
                    raise UsageError(f"Gemini cannot be asked: {sentence}") from None
                raise
        return self._client[1]

    async def aclose(self) -> None:
        """Close all connections."""
        opened, self._client = self._client, None
        if opened is not None:
            await opened[1].aio.aclose()
            opened[1].close()  # the SDK makes a synchronous client too, which nothing here uses


@contextlib.contextmanager
def hearing() -> Iterator[Heard]:
    """Listen to the answer that arrives in this context."""
    heard = Heard()
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def hear(body: bytes) -> None:
    """Take the answer from somewhere else than the network."""
    if (heard := _heard.get()) is not None:
        heard.body = body


def _client_arguments() -> dict[str, Any]:
    """Return arguments for the SDK's HTTP client; nothing where that is an unknown library."""
    try:
        import httpx2
    except ImportError:
        return {}
    return {
        "limits": httpx2.Limits(max_connections=None, keepalive_expiry=KEEP_ALIVE_SECONDS),
        # A redirect would take the header with the key to wherever it points.
        "follow_redirects": False,
        "event_hooks": {"request": [watch_request], "response": [_listen]},
    }


def _needless(record: logging.LogRecord) -> bool:
    """Return whether a line of the SDK's log is kept."""
    return not str(record.msg).startswith("Both GOOGLE_API_KEY")


async def _listen(response: Any) -> None:
    heard = _heard.get()
    if heard is None or "json" not in response.headers.get("content-type", ""):
        return
    await response.aread()
    if response.status_code == 200:
        heard.body = response.content
    # Plain search first: the answer is megabytes of a picture.
    if b'"finishMessage"' not in response.content:
        return
    if found := re.search(rb'"finishMessage"\s*:\s*("(?:[^"\\]|\\.)*")', response.content):
        with contextlib.suppress(ValueError):
            heard.messages.append(json.loads(found[1]))
