"""Runs cargo: bounded in time and output, away from any crate, with the user's own configuration.

Only commands that execute nothing of a crate are run from here (`metadata`, `package --no-verify`, `update
--workspace`). Cargo looks for configuration from its working directory upwards, and a crate's `.cargo/config.toml`
may name programs to run: hence the working directory is a folder of ours, and crates are named by
`--manifest-path`. Everything else (mirrors, proxies, offline vendoring, credentials) stays as the user set it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

from node.crates.limits import CrateLimits
from node.errors import ExitCode, NodeError, OperatorError, TransientError

REGISTRY = "cargo registry"
"""What a `TransientError` from here waits for, as `status` shows it."""

_NETWORK = re.compile(
    r"spurious network error|could ?n[o']t (?:connect|resolve)|failed to connect|failed to resolve address"
    r"|download of config\.json failed|failed to download from|unable to update registry|timed? ?out|timeout"
    r"|network failure|connection (?:reset|refused|closed)|ssl (?:connect )?error|got 5\d\d\b|got 429\b",
    re.IGNORECASE,
)
_SAID_MAX = 1 << 16
"""Characters of what cargo said that are looked at: errors come last."""
_NOT_THERE = re.compile(r"failed to resolve path|cannot locate remote-tracking|revspec .* not found|not found by id")
_STUB = re.compile(r" as a dependency of package `swarm-node-stub [^`]*`")
_OFFLINE = re.compile(r"you're using offline mode")
_LOCKED_OUT = re.compile(r"blocking waiting for file lock on ([\w' -]+)", re.IGNORECASE)


class Cargo:
    """The user's cargo.

    Args:
        workdir: Where cargo runs; a folder of ours with no crate in or above it.
        limits: Time and output of one call.
        program: Name or path of cargo.
    """

    def __init__(self, workdir: Path, *, limits: CrateLimits | None = None, program: str = "cargo") -> None:
        self._workdir = workdir
        self._limits = limits or CrateLimits()
        self._program = program

    def run(self, *arguments: str, subject: str) -> tuple[bytes, str]:
        """Run one cargo command and return its standard output, and what it said on standard error.

        Args:
            arguments: Without the program's name.
            subject: What the user asked for, as messages name it, e.g. `strsim@0.11`.

        Raises:
            OperatorError: Cargo refused, with its own sentence; or there is no cargo.
            TransientError: The registry is not reachable, or cargo did not end in time.
        """
        try:
            process = subprocess.Popen(
                [self._program, *arguments],
                cwd=self._workdir,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # so that a time-out also ends what cargo started (git, credential helpers)
            )
        except OSError as error:
            raise OperatorError(
                f"cargo cannot be started: {error.strerror or error}",
                hint="install Rust (rustup, minimal profile), or give this node peers that have a toolchain",
                exit_code=ExitCode.UNAVAILABLE,
            ) from error
        with process:
            try:
                out, err = self._collect(process)
            except BaseException:
                # Not reaped yet, so the number cannot belong to anybody else's group by now.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode != 0:
            raise explain_failure(subject, err)
        return out, err

    @functools.cached_property
    def host(self) -> str:
        """The target triple of this machine's compiler, e.g. `x86_64-unknown-linux-gnu`."""
        out, _ = self.run("-vV", subject="cargo's version")
        found = re.search(r"^host: (\S+)$", out.decode(errors="replace"), re.MULTILINE)
        if found is None:
            raise OperatorError("`cargo -vV` names no host", hint="check the Rust installation with `cargo -vV`")
        return found[1]

    def _collect(self, process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
        """Read both streams to their ends, within the bounds, and wait for the process."""
        assert process.stdout is not None
        assert process.stderr is not None
        pieces: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
        deadline = time.monotonic() + self._limits.cargo_timeout_s
        with selectors.DefaultSelector() as selector:
            for stream, piece in pieces.items():
                selector.register(stream, selectors.EVENT_READ, piece)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise _overdue(self._limits.cargo_timeout_s, pieces[process.stderr])
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    key.data.extend(data)
                    if not data:
                        selector.unregister(key.fileobj)
                    if sum(map(len, pieces.values())) > self._limits.cargo_output_bytes_max:
                        raise OperatorError(
                            f"cargo printed more than {self._limits.cargo_output_bytes_max} bytes",
                            hint="the crate has too many dependencies; choose another one",
                        )
        process.wait(timeout=max(1.0, deadline - time.monotonic()))
        return bytes(pieces[process.stdout]), pieces[process.stderr].decode(errors="replace")


def _environment() -> dict[str, str]:
    """The user's environment with plain, untranslated output, and without what switches stable Rust off."""
    kept = {name: value for name, value in os.environ.items() if name != "RUSTC_BOOTSTRAP"}
    return kept | {"CARGO_TERM_COLOR": "never", "CARGO_TERM_PROGRESS_WHEN": "never", "LC_ALL": "C"}


def _overdue(timeout_s: float, stderr: bytearray) -> TransientError:
    lock = _LOCKED_OUT.search(stderr.decode(errors="replace"))
    if lock is not None:
        return TransientError(f"another cargo has held the lock on {lock[1]} for {timeout_s:g} s", waits_for=lock[1])
    return TransientError(f"cargo did not end within {timeout_s:g} s", waits_for=REGISTRY)


def explain_failure(subject: str, stderr: str) -> NodeError:
    """Turn what a failed cargo printed into the error that says whose turn it is."""
    stderr = stderr[-_SAID_MAX:]
    said = _sentence(stderr)
    if _OFFLINE.search(stderr):
        return OperatorError(
            f"{subject}: cargo is set to work offline and does not have it: {said}",
            hint="fetch it while online, vendor it, or switch off `net.offline` / CARGO_NET_OFFLINE",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if "no matching package" in stderr:
        hint = "check the spelling; `cargo search` lists names, and a git source is asked for as `git+<url>#<package>`"
        return OperatorError(f"{subject}: {said}", hint=hint)
    if "failed to select a version" in stderr:
        return OperatorError(f"{subject}: {said}{_candidates(stderr)}", hint="name a version that exists, or none")
    if _NETWORK.search(stderr) and not _NOT_THERE.search(stderr):
        what = "git source" if subject.startswith("git+") else REGISTRY
        return TransientError(f"{subject}: the {what} is not reachable: {said}", waits_for=what)
    return OperatorError(f"{subject}: cargo says: {said}", hint="run the same through `cargo` to see all it says")


def _sentence(stderr: str) -> str:
    """Cargo's error and its innermost cause, as one line."""
    error = re.search(r"^error: (.*)", stderr, re.MULTILINE)
    if error is None:
        return stderr.strip()[-200:] or "it ended without a word"
    causes = re.findall(r"^Caused by:\n\s+(.+)", stderr[error.start() :], re.MULTILINE)
    return _STUB.sub("", ": ".join([error[1].strip(), *[cause.strip() for cause in causes[-1:]]]))[:500]


def _candidates(stderr: str) -> str:
    found = re.search(r"^candidate versions found which didn't match: (.+)$", stderr, re.MULTILINE)
    return f" (there are {found[1]})" if found else ""
