"""What helps, in the panel's words, and as buttons that do it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.hints import Worded

IN_PANELS: Mapping[str, str] = {
    "add-reference": "Add one as a reference.",
    "ask-for-table": "",
    "batch-budget": "",
    "choose-model": "Choose another model.",
    "confine": "",
    "create-session": "Create it, or choose another one above.",
    "earlier-turns": "",
    "example-ask": "For example: {text}",
    "example-compare": "",
    "example-edit": "For example: {text}",
    "example-generate": "For example: {text}",
    "force": "Choose another name.",
    "hand-over": "",
    "help-ask": "",
    "help-edit": "",
    "help-generate": "",
    "install": "Run pip install {package} in a terminal, and restart the kernel.",
    "keep-key": "Set a key.",
    "leave-out": "Leave it out, or choose another model.",
    "list-batches": "The gallery lists them.",
    "list-models": "The choice of models has the known ones.",
    "list-operations": "",
    "mask-reading": "",
    "name-items": "",
    "new-session": "Choose another one above, or make a new one.",
    "open-session": "Open it.",
    "pick": "Choose one of them in the history.",
    "raise-batch-budget": "Run its cell again with a higher budget.",
    "raise-budget": "Raise it with NOTEBOOK_IMG_BUDGET (US dollars a day), or continue tomorrow.",
    "rebuild": "Run notebook-img doctor --rebuild in a terminal.",
    "repair": "Run notebook-img doctor in a terminal.",
    "replace-key": "Set another key, here or as {variable}.",
    "resume-batch": "Go on, in the gallery, does what waits.",
    "resume-job": "Its pictures can be fetched later.",
    "retry-batch": "Send again, in the gallery, sends what was surely not billed.",
    "set-key": "Set a key, here or as {variable}{page}.",
    "show-traceback": "The kernel's log has the details.",
    "show-turn": "The history shows it.",
    "show-turns": "The history shows its turns.",
    "use-model": "Choose another model, such as {model}.",
    "verify": "notebook-img doctor --verify in a terminal looks for whole copies.",
}

REMEDIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "add-reference": ("Add a reference", "reference", ()),
    "choose-model": ("Choose a model", "models", ()),
    "create-session": ("Create {name}", "session", ("name",)),
    "example-ask": ("Try “{text}”", "prompt", ("text",)),
    "example-edit": ("Try “{text}”", "prompt", ("text",)),
    "example-generate": ("Try “{text}”", "prompt", ("text",)),
    "keep-key": ("Set a key", "key", ("name",)),
    "leave-out": ("Choose a model", "models", ()),
    "list-models": ("Choose a model", "models", ()),
    "new-session": ("New session", "new-session", ()),
    "open-session": ("Open {name}", "session", ("name",)),
    "replace-key": ("Set another key", "key", ("name",)),
    "resume-job": ("Fetch its pictures", "resume", ("job",)),
    "set-key": ("Set a key", "key", ("name",)),
    "use-model": ("Use {model}", "model", ("model",)),
}
"""What can be clicked: the words on the button, what it does (front/panel.js), and the values of the hint that this needs."""


def remedies(said: Worded) -> list[dict[str, Any]]:
    """Return what can be done about an error as buttons."""
    found: list[dict[str, Any]] = []
    for hint in said.hints:
        if hint.key in REMEDIES:
            words, does, needed = REMEDIES[hint.key]
            remedy = {
                "words": words.format_map(defaultdict(str, hint.values)),
                "do": does,
                **{name: hint.values.get(name, "") for name in needed},
            }
            if remedy not in found:
                found.append(remedy)
    return found
