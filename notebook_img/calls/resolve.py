"""From a call to what is asked: where it starts, which pictures it names, what it repeats. Nothing is sent here."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.calls.call import Call
from notebook_img.calls.stopping import Bill
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.ids import TURN_ID, parse_id, turn_id
from notebook_img.records import Claim, Origin, SessionRecord, TurnRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.replay import Run, Slot
    from notebook_img.workspace import Workspace

__all__ = ["TURN_ID", "PlacedCall", "is_id", "load", "place_call"]

EXAMPLES: Mapping[str, Hint] = {
    "generate": Hint("example-generate", text="a red circle on white"),
    "edit": Hint("example-edit", image="sample:chelsea", text="make it night"),
    "ask": Hint("example-ask", image="sample:coffee", text="what colours are in it?"),
}
"""A call of each kind that works as it is."""


def is_id(workspace: Workspace, word: str) -> bool:
    """Return whether a word names a turn or picture. One with spaces does when there is such a session: otherwise it is text."""
    found = parse_id(word)
    if found is None or not any(letter.isspace() for letter in found.session):
        return found is not None
    return workspace.store.session_named(found.session) is not None


@dataclass(frozen=True)
class PlacedCall:
    """A call with its place in the tree and its pictures."""

    call: Call
    session: SessionRecord
    origin: Origin
    parent: TurnRecord | None = None
    picked: int | None = None
    head_before: int | None = None
    inputs: tuple[Any, ...] = ()
    """Pictures; a URL stays text until it is fetched on the core's loop."""
    references: tuple[Any, ...] = ()
    continues: bool = False
    """Whether the first input is a picture of `parent`."""
    follows: TurnRecord | None = None
    """For a follow-up: the question it follows."""
    repeats: int | None = None
    """With ``--again``: the turn that is repeated, which is where the call starts."""
    slot: Slot | None = None
    """Its place among the requests of the cell's run; None outside a cell."""
    claim: Claim | None = None
    """The item of a batch it is: it moves no head, and its session keeps nothing of it but the turn."""
    notes: tuple[str, ...] = field(default=())
    bill: Bill = field(default_factory=Bill, compare=False)
    """What is known of it when it is stopped."""

    @property
    def start(self) -> int | None:
        """The turn it starts at: where its cell starts again when it is run again."""
        if self.repeats is not None:
            return self.repeats
        return self.parent.number if self.parent else self.head_before

    @property
    def run(self) -> Run | None:
        """The run of the cell that made the call, even if it has ended since."""
        return self.slot.run if self.slot is not None else None

    def leave(self) -> None:
        """Let later requests go on, however this one ended."""
        if self.slot is not None:
            self.slot.leave()


@dataclass(frozen=True)
class _Named:
    """A turn named by an image argument or ``--from``."""

    turn: TurnRecord
    picked: int | None


def place_call(workspace: Workspace, session: SessionRecord, call: Call, origin: Origin) -> PlacedCall:
    """Fix where a call starts and load the pictures it names.

    Raises
    ------
    UsageError
        When there is nothing to go on from, the prompt is empty, or a turn with several pictures is named without a pick.
    NotFoundError
        When a turn, session or file that is named does not exist.
    """
    head = workspace.head_for_call(session.id)
    if call.again:
        return _again(workspace, session, call, origin, head)
    if (begun := _started_elsewhere(workspace, session, call)) is not call:
        note = f"{call.start} is of another session: a new line begins here with its picture."
        return dataclasses.replace(place_call(workspace, session, begun, origin), notes=(note,))
    says_enough = call.outpaint if call.kind == "edit" else call.kind == "ask" and (call.boxes is not None or call.table or call.row)
    if not call.prompt.strip() and not says_enough:
        raise UsageError("The prompt is empty. Say what to do.", hint=EXAMPLES[call.kind])
    if call.kind == "generate":
        pictures = (*_pictures(workspace, session, call.images), *_pictures(workspace, session, call.references))
        return PlacedCall(call, session, origin, head_before=head, references=pictures)
    references = _pictures(workspace, session, call.references)
    if call.kind == "ask":
        return _ask(workspace, session, call, origin, head, references)
    return _edit(workspace, session, call, origin, head, references)


