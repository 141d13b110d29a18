"""Alembic's script folder: `env.py` is how a migration meets a connection, `versions` are the migrations."""
