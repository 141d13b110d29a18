"""How an item is shown in an example, and how an answer is read back into the crate.

A method is never shown cut from its `impl`: its snippet carries the header, so that a reader (and a compiler) knows
what `self` is. Nothing inside a function is ever re-indented when it holds a literal that spans lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.tasks.syntax import (
    COMMENTS,
    body_of,
    functions,
    leaves,
    name_of,
    node_at,
    parse,
    remembering,
    text_of,
    tokens,
)
from node.tasks.view import SourceView
from node.values.crate import Item, Span
from node.values.verdict import Edit

STUB = '{ panic!("not implemented") }'
"""A body that type-checks against every return type but `impl Trait`, and passes no test that reaches it."""

INDENT = "    "

DOC_OPENINGS = ("///", "//!", "/**", "/*!")
"""How documentation begins, outer and inner."""


def render(view: SourceView, item: Item, body: str | None = None) -> str:
    """The snippet of an item: attributes and code, docs left out, methods inside their impl's header.

    Args:
        view: The crate.
        item: What to show.
        body: For a function, what stands in place of its block, braces included; None for the published one.
    """
    span = item.code_span
    code = view.text(span)
    if body is not None and item.body is not None:
        start, end = item.body.start - span.start, item.body.end - span.start
        data = code.encode()
        code = data[:start].decode() + body + data[end:].decode()
    code = without_docs(_dedent(code, _indent_before(view, span), wrapped=bool(item.container)))
    header = container_header(view, item)
    return wrap(header, code)


def wrap(header: str, code: str) -> str:
    """A method inside its impl's or trait's header; `code` itself when there is no header."""
    if not header:
        return code
    opening = f"{header}\n{{" if "\n" in header else f"{header} {{"
    return f"{opening}\n{INDENT}{code}\n}}"


_OPEN, _CLOSE = "/*<<swarm*/", "/*swarm>>*/"
"""Stand in a body while it is rendered, so that a place in it is found again after re-indenting."""

MARK = _OPEN
"""Marks one place of a body for `render_marked`."""


def render_marked(view: SourceView, item: Item, body: str) -> tuple[str, int]:
    """The snippet of a function with a body that holds `MARK` once, and the line, from 1, where the mark stood."""
    head, _, tail = render(view, item, body).partition(MARK)
    return head + tail, head.count("\n") + 1


def render_parts(view: SourceView, item: Item, start: int, end: int) -> tuple[str, str, str]:
    """The snippet of a function cut at two byte positions of its file, both inside the body: before, between, after."""
    assert item.body is not None, "only a function's snippet is cut"
    pieces = ((item.body.start, start), (start, end), (end, item.body.end))
    before, between, after = (view.text(Span(item.body.path, *piece)) for piece in pieces)
    marked = render(view, item, f"{before}{_OPEN}{between}{_CLOSE}{after}")
    head, _, rest = marked.partition(_OPEN)
    middle, _, tail = rest.partition(_CLOSE)
    return head, middle, tail


def shown(view: SourceView, span: Span) -> str:
    """The text of a span as it is shown by itself: moved to the left margin, docs left out."""
    return without_docs(_dedent(view.text(span), _indent_before(view, span), wrapped=False))


def container_header(view: SourceView, item: Item) -> str:
    """The text of the impl or trait block around a method up to its brace; empty for free items."""
    if item.container is None:
        return ""
    span = item.container
    block = node_at(view.tree(span.path), span.start, span.end, frozenset({"impl_item", "trait_item"}))
    body = block.child_by_field_name("body") if block else None
    if block is None or body is None:
        return ""
    return _strip_comments(view.text(Span(span.path, block.start_byte, body.start_byte))).strip()


def is_from_trait_impl(view: SourceView, item: Item) -> bool:
    """Whether a method's name and signature were fixed by a trait rather than by its author."""
    return " for " in container_header(view, item)


def without_docs(code: str) -> str:
    """`code` without doc comments, anywhere in it."""
    if not any(opening in code for opening in DOC_OPENINGS):
        return code  # most code, and not worth a tree
    data = code.encode()
    docs = [node for node in leaves(parse(data)) if node.type in COMMENTS and is_doc(text_of(node))]
    for node in reversed(docs):
        data = _cut_line(data, node.start_byte, node.end_byte)
    return data.decode()


def is_doc(comment: str) -> bool:
    """Whether a comment's text is documentation, outer or inner."""
    line = comment.startswith(("///", "//!")) and not comment.startswith("////")
    return line or (comment.startswith(("/**", "/*!")) and not comment.startswith(("/***", "/**/")))


