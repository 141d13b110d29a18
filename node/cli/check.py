"""`check`: rows of Rust in, verdicts out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import click

from node.cli.files import PIPE, is_ordinary, refuse_overwriting, refuse_packed
from node.cli.output import Progress, bar, duration, example, say
from node.errors import ExitCode, OperatorError
from node.locks import HeldError, take

if TYPE_CHECKING:
    from node.checking import Settings, Tally
    from node.checking.packages import Packages
    from node.checks import CheckEngine

FORMAT = """\b
A row is a JSON object on a line of its own:
  {"id":.., "code":.., "context"?, "tests"?, "crate"?, "version"?,
   "crate_features"?, "edition"?, "category"?}
What is compiled is a package whose only source is context, code and tests,
one below the other, with `crate` as its one dependency. Tests are modules,
functions or statements; other keys are left alone.

\b
A verdict, in the order of the rows:
  {"id":.., "verdict":"pass"|"fail"|"error", "parsed", "formatted",
   "compiled", "clippy_clean", "clippy", "warnings", "tests_run",
   "tests_passed", "tests_failed", "tests":{"passed","ignored"}, "vacuous",
   "stub_killed", "mutants":{"made","killed"}, "error_codes",
   "error_classes", "unsafe", "copied", "like", "held_out", "reasons",
   "seconds", "wall_seconds", "alone", "rustc", "sandbox"}
`pass`: it compiles and, where it has tests, at least one ran, all passed,
and they fail once the code's functions panic. `error`: it was not tried.
`seconds` are of processor time, `wall_seconds` those of its batch by the
clock. What a component that is not installed would say is null.

"""

_TICK_S = 1.0
"""Between two looks at how far a run is, while nothing is settled."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@click.command(
    epilog=FORMAT
    + example(
        "swarm-node check --in rows.jsonl --out verdicts.jsonl",
        "swarm-node check --in rows.jsonl --only row-17 --export ./projects",
    )
)
@click.option(
    "--in", "source", required=True, type=click.Path(dir_okay=False, allow_dash=True), help="Rows; - for a pipe."
)
@click.option(
    "--out",
    "target",
    default="-",
    show_default=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Verdicts; - for standard output.",
)
@click.option(
    "--engine",
    type=click.Choice(["batch", "cargo"]),
    default="batch",
    show_default=True,
    help="`cargo` settles every row by a cargo project of its own: the reference, and some twenty times slower.",
)
@click.option("--cores", type=click.IntRange(1, 256), help="Compilers and tests at once.  [default: all]")
@click.option(
    "--batch", default=200, show_default=True, type=click.IntRange(1, 1000), help="Rows compiled together, at most."
)
@click.option(
    "--mutants",
    default=4,
    show_default=True,
    type=click.IntRange(0, 50),
    help="Small changes of each row's code that its tests are tried on, at some 10 ms each.",
)
@click.option(
    "--likeness/--no-likeness",
    default=True,
    show_default=True,
    help="Name what rows repeat: their crate's source, rows before them, held-out rows.",
)
@click.option(
    "--held-out",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Rows that none should repeat, e.g. of a benchmark.",
)
@click.option(
    "--confirm/--no-confirm",
    default=True,
    show_default=True,
    help="Settle alone what failed beside others: exact error codes, at some 100 ms a row.",
)
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "strict", "standard", "container", "none"]),
    default="auto",
    show_default=True,
    help="`none` runs the rows' code unconfined, and every verdict says so.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SWARM_NODE_CACHE",
    help="Where built dependencies are kept.  [default: the user's cache folder]",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write rows as cargo projects into this folder instead of checking them.",
)
@click.option("--only", multiple=True, help="With --export: the row of this id; may be repeated.")
def check(
    source: str,
    target: str,
    engine: str,
    cores: int | None,
    batch: int,
    mutants: int,
    likeness: bool,
    held_out: Path | None,
    confirm: bool,
    sandbox: str,
    cache: Path | None,
    export: Path | None,
    only: tuple[str, ...],
) -> None:
    """Verify rows of Rust by executing them: compiler, clippy, rustfmt and tests, in a sandbox.

    Rows may come in any order and any number: those of one crate are compiled together, verdicts are written in the
    order of the rows, memory stays bounded. A run that was stopped goes on where it was when it is started again.
    Exit code 0 when every row has its verdict, whichever it is.
    """
    from node.checking import Settings
    from node.checks.rows import RowOptions

    if only and export is None:
        raise OperatorError("--only goes with --export", hint="Name a folder with --export.")
    if export is not None and target != PIPE:
        raise OperatorError("--export writes projects, no verdicts", hint="Leave out --out, or --export.")
    folder = cache_folder(cache)
    with _rows(source) as rows, _journal(target) as journal:
        if export is not None:
            with _failing_files(str(export)):
                asyncio.run(_export(rows, folder, export, only))
            return
        refuse_overwriting([source, *([] if held_out is None else [held_out])], [target, journal])
        settings = Settings(RowOptions(confirm, mutants), batch, cores or os.cpu_count() or 1, likeness, held_out)
        with _failing_files(target), _alone(journal), _stopping(target):
            asyncio.run(_check(rows, target, journal, folder, sandbox, settings, use_cargo=engine == "cargo"))


