"""One turn with Gemini: what is asked, sent and got, and what is kept of it."""

from __future__ import annotations

import json

from PIL import Image

from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.studio_gemini.conftest import KEY, MODEL, painted, png


def test_a_generated_picture_has_the_ratio_and_size_asked_for(fox: Session):
    turn = fox.generate("a fox", aspect_ratio="16:9", size="2K")

    assert turn.model == MODEL
    assert turn.picture.width / turn.picture.height == 16 / 9 or abs(turn.picture.width / turn.picture.height - 16 / 9) < 0.01
    assert turn.picture.width > 2048
    assert turn.warnings == ()


def test_the_words_beside_a_picture_are_kept(fox: Session):
    assert fox.generate("a fox").text == "Here is your picture."


def test_asked_sent_and_got_are_recorded_without_bytes_and_without_the_key(fox: Session, studio: Studio):
    turn = fox.edit("make it night", "sample:chelsea", size="1K")
    stored = studio.store.turn(fox.id, turn.number)

    assert stored is not None
    assert stored.asked == {"size": "1K"}
    parts = stored.sent["contents"][0]["parts"]
    assert {"inline_data": {"data": f"sha256:{turn.inputs[0].sha256}", "mime_type": "image/jpeg"}} in parts
    assert stored.sent["config"]["image_config"] == {"image_size": "1K"}
    assert stored.got["finish_reason"] == "STOP"
    assert stored.got["pictures"] == [{"mime_type": "image/png", "width": turn.picture.width, "height": turn.picture.height}]
    assert KEY not in json.dumps([stored.sent, stored.got, dict(stored.usage)])
    assert stored.key_mark
    assert stored.key_mark not in KEY


def test_n_pictures_are_parallel_requests_of_one_turn_and_one_is_picked_to_go_on_from(fox: Session, service: Running):
    turn = fox.generate("a fox", n=3)

    assert len(turn.pictures) == len({picture.sha256 for picture in turn.pictures}) == 3
    assert [picture.name for picture in turn.pictures] == ["fox/t1.1", "fox/t1.2", "fox/t1.3"]
    assert turn.cost is not None
    assert abs(turn.cost - 3 * 0.0336) < 0.001
    closer = turn.pick(2).edit("closer")
    assert closer.parent == turn.pick(2)
    assert closer.inputs[0].sha256 == turn.pictures[1].sha256
    assert service.requests()[-1]["state"] == "answered"


def test_of_several_pictures_those_that_came_are_kept_and_the_missing_are_said(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY"})

    turn = fox.generate("a fox", n=3)

    assert len(turn.pictures) == 2
    assert "1 of 3 pictures are missing" in turn.warnings[0]


def test_references_are_sent_and_kept_with_the_turn(fox: Session, service: Running):
    turn = fox.edit("paint it in this style", "sample:chelsea", references=["sample:coffee", png(colour="red")])

    assert turn.references[0].name == "sample:coffee"
    assert len(turn.references) == 2
    request = json.loads(service.body(1))
    sent = [part for part in request["contents"][0]["parts"] if "inlineData" in part]
    assert len(sent) == 3
    # Without this the service would take the frame of the last reference.
    assert request["generationConfig"]["imageConfig"]["aspectRatio"] == "3:2"


def test_a_picture_of_another_size_than_asked_for_carries_a_warning(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "wrong_size"})

    turn = fox.generate("a fox", aspect_ratio="1:1", size="2K")

    assert turn.picture.size == (640, 400)
    assert turn.warnings == ("Asked for the aspect ratio 1:1, got 640 × 400.", "Asked for the size 2K, got 640 × 400.")
    assert "Warning: Asked for the aspect ratio" in turn.figure().text


def test_bytes_are_kept_as_delivered_and_named_by_what_they_are(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "jpeg_as_png"})

    turn = fox.generate("a fox")

    assert turn.picture.mime_type == "image/jpeg"
    assert turn.picture.path is not None
    assert turn.picture.path.suffix == ".jpg"
    assert fox.edit("warmer").picture


