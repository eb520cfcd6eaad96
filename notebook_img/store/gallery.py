"""All pictures that turns made, newest first, in pages: what the panel and the command line browse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from notebook_img.ids import turn_id
from notebook_img.store import schema
from notebook_img.store.rows import USE_COLUMNS, contains, picture_use

if TYPE_CHECKING:
    from notebook_img.records import PictureUse
    from notebook_img.store.database import Database


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
        turns, uses, sessions = schema.turns, schema.uses, schema.sessions
        earlier = uses.alias("earlier")
        index = (
            select(func.count())
            .where(earlier.c.turn_id == uses.c.turn_id, earlier.c.role == "output", earlier.c.position <= uses.c.position)
            .correlate(uses)
            .scalar_subquery()
        )
        query = (
            select(
                *USE_COLUMNS,
                turns.c.session_id,
                sessions.c.name.label("session"),
                turns.c.number,
                index.label("index"),
                turns.c.kind,
                turns.c.prompt,
                turns.c.model,
                turns.c.started,
                turns.c.cost,
            )
            .select_from(
                uses.join(schema.pictures, schema.pictures.c.sha256 == uses.c.sha256)
                .join(turns, turns.c.id == uses.c.turn_id)
                .join(sessions, sessions.c.id == turns.c.session_id),
            )
            .where(uses.c.role == "output")
            .order_by(uses.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(uses.c.id < before)
        if search:
            query = query.where(turns.c.prompt.like(contains(search), escape="\\"))
        if session is not None:
            query = query.where(turns.c.session_id == session)
        if model is not None:
            query = query.where(turns.c.model == model if ":" in model else turns.c.model.like(f"{contains(model)[1:-1]}:%", escape="\\"))
        with self._database.read() as connection:
            return [
                GalleryRow(
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
                for row in connection.execute(query)
            ]
