"""Files of what is paid for: looked at before paying, never somebody else's, and a copy that cannot be written costs no picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img.calls.call import make_call
from notebook_img.errors import OutputError, StoreError
from notebook_img.files import write_atomically
from notebook_img.studio.siblings import outputs_for
from tests.emulators.process import Running
from tests.gemini_service import environ, new_studio, service
from tests.test_money import PATH, service_key, studio

__all__ = ["environ", "new_studio", "service", "service_key", "studio"]


@pytest.mark.parametrize("name", ["v1.5", "café a:b?*", "CON"])
def test_copies_have_portable_names(
    new_studio: Callable[..., ni.Studio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    studio = new_studio(save_to="copies")

    turn = studio.session(name).generate("a fox")

    [copy] = (tmp_path / "copies").iterdir()
    assert copy == turn.files[0]
    assert copy.suffix == turn.picture.suffix
    assert not set(copy.name) & set('<>:"/\\|?*')


def test_a_copy_that_cannot_be_written_fails_no_paid_call(
    new_studio: Callable[..., ni.Studio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "fox-t1.png").write_text("somebody else's")
    studio = new_studio(save_to="copies")
    session = studio.session("fox")
    assert session.generate("a fox").files[0].name == "fox-t1-copy2.png"
    assert (tmp_path / "copies" / "fox-t1.png").read_text() == "somebody else's"

    (tmp_path / "taken").write_text("a file")
    studio.settings.save_to = "taken"
    turn = session.generate("a hen")
    assert turn.files == ()
    assert "No copy was written" in turn.figure().text


def test_a_name_without_a_suffix_is_looked_at_before_paying(studio: ni.Studio, service: Running, tmp_path: Path) -> None:
    (tmp_path / "night.png").write_bytes(b"mine")

    with pytest.raises(OutputError, match=r"night\.png already exists"):
        studio.generate("a fox", output="night")

    assert service.requests(PATH) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_stay_links(studio: ni.Studio, service: Running, tmp_path: Path) -> None:
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to(tmp_path / "nowhere" / "x.png")
    with pytest.raises(OutputError, match="leads nowhere"):
        studio.generate("a fox", output=dangling)
    assert dangling.is_symlink()
    assert service.requests(PATH) == []

    target, link = tmp_path / "target.png", tmp_path / "link.png"
    write_atomically(target, b"old")
    link.symlink_to(target)
    studio.generate("a fox", output=link, force=True)
    assert link.is_symlink()
    assert target.read_bytes() != b"old"


def test_a_home_whose_mark_is_a_folder_is_a_sentence(studio: ni.Studio, service: Running, home: Path) -> None:
    (home / "mark").mkdir()

    with pytest.raises(StoreError, match=r"recognises keys .* cannot be read: it is a folder"):
        studio.generate("a fox")

    assert service.requests(PATH) == []


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["gemini"], ["two.png"]),
        (["gemini", "openai:x/y"], ["two-gemini.png", "two-openai-x-y.png"]),
        (["gemini", "gemini"], ["two-gemini-1.png", "two-gemini-2.png"]),
        (["a:b", "local", "A-b"], ["two-a-b-1.png", "two-local.png", "two-A-b-2.png"]),
    ],
)
def test_siblings_have_files_of_their_own(models: list[str], names: list[str]) -> None:
    call = make_call("generate", "a fox", None, {"output": "two.png"})

    assert [str(output) for output in outputs_for(call, models)] == names
