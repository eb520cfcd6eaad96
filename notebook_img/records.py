"""Rows of the store as plain, frozen values. They hold hashes and JSON, never bytes; the folder tree gives them behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["generate", "edit", "ask"]
Surface: TypeAlias = Literal["cell", "python", "panel", "cli", "agent", "script"]
Role: TypeAlias = Literal["input", "reference", "mask", "output", "delivered"]
"""``delivered``: the picture as the service sent it, where `output` is ours pasted inside a mask."""


class Remark(str):
    """A line under a picture that is no warning: it tells of something that was asked for."""

    __slots__ = ()


@dataclass(frozen=True)
class Origin:
    """Who asked: which surface, and in a kernel which cell and which run of it."""

    surface: Surface = "script"
    name: str = ""
    """Shown in captions: an agent's name, for example ``claude-desktop``."""
    kernel: str = ""
    """Random id of the running kernel; empty outside one."""
    cell: str = ""
    """Key of the cell (see replay/cells.py); empty outside a cell."""
    run: int = 0
    """Row id of the cell's run in the store; 0 outside a cell."""
    notebook: str = ""
    """Path of the notebook where the front end tells it."""

    @property
    def words(self) -> str:
        """The origin in a few words, for captions and lists."""
        return self.name or self.surface


@dataclass(frozen=True)
class PictureUse:
    """A picture as a turn uses it."""

    sha256: str
    role: Role
    mime_type: str
    width: int
    """Pixels, oriented."""
    height: int
    bytes: int
    name: str = ""
    """Where it came from, short: a file name, ``sample:chelsea``, ``figure``, ``fox/t2``."""
    pixels_key: str = ""
    """Set for pictures this package encoded itself: hash of mode, size and pixels (see replay/rules.py)."""
    content: str = ""
    """Of a file that was named: hash of what is seen of it, the same after its bytes changed in a time stamp or a note only."""
    address: str = ""
    """Of what came from a URL: hash of the URL."""


@dataclass(frozen=True)
class SessionRecord:
    """One session as stored."""

    id: str
    """Random, never shown; names can change."""
    name: str
    created: float
    """Seconds since the epoch, UTC."""
    updated: float
    model: str = ""
    """The model it is written with; see `kept_model`."""
    head: int | None = None
    """Number of the stored head turn."""
    redo: tuple[int | None, ...] = ()
    """Heads that redo goes back to, next one last."""
    notebook: str = ""
    """The notebook it is named after, absolute path, or empty."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Per-session settings, for example ``{"history": "server"}``."""
    turns: int = 0
    """How many turns it has (questions included)."""

    @property
    def kept_model(self) -> str:
        """The model that was typed for it, ``provider:model``; empty while it follows the default.

        Stores of before November 2026 note the model of the first turn: the built-in engine's counts as not typed there.
        """
        return self.model if self.settings.get("model_typed") or not self.model.startswith("local:") else ""

    @property
    def ran_on(self) -> str:
        """The default model that made its latest picture; empty when none did."""
        return str(self.settings.get("ran_on") or ("" if self.kept_model else self.model))

    @property
    def shown_model(self) -> str:
        """The kept model, else the default it ran on last; empty before its first picture."""
        return self.kept_model or self.ran_on


@dataclass(frozen=True)
class TurnRecord:
    """One turn as stored. ``(session_id, number)`` is its key; ``t7`` is number 7."""

    session_id: str
    number: int
    """Given by the store; 0 in a record that is not stored yet."""
    kind: Kind
    prompt: str
    """After interpolation."""
    model: str
    """``provider:model`` that answered."""
    parent: int | None = None
    """The turn it follows; None for the first turn of a line."""
    picked: int | None = None
    """Which picture of the parent (1-based) it continued from; None where not applicable."""
    head_before: int | None = None
    """The head when the call started: undo from the first turn of a line goes there."""
    pictures: tuple[PictureUse, ...] = ()
    """All uses: inputs, references, mask, outputs, delivered, each role in order."""
    text: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Options as typed."""
    sent: Any = None
    got: Any = None
    seed: int | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None
    """US dollars; None unknown; 0.0 free."""
    warnings: tuple[str, ...] = ()
    note: str = ""
    answer: Any = None
    """For questions: JSON of ``{"value":…, "value_by":…, "schema":…, "boxes":[…]}`` where there is any of it."""
    started: float = 0.0
    seconds: float = 0.0
    origin: Origin = field(default_factory=Origin)
    request_key: str = ""
    """What replay compares (see replay/rules.py), the model left out."""
    content_key: str = ""
    """Hash of the request and of what it returned, hence of the whole chain; parent of the next request's key."""
    key_mark: str = ""
    """Keyed hash of the key used; tells whether raw state may be sent again."""
    raw: str = ""
    """Name of the raw-state file in the store (see `Store.put_raw`); empty for none."""

    @property
    def id(self) -> str:
        """``t7``."""
        return f"t{self.number}"

    def uses(self, *roles: Role) -> tuple[PictureUse, ...]:
        """Return its pictures in these roles, in order."""
        return tuple(use for use in self.pictures if use.role in roles)


