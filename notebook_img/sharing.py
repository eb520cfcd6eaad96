"""What leaves a studio for others and comes in from them: packs beside the notebook, and sessions as zip files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.opening import working_directory
from notebook_img.packs import SUFFIX, Packs, find_packs

if TYPE_CHECKING:
    from notebook_img.records import SessionRecord
    from notebook_img.studio import Studio


def packs_of(studio: Studio) -> Packs:
    """Return the packs replies may come from; looked for again when a file comes or goes."""
    paths = find_packs([studio.working_folder, working_directory()], studio.settings.replay_from)
    marks = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
    shared = studio.shared
    if shared.packs is None or shared.packs[0] != marks:
        shared.packs = (marks, Packs(paths, studio.say))
    return shared.packs[1]


def write_pack(studio: Studio, output: str | None) -> tuple[Path, int, int]:
    """Write the pack of the studio's notebook; see `Studio.pack`."""
    from notebook_img.store.bundle import export_sessions

    session = studio.session()
    stem = studio.notebook.stem if studio.notebook else session.name
    path = Path(output).expanduser() if output else studio.working_folder / f"{stem}{SUFFIX}"
    if not path.name.endswith(SUFFIX):
        path = path.with_name(f"{path.name.removesuffix('.zip')}{SUFFIX}")
    ids = studio.store.sessions_of_notebook(str(studio.notebook or ""), session.id)
    export_sessions(studio.store, ids, path, raw=False)
    records = [record for name in ids if (record := studio.store.session(name))]
    return path, sum(record.turns for record in records), path.stat().st_size


def take_in(studio: Studio, path: Path) -> list[SessionRecord]:
    """Import the sessions of an exported zip, and say what became of each."""
    from notebook_img.store.bundle import import_sessions

    imported = import_sessions(studio.store, path)
    for item in imported:
        studio.say(item.said)
    return [item.session for item in imported]
