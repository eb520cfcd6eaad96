"""One item of a batch as people see it, and lists of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError
from notebook_img.tree import Drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from notebook_img.pictures import Bundle, Picture
    from notebook_img.records import ItemRecord
    from notebook_img.studio.batch.batch import Batch
    from notebook_img.tree import Turn


class Item(Drawn):
    """One item: a turn, an error, or neither yet."""

    def __init__(self, batch: Batch, record: ItemRecord) -> None:
        self.batch = batch
        self.record = record

    @property
    def position(self) -> int:
        """Its place in the batch, from 0."""
        return self.record.position

    @property
    def label(self) -> str:
        """What it is called: the file's name, the row's first words, the combined values."""
        return self.record.label

    @property
    def state(self) -> str:
        """``waiting``, ``leased``, ``sent``, ``done``, ``failed`` or ``refused``."""
        return self.record.state

    @property
    def fields(self) -> Mapping[str, Any]:
        """What its braces may say."""
        return self.record.fields.get("fields") or {}

    @property
    def index(self) -> Any:
        """Its index in the table it is from."""
        found = self.record.fields.get("index")
        return tuple(found) if isinstance(found, list) else found

    @property
    def file(self) -> str:
        """The file it is about, as it was named; empty for anything else."""
        return str(self.record.fields.get("file") or "")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written for it."""
        from notebook_img.calls import output_names

        output = self.record.call.get("output", self.batch.record.call.get("output"))
        if not output or self.record.turn is None:
            return ()
        folder = self.batch.studio.working_folder
        names = (path for path in output_names(str(output), self.turn.pictures) if path.is_file())
        return tuple(path.relative_to(folder) if path.is_relative_to(folder) else path for path in names)

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The combined values it has."""
        return self.record.fields.get("chosen") or {}

    @property
    def error(self) -> str:
        """Why it failed; empty otherwise."""
        return self.record.error

    @property
    def cost(self) -> float | None:
        """US dollars; None where unknown."""
        return self.record.cost

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.record.seconds

    @property
    def turn(self) -> Turn:
        """Its turn.

        Raises
        ------
        NotFoundError
            When it has none: the sentence says why.
        """
        if self.record.turn is None:
            why = f"it failed: {self.error}" if self.error else f"it is {self.state}"
            raise NotFoundError(f"Item {self.position} ({self.label}) of batch {self.batch.id} has no turn; {why}")
        from notebook_img.tree import Session

        return Session(self.batch.studio, self.record.session_id).turn(self.record.turn)

    @property
    def picture(self) -> Picture:
        """Its first picture."""
        return self.turn.picture

    @property
    def text(self) -> str:
        """Its answer, or the words beside its picture."""
        return self.turn.text

    @property
    def value(self) -> Any:
        """Its typed answer."""
        return self.turn.value

    def __repr__(self) -> str:
        turn = f" {self.turn.full_id}" if self.record.turn is not None else ""
        return f"<Item {self.position} {self.label!r} {self.state}{turn}{': ' + self.error if self.error else ''}>"

    def _drawing(self) -> Bundle:
        from notebook_img.studio.batch.sheets import drawn_items

        return self.turn._drawing() if self.record.turn is not None else drawn_items(self.batch, [self.record], repr(self))  # noqa: SLF001 - the same drawing

    def _form(self) -> str:
        return self.batch.studio.settings.figure


class ItemList(Drawn, list[Item]):
    """Items that draw themselves as a contact sheet."""

    def __init__(self, batch: Batch, records: Iterable[ItemRecord]) -> None:
        super().__init__(Item(batch, record) for record in records)
        self.batch = batch

    def __reduce__(self) -> tuple[Any, ...]:
        return ItemList, (self.batch, [item.record for item in self])

    def _drawing(self) -> Bundle:
        from notebook_img.studio.batch.sheets import drawn_items

        return drawn_items(self.batch, [item.record for item in self], f"{len(self)} items of batch {self.batch.id}")

    def _form(self) -> str:
        return self.batch.studio.settings.figure
