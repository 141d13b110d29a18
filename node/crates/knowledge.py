"""A crate's sources to what is known of it: the analysis as one pure function, and its canonical bytes.

No toolchain, clock, environment or order of directory entries takes part: equal sources give equal bytes on every
node, hence one digest. `docs/crate-analysis.md` says how far syntax alone can see, with measurements.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from consensus.encoding import EncodingError, decode, encode, hash_bytes
from consensus.types import Hash
from node.crates.docs import doc_text, find_doctests
from node.crates.drafts import Bytes, Draft, FileDrafts
from node.crates.manifest import Manifest, parse_manifest
from node.crates.modules import CrateDrafts, read_modules
from node.crates.sources import Sources
from node.crates.surface import Surface, is_listed
from node.values.crate import CratePin, DocTest, FileRole, Item, ItemKind, KnowledgeBase, SourceFile, Span

ANALYSER = 1
"""Version of everything that decides the bytes: this room's analysis, its idioms, its bounds, the grammar."""
KNOWLEDGE_BYTES_MAX = 32 << 20
NOTES_MAX = 200


class KnowledgeError(ValueError):
    """The bytes are no knowledge base that this analyser could have made; the message says why."""


def make_pin(sources: Sources, checksum: bytes) -> CratePin:
    """The pin of a crate whose packed file has this SHA-256 (32 zero bytes for path and git sources)."""
    manifest = parse_manifest(sources.manifest)
    return CratePin(
        name=manifest.name,
        version=manifest.version,
        checksum=checksum,
        source_digest=sources.digest,
        license=manifest.license,
        edition=manifest.edition,
    )


def analyse(sources: Sources, checksum: bytes) -> KnowledgeBase:
    """Read a crate's sources into its knowledge base.

    Raises:
        ManifestError: Cargo.toml is not one of a package.
    """
    manifest = parse_manifest(sources.manifest)
    files = {file.path: file.data for file in sources.files}
    crate = read_modules(files, manifest.targets(files))
    _add_inner_docs(crate, files)
    gave_up = _resolve_names(crate, manifest)
    drafts = [draft for found in crate.files.values() for draft in found.drafts]
    items = sorted((_item(draft) for draft in drafts), key=lambda item: (item.span, item.path))
    idioms = Counter(idiom for item in items for idiom in item.idioms)
    library = [found for found in crate.files.values() if found.scope.role is FileRole.LIBRARY]
    root = next((found for found in library if found.scope.module == manifest.library_name), None)
    return KnowledgeBase(
        analyser=ANALYSER,
        pin=make_pin(sources, checksum),
        description=manifest.description,
        rust_version=manifest.rust_version,
        features=manifest.features,
        default_features=dict(manifest.features).get("default", ()),
        dependencies=manifest.dependencies,
        proc_macro=manifest.proc_macro,
        build_script=manifest.build_script(files) is not None,
        no_std=root is not None and any("no_std" in text for text in root.attributes),
        files=tuple(_source_file(path, data, crate.files.get(path)) for path, data in sorted(files.items())),
        items=tuple(items),
        public_api=tuple(sorted({f"{d.public_path}: {d.signature}" for d in drafts if is_listed(d)})),
        idioms=tuple(sorted(idioms.items())),
        notes=_notes(crate, gave_up=gave_up),
    )


def encode_knowledge(knowledge: KnowledgeBase) -> bytes:
    """The canonical bytes that the digest names."""
    return encode(knowledge)


def knowledge_digest(data: bytes) -> Hash:
    """The hash under which a knowledge base is asked for."""
    return hash_bytes("knowledge", data)


def decode_knowledge(data: bytes) -> KnowledgeBase:
    """Read canonical bytes strictly, as they come from a peer.

    Raises:
        KnowledgeError: Too long, not canonical, of another analyser, or positions that its own files do not have.
    """
    if len(data) > KNOWLEDGE_BYTES_MAX:
        raise KnowledgeError(f"{len(data)} bytes, at most {KNOWLEDGE_BYTES_MAX} allowed")
    try:
        knowledge = decode(KnowledgeBase, data)
    except EncodingError as error:
        raise KnowledgeError(str(error)) from error
    if knowledge.analyser != ANALYSER:
        raise KnowledgeError(f"made by analyser {knowledge.analyser}, this is {ANALYSER}")
    sizes = {file.path: file.size for file in knowledge.files}
    if list(sizes) != sorted(sizes) or len(sizes) != len(knowledge.files) or not all(map(_is_plain_path, sizes)):
        raise KnowledgeError("its files are not sorted, or not plain paths")
    if any(left.span > right.span for left, right in zip(knowledge.items, knowledge.items[1:], strict=False)):
        raise KnowledgeError("its items are not sorted")
    for item in knowledge.items:
        if not all(0 <= span.start <= span.end <= sizes.get(span.path, -1) for span in _spans(item)):
            raise KnowledgeError(f"{item.path} stands where its file is not")
    return knowledge


def _is_plain_path(path: str) -> bool:
    return bool(path) and all(part not in {"", ".", ".."} for part in path.split("/"))


