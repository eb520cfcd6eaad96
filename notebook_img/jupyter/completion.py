"""Tab completion in the magics' lines: options, models, sessions, ids, image files, what the built-in engine can do.

Imports no SDK, makes no session; the store is asked only where sessions or ids are completed.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from notebook_img.jupyter.kernel import NotebookKernel
    from notebook_img.options import Command, Option
    from notebook_img.providers.interface import Capabilities, Provider
    from notebook_img.records import SessionRecord

PROMPT_MAGICS: dict[str, Command] = {"imggen": "generate", "imgedit": "edit", "askimage": "ask", "imgask": "ask"}
LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(imggen|imgedit|askimage|imgask|imgsession|imgmcp|img)(\s.*)$", re.DOTALL)
OPEN_QUOTE = re.compile(r"""(?<=[\s=])(["'])((?:(?!\1).)*)$""", re.DOTALL)
"""A quotation mark that begins a word and is not closed yet; the one in "it's" does not count."""
TAKES_TURN = {"show", "checkout", "delete"}
TAKES_SESSION = {"use", "delete", "cost", "tree"}
RATIOS = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4")
SIZES = ("512", "1K", "2K", "4K")
PIXEL_SIZES = ("512x512", "1024x1024", "1024x768", "1920x1080")
"""Offered where a model takes any."""
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
            return _starting(server.CLIENTS if words == ["config"] else () if words else server.COMMANDS, last)
        if magic == "img":
            return self._front_words(words, last)
        return self._prompt_words(PROMPT_MAGICS[magic], words, last)

    def _front_words(self, words: list[str], last: str) -> Iterable[str]:
        from notebook_img import providers
        from notebook_img.jupyter.commands.front import COMMANDS

        if not words:
            return _starting(COMMANDS, last)
        if words[0] == "key":
            services = [each.name for each in providers.key_services(self.kernel.studio.settings)] if len(words) == 1 else []
            return _starting(services or ("--forget",), last)
        return _starting(("--online",), last) if words == ["doctor"] else ()

    def _session_words(self, words: list[str], last: str) -> Iterable[str]:
        from notebook_img.jupyter.commands.session import COMMANDS
        from notebook_img.tree import HISTORIES

        if not words:
            return [*_starting(COMMANDS, last), *_starting(self._sessions(), last)]
        command = words[0]
        found: list[str] = []
        if command in TAKES_TURN:
            found += _starting(self._ids(last, picks=command == "show", questions=command != "checkout"), last)
        if command in TAKES_SESSION and len(words) == 1:
            found += _starting(self._sessions(), last)
        if command == "delete" and len(words) == 2:
            found = _starting(("--yes",), last)
        if command == "history" and len(words) == 1:
            found += _starting(HISTORIES, last)
        if command == "resume" and len(words) == 1:
            found += _starting((job.id for job in self.kernel.studio.waiting_jobs()), last)
        if command in ("export", "import", "pack") and len(words) == 1:
            found += _files(last, suffixes={".zip", ".py"} if command == "export" else {".zip"})
        return found

    def _prompt_words(self, command: Command, words: list[str], last: str) -> Iterable[str]:
        from notebook_img.options import table_for
        from notebook_img.providers import own_options

        table = table_for(command, own_options(self.kernel.studio.settings))
        if last.startswith("-"):
            return self._flags(command, words, last, table)
        option = table.get(words[-1]) if words else None
        if option is not None and option.takes != "flag":
            found = list(self._values(option, command, words, last))
            if found or option.takes != "optional":
                return found
        found = [*_starting((f"sample:{name}" for name in _samples()), last), *_files(last)]
        if re.fullmatch(r"(\S+/)?t\d*(\.\d*)?", last):
            found += _starting(self._ids(last, words=words), last)
        if command == "edit" and last.isalpha() and self._model(command, words)[0].name == "local":
            from notebook_img.providers.local import operation_names

            found += [_Prose(name) for name in _starting(operation_names(), last)]
        return found

    def _flags(self, command: Command, words: list[str], last: str, table: dict[str, Option]) -> list[str]:
        """Return options by their long form, those only other services have last."""
        found = _starting(sorted(flag for flag in table if flag.startswith("--")), last)
        takes = {own.name for own in self._able(command, words).options}
        return sorted(found, key=lambda flag: table[flag].own and table[flag].name not in takes)

    def _values(self, option: Option, command: Command, words: list[str], last: str) -> Iterable[str]:
        if option.name == "model":
            rows = [row["name"] for row in self.kernel.studio.models()]
            return _starting([*dict.fromkeys(name.split(":")[0] for name in rows), *rows], last)
        if option.name == "session":
            return _starting(self._sessions(), last)
        if option.name == "start":
            return _starting(self._ids(last, words=words), last)
        if option.name in ("aspect_ratio", "outpaint"):
            known = self._able(command, words).aspect_ratios if option.name == "aspect_ratio" else None
            return _starting(RATIOS if known is None else known, last)
        if option.name == "size":
            able = self._able(command, words)
            return _starting([*(SIZES if able.sizes is None else able.sizes), *(PIXEL_SIZES if able.pixel_sizes else ())], last)
        if option.name == "history":
            return _starting(self._able(command, words).history, last)
        if option.name == "pick":
            return _starting((found.rpartition(".")[2] for found in self._head_pictures(words)), last)
        if option.own:
            own = next((own for own in self._able(command, words).options if own.name == option.name), None)
            return _starting([str(choice) for choice in (own.choices if own and own.choices else option.choices)], last)
        if option.choices:
            return _starting([str(choice) for choice in option.choices], last)
        if option.name in ("images", "references", "mask"):
            names = [name for name, value in self.kernel.shell.user_ns.items() if not name.startswith("_") and _holds_image(value)]
            samples = (f"sample:{name}" for name in _samples())
            return [*_starting(samples, last), *_starting(names, last), *_files(last), *_starting(self._ids(last, words=words), last)]
        if option.name == "schema":
            return _starting((name for name, value in self.kernel.shell.user_ns.items() if _is_schema(name, value)), last)
        return _files(last) if option.name == "output" else ()

    # What the line is about

    def _session(self, words: Iterable[str] = ()) -> SessionRecord | None:
        """Return the session the line names, else the current one, without creating it."""
        studio = self.kernel.studio
        named = _value_of(words, "-s", "--session")
        return studio.store.session_named(named.strip("'\"")) if named else studio.current()

    def _model(self, command: Command, words: Iterable[str]) -> tuple[Provider, str]:
        """Return the provider and model the line would go to."""
        from notebook_img.providers import choose_model

        record = self._session(words)
        asked = _value_of(words, "-m", "--model")
        return choose_model(command, self.kernel.studio.settings, asked=asked, session=record.kept_model if record else "")

    def _able(self, command: Command, words: Iterable[str]) -> Capabilities:
        provider, model = self._model(command, words)
        return provider.model_info(model).capabilities

    def _sessions(self) -> list[str]:
        return self.kernel.studio.store.session_names()

    def _ids(self, last: str = "", *, words: Iterable[str] = (), picks: bool = True, questions: bool = True) -> list[str]:
        """Return ids of turns, the newest first; with the session's name where the word begins with one."""
        from notebook_img.ids import turn_id

        store = self.kernel.studio.store
        name, slash, _ = last.rpartition("/")
        record = store.session_named(name) if slash else self._session(words)
        found: list[str] = []
        for turn in store.turns(record.id, limit=50, newest_first=True) if record else ():
            if turn.kind == "ask" and not questions:
                continue
            pictures = len(turn.uses("output")) if picks else 0
            found.append(turn.id)
            found += [turn_id(turn.number, number) for number in range(1, pictures + 1)] if pictures > 1 else []
        return [f"{name}{slash}{each}" for each in found]

    def _head_pictures(self, words: Iterable[str]) -> list[str]:
        record = self._session(words)
        head = self.kernel.studio.head(record.id) if record else None
        turn = self.kernel.studio.store.turn(record.id, head) if record and head is not None else None
        return [str(number) for number in range(1, len(turn.uses("output")) + 1)] if turn else []


def _value_of(words: Iterable[str], *flags: str) -> str:
    """Return the value an option has on the line so far, or an empty string."""
    found = ""
    before = ""
    for word in words:
        flag, equals, value = word.partition("=")
        if before in flags:
            found = word
        elif equals and flag in flags:
            found = value
        before = word
    return found


class _Prose(str):
    """Words of a prompt, which need no quotes."""

    __slots__ = ()


def _quoted(text: str, quote: str) -> str:
    """Return a word as it is written on a line: in quotes when it has blanks; a folder's stay open."""
    if isinstance(text, _Prose) or (not quote and not any(letter.isspace() for letter in text)):
        return text
    mark = quote or '"'
    return f"{mark}{text}" + ("" if text.endswith("/") else mark)


def _starting(names: Iterable[str], last: str) -> list[str]:
    return [name for name in names if name.startswith(last)]


def _samples() -> Iterable[str]:
    from notebook_img.pictures import SAMPLES

    return SAMPLES


def _holds_image(value: Any) -> bool:
    from notebook_img.pictures import is_picture_like

    return is_picture_like(value)


def _is_schema(name: str, value: Any) -> bool:
    """Return whether a variable of the notebook may be the form of an answer: a class with fields, or a JSON schema."""
    if name.startswith("_"):
        return False
    return (isinstance(value, type) and bool(getattr(value, "__annotations__", None))) or (isinstance(value, dict) and "type" in value)


def _files(last: str, suffixes: set[str] | None = None) -> list[str]:
    """Return image files and folders that begin with `last`."""
    if suffixes is None:
        from notebook_img.pictures import MIME_TYPES

        suffixes = set(MIME_TYPES)
    folder, _, start = last.rpartition("/")
    base = Path(folder or ("/" if last.startswith("/") else ".")).expanduser()
    prefix = f"{folder}/" if last.count("/") else ""
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return []
    return [
        prefix + entry.name + ("/" if entry.is_dir() else "")
        for entry in entries
        if entry.name.startswith(start)
        and (start.startswith(".") or not entry.name.startswith("."))
        and (entry.is_dir() or entry.suffix.lower() in suffixes)
    ]
