"""What rustfmt says of many files at once: a tenth of a millisecond a file, where a call for each costs ten."""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.rows.example import SourceText
from node.checks.sandbox.limits import BUILD_LIMITS, Command, Ending, Profile, Ran
from node.checks.workers import together
from node.checks.workshop import Workshop

_SHARED_MS, _PER_FILE_MS = 2_000, 20
"""CPU time of a call: forty times what files of rows take (0.5 ms) and four times what the longest may (0.4 s for 256
KiB). Closures in calls in closures, a hundred deep, take it 30 s, and no neighbour's verdict shall wait for that."""
_MEMORY_BYTES = 4 << 30
_SPLIT = 8
"""Into how many parts files are cut of which one keeps rustfmt from telling about the others."""
_PLACE = re.compile(r"\s*--> (.+):\d+:\d+")
_ELSEWHERE = re.compile(rb"\bmod\s+(?:r#)?\w+\s*;|\bpath\b")


@dataclass(frozen=True, slots=True)
class Formatting:
    """What rustfmt thinks of some files, by their names."""

    differing: frozenset[str] = frozenset()
    """It would change them."""
    broken: frozenset[str] = frozenset()
    """It could not read them."""
    unknown: frozenset[str] = frozenset()
    """It does not come to an end with them."""
    cpu_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TextLook:
    """What rustfmt thinks of one row."""

    formatted: bool | None = None
    """Whether it would change nothing in the code; None where it could not say."""
    parsed: bool | None = None
    """Whether it could read the whole file; None where it is not installed, or does not come to an end."""
    cpu_ms: float = 0.0


def may_lead_elsewhere(text: bytes) -> bool:
    """Whether a text may have rustfmt look at other files, and leave off where they are not there."""
    return _ELSEWHERE.search(text) is not None


async def look_at_formatting(workshop: Workshop, texts: Mapping[str, bytes], edition: str) -> Formatting | None:
    """Ask rustfmt with its default style. No file keeps it from telling about the others.

    Args:
        workshop: Where to work.
        texts: Files by a name that is a plain word, and that none of them could refer to.
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
    size = -(-len(texts) // _SPLIT)
    rest = iter(texts.items())
    parts = iter(lambda: dict(itertools.islice(rest, size)), {})
    looks = await together(look_at_formatting(workshop, part, edition) for part in parts)
    return functools.reduce(_both, filter(None, looks), Formatting(cpu_ms=found.cpu_ms))


async def look_at_text(workshop: Workshop, source: SourceText, edition: str) -> TextLook:
    """Ask rustfmt about a row by itself."""
    key = secrets.token_hex(8)
    whole, code = f"whole_{key}", f"code_{key}"
    texts = {whole: source.text, code: source.text[slice(*source.code)] + b"\n"}
    found = await look_at_formatting(workshop, texts, edition)
    if found is None:
        return TextLook()
    return TextLook(
        formatted=None if code in found.broken | found.unknown else code not in found.differing,
        parsed=None if whole in found.unknown else whole not in found.broken,
        cpu_ms=found.cpu_ms,
    )


async def _look(workshop: Workshop, rustfmt: Path, texts: Mapping[str, bytes], edition: str) -> Formatting:
    folder = workshop.new_sources("format")
    paths = await asyncio.to_thread(_write, folder, texts)
    cpu_ms = _SHARED_MS + _PER_FILE_MS * len(texts)
    command = Command(
        # The folder holds no configuration, and nothing above it is asked.
        argv=(str(rustfmt), "--check", "-l", "--edition", edition, "--config-path", str(folder), *paths),
        profile=Profile.BUILD,
        limits=replace(BUILD_LIMITS, cpu_ms=cpu_ms, wall_ms=10 * cpu_ms, memory_bytes=_MEMORY_BYTES),
        directory=folder,
        environment={"LD_LIBRARY_PATH": str(workshop.toolchain.sysroot / "lib"), "LC_ALL": "C.UTF-8"},
        readable=(workshop.toolchain.sysroot, folder),
    )
    async with workshop.workers.session() as session:
        ran = await session.run(command)
    return _read(ran, paths)


def _read(ran: Ran, names: Mapping[str, str]) -> Formatting:
    """What one call says, with the files' names by their paths."""
    everything = frozenset(names.values())
    if ran.truncated or ran.ending is not Ending.EXITED:
        return Formatting(unknown=everything, cpu_ms=ran.cpu_ms)
    places = set(_places_of_errors(ran.stderr.decode(errors="replace")))
    if ran.code not in {0, 1} or "" in places:
        # Some errors end it at once, others say nothing of where they are: of one file alone it is clear which.
        alone = everything if len(everything) == 1 and places else frozenset()
        return Formatting(broken=alone, unknown=everything - alone, cpu_ms=ran.cpu_ms)
    listed = ran.stdout.decode(errors="replace").splitlines()
    return Formatting(
        differing=frozenset(names[line] for line in listed if line in names),
        broken=frozenset(names[place] for place in places if place in names),
        cpu_ms=ran.cpu_ms,
    )


def _places_of_errors(words: str) -> Iterator[str]:
    """Of each error the path that it points at; empty where it points nowhere."""
    lines = words.splitlines()
    for line, following in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        # Files that are not there are nobody's fault: only the text at hand is asked about.
        if line.startswith("error") and "failed to resolve mod" not in line:
            place = _PLACE.match(following)
            yield place[1] if place is not None else ""


def _both(one: Formatting, other: Formatting) -> Formatting:
    return Formatting(
        one.differing | other.differing,
        one.broken | other.broken,
        one.unknown | other.unknown,
        one.cpu_ms + other.cpu_ms,
    )


def _write(folder: Path, texts: Mapping[str, bytes]) -> dict[str, str]:
    folder.mkdir()
    (folder / "rustfmt.toml").write_bytes(b"")
    names = {str(folder / f"{name}.rs"): name for name in texts}
    for path, name in names.items():
        Path(path).write_bytes(texts[name])
    return names
