"""The Rust toolchain that settles claims: found once, called past rustup's proxy.

The proxy costs 10 ms a call and obeys toolchain files that a crate may carry, so the real programs are called.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from node.errors import OperatorError

_TIMEOUT_S = 120
"""A first call through the proxy may install nothing here, but a cold disk is slow."""


class ToolchainError(OperatorError):
    """No Rust toolchain that can be used."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Programs of one toolchain, all absolute paths."""

    sysroot: Path
    rustc: Path
    cargo: Path
    clippy: Path | None
    """`clippy-driver`; None where it is not installed: then no lints are reported and `lint` steps are unchecked."""
    rustfmt: Path | None
    release: str
    """Of rustc, e.g. `1.95.0`."""
    identity: str
    """All that `rustc -vV` says: two toolchains with equal identities give equal verdicts."""
    witness: Path | None = None
    """Folder of the sysroot that proves test results (`node.checks.witness`); None where none is made."""
    flags: tuple[str, ...] = ()
    """For every compiler call: the witness's."""

    @property
    def lacking(self) -> list[str]:
        """Components that are not installed, by their names in rustup."""
        return [name for name, program in (("clippy", self.clippy), ("rustfmt", self.rustfmt)) if program is None]

    @property
    def readable(self) -> tuple[Path, ...]:
        """What a compiler call must be able to read."""
        return (self.sysroot,) if self.witness is None else (self.sysroot, self.witness)

    @property
    def programs(self) -> Path:
        """Directory of the programs."""
        return self.rustc.parent


def find_toolchain() -> Toolchain:
    """The toolchain that `rustc` on the search path stands for. Blocks.

    Raises:
        ToolchainError: None, or one without cargo.
    """
    hint = "Install Rust (rustup, minimal profile, with clippy and rustfmt) so that cargo and rustc are on PATH."
    proxy = shutil.which("rustc")
    if proxy is None:
        raise ToolchainError("no Rust toolchain: rustc is not on the search path", hint=hint)
    sysroot = Path(_ask(proxy, "--print", "sysroot").strip())
    rustc = sysroot / "bin" / "rustc"
    if not rustc.exists():
        rustc = Path(proxy).resolve()
    cargo = _beside(rustc, "cargo")
    if cargo is None:
        raise ToolchainError(f"no cargo beside {rustc}", hint=hint)
    identity = _ask(str(rustc), "-vV")
    fields = dict(line.split(": ", 1) for line in identity.splitlines() if ": " in line)
    return Toolchain(
        sysroot=sysroot,
        rustc=rustc,
        cargo=cargo,
        clippy=_beside(rustc, "clippy-driver"),
        rustfmt=_beside(rustc, "rustfmt"),
        release=fields.get("release", "unknown"),
        identity=identity,
    )


def _beside(rustc: Path, name: str) -> Path | None:
    path = rustc.parent / name
    return path if path.exists() else None


def _ask(program: str, *args: str) -> str:
    try:
        done = subprocess.run(
            [program, *args],
            cwd="/",  # A toolchain file in our own working directory is none of a crate's business.
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError(f"{program} does not run: {error}", hint="Check the Rust installation.") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [str(done.returncode)]
        # Behind the error there may be a backtrace, and before it what the proxy is about to do.
        said = next((line for line in words if line.startswith("error")), words[-1])
        raise ToolchainError(
            f"{program} {' '.join(args)} failed: {said}",
            hint="Run `rustup default stable`, or repair the Rust installation.",
        )
    return done.stdout.decode(errors="replace")
