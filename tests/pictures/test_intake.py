"""Anything a notebook holds becomes a Picture with the bytes it came in, or an error of one sentence that names it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import NotebookImgError, NotFoundError, PictureError, UsageError
from notebook_img.pictures import SAMPLES, is_picture_like, load, local_path
from notebook_img.settings import Settings
from tests.pictures.making import file, photo, png_header, webp_header

PNG = file(photo())
JPEG = file(photo(), "JPEG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cat.png").write_bytes(PNG)
    (tmp_path / "dog.jpg").write_bytes(JPEG)
    return tmp_path


def refused(error: type[NotebookImgError], source: object, **options: object) -> str:
    with pytest.raises(error) as caught:
        load(source, **options)
    text = str(caught.value)
    assert len(text) < 600
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text


def test_a_file_keeps_its_bytes_its_name_and_its_path(folder: Path):
    for source in (folder / "cat.png", str(folder / "cat.png"), (folder / "cat.png").as_uri()):
        picture = load(source)
        assert picture.data == PNG
        assert (picture.name, picture.path, picture.size, picture.mime_type) == ("cat.png", folder / "cat.png", (60, 40), "image/png")


def test_a_relative_path_starts_from_the_folder_given(folder: Path):
    assert load("cat.png", base=folder).data == PNG


def test_the_home_folder_is_understood(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert load("~/cat.png").data == PNG


def test_the_type_is_read_from_the_bytes_never_from_the_suffix(tmp_path: Path):
    (tmp_path / "wrong.png").write_bytes(JPEG)
    picture = load(tmp_path / "wrong.png")
    assert (picture.mime_type, picture.suffix) == ("image/jpeg", ".jpg")


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_are_kept_as_they_came(wrap):
    assert load(wrap(JPEG)).data == JPEG


def test_bytes_that_change_later_do_not_change_the_picture():
    source = bytearray(JPEG)
    picture = load(source)
    source[:] = bytes(len(source))
    assert picture.data == JPEG


@pytest.mark.parametrize(
    "url",
    [
        "data:image/jpg;base64," + base64.b64encode(JPEG).decode(),
        "data:;base64," + base64.urlsafe_b64encode(JPEG).decode().rstrip("="),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in JPEG),
        base64.b64encode(JPEG).decode(),
    ],
)
def test_data_urls_and_bare_base64_are_read_and_their_declared_type_is_not_believed(url: str):
    picture = load(url)
    assert picture.data == JPEG
    assert picture.mime_type == "image/jpeg"


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,@@@@", "data:image/png;base64,", "data:,hello"])
def test_a_broken_data_url_is_an_error(url: str):
    assert "data URL" in refused(PictureError, url)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_there_and_under_200_kb(name: str):
    picture = load(f"sample:{name}")
    assert picture.mime_type == "image/jpeg"
    assert len(picture.data) < 200_000
    assert picture.name == f"sample:{name}"
    assert picture.pil().size == picture.size


def test_the_samples_come_with_source_and_licence():
    from importlib.resources import files

    text = (files("notebook_img.pictures") / "samples" / "SOURCES.md").read_text("utf-8")
    assert all(f"{name}.jpg" in text for name in SAMPLES)
    assert "CC0" in text
    assert "public domain" in text


def test_an_unknown_sample_names_the_near_ones():
    assert "'chelsea'" in refused(NotFoundError, "sample:chelsee")


def test_a_picture_is_itself_and_a_turn_is_its_picture():
    picture = load(PNG)
    assert load(picture) is picture
    assert load(SimpleNamespace(picture=picture)) is picture


def test_a_pil_image_becomes_a_png_of_ours_and_stays_as_it_was():
    image = photo(mode="RGBA")
    before = image.tobytes()
    picture = load(image)
    assert (picture.mime_type, picture.encoded_here, picture.name) == ("image/png", True, "PIL image")
    assert np.array_equal(picture.array(), np.asarray(image))
    assert image.tobytes() == before


def test_a_pil_image_whose_file_is_cut_off_is_an_error(tmp_path: Path):
    (tmp_path / "cut.png").write_bytes(PNG[: len(PNG) // 2])
    with Image.open(tmp_path / "cut.png") as image:
        refused(PictureError, image)
    with Image.open(tmp_path / "cut.png") as closed:
        pass
    refused(PictureError, closed)


def test_an_ipython_image_is_read_from_its_data_or_its_file(folder: Path):
    from IPython.display import Image as Shown

    assert load(Shown(data=PNG)).data == PNG
    assert load(Shown(filename=str(folder / "dog.jpg"))).data == JPEG
    assert is_picture_like(Shown(data=PNG))


# What is no image


def test_a_missing_file_gives_the_nearest_names(folder: Path):
    assert "'cat.png'" in refused(NotFoundError, folder / "cta.png")
    assert "Images there: cat.png, dog.jpg" in refused(NotFoundError, str(folder / "zebra-crossing-at-noon.webp"))
    assert "does not exist" in refused(NotFoundError, folder / "nowhere" / "cat.png")
    assert "no file" in refused(NotFoundError, folder / "cat.png" / "x.png")


def test_a_folder_is_an_error_that_names_images_in_it(folder: Path):
    text = refused(PictureError, folder)
    assert "is a folder" in text
    assert "cat.png" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, this is a note\n", "holds text"),
        ("Grüße".encode() * 300, "holds text"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"PK\x03\x04....", "archive"),
        (bytes(range(256)), "not an image of a known format"),
        (b"\x00\x00\x00\x18ftypisom....", "video"),
    ],
)
def test_a_file_that_is_no_image_is_named_and_described_whatever_its_suffix(tmp_path: Path, content: bytes, words: str):
    (tmp_path / "notes.png").write_bytes(content)
    text = refused(PictureError, tmp_path / "notes.png")
    assert "notes.png" in text
    assert words in text


@pytest.mark.parametrize(
    "content", [PNG, JPEG, file(photo(900, 900)), file(photo(900, 900), "JPEG")], ids=["png", "jpeg", "large-png", "large-jpeg"]
)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95, 0.997])
def test_a_cut_off_file_is_an_error_that_names_it(tmp_path: Path, content: bytes, part: float):
    (tmp_path / "photo.img").write_bytes(content[: int(len(content) * part)])
    text = refused(PictureError, tmp_path / "photo.img")
    assert "photo.img" in text
    assert "cut off" in text or "damaged" in text


def test_a_large_png_with_a_flipped_bit_is_an_error():
    content = bytearray(file(photo(900, 900)))
    content[len(content) // 2] ^= 1
    assert "damaged" in refused(PictureError, bytes(content))


def test_a_jpeg_with_a_video_behind_it_is_taken():
    assert load(file(photo(900, 900), "JPEG") + b"\x00\x00\x00\x18ftypmp42" + bytes(5000)).size == (900, 900)


def test_a_picture_of_fifty_thousand_pixels_a_side_is_refused_by_its_header():
    text = refused(PictureError, png_header(50_000, 50_000))
    assert "50000 x 50000" in text
    assert "NOTEBOOK_IMG_MAX_PIXELS" in text


def test_a_webp_canvas_is_refused_before_its_decoder_allocates_it():
    assert "16000 x 16000" in refused(PictureError, webp_header(16_000, 16_000))


def test_the_limits_are_settings_and_pillows_own_is_neither_used_nor_changed(monkeypatch: pytest.MonkeyPatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert load(PNG).pil().size == (60, 40)
    assert load(file(photo(), "GIF")).pil().size == (60, 40)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert not recwarn.list
    assert "2400" not in refused(PictureError, PNG, settings=Settings(max_pixels=2399))
    assert load(PNG, settings=Settings(max_pixels=2400)).size == (60, 40)
    refused(PictureError, photo(), settings=Settings(max_pixels=2399))
    refused(PictureError, np.zeros((40, 60)), settings=Settings(max_pixels=2399))


def test_a_picture_keeps_the_limits_it_was_loaded_with():
    picture = load(PNG, settings=Settings(max_pixels=2400))
    assert picture.limits.max_pixels == 2400


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path: Path):
    with (tmp_path / "huge.png").open("wb") as huge:
        huge.write(PNG)
        huge.truncate(2_000_000_000)  # sparse: takes no room
    text = refused(PictureError, tmp_path / "huge.png")
    assert "huge.png has 2 GB" in text
    assert "NOTEBOOK_IMG_MAX_BYTES" in text


def test_bytes_and_data_urls_have_the_same_limit_as_files():
    small = Settings(max_bytes=len(PNG) - 1)
    refused(PictureError, PNG, settings=small)
    refused(PictureError, "data:image/png;base64," + base64.b64encode(PNG).decode(), settings=small)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes (not on Windows)")
def test_a_named_pipe_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "not an ordinary file" in refused(PictureError, tmp_path / "pipe.png")


@pytest.mark.parametrize("source", ["a\0b.png", "x" * 5000 + ".png"])
def test_an_impossible_name_is_an_error_of_ours(source: str):
    refused(NotebookImgError, source)


@pytest.mark.parametrize("source", ["ftp://example.org/a.png", "s3://bucket/a.png", "file://elsewhere/a.png", "", "   "])
def test_other_addresses_and_empty_text_are_errors(source: str):
    refused(UsageError, source)


def test_urls_can_be_off():
    assert "not fetched" in refused(UsageError, "https://example.org/a.png", urls=False)


@pytest.mark.parametrize("value", [None, 7, 2.5, object(), {}, ["a.png"], ("a.png",)])
def test_what_holds_no_image_is_an_error_that_lists_what_does(value: object):
    assert "PIL image" in refused(UsageError, value)


def test_local_path_tells_what_would_be_opened(folder: Path):
    assert local_path("cat.png", base=folder) == folder / "cat.png"
    assert local_path((folder / "cat.png").as_uri()) == folder / "cat.png"
    assert local_path(Path("cat.png"), base=folder) == folder / "cat.png"
    for source in ("https://x.org/a.png", "sample:coffee", "data:,x", base64.b64encode(PNG).decode()):
        assert local_path(source) is None


def test_is_picture_like_knows_images_from_other_things():
    yes = [load(PNG), PNG, photo(), np.zeros((4, 5)), np.zeros((4, 5, 3), np.uint8), SimpleNamespace(picture=load(PNG))]
    no = ["cat.png", Path("cat.png"), 3, None, [], {}, b"text", np.zeros(3), np.array(["a"]), np.zeros((2, 2, 9)), object()]
    assert [is_picture_like(value) for value in yes] == [True] * len(yes)
    assert [is_picture_like(value) for value in no] == [False] * len(no)


def test_importing_and_asking_load_no_heavy_library():
    script = (
        "import sys, notebook_img.pictures as p\n"
        "assert p.sniff(b'GIF89a') == 'image/gif'\n"
        "assert not p.is_picture_like(object())\n"
        "q = p.Picture(lambda: 1/0, sha256='0'*64, mime_type='image/png', width=3, height=2)\n"
        "assert (q.size, q.mime_type, q.sha256) == ((3, 2), 'image/png', '0'*64)\n"
        "dir(p); p.Box('a', 0, 0, 1, 1)\n"
        "print(sorted({'PIL', 'numpy', 'httpx', 'matplotlib', 'IPython'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
