"""The cell that repeats a turn, as text to paste."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.records import TurnRecord


def as_magic(record: TurnRecord, session: str) -> str:
    """Return the cell that repeats a turn: same model, start, pictures and options.

    Parameters
    ----------
    record : TurnRecord
        The turn.
    session : str
        Name of its session.
    """
    from notebook_img.options import MAGICS, OPTIONS

    table = {option.name: option for option in OPTIONS}
    words = [f"%{MAGICS[record.kind]}"]
    handle = f'ni.session("{session}").turn("{record.id}")'
    needs_import = False
    if record.parent is not None and record.kind != "generate":
        words += ["--from", f"t{record.parent}" + (f".{record.picked}" if record.picked else "")]
    elif record.kind != "generate":
        for index, use in enumerate(record.uses("input")):
            words += ["-i", name if (name := _findable(use.name)) else _quoted(f"{handle}.inputs[{index}]")]
            needs_import |= not name
    for index, use in enumerate(record.uses("reference")):
        words += ["-r", name if (name := _findable(use.name)) else _quoted(f"{handle}.references[{index}]")]
        needs_import |= not name
    if record.uses("mask"):
        words += ["--mask", _quoted(f"{handle}.mask")]
        needs_import = True
    if record.model:
        words += ["-m", str(record.asked.get("model") or record.model)]
    for name, value in record.asked.items():
        words += _option(name, value, table)
    if record.seed is not None and "seed" not in record.asked:
        words += ["--seed", str(record.seed)]
    if not needs_import:
        return "\n".join([" ".join(words), record.prompt])
    # A cell magic has to open its cell; where a name has to be imported first, the line form says the same.
    line = " ".join([words[0][1:], *words[1:], "--", *record.prompt.split()])
    return f"import notebook_img as ni\n{line}"


def _option(name: str, value: Any, table: dict[str, Any]) -> list[str]:
    if name == "confine":
        return ["--no-confine"] if value is False else []
    if name in ("again", "model"):
        return []
    option = table.get(name)
    flag = option.long if option is not None else f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    return [flag, _quoted(str(value)) if any(sign in str(value) for sign in " '\"\n") else str(value)]


def _findable(name: str) -> str:
    """Return the name of an input when it can be found by it again, else an empty string."""
    if name.startswith("sample:") or ("/t" in name and not Path(name).suffix):
        return name
    return _quoted(name) if name and Path(name).is_file() else ""


def _quoted(text: str) -> str:
    if not any(sign in text for sign in " '\"\n()[]"):
        return text
    return f"'{text}'" if "'" not in text else '"' + text.replace('"', '\\"') + '"'
