"""``show`` and ``tree``: a session's history, one of its turns, and its pictures as files."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from notebook_img.cli.printing import open_studio, print_done, print_json, print_json_list, say, split_flags, take_value, turn_json
from notebook_img.cli.wording import IN_SHELLS
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.ids import parse_id

if TYPE_CHECKING:
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn


def tree(words: list[str]) -> int:
    """Print the history of a session, the current one without a name; return the exit code."""
    words = list(words)
    until = take_value(words, "--until", "a turn, for example --until t40")
    rest, flags = split_flags(words, "--json")
    if len(rest) > 1:
        raise UsageError("Write notebook-img tree, notebook-img tree SESSION or notebook-img tree SESSION/t3.")
    studio = open_studio()
    named = parse_id(rest[0]) if rest else None
    name = named.session if named is not None else rest[0] if rest else ""
    if named is not None and until is None:
        until = rest[0]
    if not name and studio.current() is None:
        raise NotFoundError("No session was begun in this folder. notebook-img sessions lists them all.")
    session = studio.session_for(name, creates=False)
    if "--json" in flags:
        last = session.turn(until).number if until is not None else None
        head = session.head
        print_json_list(
            {
                "id": turn.full_id,
                "parent": turn.parent.id if turn.parent else None,
                "kind": turn.kind,
                "prompt": turn.prompt,
                "head": head is not None and turn.number == head.number,
            }
            for turn in session.turns
            if last is None or turn.number <= last
        )
    else:
        page(_drawn(session, until))
    return 0


def _drawn(session: Session, until: str | None) -> str:
    return session.tree(until, wording=IN_SHELLS).text


def show(words: list[str]) -> int:
    """Show a history or a turn, or write its pictures to a file; return the exit code."""
    words = list(words)
    output = take_value(words, "-o", "a file name, for example -o t3.png")
    until = take_value(words, "--until", "a turn, for example --until t40")
    rest, flags = split_flags(words, "--json", "--force")
    if len(rest) != 1:
        raise UsageError("Write notebook-img show SESSION, or notebook-img show SESSION/t3.")
    studio = open_studio()
    named = parse_id(rest[0])
    if named is None:
        session = studio.session_for(rest[0], creates=False)
        if output:
            raise UsageError(f"-o needs one turn: notebook-img show {rest[0]}/t3 -o {output}")
        if "--json" in flags:
            print_json_list(turn_json(turn) for turn in session.turns)
        else:
            page(_drawn(session, until))
        return 0
    session = studio.session_for(named.session, creates=False)
    turn = session.turn(rest[0])
    if output:
        if not turn.pictures:
            raise NotFoundError(f"{turn.full_id} has no picture.")
        _save(studio, turn, output, force="--force" in flags, as_json="--json" in flags)
    elif "--json" in flags:
        print_json(turn_json(turn))
    else:
        print(turn.figure().text)
        print(f"prompt: {turn.prompt}")
        for picture in turn.pictures:
            print(f"stored as: {picture.path}")
    return 0


def _save(studio: Studio, turn: Turn, output: str, *, force: bool, as_json: bool) -> None:
    """Write a turn's pictures, or the one that was picked, where the user asked for them."""
    from notebook_img.calls import check_output_files, provenance_of, write_outputs

    chosen = [turn.picture] if turn.picked else turn.pictures
    check_output_files(output, len(chosen), studio.store, force=force)
    paths, said = write_outputs(output, chosen, studio.store, force=force, facts=provenance_of(studio, turn.record, turn.picked))
    print_done("\n".join(str(path) for path in paths), {"id": turn.full_id, "files": [str(path) for path in paths]}, as_json=as_json)
    for text in said:
        say(text)


def page(text: str) -> None:
    """Print a text; on a terminal that is too low for it, through the person's pager."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    fits = text.count("\n") + 2 < shutil.get_terminal_size().lines
    if fits or not sys.stdout.isatty() or not command or shutil.which(command[0]) is None:
        print(text)
        return
    # As git has it: what is short or has been read stays on the screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    with contextlib.suppress(BrokenPipeError):
        subprocess.run(command, input=f"{text}\n".encode(sys.stdout.encoding, sys.stdout.errors or "replace"), env=environment, check=False)  # noqa: S603 - the person's own pager
