"""The crate's doc tests as integration tests, so that they run and fail like any other test.

A doc test becomes a file `tests/swarm_doc_<name>_<place>_<index>.rs` with one test function, wrapped as rustdoc wraps
it. Its name tells where it came from, so a rater rebuilds the file from the published docs and never runs a
generator's version of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.tasks.syntax import leaves, parse, text_of
from node.values.crate import DocTest, Item
from node.values.verdict import AddedFile, TestName, TestTarget

DOC_FILE_PREFIX = "swarm_doc_"
DOC_TEST = "doc_test"


@dataclass(frozen=True, slots=True)
class DocCase:
    """A doc test as an integration test."""

    item: Item
    file: AddedFile
    name: TestName


def doc_case(item: Item, doctest: DocTest, crate_name: str, edition: str) -> DocCase | None:
    """A doc test as an integration test; None for one that rustdoc would not run or that needs its own crate root."""
    if set(doctest.flags) - {"rust", "should_panic"} or re.search(r"#!\[feature|#\[macro_use\]", doctest.code):
        return None
    stem = f"{DOC_FILE_PREFIX}{_slug(item)}_{item.code_span.start}_{doctest.index}"
    text = doc_test_file(unhidden(doctest.code), crate_name, edition, should_panic="should_panic" in doctest.flags)
    return DocCase(item, AddedFile(f"tests/{stem}.rs", text), TestName(TestTarget.INTEGRATION.value, stem, DOC_TEST))


def _slug(item: Item) -> str:
    return re.sub(r"\W+", "_", item.name.lower()).strip("_") or "item"


def unhidden(code: str) -> str:
    """A doc test as rustdoc compiles it: hidden lines shown, `##` an escaped `#`."""
    return "\n".join(_unhide(line) for line in code.splitlines()).strip("\n")


def _unhide(line: str) -> str:
    lead = line[: len(line) - len(line.lstrip())]
    rest = line[len(lead) :]
    if rest == "#":
        return lead.rstrip()
    if rest.startswith("# "):
        return lead + rest[2:]
    return lead + rest[1:] if rest.startswith("##") else line


def doc_test_file(code: str, crate_name: str, edition: str, *, should_panic: bool = False) -> str:
    """An integration test file that runs `code` as rustdoc would."""
    # Rustdoc links the documented crate by itself; edition 2015 needs the line for paths to resolve.
    root = f"extern crate {crate_name};\n\n" if edition == "2015" else ""
    mark = "#[should_panic]\n" if should_panic else ""
    return f"#![allow(unused)]\n{root}\n#[test]\n{mark}fn {DOC_TEST}() {{\n{body_of_test(code)}\n}}\n"


def body_of_test(code: str) -> str:
    """What a test function holds that runs `code` (`unhidden`) as rustdoc would."""
    return _indented(_wrapped(code))


def _indented(code: str) -> str:
    """`code` one level in, unless a literal in it spans lines."""
    literals = (text_of(leaf) for leaf in leaves(parse(code.encode())) if leaf.type.endswith("literal"))
    if any("\n" in literal for literal in literals):
        return code
    return "\n".join(f"    {line}" if line else line for line in code.split("\n"))


def _wrapped(code: str) -> str:
    main = re.search(r"^\s*(?:pub\s+)?fn\s+main\s*\(\s*\)\s*(->)?", code, re.MULTILINE)
    if main:
        return f"{code}\n{'main().unwrap()' if main[1] else 'main()'};"
    if code.rstrip().endswith("(())"):
        return f"fn inner() -> Result<(), impl core::fmt::Debug> {{\n{code}\n}}\ninner().unwrap();"
    return code


def docstring_of(item: Item) -> str:
    """An item's documentation as comment lines, whichever comment style the source uses."""
    return "\n".join(f"/// {line}".rstrip() for line in item.doc.splitlines()).strip()


def undocumented(docstring: str) -> str:
    """The text of `///` lines without their markers."""
    lines = (line.strip().removeprefix("///") for line in docstring.splitlines())
    return "\n".join(line.removeprefix(" ") for line in lines)
