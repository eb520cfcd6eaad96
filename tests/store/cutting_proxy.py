"""A proxy before a PostgreSQL server that cuts connections: at once, or when certain words pass through it."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from pathlib import Path
from typing import Self


class CuttingProxy:
    """Listens on 127.0.0.1 and passes everything on to a Unix socket."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self._open: list[tuple[socket.socket, socket.socket]] = []
        self._words: tuple[bytes, bool] | None = None
        self.refusing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Cut all connections there are."""
        with self._lock:
            pairs, self._open = self._open, []
        for pair in pairs:
            _cut(*pair)

    def cut_at(self, words: bytes, *, after: bool) -> None:
        """Cut the next connection on which these words are sent: before they reach the server, or when they have."""
        self._words = (words, after)

    def refuse(self) -> None:
        """Cut what there is and whatever comes."""
        self.refusing = True
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(os.fspath(self._target))
            with self._lock:
                self._open.append((client, server))
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    source, to = key.fileobj, key.data
                    data = source.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        _cut(client, server)
                        return
                    words = self._words
                    cuts = source is client and words is not None and words[0] in data
                    if not cuts or words[1]:  # type: ignore[index]
                        to.sendall(data)
                    if cuts:
                        self._words = None
                        if words[1]:  # type: ignore[index]
                            server.recv(1)  # it has answered, so it has done what it was told
                        _cut(client, server)
                        return


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
