"""The package that rows are compiled in: an empty library with at most one dependency, made ready by cargo."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

from node.checking.reading import PackageKey
from node.crates.store import CrateStore
from node.errors import OperatorError
from node.values.crate import PreparedCrate

PACKAGE = "example"
"""Name of the package, and of the crate that rows are."""


class Packages:
    """Prepared packages by key; each is made once, and kept on disk between runs.

    Args:
        folder: Where to keep them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = CrateStore(folder / "crates")
        self._ready: dict[PackageKey, asyncio.Task[PreparedCrate]] = {}

    async def prepare(self, key: PackageKey) -> PreparedCrate:
        """The package of a key.

        Raises:
            OperatorError: There is no such crate or version, or its dependencies cannot be resolved.
            TransientError: The registry is not reachable.
        """
        if key not in self._ready:
            self._ready[key] = asyncio.create_task(asyncio.to_thread(self._make, key))
        return await asyncio.shield(self._ready[key])

    def _make(self, key: PackageKey) -> PreparedCrate:
        if key.crate:
            # Cargo's words about a missing dependency are about our package; these are about the crate.
            self._store.acquire(f"{key.crate}@{key.version}" if key.version else key.crate)
        folder = self._folder / "packages" / _folder_name(key)
        try:
            (folder / "src").mkdir(parents=True, exist_ok=True)
            (folder / "src" / "lib.rs").write_bytes(b"")
            (folder / "Cargo.toml").write_text(manifest(key))
        except OSError as error:
            raise OperatorError(
                f"{folder} cannot be written: {error.strerror}", hint="Name another folder with --cache."
            ) from error
        return self._store.prepare(self._store.acquire(str(folder)))


def manifest(key: PackageKey) -> str:
    """Cargo.toml of the package."""
    lines = ["[package]", f'name = "{PACKAGE}"', 'version = "0.0.0"', f'edition = "{key.edition}"', ""]
    if key.crate:
        version = json.dumps(_requirement(key.version))
        wanted = f"{{ version = {version}, features = {json.dumps(key.features)} }}" if key.features else version
        lines += ["[dependencies]", f"{key.crate} = {wanted}", ""]
    return "\n".join(lines)


def _folder_name(key: PackageKey) -> str:
    if not key.crate:
        return key.edition
    name = f"{key.crate}-{key.version}-{key.edition}"
    # Many and long names do not fit into one of a folder.
    return f"{name}-{hashlib.sha256(','.join(key.features).encode()).hexdigest()[:16]}" if key.features else name


def _requirement(version: str) -> str:
    """A full version means exactly this one, as `crate@version` does everywhere here."""
    plain = version.split("+", maxsplit=1)[0]
    if not plain:
        return "*"
    return f"={plain}" if plain.count(".") >= 2 else plain
