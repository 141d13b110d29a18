"""Reads the items of one parsed file into drafts: one pass over what stands between items, never into bodies.

Macros are not expanded, with one exception: the arguments of `cfg_if!`, of macros named `cfg_*!` and of `pin_project!`
are items that are passed through, and are read as such when they parse. What other macros make is not seen; their
calls are counted (`FileDrafts.unseen_macros`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tree_sitter import Node

from node.crates.attributes import is_for_tests, is_hidden, is_test, module_paths
from node.crates.bodies import survey
from node.crates.docs import DocLine, attribute_lines, block_comment, line_comment, unindent
from node.crates.drafts import Bytes, Draft, FileDrafts, Inclusion, ModuleDeclaration, PathParts, Scope, UseName
from node.crates.idioms import BLANKET, NEWTYPE
from node.crates.parsing import Parsed, children_of_type, decode, parse_inside
from node.crates.uses import path_parts, use_names
from node.values.crate import ItemKind

MACRO_DEPTH_MAX = 4
"""Of pass-through macros inside each other: each level is parsed again."""
DEPTH_MAX = 64
"""Of modules, impls and pass-through macros inside each other; what lies deeper is not read."""
SIGNATURE_MAX = 2000
"""Characters of one signature; the longest real ones have some hundred."""

_COMMENTS = {"line_comment", "block_comment"}
_BODIES = {"block", "field_declaration_list", "enum_variant_list", "declaration_list"}


@dataclass(slots=True)
class _Pending:
    """Docs and attributes seen since the last item."""

    docs: list[DocLine] = field(default_factory=list)
    doc_nodes: list[Node] = field(default_factory=list)
    attributes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """What surrounds the items being read."""

    module: str
    test_only: bool
    container: Draft | None = None
    folders: PathParts = ()
    depth: int = 0
    macros: int = 0
    foreign: bool = False
    """Inside `extern { .. }`: what is declared there is unsafe to call."""


class Reader:
    """Reads one file.

    Attributes:
        found: Filled by `read`.
        parts: The file's tree and the trees of pass-through macros in it.
        surveys: Of each part.
    """

    def __init__(self, parsed: Parsed, scope: Scope) -> None:
        self.found = FileDrafts(scope=scope, errors=parsed.errors)
        self.parts = [parsed]
        self._parsed = parsed
        self._scope = scope
        self.surveys = [survey(parsed)]
        self._comments = self.surveys[0].comments

    def read(self) -> FileDrafts:
        """Read all items, those of inline modules and impls included."""
        nodes = self._parsed.root.children
        inner = [self._attribute(node) for node in nodes if node.type == "inner_attribute_item"]
        self.found.attributes = inner
        place = _Place(self._scope.module, self._scope.test_only or is_for_tests(inner))
        self._read_nodes(nodes, place, self.found.inner_docs)
        self.found.inner_docs = unindent(self.found.inner_docs)
        return self.found

    def _read_nodes(self, nodes: Sequence[Node], place: _Place, inner_docs: list[DocLine]) -> None:
        """Read siblings. Outer docs and attributes belong to the next item; inner ones to what surrounds them."""
        pending = _Pending()
        for node in nodes:
            kind = node.type
            if kind in _COMMENTS:
                self._read_comment(node, pending, inner_docs)
            elif kind == "attribute_item":
                self._read_attribute(node, pending)
            elif kind == "inner_attribute_item":
                inner_docs.extend(self._attribute_docs(node))
            else:
                inner = node.named_children[0] if kind == "expression_statement" and node.named_children else node
                handler = self._HANDLERS.get(inner.type)
                if handler is not None and place.depth <= DEPTH_MAX:
                    handler(self, inner, pending, place)
                pending = _Pending()

    def _read_comment(self, node: Node, pending: _Pending, inner_docs: list[DocLine]) -> None:
        outer = node.child_by_field_name("outer") is not None
        if not outer and node.child_by_field_name("inner") is None:
            return
        as_lines = line_comment if node.type == "line_comment" else block_comment
        lines = as_lines(self._parsed.source, node.start_byte, node.end_byte)
        if outer:
            pending.docs.extend(lines)
            pending.doc_nodes.append(node)
        else:
            inner_docs.extend(lines)

    def _read_attribute(self, node: Node, pending: _Pending) -> None:
        lines = self._attribute_docs(node)
        if lines:
            pending.docs.extend(lines)
            pending.doc_nodes.append(node)
        else:
            pending.attributes.append(node)

    def _attribute(self, node: Node) -> str:
        return self._uncommented(node.start_byte, node.end_byte)

    def _attribute_docs(self, node: Node) -> list[DocLine]:
        """Lines of `#[doc = "literal"]`; none for every other attribute."""
        attribute = next(children_of_type(node, ["attribute"]), None)
        value = attribute.child_by_field_name("value") if attribute is not None else None
        if attribute is None or value is None or value.type not in {"string_literal", "raw_string_literal"}:
            return []
        name = attribute.named_children[0]
        if self._parsed.text(name) != "doc":
            return []
        return attribute_lines(self._parsed.text(value), node.start_byte, node.end_byte)

    def _draft(self, node: Node, kind: ItemKind, name: Node, pending: _Pending, place: _Place) -> Draft:
        """Note an item: everything that its own node and the docs and attributes before it say."""
        attributes = tuple(map(self._attribute, pending.attributes))
        body = node.child_by_field_name("body")
        docs = pending.doc_nodes
        visibility = next(children_of_type(node, ["visibility_modifier"]), None)
        draft = Draft(
            scope=self._scope,
            kind=kind,
            name=self._parsed.folded(name),
            module=place.module,
            span=(_start(docs, pending.attributes, node), node.end_byte),
            code=(_code_start(docs, pending.attributes, node), node.end_byte),
            name_span=(name.start_byte, name.end_byte),
            body=(body.start_byte, body.end_byte) if body is not None and body.type == "block" else None,
            signature=self._signature(node, body),
            visibility=self._parsed.folded(visibility) if visibility is not None else "",
            attributes=attributes,
            doc_span=(docs[0].start_byte, self._trimmed(docs[-1].end_byte)) if docs else None,
            container=place.container,
            is_test=is_test(attributes),
            test_only=place.test_only or is_for_tests(attributes),
            hidden=is_hidden(attributes),
            modifiers=self._modifiers(node, foreign=place.foreign),
            generics=any(child.type == "type_parameters" for child in node.children),
        )
        if pending.docs:
            draft.docs.append((self._scope.file, unindent(pending.docs)))
        self.found.drafts.append(draft)
        return draft

    def _trimmed(self, end: int) -> int:
        """A line comment's node takes its line feed along; a doc span does not."""
        source = self._parsed.source
        while end > 0 and source[end - 1] in b"\r\n":
            end -= 1
        return end

    def _modifiers(self, node: Node, *, foreign: bool) -> frozenset[str]:
        modifiers = next(children_of_type(node, ["function_modifiers"]), None)
        words = {child.type for child in (modifiers.children if modifiers is not None else node.children)}
        return frozenset(words & {"unsafe", "async", "const"}) | ({"unsafe"} if foreign else set())

    def _signature(self, node: Node, body: Node | None) -> str:
        """The item's text up to its body or value, comments left out, white space folded."""
        end = node.end_byte
        if body is not None and body.type in _BODIES:
            end = body.start_byte
        elif node.type in {"const_item", "static_item"}:
            end = next((child.start_byte for child in node.children if child.type == "="), end)
        elif node.type == "macro_definition":
            name = node.child_by_field_name("name")
            end = name.end_byte if name is not None else end
        return self._uncommented(node.start_byte, end).rstrip("; ,")[:SIGNATURE_MAX]

    def _uncommented(self, start: int, end: int) -> str:
        """A piece of the source, comments left out, white space folded."""
        pieces = []
        for comment_start, comment_end in self._comments_within(start, end):
            pieces.append(self._parsed.source[start:comment_start])
            start = comment_end
        pieces.append(self._parsed.source[start:end])
        return " ".join(decode(b" ".join(pieces)).split())

    def _comments_within(self, start: int, end: int) -> Iterable[Bytes]:
        first = bisect_left(self._comments, (start, start))
        for comment in self._comments[first:]:
            if comment[0] >= end:
                return
            yield comment

    # One handler per kind of item.

    def _read_function(self, node: Node, pending: _Pending, place: _Place) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._draft(node, ItemKind.METHOD if place.container else ItemKind.FUNCTION, name, pending, place)

    def _read_named(self, node: Node, pending: _Pending, place: _Place) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            draft = self._draft(node, _NAMED[node.type], name, pending, place)
            body = node.child_by_field_name("body")
            if body is not None and body.type == "ordered_field_declaration_list":
                draft.idioms.update({NEWTYPE} if len(body.children_by_field_name("type")) == 1 else ())

    def _read_container(self, node: Node, pending: _Pending, place: _Place) -> None:
        """An impl or a trait, and what stands in it."""
        is_impl = node.type == "impl_item"
        name = node.child_by_field_name("type" if is_impl else "name")
        if name is None:
            return
        draft = self._draft(node, ItemKind.IMPL if is_impl else ItemKind.TRAIT, name, pending, place)
        if is_impl:
            self._note_impl(draft, node, name)
        body = node.child_by_field_name("body")
        if body is not None:
            inside = replace(place, container=draft, test_only=draft.test_only, depth=place.depth + 1)
            self._read_nodes(body.children, inside, [])

    def _note_impl(self, draft: Draft, node: Node, name: Node) -> None:
        trait = node.child_by_field_name("trait")
        parameters = next(children_of_type(node, ["type_parameters"]), None)
        own = (
            set()
            if parameters is None
            else {
                self._parsed.text(child)
                for parameter in parameters.named_children
                if (child := parameter.child_by_field_name("name")) is not None
            }
        )
        base = name
        while base.type == "reference_type" and (inner := base.child_by_field_name("type")) is not None:
            base = inner
        path = path_parts(self._parsed, base)
        draft.trait_path = path_parts(self._parsed, trait)
        draft.type_text = "::".join(path) if path is not None else draft.name
        if path is not None and len(path) == 1 and path[0] in own:
            if trait is not None and base is name:
                draft.idioms.add(BLANKET)
        else:
            draft.type_path = path

    def _read_module(self, node: Node, pending: _Pending, place: _Place) -> None:
        name = node.child_by_field_name("name")
        if name is None:
            return
        draft = self._draft(node, ItemKind.MODULE, name, pending, place)
        plain = draft.name.removeprefix("r#")
        paths, only_paths = module_paths(draft.attributes)
        module = f"{place.module}::{plain}"
        body = node.child_by_field_name("body")
        if body is None:
            self.found.declarations.append(
                ModuleDeclaration(draft, module, place.folders, paths, only_paths, draft.test_only)
            )
            return
        inner = [self._attribute(child) for child in children_of_type(body, ["inner_attribute_item"])]
        draft.test_only = draft.test_only or is_for_tests(inner)
        folder = paths[0] if paths else plain
        docs: list[DocLine] = []
        inside = _Place(module, draft.test_only, None, (*place.folders, folder), place.depth + 1)
        self._read_nodes(body.children, inside, docs)
        if docs:
            draft.docs.append((self._scope.file, unindent(docs)))

    def _read_use(self, node: Node, pending: _Pending, place: _Place) -> None:
        tree = node.child_by_field_name("argument")
        if tree is None:
            return
        draft = self._draft(node, ItemKind.USE, tree, pending, place)
        exported = draft.visibility == "pub" and not draft.hidden and not draft.test_only
        for path, alias in use_names(self._parsed, tree):
            self.found.uses.append(UseName(place.module, path, alias, exported))

    def _read_extern_crate(self, node: Node, pending: _Pending, place: _Place) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self._draft(node, ItemKind.USE, name, pending, place)

    def _read_foreign(self, node: Node, _pending: _Pending, place: _Place) -> None:
        body = node.child_by_field_name("body")
        if body is not None:
            self._read_nodes(body.children, replace(place, foreign=True, depth=place.depth + 1), [])

    def _read_macro_call(self, node: Node, pending: _Pending, place: _Place) -> None:
        name = path_parts(self._parsed, node.child_by_field_name("macro"))
        tree = next(children_of_type(node, ["token_tree"]), None)
        if name is None or tree is None or place.container is not None:
            return
        if name[-1] == "include":
            literal = next(children_of_type(tree, ["string_literal"]), None)
            if literal is not None and len(tree.named_children) == 1:
                path = self._parsed.text(literal)[1:-1]
                self.found.inclusions.append(Inclusion(place.module, path, place.test_only))
                return
        if (
            _passes_through(name[-1])
            and place.macros < MACRO_DEPTH_MAX
            and self._read_passed_through(name[-1], tree, pending, place)
        ):
            return
        self.found.unseen_macros[name[-1]] = self.found.unseen_macros.get(name[-1], 0) + 1

    def _read_passed_through(self, name: str, tree: Node, pending: _Pending, place: _Place) -> bool:
        """Read the items in a macro's braces; whether they were items."""
        braces = [tree]
        if name == "cfg_if":
            braces = [child for child in children_of_type(tree, ["token_tree"]) if child.children[0].type == "{"]
        parts = [part for brace in braces if (part := parse_inside(self._parsed, brace)) is not None]
        if not parts or len(parts) < len(braces):
            return False
        test_only = place.test_only or is_for_tests(map(self._attribute, pending.attributes))
        inside = replace(place, test_only=test_only, depth=place.depth + 1, macros=place.macros + 1)
        for part in parts:
            self.parts.append(part)
            self.surveys.append(survey(part))
            self._read_nodes(part.root.children, inside, [])
        return True

    _HANDLERS: ClassVar[dict[str, Callable[[Reader, Node, _Pending, _Place], None]]] = {
        "function_item": _read_function,
        "function_signature_item": _read_function,
        "struct_item": _read_named,
        "enum_item": _read_named,
        "union_item": _read_named,
        "const_item": _read_named,
        "static_item": _read_named,
        "type_item": _read_named,
        "associated_type": _read_named,
        "macro_definition": _read_named,
        "impl_item": _read_container,
        "trait_item": _read_container,
        "mod_item": _read_module,
        "use_declaration": _read_use,
        "extern_crate_declaration": _read_extern_crate,
        "foreign_mod_item": _read_foreign,
        "macro_invocation": _read_macro_call,
    }


_NAMED = {
    "struct_item": ItemKind.STRUCT,
    "enum_item": ItemKind.ENUM,
    "union_item": ItemKind.UNION,
    "const_item": ItemKind.CONST,
    "static_item": ItemKind.STATIC,
    "type_item": ItemKind.TYPE_ALIAS,
    "associated_type": ItemKind.TYPE_ALIAS,
    "macro_definition": ItemKind.MACRO,
}


def _passes_through(macro: str) -> bool:
    """Whether a macro of this name is known to yield the items it is given: conditions, pin-project's field marks."""
    return macro.startswith("cfg_") or macro == "pin_project"


def _start(docs: Sequence[Node], attributes: Sequence[Node], node: Node) -> int:
    return min([node.start_byte, *(first.start_byte for first in (*docs[:1], *attributes[:1]))])


def _code_start(docs: Sequence[Node], attributes: Sequence[Node], node: Node) -> int:
    """The first attribute after the last doc. One before it would bring the docs along, which prompts must not see."""
    after = docs[-1].end_byte if docs else 0
    return next((one.start_byte for one in attributes if one.start_byte >= after), node.start_byte)
