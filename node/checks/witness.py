"""The witness: a sysroot in which the compiler's `test` crate is ours, so that passing cannot be forged from inside.

Every compiler call of a crate gets the flags below through cargo, hence every recorded call carries them. The sysroot
is the toolchain's own, file by file through links, but for that one crate (`witness.rs`); a crate that names it meets
the same errors as ever. What a run must prove is in `harness`.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from node.checks.toolchain import Toolchain
from node.errors import OperatorError

_SOURCE = Path(__file__).with_name("witness.rs")
_PARTS = sorted(_SOURCE.parent.glob("witness*.rs"))
"""All that it is compiled from, itself included."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A sysroot with the witness in it."""

    folder: Path
    """Holds links into the toolchain's sysroot, so both must be readable for whoever uses it."""

    @property
    def flags(self) -> tuple[str, ...]:
        """For every call of rustc that builds a crate, its dependencies, or its tests."""
        return (f"--sysroot={self.folder / 'sysroot'}", "-L", f"dependency={self.folder / 'real'}")


def build_witness(toolchain: Toolchain, cache: Path) -> Witness:
    """Make the sysroot, once per toolchain; several nodes may share it. Blocks (0.3 s of CPU).

    Raises:
        OperatorError: The toolchain's `test` crate is not as we know it, or cannot be found.
    """
    source = b"".join(path.read_bytes() for path in _PARTS)
    digest = hashlib.sha256(f"{toolchain.identity}\0{toolchain.sysroot}\0".encode() + source).hexdigest()
    folder = cache / f"witness-{digest[:16]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache) as work:
            made = Path(work) / "witness"
            _make(toolchain, made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # Otherwise another node was faster and made the same.
                    raise
    return Witness(folder)


def _make(toolchain: Toolchain, folder: Path) -> None:
    host = next((line[6:] for line in toolchain.identity.splitlines() if line.startswith("host: ")), "")
    source = toolchain.sysroot / "lib" / "rustlib"
    rustlib, real = folder / "sysroot" / "lib" / "rustlib", folder / "real"
    for directory in (rustlib / host / "lib", real):
        directory.mkdir(parents=True)
    _link(source, rustlib, but=host)
    _link(source / host, rustlib / host, but="lib")
    for entry in (source / host / "lib").iterdir():
        (real if entry.name.startswith("libtest-") else rustlib / host / "lib").joinpath(entry.name).symlink_to(entry)
    _compile(toolchain, rustlib / host / "lib")
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        directory.chmod(0o755)  # The sandbox's users are others than ours.


def _link(source: Path, folder: Path, *, but: str) -> None:
    for entry in source.iterdir():
        if entry.name != but:
            (folder / entry.name).symlink_to(entry)


def _compile(toolchain: Toolchain, out: Path) -> None:
    """Compile the witness, a part of the toolchain for which alone unstable features are allowed."""
    options = ("--edition", "2021", "--crate-name", "test", "--crate-type", "rlib", "-C", "opt-level=1")
    # Metadata of its own: the real crate of the same name is linked beside it.
    naming = ("-C", "metadata=swarm-witness", "-C", "extra-filename=-swarm", "-C", "codegen-units=1")
    done = subprocess.run(
        [str(toolchain.rustc), *options, *naming, "-C", "debuginfo=0", str(_SOURCE), "--out-dir", str(out)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={"RUSTC_BOOTSTRAP": "1", "PATH": "/usr/bin:/bin"},
        cwd="/",
    )
    if done.returncode != 0:
        first = next((line for line in done.stderr.decode(errors="replace").splitlines() if "error" in line), "")
        raise OperatorError(
            f"test results cannot be proven with rustc {toolchain.release}: {first or 'rustc says nothing'}",
            hint="Run `rustup default stable`, and report this compiler's release if it still fails.",
        )
    for path in out.glob("libtest-swarm.*"):
        path.chmod(0o644)
