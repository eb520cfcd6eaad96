"""Plain HTTP for services that are spoken to without an SDK.

One client per event loop, no cookie jar, no redirects on calls with a key, faults as errors of ours,
and result pictures fetched at once within limits. What is asked, and whether again, is the caller's business.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from notebook_img.errors import (
    BadReplyError,
    OverloadedError,
    PictureError,
    ProviderError,
    ReplyTimeoutError,
    UnreachableError,
    UsageError,
)
from notebook_img.providers.connection_faults import faults
from notebook_img.providers.received import read_json, retry_after
from notebook_img.providers.sending import mark_sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    import httpx

    from notebook_img.providers.interface import Emit
    from notebook_img.settings import Settings

T = TypeVar("T")

CONNECT_SECONDS = 15.0
MOST_REDIRECTS = 5
MOST_REPLY_BYTES = 200_000_000
"""Bytes of one JSON answer; fifteen pictures inline as base64 stay below it."""
KEEP_ALIVE_SECONDS = 2.0
"""Shorter than any server's: a paid request never goes into a connection that the other side is just closing."""


@dataclass(frozen=True)
class Answer:
    """One whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, for messages."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON, or None where it is none."""
        return read_json(self.body)

    @property
    def retry_after(self) -> float | None:
        """Seconds the service asks to wait, where it says so."""
        return retry_after(self.headers)


class UnfetchedError(BadReplyError):
    """A picture that is paid for and could not be fetched now; its URL may give it later."""


