"""Builds that many projects share: the instrumented library, and added tests as modules of one crate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.checks.bench import TestBinary
from node.checks.builds import Built, make_overlay
from node.checks.diagnostics import Diagnostic
from node.checks.invocation import Invocation
from node.checks.routing import extern_crates
from node.checks.schemata import SELECTOR_CRATE, Variant, blamed, instrument
from node.checks.workers import together
from node.checks.workshop import Program, Workshop
from node.values.verdict import AddedFile

_SPLIT = 8
"""Into how many parts a build is cut whose failure nobody can be blamed for."""


@dataclass(frozen=True, slots=True)
class Instrumented:
    """A build that holds several variants."""

    numbers: frozenset[int]
    """Those that are in it; the rest did not compile beside the others."""
    out_dir: Path


async def build_instrumented(
    workshop: Workshop, read: Callable[[str], bytes], variants: Sequence[Variant], invocation: Invocation, emit: str
) -> Instrumented:
    """Compile all variants together, leaving out those at which errors point until the rest compiles.

    Only a build without errors counts: an error in one phase hides those of later phases, which cost another round.
    """
    left = {variant.number: variant for variant in variants}
    while left:
        built, out_dir = await _compile_variants(workshop, read, tuple(left.values()), invocation, emit)
        if built.ok:
            return Instrumented(frozenset(left), out_dir)
        guilty = blamed(built.diagnostics) & left.keys()
        if not guilty:
            guilty = await _find_guilty(workshop, read, tuple(left.values()), invocation) or frozenset(left)
        left = {number: variant for number, variant in left.items() if number not in guilty}
    return Instrumented(frozenset(), Path())


async def _find_guilty(
    workshop: Workshop, read: Callable[[str], bytes], variants: Sequence[Variant], invocation: Invocation
) -> frozenset[int]:
    """Variants that do not compile even with few others, by splitting; for crashes and errors without a place."""
    if len(variants) == 1:
        return frozenset({variants[0].number})
    size = -(-len(variants) // _SPLIT)
    parts = [variants[start : start + size] for start in range(0, len(variants), size)]
    guilty: frozenset[int] = frozenset()
    for part in parts:
        built, _ = await _compile_variants(workshop, read, part, invocation, "metadata")
        if not built.ok:
            pointed = blamed(built.diagnostics) & {variant.number for variant in part}
            guilty |= pointed or await _find_guilty(workshop, read, part, invocation)
    return guilty


async def _compile_variants(
    workshop: Workshop, read: Callable[[str], bytes], variants: Sequence[Variant], invocation: Invocation, emit: str
) -> tuple[Built, Path]:
    folder = workshop.new_folder("variants")
    root = invocation.source
    sources = {path: read(path) for path in {root, *(path for item in variants for path, _ in item.changes)}}
    old = (invocation.value("--edition") or "2015") == "2015"
    contents = instrument(sources, root, variants, needs_declaration=old)
    make_overlay(workshop.bench.project, folder / "project", contents)
    arguments = invocation.rebuilt(
        out_dir=folder / "out",
        emit=emit,
        libraries={SELECTOR_CRATE: workshop.selector},
        search=(workshop.selector.parent,),
    )
    built = await workshop.compile(invocation, arguments, overlay=folder / "project", out_dir=folder / "out")
    return built, folder / "out"


@dataclass(frozen=True, slots=True)
class SharedFile:
    """An added test file inside a shared test crate."""

    program: Callable[[float | None, int], Program]
    """Of CPU time on the unchanged crate and variant."""
    prefix: str
    """What stands before its tests' names."""


