"""What this machine says about the network: base URLs, proxies, certificates. Nothing here opens a connection.

A fault in any of them is one before anything was sent, so its sentence names the variable, file or URL to correct. The user part and
the query of a URL may be a key: they stand in no sentence, record or list.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from notebook_img.errors import UsageError

PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
"""Also in small letters, which come first; read by urllib, httpx and httpx2."""
OPEN_QUERIES = frozenset({"api-version"})
"""What stands in a query and is no secret."""
_QUERY = re.compile(r"(?<=[\w/.~-])\?[\w.~%$-]{1,64}=[^\s\"'<>]*")
_USER = re.compile(r"(?<=://)[^/\s@\"'<>]{1,256}@")


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(url.strip())
        place = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(a URL that cannot be read)"
    return urlunsplit((parts.scheme, place, parts.path, "", "")).rstrip("/")


def without_queries(text: str) -> str:
    """Return a text in which URLs stand without user, password and query."""
    return _USER.sub("", _QUERY.sub("?...", text))


def url_secrets(url: str) -> tuple[str, ...]:
    """Return what of a URL is, or may be, a key: its password, a user without one, the values of its query."""
    try:
        parts = urlsplit(url.strip())
        named = [value for name, value in parse_qsl(parts.query) if name.casefold() not in OPEN_QUERIES]
        found = [parts.password or parts.username or "", *named]
    except ValueError:
        return ()
    return tuple(dict.fromkeys(spelt for value in found for spelt in (value, unquote(value)) if spelt))


class _WithoutQueries(logging.Filter):
    """Leaves lines of other people's requests as they are: ours are made in threads of this package."""

    def filter(self, record: logging.LogRecord) -> bool:
        if threading.current_thread().name.startswith("notebook_img"):
            record.msg, record.args = without_queries(record.getMessage()), ()
        return True


_hiding = _WithoutQueries()


def hide_queries_in_logs() -> None:
    """Keep queries and passwords of URLs out of the lines that the HTTP libraries log of this package's requests."""
    for name in ("httpx", "httpx2", "httpcore.http11", "httpcore2.http11"):
        logging.getLogger(name).addFilter(_hiding)  # once, however often


def checked_url(url: str, where: str, *, query: bool = False) -> str:
    """Return a base URL without its trailing slash, or say what one looks like.

    Parameters
    ----------
    url, where : str
        The URL, and what it was set as: a variable, a table of a file.
    query : bool
        Whether it may have a query, which goes along with each request.

    Raises
    ------
    UsageError
        It is no http or https URL with a host, or holds a user name or password.
    """
    bare = url.strip()
    try:
        parts = urlsplit(bare)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port beyond 65535, half an IPv6 address
        usable = False
    if not usable or not bare.isprintable() or " " in bare:
        msg = f"{where} = {shown_url(bare)!r} is not a base URL, so nothing was sent. One looks like http://localhost:8000/v1."
        raise UsageError(msg)
    if parts.username or parts.password:
        msg = f"The base URL in {where} contains a user name or password. Set the key separately."
        raise UsageError(msg)
    if parts.fragment or (parts.query and not query):
        msg = f"The base URL in {where} goes on after its path ({shown_url(bare)}?...); leave that out. Nothing was sent."
        raise UsageError(msg)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def setup_problem(error: BaseException) -> str:
    """Return the sentence for an error that comes of what is set up on this machine; ``""`` where it does not.

    The libraries' own words name neither file nor variable ("[Errno 2] No such file or directory", seen with httpx and httpx2).
    """
    for link in _links(error):
        if isinstance(link, OSError) and (sentence := _certificate_problem(link)):
            return sentence
        if isinstance(link, ImportError) and "socksio" in str(link):
            return f"{_proxy_named('socks')} is a SOCKS proxy, which needs the package socksio. Install it, or unset the variable."
        if isinstance(link, ValueError) and "proxy URL" in str(link):
            return f"{_proxy_named('')} is no proxy's URL; one looks like http://proxy.example:3128. Correct or unset it."
    return ""


def proxy_of(url: str) -> str:
    """Return ``the proxy http://host:port (HTTPS_PROXY)`` where a URL is reached through one, else an empty string."""
    from urllib.request import getproxies, proxy_bypass

    try:
        parts = urlsplit(url)
        bypassed = bool(proxy_bypass(parts.hostname or ""))
    except (ValueError, OSError):
        return ""
    proxies = getproxies()
    found = next((scheme for scheme in (parts.scheme, "all") if proxies.get(scheme)), "")
    if not found or bypassed:
        return ""
    name = next((name for name in (f"{found}_proxy", f"{found}_proxy".upper()) if os.environ.get(name)), "the system's settings")
    return f"the proxy {shown_url(proxies[found])} ({name})"


def _certificate_problem(error: OSError) -> str:
    named = os.environ.get("SSL_CERT_FILE", "")
    if not named or isinstance(error, ssl.SSLCertVerificationError):
        return ""
    if not os.path.isfile(named):  # noqa: PTH113 - a name that no Path takes is no file either
        return f"SSL_CERT_FILE names no file: {named!r}. Correct or unset it; nothing was sent."
    if isinstance(error, ssl.SSLError | PermissionError):
        try:
            ssl.create_default_context(cafile=named)
        except OSError:
            return f"SSL_CERT_FILE names a file without readable certificates: {named!r}. Correct or unset it; nothing was sent."
    return ""


def _proxy_named(scheme: str) -> str:
    """Return ``ALL_PROXY = 'socks5://host:1'`` for the proxy whose URL begins with `scheme`."""
    for name in (spelt for known in PROXY_VARIABLES for spelt in (known.lower(), known)):
        value = os.environ.get(name, "")
        if value.startswith(scheme) and value and (scheme or not value.startswith(("http://", "https://", "socks"))):
            return f"{name} = {shown_url(value)!r}"
    return "The proxy set on this machine"


def _links(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__
