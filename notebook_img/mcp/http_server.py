"""Serving HTTP from a thread of this process: own socket, own loop, a bearer token, an announcement for bridges."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import ipaddress
import logging
import os
import secrets
import socket
import sys
import threading
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from notebook_img.errors import NotebookImgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    import uvicorn

    from notebook_img.mcp.live_output import Live
    from notebook_img.mcp.server import Server
    from notebook_img.mcp.work import Work
    from notebook_img.studio import Studio

MOST_BODY = 32 * 1024 * 1024
"""Bytes of one request: an image of 20 MB as base64, and some."""
PATIENCE = 20.0
"""Seconds a server has to start."""
GRACE = 5.0

log = logging.getLogger("notebook_img.mcp")
_handles: weakref.WeakSet[ServerHandle] = weakref.WeakSet()


class ServerHandle:
    """A running server; a context manager that stops it.

    Attributes
    ----------
    url : str
        Where it is.
    token : str or None
        What a client has to send as bearer token. It is in no representation of this object.
    """

    def __init__(
        self, server: Server, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None, studio: Studio | None = None
    ) -> None:
        self._server = server
        self.work: Work = server.work
        self.studio = studio
        self.token = token
        self.started = 0.0
        self.announcement: Path | None = None
        self._host = host
        self._pid = os.getpid()
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound
        self.url = f"http://{shown}:{self.port}/mcp"
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._live: Live | None = None
        self._held = False
        self._ended = threading.Event()

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<MCP server {self.url} {state}, {self.work.calls} calls>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._thread is not None and self._thread.is_alive() and not self._ended.is_set()

    def start(self, *, announced: bool = False, live: bool = False, held: bool = True) -> ServerHandle:
        """Serve from a thread; return when it is ready.

        Parameters
        ----------
        announced : bool
            Write the file by which bridges find it.
        live : bool
            Show what clients do, where this runs in a kernel.
        held : bool
            Keep its log lines for ``%imgmcp log``, in place of where this process writes others.
        """
        import uvicorn

        from notebook_img.mcp import discovery, server_log
        from notebook_img.mcp.bearer import Gate
        from notebook_img.mcp.idle_connections import Watched
        from notebook_img.mcp.page.door import Door

        security = self._security()
        app = self._server.streamable_http_app(
            streamable_http_path="/mcp", host=self._host, transport_security=security, max_request_body_size=MOST_BODY
        )
        pages = self.work.pages
        if pages.address is None and self._server.has_page:
            pages.address = lambda: self.url.removesuffix("/mcp")
        config = uvicorn.Config(
            Door(Gate(app, self.token, pages.knows), pages, frozenset(security.allowed_hosts)),
            http=Watched,
            lifespan="on",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._uvicorn = uvicorn.Server(config)
        if held:
            server_log.hold()
        self._held = held
        self._thread = threading.Thread(target=self._serve, name="notebook_img-mcp", daemon=True)
        self._thread.start()
        end = time.monotonic() + PATIENCE
        while not self._uvicorn.started and self._thread.is_alive() and time.monotonic() < end:
            time.sleep(0.01)
        if not self._uvicorn.started:
            self.stop()
            raise UsageError(f"The MCP server did not start: {self._failure or 'it gave no reason'}.")
        self.started = time.time()
        _handles.add(self)
        atexit.register(self._at_exit)
        if announced and self.token is not None and self.studio is not None:
            self.work.bridge_secret = secrets.token_urlsafe(32)
            self.announcement = discovery.announce(
                self.studio, url=self.url, token=self.token, bridge=self.work.bridge_secret, tools=self._server.family
            )
        if live:
            from notebook_img.mcp.live_output import Live

            self._live = Live(f"MCP server on {self.url}")
            if self._live.start():
                self.work.listeners.append(self._live.note)
        return self

    def stop(self) -> None:
        """Stop the server and leave no thread or file behind. Requests under way go on and are kept."""
        if self._ended.is_set():
            return
        self._ended.set()
        atexit.unregister(self._at_exit)
        self._withdraw()
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(GRACE)
            if self._thread.is_alive():
                self._uvicorn.force_exit = True
                self._thread.join(GRACE)
        with contextlib.suppress(OSError):
            self._socket.close()
        if self._live is not None:
            with contextlib.suppress(ValueError):
                self.work.listeners.remove(self._live.note)
            self._live.stop(f"MCP server on {self.url} (stopped)")
        self.work.bridge_secret = ""
        self.work.pages.address = None
        with contextlib.suppress(NotebookImgError):
            self.work.close()
        if self._held:
            from notebook_img.mcp import server_log

            server_log.release()
        _handles.discard(self)

    def wait(self) -> None:
        """Wait until it has ended."""
        while self.running and self._thread is not None:
            self._thread.join(0.2)

    def _serve(self) -> None:
        assert self._uvicorn is not None
        try:
            asyncio.run(self._uvicorn.serve(sockets=[self._socket]))
        except BaseException as error:  # uvicorn ends with SystemExit when it cannot start
            self._failure = error
            log.warning("The MCP server ended: %s", error)

    def _security(self) -> Any:
        from mcp.server.transport_security import TransportSecuritySettings

        hosts = {"127.0.0.1", "localhost", "[::1]", urlsplit(self.url).netloc.rpartition(":")[0]}
        if not is_loopback(self._host):
            hosts |= {socket.gethostname(), socket.getfqdn()}
            with contextlib.suppress(OSError):
                hosts |= set(socket.gethostbyname_ex(socket.gethostname())[2])
        named = sorted(f"{host}:{self.port}" for host in hosts)
        # Exactly this port: a page of Jupyter's own, on another one, is refused too.
        return TransportSecuritySettings(allowed_hosts=named, allowed_origins=[f"http://{name}" for name in named])

    def _withdraw(self) -> None:
        if self.announcement is not None:
            with contextlib.suppress(OSError):
                self.announcement.unlink()
            self.announcement = None

    def _at_exit(self) -> None:
        if os.getpid() == self._pid:  # not in a forked child
            self.stop()


def serve(
    studio: Studio,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    tools: str = "all",
    show: bool = True,
    allowed: tuple[Path, ...] | None = None,
    links: bool | None = None,
    page: bool | None = None,
    sessions: Sequence[str] | None = None,
) -> ServerHandle:
    """Serve a studio as an MCP server from a thread of this process.

    Parameters
    ----------
    studio : Studio
        Whose store, settings and budget agents share; its heads are left alone.
    port : int
        0 takes a free one.
    host : str
        Loopback unless you know better: who can reach it and has the token can spend your budget.
    tools : str
        ``all``, ``gemini``, ``vision`` or ``seedream``.
    show : bool
        Show in the running cell what agents do.
    allowed : tuple of Path, optional
        Folders agents may read and write, in place of the default ones.
    links : bool, optional
        Whether results hold links to the original pictures; the setting ``mcp_links`` otherwise.
    page : bool, optional
        Whether people see the pictures on a page of this address; the setting ``mcp_page`` otherwise.
    sessions : sequence of str, optional
        The sessions agents see and touch: names, ``own`` for those that agents began, or ``all``, which is the default but in a shared
        home.

    Returns
    -------
    ServerHandle
        With ``url`` and ``stop()``; a context manager.

    Raises
    ------
    UsageError
        When the port is taken, or cannot be used.
    """
    from notebook_img.mcp.server import build
    from notebook_img.mcp.work import Work

    if not is_loopback(host):
        text = f"The MCP server listens on {host}: every computer that reaches this one and has the token can use your keys and budget."
        warnings.warn(text, stacklevel=2)
    # The server's alone: they must not outlive it in the settings.
    work = Work(studio, allowed=tuple(folder.expanduser() for folder in allowed or ()), links=links, page=page, scope=sessions)
    handle = ServerHandle(build(work, tools), host=host, port=port, token=secrets.token_urlsafe(32), studio=studio)
    return handle.start(announced=True, live=show)


def page_server(work: Work, tools: str) -> Callable[[], str]:
    """Return what serves the page of a server without an address (stdio), from a thread and once it is first asked for.

    Parameters
    ----------
    work : Work
        Done for the page and for the server's client alike.
    tools : str
        The family the server has.
    """
    from notebook_img.mcp.server import build

    @functools.cache
    def begin() -> str:
        try:
            handle = ServerHandle(build(work, tools), token=secrets.token_urlsafe(32), studio=work.studio)
            return handle.start(held=False).url.removesuffix("/mcp")
        except NotebookImgError as error:
            log.warning("There is no page: %s", error)
            return ""

    starting = threading.Lock()

    def address() -> str:
        with starting:
            return begin()

    return address


def handle_of(studio: Studio) -> ServerHandle | None:
    """Return the running server of a studio."""
    return next((handle for handle in _handles if handle.studio is studio and handle.running), None)


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    """Bind the port before the start, so that it is known and a taken one is an error in the cell.

    asyncio sets TCP_NODELAY only where the listening socket says IPPROTO_TCP; without it a call takes 40 ms longer
    (measured with Python 3.11 on Linux).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there the option would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(f"The MCP server cannot listen on {host}:{port}: {error}. Leave the port out to get a free one.") from error
    return listening
