"""The page on its own address: the file itself, which is no secret, and the exchange of a link's code for a token."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from typing import TYPE_CHECKING

from notebook_img.mcp.page import html

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from notebook_img.mcp.page.links import Pages

MOST_BODY = 4096
PATHS = ("/page", "/page/enter")
SPENT = "This link was used before, or is too old."


class Door:
    """Answers for the page, and passes everything else on.

    Parameters
    ----------
    app : ASGI application
        What lies behind it.
    pages : Pages
        Whose links open the page.
    hosts : frozenset of str
        Names with ports under which this server is called: a page of another site that had its name point here is refused.
    """

    def __init__(self, app: ASGIApp, pages: Pages, hosts: frozenset[str]) -> None:
        self._app = app
        self._pages = pages
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["path"] not in PATHS or self._pages.address is None:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"host", b"").decode("latin-1") not in self._hosts:
            await _answer(send, 421, b"", "text/plain")
        elif (scope["method"], scope["path"]) == ("GET", "/page"):
            await _answer(send, 200, html().encode(), "text/html; charset=utf-8", policy())
        elif (scope["method"], scope["path"]) == ("POST", "/page/enter") and headers.get(b"content-type") == b"application/json":
            entered = self._pages.enter(await _code(receive))
            content = {"token": entered[0], "session": entered[1]} if entered else {"error": SPENT}
            await _answer(send, 200 if entered else 403, json.dumps(content).encode(), "application/json")
        else:
            await _answer(send, 405, b"", "text/plain")


@functools.cache
def policy() -> str:
    """Return what the page may do: run its own script, show what it was given, ask this server."""
    script = re.search(r'<script type="module">(.*)</script>', html(), re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def _code(receive: Receive) -> str:
    """Return the code in the body of a request; empty when it makes no sense."""
    body = b""
    while len(body) <= MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


async def _answer(send: Send, status: int, body: bytes, kind: str, policy: str = "default-src 'none'") -> None:
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]})
    await send({"type": "http.response.body", "body": body})
