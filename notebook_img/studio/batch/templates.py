"""Braces in a batch's prompt and in ``-o``, filled from the fields of an item: ``{stem}``, ``{product}``, ``{price:.2f}``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.studio.batch.rows import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BRACE = re.compile(r"\{\{([^{}]*)\}\}|\{([^{}:!]+)(?::([^{}]*))?\}")


class FieldMissingError(UsageError):
    """A field that this one item has no value for: it fails as a row, the others go on."""


def fields_in(text: str) -> set[str]:
    """Return the names that the braces of a text hold."""
    return {found[2] for found in _BRACE.finditer(text) if found[2] and re.fullmatch(r"[^\W\d][\w ]*", found[2])}


def filled(text: str, fields: Mapping[str, Any], *, strict: bool = True) -> str:
    """Return a text with its braces filled.

    Parameters
    ----------
    fields : mapping
        Of the item.
    strict : bool
        Whether a brace that names no field is an error; otherwise it stays as it is, as text for the model.

    Raises
    ------
    UsageError
        For a brace that names no field, or a format a value does not take.
    FieldMissingError
        For a field without a value.
    """

    def value(found: re.Match[str]) -> str:
        if found[2] is None:
            return f"{{{found[1]}}}"
        name = found[2]
        if name not in fields:
            if not strict or not re.fullmatch(r"[^\W\d][\w ]*", name):
                return found[0]
            raise UsageError(
                f"There is no field {name!r} for {found[0]}.{did_you_mean(name, fields)} There are {_listed(fields)}. "
                f"To have the braces in the text, write {{{found[0]}}}."
            )
        return _words(fields[name], found[3] or "", found[0])

    return _BRACE.sub(value, text)


def file_filled(output: str, fields: Mapping[str, Any]) -> str:
    """Return a file name with its braces filled; values cannot lead to another folder, but ``{parent}`` does."""
    from notebook_img.calls import portable

    safe = {name: value if name == "parent" or not isinstance(value, str) else portable(value) for name, value in fields.items()}
    return filled(output, safe)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in list(names)[:12]) or "none"


def _words(value: Any, form: str, brace: str) -> str:
    if is_missing(value):
        raise FieldMissingError(f"{brace} has no value in this row.")
    if isinstance(value, (str, int, float, bool, os.PathLike)) or hasattr(value, "__format__"):
        try:
            said = format(os.fspath(value) if isinstance(value, os.PathLike) else value, form)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{brace} cannot be filled with {str(value)[:40]!r}: {error}.") from None
        if re.search(r"<[\w. ]+ at 0x[0-9a-f]+>|<[\w.]+ object", said):
            raise UsageError(f"{brace} holds {type(value).__name__}, which has no words.")
        return said
    raise UsageError(f"{brace} holds {type(value).__name__}, which has no words.")
