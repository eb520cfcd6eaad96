"""Whose sessions agents see in a home that several people share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.settings import Address, Settings
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import OWN, Desk, called, refused
from tests.postgres import needs_postgres, postgres, team_home

__all__ = ["postgres", "team_home"]

pytestmark = needs_postgres


@pytest.fixture
def desk_of(team_home: Callable[[], Address], folder: Path) -> Callable[..., Desk]:
    where = team_home().for_own_process

    def make(person: str, scope: tuple[str, ...] | None = None, variable: str = "NOTEBOOK_IMG_USER") -> Desk:
        work = Work(Studio(settings=Settings(environ={**where, variable: person})), scope=scope)
        return Desk(work.studio, work, build(work))

    return make


async def test_they_see_those_that_their_own_persons_agents_began_unless_all_are_asked_for(desk_of: Callable[..., Desk]):
    drawn = {"prompt": "a red circle on white", "outputPath": "a.png"}
    ann, ben = desk_of("ann"), desk_of("ben")
    ann.studio.session("fox").generate("a red circle on white")
    async with ann.client() as client:
        await called(client, "generate_image", **drawn)
    async with ben.client() as client:
        assert "There are none yet" in await refused(client, "show_session", session=OWN)
        made = await called(client, "generate_image", **drawn)
        assert made.structured_content["sessionId"] == "work 2, agents"
    for person, seen in (("ann", {OWN}), ("ben", {"work 2, agents"})):
        async with desk_of(person).client() as client:
            assert {row["name"] for row in (await called(client, "list_sessions")).structured_content["sessions"]} == seen
    async with desk_of("ben", ("all",)).client() as client:
        assert (await called(client, "get_status")).structured_content["sessions"] == 3


async def test_users_of_a_hub_are_persons_though_they_share_a_login(desk_of: Callable[..., Desk]):
    ann, ben = desk_of("ann", variable="JUPYTERHUB_USER"), desk_of("ben", variable="JUPYTERHUB_USER")
    async with ann.client() as client:
        await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")
    async with ben.client() as client:
        assert "There are none yet" in await refused(client, "show_session", session=OWN)
