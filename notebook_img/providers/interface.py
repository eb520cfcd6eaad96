"""What a provider is: the request it gets, the events it tells, the reply it gives.

A new provider is one module with one class that satisfies `Provider`, plus one entry point in the group ``notebook_img.providers``;
nothing else changes. Its key is part of that: see `Service`. All that its author needs is imported from here; what a model takes and
costs is in model_facts.py, batch processing in later_protocol.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from notebook_img.hints import Hint
from notebook_img.keys import Service as Service
from notebook_img.providers.later_protocol import Later as Later
from notebook_img.providers.later_protocol import LaterTerms as LaterTerms
from notebook_img.providers.later_protocol import Standing as Standing
from notebook_img.providers.model_facts import NAMED_SIZES as NAMED_SIZES
from notebook_img.providers.model_facts import Capabilities as Capabilities
from notebook_img.providers.model_facts import HistoryKind as HistoryKind
from notebook_img.providers.model_facts import Kind as Kind
from notebook_img.providers.model_facts import ModelInfo as ModelInfo
from notebook_img.providers.model_facts import OwnOption as OwnOption
from notebook_img.providers.model_facts import Price as Price

if TYPE_CHECKING:
    from notebook_img.pictures import Box, Picture
    from notebook_img.settings import Settings

Json: TypeAlias = Any
"""JSON-like data. In `Reply.raw` and `PastTurn.raw` it may contain `bytes`."""


@dataclass(frozen=True)
class Connection:
    """A way to reach a service: which client and whose credentials, and why this one."""

    title: str
    """For example ``Google Cloud, project p, europe-west4``."""
    why: str
    """What decided it, and what is set but not used."""
    credentials: str = ""
    """Where they come from, in words, where they are no key."""
    identity: str = ""
    """What raw state is bound to in place of a key; it is marked, never shown."""


@dataclass(frozen=True)
class PastTurn:
    """An earlier turn of the chain a request continues. Pictures and raw state are loaded only when touched."""

    id: str
    kind: Kind
    prompt: str
    model: str
    """``provider:model``."""
    text: str
    inputs: Sequence[Picture]
    references: Sequence[Picture]
    pictures: Sequence[Picture]
    key_mark: str
    """Keyed hash of the key it was made with, ``""`` where none; see `Settings.key_mark`."""
    load_raw: Callable[[], Json | None]
    """The provider's own state of that turn, byte strings restored; None if there is none or it cannot be read."""
    got: Json | None = None
    """What the provider told of that turn, see `Reply.got`."""


@dataclass(frozen=True)
class Request:
    """One request, complete: everything a provider needs, nothing about sessions or cells."""

    kind: Kind
    prompt: str
    """After interpolation. Pictures named in it are called "image 1", "image 2" ... in the order of `inputs` + `references`."""
    model: str
    """The bare model name."""
    inputs: tuple[Picture, ...] = ()
    """What is edited or asked about. For an edit that continues a turn: that turn's picture."""
    references: tuple[Picture, ...] = ()
    mask: Picture | None = None
    """White (L mode, 255) may change. The size of the first input, oriented."""
    aspect_ratio: str | None = None
    size: str | None = None
    count: int = 1
    seed: int | None = None
    """Given by the user or generated; recorded either way."""
    negative_prompt: str | None = None
    strength: float | None = None
    detail: str | None = None
    schema: Mapping[str, Any] | None = None
    """JSON schema an answer has to fit."""
    boxes: str | None = None
    """What to find boxes of; ``""`` means everything notable; None means no boxes are wanted."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own options."""
    history: HistoryKind = "window"
    past: tuple[PastTurn, ...] = ()
    """The chain the request continues, oldest first, its last item being the parent; empty for a new line."""
    wants_partials: bool = False
    """Whether somebody sees partial pictures while they come."""
    day: str = ""
    """The local day whose prices hold, ``YYYY-MM-DD``; empty: today."""
    price: Price | None = None
    """What the user says the model costs, in place of what the model table says."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """What the user says the model takes, by fields of `Capabilities`, in place of what the model table says."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Who asks (person, home, notebook, labels of their own), for services that split their bill by it."""