def _cut_line(data: bytes, start: int, end: int) -> bytes:
    """`data` without [start, end) and, when nothing else stands on its line, without the line."""
    line_start = data.rfind(b"\n", 0, start) + 1
    if end > start and data[end - 1 : end] == b"\n":  # tree-sitter gives doc comments their line break
        end -= 1
    if not data[line_start:start].strip():
        leads_line = data[end : end + 1] not in {b"\n", b""}
        return data[:start] + data[end:].lstrip(b" ") if leads_line else data[:line_start] + data[end + 1 :]
    return data[:start].rstrip(b" \t") + data[end:]


def _strip_comments(code: str) -> str:
    data = code.encode()
    for node in reversed([node for node in leaves(parse(data)) if node.type in COMMENTS]):
        data = _cut_line(data, node.start_byte, node.end_byte)
    return data.decode()


def without_comments(code: str) -> str:
    """`code` without any comment; lines that held nothing else are gone, no run of blank lines is left behind."""
    return re.sub(r"\n\s*\n(\s*\n)+", "\n\n", re.sub(r"\{\n\s*\n", "{\n", _strip_comments(code)))


def _indent_before(view: SourceView, span: Span) -> str:
    data = view.bytes_of(span.path)
    line = data[data.rfind(b"\n", 0, span.start) + 1 : span.start].decode(errors="replace")
    return line if not line.strip() else ""


def _dedent(code: str, indent: str, *, wrapped: bool) -> str:
    """`code` moved left to the depth it is shown at, unless a literal of it spans lines."""
    target = INDENT if wrapped else ""
    if indent == target:
        return code
    if '"' not in code:  # no literal that could span lines: spared a tree
        return _shifted(code, indent, target)
    spanning = (text_of(leaf) for leaf in leaves(parse(code.encode())) if leaf.type not in COMMENTS)
    if any("\n" in text for text in spanning):
        return code
    return _shifted(code, indent, target)


def _shifted(code: str, indent: str, target: str) -> str:
    lines = code.split("\n")
    return "\n".join([lines[0], *(_shift(line, indent, target) for line in lines[1:])])


def _shift(line: str, indent: str, target: str) -> str:
    return target + line.removeprefix(indent) if line.startswith(indent) else line


@dataclass(frozen=True, slots=True)
class Answer:
    """A function read back from a snippet."""

    name: str
    head: tuple[str, ...]
    """Tokens before the body: attributes, visibility, signature."""
    code: str
    """The function, attributes included, its impl header left out."""
    body: str
    """The block, braces included."""


@remembering
def read_function(snippet: str, name: str | None = None) -> Answer | None:
    """The function that a snippet shows: the one called `name`, else the first.

    Returns:
        None when the snippet has syntax errors or holds no such function at top level or in an impl or trait block.
    """
    data = snippet.encode()
    root = parse(data)
    found = (node for node in functions(root) if name is None or name_of(node) == name)
    node = next(found, None)
    if root.has_error or node is None:
        return None
    start = node.start_byte
    sibling = node.prev_sibling
    while sibling is not None and sibling.type in {"attribute_item", "line_comment", "block_comment"}:
        start = sibling.start_byte
        sibling = sibling.prev_sibling
    body = body_of(node)
    head = tokens(data[start : body.start_byte].decode())
    return Answer(name_of(node), head, data[start : node.end_byte].decode(), text_of(body))


def item_head(view: SourceView, item: Item) -> tuple[str, ...]:
    """The tokens of a function before its body, attributes included."""
    end = item.body.start if item.body else item.code_span.end
    return tokens(view.text(Span(item.code_span.path, item.code_span.start, end)))


def edits_for(view: SourceView, item: Item, answer: Answer) -> tuple[Edit, ...]:
    """What to change in the crate so that `answer` stands in place of `item`; nothing when it already does.

    One body block where the signature is the same, because checks build many such variants in one go.
    """
    if item.body is None:
        return ()
    published = view.text(item.body)
    if answer.head == item_head(view, item):
        return () if same_code(answer.body, published) else (Edit(item.body, answer.body),)
    return (Edit(item.code_span, answer.code),)


def same_code(left: str, right: str) -> bool:
    """Whether two texts are the same program, comments and white space aside."""
    return left == right or tokens(left) == tokens(right)


def stub_body(view: SourceView, item: Item) -> str:
    """A block for `item` that compiles and panics as soon as it runs."""
    head = item_head(view, item)
    if item.body is not None and "->" in head and "impl" in head[head.index("->") :]:
        # `!` implements no trait, so an opaque return type needs the real tail behind the panic.
        return '{ if ::core::hint::black_box(true) { panic!("not implemented") } ' + view.text(item.body) + " }"
    return STUB
