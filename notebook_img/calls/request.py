"""From what is asked to a request: pictures loaded, mask made, model chosen, key computed. Nothing is sent here."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from notebook_img.calls.call import TYPED
from notebook_img.calls.inherited import inherited
from notebook_img.calls.mask_words import words_of
from notebook_img.calls.outputs import check_output_place
from notebook_img.calls.past import past_of
from notebook_img.calls.region import Region
from notebook_img.calls.resolve import is_id, load
from notebook_img.calls.same_request import with_addresses
from notebook_img.errors import UsageError
from notebook_img.providers import choose_model, get, model_info, own_fields, today
from notebook_img.providers.interface import Request
from notebook_img.records import PictureUse, TurnRecord
from notebook_img.replay import BUILT_IN, request_key
from notebook_img.tree import Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.calls.call import Call
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import Capabilities, Provider
    from notebook_img.records import Role
    from notebook_img.workspace import Workspace


@dataclass
class PreparedCall:
    """A request with everything that belongs to it."""

    asked: PlacedCall
    provider: Provider
    able: Capabilities
    """What the model takes."""
    request: Request
    pending: TurnRecord
    sources: dict[str, Picture]
    """Pictures to store with the turn, by hash."""
    shape: Shape | None
    region: Region | None
    """Where the reply is pasted; None where it is taken as it is."""
    warnings: tuple[str, ...]
    key_with: Callable[[Sequence[tuple[str, str]]], str]
    """The key of this request with other pictures: ``(role, hash)`` of those it names."""
    wanted: str = ""
    """Words of what the mask has to be found for, as long as it is not."""
    found: str = ""
    """What was found for them, by whom and at what cost."""
    left_out: tuple[str, ...] = ()
    """What was cut out of the pictures that are sent: ``place``, ``owner`` ..."""
    exact: bool = False
    """Whether the words are exact operations, which the built-in engine does whatever the session's model is."""

    @property
    def named(self) -> tuple[PictureUse, ...]:
        """The pictures that were named in the call: those the key is made of."""
        return _named(self.asked, self.pending.pictures)

    @property
    def model(self) -> str:
        """``provider:model``."""
        return f"{self.provider.name}:{self.request.model}"


def begin(workspace: Workspace, asked: PlacedCall) -> PreparedCall:
    """Do everything that precedes the service in one go: each hop between threads costs about as much as a query."""
    ready = prepare(workspace, asked)
    if asked.call.output is not None:
        check_output_place(asked.call.output)
    if asked.slot is not None:
        asked.slot.enter(None if asked.call.dry_run else ready.pending.request_key, ready.model)
    return ready


def prepare(workspace: Workspace, asked: PlacedCall) -> PreparedCall:
    """Choose the model, load the remaining pictures, make the mask, build the request and its key."""
    call = asked.call
    shape = shape_of(call.schema, call.table, call.row)
    if shape is not None and call.boxes is not None:
        raise UsageError("Boxes are an answer of their own form. Ask for them, or for a schema or table, not both at once.")
    provider, model, exact = chosen_model(workspace, asked)
    shown = _pictures(workspace, asked)
    day = today()
    able = model_info(provider, model, workspace.settings, day).capabilities
    taken = inherited(workspace, asked, able, f"{provider.name}:{model}")
    request = dataclasses.replace(
        _request(workspace, asked, shown, model, able, shape),
        day=day,
        **own_fields(provider, model, workspace.settings, day),
        **taken.fields,
    )
    pending, key_with = _record(asked, shown, request, f"{provider.name}:{model}")
    if taken.wished:
        pending = dataclasses.replace(pending, sent={"inherited": dict(taken.wished)})
    sources = {picture.sha256: picture for picture in shown.all}
    from notebook_img.pictures import FIGURE_NOTE

    redraws = provider.name != BUILT_IN
    notes = dict.fromkeys(note for picture in shown.all for note in picture.notes if redraws or note != FIGURE_NOTE)
    region = Region(shown.frame, shown.mask) if call.confine and shown.frame is not None and shown.mask is not None else None
    return PreparedCall(
        asked,
        provider,
        able,
        request,
        pending,
        sources,
        shape,
        region,
        (*asked.notes, *notes, *taken.notes),
        key_with,
        wanted=shown.wanted,
        exact=exact,
    )


