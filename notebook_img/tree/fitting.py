"""Answers that are what was asked for in all but their outer form: they are taken and the oddity is said, and nothing is asked twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fitting:
    """What is done to one answer so that it has the form of its schema.

    Attributes
    ----------
    schema : mapping
        JSON schema with an object at its root.
    keeps_extra : bool
        Whether fields that were not asked for stay (a table may have more columns) or are left out (a closed schema takes none).
    notes : list of str
        What was odd, each once.
    """

    schema: Mapping[str, Any]
    keeps_extra: bool
    notes: list[str] = field(default_factory=list)

    def fitted(self, value: Any) -> Any:
        """Return the answer with its root, its gaps and its fields as the schema has them."""
        lists = [name for name, part in self.schema.get("properties", {}).items() if self._resolved(part).get("type") == "array"]
        if len(lists) == 1 and len(self.schema["properties"]) == 1 and isinstance(value, list | Mapping) and lists[0] not in value:
            inner = next(iter(value.values())) if isinstance(value, Mapping) and len(value) == 1 else value
            if isinstance(inner, list):
                self._note(f"The list came without {lists[0]!r} around it; it is taken as it is.")
                value = {lists[0]: inner}
        return self._walked(value, self.schema)

    def _walked(self, value: Any, schema: Mapping[str, Any]) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
            return [self._walked(item, schema["items"]) for item in value]
        properties = schema.get("properties")
        if not isinstance(value, Mapping) or not isinstance(properties, Mapping):
            return value
        gaps = [name for name in schema.get("required", ()) if name not in value and self._may_be_null(properties.get(name, {}))]
        found = {name: self._walked(part, properties.get(name, {})) for name, part in value.items()} | dict.fromkeys(gaps)
        extra = [name for name in value if name not in properties] if schema.get("additionalProperties") is False else []
        for name in extra:
            if self.keeps_extra:
                self._note(f"The answer has a column {name!r} that was not asked for.")
            else:
                self._note(f"The answer had a field {name!r} that the schema does not allow; it was left out.")
                del found[name]
        return found

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        place: Any = schema
        for _ in range(20):  # a schema may refer to itself
            if "$ref" not in place:
                return place  # type: ignore[no-any-return]
            steps, place = str(place["$ref"]).split("/")[1:], self.schema
            for step in steps:
                place = place.get(step, {})
        return {}

    def _may_be_null(self, schema: Mapping[str, Any]) -> bool:
        schema = self._resolved(schema)
        kinds = schema.get("type", ())
        return "null" in ([kinds] if isinstance(kinds, str) else kinds) or any(map(self._may_be_null, schema.get("anyOf", ())))

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
