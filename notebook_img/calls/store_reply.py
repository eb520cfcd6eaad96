"""From a reply to a stored turn: pictures verified, confined to the mask, compared with what was asked, written."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.calls.region import noted
from notebook_img.calls.replay_lookup import origin_of
from notebook_img.calls.request import PreparedCall, uses_of
from notebook_img.calls.same_request import with_content
from notebook_img.errors import (
    BadReplyError,
    FrameError,
    NoPictureError,
    NotebookImgError,
    OutputError,
    PictureError,
    StoreError,
)
from notebook_img.providers.interface import NAMED_SIZES, Reply, Request, Usage
from notebook_img.records import PictureUse, TurnRecord
from notebook_img.replay import BUILT_IN, content_key

LEAST_CHEQUERBOARD = 0.05
"""Share of a picture that counts as a painted chequerboard."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.calls.region import Region
    from notebook_img.pictures import Picture
    from notebook_img.records import Claim
    from notebook_img.settings import Settings
    from notebook_img.tree import Shape
    from notebook_img.workspace import Workspace


def keep(
    workspace: Workspace,
    pending: TurnRecord,
    ready: PreparedCall | None,
    reply: Reply,
    spend: int | None,
    region: Region | None = None,
    *,
    claim: Claim | None = None,
) -> TurnRecord:
    """Turn a reply into a stored turn: verify its pictures, confine them to the mask, compare with what was asked, write.

    Where the process that asked is gone there is no `ready`: `region` and `claim` are what it would have.
    """
    delivered, unusable, kept = _delivered(workspace, reply)
    warnings = [*(ready.warnings if ready else ()), *reply.warnings, *unusable]
    region = ready.region if ready is not None else region
    try:
        if pending.kind != "ask" and not delivered:
            raise _without_picture(pending, reply, warnings, kept)
        uses, sources, mended, notes = _results(workspace, region, delivered, _aligned_to(workspace, pending, ready))
        warnings += [*notes, *_painted_transparency(pending, delivered)]
        if ready is not None and pending.kind != "ask" and region is None:
            warnings += _mismatch(ready.request, delivered)
        answer, odd = _answer(reply, ready.shape if ready is not None else None)
        warnings += odd
    except NotebookImgError as error:
        if isinstance(error, FrameError) and error.picture is not None:
            _keep_delivered(workspace, error)
        if spend is not None:
            workspace.store.settle(spend, "billed", reply.cost, _usage(reply.usage))
        raise
    if ready is not None and ready.exact:
        reply = dataclasses.replace(reply, note=reply.note.replace("built-in, not AI", "built-in, exact, free"))
    found = ready.found if ready is not None else ""
    how = "pasted inside the mask" if region is not None else ""
    reply = dataclasses.replace(reply, note=", ".join(filter(None, (reply.note, found, how, *mended))))
    if region is not None and region.plan is not None:
        # Its own state of the region shows another frame than the turn does, so there is nothing to continue from.
        reply = dataclasses.replace(reply, sent=noted(reply.sent, region.plan), raw=None)
    if ready is not None:
        pictures = with_content(pending.pictures, ready.sources, workspace)
        pending = dataclasses.replace(pending, pictures=pictures, origin=origin_of(workspace, ready.asked))
    record = _turn(pending, reply, delivered, uses, warnings, answer)
    everything = {**(ready.sources if ready else {}), **sources}
    stored = {sha: picture.data for sha, picture in everything.items() if picture.path is None or not workspace.store.owns(picture.path)}
    settled = {"state": "free" if reply.free else "billed", "cost": record.cost, "usage": dict(record.usage)} if spend is not None else None
    claim = ready.asked.claim if ready is not None else claim
    moves = pending.kind != "ask" and claim is None and workspace.heads.moves_stored(workspace.store, pending.session_id)
    return workspace.store.add_turn(
        record,
        stored,
        move_head=moves,
        spend=spend,
        spend_facts=settled,
        raw=reply.raw,
        spare={sha: functools.partial(getattr, picture, "data") for sha, picture in everything.items()},
        session=ready.asked.session if ready is not None else None,
        claim=claim,
    )