@dataclass(frozen=True)
class _Pictures:
    """The pictures of a call, loaded."""

    inputs: tuple[Picture, ...]
    references: tuple[Picture, ...]
    mask: Picture | None
    frame: Picture | None
    """The picture the mask belongs to: the first input, or the larger canvas made of it."""
    sent: tuple[Picture, ...]
    """The inputs as they are sent."""
    wanted: str = ""
    """Words of what the mask has to be found for."""

    @property
    def by_role(self) -> dict[Role, tuple[Picture, ...]]:
        return {"input": self.inputs, "reference": self.references, "mask": (self.mask,) if self.mask else ()}

    @property
    def all(self) -> list[Picture]:
        return [picture for several in self.by_role.values() for picture in several]


def _pictures(workspace: Workspace, asked: PlacedCall) -> _Pictures:
    """Load what is still an address, and make the mask."""
    from notebook_img import pictures

    call = asked.call
    _check_region(call)
    inputs = tuple(_loaded(workspace, value) for value in asked.inputs)
    references = tuple(_loaded(workspace, value) for value in asked.references)
    if call.outpaint and inputs:
        frame, mask = pictures.outpaint(inputs[0], call.outpaint)
        return _Pictures(inputs, references, mask, frame, sent=(frame, *inputs[1:]))
    if (wanted := words_of(call.mask)) and inputs:
        return _Pictures(inputs, references, None, None, sent=inputs, wanted=wanted)
    if call.mask is not None and inputs:
        named = isinstance(call.mask, str) and is_id(workspace, call.mask)
        source = load(workspace, asked.session, call.mask) if named else call.mask
        mask = pictures.as_mask(source, inputs[0], settings=workspace.settings, reading=call.mask_reading)
        if call.grow is not None:
            mask = pictures.grow_mask(mask, call.grow)
        return _Pictures(inputs, references, mask, inputs[0], sent=inputs)
    return _Pictures(inputs, references, None, None, sent=inputs)


def _request(workspace: Workspace, asked: PlacedCall, shown: _Pictures, model: str, able: Capabilities, shape: Shape | None) -> Request:
    """Return what the provider gets."""
    call = asked.call
    history = str(call.history or asked.session.settings.get("history") or workspace.settings.history)
    return Request(
        kind=call.kind,
        prompt=_prompt(call),
        model=model,
        inputs=shown.sent,
        references=shown.references,
        mask=shown.mask,
        schema=shape.schema if shape else None,
        options=_own(call, able),
        past=past_of(workspace, asked, whole=history == "full", first=able.needs_first_input) if asked.parent is not None else (),
        wants_partials=call.partials and able.partial_pictures,
        labels=_labels(workspace, asked),
        **{
            **typed_fields(call),
            "seed": call.seed if call.seed is not None else secrets.randbelow(2**31) if able.seed and call.kind != "ask" else None,
            # A kind of history that was not typed for this call and that the model lacks falls back to the one all have.
            "history": history if call.history or history in able.history else "window",
        },
    )


def _labels(workspace: Workspace, asked: PlacedCall) -> dict[str, str]:
    """Return who asks, for services that split their bill by it."""
    return {"person": workspace.settings.person, "home": workspace.settings.home.name, "notebook": PurePath(asked.origin.notebook).stem}


def _prompt(call: Call) -> str:
    """Return the prompt, or the words that stand for none."""
    if call.prompt.strip():
        return call.prompt
    if call.outpaint:
        return f"Extend the picture beyond its old edges to {call.outpaint}, continuing what is there."
    if columns := call.table or call.row:
        return f"Fill in this table about what is shown: {columns}"
    return call.prompt if call.boxes is None else call.boxes or "everything notable"


def _named(asked: PlacedCall, uses: Sequence[PictureUse]) -> tuple[PictureUse, ...]:
    """Return the pictures a call names; what it goes on from is known by its turn."""
    known = asked.continues or asked.follows is not None
    return tuple(use for use in uses if not (known and use.role == "input"))


def _record(
    asked: PlacedCall, shown: _Pictures, request: Request, model: str
) -> tuple[TurnRecord, Callable[[Sequence[tuple[str, str]]], str]]:
    """Return the turn as far as it is known before the reply, with the key replay compares, and how it would be with other pictures."""
    parent, options = asked.parent, asked.call.asked()
    if shown.wanted:  # it counts as its words: the shape may come out otherwise another time
        options |= {"mask": shown.wanted, **({"grow": str(asked.call.grow)} if asked.call.grow is not None else {})}
    given = {"input": asked.inputs, "reference": asked.references, "mask": (asked.call.mask,)}
    uses = [use for role, pictures in shown.by_role.items() for use in with_addresses(uses_of(pictures, role), given[role], pictures)]
    picked = parent.uses("output")[(asked.picked or 1) - 1].sha256 if parent and asked.continues and asked.picked else ""
    key_with = functools.partial(
        request_key,
        request.kind,
        request.prompt,
        options,
        schema=request.schema,
        parent=parent.content_key if parent else "",
        picked=picked,
    )
    return TurnRecord(
        session_id=asked.session.id,
        number=0,
        kind=request.kind,
        prompt=request.prompt,
        model=model,
        parent=parent.number if parent else None,
        picked=asked.picked,
        head_before=asked.head_before,
        pictures=tuple(uses),
        asked=options,
        seed=request.seed,
        started=time.time(),
        origin=asked.origin,
        request_key=key_with([(use.role, use.pixels_key or use.sha256) for use in _named(asked, uses)]),
    ), key_with


