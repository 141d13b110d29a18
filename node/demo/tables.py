"""How the demo went, for people: counted from the verified rows and from what a node tells of job and members."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from consensus.types import NodeId
from node.cli.output import duration, print_table
from node.demo.show import Order, Played, Stopwatch
from node.identity import peer_id
from node.shards.card import verdict_answers
from node.shards.row import ShardRow
from node.values.views import ReputationView

SAMPLES = 3
SAMPLE_LINES = 6
LINE_WIDTH = 100
STEPS_SHOWN = 8


def print_played(played: Played, order: Order, watch: Stopwatch) -> None:
    """Everything, in the order in which somebody new asks."""
    _print_rows(played)
    _print_states(played)
    _print_members(played)
    _print_explanation(played)
    _print_samples(played.rows)
    _print_times(watch)
    _print_next(order, played)


def _print_rows(played: Played) -> None:
    names = [label.partition("@")[0] for label in played.crates]
    click.echo("\nAccepted rows, with what the executed checks say of them\n")
    lines = [_row_line(category, names, played.rows) for category in dict.fromkeys(_categories(played))]
    total = _line("all", names, played.rows)
    print_table(("category", *names, "rows", "compiled", "tests passed", "mutant killed", "score"), [*lines, total])
    filled = len({row.example.task_category for row in played.rows})
    click.echo(f"\n{len(played.rows)} rows in {filled} categories, verified against the swarm's genesis")
    for text in played.refused:
        click.echo(f"REFUSED {text}")


def _categories(played: Played) -> list[str]:
    return [task.category for task in played.view.tasks]


def _row_line(category: str, names: Sequence[str], rows: Sequence[ShardRow]) -> tuple[object, ...]:
    return _line(category, names, [row for row in rows if row.example.task_category == category])


def _line(title: str, names: Sequence[str], rows: Sequence[ShardRow]) -> tuple[object, ...]:
    verdicts = [verdict_answers(row.example.check_report) for row in rows]
    questions = ("compiled", "tests ran and all passed", "a mutant was killed")
    shares = [_share([verdict[question] for verdict in verdicts]) for question in questions]
    score = f"{sum(row.leaf.score_bp for row in rows) / len(rows) / 10_000:.2f}" if rows else "-"
    counts = [sum(row.example.crate_name == name for row in rows) for name in names]
    return (title, *counts, len(rows), *shares, score)


def _share(answers: Sequence[str]) -> str:
    """`7/8` of those that were asked; `-` where nothing was."""
    asked = [answer for answer in answers if answer != "not checked"]
    return f"{asked.count('yes')}/{len(asked)}" if asked else "-"


def _print_states(played: Played) -> None:
    click.echo("\nWhat became of every candidate\n")
    counts = sorted(((item.state, item.count) for item in played.view.states if item.count), key=lambda item: -item[1])
    print_table(("state", "candidates"), counts)
    unfilled = [task for task in played.view.tasks if not task.accepted]
    if unfilled:
        click.echo("\nTasks without a row, and why\n")
        print_table(("crate", "category", "why"), [(task.crate, task.category, task.note[:80]) for task in unfilled])


def _print_members(played: Played) -> None:
    click.echo("\nWhat the swarm has learned of its raters\n")
    before = {member.node: member for member in played.before}
    rows = [
        (
            peer_id(member.node)[-8:],
            "lies" if member.node == played.liar else "",
            _change(before[member.node].reputation_bp, member.reputation_bp),
            f"{before[member.node].weight} -> {member.coming_weight}",
            f"{member.discrimination_bp / 10_000:.2f}",
            f"{member.accuracy_bp / 10_000:.2f}",
        )
        for member in sorted(played.after, key=lambda member: -member.reputation_bp)
    ]
    print_table(("node", "", "reputation", "weight", "discrimination", "accuracy"), rows)
    click.echo(f"\n{verdict_on_liar(played.after, played.liar)}")


def verdict_on_liar(members: Sequence[ReputationView], liar: NodeId | None) -> str:
    """Whether the liar stands out, in a sentence."""
    if liar is None:
        return "Nobody lied in this run."
    honest = [member.reputation_bp for member in members if member.node != liar]
    lying = next(member for member in members if member.node == liar)
    share = lying.coming_weight / max(1, sum(member.coming_weight for member in members))
    told = f"{peer_id(liar)[-8:]} turned its scores upside down: it has {share:.0%} of the coming votes"
    if lying.reputation_bp < min(honest):
        return f"{told} and the lowest reputation, {lying.reputation_bp / 10_000:.3f}. It was found out."
    return f"{told} and has NOT been found out yet: its reputation is {lying.reputation_bp / 10_000:.3f}."


def _change(before_bp: int, after_bp: int) -> str:
    return f"{before_bp / 10_000:.3f} -> {after_bp / 10_000:.3f}"


def _print_explanation(played: Played) -> None:
    if played.explained is None:
        return
    click.echo(f"\nWhy was row {played.explained.subject[:16]} accepted? (swarm-node job explain)\n")
    click.echo(f"  {played.explained.answer}")
    for step in played.explained.steps[:STEPS_SHOWN]:
        click.echo(f"  {step.rule:<4} {step.text}"[: LINE_WIDTH + 40])


def _print_samples(rows: Sequence[ShardRow]) -> None:
    """Rows of different categories, shortened."""
    by_category = {row.example.task_category: row for row in sorted(rows, key=lambda row: row.leaf.score_bp)}
    for row in list(by_category.values())[-SAMPLES:]:
        example = row.example
        score = row.leaf.score_bp / 10_000
        click.echo(f"\n{example.task_category} of {example.crate_name} {example.crate_version}, score {score:.2f}")
        for title, text in (("input", example.input_data), ("output", example.output_data)):
            _print_fields(title, text)


def _print_fields(title: str, text: str) -> None:
    for name, value in json.loads(text).items():
        lines = (value if isinstance(value, str) else json.dumps(value)).splitlines() or [""]
        shown = [line[:LINE_WIDTH] for line in lines[:SAMPLE_LINES]]
        more = f"  ... {len(lines) - SAMPLE_LINES} more lines" if len(lines) > SAMPLE_LINES else ""
        click.echo(f"  {title}.{name}: {shown[0]}")
        for line in [*shown[1:], *([more] if more else [])]:
            click.echo(f"    | {line}")


def _print_times(watch: Stopwatch) -> None:
    total = sum(seconds for _, seconds in watch.steps)
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in watch.steps)
    click.echo(f"\nTook {duration(total)}: {steps}")
    click.echo(f"CPU time: {watch.nodes_cpu_s:.0f} s in the nodes, {watch.checks_cpu_s:.0f} s in compilers and tests")


def _print_next(order: Order, played: Played) -> None:
    out = order.out
    lines = [
        ("verify again, offline", f"swarm-node shard verify {out} --genesis {out / 'genesis.json'}"),
        ("load with pandas", f'python -c "import pandas; print(pandas.read_parquet({str(out / "data")!r}))"'),
        ("load with datasets", f'python -c "from datasets import load_dataset; print(load_dataset({str(out)!r}))"'),
    ]
    lines += _next_with_nodes(order.keep, played)
    click.echo("\nTry next\n")
    for title, command in lines:
        click.echo(f"  {title + ':':<24}{command}")


def _next_with_nodes(keep: Path | None, played: Played) -> list[tuple[str, str]]:
    if keep is None:
        return [("keep the nodes' folders", "swarm-node demo --keep ./demo-nodes")]
    job = played.view.job.hex()[:16]
    return [
        ("start a node again", f"swarm-node start --data {keep / 'node1'}"),
        ("then ask it why", f"swarm-node job explain {job} --data {keep / 'node1'}"),
    ]
