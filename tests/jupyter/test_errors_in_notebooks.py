"""Bad input of every kind through nbclient: a short ``error`` output, nothing stored, later cells not run, nbmake red."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.jupyter.kernels import environment, notebook

MOST = 700
"""Characters of an error as it is shown."""


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


BAD: Mapping[str, tuple[str, str]] = {
    "no arguments": ("%imgedit", "UsageError"),
    "empty body": ("%%imggen\n", "UsageError"),
    "unknown option": ("%imgedit --colour red good.png warmer", "UsageError"),
    "unknown session": ("%imgedit -s foks warmer", "NotFoundError"),
    "unknown model": ("%imgedit -m gemimi good.png warmer", "NotFoundError"),
    "unknown turn": ("%imgedit t77 warmer", "NotFoundError"),
    "missing file": ("%imgedit god.png warmer", "NotFoundError"),
    "directory": ("%imgedit ./folder warmer", "PictureError"),
    "directory as -i": ("%imgedit -i folder warmer", "PictureError"),
    "empty file": ("%imgedit empty.png warmer", "PictureError"),
    "text named png": ("%imgedit text.png warmer", "PictureError"),
    "truncated PNG": ("%imgedit short.png warmer", "PictureError"),
    "truncated JPEG": ("%imgedit short.jpg warmer", "PictureError"),
    "huge header": ("%imgedit vast.png warmer", "PictureError"),
    "2 GB file": ("%imgedit big.png warmer", "PictureError"),
    "output in a missing folder": ("%imgedit good.png warmer -o nowhere/night.png", "OutputError"),
    "output over somebody's file": ("%imgedit good.png warmer -o good.png", "OutputError"),
    "output suffix": ("%imgedit good.png warmer -o night.xyz", "UsageError"),
    "output is a folder": ("%imgedit good.png warmer -o folder", "OutputError"),
    "unknown phrase": ("%imgedit good.png crop to a square and add a red scarf", "Error"),
    "no key": ("%imgedit -m gemini good.png warmer", "KeyMissingError"),
    "a size the model lacks": ("%imggen -m gemini --size 9K a fox", "Error"),
    "nothing to redo": ("%imgsession redo", "UsageError"),
    "pack that is none": ("%imgsession import text.png", "PackError"),
    "python, missing file": ("ni.edit('warmer', 'god.png')", "NotFoundError"),
    "python, no image": ("ni.edit('warmer', 3.5)", "Error"),
    "python, prompt and image swapped": ("ni.edit(open('good.png', 'rb').read(), 'warmer')", "UsageError"),
    "python, unknown argument": ("ni.edit('warmer', 'good.png', aspect='1:1')", "UsageError"),
    "mask of another size": ("%imgedit good.png warmer --mask other.png", "UsageError"),
    "newer store": ("import sqlite3, pathlib\nni.Studio(home='newer').sessions()", "StoreError"),
    "corrupt store": ("ni.Studio(home='corrupt').sessions()", "StoreError"),
    "home is a file": ("ni.Studio(home='good.png').sessions()", "StoreError"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("bad")
    (folder / "folder").mkdir()
    Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "good.png")
    Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "good.jpg")
    Image.new("L", (20, 20), 255).save(folder / "other.png")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("this is no picture, whatever its name says\n" * 10)
    (folder / "short.png").write_bytes((folder / "good.png").read_bytes()[:-2000])
    (folder / "short.jpg").write_bytes((folder / "good.jpg").read_bytes()[:-800])
    (folder / "vast.png").write_bytes(png_header(50_000, 50_000) + b"\0" * 1000)
    with (folder / "big.png").open("wb") as file:
        file.write(png_header(640, 480))
        file.truncate(2_000_000_000)
    (folder / "corrupt").mkdir()
    (folder / "corrupt" / "store.sqlite").write_bytes(b"not a database" * 1000)
    return folder


def run(made: Any, place: Path, env: Mapping[str, str]) -> Any:
    client = NotebookClient(made, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(place)}})
    client.execute(env=dict(env))
    return made


@pytest.fixture(scope="module")
def ran(place: Path) -> dict[str, Any]:
    """All bad cells in one notebook, with a look at the state after each."""
    look = (
        "import hashlib, json, pathlib\n"
        "def state():\n"
        "    files = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path().rglob('*')\n"
        "             if p.is_file() and p.stat().st_size < 1e6 and 'corrupt' not in p.parts and 'newer' not in p.parts}\n"
        "    turns = [(s.name, len(s.turns), s.record.head) for s in ni.sessions()]\n"
        "    kept = sorted(p.name for p in (ni.Settings().home).rglob('*') if p.is_file() and not p.name.startswith('store.'))\n"
        "    return json.dumps([files, turns, kept])\n"
        "STATE = state()"
    )
    newer = (
        "made = ni.Studio(home='newer'); made.sessions(); made.close()\n"
        "import sqlite3\n"
        "for path in pathlib.Path('newer').glob('*'):\n"
        "    if path.is_file() and path.read_bytes()[:6] == b'SQLite':\n"
        "        db = sqlite3.connect(path); db.execute('pragma user_version = 9999'); db.commit(); db.close()\n"
    )
    cells = [
        "%load_ext notebook_img\nimport notebook_img as ni\n%imgsession bad\n_ = %imgedit --quiet good.png invert",
        "import pathlib\n" + newer,
        look,
    ]
    for cell, _ in BAD.values():
        cells += [cell, "assert state() == STATE, state()"]
    made = run(notebook(*cells, failing=True), place, environment(place.parent / "badhome"))
    for cell in made.cells[:3]:
        assert not [each for each in cell.outputs if each.output_type == "error"], cell.outputs
    return {name: (made.cells[3 + 2 * number], made.cells[4 + 2 * number]) for number, name in enumerate(BAD)}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_short_error_and_changes_nothing(name: str, ran: Mapping[str, Any]) -> None:
    cell, after = ran[name]
    errors = [each for each in cell.outputs if each.output_type == "error"]
    assert errors, f"no error output: {cell.outputs}"
    [error] = errors
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    assert BAD[name][1] in error.ename, shown
    assert shown == f"{error.ename}: {error.evalue}", "one paragraph, no frames"
    assert len(shown) < MOST
    assert len(json.dumps(error)) < 2 * MOST
    assert "\n" not in shown
    assert not [each for each in after.outputs if each.output_type == "error"], "sessions, pictures and files are as they were"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("unknown option", "option '--colour'"),
        ("unknown session", "foks"),
        ("unknown model", "'gemini'"),
        ("missing file", "good.png"),
        ("text named png", "text.png"),
        ("huge header", "50000 x 50000"),
        ("2 GB file", "2"),
        ("output over somebody's file", "--force"),
        ("output suffix", ".png"),
        ("unknown phrase", "red scarf"),
        ("no key", "%img key gemini"),
        ("python, unknown argument", "aspect_ratio"),
        ("newer store", "newer"),
    ],
)
def test_bad_input_is_named_with_the_way_on(name: str, says: str, ran: Mapping[str, Any]) -> None:
    [error] = [each for each in ran[name][0].outputs if each.output_type == "error"]
    assert says in error.evalue


def test_a_failing_magic_stops_the_notebook_and_nbmake(place: Path) -> None:
    env = environment(place.parent / "stophome")
    made = notebook("%load_ext notebook_img", "%imgedit t77 warmer", "print('went on')")
    with pytest.raises(CellExecutionError, match="t77"):
        run(made, place, env)
    assert made.cells[2].outputs == []
    for number, cell in enumerate(("%imgedit t77 warmer", "%%imggen\n", "%imgsession undo")):
        path = place / f"stops{number}.ipynb"
        nbformat.write(notebook("%load_ext notebook_img", cell, "print('went on')"), path)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbmake",
            "-q",
            "-p",
            "no:cacheprovider",
            *sorted(str(path) for path in place.glob("stops*.ipynb")),
        ],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, **env},
        timeout=180,
    )
    assert done.returncode == 1, done.stdout
    assert "3 failed" in done.stdout
