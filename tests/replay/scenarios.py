"""The rules of running again, as a table: each row is a list of cell runs with the requests, results and parents they must have.

``Open()`` opens the work in a new kernel. ``Run("A", source, sent, gives, parents)`` runs cell A: so many requests sent, results with
these labels (the same label: the same picture, another label: another picture), each continuing from the labelled parent. ``File`` does
something to the files meanwhile.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Open:
    """A notebook is opened, in a new kernel."""

    notebook: str = ""
    """Its file; work without one where empty."""
    home: str = "home"
    session: str = "fox"
    """The session it works in; the notebook's own where empty."""
    model: str = "painter"
    painter: str = "oil"
    """The painter's default model."""
    replay: str = "restart"
    new_ids: bool = False
    """Whether the front end gives cells new ids at this opening."""
    sets_up: bool = True
    """Whether a first cell loads the extension, opens the session and names its functions."""
    forgets_model: bool = False


@dataclass(frozen=True)
class Run:
    """A cell runs."""

    cell: str
    source: str
    sent: int
    gives: str = ""
    parents: str | None = None
    fails: bool | str = False
    """Whether it ends in an error; a text must stand in it."""
    says: str = ""
    """What must stand in its output."""
    session: str = ""
    """The session that is current afterwards."""


@dataclass(frozen=True)
class File:
    """Something happens to the files."""

    does: Callable[[Path], object]


