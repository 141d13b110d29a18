"""Counts what becomes of every request, so that none can be lost without a sum that does not come out."""

from __future__ import annotations

from collections import Counter

from node.engines.interface import Failure, Tally, Usage

LABELS_MAX = 64
"""Different labels counted; later ones are counted together as `other`."""


class Accounts:
    """The running counts of one engine."""

    def __init__(self) -> None:
        self._asked = self._answered = self._in_flight = self._attempts = self._retries = 0
        self._usage = Usage()
        self._failed: Counter[Failure] = Counter()
        self._labels: Counter[str] = Counter()

    def asked(self, label: str) -> None:
        """A request came."""
        self._asked += 1
        self._in_flight += 1
        known = label in self._labels or len(self._labels) < LABELS_MAX
        self._labels[label if known else "other"] += 1

    def sent(self, *, again: bool) -> None:
        """An attempt was made."""
        self._attempts += 1
        self._retries += again

    def answered(self) -> None:
        """A request ended with an answer."""
        self._in_flight -= 1
        self._answered += 1

    def failed(self, failure: Failure) -> None:
        """A request ended without one."""
        self._in_flight -= 1
        self._failed[failure] += 1

    def used(self, usage: Usage) -> None:
        """Tokens of an answer."""
        self._usage = Usage(
            self._usage.prompt_tokens + usage.prompt_tokens, self._usage.completion_tokens + usage.completion_tokens
        )

    def tally(self) -> Tally:
        """The counts now."""
        return Tally(
            asked=self._asked,
            answered=self._answered,
            in_flight=self._in_flight,
            failed=dict(self._failed),
            attempts=self._attempts,
            retries=self._retries,
            prompt_tokens=self._usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens,
            by_label=dict(self._labels),
        )
