"""A closed studio has no open connection left: its providers are closed and forgotten, and made anew when it is used again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from notebook_img import loop, providers
from notebook_img.providers import registry
from notebook_img.studio.studio import Studio
from tests.studio.conftest import GEMINI_KEY, Start, ark_environ, openai_environ


@pytest.fixture
def busy(studio_of: Callable[..., Studio], start: Start) -> Studio:
    """A studio that has made a picture with each way to the network: google-genai, openai, and httpx itself."""
    gemini = start("gemini")
    gemini.control(key=GEMINI_KEY)
    environ = {"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": gemini.url}
    studio = studio_of({**environ, **openai_environ(start("openai")), **ark_environ(start("ark"))})
    for name in ("gemini", "openai", "ark"):
        assert studio.session("fox").generate("a fox", model=name).pictures
    return studio


def clients(studio: Studio) -> dict[str, list[object]]:
    """Return the real clients its providers hold open."""
    gemini, openai, ark = (providers.get(name, studio.settings) for name in ("gemini", "openai", "ark"))
    api = gemini.clients._client[1]._api_client
    return {
        "google-genai": [*(each for each in (api._httpx_client, *asynchronous(api)) if each is not None)],
        "openai": [client for made in openai._clients._made.values() for client in made.values()],
        "httpx": [ark.transport._client],
    }


def asynchronous(api: object) -> list[object]:
    """Return the SDK's clients of every loop."""
    pool = api._async_httpx_client
    return [*pool._loop_clients.values()] if hasattr(pool, "_loop_clients") else [pool]


def is_closed(client: object) -> bool:
    told = client.is_closed
    return told() if callable(told) else told


def test_closing_closes_the_clients_of_the_sdks(busy: Studio) -> None:
    held = clients(busy)
    assert all(held.values()), "each has clients to close"
    assert not [name for name, each in held.items() if any(is_closed(client) for client in each)]
    busy.close()
    assert not [name for name, each in held.items() if not all(is_closed(client) for client in each)]


def test_a_closed_studio_can_be_used_again_and_closed_twice(busy: Studio) -> None:
    before = providers.get("ark", busy.settings)
    busy.close()
    busy.close()
    for name in ("gemini", "openai", "ark"):
        assert busy.session("fox").generate("another fox", model=name).pictures
    assert providers.get("ark", busy.settings) is not before


def test_closing_an_unused_studio_makes_no_provider_and_no_store(studio_of: Callable[..., Studio]) -> None:
    studio = studio_of({})
    studio.close()
    assert studio.settings not in registry._made
    assert not list(studio.settings.home.iterdir())


def test_providers_are_closed_on_the_cores_loop_and_one_that_fails_stops_no_other(
    studio_of: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CLOSE_SECONDS", 0.1)
    studio = studio_of({})
    closed: list[tuple[str, bool]] = []

    class Failing:
        name = "failing"

        async def aclose(self) -> None:
            closed.append((self.name, loop.on_core()))
            raise RuntimeError("broken")

    class Hanging(Failing):
        name = "hanging"

        async def aclose(self) -> None:
            closed.append((self.name, loop.on_core()))
            await asyncio.sleep(3600)

    class Plain(Failing):
        name = "plain"

        async def aclose(self) -> None:
            closed.append((self.name, loop.on_core()))

    registry._made[studio.settings] = {kind.name: kind() for kind in (Failing, Hanging, Plain)}
    studio.close()
    assert sorted(closed) == [("failing", True), ("hanging", True), ("plain", True)]
    assert studio.settings not in registry._made


def test_closing_from_the_cores_own_thread_does_not_wait_for_itself(studio_of: Callable[..., Studio]) -> None:
    studio = studio_of({})
    ended = threading.Event()

    class Plain:
        name = "plain"

        async def aclose(self) -> None:
            ended.set()

    registry._made[studio.settings] = {"plain": Plain()}

    async def close(_tell: object) -> None:
        studio.close()

    loop.run(close)
    assert ended.wait(20)