def _delivered(workspace: Workspace, reply: Reply) -> tuple[list[Picture], list[str], list[str]]:
    """Return the pictures of a reply, what is wrong with those that cannot be used, and where their bytes were put aside."""
    from notebook_img import pictures

    usable: list[Picture] = []
    warnings: list[str] = []
    kept: list[str] = []
    for number, data in enumerate(reply.pictures, 1):
        try:
            usable.append(pictures.load(data, settings=_service_limits(workspace), name=f"picture {number}"))
        except PictureError as error:
            where = put_aside(workspace, [data])
            kept += map(str, where)
            place = f" Its bytes are kept: {where[0]}." if where else ""
            warnings.append(f"Picture {number} of the reply cannot be used: {error.sentence}{place}")
    return usable, warnings, kept


def _without_picture(pending: TurnRecord, reply: Reply, warnings: Sequence[str], kept: Sequence[str]) -> BadReplyError | NoPictureError:
    """Return the error for a reply without a usable picture."""
    provider, _, model = pending.model.partition(":")
    facts = {"provider": provider, "model": reply.model or model}
    if reply.pictures:
        error = BadReplyError(f"{pending.model} sent bytes that are not a usable picture. {warnings[-1]}", billed="yes", **facts)
        error.pictures, error.kept = reply.pictures, tuple(kept)
        return error
    said = f": {reply.text[:300]}" if reply.text else "."
    return NoPictureError(f"{pending.model} answered without a picture{said}", text=reply.text, **facts)


def _answer(reply: Reply, shape: Shape | None) -> tuple[dict[str, Any] | None, list[str]]:
    """Return a typed answer as it is stored, checked against what was asked for, and what was odd; None where there is none."""
    if reply.value is None and reply.boxes is None:
        return None, []
    answer: dict[str, Any] = {}
    odd: list[str] = []
    if reply.value is not None:
        answer |= {"value": reply.value, "value_by": reply.value_by}
    if reply.boxes is not None:
        answer["boxes"] = [box.to_dict() for box in reply.boxes]
    if shape is not None and reply.value is not None:
        answer["value"], odd = shape.checked(reply.value, text=reply.text)
        # Kept for the script an export writes: the class that was asked for is gone with its kernel.
        answer["schema"] = shape.schema
    return answer, odd


def _keep_delivered(workspace: Workspace, error: FrameError) -> None:
    """Store a picture that came in another frame: it is paid for, so it stays within reach even where the error is only printed."""
    from notebook_img import pictures

    error.pictures = (error.picture.data,)
    sha256 = workspace.store.put_picture(error.picture.data)
    error.picture = pictures.load(workspace.store.picture_path(sha256, error.picture.mime_type), settings=workspace.settings)
    error.kept = (str(error.picture.path),)


def _turn(
    pending: TurnRecord,
    reply: Reply,
    delivered: Sequence[Picture],
    uses: Sequence[PictureUse],
    warnings: Sequence[str],
    answer: dict[str, Any] | None,
) -> TurnRecord:
    """Return the turn with what came back."""
    provider, _, model = pending.model.partition(":")
    got = reply.got
    if got is None or isinstance(got, dict):
        facts = [{"mime_type": item.mime_type, "width": item.width, "height": item.height} for item in delivered]
        got = {**(got or {}), "pictures": facts}
    made = [use.sha256 for use in uses if use.role == "output"]
    return dataclasses.replace(
        pending,
        model=f"{provider}:{reply.model or model}",
        pictures=(*pending.pictures, *uses),
        text=reply.text,
        # "lmstudio:default" and dated versions answer under another name; what was asked for is asked for again.
        asked={**pending.asked, "model": pending.model} if reply.model and reply.model != model else pending.asked,
        sent={**(reply.sent or {}), **pending.sent} if pending.sent and isinstance(reply.sent or {}, dict) else reply.sent,
        got=got,
        seed=reply.seed if reply.seed is not None else pending.seed,
        usage=_usage(reply.usage),
        cost=0.0 if reply.free else reply.cost,
        warnings=tuple(dict.fromkeys(warnings)),
        note=reply.note,
        answer=answer,
        content_key=content_key(pending.request_key, reply.text if pending.kind == "ask" else "", made),
    )


