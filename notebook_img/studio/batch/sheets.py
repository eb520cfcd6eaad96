"""A batch as a contact sheet: in a notebook, and as a file with all its pictures."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.display import SheetItem
    from notebook_img.pictures import Bundle
    from notebook_img.records import ItemRecord
    from notebook_img.studio.batch.batch import Batch

STATES = {"leased": "running", "sent": "running", "failed": "failed", "refused": "failed", "waiting": "waiting"}
"""What the states of items are on a sheet."""
_PAGE = 24
"""Pictures on a page of a PDF."""


def drawn(batch: Batch) -> Bundle:
    """Return the sheet of a batch for a notebook: its latest pictures, and a line of counts."""
    from notebook_img import display

    store, total = batch.studio.store, batch.counts.total
    records = store.items(batch.number, start=max(0, total - display.MOST_ITEMS))
    return drawn_items(batch, records, title_of(batch), more=total - len(records))


def title_of(batch: Batch) -> str:
    """Return the line of counts."""
    from notebook_img.display import money

    cost = batch.cost
    return f"Batch {batch.id}: {batch.counts.words}{f', {money(cost)}' if cost else ''}"


def drawn_items(batch: Batch, records: Sequence[ItemRecord], title: str, *, more: int = 0) -> Bundle:
    """Return items as a contact sheet."""
    from notebook_img import display

    return display.sheet([sheet_item(batch, record) for record in records], title=title, more=more)


def sheet_item(batch: Batch, record: ItemRecord) -> SheetItem:
    """Return an item's place on a sheet: its picture, or the one it is about; label, answer or error, seconds and cost."""
    from notebook_img import display
    from notebook_img.tree import stored_picture

    store = batch.studio.store
    turn = store.turn(record.session_id, record.turn) if record.turn is not None else None
    facts = [f"{record.seconds:.1f} s" if record.seconds else "", display.money(record.cost) if record.cost else ""]
    if turn is None:
        return display.SheetItem(record.label, record.error, None, STATES.get(record.state, ""))  # type: ignore[arg-type]
    uses = turn.uses("input" if turn.kind == "ask" else "output")
    words = turn.text if turn.kind == "ask" else ""
    caption = " · ".join(filter(None, [words, *facts]))
    return display.SheetItem(record.label, caption, stored_picture(store, uses[0]) if uses else None)


def written(batch: Batch, output: str | Path, *, force: bool) -> Path:
    """Write all pictures of a batch as one file, and return its path.

    Raises
    ------
    UsageError
        For a suffix other than ``.png``, ``.pdf`` and ``.html``.
    OutputError
        When a file is there that this store did not write.
    """
    from notebook_img.calls import refuse_foreign
    from notebook_img.files import write_atomically

    path = batch.studio.working_folder / Path(output).expanduser()
    makers = {".png": _png, ".pdf": _pdf, ".html": _html}
    if path.suffix.casefold() not in makers:
        raise UsageError(f"A sheet is written as .png, .pdf or .html, not as {path.suffix or 'a name without a suffix'}.")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist. Create it first.")
    refuse_foreign(path, batch.studio.store, force=force)
    items = [sheet_item(batch, record) for record in batch.studio.store.items(batch.number)]
    data = makers[path.suffix.casefold()](batch, items)
    write_atomically(path, data)
    import hashlib

    batch.studio.store.note_written(path, hashlib.sha256(data).hexdigest())
    return path


def _cells(items: Sequence[SheetItem], side: int) -> list[tuple[object, str]]:
    """Return small pictures with their words; what has no picture is a blank with its reason."""
    from PIL import Image

    cells: list[tuple[object, str]] = []
    for item in items:
        words = " · ".join(filter(None, [item.label, item.caption]))
        image = Image.new("RGB", (side, side * 3 // 4), "#ddd")
        if item.picture is not None:
            try:
                image = item.picture.pil().copy()  # type: ignore[union-attr]
                image.thumbnail((side, side))
            except NotebookImgError as error:  # its file is gone
                words = f"{item.label}: {error.sentence}"
        cells.append((image, words))
    return cells


def _png(_batch: Batch, items: Sequence[SheetItem]) -> bytes:
    from notebook_img.pictures import contact_sheet

    columns = max(1, min(len(items), 6))
    out = io.BytesIO()
    contact_sheet(_cells(items, 256), width=columns * 256, columns=columns).convert("RGB").save(out, "PNG")  # type: ignore[arg-type]
    return out.getvalue()


def _pdf(_batch: Batch, items: Sequence[SheetItem]) -> bytes:
    from notebook_img.pictures import contact_sheet

    pages = [
        contact_sheet(_cells(items[start : start + _PAGE], 384), width=4 * 384, columns=4).convert("RGB")  # type: ignore[arg-type]
        for start in range(0, len(items), _PAGE)
    ]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return out.getvalue()


def _html(batch: Batch, items: Sequence[SheetItem]) -> bytes:
    figures = []
    for item, (image, _) in zip(items, _cells(items, 384), strict=True):
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=80)  # type: ignore[attr-defined]
        source = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
        alt = escape(f"{item.label} {item.caption}".strip(), quote=True)
        label, words = escape(item.label), escape(item.caption)
        figures.append(f'<figure><img src="{source}" alt="{alt}"><figcaption><b>{label}</b><br>{words}</figcaption></figure>')
    title = escape(title_of(batch))
    style = "body{font:14px sans-serif;margin:24px}main{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:16px}"
    style += "figure{margin:0}img{max-width:100%;height:auto}"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style><h1>{title}</h1>'
    return f"{page}<p>{escape(batch.prompt)}</p><main>{''.join(figures)}</main></html>".encode()
