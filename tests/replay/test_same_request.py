"""Files whose bytes changed but not what is seen of them, and URLs whose picture is known: the same request, at no cost and offline."""

from __future__ import annotations

import http.server
import io
import threading

import pytest
from PIL import Image, PngImagePlugin


def png(colour, stamp=""):
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    if stamp:
        info.add_text("Creation Time", stamp)
    Image.new("RGB", (30, 20), colour).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def mask():
    image = Image.new("L", (30, 20), 0)
    image.paste(255, (5, 5, 20, 15))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


MASK = mask()


@pytest.fixture
def work(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", ["night.png", "night.jpg", "night.webp"])
@pytest.mark.parametrize("how", ["renamed", "copied", "by nbconvert", "packed"])
def test_a_file_of_ours_is_the_picture_it_holds_whatever_session_stands_in_it(kernel, work, tmp_path, name, how):
    cells = [("A", f"gen('fox', output='{name}', force=True)"), ("B", f"edit('night', '{name}')")]
    one, two = work / "one.ipynb", work / "two.ipynb"
    one.touch()
    first = kernel(notebook=one, session=None)
    made = [first.run(*cell) for cell in cells]
    assert [cell.error for cell in made] == [None, None]
    before = (work / name).read_bytes()
    home = {}
    if how == "renamed":
        one.rename(two)
        first.session.rename("other")
    elif how == "copied":
        two.touch()
    elif how == "packed":
        first.studio.pack()
        two = one
        first.session.rename("other")
        home = {"home": tmp_path / "theirs"}
    again = kernel(notebook=None if how == "by nbconvert" else two, session=None, ids=how != "by nbconvert", **home)
    again.run("O", "gen('other work')")
    done = [again.run(*cell) for cell in cells]
    assert [cell.error for cell in done] == [None, None]
    assert [(cell.calls, cell.hashes) for cell in done] == [(0, cell.hashes) for cell in made]
    assert how == "renamed" or (work / name).read_bytes() != before, "another id stands in it"


def test_a_file_that_is_written_anew_with_the_same_pixels_costs_nothing(kernel, work):
    source = "edit('night', 'plot.png')"
    (work / "plot.png").write_bytes(png("red", "10:00"))
    made = kernel().run("A", source)
    (work / "plot.png").write_bytes(png("red", "10:05"))
    again = kernel().run("A", source)
    assert (again.calls, again.hashes) == (0, made.hashes)
    (work / "plot.png").write_bytes(png("blue", "10:05"))
    assert kernel().run("A", source).calls == 1


@pytest.fixture
def address():
    """A server of one picture, which can be changed or stopped: ``address.url``, ``address.data``, ``address.stop()``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked += 1
            data = MASK if "mask" in self.path else served.data
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            return None

    class Served:
        data = png("red")
        asked = 0

        def __init__(self):
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            self.url = f"http://127.0.0.1:{self.server.server_port}/fox.png?signature=secret"
            threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

        def stop(self):
            if self.server:
                self.server.shutdown()
                self.server.server_close()
                self.server = None

    served = Served()
    yield served
    served.stop()


@pytest.mark.parametrize("packed", [False, True], ids=["from the store", "from a pack"])
def test_a_cell_with_a_url_is_replayed_without_a_network(kernel, work, tmp_path, address, packed):
    notebook = work / "one.ipynb"
    notebook.touch()
    url, mask = address.url, address.url.replace("fox", "mask")
    source = f"edit('night', {url!r}); gen('like this', references=[{url!r}]); edit('hats', {url!r}, mask={mask!r})"
    first = kernel(notebook=notebook, session=None)
    made = first.run("A", source)
    assert (made.error, made.calls) == (None, 3)
    if packed:
        first.studio.pack()
    address.stop()
    again = kernel(notebook=notebook, session=None, **({"home": tmp_path / "theirs"} if packed else {})).run("A", source)
    assert (again.error, again.calls, again.hashes) == (None, 0, made.hashes)
    assert b"secret" not in (first.studio.store.home / "store.sqlite").read_bytes()


def test_a_url_is_fetched_again_when_the_cell_is_run_again(kernel, address):
    source = f"edit('night', {address.url!r})"
    running = kernel()
    running.run("A", source)
    address.data = png("blue")
    again = running.run("A", source)
    assert (again.calls, address.asked) == (1, 2)
    assert again.turns[0].inputs[0].pil().getpixel((1, 1)) == (0, 0, 255)
    asked = address.asked
    later = kernel().run("A", source)
    assert (later.calls, later.hashes, address.asked) == (0, again.hashes, asked)


def test_where_replay_is_only_no_url_is_fetched(kernel, address):
    cells = [f"edit('night', {address.url!r})", f"edit('day', {address.url!r})", f"edit('day', {address.url!r}, fresh=True)"]
    made = kernel().run("A", cells[0])
    address.data, asked = png("blue"), address.asked
    later = kernel(replay="only")
    done = [later.run(*cell) for cell in zip("ABC", cells, strict=True)]
    assert done[0].hashes == made.hashes
    assert [type(cell.error).__name__ for cell in done[1:]] == ["ReplayMissError"] * 2
    unknown = later.run("D", f"edit('night', {address.url.replace('fox', 'wolf')!r})")
    assert type(unknown.error).__name__ == "ReplayMissError"
    assert "/wolf.png is not stored here" in str(unknown.error)
    assert "secret" not in str(unknown.error)
    assert address.asked == asked
