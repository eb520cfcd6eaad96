"""Several files in one command: a call for each, one after the other, and a summary.

A shell puts the names of files in the place of a pattern (``*.jpg``), so nothing tells whether several are meant for one call or each for
its own: one of ``--each``, a field in ``-o`` or ``-r`` says it.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import (
    AuthenticationError,
    BudgetError,
    KeyMissingError,
    ModelNotFoundError,
    NotebookImgError,
    NotFoundError,
    UsageError,
    did_you_mean,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.calls import Call, Plan
    from notebook_img.options import Parsed
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn

ENDS_ALL = (KeyMissingError, AuthenticationError, ModelNotFoundError, BudgetError)
"""What would meet every file that is left."""

WRONG_COMMAND = (UsageError, NotFoundError)
"""What meets every file as well where it meets the first."""

FIELDS = ("stem", "name", "parent", "i")
"""What ``-o`` may take of each file: ``cat``, ``cat.png``, its folder, its number from 1."""

_BRACE = re.compile(r"\{(\w*)\}")
_PATTERN = re.compile(r"[*?]|\[.+\]")


@dataclass(frozen=True)
class Item:
    """A file, and the call for it."""

    file: str
    call: Call


def has_fields(output: Any) -> bool:
    """Return whether a name written with ``-o`` differs from file to file."""
    return any(name in FIELDS for name in _BRACE.findall(str(output or "")))


def items_of(call: Call, parsed: Parsed, *, each: bool) -> list[Item]:
    """Return a call for each file that is named, or nothing where one call is meant.

    Parameters
    ----------
    call : Call
        What the whole command says.
    parsed : Parsed
        Its words; pictures given with ``-i`` go along with every file.
    each : bool
        Whether ``--each`` was typed.

    Raises
    ------
    UsageError
        For several files of which nothing says how they are meant, and for two that would be written to one name.
    NotFoundError
        For a pattern or folder without a picture.
    """
    found = [name for word in parsed.images for name in (_expanded(word) if _is_many(word) else [word])]
    files = [name for name in found if _is_file(name)]
    each = each or has_fields(call.output) or any(map(_is_many, parsed.images))
    if not each and len(files) < 2:
        return []
    if not found:
        raise UsageError("--each does the same with every file, and none is named: notebook-img edit *.jpg --each 'make it night'.")
    if (first := parsed.text.split(maxsplit=1)[:1]) and _is_file(first[0]) and not parsed.literal:
        raise UsageError(f"{first[0]} is a file, but no image. Name the images alone, for example *.jpg, or put -- before the text.")
    if not each:
        raise UsageError(
            f"{len(files)} files are named: {', '.join(files[:3])}{' ...' if len(files) > 3 else ''}. Add --each to {call.kind} "
            f"one after the other, or name further pictures of one call with -r: notebook-img {call.kind} {files[0]} -r {files[1]} ..."
        )
    given = tuple(parsed.values.get("images", ()))
    items = [Item(name, call.but(images=(name, *given), output=_output(call.output, name, i))) for i, name in enumerate(found, 1)]
    outputs: dict[str, str] = {}
    for item in items if call.output is not None else ():
        if (other := outputs.setdefault(os.path.normcase(Path(str(item.call.output)).absolute()), item.file)) != item.file:
            raise UsageError(
                f"{other} and {item.file} would both be written to {item.call.output}. Write -o '{{stem}}-new.png', for example."
            )
    return items


def _is_file(word: str) -> bool:
    return os.path.isfile(word)  # noqa: PTH113 - a data URL is longer than a path may be, and no error


def _is_many(word: str) -> bool:
    """Return whether a word stands for several files: a folder with its slash, or a pattern that the shell has left."""
    if os.path.isdir(word):  # noqa: PTH112 - the slash at its end counts
        return word.endswith(("/", os.sep))
    return _PATTERN.search(word) is not None and "://" not in word and not os.path.exists(word)  # noqa: PTH110


def _expanded(word: str) -> list[str]:
    """Return the pictures of a folder, or the files a pattern names, with 2 before 10."""
    from notebook_img.pictures import MIME_TYPES

    if os.path.isdir(word):  # noqa: PTH112
        found = [str(path) for path in Path(word).iterdir() if path.suffix.casefold() in MIME_TYPES and path.is_file()]
    else:
        found = [name for name in glob.glob(os.path.expanduser(word), recursive=True) if _is_file(name)]  # noqa: PTH111, PTH207
    if not found:
        raise NotFoundError(f"There is no picture in {word}." if os.path.isdir(word) else f"No file is called like {word}.")  # noqa: PTH112
    return sorted(found, key=lambda name: [part.zfill(20) if part.isdigit() else part.casefold() for part in re.split(r"(\d+)", name)])


def _output(output: Any, file: str, number: int) -> str | None:
    """Return where the pictures of one file go."""
    if output is None:
        return None
    path = Path(file)
    values = {"stem": path.stem, "name": path.name, "parent": str(path.parent), "i": str(number)}

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise UsageError(
                f"-o has no {found[0]}.{did_you_mean(found[1], FIELDS)} It takes {', '.join(f'{{{name}}}' for name in FIELDS)}."
            )
        return values[found[1]]

    return _BRACE.sub(value, str(output))


def check_outputs(studio: Studio, items: Sequence[Item], models: Sequence[str]) -> None:
    """Refuse what could not be written before the first file is begun."""
    from notebook_img.calls import check_output_files
    from notebook_img.studio import outputs_for

    for item in items:
        for output in outputs_for(item.call, models):
            if output is not None:
                check_output_files(output, item.call.n or 1, studio.store, force=item.call.force)


@dataclass
class Tally:
    """How far several files have come."""

    files: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    cost: float = 0.0
    unknown: int = 0

    def add(self, item: Item, code: int, turns: Sequence[Turn | Plan]) -> None:
        """Count a file that was tried."""
        if code:
            self.failed.append(item.file)
        else:
            self.done += 1
        for turn in turns:
            cost = getattr(turn, "cost", 0.0)  # of a dry run nothing
            self.cost += cost or 0.0
            self.unknown += cost is None

    def line(self) -> str:
        """Return the summary."""
        from notebook_img.display import money

        untried = self.files - self.done - len(self.failed)
        failed = f"{len(self.failed)} failed ({', '.join(self.failed[:5])}{' ...' if len(self.failed) > 5 else ''})" if self.failed else ""
        parts = filter(None, [f"{self.done} done", failed, f"{untried} not tried" if untried else ""])
        costs = [*([money(self.cost)] if self.cost else []), *([f"{self.unknown} of unknown price"] if self.unknown else [])]
        return f"{self.files} file{'s' if self.files != 1 else ''}: {', '.join(parts)}{'; ' if costs else ''}{', '.join(costs)}."


def ends_all(error: NotebookImgError, *, first: bool) -> bool:
    """Return whether an error would meet the other files as well."""
    return isinstance(error, ENDS_ALL) or (first and isinstance(error, WRONG_COMMAND))
