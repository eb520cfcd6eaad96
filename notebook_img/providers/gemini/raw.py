"""What is kept of a turn to continue from: the model's own parts, verbatim, thought signatures included.

A signature fits one content of one model and one key and can be twice the size of the picture it comes with (about
1.1 MB, seen in recordings of the service), so what is kept is JSON with bytes in it, stored in files and loaded only to be sent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from notebook_img.providers.gemini.failures import mappings, whole
from notebook_img.providers.gemini.models import info
from notebook_img.providers.interface import PastTurn
from notebook_img.providers.received import decoded

VERSION = 1


@dataclass(frozen=True)
class Kept:
    """One reply of an earlier turn that can be sent back."""

    reply: Mapping[str, Any]
    """Has ``content`` (generateContent) or ``interaction`` and ``steps`` (Interactions)."""
    said: str
    """The text of the user's side of that turn, as it was sent."""
    hashes: tuple[str, ...]
    """SHA-256 of the pictures in it."""

    @property
    def content(self) -> Mapping[str, Any] | None:
        """The model's turn for generateContent."""
        return self.reply.get("content")

    @property
    def steps(self) -> list[Any] | None:
        """The model's steps for Interactions."""
        return self.reply.get("steps")

    @property
    def interaction(self) -> str | None:
        """The service's id of the turn, where it keeps it."""
        return self.reply.get("interaction")


def make(replies: list[Mapping[str, Any]], said: str) -> dict[str, Any]:
    """Return the raw state of a turn."""
    return {"version": VERSION, "said": said, "replies": list(replies)}


def other_model(past: PastTurn, model: str) -> str:
    """Return the model of this service that made a turn, where it is not `model`; empty elsewhere."""
    provider, _, name = past.model.partition(":")
    return name if provider == "gemini" and info(name).name != model else ""


def same_route(past: PastTurn, model: str, key_mark: str) -> bool:
    """Whether a turn was made with this provider, model and key: its signatures are useless elsewhere."""
    provider, _, name = past.model.partition(":")
    return provider == "gemini" and info(name).name == model and past.key_mark == key_mark


def load(past: PastTurn, sha256: str | None) -> Kept | str:
    """Load the reply of an earlier turn that holds the picture, or return why there is none.

    Parameters
    ----------
    past : PastTurn
        A turn of the same route, so that raw state is expected.
    sha256 : str or None
        Hash of the picture the next turn went on from; None takes the first reply.

    Returns
    -------
    Kept or str
        A reason is a piece of a sentence. Of several replies the one with the picture; the first one where none has it.
    """
    try:
        raw = past.load_raw()
        if raw is None:
            return "it is not there"
        replies = [Kept(reply, str(raw.get("said", past.prompt)), tuple(_hashes(reply))) for reply in raw["replies"]]
        if not replies or raw["version"] != VERSION:
            return "it is of another version"
        return next((kept for kept in replies if sha256 in kept.hashes), replies[0])
    except Exception as error:  # whatever a damaged file leads to: the picture is still there to go on from
        return f"{type(error).__name__} while reading it"


def pictures(content: Mapping[str, Any] | None) -> Iterator[bytes]:
    """Return the pictures of a kept content, thought pictures excluded."""
    for part in (content or {}).get("parts") or ():
        blob = part.get("inline_data")
        if blob and not part.get("thought"):
            yield blob["data"]


def holds_something(part: Mapping[str, Any]) -> bool:
    """Whether there is anything in a part: the service refuses an empty one, with the whole request."""
    return bool(part) and ("inline_data" not in part or bool(part["inline_data"].get("data")))


def sendable(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part as it can go back: as it came, save what no request can hold or lacks."""
    if "text" in part:
        return {**part, "text": whole(part["text"])}
    if "inline_data" in part and not part["inline_data"].get("mime_type"):
        from notebook_img.pictures import sniff

        return {**part, "inline_data": {**part["inline_data"], "mime_type": sniff(part["inline_data"]["data"]) or "image/png"}}
    return part


def blocks(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return the content of an interaction's steps that is output of the model."""
    for step in steps:
        if step.get("type") == "model_output":
            yield from mappings(step.get("content"))


def kept_steps(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return interaction steps as JSON with bytes in place of base64, without what could not be sent back.

    A signature is an opaque text: bytes stand for it only where they give back the same text.
    """
    out = []
    for step in steps:
        if step.get("type") not in {"thought", "model_output"}:
            continue
        plain = {**step}
        signature = plain.pop("signature", None)
        if isinstance(signature, str):
            data = decoded(signature)
            plain["signature"] = data if data is not None and base64.b64encode(data).decode() == signature else signature
        if "content" in plain:
            found = [{**block, "data": decoded(block["data"])} if "data" in block else block for block in mappings(plain["content"])]
            usable = (block for block in found if block.get("data", b"-") and isinstance(block.get("text", ""), str))
            plain["content"] = [{**block, "text": whole(block["text"])} if "text" in block else block for block in usable]
        out.append(plain)
    return out


def sent_steps(steps: list[Any]) -> list[dict[str, Any]]:
    """Return kept steps as the Interactions API takes them: base64 of the standard alphabet."""
    out = []
    for step in steps:
        plain = {**step}
        if isinstance(plain.get("signature"), bytes):
            plain["signature"] = base64.b64encode(plain["signature"]).decode()
        if "content" in plain:
            plain["content"] = [
                {**block, "data": base64.b64encode(block["data"]).decode()} if isinstance(block.get("data"), bytes) else block
                for block in plain["content"]
            ]
        out.append(plain)
    return out


def described(value: Any) -> Any:
    """Return JSON with ``sha256:...`` in place of bytes: the request as it may be shown and stored."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    if isinstance(value, Mapping):
        return {str(name): described(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return value


def _hashes(reply: Mapping[str, Any]) -> Iterator[str]:
    for data in pictures(reply.get("content")):
        yield hashlib.sha256(data).hexdigest()
    for step in reply.get("steps") or ():
        for block in step.get("content") or ():
            if block.get("type") == "image" and isinstance(block.get("data"), bytes):
                yield hashlib.sha256(block["data"]).hexdigest()
