"""A candidate as a judge may see it: as it stands, and plain, without what moves judges and proves nothing.

Comments, the names an author chooses and claims of quality move every judge of code (Moon et al., arXiv 2505.16222). So
in the plain version comments are gone, variables and tests are called by numbers, and sentences that praise the answer
or speak to whoever grades it are left out. The code does the same, and texts say the same about it. What is left out is
never a reason for or against a candidate: crates about grading speak of scores, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tree_sitter import Node

from node.tasks.categories import PLACEHOLDER, FieldKind, Value
from node.tasks.derive.naming import bindings
from node.tasks.forms import Form, read_form
from node.tasks.prose import code_spans, words
from node.tasks.snippets import without_comments
from node.tasks.syntax import ATOMS, COMMENTS, descend, is_name_node, leaves, name_of, parse, text_of
from node.values.example import Example
from node.values.judging import Case, Part

_CODE = frozenset({FieldKind.CODE, FieldKind.CODE_LIST, FieldKind.FRAGMENT})

_CLAIM = re.compile(
    r"\b(?:verified|proven|certified|guaranteed?|flawless(?:ly)?|perfect(?:ly)?|excellent|outstanding|impeccable|superb"
    r"|high(?:est)?[- ]quality|best[- ]practices?|production[- ](?:ready|grade)|battle[- ]tested|world[- ]class"
    r"|state[- ]of[- ]the[- ]art|(?:by|from) (?:an? )?(?:senior |rust )*experts?|trust me|(?:obviously|fully) correct"
    r"|scores?|grades?|grading|graders?|rating|rates? (?:this|it)|raters?|judges?|judging|evaluators?|full marks"
    r"|10/10|5/5|ignore (?:all|any|the|previous|prior)|disregard|instructions?|system prompt|assistant"
    r"|language models?|as an ai|you (?:must|should|will|are))\b",
    re.IGNORECASE,
)
"""Words by which a text praises itself or speaks to its judge, in documentation rarely about code."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def case_of(example: Example) -> Case:
    """The case that a judge is shown.

    Raises:
        FormError: The example is not of its category's form; such candidates are not judged.
    """
    form = read_form(example)
    names = new_names(form)
    asked = frozenset(words(" ".join(map(_joined, form.inputs.values()))))
    kinds = {field.name: field.kind for field in (*form.category.inputs, *form.category.outputs)}

    def parts(fields: Mapping[str, Value]) -> tuple[Part, ...]:
        return tuple((name, _joined(value)) for name, value in fields.items())

    def plain(fields: Mapping[str, Value]) -> tuple[Part, ...]:
        return tuple((name, _plain(kinds[name], _joined(value), form, names, asked)) for name, value in fields.items())

    return Case(form.category.name, parts(form.inputs), parts(form.outputs), plain(form.inputs), plain(form.outputs))


def _joined(value: Value) -> str:
    return value if isinstance(value, str) else "\n\n".join(value)


def _plain(kind: FieldKind, text: str, form: Form, names: Mapping[str, str], asked: frozenset[str]) -> str:
    if kind not in _CODE:
        return text if kind is FieldKind.NAME else without_claims(_renamed_prose(text, names), asked)
    comments_count = form.category.name == "comment_generation"
    bare = _modest_comments(text, asked) if comments_count else without_comments(text)
    return _renamed(_modest_texts(bare, asked), names)


# Names


def new_names(form: Form) -> dict[str, str]:
    """What variables and tests of an example are called instead: `v1`, `v2`, ..., `test_1`, ...

    Only names that stand for nothing else anywhere in the example's code: fields, paths, calls and what macros or
    format strings capture keep theirs.
    """
    fields = (*form.category.inputs, *form.category.outputs)
    code = [_joined(form.inputs.get(f.name, form.outputs.get(f.name, ""))) for f in fields if f.kind in _CODE]
    roots = [parse(without_comments(text).encode()) for text in code if text]
    bound = dict.fromkeys(text_of(node) for root in roots for node in bindings(root))
    tests = dict.fromkeys(name_of(node) for root in roots for node in descend(root) if _is_test(node))
    fixed = {name for root in roots for name in _fixed_names(root)} | {PLACEHOLDER}
    free = [name for name in bound if name not in fixed and name not in tests]
    called = {name: f"v{number}" for number, name in enumerate(free, start=1)}
    return called | {name: f"test_{number}" for number, name in enumerate(tests, start=1)}