class Transport:
    """HTTP for one service.

    Parameters
    ----------
    settings : Settings
        `timeout`, `max_bytes` and `max_pixels` are used.
    provider, title : str
        The service's short name and its name in sentences.
    """

    def __init__(self, settings: Settings, *, provider: str, title: str) -> None:
        self.settings = settings
        self.provider = provider
        self.title = title
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def client(self) -> httpx.AsyncClient:
        """Return the client of the running loop; another loop (a forked child, a test) gets its own."""
        import httpx

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop or self._client.is_closed:
            from http.cookiejar import CookieJar, DefaultCookiePolicy

            self._client = httpx.AsyncClient(
                # A jar that takes nothing: what one login is told must never travel with another one's request.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                limits=httpx.Limits(max_connections=32, keepalive_expiry=KEEP_ALIVE_SECONDS),
            )
            self._loop = loop
        return self._client

    def _limits(self, seconds: float | None = None) -> httpx.Timeout:
        import httpx

        return httpx.Timeout(seconds or self.settings.timeout, connect=CONNECT_SECONDS)

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        client, loop = self._client, self._loop
        self._client = self._loop = None
        if client is not None and loop is asyncio.get_running_loop():
            await client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - seconds for the whole exchange, also where it trickles
        on_sent: Callable[[], None] | None = None,
    ) -> Answer:
        """Send one request and return its whole answer, whatever its status.

        Parameters
        ----------
        timeout : float, optional
            Seconds for the whole exchange; `Settings.timeout` by default.
        on_sent : callable, optional
            Called once the request has left: from then on it may have been billed.

        Raises
        ------
        UnreachableError
            Nothing was sent.
        ReplyTimeoutError
            The request left, its answer did not come whole.
        """
        async with self.stream(method, url, headers=headers, content=content, timeout=timeout, on_sent=on_sent) as response:
            body = await read_limited(response, MOST_REPLY_BYTES, self.title)
        return Answer(response.status_code, response.headers, body)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - see send
        on_sent: Callable[[], None] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Open one exchange and give its response to read; faults while reading are errors of ours too."""

        async def trace(event: str, info: Any) -> None:
            await mark_sending(event, info)
            if on_sent is not None and event.endswith(".send_request_body.complete"):
                on_sent()

        with faults(self.title, self.provider, url):
            async with asyncio.timeout(timeout or self.settings.timeout):
                client = self.client()
                request = client.build_request(
                    method, url, headers=dict(headers), content=content, timeout=self._limits(timeout), extensions={"trace": trace}
                )
                response = await client.send(request, stream=True)
                try:
                    yield response
                finally:
                    await response.aclose()

    async def send_to_named(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | None = None, own: Iterable[str] = ()
    ) -> Answer:
        """Send one request to a URL that a service named: https and public, as for `download`; redirects are not followed."""
        with faults(self.title, self.provider, url, named=True):
            async with asyncio.timeout(self.settings.timeout):
                response = await self._open(url, _schemes(own), method=method, headers=headers, content=content)
                try:
                    body = await read_limited(response, MOST_REPLY_BYTES, self.title)
                finally:
                    await response.aclose()
        return Answer(response.status_code, response.headers, body)

    async def again(self, call: Callable[[], Awaitable[T]], emit: Emit) -> T:
        """Run a call that costs nothing under the retry policy, also after a timeout."""
        from notebook_img.providers.retry import retrying

        async def once() -> T:
            try:
                return await call()
            except ProviderError as error:
                if not isinstance(error, ReplyTimeoutError) and (error.status or 0) < 500:
                    raise
                # Said again as an error that may be repeated: nothing is paid twice here.
                what = f"failed (HTTP {error.status})" if error.status else "gave no whole answer in time"
                raise OverloadedError(
                    f"{self.title} {what}. Try again later.", provider=self.provider, status=error.status, retry_after=error.retry_after
                ) from error

        return await retrying(once, settings=self.settings, emit=emit, watched=True, free=True)

    async def download(self, url: str, *, own: Iterable[str] = ()) -> bytes:
        """Fetch a result picture without any key or cookie and return its bytes; they begin as an image does.

        Whether they are a whole one is judged where they can be kept, for they are paid for.

        Parameters
        ----------
        url : str
            What the service named. It is not trusted: https, public addresses, at every redirect.
        own : iterable of str
            Base URLs the user configured; their hosts may be private, and spoken to by http where they are.

        Raises
        ------
        BadReplyError
            The URL is not allowed.
        UnfetchedError
            It is allowed, but gave no picture.
        UnreachableError, ReplyTimeoutError
            As for `send`.
        """
        from notebook_img.pictures import sniff

        with faults(self.title, self.provider, url, named=True):
            async with asyncio.timeout(self.settings.timeout):
                data = await self._follow(url, _schemes(own))
        if sniff(data) is None:
            raise UnfetchedError(f"{self.title} named a picture, but what came is not a usable image.", provider=self.provider)
        return data

    async def fetch_result(self, url: str, emit: Emit, *, own: Iterable[str] = ()) -> bytes:
        """Fetch a picture that is paid for: again where that helps, since fetching costs nothing.

        Raises
        ------
        BadReplyError
            Its URL is not allowed. The service took the call and made the picture, so this is never an error after which the call
            is sent again, or another service asked.
        UnfetchedError
            It cannot be fetched now.
        """
        try:
            return await self._whole_if_it_can_be(url, emit, own)
        except BadReplyError:
            raise
        except ProviderError as error:
            raise UnfetchedError(
                f"{self.title} made a picture, but it could not be fetched: {error.sentence}", provider=self.provider, status=error.status
            ) from error

    async def _whole_if_it_can_be(self, url: str, emit: Emit, own: Iterable[str]) -> bytes:
        data = await self.again(lambda: self.download(url, own=own), emit)
        if not await asyncio.to_thread(self._is_whole, data):
            # Cut on its way, perhaps; if the second one is cut too, it is what there is.
            with contextlib.suppress(ProviderError):
                data = max(data, await self.download(url, own=own), key=len)
        return data

    async def _follow(self, url: str, trusted: Mapping[str, str]) -> bytes:
        for _hop in range(MOST_REDIRECTS + 1):
            response = await self._open(url, trusted)
            try:
                if response.has_redirect_location:
                    url = urljoin(url, response.headers["location"])
                    continue
                if response.status_code in {408, 429} or response.status_code >= 500:
                    raise OverloadedError(
                        f"A picture {self.title} had made could not be fetched (HTTP {response.status_code} from {_host(url)}).",
                        provider=self.provider,
                        status=response.status_code,
                        retry_after=retry_after(response.headers),
                    )
                if response.status_code != 200:
                    gone = "it has expired or is refused" if response.status_code in {401, 403, 404, 410} else "it cannot be fetched"
                    raise UnfetchedError(
                        f"{self.title} named a picture, but {gone} (HTTP {response.status_code} from {_host(url)}).",
                        provider=self.provider,
                        status=response.status_code,
                    )
                return await read_limited(response, MOST_REPLY_BYTES, self.title)
            finally:
                await response.aclose()
        raise BadReplyError(f"The picture's URL at {_host(url)} redirects more than {MOST_REDIRECTS} times.", provider=self.provider)

    async def _open(
        self,
        url: str,
        trusted: Mapping[str, str],
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Open a URL that a service named, after checking where it leads."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").casefold(), parts.port
        except ValueError:
            host, port = "", None
        own_scheme = trusted.get(host)
        if not host or parts.scheme not in {"https", own_scheme or "https"}:
            raise BadReplyError(
                f"{self.title} named a URL that is not https ({host or 'no host'}); it was not opened.", provider=self.provider
            )
        client = self.client()
        sent = {"Accept": "image/*", **(headers or {})}
        extensions: dict[str, Any] = {}
        if own_scheme is None:
            proxied = _proxied(host)
            address = await asyncio.to_thread(self._vetted, url, proxied=proxied)
            if not proxied:
                # Connect to the address that was checked, so that a second look-up cannot answer differently. Not kept open:
                # two hosts behind one address must not share a connection verified for one of them.
                sent |= {"Host": parts.netloc.rpartition("@")[2], "Connection": "close"}
                extensions = {"sni_hostname": host}
                literal = f"[{address}]" if ":" in address else address
                url = parts._replace(netloc=f"{literal}:{port}" if port else literal).geturl()
        request = client.build_request(method, url, headers=sent, content=content, timeout=self._limits(), extensions=extensions)
        return await client.send(request, stream=True)

    def _vetted(self, url: str, *, proxied: bool) -> str:
        """Return the public address behind a URL; blocks on the look-up."""
        from notebook_img.pictures import vetted_address

        try:
            return vetted_address(url)
        except UsageError as error:
            raise BadReplyError(
                f"{self.title} named a URL that is not opened; only the configured base URL's own host may be private. {error.sentence}",
                provider=self.provider,
            ) from None
        except PictureError:
            if proxied:  # names are looked up by the proxy there
                return ""
            raise UnreachableError(
                f"The host {_host(url)} that {self.title} named cannot be found; check the network.", provider=self.provider
            ) from None

    def _is_whole(self, data: bytes) -> bool:
        """Tell whether a picture can be read to its end."""
        from notebook_img.pictures import load

        try:
            load(data, settings=self.settings).pil()
        except PictureError:
            return False
        return True


async def read_limited(response: httpx.Response, most: int, title: str) -> bytes:
    """Read a body of at most `most` bytes."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise BadReplyError(f"{title} sent more than {most // 1_000_000} MB in one answer; the rest was not read.")
    return bytes(body)


def _schemes(own: Iterable[str]) -> dict[str, str]:
    """Return the configured hosts, each with the scheme it is configured with."""
    return {(urlsplit(base).hostname or "").casefold(): urlsplit(base).scheme for base in own}


def _proxied(host: str) -> bool:
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    return bool(proxies.get("https") or proxies.get("all")) and not proxy_bypass(host)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
