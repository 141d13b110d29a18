"""What the reader notes of one file before the crate is known as a whole: items without their public paths."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.crates.docs import DocLine
from node.values.crate import FileRole, ItemKind

Bytes = tuple[int, int]
"""Start and end of a piece of the file."""

PathParts = tuple[str, ...]
"""A path as written, e.g. `("crate", "a", "B")`; a leading `::` is an empty first part."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a file's items stand."""

    file: str
    role: FileRole
    module: str
    """Path of the module that the file is, e.g. `strsim::tests`."""
    test_only: bool


@dataclass(frozen=True, slots=True)
class UseName:
    """One name that a `use` brings into its module."""

    module: str
    path: PathParts
    alias: str
    """The name it has here; `*` for everything in `path`."""
    exported: bool
    """`pub`, neither hidden nor for tests only."""


@dataclass(slots=True)
class Draft:
    """One item. Positions are bytes of `scope.file`."""

    scope: Scope
    kind: ItemKind
    name: str
    module: str
    span: Bytes
    code: Bytes
    name_span: Bytes
    body: Bytes | None
    signature: str
    visibility: str
    attributes: tuple[str, ...]
    doc_span: Bytes | None
    container: Draft | None
    is_test: bool
    test_only: bool
    hidden: bool
    """`#[doc(hidden)]`."""
    modifiers: frozenset[str]
    """Of `unsafe`, `async`, `const`."""
    generics: bool
    docs: list[tuple[str, list[DocLine]]] = field(default_factory=list)
    """Files and lines, unindented: a module's outer docs stand in one file, its inner ones in another."""
    type_path: PathParts | None = None
    """Of an impl: the type's path; None when it is a parameter, a reference to one, a tuple, ..."""
    type_text: str = ""
    trait_path: PathParts | None = None
    """Of an impl: the trait's path."""
    calls: set[str] = field(default_factory=set)
    idioms: set[str] = field(default_factory=set)
    path: str = ""
    parent: str = ""
    public_path: str = ""
    """The shortest path from outside; empty when there is none."""


@dataclass(frozen=True, slots=True)
class ModuleDeclaration:
    """A `mod name;`: its code stands in another file."""

    draft: Draft
    module: str
    folders: PathParts
    """Names (or `#[path]`s) of the inline modules around it."""
    paths: tuple[str, ...]
    """What `#[path]` attributes say, those under a `cfg_attr` included."""
    only_paths: bool
    """An unconditional `#[path]`: the usual places do not count."""
    test_only: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An `include!("file")` between items."""

    module: str
    path: str
    test_only: bool


@dataclass(slots=True)
class FileDrafts:
    """All that one file says."""

    scope: Scope
    errors: int
    drafts: list[Draft] = field(default_factory=list)
    declarations: list[ModuleDeclaration] = field(default_factory=list)
    inclusions: list[Inclusion] = field(default_factory=list)
    uses: list[UseName] = field(default_factory=list)
    inner_docs: list[DocLine] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    """Inner ones of the file, e.g. `no_std`."""
    unseen_macros: dict[str, int] = field(default_factory=dict)
    """Macro calls between items, which may make items that nobody sees without expanding them."""
