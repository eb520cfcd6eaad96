"""What the built-in engine says of its edits: their names, their words and the table of the help."""

from __future__ import annotations

from dataclasses import dataclass

from notebook_img.providers.local.amounts import Length, Parameter
from notebook_img.providers.local.operations import OPERATIONS


def operation_names() -> list[str]:
    """Return the names of all edits."""
    return [operation.name for operation in OPERATIONS]


def operation_words() -> dict[str, str]:
    """Return every word of the table with the name of its operation, for near names and completion."""
    return {word: operation.name for operation in reversed(OPERATIONS) for word in (*operation.words, operation.name)}


@dataclass(frozen=True)
class HelpRow:
    """One line of the help."""

    name: str
    help: str
    example: str
    parameters: str
    words: str


def _parameter_words(parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit and not isinstance(parameter.default, Length) else ""
    bounds = f" {parameter.low:g} to {parameter.high:g}{unit}" if parameter.low is not None and parameter.high is not None else ""
    default = parameter.default
    shown = f"{default:g}{unit}" if isinstance(default, float | int) and not isinstance(default, bool) else str(default or "")
    return parameter.name + bounds + (f" (default {shown})" if shown else "")


def help_table() -> list[HelpRow]:
    """Return the help: one row per edit, in the order of the table."""
    return [
        HelpRow(
            operation.name,
            operation.help,
            operation.example,
            ", ".join(_parameter_words(parameter) for parameter in operation.parameters if parameter.kind not in {"flag", "preset"}),
            ", ".join(operation.words),
        )
        for operation in OPERATIONS
    ]
