"""The tables, as SQLAlchemy Core sees them. Their making and changing is the migrations' (`migrations/versions`).

A test holds the two together: the schema that the migrations build must be this one. Hashes and keys are 32 raw
bytes; heights are 64-bit; times are Unix milliseconds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

REVISION = "0002"
"""The newest migration. Known here so that opening an up-to-date database need not import Alembic (30 MB)."""

metadata = MetaData(
    naming_convention={
        # Named constraints can be altered later on every database; unnamed ones cannot on SQLite.
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

slots = Table(
    "slots",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("height", BigInteger, nullable=True),
    Column("digest", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Index(None, "height"),
)
"""The signing guard (R4): what was signed for a slot, before anybody saw it."""

envelopes = Table(
    "envelopes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("height", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("sender", LargeBinary, nullable=False),
    Column("own", Boolean, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Index(None, "height", "kind"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=True),
    Column("data", LargeBinary, nullable=True),
    Index(None, "expires"),
)
"""Contents by hash. `data` is null where the bytes lie in a file beside the database."""

rounds = Table(
    "rounds",
    metadata,
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    Column("header_hash", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("state", LargeBinary, nullable=True),
    Column("manifest", LargeBinary, nullable=False),
)
"""Decided rounds. `state` becomes null once pruned; everything else is kept for ever."""

decisions = Table(
    "decisions",
    metadata,
    Column("height", BigInteger, ForeignKey("rounds.height"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("job", LargeBinary, nullable=False),
    Column("crate", Integer, nullable=False),
    Column("category", Integer, nullable=False),
    Column("generator", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("explanation", LargeBinary, nullable=True),
    Index(None, "job", "state"),
    Index(None, "content"),
    Index(None, "generator"),
)
"""One row per decision; `body` is its canonical encoding, the columns before it are there to be searched."""

jobs = Table(
    "jobs",
    metadata,
    Column("job", LargeBinary, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),
)
"""Jobs as received. `status` is null until a decided round admits the job."""

work = Table(
    "work",
    metadata,
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""This node's own unfinished work, by height."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index(None, "seq"),
)
"""Verdicts by content; the smallest `seq` is evicted first."""

peers = Table(
    "peers",
    metadata,
    Column("node", LargeBinary, primary_key=True),
    Column("addresses", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Index(None, "seen_ms"),
)
"""Peers to dial after a restart; `addresses` is a JSON list, best first."""

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("height", BigInteger, ForeignKey("rounds.height"), nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "height"),
)
"""Hash-linked reputation events (R38). Triggers forbid changing and deleting them."""

outbox = Table(
    "outbox",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "chain", "number"),
)
"""What is to be written on which chain (`node.values.outbox`); `body` is the entry's canonical encoding."""
