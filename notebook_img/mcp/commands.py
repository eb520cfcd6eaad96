"""The two commands that run the server: ``%imgmcp`` in a notebook and ``notebook-img mcp`` in a shell."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from notebook_img.errors import NotebookImgError, UsageError, did_you_mean
from notebook_img.mcp import dotenv
from notebook_img.mcp.clients import CLIENTS, NAME
from notebook_img.mcp.tools import FAMILIES
from notebook_img.providers import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.mcp.http_server import ServerHandle
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio

STORING = 30.0
"""Seconds beside the longest wait for a reply, in which what came is stored."""


# ---------------------------------------------------------------------------------------------- in a notebook


COMMANDS: Mapping[str, str] = {
    "start": "serve this kernel's images to MCP clients on 127.0.0.1",
    "stop": "stop serving",
    "status": "whether it runs, where, who called last",
    "config": f"config CLIENT: what to paste where, for {', '.join(CLIENTS)}; --shared: what a team can commit",
    "log": "the server's last log lines",
}
"""What ``%imgmcp`` can do."""


def command(studio: Studio, words: Sequence[str]) -> Any:
    """Do one ``%imgmcp`` command; without one, say which there are.

    Parameters
    ----------
    studio : Studio
        The kernel's.
    words : sequence of str
        The command and what follows it.

    Raises
    ------
    UsageError
        When a word is not understood.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        _say("\n".join(f"  %imgmcp {name:<8} {text}" for name, text in COMMANDS.items()))
        return None
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(f"%imgmcp has no command {name!r}.{did_you_mean(name, COMMANDS)} It has {', '.join(COMMANDS)}.")
    return _ACTIONS[name](studio, rest)