def _edit(
    workspace: Workspace, session: SessionRecord, call: Call, origin: Origin, head: int | None, references: tuple[Any, ...]
) -> PlacedCall:
    images = list(call.images)
    named = _started(workspace, session, call)
    if named is None and images and (named := _named(workspace, session, images[0])):
        images.pop(0)
    if named is None and images:
        if call.pick is not None:
            raise UsageError("pick chooses among the pictures of a turn, but an image is named here. Leave one of the two out.")
        first, *rest = _pictures(workspace, session, images)
        return PlacedCall(call, session, origin, head_before=head, inputs=(first,), references=(*rest, *references))
    if named is None:
        start = workspace.cell_start(session.id, head)
        if start is None:
            raise UsageError(_nothing_to_go_on_from(workspace, session, head), hint=EXAMPLES["edit"])
        named = _Named(workspace.turn_record(session.id, start), None)
    turn, asked_about = named.turn, None
    while turn.kind == "ask" and turn.parent is not None:
        asked_about = turn.picked
        turn = workspace.turn_record(session.id, turn.parent)
    if turn.kind == "ask":
        # A question about a file: the edit starts from that file.
        first, *rest = workspace.pictures_of(turn, "input")
        return PlacedCall(
            call,
            session,
            origin,
            head_before=head,
            inputs=(first,),
            references=(*rest, *_pictures(workspace, session, images), *references),
        )
    picked = _pick(turn, named.picked or call.pick or asked_about, session.name)
    picture = workspace.pictures_of(turn, "output")[(picked or 1) - 1]
    return PlacedCall(
        call,
        session,
        origin,
        parent=turn,
        picked=picked,
        head_before=head,
        inputs=(picture,),
        references=(*_pictures(workspace, session, images), *references),
        continues=True,
    )


def _nothing_to_go_on_from(workspace: Workspace, session: SessionRecord, head: int | None) -> str:
    """Say why an edit has no picture, and where the work lies."""
    if head is not None:
        made = turn_id(head, session=session.name)
        return (
            f"{made} comes of this cell itself, and a cell that is run again starts where it started before: there was no picture then. "
            f"Name a picture ({made}), or edit in a cell of its own."
        )
    others = workspace.store.sessions_of_notebook(str(workspace.notebook or ""), session.id)[1:]
    latest = max(
        (found for other in others if (found := workspace.store.session(other)) is not None), key=lambda each: each.updated, default=None
    )
    work = f" Earlier work of this notebook is in session {latest.name!r}." if latest is not None else ""
    return f"There is nothing to go on from in session {session.name!r} yet.{work} Name an image."


def _ask(
    workspace: Workspace, session: SessionRecord, call: Call, origin: Origin, head: int | None, references: tuple[Any, ...]
) -> PlacedCall:
    images = list(call.images)
    named = _started(workspace, session, call)
    if named is None and len(images) == 1 and (named := _named(workspace, session, images[0])):
        images = []
    if named is None and images and call.pick is not None:
        raise UsageError("pick chooses among the pictures of a turn, but an image is named here. Leave one of the two out.")
    if named is None and images:
        return PlacedCall(call, session, origin, head_before=head, inputs=(*_pictures(workspace, session, images), *references))
    if named is None:
        last = workspace.last_question(session.id, head) if call.pick is None else None
        if last is not None:
            named = _Named(last, None)
        elif head is not None:
            named = _Named(workspace.turn_record(session.id, head), call.pick)
        else:
            raise UsageError(f"There is no picture to ask about in session {session.name!r} yet. Name one.", hint=EXAMPLES["ask"])
    turn = named.turn
    references = (*_pictures(workspace, session, images), *references)
    if turn.kind == "ask":
        _limit_questions(workspace, session, turn)
        pictures = workspace.pictures_of(turn, "input")
        return PlacedCall(call, session, origin, parent=turn, head_before=head, inputs=(*pictures, *references), follows=turn)
    pictures = workspace.pictures_of(turn, "output")
    picked = named.picked or call.pick
    if picked is not None:
        picked = _pick(turn, picked, session.name)
        pictures = pictures[(picked or 1) - 1 :][:1]
    return PlacedCall(call, session, origin, parent=turn, picked=picked, head_before=head, inputs=(*pictures, *references), continues=True)


