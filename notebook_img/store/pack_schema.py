"""What may stand in the JSON of a pack: the types and limits of every field, so that nothing of a stranger's gets into a row unseen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from notebook_img.ids import MOST_NUMBER
from notebook_img.records import Origin, PictureUse, SessionRecord, TurnRecord

Number: TypeAlias = Annotated[int, Field(ge=1, le=MOST_NUMBER)]
Hash: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Word: TypeAlias = Annotated[str, Field(max_length=1000)]
Place: TypeAlias = Annotated[str, Field(max_length=10_000)]
Side: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
Object: TypeAlias = dict[str, Any]


class _Strict(BaseModel):
    # What a later version adds is left out.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _Use(_Strict):
    sha256: Hash
    role: Literal["input", "reference", "mask", "output", "delivered"]
    mime_type: Word
    width: Side
    height: Side
    bytes: Annotated[int, Field(ge=0, lt=2**53)]
    name: Place = ""
    pixels_key: Word = ""
    content: Word = ""
    address: Word = ""


class _Origin(_Strict):
    surface: Word = "script"
    name: Word = ""
    kernel: Word = ""
    cell: Word = ""
    run: Annotated[int, Field(ge=0, lt=2**63)] = 0
    notebook: Place = ""


class _Turn(_Strict):
    number: Number
    kind: Literal["generate", "edit", "ask"]
    prompt: str
    model: Word
    parent: Number | None = None
    picked: Annotated[int, Field(ge=1, le=1000)] | None = None
    head_before: Number | None = None
    pictures: Annotated[list[_Use], Field(max_length=1000)]
    text: str = ""
    asked: Object = {}
    sent: Any = None
    got: Any = None
    seed: Annotated[int, Field(ge=-(10**40), le=10**40)] | None = None
    usage: Object = {}
    cost: Annotated[float, Field(ge=0)] | None = None
    warnings: list[str] = []
    note: str = ""
    answer: Any = None
    started: float = 0.0
    seconds: float = 0.0
    origin: _Origin = _Origin()
    request_key: Word = ""
    content_key: Word = ""
    key_mark: Word = ""
    raw: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="after")
    def _comes_later(self) -> _Turn:
        if any(before is not None and before >= self.number for before in (self.parent, self.head_before)):
            raise ValueError("it comes before the turn it follows")
        return self


class _Session(_Strict):
    id: Id
    name: Place
    created: float
    updated: float
    model: Word = ""
    head: Number | None = None
    notebook: Place = ""
    settings: dict[Word, Word | int | float | bool | None] = {}


class PackedRun(_Strict):
    """A run of a cell and the turns it got, in order."""

    id: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    """Only within its file."""
    cell: Word
    kernel: Word
    source_hash: Word
    ordinal: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    started: float
    notebook: Place
    seen: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """Its place in the order its store saw runs in; 0 where an older version wrote it."""
    replies: tuple[tuple[Id, Number], ...] = ()
    """Session id and turn number."""
    named: tuple[tuple[Word, Id, Number, bool], ...] = ()
    """Ids that were typed in the cell, with session id and number of the turns they meant, and whether those were of its own session."""
    moves: tuple[tuple[Id, Word, Number | None, Number | None, float], ...] = ()
    """Session id, kind, head before and after, and when: where the cell started."""


class _Member(_Strict):
    sha256: Hash
    bytes: Annotated[int, Field(ge=0, lt=2**53)]


_TURN, _SESSION, _MEMBER = TypeAdapter(_Turn), TypeAdapter(_Session), TypeAdapter(_Member)
_RUN = TypeAdapter(PackedRun)


def turn_values(plain: Any) -> dict[str, Any]:
    """Return the fields of a turn of a pack, all of the right type.

    Raises
    ------
    ValueError
        When one is not.
    """
    return _TURN.validate_python(plain).model_dump()


def turn_record(session_id: str, values: Mapping[str, Any]) -> TurnRecord:
    """Return the record of such fields."""
    rest = {name: value for name, value in values.items() if name not in ("pictures", "origin", "warnings")}
    uses = tuple(PictureUse(**use) for use in values["pictures"])
    return TurnRecord(session_id=session_id, **rest, pictures=uses, warnings=tuple(values["warnings"]), origin=Origin(**values["origin"]))


def session_record(plain: Any) -> SessionRecord:
    """Return a session of a pack; ValueError when a field is of the wrong type."""
    return SessionRecord(**_SESSION.validate_python(plain).model_dump())


def run_values(plain: Any) -> PackedRun:
    """Return a run of a pack; ValueError when a field is of the wrong type."""
    return _RUN.validate_python(_with_tuples(plain))


def member_values(plain: Any) -> tuple[str, int]:
    """Return hash and size of a member as the manifest has them; ValueError when they are none."""
    member = _MEMBER.validate_python(plain)
    return member.sha256, member.bytes


def first_wrong(error: ValidationError) -> str:
    """Return where a value was wrong and why, in a few words."""
    [first, *_] = error.errors(include_url=False, include_input=False)
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _with_tuples(plain: Any) -> Any:
    """Return a run with the tuples JSON has no form for."""
    if not isinstance(plain, dict):
        return plain
    lists = {name: plain[name] for name in ("replies", "named", "moves") if isinstance(plain.get(name), list)}
    return {**plain, **{name: tuple(tuple(item) if isinstance(item, list) else item for item in items) for name, items in lists.items()}}
