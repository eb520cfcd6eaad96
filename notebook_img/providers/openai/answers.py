"""Typed answers: from the words of a model to a value that fits a JSON schema.

The ladder itself (which form is asked for, what happens when it fails) is in questions.py; here is what every rung needs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_MISSES = 200
"""Brackets that open no JSON after which the search ends: an answer of nothing but brackets must not take for ever."""
WRAPPED = "answer"
"""Property that carries a value which is not an object: services hold models to objects only."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `UsageError` if `schema` is not a JSON schema, or cannot be written as JSON."""
    try:
        json.dumps(schema)
    except (TypeError, ValueError) as error:
        msg = f"The schema cannot be expressed as JSON: {error}."
        raise UsageError(msg) from error
    for node in _nodes(schema):
        if "$ref" in node and not _resolves(str(node["$ref"]), schema):
            msg = f"The schema refers to {node['$ref']!r}, which it does not hold; put it under $defs."
            raise UsageError(msg)
    try:
        from jsonschema import validators
        from jsonschema.exceptions import SchemaError
    except ImportError:
        return
    try:
        validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        msg = f"The schema is not a valid JSON schema: {error.message} (at {'/'.join(map(str, error.absolute_path)) or 'its root'})."
        raise UsageError(msg) from error


def _resolves(reference: str, schema: Mapping[str, Any]) -> bool:
    if not reference.startswith("#"):
        return False
    place: Any = schema
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            return False
        place = place[name]
    return True


