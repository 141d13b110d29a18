"""A crate as nodes agree on it: what pins it, and what its source says.

Positions are byte offsets into the published file, so that every claim about a crate can be looked up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CratePin:
    """Exactly one published crate. Two nodes with equal pins have equal sources."""

    name: str
    version: str
    checksum: bytes
    """SHA-256 of the packed crate as cargo's lock file states it; 32 zero bytes for path and git sources."""
    source_digest: bytes
    """SHA-256 over the crate's sources as analysed (`node.crates`): what binds path and git sources too."""
    license: str
    """SPDX expression as published; empty when the crate states none."""
    edition: str

    @property
    def label(self) -> str:
        """`name@version`, the form in which people and plans name a crate."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes [start, end) of one source file, path relative to the crate's root with `/`."""

    path: str
    start: int
    end: int


class ItemKind(Enum):
    """What an item is."""

    FUNCTION = "function"
    """A free function."""
    METHOD = "method"
    """A function in an impl or trait, with or without `self`."""
    STRUCT = "struct"
    ENUM = "enum"
    UNION = "union"
    TRAIT = "trait"
    IMPL = "impl"
    CONST = "const"
    STATIC = "static"
    TYPE_ALIAS = "type_alias"
    MACRO = "macro"
    MODULE = "module"
    USE = "use"


@dataclass(frozen=True, slots=True)
class DocTest:
    """A Rust code block in documentation."""

    span: Span
    """From the first comment line of the block's code to its last, comment markers included."""
    code: str
    """The block's text without comment markers; hidden `# ` lines are kept."""
    flags: tuple[str, ...]
    """Of the fence: `no_run`, `ignore`, `should_panic`, `compile_fail`, `edition2021`, ..."""
    index: int
    """Among the item's doc tests."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a crate."""

    path: str
    """Qualified, e.g. `strsim::StringWrapper::chars`; unique together with `span`."""
    kind: ItemKind
    name: str
    span: Span
    """Attributes and docs included: cut it out and the item is gone."""
    code_span: Span
    """Without outer docs, attributes included."""
    name_span: Span
    body: Span | None
    """The braces' block of a function, braces included."""
    signature: str
    """Up to the body, attributes and docs left out, white space folded."""
    visibility: str
    """`pub`, `pub(crate)`, ..., or empty."""
    public: bool
    """Part of the public API: reachable by a path from outside, re-exports followed."""
    doc: str
    """Outer docs, markers stripped."""
    doc_span: Span | None
    attributes: tuple[str, ...]
    parent: str
    """Path of the enclosing impl's type, trait or module."""
    container: Span | None
    """The impl or trait block a method stands in."""
    is_test: bool
    """Carries a test attribute."""
    test_only: bool
    """Inside `#[cfg(test)]`, or in `tests/`, `benches/` or `examples/`."""
    unsafe: bool
    is_async: bool
    const: bool
    generics: bool
    calls: tuple[str, ...]
    """Names of functions, methods and macros called in the body, sorted, each once."""
    idioms: tuple[str, ...]
    """Rust features and idioms seen in the body, sorted names (`node.crates.idioms` lists them all)."""
    doctests: tuple[DocTest, ...]
    module: str
    """Path of the module it stands in, e.g. `strsim::tests`."""


class FileRole(Enum):
    """Which target of the package a source file belongs to."""

    LIBRARY = "library"
    INTEGRATION_TEST = "integration_test"
    EXAMPLE = "example"
    BENCH = "bench"
    BINARY = "binary"
    BUILD_SCRIPT = "build_script"
    ORPHAN = "orphan"
    """No module declaration leads here."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Rust file of the crate."""

    path: str
    sha256: bytes
    size: int
    role: FileRole
    module: str
    """Path of the module the file is, where one is known; else empty."""
    parse_errors: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """One line of the manifest's dependency tables."""

    name: str
    requirement: str
    kind: str
    """`normal`, `dev` or `build`."""
    optional: bool
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """What is known of a crate from its sources alone: the same bytes, hence the same digest, on every node."""

    analyser: int
    """Version of the analyser; another version may see more, and has another digest."""
    pin: CratePin
    description: str
    rust_version: str
    features: tuple[tuple[str, tuple[str, ...]], ...]
    default_features: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    proc_macro: bool
    build_script: bool
    no_std: bool
    files: tuple[SourceFile, ...]
    items: tuple[Item, ...]
    """Sorted by span."""
    public_api: tuple[str, ...]
    """Signatures of the public items, as `path: signature`, sorted."""
    idioms: tuple[tuple[str, int], ...]
    """How many items show each idiom, sorted by name."""
    notes: tuple[str, ...] = ()
    """What the analysis could not see and why: files not parsed, modules without a file, macros between items."""


@dataclass(frozen=True, slots=True)
class PreparedCrate:
    """A crate on this machine, ready to be built offline: fetched through cargo, nothing of it executed yet."""

    pin: CratePin
    root: Path
    """The published source as cargo unpacked it. Read-only: builds happen in copies."""
    manifest: bytes
    """The Cargo.toml to build with: the published one, dev-dependencies left out where they could not be had."""
    lock: bytes
    """The Cargo.lock that was resolved for `manifest`."""
    vendor: Path | None
    """Directory source holding every package of the lock file; None when the crate depends on nothing."""
    dev_dependencies: bool
    """False when they were left out: tests that need them will not compile, and that is nobody's fault."""
    notes: tuple[str, ...]
    """What had to be done differently, for people."""