A = "edit('first', 'sample:chelsea')"
IN_PLACE: Mapping[str, tuple[Any, ...] | list[Any]] = {
    "run all twice in fresh kernels": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"), Run("C", "edit('warm')", 1, "c", "b"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("C", "edit('warm')", 0, "c", "b"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("C", "edit('warm')", 0, "c", "b"),
    ],
    "the same cell three times, edit the last, fresh kernel": [
        Open(), Run("A", A, 1, "a1"), Run("A", A, 1, "a2"), Run("A", A, 1, "a3"), Run("B", "edit('night')", 1, "b", "a3"),
        Open(), Run("A", A, 0, "a3"), Run("B", "edit('night')", 0, "b", "a3"),
    ],
    "change the first cell, run both": [
        Open(), Run("A", A, 1, "a1"), Run("B", "edit('night')", 1, "b1", "a1"),
        Run("A", "edit('other', 'sample:coffee')", 1, "a2"), Run("B", "edit('night')", 1, "b2", "a2"),
        Open(), Run("A", "edit('other', 'sample:coffee')", 0, "a2"), Run("B", "edit('night')", 0, "b2", "a2"),
        Open(), Run("A", A, 0, "a1"), Run("B", "edit('night')", 0, "b1", "a1"),
    ],
    "run the middle cell again: not on top of its own result": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b1", "a"), Run("C", "edit('warm')", 1, "c1", "b1"),
        Run("B", "edit('night')", 1, "b2", "a"), Run("C", "edit('warm')", 1, "c2", "b2"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b2", "a"), Run("C", "edit('warm')", 0, "c2", "b2"),
    ],
    "the same edit three times: siblings, not a chain": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('darker')", 1, "b1", "a"), Run("B", "edit('darker')", 1, "b2", "a"),
        Run("B", "edit('darker')", 1, "b3", "a"),
        Open(), Run("B", "edit('darker')", 0, "b3", "a"),
    ],
    "a cell with several edits starts where it started": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('x'); edit('y')", 2, "x1 y1", "a x1"), Run("B", "edit('x'); edit('y')", 2, "x2 y2", "a x2"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('x'); edit('y')", 0, "x2 y2", "a x2"),
    ],
    "insert a cell": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"), Run("C", "edit('warm')", 1, "c1", "b"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("X", "edit('frame')", 1, "x", "b"), Run("C", "edit('warm')", 1, "c2", "x"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("X", "edit('frame')", 0, "x", "b"), Run("C", "edit('warm')", 0, "c2", "x"),
    ],
    "undo, then run again": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"), Run("U", "undo()", 0), Run("C", "edit('warm')", 1, "c", "a"),
        Run("U", "undo(); assert head().prompt == 'first'", 0), Run("C", "edit('warm')", 1, "c2", "a"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("U", "undo()", 0), Run("C", "edit('warm')", 0, "c2", "a"),
    ],
    "the undo cell three times in a row is one undo": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"), Run("C", "edit('warm')", 1, "c", "b"),
        Run("U", "undo(); assert head().prompt == 'night'", 0), Run("U", "undo(); assert head().prompt == 'night'", 0),
        Run("U", "undo(); assert head().prompt == 'night'", 0), Run("D", "edit('cold')", 1, "d", "b"),
    ],
    "checkout in the middle of run all": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"), Run("K", "checkout('t1')", 0), Run("C", "edit('warm')", 1, "c", "a"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b", "a"), Run("K", "checkout('t1')", 0), Run("C", "edit('warm')", 0, "c", "a"),
    ],
    "a loop of four same requests": [
        Open(), Run("L", "for _ in range(4): gen('fox')", 4, "f1 f2 f3 f4"),
        Open(), Run("L", "for _ in range(4): gen('fox')", 0, "f1 f2 f3 f4"),
        Run("L", "for _ in range(4): gen('fox')", 4, "f5 f6 f7 f8"),
        Open(), Run("L", "for _ in range(4): gen('fox')", 0, "f5 f6 f7 f8"),
    ],
    "a loop that has grown": [
        Open(), Run("L", "for _ in range(2): gen('fox')", 2, "f1 f2"),
        Open(), Run("L", "for _ in range(3): gen('fox')", 1, "f1 f2 f3"),
        Open(), Run("L", "for _ in range(3): gen('fox')", 0, "f1 f2 f3"),
    ],
    "a question added between two edits": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b", "a"),
        Open(), Run("A", A, 0, "a"), Run("Q", "ask('what is it?')", 1), Run("B", "edit('night')", 0, "b", "a"),
        Open(), Run("A", A, 0, "a"), Run("Q", "ask('what is it?')", 0), Run("B", "edit('night')", 0, "b", "a"),
        Run("Q", "assert ask('what is it?').parent.prompt == 'night'", 1), Run("R", "ask('and now?')", 1),
        Run("Q", "assert ask('what is it?').parent.prompt == 'night'", 1), Run("B", "edit('night')", 1, "b2", "a"),
    ],
    "--fresh in the middle": [
        Open(), Run("A", A, 1, "a"), Run("B", "edit('night')", 1, "b1", "a"), Run("C", "edit('warm')", 1, "c1", "b1"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night', fresh=True)", 1, "b2", "a"), Run("C", "edit('warm')", 1, "c2", "b2"),
        Open(), Run("A", A, 0, "a"), Run("B", "edit('night')", 0, "b2", "a"), Run("C", "edit('warm')", 0, "c2", "b2"),
    ],
    "a named model is another request, the default model is not": [
        Open(), Run("A", "gen('fox')", 1, "a"),
        Open(painter="ink"), Run("A", "gen('fox')", 0, "a"),
        Run("B", "gen('fox', model='painter:ink')", 1, "b"),
        Open(painter="ink"), Run("C", "gen('fox', model='painter:oil')", 0, "a"), Run("D", "gen('fox', model='painter')", 0, "b"),
    ],
    "a failed run counts for nothing, and what it got is given first": [
        Open(), Run("A", "gen('fox'); gen('cat'); 1 / 0", 2, "f c", fails=True), Run("A", "gen('fox'); gen('cat')", 0, "f c"),
        Run("A", "gen('fox'); gen('cat')", 2, "f2 c2"),
    ],
    "an option that was typed makes another request; display and output do not": [
        Open(), Run("A", "gen('fox', seed=None)", 1, "a"),
        Open(), Run("A", "gen('fox', n=1)", 1, "a1"), Run("B", "gen('fox')", 0, "a"),
    ],
    "a cell's own run is given back also when a key has come since; from elsewhere the built-in engine's replies go to itself": [
        Open(model="local", forgets_model=True), Run("A", "edit('invert', 'sample:chelsea')", 0, "l"),
        Open(model="painter", forgets_model=True), Run("B", "b = edit('invert', 'sample:chelsea')", 1, "b"),
        Run("A", "edit('invert', 'sample:chelsea')", 0, "l"), Run("A", "edit('invert', 'sample:chelsea')", 1, "p"),
        # A model that was not typed matches the one recorded, and the latest run got the painter's.
        Open(model="local", forgets_model=True), Run("A", "edit('invert', 'sample:chelsea')", 0, "p"),
    ],
}  # fmt: skip


