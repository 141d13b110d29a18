"""What rustfmt says of many files at once: a tenth of a millisecond a file, where a call for each costs ten."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.sandbox.limits import BUILD_LIMITS, Command, Limits, Profile
from node.checks.workers import together
from node.checks.workshop import Workshop

_FEW_MS, _PER_FILE_MS = 5_000, 100
"""CPU time of a call: a file takes half a millisecond, and whoever takes very long shall not take long with many."""
_SPLIT = 8
"""Into how many parts files are cut of which one keeps rustfmt from telling about the others."""
_PLACE = re.compile(r"\s*--> (.+):\d+:\d+")
_ELSEWHERE = re.compile(rb"\bmod\s+(?:r#)?\w+\s*;|\bpath\b")


@dataclass(frozen=True, slots=True)
class Formatting:
    """What rustfmt thinks of files, by their names."""

    differing: frozenset[str]
    broken: frozenset[str]
    """It could not read them."""
    unclear: bool
    """It could not read something, and did not say which file."""


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
        limits=_limits(len(paths)),
        directory=folder,
        environment={"LD_LIBRARY_PATH": str(workshop.toolchain.sysroot / "lib"), "LC_ALL": "C.UTF-8"},
        readable=(workshop.toolchain.sysroot, folder),
    )
    async with workshop.workers.session() as session:
        ran = await session.run(command)
    if ran.truncated or ran.code not in {0, 1}:
        return None
    listed = {Path(line).stem for line in ran.stdout.decode(errors="replace").splitlines() if line.endswith(".rs")}
    places = list(_places_of_errors(ran.stderr.decode(errors="replace")))
    named = {Path(place).stem for place in places if place}
    return Formatting(frozenset(listed & texts.keys()), frozenset(named & texts.keys()), "" in places)


def may_lead_elsewhere(text: bytes) -> bool:
    """Whether a text may have rustfmt look at other files, and leave off where they are not there."""
    return _ELSEWHERE.search(text) is not None


async def tell_formatted(workshop: Workshop, texts: Mapping[str, bytes], edition: str) -> dict[str, bool]:
    """Whether files are formatted, by name, asked about together; those of which that cannot be told so are left out.

    Args:
        workshop: Where to work.
        texts: Files by a name that none of them could refer to. What would lead elsewhere is asked about by itself.
        edition: Of Rust.
    """
    found = await look_at_formatting(workshop, texts, edition)
    if found is not None and not found.unclear:
        return {name: name not in found.differing for name in texts if name not in found.broken}
    if len(texts) < 2 or workshop.toolchain.rustfmt is None:
        return {}
    size = -(-len(texts) // _SPLIT)
    rest = iter(texts.items())
    parts = iter(lambda: dict(itertools.islice(rest, size)), {})
    told: dict[str, bool] = {}
    for some in await together(tell_formatted(workshop, part, edition) for part in parts):
        told |= some
    return told


def _limits(files: int) -> Limits:
    cpu_ms = _FEW_MS + _PER_FILE_MS * files
    return replace(BUILD_LIMITS, cpu_ms=cpu_ms, wall_ms=10 * cpu_ms)


def _places_of_errors(words: str) -> Iterator[str]:
    """Of each error the file that it points at; empty where it points nowhere."""
    lines = words.splitlines()
    for line, following in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        # Files that are not there are nobody's fault: only the text at hand is asked about.
        if line.startswith("error") and "failed to resolve mod" not in line:
            place = _PLACE.match(following)
            yield place[1] if place is not None else ""


def _write(folder: Path, texts: Mapping[str, bytes]) -> list[Path]:
    folder.mkdir()
    (folder / "rustfmt.toml").write_bytes(b"")
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.rs"
        path.write_bytes(text)
        paths.append(path)
    return paths
