"""What of a session is sent: the window, the full chat, or only what is new. Pure building; nothing is sent here.

Both APIs get the same messages; only their outer form differs (contents with parts, or steps with blocks).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from notebook_img.providers.gemini import questions, raw
from notebook_img.providers.gemini.models import REQUEST_BYTES
from notebook_img.providers.interface import HistoryKind, PastTurn, Request

if TYPE_CHECKING:
    from google.genai.types import Content

    from notebook_img.pictures import Picture, Prepared
    from notebook_img.providers.interface import Capabilities

EARLIER = "What was done to the picture so far, oldest first. It is in the picture already; do not do it again:"
EARLIER_LIMIT = 4000
"""Characters of earlier prompts, so that a request stays flat however long the session is."""
PROMPT_LIMIT = 400
LAST_PICTURE = "image 1 is the picture you made last."

Item: TypeAlias = "str | Prepared"


@dataclass(frozen=True)
class Message:
    """One message: from the user as items, or from the model as it was kept."""

    items: tuple[Item, ...] = ()
    kept: raw.Kept | None = None
    text: str | None = None
    """The model's words, where only they are sent back."""


@dataclass(frozen=True)
class Draft:
    """Everything that is sent of a request besides its configuration."""

    messages: tuple[Message, ...]
    said: str
    """The text of the last message, kept for later windows."""
    warnings: tuple[str, ...] = ()
    previous_interaction: str | None = None
    ratio: str | None = None
    """The aspect ratio to ask for."""

    @property
    def continues(self) -> bool:
        """Whether anything of the model's own state is in it."""
        return self.previous_interaction is not None or any(message.kept for message in self.messages)

    def contents(self) -> list[Content]:
        """Return it as generateContent takes it (the SDK encodes the bytes)."""
        from google.genai import types

        return [types.Content.model_validate(_content(message)) for message in self.messages]

    def steps(self) -> list[dict[str, Any]]:
        """Return it as the Interactions API takes it."""
        out: list[dict[str, Any]] = []
        for message in self.messages:
            if message.kept is not None:
                out += raw.sent_steps(message.kept.steps or [])
            elif message.text is not None:
                out.append({"type": "model_output", "content": [{"type": "text", "text": message.text}]})
            else:
                out.append({"type": "user_input", "content": [_block(item) for item in message.items]})
        return out

    def shown(self) -> list[Any]:
        """Return it with hashes in place of bytes."""
        return [
            {"role": "model", "steps": raw.described(message.kept.steps)}
            if message.kept is not None and message.kept.content is None
            else raw.described(_content(message, _shown))
            for message in self.messages
        ]


