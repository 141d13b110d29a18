"""What this machine can check with, for people: its toolchain, its sandbox, and what is weaker here than elsewhere."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path

from node.checks.engine import CheckSettings
from node.checks.sandbox.choice import choose
from node.checks.sandbox.limits import Level
from node.checks.toolchain import Toolchain, find_toolchain
from node.errors import OperatorError

_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    """`rustc`, `cargo`, `clippy`, `rustfmt` or `sandbox`."""
    good: bool
    text: str
    """What was found: a version, a level, or what is wrong."""
    hint: str
    """What to do about it, or why it is not better; empty when it is as it should be."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All that decides whether and how well this machine checks."""

    findings: tuple[Finding, ...]
    level: str
    """Sandbox level that holds here; empty when none does."""
    weaker: tuple[str, ...]
    """What that level does not prevent here, as sentences."""

    @property
    def usable(self) -> bool:
        """Whether claims can be settled at all."""
        return bool(self.level) and all(item.good for item in self.findings if item.subject in {"rustc", "cargo"})


async def examine(settings: CheckSettings) -> Examination:
    """Look at the toolchain and attack the sandbox as a start of the engine would. Never raises for what it finds."""
    try:
        toolchain = await asyncio.to_thread(find_toolchain)
    except OperatorError as error:
        return Examination((Finding("rustc", good=False, text=str(error), hint=error.hint),), "", ())
    findings = list(await asyncio.to_thread(_programs, toolchain))
    tools = settings.tools
    await asyncio.to_thread(tools.mkdir, parents=True, exist_ok=True)
    try:
        choice = await choose(toolchain.rustc, sysroot=toolchain.sysroot, cache=tools, asked=settings.level)
    except OperatorError as error:
        findings.append(Finding("sandbox", good=False, text=str(error), hint=error.hint))
        return Examination(tuple(findings), "", ())
    level = choice.confinement.level.value
    hint = "; ".join(choice.reasons)
    unconfined = choice.confinement.level is Level.NONE
    findings.append(Finding("sandbox", good=not unconfined, text=f"level {level} holds", hint=hint))
    return Examination(tuple(findings), level, choice.weaker)


def _programs(toolchain: Toolchain) -> list[Finding]:
    found = [
        Finding("rustc", good=True, text=toolchain.release, hint=""),
        Finding("cargo", good=True, text=_version(toolchain.cargo), hint=""),
    ]
    for name, program, loss in (
        ("clippy", toolchain.clippy, "lints cannot be reported"),
        ("rustfmt", toolchain.rustfmt, "formatting cannot be checked"),
    ):
        if program is None:
            hint = f"rustup component add {name}"
            found.append(Finding(name, good=False, text=f"not installed: {loss}", hint=hint))
        else:
            found.append(Finding(name, good=True, text=_version(program), hint=""))
    return found


def _version(program: Path) -> str:
    try:
        done = subprocess.run(
            [str(program), "--version"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    return done.stdout.strip() or f"does not run: {done.stderr.strip()[:200]}"
