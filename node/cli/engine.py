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
    from node.engines.examination import EngineReport, Finding
    from node.engines.interface import TextModel


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
    from node.engines.examination import Finding, Grade
    from node.judge.probe import probe_judge

    found = await probe_judge(model)
    text = "; ".join(line.strip() for line in found.lines())
    if found.is_useful:
        return [Finding("judge", Grade.GOOD, text, "Calibrate it on real crates: see docs/engines.md.")]
    return [Finding("judge", Grade.NOTE, text, "Generate with this model, and let the checks alone rate.")]


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
        if item.fix:
            click.echo(f"{'':<19}fix: {item.fix}")
