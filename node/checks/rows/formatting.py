"""What rustfmt says of many files at once: a tenth of a millisecond a file, where a call for each costs ten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.sandbox.limits import BUILD_LIMITS, Command, Profile
from node.checks.workshop import Workshop

_LIMITS = replace(BUILD_LIMITS, cpu_ms=60_000, wall_ms=600_000)


@dataclass(frozen=True, slots=True)
class Formatting:
    """Names of files by what rustfmt thinks of them; those it did not come to are in neither."""

    differing: frozenset[str]
    broken: bool
    """It could not read some file; which one is only known of a call with one file."""


async def look_at_formatting(workshop: Workshop, texts: Mapping[str, bytes], edition: str) -> Formatting | None:
    """Ask rustfmt with its default style.

    Args:
        workshop: Where to work.
        texts: Files by a name that is a plain word.
        edition: Of Rust.

    Returns:
        None where rustfmt is not installed or does not come to an end.
    """
    rustfmt = workshop.toolchain.rustfmt
    if rustfmt is None or not texts:
        return None
    folder = workshop.new_sources("format")
    paths = await asyncio.to_thread(_write, folder, texts)
    command = Command(
        # The folder holds no configuration, and nothing above it is asked.
        argv=(str(rustfmt), "--check", "-l", "--edition", edition, "--config-path", str(folder), *map(str, paths)),
        profile=Profile.BUILD,
        limits=_LIMITS,
        directory=folder,
        environment={"LD_LIBRARY_PATH": str(workshop.toolchain.sysroot / "lib"), "LC_ALL": "C.UTF-8"},
        readable=(workshop.toolchain.sysroot, folder),
    )
    async with workshop.workers.session() as session:
        ran = await session.run(command)
    if ran.truncated or ran.code not in {0, 1}:
        return None
    listed = {Path(line).stem for line in ran.stdout.decode(errors="replace").splitlines() if line.endswith(".rs")}
    words = ran.stderr.decode(errors="replace")
    broken = any(line.startswith("error") and "failed to resolve mod" not in line for line in words.splitlines())
    return Formatting(frozenset(listed & texts.keys()), broken)


def _write(folder: Path, texts: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir()
    (folder / "rustfmt.toml").write_bytes(b"")
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.rs"
        path.write_bytes(text)
        paths.append(path)
    return paths
