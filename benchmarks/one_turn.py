"""One edit turn beside the bare SDK: stored but not shown, and shown inline beside what people write by hand."""

from __future__ import annotations

import itertools
import os
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Row, home_of_its_own, interleaved, seconds_row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulators.process import Running

MODEL = "gemini-nano-banana-2.1"
KEY = "benchmark-key-0123456789"
MEGABYTE = 1_000_000


def rows(rounds: int = 15) -> list[Row]:
    """Measure both."""
    from tests.emulators.process import running

    with running("gemini") as service:
        service.control(canned=MEGABYTE)
        return [stored(service, rounds), shown(service, rounds)]


def picture() -> bytes:
    """Return a picture of about a megabyte to edit."""
    from tests.emulators.painting import textured, weighted

    return weighted(textured((1024, 1024)), MEGABYTE, b"input")


def client_for(service: Running) -> Any:
    """Return the SDK's client as people make it."""
    from google import genai
    from google.genai import types

    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=service.url))


def bare(client: Any, prompt: str, data: bytes) -> bytes:
    """Return the picture of one bare SDK call."""
    from google.genai import types

    reply = client.models.generate_content(
        model=MODEL,
        contents=[types.Part.from_bytes(data=data, mime_type="image/png"), prompt],
        config=types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"]),
    )
    return next(part.inline_data.data for part in reply.candidates[0].content.parts if part.inline_data)


def stored(service: Running, rounds: int) -> Row:
    """Measure a turn that is stored against the SDK call and writing the file."""
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio

    data = picture()
    client = client_for(service)
    numbers = itertools.count()
    with home_of_its_own() as home:
        studio = Studio(
            settings=Settings({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}, budget=1e9)
        )
        session = studio.session("fox")
        folder = home.parent / "by hand"
        folder.mkdir()

        def ours() -> None:
            session.edit(f"make it night {next(numbers)}", data)

        def theirs() -> None:
            number = next(numbers)
            written_through(folder / f"{number}.png", bare(client, f"make it night {number}", data))

        mine, hand = interleaved(ours, theirs, rounds=rounds, warm=3)
        studio.close()
    return seconds_row(
        "one edit turn, latency 0, 1 MB picture, stored, not shown", mine, "the bare SDK call, the file written and on the disk", hand, 1.15
    )


def written_through(path: Path, data: bytes) -> None:
    """Write a file as a program must that loses nothing: it and its name are on the disk before it goes on."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


CELL = """
import io, itertools, time
from pathlib import Path
from IPython.display import display
from PIL import Image
from google import genai
from google.genai import types
get_ipython().run_line_magic("load_ext", "notebook_img")
client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))
numbers = itertools.count()
data = Path("input.png").read_bytes()

def ours():
    get_ipython().run_line_magic("imgedit", f"input.png make it night {next(numbers)}")

def theirs():
    number = next(numbers)
    reply = client.models.generate_content(
        model=MODEL, contents=[types.Part.from_bytes(data=data, mime_type="image/png"), f"make it night {number}"],
        config=types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"]),
    )
    image = Image.open(io.BytesIO(next(part.inline_data.data for part in reply.candidates[0].content.parts if part.inline_data)))
    image.save(f"{number}.png")
    display(image)

def timed(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
"""


def shown(service: Running, rounds: int) -> Row:
    """Measure the same turn in a real kernel, shown inline, against an SDK call with PIL, save and display."""
    from tests.jupyter.kernels import environment, running_kernel

    mine: list[float] = []
    hand: list[float] = []
    with home_of_its_own() as home:
        work = home.parent / "work"
        work.mkdir()
        (work / "input.png").write_bytes(picture())
        environ = environment(home, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=service.url, NOTEBOOK_IMG_BUDGET="1000000")
        with running_kernel(environ, work) as kernel:
            kernel.good(f"URL, KEY, MODEL = {service.url!r}, {KEY!r}, {MODEL!r}\n{CELL}")
            for number in range(-2, rounds):
                for name, found in ("ours", mine), ("theirs", hand):
                    ran = kernel.good(f"print('took', timed({name}))")
                    assert ran.drawn == 1
                    if number >= 0:
                        found.append(float(ran.printed.rsplit("took", 1)[1]))
    return seconds_row(
        "the same turn shown inline (real kernel)",
        statistics.median(mine),
        "by hand: SDK call, PIL open, save, display",
        statistics.median(hand),
        0.2,
    )
