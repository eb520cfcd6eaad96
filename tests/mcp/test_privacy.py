"""A photograph's place, serial numbers and owner go neither to a service nor to an agent."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.emulators.process import Running
from tests.mcp.conftest import Desk, called, held
from tests.studio.test_privacy import photograph, sent, told


async def test_an_edit_for_an_agent_keeps_them_from_the_service_and_from_the_agents_host(desk: Desk, gemini: Running, folder: Path):
    (folder / "photo.jpg").write_bytes(photograph())
    async with held(desk.client()) as client:
        await called(client, "edit_image", imagePath="photo.jpg", prompt="make it night", outputPath="night.png")
        (session,) = desk.studio.store.sessions()
        (turn,) = desk.studio.store.turns(session.id)
        given = [(await client.read_resource(f"nbimg://pictures/{use.sha256}")).contents[0].blob for use in turn.pictures]
    kept = [desk.studio.store.read_picture(use.sha256) for use in turn.pictures]
    assert [bool(told(data)) for data in kept] == [use.role == "input" for use in turn.pictures]
    assert not any(told(base64.b64decode(data)) for data in given)
    assert len(gemini.requests("generateContent")) == 1
    assert not told(sent(gemini))
