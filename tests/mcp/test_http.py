"""The HTTP server: who gets in, what is refused, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from notebook_img.errors import UsageError
from notebook_img.mcp import discovery, idle_connections, server_log
from notebook_img.mcp.http_server import ServerHandle, handle_of, is_loopback, serve
from notebook_img.mcp.tools.base import BRIDGE_HEADER, FOLDERS_HEADER
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import ERAS, called, paint, refused
from tests.needs import needs_fork, needs_modes

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture
def handle(folder: Path, home: Path) -> Iterator[ServerHandle]:
    with serve(Studio()) as served:
        yield served


def post(handle: ServerHandle, *, token: str | None = "right", body: Any = None, **headers: str) -> httpx.Response:
    given = {**ACCEPT, **headers}
    if token is not None:
        given["Authorization"] = f"Bearer {handle.token if token == 'right' else token}"
    content = body if isinstance(body, (bytes, str)) else json.dumps(body or HELLO)
    return httpx.post(handle.url, content=content, headers=given, trust_env=False, timeout=20)


def over_http(handle: ServerHandle, era: str = "auto", **headers: str) -> Client:
    http = httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {handle.token}", **headers}, timeout=httpx2.Timeout(30, read=None), trust_env=False
    )
    return Client(streamable_http_client(handle.url, http_client=http, max_sse_event_size=None), mode=era)  # type: ignore[arg-type]


def test_the_right_token_gets_in(handle: ServerHandle):
    assert post(handle).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {half}",
        "Token {token}",
    ],
)
def test_any_other_authorization_is_refused_before_anything_is_read(handle: ServerHandle, authorization: str | None):
    assert handle.token is not None
    headers = {} if authorization is None else {"Authorization": authorization.format(token=handle.token, half=handle.token[:20])}
    reply = post(handle, token=None, **headers)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert handle.token not in reply.text


@pytest.mark.parametrize("path", ["/", "/mcp/", "/docs", "/.well-known/oauth-protected-resource", "/mcp/../mcp"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT"])
def test_no_route_and_no_method_is_open_without_a_token(handle: ServerHandle, path: str, method: str):
    reply = httpx.request(method, handle.url.removesuffix("/mcp") + path, trust_env=False)
    assert reply.status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{port}",
        "0.0.0.0:{port}",
        "127.0.0.1.evil:{port}",
    ],
)
def test_a_foreign_host_is_refused(handle: ServerHandle, host: str):
    assert post(handle, Host=host.format(port=handle.port)).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:8888",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil",
        "file://",
        "http://evil@127.0.0.1:{port}",
    ],
)
def test_a_foreign_origin_is_refused(handle: ServerHandle, origin: str):
    assert post(handle, Origin=origin.format(port=handle.port)).status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{port}", "http://localhost:{port}"])
def test_our_own_origin_gets_in(handle: ServerHandle, origin: str):
    assert post(handle, Origin=origin.format(port=handle.port)).status_code == 200


def test_hosts_are_checked_in_the_modern_era_too(handle: ServerHandle):
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "server/discover",
        "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}},
    }
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
    assert post(handle, body=body, Host="evil.example", **headers).status_code == 421
    assert post(handle, body=body, Origin="https://evil.example", **headers).status_code == 403


def test_a_body_that_is_too_large_or_no_json_is_refused(handle: ServerHandle):
    assert post(handle, body=b"x" * (33 * 1024 * 1024)).status_code == 413
    assert post(handle, body="{no json").status_code == 400


def test_it_listens_on_loopback_only(handle: ServerHandle):
    others = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1", "127.0.1.1"}
    for address in others:
        with pytest.raises(OSError):
            socket.create_connection((address, handle.port), timeout=1).close()


def test_another_address_is_served_with_a_warning(folder: Path):
    with pytest.warns(UserWarning, match="every computer"):
        handle = serve(Studio(), host="0.0.0.0")
    with handle:
        assert post(handle).status_code == 200
        assert post(handle, Host="evil.example").status_code == 421


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("example.com", False)],
)
def test_loopback_is_recognised(host: str, expected: bool):
    assert is_loopback(host) is expected


def test_no_token_is_in_what_is_shown(handle: ServerHandle, capsys: pytest.CaptureFixture[str]):
    from notebook_img.mcp import command

    assert handle.studio is not None
    for name in ("status", "log"):
        command(handle.studio, [name])
    command(handle.studio, ["config", "claude-desktop"])
    found = discovery.find(handle.studio.settings.home)
    shown = capsys.readouterr().out + repr(handle) + str(handle) + repr(found) + repr(server_log.lines())
    assert handle.token not in shown
    assert handle.work.bridge_secret not in shown


def test_the_token_is_new_at_each_start_and_the_old_one_refused(handle: ServerHandle):
    old, port = handle.token, handle.port
    handle.stop()
    with serve(Studio(), port=port) as again:
        assert again.port == port
        assert again.token != old
        assert post(again, token=old).status_code == 401


@needs_modes
def test_the_announcement_is_private_and_goes_with_the_server(handle: ServerHandle):
    path = handle.announcement
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    handle.stop()
    assert not path.exists()


@needs_modes
def test_an_announcement_others_may_read_is_not_believed(handle: ServerHandle, home: Path):
    assert handle.announcement is not None
    handle.announcement.chmod(0o644)
    assert discovery.find(home) == []


def test_announcements_of_dead_processes_are_cleared_away(handle: ServerHandle, home: Path):
    assert handle.announcement is not None
    facts = json.loads(handle.announcement.read_text())
    host = facts["owner"].split(":")[0]
    stale = handle.announcement.with_name("notebook-img-mcp-999999-1.json")
    stale.write_text(json.dumps({**facts, "owner": f"{host}:999999:1", "started": facts["started"] + 9}))
    stale.chmod(0o600)
    assert [row.url for row in discovery.find(home)] == [handle.url]
    assert not stale.exists()
    assert discovery.find(home / "other") == []
    assert discovery.find(home, "analysis.ipynb") == []


def test_stopping_leaves_no_thread_no_file_and_the_loggers_as_they_were(folder: Path):
    import notebook_img.loop as core

    core.run(_nothing)  # the core's own thread is not the server's
    names = {name: logging.getLogger(name).propagate for name in server_log.LOGGERS}
    root = list(logging.getLogger().handlers)
    before = set(threading.enumerate())
    handle = serve(Studio())
    assert post(handle).status_code == 200
    handle.stop()
    handle.stop()
    assert not handle.running
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()
    assert {name: logging.getLogger(name).propagate for name in server_log.LOGGERS} == names
    assert list(logging.getLogger().handlers) == root


async def _nothing(_tell: Any) -> None:
    return None


def test_two_servers_run_side_by_side_and_a_taken_port_is_an_error(handle: ServerHandle):
    with serve(Studio()) as second:
        assert {post(handle).status_code, post(second).status_code} == {200}
    with pytest.raises(UsageError, match="cannot listen"):
        serve(Studio(), port=handle.port)
    with pytest.raises(UsageError, match="cannot listen"):
        serve(Studio(), port=99_999)


def test_a_studio_knows_its_server(handle: ServerHandle):
    assert handle.studio is not None
    assert handle_of(handle.studio) is handle
    handle.stop()
    assert handle_of(handle.studio) is None


@pytest.mark.parametrize("era", ERAS)
async def test_tools_work_over_http_in_both_eras(handle: ServerHandle, folder: Path, era: str):
    async with over_http(handle, era) as client:
        result = await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")
        assert result.structured_content["files"] == [str(folder / "a.png")]
    assert handle.work.calls == 1


def _bridge_headers(secret: str, base: Path) -> dict[str, str]:
    import base64

    facts = {"base": str(base), "allowed": [str(base)], "urls": False}
    return {BRIDGE_HEADER: secret, FOLDERS_HEADER: base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()}


async def test_only_a_bridge_that_read_our_file_can_name_other_folders(handle: ServerHandle, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    paint(other / "dog.png")
    assert handle.token is not None
    for secret in ("", "wrong", handle.token):
        async with over_http(handle, **_bridge_headers(secret, other)) as client:
            assert "outside" in await refused(client, "view_image", image=str(other / "dog.png"))
    async with over_http(handle, **_bridge_headers(handle.work.bridge_secret, other)) as client:
        await called(client, "view_image", image="dog.png")


async def test_a_hundred_calls_at_once_over_http(handle: ServerHandle):
    async with over_http(handle) as client:
        results = await asyncio.gather(
            *(client.call_tool("analyze_image", {"image": "cat.png", "prompt": "What size is it?"}) for _ in range(100))
        )
    assert not [result for result in results if result.is_error]
    assert len({result.structured_content["id"] for result in results}) == 100


def test_connections_answer_without_delay_because_the_socket_says_tcp(handle: ServerHandle):
    assert handle._socket.proto == socket.IPPROTO_TCP


@needs_fork
def test_a_forked_child_leaves_the_server_alone(handle: ServerHandle):
    assert handle.announcement is not None
    child = os.fork()
    if child == 0:
        handle._at_exit()
        os._exit(0)
    os.waitpid(child, 0)
    assert handle.announcement.exists()
    assert post(handle).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"],
)
def test_a_connection_whose_client_says_no_more_is_closed(handle: ServerHandle, monkeypatch: pytest.MonkeyPatch, sent: bytes):
    monkeypatch.setattr(idle_connections, "IDLE", 0.2)
    with socket.create_connection(("127.0.0.1", handle.port), timeout=20) as connection:
        connection.sendall(sent)
        heard = b""
        try:
            while part := connection.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
    # One that is refused for its missing token may hear so first.
    assert heard == b"" or heard.startswith(b"HTTP/1.1 401")
