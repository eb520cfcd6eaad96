"""The panel's gallery: pages of all pictures, stars, taking several away as a zip, deleting with what comes of them."""

from __future__ import annotations

import io
import tempfile
import zipfile
from typing import TYPE_CHECKING, Any, Literal, cast

from notebook_img.errors import NotFoundError, PictureError, StoreError, UsageError
from notebook_img.ids import turn_id
from notebook_img.pictures import SUFFIXES, sniff, without_private_parts
from notebook_img.widgets.names import file_stem, original_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.store import GalleryRow
    from notebook_img.widgets.actions import Actions

Message = dict[str, Any]

PAGE = 120
"""Pictures in one message: their facts only; thumbnails come when they are on the screen."""
MOST_ZIP_BYTES = 1_000_000_000
"""A zip goes to the browser through the kernel's line; a larger one belongs on the disk."""
NAMED = 3
"""Turns named in a question before it is deleted."""


class Gallery:
    """The messages about the gallery.

    Parameters
    ----------
    actions : Actions
        Of the panel it belongs to.
    """

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.panel = actions.panel

    def do_gallery(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send a page, newest first."""
        panel, store = self.panel, self.panel.studio.store
        rows = store.gallery(
            limit=PAGE,
            before=message.get("before"),
            search=str(message.get("search") or "").strip(),
            session=message.get("session") or None,
            model=message.get("model") or None,
            show=cast("Literal['made', 'sources', 'starred', 'all']", message.get("show") or "all"),
        )
        panel.thumbnails.know(row.picture for row in rows)
        told: Message = {
            "kind": "gallery",
            "token": message.get("token", ""),
            "first": message.get("before") is None,
            "more": len(rows) == PAGE,
            "cursor": rows[-1].cursor if rows else None,
            "rows": [_described(row) for row in rows],
        }
        if told["first"]:
            told["sessions"] = [{"id": record.id, "name": record.name} for record in store.sessions(limit=200)]
            told["models"] = sorted(
                {record.shown_model for record in store.sessions(limit=200) if record.shown_model} | {row.model for row in rows}
            )
        panel.views.reply(message, told)

    def _rows(self, message: Message) -> list[GalleryRow]:
        rows = self.panel.studio.store.gallery_rows(int(cursor) for cursor in message.get("rows", ()))
        if not rows:
            raise NotFoundError("These pictures were deleted. Open the gallery again to see what is there now.")
        return rows

    def do_star(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Give pictures a star, or take it away."""
        shas = [row.picture.sha256 for row in self._rows(message)]
        self.panel.studio.store.star(shas, on=bool(message.get("on")))
        self.panel.tell({"kind": "stars", "shas": shas, "on": bool(message.get("on"))})

    # ------------------------------------------------------------------------------------------ taking away

    def do_take(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send one picture as its file, several as a zip; each named after the photograph it was made from."""
        rows, views = self._rows(message), self.panel.views
        if len(rows) == 1:
            data = self._bytes(rows[0])
            mime_type = sniff(data) or "application/octet-stream"
            views.send_bytes(message, io.BytesIO(data), len(data), self._file_name(rows[0], data), mime_type)
            return
        size = sum(row.picture.bytes for row in rows)
        if size > MOST_ZIP_BYTES:
            raise UsageError(f"{len(rows)} pictures of {size / 1e9:.1f} GB are too much for one download. Choose fewer.")
        with tempfile.SpooledTemporaryFile(max_size=32_000_000) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                used: set[str] = set()
                lost: dict[str, StoreError | PictureError] = {}
                for row in rows:
                    try:
                        data = self._bytes(row)
                    except (StoreError, PictureError) as error:
                        lost[row.id] = error
                    else:
                        archive.writestr(_unique(self._file_name(row, data), used), data)
            if lost:
                first = next(iter(lost.values()))
                if not used:
                    raise first
                self.panel.notify(f"Missing from the zip: {', '.join(lost)}. {first}")
            length = file.seek(0, io.SEEK_END)
            file.seek(0)
            views.send_bytes(message, file, length, "pictures.zip", "application/zip")

    def _bytes(self, row: GalleryRow) -> bytes:
        """Return a file as it may go: what was brought in may tell where it was taken, what a service delivered stays as it came."""
        data = self.panel.studio.store.read_picture(row.picture.sha256)
        return without_private_parts(data)[0] if row.is_source else data

    def _file_name(self, row: GalleryRow, data: bytes) -> str:
        studio = self.panel.studio
        suffix = SUFFIXES.get(sniff(data) or "", ".bin")
        if row.is_source:
            return file_stem(row.picture.name, "") + suffix
        record = studio.turn_record(row.session_id, row.turn)
        pick = row.index if len(record.uses("output")) > 1 else None
        return file_stem(original_of(studio, record), turn_id(row.turn, pick), row.session) + suffix

    # ------------------------------------------------------------------------------------------ deleting

    def _going(self, rows: Sequence[GalleryRow]) -> Mapping[str, Mapping[int, list[int]]]:
        """Return what would go: by session the turns that are meant, each with those that come of it."""
        from notebook_img.tree import Session

        studio = self.panel.studio
        meant: dict[str, dict[int, list[int]]] = {}
        for row in reversed(rows):
            numbers = studio.store.turns_started_from(row.session_id, row.picture.sha256) if row.is_source else [row.turn]
            session = Session(studio, row.session_id)
            for number in numbers:
                meant.setdefault(row.session_id, {})[number] = [turn.number for turn in session.following(number)]
        return meant

    def do_deletion(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send what deleting pictures would take with it, to be agreed to."""
        rows, studio = self._rows(message), self.panel.studio
        going = self._going(rows)
        lines = []
        for row in rows:
            if row.is_source:
                begun = studio.store.turns_started_from(row.session_id, row.picture.sha256)
                lines.append(f"{row.id} starts {_listed(begun)} of session {row.session}.")
            elif len(studio.turn_record(row.session_id, row.turn).uses("output")) > 1:
                lines.append(f"{turn_id(row.turn, session=row.session)} goes with all its pictures.")
        for session_id, turns in going.items():
            for number, following in turns.items():
                later = [each for each in following if each not in turns]
                if later:
                    name = turn_id(number, session=studio.session_name(session_id))
                    lines.append(f"What comes of {name} goes too: {_listed(later)}.")
        told = {"kind": "deletion", "rows": message["rows"], "count": _count(going), "lines": list(dict.fromkeys(lines))}
        self.panel.views.reply(message, told)

    def do_delete(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Delete what was agreed to; if more would go by now it is asked again."""
        from notebook_img.tree import Session

        panel, studio = self.panel, self.panel.studio
        going = self._going(self._rows(message))
        if _count(going) > int(message.get("count") or 0):
            self.do_deletion(message, ())
            return
        gone: set[tuple[str, int]] = set()
        for session_id, turns in going.items():
            session = Session(studio, session_id)
            for number in turns:
                if (session_id, number) not in gone:
                    gone |= {(session_id, each) for each in session.delete_turn(number)}
            studio.shared.changed("head", session_id, studio.head(session_id))
        panel.tell({"kind": "deleted"})
        panel.notify(f"Deleted {len(gone)} turn{'s' if len(gone) != 1 else ''}. What they cost stays in the books.", "done")


def _count(going: Mapping[str, Mapping[int, list[int]]]) -> int:
    return len({(session, number) for session, turns in going.items() for each, after in turns.items() for number in (each, *after)})


def _listed(numbers: Sequence[int]) -> str:
    """Return turns in a few words: ``t4``, ``t4, t5 and 7 more turns``."""
    if len(numbers) <= NAMED + 1:
        return ", ".join(map(turn_id, numbers))
    return f"{', '.join(map(turn_id, numbers[:NAMED]))} and {len(numbers) - NAMED} more turns"


def _unique(name: str, used: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".")
    found, number = name, 1
    while found.casefold() in used:
        number += 1
        found = f"{stem}-{number}{dot}{suffix}"
    used.add(found.casefold())
    return found


def _described(row: GalleryRow) -> Message:
    return {
        "cursor": row.cursor,
        "sha": row.picture.sha256,
        "session": row.session_id,
        "sessionName": row.session,
        "turn": row.turn,
        "index": row.index,
        "id": row.id,
        "prompt": "" if row.is_source else row.prompt[:300],
        "source": row.is_source,
        "starred": row.starred,
        "model": row.model,
        "width": row.picture.width,
        "height": row.picture.height,
        "when": row.started,
    }
