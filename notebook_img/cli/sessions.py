"""``sessions``, ``show``, ``models`` and ``resume``: what exists, and what waits with a service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from notebook_img.cli.printing import ProgressLine, open_studio, print_json, print_json_list, print_turn, say, split_flags, turn_json
from notebook_img.cli.wording import IN_SHELLS
from notebook_img.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.studio import Studio
    from notebook_img.tree import Turn

SESSIONS = "list sessions; sessions export NAME FILE [--force], import FILE, rename NAME NEW, delete NAME --yes, cost [NAME]"


def sessions(words: list[str]) -> int:
    """List sessions, or change one as the words say; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, "--json", "--yes", "--force")
    as_json = "--json" in flags
    action, *names = rest or ["list"]
    if action == "list" and not names:
        _list(studio, as_json=as_json)
    elif action == "cost" and len(names) < 2:
        _cost(studio, names, as_json=as_json)
    elif action == "export" and len(names) == 2:
        path = studio.session_for(names[0], creates=False).export(names[1], force="--force" in flags)
        _done(str(path), {"session": names[0], "file": str(path)}, as_json=as_json)
    elif action == "import" and len(names) == 1:
        came = [{"name": session.name, "turns": session.record.turns} for session in studio.import_sessions(names[0])]
        _done("\n".join(f"{row['name']}  {row['turns']} turns" for row in came), came, as_json=as_json)
    elif action == "rename" and len(names) == 2:
        studio.session_for(names[0], creates=False).rename(names[1])
        _done("", {"was": names[0], "name": names[1]}, as_json=as_json)
    elif action == "delete" and len(names) == 1:
        session = studio.session_for(names[0], creates=False)
        if "--yes" not in flags:
            raise UsageError(f"This would delete session {names[0]!r} for good. If that is meant, add --yes.")
        session.delete()
        _done("", {"deleted": names[0]}, as_json=as_json)
    else:
        actions = ("list", "cost", "export", "import", "rename", "delete")
        raise UsageError(f"sessions {' '.join(rest)} is not understood.{did_you_mean(action, actions)} {SESSIONS}")
    return 0


def _done(text: str, facts: Any, *, as_json: bool) -> None:
    """Print what was done: as JSON, or the lines a pipe can use, if any."""
    if as_json:
        print_json(facts)
    elif text:
        print(text)


def _list(studio: Studio, *, as_json: bool) -> None:
    records = studio.store.sessions()
    if as_json:
        print_json([{"name": row.name, "turns": row.turns, "model": row.shown_model, "updated": row.updated} for row in records])
        return
    width = max((len(row.name) for row in records), default=0)
    for row in records:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.updated))
        print(f"{row.name:<{width}}  {row.turns:>5} turns  {used}  {row.shown_model}".rstrip())


def _cost(studio: Studio, names: Sequence[str], *, as_json: bool) -> None:
    from notebook_img.studio import cost_rows, cost_table

    name = studio.session_for(names[0], creates=False).name if names else None
    if as_json:
        print_json(cost_rows(studio.store, session=name))
    else:
        print(cost_table(studio.store, session=name).text)


def show(words: list[str]) -> int:
    """Show a history or a turn, or write its pictures to a file; return the exit code."""
    from notebook_img.ids import parse_id

    studio = open_studio()
    output = _value(words, "-o", "a file name, for example -o t3.png")
    until = _value(words, "--until", "a turn, for example --until t40")
    rest, flags = split_flags(words, "--json", "--force")
    if len(rest) != 1:
        raise UsageError("Write notebook-img show SESSION, or notebook-img show SESSION/t3.")
    named = parse_id(rest[0])
    if named is None:
        session = studio.session_for(rest[0], creates=False)
        if output:
            raise UsageError(f"-o needs one turn: notebook-img show {rest[0]}/t3 -o {output}")
        if "--json" in flags:
            print_json_list(turn_json(turn) for turn in session.turns)
        else:
            print(session.tree(until, wording=IN_SHELLS).text)
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
            print(picture.path)
    return 0


def _value(words: list[str], flag: str, what: str) -> str | None:
    """Take an option with its value out of the words; None where it was not given."""
    if flag not in words:
        return None
    at = words.index(flag)
    if at + 1 >= len(words):
        raise UsageError(f"{flag} needs {what}.")
    value = words[at + 1]
    del words[at : at + 2]
    return value


def _save(studio: Studio, turn: Turn, output: str, *, force: bool, as_json: bool) -> None:
    """Write a turn's pictures, or the one that was picked, where the user asked for them."""
    from notebook_img.calls import check_output_files, provenance_of, write_outputs

    chosen = [turn.picture] if turn.picked else turn.pictures
    check_output_files(output, len(chosen), studio.store, force=force)
    paths, said = write_outputs(output, chosen, studio.store, force=force, facts=provenance_of(studio, turn.record, turn.picked))
    _done("\n".join(str(path) for path in paths), {"id": turn.full_id, "files": [str(path) for path in paths]}, as_json=as_json)
    for text in said:
        say(text)


def models(words: list[str]) -> int:
    """List models; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, "--json")
    known = studio.models()
    for word in rest:
        if not any(word in row["name"] for row in known):
            names = [part for row in known for part in (row["name"], *row["name"].split(":", 1))]
            raise NotFoundError(f"No model has {word!r} in its name.{did_you_mean(word, names)} notebook-img models lists them all.")
    rows = [row for row in known if not rest or any(word in row["name"] for word in rest)]
    if "--json" in flags:
        print_json(rows)
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
    rest, flags = split_flags(words, "--json")
    line = ProgressLine()
    try:
        turns = studio.resume(rest[0] if rest else None, line.on_event)
    finally:
        line.clear()
    if "--json" in flags:
        print_json([turn_json(turn) for turn in turns])
        return 0
    for turn in turns:
        print_turn(turn)
    if not turns:
        say("No job is waiting with a service.")
    return 0
