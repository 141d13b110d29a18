"""How one attempt at an engine fails, before it is decided whether to try again."""

from __future__ import annotations

from dataclasses import dataclass

from node.engines.interface import Failure, ModelError, ModelRefusedError, ModelUnavailableError

REASON_CHARS_MAX = 300

FINAL = frozenset({Failure.TOO_LONG, Failure.REFUSED, Failure.UNAUTHORISED, Failure.MODEL_MISSING, Failure.CLOSED})
"""The same request would end the same way: never tried again."""

HINTS = {
    Failure.TOO_LONG: "Shorten the prompt or lower the job's max_tokens; or serve the model with a longer context.",
    Failure.REFUSED: "Run `swarm-node engine test` to see what this server accepts.",
    Failure.UNAUTHORISED: "Put the server's key into the environment variable or file that [engine] names.",
    Failure.MODEL_MISSING: "Set `engine.model` to one that the server serves; `swarm-node engine test` lists them.",
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a failed attempt beside its kind."""

    retry_after_s: float = 0.0
    """The server's wish, bounded."""
    counts: bool = True
    """Whether it may be the request's own fault, so that it counts against it. A connection that was never made or a
    gateway's refusal does not."""
    sick: bool = True
    """Whether it says that the server is broken (for the breaker), not merely busy or strict."""
    busy: bool = False
    """Whether it says that the server has too much to do (for the limiter)."""
    status: int = 0
    """Of the HTTP answer; 0 where none came."""
    repeatable: bool = True
    """Whether another attempt may be made: not when a part of the answer was handed out."""


class AttemptError(Exception):
    """One attempt failed.

    Attributes:
        failure: What it would be if it were the last one.
        circumstances: For limiter, breaker and the decision to try again.
    """

    def __init__(self, failure: Failure, reason: str, circumstances: Circumstances | None = None) -> None:
        super().__init__(clean(reason))
        self.failure = failure
        self.circumstances = circumstances or Circumstances(sick=failure not in FINAL)


def clean(text: str) -> str:
    """A server's words on one line, bounded, without control characters: they go to logs and terminals."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * REASON_CHARS_MAX]).split())
    return line if len(line) <= REASON_CHARS_MAX else line[: REASON_CHARS_MAX - 1] + "…"


def final_error(failure: Failure, message: str) -> ModelError:
    """The error that a caller gets."""
    if failure in HINTS:
        return ModelRefusedError(failure, message, hint=HINTS[failure])
    return ModelUnavailableError(failure, message)
