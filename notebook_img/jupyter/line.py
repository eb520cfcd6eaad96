r"""What a magic's line says: options at either end, leading images, free text. No IPython in it.

Decisions where the rules leave room, so that a paid prompt is never a surprise:

- An option in the middle of the text is text, and a note says so (behind a leading ``{photo}`` it is an option); where its value
  is free text (``--negative``), it is an error that asks for quotes, because the rest of the value would have become part of the
  prompt.
- At the end, an unknown ``--word`` with at most one word behind it is an error. ``--`` before the text, or before such words,
  makes them text. Words in quotes are never options. A single dash (``-ish``) at the end is text unless it is an option's name.
- ``--boxes`` takes the next word only in quotes, after ``=``, or where no text follows that word.
- One pair of quotes around the whole text is taken off, and what was in it is taken literally (``"undo"`` is a prompt).
- ``a`` in front of more text is the article, also where a variable of that name holds an image.
- A first word with a slash that is no file (``b/w``) is an error; see `notebook_img.options.is_image_word`.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.jupyter.transformers import PROMPT_MAGICS, protect_question
from notebook_img.jupyter.wording import EXAMPLES, MAGICS
from notebook_img.options import (
    IMAGE_SUFFIXES,
    OBJECT,
    Given,
    Option,
    Parsed,
    file_note,
    find_option,
    is_image_word,
    looks_like_option,
    table_for,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from notebook_img.options import Command, OwnOptionLike

NO_TEXT_NEEDED = ("again", "outpaint", "boxes", "table", "row")
"""Options that say enough without a text."""

LONE_WORDS: dict[str, str] = {
    "undo": "%imgsession undo",
    "redo": "%imgsession redo",
    "checkout": "%imgsession checkout t3",
    "reset": "%imgsession undo, or name an image to start over",
    "restart": "%imgsession undo, or name an image to start over",
    "help": "{magic} --help",
    "status": "%imgsession",
    "sessions": "%imgsession list",
    "models": "%img",
    "rename": "%imgsession rename NAME",
    "delete": "%imgsession delete NAME --yes",
    "export": "%imgsession export FILE",
    "resume": "%imgsession resume",
    "cost": "%imgsession cost",
    "list": "%imgsession list",
    "tree": "%imgsession tree",
    "history": "%imgsession tree",
    "show": "%imgsession show",
    "pack": "%imgsession pack",
    "panel": "%imgsession panel",
}
"""Words that on their own are a command, not a prompt."""

DRAWABLE = frozenset({"tree", "list", "history", "show", "pack", "panel", "cost", "status", "models"})
"""Those of them that `%imggen` can draw."""

ARTICLES = frozenset({"a", "an", "the", "A", "I"})
"""First words of prompts that are also names people give to variables: with more text after them they are words."""

__all__ = ["LONE_WORDS", "PROMPT_MAGICS", "parse", "protect_question", "split_words"]

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\S+")
_FLAG = re.compile(r"(--?[^\W\d_][^\s=]*)(=?)")
_QUOTED = re.compile(r"""(?<![^\s(\[{=,:])(?:"[^"]*"|'[^']*')(?!\w)""")
_BRACES = re.compile(r"(?:\{[^{}\s]+\}\s+)+(?=-)")
_COMMENT = re.compile(r"(?<![ \t])[ \t]{2,}#(?=[ \t]|$)")


def parse(
    line: str,
    body: str | None,
    command: Command,
    *,
    own: Iterable[OwnOptionLike | Option] = (),
    is_id: Callable[[str], bool],
    exists: Callable[[str], bool],
    holds_image: Callable[[str], bool] = lambda _: False,
    fill: Callable[..., str] = lambda text, **_: text,
    unfilled: Collection[str] = ("over",),
) -> Parsed:
    """Read a line magic (`body` None) or a cell magic.

    Parameters
    ----------
    line : str
        What stands behind the magic's name.
    body : str or None
        The cell's other lines. They are text, never options.
    command : str
        ``generate``, ``edit`` or ``ask``.
    own : iterable
        Options of the providers that may be meant.
    is_id, exists, holds_image : callable
        Whether the session knows an id, a file exists, a variable of that name holds an image.
    fill : callable
        Fills variables into option values and leading words before they are read (`interpolation.fill`), with ``objects=True``
        those of options whose value may be any object; not used with ``--no-vars``. The text is left for `interpolation.interpolate`.
    unfilled : collection of str
        Options whose values are left as they are typed.

    Raises
    ------
    UsageError, NotFoundError
        In one or two sentences; nothing has been done by then.
    """
    table = table_for(command, own)
    reader = _Reader(command, table, is_id, exists, lambda text, **_: text, unfilled)
    # Where it may be meant it is looked for first: nothing is filled in then, so nothing in braces can be wrong.
    parsed = reader.read(line, body) if re.search(r"(?<!\S)--no-vars(?!\S)", line) else Parsed()
    if not parsed.values.get("no_vars"):
        reader = _Reader(command, table, is_id, exists, fill, unfilled)
        parsed = reader.read(line, body)
    if parsed.help:
        return parsed
    if not parsed.literal and reader.text_on_line:
        first, *more = reader.text_on_line.split(maxsplit=1)
        if first.isidentifier() and not (more and first in ARTICLES) and holds_image(first):
            raise UsageError(f"{first!r} is a variable that holds an image: write {{{first}}} to use it, or put the text in quotes.")
    _check_text(parsed, command)
    return parsed


def _asks_for_help(given: Sequence[Given]) -> Parsed:
    """Return a request for help, about the model that is named beside it."""
    models = [text for option, text in given if option.name == "model"]
    return Parsed(help=True, values={"model": models} if models else {})


def _check_text(parsed: Parsed, command: Command) -> None:
    if not parsed.text and not any(name in parsed.values for name in NO_TEXT_NEEDED):
        what = "question" if command == "ask" else "prompt"
        raise UsageError(f"There is no {what}. Write one after the options, for example: {EXAMPLES[command][0]}")
    word = parsed.text.casefold()
    if not parsed.literal and word in LONE_WORDS and not (command == "generate" and word in DRAWABLE):
        meant = LONE_WORDS[word].format(magic=MAGICS[command])
        raise UsageError(f"{parsed.text!r} alone is not a prompt; the command is {meant}. To send the word, put it in quotes.")


@dataclass
class _Reader:
    """Reads one line; `position` goes from left to right, and the options at the end are found from the text."""

    command: Command
    table: Mapping[str, Option]
    is_id: Callable[[str], bool]
    exists: Callable[[str], bool]
    fill: Callable[..., str]
    unfilled: Collection[str]
    line: str = ""
    text_on_line: str = ""

    def read(self, line: str, body: str | None) -> Parsed:
        self.line = _trimmed(line, is_cell=body is not None)
        below = _clean(body or "")
        given: list[Given] = []
        images: list[str] = []
        notes: list[str] = []
        said: tuple[str, ...] = ()
        literal = False
        lead = ""
        position = self.after_space(0)
        while position < len(self.line):
            word = self.word(position)
            if word == "--":
                literal, position = True, position + 2
                break
            if looks_like_option(word):
                option, text, position = self.option(position)
                if option.name == "help":
                    return _asks_for_help(given)
                given.append((option, text))
            elif found := self.image(position, followed_below=bool(below)):
                images.append(found[0])
                position = found[1]
            elif not lead and (end := self.lead(position)):
                lead, position = self.line[position:end], end
            else:
                self.check_dash(word)
                if note := file_note(word, exists=self.exists):
                    said = (note,)
                break
            position = self.after_space(position)
        text = self.line[position:].strip()
        if not literal and text:
            text, last, notes, literal = self.cut_end(position)
            if any(option.name == "help" for option, _ in last):
                return _asks_for_help([*given, *last])
            given += last
            if body is None and len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] and text[0] not in text[1:-1]:
                text, literal = text[1:-1].strip(), True
        text = f"{lead}{text}".strip()
        if body is None and text in {"?", "??"}:
            return Parsed(help=True)
        self.text_on_line = text
        if body is None and (mark := re.search(r"\S #[ \t]", text)):
            notes.append(f"{text[mark.start() + 2 :][:60]!r} is part of the text; with two spaces before the # it would be a comment.")
        text = "\n".join(part for part in (text, below) if part)
        filled = [(option, self.filled(option, value)) for option, value in given]
        return Parsed(text, values_of(filled), images, (*said, *notes), literal=literal and not below)

    def filled(self, option: Option, value: str) -> str:
        """Return the value of an option with its variables put in."""
        if option.name in self.unfilled:
            return value
        return self.fill(value, objects=True) if option.reader is OBJECT else self.fill(value)

    def after_space(self, position: int) -> int:
        return _end(_SPACE, self.line, position)

    def word(self, position: int) -> str:
        return self.line[position : _end(_WORD, self.line, position)]

    def option(self, position: int) -> tuple[Option, str, int]:
        """Return the option at `position`, its text, and where it ends."""
        found = _FLAG.match(self.line, position)
        if found is None:  # looks_like_option has seen to it
            raise UsageError(f"{self.word(position)!r} cannot be read as an option.")
        option, _ = find_option(found[0], self.table, self.command)
        position = found.end()
        if found[2]:
            if self.after_space(position) != position or position == len(self.line):
                raise option.without_value()
            return (option, *_value(self.line, position, option.long))
        if option.takes == "flag":
            return option, "", position
        start = self.after_space(position)
        word = self.word(start)
        if option.takes == "optional":
            return (option, *self.optional_value(option, start, position))
        if not word or word == "--" or (looks_like_option(word) and word.partition("=")[0] in self.table):
            raise option.without_value()
        text, end = _value(self.line, start, option.long)
        if option.free and text.endswith(",") and text == word:
            raise UsageError(f"The value of {option.long} has several words: put it in quotes.")
        return option, text, end

    def optional_value(self, option: Option, start: int, otherwise: int) -> tuple[str, int]:
        """Return the value of an option that may have none: quoted, or a word that no text follows."""
        word = self.word(start)
        if not option.free or not word or word == "--" or looks_like_option(word):
            return "", otherwise
        if word[0] in "\"'":
            return _value(self.line, start, option.long)
        end = start + len(word)
        following = self.word(self.after_space(end))
        if (following and not looks_like_option(following)) or self.is_image(word, followed=True):
            return "", otherwise
        return word, end

    def is_image(self, word: str, *, followed: bool) -> bool:
        """Return whether `word` is an image for sure; a doubtful one is not."""
        try:
            return is_image_word(word, exists=self.exists, is_id=self.is_id, followed=followed)
        except NotFoundError:
            return False

    def image(self, position: int, *, followed_below: bool) -> tuple[str, int] | None:
        """Return the image at `position` and where it ends, or None where text begins."""
        word = self.word(position)
        if word[0] in "\"'":
            try:
                inner, end = _value(self.line, position, "")
            except UsageError:
                return None  # an apostrophe, or a quote in the text
            written = self.fill(inner)
            rest = self.after_space(end)
            followed = followed_below or (rest < len(self.line) and not looks_like_option(self.word(rest)))
            return (written, end) if self.is_image(written, followed=followed) else None
        end = position + len(word)
        if word.endswith(",") and any(word[:-1].casefold().endswith(suffix) for suffix in IMAGE_SUFFIXES):
            word = word[:-1]
        written = self.fill(word)
        if written != word:
            return (written, end) if self.is_image(written, followed=False) else None
        return (word, end) if is_image_word(word, exists=self.exists, is_id=self.is_id) else None

    def lead(self, position: int) -> int:
        """Return where the options behind a leading ``{photo}`` begin, or 0: there they are not in the middle of the text."""
        end = _end(_BRACES, self.line, position)
        return end if self.word(end).partition("=")[0] in self.table else 0

    def check_dash(self, word: str) -> None:
        """Refuse an option whose hyphens an editor has turned into a dash."""
        meant = "--" + word.lstrip("–—-")
        if word[0] in "–—" and meant.partition("=")[0] in self.table:
            raise UsageError(f"Options begin with two hyphens: write {meant}, not {word}.")

    def cut_end(self, start: int) -> tuple[str, list[Given], list[str], bool]:
        """Return the text that begins at `start`, the options behind it, notes, and whether ``--`` made their like text."""
        notes: list[str] = []
        quoted = deque(found.span() for found in _QUOTED.finditer(self.line, start))
        before: re.Match[str] | None = None
        for found in _WORD.finditer(self.line, start):
            word, position = found[0], found.start()
            while quoted and quoted[0][1] <= position:
                quoted.popleft()
            if quoted and quoted[0][0] <= position:
                before = found
                continue
            if looks_like_option(word):
                if before is not None and before[0] == "--":
                    return f"{self.line[start : before.start()].rstrip()} {self.line[position:].strip()}", [], notes, True
                given = self.options_to_the_end(position)
                if given is not None:
                    return self.line[start:position].strip(), given, notes, False
                flag = word.partition("=")[0]
                if flag in self.table and flag.startswith("--"):
                    notes.append(f"{flag} is in the middle of the text and is part of it; options go before or after the text.")
            elif word[0] in "–—":
                self.check_dash(word)
            before = found
        return self.line[start:].strip(), [], notes, False

    def options_to_the_end(self, position: int) -> list[Given] | None:
        """Return the options that fill the line from `position`, or None when there is text among them."""
        given: list[Given] = []
        unknown = ""
        wide: Option | None = None
        while position < len(self.line):
            word = self.word(position)
            if not looks_like_option(word):
                if wide is not None:
                    raise UsageError(f"The value of {wide.long} has several words: put it in quotes.")
                return None
            wide = None
            flag = word.partition("=")[0]
            if flag in self.table:
                option, text, position = self.option(position)
                given.append((option, text))
                if option.free and self.line[position - 1] not in "\"'":
                    wide = option
            elif flag.startswith("--") or f"-{flag}" in self.table:
                unknown = unknown or flag
                position = self.after_space(self.unknown_end(position))
            else:
                return None
            position = self.after_space(position)
        if unknown:
            find_option(unknown, self.table, self.command)
        return given

    def unknown_end(self, position: int) -> int:
        """Return where an unknown option with at most one value ends."""
        end = position + len(self.word(position))
        start = self.after_space(end)
        word = self.word(start)
        if not word or looks_like_option(word) or "=" in self.line[position:end]:
            return end
        try:
            return _value(self.line, start, "")[1]
        except UsageError:
            return start + len(word)


def _end(pattern: re.Pattern[str], line: str, position: int) -> int:
    found = pattern.match(line, position)
    return found.end() if found else position


def _value(line: str, position: int, name: str) -> tuple[str, int]:
    r"""Return the word or quoted words at `position` and where they end. A backslash is a backslash (``C:\new``)."""
    quote = line[position]
    if quote not in "\"'":
        end = _end(_WORD, line, position)
        return line[position:end], end
    closing = re.compile(rf"{quote}(?=\s|$)").search(line, position + 1)
    if closing is None:
        raise UsageError(f"The quote before {line[position + 1 : position + 41]!r}{f' ({name})' if name else ''} is not closed.")
    return line[position + 1 : closing.start()], closing.end()


def _trimmed(line: str, *, is_cell: bool) -> str:
    """Return the line without its comment and without the semicolon that silences a line magic."""
    line = f" {line}"  # IPython has eaten the first of the spaces behind the magic's name
    quoted = [found.span() for found in _QUOTED.finditer(line)]
    for found in _COMMENT.finditer(line):
        if not any(left < found.end() <= right for left, right in quoted):
            line = line[: found.start()]
            break
    line = line.strip()
    return line[:-1].rstrip() if line.endswith(";") and not is_cell else line


def _clean(body: str) -> str:
    """Return a cell's body without the blank lines around it."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", body).rstrip()


def split_words(line: str) -> list[str]:
    r"""Return the words of a line such as ``export "my work.zip"``; quotes hold words together, a backslash is a backslash.

    Raises
    ------
    UsageError
        For a quote that is not closed.
    """
    return list(_words(_trimmed(line, is_cell=False)))


def _words(line: str) -> Iterator[str]:
    position = _end(_SPACE, line, 0)
    while position < len(line):
        text, position = _value(line, position, "")
        yield text
        position = _end(_SPACE, line, position)
