"""Rustdoc markdown as prose: paragraphs, first sentences, the names a text mentions, its code blocks."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.tasks.lexicon import STOP_WORDS

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})(.*)$")
# Every repetition below is bounded: texts come from peers, and an open one can make a pattern go back for minutes.
_LINK = re.compile(r"\[([^\]\[]{1,200})\](?:\([^)\s(]{0,400}(?:\s{1,9}\"[^\"]{0,200}\")?\)|\[[^\]\[]{0,200}\])?")
_LINK_DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*\S+.*$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*)$")
_TICKS = re.compile(r"`+")
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^\s>]+)>")
_HTML = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__|\*|_)(?=\S)([^`]{1,200}?)(?<=\S)\1(?![\w*])")
_NAME = re.compile(r"^[A-Za-z_]\w*(?:::<[^>]*>)?(?:(?:::|\.)[A-Za-z_]\w*)*(?:\(\))?!?$")
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z`\[\"(]|\s*$)")
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "cf.", "vs.", "approx.", "resp.", "incl.", "no.", "fig.")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block of documentation."""

    flags: tuple[str, ...]
    code: str

    @property
    def is_doctest(self) -> bool:
        """Whether rustdoc would run it."""
        editions = {flag for flag in self.flags if flag.startswith("edition")}
        return set(self.flags) - editions <= {"rust", "should_panic"}


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a list; links and HTML reduced to their text, code spans kept."""

    text: str
    """The paragraph on one line; empty for a list."""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Markdown:
    """Documentation split into what is read and what is run."""

    body: tuple[Block, ...]
    """What stands before the first heading."""
    sections: tuple[tuple[str, tuple[Block, ...]], ...]
    """What stands below headings: (title, its blocks)."""
    code: tuple[CodeBlock, ...]

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The body's paragraphs."""
        return tuple(block.text for block in self.body if block.text)


def read_markdown(doc: str) -> Markdown:
    """Split documentation whose comment markers are stripped."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    blocks: list[CodeBlock] = []
    fence: str | None = None
    flags: tuple[str, ...] = ()
    code: list[str] = []
    for line in doc.splitlines():
        mark = _FENCE.match(line)
        if fence is not None:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                blocks.append(CodeBlock(flags, "\n".join(code)))
                fence = None
            else:
                code.append(line)
        elif mark:
            fence, code = mark[1], []
            flags = tuple(flag for flag in re.split(r"[\s,{}]+", mark[2].strip()) if flag)
            parts[-1][1].append("")
        elif heading := _HEADING.match(line):
            parts.append((plain(heading[1]), []))
        elif not _LINK_DEFINITION.match(line):
            parts[-1][1].append(line)
    return Markdown(
        body=_blocks(parts[0][1]),
        sections=tuple((title, _blocks(lines)) for title, lines in parts[1:]),
        code=tuple(blocks),
    )


def _blocks(lines: list[str]) -> tuple[Block, ...]:
    """Paragraphs and lists in order; tables, indented code and bare HTML are neither."""
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", "\n".join(lines)):
        text = part.strip("\n")
        if not text.strip() or text.startswith("    ") or text.lstrip().startswith(("|", "<", ">")):
            continue
        if re.match(r"\s*(?:[-*+]|\d+[.)])\s", text):
            items = re.split(r"(?:^|\n)\s*(?:[-*+]|\d+[.)])\s+", text)
            found.append(Block("", tuple(plain(item) for item in items if item.strip())))
        else:
            found.append(Block(plain(text)))
    return tuple(found)


def running_text(blocks: Sequence[Block]) -> str:
    """Blocks as one text: paragraphs apart, the items of a list behind the sentence that leads to it.

    A paragraph that leads to something else, to code for instance, is left out: what it leads to is not there.
    """
    parts: list[str] = []
    for leads, group in itertools.groupby(blocks, key=lambda block: not block.items):
        if leads:
            parts += [block.text for block in group]
            continue
        items = [item.rstrip(".;,") for block in group for item in block.items]
        if parts and parts[-1].endswith(":"):
            parts[-1] = f"{parts[-1]} {'; '.join(items)}."
        else:
            parts.append(" ".join(f"{item}." for item in items))
    return "\n\n".join(part for part in parts if not part.endswith(":"))


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """Characters [start, end) of a text that are set in code marks, marks included."""

    start: int
    end: int


def code_spans(text: str) -> Iterator[CodeSpan]:
    """The code spans of a text: a run of backticks up to the next run of the same length.

    By hand, because a regular expression with a back reference takes hours for some texts, and texts come from peers.
    """
    runs = [(run.start(), run.end()) for run in _TICKS.finditer(text)]
    following: dict[int, int] = {}
    closing: list[int | None] = [None] * len(runs)
    for place in range(len(runs) - 1, -1, -1):
        length = runs[place][1] - runs[place][0]
        closing[place] = following.get(length)
        following[length] = place
    place = 0
    while place < len(runs):
        close = closing[place]
        if close is not None:
            yield CodeSpan(runs[place][0], runs[close][1])
            place = close
        place += 1


def plain(text: str) -> str:
    """Markdown as running text: links become their text, tags vanish, white space folds; code spans stay marked."""
    parts: list[str] = []
    end = 0
    linked = _LINK.sub(lambda link: link[1], text)
    for span in code_spans(linked):
        parts += [_plain_words(linked[end : span.start]), linked[span.start : span.end]]
        end = span.end
    return " ".join("".join([*parts, _plain_words(linked[end:])]).split())


def _plain_words(text: str) -> str:
    kept = _HTML.sub("", _AUTOLINK.sub(lambda link: link[1], text))
    return html.unescape(_EMPHASIS.sub(r"\2", kept)).replace("\u2003", " ").replace("\u2002", " ")


def first_sentence(text: str) -> str:
    """The first sentence of running text, with its full stop; the whole text when it holds only one."""
    masked = text
    for span in code_spans(text):
        masked = masked[: span.start] + "`" * (span.end - span.start) + masked[span.end :]
    for end in _SENTENCE_END.finditer(masked):
        if not masked[: end.end()].lower().endswith(_ABBREVIATIONS):
            return text[: end.end()]
    return text


def words(text: str) -> tuple[str, ...]:
    """The words of a text, lower case, code spans and identifiers split into their parts."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return tuple(word.lower() for word in re.findall(r"[A-Za-z]+|\d+", split))


def mentioned_names(text: str) -> tuple[str, ...]:
    """Paths and identifiers that a text sets in code marks, call brackets and macro marks removed, each once."""
    spans = (text[span.start : span.end].strip("`").strip() for span in code_spans(text))
    names = (re.sub(r"(\(\)|!)+$", "", re.sub(r"::<[^>]*>", "", span)) for span in spans if _NAME.match(span))
    return tuple(dict.fromkeys(names))


def word_set(text: str) -> frozenset[str]:
    """The content words of a text or a piece of code, cut to their stems' first six letters."""
    return frozenset(word[:6] for word in words(text) if len(word) > 2 and word not in STOP_WORDS)
