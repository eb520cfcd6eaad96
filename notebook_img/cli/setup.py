"""``keys`` and ``doctor``."""

from __future__ import annotations

import sys
from pathlib import Path

from notebook_img.cli.printing import ProgressLine, open_studio, print_json, split_flags
from notebook_img.cli.wording import IN_SHELLS
from notebook_img.errors import UsageError, did_you_mean
from notebook_img.hints import worded


def manage_keys(words: list[str]) -> int:
    """List, keep or forget keys; return the exit code."""
    import getpass

    from notebook_img import keys, providers

    settings = open_studio().settings
    rest, flags = split_flags(words, "--json")
    if not rest or rest == ["list"]:
        known = providers.key_services(settings)
        if "--json" in flags:
            print_json([{"name": each.name, "where": keys.where(each, settings), "variables": list(each.variables)} for each in known])
            return 0
        width = max(len(each.name) for each in known)
        for each in known:
            print(f"{each.name:<{width}}  {keys.where(each, settings) or 'no key'}  ({' or '.join(each.variables)})")
        return 0
    action, *names = rest
    if action not in ("set", "forget") or len(names) != 1:
        raise UsageError(
            f"Write notebook-img keys set NAME or keys forget NAME.{did_you_mean(action, ('set', 'forget', 'list'))} "
            "A key is never part of a command."
        )
    service = providers.key_service(names[0], settings)
    if action == "forget":
        forgotten = keys.forget(service, settings)
        if "--json" in flags:
            print_json({"name": service.name, "forgotten": forgotten})
        else:
            print("Forgotten." if forgotten else "No key was kept.")
        return 0
    given = getpass.getpass(f"Key for {service.title} (nothing is shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    where = keys.keep(service, given, settings)
    if "--json" in flags:
        print_json({"name": service.name, "where": str(where)})
    else:
        print(f"Kept in {where}.")
    return 0


def doctor(words: list[str]) -> int:
    """Print what is ready and what is missing; return the exit code, 1 where something is broken."""
    from notebook_img.providers.interface import ProgressEvent
    from notebook_img.studio import examine, tables_of

    places, flags = split_flags(words, "--online", "--repair", "--verify", "--rebuild", "--json")
    mending = {name: f"--{name}" in flags for name in ("repair", "verify", "rebuild")}
    if places and not any(mending.values()):
        raise UsageError(f"doctor does not take {places[0]!r}. Files and folders go with --verify and --rebuild.")
    if lacking := [place for place in places if not Path(place).expanduser().exists()]:
        raise UsageError(f"There is no file or folder {lacking[0]!r} to look in.")
    line = ProgressLine(quiet="--json" in flags)

    def tell(done: int, count: int) -> None:
        line.on_event(ProgressEvent(f"checking pictures: {done:,} of {count:,}"))

    try:
        findings = examine(
            open_studio(), online="--online" in flags, **mending, places=[Path(place).expanduser() for place in places], tell=tell
        )
    finally:
        line.clear()
    if "--json" in flags:
        print_json(
            [
                {"what": each.what, "state": each.state, "details": worded(each, IN_SHELLS), "title": each.title, "facts": dict(each.facts)}
                for each in findings
            ]
        )
    else:
        for title, rows in tables_of(findings, lambda finding: worded(finding, IN_SHELLS)):
            if title:
                print(f"\n{title}")
            _print_rows(rows, indent="  " if title else "")
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def _print_rows(rows: list[list[str]], *, indent: str) -> None:
    """Print rows in columns; the last one, sentences, is never cut."""
    *columns, _last = zip(*rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    for row in rows:
        print(indent + "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]))
