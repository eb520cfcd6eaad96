"""A call as a surface makes it: what is asked, before pictures are loaded, a model is chosen or anything is sent."""

from __future__ import annotations

import dataclasses
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.options import ALL, OPTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.providers.interface import Kind
    from notebook_img.records import Origin

TYPED = (
    "n",
    "aspect_ratio",
    "size",
    "seed",
    "negative_prompt",
    "strength",
    "history",
    "table",
    "boxes",
    "detail",
    "outpaint",
    "again",
)
"""Options that are part of a request: recorded as asked, and compared by replay. (Output and display are not.)"""

EXAMPLES: Mapping[str, str] = {
    "generate": "%imggen a red circle on white",
    "edit": "%imgedit sample:chelsea make it night",
    "ask": "%askimage sample:coffee what colours are in it?",
}


@dataclass(frozen=True)
class Call:
    """One call. Field names are the keyword names of the Python form (design section 7)."""

    kind: Kind
    prompt: str = ""
    images: tuple[Any, ...] = ()
    """What is named to be edited or asked about: anything a notebook holds, turns and their ids included."""
    references: tuple[Any, ...] = ()
    mask: Any = None
    confine: bool = True
    outpaint: str | None = None
    model: str = ""
    keeps_model: bool = True
    """Whether a model named here is the session's from now on: not one of several, a fallback, or one that is repeated."""
    start: Any = None
    """Turn or id to go on from (``--from``)."""
    pick: int | None = None
    n: int | None = None
    aspect_ratio: str | None = None
    size: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    strength: float | None = None
    history: str | None = None
    schema: Any = None
    table: str | None = None
    boxes: str | None = None
    detail: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own options."""
    output: str | Path | None = None
    force: bool = False
    fresh: bool = False
    again: bool = False
    dry_run: bool = False
    partials: bool = False
    """Whether somebody sees partial pictures."""
    origin: Origin | None = None
    """Who asks; the studio's own origin when None."""

    def __post_init__(self) -> None:
        """Bring every field into its plain form, or say what it should have been: what is typed is stored and compared."""
        for name, read in _READ.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read(name, value))
        object.__setattr__(self, "own", {name: _plain(name, value) for name, value in self.own.items()})

    def asked(self) -> dict[str, Any]:
        """Return the options as typed."""
        # Not `in (None, False)`: a strength or seed of 0 equals False and is asked for all the same.
        options = {name: value for name in TYPED if (value := getattr(self, name)) is not None and value is not False}
        if not self.confine:
            options["confine"] = False
        return {**options, **{name: value for name, value in sorted(self.own.items()) if value is not None}}

    def but(self, **changes: Any) -> Call:
        """Return the call with some fields changed."""
        return dataclasses.replace(self, **changes)


def _whole(least: int, most: int = 2**63 - 1) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            number = least - 1
        if isinstance(value, bool) or not least <= number <= most:
            span = f"from {least} to {most}" if most < 10**9 else f"of {least} or more"
            raise UsageError(f"{name} has to be a whole number {span}, not {_shown(value)}. For example: {name}={_NUMBERS.get(name, 1)}.")
        return number

    return read


def _share(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, (bool, str)) or not 0 <= number <= 1:
        raise UsageError(f"{name} has to be a number from 0 to 1, not {_shown(value)}. For example: {name}=0.6.")
    return number


def _shown(value: Any) -> str:
    """Return a wrong value in a few letters: itself where it is short, else what it is."""
    plain = repr(value) if isinstance(value, (str, int, float, bool, tuple)) else ""
    return plain if plain and len(plain) <= 40 else f"a value of type {type(value).__name__}"


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        example = f" For example: {name}={_TEXT_EXAMPLES[name]!r}." if name in _TEXT_EXAMPLES else ""
        raise UsageError(f"{name} has to be text, not {_shown(value)}.{example}")
    return str(value)


def _pair(sign: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(part, int) for part in value):
            return f"{value[0]}{sign}{value[1]}"
        return _text(name, value)

    return read


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name} is either True or False, not {_shown(value)}.")
    return value


def _file(name: str, value: Any) -> str | Path:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip() or "\0" in str(value):
        raise UsageError(f"{name} has to be a file name, not {_shown(value)}. For example: {name}='night.png'.")
    if len(os.path.basename(os.fspath(value))) > MOST_NAME:  # noqa: PTH119 - of text as well
        raise UsageError(f"The file name of {name} has more than {MOST_NAME} letters. Choose a shorter one.")
    return value  # type: ignore[return-value]


