"""Thousands of rows, right and wrong in every way that is cheap to make, for holding shared builds against cargo.

Seeded: the same seed gives the same rows, so that a difference found once can be looked at again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.bench.checks import ROWS, read_rows
from node.checking.reading import PackageKey
from node.checks.rows import Example
from node.crates.store import CrateStore
from node.values.crate import Item, ItemKind, KnowledgeBase
from tests.support.row_faults import INJECTED, TESTS, cross_talk

_SWAPS = (
    (" + ", " - "), (" < ", " >= "), (" == ", " != "), ("1", "0"), ("true", "false"), (".max(", ".min("), ("&&", "||"),
    (" > ", " <= "), ("&mut ", "&"), (".clone()", ""), ("let mut ", "let "), ("usize", "u8"), ("return ", ""),
    ("Some(", "Ok("), ("self.", ""), (";", ""), ("iter()", "into_iter()"), ("&", ""), ("..", "..="), ("?", ""),
    ("pub ", ""), ("impl", "imp"), ("(", "(("), ("}", ""), ("&str", "str"), ("String", "&str"), ("Vec<", "Option<"),
    ("    ", "  "), ("fn ", "const fn "), ("use ", "pub use "), ("struct", "enum"), ("'a", "'b"), ("|", "||"),
    ("Self", "self"), ("u32", "i8"), ("let ", "let _"), (" as ", " "), ("=> ", "=> &"), ("#[", "#![")
)  # fmt: skip

CUT_FROM = (
    "semver@1.0.26", "strsim@0.11.1", "heck@0.5.0", "itoa@1.0.15", "fastrand@2.3.0", "either@1.15.0",
    "unicode-width@0.2.0", "textwrap@0.16.2", "smallvec@1.15.0", "itertools@0.13.0", "memchr@2.7.4", "bytes@1.10.1",
    "indexmap@2.9.0", "num-traits@0.2.19", "percent-encoding@2.3.1", "httparse@1.10.1", "base64@0.22.1", "hex@0.4.3",
)  # fmt: skip
"""Where free functions come from: published crates, looked into by our own knowledge base."""
DOCS_OF = ("semver@1.0.26", "strsim@0.11.1", "heck@0.5.0", "either@1.15.0", "fastrand@2.3.0", "smallvec@1.15.0")
"""Whose doc tests are tried: crates without dependencies, because cargo builds them anew for every row."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row and what is special about it."""

    kind: str
    example: Example
    package: PackageKey


def own_rows() -> list[Example]:
    """Rows that pass."""
    return [row.example for row in read_rows(ROWS / "std.jsonl")]


def small_cases(seed: int, count: int) -> list[Case]:
    """`count` cases, at least one of every group of kinds; nothing of it needs a network."""
    chance = random.Random(seed)
    rows = own_rows()
    faults = [*_injected(chance, rows, 1), *_tested(chance, rows, 1)]
    by_group: dict[str, list[Case]] = {}
    for case in [case for case in _crossing() + faults if case.package.edition == "2021"]:
        by_group.setdefault(case.kind.split(":")[0], []).append(case)
    chosen = [chance.choice(cases) for cases in by_group.values() if len(cases) > 1]
    rest = [case for cases in by_group.values() for case in cases if case not in chosen]
    return [*chosen, *_swapped(chance, rows, 6), *chance.sample(rest, count - len(chosen) - 6)]


def make_cases(store: CrateStore, *, count: int, seed: int) -> list[Case]:
    """At least `count` cases, of every kind."""
    chance = random.Random(seed)
    rows = own_rows()
    cases = [Case("own", row, PackageKey("2021")) for row in rows]
    cases += [Case("own, itertools", row.example, row.package) for row in read_rows(ROWS / "itertools.jsonl")]
    cases += [*_crossing(), *_injected(chance, rows, 5), *_tested(chance, rows, 5)]
    cases += _cut(chance, store, 350)
    cases += _documented(chance, store, 120)
    cases += _swapped(chance, rows, max(0, count - len(cases)))
    chance.shuffle(cases)
    return cases


def _crossing() -> list[Case]:
    return [Case(kind, example, PackageKey(edition)) for kind, example, edition in cross_talk()]