def wrap(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return a schema whose root is an object, and whether the value had to be wrapped for it."""
    if schema.get("type") == "object" or ("$ref" not in schema and "properties" in schema):
        return dict(schema), False
    inner = {name: value for name, value in schema.items() if name not in {"$defs", "definitions", "$schema"}}
    outer = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    return {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED], "additionalProperties": False, **outer}, True


def strict(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `schema` as OpenAI's strict mode wants it, or None if that would change its meaning.

    Strict mode wants every object closed and all its properties required (developers.openai.com, structured outputs).
    """
    closed = json.loads(json.dumps(schema))
    for node in _nodes(closed):
        if node.get("type") == "object" or "properties" in node:
            if set(node.get("properties", {})) != set(node.get("required", ())) or node.get("additionalProperties", False) is not False:
                return None
            node["additionalProperties"] = False
        if {"allOf", "oneOf", "not", "if", "patternProperties", "prefixItems"} & set(node):
            return None
    return closed  # type: ignore[no-any-return]


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema inside `schema`, itself included; names of properties are not schemas."""
    if not isinstance(schema, dict):
        return
    yield schema
    for word in ("properties", "$defs", "definitions"):
        children = schema.get(word)
        if isinstance(children, dict):
            for child in children.values():
                yield from _nodes(child)
    for word in ("items", "additionalProperties"):
        yield from _nodes(schema.get(word))
    for word in ("anyOf", "allOf", "oneOf"):
        for child in schema.get(word) or ():
            yield from _nodes(child)


def read_json(text: str) -> tuple[Any, bool]:
    """Return the JSON value in `text`, and whether the text was nothing but that value.

    Raises
    ------
    ValueError
        There is none.
    """
    bare = text.strip()
    try:
        return json.loads(bare), True
    except (ValueError, RecursionError):
        pass
    for candidate in _candidates(bare):
        try:
            return json.loads(candidate), False
        except (ValueError, RecursionError):
            continue
    msg = "there is no JSON in the answer"
    raise ValueError(msg)


def _candidates(text: str) -> Iterator[str]:
    """Yield the places where models hide JSON, the likeliest first."""
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL).strip()
    text = re.sub(r"<\|(begin|end)_of_box\|>", "", text)  # GLM puts its answers between these
    yield text
    for fenced in re.findall(r"```[a-zA-Z0-9]*\s*\n?(.*?)```", text, re.DOTALL):
        yield fenced.strip()
        yield _mended(fenced.strip())
    decoder = json.JSONDecoder()
    found: list[str] = []
    position = 0
    misses = 0
    while (start := _next_bracket(text, position)) >= 0 and misses < MOST_MISSES:
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position, misses = start + 1, misses + 1
        else:
            found.append(text[start:end])
            position = end
    yield from sorted(found, key=len, reverse=True)
    start, end = _next_bracket(text, 0), max(text.rfind("}"), text.rfind("]"))
    if 0 <= start < end:
        yield _mended(text[start : end + 1])


def _next_bracket(text: str, position: int) -> int:
    places = [place for place in (text.find("{", position), text.find("[", position)) if place >= 0]
    return min(places, default=-1)


def _mended(text: str) -> str:
    """Mend what models get wrong most: commas before a closing bracket, Python's words, comments at the end of a line."""
    text = re.sub(r"(?m)(?<=[\s,\[{\]}\"\d])//[^\n\"]*$", "", text)
    text = re.sub(r",(\s*[}\]])", r"\1", text)
    return re.sub(r"(?<=[:\[,\s])(None|True|False)(?=\s*[,}\]])", lambda found: _WORDS[found[1]], text)


_WORDS = {"None": "null", "True": "true", "False": "false"}


def lenient(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` as an answer is judged: with more fields than asked for, and without those that may be null, it still holds.

    An answer is not asked for, and paid for, a second time because of its outer form; who stores it puts that right and says so.
    """
    open_schema = json.loads(json.dumps(schema))
    for node in _nodes(open_schema):
        if node.get("additionalProperties") is False:
            del node["additionalProperties"]
        if isinstance(properties := node.get("properties"), dict) and "required" in node:
            node["required"] = [name for name in node["required"] if not _may_be_null(properties.get(name))]
    return open_schema  # type: ignore[no-any-return]


def _may_be_null(schema: Any) -> bool:
    return isinstance(schema, dict) and ("null" in (schema.get("type") or ()) or any(map(_may_be_null, schema.get("anyOf") or ())))


def fit_value(value: Any, schema: Mapping[str, Any], *, wrapped: bool) -> Any:
    """Return `value` (unwrapped) if it fits `schema`, or does but for its outer form (`lenient`).

    Raises
    ------
    ValueError
        With the first thing that does not fit.
    """
    schema = lenient(schema)
    tries = [value]
    if (inner := bare_list(value, schema)) is not None and not problem_of(inner, schema):
        return value
    if wrapped and isinstance(value, dict):
        if WRAPPED in value:
            tries.insert(0, value[WRAPPED])
        if len(value) == 1:  # {"rows": [...]} where [...] was asked for
            tries.append(next(iter(value.values())))
    elif isinstance(value, list) and len(value) == 1 and schema.get("type") == "object":
        tries.append(value[0])
    problem = ""
    for candidate in tries:
        wrong = problem_of(candidate, schema)
        if not wrong:
            return candidate
        problem = problem or wrong
    raise ValueError(problem)


def bare_list(value: Any, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return ``{"items": [...]}`` where that was asked for and ``[...]`` or ``{"rows": [...]}`` came; None for anything else."""
    names = list(schema.get("properties", {}))
    if isinstance(value, dict) and len(value) == 1 and names and names[0] not in value:
        value = next(iter(value.values()))
    return {names[0]: value} if isinstance(value, list) and len(names) == 1 else None


def problem_of(value: Any, schema: Mapping[str, Any]) -> str:
    """Return what about `value` does not fit `schema`, or an empty string."""
    try:
        from jsonschema import validators
    except ImportError:
        return _simple_problem(value, schema, "the answer")
    validator = validators.validator_for(schema, default=validators.Draft202012Validator)(schema)
    first = next(iter(sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))), None)
    if first is None:
        return ""
    place = ".".join(map(str, first.absolute_path))
    return f"{f'{place}: ' if place else ''}{first.message}"[:300]


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _simple_problem(value: Any, schema: Mapping[str, Any], place: str) -> str:
    """Check type, properties and items: what remains where jsonschema is not installed."""
    kinds = schema.get("type")
    names = [kinds] if isinstance(kinds, str) else list(kinds or ())
    if names and not any(_is_a(name, value) for name in names):
        return f"{place} is not of type {' or '.join(names)}"
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                return f"{place} has no {name!r}"
        for name, part in schema.get("properties", {}).items():
            if name in value and (wrong := _simple_problem(value[name], part, f"{place}.{name}")):
                return wrong
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, item in enumerate(value):
            if wrong := _simple_problem(item, schema["items"], f"{place}[{number}]"):
                return wrong
    return ""


def _is_a(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(name, object))


def json_instruction(schema: Mapping[str, Any]) -> str:
    """Return the words that ask for JSON fitting `schema` where the service cannot be told."""
    return "Answer with JSON only, no other words and no code fence. It has to fit this JSON schema:\n" + json.dumps(
        schema, ensure_ascii=False, separators=(",", ":")
    )


def repair_instruction(problem: str) -> str:
    """Return the words that ask once more after an answer that does not fit."""
    return f"That cannot be used: {problem}. Answer again with the corrected JSON only."