async def _export(rows: Path, folder: Path, export: Path, only: tuple[str, ...]) -> None:
    from node.checking.exporting import export_rows
    from node.checking.packages import Packages

    done = await export_rows(Packages(folder), rows, export, frozenset(only))
    for words, count in done.lacking.items():
        say(f"left out ({count}): {words}")
    say(f"projects in {export}: {done.written}; try one with `cargo clippy` and `cargo test`")


async def _check(
    rows: Path, target: str, journal: Path, folder: Path, sandbox: str, settings: Settings, *, use_cargo: bool
) -> None:
    from node.checking.packages import Packages
    from node.checks import CheckSettings, Level, ToolchainError, UncheckedError, open_engine

    level = None if sandbox == "auto" else Level(sandbox)
    wanted = CheckSettings(folder / "checks", cores=settings.cores, level=level, use_cargo=use_cargo)
    try:
        engine = await open_engine(wanted)
    except (ToolchainError, UncheckedError) as error:
        _refuse(rows, target, str(error))
        raise
    try:
        for line in lacking(engine.toolchain.lacking):
            say(line)
        say(f"rustc {engine.toolchain.release}, sandbox {engine.level.value}, {settings.cores} cores")
        if use_cargo:
            say("every row by a cargo project of its own; what mutants show is left out")
        with _target(target) as out:
            await _run(engine, Packages(folder), rows, out, journal, settings)
    finally:
        await engine.close()


def _refuse(rows: Path, target: str, reason: str) -> None:
    """Answer every row where none can be tried. What an earlier run settled stays in its journal."""
    from node.checking import refuse_all

    count = 0
    with _target(target) as out:
        for line in refuse_all(rows, reason):
            out.write(line + b"\n")
            count += 1
        out.flush()
    say(f"{count} rows: {count} error")


def lacking(components: Sequence[str]) -> list[str]:
    """What verdicts will not say for want of components of the toolchain, in lines."""
    lost = {"clippy": "clippy_clean is null", "rustfmt": "formatted is null, and parsed of what does not compile"}
    return [f"{name} is not installed: {lost[name]}; run: rustup component add {name}" for name in components]


async def _run(
    engine: CheckEngine, packages: Packages, rows: Path, out: BinaryIO, journal: Path, settings: Settings
) -> None:
    from node.checking import CheckRun

    began = settling = time.monotonic()
    with Progress() as progress:

        def show(tally: Tally) -> None:
            progress.show([_progress(tally, time.monotonic() - settling)])

        def watch(tally: Tally) -> None:
            nonlocal settling
            if not tally.total:
                settling = time.monotonic()
            elif tally.begun_anew and not tally.done:
                progress.say(
                    "the journal is of another toolchain, sandbox or set of options: all rows are settled anew"
                )
            show(tally)

        run = CheckRun(engine, packages, settings, watch)
        ticking = asyncio.create_task(_tick(lambda: show(run.tally)))
        try:
            tally = await run.run(rows, out, journal)
        finally:
            ticking.cancel()
    for line in summary(tally, time.monotonic() - began):
        say(line)


async def _tick(show: Callable[[], None]) -> None:
    """Building a crate, or a batch that time-outs split, may take a minute: the clock goes on."""
    while True:
        await asyncio.sleep(_TICK_S)
        show()


def summary(tally: Tally, seconds: float) -> list[str]:
    """How a run ended, in lines."""
    if not tally.done:
        return ["no rows"]
    states = ", ".join(f"{tally.states[name]} {name}" for name in ("pass", "fail", "error") if tally.states[name])
    fresh = tally.done - tally.found
    known = f", {tally.found} settled by an earlier run" if tally.found else ""
    lines = [f"{tally.done} rows: {states or 'none new'}{known}"]
    if tally.unlike:
        lines.append(
            f"likeness: the last {tally.unlike} rows are more than are remembered; "
            "of what repeats these, only exact copies are named"
        )
    if tally.looked_again:
        lines.append(
            f"second looks: {tally.looked_again} rows were settled once more, alone; {tally.disagreed} differed"
        )
    if fresh:
        lines.append(f"{duration(seconds)}, {fresh / max(seconds, 1e-3):.1f} rows/s{_cost(tally)}")
    return lines


