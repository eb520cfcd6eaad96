"""The tables of the store, in either database. upgrades.py brings earlier versions to these.

What a database keeps up to date in them by itself is in sqlite_triggers.py and postgres_triggers.py.

Rows hold hashes and JSON text; bytes lie in files (see picture_files.py and raw.py). Parents of turns are no foreign
keys on purpose: a paid reply is stored even if what it builds on was deleted while the call was in flight.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    func,
    select,
    text,
)

VERSION = 7
"""Written into the file as ``PRAGMA user_version``."""

metadata = MetaData()

WHOLE = Integer().with_variant(BigInteger(), "postgresql")
"""SQLite's whole numbers have 64 bits."""


def _only(condition: ColumnElement[bool] | TextClause) -> dict[str, Any]:
    """Return what makes an index one of some rows only, in either database."""
    return {"sqlite_where": condition, "postgresql_where": condition}


sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("head", WHOLE),
    Column("redo", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("settings", Text, nullable=False),
    # Kept, so that neither listing nor adding costs more in a long session.
    Column("turns", WHOLE, nullable=False),
    # Never goes down: the id of a deleted turn is not given again.
    Column("last_number", WHOLE, nullable=False),
)
Index("sessions_by_updated", sessions.c.updated, sessions.c.id)
Index("sessions_by_notebook", sessions.c.notebook)

