"""What is wrong with a tool's arguments, in a sentence a model can act on: a name that is not known, a value of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

KINDS: Mapping[str, tuple[str, str]] = {
    "string": ("text", '"night.png"'),
    "integer": ("a whole number", "3"),
    "number": ("a number", "0.5"),
    "boolean": ("true or false", "true"),
    "array": ("a list", "[0, 0, 100, 100]"),
    "list of text": ("a list", '["cat.png", "fox/t3"]'),
    "object": ("an object", "{}"),
}
"""By the type in a schema: what it is called, and an example."""


def unknown(tool: str, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what to say of arguments a tool does not have, empty where it has them all.

    They are not passed over: the question that was meant would be lost, and another one paid for. Some clients send a filler to tools
    that take none.
    """
    known = schema.get("properties", {})
    strange = [name for name in arguments if name not in known]
    if not strange or not known:
        return ""
    name = strange[0]
    return f"{tool} has no argument {name[:60]!r}.{did_you_mean(name, known)} It takes {', '.join(known)}."


def explained(tool: str, error: ValidationError, schema: Mapping[str, Any]) -> str:
    """Return what to say of arguments that do not fit a tool's schema: a sentence each, with an example."""
    properties = schema.get("properties", {})
    said = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=True):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        facts = _plain(properties.get(name, {}))
        if fault["type"] == "missing":
            said[name] = f"{tool} needs {name}: {facts.get('description', 'a value')}."
        else:
            said.setdefault(name, f"{name} is {_wanted(facts, fault['input'])}, not {_given(fault['input'])}.")
    return " ".join(said.values())


def left_out(error: ValidationError) -> set[str]:
    """Return the names of the arguments a tool needs and was not given."""
    return {str(fault["loc"][0]) for fault in error.errors(include_url=False) if fault["type"] == "missing" and fault["loc"]}


def _plain(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts of the type that is wanted, where a value may also be left out."""
    kinds = [kind for kind in facts.get("anyOf", ()) if kind.get("type") != "null"]
    return {**facts, **kinds[0]} if kinds else facts


def _wanted(facts: Mapping[str, Any], given: Any) -> str:
    form = str(facts.get("type"))
    if form == "array" and facts.get("items", {}).get("type") == "string":
        form = "list of text"
    kind, example = KINDS.get(form, ("another value", ""))
    if form == "string" and not isinstance(given, str):
        return f"{kind} ({facts['description']})" if "description" in facts else kind
    low, high = facts.get("minimum"), facts.get("maximum")
    if low is not None and high is not None:
        kind, example = f"{kind} from {low:g} to {high:g}", f"{facts.get('default') or low:g}"
    elif facts.get("maxLength"):
        kind += f" of {'1 to' if facts.get('minLength') else 'at most'} {facts['maxLength']:,} characters"
    return f"{kind}, such as {example}" if example else kind


def _given(value: Any) -> str:
    if isinstance(value, str):
        return f"text of {len(value):,} characters" if len(value) > 60 else f"the text {value!r}"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list" if len(value) > 6 else f"the list {str(value)[:60]}"
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]
