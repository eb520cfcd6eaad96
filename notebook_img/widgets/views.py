"""What the panel shows without changing anything: the stage, comparisons, downloads, the gallery."""

from __future__ import annotations

import io
import secrets
from typing import IO, TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.ids import turn_id
from notebook_img.widgets import thumbnails, uploads
from notebook_img.widgets.as_magic import as_magic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture
    from notebook_img.widgets.panel import Panel

Message = dict[str, Any]

STAGE_SIDE, STAGE_BYTES = 1600, 450_000
"""Pixels and bytes of the large picture: sharp on a screen of double density at the panel's usual width."""
COMPARE_SIDE, COMPARE_BYTES = 1280, 300_000
CHOICE_SIDE, CHOICE_BYTES = 640, 120_000
DETAIL_SIDE, DETAIL_BYTES = 2600, 700_000
"""A part that is looked at closely: all pixels of a large screen."""
PAGE = 120
"""Pictures of the gallery in one message: their facts only; thumbnails come when they are on the screen."""
PIECE = 1_000_000
"""Bytes of a download in one message."""


class Views:
    """The messages that only show something, and what actions show with them.

    Parameters
    ----------
    panel : Panel
        Whose state is shown.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._before: Picture | None = None
        """What the picture on the stage was compared with last: both are shown sharp when zoomed in."""

    def reply(self, message: Message, told: Message, buffers: Sequence[bytes] = ()) -> None:
        """Answer only the view that asked; a message that names no view is answered to all."""
        self.panel.tell({**told, "view": message.get("view", "")}, buffers)

    def send_picture(self) -> None:
        """Send the picture on the stage to every view, or those of a turn that one is still to be chosen from."""
        from notebook_img.pictures import preview

        base = self.panel.base
        if base.picture is None:
            self.panel.tell({"kind": "picture", "sha": "", "base": base.described()})
            for choice in base.choices:
                seen = preview(choice, CHOICE_SIDE, CHOICE_BYTES)
                self.panel.tell({"kind": "choice", "sha": choice.sha256, "type": seen.mime_type}, [seen.data])
            return
        seen = preview(base.picture, STAGE_SIDE, STAGE_BYTES)
        told = {"kind": "picture", "sha": base.picture.sha256, "type": seen.mime_type, "width": seen.width, "base": base.described()}
        self.panel.tell(told, [seen.data])

    def do_detail(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send a part of a picture that is shown as sharp as it is: a viewer has zoomed in beyond the copy that was sent."""
        from notebook_img.pictures import as_rgb, encode_within, to_srgb

        shown = (each for each in (self.panel.base.picture, self._before) if each is not None and each.sha256 == message.get("sha"))
        if (picture := next(shown, None)) is None:
            return  # another one is on the stage by now
        left, top, right, bottom = (int(value) for value in message["box"])
        left, top = max(0, min(left, picture.width - 1)), max(0, min(top, picture.height - 1))
        right, bottom = max(left + 1, min(right, picture.width)), max(top + 1, min(bottom, picture.height))
        part = picture.pil().crop((left, top, right, bottom))
        wide = max(1, min(int(message["wide"]), part.width, DETAIL_SIDE))
        part.thumbnail((wide, max(1, round(part.height * wide / part.width))))
        drawn = encode_within(as_rgb(to_srgb(part)), DETAIL_BYTES)
        told = {"kind": "detail", "sha": picture.sha256, "box": [left, top, right, bottom], "type": drawn.mime_type}
        self.reply(message, told, [drawn.data])

    def do_original(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the picture that the line on the stage starts from."""
        from notebook_img.pictures import preview

        base = self.panel.base
        picture = self.panel.actions.history.original()
        if base.picture is None or picture is None:
            return
        seen = preview(picture, STAGE_SIDE, STAGE_BYTES)
        told = {
            "kind": "original",
            "key": base.key,
            "sha": base.picture.sha256,
            "name": picture.name or "the first picture",
            "type": seen.mime_type,
        }
        self.reply(message, told, [seen.data])

    def send_thumbnail(self, picture: Picture) -> None:
        """Send the thumbnail of a picture that is not stored yet."""
        from notebook_img.pictures import preview

        seen = preview(picture, thumbnails.SIDE, thumbnails.MOST_BYTES)
        self.panel.tell({"kind": "thumbs", "shas": [picture.sha256], "types": [seen.mime_type]}, [seen.data])

    def send_delivered(self, message: Message, picture: Picture) -> None:
        """Send a picture that came back in another frame, so that what was paid for is not lost."""
        self._send_file(message, picture, f"delivered{picture.suffix}")

    def do_thumbs(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Make thumbnails of what is on the screen."""
        wanted = [str(sha) for sha in message.get("shas", [])]
        self.panel.thumbnails.want(wanted)
        for picture in (*self.panel.references, self.panel.base.picture):
            if picture is not None and picture.sha256 in wanted:
                self.send_thumbnail(picture)

    # ------------------------------------------------------------------------------------------ comparing

    def _partner(self, message: Message) -> tuple[Picture, str]:
        """Return what to compare the stage with: a turn or source that is named, else what the turn on the stage was made from."""
        panel = self.panel
        if message.get("source"):
            found = panel.actions.history.source(str(message["source"])).needed("compare with")
            return found, found.name or "before"
        if message.get("with"):
            record = panel.studio.turn_record(panel.session.id, int(message["with"]))
            pictures = panel.studio.pictures_of(record, "output")
            if not pictures:
                raise UsageError(f"{record.id} is a question and has no picture of its own.")
            return pictures[0], record.id
        if panel.base.turn is None:
            raise UsageError("This picture was brought in and was made from no other. Choose a turn to compare it with.")
        record = panel.studio.turn_record(panel.session.id, panel.base.turn)
        inputs = panel.studio.pictures_of(record, "input")
        if not inputs:
            raise UsageError(f"{record.id} was made from words alone. Choose another turn to compare it with.")
        parent = turn_id(record.parent, record.picked) if record.parent is not None else ""
        return inputs[0], parent or inputs[0].name or "before"

    def do_compare(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the two pictures of a comparison."""
        self.panel.base.needed("compare")
        before, label = self._partner(message)
        self.send_comparison(message, before, label)

    def do_delivered(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the picture as the service delivered it beside the one on the stage, which was pasted inside its mask."""
        panel = self.panel
        record = panel.studio.turn_record(panel.session.id, int(message["turn"]))
        pictures = panel.studio.pictures_of(record, "delivered")
        if not pictures:
            raise UsageError(f"{record.id} is as it was delivered.")
        self.send_comparison(
            {**message, "do": "send"}, pictures[min((panel.base.pick or 1), len(pictures)) - 1], f"{record.id} as delivered"
        )

    def send_comparison(self, message: Message, before: Picture, label: str) -> None:
        """Send a picture and the one on the stage, then how they differ."""
        from notebook_img.pictures import preview

        after = self.panel.base.needed("compare")
        seen = [preview(picture, COMPARE_SIDE, COMPARE_BYTES) for picture in (before, after)]
        told = {
            "kind": "compare",
            "labels": [label, self.panel.base.name],
            "shas": [before.sha256, after.sha256],
            "types": [item.mime_type for item in seen],
            "wide": [item.width for item in seen],
            "sizes": [before.size, after.size],
            "brought": message.get("do") == "send",  # from the gallery: none of the choices the browser has names it
        }
        self._before = before
        self.reply(message, told, [item.data for item in seen])
        from notebook_img.display import confront, heat, percent
        from notebook_img.pictures import encode_within

        compared = confront(before, after)
        picture, top = heat(compared.gaps, COMPARE_SIDE)
        drawn = encode_within(picture, COMPARE_BYTES)
        numbers = compared.numbers
        self.reply(
            message,
            {
                "kind": "difference",
                "shas": [before.sha256, after.sha256],
                "type": drawn.mime_type,
                "summary": f"{percent(numbers.changed)} changed" if numbers.touched else "Nothing changed",
                "numbers": numbers.parts(),
                "notes": [*numbers.notes, *self._drift(before, label)],
                "same": not numbers.touched,
                "top": top,
            },
            [drawn.data],
        )

    def _drift(self, before: Picture, label: str) -> list[str]:
        """Return what moved, scaled or was recoloured without being asked to, since `before` and since the beginning of the line."""
        from notebook_img.pictures import measure_drift

        after, original = self.panel.base.needed("compare"), self.panel.actions.history.original()
        pairs = [(before, label)]
        if original is not None and original.sha256 not in (before.sha256, after.sha256):
            pairs.append((original, f"the beginning ({original.name or 'the first picture'})"))
        return [f"Against {name}: {measure_drift(after, picture).words()}." for picture, name in pairs]

    # ------------------------------------------------------------------------------------------ taking away

    def do_download(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the original bytes of the picture on the stage."""
        from notebook_img.pictures import Picture, without_private_parts

        base = self.panel.base
        picture = base.needed("download")
        # What was brought in may tell where it was taken; what a service delivered stays as it came.
        sent = picture if base.id else Picture(without_private_parts(picture.data)[0])
        self._send_file(message, sent, self.panel.actions.history.file_name(base) + sent.suffix)

    def _send_file(self, message: Message, picture: Picture, name: str) -> None:
        self.send_bytes(message, io.BytesIO(picture.data), len(picture.data), name, picture.mime_type)

    def send_bytes(self, message: Message, data: IO[bytes], size: int, name: str, mime_type: str) -> None:
        """Send an open file of `size` bytes in pieces."""
        count = max(1, -(-size // PIECE))
        token = secrets.token_hex(6)
        for index in range(count):
            told = {"kind": "file", "name": name, "type": mime_type, "token": token, "index": index, "count": count}
            self.reply(message, told, [data.read(PIECE)])

    def do_magic(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the cell that repeats a turn."""
        panel = self.panel
        number = message.get("turn") or panel.base.turn
        if number is None:
            raise UsageError("This picture was brought in, so no cell made it. Choose a turn of the history.")
        record = panel.studio.turn_record(panel.session.id, int(number))
        text = as_magic(record, panel.session_name, uploads.names_in_notebook())
        self.reply(message, {"kind": "magic", "turn": record.id, "text": text})
