"""What a batch is over: files of a pattern or folder, a list, a table or column, values that are combined. All of it becomes rows."""

from __future__ import annotations

import glob
import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.options import IMAGE_SUFFIXES, PATTERN

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_FILES = ("stem", "name", "parent")
"""Fields that every file has, beside ``i``, its number from 1."""
ITEM = "item"
"""The field of a value that came without a name, in a plain list."""


@dataclass(frozen=True)
class Row:
    """What one item is made from."""

    label: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    image: Any = None
    """The picture it is about; None where there is none."""
    index: Any = None
    """Its place in the table or list it is from."""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """The combined values of this item, by name."""


@dataclass(frozen=True)
class Rows:
    """All rows, and what a table of the results needs of their source."""

    rows: tuple[Row, ...]
    index_names: tuple[str | None, ...] = ()
    """Names of the levels of the table's own index."""


def is_many(value: Any) -> bool:
    """Return whether a word stands for several files: a pattern, or a folder with its slash."""
    if not isinstance(value, (str, os.PathLike)):
        return False
    word = os.fspath(value)
    if not isinstance(word, str) or len(word) > 4096 or "\n" in word:
        return False
    if os.path.isdir(word):  # noqa: PTH112 - the slash at its end counts
        return word.endswith(("/", os.sep))
    return PATTERN.search(word) is not None and "://" not in word and not word.startswith("data:") and not os.path.exists(word)  # noqa: PTH110


