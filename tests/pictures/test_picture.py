"""A Picture never changes, knows its facts without work, and is written whole, in the format its name asks for, or not at all."""

from __future__ import annotations

import copy
import gc
import hashlib
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import OutputError, PictureError, UsageError
from notebook_img.pictures import Box, Picture, load
from notebook_img.pictures.convert import conversion_notes
from tests.pictures.making import file, photo, png_header, with_orientation

PNG = file(photo())
JPEG = file(photo(), "JPEG")


def unreadable() -> bytes:
    raise AssertionError("the bytes were read")


def stored() -> Picture:
    """As the store makes them: facts known, bytes elsewhere."""
    return Picture(unreadable, name="t7.1", sha256="ab" * 32, mime_type="image/webp", width=400, height=300, path=Path("x.webp"))


def test_what_the_store_knows_is_told_without_reading_the_bytes():
    picture = stored()
    assert (picture.sha256, picture.mime_type, picture.size, picture.width, picture.height) == (
        "ab" * 32,
        "image/webp",
        (400, 300),
        400,
        300,
    )
    assert (picture.name, picture.suffix, picture.pixels_key, picture.path) == ("t7.1", ".webp", "", Path("x.webp"))
    assert repr(picture) == "<Picture t7.1: 400 x 300 webp>"
    assert picture == stored()
    assert hash(picture) == hash(stored())


def test_the_bytes_of_a_stored_picture_are_read_when_needed_and_not_kept():
    reads = []

    def read() -> bytes:
        reads.append(1)
        return PNG

    picture = Picture(read)
    assert picture.data == picture.data == PNG
    assert len(reads) == 2
    assert picture.sha256 == hashlib.sha256(PNG).hexdigest()
    assert picture.size == (60, 40)
    known = len(reads)
    assert (picture.sha256, picture.size, picture.mode, picture.notes) == (hashlib.sha256(PNG).hexdigest(), (60, 40), "RGB", ())
    assert len(reads) == known


def test_a_picture_does_not_hold_on_to_pixels():
    picture = load(file(photo(600, 600), "JPEG", quality=30))
    for _ in range(3):
        picture.pil()
    gc.collect()
    held = sum(sys.getsizeof(value) for value in gc.get_referents(picture))
    assert held < len(picture.data) + 20_000


def test_a_picture_cannot_be_changed():
    picture = load(PNG)
    for name in ("data", "name", "sha256", "_data", "anything"):
        with pytest.raises(AttributeError, match="never changes"):
            setattr(picture, name, b"")
        with pytest.raises(AttributeError):
            delattr(picture, name)
    array, image = picture.array(), picture.pil()
    array[:] = 0
    image.paste(0, (0, 0, 60, 40))
    assert np.array_equal(picture.array(), np.asarray(photo()))


def test_pictures_are_equal_when_their_bytes_are():
    assert load(PNG) == load(bytearray(PNG))
    assert load(PNG) != load(JPEG)
    assert load(PNG) != PNG
    assert len({load(PNG), load(PNG), load(JPEG)}) == 2


def test_a_picture_travels_to_another_process_with_its_facts():
    for picture in (load(PNG), load(photo()), Picture(lambda: PNG, name="lazy", notes=("said",))):
        again = pickle.loads(pickle.dumps(picture))
        assert again == picture
        assert (again.data, again.name, again.notes, again.pixels_key) == (picture.data, picture.name, picture.notes, picture.pixels_key)
    assert copy.deepcopy(picture) is copy.copy(picture) is picture


