"""Which stored reply a request may have: a pure decision over stored rows (design section 6).

Two rules for users: a cell's first run in a kernel gives back what it gave last time, at no cost; run again, it asks
anew. This module knows no store and no kernel, so that the rules can be tested as a table.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from notebook_img.records import TurnRecord

Mode: TypeAlias = Literal["restart", "always", "only", "off"]

BUILT_IN = "local"
"""The provider whose replies are replayed only to itself: a real model's user must not get a built-in picture back."""


@dataclass(frozen=True)
class Stored:
    """A stored reply that may be given."""

    source: int
    """0: the same session, 1: the rest of the store, 2 and up: packs, in order."""
    session_id: str
    number: int
    request_key: str
    model: str
    """``provider:model`` that answered."""
    at: float
    """When it was asked, seconds since the epoch."""
    wanted: str = ""
    """``provider:model`` it was asked of, where the reply has another name (a server's default, a dated version); else empty."""
    kernel: str = ""
    """Id of the kernel whose cell asked for it; empty when no cell did."""
    content: str = ""
    """`content_key` of the turn."""

    @property
    def identity(self) -> tuple[str, float]:
        """What identifies the reply, wherever copies of its turn lie: they keep content and time."""
        return (self.content, self.at)


def stored_of(record: TurnRecord, source: int) -> Stored:
    """Return a stored turn as a reply that may be given."""
    wanted = str(record.asked.get("model") or "")
    return Stored(
        source,
        record.session_id,
        record.number,
        record.request_key,
        record.model,
        record.started,
        wanted,
        record.origin.kernel,
        record.content_key,
    )


@dataclass(frozen=True)
class Want:
    """What is asked now."""

    request_key: str
    model: str
    """The model the call would go to, ``provider:model``."""
    typed: bool
    """Whether the model was named in the call."""
    position: int
    """How many equal requests this run of the cell has made before."""
    fresh: bool = False


class Held(tuple[Stored, ...]):  # noqa: SLOT001 - it keeps its index
    """What a run got, in the order it got it; found by key, since each request of a batch looks here."""

    @functools.cached_property
    def by_key(self) -> Mapping[str, Sequence[Stored]]:
        """Its replies by the keys of their requests."""
        found: dict[str, list[Stored]] = {}
        for reply in self:
            found.setdefault(reply.request_key, []).append(reply)
        return found

    @functools.cached_property
    def _typed(self) -> dict[tuple[str, str], Sequence[Stored]]:
        return {}

    def answering(self, want: Want) -> Sequence[Stored]:
        """Return its replies to a request; where a model was typed, only that model's, kept since all requests of a batch may be equal."""
        equal = self.by_key.get(want.request_key, ())
        if not want.typed:
            return equal
        if (key := (want.request_key, want.model)) not in self._typed:
            self._typed[key] = [reply for reply in equal if fits(reply, want)]
        return self._typed[key]


@dataclass(frozen=True)
class CellState:
    """What is known about the running cell.

    Parameters
    ----------
    first : bool
        Whether no run of this cell in this kernel has come to its end with a reply.
    held : sequence of sequences of Stored
        What earlier runs got, in the order they got it; the run to look in first comes first. In a cell's first run:
        its stopped runs in this kernel, then its latest run of all, then those before. Later: its last run, if that failed.
    """

    first: bool
    held: Sequence[Sequence[Stored]] = ()


@dataclass(frozen=True)
class Decision:
    """Give `stored`, or ask when it is None; `miss` when asking is not allowed."""

    stored: Stored | None = None
    own: bool = True
    """Whether `stored` is what this cell got itself."""
    instead_of: Stored | None = None
    """With ``--fresh``: the reply that this one replaces, so that it is not given to another request."""
    miss: bool = False


def decide(mode: Mode, want: Want, cell: CellState | None, stored: Sequence[Stored], had: AbstractSet[tuple[str, float]]) -> Decision:
    """Decide whether a stored reply is given.

    Parameters
    ----------
    mode : str
        ``restart``, ``always``, ``only`` or ``off``.
    want : Want
        The request.
    cell : CellState or None
        None outside a kernel's cells: panel, command line, scripts and MCP always ask.
    stored : sequence of Stored
        Replies to the same request that others got, any model; the first to be given comes first.
    had : set
        Identities of the replies this kernel has had already.
    """
    # What costs nothing and stays on this machine may be asked whatever is stored.
    miss = mode == "only" and not want.model.startswith(f"{BUILT_IN}:")
    if mode == "off" or cell is None:
        return Decision(miss=miss)
    found, own = _find(mode, want, cell, [reply for reply in stored if fits(reply, want)], had)
    if want.fresh:
        return Decision(instead_of=found, miss=miss)
    return Decision(stored=found, own=own, miss=miss and found is None)


def fits(reply: Stored, want: Want) -> bool:
    """Return whether a reply is to the same request and from a model it may come from."""
    if reply.request_key != want.request_key:
        return False
    return model_fits(want, reply.model, reply.wanted)


def model_fits(want: Want, *models: str) -> bool:
    """Return whether what one of these models answered may answer `want`: one model under the names it goes by.

    A model that was not typed matches the one recorded, also where only the built-in engine is set up now: a colleague without
    a key gets the pictures of the real model. The other way round nothing of the built-in engine is given.
    """
    if want.typed:
        return want.model in models
    built_in = f"{BUILT_IN}:"
    return want.model.startswith(built_in) or not models[0].startswith(built_in)


def _find(
    mode: Mode, want: Want, cell: CellState, fitting: Sequence[Stored], had: AbstractSet[tuple[str, float]]
) -> tuple[Stored | None, bool]:
    """Return the reply that is given, and whether it is the cell's own."""
    if mode == "always":
        return min(fitting, key=lambda reply: (reply.source, -reply.at, -reply.number), default=None), False
    for run in cell.held:
        # The cell's own runs: begun without a key, a notebook stays free after one is set.
        replies = (run if isinstance(run, Held) else Held(run)).answering(want)
        if want.position < len(replies):
            return replies[want.position], True
    if cell.first or mode == "only":
        return next((reply for reply in fitting if reply.identity not in had), None), False
    return None, False


def request_key(
    kind: str,
    prompt: str,
    options: Mapping[str, Any],
    pictures: Sequence[tuple[str, str]],
    *,
    schema: Any = None,
    parent: str = "",
    picked: str = "",
) -> str:
    """Return what replay compares; equal keys mean equal requests, the model left out.

    Parameters
    ----------
    kind : str
        ``generate``, ``edit`` or ``ask``.
    prompt : str
        After interpolation.
    options : mapping
        As typed: no generated seed, no output or display options.
    pictures : sequence of (role, hash)
        Inputs, references and mask in order. Pictures this package encoded itself give their pixels' hash.
    schema : JSON-like
        What a typed answer has to fit.
    parent : str
        `content_key` of the turn it continues.
    picked : str
        Hash of the picture of that turn it goes on from, where it has several.
    """
    return _digest(["request-1", kind, prompt, dict(options), [list(item) for item in pictures], schema, parent, picked])


def content_key(request: str, text: str, pictures: Sequence[str]) -> str:
    """Return the hash of a request and of what it returned: the parent's part in the next request's key."""
    return _digest(["content-1", request, text, list(pictures)])


def _digest(parts: Any) -> str:
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
