"""The aggregation of a round in plain integers: the specification that the vectorised one must equal bit for bit.

Averages of scores fall to whoever rates always high, always low or always against. So scores are not averaged: what
counts is what a score of this rater has so far been followed by. A rater that calls everything good has said nothing;
a clique that praises its own junk empties the worth of its own praise.

One round goes twice over its ratings (R26). The first pass scores every candidate with the tables as they were, and
every rater learns from the others, as a draft. The second scores again with the drafted tables and decides; then all
learn for good, from the better beliefs and without the candidates that are carried over to fresh raters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from consensus.aggregation.learning import Lesson, believed_outcome, learn, probe_outcome, teaching_bits
from consensus.aggregation.reading import BIN_BP, Character, Worth, evidence_at, read_character, read_worth
from consensus.aggregation.scoring import composite_bp, cut_bits, score_bp, verdict_of, winsorised_mean
from consensus.aggregation.values import (
    Aggregation,
    Contribution,
    Counted,
    RatedCandidate,
    ScoredCandidate,
    Verdict,
    eligibility,
    one_per_rater,
)
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, EMPTY_TABLE, ONE, drawer_of
from consensus.types import NodeId, RaterTable, Scores

_TEACHES = frozenset({Counted.COUNTED, Counted.FAVOURED, Counted.OBSERVER})
"""What is muted still teaches its rater's table, or nobody could lose a reputation, or earn it back."""


@dataclass(frozen=True, slots=True)
class _Ballot:
    """One rating, reduced to what the arithmetic needs."""

    rater: NodeId
    scores: Scores
    composite_bp: int
    bin: int
    counted: Counted


@dataclass(frozen=True, slots=True)
class _Poll:
    """One candidate and its ballots, sorted by rater."""

    candidate: RatedCandidate
    drawer: int
    """Of the candidate's category."""
    ballots: tuple[_Ballot, ...]


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A poll's evidence."""

    bits: int
    voices: tuple[int, ...]
    """Per ballot, Q16; 0 when it does not count."""
    contributed: tuple[int, ...]


def aggregate(
    tables: Mapping[NodeId, RaterTable],
    candidates: Iterable[RatedCandidate],
    params: AggregationParams,
    *,
    owners: Mapping[NodeId, str] | None = None,
) -> Aggregation:
    """Score a round's candidates and teach the raters' tables (R20 to R29).

    Args:
        tables: One per member; the empty table for newcomers. Ratings by anybody else are shown and ignored.
        candidates: In any order; contents are unique.
        params: The preset's numbers.
        owners: Whose each node is; a node not named is its own.

    Returns:
        Every candidate's score, and the tables after the round. No value of these types makes it raise.
    """
    ordered = sorted(candidates, key=lambda candidate: (candidate.task, candidate.content))
    raters = {rating.rater for candidate in ordered for rating in candidate.ratings} & tables.keys()
    characters = {rater: read_character(tables[rater], params) for rater in raters}
    polls = [_poll(candidate, characters, owners or {}, params) for candidate in ordered]

    known = {rater: tables[rater] for rater in raters}
    before = {rater: read_worth(table, params) for rater, table in known.items()}
    first = [_weigh(poll, before, characters, params, relative=False) for poll in polls]
    drafted = _taught(known, zip(polls, first, strict=True), params)

    after = {rater: read_worth(table, params) for rater, table in drafted.items()}
    second = [_weigh(poll, after, characters, params, relative=True) for poll in polls]
    scored = [
        _score(poll, weighed, _Raters(after, characters, drafted), params)
        for poll, weighed in zip(polls, second, strict=True)
    ]
    final = [
        (poll, weighed)
        for poll, weighed, score in zip(polls, second, scored, strict=True)
        if score.verdict is not Verdict.REVIEW
    ]
    return Aggregation(candidates=tuple(scored), tables={**tables, **_taught(known, final, params)})


