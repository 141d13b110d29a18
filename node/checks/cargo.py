"""Calling cargo inside the sandbox: what it sees, and what it says it made.

Cargo is told everything: an environment of a few variables, a home of its own without registry or network, and a
working directory outside any crate, because it obeys configuration that it finds from there upwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.checks.sandbox.limits import Command, Limits, Profile, Ran
from node.checks.toolchain import Toolchain
from node.errors import TransientError
from node.values.crate import PreparedCrate
from node.values.verdict import TestTarget

_LIBRARY_KINDS = frozenset({"lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"})

_UNAVAILABLE = (
    "no matching package",
    "failed to load source",
    "unable to update",
    "failed to get",
    "failed to download",
    "can't checkout",
    "attempting to make an http request",
    "needs to be updated but --locked",
    "No space left on device",
)
"""Words of cargo's when the world, not the crate, is at fault."""


class UncheckedError(TransientError):
    """A crate cannot be checked here and now, through no fault of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(message, waits_for="checks")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A target that cargo compiled."""

    name: str
    kinds: frozenset[str]
    source: str
    """Crate root, absolute."""
    for_tests: bool
    executable: str
    """Empty for libraries."""

    @property
    def is_library(self) -> bool:
        """Belongs to the library target, as itself or as its unit tests."""
        return bool(self.kinds & _LIBRARY_KINDS)

    @property
    def place(self) -> tuple[str, str] | None:
        """Target and file of the tests in it (`TestName`); None when it holds none of the library's or of `tests/`."""
        if not self.executable or not self.for_tests:
            return None
        if self.is_library:
            return TestTarget.LIBRARY.value, ""
        return (TestTarget.INTEGRATION.value, self.name) if "test" in self.kinds else None


def cargo_command(
    crate: PreparedCrate,
    toolchain: Toolchain,
    folder: Path,
    words: Sequence[str],
    *,
    limits: Limits,
    jobs: int = 1,
    after: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    writable: Sequence[Path] = (),
) -> Command:
    """A cargo call on the project that stands in `folder/project`.

    Args:
        crate: For its vendored dependencies.
        toolchain: With what.
        folder: Holds `project`, and cargo's home and output beside it (`lay_out_cargo`).
        words: Subcommand and its options.
        limits: Bounds.
        jobs: Compilers at once.
        after: Arguments behind all options.
        environment: Variables to add.
        writable: Folders that may be written besides cargo's own.
    """
    return Command(
        argv=(
            *(str(toolchain.cargo), *words, "--offline", "--locked", "--message-format=json"),
            *("--manifest-path", str(folder / "project" / "Cargo.toml"), *after),
        ),
        profile=Profile.BUILD,
        limits=limits,
        directory=Path("/"),
        environment={**_environment(toolchain, folder, jobs), **(environment or {})},
        readable=(*toolchain.readable, folder, *((crate.vendor,) if crate.vendor else ())),
        # Not the project: a build script that could change it would change what is checked.
        writable=(*cargo_folders(folder), *writable),
    )


def _environment(toolchain: Toolchain, folder: Path, jobs: int) -> dict[str, str]:
    return {
        "PATH": f"{toolchain.programs}:/usr/bin:/bin",
        "CARGO_HOME": str(folder / "cargo-home"),
        "CARGO_TARGET_DIR": str(folder / "target"),
        "CARGO_BUILD_JOBS": str(jobs),
        "CARGO_INCREMENTAL": "0",
        "CARGO_NET_OFFLINE": "true",
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(toolchain.flags),
        "CARGO_TERM_COLOR": "never",
        # Debug information costs a tenth of a build, splitting it a fifth. Only a test that comes to the end of its
        # stack can tell: functions without it take less. Rows are told apart (`rows.building.Linked.for_debuggers`).
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_PROFILE_TEST_DEBUG": "0",
        "CARGO_PROFILE_DEV_CODEGEN_UNITS": "1",
        "CARGO_PROFILE_TEST_CODEGEN_UNITS": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def cargo_folders(folder: Path) -> tuple[Path, ...]:
    """What cargo writes in."""
    return folder / "cargo-home", folder / "target"


def lay_out_cargo(folder: Path, vendor: Path | None) -> None:
    """Make cargo's home (no registry, no network, packages from the vendored directory) and its output folder."""
    home, target = cargo_folders(folder)
    home.mkdir()
    target.mkdir()
    lines = ["[net]", "offline = true"]
    if vendor is not None:
        directory = json.dumps(str(vendor.absolute()))
        lines += ["[source.crates-io]", 'replace-with = "vendored"', "[source.vendored]", f"directory = {directory}"]
    (home / "config.toml").write_text("\n".join(lines) + "\n")


def refuse_unavailable(crate: PreparedCrate, ran: Ran) -> None:
    """Do nothing, unless cargo failed for want of dependencies or disk space.

    Raises:
        UncheckedError: It did.
    """
    words = ran.stderr.decode(errors="replace")
    if not ran.succeeded and not ran.out_of_time and any(sign in words for sign in _UNAVAILABLE):
        raise UncheckedError(f"{crate.pin.label}: {last_error(words)}")


def last_error(words: str) -> str:
    """The line of cargo's that says most about a failure."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error")]
    return (errors or lines or ["cargo says nothing"])[0][:300]


def parse_artifacts(output: bytes) -> tuple[Artifact, ...]:
    """What cargo said it made (`--message-format=json`), in order."""
    found = []
    for line in output.splitlines():
        if line.startswith(b'{"reason":"compiler-artifact"'):
            value = json.loads(line)
            target, profile = value["target"], value["profile"]
            found.append(
                Artifact(
                    name=str(target["name"]),
                    kinds=frozenset(map(str, target["kind"])),
                    source=str(target["src_path"]),
                    for_tests=bool(profile["test"]),
                    executable=str(value.get("executable") or ""),
                )
            )
    return tuple(found)
