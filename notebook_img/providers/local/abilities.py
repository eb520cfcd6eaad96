"""What the built-in engine draws and tells, as rows for help; what it edits stands in operations.py."""

from __future__ import annotations

from textwrap import wrap


def can_draw() -> list[list[str]]:
    """Return rows of what a prompt may name, and whole prompts."""
    from notebook_img.providers.local import scenes

    tables = (("shapes", scenes.SHAPES), ("patterns", scenes.PATTERNS), ("landscapes", scenes.LANDS), ("times of day", scenes.TIMES))
    # Short lines: a terminal cuts long cells.
    rows = [[what if number == 0 else "", line] for what, table in tables for number, line in enumerate(wrap(", ".join(table), 58))]
    return [*rows, *(["for example", example] for example in scenes.EXAMPLES)]


def can_tell() -> list[list[str]]:
    """Return rows of the facts a question may be about."""
    from notebook_img.providers.local.facts import FACTS

    return [[name, what] for name, what in FACTS.items()]