def moved(old: str, new: str) -> File:
    """Rename or move a file."""

    def does(folder: Path) -> None:
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / old).rename(folder / new)

    return File(does)


def copied(old: str, new: str) -> File:
    """Copy a file."""
    return File(lambda folder: shutil.copy(folder / old, folder / new))


def stamped(name: str, stamp: str, colour: str = "red") -> File:
    """Write a picture file that says when it was made."""

    def does(folder: Path) -> None:
        from PIL import Image, PngImagePlugin

        info = PngImagePlugin.PngInfo()
        info.add_text("Creation Time", stamp)
        Image.new("RGB", (30, 20), colour).save(folder / name, pnginfo=info)

    return File(does)


def without_pictures(home: str = "home") -> File:
    """Lose all pictures of a home."""
    return File(lambda folder: shutil.rmtree(folder / "homes" / home / "pictures"))


def damaged_packs() -> File:
    """Change the pictures in the packs of the folder."""

    def does(folder: Path) -> None:
        for path in folder.glob("*.pictures.zip"):
            with zipfile.ZipFile(path) as old:
                members = {item.filename: old.read(item) for item in old.infolist()}
            with zipfile.ZipFile(path, "w") as new:
                for member, data in members.items():
                    new.writestr(member, data[:-9] + b"something" if member.startswith("pictures/") else data)

    return File(does)


def kept_index(home: str = "home") -> File:
    """Keep a copy of a home's index."""
    return File(
        lambda folder: shutil.copytree(folder / "homes" / home, folder / "kept", ignore=shutil.ignore_patterns("pictures", "turns"))
    )


def rebuilt(home: str = "home") -> File:
    """Lose a home's index, put back the copy if one was kept, and make its turns again."""

    def does(folder: Path) -> None:
        from notebook_img.store import rebuild_store

        for path in (folder / "homes" / home).glob("store.sqlite*"):
            path.unlink()
        for path in (folder / "kept").glob("store.sqlite*"):
            shutil.copy(path, folder / "homes" / home)
        rebuild_store(folder / "homes" / home)

    return File(does)


