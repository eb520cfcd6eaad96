"""``sessions``, ``cost``, ``models`` and ``resume``: what exists, what it cost, and what waits with a service."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

from notebook_img.cli.printing import (
    ProgressLine,
    open_studio,
    print_done,
    print_json,
    print_turn,
    say,
    split_flags,
    take_value,
    turn_json,
)
from notebook_img.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.studio import Studio

ACTIONS = {
    "list": "list",
    "export": "export NAME FILE [--force] [--keep-metadata]",
    "import": "import FILE",
    "rename": "rename NAME NEW",
    "delete": "delete NAME --yes",
    "cost": "cost [NAME]",
}
"""What ``sessions`` does with them, and how each is written."""
SESSIONS = f"list sessions; sessions {', '.join(usage for name, usage in ACTIONS.items() if name != 'list')}"
FLAGS = ("--json", "--yes", "--force", "--keep-metadata")


def sessions(words: list[str]) -> int:
    """List sessions, or change one as the words say; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, *FLAGS)
    as_json = "--json" in flags
    action, *names = rest or ["list"]
    if action == "list" and not names:
        _list(studio, as_json=as_json)
    elif action == "cost" and len(names) < 2:
        _cost(studio, names, form="json" if as_json else "")
    elif action == "export" and len(names) == 2:
        path = studio.session_for(names[0], creates=False).export(
            names[1], force="--force" in flags, keep_metadata="--keep-metadata" in flags
        )
        print_done(str(path), {"session": names[0], "file": str(path)}, as_json=as_json)
    elif action == "import" and len(names) == 1:
        from notebook_img.display import counted

        brought = [session.record for session in studio.import_sessions(names[0])]
        came = [{"name": record.name, "turns": record.turns} for record in brought]
        lines = [f"{record.name}  {counted(record.turns, 'turn')}" for record in brought]
        print_done("\n".join(lines), came, as_json=as_json)
    elif action == "rename" and len(names) == 2:
        studio.session_for(names[0], creates=False).rename(names[1])
        print_done("", {"was": names[0], "name": names[1]}, as_json=as_json)
    elif action == "delete" and len(names) == 1:
        session = studio.session_for(names[0], creates=False)
        if "--yes" not in flags:
            raise UsageError(f"This would delete session {names[0]!r} for good. If that is meant, add --yes.")
        session.delete()
        print_done("", {"deleted": names[0]}, as_json=as_json)
    else:
        if action in ACTIONS:
            raise UsageError(f"Write notebook-img sessions {ACTIONS[action]}.")
        raise UsageError(f"There is no command sessions {action!r}.{did_you_mean(action, ACTIONS)} It is one of {', '.join(ACTIONS)}.")
    return 0


def _list(studio: Studio, *, as_json: bool) -> None:
    records = studio.store.sessions()
    if as_json:
        print_json([{"name": row.name, "turns": row.turns, "model": row.shown_model, "updated": row.updated} for row in records])
        return
    from notebook_img.display import counted, moment

    shown = [row for row in records if row.turns]
    width = max((len(row.name) for row in shown), default=0)
    for row in shown:
        print(f"{row.name:<{width}}  {counted(row.turns, 'turn'):>11}  {moment(row.updated)}  {row.shown_model}".rstrip())
    if empty := len(records) - len(shown):
        say(f"{counted(empty, 'session')} without a turn left out; --json lists all.")


def cost(words: list[str]) -> int:
    """Print what was spent; return the exit code."""
    words = list(words)
    by = take_value(words, "--by", "what to count by, for example --by model,month")
    rest, flags = split_flags(words, "--json", "--csv")
    if len(rest) > 1:
        raise UsageError("Write notebook-img cost, or notebook-img cost SESSION.")
    _cost(open_studio(), rest, by=by, form="csv" if "--csv" in flags else "json" if "--json" in flags else "")
    return 0


def _cost(studio: Studio, names: Sequence[str], *, by: str | None = None, form: str) -> None:
    from notebook_img.studio import cost_rows, cost_table

    name = studio.session_for(names[0], creates=False).name if names else None
    columns = [word.strip() for word in by.split(",")] if by is not None else ["day", "model"]
    if form == "json":
        print_json(cost_rows(studio.store, session=name, by=columns))
    elif form == "csv":
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow([*columns, "calls", "cost", "unknown"])
        table.writerows(row.values() for row in cost_rows(studio.store, session=name, by=columns))
    else:
        print(cost_table(studio.store, session=name, by=columns).text)


def models(words: list[str]) -> int:
    """List models; return the exit code."""
    studio = open_studio()
    rest, flags = split_flags(words, "--json")
    from notebook_img.providers import rows_named

    rows = rows_named(studio.models(), rest)
    if "--json" in flags:
        print_json(rows)
        return 0
    from notebook_img import display
    from notebook_img.providers import model_table, usable_own_models

    table = display.table(*model_table(rows))
    print(table.text)
    if wrong := usable_own_models(studio.settings)[1]:
        say(wrong)
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