def _poll(
    candidate: RatedCandidate,
    characters: Mapping[NodeId, Character],
    owners: Mapping[NodeId, str],
    params: AggregationParams,
) -> _Poll:
    ballots = []
    for rating in one_per_rater(candidate.ratings):
        composite = composite_bp(rating.scores, params)
        counted = eligibility(rating.rater, candidate, owners)
        if rating.rater not in characters:
            counted = Counted.UNKNOWN
        elif counted is Counted.COUNTED and candidate.generator in characters[rating.rater].favoured:
            counted = Counted.FAVOURED
        ballots.append(
            _Ballot(
                rater=rating.rater,
                scores=rating.scores,
                composite_bp=composite,
                bin=min(BINS - 1, composite // BIN_BP),
                counted=counted,
            )
        )
    return _Poll(candidate, drawer_of(candidate.category), tuple(ballots))


def _weigh(
    poll: _Poll,
    worths: Mapping[NodeId, Worth],
    characters: Mapping[NodeId, Character],
    params: AggregationParams,
    *,
    relative: bool,
) -> _Weighed:
    """Add up the evidence (R24). `relative`: voices in proportion to the largest of those that count (R26)."""
    voices = [
        _voice(worths[ballot.rater], characters[ballot.rater], poll.drawer) if ballot.counted is Counted.COUNTED else 0
        for ballot in poll.ballots
    ]
    loudest = max(voices, default=0)
    if relative and loudest:
        voices = [(voice << 16) // loudest for voice in voices]
    contributed = [
        voice * evidence_at(worths[ballot.rater].evidence, ballot.composite_bp) >> 16 if voice else 0
        for ballot, voice in zip(poll.ballots, voices, strict=True)
    ]
    return _Weighed(params.prior_bits + sum(contributed), tuple(voices), tuple(contributed))


def _voice(worth: Worth, character: Character, drawer: int) -> int:
    """R22."""
    return (worth.maturity * character.fairness >> 16) * character.heard[drawer] >> 16


def _taught(
    tables: Mapping[NodeId, RaterTable], weighed_polls: Iterable[tuple[_Poll, _Weighed]], params: AggregationParams
) -> dict[NodeId, RaterTable]:
    """The tables after everybody learnt from the others' evidence and from the probes (R25)."""
    lessons: dict[NodeId, list[Lesson]] = {rater: [] for rater in tables}
    for poll, weighed in weighed_polls:
        taught = [teaching_bits(bits, params) for bits in weighed.contributed]
        heads = params.prior_bits + sum(taught)
        for ballot, own, own_taught in zip(poll.ballots, weighed.contributed, taught, strict=True):
            if ballot.counted in _TEACHES:
                others = _Others(heads=heads - own_taught, voices=weighed.bits - own)
                lessons[ballot.rater].append(_lesson(poll, ballot, others, params))
    return {rater: learn(table, lessons[rater], params) for rater, table in tables.items()}


@dataclass(frozen=True, slots=True)
class _Others:
    """What all but one rater say of a candidate, bits with the prior."""

    heads: int
    """With a bound on what each of them says: what histograms learn from."""
    voices: int
    """In full: what errors and favours are measured by."""


def _lesson(poll: _Poll, ballot: _Ballot, others: _Others, params: AggregationParams) -> Lesson:
    candidate = poll.candidate
    if candidate.probe is None:
        outcome = believed_outcome(others.heads, others.voices, params)
    else:
        outcome = probe_outcome(good=candidate.probe, params=params)
    return Lesson(
        generator=candidate.generator,
        drawer=poll.drawer,
        bin=ballot.bin,
        composite=(ballot.composite_bp << 16) // 10_000,
        probe=candidate.probe is not None,
        outcome=outcome,
    )


@dataclass(frozen=True, slots=True)
class _Raters:
    """All that is known of the round's raters when the second pass scores."""

    worths: Mapping[NodeId, Worth]
    characters: Mapping[NodeId, Character]
    tables: Mapping[NodeId, RaterTable]
    """Drafted: what the worths were read from."""


def _score(poll: _Poll, weighed: _Weighed, raters: _Raters, params: AggregationParams) -> ScoredCandidate:
    candidate = poll.candidate
    heard = [
        (ballot, voice)
        for ballot, voice in zip(poll.ballots, weighed.voices, strict=True)
        if ballot.counted is Counted.COUNTED
    ]
    counted = [(ballot, voice * raters.worths[ballot.rater].information >> 16) for ballot, voice in heard]
    composites = [ballot.composite_bp for ballot, _ in counted]
    cut = cut_bits(candidate, params)
    quality = _quality_bp(heard, raters, params)
    score = score_bp(weighed.bits, cut, quality, params)
    return ScoredCandidate(
        content=candidate.content,
        task=candidate.task,
        generator=candidate.generator,
        verdict=verdict_of(score, candidate),
        evidence_bits=weighed.bits,
        cut_bits=cut,
        quality_bp=quality,
        score_bp=score,
        criteria_bp=_criteria_bp(counted),
        spread_bp=max(composites) - min(composites) if composites else 0,
        counted=len(counted),
        contributions=tuple(
            _contribution(ballot, poll.drawer, voice, bits, raters)
            for ballot, voice, bits in zip(poll.ballots, weighed.voices, weighed.contributed, strict=True)
        ),
    )


def _quality_bp(heard: Sequence[tuple[_Ballot, int]], raters: _Raters, params: AggregationParams) -> int:
    """Mean of the scores less their raters' bias; who informs more and errs less weighs more (R29).

    A voice that unfairness has halved is whole here. Whom a rater favours is left out pair by pair, and how good
    something is that others have found to be good is no lever for it.
    """
    characters = raters.characters
    unbiased = [ballot.composite_bp - characters[ballot.rater].bias_bp for ballot, _ in heard]
    weights = []
    for ballot, voice in heard:
        whole = min(ONE, (voice << 16) // params.fairness_voice_min)
        informing = whole * raters.worths[ballot.rater].information >> 16
        weights.append(informing * characters[ballot.rater].precision >> 16)
    return winsorised_mean(unbiased, weights, params.winsor_bp)


def _criteria_bp(counted: Sequence[tuple[_Ballot, int]]) -> Scores:
    """Weighted mean per criterion; equal weights when nobody has any, zeros when nobody counts."""
    total = sum(weight for _, weight in counted)
    weights = [weight if total else 1 for _, weight in counted]
    parts = (
        sum(ballot.scores[criterion] * weight for (ballot, _), weight in zip(counted, weights, strict=True))
        for criterion in range(4)
    )
    first, second, third, fourth = (part // max(1, sum(weights)) for part in parts)
    return first, second, third, fourth


def _contribution(ballot: _Ballot, drawer: int, voice: int, bits: int, raters: _Raters) -> Contribution:
    known = ballot.counted is not Counted.UNKNOWN
    table = raters.tables[ballot.rater] if known else EMPTY_TABLE
    return Contribution(
        rater=ballot.rater,
        counted=ballot.counted,
        composite_bp=ballot.composite_bp,
        bin=ballot.bin,
        evidence_bits=evidence_at(raters.worths[ballot.rater].evidence, ballot.composite_bp) if known else 0,
        voice=voice,
        contributed_bits=bits,
        heard=raters.characters[ballot.rater].heard[drawer] if known else 0,
        bad_in_bin=table.slow_bad[ballot.bin],
        bad_total=sum(table.slow_bad),
        good_in_bin=table.slow_good[ballot.bin],
        good_total=sum(table.slow_good),
    )
