"""Questions about pictures: the messages of a conversation, plain answers, typed answers, boxes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, RequestRefusedError
from notebook_img.providers.interface import Reply
from notebook_img.providers.openai import answers, boxes
from notebook_img.providers.openai.completions import Completion, complete

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import PastTurn, Request
    from notebook_img.providers.openai.exchange import Exchange

Messages = list[dict[str, Any]]


async def answer_question(exchange: Exchange) -> Reply:
    """Answer `exchange.request`, whichever form of answer it wants."""
    request = exchange.request
    if request.boxes is not None:
        return await _boxes(exchange)
    if request.schema is not None:
        answers.check_schema(request.schema)
        schema, wrapped = answers.wrap(request.schema)
        wanted: Mapping[str, Any] = request.schema
        typed = await _typed(exchange, request.prompt, schema, read=lambda value: answers.fit_value(value, wanted, wrapped=wrapped))
        return _reply(exchange, typed.completions, text=typed.text, value=typed.value, value_by=typed.by)
    completion = await complete(exchange, _params(exchange, await _messages(exchange, request.prompt)), stream=True)
    if not completion.text.strip():
        why = "its limit of length was used up before the first word" if completion.cut else f"it ended with {completion.finish!r}"
        raise BadReplyError(
            f"{request.model} answered with nothing: {why}. Ask again, or allow a longer answer.",
            text=completion.thoughts,
            **exchange.facts(),
        )
    if completion.cut:
        exchange.warn(f"The answer was cut off by its length limit; {_longer(exchange)}.")
    return _reply(exchange, [completion], text=completion.text)


def _longer(exchange: Exchange) -> str:
    if exchange.endpoint.name == "vision" and exchange.settings.vision_max_tokens:
        return f"VISION_MAX_TOKENS is {exchange.settings.vision_max_tokens}, a larger value allows a longer one"
    return "ask for a shorter one, or set a larger limit at the server"


def _reply(exchange: Exchange, completions: Sequence[Completion], **values: Any) -> Reply:
    last = completions[-1]
    return Reply(
        usage=exchange.usage(),
        cost=exchange.cost(),
        free=exchange.endpoint.free,
        sent={"requests": list(exchange.sent)},
        got={"finish": last.finish, "model": last.model, "id": last.id, **({"thoughts": last.thoughts} if last.thoughts else {})},
        warnings=tuple(exchange.warnings),
        model=exchange.request.model,
        **values,
    )


def _params(exchange: Exchange, messages: Messages, **more: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"model": exchange.wire_model, "messages": messages, **more}
    if exchange.endpoint.name == "vision":
        settings = exchange.settings
        if settings.vision_temperature >= 0:
            params["temperature"] = settings.vision_temperature
        if settings.vision_max_tokens:
            params[exchange.endpoint.max_tokens_field] = settings.vision_max_tokens
    return params


async def _messages(exchange: Exchange, prompt: str) -> Messages:
    """Return the conversation so far and the new question; nothing is kept by this kind of server."""
    request = exchange.request
    messages: Messages = []
    shown: tuple[str, ...] = ()
    past = _earlier(request, exchange.settings.vision_max_history)
    orphans = _pictures_before(request, past)
    for turn in past:
        pictures = (*turn.inputs, *turn.references) or orphans
        orphans = ()
        content, shown = await _content(exchange, turn.prompt, pictures, shown)
        messages += [{"role": "user", "content": content}, {"role": "assistant", "content": turn.text}]
    pictures = (*request.inputs, *request.references) or orphans
    content, _ = await _content(exchange, prompt, pictures, shown)
    return [*messages, {"role": "user", "content": content}]


def _earlier(request: Request, most: int) -> list[PastTurn]:
    """Return the questions this one follows, oldest first, `most` of them."""
    questions: list[PastTurn] = []
    for turn in reversed(request.past):
        if turn.kind != "ask" or len(questions) == most:
            break
        questions.insert(0, turn)
    return questions


def _pictures_before(request: Request, kept: Sequence[PastTurn]) -> tuple[Picture, ...]:
    """Return the pictures of questions that are too old to be sent: what was asked about must stay in sight."""
    for turn in reversed(request.past[: len(request.past) - len(kept)]):
        if turn.kind != "ask":
            break
        if pictures := (*turn.inputs, *turn.references):
            return pictures
    return ()


async def _content(
    exchange: Exchange, text: str, pictures: Sequence[Picture], shown: tuple[str, ...]
) -> tuple[str | list[dict[str, Any]], tuple[str, ...]]:
    """Return the content of one message; pictures already in the conversation are not sent again."""
    hashes = tuple(picture.sha256 for picture in pictures)
    if not hashes or hashes == shown:
        return text, shown
    content: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, start=1):
        if len(pictures) > 1:
            content.append({"type": "text", "text": f"Image {number}{f' ({picture.name})' if picture.name else ''}:"})
        copy = await exchange.prepared(picture, most_bytes=exchange.settings.vision_max_image_size)
        content.append({"type": "image_url", "image_url": _with_detail(exchange, {"url": await exchange.data_url(copy)})})
    content.append({"type": "text", "text": text})
    return content, hashes


def _with_detail(exchange: Exchange, image: dict[str, str]) -> dict[str, str]:
    detail = exchange.request.detail
    if not detail:
        return image
    if not exchange.endpoint.detail:
        exchange.warn(f"{exchange.endpoint.title} does not understand detail; it was not sent.")
        return image
    return {**image, "detail": detail}


@dataclass(frozen=True)
class _Typed:
    value: Any
    by: str
    text: str
    completions: list[Completion]


async def _typed(exchange: Exchange, prompt: str, schema: Mapping[str, Any], *, read: Callable[[Any], Any]) -> _Typed:
    """Climb down the ladder: the service's own schema mode, its JSON mode, plain words; then one repair.

    Parameters
    ----------
    read : callable
        Makes the wanted value of JSON; ValueError says what does not fit.
    """
    takes = {"schema": exchange.endpoint.json_schema, "json": exchange.endpoint.json_object, "text": True}
    rungs = [rung for rung, taken in takes.items() if taken]
    for rung in rungs:
        asked = prompt if rung == "schema" else f"{prompt}\n\n{answers.json_instruction(schema)}"
        messages = await _messages(exchange, asked)
        form = _response_format(rung, schema)
        try:
            first = await complete(exchange, _params(exchange, messages, **form), stream=False)
            break
        except RequestRefusedError as error:
            if rung == "text" or not _about_form(error):
                raise
            exchange.warn(f"{exchange.endpoint.title} does not take {_FORMS[rung]} ({error.status}); JSON was asked for in another way.")
    completions = [first]
    _uncut(exchange, first)
    try:
        value, bare = answers.read_json(first.text)
        return _Typed(read(value), rung if bare else "text", first.text, completions)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    repair = [{"role": "assistant", "content": first.text}, {"role": "user", "content": answers.repair_instruction(problem)}]
    second = await complete(exchange, _params(exchange, [*messages, *repair], **form), stream=False)
    completions.append(second)
    _uncut(exchange, second)
    try:
        return _Typed(read(answers.read_json(second.text)[0]), "repair", second.text, completions)
    except (ValueError, RecursionError) as error:
        raise BadReplyError(
            f"The answer of {exchange.request.model} does not fit what was asked for, not even after one repair: {error}. "
            f"It said: {second.text[:160]}{' ...' if len(second.text) > 160 else ''}",
            text=second.text,
            **exchange.facts(),
        ) from None


_FORMS = {"schema": "a JSON schema", "json": "JSON mode"}


def _response_format(rung: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if rung == "schema":
        closed = answers.strict(schema)
        named = {"name": "answer", "schema": closed or dict(schema), "strict": closed is not None}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {"response_format": {"type": "json_object"}} if rung == "json" else {}


def _about_form(error: RequestRefusedError) -> bool:
    said = re.search(r"response_format|json_schema|json_object|json mode|structured|grammar|schema", str(error), re.IGNORECASE)
    return error.status in {400, 415, 422, 500, 501} and bool(said)


def _uncut(exchange: Exchange, completion: Completion) -> None:
    if completion.cut:
        raise BadReplyError(
            f"The answer of {exchange.request.model} was cut off by its length limit, so it is incomplete; {_longer(exchange)}.",
            text=completion.text,
            **exchange.facts(),
        )


async def _boxes(exchange: Exchange) -> Reply:
    request = exchange.request
    picture = (*request.inputs, *request.references)[0]
    copy = await exchange.prepared(picture, most_bytes=exchange.settings.vision_max_image_size)
    size, sent = (picture.width, picture.height), (copy.width, copy.height)
    what = request.boxes or ""
    convention = boxes.convention_of(request.model)
    words = boxes.instruction(what, convention, sent)
    prompt = f"{request.prompt}\n\n{words}" if request.prompt.strip() and request.prompt.strip() != what.strip() else words
    schema, _ = answers.wrap(boxes.schema(convention))
    typed = await _typed(
        exchange,
        prompt,
        schema,
        read=lambda value: boxes.read_boxes(value, convention, size=size, sent=sent, what=what),
    )
    found, notes = typed.value
    for note in notes:
        exchange.warn(note)
    value = [box.to_dict() for box in found]
    return _reply(exchange, typed.completions, text=typed.text, boxes=found, value=value, value_by=typed.by)
