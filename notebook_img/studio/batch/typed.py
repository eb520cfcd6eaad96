"""A batch as it is typed in a cell or a shell: ``--over NAME=a,b,c``, ``--over EXPR``, and which words make a batch of a call."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call
from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.studio.batch.rows import expanded, is_many

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.options import Option, Parsed

_NAMED = re.compile(r"([^\W\d][\w-]*)\s*=(?!=)\s*(.*)", re.DOTALL)


def makes_batch(parsed: Parsed) -> bool:
    """Return whether a line is meant for many: a pattern or folder among its images, ``--over`` or ``--each``."""
    return "over" in parsed.values or "each" in parsed.values or any(map(is_many, parsed.images))


def check_alone(parsed: Parsed) -> None:
    """Refuse options of a batch in a line that is one call."""
    if given := [word for word in ("first", "budget", "strict", "later") if word in parsed.values]:
        raise UsageError(
            f"--{given[0]} belongs to a batch, and this is one call. A pattern, a folder with its slash or --over makes a batch."
        )


def read_over(texts: Sequence[str], evaluate: Callable[[str], Any]) -> tuple[list[Any], dict[str, list[Any]]]:
    """Return what a batch is over, and the values that are combined.

    Parameters
    ----------
    texts : sequence of str
        What was typed behind each ``--over``.
    evaluate : callable
        Gives the value of an expression (in a cell), or what a name stands for (in a shell, a file).
    """
    items: list[Any] = []
    values: dict[str, list[Any]] = {}
    for text in texts:
        if (named := _NAMED.fullmatch(text.strip())) is None:
            items.append(text.strip() if is_many(text.strip()) else evaluate(text.strip()))
            continue
        name, said = named[1].replace("-", "_"), named[2].strip()
        if name in values:
            raise UsageError(f"--over {name}= is given twice. Write all its values behind one, with commas between.")
        found = evaluate(said[1:-1]) if said.startswith("{") and said.endswith("}") else [part.strip() for part in said.split(",")]
        values[name] = list(found)
        if not all(part != "" for part in values[name]):
            raise UsageError(f"--over {text} has an empty value. Write --over {name}=a,b,c.")
    return items, values


def items_named(parsed: Parsed, over: Sequence[Any]) -> Any:
    """Return what the items are: the files that are named, or what ``--over`` gives; None where only values are combined."""
    if over and parsed.images:
        raise UsageError("Files are named, and --over gives items as well. Leave one of the two out, or combine values: --over NAME=a,b,c.")
    if len(over) > 1:
        raise UsageError("--over gives items twice. Name one list or table; values are combined with --over NAME=a,b,c.")
    if over:
        return over[0]
    names = [name for word in parsed.images for name in (expanded(word) if is_many(word) else [word])]
    if not names and "each" in parsed.values and "over" not in parsed.values:
        # A note says that a word of the text is a folder's name as well.
        raise UsageError(" ".join(["--each does the same with every file, and none is named.", *parsed.notes]), hint=Hint("name-items"))
    return names or None


def options_by_name(own: Sequence[Any]) -> dict[str, Option]:
    """Return the options whose values can be combined, by keyword and by flag: ``aspect_ratio`` and ``aspect``."""
    from notebook_img.options import OPTIONS, Option, own_option

    fields = {field.name for field in dataclasses.fields(Call)}
    table: dict[str, Option] = {
        option.name: option for item in own if (option := item if isinstance(item, Option) else own_option(item)).own
    }
    for option in OPTIONS:
        if option.name in fields and (option.takes == "value" or option.name == "model"):
            table[option.name] = table[option.long.removeprefix("--").replace("-", "_")] = option
    return table


def with_chosen(call: Call, chosen: Mapping[str, Any], table: Mapping[str, Option]) -> Call:
    """Return a call with the combined values that are options."""
    for name, value in chosen.items():
        option = table[name]
        read = option.value_of(value) if isinstance(value, str) else value
        call = call.but(own={**call.own, option.name: read}) if option.own else call.but(**{option.name: read})
    return call


def optional_names(values: Mapping[str, Any], prompt: str, output: str, table: Mapping[str, Option]) -> list[str]:
    """Return the names of combined values that set options.

    Raises
    ------
    UsageError
        For one that is neither an option nor a brace.
    """
    from notebook_img.studio.batch.templates import fields_in

    optional = [name for name in values if name not in fields_in(prompt) and name in table]
    if unused := [name for name in values if name not in fields_in(f"{prompt} {output}") and name not in optional]:
        raise UsageError(f"{unused[0]!r} is neither an option nor in the prompt. Write {{{unused[0]}}} where its values are to stand.")
    return optional
