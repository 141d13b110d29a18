"""A small knowledge base of a crate folder, for tests of this room alone.

The real analyser is `node.crates`; this one sees what the fixtures need and follows the same field meanings.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from node.tasks.syntax import descend, name_of, parse, text_of
from node.values.crate import CratePin, DocTest, FileRole, Item, ItemKind, KnowledgeBase, SourceFile, Span

KINDS = {
    "function_item": ItemKind.FUNCTION,
    "function_signature_item": ItemKind.FUNCTION,
    "struct_item": ItemKind.STRUCT,
    "enum_item": ItemKind.ENUM,
    "union_item": ItemKind.UNION,
    "trait_item": ItemKind.TRAIT,
    "impl_item": ItemKind.IMPL,
    "const_item": ItemKind.CONST,
    "static_item": ItemKind.STATIC,
    "type_item": ItemKind.TYPE_ALIAS,
    "macro_definition": ItemKind.MACRO,
    "mod_item": ItemKind.MODULE,
    "use_declaration": ItemKind.USE,
}


def read_sources(root: Path) -> dict[str, bytes]:
    """Every file of the crate but build outputs, by relative path."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    named = ((path.relative_to(root).as_posix(), path) for path in files)
    return {name: path.read_bytes() for name, path in named if not name.startswith(("target/", ".git/"))}


def knowledge_of(sources: Mapping[str, bytes]) -> KnowledgeBase:
    """Analyse `sources` as the crate that its Cargo.toml names."""
    package = tomllib.loads(sources["Cargo.toml"].decode())["package"]
    digest = hashlib.sha256(b"".join(sources[path] for path in sorted(sources))).digest()
    pin = CratePin(
        name=package["name"],
        version=package["version"],
        checksum=bytes(32),
        source_digest=digest,
        license=package.get("license", ""),
        edition=str(package.get("edition", "2015")),
    )
    return _assemble(pin, package, sources)


def _assemble(pin: CratePin, package: dict[str, object], sources: Mapping[str, bytes]) -> KnowledgeBase:
    files: list[SourceFile] = []
    items: list[Item] = []
    for path, role, module in _rust_files(pin.name.replace("-", "_"), sources):
        root = parse(sources[path])
        digest = hashlib.sha256(sources[path]).digest()
        files.append(SourceFile(path, digest, len(sources[path]), role, module, int(root.has_error)))
        outside = role is not FileRole.LIBRARY
        items += _Walk(path, sources[path]).items(root, module, None, "", outside)
    items.sort(key=lambda item: (item.span, item.path))
    public = (f"{item.path}: {item.signature}" for item in items if item.public and item.signature)
    return KnowledgeBase(
        analyser=0,
        pin=pin,
        description=str(package.get("description", "")),
        rust_version=str(package.get("rust-version", "")),
        features=(),
        default_features=(),
        dependencies=(),
        proc_macro=False,
        build_script="build.rs" in sources,
        no_std=False,
        files=tuple(files),
        items=tuple(items),
        public_api=tuple(sorted(public)),
        idioms=(),
    )


def _rust_files(crate: str, sources: Mapping[str, bytes]) -> Iterator[tuple[str, FileRole, str]]:
    yield from _modules("src/lib.rs", "src", crate, sources)
    for path in sources:
        folder, _, file = path.partition("/")
        if folder == "tests" and file.endswith(".rs"):
            yield path, FileRole.INTEGRATION_TEST, file.removesuffix(".rs").split("/")[0]


def _modules(path: str, folder: str, module: str, sources: Mapping[str, bytes]) -> Iterator[tuple[str, FileRole, str]]:
    yield path, FileRole.LIBRARY, module
    for node in parse(sources[path]).children:
        if node.type == "mod_item" and node.child_by_field_name("body") is None:
            name = name_of(node)
            for candidate in (f"{folder}/{name}.rs", f"{folder}/{name}/mod.rs"):
                if candidate in sources:
                    yield from _modules(candidate, f"{folder}/{name}", f"{module}::{name}", sources)


@dataclass
class _Head:
    start: int
    code_start: int
    docs: list[str]
    doc_span: tuple[int, int] | None
    attributes: list[str]


