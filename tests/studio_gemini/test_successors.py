"""A session goes on with the successor of a model that has ended, when told to: the picture goes along, the old model's own state does not."""

from __future__ import annotations

import json

from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.studio_gemini.conftest import MODEL, painted

ENDED = "gemini:gemini-3.1-flash-image"


def last_contents(service: Running) -> str:
    return json.dumps(painted(service)[-1]["body"]["contents"])


def test_again_with_the_successor_starts_where_the_old_model_did(fox: Session, service: Running):
    fox.generate("a fox", model=ENDED)
    first = fox.edit("at night", model=ENDED)
    assert "thoughtSignature" in last_contents(service) or "thought_signature" in last_contents(service)

    again = fox.edit(again=True, model=MODEL)

    assert (again.model, again.parent, again.prompt) == (MODEL, first.parent, "at night")
    assert "ignature" not in last_contents(service)
    assert "t1 was made by gemini-3.1-flash-image: its picture is sent, that model's own state is not." in again.warnings


def test_a_session_goes_on_with_the_successor(fox: Session, service: Running):
    first = fox.generate("a fox", model=ENDED)
    edited = fox.edit("at night", model=MODEL)
    warmer = fox.edit("warmer")

    assert (edited.model, edited.parent, warmer.model) == (MODEL, first, MODEL)
    assert edited.inputs[0].sha256 == first.picture.sha256
    assert sum("that model's own state" in warning for turn in (edited, warmer) for warning in turn.warnings) == 1
    assert "ignature" in last_contents(service), "its own state goes along again"