def _service_limits(workspace: Workspace) -> Settings:
    """Return settings with limits for what a service sends: it is paid for, so the limits for files of strangers do not apply."""
    from notebook_img.settings import Settings

    own = workspace.settings
    return Settings({}, max_bytes=max(own.max_bytes, 500_000_000), max_pixels=max(own.max_pixels, 400_000_000))


def put_aside(workspace: Workspace, pictures: Sequence[bytes]) -> list[Path]:
    """Write delivered bytes that cannot be stored as a turn where they can be found: in the home, else in a temporary folder."""
    import hashlib
    import tempfile

    from notebook_img.files import write_atomically

    written: list[Path] = []
    for data in pictures:
        name = f"{hashlib.sha256(data).hexdigest()[:16]}{pictures_suffix(data)}"
        for folder in (workspace.settings.home / "rescued", Path(tempfile.gettempdir()) / "notebook_img-rescued"):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_atomically(folder / name, data, private=True)
            except (OSError, OutputError):
                continue
            written.append(folder / name)
            break
    return written


def pictures_suffix(data: bytes) -> str:
    """Return the suffix bytes would have as a file; ``.bin`` for what is not an image."""
    from notebook_img.pictures import SUFFIXES, sniff

    return SUFFIXES.get(sniff(data) or "", ".bin")


def rescued(workspace: Workspace, error: StoreError, reply: Reply, spend: int | None) -> StoreError:
    """Return the error for a reply that could not be stored: it says where its pictures are, and the call is booked.

    What was paid for is not thrown away because the disk is full or the store is locked.
    """
    where = put_aside(workspace, reply.pictures)
    if spend is not None:
        with contextlib.suppress(StoreError):
            workspace.store.settle(spend, "billed", reply.cost, _usage(reply.usage))
    kept = f" What the service delivered is kept: {', '.join(str(path) for path in where)}." if where else " error.delivered has its bytes."
    better = StoreError(f"The service answered, but: {error.sentence}{kept if reply.pictures else ''}", hint=error.hints)
    better.delivered = better.pictures = reply.pictures
    better.kept = tuple(map(str, where))
    return better


def _results(
    workspace: Workspace, region: Region | None, delivered: list[Picture], before: Picture | None = None
) -> tuple[list[PictureUse], dict[str, Picture], list[str], list[str]]:
    """Return the uses of the delivered pictures, pasted into the frame where a mask confines them; what was mended, and what to warn of."""
    if region is None and before is not None:
        return _aligned(before, delivered)
    if region is None:
        return uses_of(delivered, "output"), {item.sha256: item for item in delivered}, [], []
    confined: list[Picture] = []
    fitting: list[Picture] = []
    mended: list[str] = []
    warnings: list[str] = []
    refused: NotebookImgError | None = None
    for number, item in enumerate(delivered, 1):
        which = f"picture {number}: " if len(delivered) > 1 else ""
        try:
            made, notes, unmended = region.pasted(item)
        except (FrameError, PictureError) as error:
            refused = refused or error
            where = put_aside(workspace, [item.data])
            why = "came in another frame" if isinstance(error, FrameError) else f"cannot be decoded ({error.sentence.rstrip('.')})"
            warnings.append(f"Picture {number} {why} and was left out{f'; it is kept: {where[0]}' if where else ''}.")
            continue
        confined.append(made)
        fitting.append(item)
        mended += [which + note for note in notes]
        warnings += [f"{which}{note}." for note in unmended]
        warnings += made.notes
    if refused is not None and not confined:
        raise refused
    uses = [*uses_of(confined, "output"), *uses_of(fitting, "delivered")]
    return uses, {item.sha256: item for item in (*confined, *fitting)}, mended, [text[:1].upper() + text[1:] for text in warnings]