CARRIED_OUT = frozenset({"again", "align", "confine", "outpaint", "row", "table"})
"""Options of a request that this side carries out; a provider sees what comes of them: a prompt, a mask, a schema."""


def typed_fields(call: Call) -> dict[str, Any]:
    """Return the fields of a request that are options as they were typed."""
    fields = {name: value for name in TYPED if name not in CARRIED_OUT and (value := getattr(call, name)) is not None}
    if "n" in fields:
        fields["count"] = fields.pop("n")
    return fields


def chosen_model(workspace: Workspace, asked: PlacedCall) -> tuple[Provider, str, bool]:
    """Return provider and model, and whether the built-in engine does exactly what is asked, to the pixel and for nothing."""
    call, session = asked.call, asked.session
    provider, model = choose_model(
        call.kind,
        workspace.settings,
        asked=call.model,
        follows=asked.follows.model if asked.follows else "",
        session=session.kept_model,
        ran_on=session.ran_on,
    )
    plain = call.kind == "edit" and not call.model and call.mask is None and not asked.references and not set(call.asked()) - {"n"}
    if provider.name == BUILT_IN or not plain or (call.n or 1) > 1:
        return provider, model, False
    from notebook_img.providers.local import cuts_out, is_exact

    if not is_exact(call.prompt) or (
        cuts_out(call.prompt) and has_transparency(model_info(provider, model, workspace.settings).capabilities)
    ):
        return provider, model, False
    built_in = get(BUILT_IN, workspace.settings)
    return built_in, built_in.default_model("edit") or "", True


def has_transparency(able: Capabilities) -> bool:
    """Return whether a model can give a picture with real transparency."""
    return any(option.name == "background" and "transparent" in option.choices for option in able.options)


def _own(call: Call, able: Capabilities) -> dict[str, Any]:
    """Return the provider's own options: those typed, and a transparent background where that is what the words ask for."""
    own = {name: value for name, value in call.own.items() if value is not None}
    if call.kind != "edit" or not has_transparency(able) or "background" in own or own.get("format") == "jpeg":
        return own
    from notebook_img.providers.local import cuts_out

    return {**own, "background": "transparent"} if cuts_out(call.prompt) else own


def note_model(workspace: Workspace, ready: PreparedCall) -> None:
    """Keep a model that was typed for the session, or note which default it ran on; a question may go elsewhere."""
    call, session = ready.asked.call, ready.asked.session
    if call.kind == "ask" or ready.exact or ready.asked.claim is not None:
        return
    if not call.model and not session.kept_model:
        if session.ran_on != ready.model:
            workspace.note_default(session.id, ready.model)
    elif call.model and call.keeps_model and ready.provider.name != BUILT_IN and session.kept_model != ready.model:
        workspace.keep_model(session.id, ready.model)


def _check_region(call: Call) -> None:
    """Refuse a mask that would mean nothing, before anything is sent."""
    given = "a mask" if call.mask is not None else "outpaint" if call.outpaint else ""
    if given and call.kind != "edit":
        raise UsageError(f"{given.capitalize()} belongs to an edit of a picture, and this is not one. Leave it out, or edit the picture.")
    if call.mask is not None and call.outpaint:
        raise UsageError("Outpainting makes its own mask, of what is new around the picture. Leave out mask or outpaint.")
    if call.grow is not None and call.mask is None:
        raise UsageError("There is no mask to grow. Give one, or leave grow out.")
    if call.mask_reading is not None and call.mask is None:
        raise UsageError("There is no mask to read. Give one, or leave its reading out.")


def _loaded(workspace: Workspace, value: Any) -> Picture:
    from notebook_img import pictures

    return value if isinstance(value, pictures.Picture) else pictures.load(value, settings=workspace.settings)


def uses_of(items: Sequence[Picture], role: Role) -> list[PictureUse]:
    """Return pictures as a turn records them."""
    return [
        PictureUse(
            item.sha256,
            role,
            item.mime_type,
            item.width,
            item.height,
            len(item.data) if item.path is None else item.path.stat().st_size,
            item.name,
            item.pixels_key,
        )
        for item in items
    ]
