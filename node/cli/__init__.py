"""The command line: one file per command group; a command declares options, calls one function, prints.

Commands are found by name and imported when they are run, so that `--help` is quick. Errors become one line, a hint
and an exit code in one place (`failures.py`).
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from node.cli.failures import ending

COMMANDS = {
    "init": "node.cli.init:init",
    "join": "node.cli.join:join",
    "start": "node.cli.run:start",
    "stop": "node.cli.run:stop",
    "status": "node.cli.status:status",
    "doctor": "node.cli.doctor:doctor",
    "engine": "node.cli.engine:engine",
    "peers": "node.cli.status:peers",
    "identity": "node.cli.identity:identity",
    "job": "node.cli.job:job",
    "shard": "node.cli.shard:shard",
    "reputation": "node.cli.reputation:reputation",
    "check": "node.cli.check:check",
    "chain": "node.cli.chain:chain",
    "replay": "node.cli.replay:replay",
    "simulate": "node.cli.simulate:simulate",
    "bench": "node.cli.bench:bench",
    "demo": "node.demo.command:demo",
}
"""Where each command stands, in the order in which help lists them."""


class Commands(click.Group):
    """The top of the command line: finds commands by name, and ends with the documented exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes a line, a hint and an exit code."""
        with ending(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done; 1 the thing asked about does not hold; 2 usage or configuration; 3 the world is not "
    "available (no node, no registry, no disk); 130 interrupted.",
)
@click.version_option(package_name="swarm-node", message="%(package)s %(version)s")
def main() -> None:
    """Turn Rust crates into certified fine-tuning data, together with others.

    Begin with `make demo`, or: swarm-node init --data ./node1
    """