def _cost(tally: Tally) -> str:
    """Rows that were not tried cost nothing, and say nothing about what others do."""
    tried = tally.states["pass"] + tally.states["fail"]
    return f", {tally.cpu_ms / tried:.1f} CPU ms a row that was tried" if tried else ""


def _progress(tally: Tally, seconds: float) -> str:
    if not tally.total:
        return f"{tally.read} rows read"
    fresh = tally.done - tally.found
    rate = fresh / seconds if seconds > 0 else 0.0
    left = f", {duration((tally.total - tally.done) / rate)} to go" if rate > 0 and tally.done < tally.total else ""
    return f"{tally.done} of {tally.total} rows  {bar(tally.done, tally.total)}  {rate:.1f}/s{left}"


def cache_folder(cache: Path | None) -> Path:
    """Where built dependencies are kept: as asked for, or in the user's cache folder."""
    if cache is not None:
        return cache.absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "swarm-node"


@contextlib.contextmanager
def _rows(source: str) -> Iterator[Path]:
    """The rows as a file that can be read more than once; what comes through a pipe is put into one."""
    path = Path(source)
    if source != PIPE and (path.is_dir() or not path.exists()):
        raise OperatorError(f"{source} is not there, or no file", hint="Name a file of JSON lines with --in.")
    if source != PIPE and path.is_file():
        refuse_packed(path)
        yield path.absolute()
        return
    with tempfile.NamedTemporaryFile(prefix="swarm-node-rows-") as file:
        with contextlib.nullcontext(sys.stdin.buffer) if source == PIPE else path.open("rb") as pipe:
            _keep_rows(pipe, file)
        yield Path(file.name)


def _keep_rows(pipe: BinaryIO, file: IO[bytes]) -> None:
    try:
        shutil.copyfileobj(pipe, file)
        file.flush()
    except OSError as error:
        raise OperatorError(
            f"the rows cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}",
            hint="Name a folder with room for all of them in TMPDIR, or put them into a file yourself.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error


@contextlib.contextmanager
def _journal(target: str) -> Iterator[Path]:
    """Beside the output; what goes into a pipe or a device is not found again, so its journal goes with the run."""
    if target == PIPE or not is_ordinary(target):
        with tempfile.TemporaryDirectory(prefix="swarm-node-check-") as folder:
            yield Path(folder) / "journal"
        return
    path = Path(target).absolute()
    if not path.parent.is_dir():
        raise OperatorError(f"{path.parent} is not there, or no folder", hint="Name a file in a folder with --out.")
    yield path.with_name(path.name + ".journal")


@contextlib.contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Hold a journal for one run: two would write into each other's verdicts."""
    with journal.open("ab+") as file:
        try:
            take(file.fileno())
        except HeldError:
            raise OperatorError(
                f"another run is writing {journal}", hint="Let it come to its end, or stop it; or name another --out."
            ) from None
        try:
            yield
        finally:
            if not os.fstat(file.fileno()).st_size:
                journal.unlink(missing_ok=True)  # nothing was begun


def _target(target: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """Where verdicts go; what stood there is gone, so this comes last."""
    return contextlib.nullcontext(sys.stdout.buffer) if target == PIPE else Path(target).open("wb")


@contextlib.contextmanager
def _stopping(target: str) -> Iterator[None]:
    """Who stops a run is told what becomes of what it has done."""
    try:
        yield
    except KeyboardInterrupt:
        if target != PIPE and is_ordinary(target):
            say("what is settled is kept: the same command goes on from here")
        raise


@contextlib.contextmanager
def _failing_files(target: str) -> Iterator[None]:
    """A file that cannot be written is its owner's turn."""
    try:
        yield
    except BrokenPipeError:
        raise OperatorError(
            "nobody reads the verdicts any more",
            hint="Name a file with --out: a run into a file goes on where it was stopped.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from None
    except OSError as error:
        room = "Make room, and run the same command again."
        if target != PIPE and is_ordinary(target):
            room = "Verdicts so far are in the journal beside it: make room, and run the same command again."
        written = "standard output" if target == PIPE else target
        raise OperatorError(
            f"{error.filename or written}: {error.strerror or error}",
            hint=room if error.errno in _NO_ROOM else "Name files and folders that can be written.",
            exit_code=ExitCode.UNAVAILABLE if error.errno in _NO_ROOM else ExitCode.USAGE,
        ) from error
