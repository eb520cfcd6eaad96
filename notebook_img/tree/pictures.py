"""The pictures of turns in the store: their facts are known, their bytes are read when needed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from notebook_img.ids import turn_id

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.records import PictureUse, Role, TurnRecord
    from notebook_img.store import Store


def stored_picture(store: Store, use: PictureUse, *, name: str = "") -> Picture:
    """Return a picture of the store; its facts are known, its bytes are read when needed.

    Parameters
    ----------
    store : Store
        Where it lies.
    use : PictureUse
        Which one.
    name : str
        What to call it; the name it was used under otherwise.
    """
    from notebook_img.pictures import Picture

    return Picture(
        functools.partial(store.read_picture, use.sha256),
        name=name or use.name,
        sha256=use.sha256,
        mime_type=use.mime_type,
        width=use.width,
        height=use.height,
        encoded_here=bool(use.pixels_key),
        pixels_key=use.pixels_key or None,
        path=store.picture_path(use.sha256, use.mime_type),
    )


def pictures_of(store: Store, record: TurnRecord, session: str, *roles: Role) -> list[Picture]:
    """Return a turn's pictures in these roles. Those it made are named after it: ``fox/t7``, ``fox/t7.2``.

    Parameters
    ----------
    store : Store
        Where they lie.
    record : TurnRecord
        The turn.
    session : str
        The name of its session.
    *roles : str
        ``input``, ``reference``, ``mask``, ``output``, ``delivered``.
    """
    uses = record.uses(*roles)
    return [
        stored_picture(store, use, name=turn_id(record.number, index if len(uses) > 1 else None, session) if use.role == "output" else "")
        for index, use in enumerate(uses, 1)
    ]
