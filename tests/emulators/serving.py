"""What all emulators share: a strict HTTP server on 127.0.0.1 that records requests, plays scripted faults and notices
clients that leave. Only the standard library, so that a socket can be reset or watched at will.

An emulator is a subclass of `Emulator` with `answer(call)`; ``serve(MyEmulator())`` at the end of its module runs it.
Control routes, on every emulator: ``GET /_requests``, ``GET /_requests/N/body``, ``POST /_control``, ``POST /_reset``.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import math
import os
import select
import socket
import struct
import sys
import threading
import time
import traceback
from contextlib import suppress
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.emulators.faults import Faults, play

COMMON: dict[str, Any] = {"limit": None, "clock": None}
"""Options of every emulator. ``limit``: ``{"calls": 5, "seconds": 60, "path": "generateContent"}``, more are answered 429 with a
Retry-After; ``clock``: what time it is for that, in seconds (None: the time of day)."""
LONG = 300
"""Texts from this length on stand in the record as ``sha256:...`` of the bytes they encode."""


class Rejected(Exception):
    """The service says no: `status` and the message in the service's own error form (or `body` as it is)."""

    def __init__(self, status: int, message: str = "", body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body


class ClientLeft(Exception):
    """The client closed its connection before the answer was complete."""


class Limited:
    """The service's own limit: at most so many calls in any stretch of so many seconds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken: list[float] = []

    def wait(self, options: dict[str, Any], path: str) -> int:
        """Return the seconds a call has to wait; 0 where it is let in, and counted."""
        limit = options["limit"]
        if limit is None or limit.get("path", "") not in path:
            return 0
        with self.lock:
            now = time.time() if options["clock"] is None else options["clock"]
            self.taken = [at for at in self.taken if at > now - limit["seconds"]]
            if len(self.taken) < limit["calls"]:
                self.taken.append(now)
                return 0
            return max(1, math.ceil(self.taken[-limit["calls"]] + limit["seconds"] - now))


class Call:
    """One request, and the ways to answer it."""

    def __init__(self, emulator: Emulator, handler: _Handler, body: bytes) -> None:
        split = urlsplit(handler.path)
        self.emulator = emulator
        self.method = handler.command
        self.path = unquote(split.path)
        self.query = {name: values[-1] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body
        self.fault: dict[str, Any] | None = None
        self.number = 0
        self.status: int | None = None
        self._handler = handler
        self._socket: socket.socket = handler.connection

    @property
    def base_url(self) -> str:
        """The emulator's URL as this client sees it."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"

    def json(self) -> Any:
        """The body as JSON; Rejected 400 when it is none."""
        if "json" not in self.headers.get("content-type", ""):
            raise Rejected(400, f"Content-Type must be application/json, not {self.headers.get('content-type')!r}")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Rejected(400, f"Invalid JSON payload received: {error}") from error

    def form(self) -> list[Part]:
        """The parts of a multipart/form-data body, in order; Rejected 400 when it is none."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            raise Rejected(400, f"Content-Type must be multipart/form-data, not {kind!r}")
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body)
        if not message.is_multipart():
            raise Rejected(400, "the multipart body cannot be read")
        return [
            Part(
                name=part.get_param("name", header="content-disposition") or "",
                filename=part.get_filename(),
                content_type=part.get_content_type() if part["content-type"] else "",
                data=part.get_payload(decode=True) or b"",
            )
            for part in message.iter_parts()
        ]

    def respond(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        """Answer at once: bytes and text as they are, anything else as JSON."""
        kind = "application/octet-stream"
        if isinstance(body, str):
            body, kind = body.encode(), "text/plain; charset=utf-8"
        elif not isinstance(body, bytes):
            body, kind = json.dumps(body, ensure_ascii=False).encode(), "application/json; charset=UTF-8"
        self.start(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})})
        self.write(body)

    def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers. Without a Content-Length the end of the body is the end of the connection."""
        self.status = status
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        if "Content-Length" not in headers:
            self._handler.send_header("Connection", "close")
            self._handler.close_connection = True
        with _leaving():
            self._handler.end_headers()
            self._handler.wfile.flush()

    def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        with _leaving():
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    def event(self, data: Any, event: str | None = None) -> None:
        """Send one server-sent event (after `start` with Content-Type text/event-stream)."""
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        self.write(((f"event: {event}\n" if event else "") + f"data: {text}\n\n").encode())

    def wait(self, seconds: float) -> None:
        """Wait, but end with ClientLeft as soon as the client closes the connection."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with _leaving():
                readable, _, _ = select.select([self._socket], [], [], min(left, 5))
                if readable and not self._socket.recv(1, socket.MSG_PEEK):
                    raise ClientLeft
            if readable:  # pipelined bytes: nothing our clients do; do not spin on them
                time.sleep(min(left, 0.05))

    def cut(self) -> None:
        """Reset the connection."""
        self._handler.close_connection = True
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            # socketserver would shut it down politely first; closing the real descriptor sends the reset.
            self._handler.wfile.flush()
        os.close(self._socket.detach()) if os.name != "nt" else self._socket.close()


class Part:
    """One part of a multipart form."""

    def __init__(self, name: str, filename: str | None, content_type: str, data: bytes) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.data = data

    def short(self) -> dict[str, Any]:
        """What the record keeps of it."""
        facts: dict[str, Any] = {"name": self.name, "filename": self.filename, "content_type": self.content_type, "size": len(self.data)}
        if self.filename is None and len(self.data) < LONG:
            return facts | {"text": self.data.decode("utf-8", "replace")}
        return facts | {"sha256": hashlib.sha256(self.data).hexdigest()}


class _leaving:
    """Turn a broken connection into ClientLeft."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (ConnectionError, TimeoutError)):
            raise ClientLeft from error


class Emulator:
    """One service. Subclasses set `name`, `defaults` and `answer`, and usually `error_body`."""

    name = "emulator"
    defaults: dict[str, Any] = {}  # noqa: RUF012 - read only
    """Options a test can change by ``POST /_control {"options": {...}}``; ``/_reset`` brings them back."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = Faults()
        self.options: dict[str, Any] = {**COMMON, **self.defaults}
        self.limited = Limited()
        self.requests: list[dict[str, Any]] = []
        self.bodies: dict[int, bytes] = {}

    def answer(self, call: Call) -> None:
        """Answer one request; raise Rejected to say no."""
        raise NotImplementedError

    def error_body(self, status: int, message: str) -> Any:
        """The service's own error form."""
        return {"error": {"code": status, "message": message}}

    def reset(self) -> None:
        """Forget state, options, faults and the record. Subclasses with state of their own extend this."""
        with self.lock:
            self.faults.clear()
            self.options = {**COMMON, **self.defaults}
            self.limited = Limited()
            self.requests.clear()
            self.bodies.clear()

    def short(self, call: Call) -> Any:
        """What the record keeps of a body: JSON with long texts as hashes, forms as lists of parts."""
        kind = call.headers.get("content-type", "")
        with suppress(Rejected):
            if "json" in kind:
                return shortened(call.json())
            if kind.startswith("multipart/"):
                return [part.short() for part in call.form()]
        return {"size": len(call.body), "sha256": hashlib.sha256(call.body).hexdigest()} if call.body else None

    def take(self, call: Call) -> None:
        """Record, play faults, answer."""
        with self.lock:
            call.number = len(self.requests) + 1
            row: dict[str, Any] = {
                "number": call.number,
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "headers": call.headers,
                "size": len(call.body),
                "body": None,
                "fault": None,
                "state": "open",
                "status": None,
                "started": time.time(),
                "ended": None,
            }
            self.requests.append(row)
            self.bodies[call.number] = call.body
            for old in list(self.bodies)[:-40]:
                del self.bodies[old]
        row["body"] = self.short(call)
        try:
            if wait := self.limited.wait(self.options, call.path):
                row["state"] = "limited"
                call.respond(429, self.error_body(429, "Too many requests."), {"Retry-After": str(wait)})
                return
            call.fault = self.faults.take(call.path, call.body)
            row["fault"] = call.fault
            if not (call.fault and play(call.fault, call)):
                self.answer(call)
            row["state"] = "answered" if call.fault is None or "cut" not in call.fault["kind"] else "cut"
        except ClientLeft:
            row["state"] = "client left"
            call._handler.close_connection = True
        except Rejected as no:
            row["state"] = "rejected"
            row["rejected"] = str(no) or str(no.body)
            with suppress(ClientLeft):
                call.respond(no.status, self.error_body(no.status, no.message) if no.body is None else no.body)
        except Exception:
            # A fault of the emulator itself: seen by tests through the record, and on stderr.
            row["state"] = "emulator failed"
            row["error"] = traceback.format_exc()
            traceback.print_exc()
            with suppress(ClientLeft):
                call.respond(500, self.error_body(500, "the emulator failed, see its stderr"))
        finally:
            row["status"] = call.status
            row["ended"] = time.time()

    def control(self, call: Call) -> None:
        """The control routes."""
        with self.lock:
            match call.method, call.path.strip("/").split("/"):
                case "GET", ["_requests"]:
                    call.respond(200, self.requests)
                case "GET", ["_requests", number, "body"]:
                    body = self.bodies.get(int(number))
                    call.respond(200 if body is not None else 404, body or b"")
                case "POST", ["_reset"]:
                    self.reset()
                    call.respond(200, {})
                case "POST", ["_control"]:
                    wish = json.loads(call.body)
                    unknown = set(wish) - {"faults", "options"} | set(wish.get("options", {})) - {*COMMON, *self.defaults}
                    if unknown:
                        call.respond(400, {"unknown": sorted(unknown), "options": sorted({*COMMON, *self.defaults})})
                        return
                    try:
                        self.faults.add(wish.get("faults", []))
                    except ValueError as error:
                        call.respond(400, {"error": str(error)})
                        return
                    self.options.update(wish.get("options", {}))
                    call.respond(200, {})
                case _:
                    call.respond(404, {"error": f"no control route {call.method} {call.path}"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    emulator: Emulator
    timeout = 300

    def _any(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b"".join(iter(self._chunk, b""))
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.emulator, self, body)
        (self.emulator.control if call.path.startswith("/_") else self.emulator.take)(call)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        if size:
            self.rfile.readline()
        return data

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet: stdout holds the URL, and the record has the rest."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), (OSError, ValueError)):  # a reset connection, or its closed files
            super().handle_error(request, client_address)


def serve(emulator: Emulator) -> None:
    """Run an emulator in this process until it is ended; the first line on stdout is its URL."""
    parser = argparse.ArgumentParser(description=f"Emulates {emulator.name} on 127.0.0.1. Nothing leaves this machine.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--tied", action="store_true", help="end when stdin is closed (so that no process is left behind)")
    arguments = parser.parse_args()
    handler = type("Handler", (_Handler,), {"emulator": emulator})
    server = _Server(("127.0.0.1", arguments.port), handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    if arguments.tied:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.1)


def decoded(text: str, *, alphabet: str = "any") -> bytes:
    """Decode base64 strictly; `alphabet` is ``standard``, ``urlsafe`` or ``any``. Rejected 400 when it is none."""
    if alphabet == "standard" and ("-" in text or "_" in text):
        raise Rejected(400, "base64 of the URL-safe alphabet is not taken here")
    if alphabet == "urlsafe" and ("+" in text or "/" in text):
        raise Rejected(400, "base64 of the standard alphabet is not taken here")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(400, f"Base64 decoding failed: {error}") from error


def shortened(value: Any) -> Any:
    """Return JSON with long texts as ``sha256:...`` of the bytes they encode (base64, data URL) or of the text."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if not isinstance(value, str) or len(value) < LONG:
        return value
    text = value.split(",", 1)[1] if value.startswith("data:") and "," in value[:200] else value
    try:
        data = decoded(text)
    except Rejected:
        data = value.encode()
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
