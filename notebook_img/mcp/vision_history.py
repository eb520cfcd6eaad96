"""The history file of an older vision chat server, read once: its conversations become sessions of the store.

Such files are JSON: conversations by id (or a list of them), each with messages of a role and text. Nothing is guessed
beyond that; what does not look so is left out, and the file itself is never changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError
from notebook_img.files import write_atomically
from notebook_img.mcp.scope import Scope
from notebook_img.mcp.sessions import session_name_of
from notebook_img.records import Origin, PictureUse, TurnRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.studio import Studio

log = logging.getLogger("notebook_img.mcp")
MOST_BYTES = 50_000_000
USUAL = "~/.mcp-vision/history.json"
"""Where that server keeps its history unless VISION_HISTORY_PATH says otherwise."""


def import_once(studio: Studio) -> int:
    """Import the old history, once; return how many conversations came.

    It is the file of the setting ``vision_history_path``, else the one where it usually lies, unless nothing is to be kept.
    """
    text = studio.settings.vision_history_path or (USUAL if studio.settings.vision_enable_persistence else "")
    if not text:
        return 0
    path = Path(text).expanduser()
    mark = studio.settings.home / f"imported-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    if mark.exists() or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return 0
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read as a vision history: %s", path, error)
        return 0
    count = sum(_keep(studio, name, conversation) for name, conversation in _conversations(content))
    write_atomically(mark, f"{count} conversations of {path}\n".encode())
    return count


def name_of(conversation: str) -> str:
    """Return the name that a conversation gets whose id is taken."""
    return f"vision-{''.join(char if char.isalnum() else '-' for char in conversation)[:40]}"


def _conversations(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    inner = content
    if isinstance(content, dict):
        inner = next(
            (content[key] for key in ("conversations", "sessions", "history") if isinstance(content.get(key), (dict, list))), content
        )
    pairs = (
        inner.items()
        if isinstance(inner, dict)
        else ((str(_get(item, "session_id", "id") or number), item) for number, item in enumerate(inner, 1))
    )
    for name, item in pairs:
        if isinstance(item, list):
            yield str(name), {"messages": item}
        elif isinstance(item, dict):
            yield str(name), item


def _get(item: Any, *names: str) -> Any:
    return next((item[name] for name in names if isinstance(item, dict) and item.get(name)), None)


def _keep(studio: Studio, name: str, conversation: dict[str, Any]) -> bool:
    """Store one conversation as a chain of questions."""
    pairs = list(_pairs(_get(conversation, "messages", "history", "turns") or []))
    if not pairs:
        return False
    store = studio.store
    try:
        # Under its own id, by which its client asks on, where that is free.
        own = session_name_of(name)
        session = store.create_session(
            own if store.session_named(own) is None else store.free_name(name_of(name)), settings=Scope(studio).mark
        )
        use, data = _picture(studio, conversation)
        parent = None
        for question, answer in pairs:
            record = TurnRecord(
                session_id=session.id,
                number=0,
                kind="ask",
                prompt=question,
                model="",
                got={"model": str(_get(conversation, "model") or "")},  # no name of ours: further questions go to the default model
                parent=parent,
                pictures=(use,) if use else (),
                text=answer,
                started=time.time(),
                origin=Origin(surface="agent", name="imported history"),
            )
            parent = store.add_turn(record, data, move_head=False).number
    except NotebookImgError as error:
        log.warning("A conversation of the old history was left out: %s", error)
        return False
    return True


def _pairs(messages: Any) -> Iterator[tuple[str, str]]:
    question = ""
    for message in messages if isinstance(messages, list) else []:
        if asked := _get(message, "question"):
            yield str(asked), str(_get(message, "answer") or "")
            continue
        text = _words(_get(message, "content", "text"))
        role = _get(message, "role")
        if role == "user" and text:
            question = text
        elif role == "assistant" and question:
            yield question, text
            question = ""


def _words(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict)).strip()
    return content if isinstance(content, str) else ""


def _picture(studio: Studio, conversation: dict[str, Any]) -> tuple[PictureUse | None, dict[str, bytes]]:
    """Return the picture of a conversation if its file still exists and is an image."""
    from notebook_img import pictures

    source = _get(conversation, "image", "image_path", "image_url")
    if not isinstance(source, str) or source.startswith(("http:", "https:")):
        return None, {}
    try:
        picture = pictures.load(source, settings=studio.settings, urls=False)
    except NotebookImgError:
        return None, {}
    use = PictureUse(picture.sha256, "input", picture.mime_type, picture.width, picture.height, len(picture.data), picture.name)
    return use, {picture.sha256: picture.data}
