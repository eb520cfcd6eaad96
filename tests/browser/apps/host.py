"""Serves the host page, its packages and the sandbox, each origin on a port of its own; calls of the protocol go on to our server."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; "
    "connect-src 'none'"
)
"""What the specification of MCP Apps has for a page that names no hosts."""
KINDS = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    packages: ClassVar[Path]
    server_url: ClassVar[str]
    token: ClassVar[str]
    sandboxes: ClassVar[bool]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        file = HERE / path.lstrip("/") if path in ("/host.html", "/sandbox.html") else self.packages / path.lstrip("/")
        known = file.is_file() and file.suffix in KINDS
        self._answer(200 if known else 404, file.read_bytes() if known else b"", KINDS.get(file.suffix, "text/plain"))

    def do_POST(self) -> None:
        address = urlsplit(self.server_url)
        body = self.rfile.read(int(self.headers["content-length"]))
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith(("mcp-", "content-type", "accept"))}
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", address.path, body, {**kept, "authorization": f"Bearer {self.token}"})
            reply = connection.getresponse()
            more = {name: value for name, value in reply.getheaders() if name.lower() == "mcp-session-id"}
            self._answer(reply.status, reply.read(), reply.getheader("content-type") or "text/plain", more)

    def _answer(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        policy = {"content-security-policy": POLICY} if self.sandboxes else {}
        for name, value in {"content-type": kind, "content-length": str(len(body)), **policy, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def hosting(packages: Path, server_url: str, token: str) -> Iterator[tuple[str, str]]:
    """Serve; the addresses of the host page and of the sandbox, which is of another origin."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for sandboxes in (False, True):
            facts = {"packages": packages, "server_url": server_url, "token": token, "sandboxes": sandboxes}
            serving = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), facts))
            stack.callback(serving.server_close)
            stack.callback(serving.shutdown)
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            addresses.append(f"http://127.0.0.1:{serving.server_port}/{'sandbox' if sandboxes else 'host'}.html")
        yield addresses[0], addresses[1]