def test_many_threads_may_ask_at_once():
    picture, seen = Picture(file(photo(300, 300), "JPEG")), []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        seen.append((picture.sha256, picture.size, picture.pil().tobytes()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert len(seen) == 8


def test_the_repr_is_short_and_never_raises():
    assert repr(load(PNG)) == "<Picture 60 x 40 png>"
    assert repr(Picture(b"nothing", name="x")) == "<Picture x: unreadable>"
    assert repr(Picture(png_header(50_000, 50_000))).endswith("unreadable>")


def test_bytes_that_are_no_image_are_told_when_they_are_looked_at():
    picture = Picture(b"hello", name="note.png")
    for ask in (lambda: picture.mime_type, lambda: picture.size, picture.pil, lambda: picture.notes):
        with pytest.raises(PictureError, match=r"note\.png"):
            ask()


def test_a_picture_once_let_in_stays_decodable_when_the_limit_is_lowered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTEBOOK_IMG_MAX_PIXELS", "100")
    with pytest.raises(PictureError, match="limit"):
        Picture(PNG).pil()
    assert Picture(PNG, width=60, height=40).pil().size == (60, 40)


# Saving


def test_saved_in_its_own_format_the_bytes_are_untouched(tmp_path: Path):
    turned = load(with_orientation(photo(), 6, "JPEG"))
    assert turned.save(tmp_path / "a.JPEG").read_bytes() == turned.data
    assert conversion_notes(turned, "a.jpg") == ()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_the_suffix_names_the_format_and_the_bytes_are_of_it(tmp_path: Path, suffix: str, mode: str):
    if suffix == ".heic":
        pytest.importorskip("pillow_heif", reason="needs pillow-heif (pip install 'notebook-img[heic]')")
    source = load(file(photo(mode=mode), "PNG"))
    saved = load(source.save(tmp_path / f"x{suffix}"))
    assert saved.suffix[:4] == {".jpeg": ".jpg"}.get(suffix, suffix)[:4]
    assert saved.size == source.size


def test_a_converted_copy_is_upright_without_a_tag(tmp_path: Path):
    copy_ = load(load(with_orientation(photo(), 6, "JPEG")).save(tmp_path / "x.png"))
    assert copy_.size == (40, 60)
    assert copy_.facts.orientation == 1


def test_alpha_is_laid_on_the_matte_and_that_is_said(tmp_path: Path):
    clear = load(Image.new("RGBA", (16, 16), (255, 0, 0, 0)))
    assert load(clear.save(tmp_path / "w.jpg")).array()[5, 5].min() > 250
    navy = load(clear.save(tmp_path / "n.jpg", matte="#000080")).array()[5, 5]
    assert np.abs(navy.astype(int) - [0, 0, 128]).max() < 6
    assert conversion_notes(clear, "n.jpg", matte="navy") == ("converted from PNG to JPEG", "transparency laid on navy")
    with pytest.raises(UsageError, match="colour"):
        clear.save(tmp_path / "z.jpg", matte="no such colour")
    assert not (tmp_path / "z.jpg").exists()


@pytest.mark.parametrize("name", ["x.txt", "x.pgn", "x", "x.", ".png", "x.svg", "x.ico"])
def test_a_suffix_that_is_no_image_format_lists_those_that_are(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match=r"\.png, \.jpg") as caught:
        load(PNG).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    if name == "x.pgn":
        assert "'.png'" in str(caught.value)


def test_somebodys_file_is_never_overwritten_unless_forced(tmp_path: Path):
    theirs = tmp_path / "cat.png"
    theirs.write_bytes(b"a photograph")
    with pytest.raises(OutputError, match="already exists and was not changed"):
        load(PNG).save(theirs)
    assert theirs.read_bytes() == b"a photograph"
    assert load(PNG).save(theirs, force=True) == theirs
    assert theirs.read_bytes() == PNG
    assert load(PNG).save(theirs) == theirs  # the same bytes: nothing to lose


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path):
    with pytest.raises(OutputError, match="folder does not exist"):
        load(PNG).save(tmp_path / "no" / "x.png")
    (tmp_path / "d.png").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        load(PNG).save(tmp_path / "d.png", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["d.png"]


# Showing


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, dict]]:
    seen: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, *, metadata, raw: seen.append((data, metadata)))
    return seen


def test_a_notebook_gets_an_image_a_text_and_alternative_text():
    data, metadata = load("sample:chelsea")._repr_mimebundle_()
    assert set(data) == {"image/jpeg", "text/plain"}
    assert metadata["image/jpeg"]["alt"]


def test_shown_in_full_it_is_the_bytes_themselves(published):
    import base64

    load(PNG).show(full=True)
    data, metadata = published[0]
    assert base64.b64decode(data["image/png"]) == PNG
    assert metadata["image/png"] == {"alt": "picture", "width": 60, "height": 40}


def test_a_crop_is_shown_pixel_for_pixel(published):
    import base64

    for crop in ((10, 5, 30, 25), Box("", 10, 5, 30, 25)):
        load(PNG).show(crop=crop)
    first, second = (load(base64.b64decode(data["image/png"])) for data, _ in published)
    assert first == second
    assert np.array_equal(first.array(), np.asarray(photo())[5:25, 10:30])


def test_what_browsers_do_not_show_upright_is_shown_as_png(published):
    load(file(photo(), "TIFF")).show(full=True)
    load(with_orientation(photo(), 6, "PNG")).show(full=True)
    load(file(photo(), "WEBP")).show(full=True)
    assert all("image/png" in data for data, _ in published)


# Boxes


def test_a_box_rounds_crops_clips_and_travels():
    box = Box("cat", 10.4, 5.6, np.float64(30), 25, score=0.5)
    assert (box.left, box.top, box.right, box.bottom, box.width, box.height) == (10, 6, 30, 25, 20, 19)
    assert Box.from_dict(box.to_dict()) == box
    assert "score" not in Box("", 0, 0, 1, 1).to_dict()
    assert box.clip((60, 40)) == (box, False)
    assert Box("", -5, -5, 100, 100).clip((60, 40)) == (Box("", 0, 0, 60, 40), True)
    assert Box("", 70, 50, 90, 60).clip((60, 40)) == (Box("", 60, 40, 60, 40), True)
    assert box.crop(load(PNG)).size == (20, 19)


@pytest.mark.parametrize(
    "make", [lambda: Box("", "a", 0, 1, 1), lambda: Box("", float("nan"), 0, 1, 1), lambda: Box.from_dict({"left": 1})]
)
def test_a_box_needs_four_numbers(make):
    with pytest.raises(UsageError, match="box needs"):
        make()


def test_a_box_beside_the_picture_cannot_be_cut_out():
    for box in (Box("", 70, 0, 80, 10), Box("", 5, 5, 5, 9)):
        with pytest.raises(UsageError, match="no pixel"):
            box.crop(load(PNG))
