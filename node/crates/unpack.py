"""Unpacks a `.crate` within bounds, whoever sent it.

A packed crate is a gzipped tar with the one top folder `name-version/`. Cargo's rules hold: only regular files and
folders, only below that folder, a bound on what comes out. Modes, owners and times are not taken over. The hash is
the caller's to check first (`check_packed`), so that no byte of a wrong file reaches the decompressor.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Self

from node.crates.limits import CrateLimits

_RATIO_MAX = 20
"""Cargo's own: what comes out is at most this many times the packed size, or the absolute bound if larger."""
_EXTENDED_BYTES_MAX = 64 << 10
"""Of one extended header (long names, times); the standard library reads these whole."""
_NAME_CLASHES = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
"""What writing fails with when two entries of the archive contradict each other."""


class PackedCrateError(ValueError):
    """A packed crate breaks a rule.

    Attributes:
        rule: Short machine-readable name of the rule, a metric label.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


def check_packed(data: bytes, checksum: bytes, limits: CrateLimits) -> None:
    """Check size and SHA-256 of a packed crate, before anything of it is read.

    Raises:
        PackedCrateError: Too large, or another hash.
    """
    if len(data) > limits.packed_bytes_max:
        raise PackedCrateError("crate-too-large", f"{len(data)} bytes packed, at most {limits.packed_bytes_max}")
    found = hashlib.sha256(data).digest()
    if found != checksum:
        raise PackedCrateError("crate-checksum", f"SHA-256 is {found.hex()}, {checksum.hex()} was expected")


def unpack(data: bytes, top: str, into: Path, limits: CrateLimits) -> None:
    """Write the files of a packed crate below the empty folder `into`, without the top folder.

    Args:
        data: The packed crate.
        top: Its only allowed top folder, `name-version`.
        into: An existing empty folder. After an error it holds a part, which the caller removes.
        limits: The bounds.

    Raises:
        PackedCrateError: Not a packed crate, or one that breaks a rule above.
    """
    bytes_max = max(limits.unpacked_bytes_max, _RATIO_MAX * len(data))
    stream = _Counted(gzip.GzipFile(fileobj=io.BytesIO(data)), bytes_max)
    names = _Names(top, limits)
    try:
        # Streaming: no seeking back, one member at a time, so memory stays at one member's header.
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for member in archive:
                _place(archive, member, names.check(member), into)
    except (tarfile.TarError, zlib.error, EOFError, OverflowError, RecursionError) as error:
        raise PackedCrateError("crate-archive", f"not a packed crate: {error}") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno in _NAME_CLASHES:
            raise PackedCrateError("crate-archive", f"not a packed crate: {error}") from error
        raise  # a full or read-only disk is nobody's fault but this machine's
    if not (into / "Cargo.toml").is_file():
        raise PackedCrateError("crate-archive", f"holds no {top}/Cargo.toml")


class _Counted(io.RawIOBase):
    """The decompressed stream, cut off with an error beyond a number of bytes."""

    def __init__(self, stream: gzip.GzipFile, bytes_max: int) -> None:
        self._stream = stream
        self._left = bytes_max
        self._bytes_max = bytes_max

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise PackedCrateError("crate-too-large", f"more than {self._bytes_max} bytes unpacked")
        return data


class _Header(tarfile.TarInfo):
    """A member's header. Refuses sizes that the standard library would read into memory, or loop over."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        extended = header.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}
        if header.size < 0 or (extended and header.size > _EXTENDED_BYTES_MAX):
            raise PackedCrateError("crate-archive", f"a header of {header.size} bytes")
        return header


class _Names:
    """The paths seen so far: plain, below the top folder, and different even where case does not count."""

    def __init__(self, top: str, limits: CrateLimits) -> None:
        self._top = top
        self._limits = limits
        self._files: set[str] = set()
        self._spelling: dict[str, str] = {}

    def check(self, member: tarfile.TarInfo) -> str:
        """The member's path below the top folder; empty for the top folder itself."""
        shown = repr(member.name[:200])
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE} or member.issparse():
            raise PackedCrateError("crate-entry-kind", f"{shown} is neither a file nor a folder")
        name = member.name.rstrip("/")
        parts = name.split("/")
        too_long = len(os.fsencode(name)) > self._limits.path_bytes_max
        if parts[0] != self._top or not _are_plain(parts) or too_long:
            raise PackedCrateError("crate-entry-name", f"{shown} is not a plain path below {self._top}/")
        if name in self._files or not self._is_spelled_once(parts):
            raise PackedCrateError("crate-entry-name", f"{shown} stands there twice, or differs in case alone")
        if not member.isdir():
            self._files.add(name)
        if len(self._spelling) > self._limits.entries_max:
            raise PackedCrateError("crate-too-large", f"more than {self._limits.entries_max} entries")
        return "/".join(parts[1:])

    def _is_spelled_once(self, parts: list[str]) -> bool:
        """Whether the path and all folders above it keep the spelling in which they were first seen."""
        path = ""
        for part in parts:
            path = f"{path}/{part}"
            if self._spelling.setdefault(path.casefold(), path) != path:
                return False
        return True


def _are_plain(parts: list[str]) -> bool:
    return all(
        part not in {"", ".", ".."} and "\\" not in part and part.isprintable() and len(os.fsencode(part)) <= 255
        for part in parts
    )


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, into: Path) -> None:
    if member.isdir():
        (into / path).mkdir(parents=True, exist_ok=True)
        return
    if not path:
        raise PackedCrateError("crate-entry-kind", "the top folder is a file")
    target = into / path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    assert content is not None  # a regular file has content
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o444)
