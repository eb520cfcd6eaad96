"""Typed answers: from a pydantic model, dataclass, TypedDict, JSON schema or table description to a JSON schema and back."""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notebook_img.errors import BadReplyError, UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.tree.fitting import Fitting

WRAPPED = "items"
"""Services want an object at the root; a list is put under this name."""
MOST_SHOWN = 300
"""Characters of an answer that an error quotes."""

COLUMN_TYPES: Mapping[str, Mapping[str, str]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
"""Types of a table's columns as JSON schema. One with a question mark behind it (``int?``) may have gaps."""
GAP = "?"


def columns(text: str) -> tuple[tuple[str, str], ...]:
    """Read the columns of ``--table``: ``"year int, sales float"``.

    Parameters
    ----------
    text : str
        Names, each with a type behind it (a space or a colon between); a column without a type holds text, and one word with a
        question mark (``camera?``) text with gaps.

    Returns
    -------
    tuple of (name, type)
        Types are those of `COLUMN_TYPES`, with a question mark behind where gaps are allowed.

    Raises
    ------
    UsageError
        For an empty list, a name given twice, or a type that does not exist.
    """
    try:
        return read_columns(text)
    except ValueError as error:
        raise UsageError(f"The table {text[:80]!r} cannot be used: {error}.") from None


def read_columns(text: str) -> tuple[tuple[str, str], ...]:
    """Read the columns of a table as `columns` does; ValueError says in a few words what to write."""
    found: dict[str, str] = {}
    for part in (part for part in text.split(",") if part.strip()):
        name, colon, kind = part.strip().rpartition(":")
        if not colon:
            *words, last = part.split()
            name, kind = (" ".join(words), last) if words and _is_type(last) else (part.strip(), "")
            if not kind and len(words) == 1 and (meant := did_you_mean(last.removesuffix(GAP), COLUMN_TYPES)):
                msg = f"{last!r} is not a column type ({', '.join(COLUMN_TYPES)}).{meant}".rstrip(".")
                raise ValueError(msg)
        name, kind = name.strip(), kind.strip().casefold() or "str"
        if kind == "str" and name.endswith(GAP) and " " not in name:  # `camera?`; a question is a name ("is it red?")
            name, kind = name.removesuffix(GAP), "str" + GAP
        if not _is_type(kind):
            msg = f"{kind!r} is not a column type; there are {', '.join(COLUMN_TYPES)}"
            raise ValueError(msg)
        if not name or name in found:
            msg = f"the column {name!r} is named twice" if name else f"{part.strip()!r} names no column"
            raise ValueError(msg)
        found[name] = kind
    if not found:
        msg = 'name its columns, such as "year int, sales float"'
        raise ValueError(msg)
    return tuple(found.items())


def _is_type(word: str) -> bool:
    return word.casefold().removesuffix(GAP) in COLUMN_TYPES


@dataclass(frozen=True)
class Shape:
    """The shape a typed answer must fit.

    Attributes
    ----------
    schema : dict
        JSON schema with an object at its root.
    adapter : object or None
        pydantic's TypeAdapter that makes instances; None for a plain JSON schema.
    wrapped : bool
        Whether the value stands under ``items``.
    table : bool
        Whether it is a list of rows, which may have more columns than were asked for.
    """

    schema: dict[str, Any]
    adapter: Any = None
    wrapped: bool = False
    table: bool = False

    def checked(self, value: Any, *, text: str = "") -> tuple[Any, list[str]]:
        """Return the JSON to store, without the wrapping that services want, and what was odd about it, after checking that it fits.

        Raises
        ------
        BadReplyError
            When it does not fit; ``text`` has the model's own words.
        """
        fitting = Fitting(self.schema, self.table)
        value = fitting.fitted(value)
        try:
            self.rebuild(value)
        except BadReplyError as error:
            error.text = text or error.text
            raise
        return value[WRAPPED] if self.wrapped and isinstance(value, Mapping) and WRAPPED in value else value, fitting.notes

    def rebuild(self, value: Any) -> Any:
        """Return the answer's value as an instance of what was asked for.

        Raises
        ------
        BadReplyError
            When the JSON does not fit; ``text`` has it.
        """
        if self.wrapped and isinstance(value, Mapping) and WRAPPED in value:
            value = value[WRAPPED]
        if self.adapter is None:
            return value
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            said = str(value)
            shown = said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]} ..."
            raise BadReplyError(f"The answer does not fit the schema: {where}: {first['msg']}. It said: {shown}", text=said) from error


