"""Pictures and raw state are made whole from any copy that has their bytes, and half-written files go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from notebook_img.files import part_name, write_atomically
from notebook_img.records import SessionRecord
from notebook_img.store import Store, export_sessions, verify_store
from tests.store.making import add, png, problems


@pytest.fixture
def hurt(store: Store, fox: SessionRecord) -> tuple[Store, list[Path]]:
    """A store with four pictures: one missing, one cut, one flipped, one whole."""
    paths = [store.picture_path(add(store, fox, number).pictures[0].sha256) for number in range(4)]
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:20])
    data = paths[2].read_bytes()
    paths[2].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return store, paths


def test_every_picture_is_checked_and_the_truth_is_told(hurt: tuple[Store, list[Path]]) -> None:
    store, paths = hurt
    assert "1 picture file missing, used by fox/t1, fox/t2" in " ".join(problems(store))
    assert "1 picture file damaged" in " ".join(problems(store))
    told: list[tuple[int, int]] = []
    said = verify_store(store, tell=lambda done, count: told.append((done, count)))
    assert told == [(number, 4) for number in range(1, 5)]
    assert said[0].startswith("4 pictures checked (0.0 MB): 3 damaged or missing.")
    assert "3 pictures damaged or missing for good as far as is known here, used by fox/t1, fox/t2, fox/t3" in said[1]
    assert paths[3].read_bytes() == png(3)


@pytest.mark.parametrize("copy", ["pack", "folder", "home", "set aside", "written"])
def test_a_damaged_picture_is_healed_from_any_copy(hurt: tuple[Store, list[Path]], tmp_path: Path, copy: str) -> None:
    store, paths = hurt
    place = tmp_path / "place"
    place.mkdir()
    if copy == "pack":
        with Store.open(tmp_path / "theirs") as other:
            session = other.create_session("other")
            for number in range(3):
                add(other, session, number)
            export_sessions(other, [session.id], place / "theirs.zip")
    elif copy == "home":
        with Store.open(place) as other:
            for number in range(3):
                other.put_picture(png(number))
    else:
        for number in range(3):
            path = (
                place / f"{number}.png" if copy != "set aside" else store.home / "rescued" / "then" / paths[number].relative_to(store.home)
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(number))
            if copy == "written":
                store.note_written(path, paths[number].stem)
    said = verify_store(store, [place] if copy in ("pack", "folder", "home") else [])
    assert "made whole from" in said[1]
    assert [path.read_bytes() for path in paths] == [png(number) for number in range(4)]
    assert problems(store) == []
    assert verify_store(store) == ["4 pictures checked (0.0 MB): none damaged or missing."]


def test_a_picture_that_lies_in_the_store_under_another_name_is_found_by_its_bytes(store: Store, fox: SessionRecord) -> None:
    turn = add(store, fox, 1)
    path = store.picture_path(turn.pictures[0].sha256)
    path.rename(path.parent.with_name("misplaced.png"))
    assert "made whole from" in " ".join(verify_store(store))
    assert store.is_whole(turn.pictures[0].sha256)


def test_a_picture_is_healed_by_having_its_bytes_again(hurt: tuple[Store, list[Path]]) -> None:
    store, paths = hurt
    for number in range(3):
        store.put_picture(png(number))
    assert [path.read_bytes() for path in paths] == [png(number) for number in range(4)]


def test_a_deletion_killed_between_file_and_row_leaves_no_alarm(store: Store, fox: SessionRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        raise Killed

    number = add(store, fox, 1).number
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            store.delete_branch(fox.id, number)
    assert problems(store) == []
    assert verify_store(store) == ["0 pictures checked (0.0 MB): none damaged or missing."]
    add(store, fox, 1)
    assert verify_store(store) == ["1 picture checked (0.0 MB): none damaged or missing."]


def test_raw_state_is_healed_from_an_export(store: Store, fox: SessionRecord, tmp_path: Path) -> None:
    turn = add(store, fox, 1, raw={"a": b"a" * 5000, "b": [png(1), b"short"]})
    export_sessions(store, [fox.id], tmp_path / "x.zip")
    for path in (store.home / "raw").rglob("*"):
        if path.is_file():
            path.write_bytes(b"{}")
    assert "2 files of raw state" not in " ".join(verify_store(store))
    said = verify_store(store, [tmp_path / "x.zip"])
    assert "1 file of raw state damaged or missing, 1 made whole." in said
    verify_store(store, [tmp_path / "x.zip"])
    assert store.load_raw(turn.raw) == {"a": b"a" * 5000, "b": [png(1), b"short"]}


def test_half_written_files_of_a_dead_process_go_at_the_next_write_to_their_folder(store: Store, fox: SessionRecord) -> None:
    folder = store.picture_path("ab" * 32).parent
    folder.mkdir(parents=True)
    program = "from notebook_img.files import part_name; print(part_name('x.png'))"
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    now = time.time()
    ages = {dead: 100, part_name("y.png"): 100, part_name("z.png"): 10, f".old.{'a' * 12}.part": 4000, f".young.{'a' * 12}.part": 100, ".theirs.part": 9000}  # fmt: skip
    for name, age in ages.items():
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (now - age, now - age))
    write_atomically(folder / "new", b"x")
    left = {path.name for path in folder.iterdir()}
    assert left == {"new", *ages} - {dead, f".old.{'a' * 12}.part"}
