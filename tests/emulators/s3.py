"""An S3 server: moto's, in a process of its own, before which stands a script of faults.

``POST /_control`` with ``{"faults": [{"status": 503}, {"reset": true}, {"wait": 2.0}]}`` lets the next requests fail, one each;
``"only"`` in a fault names the method it waits for.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

os.environ["MOTO_S3_CUSTOM_ENDPOINTS"] = ""


class Faulty:
    """A WSGI application before another one."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._faults: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/_control":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            with self._lock:
                self._faults = json.loads(body)["faults"]
            start("200 OK", [("Content-Type", "application/json")])
            return [b"{}"]
        with self._lock:
            method = environ["REQUEST_METHOD"]
            found = next((fault for fault in self._faults if fault.get("only", method) == method), None)
            if found is not None:
                self._faults.remove(found)
        if found is not None:
            if "wait" in found:
                time.sleep(found["wait"])
            if found.get("reset"):
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                return []
            if "status" in found:
                start(f"{found['status']} Fault", [("Content-Type", "application/xml")])
                code = "SlowDown" if found["status"] == 503 else "Fault"
                return [f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()]
        return self._app(environ, start)


def main() -> None:
    """Run until stdin ends."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            """Say nothing: the test's output is not this server's."""

    server = make_server("127.0.0.1", 0, Faulty(DomainDispatcherApplication(create_backend_app)), threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
