"""What helps, in the panel's words: its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_PANELS: Mapping[str, str] = {
    "add-reference": "Add one with the button Reference.",
    "ask-for-table": "",
    "choose-model": "Choose another model under Model.",
    "confine": "",
    "create-session": "Type its name under New session to create it.",
    "earlier-turns": "",
    "example-ask": "For example: {text}",
    "example-compare": "",
    "example-edit": "For example: {text}",
    "example-generate": "For example: {text}",
    "force": "Choose another name.",
    "help-ask": "",
    "help-edit": "",
    "help-generate": "",
    "install": "Run pip install {package} in a terminal, and restart the kernel.",
    "keep-key": "Run notebook-img keys set {name} in a terminal to set a key.",
    "leave-out": "Leave it out, or choose another model under Model.",
    "list-models": "The choice under Model has the known ones.",
    "list-operations": "",
    "new-session": "Choose another one above, or type a new name.",
    "open-session": "Choose {name} above to open it.",
    "pick": "Choose one of them in the history.",
    "raise-budget": "Raise it with NOTEBOOK_IMG_BUDGET (US dollars a day), or continue tomorrow.",
    "rebuild": "Run notebook-img doctor --rebuild in a terminal.",
    "repair": "Run notebook-img doctor in a terminal.",
    "replace-key": "Set another key as {variable}, or run notebook-img keys set {name} in a terminal.",
    "resume-job": "Run notebook-img resume {job} in a terminal to fetch its pictures later.",
    "set-key": "Set {variable}, or run notebook-img keys set {name} in a terminal{page}.",
    "show-traceback": "The kernel's log has the details.",
    "show-turn": "The history shows it.",
    "show-turns": "The history shows its turns.",
    "use-model": "Choose one under Model, such as {model}.",
    "verify": "notebook-img doctor --verify in a terminal looks for whole copies.",
}
