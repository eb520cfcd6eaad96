"""All pictures that turns made, newest first, in pages: what the panel and the command line browse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, literal_column, select

from notebook_img.ids import turn_id
from notebook_img.store import schema
from notebook_img.store import search as words
from notebook_img.store.rows import PART, USE_COLUMNS, contains, picture_use

if TYPE_CHECKING:
    from notebook_img.records import PictureUse
    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow


@dataclass(frozen=True)
class GalleryRow:
    """One picture a turn made."""

    cursor: int
    """Pass it as `before` to get the next page."""
    session_id: str
    session: str
    turn: int
    index: int
    """Which picture of its turn, from 1."""
    kind: str
    prompt: str
    model: str
    started: float
    cost: float | None
    picture: PictureUse

    @property
    def id(self) -> str:
        """``fox/t7.2``."""
        return turn_id(self.turn, self.index, self.session)


class Gallery:
    """The pictures of a store across its sessions."""

    _database: Database

    def gallery(
        self,
        limit: int = 50,
        before: int | None = None,
        search: str = "",
        session: str | None = None,
        model: str | None = None,
    ) -> list[GalleryRow]:
        """Return pictures that turns made, newest first.

        Parameters
        ----------
        limit : int
            Most rows of the page.
        before : int, optional
            The last row's `cursor`, for the next page.
        search : str
            Part of the prompt.
        session : str, optional
            Only of the session with this id.
        model : str, optional
            Only of this ``provider:model``, or of this provider.
        """
        turns, uses = schema.turns.c, schema.uses.c
        query = _made.order_by(uses.id.desc())
        if before is not None:
            query = query.where(uses.id < before)
        if session is not None:
            query = query.where(turns.session_id == session)
        if model is not None:
            query = query.where(turns.model == model if ":" in model else turns.model.like(f"{contains(model)[1:-1]}:%", escape="\\"))
        with self._database.read() as connection:
            indexed = len(search) >= words.SHORTEST and "\0" not in search and words.is_usable(connection)
            if search and not indexed:
                query = query.where(turns.prompt.like(contains(search), escape="\\"))
            if not indexed:
                return [_gallery_row(row) for row in connection.execute(query.where(uses.role == "output").limit(limit))]
            last = select(uses.turn_id).where(uses.id == before)
            until = connection.execute(last).scalar_one_or_none() if before is not None else None
            found: list[GalleryRow] = []
            # The latest turns with these words first, a page at a time: a session or model may leave few of them.
            size = min(2 * limit, PART)
            while len(found) < limit and (ids := words.matching(connection, search, until=_LAST if until is None else until, limit=size)):
                page = query.where(_is_made_here, uses.turn_id.in_(ids)).limit(limit - len(found))
                found += [_gallery_row(row) for row in connection.execute(page)]
                size, until = PART, ids[-1] - 1
            return found


_LAST = 2**63 - 1
_earlier = schema.uses.alias("earlier")
_index = (
    select(func.count())
    .where(_earlier.c.turn_id == schema.uses.c.turn_id, _earlier.c.role == "output", _earlier.c.position <= schema.uses.c.position)
    .correlate(schema.uses)
    .scalar_subquery()
)
_made = select(
    *USE_COLUMNS,
    schema.turns.c.session_id,
    schema.sessions.c.name.label("session"),
    schema.turns.c.number,
    _index.label("index"),
    schema.turns.c.kind,
    schema.turns.c.prompt,
    schema.turns.c.model,
    schema.turns.c.started,
    schema.turns.c.cost,
).select_from(
    schema.uses.join(schema.pictures, schema.pictures.c.sha256 == schema.uses.c.sha256)
    .join(schema.turns, schema.turns.c.id == schema.uses.c.turn_id)
    .join(schema.sessions, schema.sessions.c.id == schema.turns.c.session_id),
)
"""Pictures with the turns that use them."""
# Without the plus SQLite goes through all pictures ever made instead of those of a few turns.
_is_made_here = literal_column("+uses.role") == "output"


def _gallery_row(row: AnyRow) -> GalleryRow:
    return GalleryRow(
        cursor=row.id,
        session_id=row.session_id,
        session=row.session,
        turn=row.number,
        index=row._mapping["index"],  # noqa: SLF001 - a row is a tuple, whose own `index` is a method
        kind=row.kind,
        prompt=row.prompt,
        model=row.model,
        started=row.started,
        cost=row.cost,
        picture=picture_use(row),
    )
