"""`check_report`: what was executed for an example and how anybody rebuilds the exact project."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from node.values.crate import CratePin, Span
from node.values.verdict import AddedFile, Edit, Project, TestName, TestTarget

TESTS_MAX = 16
EDITS_MAX = 16
TEXT_CHARS_MAX = 65_536

_FILE_STEM = re.compile(r"[\w-]{0,128}")
_TEST_PATH = re.compile(r"\w[\w:]{0,255}")
_PATH = re.compile(r"[\w.-][\w./+-]{0,255}")
_ADDED_PATH = re.compile(r"tests/[\w-]{1,128}\.rs")


class ReportError(ValueError):
    """The text is not a check report."""


@dataclass(frozen=True, slots=True)
class Report:
    """A generator's account of its checks. Raters believe none of it but the names of the tests."""

    project: Project
    """The crate with the answer in place."""
    parsed: bool = True
    compiled: bool | None = None
    """None: nothing was compiled."""
    clippy: tuple[str, ...] | None = None
    """Lints on what the example criticises; None when clippy was not asked."""
    tests_run: int = 0
    tests_passed: int = 0
    mutants_killed: int = 0
    error_codes: tuple[str, ...] = ()
    before: Project | None = None
    """The crate with the criticised code in place, for categories that have one."""
    tests: tuple[TestName, ...] = ()
    """The tests that the example's claim rests on."""

    def text(self) -> str:
        """The `check_report` column: one JSON text per report."""
        value = {
            "parsed": self.parsed,
            "compiled": self.compiled,
            "clippy": None if self.clippy is None else list(self.clippy),
            "tests_run": self.tests_run,
            "tests_passed": self.tests_passed,
            "mutants_killed": self.mutants_killed,
            "error_codes": list(self.error_codes),
            "project": self._project_json(),
        }
        return json.dumps(value, ensure_ascii=False)

    def _project_json(self) -> dict[str, object]:
        pin = self.project.crate
        return {
            "crate": pin.name,
            "version": pin.version,
            "checksum": pin.checksum.hex(),
            "edition": pin.edition,
            "features": "default",
            "answer": _changes_json(self.project),
            "before": None if self.before is None else _changes_json(self.before),
            "tests": [{"target": test.target, "file": test.file, "name": test.name} for test in self.tests],
        }


def _changes_json(project: Project) -> dict[str, object]:
    return {
        "edits": [
            {"path": edit.span.path, "start": edit.span.start, "end": edit.span.end, "text": edit.text}
            for edit in project.edits
        ],
        "files": [{"path": file.path, "text": file.text} for file in project.files],
    }


def parse_report(text: str, pin: CratePin) -> Report:
    """Read a check report strictly.

    Raises:
        ReportError: Not in the form that `Report.text` writes, about another crate, or beyond a bound.
    """
    try:
        report = _read(json.loads(text), pin)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReportError(f"not a check report: {error}") from error
    if report.text() != text:
        raise ReportError("not in the strict form, or about another crate")
    if len(report.tests) > TESTS_MAX:
        raise ReportError(f"{len(report.tests)} tests, at most {TESTS_MAX} allowed")
    return report


def _read(value: dict[str, object], pin: CratePin) -> Report:
    about = _mapping(value["project"])
    before = about["before"]
    clippy = value["clippy"]
    return Report(
        project=_read_changes(about["answer"], pin),
        parsed=_flag(value["parsed"]),
        compiled=None if value["compiled"] is None else _flag(value["compiled"]),
        clippy=None if clippy is None else _strings(clippy),
        tests_run=_count(value["tests_run"]),
        tests_passed=_count(value["tests_passed"]),
        mutants_killed=_count(value["mutants_killed"]),
        error_codes=_strings(value["error_codes"]),
        before=None if before is None else _read_changes(before, pin),
        tests=tuple(_read_test(_mapping(test)) for test in _list(about["tests"])),
    )


def _read_changes(value: object, pin: CratePin) -> Project:
    changes = _mapping(value)
    edits = [_mapping(edit) for edit in _list(changes["edits"])]
    files = [_mapping(file) for file in _list(changes["files"])]
    if len(edits) > EDITS_MAX or len(files) > TESTS_MAX:
        raise ReportError(f"{len(edits)} edits and {len(files)} files are beyond {EDITS_MAX} and {TESTS_MAX}")
    return Project(
        pin,
        tuple(
            Edit(Span(_published_path(edit["path"]), _count(edit["start"]), _count(edit["end"])), _text(edit["text"]))
            for edit in edits
        ),
        tuple(AddedFile(_added_path(file["path"]), _text(file["text"])) for file in files),
    )


def _read_test(value: dict[str, object]) -> TestName:
    target, file, name = _text(value["target"]), _text(value["file"]), _text(value["name"])
    if not (_FILE_STEM.fullmatch(file) and _TEST_PATH.fullmatch(name)):
        raise ReportError("a test's name is not one that a harness lists")
    return TestName(TestTarget(target).value, file, name)


def _published_path(value: object) -> str:
    """A path inside the crate: these are written to disk when a row is exported."""
    path = _text(value)
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise ReportError("an edit is outside the crate")
    return path


def _added_path(value: object) -> str:
    path = _text(value)
    if not _ADDED_PATH.fullmatch(path):
        raise ReportError("a file is added elsewhere than among the integration tests")
    return path


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ReportError(f"{type(value).__name__} where an object is expected")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ReportError(f"{type(value).__name__} where a list is expected")
    return value


def _strings(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        raise ReportError(f"{type(value).__name__} where a text of at most {TEXT_CHARS_MAX} characters is expected")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ReportError(f"{type(value).__name__} where a truth value is expected")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ReportError(f"{value!r} where a count is expected")
    return value
