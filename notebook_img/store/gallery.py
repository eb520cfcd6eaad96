"""All pictures that turns made or started from, newest first, in pages: what the panel and the command line browse; and their stars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, literal_column, or_, select

from notebook_img.ids import turn_id
from notebook_img.store import schema
from notebook_img.store import search as words
from notebook_img.store.database import now
from notebook_img.store.rows import PART, USE_COLUMNS, contains, picture_use, turn_records
from notebook_img.store.turns import MADE
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow


Shown: TypeAlias = Literal["made", "sources", "starred", "all"]
"""What a page holds: what turns made, what was brought in to start from, what has a star, or everything."""


@dataclass(frozen=True)
class GalleryRow:
    """One picture a turn made, or started from."""

    cursor: int
    """Its own number; pass it as `before` to get the next page."""
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
    starred: bool = False

    @property
    def is_source(self) -> bool:
        """Whether it was brought in rather than made."""
        return self.picture.role == "input"

    @property
    def id(self) -> str:
        """``fox/t7.2``; of a picture that was brought in, its name."""
        return (self.picture.name or "picture") if self.is_source else turn_id(self.turn, self.index, self.session)


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
        *,
        show: Shown = "made",
    ) -> list[GalleryRow]:
        """Return pictures, newest first.

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
        show : str
            What turns made; or ``sources``, ``starred``, ``all``. A source is a picture whose first use is to start a line.
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
                # By its index where only what was made is wanted, and else by the order of the rows.
                wanted = uses.role == "output" if show == "made" else _SHOWN[show]
                return [_gallery_row(row) for row in connection.execute(query.where(wanted).limit(limit))]
            last = select(uses.turn_id).where(uses.id == before)
            until = connection.execute(last).scalar_one_or_none() if before is not None else None
            found: list[GalleryRow] = []
            # The latest turns with these words first, a page at a time: a session or model may leave few of them.
            size = min(2 * limit, PART)
            while len(found) < limit and (ids := words.matching(connection, search, until=_LAST if until is None else until, limit=size)):
                page = query.where(_SHOWN[show], uses.turn_id.in_(ids)).limit(limit - len(found))
                found += [_gallery_row(row) for row in connection.execute(page)]
                size, until = PART, ids[-1] - 1
            return found

    def gallery_rows(self, cursors: Iterable[int]) -> list[GalleryRow]:
        """Return the pictures with these numbers, newest first; those that are gone are left out."""
        query = _made.where(schema.uses.c.id.in_(sorted(set(cursors)))).order_by(schema.uses.c.id.desc())
        with self._database.read() as connection:
            return [_gallery_row(row) for row in connection.execute(query)]

    def turns_started_from(self, session_id: str, sha256: str) -> list[int]:
        """Return the numbers of the turns and questions of a session that begin with this picture."""
        turns, uses = schema.turns.c, schema.uses.c
        query = (
            select(turns.number)
            .join_from(schema.uses, schema.turns, turns.id == uses.turn_id)
            .where(uses.sha256 == sha256, uses.role == "input", turns.session_id == session_id, turns.parent.is_(None))
            .order_by(turns.number)
        )
        with self._database.read() as connection:
            return list(dict.fromkeys(connection.execute(query).scalars()))

    def questions_with(self, text: str, *, limit: int) -> list[TurnRecord]:
        """Return the latest questions in whose words or answer a text stands."""
        turns, pattern = schema.turns.c, contains(text)
        query = (
            select(schema.turns)
            .where(turns.kind == "ask", or_(turns.prompt.like(pattern, escape="\\"), turns.text.like(pattern, escape="\\")))
            .order_by(turns.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return turn_records(connection, connection.execute(query).all())

    def sessions_with(self, sha256: str) -> list[str]:
        """Return the ids of the sessions a picture is used in."""
        turns, uses = schema.turns.c, schema.uses.c
        joined = select(turns.session_id).join_from(schema.uses, schema.turns, turns.id == uses.turn_id)
        query = joined.where(uses.sha256 == sha256).distinct()
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def was_made(self, sha256: str) -> bool:
        """Return whether a picture came of any turn; what was only brought in did not."""
        uses = schema.uses.c
        query = select(uses.sha256).where(uses.sha256 == sha256, uses.role.in_(MADE)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def star(self, pictures: Iterable[str], *, on: bool = True) -> None:
        """Give pictures, by hash, a star, or take it away. A star belongs to the picture, in whichever session it is."""
        names = sorted(set(pictures))
        stars = schema.stars
        with self._database.write() as connection:
            if on:
                known = connection.execute(select(schema.pictures.c.sha256).where(schema.pictures.c.sha256.in_(names))).scalars().all()
                rows = [{"sha256": name, "at": now(connection)} for name in known]
                if rows:
                    connection.exec_driver_sql(_STAR, rows)
            else:
                connection.execute(delete(stars).where(stars.c.sha256.in_(names)))


_STAR = insert_into(schema.stars, unless_there=True)
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
    schema.stars.c.at.label("starred"),
).select_from(
    schema.uses.join(schema.pictures, schema.pictures.c.sha256 == schema.uses.c.sha256)
    .join(schema.turns, schema.turns.c.id == schema.uses.c.turn_id)
    .join(schema.sessions, schema.sessions.c.id == schema.turns.c.session_id)
    .outerjoin(schema.stars, schema.stars.c.sha256 == schema.uses.c.sha256),
)
"""Pictures with the turns that use them."""
# Without the plus SQLite goes through all pictures ever made instead of those of a few turns.
_is_made_here = literal_column("+uses.role") == literal("output")
_is_source = and_(
    literal_column("+uses.role") == literal("input"),
    schema.turns.c.parent.is_(None),
    schema.turns.c.kind != "generate",
    ~exists().where(_earlier.c.sha256 == schema.uses.c.sha256, _earlier.c.id < schema.uses.c.id).correlate(schema.uses),
)
_SHOWN: dict[str, ColumnElement[bool]] = {
    "made": _is_made_here,
    "sources": _is_source,
    "starred": and_(schema.stars.c.at.is_not(None), or_(_is_made_here, _is_source)),
    "all": or_(_is_made_here, _is_source),
}


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
        starred=row.starred is not None,
    )