def _start(studio: Studio, rest: list[str]) -> None:
    from notebook_img.mcp.http_server import handle_of, serve

    parser = _Parser(prog="%imgmcp start", add_help=False)
    parser.add_argument("--port", type=_port, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--tools", choices=FAMILIES, default="all")
    parser.add_argument("--allow", type=Path, action="append")
    parser.add_argument("--links", choices=("on", "off"))
    parser.add_argument("--page", choices=("on", "off"))
    parser.add_argument("--sessions", nargs="+")
    given = parser.parse_args(rest)
    running = handle_of(studio)
    if running is not None:
        _say(f"The MCP server already runs on {running.url}. %imgmcp stop ends it.")
        return
    switches = {name: word == "on" for name in ("links", "page") if (word := getattr(given, name))}
    allowed = tuple(given.allow) if given.allow else None
    handle = serve(studio, port=given.port, host=given.host, tools=given.tools, allowed=allowed, sessions=given.sessions, **switches)
    _say(
        f"Serving MCP clients on {handle.url}. %imgmcp config claude-desktop prints what to paste into a client; %imgmcp stop ends it."
        + ("" if handle.announcement else " No bridge can find it.")
    )


def _stop(studio: Studio, rest: list[str]) -> None:
    from notebook_img.mcp.http_server import handle_of

    _Parser(prog="%imgmcp stop", add_help=False).parse_args(rest)
    running = handle_of(studio)
    if running is None:
        _say("No MCP server runs in this kernel.")
        return
    running.stop()
    _say(f"Stopped the MCP server on {running.url}.")


def _status(studio: Studio, rest: list[str]) -> None:
    from notebook_img.mcp.http_server import handle_of

    _Parser(prog="%imgmcp status", add_help=False).parse_args(rest)
    running = handle_of(studio)
    if running is None:
        _say("No MCP server runs in this kernel. %imgmcp start starts one.")
        return
    since = time.strftime("%H:%M", time.localtime(running.started))
    work = running.work
    last = f", last by {work.last_client}" if work.last_client else ""
    _say(f"The MCP server runs on {running.url} since {since}: {work.calls} calls{last}, {work.under_way} under way.")
    if running.announcement:
        _say(f"Bridges find it by {running.announcement}, which holds its token (mode 0600).")


def _config(studio: Studio, rest: list[str]) -> None:
    from notebook_img.mcp import jupyter_clients
    from notebook_img.mcp.clients import configuration

    shared = "--shared" in rest
    names = [word for word in rest if word != "--shared"]
    if flags := [word for word in names if word.startswith("-")]:
        raise UsageError(f"%imgmcp config has no option {flags[0]}.{did_you_mean(flags[0], ['--shared'])} It takes a client and --shared.")
    if len(names) != 1 or names[0] not in CLIENTS:
        wrong = f" {names[0]!r} is none of them.{did_you_mean(names[0], CLIENTS)}" if names else ""
        raise UsageError(f"%imgmcp config wants one client: {', '.join(CLIENTS)}.{wrong}")
    notebook = str(studio.notebook or "")
    written = None
    if names[0] in jupyter_clients.PLACES and not shared:
        written = jupyter_clients.write(names[0], studio.settings, notebook=notebook)
    if written is not None:
        _say(f"Wrote the entry {NAME} into {written}. New chats of {names[0]} have the tools; its other servers stay as they were.")
    else:
        _say(configuration(names[0], studio.settings, notebook=notebook, shared=shared))


def _log(studio: Studio, rest: list[str]) -> None:  # noqa: ARG001 - all commands are called alike
    from notebook_img.mcp import server_log

    _Parser(prog="%imgmcp log", add_help=False).parse_args(rest)
    _say("\n".join(server_log.lines()) or "The MCP server has not logged anything.")


_ACTIONS: Mapping[str, Callable[[Studio, list[str]], None]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "config": _config,
    "log": _log,
}


def _say(text: str) -> None:
    print(text)  # noqa: T201 - what a magic says


# ---------------------------------------------------------------------------------------------- in a shell


class _Parser(argparse.ArgumentParser):
    """Raises our errors instead of ending the process."""

    def parse_args(self, args: Sequence[str], namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        given, unknown = self.parse_known_args(args, namespace)
        if unknown:
            options = sorted(self._option_string_actions)
            takes = f"It takes {', '.join(options)}" if options else "It takes nothing more"
            raise UsageError(f"{self.prog} does not take {unknown[0]!r}.{did_you_mean(unknown[0], options)} {takes}.")
        return given

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message.removeprefix('argument ').rstrip('.')}.")


def _port(text: str) -> int:
    """Return a port; anything else is an error that says what one is."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, a number up to 65535; leave it out to get a free one")
    return int(text)


def main(args: Sequence[str]) -> int:
    """Run ``notebook-img mcp``; return the exit code.

    Parameters
    ----------
    args : sequence of str
        The words after ``mcp``.
    """
    parser = _Parser(prog="notebook-img mcp", description="Serve MCP clients over stdio, or over HTTP on 127.0.0.1.")
    parser.add_argument(
        "--http", nargs="?", type=_port, const=0, metavar="PORT", help="serve streamable HTTP; without a port on a free one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on with --http (loopback)")
    parser.add_argument("--notebook", default="", metavar="NAME", help="join the kernel of this notebook, not the newest")
    parser.add_argument("--alone", action="store_true", help="join no kernel")
    parser.add_argument("--tools", choices=FAMILIES, default="all", help="serve one family of tools only")
    parser.add_argument("--allow", action="append", type=Path, metavar="DIR", help="folder that may be read and written (repeatable)")
    parser.add_argument(
        "--links", choices=("on", "off"), help="off: no links in results, for hosts that hand them to a model, which refuses them"
    )
    parser.add_argument("--page", choices=("on", "off"), help="off: no page on 127.0.0.1 that shows the pictures")
    parser.add_argument(
        "--sessions",
        nargs="+",
        metavar="NAME",
        help="sessions that are seen and touched: names, own (those agents began) or all; less than all joins no kernel. "
        "Without it: all, in a shared home own",
    )
    parser.add_argument("--config", choices=CLIENTS, metavar="CLIENT", help=f"print what to paste into a client: {', '.join(CLIENTS)}")
    parser.add_argument("--shared", action="store_true", help="with --config: what a team can commit")
    parser.add_argument("--dotenv", action="store_true", help="read .env of the working folder for the keys and settings of services")
    if "-h" in args or "--help" in args:
        print(parser.format_help(), file=sys.stderr)  # noqa: T201 - stdout carries JSON-RPC only
        return 0
    given = parser.parse_args(list(args))
    for said in dotenv.read(wanted=given.dotenv, family=given.tools):
        print(said, file=sys.stderr)  # noqa: T201 - stdout carries JSON-RPC only
    studio = _studio(given)
    if given.config:
        from notebook_img.mcp.clients import configuration

        print(configuration(given.config, studio.settings, notebook=given.notebook, shared=given.shared))  # noqa: T201 - what was asked for
        return 0
    _log_to_stderr(studio)
    for fault in _faults(studio.settings):
        print(fault, file=sys.stderr)  # noqa: T201
    if given.http is not None:
        return _serve_http(studio, given)
    return _serve_stdio(studio, given)


def _studio(given: argparse.Namespace) -> Studio:
    from notebook_img.records import Origin
    from notebook_img.studio import Studio

    studio = Studio()
    studio.origin = Origin(surface="agent")
    if given.allow:
        studio.settings.set("allowed_dirs", tuple(folder.expanduser() for folder in given.allow))
    studio.settings.mcp_links = given.links
    studio.settings.mcp_page = given.page
    return studio


def _faults(settings: Settings) -> list[str]:
    """Return what is wrong with settings, so that it is read before a call needs them."""
    faults = []
    for name in settings.table():
        try:
            getattr(settings, name)
        except NotebookImgError as error:
            faults.append(error.sentence)
    return faults


def longest(settings: Settings) -> float:
    """Return how many seconds a server stays for requests under way when it is to end: as long as one may take."""
    waits = [0.0]
    for name in ("timeout", "vision_timeout"):
        with contextlib.suppress(NotebookImgError):  # one that cannot be read: no call could use it either
            waits.append(getattr(settings, name))
    return max(waits) + STORING


def _log_to_stderr(studio: Studio) -> None:
    wanted = studio.settings.vision_log_level.upper()
    level = wanted if wanted in logging.getLevelNamesMapping() else "WARNING"
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    quiet_libraries()


def _serve_http(studio: Studio, given: argparse.Namespace) -> int:
    from notebook_img.mcp import errands
    from notebook_img.mcp.http_server import serve

    handle: ServerHandle = serve(studio, port=given.http, host=given.host, tools=given.tools, show=False, sessions=given.sessions)
    if errands.POSSIBLE:
        handle.work.worker = errands.Worker(handle.work)
    # A signal may come with the line that says it serves.
    with contextlib.suppress(KeyboardInterrupt):
        with contextlib.suppress(ValueError):  # not the main thread
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _stopped)
        print(f"Serving MCP on {handle.url}. The token is in {handle.announcement} (mode 0600).", file=sys.stderr, flush=True)  # noqa: T201
        handle.wait()
    if handle.work.under_way:
        print("Waiting for what was paid for; a second time ends at once.", file=sys.stderr, flush=True)  # noqa: T201
    handle.stop()
    handle.work.drain(longest(studio.settings))
    return 0


def _stopped(*_: object) -> NoReturn:
    """End the serving; a second signal ends the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: os._exit(128 + number))
    raise KeyboardInterrupt


