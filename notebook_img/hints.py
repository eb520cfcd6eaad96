"""What to do next, as data: the core says what happened, and each surface says in its own words what to do.

The core cannot know who reads an error: a cell has magics, a shell has options, an agent has tools, the panel has buttons. So it
names none of them. It adds a `Hint`, and every surface has a table with its own wording of each. The table here is Python's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol


class Hint:
    """Something that helps, such as ``Hint("create-session", name="fox")``.

    Parameters
    ----------
    key : str
        A key of `IN_PYTHON`.
    **values : object
        What the wordings of that key name.
    """

    # No dataclass: everything imports errors, hence this, and `dataclasses` would add a tenth to the start of every command.
    __slots__ = ("key", "values")

    def __init__(self, key: str, **values: Any) -> None:
        self.key = key
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hint) and (self.key, self.values) == (other.key, other.values)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Hint({', '.join([repr(self.key), *(f'{name}={value!r}' for name, value in self.values.items())])})"


class Worded(Protocol):
    """What a person reads: an error of this package, or a line of a report."""

    @property
    def sentence(self) -> str:
        """What happened, and why; the same for every reader."""

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What can be done about it."""


IN_PYTHON: Mapping[str, str] = {
    "add-reference": "Add another one with references=['FILE'].",
    "ask-for-table": "Ask with table='year int, sales float', or with a schema.",
    "batch-budget": "Add budget={budget} to the call.",
    "choose-model": "Choose another model with model='provider:model'.",
    "confine": "With confine=False it is taken as it is.",
    "create-session": "ni.session({name!r}) creates it.",
    "earlier-turns": "tree({turn!r}) draws the history up to {turn}.",
    "example-ask": "For example: ni.ask({text!r}, {image!r})",
    "example-compare": "For example: ni.ask('what is different?', ['one.jpg', 'two.jpg'])",
    "example-edit": "For example: ni.edit({text!r}, {image!r})",
    "example-generate": "For example: ni.generate({text!r})",
    "force": "Choose another name, or pass force=True.",
    "hand-over": "",
    "help-ask": "",
    "help-edit": "",
    "help-generate": "",
    "install": "Run pip install {package}",
    "keep-key": "Run notebook-img keys set {name} in a terminal to set a key.",
    "leave-out": "Leave it out, or choose another model with model='provider:model'.",
    "list-batches": "ni.batches() lists them.",
    "list-models": "ni.models() lists the known models.",
    "list-operations": "",
    "mask-reading": "Choose with mask_reading='painted' or mask_reading='transparent' (as_mask: reading).",
    "name-items": "Name them: ni.batch.edit('make it night', FILES).",
    "new-session": "Open or create one with ni.session('NAME').",
    "open-session": "ni.session({name!r}) opens it.",
    "pick": "Choose one with pick=2, or name {turn}.2 as the image.",
    "raise-batch-budget": "Call again with a higher budget.",
    "raise-budget": "Raise NOTEBOOK_IMG_BUDGET or the setting budget (US dollars a day), or continue tomorrow.",
    "rebuild": "Run notebook-img doctor --rebuild in a terminal.",
    "repair": "Run notebook-img doctor --repair in a terminal.",
    "replace-key": "Set another key in {variable}, or run notebook-img keys set {name} in a terminal.",
    "resume-batch": "Batch.resume() goes on.",
    "resume-job": "Studio.resume({job!r}) fetches its pictures later.",
    "retry-batch": "Batch.retry() sends what was surely not billed again.",
    "set-key": "Set {variable}, or run notebook-img keys set {name} in a terminal{page}.",
    "show-traceback": "The cause above has the details for a bug report.",
    "show-turn": "ni.session({session!r}).turn({id!r}).picture shows it.",
    "show-turns": "ni.session({session!r}).turns lists its turns.",
    "use-model": "Name one with model={model!r}.",
    "verify": "Run notebook-img doctor --verify in a terminal; it looks for whole copies.",
}
"""What helps, for people who call the package from Python. Empty: nothing of that kind helps there."""


def worded(said: Worded, wording: Mapping[str, str] = IN_PYTHON) -> str:
    """Return a sentence with its hints in the words of a surface.

    Parameters
    ----------
    said : Worded
        An error, or a line of a report.
    wording : mapping
        A surface's wording of each key.
    """
    # Showing an error must not fail, whatever hint a provider of somebody else's has made.
    hints = (wording.get(hint.key, "").format_map(defaultdict(str, hint.values)) for hint in said.hints)
    return " ".join(part for part in (said.sentence, *hints) if part)