@dataclass(frozen=True)
class Need:
    """What a field of `Request` needs of the model, and how it is refused where the model does not take it."""

    capability: str
    """The field of `Capabilities` that decides: True or False (taken or not), the values that are taken (None: any), the most
    of them, or ``"no"``."""
    refused: str
    """What is refused; ``{value}`` is what was asked."""
    instead: str = ""
    """What the model takes; ``{limit}`` is the value of the capability."""
    hint: Hint | None = None
    """What to do."""


_LEAVE_OUT = Hint("leave-out")


NEEDS: Mapping[str, Need] = {
    "aspect_ratio": Need("aspect_ratios", "the aspect ratio {value}", "It takes the aspect ratios {limit}."),
    "size": Need("sizes", "the size {value}", "It takes {limit}."),
    "references": Need("max_inputs", "{value} pictures at once", "It takes at most {limit}, references included."),
    "count": Need("max_count", "n={value}", "It makes at most {limit} in one call."),
    "mask": Need("mask", "a mask", hint=_LEAVE_OUT),
    "seed": Need("seed", "a seed", "Leave it out: its pictures cannot be repeated that way."),
    "negative_prompt": Need("negative_prompt", "a negative prompt", hint=_LEAVE_OUT),
    "strength": Need("strength", "a strength", hint=_LEAVE_OUT),
    "detail": Need("detail", "a level of detail", hint=_LEAVE_OUT),
    "boxes": Need("boxes", "a request for boxes", "A model that can locate objects does.", Hint("use-model", model="gemini")),
    "history": Need("history", "the history kind {value}", "It takes the history kinds {limit}."),
}
"""The fields of a request that not every model takes. Refusals, help and the panel's controls read it; options name their row."""


@dataclass(frozen=True)
class TextEvent:
    """A piece of streamed text."""

    text: str


@dataclass(frozen=True)
class PartialEvent:
    """A partial or early picture, for showing only."""

    data: bytes
    index: int = 0


@dataclass(frozen=True)
class ProgressEvent:
    """Progress of a request; `fraction` is 0..1 where known."""

    message: str
    fraction: float | None = None


@dataclass(frozen=True)
class WaitEvent:
    """The retry policy waits before it asks again."""

    seconds: float
    reason: str
    attempt: int
    most: int


@dataclass(frozen=True)
class QueueEvent:
    """A request waits for its turn; `reason` says what limits it, `seconds` how long the next one has to wait, where known."""

    reason: str
    seconds: float | None = None


@dataclass(frozen=True)
class SubmittedEvent:
    """The service took a job; `state` is JSON that `Provider.resume` can pick up in any process."""

    submit_id: str
    state: Mapping[str, Any]


@dataclass(frozen=True)
class WithdrawnEvent:
    """The service took a job back before it began: there is nothing to fetch, and nothing is billed."""

    submit_id: str


Event: TypeAlias = TextEvent | PartialEvent | ProgressEvent | WaitEvent | QueueEvent | SubmittedEvent | WithdrawnEvent
Emit: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True)
class Usage:
    """What the service counted. Tokens by modality where it says so."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    by_modality: Mapping[str, int] = field(default_factory=dict)
    """For example ``{"input_image": 1120, "output_image": 1680, "output_text": 12, "thought": 90}``: kinds that do not overlap, but for
    ``cached``, which is the part of the input that came from the service's cache."""
    pictures: int | None = None


