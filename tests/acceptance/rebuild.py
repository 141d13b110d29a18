"""Builds and tests every accepted row of an executable category again, with plain cargo and nothing of ours.

    python -m tests.acceptance.rebuild OUT [--work DIR] [--category NAME]... [--limit N] [--jobs N]

OUT is what `swarm-node demo --out OUT` or `swarm-node shard pull` left. Each row becomes a folder of cargo projects
(`node.tasks.export`) on top of the crate as cargo has it, not as a node kept it. Then the command lines of the folder's
own README are run, word for word, in a fresh target folder, and what the README says they show is looked for in what
cargo prints: also how many tests ran, because a test that does not exist fails nobody. Folders of failed rows stay.

The rows' code is run as you, without a sandbox, as anybody would who follows the README: use it on crates you trust.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from node.cli.trust import load_trust_root
from node.crates.store import CrateStore
from node.home import NodeHome
from node.shards import data_path, shard_names
from node.shards.row import ShardRow
from node.tasks.categories import TABLE
from node.tasks.export import export_project
from node.values.crate import PreparedCrate

COMMAND_S = 300
"""For one cargo command; then the row has failed."""

_COMMAND = re.compile(r"^    (cargo .+)\n\n(.+)\.$", re.MULTILINE)
_RUNS = re.compile(r"(?:(\d+) run; )?(.+)")
_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)

_CRASH = re.compile(r"^  process didn't exit successfully: .+ \(signal: \d+", re.MULTILINE)

PASSES, FAILS, COMPILES = "every test passes", "at least one test fails or takes the run down", "it compiles"


@dataclass(frozen=True, slots=True)
class Told:
    """A command line of a row's README, and what it must show."""

    line: str
    shows: str
    runs: int | None
    """How many tests; None: any number, if at least the build succeeds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one row went."""

    row: ShardRow
    commands: int
    failure: str
    """Empty if everything showed what its README says."""


def parse_readme(text: str) -> tuple[Told, ...]:
    """The commands of a row's README with what they must show."""
    told = []
    for line, shows in _COMMAND.findall(text.partition("\n## Input\n")[0]):
        runs, what = _RUNS.fullmatch(shows).groups()
        told.append(Told(line, what, int(runs) if runs else None))
    return tuple(told)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    told: Told
    code: int
    passed: int
    failed: int
    crashed: bool


def refutation(ran: Sequence[Ran]) -> str:
    """What contradicts a README in how its commands ended; empty if nothing does."""
    failing = [one for one in ran if one.told.shows.startswith(FAILS)]
    if failing and not any(one.failed or one.crashed for one in failing):
        return f"`{failing[0].told.line}`: no test fails where one should"
    wrong = ((one, _contradiction(one)) for one in ran)
    return next((f"`{one.told.line}`: {why}" for one, why in wrong if why), "")


def _contradiction(ran: Ran) -> str:
    told = ran.told
    if not told.shows.startswith((PASSES, FAILS, COMPILES)):
        return f"the README says {told.shows!r}, which is not understood here"
    if ran.crashed and told.shows.startswith(FAILS):
        return ""
    if told.runs is not None and ran.passed + ran.failed != told.runs:
        return f"{ran.passed + ran.failed} tests ran where there should be {told.runs} (exit {ran.code})"
    if told.shows.startswith(FAILS):
        return "" if (ran.code == 0) == (ran.failed == 0) else f"exit {ran.code} with {ran.failed} tests failed"
    return "" if ran.code == 0 and not ran.failed else f"exit {ran.code}, {ran.failed} tests failed"