@dataclass(frozen=True)
class SpendRecord:
    """One billed, or possibly billed, call."""

    id: int
    at: float
    day: str
    """Local day, ``YYYY-MM-DD``."""
    model: str
    state: Literal["reserved", "billed", "failed", "refused", "free", "unknown"]
    """``reserved`` while in flight; ``failed``: known not to be billed; ``unknown``: it may have been billed."""
    estimate: float | None = None
    cost: float | None = None
    session: str = ""
    """Session name at that time; kept after the session is deleted."""
    turn: str = ""
    origin: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    person: str = ""
    """Who spent it; empty where that was not written down."""


@dataclass(frozen=True)
class JobRecord:
    """A request that outlives its caller."""

    id: str
    session: str
    state: Literal["running", "done", "failed", "cancelled", "submitted"]
    """``submitted``: the service has it and the owner no longer waits, so it can be resumed."""
    owner: str
    """``host:pid:start`` of the process that runs it."""
    created: float
    updated: float
    model: str = ""
    prompt: str = ""
    submit_id: str = ""
    service_state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What `Provider.resume` needs; it may hold signed URLs."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """What is needed to store the turn later: kind, prompt, options, parent, picture uses."""
    turn: str = ""
    """``name/t7`` when done."""
    error: str = ""
    cancel_wanted: bool = False


ItemState: TypeAlias = Literal["waiting", "leased", "sent", "done", "failed", "refused"]
"""Of an item of a batch. ``leased``: a process prepares it; ``sent``: its money is reserved, so it may have left. See store/batches.py."""


@dataclass(frozen=True)
class BatchRecord:
    """One call applied to many items, as stored."""

    id: int
    """Given by the store; people write ``b3``."""
    session_id: str
    """The session its turns are in, its own."""
    beside: str
    """The session it was made beside: the notebook's, where it was made in one."""
    kind: Kind
    prompt: str
    """As it was written, braces included."""
    created: float
    updated: float
    budget: float | None = None
    """US dollars for all its runs and retries; None where none was given."""
    spent: float = 0.0
    """US dollars counted for it so far."""
    stopping: Literal["", "soon", "now"] = ""
    """Whether whoever works on it is to stop: when what is under way has ended, or at once."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """What its items share (see studio/batch/stored.py)."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it is done and shown: ``at_once``, ``columns``, ``index``."""
    cell: str = ""
    """Key of the cell that made it (see replay/cells.py); empty outside one."""
    kernel: str = ""
    source_hash: str = ""
    notebook: str = ""

    @property
    def name(self) -> str:
        """``b3``."""
        return f"b{self.id}"


@dataclass(frozen=True)
class ItemRecord:
    """One item of a batch: a turn or an error, or neither yet."""

    id: int
    """Given by the store; 0 in one that is only planned."""
    batch: int
    position: int
    """From 0; -1 for one that its batch no longer names."""
    label: str
    state: ItemState = "waiting"
    key: str = ""
    """What it is known by in a later run: what is asked, of which pictures, with which model where one was typed."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """What sets it apart from the others (see studio/batch/stored.py)."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What its braces may say: columns, ``stem``, ``name``, ``parent``, ``i``, combined values."""
    twin: int | None = None
    """The item whose answer it shares: the same question about the same picture."""
    session_id: str = ""
    turn: int | None = None
    error: str = ""
    """Why it failed, one sentence."""
    reason: str = ""
    """The class of that error."""
    billed: Literal["no", "maybe", "yes"] = "no"
    """Of a failed one."""
    seconds: float = 0.0
    cost: float | None = None
    """US dollars, where known."""
    job: str = ""
    """Where it waits at a service: the job's id."""
    lease: str = ""


@dataclass(frozen=True)
class Claim:
    """An item that this process works on, and the lease it holds it by."""

    batch: int
    item: int
    lease: str
