"""From what a person asked for to a packed or unpacked crate on this disk, through cargo alone.

- From a registry: a stub package that depends on exactly the crate wanted is resolved by `cargo metadata`. Cargo
  downloads and verifies; the stub's lock file states version and checksum; the manifest's path leads to the unpacked
  source and, in cargo's own cache beside it, to the packed file. Mirrors, directory sources and local registries work
  the same, only that some of them keep no packed file.
- From a folder or a git source: `cargo package --no-verify` packs it, which resolves workspace inheritance and applies
  include and exclude rules. Nothing of the crate is executed and its folder is left as it was.

Several nodes may do this at once; cargo's own lock on its package cache orders them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.crates.cargo import Cargo
from node.crates.lockfile import LOCK, parse_lock
from node.crates.request import CrateRequest, GitRequest, PathRequest, RegistryRequest
from node.crates.sources import MANIFEST, MANIFEST_BYTES_MAX
from node.crates.toml_text import toml_text
from node.errors import OperatorError

STUB = "swarm-node-stub"


@dataclass(frozen=True, slots=True)
class Located:
    """A crate that cargo has brought onto this disk."""

    name: str
    version: str
    checksum: bytes
    """From the lock file; 32 zero bytes for path and git sources."""
    folder: Path | None
    """Unpacked by cargo; None when there is only the packed file."""
    packed: Path | None
    """The packed file; None when the user's source keeps none. Not yet checked against `checksum`."""


def locate(cargo: Cargo, request: CrateRequest, scratch: Path) -> Located:
    """Have cargo bring the crate.

    Args:
        cargo: The user's cargo.
        request: What is wanted.
        scratch: An empty folder; what is found may lie in it, so the caller keeps it until it has copied that.

    Raises:
        OperatorError: No such crate or version, not a crate, or a crate without a library.
        TransientError: The registry is not reachable.
    """
    if isinstance(request, PathRequest):
        return _pack(cargo, request.path, scratch, str(request))
    line: dict[str, Any] = {"default-features": False}  # fewer dependencies to resolve: only the crate is wanted
    if isinstance(request, GitRequest):
        line["git"] = request.url
        if request.reference is not None:
            line[request.reference[0]] = request.reference[1]
    else:
        line["version"] = request.requirement
    stub = _write_stub(scratch / "stub", request.name, line)
    found = _resolve(cargo, stub, request)
    folder = Path(found["manifest_path"]).parent
    if isinstance(request, GitRequest):
        return _pack(cargo, folder, scratch, str(request))
    checksum = _locked_checksum(stub, found["name"], found["version"])
    return Located(found["name"], found["version"], checksum, folder, _cached_file(folder))


def _write_stub(folder: Path, name: str, line: Mapping[str, Any]) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").touch()
    manifest = folder / MANIFEST
    document = {
        "package": {"name": STUB, "version": "0.0.0", "edition": "2021", "publish": False},
        "dependencies": {name: line},
        "workspace": {},
    }
    manifest.write_text(toml_text(document))
    return manifest


def _resolve(cargo: Cargo, stub: Path, request: RegistryRequest | GitRequest) -> dict[str, str]:
    """Name, version and manifest path of the package that the stub's one dependency resolves to."""
    # Only this platform's dependencies: what others would need is not downloaded just to find one crate.
    arguments = ("metadata", "--format-version", "1", "--filter-platform", cargo.host, "--manifest-path", str(stub))
    out, said = cargo.run(*arguments, subject=str(request))
    packages = json.loads(out)["packages"]
    for package in packages:
        if package["name"] == request.name and package["source"] is not None:
            return {key: str(package[key]) for key in ("name", "version", "manifest_path")}
    if "missing a lib target" in said:
        raise OperatorError(
            f"{request} has no library, only programs", hint="choose a crate that other crates can depend on"
        )
    raise OperatorError(f"cargo resolved no package {request}", hint="check the name's spelling, `-` and `_` included")


def _locked_checksum(stub: Path, name: str, version: str) -> bytes:
    for package in parse_lock((stub.parent / LOCK).read_bytes()):
        if (package.name, package.version) == (name, version) and package.checksum:
            return bytes.fromhex(package.checksum)
    # A source replaced by a plain folder may state none; such a crate is bound by its source digest alone.
    return bytes(32)


def _cached_file(folder: Path) -> Path | None:
    """The packed file in cargo's cache: what lies unpacked in `src/<source>/<crate>` has it in `cache/<source>`."""
    source = folder.parent
    packed = source.parent.parent / "cache" / source.name / f"{folder.name}.crate"
    return packed if packed.is_file() else None


def _pack(cargo: Cargo, folder: Path, scratch: Path, subject: str) -> Located:
    """Pack a local package as `cargo publish` would, without building it."""
    manifest = (folder / MANIFEST).resolve()
    name = _refuse_what_is_no_package(manifest, subject)
    target = scratch / "packed"
    where = ("--manifest-path", str(manifest), "--target-dir", str(target))
    try:
        cargo.run("package", "--no-verify", "--no-metadata", "--allow-dirty", "--quiet", *where, subject=subject)
    except OperatorError as error:
        raise OperatorError(
            str(error), hint="a crate must stand alone: give path dependencies a version that its registry has"
        ) from error
    packed = sorted((target / "package").glob("*.crate"))
    if len(packed) != 1:
        raise OperatorError(f"{subject}: cargo packed {len(packed)} crates, not one", hint="name one package's folder")
    # The file says the version, which the manifest may leave to its workspace.
    version = packed[0].stem.removeprefix(f"{name}-")
    return Located(name, version, bytes(32), None, packed[0])


def _refuse_what_is_no_package(manifest: Path, subject: str) -> str:
    """The package's name, as its own Cargo.toml states it."""
    hint = "name the folder that holds the crate's own Cargo.toml"
    if not manifest.is_file():
        raise OperatorError(f"{subject} is not a crate: there is no Cargo.toml in it", hint=hint)
    with manifest.open("rb") as file:
        data = file.read(MANIFEST_BYTES_MAX + 1)
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"{subject} is not a crate: its Cargo.toml is not TOML: {error}", hint=hint) from error
    package = document.get("package", document.get("project"))
    if not isinstance(package, dict) or not isinstance(package.get("name"), str):
        what = "only a workspace" if "workspace" in document else "no package"
        raise OperatorError(f"{subject} is not a crate: its Cargo.toml describes {what}", hint=hint)
    name: str = package["name"]
    return name
