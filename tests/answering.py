"""A server in this process whose answers a test writes itself, for what no emulator says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Answer: TypeAlias = Callable[[str, Mapping[str, str]], tuple[int, bytes]]
"""Gets path and headers of a request; gives status and body."""
TYPES = {b"{": "application/json", b"[": "application/json", b"<": "text/html"}


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve on 127.0.0.1; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path, self.headers)  # type: ignore[arg-type]
            self.send_response(status)
            self.send_header("Content-Type", TYPES.get(body[:1], "image/png"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        do_GET = do_CONNECT = do_POST

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
