"""How much a crate may cost one node. One node's own configuration, not protocol: a refusal names its number.

The bounds of the analysis are not here: they decide what a knowledge base holds, so they are part of the analyser
(`node.crates.sources`, `node.crates.parsing`) and change with its version.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class CrateLimits:
    """Bounds on fetching, unpacking and vendoring."""

    packed_bytes_max: int = 64 * MIB
    unpacked_bytes_max: int = 512 * MIB
    """Cargo's own bound for small crates; its second one (20 times the packed size) never exceeds this here."""
    entries_max: int = 20_000
    """Files and folders in one packed crate."""
    path_bytes_max: int = 400
    """Of one path inside a packed crate: leaves room for the store's own folders below the usual 4096 and 255."""
    packages_max: int = 400
    """Packages in a lock file. A crate above it is refused."""
    dev_packages_max: int = 200
    """Packages in a lock file that counts dev-dependencies. Above it they are left out."""
    vendor_bytes_max: int = 1024 * MIB
    """Of all vendored packages together. A crate above it is refused."""
    dev_vendor_bytes_max: int = 256 * MIB
    """Of all vendored packages, dev-dependencies counted. Above it they are left out."""
    cargo_timeout_s: float = 300.0
    """For one call of cargo, waiting for other cargos' locks included."""
    cargo_output_bytes_max: int = 64 * MIB
    """Of one call of cargo; `cargo metadata` prints some 10 KiB a package."""
