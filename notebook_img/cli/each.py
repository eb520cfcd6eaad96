"""Which files of a command are meant each for its own call, and what the other items of a batch are.

A shell puts the names of files in the place of a pattern (``*.jpg``), so nothing tells whether several are meant for one call or each for
its own: one of ``--each``, a field in ``-o`` or ``-r`` says it.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.options import Command, Parsed

FIELDS = ("stem", "name", "parent", "i")
"""Fields in ``-o`` that differ from file to file."""


def check_first_word(kind: Command, parsed: Parsed) -> None:
    """Refuse a text that begins with the name of a file or folder: in a shell, where names are completed, it is seldom meant as a word.

    Raises
    ------
    UsageError
        With how to name what is in the folder, and how to have the word in the text.
    """
    first = parsed.text.split(maxsplit=1)[0] if parsed.notes else ""
    if kind == "generate" or not first:
        return
    if os.path.isfile(first):  # noqa: PTH113 - a word
        raise UsageError(f"{first} is a file, but no image. Name the images alone, for example *.jpg, or put -- before the text.")
    if not parsed.images:
        raise UsageError(
            f"{first} is a folder. To {kind} each picture in it, the folder is written {first}/; "
            "to have the word in the text, put -- before it."
        )


def is_batch(kind: Command, parsed: Parsed) -> bool:
    """Return whether a command is meant for many.

    Raises
    ------
    UsageError
        For several files of which nothing says how they are meant.
    """
    from notebook_img.studio import check_alone, fields_in, makes_batch

    files = [name for name in parsed.images if os.path.isfile(name)]  # noqa: PTH113 - a data URL is longer than a path may be, and no error
    each = makes_batch(parsed) or (bool(parsed.images) and bool(fields_in(str(parsed.values.get("output") or "")) & {*FIELDS}))
    if not each and (kind == "generate" or len(files) < 2):
        check_alone(parsed)
        return False
    if not each:
        raise UsageError(
            f"{len(files)} files are named: {', '.join(files[:3])}{' ...' if len(files) > 3 else ''}. Add --each to {kind} "
            f"one by one, or name further pictures of one call with -r: notebook-img {kind} {files[0]} -r {files[1]} ..."
        )
    return True


def table_named(name: str) -> list[dict[str, Any]]:
    """Return the rows that ``--over`` names: a CSV file, JSON or JSON lines; ``-`` reads CSV from stdin.

    Raises
    ------
    NotFoundError, UsageError
        When there is no such file, or no table in it.
    """
    if name == "-":
        return _rows(sys.stdin, name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise NotFoundError(f"--over {name}: there is no such file. Name a CSV or JSON file, or - for stdin, or write NAME=a,b,c.")
    try:
        if path.suffix.casefold() in (".json", ".jsonl"):
            text = path.read_text(encoding="utf-8-sig")
            lines = [text] if path.suffix.casefold() == ".json" else filter(str.strip, text.splitlines())
            found = [json.loads(line) for line in lines]
            rows = found[0] if path.suffix.casefold() == ".json" else found
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise UsageError(f"--over {name}: this is no list of objects. Write [{{...}}, ...], or one object a line in a .jsonl file.")
            return rows
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(file, name)
    except (OSError, ValueError) as error:
        raise UsageError(f"--over {name} cannot be read as a table: {error}.") from error


def _rows(lines: Iterable[str], name: str) -> list[dict[str, Any]]:
    first, *rest = list(lines) or [""]
    try:
        dialect: Any = csv.Sniffer().sniff(first, delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    rows = [{str(key): value for key, value in row.items() if key is not None} for row in csv.DictReader([first, *rest], dialect=dialect)]
    if not rows:
        raise UsageError(f"--over {name}: the table has no rows. Its first line names the columns; each further line is an item.")
    # An empty cell holds nothing.
    return [{key: value if value != "" else None for key, value in row.items()} for row in rows]
