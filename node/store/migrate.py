"""Bring a database to this version's schema, or refuse to touch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from node.errors import OperatorError
from node.store.schema import REVISION, metadata

if TYPE_CHECKING:  # Alembic is imported when there is something to migrate, which is once in a node's life
    from alembic.config import Config


def upgrade(connection: Connection, where: str) -> None:
    """Create or migrate the tables inside the caller's transaction: all of it or nothing.

    Raises:
        OperatorError: A newer swarm-node has migrated it already, or the tables are somebody else's.
    """
    if refuse_unless_ours(connection, where) == REVISION:
        return
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def refuse_unless_ours(connection: Connection, where: str) -> str | None:
    """Return the revision found, None for an empty database; changes nothing.

    Raises:
        OperatorError: As `upgrade`.
    """
    names = set(inspect(connection).get_table_names())
    if "alembic_version" not in names:
        foreign = sorted(names)
        if foreign:
            raise OperatorError(
                f"{where} holds tables that are not swarm-node's: {', '.join(foreign[:5])}",
                hint="Give the node a data folder, or a database, of its own.",
            )
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == REVISION:
        return REVISION
    if found is None or found not in known_revisions():
        raise OperatorError(
            f"{where} has schema {found!r}, this swarm-node knows up to {REVISION}",
            hint="Install the swarm-node version that wrote it, or a newer one. Schemas are never downgraded.",
        )
    return str(found)


def known_revisions() -> tuple[str, ...]:
    """Every revision this version can start from, newest first."""
    from alembic.script import ScriptDirectory

    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def schema_differences(connection: Connection) -> list[object]:
    """What Alembic finds different between the database and `schema.metadata`; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
