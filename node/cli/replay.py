"""`replay`: recompute what was decided, from recorded ratings or from a node's own store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from node.cli.caller import data_option, home_of, json_option
from node.cli.files import PIPE, is_ordinary, refuse_overwriting, refuse_packed
from node.cli.output import Progress, bar, example, print_json
from node.errors import ExitCode, OperatorError

if TYPE_CHECKING:
    from node.home import NodeHome
    from node.replay import Replay
    from node.replay.stored import StoredReplay

FORMAT = """\b
A scenario file holds one JSON object per line, in protocol order:
  {"type":"scenario","id":..,"criteria":[4 names],"weights":[4, sum 1],
   "accept":0.7,"review":0.5,"committee":5,"rounds":2}
  {"type":"candidate","round":1,"id":..,"task":..,"category":..,
   "check":"pass"|"fail"|"none"}
  {"type":"rating","round":1,"candidate":..,"rater":..,"stage":1|2,
   "scores":[4 numbers in 0..1]}
  {"type":"reveal","round":1,"candidate":..,"generator":..}
  {"type":"reveal","round":1,"candidate":..,"probe":"good"|"bad"}
Stage 2 is what fresh raters say, used where the first ones leave it open.

\b
The outcome file:
  {"candidate":..,"score":0..1,"accept":bool,"state":..}
  {"node":..,"reputation":0..1,"round":1}

"""


@click.command(
    epilog=FORMAT
    + example(
        "swarm-node replay --data ./node1",
        "swarm-node replay --in scenario.jsonl --out outcome.jsonl",
    )
)
@click.option("--in", "source", type=click.Path(dir_okay=False, allow_dash=True), help="Scenario file; - for a pipe.")
@click.option("--out", "target", type=click.Path(dir_okay=False, allow_dash=True), help="Outcome file; - for a pipe.")
@data_option
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to trust: the swarm's genesis file.  [default: the data folder's]",
)
@click.option(
    "--from",
    "first",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1 << 62),
    help="First round; beyond 1, the stored state before it is trusted.",
)
@click.option("--to", "last", type=click.IntRange(1, 1 << 62), help="Last round.  [default: the last one decided]")
@json_option
def replay(
    source: str | None,
    target: str | None,
    data: Path,
    genesis: Path | None,
    first: int,
    last: int | None,
    as_json: bool,
) -> None:
    """Recompute what was decided, and by exactly the code that decides.

    Without --in: every round in a node's store, from the signed messages it rests on. Signatures, certificates,
    headers, decisions and their explanations, ledger events and states have to be what the store says; the first
    difference is named, with exit code 1. The node may be running meanwhile.

    With --in and --out: recorded rounds of ratings, whoever made them, through the aggregation and the reputation.
    """
    if (source is None) != (target is None):
        raise OperatorError("--in and --out go together", hint="Name both; - stands for a pipe.")
    if source is not None and target is not None:
        refuse_overwriting([source], [target])
        if source != PIPE and is_ordinary(source) and Path(source).exists():
            refuse_packed(Path(source))
        _replay_scenario(source, target)
        return
    found = asyncio.run(_replay_store(home_of(data), genesis, first, last))
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if found.difference is not None:
        raise OperatorError(
            f"round {found.difference.height} does not hold: {found.difference.about}",
            hint="This store was changed or damaged. Compare with another member's, and let this node follow anew.",
            exit_code=ExitCode.NOT_SO,
        )


async def _replay_store(home: NodeHome, genesis: Path | None, first: int, last: int | None) -> StoredReplay:
    from node.cli.trust import load_trust_root
    from node.config import NodeConfig, load_config
    from node.replay.stored import replay_store
    from node.store import open_store

    trust = load_trust_root(genesis, home)
    config = load_config(home.config) if home.config.is_file() else NodeConfig()
    async with await open_store(home.store, url=config.store.url or None, read_only=True) as store:
        with Progress() as progress:

            def tell(height: int, to: int) -> None:
                done, total = height - first, to - first + 1
                progress.show([f"round {height} of {to}  {bar(done, total)}"])

            return await replay_store(store, trust.genesis, trust.preset, first=first, last=last, tell=tell)


def _tell(found: StoredReplay) -> None:
    rounds = found.last - found.first + 1
    if not rounds and found.difference is None:
        click.echo("no round is decided yet: nothing to recompute")
        return
    click.echo(
        f"{rounds} rounds recomputed, {found.first} to {found.last}: {found.messages} messages, "
        f"{found.decisions} decisions, {found.events} ledger events hold"
    )
    if found.difference is not None:
        click.echo(f"round {found.difference.height}, {found.difference.about}")
        click.echo(f"  stored      {found.difference.stored}")
        click.echo(f"  recomputed  {found.difference.recomputed}")


def _replay_scenario(source: str, target: str) -> None:
    from node.replay import CandidateOutcome, Replay, outcome_line, replay_lines

    machine = Replay()
    candidates = accepted = 0
    with _opened(source, "r") as lines, _opened(target, "w") as out:
        for outcome in replay_lines(lines, machine):
            out.write(outcome_line(outcome) + "\n")
            if isinstance(outcome, CandidateOutcome):
                candidates += 1
                accepted += outcome.accepted
    click.echo(f"{candidates} candidates, {accepted} accepted{_ignored(machine)}", err=True)


def _ignored(machine: Replay) -> str:
    """What had no effect, as a network would have ignored it."""
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(machine.ignored.items()))
    return f"; ignored: {listed}" if listed else ""


@contextmanager
def _opened(path: str, mode: str) -> Iterator[TextIO]:
    """A file, or the pipe that - stands for.

    Raises:
        OperatorError: It cannot be opened, or is no text.
    """
    try:
        with click.open_file(path, mode, encoding="utf-8") as file:
            yield file  # type: ignore[misc]  # text, by its mode
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}", hint="Name a file that can be opened.") from error
    except UnicodeDecodeError as error:
        if mode == "w":
            raise  # It is about the file that is read.
        raise OperatorError(f"{path} is not UTF-8 text: {error}", hint="Give JSON lines in UTF-8.") from error