def _again(workspace: Workspace, session: SessionRecord, call: Call, origin: Origin, head: int | None) -> PlacedCall:
    """Repeat a turn: same prompt, start, pictures and options, a new seed."""
    named = _started(workspace, session, call) or (_named(workspace, session, call.images[0]) if call.images else None)
    if named is None and call.images:
        raise UsageError("again repeats a turn, but the image named here is not one. Leave one of the two out.")
    if named is None:
        number = _question_before(workspace, session, head) if call.kind == "ask" else workspace.cell_start(session.id, head)
        if number is None and call.kind == "ask":
            raise UsageError(f"There is no question to repeat in session {session.name!r} yet. Ask one first.", hint=EXAMPLES["ask"])
        if number is None:
            raise UsageError(
                f"There is nothing to repeat in session {session.name!r} yet. Make a picture first.", hint=EXAMPLES["generate"]
            )
        named = _Named(workspace.turn_record(session.id, number), None)
    base = named.turn
    if call.kind not in (base.kind, "ask"):
        call = call.but(kind=base.kind)
    typed = {name: value for name, value in base.asked.items() if name not in ("seed", "again", "model", "mask", "grow")}
    own = {name: typed.pop(name) for name in list(typed) if not hasattr(call, name)}
    repeated = {name: value for name, value in typed.items() if getattr(call, name) is None or isinstance(getattr(call, name), bool)}
    # Outpainting makes its mask anew.
    masks = () if base.asked.get("outpaint") else workspace.pictures_of(base, "mask")
    call = call.but(**{"mask": masks[0] if masks else None, "own": {**own, **call.own}, "prompt": call.prompt or base.prompt, **repeated})
    parent = workspace.turn_record(session.id, base.parent) if base.parent is not None else None
    return PlacedCall(
        call.but(model=call.model or str(base.asked.get("model") or base.model), keeps_model=bool(call.model)),
        session,
        origin,
        parent=parent,
        picked=base.picked,
        head_before=head,
        inputs=tuple(workspace.pictures_of(base, "input")),
        references=tuple(workspace.pictures_of(base, "reference")),
        continues=parent is not None and base.kind != "ask",
        follows=parent if base.kind == "ask" and parent is not None and parent.kind == "ask" else None,
        repeats=base.number,
    )


def _question_before(workspace: Workspace, session: SessionRecord, head: int | None) -> int | None:
    """Return the question that is repeated: the last one, and never one this cell asked itself in an earlier run."""
    if (last := workspace.last_question(session.id, head)) is not None:
        return last.number
    run = workspace.cell_run
    latest = workspace.store.turns(session.id, limit=200, newest_first=True)
    return next((turn.number for turn in latest if turn.kind == "ask" and (run is None or turn.origin.cell != run.cell)), None)


def _started(workspace: Workspace, session: SessionRecord, call: Call) -> _Named | None:
    """Return the turn that ``--from`` names, or None without it."""
    named = _named(workspace, session, call.start) if call.start is not None else None
    if call.start is not None and named is None:
        raise NotFoundError(f"{call.start!r} is not a turn of session {session.name!r}.", hint=Hint("show-turns", session=session.name))
    return named


