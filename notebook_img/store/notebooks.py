"""Notebooks as the runs of their cells tell of them: which sessions they worked in, and which one another was made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, text

from notebook_img.store.people import as_here
from notebook_img.store.rows import PART

if TYPE_CHECKING:
    from collections.abc import Collection

    from notebook_img.store.database import Database

_SHARED = "SELECT notebook, count(DISTINCT {0}), max(seen) FROM runs WHERE notebook NOT IN ('', :notebook) AND {0} IN :names"
_BY_ID = f"{_SHARED.format('cell')} GROUP BY notebook"
_BY_SOURCE = f"{_SHARED.format('source_hash')} AND cell LIKE 'src:%' GROUP BY notebook"
_CELLS = "SELECT count(DISTINCT cell) FROM runs WHERE notebook = :notebook"


@dataclass(frozen=True)
class Relative:
    """Another notebook that has cells of this one."""

    notebook: str
    by_id: int
    """How many cells they share."""
    by_source: int
    """How many of its cells without ids have the source of a cell of this one."""
    cells: int
    """How many cells of it are known."""
    seen: int
    """When it ran last, in the order the store saw runs in."""


class Notebooks:
    """What the store knows of notebooks."""

    _database: Database

    def sessions_of_notebook(self, notebook: str, current: str) -> list[str]:
        """Return the ids of the sessions whose turns the cells of a notebook got or named, the current one first."""
        query = text(
            "SELECT id FROM sessions WHERE id IN (SELECT replies.session_id FROM replies JOIN runs ON runs.id = replies.run "
            "WHERE runs.notebook = :notebook UNION SELECT named.session_id FROM named JOIN runs ON runs.id = named.run "
            "WHERE runs.notebook = :notebook) ORDER BY id"
        )
        with self._database.read() as connection:
            found = [] if not notebook else [str(row) for row in connection.execute(query, {"notebook": notebook}).scalars()]
        return [current, *(other for other in found if other != current)]

    def relatives(self, notebook: str, cells: Collection[str], sources: Collection[str]) -> list[Relative]:
        """Return the notebooks that have cells of this one, the one with the most in front.

        Parameters
        ----------
        notebook : str
            This one.
        cells : collection of str
            Keys of its cells that have ids.
        sources : collection of str
            Hashes of what stands in its cells, for those of front ends that tell no ids.
        """
        by_id, by_source = (Counter[str](), Counter[str]())
        seen: dict[str, int] = {}
        with self._database.read() as connection:
            for query, wanted, count in ((_BY_ID, cells, by_id), (_BY_SOURCE, sources, by_source)):
                names = sorted(set(wanted))
                for start in range(0, len(names), PART):
                    statement = text(query).bindparams(bindparam("names", expanding=True))
                    for name, shared, last in connection.execute(statement, {"names": names[start : start + PART], "notebook": notebook}):
                        # Another person's cells say nothing about this one's notebooks.
                        if not (other := as_here(name)).startswith("@"):
                            count[other] += shared
                            seen[other] = max(last, seen.get(other, 0))
            found = [
                Relative(name, by_id[name], by_source[name], connection.execute(text(_CELLS), {"notebook": name}).scalar_one(), last)
                for name, last in seen.items()
            ]
        return sorted(found, key=lambda each: (each.by_id, each.by_source, each.seen), reverse=True)

    def cells_of_session(self, session_id: str, notebook: str) -> tuple[set[str], set[str]]:
        """Return keys and hashes of sources of the cells with ids that got turns of a session, as cells of a notebook of this name."""
        query = text(
            "SELECT DISTINCT cell, source_hash FROM replies JOIN runs ON runs.id = replies.run "
            "WHERE session_id = :session AND notebook = :notebook AND cell LIKE 'id:%'"
        )
        with self._database.read() as connection:
            rows = connection.execute(query, {"session": session_id, "notebook": notebook}).all()
        return {row.cell for row in rows}, {row.source_hash for row in rows}

    def has_run(self, notebook: str) -> bool:
        """Return whether any cell ran in a notebook of this name."""
        with self._database.read() as connection:
            return (
                connection.execute(text("SELECT 1 FROM runs WHERE notebook = :notebook LIMIT 1"), {"notebook": notebook}).first()
                is not None
            )

    def follow_notebook(self, old: str, new: str) -> None:
        """Let the runs of a notebook that was renamed or moved be those of its new name."""
        with self._database.write() as connection:
            connection.execute(
                text("UPDATE runs SET notebook = :notebook WHERE notebook = :notebook_before"), {"notebook_before": old, "notebook": new}
            )
