"""From rows to items with their keys and prices, before anything is sent: what a batch would do, and what it would cost."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call, check_output_files, estimated, output_names, place_call
from notebook_img.errors import NotebookImgError, OutputError, UsageError
from notebook_img.records import ItemRecord, SessionRecord
from notebook_img.studio.batch.stored import apart, call_of, plain_call, shared_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.records import Origin
    from notebook_img.replay import Slot
    from notebook_img.studio.batch.rows import Row
    from notebook_img.workspace import Workspace


@dataclass(frozen=True)
class Draft:
    """A row with its call, made in the caller's thread: what fills its braces may be the notebook's own objects."""

    row: Row
    plain: dict[str, Any]
    """The call as data; empty where it could not be made."""
    error: NotebookImgError | None = None


@dataclass(frozen=True)
class Priced:
    """An item as it would be done."""

    item: ItemRecord
    model: str = ""
    low: float | None = 0.0
    """US dollars; None where unknown."""
    high: float | None = 0.0
    replayed: bool = False
    slot: Slot | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is sent for it: a stored reply answers it, or the answer to an equal question does."""
        return self.replayed or self.item.twin is not None


@dataclass(frozen=True)
class Plan:
    """A batch before it begins."""

    shared: dict[str, Any]
    priced: tuple[Priced, ...]
    digest: str
    """What its keys are known by together."""

    @property
    def items(self) -> list[ItemRecord]:
        """Its items, in order."""
        return [one.item for one in self.priced]


def draft(workspace: Workspace, session: SessionRecord, rows: Sequence[Row], call_for: Callable[[Row], Call]) -> list[Draft]:
    """Make the call of each row; one whose fields or picture are missing stays as a row that failed.

    Raises
    ------
    NotebookImgError
        What is wrong with all of them.
    """
    drafts = []
    for row in rows:
        try:
            drafts.append(Draft(row, plain_call(workspace, session, call_for(row))))
        except NotebookImgError as error:
            drafts.append(Draft(row, {}, error))
    _raise_if_all(drafts)
    return drafts


def _raise_if_all(drafts: Sequence[Any]) -> None:
    errors = [one.error for one in drafts]
    if all(error is not None for error in errors) and errors[0] is not None:
        raise errors[0]


def plan(
    workspace: Workspace,
    session: SessionRecord,
    drafts: Sequence[Draft],
    origin: Origin,
    slots: Sequence[Slot | None],
    *,
    fresh: bool,
    later: bool = False,
    told: Callable[[int], None] = lambda _done: None,
) -> Plan:
    """Place, load and price every item; pictures are read once here, one after the other, and kept by none.

    Parameters
    ----------
    session : SessionRecord
        Whose model and history count; it need not be stored.
    slots : sequence
        The places of the items among the requests of the running cell; None outside one.
    told : callable
        Is told how many have been read.
    """
    _check_outputs(workspace, drafts)
    shared = shared_by([one.plain for one in drafts if one.error is None])
    priced: list[Priced] = []
    errors: list[NotebookImgError] = []
    first: dict[str, int] = {}
    for position, (one, slot) in enumerate(zip(drafts, slots, strict=True)):
        record = ItemRecord(0, 0, position, one.row.label, call=apart(shared, one.plain), fields=_plain_fields(one.row))
        try:
            if one.error is not None:
                raise one.error
            call = call_of(workspace, {}, one.plain).but(dry_run=True, fresh=fresh)
            found = estimated(workspace, dataclasses.replace(place_call(workspace, session, call, origin), slot=slot), later=later)
        except NotebookImgError as error:
            errors.append(error)
            if slot is not None:
                slot.fail()
            record = dataclasses.replace(record, state="failed", error=error.sentence, reason=type(error).__name__)
            priced.append(Priced(record, slot=slot))
        else:
            key = hashlib.sha256(f"{found.key} {call.model}".encode()).hexdigest()[:32]
            twin = first.setdefault(key, position) if call.kind == "ask" else position
            record = dataclasses.replace(record, key=key, twin=None if twin == position else twin)
            free = record.twin is not None or found.replayed
            low, high = (0.0, 0.0) if free else found.price if found.price is not None else (None, None)
            priced.append(Priced(record, found.model, low, high, found.replayed, slot))
        told(position + 1)
    if len(errors) == len(drafts):
        raise errors[0]
    digest = hashlib.sha256("\n".join(one.item.key for one in priced).encode()).hexdigest()[:32]
    return Plan(shared, tuple(priced), digest)


def _check_outputs(workspace: Workspace, drafts: Sequence[Draft]) -> None:
    """Refuse two items with one name, before the first is begun."""
    seen: dict[str, str] = {}
    for one in drafts:
        output = one.plain.get("output")
        for path in output_names(output, int(one.plain.get("n") or 1)) if output is not None else ():
            name = os.path.normcase(path)
            if name in seen:
                shown = path.relative_to(workspace.working_folder) if path.is_relative_to(workspace.working_folder) else path
                apart = shown.with_name(f"{{stem}}-{shown.name}") if shown.suffix else shown / "{stem}.png"
                both = f"{seen[name]} and {one.row.label} would both be written to {shown}."
                raise UsageError(f"{both} Nothing was sent. Name what sets them apart, as in {apart}.")
            seen[name] = one.row.label


def existing_files(workspace: Workspace, plan: Plan, keep: set[str]) -> tuple[int, int, set[Path]]:
    """Return how many files would be written, how many of them exist, and the folders to make for them.

    A stranger's file, or a folder that cannot be made, is an error before anything is sent.

    Parameters
    ----------
    keep : set of str
        Keys of the items that are done: their files are what they wrote.
    """
    files = there = 0
    folders: set[Path] = set()
    for one in plan.priced:
        output = one.item.call.get("output", plan.shared.get("output"))
        if output is None or not one.item.key:
            continue
        count = int(one.item.call.get("n", plan.shared.get("n")) or 1)
        files += count
        there += Path(output).exists()
        if not (folder := Path(output).parent).is_dir():
            if folder not in folders:
                _check_above(folder)
            folders.add(folder)
            continue
        if one.item.key not in keep and not one.replayed:
            force = bool(one.item.call.get("force", plan.shared.get("force")))
            check_output_files(output, count, workspace.store, force=force)
    return files, there, folders


def _check_above(folder: Path) -> None:
    """Refuse a folder that could not be made."""
    above = next(each for each in (folder, *folder.parents) if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        why = "cannot be written" if above.is_dir() else "is no folder"
        raise OutputError(f"The folder {folder} cannot be made: {above} {why}. Choose another place for the files.")


def _plain_fields(row: Row) -> dict[str, Any]:
    """Return what a table of the results and the next batch need of a row, as JSON."""
    fields = {name: _plain_value(value) for name, value in row.fields.items()}
    of_file = isinstance(row.image, (str, os.PathLike)) and not str(row.image).startswith("data:")
    named = {"file": str(row.image)} if of_file else {}
    chosen = {name: _plain_value(value) for name, value in row.chosen.items()}
    return {**named, "fields": fields, "index": _plain_index(row.index), "chosen": chosen}


def _plain_value(value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _plain_value(value.item())
    return str(value)[:200]


def _plain_index(index: Any) -> Any:
    return [_plain_value(part) for part in index] if isinstance(index, tuple) else _plain_value(index)
