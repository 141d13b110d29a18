"""What the three kinds of engine have in common below `TextModel`: one attempt at one completion.

A backend knows nothing of deadlines, retries or other requests; being cancelled has to stop the work it ordered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from node.engines.interface import Finish, Message, Token, Usage


@dataclass(frozen=True, slots=True)
class Call:
    """One completion, every setting spelt out."""

    messages: tuple[Message, ...]
    temperature: float
    top_p: float
    max_tokens: int
    seed: int | None
    """0 to 2^31 - 1, the range that every server takes; None: none is sent."""
    schema: str | None = None
    choices: tuple[str, ...] = ()
    """The answer is restricted to these."""
    stop: tuple[str, ...] = ()
    logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What came of it."""

    text: str
    finish: Finish
    usage: Usage
    model: str
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a server offers."""

    model: str
    context_tokens: int | None


class Backend(Protocol):
    """One attempt. Everything that goes wrong is an `AttemptError`."""

    async def models(self) -> tuple[Served, ...]:
        """What is served."""
        ...

    async def complete(self, call: Call) -> Completion:
        """A whole answer."""
        ...

    def stream(self, call: Call) -> AsyncGenerator[str | Completion, None]:
        """Its pieces, then the whole; the whole has no `tokens`."""
        ...

    async def count_tokens(self, text: str) -> int:
        """Exact length in tokens; `AttemptError` where the server has no way to tell."""
        ...

    async def ping(self) -> None:
        """Return if the engine is alive; bounded by the caller."""
        ...

    async def close(self) -> None:
        """Free connections and processes. Idempotent."""
        ...
