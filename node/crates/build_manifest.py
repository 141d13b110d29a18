"""The Cargo.toml that a crate is built with here: the published one, less what cannot or need not be built.

Dropped: benchmarks and examples (nothing is checked with them, and they pull in the heaviest dev-dependencies),
tests and programs whose files were not published, dev-dependencies that only benchmarks or examples name, workspace
and patch tables (a published crate stands alone). Features, lints, profiles and dependencies stay as published, for
they decide verdicts. Everything dropped is said in a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from node.crates.manifest import DEPENDENCY_TABLES, Manifest, Target, dependency_tables
from node.crates.modules import read_modules
from node.crates.sources import Sources
from node.crates.toml_text import toml_text
from node.errors import OperatorError
from node.values.crate import FileRole

_UNUSED_KEYS = {"metadata", "workspace", "default-run", "include", "exclude", "readme"}
"""Of `[package]`: no effect on a build, or references to what is not here."""
_UNUSED_TABLES = {"workspace", "patch", "replace", "badges"}


def build_manifest(manifest: Manifest, sources: Sources, *, dev_dependencies: bool) -> tuple[bytes, tuple[str, ...]]:
    """Return the Cargo.toml to build with and the notes on what it lacks.

    Args:
        manifest: The published one.
        sources: The crate's sources, to see which files and dev-dependencies its targets need.
        dev_dependencies: Whether to keep those that the tests need.

    Raises:
        OperatorError: A dependency comes from a registry of its own, which vendoring cannot stand for.
    """
    _refuse_other_registries(manifest)
    document = {key: value for key, value in manifest.document.items() if key not in _UNUSED_TABLES}
    notes = [f"[{key}] left out" for key in ("patch", "replace") if key in manifest.document]
    notes += _settle_targets(document, manifest, {file.path: file.data for file in sources.files})
    dropped = _unneeded(manifest, sources) if dev_dependencies else {"*"}
    _drop_dev_dependencies(document, dropped)
    for name in sorted(dropped - {"*"}):
        notes.append(f"dev-dependency {name} left out: no library, test or program source names it")
    # Without a workspace of its own, a copy below some other package would be taken for that one's member.
    document["workspace"] = {}
    return toml_text(document).encode(), tuple(notes)


def _refuse_other_registries(manifest: Manifest) -> None:
    for _, table in dependency_tables(manifest.document):
        for name, line in table.items():
            if isinstance(line, Mapping) and ("registry" in line or "registry-index" in line):
                raise OperatorError(
                    f"{manifest.name} depends on {name} from another registry, which is not supported",
                    hint="choose a crate whose dependencies all come from cargo's default registry or its mirror",
                )


def _settle_targets(document: dict[str, Any], manifest: Manifest, files: Mapping[str, bytes]) -> list[str]:
    """Leave the targets in `document` that can be built, of the kinds that are; return the notes."""
    package = {key: value for key, value in manifest.package.items() if key not in _UNUSED_KEYS}
    document.pop("project", None)
    document["package"] = package | {"autobenches": False, "autoexamples": False, "autotests": True}
    targets = manifest.targets(files)
    notes = [f"{key} targets left out" for key in ("bench", "example") if document.pop(key, None)]
    programs = [entry for entry in document.pop("bin", []) if _find(entry, FileRole.BINARY, targets) is not None]
    notes += [f"bin target {name} left out: its file is not published" for name in _missing("bin", manifest, programs)]
    document.pop("test", None)
    tests, test_notes = _tests(manifest, targets, files)
    document.update({key: entries for key, entries in (("bin", programs), ("test", tests)) if entries})
    return notes + test_notes


def _tests(
    manifest: Manifest, targets: tuple[Target, ...], files: Mapping[str, bytes]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Entries for the tests, and notes.

    Tests stay found by their folder (`autotests`), so that a file added to a copy is a test like any other. What the
    crate itself has there and must not be built is switched off by name: files that the published manifest does not
    take for tests, and tests with modules that were not published.
    """
    listed = manifest.document.get("test", [])
    entries, notes = [], []
    for target in targets:
        if target.role is FileRole.INTEGRATION_TEST:
            published = next((dict(entry) for entry in listed if _find(entry, target.role, (target,))), {})
            entry = published | {"name": published.get("name", target.name), "path": target.path}
            missing = read_modules(files, (target,)).missing
            if missing:
                entry["test"] = False
                notes.append(f"test target {target.name} switched off: {missing[0]} is not published")
            entries.append(entry)
    taken = {entry["path"] for entry in entries}
    for name, path in manifest.inferred(FileRole.INTEGRATION_TEST, files):
        if path not in taken:
            entries.append({"name": name, "path": path, "test": False})
    left_out = _missing("test", manifest, entries)
    return entries, notes + [f"test target {name} left out: its file is not published" for name in left_out]


def _find(entry: Mapping[str, Any], role: FileRole, targets: tuple[Target, ...]) -> Target | None:
    """The target that a manifest's entry describes, if its file is there."""
    for target in targets:
        if target.role is role and entry.get("path", target.path) == target.path and entry.get("name") == target.name:
            return target
    return None


def _missing(key: str, manifest: Manifest, kept: Iterable[Mapping[str, Any]]) -> list[str]:
    names = {entry.get("name") for entry in kept}
    return [str(entry.get("name")) for entry in manifest.document.get(key, []) if entry.get("name") not in names]


def _unneeded(manifest: Manifest, sources: Sources) -> set[str]:
    """Names of dev-dependencies that no library, test or program source mentions.

    A name that is also a normal or build dependency stays: its line may only switch features on.
    """
    needed = {line.name for line in manifest.dependencies if line.kind != "dev"}
    wanted = {line.name for line in manifest.dependencies if line.kind == "dev"} - needed
    paths = {file.path for file in sources.files}
    aside = {t.path for t in manifest.targets(paths) if t.role in {FileRole.BENCH, FileRole.EXAMPLE}}
    for file in sources.files:
        if not wanted or file.path.startswith(("benches/", "examples/")) or file.path in aside:
            continue
        # The word anywhere is enough: in a path, a macro, a doc test; even in prose it only keeps one too many.
        words = set(re.findall(rb"[A-Za-z_][A-Za-z0-9_]*", file.data))
        wanted = {name for name in wanted if name.replace("-", "_").encode() not in words}
    return wanted


def _drop_dev_dependencies(document: dict[str, Any], names: set[str]) -> None:
    """Remove the named dev-dependencies (`*`: all) from every table of `document`, which is not shared."""
    document.update(_without(document, names))
    for key in DEPENDENCY_TABLES:
        if not document.get(key, True):
            del document[key]
    targets = document.get("target")
    if isinstance(targets, Mapping):
        document["target"] = {
            platform: {**scope, **_without(scope, names)}
            for platform, scope in targets.items()
            if isinstance(scope, Mapping)
        }


def _without(scope: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {
        key: {name: line for name, line in scope[key].items() if "*" not in names and name not in names}
        for key, kind in DEPENDENCY_TABLES.items()
        if kind == "dev" and key in scope
    }