async def build_files(
    workshop: Workshop, files: Iterable[AddedFile], library_file: Path
) -> dict[AddedFile, SharedFile]:
    """Compile added tests as modules of as few crates as possible. Files that are not in the result failed there.

    Args:
        workshop: The batch's.
        files: Files that may share a crate (`routing.lone_file_reason`).
        library_file: The library they use.
    """
    template = workshop.bench.template
    if template is None:
        return {}
    groups: dict[tuple[str, ...], list[AddedFile]] = {}
    old = (template.value("--edition") or "2015") == "2015"
    for added in sorted(files):
        groups.setdefault(extern_crates(added) if old else (), []).append(added)
    built = await together(
        _build_group(workshop, template, group, crates, library_file) for crates, group in sorted(groups.items())
    )
    return {added: shared for group in built for added, shared in group.items()}


async def _build_group(
    workshop: Workshop,
    template: Invocation,
    files: Sequence[AddedFile],
    crates: Sequence[str],
    library_file: Path,
) -> dict[AddedFile, SharedFile]:
    left = list(files)
    while left:
        modules = {added: _module_name(added, index) for index, added in enumerate(left)}
        folder = workshop.new_folder("files")
        contents = {f"tests/swarm_batch/{name}.rs": added.text.encode() for added, name in modules.items()}
        root = [f"extern crate {crate};" for crate in crates]
        # Out of line, so that each file keeps its lines and its mistakes to itself.
        root += [f'#[path = "swarm_batch/{name}.rs"] mod {name};' for name in modules.values()]
        contents["tests/swarm_batch.rs"] = "\n".join((*root, "")).encode()
        make_overlay(workshop.bench.project, folder / "project", contents)
        built = await workshop.compile(
            template,
            template.rebuilt(
                out_dir=folder / "out",
                emit="link",
                source="tests/swarm_batch.rs",
                crate_name="swarm_batch",
                libraries=_library(workshop, library_file),
                search=(library_file.parent, workshop.selector.parent),
            ),
            overlay=folder / "project",
            out_dir=folder / "out",
        )
        if built.ok:
            executable = folder / "out" / ("swarm_batch" + template.output.removeprefix(template.crate_name))
            return {
                added: SharedFile(_programs(workshop, template, executable), f"{name}::")
                for added, name in modules.items()
            }
        guilty = _blamed_files(built.diagnostics)
        if not guilty:
            return {}
        left = [added for added, name in modules.items() if name not in guilty]
    return {}


def _programs(workshop: Workshop, template: Invocation, executable: Path) -> Callable[[float | None, int], Program]:
    def program(cpu_ms: float | None, variant: int) -> Program:
        return workshop.program(template, executable, directory=workshop.bench.project, cpu_ms=cpu_ms, variant=variant)

    return program


def _module_name(added: AddedFile, index: int) -> str:
    """Not to be guessed by a file that would use another one's items."""
    return f"swarm_{hashlib.sha256(added.text.encode()).hexdigest()[:12]}_{index}"


_MODULE_FILE = re.compile(r"swarm_batch/(swarm_[0-9a-f]{12}_\d+)\.rs$")


def _blamed_files(diagnostics: Iterable[Diagnostic]) -> frozenset[str]:
    names = set()
    for item in diagnostics:
        if item.error:
            for place in item.primary:
                match = _MODULE_FILE.search(place.file)
                if match is not None:
                    names.add(match[1])
    return frozenset(names)


async def build_published(workshop: Workshop, binaries: Iterable[TestBinary], library_file: Path) -> dict[str, Path]:
    """Link published integration tests against another library; executables by target name."""

    async def build(binary: TestBinary) -> tuple[str, Path | None]:
        folder = workshop.new_folder("published")
        arguments = binary.invocation.rebuilt(
            out_dir=folder,
            emit="link",
            libraries=_library(workshop, library_file),
            search=(library_file.parent, workshop.selector.parent),
        )
        built = await workshop.compile(binary.invocation, arguments, overlay=workshop.bench.project, out_dir=folder)
        return binary.file, folder / binary.invocation.output if built.ok else None

    linked = await together(build(binary) for binary in binaries)
    return {name: path for name, path in linked if path is not None}


def _library(workshop: Workshop, library_file: Path) -> Mapping[str, Path]:
    library = workshop.bench.library
    return {} if library is None else {library.crate_name: library_file}
