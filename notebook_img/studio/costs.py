"""What was spent: today in one sentence, and all of it by day and model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.records import Surface
from notebook_img.store import this_person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notebook_img.pictures import Bundle
    from notebook_img.records import SpendRecord
    from notebook_img.store import Store
    from notebook_img.workspace import Workspace


def spent_today(workspace: Workspace) -> str:
    """Return what today has cost, for where "spent today" is said before it: ``$0.12 of $5.00, 1 call of unknown cost``."""
    from notebook_img.display import money

    spent = workspace.store.spent_today()
    return ", ".join(
        [
            f"{money(spent.known)} of {money(workspace.settings.budget)}",
            *([f"{money(spent.reserved)} in flight"] if spent.reserved else []),
            *([f"{spent.unknown} call{'s' if spent.unknown > 1 else ''} of unknown cost"] if spent.unknown else []),
        ]
    )


def _person(row: SpendRecord, _notebooks: Mapping[str, str]) -> str:
    """Return an agent's name, else who spent it: rows written before version 7 name nobody, and count as those of whoever asks."""
    return row.origin if row.origin not in SURFACES else row.person or this_person()


COST_BY: Mapping[str, Callable[[SpendRecord, Mapping[str, str]], str]] = {
    "day": lambda row, _: row.day,
    "month": lambda row, _: row.day[:7],
    "model": lambda row, _: row.model,
    "person": _person,
    "notebook": lambda row, notebooks: notebooks.get(row.session, ""),
    "session": lambda row, _: row.session,
}
"""What costs can be counted by."""

SURFACES = frozenset({*get_args(Surface), ""})
"""What stands in place of a name where there is none (see `Origin.words`)."""


def cost_rows(store: Store, *, session: str | None = None, by: Sequence[str] = ("day", "model")) -> list[dict[str, Any]]:
    """Return what was spent, a row for each day and model (or what else is named), the latest first.

    Parameters
    ----------
    store : Store
        Whose books.
    session : str, optional
        Only what this session has cost.
    by : sequence of str
        Names of `COST_BY`.

    Returns
    -------
    list of dict
        The names of `by`; ``calls`` (billed ones), ``cost`` (US dollars, where known), ``unknown`` (calls of unknown price, which
        are not in the cost).

    Raises
    ------
    UsageError
        For a name that costs cannot be counted by.
    """
    for name in by:
        if name not in COST_BY:
            raise UsageError(f"Costs cannot be counted by {name!r}.{did_you_mean(name, COST_BY)} They are by {', '.join(COST_BY)}.")
    sums: dict[tuple[str, ...], dict[str, Any]] = {}
    named = store.session_named(session) if session else None
    since = named.created if named else 0.0  # what is older belongs to a deleted session of that name
    notebooks = {one.name: Path(one.notebook).name for one in store.sessions()} if "notebook" in by else {}
    for row in store.spend_rows(session=session):
        if row.at < since or row.state in ("failed", "reserved"):
            continue
        key = tuple(COST_BY[name](row, notebooks) for name in by)
        entry = sums.setdefault(key, {**dict(zip(by, key, strict=True)), "calls": 0, "cost": 0.0, "unknown": 0})
        entry["calls"] += 1
        if row.cost is None:
            entry["unknown"] += 1
        else:
            entry["cost"] += row.cost
    return [sums[key] for key in sorted(sums, reverse=by[0] in ("day", "month"))]


def cost_table(store: Store, *, session: str | None = None, by: Sequence[str] = ("day", "model")) -> Bundle:
    """Return what was spent as a table, with the sum and what it leaves out."""
    from notebook_img import display

    costs = cost_rows(store, session=session, by=by)
    rows = [
        [*(row[name] or "-" for name in by), str(row["calls"]), display.money(row["cost"]), str(row["unknown"]) if row["unknown"] else ""]
        for row in costs
    ]
    unknown = sum(row["unknown"] for row in costs)
    total = [str(sum(row["calls"] for row in costs)), display.money(sum(row["cost"] for row in costs)), str(unknown) if unknown else ""]
    rows.append(["all", *[""] * (len(by) - 1), *total])
    title = f"What session {session} has cost" if session else "What was spent"
    if unknown:
        title += f"; the sum leaves out {unknown} call{'s' if unknown > 1 else ''} of unknown price"
    return display.table([*by, "billed calls", "US dollars", "of unknown price"], rows, caption=title)