ONE = Open("one.ipynb", session="")
AWAY = Open(home="another")
TWO = Open("two.ipynb", session="")
NIGHT, WARM = "%imgedit night", "%imgedit warm"
FOX, CAT = "%imggen a fox", "%imggen a cat"
START = (Run("A", FOX, 1, "a"), Run("B", NIGHT, 1, "b", "a"), Run("C", WARM, 1, "c", "b"))
BACK = (Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b"), Run("C", WARM, 0, "c"))
TREE = (
    Run("A", FOX, 1, "a"), Run("B", NIGHT, 1, "b", "a"), Run("C", "%imgedit -i t1 warm", 1, "c", "a"),
    Run("K", "%imgsession checkout t2", 0), Run("D", "%imgedit cold", 1, "d", "b"), Run("E", "%imgedit t1 snow", 1, "e", "a"),
)  # fmt: skip
TREE_BACK = (
    Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b"), Run("C", "%imgedit -i t1 warm", 0, "c"),
    Run("K", "%imgsession checkout t2", 0), Run("D", "%imgedit cold", 0, "d"), Run("E", "%imgedit t1 snow", 0, "e"),
)  # fmt: skip
OTHER_WORK = Run("O", "%imggen something\n%imggen else", 2, "o1 o2")
RUN_CELL = "get_ipython().run_cell('%imggen a fox')\nget_ipython().run_cell('%imgedit night')\n%imgedit warm"
LOOP = "for _ in range(3):\n    %imggen a fox"
GATHERED = "import asyncio\n_ = await asyncio.gather(*(s.aio.edit(f'v{number}') for number in range(3)))"
THREADS = "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as pool: _ = list(pool.map(gen, ['x', 'y', 'z']))"

WITH_FILES: Mapping[str, tuple[Any, ...]] = {
    "three magics, Run All three times": (ONE, *START, ONE, *BACK, ONE, *BACK),
    "Python before the first magic": (
        Open("one.ipynb", session="", sets_up=False),
        Run("A", "import notebook_img as ni\ns = ni.session('fox')", 0), Run("B", "s.generate('a fox')", 1, "a"), Run("C", "s.edit('night')", 1, "b", "a"),
        Open("one.ipynb", session="", sets_up=False),
        Run("A", "import notebook_img as ni\ns = ni.session('fox')", 0), Run("B", "s.generate('a fox')", 0, "a"), Run("C", "s.edit('night')", 0, "b", "a"),
    ),
    "replay is only: nothing is sent, and what is stored comes back": (
        ONE, *START, Open("one.ipynb", session="", replay="only"), *BACK, Run("X", CAT, 0, fails="ReplayMissError"), *BACK,
    ),
    "replay is off: each run asks": (ONE, Run("A", FOX, 1, "a"), Open("one.ipynb", session="", replay="off"), Run("A", FOX, 1, "a2")),
    "replay is always: any cell gets what was asked once": (
        ONE, Run("A", FOX, 1, "a"), Open("one.ipynb", session="", replay="always"), Run("A", FOX, 0, "a"), Run("A", FOX, 0, "a"), Run("Z", FOX + " ", 0, "a"),
    ),
    "cells deleted, moved up and down": (
        ONE, *START, ONE, Run("C", WARM, 0, "c", "b"), ONE, Run("B", NIGHT, 0, "b", "a"),
        ONE, Run("A", FOX, 0, "a"), Run("C", WARM, 1, "c3", "a"), Run("B", NIGHT, 1, "b3", "c3"),
    ),
    "a cell split in two": (
        ONE, Run("A", "%imggen a fox\n%imgedit night", 2, "a b", "- a"), ONE, Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b", "a"), ONE, Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b", "a"),
    ),
    "two cells merged": (
        ONE, Run("A", FOX, 1, "a"), Run("B", NIGHT, 1, "b", "a"), ONE, Run("A", "%imggen a fox\n%imgedit night", 0, "a b", "- a"),
    ),
    "an undo between cells": (
        ONE, *START, Run("U", "%imgsession undo", 0), Run("D", "%imgedit cold", 1, "d", "b"),
        ONE, *BACK, Run("U", "%imgsession undo", 0), Run("D", "%imgedit cold", 0, "d", "b"),
    ),
    "branches by checkout and by naming a turn": (ONE, *TREE, ONE, *TREE_BACK),
    "several pictures, one picked": (
        ONE, Run("A", "%imggen -n 3 a fox", 1, "a"), Run("B", "%imgedit --pick 2 night", 1, "b", "a"), Run("C", "%imgedit t1.3 warm", 1, "c", "a"),
        ONE, Run("A", "%imggen -n 3 a fox", 0, "a"), Run("B", "%imgedit --pick 2 night", 0, "b", "a"), Run("C", "%imgedit t1.3 warm", 0, "c", "a"),
    ),
    "siblings of two models": (
        ONE, Run("A", "%imggen -m painter:oil -m painter:ink a fox", 2, "a1 a2"), Run("B", NIGHT, 1, "b", "a1"),
        ONE, Run("A", "%imggen -m painter:oil -m painter:ink a fox", 0, "a1 a2"), Run("B", NIGHT, 0, "b", "a1"),
    ),
    "a question between edits": (
        ONE, Run("A", FOX, 1, "a"), Run("Q", "%askimage what is it?", 1), Run("B", NIGHT, 1, "b", "a"),
        ONE, Run("A", FOX, 0, "a"), Run("Q", "%askimage what is it?", 0), Run("B", NIGHT, 0, "b", "a"),
    ),
    "an array as input": (
        ONE, Run("A", "import numpy as np\npixels = np.full((8, 8, 3), 77, dtype='uint8')\n%imgedit {pixels} night", 1, "a"),
        ONE, Run("A", "import numpy as np\npixels = np.full((8, 8, 3), 77, dtype='uint8')\n%imgedit {pixels} night", 0, "a"),
    ),
    "edits awaited together": (
        ONE, Run("A", FOX, 1, "a"), Run("G", GATHERED, 3, "v0 v1 v2", "a a a"), Run("Z", NIGHT, 1, "z", "v2"),
        ONE, Run("A", FOX, 0, "a"), Run("G", GATHERED, 0, "v0 v1 v2", "a a a"), Run("Z", NIGHT, 0, "z", "v2"),
    ),
    "calls in threads": (ONE, Run("T", THREADS, 3, "x y z"), ONE, Run("T", THREADS, 0, "x y z")),
    "an exception in the middle of a cell": (
        ONE, Run("A", "%imggen a fox\n1 / 0", 1, "a", fails="ZeroDivisionError"), ONE, Run("A", "%imggen a fox\n%imgedit night", 1, "a b", "- a"), ONE, Run("A", "%imggen a fox\n%imgedit night", 0, "a b", "- a"),
    ),
    "a cell that runs others": (ONE, Run("O", RUN_CELL, 3, "a b c", "- a b"), ONE, Run("O", RUN_CELL, 0, "a b c", "- a b")),
    "a failed request counts for nothing": (
        ONE, Run("A", "from tests.replay.painter import Painter\nPainter.fail_at = 0\n%imggen a fox", 0, fails="overloaded"), ONE, Run("A", "%imggen a fox", 1, "a"), ONE, Run("A", "%imggen a fox", 0, "a"),
    ),
    "renamed: its session goes on, whatever cell runs first": (
        ONE, *START, moved("one.ipynb", "foxes.ipynb"), Open("foxes.ipynb", session=""), *BACK, Run("D", "%imgedit cold", 1, "d", "c"),
    ),
    "renamed, with ids in cells": (ONE, OTHER_WORK, *(Run(run.cell, run.source.replace("t1", "t3").replace("t2", "t4"), run.sent, run.gives, run.parents) for run in TREE),
        moved("one.ipynb", "foxes.ipynb"), Open("foxes.ipynb", session=""),
        *(Run(run.cell, run.source.replace("t1", "t3").replace("t2", "t4"), 0, run.gives, run.parents) for run in TREE)),
    "moved to another folder": (ONE, *TREE, moved("one.ipynb", "deep/down/one.ipynb"), Open("deep/down/one.ipynb", session=""), *TREE_BACK),
    "copied: the copy costs nothing": (ONE, *START, copied("one.ipynb", "two.ipynb"), TWO, *BACK, TWO, *BACK, ONE, *BACK),
    "copied, with ids in cells and other work before": (
        ONE, *TREE, copied("one.ipynb", "two.ipynb"), TWO, OTHER_WORK, *TREE_BACK, TWO, Run("O", OTHER_WORK.source, 0, "o1 o2"), *TREE_BACK,
    ),
    "copied and changed: the original keeps its own": (
        ONE, *START, copied("one.ipynb", "two.ipynb"), TWO, *BACK, Run("B", "%imgedit dusk", 1, "dusk"), ONE, *BACK,
    ),
    "another notebook with the same words": (
        ONE, Run("A", FOX, 1, "a"), Open("two.ipynb", session="", new_ids=True), Run("N", "pass\n" + FOX, 1, "n"), ONE, Run("A", FOX, 0, "a"),
    ),
    "a colleague's pack": (
        ONE, *START, Run("P", "%imgsession pack", 0), Open("one.ipynb", session="", home="theirs"), *BACK, Open("one.ipynb", session="", home="theirs"), *BACK,
    ),
    "a colleague's pack, with ids in cells and other work before": (
        ONE, *TREE, Run("P", "%imgsession pack --force", 0), Open("one.ipynb", session="", home="theirs"), OTHER_WORK, *TREE_BACK,
    ),
    "a colleague's pack, nothing may be sent": (
        ONE, *START, Run("P", "%imgsession pack", 0), Open("one.ipynb", session="", home="theirs", replay="only"), *BACK, Run("X", CAT, 0, fails="ReplayMissError"),
    ),
    "a damaged pack is said and left out": (
        ONE, Run("A", FOX, 1, "a"), Run("P", "%imgsession pack", 0), damaged_packs(),
        Open("one.ipynb", session="", home="theirs"), Run("A", FOX, 1, "other", says="A pack was left out"),
    ),
    "an export that was imported": (
        Open("one.ipynb", session=""), *START, Run("P", "%imgsession export mine.zip", 0),
        Open("one.ipynb", session="", home="theirs"), Run("I", "%imgsession import mine.zip", 0), *BACK,
    ),
    "pictures whose files are gone are asked for anew": (ONE, Run("A", FOX, 1, "a"), without_pictures(), ONE, Run("A", FOX, 1, "b", says="is gone from the store or damaged")),
    "pictures whose files are gone come back from a pack": (ONE, *START, Run("P", "%imgsession pack", 0), without_pictures(), ONE, *BACK),
    "a file that was written and edited": (
        ONE, Run("A", FOX + " -o fox.png", 1, "a"), Run("B", "%imgedit fox.png night", 1, "b", "-"), ONE, Run("A", FOX + " -o fox.png", 0, "a"), Run("B", "%imgedit fox.png night", 0, "b", "-"),
    ),
    "a file that was written and edited, in a copy": (
        ONE, Run("A", FOX + " -o fox.png", 1, "a"), Run("B", "%imgedit fox.png night", 1, "b", "-"), copied("one.ipynb", "two.ipynb"),
        TWO, OTHER_WORK, Run("A", FOX + " -o fox.png", 0, "a"), Run("B", "%imgedit fox.png night", 0, "b", "-"),
    ),
    "a plot that is drawn anew with another time stamp": (
        stamped("plot.png", "10:00"), ONE, Run("A", "%imgedit plot.png night", 1, "a"), stamped("plot.png", "10:05"), ONE, Run("A", "%imgedit plot.png night", 0, "a"),
        stamped("plot.png", "10:05", "blue"), ONE, Run("A", "%imgedit plot.png night", 1, "b"),
    ),
    "words changed and changed back": (
        ONE, Run("A", FOX, 1, "a"), ONE, Run("A", CAT, 1, "c"), ONE, Run("A", FOX, 0, "a"),
    ),
    "a new cell with the words of another one": (ONE, Run("A", FOX, 1, "a"), ONE, Run("N", "pass\n" + FOX, 0, "a", says="replayed from"), Run("M", "pass; pass\n" + FOX, 1, "m")),
    "work without a notebook": (Open(), *START, Open(), *BACK),
    "two sessions by name": (
        ONE, Run("A", FOX, 1, "a"), Run("S", "%imgsession bears", 0), Run("B", "%imggen a bear", 1, "b"), Run("C", NIGHT, 1, "c", "b"),
        ONE, Run("A", FOX, 0, "a"), Run("S", "%imgsession bears", 0), Run("B", "%imggen a bear", 0, "b"), Run("C", NIGHT, 0, "c", "b"),
    ),
    "a turn of another session as a picture": (
        ONE, Run("A", "%imggen -s owls an owl", 1, "a"), Run("B", "%imgedit owls/t1 night", 1, "b", "-"),
        ONE, Run("R", "ni.session('owls').rename('birds')\ns = ni.session('one-again')", 0), Run("B", "%imgedit owls/t1 night", 0, "b", "-"),
    ),
    "an id that cannot be found": (ONE, Run("A", FOX, 1, "a"), Run("K", "%imgsession checkout t9", 0, fails="There is no turn t9"), Run("B", "%imgedit t9 night", 0, fails="There is no turn t9")),
}  # fmt: skip

