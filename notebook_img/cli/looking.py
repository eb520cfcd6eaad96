"""``sessions``, ``show``, ``models`` and ``resume``: what is there, and what waits with a service."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from notebook_img.cli.printing import ProgressLine, print_turn, turn_json
from notebook_img.cli.words import open_studio, split_flags
from notebook_img.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn

SESSIONS = "list sessions; sessions export NAME FILE, import FILE, rename NAME NEW, delete NAME --yes, cost [NAME]"


def sessions(words: list[str]) -> int:
    """List sessions, or do to one what the words say; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, "--json", "--yes")
    if not rest or rest == ["list"]:
        records = studio.store.sessions()
        if "--json" in flags:
            print(
                json.dumps(
                    [{"name": row.name, "turns": row.turns, "model": row.model, "updated": row.updated} for row in records],
                    ensure_ascii=False,
                )
            )
        else:
            width = max((len(row.name) for row in records), default=0)
            for row in records:
                used = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.updated))
                print(f"{row.name:<{width}}  {row.turns:>5} turns  {used}  {row.model}".rstrip())
        return 0
    action, *names = rest
    if action == "cost" and len(names) < 2:
        from notebook_img.inventory import cost_table

        print(cost_table(studio.store, session=names[0] if names else None).text)
    elif action == "export" and len(names) == 2:
        print(studio.session_for(names[0], creates=False).export(names[1]))
    elif action == "import" and len(names) == 1:
        for session in studio.import_sessions(names[0]):
            print(f"{session.name}  {session.record.turns} turns")
    elif action == "rename" and len(names) == 2:
        studio.session_for(names[0], creates=False).rename(names[1])
    elif action == "delete" and len(names) == 1:
        session = studio.session_for(names[0], creates=False)
        if "--yes" not in flags:
            raise UsageError(f"This would delete session {names[0]!r} for good. If that is meant, add --yes.")
        session.delete()
    else:
        actions = ("list", "cost", "export", "import", "rename", "delete")
        raise UsageError(f"sessions {' '.join(rest)} is not understood.{did_you_mean(action, actions)} {SESSIONS}")
    return 0


def show(words: list[str]) -> int:
    """Show a history or a turn, or write its pictures to a file; return the exit code."""
    from notebook_img.ids import parse_id

    studio = open_studio()
    output = None
    if "-o" in words:
        at = words.index("-o")
        if at + 1 >= len(words):
            raise UsageError("-o wants a file name, for example -o t3.png.")
        output = words[at + 1]
        del words[at : at + 2]
    rest, flags = split_flags(words, "--json", "--force")
    if len(rest) != 1:
        raise UsageError("Write notebook-img show SESSION, or notebook-img show SESSION/t3.")
    named = parse_id(rest[0])
    if named is None:
        session = studio.session_for(rest[0], creates=False)
        if output:
            raise UsageError(f"-o wants one turn: notebook-img show {rest[0]}/t3 -o {output}")
        if "--json" in flags:
            print(json.dumps([turn_json(turn) for turn in session.turns], ensure_ascii=False))
        else:
            print(session.tree().text)
        return 0
    session = studio.session_for(named.session, creates=False)
    turn = session.turn(rest[0])
    if output:
        if not turn.pictures:
            raise NotFoundError(f"{turn.full_id} has no picture.")
        _save(studio, turn, output, force="--force" in flags)
    elif "--json" in flags:
        print(json.dumps(turn_json(turn), ensure_ascii=False))
    else:
        print(turn.figure().text)
        print(f"prompt: {turn.prompt}")
        for picture in turn.pictures:
            print(picture.path)
    return 0


def _save(studio: Studio, turn: Turn, output: str, *, force: bool) -> None:
    """Write a turn's pictures, or the one that was picked, where the user asked for them."""
    from notebook_img import outputs
    from notebook_img.keeping import provenance_of

    chosen = [turn.picture] if turn.picked else turn.pictures
    outputs.check_before(output, len(chosen), studio.store, force=force)
    paths, said = outputs.write(output, chosen, studio.store, force=force, facts=provenance_of(studio, turn.record))
    print("\n".join(str(path) for path in paths))
    for text in said:
        print(text, file=sys.stderr)


def models(words: list[str]) -> int:
    """List models; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, "--json")
    rows = [row for row in studio.models() if not rest or any(word in row["name"] for word in rest)]
    if "--json" in flags:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    from notebook_img import display

    table = display.table(
        ["model", "here", "does", "sizes", "one picture", "status"],
        [[row["name"], "ready" if row["ready"] else "not set up", row["does"], row["sizes"], row["price"], row["status"]] for row in rows],
    )
    print(table.text)
    return 0


def resume(words: list[str]) -> int:
    """Fetch the pictures of jobs that were left with a service; return the exit code."""
    studio = open_studio()
    rest, _ = split_flags(words)
    turns = studio.resume(rest[0] if rest else None, ProgressLine().on_event)
    for turn in turns:
        print_turn(turn)
    if not turns:
        print("No job is waiting with a service.", file=sys.stderr)
    return 0