def _injected(chance: random.Random, rows: Sequence[Example], copies: int) -> Iterator[Case]:
    for kind, text in INJECTED.items():
        for copy in range(copies):
            row = chance.choice(rows)
            before = text.startswith(("#![", "//!")) or copy % 2 == 1
            code = f"{text}\n{row.code}" if before else f"{row.code}\n{text}\n"
            if copy == copies - 1 and copies > 1:  # and once alone
                code, row = text, Example("")
            yield Case(
                kind,
                Example(code, tests=row.tests),
                PackageKey(chance.choice(("2021", "2021", "2024")) if copies > 1 else "2021"),
            )


def _tested(chance: random.Random, rows: Sequence[Example], copies: int) -> Iterator[Case]:
    for kind, text in TESTS.items():
        for copy in range(copies):
            row = chance.choice([row for row in rows if "mod tests" not in row.tests])
            tests = text if copy % 2 else f"{row.tests}\n{text}"
            yield Case(kind, Example(row.code, tests=tests), PackageKey("2021"))


def _swapped(chance: random.Random, rows: Sequence[Example], count: int) -> Iterator[Case]:
    """Rows with one to three small changes, in the code or in the tests."""
    for _ in range(count):
        row = chance.choice(rows)
        code, tests = row.code, row.tests
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if chance.random() < 0.85:
                code = _swap(chance, code)
            else:
                tests = _swap(chance, tests)
        yield Case("changed", Example(code, tests=tests), PackageKey("2021"))


def _swap(chance: random.Random, text: str) -> str:
    old, new = chance.choice([swap for swap in _SWAPS if swap[0] in text])
    place = chance.choice([match.start() for match in re.finditer(re.escape(old), text)])
    return text[:place] + new + text[place + len(old) :]


def _cut(chance: random.Random, store: CrateStore, count: int) -> list[Case]:
    """Functions of published crates with what they name in their own file, some of it left out."""
    found = []
    for name in CUT_FROM:
        source = store.acquire(name)
        base = store.knowledge(source).base
        texts = {file.path: (source.root / file.path).read_bytes() for file in base.files if file.path.endswith(".rs")}
        found += [
            Case("cut out of a crate", Example(code, context=context), PackageKey(base.pin.edition))
            for code, context in _functions(chance, base, texts)
        ]
    return chance.sample(found, min(count, len(found)))


def _functions(chance: random.Random, base: KnowledgeBase, texts: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    by_file: dict[str, list[Item]] = {}
    for item in base.items:
        by_file.setdefault(item.span.path, []).append(item)
    for path, items in by_file.items():
        free = [item for item in items if item.container is None and not item.test_only and path.startswith("src/")]
        for item in free:
            text = _text(texts[path], item)
            if item.kind is not ItemKind.FUNCTION or len(text) > 4000:
                continue
            words = set(re.findall(r"\w+", text))
            near = [other for other in free if other is not item and other.name in words and other.kind in _CONTEXT]
            kept = [_text(texts[path], other) for other in near if chance.random() < 0.95]
            uses = re.findall(rb"^use (?:core|std|alloc)::[^;]+;", texts[path], re.MULTILINE)
            lines = [line.decode().replace("alloc::", "std::") for line in uses if words & set(_words(line))]
            yield text, "\n".join([*dict.fromkeys(lines), *kept])


_CONTEXT = {ItemKind.FUNCTION, ItemKind.STRUCT, ItemKind.ENUM, ItemKind.CONST, ItemKind.STATIC, ItemKind.TYPE_ALIAS}


def _words(line: bytes) -> list[str]:
    return re.findall(r"\w+", line.decode())


def _text(data: bytes, item: Item) -> str:
    return data[item.code_span.start : item.code_span.end].decode()


def _documented(chance: random.Random, store: CrateStore, count: int) -> list[Case]:
    """Doc tests as rows: a function that holds them, and a test that calls it."""
    found = []
    for name in DOCS_OF:
        crate, version = name.split("@")
        for item in store.knowledge(store.acquire(name)).base.items:
            for doc in item.doctests:
                if set(doc.flags) & {"ignore", "text", "no_run", "compile_fail"}:
                    continue
                body = "\n".join(re.sub(r"^\s*# ?", "", line) for line in doc.code.splitlines())
                ends = "" if "fn main" not in body else "\n    main();"
                code = f"pub fn shown() {{\n{body}{ends}\n}}"
                tests = "#[test]\nfn shows() {\n    shown();\n    assert_eq!(1 + 1, 2);\n}"
                found.append(Case("doc test", Example(code, tests=tests), PackageKey("2021", crate, version)))
    return chance.sample(found, min(count, len(found)))
