"""What a person may write where a crate is asked for.

    heck                              the newest version that cargo resolves
    heck@0.5.0                        exactly this version
    heck@0.5                          the newest one compatible with it, as in Cargo.toml
    ./crates/mine, /abs/path, ~/mine  a folder with a Cargo.toml
    git+https://host/repo?rev=1f2e#name   a git source: rev, tag or branch; the name defaults to the repository's

The forms are those of cargo's package id specifications, so that nothing new needs to be learned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from node.errors import OperatorError

FORMS = "write `name`, `name@version`, a path such as `./crate`, or `git+<url>[?rev=|tag=|branch=][#name]`"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,2}(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?")
_FULL = re.compile(r"\d+\.\d+\.\d+")
_GIT_SCHEMES = {"https", "http", "ssh", "git", "file"}


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A crate of the registry that cargo is configured for."""

    name: str
    version: str | None

    @property
    def requirement(self) -> str:
        """As a dependency line says it. Build metadata never takes part in a requirement."""
        if self.version is None:
            return "*"
        plain = self.version.split("+")[0]
        return f"={plain}" if _FULL.match(plain) else plain

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class PathRequest:
    """A crate in a local folder."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class GitRequest:
    """A crate in a git repository."""

    url: str
    reference: tuple[str, str] | None
    """(`rev`, `tag` or `branch`, its value); None for the default branch."""
    name: str

    def __str__(self) -> str:
        # Messages and logs show this: a password in the address does not belong there.
        return f"git+{re.sub(r'//[^/@]*@', '//', self.url)}#{self.name}"


CrateRequest = RegistryRequest | PathRequest | GitRequest


def parse_request(text: str) -> CrateRequest:
    """Read one of the forms above.

    Raises:
        OperatorError: It is none of them.
    """
    if text.startswith("git+"):
        return _parse_git(text)
    if "\0" in text:
        raise OperatorError("a crate's name or path cannot hold a NUL", hint=FORMS)
    if text.startswith((".", "/", "~")) or "/" in text:
        return PathRequest(Path(text).expanduser())
    name, at, version = text.partition("@")
    if not _NAME.fullmatch(name) or (at and not _VERSION.fullmatch(version)):
        raise OperatorError(f"{text!r} names no crate", hint=FORMS)
    return RegistryRequest(name, version if at else None)


def _parse_git(text: str) -> GitRequest:
    parts = urlsplit(text.removeprefix("git+"))
    name = parts.fragment or parts.path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    query = parse_qsl(parts.query, keep_blank_values=True)
    if parts.scheme not in _GIT_SCHEMES or not _NAME.fullmatch(name) or len(query) > 1:
        raise OperatorError(f"{text!r} names no git source", hint=FORMS)
    if query and (query[0][0] not in {"rev", "tag", "branch"} or not query[0][1]):
        raise OperatorError(f"{text!r}: `{query[0][0]}` is neither rev, tag nor branch", hint=FORMS)
    url = parts._replace(query="", fragment="").geturl()
    return GitRequest(url, query[0] if query else None, name)
