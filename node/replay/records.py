"""Recorded rounds of ratings, one JSON object per line, parsed strictly and within bounds (PROTOCOL section 8).

A line that is not one of the four records is the file's fault and refused with its number. A rating whose scores are
no scores is its rater's fault, as it would be on the network: it parses, as a rating that says nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.types import Scores
from node.errors import OperatorError

LINE_CHARS_MAX = 1 << 16
NAME_CHARS_MAX = 256
ROUND_MAX = 1 << 31
RATERS_MAX = 1000

_HINT = "The format of a scenario file is shown by `swarm-node replay --help`."


@dataclass(frozen=True, slots=True)
class ScenarioOpened:
    """The first line: what holds for all rounds."""

    name: str
    weights_bp: tuple[int, int, int, int]
    accept_bp: int
    review_bp: int
    raters: int
    """K: ratings a candidate gets before any review."""


@dataclass(frozen=True, slots=True)
class CandidateMade:
    """A candidate enters its round."""

    round: int
    name: str
    task: str
    category: str
    """Empty in recordings that name none: all doubts about a rater are then about the same (R22)."""
    check_failed: bool


@dataclass(frozen=True, slots=True)
class CandidateRated:
    """A rating, of the committee (stage 1) or of the fresh raters that a review would ask (stage 2)."""

    round: int
    candidate: str
    rater: str
    stage: int
    scores: Scores | None
    """Basis points; None when these were not four numbers from 0 to 1."""


@dataclass(frozen=True, slots=True)
class CandidateRevealed:
    """Who made it, and whether it was a probe."""

    round: int
    candidate: str
    generator: str | None
    probe: bool | None
    """Known good, known bad, or no probe."""


Record = ScenarioOpened | CandidateMade | CandidateRated | CandidateRevealed


def parse_record(line: str, number: int) -> Record:
    """Parse line `number` of a scenario file.

    Raises:
        OperatorError: Not a JSON object of one of the four types, or a field is missing, of another type or out of
            bounds. The message names the line and the field.
    """
    if len(line) > LINE_CHARS_MAX:
        raise _refused(number, f"{len(line)} characters, at most {LINE_CHARS_MAX} allowed")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _refused(number, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _refused(number, "not a JSON object")
    fields = _Fields(value, number)
    kind = fields.choice("type", ("scenario", "candidate", "rating", "reveal"))
    if kind == "scenario":
        return _scenario(fields)
    if kind == "candidate":
        return CandidateMade(
            round=fields.whole("round", ROUND_MAX),
            name=fields.name("id"),
            task=fields.name("task"),
            category="" if fields.get("category") is None else fields.name("category"),
            check_failed=fields.choice("check", ("pass", "fail", "none")) == "fail",
        )
    if kind == "rating":
        return CandidateRated(
            round=fields.whole("round", ROUND_MAX),
            candidate=fields.name("candidate"),
            rater=fields.name("rater"),
            stage=int(fields.choice("stage", (1, 2))),
            scores=_scores(fields.get("scores")),
        )
    return _reveal(fields)


def _scenario(fields: _Fields) -> ScenarioOpened:
    return ScenarioOpened(
        name=fields.name("id"),
        weights_bp=_weights_bp(fields),
        accept_bp=round(fields.share("accept") * 10_000),
        review_bp=round(fields.share("review") * 10_000),
        raters=fields.whole("committee", RATERS_MAX),
    )


def _weights_bp(fields: _Fields) -> tuple[int, int, int, int]:
    """Shares of the four criteria, 10000 together: rounded down, what is left goes to the first."""
    given = fields.get("weights")
    numbers = [_number(item) for item in given] if isinstance(given, list) else []
    weights = [number for number in numbers if number is not None and 0 <= number <= 1e6]
    total = math.fsum(weights)
    if len(numbers) != 4 or len(weights) != 4 or total <= 0:
        raise fields.wrong("weights", "four numbers, not negative and not all zero")
    _, second, third, fourth = (int(weight * 10_000 / total) for weight in weights)
    return 10_000 - second - third - fourth, second, third, fourth


def _reveal(fields: _Fields) -> CandidateRevealed:
    probe = fields.choice("probe", ("good", "bad", None))
    return CandidateRevealed(
        round=fields.whole("round", ROUND_MAX),
        candidate=fields.name("candidate"),
        generator=None if fields.get("generator") is None and probe is not None else fields.name("generator"),
        probe=None if probe is None else probe == "good",
    )


def _scores(given: Any) -> Scores | None:
    """Four scores in basis points, or None when any of them is no number from 0 to 1."""
    if not isinstance(given, list) or len(given) != 4:
        return None
    numbers = [_number(item) for item in given]
    inside = [number for number in numbers if number is not None and 0 <= number <= 1]  # NaN is not
    if len(inside) != 4:
        return None
    first, second, third, fourth = (round(number * 10_000) for number in inside)
    return first, second, third, fourth


def _is_unicode(text: str) -> bool:
    """Whether it has an encoding: JSON can spell half of a surrogate pair, which has none."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _number(item: Any) -> float | None:
    return float(item) if isinstance(item, int | float) and not isinstance(item, bool) and abs(item) < 1e9 else None


class _Fields:
    """One record's fields, each taken with its bound."""

    def __init__(self, value: Mapping[str, Any], number: int) -> None:
        self._value = value
        self._number = number

    def get(self, key: str) -> Any:
        return self._value.get(key)

    def wrong(self, key: str, expected: str) -> OperatorError:
        shown = json.dumps(self._value.get(key))[:60]
        return _refused(self._number, f'"{key}" is {shown}, expected {expected}')

    def name(self, key: str) -> str:
        item = self.get(key)
        if not isinstance(item, str) or not 0 < len(item) <= NAME_CHARS_MAX or not _is_unicode(item):
            raise self.wrong(key, f"a text of 1 to {NAME_CHARS_MAX} characters")
        return item

    def whole(self, key: str, largest: int) -> int:
        item = self.get(key)
        if type(item) is not int or not 0 <= item <= largest:
            raise self.wrong(key, f"a whole number from 0 to {largest}")
        return item

    def share(self, key: str) -> float:
        number = _number(self.get(key))
        if number is None or not 0 <= number <= 1:
            raise self.wrong(key, "a number from 0 to 1")
        return number

    def choice(self, key: str, allowed: tuple[Any, ...]) -> Any:
        item = self.get(key)
        if not any(type(item) is type(choice) and item == choice for choice in allowed):
            raise self.wrong(key, "one of " + ", ".join(json.dumps(choice) for choice in allowed))
        return item


def _refused(number: int, message: str) -> OperatorError:
    return OperatorError(f"line {number}: {message}", hint=_HINT)
