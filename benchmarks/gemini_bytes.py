"""Bytes sent over ten Gemini turns of 1 MB pictures, by kind of history, beside the SDK's own chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import Row, home_of_its_own
from benchmarks.one_turn import KEY, MEGABYTE, MODEL, client_for, picture

if TYPE_CHECKING:
    from tests.emulators.process import Running

TURNS = 10
PROMPTS = [f"step {number}: a little warmer" for number in range(1, TURNS + 1)]


def rows() -> list[Row]:
    """Measure the three kinds of history and the SDK's chat."""
    sent = measured()
    chat = sum(sent["the SDK's chat"])
    return [
        Row(
            f"bytes sent over {TURNS} turns, 1 MB pictures, history {kind}",
            "the SDK's own chat, resent whole each turn",
            sum(sent[kind]) / chat,
            reach,
            f"{sum(sent[kind]) / 1e6:.1f} MB",
            f"{chat / 1e6:.1f} MB",
        )
        for kind, reach in (("window", 0.2), ("server", 0.2), ("full", 1.0))
    ]


def measured() -> dict[str, list[int]]:
    """Return the bytes of each request, turn by turn."""
    from tests.emulators.process import running

    with running("gemini") as service:
        # A picture of a megabyte each time, and thought signatures that are checked, as in a real session.
        found = {kind: session(service, kind) for kind in ("window", "full", "server")}
        found["the SDK's chat"] = chat(service)
    return found


def session(service: Running, kind: str) -> list[int]:
    """Return what a session of ours sends."""
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio

    service.reset()
    service.control(picture_bytes=MEGABYTE, mime_type="image/jpeg")
    with home_of_its_own() as home:
        environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
        studio = Studio(settings=Settings(environ, history=kind, budget=1e9))
        fox = studio.session("fox")
        for number, prompt in enumerate(PROMPTS):
            turn = fox.edit(prompt, picture() if number == 0 else None)
            assert not turn.warnings, turn.warnings
        studio.close()
    return [row["size"] for row in service.requests()]


def chat(service: Running) -> list[int]:
    """Return what the SDK's own chat sends."""
    from google.genai import types

    service.reset()
    service.control(picture_bytes=MEGABYTE, mime_type="image/jpeg")
    client = client_for(service)  # held: a client that is collected closes its connections
    talk = client.chats.create(model=MODEL, config=types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"]))
    for number, prompt in enumerate(PROMPTS):
        first = [types.Part.from_bytes(data=picture(), mime_type="image/png")] if number == 0 else []
        talk.send_message([*first, prompt])
    return [row["size"] for row in service.requests()]


def main() -> None:
    """Print megabytes by turn."""
    found = measured()
    print("MB sent by turn" + " " * 5 + "".join(f"{number:>7}" for number in range(1, TURNS + 1)) + "    all")
    for kind, sizes in found.items():
        print(f"{kind:<20}" + "".join(f"{size / 1e6:>7.2f}" for size in sizes) + f"{sum(sizes) / 1e6:>7.1f}")


if __name__ == "__main__":
    main()
