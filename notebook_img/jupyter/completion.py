"""Tab completion in the magics' lines: options, models, sessions, ids, image files, what the built-in engine can do.

Imports no SDK, makes no session; the store is asked only where sessions or ids are completed.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion

from notebook_img.studio import Completions, Prose, image_files, starting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from notebook_img.jupyter.kernel import NotebookKernel
    from notebook_img.options import Command

PROMPT_MAGICS: dict[str, Command] = {"imggen": "generate", "imgedit": "edit", "askimage": "ask", "imgask": "ask"}
LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(imggen|imgedit|askimage|imgask|imgsession|imgmcp|img)(\s.*)$", re.DOTALL)
OPEN_QUOTE = re.compile(r"""(?<=[\s=])(["'])((?:(?!\1).)*)$""", re.DOTALL)
"""A quotation mark that begins a word and is not closed yet; the one in "it's" does not count."""
TAKES_TURN = {"show", "checkout", "delete"}
TAKES_SESSION = {"use", "delete", "cost", "tree"}
MOST = 200


class Completion:
    """A matcher for IPython's completer (its version 2 protocol)."""

    matcher_api_version = 2
    matcher_identifier = "notebook_img"
    matcher_priority = 200.0

    def __init__(self, kernel: NotebookKernel) -> None:
        self.kernel = kernel
        # IPython reads a matcher's name as functions have it, also where it has an identifier (9.18, _get_matcher_id).
        self.__qualname__ = self.matcher_identifier

    def __call__(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return the completions at the cursor; other matchers are suppressed inside our lines."""
        nothing: SimpleMatcherResult = {"completions": [], "suppress": False}
        match = LINE.match(context.text_until_cursor)
        if match is None:
            return nothing
        before = match[2]
        opened = OPEN_QUOTE.search(before)
        quote, last = (opened[1], opened[2]) if opened else ("", re.split(r"\s", before)[-1])
        words = before[: len(before) - len(last) - len(quote)].split()
        if not quote and last.startswith("-") and "=" in last:
            flag, _, last = last.partition("=")
            words.append(flag)
        try:
            found = list(dict.fromkeys(self._candidates(match[1], words, last)))[:MOST]
        except Exception:  # a completer that raises prints a traceback over the line that is being typed
            return nothing
        # IPython's own idea of a token ends at characters such as ":" and "="; ours is the whole word.
        completions = [SimpleCompletion(text=_quoted(text, quote), type="magic") for text in found]
        return {"completions": completions, "suppress": True, "matched_fragment": quote + last, "ordered": True} if found else nothing

    def _candidates(self, magic: str, words: list[str], last: str) -> Iterable[str]:
        if magic == "imgsession":
            return self._session_words(words, last)
        if magic == "imgmcp":
            server = import_module("notebook_img.mcp")  # surfaces do not import each other
            return starting(server.CLIENTS if words == ["config"] else () if words else server.COMMANDS, last)
        if magic == "img":
            return self._front_words(words, last)
        return self._names.prompt_words(PROMPT_MAGICS[magic], words, last)

    def _front_words(self, words: list[str], last: str) -> Iterable[str]:
        from notebook_img import providers
        from notebook_img.jupyter.commands.front import COMMANDS

        if not words:
            return starting(COMMANDS, last)
        if words[0] == "key":
            services = [each.name for each in providers.key_services(self.kernel.studio.settings)] if len(words) == 1 else []
            return starting(services or ("--forget",), last)
        return starting(("--online",), last) if words == ["doctor"] else ()

    def _session_words(self, words: list[str], last: str) -> Iterable[str]:
        from notebook_img.jupyter.commands.session import COMMANDS
        from notebook_img.tree import HISTORIES

        if not words:
            return [*starting(COMMANDS, last), *starting(self._names.sessions(), last)]
        command = words[0]
        found: list[str] = []
        if command in TAKES_TURN:
            found += starting(self._names.ids(last, picks=command == "show", questions=command != "checkout"), last)
        if command in TAKES_SESSION and len(words) == 1:
            found += starting(self._names.sessions(), last)
        if command == "delete" and len(words) == 2:
            found = starting(("--yes",), last)
        if command == "history" and len(words) == 1:
            found += starting(HISTORIES, last)
        if command == "resume" and len(words) == 1:
            found += starting((job.id for job in self.kernel.studio.waiting_jobs()), last)
        if command == "pack":
            found += starting(("--all", "--force"), last)
        if command in ("export", "import", "pack") and len(words) == 1:
            found += image_files(last, suffixes={".zip", ".py"} if command == "export" else {".zip"})
        return found

    @property
    def _names(self) -> Completions:
        """What this notebook's lines can go on with."""
        variables = self.kernel.shell.user_ns
        return Completions(
            self.kernel.studio,
            notebook=True,
            images=lambda: [name for name, value in variables.items() if not name.startswith("_") and _holds_image(value)],
            schemas=lambda: [name for name, value in variables.items() if _is_schema(name, value)],
        )


def _quoted(text: str, quote: str) -> str:
    """Return a word as it is written on a line: in quotes when it has blanks; a folder's stay open."""
    if isinstance(text, Prose) or (not quote and not any(letter.isspace() for letter in text)):
        return text
    mark = quote or '"'
    return f"{mark}{text}" + ("" if text.endswith("/") else mark)


def _holds_image(value: Any) -> bool:
    from notebook_img.pictures import is_picture_like

    return is_picture_like(value)


def _is_schema(name: str, value: Any) -> bool:
    """Return whether a variable of the notebook may be the form of an answer: a class with fields, or a JSON schema."""
    if name.startswith("_"):
        return False
    return (isinstance(value, type) and bool(getattr(value, "__annotations__", None))) or (isinstance(value, dict) and "type" in value)
