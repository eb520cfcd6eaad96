"""From a parsed line of a magic to a call: its pictures found, its variables filled in."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call, images_of
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.ids import parse_id, turn_id
from notebook_img.jupyter import interpolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.jupyter.kernel import Namespace
    from notebook_img.options import Command, Parsed
    from notebook_img.studio import Studio


def call_of(studio: Studio, command: Command, parsed: Parsed, names: Namespace, *, see: bool, before: Sequence[Any] = ()) -> Call:
    """Return the call a line means, its variables filled in; `before` are pictures that come before those it names."""
    values = parsed.values
    images = [*before, *(_image(text, names) for text in images_of(parsed))]
    references = [_image(text, names) for text in values.get("references", ())]
    text = parsed.text
    if "no_vars" not in values:
        # Numbers in the prompt follow the order pictures are sent in: inputs first, then references.
        current = "" if images or command != "edit" or "{" not in text else _current(studio, values)
        filled = interpolation.interpolate(text, names, already=images or ([object()] if current else []))
        if filled.images and current and not filled.images[0].at:
            # Nothing stands before it, so it is the picture that is edited.
            current, filled = "", interpolation.interpolate(text, names)
        _check_meant(studio, command, current, images, filled)
        text = filled.text
        found = [_titled(attached.name, attached.value) for attached in filled.images]
        if current:
            references = [*found, *references]
        else:
            images += found
    meant: dict[str, Any] = {}
    if "mask" in values:
        meant["mask"] = _mask(values["mask"], names)
    if "schema" in values:
        meant["schema"] = _named_value(values["schema"], names, "--schema")
    return Call.from_options(command, parsed, prompt=text, images=tuple(images), references=tuple(references), partials=see, **meant)


def _current(studio: Studio, values: Mapping[str, Any]) -> str:
    """Return the id of the turn an edit without an image goes on from, or an empty string where there is none."""
    if start := values.get("start"):
        return str(start)
    named = values.get("session")
    record = studio.store.session_named(named) if named else studio.current()
    number = studio.cell_start(record.id, studio.head(record.id)) if record is not None else None
    return "" if number is None else turn_id(number)


def _check_meant(studio: Studio, command: Command, current: str, images: list[Any], filled: interpolation.Interpolated) -> None:
    """Refuse pictures in an edit's text of which none is said to be the one to edit; say once what those beside it are for."""
    names = list(dict.fromkeys(attached.name for attached in filled.images))
    if command != "edit" or not names or images:
        return
    first = filled.images[0]
    if not first.at and (several := sum(attached.name == first.name for attached in filled.images)) > 1:
        studio.say(
            f"{first.name} holds {several} pictures, and all go into one edit; %imgedit --over {first.name} ... edits each by itself."
        )
    if not current:
        if len(filled.images) > 1 and filled.images[0].at:
            listed = " and ".join(f"{{{name}}}" for name in names[:3])
            raise UsageError(
                f"Nothing is being edited yet, and the text holds {len(filled.images)} pictures: {listed}. "
                f"Put the one to edit first: %imgedit {{{names[0]}}} ..."
            )
    elif "beside" not in studio.shared.noticed:
        studio.shared.noticed.add("beside")
        studio.say(f"This edits {current}, with {' and '.join(names)} beside it; put {{{names[0]}}} first to edit {names[0]}.")


def _titled(name: str, value: Any) -> Any:
    """Return an image under its variable's name, where it has no name of its own."""
    from notebook_img import pictures

    named = isinstance(value, (str, os.PathLike, pictures.Picture)) or hasattr(value, "record")
    return value if named else pictures.load(value, name=name)


def _image(text: str, names: Namespace) -> Any:
    """Return what ``-i X`` means: an existing file, a URL or sample, an id, then a Python expression."""
    from notebook_img import pictures

    if re.match(r"(https?|data|file|sample):", text) or _is_there(text) or parse_id(text):
        return text
    expression = _expression(text)
    if re.match(r"[^\W\d]", expression):
        try:
            value = eval(expression, {}, names)  # noqa: S307 - the user's own expression in the user's own notebook
        except (SyntaxError, NameError, AttributeError, LookupError, TypeError):
            return text
        if pictures.is_picture_like(value) or isinstance(value, (str, bytes, os.PathLike)):
            return _titled(expression, value)
        raise UsageError(
            f"{expression} holds {type(value).__name__}, not an image. An image can be a path, array, figure, PIL image, Picture or Turn."
        )
    return text


def _is_there(text: str) -> bool:
    """Return whether a text names a file; words may be longer than any name, which is an error to `Path`."""
    return os.path.exists(text)  # noqa: PTH110


def stays(value: object) -> bool:
    """Return whether a value in braces stays a value instead of becoming text: an image, a box, boxes."""
    from notebook_img import pictures

    several = value if isinstance(value, (list, tuple)) else [value]
    return pictures.is_picture_like(value) or (bool(several) and all(isinstance(item, pictures.Box) for item in several))


def is_object(value: object) -> bool:
    """Return whether a value in braces is neither text nor a number: what other libraries found, a class."""
    return not isinstance(value, (str, os.PathLike, int, float, type(None)))


def _expression(text: str) -> str:
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def _mask(text: str, names: Namespace) -> Any:
    if re.fullmatch(r"\s*-?\d+(\s*,\s*-?\d+){3}\s*", text) or _is_there(text):
        return text
    expression = _expression(text)
    root = re.match(r"[^\W\d]\w*", expression)
    if root is None or root[0] not in names:  # words; "all" and "list" are no masks either
        return text
    try:
        return eval(expression, {}, names)  # noqa: S307 - the user's own expression in the user's own notebook
    except (SyntaxError, NameError, AttributeError, LookupError, TypeError):
        return text


def _named_value(text: str, names: Namespace, option: str) -> Any:
    try:
        return eval(_expression(text), {}, names)  # noqa: S307 - the user's own expression in the user's own notebook
    except (SyntaxError, NameError, AttributeError, LookupError, TypeError) as error:
        raise NotFoundError(
            f"{option} {text}: there is no such name in the notebook. Define the model, dataclass or JSON schema in a cell first."
        ) from error
