"""What a studio gives to others and takes from them: packs beside the notebook, and sessions as zip files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.replay import SUFFIX

if TYPE_CHECKING:
    from notebook_img.records import SessionRecord
    from notebook_img.studio.studio import Studio
    from notebook_img.workspace import Workspace


def write_pack(studio: Studio, output: str | None) -> tuple[Path, int, int]:
    """Write the pack of the studio's notebook; see `Studio.pack`."""
    from notebook_img.store import export_sessions

    session = studio.session()
    stem = studio.notebook.stem if studio.notebook else session.name
    path = Path(output).expanduser() if output else studio.working_folder / f"{stem}{SUFFIX}"
    if not path.name.endswith(SUFFIX):
        path = path.with_name(f"{path.name.removesuffix('.zip')}{SUFFIX}")
    ids = studio.store.sessions_of_notebook(str(studio.notebook or ""), session.id)
    for missing in export_sessions(studio.store, ids, path, raw=False):
        studio.say(missing)
    records = [record for name in ids if (record := studio.store.session(name))]
    return path, sum(record.turns for record in records), path.stat().st_size


def take_in(workspace: Workspace, path: Path) -> list[SessionRecord]:
    """Import the sessions of an exported zip, and report on each."""
    from notebook_img.store import import_sessions

    imported = import_sessions(workspace.store, path)
    for item in imported:
        workspace.say(item.said)
    return [item.session for item in imported]