@dataclass(frozen=True)
class Reply:
    """What came back."""

    pictures: tuple[bytes, ...] = ()
    """The bytes as delivered, all of them, thought pictures excluded."""
    text: str = ""
    boxes: tuple[Box, ...] | None = None
    """Boxes in pixels of the first input, oriented; None if none were asked for."""
    value: Json | None = None
    """The answer as JSON where a schema was asked for."""
    value_by: str = ""
    """Which rung of the ladder gave `value`: ``"schema"``, ``"json"``, ``"text"``, ``"repair"``."""
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    """US dollars; None when the price is unknown, 0.0 when it is known to be free."""
    seed: int | None = None
    sent: Json | None = None
    """The request as sent, image hashes (``sha256:...``) in place of bytes, no secrets."""
    got: Json | None = None
    """What came back besides bytes: finish reason, service's model version, revised prompt ..."""
    warnings: tuple[str, ...] = ()
    raw: Json | None = None
    """State to continue from, verbatim; it may contain `bytes` anywhere."""
    free: bool = False
    """True where it is known that nothing is billed (built-in engine, local endpoints)."""
    note: str = ""
    """A few words for the caption, for example ``"built-in, not AI"``."""
    model: str = ""
    """The bare model that answered, where it differs from the one asked."""


@runtime_checkable
class Provider(Protocol):
    """The adapter to one service.

    Constructed with the settings only; it reads its key and base URL from them at each call, imports its SDK
    on first use, and keeps no state a user would miss. `run` is called on the core's own loop; it must be
    cancellable at any await and must not block the loop (pixel work goes to threads).

    A class whose service wants a key also has an attribute ``service``, a `Service` that says what the key is called::

        service = Service("acme", "Acme Pictures", ("ACME_API_KEY",), "https://acme.example/keys")

    It is found by the entry point without making a provider. ``notebook_img.keys.find(self.service, self.settings)`` returns the
    key; asking for it, keeping it, marking turns with it and taking it out of errors is done for the provider.

    One whose server is somebody's own has a method ``not_running() -> str``: a sentence where it can be told, without a request, that
    nothing runs there, and an empty string elsewhere. ``address() -> str`` is the base URL in use, without what may be a secret.

    One whose price depends on what it answers has a method ``price_range(request) -> tuple[float, float] | None``: the least and the most
    a request costs in US dollars; `estimate` is the most, which is reserved. It counts with `Request.price` where that is given; for
    providers without the method that is done for them.

    One that can tell without its service that it cannot do a request has a method ``check(request)``, which raises the error for it.

    One that asks its service for pixels has a method ``frame(request) -> tuple[int, int] | None``: width and height of what comes back, so
    that a smaller picture is told before it is paid for. Without it that is guessed from the model's `Capabilities`.

    One that can be reached in more than one way has a method ``connection()`` that returns the `Connection` in use: the doctor shows it,
    and raw state is bound to it. Where a way needs no key, a static method ``keyless(settings)`` tells whether that way is chosen;
    keys of further ways stand in an attribute ``more_services``, a tuple of `Service`.

    One whose service does requests later, at a lower price, has a method ``later() -> Later``, which raises `UnsupportedError` where the
    connection in use has nothing of the kind.

    One that makes every request under the retry policy has ``tells_sending = True``: a call that is stopped before its first request, or
    while it waits to ask again, then costs nothing in the books.
    """

    name: str
    title: str

    def __init__(self, settings: Settings) -> None: ...

    def missing(self) -> str | None:
        """Return a sentence on what is missing before this provider can be used, or None."""

    def models(self) -> Sequence[ModelInfo]:
        """Return the model table, the default model first."""

    def default_model(self, kind: Kind) -> str | None:
        """Return the bare default model for `kind`, or None where the service cannot do it."""

    def model_info(self, model: str) -> ModelInfo:
        """Return the row for `model`; an unknown name gets permissive capabilities and status ``"unknown"``."""

    def estimate(self, request: Request) -> float | None:
        """Return what a request costs at most in US dollars, as far as can be expected; 0.0 when free, None when unknown."""

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Send the request and return the reply, telling events on the way.

        Raises
        ------
        ProviderError
            With one or two sentences; retries (see providers/retry.py) have been made by then.
        """

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:
        """Fetch the result of a job told by `SubmittedEvent`."""

    async def probe(self) -> Sequence[str]:
        """Ask the service what it offers (``doctor --online``); return sentences."""

    async def aclose(self) -> None:
        """Close connections."""
