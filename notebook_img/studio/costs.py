"""What was spent: today in one sentence, and all of it by day and model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.pictures import Bundle
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


def cost_rows(store: Store, *, session: str | None = None) -> list[dict[str, Any]]:
    """Return what was spent, a row per day and model, the latest first.

    Returns
    -------
    list of dict
        ``day``, ``model``, ``calls`` (billed ones), ``cost`` (US dollars, where known), ``unknown`` (calls of unknown price).
    """
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    named = store.session_named(session) if session else None
    since = named.created if named else 0.0  # what is older belongs to a deleted session of that name
    for row in store.spend_rows(session=session):
        if row.at < since or row.state in ("failed", "reserved"):
            continue
        entry = sums.setdefault((row.day, row.model), {"day": row.day, "model": row.model, "calls": 0, "cost": 0.0, "unknown": 0})
        entry["calls"] += 1
        if row.cost is None:
            entry["unknown"] += 1
        else:
            entry["cost"] += row.cost
    return [sums[key] for key in sorted(sums, reverse=True)]


def cost_table(store: Store, *, session: str | None = None) -> Bundle:
    """Return what was spent by day and model, as a table."""
    from notebook_img import display

    costs = cost_rows(store, session=session)
    rows = [
        [row["day"], row["model"], str(row["calls"]), display.money(row["cost"]), str(row["unknown"]) if row["unknown"] else ""]
        for row in costs
    ]
    rows.append(["all", "", str(sum(row["calls"] for row in costs)), display.money(sum(row["cost"] for row in costs)), ""])
    title = f"What session {session} has cost" if session else "What was spent"
    return display.table(["day", "model", "billed calls", "US dollars", "of unknown price"], rows, caption=title)
