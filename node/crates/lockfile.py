"""Reads Cargo.lock: exactly which packages a build takes, and the hash of each.

Cargo writes the oldest of its four layouts that the package's `rust-version` still understands. In the first one the
hashes stand apart, in a `[metadata]` table.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

LOCK = "Cargo.lock"


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package that is not part of the workspace itself."""

    name: str
    version: str
    source: str
    checksum: str
    """Hex SHA-256 of the packed crate; empty where the source states none (git, plain folders)."""


def parse_lock(data: bytes) -> tuple[LockedPackage, ...]:
    """The packages of a lock file that cargo wrote, in its order."""
    document = tomllib.loads(data.decode())
    apart = document.get("metadata", {})
    return tuple(
        LockedPackage(
            name=package["name"],
            version=package["version"],
            source=package["source"],
            checksum=package.get("checksum")
            or apart.get(f"checksum {package['name']} {package['version']} ({package['source']})", ""),
        )
        for package in document.get("package", [])
        if "source" in package
    )
