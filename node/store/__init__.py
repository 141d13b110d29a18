"""The node's database: the only place that knows SQLAlchemy."""