class Rebuilder:
    """Rows into folders, folders through cargo."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._store = CrateStore(work / "crates")
        self._crates: dict[str, tuple[dict[str, bytes], PreparedCrate]] = {}

    def bring(self, rows: Sequence[ShardRow]) -> None:
        """Have cargo bring the crates that the rows name, and check that they are the ones."""
        wanted = {(row.example.crate_name, row.example.crate_version): row.example.crate_checksum for row in rows}
        for (name, version), checksum in sorted(wanted.items()):
            source = self._store.acquire(f"{name}@{version}")
            if source.pin.checksum.hex() != checksum:
                raise SystemExit(f"{name}@{version}: the rows are of {checksum}, cargo has {source.pin.checksum.hex()}")
            files = {
                path.relative_to(source.root).as_posix(): path.read_bytes()
                for path in sorted(source.root.rglob("*"))
                if path.is_file()
            }
            self._crates[f"{name}@{version}"] = (files, self._store.prepare(source))

    def rebuild(self, row: ShardRow) -> Outcome:
        """Export one row and run what its README says."""
        example = row.example
        files, prepared = self._crates[f"{example.crate_name}@{example.crate_version}"]
        folder = self._work / "rows" / row.leaf.content.hex()[:16]
        for name, data in export_project(example, files, prepared).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        told = parse_readme((folder / "README.md").read_text())
        try:
            failure = refutation([self._run(command, folder) for command in told]) if told else "no command is told"
        except subprocess.TimeoutExpired as error:
            failure = f"`{shlex.join(error.cmd)}` did not end within {COMMAND_S} s"
        if not failure:
            shutil.rmtree(folder)
        return Outcome(row, len(told), failure and f"{failure}; see {folder}")

    @staticmethod
    def _run(command: Told, folder: Path) -> Ran:
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
        done = subprocess.run(
            shlex.split(command.line),
            cwd=folder,
            env=kept | {"CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never"},
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        with (folder / "cargo.log").open("a") as log:
            log.write(f"$ {command.line}\n{done.stdout}\n{done.stderr}\n")
        counts = _RESULT.findall(done.stdout)
        passed, failed = sum(int(count) for count, _ in counts), sum(int(count) for _, count in counts)
        return Ran(command, done.returncode, passed, failed, crashed=_CRASH.search(done.stderr) is not None)


def read_rows(out: Path) -> list[ShardRow]:
    """All rows of a folder of shards, verified from the genesis beside them."""
    verifier = load_trust_root(out / "genesis.json", NodeHome(out)).verifier()
    rows: list[ShardRow] = []
    for name in shard_names(out):
        report, found = verifier.verify(data_path(out, name).read_bytes(), name=str(name))
        if not report.holds:
            raise SystemExit(f"{name}: {report.failure}")
        rows += found
    return rows


def print_summary(outcomes: Sequence[Outcome], others: int, seconds: float) -> None:
    """A table per category in Markdown, and every failure."""
    all_rows = Counter(outcome.row.example.task_category for outcome in outcomes)
    good = Counter(outcome.row.example.task_category for outcome in outcomes if not outcome.failure)
    commands = Counter()
    for outcome in outcomes:
        commands[outcome.row.example.task_category] += outcome.commands
    print("\n| category | rows | commands | pass |\n|---|---:|---:|---:|")
    for category in TABLE:
        if all_rows[category]:
            print(f"| {category} | {all_rows[category]} | {commands[category]} | {good[category]} |")
    print(f"| all | {all_rows.total()} | {commands.total()} | {good.total()} |")
    print(f"\n{others} rows of categories with nothing to execute; {seconds:.0f} s")
    for outcome in outcomes:
        if outcome.failure:
            example = outcome.row.example
            print(f"FAILED {example.crate_name} {example.task_category} {outcome.failure}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 1 if any row failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.rebuild")
    parser.add_argument("out", type=Path)
    parser.add_argument("--work", type=Path, help="where the projects are built (default: a temporary folder)")
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--limit", type=int, help="only the first so many rows of each category")
    parser.add_argument("--jobs", type=int, default=2, help="rows built at once")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    rows = read_rows(options.out)
    wanted = [row for row in rows if TABLE[row.example.task_category].executable]
    if options.category:
        wanted = [row for row in wanted if row.example.task_category in options.category]
    if options.limit is not None:
        seen: Counter[str] = Counter()
        wanted = [row for row in wanted if _count(seen, row.example.task_category) <= options.limit]
    work = options.work or Path(tempfile.mkdtemp(prefix="swarm-rebuild-"))
    rebuilder = Rebuilder(work)
    rebuilder.bring(wanted)
    outcomes = []
    with ThreadPoolExecutor(options.jobs) as threads:
        for outcome in threads.map(rebuilder.rebuild, wanted):
            outcomes.append(outcome)
            print(f"\r{len(outcomes)}/{len(wanted)}", end="", file=sys.stderr, flush=True)
    executable = sum(TABLE[row.example.task_category].executable for row in rows)
    print_summary(outcomes, len(rows) - executable, time.monotonic() - began)
    failed = any(outcome.failure for outcome in outcomes)
    if not failed and options.work is None:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed or not outcomes else 0


def _count(seen: Counter[str], name: str) -> int:
    seen[name] += 1
    return seen[name]


if __name__ == "__main__":
    raise SystemExit(main())