@dataclass
class Composer:
    """Builds the drafts of one request. Reads pictures and raw state, so it belongs in a thread.

    Parameters
    ----------
    request : Request
    capabilities : Capabilities
        Of the model.
    model, key_mark : str
        The route: raw state of another one is not sent.
    window_turns : int
        Past turns a window holds.
    """

    request: Request
    capabilities: Capabilities
    model: str
    key_mark: str
    window_turns: int = 1
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.past: list[PastTurn] = [past for past in self.request.past if past.kind != "ask"]
        words = questions.prompt(self.request, self.capabilities)
        self.said = f"{words}\n\n{region}" if (region := self._region()) else words
        count = len(self.request.inputs) + len(self.request.references)
        self.share = min(self.capabilities.max_input_bytes, REQUEST_BYTES // max(1, count))

    def draft(self, history: HistoryKind) -> Draft:
        """Return what is sent with this kind of history."""
        if history == "server" and (previous := self._previous()):
            kept, interaction = previous
            asked_before = bool(self._row())
            return self._done([self._last(in_reply=kept, repeated=asked_before)], interaction)
        if self.request.kind == "ask":
            return self._done(self._chat(whole=history == "full"))
        if not self.past:
            return self._done([self._last()])
        return self._done(self._full() if history == "full" else self._window(steps=history == "server"))

    def rebuilt(self, why: str) -> Draft:
        """Return the window as steps, for an interaction the service no longer has, with the reason as a warning."""
        self.warnings.append(why)
        return self._done(self._chat(whole=False) if self.request.kind == "ask" else self._window(steps=True))

    def bare(self, why: str) -> Draft:
        """Return the last picture and the prompt alone, with the reason as a warning."""
        self.warnings.append(why)
        return self._done([self._last()])

    # kinds of history

    def _window(self, *, steps: bool = False) -> list[Message]:
        kept: list[tuple[PastTurn, raw.Kept]] = []
        following = _first_hash(self.request.inputs)
        unreadable = False
        for past in reversed(self.past[-self.window_turns :]):
            found = self._load(past, following)
            unreadable = unreadable or (not kept and found is None and raw.same_route(past, self.model, self.key_mark))
            if found is None or following not in found.hashes or (found.steps if steps else found.content) is None:
                # A picture that is not the model's own (confined to a mask, say) is sent itself, without the parts it does not fit.
                break
            kept.insert(0, (past, found))
            following = _first_hash(past.inputs)
        if unreadable:
            return [self._last()]
        earlier = self._earlier(self.past[: len(self.past) - len(kept)])
        if not kept:
            if other := raw.other_model(self.past[-1], self.model):
                self.warnings.append(f"{self.past[-1].id} was made by {other}: its picture is sent, that model's own state is not.")
            return [self._last(before=[*self._first_input(), *earlier])]
        messages: list[Message] = []
        for number, (_, found) in enumerate(kept):
            before = [*self._first_input(), *earlier] if number == 0 else []
            messages += [Message(items=(*before, found.said)), Message(kept=found)]
        return [*messages, self._last(in_reply=kept[-1][1])]

    def _full(self) -> list[Message]:
        turns: list[tuple[PastTurn, raw.Kept]] = []
        following = _first_hash(self.request.inputs)
        for past in reversed(self.past):
            found = self._load(past, following)
            if found is None or found.content is None:
                self.warnings.append(
                    f"The history before {past.id} and its own is not sent: there is no usable state of it for this model and key."
                )
                break
            turns.insert(0, (past, found))
            following = _first_hash(past.inputs)
        messages: list[Message] = []
        before: raw.Kept | None = None
        for past, found in turns:
            items = self._attached(past.inputs, past.references, before)
            messages += [Message(items=(*items, found.said)), Message(kept=found)]
            before = found
        return [*messages, self._last(in_reply=before)]

    def _chat(self, *, whole: bool) -> list[Message]:
        """Questions in a row about the same pictures: pictures once, then words."""
        row = self._row()
        if not row:
            return [self._last()]
        messages: list[Message] = []
        for number, past in enumerate(row):
            items: list[Item] = self._attached(self.request.inputs, past.references, None) if number == 0 else []
            found = self._load(past, None) if whole else None
            messages.append(Message(items=(*items, past.prompt)))
            messages.append(Message(kept=found) if found and found.content else Message(text=past.text or "(no answer)"))
        return [*messages, Message(items=(*self._attached((), self.request.references, None), self.said))]

    def _row(self) -> list[PastTurn]:
        """Return the questions just before this one, about the same pictures, oldest first."""
        row: list[PastTurn] = []
        if self.request.kind != "ask":
            return row
        now = [picture.sha256 for picture in self.request.inputs]
        for past in reversed(self.request.past):
            if past.kind != "ask" or [picture.sha256 for picture in past.inputs] != now:
                break
            row.insert(0, past)
        return row

    def _previous(self) -> tuple[raw.Kept, str] | None:
        """Return the parent's reply and the service's id of it."""
        past = self.request.past if self.request.kind == "ask" else self.past
        found = self._load(past[-1], _first_hash(self.request.inputs)) if past else None
        return (found, found.interaction) if found and found.interaction else None

    # pieces

    def _done(self, messages: list[Message], interaction: str | None = None) -> Draft:
        return Draft(tuple(messages), self.said, tuple(dict.fromkeys(self.warnings)), interaction, self._ratio())

    def _load(self, past: PastTurn, following: str | None) -> raw.Kept | None:
        if not raw.same_route(past, self.model, self.key_mark):
            return None
        found = raw.load(past, following)
        if isinstance(found, str):
            self.warnings.append(f"The stored state of {past.id} cannot be used ({found}); the picture and the prompt were sent instead.")
            return None
        return found

    def _last(self, *, before: Sequence[Item] = (), in_reply: raw.Kept | None = None, repeated: bool = False) -> Message:
        inputs = () if repeated else self.request.inputs
        return Message(items=(*before, *self._attached(inputs, self.request.references, in_reply, say=True), self.said))

    def _attached(
        self, inputs: Sequence[Picture], references: Sequence[Picture], before: raw.Kept | None, *, say: bool = False
    ) -> list[Item]:
        """Return the pictures of one message, numbered if there are several; the model's latest one is not sent again."""
        known = bool(inputs) and before is not None and before.hashes == (inputs[0].sha256,)
        pictures = [*enumerate([*inputs, *references], 1)][1 if known else 0 :]
        items: list[Item] = [LAST_PICTURE] if known and pictures else []
        numbered = bool(items) or len(pictures) > 1
        for number, picture in pictures:
            items += [f"image {number}:"] if numbered else []
            items.append(self._prepared(picture, f"image {number}", say=say))
        return items

    def _prepared(self, picture: Picture, name: str, *, say: bool = True) -> Prepared:
        from notebook_img.pictures import prepare

        sent = prepare(
            picture,
            mime_types=self.capabilities.input_mime_types,
            max_bytes=self.share,
            max_side=self.capabilities.max_input_side,
            max_pixels=self.capabilities.max_input_pixels,
        )
        if say and sent.notes:
            self.warnings.append(f"A copy of {name} was sent: {', '.join(sent.notes)}. The original is kept.")
        return sent

    def _first_input(self) -> Iterable[Item]:
        """Return the picture the session began with, for models that otherwise forget how things looked."""
        first = self.past[0].inputs[0] if self.past[0].inputs else None
        if not self.capabilities.needs_first_input or first is None or first.sha256 == _first_hash(self.request.inputs):
            return []
        return ["The picture this session began with:", self._prepared(first, "the first picture")]

    def _earlier(self, turns: Sequence[PastTurn]) -> list[Item]:
        lines: list[str] = []
        length = 0
        for number, past in reversed([*enumerate(turns, 1)]):
            prompt = " ".join(past.prompt.split())
            line = f"{number}. {prompt if len(prompt) <= PROMPT_LIMIT else prompt[:PROMPT_LIMIT] + '...'}"
            length += len(line)
            if length > EARLIER_LIMIT:
                lines.append("(and more steps before these)")
                break
            lines.append(line)
        return ["\n".join([EARLIER, *reversed(lines)])] if lines else []

    def _region(self) -> str:
        """Return the masked region in words: the API has no masks, and the studio confines the result anyway."""
        if self.request.mask is None:
            return ""
        image = self.request.mask.pil()
        found = image.getbbox()
        if found is None:
            return ""
        left, top, right, bottom = found
        across, down = (
            f"{100 * low / full:.0f}% to {100 * high / full:.0f}%"
            for low, high, full in ((left, right, image.width), (top, bottom, image.height))
        )
        return (
            f"Change only the region from {across} of the width and from {down} of the height, measured from the top left corner. "
            "Keep everything else, and the frame, exactly as it is."
        )

    def _ratio(self) -> str | None:
        """Return the ratio to ask for: with references, that of the edited picture, or the last reference's would win."""
        request = self.request
        if request.aspect_ratio or request.kind != "edit" or not request.references or not request.inputs:
            return request.aspect_ratio
        width, height = request.inputs[0].size
        for ratio in self.capabilities.aspect_ratios or ():
            wide, high = (int(number) for number in ratio.split(":"))
            if abs(width * high / (height * wide) - 1) <= 0.02:
                return ratio
        return None


def _first_hash(pictures: Sequence[Picture]) -> str | None:
    return pictures[0].sha256 if pictures else None


def _content(message: Message, part: Callable[[Item], Mapping[str, Any]] | None = None) -> dict[str, Any]:
    if message.kept is not None and message.kept.content is not None:
        return dict(message.kept.content)
    if message.text is not None:
        return {"role": "model", "parts": [{"text": message.text}]}
    return {"role": "user", "parts": [(part or _part)(item) for item in message.items]}


def _part(item: Item) -> Mapping[str, Any]:
    return {"text": item} if isinstance(item, str) else {"inline_data": {"data": item.data, "mime_type": item.mime_type}}


def _shown(item: Item) -> Mapping[str, Any]:
    """Return a part with the hash in place of the bytes, where it is known already."""
    if isinstance(item, str) or not item.sha256:
        return _part(item)
    return {"inline_data": {"data": f"sha256:{item.sha256}", "mime_type": item.mime_type}}


def _block(item: Item) -> Mapping[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    return {"type": "image", "mime_type": item.mime_type, "data": base64.b64encode(item.data).decode()}
