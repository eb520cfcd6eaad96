"""The door of the HTTP server: a bearer token, compared in constant time, before anything else sees a request."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send


class Gate:
    """Lets requests with the token through.

    Parameters
    ----------
    app : ASGI application
        What it guards.
    token : str or None
        None lets everything through; only tests do that.
    known : callable
        Tells whether something else is a token as well.
    """

    def __init__(self, app: ASGIApp, token: str | None, known: Callable[[str], bool] = lambda _token: False) -> None:
        self._app = app
        self._known = known
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if self._token is None or self._knows(scope):
            await self._app(scope, receive, send)
            return
        body = b'{"error":"A bearer token is needed. The notebook\'s own bridge, notebook-img mcp, finds it by itself."}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _knows(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1 or self._token is None:
            return False
        scheme, _, token = given[0].partition(b" ")
        if scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(token.strip(), self._token) or self._known(token.strip().decode("latin-1"))
