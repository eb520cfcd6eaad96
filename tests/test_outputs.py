"""Files the user asked for: named by their bytes, never over somebody else's, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img import files
from notebook_img.calls.outputs import output_names
from notebook_img.cli import main
from notebook_img.errors import OutputError, PictureError, UsageError


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ni.Studio]:
    monkeypatch.chdir(tmp_path)
    made = ni.Studio(model="local")
    yield made
    made.close()


def test_one_picture_takes_the_name_and_several_are_numbered() -> None:
    assert output_names("a/fox.png", 1) == [Path("a/fox.png")]
    assert output_names("fox.png", 3) == [Path("fox-1.png"), Path("fox-2.png"), Path("fox-3.png")]
    assert output_names("fox v1.2", 1) == [Path("fox v1.2")]


def test_the_suffix_decides_the_format_and_the_bytes_agree(studio: ni.Studio, tmp_path: Path) -> None:
    begins = {"png": b"\x89PNG", "jpg": b"\xff\xd8", "jpeg": b"\xff\xd8", "webp": b"RIFF", "PNG": b"\x89PNG"}
    for suffix, magic in begins.items():
        turn = studio.edit("invert", "sample:chelsea", output=f"out-{suffix}.{suffix}")
        assert turn.files == (Path(f"out-{suffix}.{suffix}"),)
        assert turn.files[0].read_bytes().startswith(magic)


def test_a_name_without_a_suffix_gets_the_one_of_the_bytes(studio: ni.Studio) -> None:
    turn = studio.edit("invert", "sample:chelsea", output="night")
    assert turn.files[0].suffix == turn.picture.suffix
    assert turn.files[0].exists()


def test_transparency_that_a_format_lacks_is_filled_and_said(studio: ni.Studio) -> None:
    turn = studio.edit("rounded corners", "sample:chelsea")
    assert turn.picture.has_alpha
    saved = studio.edit("invert", turn, output="flat.jpg")
    assert "transparen" in " ".join((*saved.notices, *saved.warnings)).casefold()


def test_provenance_is_written_into_the_file_and_read_back(studio: ni.Studio) -> None:
    studio.edit("invert", "sample:chelsea", output="first.png")
    turn = studio.edit("rotate 90 degrees", output="fox.png", session=studio.session())
    facts = ni.Picture(Path("fox.png").read_bytes()).provenance() or {}
    assert facts["prompt"] == "rotate 90 degrees"
    assert facts["model"].startswith("local:")
    assert facts["parent"] == "t1"
    assert turn.picture.data != Path("fox.png").read_bytes() or facts, "the stored bytes stay as the service sent them"


def test_a_file_of_one_picture_of_several_names_that_one(studio: ni.Studio) -> None:
    session = studio.session("fox")
    session.generate("noise", n=2, output="both.png")
    assert main(["show", "fox/t1.2", "-o", "second.png"]) == 0
    named = {path: (ni.Picture(Path(path).read_bytes()).provenance() or {})["turn"] for path in ("both-1.png", "both-2.png", "second.png")}
    assert named == {"both-1.png": "fox/t1.1", "both-2.png": "fox/t1.2", "second.png": "fox/t1.2"}


@pytest.mark.parametrize(
    ("output", "kind", "says"),
    [
        ("nowhere/fox.png", OutputError, "nowhere"),
        ("fox.xyz", UsageError, "xyz"),
        (".", OutputError, "folder"),
        ("folder/", OutputError, "folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_made(studio: ni.Studio, output: str, kind, says: str) -> None:
    with pytest.raises(kind, match=says):
        studio.edit("invert", "sample:chelsea", output=output)
    assert [len(session.turns) for session in studio.sessions()] in ([], [0])


def test_somebodys_file_is_never_eaten_through_any_of_its_names(studio: ni.Studio, tmp_path: Path) -> None:
    cat = tmp_path / "cat.png"
    cat.write_bytes(ni.Picture(studio.generate("noise").picture.data).data)
    before = cat.read_bytes()
    os.symlink(cat, tmp_path / "link.png")
    (tmp_path / "sub").mkdir()
    for name in ("cat.png", str(cat), "./cat.png", "sub/../cat.png", "link.png"):
        with pytest.raises(OutputError, match="force"):
            studio.edit("invert", str(cat), output=name)
        assert cat.read_bytes() == before
    (tmp_path / "fox-2.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"fox-2\.png"):
        studio.generate("noise", n=3, output="fox.png")
    assert not (tmp_path / "fox-1.png").exists()


def test_our_own_file_is_written_again_and_force_takes_any(studio: ni.Studio, tmp_path: Path) -> None:
    first = studio.edit("invert", "sample:chelsea", output="out.png").files[0].read_bytes()
    second = studio.edit("sepia", "sample:chelsea", output="out.png").files[0].read_bytes()
    assert first != second
    (tmp_path / "out.png").write_bytes(b"changed by hand")
    with pytest.raises(OutputError):
        studio.edit("invert", "sample:chelsea", output="out.png")
    studio.edit("invert", "sample:chelsea", output="out.png", force=True)
    other = ni.Studio(model="local")
    other.edit("sepia", "sample:chelsea", output="out.png")
    other.close()


def test_a_full_disk_leaves_the_old_file_and_no_rest(studio: ni.Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.edit("invert", "sample:chelsea", output="out.png")
    before = (tmp_path / "out.png").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        files.write_atomically(tmp_path / "out.png", b"new")
    monkeypatch.undo()
    assert (tmp_path / "out.png").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_a_folder_that_cannot_be_written_is_said(studio: ni.Studio, tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    if os.access(shut, os.W_OK):
        shut = Path("/sys")  # modes bind no root, but nobody makes files there
    with pytest.raises(OutputError, match="permission denied"):
        studio.edit("invert", "sample:chelsea", output=str(shut / "out.png"))


def test_a_replaced_file_keeps_its_mode_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("modes are POSIX")
    path = tmp_path / "out.png"
    before = os.umask(0o027)
    try:
        files.write_atomically(path, b"1")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        files.write_atomically(path, b"2")
        assert path.stat().st_mode & 0o777 == 0o600
        files.write_atomically(tmp_path / "key", b"3", private=True)
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_copies_of_save_to_are_named_after_the_turn_and_never_overwrite(studio: ni.Studio, tmp_path: Path) -> None:
    studio.settings.save_to = "kept"
    studio.session("fox").generate("noise", n=2)
    studio.session("fox").edit("invert", "sample:chelsea")
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert [name.split(".")[0] for name in names] == ["fox-t1-1", "fox-t1-2", "fox-t2"]


def test_a_picture_is_saved_by_its_own_method_with_the_same_care(studio: ni.Studio, tmp_path: Path) -> None:
    picture = studio.edit("invert", "sample:chelsea").picture
    assert picture.save("x.webp").read_bytes().startswith(b"RIFF")
    assert picture.save("x.webp") == Path("x.webp"), "the same bytes are there already"
    with pytest.raises(OutputError):
        studio.edit("sepia", "sample:coffee").picture.save("x.webp")
    with pytest.raises((OutputError, UsageError, PictureError)):
        picture.save("x.xyz")
