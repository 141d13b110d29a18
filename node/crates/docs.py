"""Documentation comments: their text, and the Rust code blocks that rustdoc would run as tests.

Read are `///`, `//!`, `/** */`, `/*! */` and `#[doc = "literal"]`. Not read, because the sources alone do not say
them: `#[doc = include_str!(..)]`, `#[cfg_attr(.., doc = ..)]`, and doc comments that a macro makes. Code blocks are
the fenced ones; indented blocks, which Markdown also counts as code, are not taken: too often they are prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.crates.parsing import decode
from node.values.crate import DocTest, Span

DOCTESTS_MAX = 200
"""Of one item."""

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})([^`]*)$")
_FLAG = re.compile(r"[\s,]+")
_RUST_FLAGS = {"rust", "should_panic", "no_run", "test_harness", "compile_fail", "standalone_crate", "standalone"}
_EDITION = re.compile(r"edition20\d\d")
_CODE = re.compile(r"E\d{4}")


@dataclass(frozen=True, slots=True)
class DocLine:
    """One line of documentation without its marker, and the bytes of the file it stands in, marker included."""

    text: str
    start: int
    end: int
    is_comment: bool = True


def line_comment(source: bytes, start: int, end: int) -> list[DocLine]:
    """The line of a `///` or `//!` comment at these bytes."""
    end = start + len(source[start:end].rstrip(b"\r\n"))
    return [DocLine(decode(source[start + 3 : end]), start, end)]


def block_comment(source: bytes, start: int, end: int) -> list[DocLine]:
    """The lines of a `/** */` or `/*! */` comment, decorating stars taken off as rustdoc does."""
    lines: list[DocLine] = []
    position = start
    for piece in source[start:end].split(b"\n"):
        lines.append(DocLine(decode(piece.rstrip(b"\r")), position, position + len(piece.rstrip(b"\r"))))
        position += len(piece) + 1
    texts = [line.text for line in lines]
    texts[0] = texts[0][3:]
    texts[-1] = texts[-1].removesuffix("*/").rstrip()
    inner = [text for text in texts[1:] if text.strip()]
    if inner and all(text.lstrip().startswith("*") for text in inner):
        texts[1:] = [text.lstrip().removeprefix("*") for text in texts[1:]]
    kept = [DocLine(text, line.start, line.end) for text, line in zip(texts, lines, strict=True)]
    while kept and not kept[0].text.strip():
        kept.pop(0)
    while kept and not kept[-1].text.strip():
        kept.pop()
    return kept


def attribute_lines(literal: str, start: int, end: int) -> list[DocLine]:
    """The lines of a `#[doc = literal]`, all standing where the attribute stands."""
    raw = re.fullmatch(r'r(#*)"(.*)"\1', literal, re.DOTALL)
    text = raw[2] if raw is not None else _unescape(literal[1:-1])
    return [DocLine(line, start, end, is_comment=False) for line in text.split("\n")]


def unindent(lines: Sequence[DocLine]) -> list[DocLine]:
    """Take off the white space that all lines begin with: `/// text` means `text`."""
    margins: dict[bool, int] = {}
    for line in lines:
        if line.text.strip():  # a comment's blank after the marker says nothing about an attribute's text
            own = len(line.text) - len(line.text.lstrip())
            margins[line.is_comment] = min(own, margins.get(line.is_comment, own))
    return [replace(line, text=line.text[margins.get(line.is_comment, 0) :].rstrip()) for line in lines]


def doc_text(lines: Sequence[DocLine]) -> str:
    """The documentation as one text."""
    return "\n".join(line.text for line in lines).strip("\n")


def find_doctests(path: str, lines: Sequence[DocLine]) -> tuple[DocTest, ...]:
    """The Rust code blocks of unindented documentation, in order, at most `DOCTESTS_MAX`."""
    found: list[DocTest] = []
    position = 0
    while position < len(lines) and len(found) < DOCTESTS_MAX:
        opening = _FENCE.match(lines[position].text)
        position += 1
        if opening is None:
            continue
        end = position
        while end < len(lines) and not _closes(lines[end].text, opening[2]):
            end += 1
        flags = _rust_flags(opening[3])
        code = lines[position:end]
        if flags is not None and any(line.text.strip() for line in code):
            span = Span(path, min(line.start for line in code), max(line.end for line in code))
            text = "\n".join(_without_margin(line.text, len(opening[1])) for line in code)
            found.append(DocTest(span=span, code=text, flags=flags, index=len(found)))
        position = end + 1
    return tuple(found)


def _closes(text: str, fence: str) -> bool:
    stripped = text.strip()
    return len(stripped) >= len(fence) and not stripped.strip(fence[0])


def _without_margin(text: str, margin: int) -> str:
    return text[min(margin, len(text) - len(text.lstrip())) :]


def _rust_flags(info: str) -> tuple[str, ...] | None:
    """The flags of a fence that rustdoc takes for Rust; None for every other language."""
    flags = tuple(flag for flag in _FLAG.split(info.strip()) if flag)
    if not flags:
        return ()
    is_rust = [
        flag in _RUST_FLAGS or flag.startswith("ignore") or bool(_EDITION.fullmatch(flag) or _CODE.fullmatch(flag))
        for flag in flags
    ]
    # A word that rustdoc does not know names another language, unless `rust` is said as well.
    return flags if all(is_rust) or "rust" in flags else None


def _unescape(text: str) -> str:
    """A string literal's content; only the escapes that documentation uses."""
    simple = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'", "0": "\0", "r": "\r"}
    text = re.sub(r"\\\r?\n\s*", "", text)
    return re.sub(r"\\(.)", lambda found: simple.get(found[1], found[0]), text)