def expanded(word: str) -> list[str]:
    """Return the pictures in a folder or of a pattern, 2 before 10.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    from notebook_img.pictures import MIME_TYPES

    if os.path.isdir(word):  # noqa: PTH112
        found = [str(path) for path in Path(word).iterdir() if path.suffix.casefold() in MIME_TYPES and path.is_file()]
    else:
        found = [name for name in _globbed(word) if os.path.isfile(name)]  # noqa: PTH113
    if not found:
        raise NotFoundError(f"There is no picture in {word}." if os.path.isdir(word) else f"No file is called like {word}.")  # noqa: PTH112
    return sorted(found, key=lambda name: [part.zfill(20) if part.isdigit() else part.casefold() for part in re.split(r"(\d+)", name)])


def _globbed(word: str) -> list[str]:
    """Return the files of a pattern, its suffix in any case: cameras write .JPG."""
    stem, suffix = os.path.splitext(os.path.expanduser(word))  # noqa: PTH111, PTH122
    if suffix and not PATTERN.search(suffix):
        suffix = "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in suffix)
    return glob.glob(stem + suffix, recursive=True)  # noqa: PTH207


def fields_of_file(name: str) -> dict[str, str]:
    """Return what a template may take of a file."""
    path = Path(name)
    return {"stem": path.stem, "name": path.name, "parent": str(path.parent)}


def rows_of(over: Any, *, pictured: bool, image: str | None = None) -> Rows:
    """Return the rows of anything a notebook holds.

    Parameters
    ----------
    over : object
        A pattern, a folder, a table (anything with ``to_dict("records")``, ``to_dicts()`` or ``to_pylist()``), a column, an iterable of
        values or of mappings.
    pictured : bool
        Whether an item is about a picture (edits, questions).
    image : str, optional
        The column that holds it. Left out, values are pictures themselves, and of a table the one column of pictures counts.

    Raises
    ------
    UsageError, NotFoundError
        When there is nothing, or no such column.
    """
    if isinstance(over, (str, os.PathLike)):
        word = os.fspath(over)
        names = expanded(str(word)) if is_many(word) else [str(word)]
        return Rows(tuple(_file_row(name, number) for number, name in enumerate(names)))
    records, index, levels = _records(over)
    if not records:
        raise UsageError("The batch is over nothing: the list or table is empty.")
    if any(isinstance(record, Mapping) for record in records):
        return Rows(tuple(_table_rows(records, index, pictured=pictured, image=image)), levels)
    if image is not None:
        raise UsageError(f"There is no column {image!r}: what the batch is over is no table. Leave image out.")
    made = [
        _value_row(value, key, number, levels[0] if levels and levels[0] else ITEM, pictured=pictured)
        for number, (value, key) in enumerate(zip(records, index, strict=True), 1)
    ]
    return Rows(tuple(made), ())


def _records(over: Any) -> tuple[list[Any], list[Any], tuple[str | None, ...]]:
    """Return values or mappings, their index, and its names (of a column its own name first)."""
    if hasattr(over, "to_dict") and hasattr(over, "columns") and hasattr(over, "index"):  # pandas and its like
        return over.to_dict("records"), list(over.index), tuple(getattr(over.index, "names", ()))
    if hasattr(over, "tolist") and hasattr(over, "index") and not callable(over.index):  # a column of it
        return over.tolist(), list(over.index), (over.name,)
    if hasattr(over, "to_dicts"):
        found = over.to_dicts()
    elif hasattr(over, "to_pylist"):
        found = over.to_pylist()
    elif hasattr(over, "to_list") and hasattr(over, "name"):
        return (values := over.to_list()), list(range(len(values))), (over.name,)
    elif isinstance(over, Mapping):
        raise UsageError("A mapping is no list of items. Give it as over={...} for combined values, or as a table.")
    elif isinstance(over, Iterable):
        found = list(over)
    else:
        raise UsageError(f"A batch is over a pattern, a list or a table, not over one {type(over).__name__}.")
    return found, list(range(len(found))), ()


def _table_rows(records: Sequence[Any], index: Sequence[Any], *, pictured: bool, image: str | None) -> list[Row]:
    columns = list(dict.fromkeys(str(name) for record in records if isinstance(record, Mapping) for name in record))
    if image is not None and image not in columns:
        raise UsageError(f"There is no column {image!r}.{did_you_mean(image, columns)} The table has {', '.join(columns[:12])}.")
    column = image or (_picture_column(records, columns) if pictured else None)
    rows = []
    for number, (record, key) in enumerate(zip(records, index, strict=True)):
        fields = {str(name): value for name, value in record.items()} if isinstance(record, Mapping) else {}
        seen = fields.get(column) if column else None
        of_file = fields_of_file(str(seen)) if isinstance(seen, (str, os.PathLike)) and "://" not in str(seen) else {}
        label = of_file.get("name") or next((str(value) for value in fields.values() if isinstance(value, str) and value), str(key))
        rows.append(Row(label, {**of_file, "i": number + 1, **fields}, None if is_missing(seen) else seen, key))
    return rows


def _picture_column(records: Sequence[Any], columns: Sequence[str]) -> str | None:
    """Return the one column that holds pictures."""
    from notebook_img.pictures import is_picture_like

    first = [record for record in records[:20] if isinstance(record, Mapping)]
    found = [
        name
        for name in columns
        if any(
            is_picture_like(seen := record.get(name))
            or (isinstance(seen, (str, os.PathLike)) and os.path.splitext(str(seen).partition("?")[0])[1].casefold() in IMAGE_SUFFIXES)  # noqa: PTH122
            for record in first
        )
    ]
    if len(found) > 1:
        raise UsageError(f"Several columns hold pictures: {', '.join(found)}. Name one with image={found[0]!r}.")
    return found[0] if found else None


def _file_row(name: str, number: int) -> Row:
    local = "://" not in name and not name.startswith(("data:", "sample:"))
    of_file = fields_of_file(name) if local else {}
    return Row(of_file.get("name", name[:80]), {**of_file, "i": number + 1}, name, name if local else number)


def _value_row(value: Any, index: Any, number: int, name: str, *, pictured: bool) -> Row:
    if not pictured:
        return Row(str(value)[:80], {name: value, "i": number}, None, index)
    if isinstance(value, (str, os.PathLike)) and "://" not in str(value) and not str(value).startswith(("data:", "sample:")):
        of_file = fields_of_file(str(value))
        return Row(of_file["name"], {**of_file, "i": number}, value, index)
    label = str(getattr(value, "full_id", "") or getattr(value, "name", "") or (value if isinstance(value, str) else index))[:80]
    return Row(label, {"name": label, "stem": Path(label).stem, "i": number}, None if is_missing(value) else value, index)


def is_missing(value: Any) -> bool:
    """Return whether a cell of a table holds nothing: None, NaN, pandas' NA."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


def combined(rows: Rows, values: Mapping[str, Sequence[Any]]) -> Rows:
    """Return each row once with every combination of values."""
    if not values:
        return rows
    if empty := [name for name, several in values.items() if not several]:
        raise UsageError(f"{empty[0]} has no values to combine.")
    made: list[Row] = []
    for row, *chosen in itertools.product(rows.rows, *values.values()):
        picked = dict(zip(values, chosen, strict=True))
        label = " · ".join(filter(None, [row.label, *(str(value)[:40] for value in picked.values())]))
        made.append(Row(label, {**row.fields, **picked, "i": len(made) + 1}, row.image, row.index, picked))
    return Rows(tuple(made), rows.index_names)


def suffix_counts(rows: Sequence[Row]) -> str:
    """Return how many files of each suffix there are, for the price line: ``38 .jpg, 2 .png``."""
    suffixes = Counter(Path(str(row.image)).suffix.casefold() for row in rows if isinstance(row.image, (str, os.PathLike)))
    return ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in suffixes.most_common(5))
