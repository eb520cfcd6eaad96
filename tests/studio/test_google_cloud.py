"""Gemini on Google Cloud through the studio: no key, raw state bound to project and location, what the doctor says."""

from __future__ import annotations

import pytest

from notebook_img.errors import AuthenticationError
from notebook_img.studio.doctor import examine
from tests.google_account import account_file
from tests.studio.conftest import spends


@pytest.fixture
def gemini(start):
    return start("gemini")


@pytest.fixture
def environ(gemini, home):
    return {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "picture-lab",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_VERTEX_BASE_URL": gemini.url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(account_file(home, gemini.url)),
        "NOTEBOOK_IMG_USER": "Ada",
    }


def contents(gemini) -> list[int]:
    """How many contents each request had: one, or the earlier turn's too."""
    return [len(row["body"]["contents"]) for row in gemini.requests("generateContent")]


def test_edits_continue_with_the_models_own_parts_within_project_and_location_only(studio_of, gemini, environ):
    fox = studio_of(environ).session("fox")
    assert fox.generate("a fox").model == "gemini:gemini-nano-banana-2.1"
    fox.edit("make it night")
    assert contents(gemini) == [1, 3]
    elsewhere = studio_of({**environ, "GOOGLE_CLOUD_LOCATION": "global"}).session("fox")
    elsewhere.edit("warmer")
    assert contents(gemini) == [1, 3, 1]
    again = studio_of(environ).session("fox")
    again.checkout("t2")
    again.edit("colder")
    assert contents(gemini) == [1, 3, 1, 3]


def test_calls_carry_who_asks(studio_of, gemini, environ, home):
    studio_of(environ).session("fox").generate("a fox")
    labels = gemini.requests("generateContent")[0]["body"]["labels"]
    assert labels == {"person": "ada", "home": home.name.casefold()}


def test_a_token_that_is_not_given_books_nothing(studio_of, gemini, environ):
    gemini.control(revoked=True)
    studio = studio_of(environ)
    with pytest.raises(AuthenticationError, match="Nothing was sent"):
        studio.session("fox").generate("a fox")
    assert spends(studio) == [("failed", 0.0)]


def test_the_doctor_says_which_connection_is_used_and_why(studio_of, environ):
    studio = studio_of({**environ, "GEMINI_API_KEY": "AIza-lies-about-0123456789"})
    (found,) = [each for each in examine(studio) if each.what == "gemini"]
    assert found.state == "ok"
    told = dict(found.facts)
    assert told["connection"].startswith("Google Cloud, project picture-lab, europe-west4; service account painter@")
    assert "GEMINI_API_KEY) is not used" in told["connection"]
    assert "key" not in told
    assert "AIza" not in f"{found}"
