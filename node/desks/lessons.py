"""Which outcomes moved a node: its ratings of a round, and what it could be known of the rated from others (R25).

Recomputed from what was kept of the decisions, by the functions that teach the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from consensus.aggregation import Counted
from consensus.aggregation.learning import Outcome, believed_outcome, probe_outcome, teaching_bits
from consensus.params import AggregationParams
from consensus.types import CandidateState, GeneratorReveal, Hash, Kind, NodeId
from node.desks.words import bits, factor, score
from node.driver.driver import Driver
from node.store import DecisionRow
from node.values import views
from node.wire import decode_message

TOLD_EACH_ROUND = 3
"""Ratings of a round that are told one by one: those that moved the node most."""

_TEACHING = {Counted.COUNTED.value, Counted.FAVOURED.value, Counted.OBSERVER.value}


@dataclass(frozen=True, slots=True)
class Lesson:
    """One rating of a node's, and what its candidate turned out to be."""

    content: Hash
    composite_bp: int
    others_bits: int
    """The others' evidence with the prior, Q16; says nothing of a probe."""
    probe: bool | None
    """Known good, known bad, or no probe."""
    outcome: Outcome

    @property
    def is_good(self) -> bool:
        """Whether it counts as good rather than bad."""
        return self.outcome.good > self.outcome.bad

    @property
    def moved(self) -> int:
        """How much it counts for, times how far the score is from what an unbiased rater would have said."""
        miss = abs((self.composite_bp << 16) // 10_000 - self.outcome.target)
        return (self.outcome.good + self.outcome.bad) * miss >> 16


async def lessons_of(driver: Driver, node: NodeId, height: int) -> tuple[Lesson, ...]:
    """What a node's ratings taught of it in a round, as far as its decisions are kept here."""
    probes = await probes_of(driver, height)
    found = []
    for row in await driver.store.decisions.find(height=height):
        kept = await driver.store.decisions.explanation(row.height, row.position)
        if kept is not None and row.decision.state is not CandidateState.IN_REVIEW:
            lesson = _lesson(row, json.loads(kept), node, probes, driver.preset.aggregation)
            found += [] if lesson is None else [lesson]
    return tuple(found)


def lesson_steps(height: int, lessons: tuple[Lesson, ...]) -> Iterator[views.ExplainedStep]:
    """A round's lessons in words: how good and bad were scored, and what counted most."""
    told = [
        f"{len(scores)} that turned out {name} {score(round(fmean(scores)))} on average"
        for name, is_good in (("good", True), ("bad", False))
        if (scores := [lesson.composite_bp for lesson in lessons if lesson.is_good is is_good])
    ]
    if told:
        yield views.ExplainedStep("R25", f"round {height}: it scored {', '.join(told)}; most of all counted", b"")
    for lesson in sorted(lessons, key=lambda item: (-item.moved, item.content))[:TOLD_EACH_ROUND]:
        weight = factor(lesson.outcome.good + lesson.outcome.bad)
        yield views.ExplainedStep(
            "R25", f"  {score(lesson.composite_bp)} for {_is(lesson)}, weight {weight}", lesson.content
        )


def _is(lesson: Lesson) -> str:
    kind = "good" if lesson.is_good else "bad"
    if lesson.probe is not None:
        return f"a {kind} probe"
    return f"what the others call {kind} ({bits(lesson.others_bits)})"


async def probes_of(driver: Driver, height: int) -> dict[Hash, bool]:
    """The probes that generators opened in a round, and what they are."""
    rows = await driver.store.envelopes.at(height, Kind.GENERATOR_REVEAL)
    bodies = [decode_message(driver.domain, row.envelope).body for row in rows]
    openings = [opening for body in bodies if isinstance(body, GeneratorReveal) for opening in body.slots]
    return {opening.content: opening.probe.good for opening in openings if opening.probe is not None}


def _lesson(
    row: DecisionRow, told: Mapping[str, Any], node: NodeId, probes: Mapping[Hash, bool], params: AggregationParams
) -> Lesson | None:
    """What one candidate taught of the node; None if it did not rate it, or nothing follows."""
    content, is_probe = row.decision.content, row.decision.state is CandidateState.PROBE
    mine = next((item for item in told["ratings"] if item["rater"] == node.hex()), None)
    if mine is None or mine["counted"] not in _TEACHING or (is_probe and content not in probes):
        return None
    others = [item["contributed_q16"] for item in told["ratings"] if item is not mine]
    heads = params.prior_bits + sum(teaching_bits(contributed, params) for contributed in others)
    evidence = params.prior_bits + sum(others)
    outcome = (
        probe_outcome(good=probes[content], params=params) if is_probe else believed_outcome(heads, evidence, params)
    )
    return Lesson(content, mine["composite_bp"], evidence, probes[content] if is_probe else None, outcome)
