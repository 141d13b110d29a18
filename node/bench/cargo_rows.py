"""What anybody would do without us: a cargo project per row: formatted, built, linted, tested by cargo's commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.checks.cargo import lay_out_cargo
from node.checks.rows import Example, export_row
from node.checks.toolchain import Toolchain
from node.values.crate import PreparedCrate

STEPS = (("fmt", "--check"), ("build", "--offline"), ("clippy", "--offline"), ("test", "--offline"))
_TIMEOUT_S = 1200


@dataclass(frozen=True, slots=True)
class CargoSaid:
    """How cargo's commands ended for a row."""

    formatted: bool
    compiled: bool
    tested: bool
    """Compiled with its tests, and all that ran passed."""


class CargoProjects:
    """Runs rows as cargo projects with cargo's default profiles, outside any sandbox.

    Args:
        toolchain: Whose cargo to run, past rustup's proxy, which would cost more.
        folder: Empty; cargo's home and the projects go here.
        package: What the rows are compiled in.
        shared: One target directory for all, instead of one each.
    """

    def __init__(self, toolchain: Toolchain, folder: Path, package: PreparedCrate, *, shared: bool) -> None:
        self._toolchain = toolchain
        self._folder = folder
        self._package = package
        self._shared = shared
        folder.mkdir(parents=True)
        lay_out_cargo(folder, package.vendor)

    def warm_up(self) -> None:
        """What is needed once: compile what all rows depend on."""
        if self._shared:
            self.run(Example("pub fn nothing() {}"))

    def run(self, row: Example) -> CargoSaid:
        """Lay out a project, run the steps, remove it. Steps after a failed one are run all the same."""
        project = self._folder / "project"
        export_row(self._package, row, project)
        target = self._folder / "target" if self._shared else project / "target"
        environment = {
            "PATH": f"{self._toolchain.programs}:{os.environ.get('PATH', '')}",
            "HOME": str(self._folder),
            "CARGO_HOME": str(self._folder / "cargo-home"),
            "CARGO_TARGET_DIR": str(target),
            "CARGO_TERM_COLOR": "never",
        }
        ended = [self._cargo(step, project, environment) for step in STEPS]
        shutil.rmtree(project)
        return CargoSaid(ended[0], ended[1], ended[3])

    def _cargo(self, words: Sequence[str], project: Path, environment: dict[str, str]) -> bool:
        done = subprocess.run(
            [str(self._toolchain.cargo), *words],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        return done.returncode == 0
