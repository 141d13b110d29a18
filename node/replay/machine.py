"""Recorded rounds through exactly the aggregation and reputation that ship: records in, outcomes out.

A round is decided when the next one begins. Nothing that comes up later is used: ratings and reveals of a decided round
are late and ignored, as on the network. A recorded rating is that of a seated rater: who sits in a committee was
planned before the recording, so a bad standing costs a rater its voice here, not its seat. Seats that were never taken
leave no trace, and no agreement takes place: every recorded message counts as received in time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from consensus.aggregation import RatedCandidate, ScoredCandidate, Verdict, aggregate
from consensus.encoding import hash_bytes
from consensus.facts import DOUBTED_BP
from consensus.params import MAINNET, Preset
from consensus.types import ZERO_HASH, CandidateState, GivenRating, Hash, Member, NodeId
from node.errors import OperatorError
from node.replay.records import CandidateMade, CandidateRated, CandidateRevealed, Record, ScenarioOpened
from reputation import (
    DecidedRound,
    Generated,
    members_after,
    new_member,
    standing_of,
)

CANDIDATES_PER_ROUND_MAX = 1 << 20
RATINGS_PER_CANDIDATE_MAX = 1 << 12

_UNKNOWN_GENERATOR = NodeId(bytes(32))


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """A candidate's one final state."""

    candidate: str
    score_bp: int
    accepted: bool
    state: CandidateState


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """A node's reputation after a round."""

    node: str
    reputation_bp: int
    round: int


Outcome = CandidateOutcome | NodeOutcome

_STATES = {
    Verdict.ACCEPT: CandidateState.ACCEPTED,
    Verdict.REJECT: CandidateState.REJECTED_SCORE,
    Verdict.PROBE: CandidateState.PROBE,
}


@dataclass(slots=True)
class _Candidate:
    """A candidate of the open round, or one carried over from the round before."""

    made: CandidateMade
    content: Hash
    ratings: dict[int, dict[str, GivenRating]] = field(default_factory=lambda: {1: {}, 2: {}})
    """By stage, then by rater."""
    revealed: CandidateRevealed | None = None


