"""Bad input in the middle of a paid batch: each is one row, or one sentence, and the rest goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.calls import perform, write_output
from notebook_img.cli import main
from notebook_img.errors import ModelNotFoundError, NotebookImgError, OutputError, OverloadedError
from tests.batches.conftest import MODEL
from tests.batches.test_money import sent
from tests.emulators.process import Running

PATH = "generateContent"


def remove(photos: Path, _service: Running) -> None:
    (photos / "cat 3.PNG").unlink()


def break_one(photos: Path, _service: Running) -> None:
    (photos / "cat 3.PNG").write_bytes(b"\x89PNG\r\n\x1a\n broken")


def refuse(_photos: Path, service: Running) -> None:
    service.control({"kind": "reply", "reply": "blocked", "reason": "SAFETY", "path": PATH})


def block_file(_photos: Path, _service: Running) -> None:
    Path("out/cat 3.png").mkdir()  # where its file should be


ROWS = {
    "a picture that is gone": (remove, "failed", "There is no file", 10),
    "a picture that is broken": (break_one, "failed", "cat 3.PNG", 10),
    "a file that cannot be written": (block_file, "failed", "cat 3.png", 10),
    "a picture that is refused": (refuse, "refused", "", 11),
}


@pytest.mark.parametrize("case", ROWS)
def test_what_is_wrong_with_one_is_its_row(paid: ni.Studio, service: Running, photos: Path, case: str) -> None:
    act, state, words, more = ROWS[case]
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1, output="out/{stem}.png")
    act(photos, service)
    batch.resume(at_once=1)
    assert batch.counts.words == "11 of 12 done, 1 failed"
    (wrong,) = batch.errors
    assert wrong.state == state
    assert words in wrong.error
    assert sent(service) == 1 + more
    assert sum(path.is_file() for path in Path("out").iterdir()) == 11


def test_a_file_that_could_not_be_written_is_said_and_written_later(
    paid: ni.Studio, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*asked: Any, **how: Any) -> Any:
        if "cat 3" in str(asked[2]):
            raise OutputError(f"{asked[2]} cannot be written: the disk is full.")
        return write_output(*asked, **how)

    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1, output="out/{stem}.png")
    with monkeypatch.context() as patched:
        patched.setattr(perform, "write_output", full)
        batch.resume(at_once=1)
    assert (sent(service), batch.counts.words) == (12, "12 of 12 done")
    assert [item.label for item in batch if "the disk is full" in item.error] == ["cat 3.PNG"]
    batch.resume()
    assert Path("out/cat 3.png").is_file()
    assert not any(item.error for item in batch)
    assert sent(service) == 12


def test_a_folder_that_was_removed_is_made_again_with_the_files_of_what_is_done(paid: ni.Studio, service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=4, output="out/night/{stem}.png")
    shutil.rmtree("out")
    batch.resume()
    assert (sent(service), batch.counts.words, len(list(Path("out/night").iterdir()))) == (12, "12 of 12 done", 12)
    shutil.rmtree("out")
    Path("out").write_text("a file where the folder was")
    batch.resume()
    assert all("cannot be written" in item.error for item in batch)
    Path("out").unlink()
    batch.resume()
    assert (sent(service), [item.error for item in batch], len(list(Path("out/night").iterdir()))) == (12, [""] * 12, 12)


@pytest.mark.parametrize(("status", "kind"), [(404, ModelNotFoundError), (503, OverloadedError)])
def test_what_meets_all_is_one_sentence_and_the_rest_waits(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path, status: int, kind: type[NotebookImgError]
) -> None:
    batch = new_studio(retries=0).batch.edit("make it night", "photos/*.png", model=MODEL, first=5)
    service.control({"kind": "status", "status": status, "times": -1, "path": PATH})
    with pytest.raises(kind, match=r"5 of 12 done, 7 to do"):
        batch.resume(at_once=2)
    service.reset()
    assert batch.resume().counts.words == "12 of 12 done"


def test_a_shell_prints_an_item_whose_service_was_down_when_it_is_done(
    environ: dict[str, str], service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (environ | {"NOTEBOOK_IMG_RETRIES": "0", "NOTEBOOK_IMG_AT_ONCE": "1"}).items():
        monkeypatch.setenv(name, value)
    service.control({"kind": "status", "status": 503, "times": 1, "path": "enerateContent"})
    assert main(["edit", "photos/", "-m", MODEL, "--budget", "3", "-o", "{i}.png", "make it night"]) == 0
    assert capsys.readouterr().out.split() == [f"{number}.png" for number in range(1, 13)]
    assert sent(service) == 13
