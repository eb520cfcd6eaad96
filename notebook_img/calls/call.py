"""A call as a surface makes it: what is asked, before pictures are loaded, a model is chosen or anything is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.options import ALL, FLAG, OPTIONS, PLAIN, TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.options import Parsed
    from notebook_img.providers.interface import Kind
    from notebook_img.records import Origin

TYPED = tuple(option.name for option in OPTIONS if option.in_request)
"""Options that are part of a request: recorded as asked, and compared by replay. (Output and display are not.)"""
OVER_MANY = ("over", "each")
"""Options of a line that make many calls of it, so no call has them."""


@dataclass(frozen=True)
class Call:
    """One call. Field names are the keyword names of the Python form (design section 7)."""

    kind: Kind
    prompt: str = ""
    images: tuple[Any, ...] = ()
    """What is named to be edited or asked about: anything a notebook holds, turns and their ids included."""
    references: tuple[Any, ...] = ()
    mask: Any = None
    mask_reading: Literal["painted", "transparent"] | None = None
    """``painted`` or ``transparent``: what may change in a mask with transparency, where it could mean either."""
    grow: Any = None
    """Pixels or percent by which the mask is widened, negative to shrink it."""
    align: bool = False
    """Whether shift and scale of the reply against what was edited are taken out."""
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
    row: str | None = None
    boxes: str | None = None
    detail: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own options."""
    output: str | Path | None = None
    force: bool = False
    keep_metadata: bool = False
    rate: str | None = None
    """Most calls to the model in some time, such as ``5/min``; None: the setting decides."""
    fresh: bool = False
    again: bool = False
    dry_run: bool = False
    partials: bool = False
    """Whether somebody sees partial pictures."""
    origin: Origin | None = None
    """Who asks; the studio's own origin when None."""

    def __post_init__(self) -> None:
        """Bring every field into its plain form, or say what it should have been: what is typed is stored and compared."""
        for option in _ROWS:
            value = getattr(self, option.name)
            # None says nothing, for a flag too.
            object.__setattr__(self, option.name, getattr(Call, option.name) if value is None else option.checked(value))
        object.__setattr__(self, "prompt", TEXT.read(self.prompt, named="prompt"))
        object.__setattr__(self, "partials", FLAG.read(self.partials, named="partials"))
        if given := [name for name in OVER_MANY if name in self.own]:
            raise UsageError(f"{given[0]} belongs to a batch, and this is one call.", hint=Hint("name-items"))
        object.__setattr__(self, "own", {name: PLAIN.read(value, named=name) for name, value in self.own.items()})

    @classmethod
    def from_options(cls, kind: Kind, parsed: Parsed, **meant: Any) -> Call:
        """Build a call from a line or an argument vector.

        Parameters
        ----------
        kind : str
            ``generate``, ``edit`` or ``ask``.
        parsed : Parsed
            What was typed. Its models are left out: each makes a call of its own.
        **meant
            Fields whose text means something on this surface: the prompt with its variables, pictures, a schema.
        """
        values = parsed.values
        fields = {option.name: values[option.name] for option in _ROWS if option.name in values and option.name != "model"}
        fields |= {"prompt": parsed.text, "images": images_of(parsed), "own": values.get("options", {})}
        return cls(kind, **{**fields, "references": tuple(fields.get("references", ())), **meant})

    def asked(self) -> dict[str, Any]:
        """Return the options as typed."""
        # By identity: a strength or seed of 0 equals False and is asked for all the same.
        options = {name: value for name in TYPED if (value := getattr(self, name)) is not getattr(Call, name)}
        return {**options, **{name: value for name, value in sorted(self.own.items()) if value is not None}}

    def but(self, **changes: Any) -> Call:
        """Return the call with some fields changed."""
        return dataclasses.replace(self, **changes)


_FIELDS = {item.name for item in dataclasses.fields(Call)}
_ROWS = tuple(option for option in OPTIONS if option.name in _FIELDS)
"""The options that are fields of a call; the others are carried out by the surface."""

_COMMANDS = {option.name: option.commands for option in OPTIONS if option.commands != ALL and option.name not in ("references", "confine")}
"""Which kinds of call take an argument, where not all do. (References go with a question as more pictures; confine is always said.)"""

_FLAG_WORDS = {word: option.name for option in _ROWS if (word := option.long.removeprefix("--").replace("-", "_")) not in _FIELDS}
"""Words of flags that Python calls something else, with what it calls them: ``aspect``, ``count``."""


def images_of(parsed: Parsed) -> tuple[str, ...]:
    """Return the pictures a line names, in the order they are sent."""
    return (*parsed.values.get("images", ()), *parsed.images)


def make_call(kind: Kind, prompt: str, image: Any = None, options: Mapping[str, Any] | None = None) -> Call:
    """Build a call from Python arguments; what is not a field of `Call` is taken as the provider's own option.

    A list or tuple of images counts as several images. `references` may be one image.
    """
    if not isinstance(prompt, str):
        raise UsageError(
            f"The prompt has to be text, not {type(prompt).__name__}. Write it first, the image second: edit('make it night', image)."
        )
    if _names_picture(prompt):
        raise UsageError(f"{prompt!r} is a picture. Write the words first: {_WORDS_FIRST[kind].format(prompt)}.")
    given = dict(options or {})
    for wrong, right in {**_FLAG_WORDS, "image": "references" if kind == "generate" else "the second argument"}.items():
        if wrong in given:
            raise UsageError(f"There is no argument {wrong!r} here; it is called {right!r}.")
    known = _FIELDS - {"kind", "prompt", "images", "own", "origin", "partials", "keeps_model"}
    fields = {name: given.pop(name) for name in list(given) if name in known}
    for name in [name for name, value in fields.items() if value is not None and value is not False]:
        commands = _COMMANDS.get(name)
        if commands is not None and kind not in commands:
            raise UsageError(f"{kind} takes no {name}; that is an argument of {' and '.join(sorted(commands))}.")
    if isinstance(image, (list, tuple)) and not image:
        raise UsageError("The list of images is empty. Leave it out to go on from the current picture, or name an image.")
    fields["references"] = several(fields.get("references"))
    for name in given:
        if (near_field := did_you_mean(name, known)) and name not in _own_names():
            raise UsageError(f"There is no argument {name!r}.{near_field}")
    return Call(kind=kind, prompt=prompt, images=several(image), own=given, **fields)


_WORDS_FIRST: Mapping[Kind, str] = {
    "generate": "generate('a fox in this style', references=[{!r}])",
    "edit": "edit('make it night', {!r})",
    "ask": "ask('what is in it?', {!r})",
}


def _names_picture(prompt: str) -> bool:
    """Return whether a prompt is nothing but the name of a picture, given where the words belong."""
    from notebook_img.pictures import SAMPLES, is_picture_file

    name = prompt.strip()
    if any(letter.isspace() for letter in name) or not 0 < len(name) < 4096:
        return False
    return name.removeprefix("sample:") in SAMPLES if name.startswith("sample:") else is_picture_file(name)


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
