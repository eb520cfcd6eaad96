r"""``{x}`` in prompts: once, from the caller's variables; text becomes text, an image is attached and becomes "image 1".

A brace is ours when it is written ``{name}``, ``{name.attribute}``, ``{name[0]}``, ``{name["key"]}``, ``{name[key]}`` or
``{name[1:3]}``, with an optional ``!r``, ``!s`` or ``!a`` and an optional format specification. Nothing goes into a paid prompt that
was not meant, so of these it is an error when the name is not there, or when what it holds has no words (None, a function, a tensor);
and a call, comparison or sum that begins with a name of the notebook is one too. All other braces stay:

- ``{ x }`` and ``{x: red}`` (f-strings would take them; JSON and CSS are the likelier meaning in a prompt), ``{x, y}``, ``{0}``;
- LaTeX: what follows a backslash command, ``_``, ``^`` or a ``}`` that stayed; and ``${HOME}``;
- attributes that begin with an underscore;
- ``{{x}}`` is the way to write ``{x}``, whether there is an ``x`` or not.

What was put in is not looked at again.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import os
import re
from dataclasses import dataclass
from pathlib import PurePath
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img.errors import UsageError
from notebook_img.options import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAME = r"[^\W\d]\w*"
_PATH = rf"""{_NAME}(?:\.{_NAME}|\[[-\d:, ]+\]|\[{_NAME}\]|\["[^"\\\n]*"\]|\['[^'\\\n]*'\])*"""
_FIELD = re.compile(
    rf"""(?<!\{{)(?P<open>\{{++)(?P<path>{_PATH})(?:!(?P<as>[rsa]))?(?::(?P<format>(?=[^\s{{}}]|\{{)(?:[^{{}}\n]|\{{{_PATH}\}})*))?(?P<close>\}}+)""",
)
_CODE = re.compile(rf"(?<!\{{)\{{(?P<code>{_NAME}[^{{}}\n]*[^{{}}\n\s=:!,])\}}(?!\}})")
_FOUND = re.compile(f"{_FIELD.pattern}|{_CODE.pattern}")
_STEP = re.compile(rf"""\.(?P<attribute>{_NAME})|\[(?P<key>[^\]]*?|"[^"]*"|'[^']*')\](?=[.\[]|$)""")


MOST = 100
"""Pictures of one list that are attached; no model takes more."""


class Attached(NamedTuple):
    """An image found in a prompt."""

    name: str
    """How it was written, without the braces."""
    value: Any
    number: int
    """The 2 of "image 2"."""
    at: int = 0
    """Where it stands in the text; 0 is before everything else."""


@dataclass(frozen=True)
class Interpolated:
    """A prompt with its variables filled in."""

    text: str
    images: tuple[Attached, ...] = ()
    """The images to attach, in the order of their numbers; each object once."""


class _StaysError(Exception):
    """A brace that is none of ours."""


_LATEX = re.compile(r"\\[^\W\d_]+\*?$")
_OTHERWISE = "{{{{{0}}}}} sends {{{0}}}, and with --no-vars all braces are text."


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
        Where a name is not there, a value has no words or cannot be formatted as asked, or its property fails.
    """
    if "{" not in text:
        return Interpolated(text)
    filling = _Filling(namespace, already, is_image or _is_picture_like)
    return Interpolated(filling.fill(text), tuple(filling.images))


def fill(text: str, namespace: Mapping[str, Any], *, is_image: Callable[[object], bool] | None = None) -> str:
    """Fill in variables that hold text, numbers or paths, and leave images as they are written.

    For option values and file names: ``-o out_{i}.png``, ``--seed {i}``; an ``-i {photo}`` stays for the loader.
    """
    if "{" not in text:
        return text
    filling = _Filling(namespace, 0, is_image or _is_picture_like)
    filling.attaches = False
    return filling.fill(text)


class _Filling:
    """One pass over one text: the replacement function of `_FOUND`, with what it has found so far."""

    attaches = True

    def __init__(self, namespace: Mapping[str, Any], already: int | Sequence[object], is_image: Callable[[object], bool]) -> None:
        self.namespace = namespace
        self.is_image = is_image
        self.before: Sequence[object] = [object()] * already if isinstance(already, int) else already
        self.images: list[Attached] = []
        self.seen: dict[str, Any] = {}
        self.filled_to = 0
        """Where the last brace ended that something was put in for."""

    def fill(self, text: str) -> str:
        """Return a text with its braces filled in."""
        return _FOUND.sub(self, text)

    def __call__(self, found: re.Match[str]) -> str:
        if found["code"] is not None:
            if not self.stays(found):
                self.refuse_code(found["code"])
            return found[0]
        depth = min(len(found["open"]), len(found["close"]))
        left, right = found["open"][depth:], found["close"][depth:]
        if self.stays(found):
            return found[0]
        try:
            if depth % 2 == 0:  # {{x}}: braces that were doubled to be kept
                written = found[0][len(found["open"]) : len(found[0]) - len(found["close"])]
            else:
                written = self.written(found, self.look_up(found))
        except _StaysError:
            return found[0]
        self.filled_to = found.end()
        return left + "{" * (depth // 2) + written + "}" * (depth // 2) + right

    def stays(self, found: re.Match[str]) -> bool:
        """Return whether what stands before a brace makes it LaTeX or a shell's."""
        before = found.string[max(0, found.start() - 40) : found.start()]
        if before.endswith("}"):
            return found.start() != self.filled_to
        # In a file's name (-o fox_{i}.png) nothing is set lower or higher.
        return before.endswith(("_", "^", "$") if self.attaches else "$") or _LATEX.search(before) is not None

    def refuse_code(self, code: str) -> None:
        """Refuse what Python would have to work out: it is neither text nor the name of something."""
        try:
            meant = ast.parse(code, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        name = re.match(_NAME, code)
        known = name is not None and (name[0] in self.namespace or (isinstance(meant, ast.Call) and hasattr(builtins, name[0])))
        if known and not isinstance(meant, (ast.Tuple, ast.Starred, ast.Name, ast.Attribute)):
            raise UsageError(
                f"{{{code[:80]}}} would have to be worked out, and braces hold only names: assign it to one first and write that. "
                + _OTHERWISE.format(code[:80])
            )

    def look_up(self, found: re.Match[str]) -> Any:
        """Return what a brace names."""
        path = found["path"]
        name = re.match(_NAME, path)
        if name is not None and name[0] not in self.namespace and found["format"] and not found["as"]:
            raise _StaysError  # {color:red} is CSS where there is no such name
        return self.value(path)

    def value(self, path: str) -> Any:
        """Return what `path` names; each path is evaluated once per text, so that a property is read once."""
        if path not in self.seen:
            self.seen[path] = _follow(path, self.namespace)
        return self.seen[path]

    def written(self, found: re.Match[str], value: Any) -> str:
        """Return the text that stands for `value`; attach it when it is an image."""
        path, conversion, specification = found["path"], found["as"], found["format"]
        if not conversion and specification is None:
            group = self.pictures_in(value)
            if len(group) > MOST and self.attaches:
                raise UsageError(f"{{{path[:80]}}} holds {len(group):,} pictures, more than a call takes. Name some: {{{path[:80]}[:4]}}.")
            if group:
                if not self.attaches:
                    raise _StaysError
                return _listed([f"image {self.number(path, each, len(found.string[: found.start()].strip()))}" for each in group])
            several = value if isinstance(value, (list, tuple)) else [value]
            if several and all(self.is_image(each) and not isinstance(each, (str, PurePath)) for each in several):
                raise _StaysError  # for whoever reads the option: boxes of a mask, a list of pictures
            if why := _wordless(value):
                raise UsageError(f"{{{path[:80]}}} holds {why}, which is neither words nor a picture. {_OTHERWISE.format(path[:80])}")
        if specification:
            specification = re.sub(rf"\{{({_PATH})\}}", lambda inner: str(self.value(inner[1])), specification)
        try:
            if conversion:
                conversions: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}
                value = conversions[conversion](value)
            return format(value, specification or "") if specification or isinstance(value, str) else str(value)
        except Exception as error:
            raise UsageError(
                f"{found[0][:80]} cannot be written: {str(error)[:200].rstrip('.')}. {_OTHERWISE.format(found[0][1:-1][:80])}"
            ) from error

    def pictures_in(self, value: Any) -> list[Any]:
        """Return the images `value` is or names: itself, or all items of a list that holds nothing else."""
        if self.is_picture(value):
            return [value]
        return list(value) if isinstance(value, (list, tuple)) and value and all(map(self.is_picture, value)) else []

    def is_picture(self, value: Any) -> bool:
        if value is None or isinstance(value, (int, float, complex)):
            return False
        if isinstance(value, (str, PurePath)):
            return self.attaches and _names_picture(value)
        return self.is_image(value)

    def number(self, path: str, value: Any, at: int) -> int:
        for number, known in enumerate(self.before, start=1):
            if _same(known, value):
                return number
        for image in self.images:
            if _same(image.value, value):
                return image.number
        image = Attached(path, value, len(self.before) + len(self.images) + 1, at)
        self.images.append(image)
        return image.number


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(other, (str, PurePath)) and isinstance(one, (str, PurePath)) and str(one) == str(other))


