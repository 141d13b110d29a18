"""`engine`: does the language model behind this node work, and what is to be changed where it does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.caller import data_option, home_of, json_option
from node.cli.output import example, print_json, print_table, say
from node.errors import ExitCode, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.config import EngineSection
    from node.engines.examination import EngineReport
    from node.engines.interface import TextModel
    from node.findings import Finding


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name an engine; what is not given comes from the node's settings."""
    for option in reversed(
        (
            click.option("--engine", "kind", help="openai, vllm or vllm-managed."),
            click.option("--url", help="The server's address, e.g. http://127.0.0.1:8000/v1."),
            click.option("--model", help="As the server names it, or a folder of weights."),
            click.option("--key-file", help="File whose first line is the server's key."),
            click.option("--context-tokens", type=click.IntRange(0, 1 << 22), help="Bound for the context."),
        )
    ):
        command = option(command)
    return command


@click.group()
def engine() -> None:
    """Examine the language model that generates and judges."""


@engine.command(
    epilog=example(
        "swarm-node engine test --engine openai --url http://127.0.0.1:8000/v1",
        "swarm-node engine test --engine vllm-managed --model ./Qwen3-8B --json",
        "swarm-node engine test --data ./node1",
    )
)
@engine_options
@data_option
@json_option
def test(data: Path, *, as_json: bool, **options: Any) -> None:
    """Test an engine: capabilities, speed at 1, 8 and 32 streams, obedience to schemas, and the judge.

    Opens the engine as a node would. Exit code 1 when something is wrong; notes do not count.
    """
    section = section_of(data, options)
    say(f"opening {section.kind}, {section.url or section.model}")
    report = asyncio.run(_examine(section))
    if as_json:
        print_json(report)
    else:
        _print(report)
    wrong = [item.subject for item in report.findings if item.grade.value == "wrong"]
    if wrong:
        raise OperatorError(
            f"this engine is not fit for a node: {', '.join(wrong)}",
            hint="Do what is said below each, then test it again.",
            exit_code=ExitCode.NOT_SO,
        )


def section_of(data: Path, options: dict[str, Any]) -> EngineSection:
    """The engine that is meant: of the node's settings, with the options in their place.

    Raises:
        OperatorError: None is named.
    """
    from node.config import EngineSection, check_engine, load_config

    config = home_of(data).config
    section = load_config(config).engine if config.is_file() else EngineSection()
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("kind", section.kind) != section.kind:
        section = EngineSection()  # another kind's address and model would only mislead
    section = replace(section, **given)
    if section.kind == "source":
        raise OperatorError(
            "no language model is named: the source engine has none to test",
            hint="swarm-node engine test --engine openai --url http://127.0.0.1:8000/v1",
        )
    check_engine(section, "the options")
    return section


async def _examine(section: EngineSection) -> EngineReport:
    from node.engines.examination import examine_engine
    from node.engines.opening import open_model

    model = await open_model(section)
    try:
        say(f"{model.info.model} answers; measuring")
        return await examine_engine(model, extra=[_examine_judge])
    finally:
        await model.close()


async def _examine_judge(model: TextModel) -> list[Finding]:
    """How far this model tells right from wrong on the built-in labels."""
    from node.findings import Finding, Grade
    from node.judge.probe import probe_judge

    found = await probe_judge(model)
    text = "; ".join(line.strip() for line in found.lines())
    if found.is_useful:
        return [
            Finding("judge", Grade.GOOD, text, 'Calibrate it: swarm-node engine calibrate --crates "strsim semver".')
        ]
    return [Finding("judge", Grade.NOTE, text, "Generate with this model, and let the checks alone rate.")]


@engine.command(
    epilog=example(
        'swarm-node engine calibrate --crates "strsim semver heck"',
        'swarm-node engine calibrate --crates "strsim semver" --engine openai --url http://127.0.0.1:8000/v1',
    )
)
@engine_options
@click.option("--crates", required=True, help="Crates to take labels from, with or without versions.")
@click.option("--numbers", type=click.IntRange(1, 50), default=8, show_default=True, help="Per crate and category.")
@data_option
def calibrate(data: Path, *, crates: str, numbers: int, **options: Any) -> None:
    """Learn what a model's scores mean, on crates whose right and wrong answers are known by execution.

    Until this is done for a node's model, its ratings are those of the checks alone. Labels cost compile time, some
    minutes per crate; the model is asked four one-token questions per label. A running node reads the result when it is
    started again.
    """
    section = section_of(data, options)
    for line in asyncio.run(_calibrate(data, section, crates.replace(",", " ").split(), numbers)):
        click.echo(line)


async def _calibrate(data: Path, section: EngineSection, names: list[str], numbers: int) -> tuple[str, ...]:
    from node.config import NodeConfig, load_config
    from node.crates.store import CrateStore
    from node.engines.opening import open_model
    from node.workshop.calibrating import calibrate_on_crates
    from node.workshop.labelling import report_lines

    home = home_of(data)
    config = load_config(home.config) if home.config.is_file() else NodeConfig()
    home.root.mkdir(parents=True, exist_ok=True)
    store, bench = CrateStore(home.crates_of(config)), home.bench_of(config)
    model = await open_model(section)
    try:
        pins = [(await asyncio.to_thread(store.acquire, name)).pin for name in names]
        entries = await calibrate_on_crates(
            model, pins, store=store, bench=bench, numbers=numbers, file=home.judge, say=say
        )
    finally:
        await model.close()
    return report_lines(entries)


def _print(report: EngineReport) -> None:
    info = report.info
    click.echo(f"{info.model} at {info.endpoint} ({info.backend})\n")
    head = ("streams", "tokens/s", "answers", "tokens", "seconds")
    rows = [
        (item.streams, round(item.tokens_per_s), item.answers, item.tokens, round(item.seconds, 2))
        for item in report.speeds
    ]
    print_table(head, rows)
    click.echo()
    marks = {"good": "ok", "note": "note", "wrong": "NOT OK"}
    for item in report.findings:
        click.echo(f"{marks[item.grade.value]:<6}  {item.subject:<10} {item.text}")
        if item.hint:
            click.echo(f"{'':<19}fix: {item.hint}")
