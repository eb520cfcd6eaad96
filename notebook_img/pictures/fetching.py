"""Image addresses to bytes: http and https only, with limits on size, time and redirects, and checks on where they lead."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from notebook_img import loop
from notebook_img.errors import PictureError, UsageError
from notebook_img.network import hide_queries_in_logs, setup_problem
from notebook_img.pictures.limits import readable_bytes
from notebook_img.pictures.public_addresses import is_public

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTS = 5
SECONDS = 60.0
"""Longest time for one picture altogether: look-ups, redirects, headers and body."""

_HEADERS = {"User-Agent": "notebook-img", "Accept": "image/*,*/*;q=0.5"}


def fetch(
    url: str, *, max_bytes: int = 200_000_000, public_only: bool = False, private_host: str = "", seconds: float | None = None
) -> bytes:
    """Return the bytes at an http(s) address.

    Parameters
    ----------
    url : str
        The address.
    max_bytes : int
        The transfer ends with an error when it grows beyond this.
    public_only : bool
        Only https, and only addresses of the public internet, checked at every redirect; the connection is made to the
        address that was checked, so that a name cannot change its mind in between.
    private_host : str
        ``host`` or ``host:port`` that may be private all the same, and without https (a service's own configured host).
    seconds : float, optional
        Longest time altogether; `SECONDS` otherwise.

    Raises
    ------
    PictureError
        When it cannot be fetched, or is too large.
    UsageError
        When the address, or one it leads to, is not allowed.
    """
    visit = _Visit(url, max_bytes=max_bytes, public_only=public_only, private_host=private_host)

    async def bounded() -> bytes:
        # Not a limit between two bytes: a server that sends one now and then would keep to that for days.
        async with asyncio.timeout(SECONDS if seconds is None else seconds):
            return await visit.read()

    try:
        return loop.run_apart(bounded)
    except TimeoutError as error:
        raise PictureError(f"{_shown(visit.here)} did not send the whole image in time.") from error


class _Visit:
    """One address and where it leads."""

    def __init__(self, url: str, *, max_bytes: int, public_only: bool, private_host: str) -> None:
        self.here = url
        self._start = url
        self._max_bytes = max_bytes
        self._public_only = public_only
        self._private_host = private_host

    async def read(self) -> bytes:
        """Follow the redirects and return the body."""
        import httpx

        async with self._client() as client:
            for _ in range(MOST_REDIRECTS + 1):
                try:
                    response = await client.send(await self._request(client), stream=True, follow_redirects=False)
                    try:
                        if not response.is_redirect:
                            return await self._body(response)
                        self.here = urljoin(self.here, response.headers["location"])
                    finally:
                        await response.aclose()
                except httpx.TimeoutException as error:
                    raise PictureError(f"{_shown(self.here)} did not answer in time.") from error
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise PictureError(f"{_shown(self.here)} cannot be fetched: {str(error)[:160] or type(error).__name__}.") from error
        raise PictureError(f"{_shown(self._start)} was redirected more than {MOST_REDIRECTS} times.")

    def _client(self) -> httpx.AsyncClient:
        import httpx

        hide_queries_in_logs()
        try:
            # Behind a proxy the checked address would not be the one that is connected to.
            return httpx.AsyncClient(trust_env=not self._public_only, timeout=httpx.Timeout(30, connect=10), headers=_HEADERS)
        except (OSError, ImportError, ValueError) as error:
            if sentence := setup_problem(error):
                raise UsageError(f"{_shown(self.here)} cannot be fetched: {sentence}") from None
            raise

    async def _request(self, client: httpx.AsyncClient) -> httpx.Request:
        import httpx

        target = httpx.URL(self.here)
        if target.scheme not in {"http", "https"} or not target.host:
            raise UsageError(f"{_shown(self.here)} is not fetched: only http and https addresses are.")
        if not self._public_only:
            return client.build_request("GET", target)
        address = await asyncio.to_thread(vetted_address, self.here, private_host=self._private_host)
        host = target.netloc.decode("ascii")
        return client.build_request(
            "GET", target.copy_with(host=address), headers={"Host": host}, extensions={"sni_hostname": target.raw_host.decode("ascii")}
        )

    async def _body(self, response: httpx.Response) -> bytes:
        where = _shown(self.here)
        if response.status_code != 200:
            raise PictureError(f"{where} answered {response.status_code} {response.reason_phrase}, not an image.".replace(" ,", ","))
        too_large = f"{where} has more than {readable_bytes(self._max_bytes)} (the setting max_bytes, NOTEBOOK_IMG_MAX_BYTES, raises it)."
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_bytes:
            raise PictureError(too_large)
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > self._max_bytes:
                raise PictureError(too_large)
        if not body:
            raise PictureError(f"{where} sent an empty answer.")
        return bytes(body)


def vetted_address(url: str, *, private_host: str = "") -> str:
    """Return the public IP address behind a URL.

    Parameters
    ----------
    private_host : str
        See `fetch`.

    Raises
    ------
    UsageError
        When it is not https, or any address the name stands for is private, local or reserved.
    PictureError
        When the name stands for nothing.
    """
    parts = parts_of(url)
    host = parts.hostname or ""
    excepted = bool(private_host) and private_host.casefold() in {host, f"{host}:{parts.port}"}
    if parts.scheme != "https" and not excepted:
        raise UsageError(f"{_shown(url)} is not fetched: only https addresses are allowed here.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError, ValueError) as error:
        raise PictureError(f"{_shown(url)} cannot be fetched: there is no host {host!r}.") from error
    if not excepted and not all(is_public(address) for address in found):
        raise UsageError(f"{_shown(url)} is not fetched: it leads to a private network.")
    return found[0]


def _shown(url: str) -> str:
    """Return an address for messages: without its query, which may hold a signature, and without a password."""
    parts = parts_of(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:120]


def parts_of(url: str) -> SplitResult:
    """Return the parts of an address.

    Raises
    ------
    UsageError
        When it is no address, such as ``http://[::1``.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url[:80]!r} is not the address of a picture: {error}. One looks like https://host/picture.png.") from error
