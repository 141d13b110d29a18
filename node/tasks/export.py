"""A row as plain cargo projects: what was checked, in files that need nothing of ours.

`answer/` is the crate with the answer in place, `before/` (where the category criticises something) the crate with the
criticised code. `README.md` gives the command lines and what they must show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.tasks.forms import Form, read_form, read_report
from node.values.crate import PreparedCrate
from node.values.example import Example
from node.values.verdict import Edit, Expect, Project, TestName

ANSWER, BEFORE = "answer", "before"


@dataclass(frozen=True, slots=True)
class Command:
    """One cargo command line and what it must show."""

    line: str
    shows: str


class ExportError(ValueError):
    """The row cannot be turned into a project: an edit lies outside its file."""


def export_project(
    example: Example, sources: Mapping[str, bytes], crate: PreparedCrate | None = None
) -> dict[str, bytes]:
    """The row's cargo projects as files by relative path.

    Args:
        example: A row that `validate` finds nothing wrong with.
        sources: The crate's published files.
        crate: When given, its manifest and lock file are used, which is what the checks used.

    Raises:
        FormError, ReportError: The row is not of its form.
        ExportError: The report's edits do not fit the sources.
    """
    form, report = read_form(example), read_report(example)
    base = dict(sources) | ({"Cargo.toml": crate.manifest, "Cargo.lock": crate.lock} if crate else {})
    projects = {ANSWER: report.project} | ({BEFORE: report.before} if report.before else {})
    files = {
        f"{folder}/{path}": data
        for folder, project in projects.items()
        for path, data in files_of(project, base).items()
    }
    commands = [*commands_for(ANSWER, Expect.TESTS_PASS, report.tests)]
    if report.before is not None:
        commands += commands_for(BEFORE, _expected_before(form), report.tests)
    files["README.md"] = _readme(form, commands).encode()
    return files


def files_of(project: Project, sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """A project's files: the crate's, with its edits and additions.

    Raises:
        ExportError: An edit is outside its file, or two overlap.
    """
    files = dict(sources)
    for path in {edit.span.path for edit in project.edits}:
        if path not in sources:
            raise ExportError(f"{path} is no file of the crate")
        files[path] = edited(sources[path], [edit for edit in project.edits if edit.span.path == path])
    return files | {file.path: file.text.encode() for file in project.files}


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """A file with its edits applied.

    Raises:
        ExportError: An edit is outside the file, or two overlap.
    """
    parts: list[bytes] = []
    at = 0
    for edit in sorted(edits):
        if not at <= edit.span.start <= edit.span.end <= len(data):
            raise ExportError(f"{edit.span.path}: {edit.span.start}..{edit.span.end} does not fit {len(data)} bytes")
        parts += [data[at : edit.span.start], edit.text.encode()]
        at = edit.span.end
    return b"".join([*parts, data[at:]])


def _expected_before(form: Form) -> Expect:
    if form.category.name == "bug_detection":
        return Expect.TESTS_FAIL
    return Expect.COMPILES if form.category.name == "code_review" else Expect.TESTS_PASS


def commands_for(folder: str, expect: Expect, tests: Iterable[TestName]) -> list[Command]:
    """The cargo command lines that show `expect` of a project in `folder`; all tests when none are named."""
    named = tuple(tests)
    manifest = f"--manifest-path {folder}/Cargo.toml"
    if expect is Expect.COMPILES:
        return [Command(f"cargo check --lib {manifest}", "it compiles")]
    targets = dict.fromkeys(f"--test {test.file}" if test.file else "--lib" for test in named)
    if not named:
        return [Command(f"cargo test --lib --tests {manifest}", "every test passes")]
    return [
        Command(
            f"cargo test {target} {manifest} -- --exact {' '.join(_names(target, named))}",
            _shows(expect, len(_names(target, named)), folder if len(targets) > 1 else ""),
        )
        for target in targets
    ]


def _shows(expect: Expect, tests: int, folder: str) -> str:
    """What a command that runs named tests shows; `folder` where others belong to the same claim.

    A test that fails leaves no count behind when it takes the process down, and cargo has one command per target.
    """
    if expect is Expect.TESTS_PASS:
        return f"{tests} run; every test passes"
    elsewhere = f", here or with the other commands for {folder}/" if folder else ""
    return f"{tests} run; at least one test fails or takes the run down{elsewhere}"


def _names(target: str, tests: Iterable[TestName]) -> list[str]:
    return [test.name for test in tests if (f"--test {test.file}" if test.file else "--lib") == target]


def _readme(form: Form, commands: Iterable[Command]) -> str:
    example = form.example
    place = f"`{example.source_path}`, bytes {example.source_span}" if example.source_span else "free-standing"
    compiler = f"rustc {example.rustc_version}" if example.rustc_version else "nothing: its generator ran no compiler"
    shown = "\n".join(f"    {command.line}\n\n{command.shows}.\n" for command in commands)
    return f"""# {form.category.name}

One row, as the cargo projects that were checked.

- Crate: {example.crate_name} {example.crate_version}, edition {example.edition}, licence {example.license or "unknown"}
- Place: {place}
- Checked with: {compiler}

{shown}
Dependencies come from wherever your cargo is configured to find them.

## Input

{_shown(form.inputs)}

## Output

{_shown(form.outputs)}
"""


def _shown(values: Mapping[str, object]) -> str:
    return f"```json\n{json.dumps(values, ensure_ascii=False, indent=2)}\n```"
