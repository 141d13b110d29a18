"""What clippy says inside edited spans, for many projects in few runs.

Clippy cannot look at bodies that stand in the arms of a match as it would look at them in place. Projects that edit
different places are therefore put into one overlay, each edit where it belongs, and linted together: 60 answers over
20 functions cost as many runs as the most edited function has answers. Lints that depend on the rest of the crate
(dead code) are taken from a run of their project alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.checks.builds import Built, make_overlay
from node.checks.diagnostics import Diagnostic
from node.checks.project import apply_edits, edits_by_file
from node.checks.workers import together
from node.checks.workshop import Workshop
from node.values.verdict import Edit, Project

_DEPENDS_ON_THE_REST = frozenset({"dead_code", "unused_imports", "unused_macros", "unused_macro_rules"})


@dataclass(frozen=True, slots=True)
class Pass:
    """Projects whose edits stand beside each other in one overlay."""

    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True)
class Linted:
    """One run of clippy over the library."""

    built: Built
    by_project: Mapping[Project, tuple[Diagnostic, ...]]
    """Diagnostics inside each project's edits."""


def plan_passes(projects: Iterable[Project], regions: Mapping[Project, Sequence[tuple[str, int, int]]]) -> list[Pass]:
    """Distribute projects over as few passes as their places allow.

    Args:
        projects: Distinct projects.
        regions: Per project the places that must not be shared: file and byte range, at least its edits.
    """
    passes: list[tuple[list[Project], list[tuple[str, int, int]]]] = []
    for project in sorted(projects, key=lambda item: (item.edits, item.files)):
        own = regions[project]
        for members, taken in passes:
            if not any(_touch(one, other) for one in own for other in taken):
                members.append(project)
                taken.extend(own)
                break
        else:
            passes.append(([project], list(own)))
    return [Pass(tuple(members)) for members, _ in passes]


def _touch(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


async def run_pass(workshop: Workshop, projects: Sequence[Project], *, clippy: bool = True) -> Linted:
    """Compile the library with the edits of all projects, through clippy unless only rustc is wanted."""
    bench = workshop.bench
    if bench.library is None:
        raise AssertionError("there is no library to lint")
    edits = [edit for project in projects for edit in project.edits if edit.span.path in bench.sources]
    merged = Project(bench.crate.pin, tuple(sorted(edits)))
    contents = {
        path: apply_edits((bench.crate.root / path).read_bytes(), group)
        for path, group in edits_by_file(merged).items()
    }
    folder = workshop.new_folder("lint")
    make_overlay(bench.project, folder / "project", contents)
    # As `cargo clippy` does, but warnings where clippy would stop at its first error.
    arguments = bench.library.rebuilt(
        out_dir=folder / "out", emit="metadata", extra=("-W", "clippy::all") if clippy else ()
    )
    built = await workshop.compile(
        bench.library, arguments, overlay=folder / "project", out_dir=folder / "out", clippy=clippy
    )
    placed = _placed(merged)
    inside = {project: _inside(project.edits, placed, built.diagnostics) for project in projects}
    return Linted(built, inside)


def names_inside(project: Project, diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Names of what is said inside the project's edits, sorted with repetition; for a run over this project alone."""
    return _names(_inside(project.edits, _placed(project), diagnostics))


def _names(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    return tuple(sorted(item.code or "uncoded" for item in diagnostics))


def _inside(
    edits: Iterable[Edit], placed: Mapping[Edit, tuple[str, int, int]], diagnostics: Iterable[Diagnostic]
) -> tuple[Diagnostic, ...]:
    places = [placed[edit] for edit in edits if edit in placed]
    return tuple(item for item in diagnostics if any(_within(item, *place) for place in places))


def _placed(project: Project) -> dict[Edit, tuple[str, int, int]]:
    """Where each edit's text stands in the edited file."""
    placed = {}
    for path, edits in edits_by_file(project).items():
        shift = 0
        for edit in edits:
            length = len(edit.text.encode())
            start = edit.span.start + shift
            placed[edit] = (path, start, start + length)
            shift += length - (edit.span.end - edit.span.start)
    return placed


def _within(item: Diagnostic, path: str, start: int, end: int) -> bool:
    return any(place.file == path and place.start <= end and start <= place.end for place in item.primary)


async def lint_projects(
    workshop: Workshop,
    projects: Sequence[Project],
    regions: Mapping[Project, Sequence[tuple[str, int, int]]] | None = None,
) -> dict[Project, tuple[str, ...]]:
    """Names of the lints inside each project's edits, sorted with repetition.

    Args:
        workshop: The batch's.
        projects: Projects whose library compiles; distinct.
        regions: Places that must not be shared in a run; None to lint each project alone.
    """
    if workshop.toolchain.clippy is None:
        return dict.fromkeys(projects, ())
    groups = [Pass((project,)) for project in projects] if regions is None else plan_passes(projects, regions)
    found: dict[Project, tuple[str, ...]] = {}
    alone: list[Project] = []
    runs = await together(run_pass(workshop, group.projects) for group in groups)
    for group, linted in zip(groups, runs, strict=True):
        for project in group.projects:
            inside = linted.by_project[project]
            shared = len(group.projects) > 1
            lacks = not linted.built.ok or linted.built.cut
            if shared and (lacks or any(item.code in _DEPENDS_ON_THE_REST for item in inside)):
                alone.append(project)
            else:
                found[project] = _names(inside)
    if alone:
        found.update(await lint_projects(workshop, alone))
    return found
