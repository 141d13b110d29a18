"""Copies of rows with another text: which are made and built, and what becomes of those that do not build."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.checks.builds import Built
from node.checks.diagnostics import Diagnostic, Place
from node.checks.rows import copies
from node.checks.rows.building import Linked
from node.checks.rows.copies import try_copies
from node.checks.rows.survey import Subject
from node.checks.rows.verdict import Mutants

CODE = "macro_rules! m {\n    ($a:expr) => { $a + 1 };\n    (@ $a:expr) => { $a - 1 };\n}\npub const N: u8 = 7;\n"
TESTS = "#[cfg(test)]\nmod tests { use super::*; #[test] fn t() { assert_eq!(m!(1), N); } }\n"


class Builder:
    """Says that the first rule of a macro is used, and refuses files in which some text stands."""

    edition = "2021"

    def __init__(self, refused=(), code="E0308", silent=b"?"):
        self.refused, self.code, self.silent, self.asked = refused, code, silent, []

    async def link(self, files, *, instrumented):
        assert not instrumented
        self.asked.append(files)
        found = [Diagnostic(True, "", words, (Place(path, 0, 1, True),)) for path, words in self._marks(files)]
        bad = [path for path, text in files.items() if any(words in text for words in self.refused)]
        found += [Diagnostic(True, self.code, "no", (Place(path, 0, 1, True),)) for path in bad]
        ok = not found and not any(self.silent in text for text in files.values())
        return Linked(Built(ok, tuple(found), out_of_time=False, crashed=False), Path("/"), None)

    @staticmethod
    def _marks(files):
        for path, text in files.items():
            if b"compile_error" in text:
                yield path, "swarm rule 0"

    @property
    def texts(self):
        return [text for files in self.asked for path, text in files.items() if path != "src/lib.rs" or len(files) == 1]


class Runner:
    """In whose runs tests notice what they are told to."""

    noticed = ()

    def __init__(self, _workshop, _session, _linked, *, rows):
        assert rows > 0

    async def run(self, *, module, bound_ms):
        assert bound_ms == 1.0
        assert module == "" or re.fullmatch(r"row_[0-9a-f]{16}_\d+", module)
        return SimpleNamespace(cpu_ms=1.0, all_passed="every" not in self.noticed)


@pytest.fixture
def tried(monkeypatch):
    monkeypatch.setattr(copies, "Runner", Runner)
    workshop = SimpleNamespace(workers=SimpleNamespace(session=contextlib.nullcontext))

    def run(builder, *subjects, noticed=()):
        monkeypatch.setattr(Runner, "noticed", noticed)
        return asyncio.run(try_copies(workshop, builder, subjects, 2))

    return run


def subject(number=0, code=CODE, *, alone=False, has_stub=False):
    name = f"row_{number:016x}_{number}"
    text = f"{code}{TESTS}".replace("mod tests", f"use crate::{name} as own;\nmod tests").encode()
    where = ("src/lib.rs", "") if alone else (f"src/{name}.rs", name)
    return Subject(where[0], text, (0, len(code)), where[1], 1.0, has_stub)


def test_copies_of_many_rows_stand_in_one_build_under_names_of_their_own(tried):
    builder = Builder()
    found = tried(builder, subject(1), subject(2), noticed=("every",))
    assert [(survey.mutants, survey.stub_killed) for survey in found] == [(Mutants(1, 1), True)] * 2
    marks, made = builder.asked
    assert len(marks) == 1 + 2
    assert len(made) == 1 + 2 * 2
    for path, text in made.items():
        name = path.removeprefix("src/").removesuffix(".rs")
        assert path == "src/lib.rs" or f"use crate::{name} as own;".encode() in text


def test_only_rules_that_are_used_are_changed(tried):
    builder = Builder()
    tried(builder, subject())
    changed = [text for text in builder.texts if b"compile_error" not in text]
    assert len(changed) == 10
    assert all(text.count(b"(@ $a:expr) => { $a - 1 };") == 1 for text in changed)


def test_of_a_row_that_notices_none_more_are_tried_and_a_stub_is_no_mutant(tried):
    (survey,) = tried(Builder(), subject())
    assert (survey.mutants, survey.stub_killed) == (Mutants(9, 0), False)
    (survey,) = tried(Builder(), subject(has_stub=True))
    assert (survey.mutants, survey.stub_killed) == (Mutants(10, 0), None)


def test_what_does_not_build_is_no_mutant_and_takes_nobody_with_it(tried):
    (survey,) = tried(Builder(refused=[b"N: u8 = 8"]), subject())
    assert survey.mutants == Mutants(8, 0)


def test_what_a_constant_refuses_was_noticed(tried):
    (survey,) = tried(Builder(refused=[b"N: u8 = 8"], code="E0080"), subject())
    assert survey.mutants.killed == 1


def test_copies_that_fail_together_without_a_word_are_parted(tried):
    (survey,) = tried(Builder(silent=b"N: u8 = 8"), subject())
    assert survey.mutants == Mutants(8, 0)


def test_a_row_by_itself_is_built_until_a_change_is_noticed(tried):
    builder = Builder()
    (survey,) = tried(builder, subject(alone=True, has_stub=True), noticed=("every",))
    assert (survey.mutants, len(builder.asked)) == (Mutants(1, 1), 2)
    assert all(list(files) == ["src/lib.rs"] for files in builder.asked)


@pytest.mark.parametrize("code", [f"{CODE}pub fn f() {{ unsafe {{ g() }} }}\n", "pub struct A;\n"])
def test_what_is_unsafe_or_holds_no_value_has_no_copies(tried, code):
    builder = Builder()
    (survey,) = tried(builder, subject(code=code))
    assert (survey.mutants, builder.asked) == (Mutants(), [])


def test_the_oldest_edition_has_none(tried, monkeypatch):
    monkeypatch.setattr(Builder, "edition", "2015")
    builder = Builder()
    assert tried(builder, subject())[0].mutants == Mutants()
    assert builder.asked == []
