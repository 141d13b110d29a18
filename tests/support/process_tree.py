"""Which processes there are below one, as Linux tells."""

from __future__ import annotations

import contextlib
from pathlib import Path

GONE = (FileNotFoundError, ProcessLookupError)
"""Before its file was opened, and before it was read."""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except GONE:
        return False


def children_of(pid: int) -> list[int]:
    """Processes started by any thread of `pid`."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(*GONE):  # threads come and go
            found += map(int, (thread / "children").read_text().split())
    return found


def leashed_by(pid: int) -> int:
    """The server that the one leash below `pid` holds."""
    (leash,) = [child for child in children_of(pid) if b"leash.py" in Path(f"/proc/{child}/cmdline").read_bytes()]
    (server,) = children_of(leash)
    return server