def shape_of(schema: Any, table: str | None = None, row: str | None = None) -> Shape | None:
    """Return the shape of a typed answer, or None where none is asked for.

    Parameters
    ----------
    schema : type, dict or None
        A pydantic model, dataclass, TypedDict, ``list[Model]`` or any type pydantic can describe, or a JSON schema.
    table : str, optional
        Columns with types, ``"year int, sales float"``; the answer is a list of rows.
    row : str, optional
        Columns likewise; the answer is one row.

    Raises
    ------
    UsageError
        When the schema cannot be expressed, or two of them are given.
    """
    if sum((schema is not None, bool(table), bool(row))) > 1:
        raise UsageError("Give one of schema, table and row.")
    if row:
        return Shape(_row(row))
    if table:
        return Shape(_wrap({"type": "array", "items": _row(table)}), wrapped=True, table=True)
    if schema is None:
        return None
    if isinstance(schema, Mapping):
        plain = dict(schema)
        if not plain or not ({"type", "properties", "anyOf", "$ref", "enum", "items"} & plain.keys()):
            raise UsageError(
                "This is not a JSON schema: it has neither 'type' nor 'properties'. A pydantic model or a dataclass works too."
            )
        return Shape(plain) if plain.get("type", "object") == "object" else Shape(_wrap(plain), wrapped=True)
    if isinstance(schema, str):
        raise UsageError(f"The schema has to be a type or a JSON schema, not text. Define {schema!r} in the notebook first.")
    return _described(schema)


def _described(schema: Any) -> Shape:
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        adapter: Any = TypeAdapter(_understood(schema, {}))
        described = adapter.json_schema()
    except (PydanticUserError, TypeError, AttributeError, NameError) as error:
        name = getattr(schema, "__name__", type(schema).__name__)
        raise UsageError(
            f"{name!r} cannot be expressed as a JSON schema ({str(error).splitlines()[0]}). Use fields of plain types."
        ) from error
    root_is_object = described.get("type") == "object" or "$ref" in described
    if root_is_object:
        return Shape(described, adapter)
    definitions = described.pop("$defs", None)
    wrapped = _wrap(described)
    return Shape({**wrapped, "$defs": definitions} if definitions else wrapped, adapter, wrapped=True)


def _understood(kind: Any, seen: dict[Any, Any]) -> Any:
    """Return a type with every `typing.TypedDict` in it as pydantic takes it.

    Before Python 3.12 pydantic takes those of typing_extensions only (https://errors.pydantic.dev/latest/u/typed-dict-version).
    """
    if sys.version_info >= (3, 12):
        return kind
    if arguments := typing.get_args(kind):
        taken = tuple(_understood(argument, seen) for argument in arguments)
        if taken == arguments:
            return kind
        if isinstance(kind, types.UnionType):
            return functools.reduce(operator.or_, taken)
        return kind.copy_with(taken) if hasattr(kind, "copy_with") else typing.get_origin(kind)[taken]
    if not typing.is_typeddict(kind) or type(kind).__module__ != "typing":
        return kind
    if kind in seen:
        raise TypeError("it holds itself, which needs typing_extensions.TypedDict")
    import typing_extensions

    seen[kind] = None
    fields: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        required = name in kind.__required_keys__
        if typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            required = typing.get_origin(hint) is typing.Required
            (hint,) = typing.get_args(hint)  # noqa: PLW2901 - what is inside counts
        form: Any = typing_extensions.Required if required else typing_extensions.NotRequired
        fields[name] = form[_understood(hint, seen)]
    del seen[kind]
    return typing_extensions.TypedDict(kind.__name__, fields)  # type: ignore[operator]


def _wrap(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED], "additionalProperties": False}


def _row(table: str) -> dict[str, Any]:
    properties = {name: _column(kind) for name, kind in columns(table)}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _column(kind: str) -> dict[str, Any]:
    plain = dict(COLUMN_TYPES[kind.removesuffix(GAP)])
    return plain | {"type": [plain["type"], "null"]} if kind.endswith(GAP) else plain


def typed_columns(frame: Any, text: str) -> Any:
    """Return a DataFrame whose columns have the types that ``--table`` or ``--row`` gave them, as far as what was answered allows."""
    import pandas as pd

    for name, kind in columns(text) if text else ():
        # A column of nothing but gaps holds NaN too.
        dates = functools.partial(pd.to_datetime, format="mixed")
        convert: Any = dates if kind.startswith("date") else pd.to_numeric if kind in ("int?", "float?") else None
        if convert is not None and name in frame:
            with contextlib.suppress(ValueError, TypeError):  # one odd answer must not cost the table
                frame[name] = convert(frame[name])
    return frame


def rows_of(value: Any) -> list[dict[str, Any]]:
    """Return a value as rows for a DataFrame: instances, mappings or a list of them.

    Raises
    ------
    UsageError
        When the value has no rows.
    """
    items = value if isinstance(value, list) else [value]
    rows: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, Mapping):
            rows.append(dict(item))
        elif hasattr(item, "model_dump"):
            rows.append(item.model_dump())
        elif hasattr(item, "__dataclass_fields__"):
            rows.append({name: getattr(item, name) for name in item.__dataclass_fields__})
        else:
            raise UsageError("This answer has no rows to make a table of.", hint=Hint("ask-for-table"))
    return rows
