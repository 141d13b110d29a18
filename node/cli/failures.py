"""How commands end: one line, a hint, an exit code. The only place that turns errors into exits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from node.errors import ExitCode, NodeError, OperatorError, PeerFaultError, TransientError

INTERRUPTED = 130
"""What shells expect of a command ended by Ctrl-C."""


@contextlib.contextmanager
def ending(ctx: click.Context) -> Iterator[None]:
    """End the command as its error says. What is no error of ours passes: a traceback is what a bug deserves."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        ctx.exit(INTERRUPTED)
    except NodeError as error:
        ctx.exit(report(error))
    except BaseExceptionGroup as group:
        ours = _only_error(group)
        if ours is None:
            raise
        ctx.exit(report(ours))


def report(error: NodeError) -> int:
    """Print an error for a person and return its exit code."""
    click.echo(f"error: {error}", err=True)
    hint, code = _turn(error)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return int(code)


def _turn(error: NodeError) -> tuple[str, ExitCode]:
    if isinstance(error, OperatorError):
        return error.hint, error.exit_code
    if isinstance(error, TransientError):
        return f"Waits for {error.waits_for}; try again.", ExitCode.UNAVAILABLE
    if _is_accusation(error):
        return "The node refused what this command sent. Do both run the same version?", ExitCode.USAGE
    if isinstance(error, PeerFaultError):
        return f"The other side broke a rule ({error.rule}); ask another node.", ExitCode.NOT_SO
    return "", ExitCode.NOT_SO


def _is_accusation(error: NodeError) -> bool:
    from node.rpc.failures import AccusedError

    return isinstance(error, AccusedError)


def _only_error(group: BaseExceptionGroup) -> NodeError | None:
    """The first error of ours in a task group's failure, if all of them are ours."""
    found: list[NodeError] = []
    for error in group.exceptions:
        inner = _only_error(error) if isinstance(error, BaseExceptionGroup) else error
        if not isinstance(inner, NodeError):
            return None
        found.append(inner)
    return found[0]
