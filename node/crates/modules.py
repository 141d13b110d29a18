"""Follows module declarations from each target's root file, as the compiler does, to every file that belongs.

Each file is read once, under the first path that leads to it (the library's before the tests'), so neither a `mod`
nor an `include!` cycle has an end to miss. All alternatives of a `cfg` are followed: no platform is assumed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from node.crates.bodies import note_bodies
from node.crates.drafts import FileDrafts, ModuleDeclaration, Scope
from node.crates.manifest import Target
from node.crates.parsing import BROKEN_BYTES_MAX, FILE_BYTES_MAX, Parsed, parse
from node.crates.reader import Reader
from node.values.crate import FileRole

FOR_TESTS = {FileRole.INTEGRATION_TEST, FileRole.EXAMPLE, FileRole.BENCH}


@dataclass(frozen=True, slots=True)
class _Visit:
    """A file to read, and how it was reached."""

    path: str
    scope: Scope
    folder: str
    """Where its `mod name;` declarations look; empty for the crate's own folder."""


@dataclass(slots=True)
class CrateDrafts:
    """All files of a crate that some target reaches."""

    files: dict[str, FileDrafts] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    """Module path of each target's root file."""
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Modules declared under no condition whose file is not there: such a target cannot compile."""


def read_modules(files: Mapping[str, bytes], targets: tuple[Target, ...]) -> CrateDrafts:
    """Read every file that a target reaches.

    Args:
        files: Content by path.
        targets: The compilation roots, in the order in which they claim files.
    """
    walk = _Walk(files)
    for target in targets:
        walk.drafts.roots[target.path] = target.crate
        walk.run(_Visit(target.path, _root_scope(target), posixpath.dirname(target.path)))
    return walk.drafts


def _root_scope(target: Target) -> Scope:
    return Scope(target.path, target.role, target.crate, target.role in FOR_TESTS)


class _Walk:
    """The files read so far, and the budget for broken ones."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.drafts = CrateDrafts()
        self._files = files
        self._broken_bytes = 0

    def run(self, first: _Visit) -> None:
        """Read a file and all that it leads to, depth first in order of declaration."""
        stack = [first]
        while stack:
            visit = stack.pop()
            if visit.path not in self.drafts.files:
                stack.extend(reversed(list(self._read(visit))))

    def _read(self, visit: _Visit) -> Iterator[_Visit]:
        parsed = self._parse(visit.path)
        if parsed is None:
            self.drafts.files[visit.path] = FileDrafts(visit.scope, errors=1)
            return
        reader = Reader(parsed, visit.scope)
        found = self.drafts.files[visit.path] = reader.read()
        note_bodies(reader.parts, reader.surveys, found.drafts)
        for declaration in found.declarations:
            yield from self._declared(declaration, visit)
        for inclusion in found.inclusions:
            path = _joined(posixpath.dirname(visit.path), inclusion.path)
            if path is not None and path in self._files:
                yield _Visit(path, Scope(path, visit.scope.role, inclusion.module, inclusion.test_only), visit.folder)

    def _parse(self, path: str) -> Parsed | None:
        data = self._files[path]
        refusal = ""
        if len(data) > FILE_BYTES_MAX:
            refusal = f"{len(data)} bytes, at most {FILE_BYTES_MAX} are parsed"
        elif self._broken_bytes > BROKEN_BYTES_MAX:
            refusal = "not parsed: too much of the crate before it is no Rust"
        elif not _is_utf8(data):
            refusal = "not UTF-8"
        if refusal:
            self.drafts.notes.append(f"{path}: {refusal}")
            return None
        parsed = parse(data)
        if parsed.broken:
            self._broken_bytes += len(data)
            self.drafts.notes.append(f"{path}: no Rust, as far as the grammar can tell")
        return parsed

    def _declared(self, declaration: ModuleDeclaration, visit: _Visit) -> Iterator[_Visit]:
        """The files that a `mod name;` may stand for."""
        folder = _joined(visit.folder, *declaration.folders)
        # A path attribute counts from the file's own folder, or from the folder of the inline module around it.
        base = folder if declaration.folders else posixpath.dirname(visit.path)
        name = declaration.draft.name.removeprefix("r#")
        named = [path for text in declaration.paths if (path := _joined(base, text)) in self._files]
        places = () if declaration.only_paths else (f"{name}.rs", f"{name}/mod.rs")
        usual = [path for text in places if (path := _joined(folder, text)) in self._files]
        here = [path for path in (*named, *usual[:1]) if path is not None]
        if not here:
            self.drafts.notes.append(f"{visit.path}: `mod {name};` leads to no published file")
            if not any("cfg" in attribute for attribute in declaration.draft.attributes):
                self.drafts.missing.append(f"`mod {name};` of {visit.path}")
        for path in here:
            scope = Scope(path, visit.scope.role, declaration.module, declaration.test_only)
            owns_folder = path in named or posixpath.basename(path) == "mod.rs"
            yield _Visit(path, scope, posixpath.dirname(path) if owns_folder else path.removesuffix(".rs"))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(*parts: str | None) -> str | None:
    """A path below the crate's root; None when it leads out of it."""
    if None in parts:
        return None
    path = posixpath.normpath(posixpath.join("", *(part for part in parts if part is not None)))
    return None if path.startswith(("..", "/")) else path
