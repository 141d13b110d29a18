"""The fifteen task categories: schemas, examples derived from a crate's own source, and what must hold of them."""
