"""Reads Cargo.toml: what the package is, which targets it has, what it depends on. Pure, no cargo needed.

Only what the node uses is read; that is read strictly. Whether a manifest is valid is for cargo to say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.crates.sources import MANIFEST_BYTES_MAX
from node.values.crate import Dependency, FileRole

DEPENDENCY_TABLES = {
    "dependencies": "normal",
    "dev-dependencies": "dev",
    "dev_dependencies": "dev",
    "build-dependencies": "build",
    "build_dependencies": "build",
}
"""Cargo's spellings of its dependency tables; the ones with underscores are deprecated and still found."""

_FOLDERS = {FileRole.INTEGRATION_TEST: "tests", FileRole.EXAMPLE: "examples", FileRole.BENCH: "benches"}
_LISTS = {
    FileRole.BINARY: "bin",
    FileRole.INTEGRATION_TEST: "test",
    FileRole.EXAMPLE: "example",
    FileRole.BENCH: "bench",
}
_ENTRIES_MAX = 10_000


class ManifestError(ValueError):
    """The bytes are no manifest of a package that we can read; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One compilation root of the package."""

    role: FileRole
    name: str
    path: str

    @property
    def crate(self) -> str:
        """As the compiler names the crate."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the node needs to know of a Cargo.toml."""

    document: Mapping[str, Any]
    name: str
    version: str
    edition: str
    license: str
    description: str
    rust_version: str
    features: tuple[tuple[str, tuple[str, ...]], ...]
    dependencies: tuple[Dependency, ...]

    @property
    def package(self) -> Mapping[str, Any]:
        """The `[package]` table; very old manifests call it `[project]`."""
        return _table(self.document, "package") or _table(self.document, "project")

    @property
    def proc_macro(self) -> bool:
        """Whether the library is a procedural macro."""
        library = _table(self.document, "lib")
        return bool(library.get("proc-macro", library.get("proc_macro", library.get("crate-type") == ["proc-macro"])))

    @property
    def library_name(self) -> str:
        """What `use` calls the library."""
        return (_text(_table(self.document, "lib"), "name") or self.name).replace("-", "_")

    def build_script(self, files: Collection[str]) -> str | None:
        """Path of the build script, if there is one."""
        named = self.package.get("build")
        if isinstance(named, str):
            return named if named in files else None
        return "build.rs" if named is None and "build.rs" in files else None

    def targets(self, files: Collection[str]) -> tuple[Target, ...]:
        """All compilation roots among `files`, by cargo's rules, the library first.

        A target whose file is not published is left out, as cargo itself does when it publishes.
        """
        found: list[Target] = []
        library = _text(_table(self.document, "lib"), "path") or "src/lib.rs"
        if library in files:
            found.append(Target(FileRole.LIBRARY, self.library_name, library))
        for role in _LISTS:
            found.extend(self._listed(role, files))
        script = self.build_script(files)
        if script is not None:
            found.append(Target(FileRole.BUILD_SCRIPT, "build_script_build", script))
        first: dict[str, Target] = {}
        for target in found:
            first.setdefault(target.path, target)
        return tuple(first.values())

    def _listed(self, role: FileRole, files: Collection[str]) -> Iterator[Target]:
        """Targets of one kind: those the manifest lists, then those that cargo would find."""
        listed = _tables(self.document, _LISTS[role])
        inferred = dict(self.inferred(role, files))
        for entry in listed:
            name = _text(entry, "name")
            path = _text(entry, "path") or inferred.get(name, "")
            if path in files:
                yield Target(role, name, path)
        if self.package.get("auto" + (_FOLDERS.get(role) or "bins"), True) is not False:
            names = {_text(entry, "name") for entry in listed}
            for name, path in sorted(inferred.items()):
                if name not in names:
                    yield Target(role, name, path)

    def inferred(self, role: FileRole, files: Collection[str]) -> Iterator[tuple[str, str]]:
        """Names and paths of what cargo takes for targets of this kind by where they lie."""
        folder = _FOLDERS.get(role)
        if folder is None:
            folder = "src/bin"
            if "src/main.rs" in files:
                yield self.name, "src/main.rs"
        for path in files:
            head, _, rest = path.rpartition("/")
            if head == folder and rest.endswith(".rs"):
                yield rest.removesuffix(".rs"), path
            elif rest == "main.rs" and head.startswith(folder + "/") and head.count("/") == folder.count("/") + 1:
                yield head.rpartition("/")[2], path


def parse_manifest(data: bytes) -> Manifest:
    """Read the Cargo.toml of a package.

    Raises:
        ManifestError: Not UTF-8, not TOML, too long, no package, or a value of another type than cargo's.
    """
    if len(data) > MANIFEST_BYTES_MAX:
        raise ManifestError(f"Cargo.toml has {len(data)} bytes, at most {MANIFEST_BYTES_MAX} are read")
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"Cargo.toml is not TOML: {error}") from error
    package = _table(document, "package") or _table(document, "project")
    if not package:
        raise ManifestError(
            "Cargo.toml describes no package" + (", only a workspace" if "workspace" in document else "")
        )
    features = _table(document, "features")
    return Manifest(
        document=document,
        name=_text(package, "name", required=True),
        version=_text(package, "version") or "0.0.0",
        edition=_text(package, "edition") or "2015",
        license=_text(package, "license"),
        description=_text(package, "description").strip(),
        rust_version=_text(package, "rust-version"),
        features=tuple(sorted((name, _texts(features, name)) for name in features)),
        dependencies=tuple(sorted(set(_dependencies(document)), key=_dependency_order)),
    )


def dependency_tables(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dependency table with its kind (`normal`, `dev`, `build`), those of single platforms included."""
    scopes = [document, *(scope for scope in _table(document, "target").values() if isinstance(scope, Mapping))]
    for scope in scopes:
        for key, kind in DEPENDENCY_TABLES.items():
            yield kind, _table(scope, key)


def _dependencies(document: Mapping[str, Any]) -> Iterator[Dependency]:
    count = 0
    for kind, table in dependency_tables(document):
        for name, value in table.items():
            count += 1
            if count > _ENTRIES_MAX:
                raise ManifestError(f"Cargo.toml lists more than {_ENTRIES_MAX} dependencies")
            line = value if isinstance(value, Mapping) else {"version": value}
            yield Dependency(
                name=name,
                requirement=_text(line, "version") or "*",
                kind=kind,
                optional=line.get("optional") is True,
                features=tuple(sorted(set(_texts(line, "features")))),
            )


def _dependency_order(line: Dependency) -> tuple[str, str, str, bool, tuple[str, ...]]:
    return (line.kind, line.name, line.requirement, line.optional, line.features)


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, Mapping):
        raise ManifestError(f"Cargo.toml: `{key}` is not a table")
    return value


def _tables(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ManifestError(f"Cargo.toml: `{key}` is not a list of tables")
    return value


def _text(table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (required and not value):
        # A workspace's member may say `version.workspace = true`; cargo resolves that when it packs the crate.
        raise ManifestError(f"Cargo.toml: `{key}` is not a text")
    return value


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ManifestError(f"Cargo.toml: `{key}` is not a list of texts")
    return tuple(value)
