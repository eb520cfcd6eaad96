"""What a studio gives to others and takes from them: packs beside the notebook, and sessions as zip files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.display import counted
from notebook_img.replay import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.studio.studio import Studio
    from notebook_img.workspace import Workspace


LARGE = 50_000_000
"""Bytes from which a pack is too large for many places: GitHub warns of such files."""


@dataclass(frozen=True)
class Packed:
    """A pack, and what it holds."""

    path: Path
    turns: int
    made: int
    """Pictures that calls made."""
    given: int
    """Pictures that were put in: photographs, masks."""
    bytes: int
    new: bool
    """Whether it was written; one that has everything already is left as it is."""

    @property
    def words(self) -> str:
        """What it holds, in a sentence."""
        parts = [counted(self.turns, "turn"), counted(self.made, "picture") + " made"]
        given = f", {counted(self.given, 'picture')} put in" if self.given else ""
        holds = f"{' with '.join(parts)}{given} ({self.bytes / 1e6:.1f} MB)"
        return f"Packed {holds} into {self.path}." if self.new else f"{self.path} is up to date: {holds}."


def write_pack(studio: Studio, output: str | None, *, everything: bool = False, force: bool = False, keep_metadata: bool = False) -> Packed:
    """Write the pack of the studio's notebook; see `Studio.pack`.

    Parameters
    ----------
    studio : Studio
        Whose notebook.
    output : str, optional
        File name.
    everything : bool
        All turns of its sessions, not only what its cells give back.
    force : bool
        Overwrite the file whatever it holds.
    keep_metadata : bool
        Leave place, serial numbers and owner in the files of input pictures.
    """
    from notebook_img.store import export_sessions, runs_of, select_for_cells

    store, session = studio.store, studio.session()
    stem = studio.notebook.stem if studio.notebook else session.name
    path = Path(output).expanduser() if output else studio.working_folder / f"{stem}{SUFFIX}"
    if not path.name.endswith(SUFFIX):
        path = path.with_name(f"{path.name.removesuffix('.zip')}{SUFFIX}")
    notebook = str(studio.notebook or "")
    ids = store.sessions_of_notebook(notebook, session.id)
    only = None
    if not everything and studio.kernel is not None:
        only = select_for_cells(store, ids, notebook)
        if not only.count:
            studio.say("No cell has got a picture here yet, so everything of the session is packed.")
            only = None
    turns = (record for each in ids for record in store.turns(each))
    records = [record for record in turns if only is None or record.number in only.turns.get(record.session_id, ())]
    new = force or keep_metadata or not _holds_all(path, records)
    if not new and store.last_written(path) is not None:
        new = not _is_as_written(path, records, runs_of(store, ids) if only is None else only.runs)
    if new:
        for missing in export_sessions(store, ids, path, raw=False, force=force, only=only, keep_metadata=keep_metadata):
            studio.say(missing)
    made = {use.sha256 for record in records for use in record.uses("output")}
    given = {use.sha256 for record in records for use in record.pictures} - made
    packed = Packed(path, len(records), len(made), len(given), path.stat().st_size, new)
    if new and packed.bytes > LARGE:
        studio.say(f"Warning: {path.name} has {packed.bytes / 1e6:.0f} MB. Many places take no file of more than 50 MB.")
    return packed


def _holds_all(path: Path, records: Sequence[TurnRecord]) -> bool:
    """Return whether a pack that lies there has these turns: then there is nothing to write.

    A colleague who runs the cell again has the pack from elsewhere; what it was made of has other numbers here, and the same content.
    """
    from notebook_img.errors import NotebookImgError
    from notebook_img.store import Pack

    if not path.is_file() or not records:
        return False
    try:
        pack = Pack(path)
        return all(
            any(
                found.content_key == record.content_key and all(pack.holds_picture(use.sha256) for use in found.pictures)
                for found in pack.find_replies(record.request_key)
            )
            for record in records
        )
    except NotebookImgError:
        return False


def _is_as_written(path: Path, records: Sequence[TurnRecord], runs: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a pack of ours, which has these turns, has no others, tells the same of the cells, and nothing of place and owner."""
    from notebook_img.errors import NotebookImgError
    from notebook_img.pictures import without_private_parts
    from notebook_img.store import Pack

    try:
        pack = Pack(path)
        held = [record for session in pack.sessions for record in pack.turns(session.id)]
        if len(held) != len(records) or _told(run.model_dump() for run in pack.runs) != _told(runs):
            return False
        made = {use.sha256 for record in held for use in record.uses("output", "delivered")}
        given = {use.sha256 for record in held for use in record.uses("input", "reference")} - made
        return not any(without_private_parts(pack.picture(sha256))[1] for sha256 in given)
    except NotebookImgError:
        return False


def _told(runs: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what runs tell of each cell, what the latest told last: a run that did the same again tells nothing new."""
    cells: dict[str, dict[tuple[Any, ...], None]] = {}
    for run in sorted(runs, key=lambda run: int(run["seen"])):
        moves = tuple((session, kind, after) for session, kind, _, after, _ in run["moves"])
        told = (run["source_hash"], *(tuple(map(tuple, run[name])) for name in ("replies", "named")), moves)
        cell = cells.setdefault(run["cell"], {})
        cell.pop(told, None)
        cell[told] = None
    return {name: list(cell) for name, cell in cells.items()}


def take_in(workspace: Workspace, path: Path) -> list[SessionRecord]:
    """Import the sessions of an exported zip, and report on each."""
    from notebook_img.store import import_sessions

    imported = import_sessions(workspace.store, path)
    for item in imported:
        workspace.say(item.said)
    return [item.session for item in imported]
