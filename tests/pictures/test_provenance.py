"""How a picture was made stands in its file, and a file with content credentials is left alone."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from notebook_img.pictures import load
from notebook_img.pictures.provenance import has_credentials, read_provenance, write_provenance
from tests.pictures.making import chunk, file, photo, with_orientation

FILES = {
    "png": file(photo()),
    "apng": file(photo(), save_all=True, append_images=[photo(seed=1)]),
    "jpeg": file(photo(), "JPEG"),
    "jpeg-exif": with_orientation(photo(), 6, "JPEG"),
    "webp-lossy": file(photo(), "WEBP"),
    "webp-lossless": file(photo(), "WEBP", lossless=True),
    "webp-alpha": file(photo(mode="RGBA"), "WEBP", lossless=True),
    "webp-exif": with_orientation(photo(), 6, "WEBP"),
    "webp-animated": file(photo(), "WEBP", save_all=True, append_images=[photo(seed=1)]),
}
FACTS = {"prompt": 'a "fox" <b>& co</b> – 狐 ]]> \x07', "model": "local:engine", "parent": "fox/t6", "seed": 7, "options": {"n": 2}}
every_file = pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())


@every_file
def test_what_is_written_is_read_back_and_the_pixels_are_as_before(data: bytes):
    mime_type = load(data).mime_type
    written = write_provenance(data, mime_type, FACTS)
    picture = load(written)
    assert picture.provenance() == FACTS
    assert np.array_equal(picture.array(), load(data).array())
    assert (picture.frames, picture.facts.orientation, picture.has_alpha) == (
        load(data).frames,
        load(data).facts.orientation,
        load(data).has_alpha,
    )
    assert read_provenance(data) is None


@every_file
def test_writing_again_replaces_what_stood_there(data: bytes):
    mime_type = load(data).mime_type
    once = write_provenance(write_provenance(data, mime_type, {"prompt": "first"}), mime_type, FACTS)
    assert read_provenance(once) == FACTS
    assert len(write_provenance(once, mime_type, FACTS)) == len(once)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([FILES["png"], FILES["jpeg"], FILES["webp-lossy"]]),
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())),
)
def test_any_text_survives(data: bytes, facts: dict):
    written = write_provenance(data, load(data).mime_type, facts)
    assert (read_provenance(written) or {}) == facts
    load(written).pil()


def test_other_programs_find_the_prompt():
    with Image.open(io.BytesIO(write_provenance(FILES["png"], "image/png", {"prompt": "a fox"}))) as image:
        assert image.text["Description"] == "a fox"
    for kind in ("jpeg", "webp-lossy"):
        written = write_provenance(FILES[kind], load(FILES[kind]).mime_type, {"prompt": "a fox"})
        with Image.open(io.BytesIO(written)) as image:
            assert b"a fox</rdf:li>" in image.info["xmp"]


def test_what_another_program_wrote_stays():
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description theirs="1"/></rdf:RDF></x:xmpmeta>'
    for kind in ("JPEG", "WEBP"):
        data = file(photo(), kind, xmp=packet)
        written = write_provenance(data, load(data).mime_type, FACTS)
        assert read_provenance(written) == FACTS
        with Image.open(io.BytesIO(written)) as image:
            assert b'theirs="1"' in image.info["xmp"]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_left_alone(kind: str):
    data = file(photo(), kind)
    assert write_provenance(data, load(data).mime_type, FACTS) == data


def test_a_type_that_is_not_that_of_the_bytes_changes_nothing():
    assert write_provenance(FILES["png"], "image/jpeg", FACTS) == FILES["png"]


def test_a_packet_larger_than_a_jpeg_segment_changes_nothing():
    assert write_provenance(FILES["jpeg"], "image/jpeg", {"prompt": "x" * 70_000}) == FILES["jpeg"]
    assert read_provenance(write_provenance(FILES["jpeg"], "image/jpeg", {"prompt": "x" * 40_000})) == {"prompt": "x" * 40_000}


def jumbf_jpeg() -> bytes:
    box = (
        b"JP"
        + struct.pack(">HI", 1, 1)
        + struct.pack(">I", 60)
        + b"jumb"
        + struct.pack(">I", 30)
        + b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\x00"
    )
    return FILES["jpeg"][:2] + b"\xff\xeb" + struct.pack(">H", len(box) + 2) + box + FILES["jpeg"][2:]


def c2pa_webp() -> bytes:
    data = FILES["webp-alpha"] + b"C2PA" + struct.pack("<I", 8) + b"jumbjumd"
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def remote_manifest() -> bytes:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dcterms:provenance="https://example.org/m"/></rdf:RDF></x:xmpmeta>'
    )
    return file(photo(), "JPEG", xmp=packet)


SIGNED = {
    "png": FILES["png"][:33] + chunk(b"caBX", b"\x00\x00\x00\x20jumb" + bytes(24)) + FILES["png"][33:],
    "jpeg": jumbf_jpeg(),
    "webp": c2pa_webp(),
    "remote": remote_manifest(),
}


@pytest.mark.parametrize("data", SIGNED.values(), ids=SIGNED.keys())
def test_a_file_with_content_credentials_is_never_touched(data: bytes, tmp_path):
    picture = load(data)
    assert has_credentials(data)
    assert write_provenance(data, picture.mime_type, FACTS) == data
    assert picture.save(tmp_path / f"x{picture.suffix}").read_bytes() == data


@every_file
def test_an_ordinary_file_has_no_content_credentials(data: bytes):
    assert not has_credentials(data)
    assert not has_credentials(write_provenance(data, load(data).mime_type, FACTS))


def test_leaving_credentials_behind_is_said():
    from notebook_img.pictures.convert import conversion_notes

    assert any("credentials" in note for note in conversion_notes(load(SIGNED["png"]), "x.webp"))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([write_provenance(data, load(data).mime_type, FACTS) for data in FILES.values()]), st.floats(0, 1), st.integers(0, 255)
)
def test_damaged_files_are_read_and_left_without_an_error(data: bytes, part: float, value: int):
    broken = bytearray(data)
    broken[min(len(data) - 1, int(part * 300))] = value
    for content in (bytes(broken), data[: int(len(data) * part)]):
        read_provenance(content)
        has_credentials(content)
        write_provenance(content, "image/png", FACTS)
        write_provenance(content, "image/jpeg", FACTS)
        write_provenance(content, "image/webp", FACTS)


def test_a_hostile_chunk_does_not_fill_the_memory():
    import zlib

    bomb = chunk(b"iTXt", b"notebook_img\x00\x01\x00\x00\x00" + zlib.compress(b" " * 50_000_000))
    assert read_provenance(FILES["png"][:33] + bomb + FILES["png"][33:]) is None