def _serve_stdio(studio: Studio, given: argparse.Namespace) -> int:
    import anyio

    from notebook_img.mcp import errands
    from notebook_img.mcp.bridge import JoiningServer
    from notebook_img.mcp.http_server import page_server
    from notebook_img.mcp.server import build, shows_pictures
    from notebook_img.mcp.work import Work

    # A host starts one server per client, with what its configuration says. Clients of `--http` share one, and choose their names.
    studio.settings.of_a_client = True
    work = Work(studio, scope=given.sessions)
    # A kernel shows what it was started with, which may be more than this server is to show.
    alone = given.alone or (given.sessions is not None and "all" not in given.sessions)
    if errands.POSSIBLE:
        work.worker = errands.Worker(work)
    if work.page and shows_pictures(given.tools):
        work.pages.address = page_server(work, given.tools)

    async def serve() -> None:
        here = asyncio.get_running_loop()

        def terminated(*_: object) -> None:
            # Once is enough: a second one must not break off the waiting for what is on its way. The loop ends between two
            # steps, so that no request is hit before it is written down as a job.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                here.call_soon_threadsafe(_exit)

        with contextlib.suppress(ValueError, AttributeError):
            signal.signal(signal.SIGTERM, terminated)
        server = build(work, given.tools, lambda work, tools: JoiningServer(work, tools, notebook=given.notebook, alone=alone))
        assert isinstance(server, JoiningServer)
        try:
            await server.run_stdio_async()
        finally:
            with anyio.CancelScope(shield=True):
                await server.close_link()

    # A host closes stdin, waits a moment and then terminates: what is on its way by then is still waited for.
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGTERM, _exit)
    code = 0
    try:
        anyio.run(serve)
    except (KeyboardInterrupt, SystemExit):
        code = 0
    except NotebookImgError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        code = 1
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN if work.under_way else signal.SIG_DFL)
    work.drain(longest(studio.settings))
    work.close()
    studio.close()
    sys.stderr.flush()
    # A thread may still wait for stdin, which nothing can end; Python would wait for it.
    os._exit(code)


def _exit(*_: object) -> NoReturn:
    raise SystemExit(0)
