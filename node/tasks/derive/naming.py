"""Two categories whose answer is a name the author chose: of a function, of a variable.

The name is masked everywhere it stands in the snippet. A site where it would still show through, in a comment, a
string, a field or the context, is left out, and so is a name that says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tree_sitter import Node

from node.tasks.categories import PLACEHOLDER
from node.tasks.changes import Replacement, changed_body
from node.tasks.context import context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, published
from node.tasks.derive.functions import substantial
from node.tasks.evidence import project
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.syntax import ATOMS, body_of, descend, is_name_node, is_snake_case, leaves, parse, text_of
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import CheckPlan, Edit, Expect, Project, Step

NAME_CHARS_MIN = 3
VARIABLE_USES_MIN = 2
VARIABLES_PER_FUNCTION = 6

_EMPTY_NAMES = frozenset(
    ["new", "default", "main", "test", "get", "set", "run", "tmp", "temp", "foo", "bar", "baz", "val", "ret", "res"]
)


def is_telling(name: str) -> bool:
    """Whether a name is one that somebody thought about."""
    return len(name) >= NAME_CHARS_MIN and is_snake_case(name) and name not in _EMPTY_NAMES and not name.startswith("_")


def mask(snippet: str, name: str) -> str | None:
    """The snippet with every identifier `name` masked; None when the word also stands where it cannot be masked."""
    data = snippet.encode()
    pieces: list[bytes] = []
    at = 0
    for leaf in leaves(parse(data)):
        if leaf.type in ATOMS and re.search(rf"\b{re.escape(name)}\b", text_of(leaf)):
            return None
        if not is_name_node(leaf) or name not in text_of(leaf):
            continue
        if text_of(leaf) != name:
            return None  # `parse` shows in `parse_inner`
        pieces += [data[at : leaf.start_byte], PLACEHOLDER.encode()]
        at = leaf.end_byte
    return b"".join([*pieces, data[at:]]).decode()


# Functions


def _function_sites(view: SourceView) -> Iterable[Site]:
    for item in substantial(view):
        if is_telling(item.name) and not is_from_trait_impl(view, item) and _is_masked_cleanly(view, item):
            parts = len(item.name.split("_"))
            yield Site(item, (0 if parts > 1 else 1) + (0 if item.public else 1), (-min(parts, 3),))


def _is_masked_cleanly(view: SourceView, item: Item) -> bool:
    """Whether the name stands only where it means this function: its head and calls of itself."""
    node = view.node(item)
    for leaf in leaves(node) if node else ():
        if text_of(leaf) == item.name and leaf != (node and node.child_by_field_name("name")):
            parent = leaf.parent
            recursive = parent is not None and parent.type == "call_expression" and item.container is None
            if not recursive:
                return False
    return True


def _function_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item = bench.view, site.item
    found = yield from published(bench)
    if found.compiled is False:
        return Miss("the crate does not build")
    snippet = render(view, item)
    masked = mask(snippet, item.name)
    if masked is None:
        return Miss("the name shows in a comment or a text")
    context = context_of(view, item, snippet, hide=item.name)
    inputs = {"code": masked} | ({"code_context": context} if context else {})
    draft = Draft("function_naming", item.code_span, inputs, {"function_name": item.name})
    return compose(view, draft, Report(Project(view.kb.pin), compiled=found.compiled), found.rustc)


# Variables


def _variable_sites(view: SourceView) -> Iterable[Site]:
    for item in substantial(view):
        node = view.node(item)
        names = list(_maskable(node)) if node else []
        for order, (name, uses) in enumerate(sorted(names, key=_variable_order)[:VARIABLES_PER_FUNCTION]):
            yield Site(item, 0, (order, -uses), name)


def _variable_order(found: tuple[str, int]) -> tuple[int, int, str]:
    name, uses = found
    return (0 if "_" in name else 1 if len(name) > 4 else 2), -uses, name


def _maskable(function: Node) -> Iterator[tuple[str, int]]:
    """Variables bound once in the body whose every mention can be masked, with their number of uses."""
    bound: dict[str, int] = {}
    for binding in bindings(body_of(function)):
        bound[text_of(binding)] = bound.get(text_of(binding), 0) + 1
    for name, count in bound.items():
        mentions = mentions_of(function, name)
        inside = len(mentions) == len(mentions_of(body_of(function), name))  # a parameter of the name would show
        if (
            inside
            and count == 1
            and is_telling(name)
            and len(mentions) > VARIABLE_USES_MIN
            and all(map(_is_plain, mentions))
        ):
            yield name, len(mentions) - 1


def bindings(body: Node) -> Iterator[Node]:
    """Identifiers that `let`, `for`, closures and patterns of a body bind."""
    for node in descend(body):
        if node.type in {"let_declaration", "for_expression"}:
            yield from _bound(node.child_by_field_name("pattern"))
        elif node.type == "closure_parameters":
            yield from (name for child in node.named_children for name in _bound(child))


def _bound(pattern: Node | None) -> Iterator[Node]:
    for node in descend(pattern) if pattern else ():
        in_type = node.parent is not None and node.parent.type in {"scoped_identifier", "tuple_struct_pattern"}
        constructor = in_type and node.parent is not None and node.parent.children[0] == node
        if node.type == "identifier" and not constructor and text_of(node)[0].islower():
            yield node


def mentions_of(function: Node, name: str) -> list[Node]:
    """Every leaf of a function that is the word `name`, and every comment or literal that contains it."""
    found = re.compile(rf"\b{re.escape(name)}\b")
    return [
        leaf
        for leaf in leaves(function)
        if text_of(leaf) == name or (leaf.type in ATOMS and leaf.type != "lifetime" and found.search(text_of(leaf)))
    ]


def _is_plain(leaf: Node) -> bool:
    """Whether a mention is an identifier that stands for the variable: no field, no call, no shorthand, no text."""
    parent = leaf.parent
    if leaf.type != "identifier" or parent is None:
        return False
    called = parent.type == "call_expression" and parent.child_by_field_name("function") == leaf
    in_path = parent.type in {"scoped_identifier", "shorthand_field_initializer"}
    after_dot = leaf.prev_sibling is not None and parent.type == "token_tree" and text_of(leaf.prev_sibling) == "."
    return not (called or in_path or after_dot)


def masked_body(view: SourceView, item: Item, name: str, other: str) -> str:
    """The function's block with a variable renamed."""
    node = view.node(item)
    assert node is not None, "variable sites are functions with a node"
    mentions: Sequence[Node] = mentions_of(body_of(node), name)
    return changed_body(view, item, [Replacement(leaf.start_byte, leaf.end_byte, other) for leaf in mentions])


def _variable_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item, name = bench.view, site.item, str(site.detail)
    found = yield from published(bench)
    body = masked_body(view, item, name, PLACEHOLDER)
    if found.compiled:
        assert item.body is not None, "variable sites are functions"
        # The placeholder is an identifier: code that compiles with it was masked consistently.
        step = Step("masked", project(view, (Edit(item.body, body),)), Expect.COMPILES)
        (result,) = yield (CheckPlan((step,)),)
        if not (result.checked and result.holds):
            return Miss("the masked code does not compile")
    snippet = render(view, item, body)
    context = context_of(view, item, snippet, hide=name)
    if re.search(rf"\b{re.escape(name)}\b", snippet):
        return Miss("the name shows through")
    inputs = {"code": snippet} | ({"code_context": context} if context else {})
    draft = Draft("variable_naming", item.code_span, inputs, {"variable_name": name})
    return compose(view, draft, Report(Project(view.kb.pin), compiled=found.compiled), found.rustc)


DERIVERS = (
    Deriver("function_naming", 1, _function_sites, _function_trial),
    Deriver("variable_naming", 2, _variable_sites, _variable_trial),
)
