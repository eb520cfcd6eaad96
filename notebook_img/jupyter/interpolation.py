r"""``{x}`` in prompts: once, from the caller's variables; text becomes text, an image is attached and becomes "image 1".

A brace is ours only when it is written ``{name}``, ``{name.attribute}``, ``{name[0]}``, ``{name["key"]}``, with an optional
``!r``, ``!s`` or ``!a`` and an optional format specification, and when it names something. All others stay, so that JSON,
CSS and LaTeX come through:

- ``{ x }`` and ``{x: red}`` stay (f-strings would take them; JSON and CSS are the likelier meaning in a prompt);
- ``{x.nothing}`` stays, and a note says so, because a misspelt name would otherwise be paid for in silence;
- calls, and attributes that begin with an underscore, stay;
- modules, functions and classes stay: their names as text are no part of a prompt;
- ``{{x}}`` is the way to write ``{x}`` where there is an ``x``; where there is none, it stays ``{{x}}``.

What was put in is not looked at again.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAME = r"[^\W\d]\w*"
_PATH = rf"""{_NAME}(?:\.{_NAME}|\[-?\d+\]|\["[^"\\\n]*"\]|\['[^'\\\n]*'\])*"""
_FIELD = re.compile(
    rf"""(?<!\{{)(?P<open>\{{++)(?P<path>{_PATH})(?:!(?P<as>[rsa]))?(?::(?P<format>(?=[^\s{{}}]|\{{)(?:[^{{}}\n]|\{{{_PATH}\}})*))?(?P<close>\}}+)""",
)
_STEP = re.compile(rf"""\.(?P<attribute>{_NAME})|\[(?P<key>[^\]]*?|"[^"]*"|'[^']*')\](?=[.\[]|$)""")


class Attached(NamedTuple):
    """An image found in a prompt."""

    name: str
    """How it was written, without the braces."""
    value: Any
    number: int
    """The 2 of "image 2"."""


@dataclass(frozen=True)
class Interpolated:
    """A prompt with its variables filled in."""

    text: str
    images: tuple[Attached, ...] = ()
    """The images to attach, in the order of their numbers; each object once."""
    notes: tuple[str, ...] = ()
    """Sentences to show: braces that look like a mistake and were left as they are."""


class _Missing(Exception):  # noqa: N818 - a signal, not an error of the user's
    """The path names nothing; its text is a sentence worth showing, or empty."""


def interpolate(
    text: str,
    namespace: Mapping[str, Any],
    *,
    already: int | Sequence[object] = 0,
    is_image: Callable[[object], bool] | None = None,
) -> Interpolated:
    """Fill in the variables that a text names.

    Parameters
    ----------
    text : str
        The prompt.
    namespace : mapping
        The caller's variables.
    already : int or sequence of object
        The pictures that are attached before these, or how many there are. Given as objects they are recognised:
        ``{photo}`` for a photo that is attached already becomes its number.
    is_image : callable, optional
        Says whether a value is an image; `notebook_img.pictures.is_picture_like` by default.

    Raises
    ------
    UsageError
        Where a value cannot be formatted as asked, or its property fails.
    """
    if "{" not in text:
        return Interpolated(text)
    filling = _Filling(namespace, already, is_image or _is_picture_like)
    return Interpolated(_FIELD.sub(filling, text), tuple(filling.images), tuple(dict.fromkeys(filling.notes)))


def fill(text: str, namespace: Mapping[str, Any], *, is_image: Callable[[object], bool] | None = None) -> str:
    """Fill in variables that hold text, numbers or paths, and leave images as they are written.

    For option values and file names: ``-o out_{i}.png``, ``--seed {i}``; an ``-i {photo}`` stays for the loader.
    """
    if "{" not in text:
        return text
    filling = _Filling(namespace, 0, is_image or _is_picture_like)
    filling.attaches = False
    return _FIELD.sub(filling, text)


class _Filling:
    """One pass over one text: the replacement function of `_FIELD`, with what it has found so far."""

    attaches = True

    def __init__(self, namespace: Mapping[str, Any], already: int | Sequence[object], is_image: Callable[[object], bool]) -> None:
        self.namespace = namespace
        self.is_image = is_image
        self.before: Sequence[object] = [object()] * already if isinstance(already, int) else already
        self.images: list[Attached] = []
        self.notes: list[str] = []
        self.seen: dict[str, Any] = {}

    def __call__(self, found: re.Match[str]) -> str:
        depth = min(len(found["open"]), len(found["close"]))
        left, right = found["open"][depth:], found["close"][depth:]
        try:
            value = self.look_up(found["path"])
            if depth % 2 == 0:  # {{x}}: braces that were doubled to be kept
                inner = found[0][len(found["open"]) : len(found[0]) - len(found["close"])]
                return left + "{" * (depth // 2) + inner + "}" * (depth // 2) + right
            written = self.written(found, value)
        except _Missing as nothing:
            if str(nothing):
                self.notes.append(str(nothing))
            return found[0]
        return left + "{" * (depth // 2) + written + "}" * (depth // 2) + right

    def look_up(self, path: str) -> Any:
        """Return what `path` names; each path is evaluated once per text, so that a property is read once."""
        if path not in self.seen:
            self.seen[path] = _follow(path, self.namespace)
        return self.seen[path]

    def written(self, found: re.Match[str], value: Any) -> str:
        """Return the text that stands for `value`; attach it when it is an image."""
        path, conversion, specification = found["path"], found["as"], found["format"]
        if not conversion and specification is None:
            group = self.pictures_in(value)
            if group:
                if not self.attaches:
                    raise _Missing
                return _listed([f"image {self.number(path, each)}" for each in group])
        if callable(value) or isinstance(value, ModuleType):
            raise _Missing
        if specification:
            specification = re.sub(rf"\{{({_PATH})\}}", lambda inner: str(self.look_up(inner[1])), specification)
        try:
            if conversion:
                conversions: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}
                value = conversions[conversion](value)
            return format(value, specification or "") if specification or isinstance(value, str) else str(value)
        except Exception as error:
            raise UsageError(
                f"{found[0][:80]} cannot be written: {str(error)[:200].rstrip('.')}. "
                "Write the braces twice to keep them as they are, or add --no-vars."
            ) from error

    def pictures_in(self, value: Any) -> list[Any]:
        """Return the images `value` is: itself, or all items of a list that holds nothing else."""
        if value is None or isinstance(value, (str, int, float, complex)):
            return []
        if isinstance(value, PurePath) and not self.attaches:
            return []
        if self.is_image(value):
            return [value]
        if isinstance(value, (list, tuple)) and 0 < len(value) <= 100 and all(not isinstance(each, (str, int, float)) for each in value):
            return list(value) if all(self.is_image(each) for each in value) else []
        return []

    def number(self, path: str, value: Any) -> int:
        for number, known in enumerate(self.before, start=1):
            if known is value:
                return number
        for image in self.images:
            if image.value is value:
                return image.number
        image = Attached(path, value, len(self.before) + len(self.images) + 1)
        self.images.append(image)
        return image.number


def _follow(path: str, namespace: Mapping[str, Any]) -> Any:
    """Return what a dotted and indexed path names, or raise `_Missing`."""
    start = re.match(_NAME, path)
    name = start[0] if start else ""
    if name.startswith("__"):
        raise _Missing
    try:
        value = namespace[name]
    except KeyError:
        like = (
            difflib.get_close_matches(name, [each for each in namespace if isinstance(each, str)], n=1, cutoff=0.8) if len(name) > 3 else []
        )
        raise _Missing(
            f"There is no variable {name!r}, so {{{path}}} stays as it is. Did you mean {{{like[0]}}}?" if like else ""
        ) from None
    position = len(name)
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise _Missing
        here, position = path[:position], step.end()
        try:
            if step["attribute"] is None:
                value = value[ast.literal_eval(step["key"])]
            elif step["attribute"].startswith("_"):
                raise _Missing
            else:
                value = getattr(value, step["attribute"])
        except (AttributeError, LookupError, TypeError, SyntaxError):
            # A type that takes no index, or not this one, is a path to nothing just as a missing key is.
            raise _Missing(f"{here} has no {step[0]}, so {{{path}}} stays as it is.") from None
        except _Missing:
            raise
        except Exception as error:
            raise UsageError(f"{{{path[:80]}}} cannot be read: {type(error).__name__}: {str(error)[:200].rstrip('.')}.") from error
    return value


def _listed(words: list[str]) -> str:
    words = list(dict.fromkeys(words))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is_picture_like(value: object) -> bool:
    from notebook_img.pictures import is_picture_like

    return bool(is_picture_like(value))
