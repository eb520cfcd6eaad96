"""A server that says a little, waits, and says a little more, without end: each single read is quick, the whole never comes."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"
AGAIN = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

DRIPS: dict[str, Callable[[], Iterable[bytes]]] = {
    "body": lambda: itertools.chain([OK], itertools.repeat(b"\0")),
    "headers": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nX-Long: "], itertools.repeat(b"a")),
    "redirects": lambda: [AGAIN],
    # A handshake record of 16 kB, byte by byte: what a client that speaks TLS reads first.
    "tls": lambda: itertools.chain([b"\x16\x03\x03\x40\x00"], itertools.repeat(b"\0")),
}
"""What is said, by the place where it drips."""


@dataclass
class Dripping:
    """The running server."""

    port: int
    visits: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client has gone."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def dripping(where: str, every: float = 0.05) -> Iterator[Dripping]:
    """Serve for the time of the context, with a pause of `every` seconds before each part."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Dripping(listening.getsockname()[1])

        def answer(visitor: socket.socket) -> None:
            with visitor, suppress(OSError):
                visitor.recv(65536)
                for part in DRIPS[where]():
                    if over.wait(every):
                        return
                    visitor.sendall(part)
            server.left.set()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    visitor, _ = listening.accept()
                    server.visits += 1
                    threading.Thread(target=answer, args=(visitor,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