def _is_test(node: Node) -> bool:
    sibling = node.prev_sibling
    return node.type == "function_item" and sibling is not None and text_of(sibling).replace(" ", "") == "#[test]"


def _fixed_names(root: Node) -> Iterable[str]:
    """Words that mean something else than a variable somewhere in the code."""
    for leaf in leaves(root):
        if leaf.type in ATOMS:
            yield from re.findall(r"\w+", text_of(leaf))
        elif is_name_node(leaf) and not _is_variable(leaf):
            yield text_of(leaf)


def _is_variable(leaf: Node) -> bool:
    parent, before = leaf.parent, leaf.prev_sibling
    if leaf.type != "identifier" or parent is None:
        return False
    called = parent.type == "call_expression" and parent.child_by_field_name("function") == leaf
    elsewhere = parent.type in {"scoped_identifier", "shorthand_field_initializer", "parameter", "function_item"}
    return not (called or elsewhere or (before is not None and text_of(before) in {".", "::", "$"}))


def _renamed(code: str, names: Mapping[str, str]) -> str:
    found = ((leaf, names[text_of(leaf)]) for leaf in leaves(parse(code.encode())) if text_of(leaf) in names)
    return _exchanged(code, found)


def _renamed_prose(text: str, names: Mapping[str, str]) -> str:
    """A text whose code marks speak of the new names."""
    pieces: list[str] = []
    end = 0
    for span in code_spans(text):
        marked = re.sub(r"\w+", lambda word: names.get(word[0], word[0]), text[span.start : span.end])
        pieces += [text[end : span.start], marked]
        end = span.end
    return "".join([*pieces, text[end:]])


# Claims


def without_claims(text: str, asked: frozenset[str]) -> str:
    """A text without the sentences that praise it or speak to its judge; lines stay lines.

    Args:
        text: Prose, or documentation comment lines.
        asked: Words of the question: a claim's words that stand in there are the code's own subject.
    """
    return "\n".join(_modest_line(line, asked) for line in text.split("\n"))


def _modest_line(line: str, asked: frozenset[str]) -> str:
    kept = [sentence for sentence in _SENTENCE_END.split(line) if not _claims(sentence, asked)]
    return " ".join(kept)


def _claims(text: str, asked: frozenset[str]) -> bool:
    return any(not asked.issuperset(words(claim[0])) for claim in _CLAIM.finditer(text))


def _modest_comments(code: str, asked: frozenset[str]) -> str:
    """Code without the comments that claim something; the others are what is to be judged."""
    found = ((leaf, "") for leaf in leaves(parse(code.encode())) if leaf.type in COMMENTS)
    return _exchanged(code, ((leaf, new) for leaf, new in found if _claims(text_of(leaf), asked)))


def _modest_texts(code: str, asked: frozenset[str]) -> str:
    """Code whose literals claim nothing: messages of assertions speak to nobody here."""
    literals = (leaf for leaf in leaves(parse(code.encode())) if leaf.type in {"string_literal", "raw_string_literal"})
    return _exchanged(code, ((leaf, '"..."') for leaf in literals if _claims(text_of(leaf), asked)))


def _exchanged(code: str, changes: Iterable[tuple[Node, str]]) -> str:
    """Code with some leaves of its own tree exchanged."""
    data = code.encode()
    pieces: list[bytes] = []
    at = 0
    for leaf, new in changes:
        end = leaf.end_byte - (1 if text_of(leaf).endswith("\n") else 0)  # doc comments come with their line break
        pieces += [data[at : leaf.start_byte], new.encode()]
        at = end
    return b"".join([*pieces, data[at:]]).decode()