def test_two_pictures_in_one_answer_are_both_kept_and_thought_pictures_are_not(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "two_pictures"}, {"kind": "reply", "reply": "thought_picture"})

    assert len(fox.generate("two foxes").pictures) == 2
    thought = fox.generate("a thoughtful fox")
    assert len(thought.pictures) == 1
    assert thought.got["thought_pictures_skipped"] == 1
    assert fox.edit("warmer").picture


def test_a_question_is_answered_in_words_and_leaves_the_head(fox: Session):
    turn = fox.edit("make it night", "sample:chelsea")
    asked = fox.ask("what is this?")

    assert "what is this?" in asked.text
    assert fox.head == turn
    assert fox.ask("and now?").parent == asked


def test_a_mask_confines_the_edit_although_the_service_knows_none(fox: Session, service: Running):
    turn = fox.edit("a red ball", "sample:chelsea", mask="100,100,200,200")

    before, after = turn.inputs[0].pil().convert("RGB"), turn.picture.pil().convert("RGB")
    assert before.size == after.size
    outside = (0, 0, before.width, 100)
    assert before.crop(outside).tobytes() == after.crop(outside).tobytes()
    assert turn.delivered[0].sha256 != turn.picture.sha256
    assert "Change only the region" in service.body(1).decode()
    # The model's own parts do not fit the pasted picture, so that picture itself is what the next turn sends.
    following = fox.edit("warmer")
    assert f"sha256:{turn.picture.sha256}" in json.dumps(following.sent)


def test_several_models_give_siblings(studio: Studio, fox: Session):
    first = fox.edit("make it night", "sample:chelsea")
    other = first.edit("warmer", model="gemini:gemini-2.5-flash-image")
    one = first.edit("warmer", model="gemini")

    assert other.parent == one.parent == first
    assert fox.model == MODEL


def test_a_30_mb_input_is_sent_as_a_smaller_copy_and_kept_whole(fox: Session, service: Running):
    image = Image.effect_noise((4000, 2600), 90)
    big = png_of(Image.merge("RGB", [image, image.rotate(90, expand=False), image.rotate(180)]))
    assert len(big) > 30_000_000

    turn = fox.edit("calmer", big)

    assert turn.inputs[0].data == big
    assert painted(service)[0]["size"] < 27_000_000
    assert any("A copy of image 1 was sent" in warning and "The original is kept" in warning for warning in turn.warnings)


def test_an_animated_input_is_sent_as_its_first_frame_and_that_is_said(fox: Session):
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    import io

    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)

    turn = fox.edit("calmer", out.getvalue())

    assert any("frame 1 of 3" in warning for warning in turn.warnings)
    assert any("PNG" in warning and "A copy of image 1 was sent" in warning for warning in turn.warnings)
    assert turn.inputs[0].mime_type == "image/gif"


def test_a_heic_input_is_sent_as_a_jpeg_or_the_missing_package_is_named(fox: Session, service: Running):
    import pytest

    from notebook_img.errors import PictureError

    try:
        import pillow_heif
    except ImportError:
        box = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 200
        with pytest.raises(PictureError, match=r"pip install 'notebook-img\[heic\]'"):
            fox.edit("warmer", box)
        assert painted(service) == []
        return
    import io

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "teal")).save(out)
    turn = fox.edit("warmer", out.getvalue())
    assert turn.inputs[0].mime_type == "image/heic"
    assert any("sent as JPEG" in warning for warning in turn.warnings)


def png_of(image: Image.Image) -> bytes:
    import io

    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0)
    return out.getvalue()


def test_a_table_with_gaps_may_come_as_a_bare_list(fox: Session, service: Running):
    service.control(answer='[{"year": 2024, "note": "est."}, {"year": null}]')

    answer = fox.ask("the values", png(), table="year int?")

    assert answer.frame().year.isna().tolist() == [False, True]
    assert [note for note in answer.warnings if "'items'" in note or "'note'" in note] == list(answer.warnings)
    schema = service.requests()[0]["body"]["generationConfig"]["responseJsonSchema"]
    assert schema["properties"]["items"]["items"]["properties"] == {"year": {"type": ["integer", "null"]}}
