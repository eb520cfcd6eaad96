"""What the maker of the fixture and its test share: the emulated services, cells run in a kernel, a store as plain values."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, Ran, lab_cell

FIXTURES = Path(__file__).with_name("fixtures")
HOME_ZIP = FIXTURES / "home-344ad51.zip"
PACK = FIXTURES / "fox.pictures.zip"
EXPECTED = FIXTURES / "expected.json"
CELLS = FIXTURES / "cells.json"
"""The cells of the notebooks, by the notebook's name."""

OWL = ("a", "b", "c", "d", "e", "f", "g", "h", "k")
"""The variables of owl.ipynb that hold turns."""

MADE_IN = "/tmp/nbimg-fixture"
"""The folder the store was made under: `home` and `notebooks` lie in it. Its rows name it; `unpacked` puts another one in its place."""

GEMINI_KEY, OPENAI_KEY, ARK_KEY, JIMENG_TOKEN = "test-key-gemini", "test-key-openai", "test-key-ark", "test-token-jimeng"
SERVICES: dict[str, tuple[str, dict[str, Any]]] = {
    "gemini": ("gemini", {"key": GEMINI_KEY, "mime_type": "image/webp", "signature_bytes": 1100}),
    "openai": ("openai", {"key": OPENAI_KEY}),
    "ark": ("ark", {"keys": [ARK_KEY]}),
    "jimeng": ("jimeng", {"accounts": {JIMENG_TOKEN: 100}, "pictures": 1}),
    "lmstudio": ("openai", {"key": "", "models": ["nomic-embed", "qwen2.5-vl-7b"], "detail": False}),
}
"""By our name the emulator and its options. Signatures are longer than what stands in the raw state itself."""


class Services:
    """The emulated services, all of them taking test keys only."""

    def __init__(self, start: Callable[..., Running]) -> None:
        # The second OpenAI is somebody's own server: a process of its own.
        self.running = {name: start(emulator, *([] if emulator == name else ["--port", "0"])) for name, (emulator, _) in SERVICES.items()}

    def reset(self) -> None:
        """Forget what was asked, and take up the options again."""
        for name, service in self.running.items():
            service.reset()
            service.control(**SERVICES[name][1])

    def __getitem__(self, name: str) -> Running:
        return self.running[name]

    def asked(self) -> list[str]:
        """Return service and path of every request."""
        return [f"{name} {row['method']} {row['path']}" for name, service in self.running.items() for row in service.requests()]

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead to them."""
        url = {name: service.url for name, service in self.running.items()}
        return {
            "GEMINI_API_KEY": GEMINI_KEY,
            "GOOGLE_GEMINI_BASE_URL": url["gemini"],
            "OPENAI_API_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": f"{url['openai']}/v1",
            "ARK_API_KEY": ARK_KEY,
            "ARK_BASE_URL": f"{url['ark']}/api/v3",
            "JIMENG_API_TOKEN": JIMENG_TOKEN,
            "JIMENG_BASE_URL": url["jimeng"],
            "JIMENG_UPLOAD_URL": url["jimeng"],
            "JIMENG_POLL": "0.01",
            "LMSTUDIO_BASE_URL": f"{url['lmstudio']}/v1",
        }


# Cells


@dataclass(frozen=True)
class Cell:
    """A cell of one of the notebooks."""

    id: str
    source: str
    tags: tuple[str, ...] = ()
    """``twice``: the maker ran it twice; ``waits``: it ended with a job that waits; ``pack``: it packs, and gives nothing back."""


def cells(notebook: str) -> list[Cell]:
    """Return the cells of a notebook of the fixture."""
    return [Cell(cell["id"], cell["source"], tuple(cell.get("tags", ()))) for cell in json.loads(CELLS.read_text("utf-8"))[notebook]]


def beside(home: Path) -> Path:
    """Return the folder of the notebooks that belong to a home."""
    return home.with_name("notebooks")


def working_folder(work: Path) -> Path:
    """Make the folder the notebooks are worked with in, with all that lies there before anything is run."""
    work.mkdir(parents=True)
    for name in ("cat.png", "banner.png"):
        (work / name).write_bytes((FIXTURES / name).read_bytes())
    for name in ("fox.ipynb", "owl.ipynb"):
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source, id=cell.id) for cell in cells(name)])
        nbformat.write(made, work / name)
    return work


def run(kernel: Kernel, source: str, cell: str = "") -> Ran:
    """Run a cell as JupyterLab does, with its id; without one as nbclient does."""
    return kernel.run_as(source, lab_cell(cell), stops=False)


_PLAIN = """
def _plain(value):
    turns = value if isinstance(value, list) else [value]
    return [
        {"id": turn.full_id, "replayed": turn.replayed, "pictures": [picture.sha256 for picture in turn.pictures]}
        for turn in turns
        if hasattr(turn, "full_id")
    ]
