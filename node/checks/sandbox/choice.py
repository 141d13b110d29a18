"""Which level this machine can enforce, found by attacking it.

A level is trusted only after its self-test: a program of ours, run through exactly the way that other people's code
will run, tries to read a secret, write outside, open sockets, start programs, fork without end, and run without end.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.sandbox.errors import SandboxError
from node.checks.sandbox.launcher import UID_BASE, UIDS, Confinement, LauncherSession, build_launcher, open_session
from node.checks.sandbox.limits import TEST_LIMITS, Command, Level, Profile
from node.errors import OperatorError

_MUST_BE_CLOSED = (
    "read-secret",
    "write-outside",
    "truncate-secret",
    "change-mode",
    "list-home",
    "bind-tcp",
    "bind-udp",
    "bind-unix",
    "signal-parent",
    "new-namespace",
)
_PROBE_LIMITS = replace(TEST_LIMITS, cpu_ms=2000, wall_ms=20_000, processes=32)
_FORKED_WITHOUT_BOUND = 200
"""Where the probe's fork bomb stops by itself."""
_FORKS = "the process limit does not hold"
"""The last attack: where only this one succeeds, all others were contained."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A level that held, and what was found on the way."""

    confinement: Confinement
    reasons: tuple[str, ...]
    """Why no stronger level was chosen; empty when the strongest was."""
    weaker: tuple[str, ...]
    """What this level does not prevent here, as sentences."""


async def choose(rustc: Path, *, sysroot: Path, cache: Path, asked: Level | None = None) -> Choice:
    """Find the strongest level that holds on this machine, or make sure of the one that was asked for.

    `CONTAINER` and `NONE` are never chosen unless asked for: the first is the operator's word about the surroundings,
    the second the permission to go without.

    Args:
        rustc: The compiler that builds the launcher, and that must run inside.
        sysroot: The compiler's installation.
        cache: Directory for the launcher, kept between starts; several nodes may share it.
        asked: Exactly this level, or None for the best of `STRICT` and `STANDARD`.

    Raises:
        OperatorError: No level holds, or not the one asked for.
    """
    try:
        launcher = await asyncio.to_thread(build_launcher, rustc, cache)
        landlock = await _landlock_version(launcher)
    except (SandboxError, OSError) as error:
        raise OperatorError(
            f"no sandbox can be built on this machine: {error}",
            hint="Install a linker (Debian: build-essential). Checks need Linux on x86-64 or AArch64.",
        ) from error
    reasons: list[str] = []
    for level in (asked,) if asked is not None else (Level.STRICT, Level.STANDARD):
        problem = "nothing was tried"
        for confinement in _candidates(level, launcher, landlock):
            problem = await _self_test(confinement, cache, rustc, sysroot)
            if not problem:
                return Choice(confinement, tuple(reasons), _weaknesses(confinement))
            if problem == _FORKS and level is Level.STRICT:
                # The kernel counts nobody's processes who is its own root, as in a namespace that root made; the level
                # below would not hold them either, and shows what this one hides.
                return Choice(confinement, tuple(reasons), (*_weaknesses(confinement), _SHARED_PROCESS_LIMIT))
        reasons.append(f"{level.value}: {problem}")
    raise OperatorError(
        "no sandbox holds on this machine: " + "; ".join(reasons),
        hint="Install bubblewrap (Debian: bubblewrap) or use a kernel with Landlock (5.13 or newer). "
        "Inside a disposable container ask for the level `container`.",
    )


def _candidates(level: Level, launcher: Path, landlock: int) -> Iterator[Confinement]:
    """The ways to enforce a level, best first."""
    root = os.geteuid() == 0 and _has_other_users()
    bwrap = shutil.which("bwrap")
    base = Confinement(
        level=level,
        launcher=launcher,
        bwrap=None,
        landlock=landlock >= 1,
        signals_scoped=landlock >= 6,
        changes_user=root,
        processes_before=0,
    )
    if level is Level.STRICT:
        if bwrap is not None:
            yield replace(base, bwrap=Path(bwrap), processes_before=0 if _counts_per_namespace() else _processes())
    elif level is Level.STANDARD:
        if landlock >= 1:
            # Another user cannot reach a toolchain inside a closed home directory; then we stay who we are.
            if root:
                yield base
            yield replace(base, changes_user=False, processes_before=_processes())
    elif level is Level.CONTAINER:
        # Without Landlock only another user keeps the node's own files apart.
        if root:
            yield replace(base, landlock=False, signals_scoped=False)
    else:
        yield replace(base, landlock=False, signals_scoped=False, changes_user=False, processes_before=_processes())


async def _landlock_version(launcher: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        str(launcher), "serve", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env={}
    )
    output, _ = await process.communicate()
    return int(output.split()[1])


async def _self_test(confinement: Confinement, cache: Path, rustc: Path, sysroot: Path) -> str:
    """Why the confinement does not hold; empty when it does."""
    with tempfile.TemporaryDirectory(dir=cache) as name:
        outside = Path(name)
        # Open modes, so that it is the sandbox and not the modes that is tested; in a container the modes are all.
        secret, work = await asyncio.to_thread(_lay_bait, outside, open_modes=confinement.level is not Level.CONTAINER)
        async with open_session(
            confinement, slot=63, root=work, readable=(confinement.launcher, sysroot), writable=()
        ) as session:
            try:
                return await _compiles(session, rustc, sysroot) or await _attack(session, confinement, secret, outside)
            except SandboxError as error:
                return str(error)


