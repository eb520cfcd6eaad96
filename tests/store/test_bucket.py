"""Pictures of a shared home in an object store: written before their row, fetched once, cared for by the doctor, robust against faults."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from notebook_img.errors import StoreError
from notebook_img.settings import Address
from notebook_img.store import Store, check_store, repair_store, verify_store
from notebook_img.store.bucket import Bucket as Shelf
from tests.postgres import Bucket, needs_postgres
from tests.store.making import add, png, problems, use

pytestmark = needs_postgres
Make = Callable[..., Address]


def asked(store: Store) -> obstore.store.ObjectStore:
    shelf = store._database.shelf
    assert isinstance(shelf, Shelf)
    return shelf._ask()


def keys(store: Store) -> list[str]:
    return sorted(row["path"] for page in asked(store).list() for row in page)


@pytest.fixture
def store(team_home: Make, bucket: Bucket) -> Store:
    return Store.open(team_home(bucket.url))


def elsewhere(store: Store, tmp_path: Path, bucket: Bucket) -> Store:
    """Return the same home on a machine that has no copies yet."""
    return Store.open(Address(tmp_path / "elsewhere", store._database.url, bucket.url))  # type: ignore[attr-defined]


def test_another_machine_fetches_a_picture_once(store: Store, tmp_path: Path, bucket: Bucket) -> None:
    fox = store.create_session("fox")
    turn = add(store, fox, 1, raw={"state": png(1), "more": b"x" * 5000})
    other = elsewhere(store, tmp_path, bucket)
    assert other.read_picture(turn.pictures[0].sha256) == png(1)
    assert other.load_raw(turn.raw) == {"state": png(1), "more": b"x" * 5000}
    bucket.server.control(*[{"status": 500}] * 20)
    assert other.read_picture(turn.pictures[0].sha256) == png(1)
    assert other.picture_path(turn.pictures[0].sha256).read_bytes() == png(1)


def test_no_row_names_a_picture_the_bucket_has_not_taken(store: Store, bucket: Bucket) -> None:
    fox = store.create_session("fox")
    bucket.server.control(*[{"status": 403, "only": "PUT"}] * 20)
    with pytest.raises(StoreError, match="does not let this machine in") as told:
        add(store, fox, 1)
    assert len(str(told.value).splitlines()) == 1
    assert store.turns(fox.id) == []
    bucket.server.control()
    assert add(store, fox, 1).number == 1


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"wait": 0.3}], ids=["503", "reset", "slow"])
def test_what_passes_is_waited_for(store: Store, tmp_path: Path, bucket: Bucket, fault: dict[str, object]) -> None:
    fox = store.create_session("fox")
    bucket.server.control(*[fault] * 2)
    add(store, fox, 1)
    bucket.server.control(*[fault] * 2)
    assert elsewhere(store, tmp_path, bucket).read_picture(use(png(1)).sha256) == png(1)
    assert problems(store) == []


def test_a_bucket_that_is_not_there_is_told_before_anything_is_paid_for(team_home: Make, bucket: Bucket) -> None:
    with Store.open(team_home(f"{bucket.url.split('/some')[0]}-of-nobody")) as store, pytest.raises(StoreError) as told:
        store.check_room(1)
    assert len(str(told.value).splitlines()) == 1
    assert "bucket-key" not in str(told.value)


def test_a_copy_that_was_damaged_here_is_fetched_again(store: Store) -> None:
    fox = store.create_session("fox")
    sha256 = add(store, fox, 1).pictures[0].sha256
    store.picture_path(sha256).write_bytes(b"something else")
    assert store.read_picture(sha256) == png(1)


def test_the_doctor_looks_into_the_bucket_and_not_at_copies(store: Store, tmp_path: Path, bucket: Bucket) -> None:
    fox = store.create_session("fox")
    first, second = (add(store, fox, seed).pictures[0].sha256 for seed in (1, 2))
    one, two = (f"pictures/{sha256[:2]}/{sha256}.png" for sha256 in (first, second))
    obstore.delete(asked(store), one)
    obstore.put(asked(store), two, b"cut")
    assert problems(store)[0].startswith("1 picture file missing")
    assert problems(store)[1].startswith("1 picture file damaged")
    assert any("2 damaged or missing" in line for line in verify_store(elsewhere(store, tmp_path, bucket)))
    assert any("made whole from the copy on this machine" in line for line in verify_store(store))
    assert check_store(store) == []
    assert elsewhere(store, tmp_path, bucket).read_picture(second) == png(2)


def test_what_no_turn_names_is_moved_aside_in_the_bucket(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = use(png("stray")).sha256
    store.put_picture(png("stray"))
    tomorrow = time.time() + 86_400
    monkeypatch.setattr("notebook_img.store.maintenance.time.time", lambda: tomorrow)
    assert any("Moved 1 file" in line and "rescued/" in line for line in repair_store(store))
    assert [key.split("/")[0] for key in keys(store) if stray in key] == ["rescued"]


def test_what_goes_with_its_session_leaves_the_bucket(store: Store) -> None:
    fox, owl = store.create_session("fox"), store.create_session("owl")
    add(store, fox, 1, 2, raw={"of": "fox"})
    add(store, owl, 2)
    store.delete_session(fox.id)
    assert [key for key in keys(store) if not key.startswith("probe")] == [f"pictures/{use(png(2)).sha256[:2]}/{use(png(2)).sha256}.png"]


def test_copies_take_a_bounded_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fox = store.create_session("fox")
    monkeypatch.setattr("notebook_img.store.bucket.MOST_CACHED", 100_000)
    monkeypatch.setattr("notebook_img.store.bucket.RESTED", 0.0)
    for seed in range(30):
        data = png(seed, size=10_000)
        store.put_picture(data)
        os.utime(store.picture_path(use(data).sha256, "image/png"), (seed, seed))
    here = [path for path in store._database.files.glob("pictures/*/*") if path.is_file()]
    assert sum(path.stat().st_size for path in here) < 130_000
    assert all(store.read_picture(use(png(seed, size=10_000)).sha256) for seed in range(30))
    assert fox is not None