class Replay:
    """One scenario. Feed it records in order, then `finish`."""

    def __init__(self, preset: Preset = MAINNET) -> None:
        self._preset = preset
        self._scenario: ScenarioOpened | None = None
        self._round = 0
        self._open: dict[str, _Candidate] = {}
        self._carried: dict[str, _Candidate] = {}
        self._seen: set[str] = set()
        self._names: dict[NodeId, str] = {}
        self._members: tuple[Member, ...] = ()
        self.ignored: Counter[str] = Counter()
        """Records that had no effect, by reason: `late`, `unknown-candidate`, `double`, `bad-scores`, ..."""

    def on_record(self, record: Record, line: int) -> list[Outcome]:
        """Take one record; returns what its arrival decided, which is a whole round or nothing.

        Raises:
            OperatorError: The scenario record is not first, comes twice, or a bound is exceeded.
        """
        if isinstance(record, ScenarioOpened):
            if self._scenario is not None:
                raise _refused(line, "a second scenario record; give each scenario a file of its own")
            self._open_scenario(record)
            return []
        if self._scenario is None:
            raise _refused(line, "the first record has to be the scenario's")
        outcomes: list[Outcome] = []
        if record.round > self._round:
            outcomes = self._decide()
            self._round = record.round
        if record.round < self._round:
            self.ignored["late"] += 1
        elif isinstance(record, CandidateMade):
            self._on_candidate(record, line)
        elif isinstance(record, CandidateRated):
            self._on_rating(record, line)
        else:
            self._on_reveal(record)
        return outcomes

    def finish(self) -> list[Outcome]:
        """Decide the open round, and then whatever was carried over from it."""
        outcomes = self._decide()
        if self._carried:
            self._round += 1
            outcomes += self._decide()
        return outcomes

    def _open_scenario(self, scenario: ScenarioOpened) -> None:
        self._scenario = scenario
        aggregation = replace(self._preset.aggregation, criterion_weights_bp=scenario.weights_bp)
        self._preset = replace(self._preset, aggregation=aggregation)

    def _on_candidate(self, made: CandidateMade, line: int) -> None:
        if made.name in self._seen:
            self.ignored["double"] += 1
            return
        if len(self._open) >= CANDIDATES_PER_ROUND_MAX:
            raise _refused(line, f"more than {CANDIDATES_PER_ROUND_MAX} candidates in round {made.round}")
        self._seen.add(made.name)
        self._open[made.name] = _Candidate(made, hash_bytes("replay-candidate", made.name.encode()))

    def _on_rating(self, rated: CandidateRated, line: int) -> None:
        candidate = self._open.get(rated.candidate)
        if candidate is None:
            self.ignored["unknown-candidate"] += 1
        elif rated.scores is None:
            self.ignored["bad-scores"] += 1
        elif any(rated.rater in given for given in candidate.ratings.values()):
            self.ignored["double"] += 1
        elif sum(map(len, candidate.ratings.values())) >= RATINGS_PER_CANDIDATE_MAX:
            raise _refused(line, f"more than {RATINGS_PER_CANDIDATE_MAX} ratings of {rated.candidate}")
        else:
            rating = GivenRating(rater=self._node(rated.rater), scores=rated.scores)
            candidate.ratings[rated.stage][rated.rater] = rating

    def _on_reveal(self, revealed: CandidateRevealed) -> None:
        candidate = self._open.get(revealed.candidate)
        if candidate is None:
            self.ignored["unknown-candidate"] += 1
        elif candidate.revealed is not None:
            self.ignored["double"] += 1
        else:
            candidate.revealed = revealed
            if revealed.generator is not None:
                self._node(revealed.generator)

    def _node(self, name: str) -> NodeId:
        """The node behind a name; one not met before joins now."""
        node = NodeId(hash_bytes("replay-node", name.encode()))
        if node not in self._names:
            self._names[node] = name
            self._members = (*self._members, new_member(node, name, self._round))
        return node

    def _decide(self) -> list[Outcome]:
        """Decide the open round with everything carried into it."""
        ended, rated = self._rated_candidates()
        result = aggregate(
            {member.node: member.table for member in self._members},
            rated.values(),
            self._preset.aggregation,
        )
        names = {candidate.content: name for name, candidate in (self._carried | self._open).items()}
        scored = {names[score.content]: score for score in result.candidates}
        raters = frozenset(rating.rater for candidate in rated.values() for rating in candidate.ratings)
        decided = DecidedRound(
            height=self._round,
            outcome_root=ZERO_HASH,
            tables=result.tables,
            generated=_generated(scored),
            committed=raters,
            revealed=raters,
        )
        self._members = members_after(self._members, decided, self._preset)
        pending = {name for name, score in scored.items() if score.verdict is Verdict.REVIEW}
        self._carried = {name: self._open[name] for name in pending}
        self._open = {}
        final = [self._outcome(name, score) for name, score in scored.items() if name not in pending]
        return [*ended, *final, *self._standings()]

    def _rated_candidates(self) -> tuple[list[CandidateOutcome], dict[str, RatedCandidate]]:
        """Of the open and the carried candidates, those that end without a score, and those that get one."""
        ended: list[CandidateOutcome] = []
        rated: dict[str, RatedCandidate] = {}
        tasks: dict[str, int] = {}
        for name, candidate in (self._carried | self._open).items():
            state = _ends_as(candidate)
            if state is not None:
                ended.append(CandidateOutcome(candidate=name, score_bp=0, accepted=False, state=state))
                continue
            task = tasks.setdefault(candidate.made.task, len(tasks))
            rated[name] = self._rated(candidate, task, carried=name in self._carried)
        return ended, rated

    def _rated(self, candidate: _Candidate, task: int, *, carried: bool) -> RatedCandidate:
        scenario, revealed = self._scenario, candidate.revealed
        if scenario is None or revealed is None:
            raise AssertionError("a candidate is rated in a scenario, after its reveal")
        stages = (1, 2) if carried else (1,)
        generator = _UNKNOWN_GENERATOR if revealed.generator is None else self._node(revealed.generator)
        reviewable = not carried and bool(candidate.ratings[2])
        doubted = reviewable and 2 * len(candidate.ratings[1]) < scenario.raters  # R18
        accept_bp, review_bp = DOUBTED_BP if doubted else (scenario.accept_bp, scenario.review_bp)
        return RatedCandidate(
            content=candidate.content,
            task=task,
            category=candidate.made.category,
            generator=generator,
            ratings=tuple(rating for stage in stages for rating in candidate.ratings[stage].values()),
            raters=scenario.raters,
            accept_bp=accept_bp,
            review_bp=review_bp,
            probe=revealed.probe,
            reviewable=reviewable,
        )

    def _outcome(self, name: str, score: ScoredCandidate) -> CandidateOutcome:
        """A score is not enough: half of the committee has to hold what is accepted (R18), and who rated it did."""
        state = _STATES[score.verdict]
        scenario = self._scenario
        if scenario is not None and state is CandidateState.ACCEPTED and 2 * len(score.contributions) < scenario.raters:
            state = CandidateState.UNAVAILABLE
        return CandidateOutcome(
            candidate=name, score_bp=score.score_bp, accepted=state is CandidateState.ACCEPTED, state=state
        )

    def _standings(self) -> list[NodeOutcome]:
        return [
            NodeOutcome(
                node=self._names[member.node],
                reputation_bp=standing_of(member.table, self._preset).reputation_bp,
                round=self._round,
            )
            for member in self._members
        ]


def _ends_as(candidate: _Candidate) -> CandidateState | None:
    """The state of a candidate that facts end before any score."""
    if candidate.made.check_failed:
        return CandidateState.REJECTED_CHECK
    if candidate.revealed is None:
        return CandidateState.VOID
    return None


def _generated(scored: dict[str, ScoredCandidate]) -> dict[NodeId, Generated]:
    made: dict[NodeId, Generated] = {}
    for score in scored.values():
        if score.verdict in {Verdict.ACCEPT, Verdict.REJECT}:
            so_far = made.get(score.generator, Generated(accepted=0, decided=0))
            accepted = so_far.accepted + (score.verdict is Verdict.ACCEPT)
            made[score.generator] = Generated(accepted=accepted, decided=so_far.decided + 1)
    return made


def _refused(line: int, message: str) -> OperatorError:
    return OperatorError(f"line {line}: {message}", hint="Records stand in protocol order, the scenario's first.")
