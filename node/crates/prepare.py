"""Makes a crate ready to be built offline: manifest, lock file, vendored dependencies. Nothing of it is executed.

The lock file published with the crate is kept as far as the manifest still needs it: the same dependencies on every
node, whenever it joins. Where it cannot be resolved any more (a mirror without old versions), cargo chooses anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from node.crates.build_manifest import build_manifest
from node.crates.cargo import Cargo
from node.crates.limits import CrateLimits
from node.crates.lockfile import LOCK, LockedPackage, parse_lock
from node.crates.manifest import Manifest, ManifestError, parse_manifest
from node.crates.sources import MANIFEST, Sources
from node.crates.vendor import ExcessError, VendoredPackage, fill_vendor
from node.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a crate is built from, beside its sources."""

    manifest: bytes
    lock: bytes
    vendor: Path | None
    """Below the scratch folder; None when the crate depends on nothing."""
    dev_dependencies: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to resolve the crate."""

    dev_dependencies: bool
    lock: bytes | None


def prepare_crate(
    cargo: Cargo, sources: Sources, published_lock: bytes | None, scratch: Path, limits: CrateLimits
) -> Preparation:
    """Resolve and vendor a crate, with its dev-dependencies if that is possible and within bounds.

    Args:
        cargo: The user's cargo.
        sources: The crate's sources.
        published_lock: The Cargo.lock inside the packed crate, if it has one.
        scratch: An empty folder.
        limits: How many packages and bytes are too many.

    Raises:
        OperatorError: Its dependencies cannot be resolved, or are too many.
        TransientError: The registry is not reachable.
    """
    manifest = parse_manifest(sources.manifest)
    has_dev = any(line.kind == "dev" for line in manifest.dependencies)
    notes: list[str] = []
    failure: OperatorError | None = None
    for index, attempt in enumerate(_attempts(has_dev=has_dev, published_lock=published_lock)):
        if isinstance(failure, ExcessError) and attempt.dev_dependencies:
            continue  # another lock file does not make them few
        folder = scratch / f"attempt-{index}"
        try:
            found = _prepare_once(cargo, manifest, sources, attempt, folder, limits)
        except OperatorError as error:
            failure = error
            kind = "with" if attempt.dev_dependencies else "without"
            notes.append(f"{kind} dev-dependencies{' and the published lock file' if attempt.lock else ''}: {error}")
            continue
        left_out = has_dev and not attempt.dev_dependencies
        told = ["dev-dependencies left out"] if left_out else []
        return Preparation(found.manifest, found.lock, found.vendor, not left_out, (*notes, *told, *found.notes))
    assert failure is not None  # there is always an attempt, and it returned or failed
    raise failure


def _attempts(*, has_dev: bool, published_lock: bytes | None) -> list[_Attempt]:
    locks = [published_lock, None] if published_lock is not None else [None]
    return [_Attempt(dev, lock) for dev in ((True, False) if has_dev else (False,)) for lock in locks]


def _prepare_once(
    cargo: Cargo, manifest: Manifest, sources: Sources, attempt: _Attempt, folder: Path, limits: CrateLimits
) -> Preparation:
    text, notes = build_manifest(manifest, sources, dev_dependencies=attempt.dev_dependencies)
    skeleton = _write_skeleton(folder / "skeleton", text, attempt.lock, sources)
    subject = f"{manifest.name}@{manifest.version}"
    offline = () if parse_manifest(text).dependencies else ("--offline",)  # nothing to ask a registry for
    # Resolves, keeping what the lock file says, and downloads nothing yet.
    cargo.run("update", "--workspace", "--quiet", *offline, "--manifest-path", str(skeleton), subject=subject)
    lock = (skeleton.parent / LOCK).read_bytes()
    locked = parse_lock(lock)
    packages_max = limits.dev_packages_max if attempt.dev_dependencies else limits.packages_max
    if len(locked) > packages_max:
        raise ExcessError(f"{subject} depends on {len(locked)} packages, at most {packages_max}", hint="choose another")
    if not locked:
        return Preparation(text, lock, None, attempt.dev_dependencies, notes)
    vendor = folder / "vendor"
    vendor.mkdir()
    bytes_max = limits.dev_vendor_bytes_max if attempt.dev_dependencies else limits.vendor_bytes_max
    fill_vendor(_download(cargo, skeleton, locked, subject), vendor, bytes_max=bytes_max)
    return Preparation(text, lock, vendor, attempt.dev_dependencies, notes)


def _write_skeleton(folder: Path, manifest: bytes, lock: bytes | None, sources: Sources) -> Path:
    """A package of the same shape with empty files: cargo resolves it without seeing the crate's code."""
    folder.mkdir(parents=True)
    for file in sources.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if lock is not None:
        (folder / LOCK).write_bytes(lock)
    path = folder / MANIFEST
    path.write_bytes(manifest)
    return path


def _download(cargo: Cargo, skeleton: Path, locked: tuple[LockedPackage, ...], subject: str) -> list[VendoredPackage]:
    """Have cargo fetch every locked package; say where each lies and whether this platform compiles it."""
    arguments = ("metadata", "--format-version", "1", "--locked", "--all-features", "--manifest-path", str(skeleton))
    everywhere = json.loads(cargo.run(*arguments, subject=subject)[0])
    here = json.loads(cargo.run(*arguments, "--offline", "--filter-platform", cargo.host, subject=subject)[0])
    built = {node["id"] for node in here["resolve"]["nodes"]}
    folders = {
        (found["name"], found["version"]): (Path(found["manifest_path"]).parent, found["id"] in built)
        for found in everywhere["packages"]
        if found["source"] is not None
    }
    if any((package.name, package.version) not in folders for package in locked):
        # A lock file also names packages that no choice of features or platform ever builds; only `fetch` has them.
        cargo.run("fetch", "--locked", "--quiet", "--manifest-path", str(skeleton), subject=subject)
    shelves = sorted({folder.parent for folder, _ in folders.values()})
    vendored = []
    for package in locked:
        name, version = package.name, package.version
        folder, is_built = folders.get((name, version)) or (_beside(shelves, name, version), False)
        if folder is None or not package.checksum:
            raise OperatorError(
                f"{subject}: its dependency {name}@{version} comes from {package.source}, which cannot be vendored",
                hint="choose a crate whose dependencies come from a registry",
            )
        vendored.append(VendoredPackage(name, version, package.checksum, folder, is_built))
    return vendored


def _beside(shelves: list[Path], name: str, version: str) -> Path | None:
    """Where a package lies unpacked, given the folders that hold others: `name-version`, in some sources `name`."""
    for folder in (shelf / stem for shelf in shelves for stem in (f"{name}-{version}", name)):
        try:
            found = parse_manifest((folder / MANIFEST).read_bytes())
        except (OSError, ManifestError):
            continue
        if (found.name, found.version) == (name, version):
            return folder
    return None
