"""Azure through the studio: the turn records the real model, the deployment stands in what was sent; the doctor says which way is used."""

from __future__ import annotations

import pytest

from notebook_img.studio.doctor import examine
from tests.studio.conftest import KEY as OPENAI_KEY


@pytest.fixture
def environ(service, home):
    (home / "endpoints.toml").write_text('[azure.deployments]\npainter = "gpt-image-2.6-sunburst"\nreader = "gpt-6.1-terra"\n')
    return {"AZURE_OPENAI_ENDPOINT": service.url, "AZURE_OPENAI_API_KEY": "azure-key-0123456789"}


def test_a_turn_records_the_model_and_what_was_sent_the_deployment(studio_of, environ):
    fox = studio_of(environ).session("fox")
    first = fox.generate("a fox", model="openai:painter")
    second = fox.edit("make it night")
    answer = fox.ask("what is it?")
    assert [turn.model for turn in (first, second, answer)] == [
        "openai:gpt-image-2.6-sunburst",
        "openai:gpt-image-2.6-sunburst",
        "openai:gpt-6.1-terra",
    ]
    assert first.sent["requests"][0]["model"] == "painter"
    assert first.cost > 0


def test_the_doctor_says_which_of_two_connections_wins(studio_of, environ):
    def told(**more: str) -> str:
        found = [each for each in examine(studio_of({**environ, **more})) if each.what == "openai"]
        return " ".join(text for each in found for text in (each.details, *dict(each.facts).values()))

    assert "Azure OpenAI at 127.0.0.1, v1" in told()
    assert "a key of OpenAI's comes first; AZURE_OPENAI_ENDPOINT is not used" in told(OPENAI_API_KEY=OPENAI_KEY)
    assert "azure-key" not in told()