"""


def turns_in(kernel: Kernel, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the turns that variables of a kernel hold."""
    kernel.good(_PLAIN)
    return dict(kernel.value(f"{{name: _plain(globals()[name]) for name in {list(names)}}}"))


def last_turns(kernel: Kernel) -> list[dict[str, Any]]:
    """Return the turns that are the value of the cell that ran last; to be called after each cell, as it takes the value away."""
    kernel.good(_PLAIN)
    return list(kernel.value("_plain(Out.popitem()[1] if Out else None)"))


# A store as plain values


def turn_values(turn: Any) -> dict[str, Any]:
    """Return what is promised of a turn, as JSON."""
    values = {
        "id": turn.id,
        "kind": turn.kind,
        "prompt": turn.prompt,
        "model": turn.model,
        "parent": turn.parent.id if turn.parent else None,
        "text": turn.text,
        "value": turn.value,
        "asked": dict(turn.asked),
        "seed": turn.seed,
        "usage": dict(turn.usage),
        "cost": turn.cost,
        "warnings": list(turn.warnings),
        "note": turn.note,
        "started": turn.started,
        "by": turn.origin.surface,
        "sent": told(turn.sent),
        "got": told(turn.got),
        "inputs": [picture_values(picture) for picture in turn.inputs],
        "references": [picture_values(picture) for picture in turn.references],
        "mask": [picture_values(picture) for picture in ([turn.mask] if turn.mask else [])],
        "pictures": [picture_values(picture) for picture in turn.pictures],
        "delivered": [picture_values(picture) for picture in turn.delivered],
        "request_key": request_key(turn),
        "content_key": content_key(turn),
    }
    return json.loads(json.dumps(values))


def picture_values(picture: Any) -> list[Any]:
    """Return hash, type and size of a picture; the hash is that of its bytes."""
    assert hashlib.sha256(picture.data).hexdigest() == picture.sha256
    return [picture.sha256, picture.mime_type, picture.width, picture.height]


def request_key(turn: Any) -> str:
    """Return what replay compares of a turn; the one place where the test looks behind the public names."""
    return str(turn.record.request_key)


def content_key(turn: Any) -> str:
    """Return what the keys of its children have of a turn; see `request_key`."""
    return str(turn.record.content_key)


def session_values(session: Any) -> dict[str, Any]:
    """Return a session with all its turns, as JSON."""
    return {
        "name": session.name,
        "model": session.model,
        "head": session.head.id if session.head else None,
        "lines": [[turn.id for turn in line] for line in session.lines()],
        "cost": list(session.cost()),
        "turns": [turn_values(turn) for turn in session.turns],
    }


def spend_values(studio: Any) -> list[list[Any]]:
    """Return the books, oldest first."""
    rows = reversed(studio.store.spend_rows())
    return [[row.session, row.turn, row.model, row.state, row.estimate, row.cost] for row in rows]


def told(value: Any) -> str:
    """Return the hash of a JSON value: what was sent and got is kept, and too long to stand here."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


# Files


def unpacked(folder: Path) -> Path:
    """Unpack the fixture's home and working folder into `folder`, as if the store had been made there; return the home."""
    home = folder / "home"
    with zipfile.ZipFile(HOME_ZIP) as archive:
        archive.extractall(home)
    (home / "mark").chmod(0o600)
    working_folder(beside(home))
    _moved(home / "store.sqlite", folder.resolve())
    return home


def _moved(database: Path, folder: Path) -> None:
    """Put the present folder in place of the one the rows name: the notebooks lie here now, and have always done so."""
    connection = sqlite3.connect(database)
    with connection:
        for table, column in list(_texts(connection)):
            wanted = f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE ?"
            for row, text in connection.execute(wanted, (f"%{MADE_IN}%",)).fetchall():
                if text.startswith(MADE_IN):
                    new = str(folder / text[len(MADE_IN) :].lstrip("/"))
                else:  # JSON
                    new = text.replace(MADE_IN, json.dumps(folder.as_posix())[1:-1])
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _texts(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            if kind == "TEXT":
                yield table, column
