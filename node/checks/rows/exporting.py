"""A row as an ordinary cargo project: exactly what its verdict is about."""

from __future__ import annotations

from pathlib import Path

from node.checks.rows.example import LIBRARY, PROGRAM, Example, SourceText, assemble
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
    write_row(package, assemble(example), directory)


def write_row(package: PreparedCrate, source: SourceText, directory: Path) -> None:
    """As `export_row`, for a row that is put together already."""
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty")
    (directory / "Cargo.toml").write_bytes(_for_program(package.manifest) if source.is_program else package.manifest)
    (directory / "Cargo.lock").write_bytes(package.lock)
    path = directory / source.path
    path.parent.mkdir()
    path.write_bytes(source.text)


def _for_program(manifest: bytes) -> bytes:
    """The manifest with a program where its library was: cargo names the library there, and looks for nothing else."""
    return manifest.replace(b"[lib]\n", b"[[bin]]\n").replace(LIBRARY.encode(), PROGRAM.encode())
