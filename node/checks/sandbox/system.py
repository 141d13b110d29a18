"""Which parts of the machine a sandbox shows: libraries, tools, and devices that hold nothing of anybody's."""

from __future__ import annotations

import functools
from pathlib import Path

_TOOLS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
"""Programs and libraries a compiler and its linker need; the last two where the distribution lives in a store."""

_LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store")

_LOADER = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives")

_ZONES = "/usr/share/zoneinfo"
"""Public, and date crates read it."""

_AUTHORITIES = (
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"),
    *("/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"),
)
"""Whom this machine trusts, where distributions keep all in one file: as public, and without it no client of HTTPS can
even be made. Not the folders, where somebody may have put a key."""

_READ_DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom", "/dev/full")


def _existing(*names: str) -> tuple[Path, ...]:
    return tuple(path for path in map(Path, names) if path.exists())


@functools.cache
def build_readable() -> tuple[Path, ...]:
    """What a build may read of the system."""
    return _existing(*_TOOLS, *_LOADER, *_READ_DEVICES)


@functools.cache
def test_readable() -> tuple[Path, ...]:
    """What a test may read of the system: enough to be loaded, time zones, and certificates of authorities."""
    return _existing(*_LIBRARIES, "/etc/ld.so.cache", _ZONES, *_AUTHORITIES, *_READ_DEVICES)


@functools.cache
def authorities() -> tuple[Path, ...]:
    """Certificates of authorities, outside the tool directories."""
    return _existing(*_AUTHORITIES)


@functools.cache
def devices_writable() -> tuple[Path, ...]:
    """Devices that swallow what is written, or refuse it."""
    return _existing("/dev/null", "/dev/full")


@functools.cache
def tool_directories() -> tuple[Path, ...]:
    """Top directories of the system's tools, as they stand (possibly symbolic links)."""
    return _existing(*_TOOLS)


@functools.cache
def loader_files() -> tuple[Path, ...]:
    """The dynamic loader's files outside the tool directories."""
    return _existing(*_LOADER)
