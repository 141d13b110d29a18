"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE_ON_SQLITE = """
CREATE TRIGGER ledger_no_{verb} BEFORE {verb} ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""

_REFUSE_ON_POSTGRESQL = (
    """
    CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
    """,
    # Per statement, so that TRUNCATE and statements that touch no row are refused as well.
    """
    CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
    """,
)


def upgrade() -> None:
    """Create every table, and the triggers that keep the ledger append-only."""
    _create_messages()
    _create_contents()
    _create_rounds()
    _create_local()
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_REFUSE_ON_SQLITE.format(verb=verb))
    else:
        for statement in _REFUSE_ON_POSTGRESQL:
            op.execute(statement)


def _create_messages() -> None:
    op.create_table(
        "slots",
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_slots"),
    )
    op.create_index("ix_slots_height", "slots", ["height"])
    op.create_table(
        "envelopes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_envelopes"),
    )
    op.create_index("ix_envelopes_height_kind", "envelopes", ["height", "kind"])
    op.create_table(
        "jobs",
        sa.Column("job", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("job", name="pk_jobs"),
    )


def _create_contents() -> None:
    op.create_table(
        "blobs",
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_blobs"),
    )
    op.create_index("ix_blobs_expires", "blobs", ["expires"])
    op.create_table(
        "verdicts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_seq", "verdicts", ["seq"])


def _create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("height", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("header_hash", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("height", name="pk_rounds"),
    )
    op.create_table(
        "decisions",
        sa.Column("height", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.LargeBinary(), nullable=False),
        sa.Column("crate", sa.Integer(), nullable=False),
        sa.Column("category", sa.Integer(), nullable=False),
        sa.Column("generator", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("explanation", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["height"], ["rounds.height"], name="fk_decisions_height"),
        sa.PrimaryKeyConstraint("height", "position", name="pk_decisions"),
    )
    op.create_index("ix_decisions_job_state", "decisions", ["job", "state"])
    op.create_index("ix_decisions_content", "decisions", ["content"])
    op.create_index("ix_decisions_generator", "decisions", ["generator"])
    op.create_table(
        "ledger",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["height"], ["rounds.height"], name="fk_ledger_height"),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
    )
    op.create_index("ix_ledger_height", "ledger", ["height"])


def _create_local() -> None:
    op.create_table(
        "work",
        sa.Column("height", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("height", "key", name="pk_work"),
    )
    op.create_table(
        "peers",
        sa.Column("node", sa.LargeBinary(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_peers"),
    )
    op.create_index("ix_peers_seen_ms", "peers", ["seen_ms"])
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
