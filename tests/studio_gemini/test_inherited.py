"""A turn that continues another asks for its ratio and size: in what is sent, never in what was asked."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running


def image_configs(service: Running) -> list[dict[str, Any]]:
    """Return what each request said of its picture."""
    bodies = [row["body"] for row in service.requests("enerateContent")]
    return [body.get("generationConfig", {}).get("imageConfig", {}) for body in bodies]


@pytest.fixture
def wide(fox: Session, service: Running) -> Session:
    service.reset()
    fox.generate("a fox", aspect_ratio="16:9", size="2K")
    return fox


def test_an_edit_keeps_ratio_and_size_over_many_turns(wide: Session, service: Running) -> None:
    wide.edit("warmer")
    last = wide.edit("add a scarf")
    assert image_configs(service) == [{"aspectRatio": "16:9", "imageSize": "2K"}] * 3
    assert "aspect_ratio" not in last.asked
    assert last.sent["inherited"] == {"aspect_ratio": "16:9", "size": "2K"}
    assert last.warnings == ()


def test_what_is_typed_a_new_line_and_a_changed_frame_inherit_nothing(wide: Session, service: Running) -> None:
    wide.edit("as a square", aspect_ratio="1:1")
    assert image_configs(service)[-1] == {"aspectRatio": "1:1"}
    wide.edit("warmer", "sample:chelsea")
    assert image_configs(service)[-1] == {}
    wide.checkout("t1")
    square = wide.edit("crop to a square")
    assert square.model.startswith("local:"), "an exact operation"
    wide.edit("warmer")
    assert image_configs(service)[-1] == {}, "the picture has another ratio now"


def test_the_built_in_engine_in_between_changes_nothing(wide: Session, service: Running) -> None:
    wide.edit("rotate by 180 degrees")
    wide.edit("warmer")
    assert image_configs(service)[-1] == {"aspectRatio": "16:9", "imageSize": "2K"}


def test_a_model_that_lacks_them_gets_its_nearest_and_that_is_said_and_the_wish_lives_on(wide: Session, service: Running) -> None:
    other = wide.edit("warmer", model="gemini:gemini-2.5-flash-image")
    assert any("2K" in warning for warning in other.warnings), other.warnings
    again = wide.edit("add a scarf", model="gemini:gemini-nano-banana-2.1")
    assert image_configs(service)[-1] == {"aspectRatio": "16:9", "imageSize": "2K"}
    assert not any("2K" in warning for warning in again.warnings)


def test_the_key_of_the_request_stays(wide: Session, new_studio: Any) -> None:
    turn = wide.edit("warmer")
    assert "inherited" not in str(turn.asked)
    studio: Studio = new_studio()
    plan = studio.session("fox").edit("warmer", dry_run=True, start="t1")
    assert plan.options == {}
