"""Run by Alembic: applies migrations on the connection that `node.store.migrate` hands over, nothing else.

There is no offline mode and no configuration file: the node migrates its own database when it opens it.
"""

from __future__ import annotations

from alembic import context

from node.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
