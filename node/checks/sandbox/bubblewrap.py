"""The command line that puts the launcher into namespaces of its own.

Paths keep their names inside, so that what a build records holds for every later command. Everything not named is
absent: no home, no other users' files, no /etc beyond the loader's. The root file system is an empty, read-only tmpfs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from node.checks.sandbox import system

SCRATCH = Path("/.swarm-scratch")
"""The sandbox's own temporary directory. Not /tmp: directories of ours that are bound may lie below that."""
_TMP = "/tmp"  # noqa: S108 - the sandbox's, which leads to its own directory

_SERVER_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETPCAP")
"""Where we are root the launcher keeps these few, to become another user, to kill it and to clean up after it."""


def wrap(
    bwrap: Path,
    program: tuple[str, ...],
    *,
    readable: Iterable[Path],
    writable: Iterable[Path],
    root: bool,
    tmp_bytes: int,
) -> tuple[str, ...]:
    """Full argument list that runs `program` in a new sandbox.

    Args:
        bwrap: The bubblewrap program.
        program: Absolute path and arguments of what to run; its path must be among `readable`.
        readable: Bound read-only.
        writable: Bound writable.
        root: Whether we run as root: then no user namespace is made, and all but a few capabilities are dropped. As an
            ordinary user the sandbox gets a user namespace, in which processes are counted separately.
        tmp_bytes: Size of the private tmpfs at `SCRATCH`.
    """
    args = [str(bwrap), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    args += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    if root:
        args += ["--cap-drop", "ALL"]
        for capability in _SERVER_CAPABILITIES:
            args += ["--cap-add", capability]
    else:
        args += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    tools = system.tool_directories()
    for path in tools:
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), str(path)]
    args += ["--proc", "/proc", "--dev", "/dev"]
    args += ["--perms", "1777", "--size", str(tmp_bytes), "--tmpfs", str(SCRATCH)]
    shown = (path for path in tools if not path.is_symlink())
    bound = _binds((*shown, *system.loader_files(), *system.authorities(), *readable), writable)
    if not any(word.startswith(f"{_TMP}/") for word in bound):
        # Programs of examples write there by this name.
        args += ["--symlink", str(SCRATCH), _TMP]
    args += bound
    return (*args, "--remount-ro", "/", "--chdir", "/", "--", *program)


def _binds(readable: Iterable[Path], writable: Iterable[Path]) -> list[str]:
    """Binds, outer paths first; the directories above them are made anew, or they would keep their closed modes."""
    kinds = dict.fromkeys(map(_plain, readable), "--ro-bind") | dict.fromkeys(map(_plain, writable), "--bind")
    args: list[str] = []
    made: set[Path] = set()
    for path in sorted(kinds):
        for above in reversed(path.parents[:-1]):
            if above not in made and kinds.keys().isdisjoint((above, *above.parents)):
                args += ["--dir", str(above)]
                made.add(above)
        args += [kinds[path], str(path), str(path)]
    return args


def _plain(path: Path) -> Path:
    return path.absolute()