def _names_picture(value: str | PurePath) -> bool:
    """Return whether a path names a picture. Of text only one written like a path does, so that a word stays a word."""
    from notebook_img import pictures

    text = str(value)
    if isinstance(value, str) and text.startswith("sample:"):
        return text.removeprefix("sample:") in pictures.SAMPLES
    named = os.path.splitext(text)[1].casefold() in IMAGE_SUFFIXES  # noqa: PTH122 - a word, not yet a path
    if isinstance(value, str) and not named and not re.search(r"[/\\]", text):
        return False
    return len(text) < 4096 and pictures.is_picture_file(text)


def _wordless(value: Any) -> str:
    """Return what a value is that has no words, or an empty string for one that has."""
    if value is None:
        return "None"
    if isinstance(value, (str, int, float)):
        return ""
    kind = type(value).__name__
    if callable(value) or isinstance(value, (ModuleType, bytes, bytearray, memoryview)):
        return kind
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) > 1 and hasattr(value, "dtype"):
        size = " x ".join(map(str, shape))
        last = " (a picture has its channels last: height, width, 3)" if len(shape) == 3 and shape[0] in (1, 3, 4) else ""
        return f"{kind} of {size}{last}"
    text = str(value)
    return kind if re.fullmatch(r"<.*>", text, re.DOTALL) or re.search(r"<[^<>]{1,200} at 0x[0-9A-Fa-f]+>", text) else ""


