"""Errors that say whose turn it is.

- `PeerFaultError`: somebody else broke a rule. Drop what they sent, score them, keep the proof. Never our user's turn.
- `OperatorError`: our user must act. Carries a hint that the command line prints and the exit code it ends with.
- `TransientError`: the world is not available just now. Try again, within a bound, and say what is waited for.

A bug of ours is an assertion. What comes from outside is never checked with `assert`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    NOT_SO = 1
    """The thing asked about does not hold: a shard that does not verify, a job that ended without rows."""
    USAGE = 2
    """Usage or configuration: the same command will fail again until the user changes something."""
    UNAVAILABLE = 3
    """The world is not available: no node listening, no peers, no cargo registry."""


class NodeError(Exception):
    """Base of the three; never raised itself."""


class PeerFaultError(NodeError):
    """A peer broke a rule.

    Attributes:
        rule: Short machine-readable name of what was broken, e.g. `"bad-signature"`; a metric label.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class OperatorError(NodeError):
    """Our user must act.

    Attributes:
        hint: What to do, as a sentence or a command line.
        exit_code: What the command line ends with.
    """

    def __init__(self, message: str, *, hint: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code


class TransientError(NodeError):
    """Not possible now, perhaps later.

    Attributes:
        waits_for: Name of what is missing, as `status` shows it.
    """

    def __init__(self, message: str, *, waits_for: str) -> None:
        super().__init__(message)
        self.waits_for = waits_for
