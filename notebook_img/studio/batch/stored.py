"""Calls as plain data, so that any process can go on with a batch: what all its items share, and what sets one apart.

Pictures that lie in a file or at a URL are named; what only a kernel's memory holds is put into the store.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call, load
from notebook_img.errors import UsageError
from notebook_img.ids import parse_id
from notebook_img.records import PictureUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.records import SessionRecord
    from notebook_img.workspace import Workspace

NOT_OURS = frozenset({"origin", "partials", "keeps_model", "dry_run", "fresh", "again", "start", "pick"})
"""Fields of a call that a batch's items do not keep."""
_PICTURES = ("images", "references", "mask")
_DEFAULT = {field.name: field.default for field in dataclasses.fields(Call)}


def plain_call(workspace: Workspace, session: SessionRecord, call: Call) -> dict[str, Any]:
    """Return a call as JSON, without the fields that have their default."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(Call):
        value = getattr(call, field.name)
        if field.name in NOT_OURS or value is _DEFAULT[field.name] or (isinstance(value, (tuple, dict)) and not value):
            continue
        if field.name in _PICTURES:
            value = [_plain(workspace, session, one) for one in value] if field.name != "mask" else _plain(workspace, session, value)
        elif field.name == "schema":
            value = _plain_schema(value)
        elif field.name == "output":
            value = str(_absolute(workspace, str(value)))
        elif field.name == "own":
            value = dict(value)
        plain[field.name] = value
    return plain


def _plain_schema(schema: Any) -> Any:
    from notebook_img.tree import shape_of

    shape = shape_of(schema)
    return schema if isinstance(schema, dict) or shape is None else shape.schema


def _absolute(workspace: Workspace, name: str) -> Path:
    return workspace.working_folder / Path(name).expanduser()


def _plain(workspace: Workspace, session: SessionRecord, value: Any) -> Any:
    """Return what names a picture anywhere: an address, an absolute path, or the hash of one in the store."""
    from notebook_img import pictures

    if isinstance(value, (str, os.PathLike)) and not isinstance(value, bytes):
        text = os.fspath(value)
        if isinstance(text, str) and not parse_id(text):
            if "://" in text or text.startswith(("sample:", "data:")):
                return text
            path = Path(text).expanduser()
            if path.is_absolute() or path.exists():
                return str(path.absolute())
            return text  # words for a mask, numbers of a box; of a missing file the loader says so
    elif not pictures.is_picture_like(value) and not hasattr(value, "record"):
        if isinstance(value, (int, float, list, tuple)) or value is None:
            return _plain_boxes(value)
        raise UsageError(f"A batch cannot keep {type(value).__name__} for another process. Give a file, a URL or a picture.")
    picture = load(workspace, session, value)
    if isinstance(picture, str):
        return picture
    if picture.path is None or not workspace.store.owns(picture.path):
        workspace.store.put_picture(picture.data, sha256=picture.sha256, mime_type=picture.mime_type)
    use = PictureUse(picture.sha256, "input", picture.mime_type, picture.width, picture.height, 0, picture.name, picture.pixels_key or "")
    return {"picture": dataclasses.asdict(use)}


def _plain_boxes(value: Any) -> Any:
    several = value if isinstance(value, (list, tuple)) else [value]
    return {"boxes": [one.to_dict() for one in several]} if several and all(hasattr(one, "to_dict") for one in several) else value


def frozen(workspace: Workspace, session: SessionRecord, call: Call) -> dict[str, Any]:
    """Return a call as data whose pictures lie in the store: what a reply of tomorrow belongs to does not change with a file."""
    from notebook_img.pictures import Picture

    plain = plain_call(workspace, session, call)
    for name in _PICTURES:
        given = getattr(call, name)
        several = given if name != "mask" else (given,)
        loaded = [load(workspace, session, one) if isinstance(one, (str, os.PathLike)) and _names_file(one) else None for one in several]
        kept = [
            _plain(workspace, session, picture) if isinstance(picture, Picture) else old
            for picture, old in zip(loaded, plain.get(name, []) if name != "mask" else [plain.get(name)], strict=False)
        ]
        if name in plain:
            plain[name] = kept if name != "mask" else kept[0]
    return plain


def _names_file(value: Any) -> bool:
    text = os.fspath(value)
    return isinstance(text, str) and "://" not in text and not text.startswith("data:") and not parse_id(text) and _is_file(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError):
        return False


def call_of(workspace: Workspace, shared: Mapping[str, Any], own: Mapping[str, Any]) -> Call:
    """Return the call of an item; its pictures are read when it is placed."""
    fields = {**shared, **own}
    for name in _PICTURES:
        if name in fields:
            value = fields[name]
            fields[name] = tuple(_picture(workspace, one) for one in value) if name != "mask" else _picture(workspace, value)
    return Call(**fields, keeps_model=False)


def make_folder(output: str) -> None:
    """Make the folder of an item's file again where it was removed meanwhile; if that fails, writing the file says why."""
    with contextlib.suppress(OSError):
        Path(output).parent.mkdir(parents=True, exist_ok=True)


def _picture(workspace: Workspace, value: Any) -> Any:
    if isinstance(value, dict) and "picture" in value:
        from notebook_img.tree import stored_picture

        return stored_picture(workspace.store, PictureUse(**value["picture"]))
    if isinstance(value, dict) and "boxes" in value:
        from notebook_img.pictures import Box

        return [Box.from_dict(one) for one in value["boxes"]]
    return value


def apart(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an item's call differs from what all share."""
    return {name: value for name, value in own.items() if name not in shared or shared[name] != value}


def shared_by(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all calls have in common."""
    first, *others = calls
    return {name: value for name, value in first.items() if all(name in other and other[name] == value for other in others)}
