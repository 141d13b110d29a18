"""`doctor`: what this machine and data folder lack, and what to run about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from node.cli.caller import data_option, home_of, json_option, passphrase_option, read_passphrase
from node.cli.output import example, print_json
from node.errors import ExitCode, OperatorError


@click.command(epilog=example("swarm-node doctor --data ./node1", "swarm-node doctor --offline --json"))
@data_option
@passphrase_option
@click.option("--offline", is_flag=True, help="Leave the crate registry out.")
@json_option
def doctor(data: Path, passphrase_file: Path | None, offline: bool, as_json: bool) -> None:
    """Examine toolchain, sandbox, data folder, identity, ports, disk, clock and crate registry.

    The sandbox is attacked with a program of ours, as at every start of a node. Exit code 1 when something is wrong;
    notes do not count.
    """
    from node.cli.examination import examine_all
    from node.findings import Grade

    findings = asyncio.run(examine_all(home_of(data), read_passphrase(passphrase_file), offline=offline))
    if as_json:
        print_json(findings)
    else:
        marks = {Grade.GOOD: "ok  ", Grade.NOTE: "note", Grade.WRONG: "NOT OK"}
        for item in findings:
            click.echo(f"{marks[item.grade]:<6}  {item.subject:<10} {item.text}")
            if item.hint:
                click.echo(f"{'':<19}{'run: ' if item.is_command else ''}{item.hint}")
    wrong = [item.subject for item in findings if item.grade is Grade.WRONG]
    if wrong:
        raise OperatorError(
            f"{len(wrong)} of {len(findings)} are not as a node needs them: {', '.join(wrong)}",
            hint="Do what is said below each, then run `swarm-node doctor` again.",
            exit_code=ExitCode.NOT_SO,
        )