def _plain(name: str, value: Any) -> Any:
    """Return an own option's value as JSON can hold it."""
    if callable(item := getattr(value, "item", None)) and getattr(value, "size", 1) == 1:
        value = item()  # numpy's numbers
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise UsageError(f"{name} has to be text, a number, True or False, not {_shown(value)}.")


MOST_NAME = 200
"""Letters of a file name that every file system takes, with room for a number and a suffix."""

_NUMBERS: Mapping[str, int] = {"n": 4, "pick": 2, "seed": 7}

_TEXT_EXAMPLES: Mapping[str, str] = {
    "model": "gemini",
    "aspect_ratio": "16:9",
    "size": "2K",
    "outpaint": "16:9",
    "history": "window",
    "table": "year int, sales float",
    "boxes": "cats",
    "negative_prompt": "text, watermark",
    "detail": "high",
}

_READ: Mapping[str, Callable[[str, Any], Any]] = {
    "n": _whole(1, 100),
    "pick": _whole(1, 1000),
    "seed": _whole(0),
    "strength": _share,
    "aspect_ratio": _pair(":"),
    "outpaint": _pair(":"),
    "size": _pair("x"),
    **dict.fromkeys(("prompt", "model", "negative_prompt", "history", "table", "boxes", "detail"), _text),
    **dict.fromkeys(("confine", "force", "fresh", "again", "dry_run", "partials"), _flag),
    "output": _file,
}
"""How each field is read."""

_COMMANDS = {
    {"from_turn": "start"}.get(option.name, option.name): option.commands
    for option in OPTIONS
    if option.commands != ALL and option.name not in ("references", "confine")
}
"""Which kinds of call take an argument, where not all do. (References go with a question as more pictures; confine is always said.)"""


def make_call(kind: Kind, prompt: str, image: Any = None, options: Mapping[str, Any] | None = None) -> Call:
    """Build a call from Python arguments; what is no field of `Call` is taken as the provider's own option.

    A list or tuple of images counts as several images. `references` may be one image.
    """
    if not isinstance(prompt, str):
        raise UsageError(
            f"The prompt has to be text, not {type(prompt).__name__}. Write it first, the image second: edit('make it night', image)."
        )
    given = dict(options or {})
    for wrong, right in (
        ("aspect", "aspect_ratio"),
        ("count", "n"),
        ("negative", "negative_prompt"),
        ("image", "references" if kind == "generate" else "the second argument"),
    ):
        if wrong in given:
            raise UsageError(f"There is no argument {wrong!r} here; it is called {right!r}.")
    known = {item.name for item in dataclasses.fields(Call)} - {"kind", "prompt", "images", "own", "origin", "partials", "keeps_model"}
    fields = {name: given.pop(name) for name in list(given) if name in known}
    for name in [name for name, value in fields.items() if value is not None and value is not False]:
        commands = _COMMANDS.get(name)
        if commands is not None and kind not in commands:
            raise UsageError(f"{kind} takes no {name}; that is an argument of {' and '.join(sorted(commands))}.")
    if isinstance(image, (list, tuple)) and not image:
        raise UsageError("The list of images is empty. Leave it out to go on from the head, or name an image.")
    fields["references"] = several(fields.get("references"))
    for name in given:
        if (near_field := did_you_mean(name, known)) and name not in _own_names():
            raise UsageError(f"There is no argument {name!r}.{near_field}")
    return Call(kind=kind, prompt=prompt, images=several(image), own=given, **fields)


def _own_names() -> set[str]:
    """Return the names of all providers' own options; looked up only for a name that resembles one of ours (format, force)."""
    from notebook_img.providers import own_options
    from notebook_img.settings import Settings

    return {option.name for option in own_options(Settings())}


def several(value: Any) -> tuple[Any, ...]:
    """Return one image or several as a tuple; arrays and byte strings are one."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple)) and not _is_rows(value):
        return tuple(value)
    return (value,)


def _is_rows(value: Sequence[Any]) -> bool:
    """Tell nested lists of numbers (one image) from a list of images."""
    return bool(value) and isinstance(value[0], (list, tuple, int, float))
