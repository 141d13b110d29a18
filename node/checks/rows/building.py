"""Compiling rows: the recorded calls of an empty package, made again with the rows' files in it."""

from __future__ import annotations

import asyncio
import functools
import secrets
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.builds import Built, Call, compile_overlay, make_overlay
from node.checks.cargo import UncheckedError
from node.checks.common import ROWS_MIN
from node.checks.invocation import Invocation
from node.checks.rows.example import LIBRARY, PROGRAM
from node.checks.schemata import SELECTOR_CRATE, declare_selector
from node.checks.workshop import Workshop
from node.values.verdict import TestName, TestTarget

LIBRARY_TESTS = TestName(TestTarget.LIBRARY.value, "", "")


@dataclass(frozen=True, slots=True)
class Linked:
    """A test binary, or why there is none."""

    built: Built
    executable: Path
    invocation: Invocation
    aborts: bool = False
    """A panic in it ends the process: what passes passes anywhere, and what does not shows nothing yet."""
    for_debuggers: bool = False
    """With all that debuggers may ask, as cargo builds it: then functions keep more on the stack."""
    project: Path | None = None
    """What it was made of, as far as its own code may read that: a row's by itself, or nobody's."""


_ABORTING = (
    *("-C", "panic=abort", "-Z", "panic-abort-tests", "-C", "force-unwind-tables=no", "-Z", "function-sections=no"),
    *("-C", "relocation-model=static"),
    "-Zallow-features=",
)
"""A sixth cheaper: no landing pads, no tables for unwinding, addresses known beforehand. With tests this is an
unstable option, for which the compiler must be told to be lenient. Of features none is allowed, and only a crate's
root, which is ours, could ask."""
_LENIENT = {"RUSTC_BOOTSTRAP": "1"}
_FOR_DEBUGGERS = ("-C", "debuginfo=2")

_SHARED_MS, _PER_FILE_MS = 5_000, 250
"""CPU time of a build of many rows: five times and more what rows take (15 to 50 ms), and still less than one row may
alone, so that whoever eats the compiler's time is soon by itself. Whoever only needs much is so too, and is settled."""


