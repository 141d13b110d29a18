"""Compiler calls on changed sources: the unchanged project's calls, made again in an overlay of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.bench import Bench
from node.checks.diagnostics import Diagnostic, parse_diagnostics
from node.checks.invocation import Invocation
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import Command, Limits, Profile, Ran
from node.checks.toolchain import Toolchain


@dataclass(frozen=True, slots=True)
class Built:
    """How a compiler call ended."""

    ok: bool
    diagnostics: tuple[Diagnostic, ...]
    out_of_time: bool
    crashed: bool
    """It failed without an error that anybody could read: a signal, an internal error, too much memory."""
    cpu_ms: float = 0.0
    overflowed: bool = False
    """It crashed because its stack was too small for how deep something is nested."""
    cut: bool = False
    """It said more than is kept: diagnostics, also of others that were compiled with it, may be missing."""


def make_overlay(base: Path, overlay: Path, contents: Mapping[str, bytes]) -> None:
    """A copy of a project that differs in a few files: everything else is a link into the project.

    Only directories that hold a changed file are real, so the cost does not grow with the project.

    Args:
        base: The unchanged project.
        overlay: Where to make the copy; must not exist.
        contents: New content by relative path.
    """
    overlay.mkdir(parents=True)
    inside: dict[str, dict[str, bytes]] = {}
    for path, content in contents.items():
        name, _, rest = path.partition("/")
        if rest:
            inside.setdefault(name, {})[rest] = content
        else:
            (overlay / name).write_bytes(content)
    for name, below in inside.items():
        make_overlay(base / name, overlay / name, below)
    if base.is_dir():
        for entry in base.iterdir():
            if entry.name not in inside and entry.name not in contents:
                (overlay / entry.name).symlink_to(entry)


def _open_folder(session: LauncherSession, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    session.give(folder)


@dataclass(frozen=True, slots=True)
class Call:
    """A compiler call to be made in an overlay."""

    invocation: Invocation
    """The recorded call, for its environment."""
    arguments: tuple[str, ...]
    """Of the new call (`Invocation.rebuilt`)."""
    overlay: Path
    """Working directory; stands in for the project everywhere."""
    out_dir: Path
    """Where outputs go; made if missing."""
    clippy: bool = False
    """Run clippy's driver instead of rustc."""
    cpu_ms_max: int | None = None
    """Less CPU time than one variant of the bench's crate may take."""


async def compile_overlay(
    session: LauncherSession, bench: Bench, toolchain: Toolchain, call: Call, *, readable: tuple[Path, ...]
) -> Built:
    """Make a compiler call.

    Args:
        session: Where.
        bench: Of the crate.
        toolchain: With which compiler.
        call: What to compile.
        readable: Files it needs besides the bench, the overlay and the toolchain.
    """
    await asyncio.to_thread(_open_folder, session, call.out_dir)
    command = Command(
        argv=(*_program(toolchain, clippy=call.clippy), *call.arguments),
        profile=Profile.BUILD,
        limits=_limits(bench, call),
        directory=call.overlay,
        environment=moved(call.invocation.environment, bench.project, call.overlay),
        readable=(*toolchain.readable, bench.root, call.overlay, *readable),
        writable=(call.out_dir,),
    )
    ran = await session.run(command)
    return replace(built_of(ran, parse_diagnostics(ran.stderr)), cut=ran.truncated)


_OVERFLOWED = b"overflowed its stack"
"""Of rustc's last words, and of the standard library's for clippy's driver."""


def built_of(ran: Ran, diagnostics: tuple[Diagnostic, ...]) -> Built:
    """How a compiler, or cargo that calls it, ended, by what it said."""
    crashed = not ran.succeeded and not ran.out_of_time and not any(item.error for item in diagnostics)
    return Built(
        ok=ran.succeeded,
        diagnostics=diagnostics,
        out_of_time=ran.out_of_time,
        crashed=crashed,
        cpu_ms=ran.cpu_ms,
        overflowed=crashed and _OVERFLOWED in ran.stderr,
    )


def _limits(bench: Bench, call: Call) -> Limits:
    limits = bench.build_limits
    if call.cpu_ms_max is None or call.cpu_ms_max >= limits.cpu_ms:
        return limits
    return replace(limits, cpu_ms=call.cpu_ms_max, wall_ms=limits.wall_ms * call.cpu_ms_max // limits.cpu_ms)


def _program(toolchain: Toolchain, *, clippy: bool) -> tuple[str, ...]:
    if not clippy:
        return (str(toolchain.rustc),)
    if toolchain.clippy is None:
        raise AssertionError("lints are only asked for where clippy is installed")
    return str(toolchain.clippy), str(toolchain.rustc)


def moved(environment: Mapping[str, str], project: Path, overlay: Path) -> dict[str, str]:
    """Variables with paths into the project leading into what stands in for it."""
    old, new = str(project), str(overlay)
    return {
        name: new + value.removeprefix(old) if value.startswith(old) else value for name, value in environment.items()
    }
