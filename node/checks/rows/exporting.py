"""A row as an ordinary cargo project: exactly what its verdict is about."""

from __future__ import annotations

from pathlib import Path

from node.checks.rows.example import Example, assemble
from node.values.crate import PreparedCrate


def export_row(package: PreparedCrate, example: Example, directory: Path) -> None:
    """Write the project that `cargo clippy` and `cargo test` would be run on.

    Args:
        package: What the row is compiled in.
        example: The row.
        directory: Where to write; made if missing, must be empty.

    Raises:
        FileExistsError: The directory is not empty.
    """
    source = assemble(example)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty")
    (directory / "Cargo.toml").write_bytes(package.manifest)
    (directory / "Cargo.lock").write_bytes(package.lock)
    path = directory / source.path
    path.parent.mkdir()
    path.write_bytes(source.text)