def _started_elsewhere(workspace: Workspace, session: SessionRecord, call: Call) -> Call:
    """Return a call that starts from another session's turn (``--from fox/t1``) as one that names its picture, which begins a new line."""
    found = parse_id(call.start) if isinstance(call.start, str) else None
    if found is None or not found.session or _named(workspace, session, call.start) is not None:
        return call
    picked = turn_id(found.number, found.picture or call.pick, found.session)
    return call.but(images=(picked, *call.images), start=None, pick=None)


def _named(workspace: Workspace, session: SessionRecord, value: Any) -> _Named | None:
    """Return the turn of this session that `value` is or names, or None for anything else."""
    record = getattr(value, "record", None)
    if isinstance(record, TurnRecord):
        own = record.session_id == session.id and not _of_another_home(workspace, value)
        return _Named(record, getattr(value, "picked", None)) if own else None
    if not isinstance(value, str) or not (found := parse_id(value)):
        return None
    owner, number = workspace.typed_turn(session.id, found)
    return _Named(workspace.turn_record(owner, number), found.picture) if owner == session.id else None


def _of_another_home(workspace: Workspace, turn: Any) -> bool:
    """Return whether a Turn lies in another store than this studio's: then only its pictures are of use here."""
    store = getattr(getattr(getattr(turn, "session", None), "actor", None), "store", None)
    return store is not None and store.home != workspace.store.home


def _pictures(workspace: Workspace, session: SessionRecord, values: Sequence[Any]) -> tuple[Any, ...]:
    """Load what is named; ids become pictures of their turns, URLs stay text for now."""
    return tuple(load(workspace, session, value) for value in values)


def load(workspace: Workspace, session: SessionRecord, value: Any) -> Any:
    """Load one image argument in the caller's thread; a URL is returned as it is.

    A turn with several pictures needs a pick here too.
    """
    from notebook_img import pictures

    record = getattr(value, "record", None)
    if isinstance(record, TurnRecord):
        name, picked = getattr(getattr(value, "session", None), "name", session.name), getattr(value, "picked", None)
        if not _of_another_home(workspace, value):
            return _of_turn(workspace, record, picked, name)
        if record.kind != "ask":
            _pick(record, picked, name)
        return value.picture
    if isinstance(value, str):
        if found := parse_id(value):
            owner, number = workspace.typed_turn(session.id, found)
            record = (workspace.store.turn(owner, number) or workspace.packs().brought(owner, number, workspace.store)) if owner else None
            name = workspace.session_name(owner) if owner else workspace.session_record(found.session).name
            return _of_turn(workspace, record or workspace.turn_record(owner, number), found.picture, name)
        if re.match(r"https?://", value, re.IGNORECASE):
            return value
    return pictures.load(value, settings=workspace.settings)


def _of_turn(workspace: Workspace, turn: TurnRecord, picked: int | None, name: str) -> Any:
    if turn.kind == "ask":
        return workspace.pictures_of(turn, "input")[0]
    return workspace.pictures_of(turn, "output")[(_pick(turn, picked, name) or 1) - 1]


def _pick(turn: TurnRecord, picked: int | None, session: str) -> int | None:
    """Return which picture of a turn to take; None for a turn with one picture."""
    count, named = len(turn.uses("output")), turn_id(turn.number, session=session)
    if picked is not None:
        if not 1 <= picked <= count:
            raise UsageError(f"{named} has {count} picture{'s' if count != 1 else ''}, so there is no {turn_id(turn.number, picked)}.")
        return picked if count > 1 else None
    if count > 1:
        raise UsageError(f"{named} has {count} pictures.", hint=Hint("pick", turn=named))
    return None


def _limit_questions(workspace: Workspace, session: SessionRecord, last: TurnRecord) -> None:
    most = workspace.settings.question_turns
    if not most:
        return
    chain = workspace.store.chain(session.id, last.number, limit=most + 1)
    asked = 0
    for turn in reversed(chain):
        if turn.kind != "ask":
            break
        asked += 1
    if asked >= most:
        raise UsageError(f"This conversation has had its {most} questions (setting question_turns). Name the picture to start a new one.")
