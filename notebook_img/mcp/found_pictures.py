"""Pictures of the store by words of prompts and answers, session, model, day and colour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.pictures import small_image
from notebook_img.tree import stored_picture

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.records import PictureUse
    from notebook_img.store import Store

PAGE = 100
MOST_LOOKED_AT = 2000
"""Pictures that are looked through for a colour."""
NEAR = 90
"""Farthest a pixel may be from a colour, in 8-bit RGB: teal is near dark cyan and far from blue."""
MUCH = 0.15
"""Share of the pixels that makes a picture one of that colour."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for; empty fields match everything."""

    words: str = ""
    session: str | None = None
    model: str | None = None
    since: float | None = None
    until: float | None = None
    colour: str = ""
    shown: Callable[[str], bool] = lambda _session_id: True


@dataclass(frozen=True)
class FoundPicture:
    """A picture and what is known of it."""

    id: str
    use: PictureUse
    picture: Picture
    prompt: str
    model: str
    started: float
    answer: str = ""

    @property
    def made(self) -> str:
        """Local time."""
        from notebook_img.display import moment

        return moment(self.started)


def day_of(text: str, name: str, *, end: bool = False) -> float | None:
    """Return the beginning of a day, or its end, in seconds since the epoch; None for no day.

    Raises
    ------
    UsageError
        When it is no day.
    """
    if not text.strip():
        return None
    try:
        day = dt.date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{name} is a day such as 2026-11-01, not {text[:20]!r}.") from None
    begins = dt.datetime.combine(day + dt.timedelta(days=int(end)), dt.time()).astimezone()
    return begins.timestamp()


def found(store: Store, wanted: Wanted, limit: int) -> list[FoundPicture]:
    """Return up to so many pictures, newest first, each once.

    Raises
    ------
    UsageError
        When there is no such colour.
    """
    colour = _rgb(wanted.colour)
    rows: dict[str, FoundPicture] = {}
    for every in (_made(store, wanted), _asked_about(store, wanted)):
        kept = 0
        for row in every:
            if row.use.sha256 not in rows and (colour is None or _has(row.picture, colour)):
                rows[row.use.sha256] = row
                kept += 1
            if kept == limit:
                break
    return sorted(rows.values(), key=lambda row: row.started, reverse=True)[:limit]


def _made(store: Store, wanted: Wanted) -> Iterator[FoundPicture]:
    before, seen = None, 0
    while page := store.gallery(PAGE, before, wanted.words, wanted.session, wanted.model):
        for row in page:
            if wanted.since is not None and row.started < wanted.since:
                return
            if wanted.shown(row.session_id) and (wanted.until is None or row.started < wanted.until):
                yield FoundPicture(row.id, row.picture, stored_picture(store, row.picture), row.prompt, row.model, row.started)
        before, seen = page[-1].cursor, seen + len(page)
        if len(page) < PAGE or seen >= MOST_LOOKED_AT:
            return


def _asked_about(store: Store, wanted: Wanted) -> Iterator[FoundPicture]:
    """Give the pictures of questions whose words or answers fit."""
    for turn in store.questions_with(wanted.words, limit=PAGE) if wanted.words else ():
        fits = wanted.model in (None, turn.model, turn.model.partition(":")[0]) and wanted.session in (None, turn.session_id)
        on_time = (wanted.since or 0) <= turn.started and (wanted.until is None or turn.started < wanted.until)
        if fits and on_time and wanted.shown(turn.session_id):
            for use in turn.uses("input"):
                name = f"nbimg://pictures/{use.sha256}"
                yield FoundPicture(name, use, stored_picture(store, use), turn.prompt, turn.model, turn.started, turn.text)


def _rgb(colour: str) -> tuple[int, int, int] | None:
    if not colour:
        return None
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(colour.casefold())[:3]
    except ValueError:
        raise UsageError(f"{colour[:30]!r} is no colour. Write a name such as teal, or #008080.") from None


def _has(picture: Picture, colour: tuple[int, int, int]) -> bool:
    import numpy as np

    try:
        pixels = np.asarray(small_image(picture, 24).convert("RGBA"), dtype=np.int32).reshape(-1, 4)
    except NotebookImgError:  # its file is gone
        return False
    seen = pixels[pixels[:, 3] > 127, :3]
    return bool(len(seen)) and float((((seen - colour) ** 2).sum(axis=1) < NEAR**2).mean()) >= MUCH