def _lay_bait(outside: Path, *, open_modes: bool) -> tuple[Path, Path]:
    secret, work = outside / "secret", outside / "session"
    secret.write_text("canary\n")
    secret.chmod(0o644 if open_modes else 0o600)
    outside.chmod(0o777 if open_modes else 0o755)
    work.mkdir()
    work.chmod(0o755)
    return secret, work


async def _compiles(session: LauncherSession, rustc: Path, sysroot: Path) -> str:
    command = Command(
        argv=(str(rustc), "-vV"),
        profile=Profile.BUILD,
        limits=_PROBE_LIMITS,
        directory=Path("/"),
        readable=(sysroot,),
    )
    ran = await session.run(command)
    return "" if ran.succeeded else f"rustc does not run inside: {ran.stderr.decode(errors='replace').strip()[:200]}"


async def _attack(session: LauncherSession, confinement: Confinement, secret: Path, outside: Path) -> str:
    def probe(profile: Profile, *words: str, cpu_ms: int = 2000, wall_ms: int = 20_000) -> Command:
        return Command(
            argv=(str(confinement.launcher), "probe", *words),
            profile=profile,
            limits=replace(_PROBE_LIMITS, cpu_ms=cpu_ms, wall_ms=wall_ms),
            directory=Path("/"),
            readable=(confinement.launcher,),
        )

    for profile in Profile:
        attempts = ("attempts", str(secret), str(outside), str(session.scratch))
        ran = await session.run(probe(profile, *attempts))
        seen = dict(line.split() for line in ran.stdout.decode().splitlines())
        if seen.get("write-inside") != "open":
            return f"a {profile.value} cannot write its own directory: {ran.stderr.decode(errors='replace')[:200]}"
        if confinement.level is not Level.NONE:
            must = _MUST_BE_CLOSED if profile is Profile.BUILD else (*_MUST_BE_CLOSED, "start-program")
            open_doors = [name for name in must if seen.get(name) != "closed"]
            if open_doors:
                return f"a {profile.value} could: {', '.join(open_doors)}"
    if not (await session.run(probe(Profile.TEST, "spin", cpu_ms=100))).out_of_time:
        return "the CPU time limit does not hold"
    if not (await session.run(probe(Profile.TEST, "sleep", wall_ms=100))).out_of_time:
        return "the wall time limit does not hold"
    return await _bounded_forks(session, probe(Profile.BUILD, "fork-bomb"), confinement)


async def _bounded_forks(session: LauncherSession, bomb: Command, confinement: Confinement) -> str:
    if not _process_limit_holds(confinement):
        return ""  # Named among the weaknesses instead.
    ran = await session.run(bomb)
    forked = int(ran.stdout.split()[1]) if ran.stdout.startswith(b"forked ") else _FORKED_WITHOUT_BOUND
    return _FORKS if forked >= _FORKED_WITHOUT_BOUND else ""


def _process_limit_holds(confinement: Confinement) -> bool:
    return confinement.changes_user or (confinement.bwrap is not None and _counts_per_namespace())


def _weaknesses(confinement: Confinement) -> tuple[str, ...]:
    if confinement.level is Level.STRICT:
        return () if _process_limit_holds(confinement) else (_SHARED_PROCESS_LIMIT,)
    found = [
        "Tested code can learn whether a path exists, how large it is and when it changed.",
        "Disk space is bounded per file and by time only.",
    ]
    if not _process_limit_holds(confinement):
        found.append(_SHARED_PROCESS_LIMIT)
    if confinement.level is Level.CONTAINER:
        found.append("Files that every user may read can be read: trusting the container is the operator's word.")
    if confinement.level is Level.NONE:
        found = ["Code from crates and peers runs unconfined: it can read and change everything that this user can."]
    elif not (confinement.signals_scoped or confinement.changes_user):
        found.append("Builds that use threads of a job server may be slower: their signals are refused.")
    return tuple(found)


_SHARED_PROCESS_LIMIT = "A build's fork bomb is stopped by time, not by count: its processes run as this same user."


def _has_other_users() -> bool:
    """Whether the ids of commands exist here; a user namespace, as of a container without root, has few ids."""
    try:
        ranges = [[int(part) for part in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except (OSError, ValueError):
        return False
    return any(first <= UID_BASE and first + count >= UID_BASE + UIDS for first, _, count in ranges)


def _counts_per_namespace() -> bool:
    """Since Linux 5.14 processes are counted per user namespace."""
    major, minor, *_ = (int(part) for part in platform.release().split("-")[0].split(".")[:2])
    return (major, minor) >= (5, 14)


def _processes() -> int:
    """Threads that count against our user now."""
    uid = str(os.getuid())
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except (OSError, ValueError):
            continue  # It ended while we looked.
        if fields.get("Uid", "").split("\t")[0] == uid:
            total += int(fields.get("Threads", "1"))
    return total
