"""Which processes there are below one, as Linux tells."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> list[int]:
    """Processes started by any thread of `pid`."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def leashed_by(pid: int) -> int:
    """The server that the one leash below `pid` holds."""
    (leash,) = [child for child in children_of(pid) if b"leash.py" in Path(f"/proc/{child}/cmdline").read_bytes()]
    (server,) = children_of(leash)
    return server
