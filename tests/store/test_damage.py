"""Stores hurt in twenty ways, then everything the doctor offers in every order: what was whole is there afterwards, and the truth is told."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from notebook_img.errors import NotebookImgError
from notebook_img.store import Store, export_sessions, rebuild_store, repair_store, schema, verify_store
from tests.store.damage import WAYS, whole_store
from tests.store.making import add, problems

ORDERS = list(itertools.permutations(("check", "repair", "verify", "rebuild")))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_store(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def pack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of one of its sessions, which a colleague has."""
    folder = tmp_path_factory.mktemp("colleague")
    home = shutil.copytree(template, folder / "home")
    with Store.open(home) as store:
        export_sessions(store, [store.session_named("fox").id], folder / "fox.zip")  # type: ignore[union-attr]
    return folder / "fox.zip"


def whole_pictures(home: Path) -> set[str]:
    """The pictures of which a whole copy lies anywhere in a home."""
    return {
        path.stem.removesuffix("-again")
        for folder in ("pictures", "rescued")
        for path in (home / folder).rglob("*.png")
        if hashlib.sha256(path.read_bytes()).hexdigest() == path.stem.removesuffix("-again")
    }


def hurt_and_treated(home: Path, way: str, seed: int, pack: Path) -> None:
    luck = random.Random(seed)
    WAYS[way](home, luck)
    before = whole_pictures(home)
    places = [pack] if luck.random() < 0.3 else []
    works: dict[str, Callable[[Store], object]] = {
        "check": problems,
        "repair": repair_store,
        "verify": lambda store: verify_store(store, places),
    }
    order = ORDERS[seed % len(ORDERS)]
    for number, work in enumerate(order):
        problem = done(home, works.get(work), f"meanwhile {seed}" if number == 1 and luck.random() < 0.3 else "")
        assert len(problem) < 800, f"{way}, {seed}, {order}: {problem}"
        assert whole_pictures(home) >= before, f"{way}, {seed}: lost by {work} of {order}"
    with Store.open(home) as store:
        for told in truth(store, home):
            raise AssertionError(f"{way}, {seed}, {order}: {told}")


def done(home: Path, work: Callable[[Store], object] | None, meanwhile: str) -> str:
    """Do one work of the doctor's, and maybe store a turn as its owner would; return the sentence of the error, if there was one."""
    try:
        if work is None:
            rebuild_store(home)
        else:
            with Store.open(home) as store:
                work(store)
                if meanwhile:
                    add(store, store.open_session("meanwhile")[0], meanwhile)
    except NotebookImgError as error:
        return str(error)
    return ""


def truth(store: Store, home: Path) -> Iterator[str]:
    """Give what is said about a store that is not so."""
    with store._database.read() as connection:
        rows = {row.sha256: row.bytes for row in connection.execute(select(schema.pictures.c.sha256, schema.pictures.c.bytes))}
    files = {path.stem: path for path in (home / "pictures").rglob("*.png")}
    missing = {sha256 for sha256 in rows if sha256 not in files}
    whole = {sha256 for sha256, path in files.items() if hashlib.sha256(path.read_bytes()).hexdigest() == sha256}
    said = " ".join(problems(store))
    if bool(missing) != ("missing, used by" in said):
        yield f"{len(missing)} missing, and said is: {said}"
    verified = verify_store(store)[0]
    number = 0 if "none damaged" in verified else int(re.search(r"(\d+) damaged or missing", verified)[1])  # type: ignore[index]
    if number != len(rows.keys() - whole):
        yield f"{len(rows.keys() - whole)} are not whole, and said is: {verified}"
    unnamed = files.keys() - rows.keys()
    if unnamed and "in doubt" not in said and "no turn uses" not in said:
        yield f"{len(unnamed)} pictures have no row, and said is: {said}"
    for session in store.sessions():
        if session.turns != len(store.turns(session.id)):
            yield f"{session.name} counts {session.turns} turns"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_was_whole_is_gone_after_treatment(template: Path, pack: Path, tmp_path: Path, way: str, seed: int) -> None:
    hurt_and_treated(shutil.copytree(template, tmp_path / "home"), way, seed * 7 + list(WAYS).index(way), pack)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
def test_of_300_hurt_stores_none_loses_what_was_whole(template: Path, pack: Path, tmp_path: Path, way: str) -> None:
    for seed in range(100, 115):
        hurt_and_treated(shutil.copytree(template, tmp_path / str(seed)), way, seed, pack)
