"""Image addresses are fetched by http and https only, within limits, and never from where they must not lead."""

from __future__ import annotations

import _thread
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from notebook_img.errors import PictureError, UsageError
from notebook_img.pictures import fetch, fetching, load, public_addresses, vetted_address
from notebook_img.settings import Settings
from notebook_img.studio import Studio
from notebook_img.widgets.uploads import opened
from tests.emulators.dripping import dripping
from tests.pictures.making import file, photo

PNG = file(photo())


class Site(BaseHTTPRequestHandler):
    """A web server with every bad habit, one a path."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.seen.append((path, self.headers["Host"]))
        if path == "/cat.jpg":  # says JPEG, sends PNG
            self.reply(200, PNG, "image/jpeg")
        elif path.startswith("/hop"):
            left = int(path[4:])
            self.redirect(f"/hop{left - 1}" if left else "/cat.jpg")
        elif path == "/file":
            self.redirect("file:///etc/passwd")
        elif path == "/ftp":
            self.redirect("ftp://127.0.0.1/cat.png")
        elif path == "/inside":
            self.redirect(f"http://localhost:{self.server.server_port}/cat.jpg")
        elif path == "/page":
            self.reply(200, b"<!doctype html><title>Sign in</title>", "image/png")
        elif path == "/none":
            self.reply(404, b"no", "text/plain")
        elif path == "/empty":
            self.reply(200, b"", "image/png")
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(PNG)))
            self.end_headers()
            self.wfile.write(PNG[:100])
            self.close_connection = True
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(bytes(65536))
            except OSError:
                self.close_connection = True

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", port=server.server_port, seen=server.seen)
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_gives_its_bytes_and_the_type_is_read_from_them(site):
    picture = load(f"{site.url}/cat.jpg?signature=abc")
    assert picture.data == PNG
    assert (picture.mime_type, picture.name) == ("image/png", "cat.jpg")


def test_five_redirects_are_followed_and_not_a_sixth(site):
    assert load(f"{site.url}/hop4").data == PNG
    with pytest.raises(PictureError, match="redirected more than 5"):
        load(f"{site.url}/hop5")


@pytest.mark.parametrize("path", ["/file", "/ftp"])
def test_a_redirect_away_from_http_is_not_followed(site, path: str):
    with pytest.raises(UsageError, match="only http"):
        load(site.url + path)


@pytest.mark.parametrize(
    ("path", "words"), [("/none", "404"), ("/page", "HTML page"), ("/empty", "an empty answer"), ("/cut", "cannot be fetched")]
)
def test_what_is_no_image_is_an_error_that_names_the_address_without_its_query(site, path: str, words: str):
    with pytest.raises(PictureError, match=words) as caught:
        load(f"{site.url}{path}?token=secret")
    assert path in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.timeout(20)
def test_the_transfer_ends_when_it_grows_too_large(site):
    with pytest.raises(PictureError, match="more than 1 MB"):
        load(f"{site.url}/endless", settings=Settings(max_bytes=1_000_000))
    with pytest.raises(PictureError, match="more than 100 bytes"):
        fetch(f"{site.url}/cat.jpg", max_bytes=100)


@pytest.mark.timeout(20)
def test_the_transfer_ends_when_the_time_is_up(site):
    with pytest.raises(PictureError, match="in time"):
        fetch(f"{site.url}/endless", max_bytes=10**12, seconds=0.2)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("where", ["body", "headers", "redirects"])
def test_a_server_that_drips_is_left_when_the_time_is_up(site, where: str):
    """Each byte comes in time, the picture never does: the limit is one for look-ups, redirects, headers and body together."""
    with dripping(where, every=0.12 if where == "redirects" else 0.02) as server:
        with pytest.raises(PictureError, match="whole image in time"):
            fetch(f"{server.url}/cat.png", seconds=0.4)
        assert server.left.wait(5)


@pytest.mark.timeout(20)
def test_the_limit_holds_wherever_an_address_stands_for_a_picture(site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    with dripping("body") as server:
        for use in (
            load,
            lambda url: Studio().session("fox").ask("What is this?", url),
            lambda url: Studio().session("fox").edit("rotate by 90 degrees", "sample:chelsea", mask=url),
            lambda url: opened(url, {}, Settings()),
        ):
            with pytest.raises(PictureError, match="whole image in time"):
                use(f"{server.url}/cat.png")
        assert server.visits == 4


@pytest.mark.timeout(20)
def test_an_interrupt_ends_the_transfer_at_once(site):
    with dripping("body") as server:
        timer = threading.Timer(0.3, _thread.interrupt_main)
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            fetch(f"{server.url}/cat.png")
        assert time.monotonic() - began < 1.3
        assert server.left.wait(5)


def test_nobody_there_is_an_error_of_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PictureError, match="cannot be fetched"):
        load(f"http://127.0.0.1:{port}/cat.png")


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(UsageError) as caught:
        vetted_address("http://me:secret@example.org/a.png")
    assert "secret" not in str(caught.value)


# Public addresses only


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.5",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_an_address_inside_is_refused(host: str):
    with pytest.raises((UsageError, PictureError)):
        vetted_address(f"https://{host}/latest/meta-data")


@pytest.mark.parametrize("network", [*public_addresses.IPV4, *public_addresses.IPV6])
def test_every_reserved_range_is_refused_from_its_first_address_to_its_last(network: str):
    """The table names each with its source."""
    whole = ipaddress.ip_network(network)
    for address in (whole[0], whole[-1]):
        assert not public_addresses.is_public(str(address))


@pytest.mark.parametrize("address", ["64:ff9b::a00:1", "::8.8.8.8", "2002:808:808::1", "4000::1", "fe80::1%eth0", "2001:0:808:808::1"])
def test_what_carries_another_address_or_was_never_given_out_is_refused(address: str):
    assert not public_addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "192.0.1.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::808:808"])
def test_addresses_beside_the_reserved_ranges_are_public(address: str):
    assert public_addresses.is_public(address)


def test_public_only_means_https(site):
    with pytest.raises(UsageError, match="https"):
        vetted_address("http://1.1.1.1/a.png")
    with pytest.raises(UsageError, match="https"):
        load(f"{site.url}/cat.jpg", public_only=True)
    assert site.seen == []


def test_a_public_address_is_given_back_as_a_number():
    assert vetted_address("https://1.1.1.1/a.png") == "1.1.1.1"
    assert vetted_address("https://[2606:4700:4700::1111]/") == "2606:4700:4700::1111"


def test_a_services_own_host_may_be_private_and_its_redirects_elsewhere_may_not(site):
    own = f"127.0.0.1:{site.port}"
    assert fetch(f"{site.url}/hop1", public_only=True, private_host=own) == PNG
    assert {host for _, host in site.seen} == {own}
    with pytest.raises(UsageError):
        fetch(f"{site.url}/inside", public_only=True, private_host=own)