ASKS_FOR_TRANSPARENCY = re.compile(
    r"transparen|cut ?(?:it )?out|(?:remove|without|no|erase) (?:the |any |its |a )?back ?ground", re.IGNORECASE
)


def _aligned_to(workspace: Workspace, pending: TurnRecord, ready: PreparedCall | None) -> Picture | None:
    """Return the picture that a reply is to be aligned to; None where that was not asked."""
    if not pending.asked.get("align"):
        return None
    inputs = ready.request.inputs if ready is not None else workspace.pictures_of(pending, "input")
    return inputs[0] if inputs else None


def _aligned(before: Picture, delivered: list[Picture]) -> tuple[list[PictureUse], dict[str, Picture], list[str], list[str]]:
    """Return the uses of pictures whose shift and scale against `before` are taken out; what was delivered is kept beside them."""
    from notebook_img import pictures

    made, said = [], []
    for item in delivered:
        aligned, drift = pictures.align(item, before)
        made.append(aligned)
        moved = [part for part in drift.parts() if "moved" in part or "%" in part]
        said.append("aligned: " + ", ".join(moved) if aligned is not item else "" if drift.aligned else f"not aligned: {drift.words()}")
    mended = [text for text in dict.fromkeys(said) if text]
    changed = [item for item, aligned in zip(delivered, made, strict=True) if aligned is not item]
    return [*uses_of(made, "output"), *uses_of(changed, "delivered")], {item.sha256: item for item in (*made, *changed)}, mended, []


def _painted_transparency(pending: TurnRecord, delivered: Sequence[Picture]) -> list[str]:
    """Return a warning where a model painted a chequerboard instead of transparency."""
    from notebook_img import pictures

    if pending.kind == "ask" or pending.model.startswith(f"{BUILT_IN}:") or not ASKS_FOR_TRANSPARENCY.search(pending.prompt):
        return []
    try:
        painted = any(pictures.painted_chequerboard(item) > LEAST_CHEQUERBOARD for item in delivered)
    except PictureError:  # what cannot be decoded is told elsewhere
        return []
    if not painted:
        return []
    return ["The model painted a chequerboard where transparency was asked for: the picture has none. The built-in engine can cut out."]


def _mismatch(request: Request, delivered: Sequence[Picture]) -> list[str]:
    """Return warnings where a picture's ratio or size is not what was asked for."""
    said = []
    for picture in delivered:
        got = f"{picture.width} × {picture.height}"
        if request.aspect_ratio and ":" in request.aspect_ratio:
            left, right = (float(part) for part in request.aspect_ratio.split(":", 1))
            # Services round sides to multiples of 8 or 16 pixels, so a few percent are no mismatch.
            if right and abs(picture.width / picture.height / (left / right) - 1) > 0.04:
                said.append(f"Asked for the aspect ratio {request.aspect_ratio}, got {got}.")
        if request.size:
            nominal = NAMED_SIZES.get(request.size.upper())
            if (nominal and not 0.6 < (picture.width * picture.height) / nominal**2 < 1.7 and max(picture.size) != nominal) or (
                "x" in request.size.lower() and request.size.lower() != f"{picture.width}x{picture.height}"
            ):
                said.append(f"Asked for the size {request.size}, got {got}.")
    return list(dict.fromkeys(said))


def _usage(usage: Usage) -> dict[str, Any]:
    return {name: (dict(value) if name == "by_modality" else value) for name, value in vars(usage).items() if value not in (None, {}, ())}
