"""The tables of the store and the steps from one version of them to the next.

Rows hold hashes and JSON text; bytes lie in files (see picture_files.py and raw.py). Parents of turns are no foreign
keys on purpose: a paid reply is stored even if what it builds on was deleted while the call was in flight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Float, ForeignKey, Index, Integer, MetaData, Table, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = 1
"""Written into the file as ``PRAGMA user_version``."""

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("head", Integer),
    Column("redo", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("settings", Text, nullable=False),
    # Kept, so that neither listing nor adding costs more in a long session.
    Column("turns", Integer, nullable=False),
    # Never goes down: the id of a deleted turn is not given again.
    Column("last_number", Integer, nullable=False),
)
Index("sessions_by_updated", sessions.c.updated, sessions.c.id)
Index("sessions_by_notebook", sessions.c.notebook)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("parent", Integer),
    Column("picked", Integer),
    Column("head_before", Integer),
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
    Column("run", Integer, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("content_key", Text, nullable=False),
    Column("key_mark", Text, nullable=False),
    Column("raw", Text, nullable=False),
)
Index("turns_by_number", turns.c.session_id, turns.c.number, unique=True)
Index("turns_by_parent", turns.c.session_id, turns.c.parent)
Index("questions_by_number", turns.c.session_id, turns.c.number, sqlite_where=turns.c.kind == "ask")
Index("turns_by_request", turns.c.request_key)
Index("turns_by_cell", turns.c.cell, sqlite_where=turns.c.cell != "")
Index("turns_by_raw", turns.c.raw, sqlite_where=turns.c.raw != "")

pictures = Table(
    "pictures",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("mime_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
)

uses = Table(
    "uses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("turn_id", Integer, ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("sha256", Text, ForeignKey("pictures.sha256"), nullable=False),
    Column("name", Text, nullable=False),
    Column("pixels_key", Text, nullable=False),
)
Index("uses_by_turn", uses.c.turn_id, uses.c.position, unique=True)
Index("uses_by_picture", uses.c.sha256)
Index("uses_by_role", uses.c.role)  # SQLite adds the row id, hence the gallery's order

spend = Table(
    "spend",
    metadata,
    Column("id", Integer, primary_key=True),
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
)
Index("spend_by_day", spend.c.day)
Index("spend_by_session", spend.c.session)
Index("spend_reserved", spend.c.state, sqlite_where=spend.c.state == "reserved")

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
    Column("cancel_wanted", Integer, nullable=False),
)
Index("jobs_by_state", jobs.c.state, jobs.c.created)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cell", Text, nullable=False),
    Column("kernel", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("state", Text, nullable=False),
    Column("notebook", Text, nullable=False),
    Column("owner", Text, nullable=False),
)
Index("runs_by_cell", runs.c.cell)
Index("runs_by_kernel", runs.c.kernel)
Index("runs_by_source", runs.c.source_hash)

replies = Table(
    "replies",
    metadata,
    Column("run", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("request_key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("turn", Integer, nullable=False),
)
Index("replies_by_turn", replies.c.session_id, replies.c.turn)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("run", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_head", Integer),
    Column("to_head", Integer),
    Column("at", Float, nullable=False),
)
Index("moves_by_run", moves.c.run)
Index("moves_by_session", moves.c.session_id)

UPGRADES: Mapping[int, Callable[[Connection], None]] = {}
"""``UPGRADES[n]`` brings a store of version n to n + 1, inside the write transaction that also sets the version."""
