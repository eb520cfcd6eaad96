"""What may stand next on a line: options, their values, models, sessions, ids, image files. Each surface has its own way to offer it.

Imports no SDK, makes no session; the store is asked only where sessions or ids are completed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.options import Command, Option
    from notebook_img.providers.interface import Capabilities, Provider
    from notebook_img.records import SessionRecord
    from notebook_img.studio.studio import Studio

RATIOS = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4")
SIZES = ("512", "1K", "2K", "4K")
PIXEL_SIZES = ("512x512", "1024x1024", "1024x768", "1920x1080")
"""Offered where a model takes any."""


def _nothing() -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Completions:
    """What a line can go on with.

    Attributes
    ----------
    studio : Studio
        Whose sessions and settings count.
    notebook : bool
        Whether options of notebooks are offered, and the built-in engine's operations by name.
    own : tuple of Option
        Options of the surface.
    images, schemas : callable
        Names of variables that hold images, and forms of answers.
    """

    studio: Studio
    notebook: bool = False
    own: tuple[Option, ...] = ()
    images: Callable[[], Iterable[str]] = _nothing
    schemas: Callable[[], Iterable[str]] = _nothing

    @property
    def has_store(self) -> bool:
        """Whether there is a store to ask; completing a line creates none."""
        return self.studio.settings.home.exists()

    def prompt_words(self, command: Command, words: list[str], last: str) -> Iterable[str]:
        """Return what can follow `words` of a call and begins with `last`."""
        from notebook_img.options import table_for
        from notebook_img.providers import own_options

        table = table_for(command, [*own_options(self.studio.settings), *self.own], notebook=self.notebook)
        if last.startswith("-"):
            return self._flags(command, words, last, table)
        option = table.get(words[-1]) if words else None
        if option is not None and option.takes != "flag":
            found = list(self._values(option, command, words, last))
            if found or option.takes != "optional":
                return found
        found = [*starting(_samples(), last), *image_files(last)]
        if re.fullmatch(r"(\S+/)?t\d*(\.\d*)?", last):
            found += starting(self.ids(last, words=words), last)
        if self.notebook and command == "edit" and last.isalpha() and self._model(command, words)[0].name == "local":
            from notebook_img.providers.local import operation_names

            found += [Prose(name) for name in starting(operation_names(), last)]
        return found

    def _flags(self, command: Command, words: list[str], last: str, table: dict[str, Option]) -> list[str]:
        """Return options by their long form, those only other services have last."""
        found = starting(sorted(flag for flag in table if flag.startswith("--")), last)
        takes = {own.name for own in self._able(command, words).options}
        return sorted(found, key=lambda flag: table[flag].own and table[flag].name not in takes)

    def _values(self, option: Option, command: Command, words: list[str], last: str) -> Iterable[str]:
        if option.name == "model":
            rows = [row["name"] for row in self.studio.models()]
            return starting([*dict.fromkeys(name.split(":")[0] for name in rows), *rows], last)
        if option.name == "session":
            return starting(self.sessions(), last)
        if option.name == "start":
            return starting(self.ids(last, words=words), last)
        if option.name in ("aspect_ratio", "outpaint"):
            known = self._able(command, words).aspect_ratios if option.name == "aspect_ratio" else None
            return starting(RATIOS if known is None else known, last)
        if option.name == "size":
            able = self._able(command, words)
            return starting([*(SIZES if able.sizes is None else able.sizes), *(PIXEL_SIZES if able.pixel_sizes else ())], last)
        if option.name == "history":
            return starting(self._able(command, words).history, last)
        if option.name == "pick":
            return starting((found.rpartition(".")[2] for found in self._head_pictures(words)), last)
        if option.own:
            own = next((own for own in self._able(command, words).options if own.name == option.name), None)
            return starting([str(choice) for choice in (own.choices if own and own.choices else option.choices)], last)
        if option.choices:
            return starting([str(choice) for choice in option.choices], last)
        if option.name in ("images", "references", "mask"):
            named = starting([*_samples(), *self.images()], last)
            return [*named, *image_files(last), *starting(self.ids(last, words=words), last)]
        if option.name == "schema":
            return starting(self.schemas(), last)
        return image_files(last) if option.name == "output" else ()

    # What the line is about

    def _session(self, words: Iterable[str] = ()) -> SessionRecord | None:
        """Return the session the line names, else the current one, without creating it."""
        studio = self.studio
        if not self.has_store:
            return None
        named = _value_of(words, "-s", "--session")
        return studio.store.session_named(named.strip("'\"")) if named else studio.current()

    def _model(self, command: Command, words: Iterable[str]) -> tuple[Provider, str]:
        """Return the provider and model the line would go to."""
        from notebook_img.providers import choose_model

        record = self._session(words)
        asked = _value_of(words, "-m", "--model")
        return choose_model(command, self.studio.settings, asked=asked, session=record.kept_model if record else "")

    def _able(self, command: Command, words: Iterable[str]) -> Capabilities:
        from notebook_img.providers import model_info

        provider, model = self._model(command, words)
        return model_info(provider, model, self.studio.settings).capabilities

    def sessions(self) -> list[str]:
        """Return the names of all sessions."""
        return self.studio.store.session_names() if self.has_store else []

    def ids(self, last: str = "", *, words: Iterable[str] = (), picks: bool = True, questions: bool = True) -> list[str]:
        """Return ids of turns, the newest first; with the session's name where the word begins with one."""
        from notebook_img.ids import turn_id

        name, slash, _ = last.rpartition("/")
        record = self._session(["-s", name] if slash else words)
        found: list[str] = []
        for turn in self.studio.store.turns(record.id, limit=50, newest_first=True) if record else ():
            if turn.kind == "ask" and not questions:
                continue
            pictures = len(turn.uses("output")) if picks else 0
            found.append(turn.id)
            found += [turn_id(turn.number, number) for number in range(1, pictures + 1)] if pictures > 1 else []
        return [f"{name}{slash}{each}" for each in found]

    def _head_pictures(self, words: Iterable[str]) -> list[str]:
        record = self._session(words)
        head = self.studio.head(record.id) if record else None
        turn = self.studio.store.turn(record.id, head) if record and head is not None else None
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


class Prose(str):
    """Words of a prompt, which need no quotes."""

    __slots__ = ()


def starting(names: Iterable[str], last: str) -> list[str]:
    """Return the names that begin so."""
    return [name for name in names if name.startswith(last)]


def _samples() -> list[str]:
    from notebook_img.pictures import SAMPLES

    return [f"sample:{name}" for name in SAMPLES]


def image_files(last: str, suffixes: set[str] | None = None) -> list[str]:
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
