"""Files that a command reads and writes, named by its user: none is written over before it was read."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from node.errors import OperatorError

PIPE = "-"
"""Standard input or output, where a file may be named."""


def refuse_overwriting(read: Iterable[str | Path], written: Iterable[str | Path]) -> None:
    """Refuse a command that would write over what it reads.

    Args:
        read: What is read; `PIPE` is standard input, which may come from a file.
        written: What is written, whether it is there or not; `PIPE` is standard output, which may go to a file.

    Raises:
        OperatorError: Two of them are one file: the same name, a link to it, or a second name of it.
    """
    sources = {_identity(path, "/dev/stdin"): path for path in read}
    sources.pop(None, None)
    for path in written:
        source = sources.get(_identity(path, "/dev/stdout"))
        if source is not None:
            raise OperatorError(
                f"{_said(path, 'standard output')} would be written over {_said(source, 'standard input')}, "
                "which is the same file and is to be read",
                hint="Name another file to write to.",
            )


_PACKED = {b"\x1f\x8b": "zcat", b"\x28\xb5\x2f\xfd": "zstdcat", b"\xfd7zXZ": "xzcat", b"BZh": "bzcat", b"PAR1": ""}
"""How packed files begin, and what unpacks them into a pipe."""


def refuse_packed(path: Path) -> None:
    """Refuse a file of lines that is none, by how it begins.

    Raises:
        OperatorError: It is compressed, or a table.
    """
    with path.open("rb") as file:
        begins = file.read(6)
    for sign, tool in _PACKED.items():
        if begins.startswith(sign):
            hint = (
                f"Unpack it into a pipe: {tool} {path.name} | ... --in -" if tool else "Write it as JSON lines first."
            )
            raise OperatorError(f"{path} is packed, not lines of JSON", hint=hint)


def is_ordinary(path: str | Path) -> bool:
    """Whether something is, or would become, a file that stays: no pipe, terminal or device."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _said(path: str | Path, standard: str) -> str:
    return standard if path == PIPE else str(path)


def _identity(path: str | Path, standard: str) -> tuple[int, int] | None:
    """Device and inode; None for what is not there, or is no ordinary file: a pipe is not lost by being written to."""
    try:
        found = Path(standard if path == PIPE else path).stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
