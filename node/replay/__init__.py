"""Files in, files out: recorded rounds of ratings through the aggregation and reputation that ship."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from node.errors import OperatorError
from node.replay.machine import CandidateOutcome, NodeOutcome, Outcome, Replay
from node.replay.records import parse_record

__all__ = ["CandidateOutcome", "NodeOutcome", "Outcome", "Replay", "outcome_line", "replay_lines"]


def replay_lines(lines: Iterable[str], replay: Replay) -> Iterator[Outcome]:
    """Decide a scenario file line by line; empty lines are skipped.

    Raises:
        OperatorError: A line is not a record, or not in order; names the line. Outcomes up to there were given.
    """
    number = 0
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield from replay.on_record(parse_record(line, number), number)
    if number == 0:
        raise OperatorError("the scenario is empty", hint="Its first line has to be the scenario record.")
    yield from replay.finish()


def outcome_line(outcome: Outcome) -> str:
    """One line of the outcome file, without its line end. Scores and reputations are 0..1."""
    if isinstance(outcome, CandidateOutcome):
        return json.dumps(
            {
                "candidate": outcome.candidate,
                "score": outcome.score_bp / 10_000,
                "accept": outcome.accepted,
                "state": outcome.state.value,
            }
        )
    return json.dumps({"node": outcome.node, "reputation": outcome.reputation_bp / 10_000, "round": outcome.round})