class RowBuilder:
    """Builds files in place of the package's own.

    Args:
        workshop: Over a package with an empty library, whose dependencies are what rows may use.

    Raises:
        UncheckedError: That package does not build here.
    """

    def __init__(self, workshop: Workshop) -> None:
        library, tests = workshop.bench.library, workshop.bench.binary(LIBRARY_TESTS)
        if library is None or tests is None:
            raise UncheckedError(f"{workshop.bench.crate.pin.label}: {workshop.bench.baseline.reason}")
        self._workshop = workshop
        self._library = library
        self._tests = tests.invocation
        self.edition = library.value("--edition") or "2015"

    @property
    def has_crates(self) -> bool:
        """Whether rows may use more than the standard library."""
        return self._workshop.bench.crate.vendor is not None

    async def may_abort(self) -> bool:
        """Whether builds can abort here, and no crate that rows may use catches panics: then only their text could."""
        vendor = self._workshop.bench.crate.vendor
        if vendor is not None and await asyncio.to_thread(_catches, vendor):
            return False
        return await asyncio.to_thread(_knows_options, self._workshop.toolchain.rustc)

    async def lint(self, files: Mapping[str, bytes]) -> Built:
        """Compile without tests, through clippy where it is installed: one pass says whether it compiles and lints."""
        invocation = _of(self._library, files)
        clippy = self._workshop.toolchain.clippy is not None
        folder = self._workshop.new_folder("rows")
        # As `cargo clippy` does, but warnings where clippy would stop at its first error.
        arguments = invocation.rebuilt(
            out_dir=folder / "out", emit="metadata", extra=("-W", "clippy::all") if clippy else ()
        )
        return await self._compile(invocation, arguments, files, folder, clippy=clippy)

    async def build(self, files: Mapping[str, bytes], *, to_code: bool) -> Built:
        """Compile without tests, as `cargo build` does, for errors that come when functions are made into code.

        Args:
            files: By path.
            to_code: To the end. Otherwise up to where only an assembler or a linker could still refuse it, at a third
                less.
        """
        # What is linked with crates needs all of them: so the tests' call, as one of a program without tests.
        invocation = _of(_untested(self._tests) if PROGRAM in files else self._library, files)
        folder = self._workshop.new_folder("row-builds")
        arguments = invocation.rebuilt(out_dir=folder / "out", emit="link" if to_code else "mir")
        return await self._compile(invocation, arguments, files, folder)

    async def link(
        self, files: Mapping[str, bytes], *, instrumented: bool, aborts: bool = False, for_debuggers: bool = False
    ) -> Linked:
        """Compile with tests, and with the selector crate where the files use it.

        Args:
            files: By path.
            instrumented: They use the selector crate.
            aborts: A panic shall end the process (`Linked.aborts`).
            for_debuggers: As deep on the stack as under cargo (`Linked.for_debuggers`), and half as dear again.
        """
        invocation = _of(self._tests, files)
        folder = self._workshop.new_folder("row-tests")
        selector = self._workshop.selector
        libraries = {SELECTOR_CRATE: selector} if instrumented else {}
        if instrumented and self.edition == "2015":
            files = {
                path: declare_selector(text) if path in {LIBRARY, PROGRAM} else text for path, text in files.items()
            }
        common = self._workshop.common
        if common is not None and len(files) > ROWS_MIN:
            # A name for one build, that no row can guess: to each of them it is as if it were not there.
            name = f"swarm_{secrets.token_hex(16)}"
            libraries[name] = common
            files = {**files, LIBRARY: files[LIBRARY] + f"extern crate {name} as _;\n".encode()}
        arguments = invocation.rebuilt(
            out_dir=folder / "out",
            emit="link",
            libraries=libraries,
            search=(selector.parent,) if instrumented else (),
            extra=(*(_ABORTING if aborts else ()), *(_FOR_DEBUGGERS if for_debuggers else ())),
        )
        told = replace(invocation, environment={**invocation.environment, **(_LENIENT if aborts else {})})
        project = self._workshop.new_sources("project")
        built = await self._compile(told, arguments, files, folder, project=project)
        own = project if len(files) == 1 else None
        return Linked(built, folder / "out" / invocation.output, invocation, aborts, for_debuggers, own)

    async def _compile(
        self,
        invocation: Invocation,
        arguments: tuple[str, ...],
        files: Mapping[str, bytes],
        folder: Path,
        *,
        clippy: bool = False,
        project: Path | None = None,
    ) -> Built:
        bench = self._workshop.bench
        project = project or self._workshop.new_sources("project")
        make_overlay(bench.project, project, files)
        shared = _SHARED_MS + _PER_FILE_MS * len(files) if len(files) > 1 else None
        call = Call(invocation, arguments, project, folder / "out", clippy, shared)
        async with self._workshop.workers.session() as session:
            # Nothing but its own overlay: another row's files are nobody's to include.
            built = await compile_overlay(
                session, bench, self._workshop.toolchain, call, readable=self._workshop.compiled
            )
        if not built.ok:
            self._workshop.refuse_full_disk()
        return built


def root_of(names: Iterable[str]) -> bytes:
    """The root of a crate of rows, by the names of their modules."""
    # Public, so that a row's public items are as reachable as in a crate of its own.
    return "".join(f"pub mod {name};\n" for name in names).encode()


@functools.cache
def _catches(vendor: Path) -> bool:
    """Whether some source in a folder of crates names the function that catches panics. Reads all of it, once."""
    return any(b"catch_unwind" in path.read_bytes() for path in vendor.rglob("*.rs") if path.is_file())


@functools.cache
def _knows_options(rustc: Path) -> bool:
    """Whether a compiler has the unstable options that `_ABORTING` names: they may change with any release."""
    asked = [str(rustc), "-Z", "help"]
    done = subprocess.run(asked, capture_output=True, check=False, cwd="/", env=_LENIENT)
    return all(name in done.stdout for name in (b" panic-abort-tests=", b" function-sections=", b" allow-features="))


def _untested(tests: Invocation) -> Invocation:
    """The call that makes a program of what another makes tests of."""
    options = tuple(("--crate-type", "bin") if option == ("--test", "") else option for option in tests.options)
    return replace(tests, options=options)


def _of(invocation: Invocation, files: Mapping[str, bytes]) -> Invocation:
    """The library's call, or the same for a program."""
    if PROGRAM not in files:
        return invocation
    options = tuple(
        (name, {LIBRARY: PROGRAM}.get(value, value)) if not name else (name, "bin" if name == "--crate-type" else value)
        for name, value in invocation.options
    )
    return replace(invocation, options=options)