def _index(text: str, namespace: Mapping[str, Any]) -> Any:
    """Return the index a path is written with: a text, a name's value, numbers, slices."""
    node = ast.parse(f"x[{text.strip()}]", mode="eval").body
    assert isinstance(node, ast.Subscript)
    if isinstance(node.slice, ast.Name):
        return namespace[node.slice.id]
    parts = [
        slice(*(None if edge is None else ast.literal_eval(edge) for edge in (part.lower, part.upper, part.step)))
        if isinstance(part, ast.Slice)
        else ast.literal_eval(part)
        for part in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])
    ]
    return tuple(parts) if isinstance(node.slice, ast.Tuple) else parts[0]


def _follow(path: str, namespace: Mapping[str, Any]) -> Any:
    """Return what a dotted and indexed path names."""
    start = re.match(_NAME, path)
    name = start[0] if start else ""
    if name.startswith("__"):
        raise _StaysError
    try:
        value = namespace[name]
    except KeyError:
        known = [each for each in namespace if isinstance(each, str) and not each.startswith("_")]
        like = difflib.get_close_matches(name, known, n=1, cutoff=0.8) if len(name) > 3 else []
        meant = f" Did you mean {{{like[0]}}}?" if like else ""
        raise UsageError(f"There is no variable {name!r} for {{{path[:80]}}}.{meant} {_OTHERWISE.format(path[:80])}") from None
    position = len(name)
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise _StaysError
        here, position = path[:position], step.end()
        try:
            if step["attribute"] is None:
                value = value[_index(step["key"], namespace)]
            elif step["attribute"].startswith("_"):
                raise _StaysError
            else:
                value = getattr(value, step["attribute"])
        except (AttributeError, LookupError, TypeError, SyntaxError, ValueError):
            # A type that takes no index, or not this one, is a path to nothing just as a missing key is.
            raise UsageError(f"{here} has no {step[0]}, so {{{path[:80]}}} holds nothing. {_OTHERWISE.format(path[:80])}") from None
        except _StaysError:
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