def _spans(item: Item) -> Iterable[Span]:
    optional = (item.body, item.doc_span, item.container)
    yield from (item.span, item.code_span, item.name_span, *(span for span in optional if span is not None))
    yield from (doctest.span for doctest in item.doctests)


def _add_inner_docs(crate: CrateDrafts, files: Mapping[str, bytes]) -> None:
    """Give `//!` docs to the module they document: the declaring item, or one of its own for a target's root."""
    by_module = {d.module: d.draft for found in crate.files.values() for d in found.declarations}
    for path, found in crate.files.items():
        if path in crate.roots:
            found.drafts.insert(0, _root_item(found, crate.roots[path], len(files[path])))
        elif found.inner_docs and found.scope.module in by_module:
            by_module[found.scope.module].docs.append((path, found.inner_docs))


def _root_item(found: FileDrafts, name: str, size: int) -> Draft:
    """The crate itself as a module, its file the span, so that its documentation and doc tests have an item."""
    draft = Draft(
        scope=found.scope,
        kind=ItemKind.MODULE,
        name=name,
        module="",
        span=(0, size),
        code=(0, size),
        name_span=(0, 0),
        body=None,
        signature=f"crate {name}",
        visibility="pub",
        attributes=tuple(found.attributes),
        doc_span=None,
        container=None,
        is_test=False,
        test_only=found.scope.test_only,
        hidden=False,
        modifiers=frozenset(),
        generics=False,
    )
    if found.inner_docs:
        draft.docs.append((found.scope.file, found.inner_docs))
    return draft


def _resolve_names(crate: CrateDrafts, manifest: Manifest) -> bool:
    """Fill in paths and public paths, each target by itself; whether some resolution met its bound."""
    targets: dict[tuple[FileRole, str], list[FileDrafts]] = defaultdict(list)
    for found in crate.files.values():
        targets[found.scope.role, found.scope.module.partition("::")[0]].append(found)
    gave_up = False
    for (_, root), files in targets.items():
        drafts = [draft for found in files for draft in found.drafts]
        uses = [use for found in files for use in found.uses]
        surface = Surface(root, drafts, uses, by_root=manifest.edition == "2015")
        surface.resolve()
        gave_up = gave_up or surface.gave_up
    return gave_up


def _item(draft: Draft) -> Item:
    file = draft.scope.file
    doctests = [test for path, lines in draft.docs for test in find_doctests(path, lines)]
    return Item(
        path=draft.path,
        kind=draft.kind,
        name=draft.name,
        span=Span(file, *draft.span),
        code_span=Span(file, *draft.code),
        name_span=Span(file, *draft.name_span),
        body=_span(file, draft.body),
        signature=draft.signature,
        visibility=draft.visibility,
        public=bool(draft.public_path) and draft.scope.role is FileRole.LIBRARY,
        doc="\n\n".join(filter(None, (doc_text(lines) for _, lines in draft.docs))),
        doc_span=_doc_span(draft),
        attributes=draft.attributes,
        parent=draft.parent,
        container=_span(file, draft.container.span) if draft.container is not None else None,
        is_test=draft.is_test,
        test_only=draft.test_only,
        unsafe="unsafe" in draft.modifiers,
        is_async="async" in draft.modifiers,
        const="const" in draft.modifiers and draft.kind in {ItemKind.FUNCTION, ItemKind.METHOD},
        generics=draft.generics,
        calls=tuple(sorted(draft.calls)),
        idioms=tuple(sorted(draft.idioms)),
        doctests=tuple(_numbered(doctests)),
        module=draft.module,
    )


def _numbered(doctests: Iterable[DocTest]) -> Iterable[DocTest]:
    return (replace(doctest, index=index) for index, doctest in enumerate(doctests))


def _span(file: str, piece: Bytes | None) -> Span | None:
    return Span(file, *piece) if piece is not None else None


def _doc_span(draft: Draft) -> Span | None:
    if draft.doc_span is not None:
        return Span(draft.scope.file, *draft.doc_span)
    for path, lines in draft.docs:  # a module without outer docs is documented by its inner ones
        if lines:
            return Span(path, lines[0].start, lines[-1].end)
    return None


def _source_file(path: str, data: bytes, found: FileDrafts | None) -> SourceFile:
    return SourceFile(
        path=path,
        sha256=hashlib.sha256(data).digest(),
        size=len(data),
        role=FileRole.ORPHAN if found is None else found.scope.role,
        module="" if found is None else found.scope.module,
        parse_errors=0 if found is None else found.errors,
    )


def _notes(crate: CrateDrafts, *, gave_up: bool) -> tuple[str, ...]:
    notes = set(crate.notes)
    for path, found in crate.files.items():
        for name, count in found.unseen_macros.items():
            notes.add(f"{path}: what {count} calls of {name}! between items make is not seen")
    if gave_up:
        notes.add("re-exports were not followed to the end: some public items may not be marked so")
    return tuple(sorted(notes)[:NOTES_MAX])
