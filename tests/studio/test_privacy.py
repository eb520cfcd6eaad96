"""Place, serial numbers and owner of a photograph stay here, whichever way it goes out; what is kept and compared stays as it was."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from notebook_img.pictures import Picture, load
from tests.pictures.making import file, photo
from tests.pictures.test_privacy import SECRETS, XMP, exif
from tests.pictures.test_true_files import dng
from tests.studio.conftest import GEMINI_KEY, ark_environ, openai_environ


def photograph() -> bytes:
    tags = exif()
    tags[0x0112] = 1  # an upright one goes as it is; a turned one is encoded anew
    return file(photo(320, 240), "JPEG", quality=95, exif=tags.tobytes(), xmp=XMP)


def told(data: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in data]


@pytest.fixture(params=["openai", "gemini", "ark"])
def painting(request, studio_of, start):
    running = start(request.param)
    if request.param == "gemini":
        running.control(key=GEMINI_KEY)
        environ = {"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}
    else:
        environ = {"openai": openai_environ, "ark": ark_environ}[request.param](running)
    return studio_of(environ).session("fox", model=request.param), running


def sent(running) -> bytes:
    """All bodies, with what base64 holds."""
    import base64
    import re

    bodies = [running.body(row["number"]) for row in running.requests() if row["method"] == "POST"]
    packed = [
        base64.b64decode(found.replace(b"-", b"+").replace(b"_", b"/") + b"==")
        for body in bodies
        for found in re.findall(rb"[\w+/-]{400,}", body)
    ]
    return b"".join((*bodies, *packed))


def test_a_service_gets_neither_place_nor_owner_and_the_turn_keeps_the_file(painting):
    session, running = painting
    data = photograph()
    assert told(data)
    turn = session.edit("make it night", data, references=[data])
    assert not told(sent(running))
    assert turn.inputs[0].data == data
    running.reset()
    running.control(**({"key": GEMINI_KEY} if "gemini" in session.model else {}))
    kept = session.edit("make it night", data, references=[data], keep_metadata=True)
    assert told(sent(running)) == told(data)
    assert kept.record.request_key == turn.record.request_key


def test_a_question_keeps_them_to_itself_too(studio_of, service):
    session = studio_of(openai_environ(service)).session("fox")
    session.ask("where was this?", photograph())
    assert not told(sent(service))


@pytest.mark.parametrize("mask", ["10,10,300,220", "100,100,60,60"], ids=["whole", "part"])
def test_an_edit_inside_a_mask_sends_neither_and_pastes_into_the_file(painting, mask):
    session, running = painting
    data = photograph()
    turn = session.edit("make it night", data, mask=mask)
    assert not told(sent(running))
    assert turn.inputs[0].data == data


def test_looking_for_a_mask_tells_neither(studio_of, start):
    running = start("gemini")
    running.control(key=GEMINI_KEY, boxes=[{"box_2d": [200, 200, 700, 700], "label": "cup"}])
    session = studio_of({"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}).session("fox", model="gemini")
    session.edit("make it night", photograph(), mask="the cup")
    assert len(running.requests("generateContent")) == 2
    assert not told(sent(running))


def test_earlier_turns_are_sent_without_them(painting):
    session, running = painting
    session.edit("make it night", photograph(), references=[photograph()])
    options = {"history": "full"} if "gemini" in session.model else {}
    session.edit("warmer", **options)
    assert not told(sent(running))


@pytest.mark.parametrize("name", ["openai", "gemini"])
def test_a_follow_up_question_keeps_its_context_and_its_picture_goes_once_a_message(studio_of, start, name):
    running = start(name)
    environ = openai_environ(running)
    if name == "gemini":
        running.control(key=GEMINI_KEY)
        environ = {"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": running.url}
    first = studio_of(environ).session("fox").ask("where was this?", photograph(), model=name)
    before = sent(running)
    running.reset()
    if name == "gemini":
        running.control(key=GEMINI_KEY)
    first.ask("and when?")
    after = sent(running)
    assert b"where was this?" in after
    assert not told(after)
    picture = b"\xff\xd8\xff"
    assert after.count(picture) == before.count(picture) == 1


def test_a_dry_run_says_what_is_left_out(fox):
    plan = fox.edit("make it night", photograph(), dry_run=True)
    assert "left out  place, serial numbers, owner (in the pictures' files)" in repr(plan)
    assert "left out" not in repr(fox.edit("make it night", photograph(), dry_run=True, keep_metadata=True))


def test_what_a_service_delivered_is_sent_back_as_it_came(fox, service):
    first = fox.edit("make it night", photograph())
    fox.edit("warmer")
    assert first.picture.sha256 in str(fox.head.sent)


@pytest.mark.parametrize("way", ["pack", "zip", "script"])
def test_packs_and_exports_hold_none_of_it_unless_they_are_to(studio_of, home, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    studio = studio_of({})
    said: list[str] = []
    studio.say = said.append
    session = studio.session("fox")
    turn = session.edit("grayscale", photograph(), model="local")

    def written(**options: bool) -> bytes:
        if way == "pack":
            path, *_ = studio.pack("work", **options)
        else:
            path = session.export(f"work.{'py' if way == 'script' else 'zip'}", force=True, **options)
        if way != "script":
            with zipfile.ZipFile(path) as archive:
                return b"".join(archive.read(name) for name in archive.namelist())
        return b"".join(file.read_bytes() for file in Path("work-files").iterdir())

    said.clear()
    assert not told(written())
    assert (said == ["Left out of the files of one input picture in it: place, serial numbers, owner."]) == (way != "script")
    if way == "zip":
        other = studio_of({"NOTEBOOK_IMG_HOME": str(tmp_path / "elsewhere")})
        (came,) = other.import_sessions("work.zip")
        there = came.turn("t1") if hasattr(came, "turn") else next(iter(came.turns))
        assert there.inputs[0].size == turn.inputs[0].size
        assert there.inputs[0].sha256 != turn.inputs[0].sha256
        assert (there.record.request_key, there.record.content_key) == (turn.record.request_key, turn.record.content_key)
        assert (there.inputs[0].pil().tobytes()) == turn.inputs[0].pil().tobytes()
    assert told(written(keep_metadata=True)) == told(photograph())
    assert not told(written()), "what was kept in it once is not up to date"
    assert not told(written())
    assert len(list(Path().glob("work-files/*"))) == (way == "script")


@pytest.mark.parametrize("way", ["pack", "script"])
def test_camera_raw_goes_into_packs_and_exports_as_a_png_or_not_at_all(studio_of, tmp_path, monkeypatch, way):
    pytest.importorskip("rawpy", reason="needs rawpy (pip install 'notebook-img[vision]')")
    monkeypatch.chdir(tmp_path)
    Path("photo.dng").write_bytes(dng(private=True))
    studio = studio_of({})
    said: list[str] = []
    studio.say = said.append
    session = studio.session("fox")
    turn = session.edit("grayscale", "photo.dng", model="local")
    said.clear()
    if way == "script":
        Path("photo.dng").unlink()
        session.export("work.py")
        (left,) = Path("work-files").iterdir()
        assert left.name == "photo.png"
        assert not told(left.read_bytes())
        assert "photo.png" in Path("work.py").read_text(encoding="utf-8")
        return
    studio.pack("work")
    (pack,) = Path().glob("*.zip")
    with zipfile.ZipFile(pack) as archive:
        held = {Path(name).suffix: archive.read(name) for name in archive.namelist() if name.startswith("pictures/")}
    assert set(held) == {".png"}
    assert not told(b"".join(held.values()))
    assert said == ["Left out of the files of one input picture in it: place, serial numbers, owner."]
    (came,) = studio_of({"NOTEBOOK_IMG_HOME": str(tmp_path / "elsewhere")}).import_sessions(str(pack))
    there = came.turn("t1")
    assert there.inputs[0].mime_type == "image/png"
    assert there.inputs[0].pil().tobytes() == turn.inputs[0].pil().tobytes()
    said.clear()
    monkeypatch.setitem(sys.modules, "rawpy", None)
    studio.pack("work", force=True)
    assert ["A picture of fox/t1 is missing from it" in text and "stays here" in text for text in said] == [True]
    with zipfile.ZipFile(pack) as archive:
        assert not told(b"".join(archive.read(name) for name in archive.namelist()))


def test_a_picture_without_any_of_it_leaves_as_the_same_object():
    from notebook_img.pictures import to_leave

    plain = load(file(photo(32, 24), "JPEG"))
    assert to_leave(plain) == (plain, ())
    cut, gone = to_leave(Picture(photograph()))
    assert gone == ("place", "serial numbers", "owner")
    assert cut.pil().tobytes() == load(photograph()).pil().tobytes()
