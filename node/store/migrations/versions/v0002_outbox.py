"""The outbox of the chain's edge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; nodes without a chain leave it empty."""
    op.create_table(
        "outbox",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "key", name="pk_outbox"),
    )
    op.create_index("ix_outbox_chain_number", "outbox", ["chain", "number"])