class _Walk:
    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source

    def items(self, parent: Node, module: str, container: Node | None, owner: str, test_only: bool) -> list[Item]:
        found: list[Item] = []
        head: _Head | None = None
        for node in parent.children:
            if self._is_head(node):
                head = self._extend(head, node)
            elif node.type in KINDS:
                found += self._item(node, head, module, container, owner, test_only)
                head = None
            else:
                head = None
        return found

    def _is_head(self, node: Node) -> bool:
        if node.type == "attribute_item":
            return True
        marks = (child.type for child in node.children)
        return node.type in {"line_comment", "block_comment"} and "outer_doc_comment_marker" in marks

    def _extend(self, head: _Head | None, node: Node) -> _Head:
        head = head or _Head(node.start_byte, -1, [], None, [])
        if node.type == "attribute_item":
            head.attributes.append(text_of(node))
            if head.code_start < 0:
                head.code_start = node.start_byte
        else:
            end = node.end_byte - (1 if text_of(node).endswith("\n") else 0)
            head.doc_span = (head.doc_span[0] if head.doc_span else node.start_byte, end)
            head.docs += _doc_lines(text_of(node))
        return head

    def _item(self, node: Node, head: _Head | None, module: str, container: Node | None, owner: str, outside: bool):
        head = head or _Head(node.start_byte, -1, [], None, [])
        code_start = head.code_start if head.code_start >= 0 else node.start_byte
        name_node = node.child_by_field_name("name")
        name = _type_name(node.child_by_field_name("type")) if node.type == "impl_item" else name_of(node)
        scope = f"{module}::{owner}" if owner else module
        body = node.child_by_field_name("body")
        is_function = node.type in {"function_item", "function_signature_item"}
        test_only = outside or any("cfg(test)" in attribute for attribute in head.attributes)
        is_test = "#[test]" in head.attributes
        flags = text_of(node)[: (body.start_byte - node.start_byte) if body else None]
        item = Item(
            path=f"{scope}::{name}" if name else scope,
            kind=ItemKind.METHOD if is_function and container else KINDS[node.type],
            name=name,
            span=Span(self._path, head.start, node.end_byte),
            code_span=Span(self._path, code_start, node.end_byte),
            name_span=self._span(name_node or node),
            body=self._span(body) if is_function and body else None,
            signature=" ".join(flags.split()) if is_function else "",
            visibility="pub" if flags.startswith("pub ") else "",
            public=flags.startswith("pub ") and not test_only,
            doc="\n".join(head.docs),
            doc_span=Span(self._path, *head.doc_span) if head.doc_span else None,
            attributes=tuple(head.attributes),
            parent=scope,
            container=self._span(container) if container else None,
            is_test=is_test,
            test_only=test_only or is_test,
            unsafe="unsafe fn" in flags,
            is_async="async fn" in flags,
            const="const fn" in flags,
            generics=node.child_by_field_name("type_parameters") is not None,
            calls=_calls(body) if is_function and body else (),
            idioms=(),
            doctests=_doctests(self._path, head),
            module=module,
        )
        return [item, *self._below(node, body, module, name, test_only)]

    def _below(self, node: Node, body: Node | None, module: str, name: str, test_only: bool) -> list[Item]:
        if body is None:
            return []
        if node.type == "mod_item":
            return self.items(body, f"{module}::{name}", None, "", test_only)
        if node.type in {"impl_item", "trait_item"}:
            return self.items(body, module, node, name, test_only)
        return []

    def _span(self, node: Node) -> Span:
        return Span(self._path, node.start_byte, node.end_byte)


def _type_name(node: Node | None) -> str:
    if node is None:
        return ""
    named = next((found for found in descend(node) if found.type == "type_identifier"), None)
    return text_of(named) if named else text_of(node)


def _doc_lines(comment: str) -> list[str]:
    if comment.startswith("///"):
        return [comment[3:].rstrip("\n").removeprefix(" ")]
    inner = comment.removeprefix("/**").removesuffix("*/")
    return [re.sub(r"^\s*\* ?", "", line) for line in inner.strip("\n").splitlines()]


def _calls(body: Node) -> tuple[str, ...]:
    names: set[str] = set()
    for node in descend(body):
        if node.type == "call_expression":
            names |= _called(node.child_by_field_name("function"))
        elif node.type == "macro_invocation":
            names.add(text_of(node.children[0]).split("::")[-1])
            names |= set(re.findall(r"([A-Za-z_]\w*)(?:::<[^()]*>)?\s*\(", text_of(node)))
    return tuple(sorted(names))


def _called(function: Node | None) -> set[str]:
    while function is not None and function.type == "generic_function":
        function = function.child_by_field_name("function")
    if function is None:
        return set()
    field = {"field_expression": "field", "scoped_identifier": "name"}.get(function.type)
    named = function.child_by_field_name(field) if field else function
    return {text_of(named)} if named is not None and named.type.endswith("identifier") else set()


def _doctests(path: str, head: _Head) -> tuple[DocTest, ...]:
    found: list[DocTest] = []
    fence: list[str] | None = None
    flags: tuple[str, ...] = ()
    for line in head.docs:
        if not line.strip().startswith("```"):
            if fence is not None:
                fence.append(line)
        elif fence is None:
            fence = []
            flags = tuple(part for part in re.split(r"[,\s]+", line.strip().strip("`")) if part)
        else:
            if not set(flags) - {"rust", "no_run", "ignore", "should_panic", "compile_fail"}:
                start, end = head.doc_span or (0, 0)  # narrower spans are the analyser's business; these only differ
                found.append(DocTest(Span(path, start + len(found), end), "\n".join(fence), flags, len(found)))
            fence = None
    return tuple(found)
