"""How often a model may be asked: one row per model, shared by every process of the home and changed in one transaction.

A bucket holds as many tokens as calls are allowed in a stretch of time; a token that was taken comes back when that time is over. So no
stretch ever sees more, however the service counts. What is allowed is a rate that somebody set, and what refused calls (429) have taught.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notebook_img.settings import Rate
from notebook_img.store import schema
from notebook_img.store.database import ahead
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from notebook_img.store.database import Database

PERIOD = 60.0
"""Seconds that a learned rate is counted over: services tell their limits by the minute."""
FORGOTTEN_AFTER = 600.0
"""Seconds after the last refused call from which what it taught does not hold any more."""
GROWTH = 4
"""A learned rate grows by this part of itself (by one at least) for every `PERIOD` that was full and saw no refusal."""
_KEEPS = 86400.0
"""Seconds a token is remembered: the longest unit a rate is written in, whoever asks next may have set such a one."""
KEPT = 1000
"""Tokens that are remembered so long. All that are younger than `PERIOD`, or that count for the rate of the call, are."""


class Rates:
    """The buckets of a store. Times are seconds since 1970, as all processes share them; callers give them, so that tests can."""

    _database: Database

    def take_token(self, model: str, rate: Rate | None, now: float) -> float:
        """Take a token for a call to ``provider:model`` that is sent now.

        Returns
        -------
        float
            0.0 when it was taken, or when nothing limits the model; else the seconds until one may be there.
        """
        with self._database.read() as connection:
            row, there = _row(connection, model), now + ahead(connection)
        if rate is None and (row is None or (_forgotten(row, there) and not _recent(row["sent"], there, _KEEPS))):
            return 0.0
        if self._database.read_only:
            return 0.0
        with self._database.write() as connection:
            # The time of all machines is the database's; the caller's own may be an hour off.
            now += ahead(connection)
            row = _row(connection, model) or _new(model)
            wait = _wait(row, rate, now)
            if wait > 0 and _may_grow(row, rate, now):
                row |= {"learned": row["learned"] + max(1, row["learned"] // GROWTH), "changed": now}
                wait = _wait(row, rate, now)
            if wait <= 0:
                own = len(_recent(row["sent"], now, max(PERIOD, rate.seconds if rate else 0.0)))
                row["sent"] = [*_recent(row["sent"], now, _KEEPS)[-max(own, KEPT) :], now]
                _put(connection, row)
            return max(0.0, wait)

    def learn_rate(self, model: str, sent: Sequence[float], refused: float, now: float, wait: float) -> None:
        """Note that a call was refused for its rate.

        Parameters
        ----------
        model : str
            ``provider:model``.
        sent : sequence of float
            When this process has sent calls to it that were not refused.
        refused : float
            When the refused one was sent.
        now, wait : float
            Seconds since 1970; the seconds the service asks to wait.
        """
        if self._database.read_only:
            return
        with self._database.write() as connection:
            by = ahead(connection)
            now, refused, sent = now + by, refused + by, [at + by for at in sent]
            row = _row(connection, model) or _new(model)
            known = _recent(row["sent"], now, _KEEPS)
            if known:
                known.remove(min(known, key=lambda at: abs(at - refused)))
            known = sorted({*known, *(at for at in sent if at != refused)})
            accepted = len(_recent(known, now, PERIOD))
            if accepted > 1:  # a single call, or none, tells how long to wait but not how often to ask
                learned = row["learned"] if not _forgotten(row, now) else accepted
                row["learned"] = min(learned or accepted, accepted)
            _put(connection, row | {"sent": known, "refused": now, "changed": now, "until": max(row["until"], now + wait)})

    def learned_rate(self, model: str, now: float) -> Rate | None:
        """Return what refused calls have taught of a model, or None."""
        with self._database.read() as connection:
            row = _row(connection, model)
            now += ahead(connection)
        return Rate(row["learned"], PERIOD) if row is not None and row["learned"] and not _forgotten(row, now) else None


def _wait(row: dict[str, Any], rate: Rate | None, now: float) -> float:
    limits = [rate] if rate is not None else []
    if row["learned"] and not _forgotten(row, now):
        limits.append(Rate(row["learned"], PERIOD))
    waits: list[float] = [row["until"] - now]
    for calls, seconds in limits:
        taken = _recent(row["sent"], now, seconds)
        if len(taken) >= calls:
            waits.append(taken[-calls] + seconds - now)
    return max(waits)


def _may_grow(row: dict[str, Any], rate: Rate | None, now: float) -> bool:
    """Whether it is only what was learned that holds a call back, and a full period has passed without a refusal."""
    alone = row["until"] <= now and (rate is None or _wait({**row, "learned": 0}, rate, now) <= 0)
    return bool(row["learned"] and alone and now - row["changed"] >= 2 * PERIOD)


def _forgotten(row: dict[str, Any], now: float) -> bool:
    return bool(now - row["refused"] > FORGOTTEN_AFTER)


def _recent(sent: Sequence[float], now: float, seconds: float) -> list[float]:
    # A clock that was set back must not keep a token for ever.
    return sorted(min(at, now) for at in sent if at > now - seconds)


def _new(model: str) -> dict[str, Any]:
    return {"model": model, "sent": [], "learned": 0, "refused": 0.0, "changed": 0.0, "until": 0.0}


def _row(connection: Connection, model: str) -> dict[str, Any] | None:
    row = connection.exec_driver_sql("SELECT * FROM rates WHERE model = :model", {"model": model}).mappings().one_or_none()
    return {**row, "sent": json.loads(row["sent"])} if row is not None else None


_PUT = insert_into(schema.rates, or_replace=True)


def _put(connection: Connection, row: dict[str, Any]) -> None:
    values = {**row, "sent": json.dumps(row["sent"])}
    connection.exec_driver_sql(_PUT, values)
