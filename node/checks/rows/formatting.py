"""What rustfmt says of many files at once: a tenth of a millisecond a file, where a call for each costs ten."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.rows.example import SourceText
from node.checks.sandbox.limits import BUILD_LIMITS, Command, Ending, Profile
from node.checks.workers import together
from node.checks.workshop import Workshop

_SHARED_MS, _PER_FILE_MS = 2_000, 20
"""CPU time of a call: forty times what files of rows take (0.5 ms) and four times what the longest may (0.4 s for 256
KiB). Closures in calls in closures, a hundred deep, take it 30 s, and no neighbour's verdict shall wait for that."""
_MEMORY_BYTES = 4 << 30
_SPLIT = 8
"""Into how many parts files are cut among which rustfmt does not come to an end."""


@dataclass(frozen=True, slots=True)
class Formatting:
    """What rustfmt thinks of some files."""

    differing: frozenset[str] = frozenset()
    """Names of files that it would change."""
    unknown: frozenset[str] = frozenset()
    """Names of files with which it does not come to an end."""
    broken: bool = False
    """It could not read some file; which one is only known of a call with one file."""
    cpu_ms: float = 0.0


async def look_at_formatting(workshop: Workshop, texts: Mapping[str, bytes], edition: str) -> Formatting | None:
    """Ask rustfmt with its default style. One file with which it does not come to an end takes no other one along.

    Args:
        workshop: Where to work.
        texts: Files by a name that is a plain word.
        edition: Of Rust.

    Returns:
        None where rustfmt is not installed.
    """
    rustfmt = workshop.toolchain.rustfmt
    if rustfmt is None or not texts:
        return None
    found = await _look(workshop, rustfmt, texts, edition)
    if not found.unknown or len(texts) == 1:
        return found
    names = list(texts)
    size = -(-len(names) // _SPLIT)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    looks = [look_at_formatting(workshop, {name: texts[name] for name in part}, edition) for part in parts]
    return functools.reduce(_both, [look for look in await together(looks) if look is not None], _cost_of(found))


async def _look(workshop: Workshop, rustfmt: Path, texts: Mapping[str, bytes], edition: str) -> Formatting:
    folder = workshop.new_sources("format")
    paths = await asyncio.to_thread(_write, folder, texts)
    cpu_ms = _SHARED_MS + _PER_FILE_MS * len(texts)
    command = Command(
        # The folder holds no configuration, and nothing above it is asked.
        argv=(str(rustfmt), "--check", "-l", "--edition", edition, "--config-path", str(folder), *map(str, paths)),
        profile=Profile.BUILD,
        limits=replace(BUILD_LIMITS, cpu_ms=cpu_ms, wall_ms=10 * cpu_ms, memory_bytes=_MEMORY_BYTES),
        directory=folder,
        environment={"LD_LIBRARY_PATH": str(workshop.toolchain.sysroot / "lib"), "LC_ALL": "C.UTF-8"},
        readable=(workshop.toolchain.sysroot, folder),
    )
    async with workshop.workers.session() as session:
        ran = await session.run(command)
    if ran.truncated or ran.ending is not Ending.EXITED or ran.code not in {0, 1}:
        return Formatting(unknown=frozenset(texts), cpu_ms=ran.cpu_ms)
    listed = {Path(line).stem for line in ran.stdout.decode(errors="replace").splitlines() if line.endswith(".rs")}
    words = ran.stderr.decode(errors="replace")
    broken = any(line.startswith("error") and "failed to resolve mod" not in line for line in words.splitlines())
    return Formatting(frozenset(listed & texts.keys()), broken=broken, cpu_ms=ran.cpu_ms)


def _cost_of(found: Formatting) -> Formatting:
    return Formatting(cpu_ms=found.cpu_ms)


def _both(one: Formatting, other: Formatting) -> Formatting:
    return Formatting(
        one.differing | other.differing,
        one.unknown | other.unknown,
        one.broken or other.broken,
        one.cpu_ms + other.cpu_ms,
    )


@dataclass(frozen=True, slots=True)
class TextLook:
    """What rustfmt thinks of one row."""

    formatted: bool | None = None
    """Whether it would change nothing in the code; None where it could not say."""
    parsed: bool | None = None
    """Whether it could read the whole file; None where it is not installed, or does not come to an end."""
    cpu_ms: float = 0.0


async def look_at_text(workshop: Workshop, source: SourceText, edition: str) -> TextLook:
    """Ask rustfmt about a row alone."""
    texts = {"whole": source.text, "code": source.text[slice(*source.code)] + b"\n"}
    both = await look_at_formatting(workshop, texts, edition)
    if both is None:
        return TextLook()
    if not both.broken and not both.unknown:
        return TextLook("code" not in both.differing, parsed=True, cpu_ms=both.cpu_ms)
    # One of them, or what they make of a shared folder: only a call of its own says which.
    whole, own = [
        await look_at_formatting(workshop, {name: text}, edition) if name not in both.unknown else None
        for name, text in texts.items()
    ]
    return TextLook(
        None if own is None or own.broken or own.unknown else not own.differing,
        None if whole is None or whole.unknown else not whole.broken,
        both.cpu_ms + sum(look.cpu_ms for look in (whole, own) if look is not None),
    )


def _write(folder: Path, texts: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir()
    (folder / "rustfmt.toml").write_bytes(b"")
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.rs"
        path.write_bytes(text)
        paths.append(path)
    return paths