NEEDS_LASTING_IDS = frozenset(
    {
        "--fresh in the middle",
        "--fresh asks, and its reply is the one that comes back",
        "a cell that was overwritten is told why it has no picture",
    }
)
"""Rows whose cells change their words: VS Code's ids hold within a kernel only, and its cells are known by their words from one to the next."""

NEEDS_NOTEBOOK = frozenset({"another notebook with the same words"})
"""Rows in which it matters that the front end tells the notebook's path."""


def runs_again(steps: Sequence[Any]) -> bool:
    """Return whether a row runs a cell twice in one kernel: without ids that is another cell."""
    ran: list[str] = []
    for step in steps:
        if isinstance(step, Open):
            ran = []
        elif isinstance(step, Run):
            if step.cell in ran:
                return True
            ran.append(step.cell)
    return False


WITH_IDS: Mapping[str, tuple[Any, ...]] = {
    "run again three times, then Run All": (ONE, Run("A", FOX, 1, "a1"), Run("A", FOX, 1, "a2"), Run("A", FOX, 1, "a3"), Run("B", NIGHT, 1, "b", "a3"), ONE, Run("A", FOX, 0, "a3"), Run("B", NIGHT, 0, "b", "a3")),
    "an edit run again is a sibling": (ONE, *START, Run("B", NIGHT, 1, "b2", "a"), Run("B", NIGHT, 1, "b3", "a"), ONE, Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b3", "a")),
    "a roll that was rejected comes back to no other cell": (
        ONE, Run("A", FOX, 1, "a1"), Run("A", FOX, 1, "a2"), ONE, Run("N", "pass\n" + FOX, 0, "a2"), Run("M", "pass; pass\n" + FOX, 1, "m"),
    ),
    "words changed and changed back after a second roll": (ONE, Run("A", FOX, 1, "a1"), Run("A", FOX, 1, "a2"), Run("A", CAT, 1, "c"), ONE, Run("A", FOX, 0, "a2")),
    "new ids at each opening": (
        Open("one.ipynb", session="", new_ids=True), Run("A", FOX, 1, "a1"), Open("one.ipynb", session="", new_ids=True), Run("A", FOX, 0, "a1"), Run("A", FOX, 1, "a2"),
        Open("one.ipynb", session="", new_ids=True), Run("A", FOX, 0, "a2"),
    ),
    "a cell that was overwritten is told why it has no picture": (ONE, Run("A", FOX, 1, "a"), Run("A", NIGHT, 0, fails="comes of this cell itself")),
    "a cell that runs others, run again": (ONE, Run("O", RUN_CELL, 3, "a b c", "- a b"), Run("O", RUN_CELL, 3, "d e f", "- d e"), ONE, Run("O", RUN_CELL, 0, "d e f", "- d e")),
    "a copy that was run again has its own from then on": (
        ONE, *START, copied("one.ipynb", "two.ipynb"), TWO, *BACK, Run("A", FOX, 1, "a2"), ONE, *BACK, TWO, Run("A", FOX, 0, "a2"),
    ),
    "an index that was lost and made again: the rolls made last, in their order": (
        ONE, Run("L", LOOP, 3, "f1 f2 f3"), Run("B", NIGHT, 1, "b1", "f3"), Run("L", LOOP, 3, "g1 g2 g3"), Run("B", NIGHT, 1, "b2", "g3"), AWAY, rebuilt(),
        ONE, Run("L", LOOP, 0, "g1 g2 g3"), Run("B", NIGHT, 0, "b2", "g3"), Run("B", NIGHT, 1, "b3", "g3"),
    ),
    "an older copy of the index that was made whole again: the rolls made since": (
        ONE, *START, AWAY, kept_index(), ONE, *BACK, Run("B", NIGHT, 1, "b2", "a"), Run("D", "%imgedit cold", 1, "d", "b2"), AWAY, rebuilt(),
        ONE, Run("A", FOX, 0, "a"), Run("B", NIGHT, 0, "b2", "a"), Run("D", "%imgedit cold", 0, "d", "b2"),
    ),
    "--fresh asks, and its reply is the one that comes back": (ONE, Run("A", FOX, 1, "a"), ONE, Run("A", FOX + " --fresh", 1, "a2"), ONE, Run("A", FOX, 0, "a2")),
    "a stopped loop goes on": (
        ONE, Run("L", "for n in range(4):\n    gen(f'fox {n}')\n    1 / (n < 2)", 3, "f0 f1 f2", fails="ZeroDivisionError"), Run("L", "for n in range(4):\n    gen(f'fox {n}')", 1, "f0 f1 f2 f3"),
        ONE, Run("L", "for n in range(4):\n    gen(f'fox {n}')", 0, "f0 f1 f2 f3"),
    ),
}  # fmt: skip

WITHOUT_IDS: Mapping[str, tuple[Any, ...]] = {
    "run again is another cell, and that is said once": (
        Open(), Run("?", FOX, 1, "a1"), Run("?", FOX, 1, "a2", says="does not tell which cell runs"), Open(), Run("?", FOX, 0, "a1"), Run("?", FOX, 0, "a2"),
    ),
    "two equal cells are two cells": (Open(), Run("?", FOX, 1, "a"), Run("?", "%imgedit darker", 1, "b", "a"), Run("?", "%imgedit darker", 1, "c", "b"), Open(), Run("?", FOX, 0, "a"), Run("?", "%imgedit darker", 0, "b", "a"), Run("?", "%imgedit darker", 0, "c", "b")),
}  # fmt: skip
