"""The cell that repeats a turn, as text to paste."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.ids import parse_id, turn_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.options import Option
    from notebook_img.records import PictureUse, TurnRecord

MAGICS = {"generate": "%%imggen", "edit": "%%imgedit", "ask": "%%askimage"}


def as_magic(record: TurnRecord, session: str, names: Mapping[str, Any] | None = None) -> str:
    """Return the cell that repeats a turn: same session, model, start, pictures and options, and the prompt unchanged.

    Parameters
    ----------
    record : TurnRecord
        The turn.
    session : str
        Name of its session.
    names : mapping, optional
        The notebook's variables. Pictures that only the store has are written as Python, with ``ni`` where that is this package.
    """
    from notebook_img.options import OPTIONS

    table = {option.name: option for option in OPTIONS}
    package = "ni" if getattr((names or {}).get("ni"), "__name__", "") == "notebook_img" else '__import__("notebook_img")'
    handle = f"{package}.session({_literal(session)}).turn({_literal(record.id)})"
    words = [MAGICS[record.kind], "-s", _quoted(session)]
    if record.parent is not None and record.kind != "generate":
        words += ["--from", turn_id(record.parent, record.picked)]
    elif record.kind != "generate":
        for index, use in enumerate(record.uses("input")):
            words += ["-i", _quoted(_findable(use) or f"{handle}.inputs[{index}]")]
    for index, use in enumerate(record.uses("reference")):
        words += ["-r", _quoted(_findable(use) or f"{handle}.references[{index}]")]
    if record.uses("mask"):
        words += ["--mask", _quoted(f"{handle}.mask")]
    if record.model:
        words += ["-m", str(record.asked.get("model") or record.model)]
    for name, value in record.asked.items():
        words += _option(name, value, table)
    if record.seed is not None and "seed" not in record.asked:
        words += ["--seed", str(record.seed)]
    if "{" in record.prompt or any("{" in word for word in words):
        words.append("--no-vars")  # what stood in braces was meant as it stood there
    # A cell, not a line: its body keeps the lines, and nothing in it is an option or a comment.
    return "\n".join([" ".join(words), record.prompt])


def _option(name: str, value: Any, table: Mapping[str, Option]) -> list[str]:
    if name in ("again", "model"):
        return []
    option = table.get(name)
    flag = option.long if option is not None else f"--{name.replace('_', '-')}"
    if value is (option.constant if option is not None and option.takes == "flag" else True):
        return [flag]
    return [flag, _quoted(str(value))]


def _findable(use: PictureUse) -> str:
    """Return the name of an input if it still leads to the same picture, else an empty string."""
    name = use.name
    known = parse_id(name)
    if name.startswith("sample:") or (known is not None and known.session):
        return name
    path = Path(name)
    try:
        same = bool(name) and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == use.sha256
    except OSError:
        return ""
    return name if same else ""


def _literal(text: str) -> str:
    """Return text as a Python string with double quotes where it can be, and without spaces behind its quotes."""
    plain = not any(sign in text for sign in "\"'\\\n")
    return f'"{text}"' if plain else repr(text).replace("' ", "'\\x20").replace('" ', '"\\x20')


def _quoted(text: str) -> str:
    """Return text as the magics read a value: quotes end it only where a space follows, a backslash is a backslash."""
    if text and text[0] not in "\"'-" and not any(sign.isspace() or sign in "()[]#;" for sign in text):
        return text
    return f"'{text}'" if not any(f"'{space}" in text for space in " \t\n") else f'"{text}"'