turns = Table(
    "turns",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("number", WHOLE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("parent", WHOLE),
    Column("picked", WHOLE),
    Column("head_before", WHOLE),
    Column("text", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("sent", Text, nullable=False),
    Column("got", Text, nullable=False),
    Column("seed", Text),  # as text: a seed may be larger than SQLite's 64-bit integers
    Column("usage", Text, nullable=False),
    Column("cost", Float),
    Column("warnings", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("surface", Text, nullable=False),
    Column("origin_name", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("run", WHOLE, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("content_key", Text, nullable=False),
    Column("key_mark", Text, nullable=False),
    Column("raw", Text, nullable=False),
    # Where it is in its line (see jumps.py).
    Column("depth", WHOLE, nullable=False, server_default="0"),
    Column("jump", WHOLE, nullable=False, server_default="0"),
)
Index("turns_by_number", turns.c.session_id, turns.c.number, unique=True)
Index("turns_by_parent", turns.c.session_id, turns.c.parent)
Index("questions_by_number", turns.c.session_id, turns.c.number, **_only(turns.c.kind == "ask"))
Index("turns_by_request", turns.c.request_key)
Index("turns_by_cell", turns.c.cell, **_only(turns.c.cell != ""))
Index("turns_by_raw", turns.c.raw, **_only(turns.c.raw != ""))

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("mime_type", Text, nullable=False),
    Column("width", WHOLE, nullable=False),
    Column("height", WHOLE, nullable=False),
    Column("bytes", WHOLE, nullable=False),
)

stars = Table(
    "stars",
    metadata,
    Column("sha256", Text, ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True),
    Column("at", Float, nullable=False),
)

uses = Table(
    "uses",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("turn_id", WHOLE, ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("role", Text, nullable=False),
    Column("sha256", Text, ForeignKey("pictures.sha256"), nullable=False),
    Column("name", Text, nullable=False),
    Column("pixels_key", Text, nullable=False),
    # Of a file: hash of what is seen of it. Of what came from a URL: hash of the URL.
    Column("content", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
)
Index("uses_by_turn", uses.c.turn_id, uses.c.position, unique=True)
Index("uses_by_picture", uses.c.sha256)
Index("uses_by_content", uses.c.content, **_only(uses.c.content != ""))
Index("uses_by_address", uses.c.address, **_only(uses.c.address != ""))
Index("uses_by_role", uses.c.role)  # SQLite adds the row id, hence the gallery's order

spend = Table(
    "spend",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", Float, nullable=False),
    Column("day", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("estimate", Float),
    Column("cost", Float),
    Column("session", Text, nullable=False),
    Column("turn", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("owner", Text, nullable=False),
    # The batch it was spent for.
    Column("batch", WHOLE),
    # Who spent it; empty in rows of before version 7.
    Column("person", Text, nullable=False, server_default=""),
)
Index("spend_by_day", spend.c.day)
Index("spend_by_session", spend.c.session)
Index("spend_unknown", spend.c.day, **_only(text("cost IS NULL AND state IN ('billed', 'unknown')")))
Index("spend_reserved", spend.c.state, **_only(spend.c.state == "reserved"))

outputs = Table(
    "outputs",
    metadata,
    Column("path", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("at", Float, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("submit_id", Text, nullable=False),
    Column("service_state", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("turn", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("cancel_wanted", WHOLE, nullable=False),
)
Index("jobs_by_state", jobs.c.state, jobs.c.created)

runs = Table(
    "runs",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("cell", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("ordinal", WHOLE, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("state", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("owner", Text, nullable=False),
    # Where it stands in the order the store saw runs in: a clock may be set back.
    Column("seen", WHOLE, nullable=False, server_default="0"),
)
Index("runs_by_cell", runs.c.cell, runs.c.seen)
Index("runs_by_kernel", runs.c.kernel)
Index("runs_by_source", runs.c.source_hash, runs.c.ordinal, runs.c.seen)
Index("runs_by_order", runs.c.seen)

replies = Table(
    "replies",
    metadata,
    Column("run", WHOLE, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", WHOLE, primary_key=True),
    Column("request_key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("turn", WHOLE, nullable=False),
)
Index("replies_by_turn", replies.c.session_id, replies.c.turn)
Index("replies_by_request", replies.c.request_key)

named = Table(
    "named",
    metadata,
    Column("run", WHOLE, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    # The id as it was typed, and the turn it meant.
    Column("word", Text, primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("turn", WHOLE, nullable=False),
    # Whether that was a turn of the session the cell worked in.
    Column("own", WHOLE, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("run", WHOLE, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", WHOLE, primary_key=True),
    Column("request_key", Text, nullable=False),
    Column("model", Text, nullable=False),
    # The service's words.
    Column("said", Text, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("run", WHOLE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_head", WHOLE),
    Column("to_head", WHOLE),
    Column("at", Float, nullable=False),
)
Index("moves_by_run", moves.c.run)
Index("moves_by_session", moves.c.session_id)

batches = Table(
    "batches",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("beside", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("budget", Float),
    # In billionths of a US dollar, kept up by a trigger as the sums of days are.
    Column("spent", WHOLE, nullable=False, server_default="0"),
    Column("stopping", Text, nullable=False),
    Column("call", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("notebook", Text, nullable=False),
)
Index("batches_by_cell", batches.c.cell)
Index("batches_by_source", batches.c.source_hash)
Index("batches_by_session", batches.c.session_id)
Index("batches_by_beside", batches.c.beside)

items = Table(
    "items",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("batch", WHOLE, ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("label", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("call", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("twin", WHOLE),
    # Who has it, under which lease, and until when, as long as it is leased; the lease is confirmed where its money is reserved.
    Column("owner", Text, nullable=False, server_default=""),
    Column("lease", Text, nullable=False, server_default=""),
    Column("until", Float, nullable=False, server_default="0"),
    Column("spend", WHOLE),
    Column("session_id", Text, nullable=False, server_default=""),
    Column("turn", WHOLE),
    Column("error", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("billed", Text, nullable=False, server_default="no"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("cost", Float),
    Column("job", Text, nullable=False, server_default=""),
)
Index("items_by_position", items.c.batch, items.c.position)
Index("items_by_state", items.c.batch, items.c.state, items.c.position)
Index("items_by_twin", items.c.twin, **_only(items.c.twin.is_not(None)))

counts = Table(
    "counts",
    metadata,
    Column("id", WHOLE, primary_key=True),  # one row
    # Tells this index from any other that may be put in its place.
    Column("store", Text, nullable=False),
    # Never goes down: how often a turn or picture came or went (see counting.py).
    Column("changes", WHOLE, nullable=False),
    Column("turns", WHOLE, nullable=False),
    Column("pictures", WHOLE, nullable=False),
    # Why rows may be missing; empty while they are known to be whole.
    Column("doubt", Text, nullable=False),
    # Whether `prompts` holds the words of all turns.
    Column("search", WHOLE, nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("day", Text, primary_key=True),
    # In billionths of a US dollar: whole numbers can be added and taken off without end.
    Column("known", WHOLE, nullable=False),
)

rates = Table(
    "rates",
    metadata,
    # provider:model
    Column("model", Text, primary_key=True),
    # When its latest calls were sent, as JSON (see rates.py).
    Column("sent", Text, nullable=False),
    # Calls a minute that it seems to take; 0 while that is not known.
    Column("learned", WHOLE, nullable=False),
    # When a call was last refused, when `learned` last changed, and until when nothing may be sent.
    Column("refused", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("until", Float, nullable=False),
)


def begin_counts(connection: Connection) -> None:
    """Insert the one row of counts."""
    turned, pictured = (connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (turns, pictures))
    row = {"id": 1, "store": secrets.token_hex(8), "changes": turned + pictured, "turns": turned, "pictures": pictured}
    connection.execute(counts.insert().values(**row, doubt="", search=0))
