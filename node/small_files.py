"""Small files that people name: read whole, and never further than such a file can be long."""

from __future__ import annotations

from pathlib import Path

from node.errors import OperatorError


def read_small(path: Path, bytes_max: int, *, hint: str) -> bytes:
    """Read a file of at most `bytes_max` bytes; `hint` says where one comes from that is meant here.

    Raises:
        OperatorError: It cannot be read, or is longer.
    """
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}", hint=hint) from error
    if len(data) > bytes_max:
        raise OperatorError(f"{path} is longer than {bytes_max} bytes", hint=hint)
    return data
