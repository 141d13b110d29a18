"""A candidate between two doors: rated once, carried over, rated by fresh raters, then final (R10, R28)."""

from dataclasses import replace

from consensus.aggregation import Counted
from consensus.commitments import ratings_digest
from consensus.encoding import hash_value
from consensus.openings import RoundInputs
from consensus.outcome import decide_round
from consensus.params import MINIMAL
from consensus.schedule import Standing, admit
from consensus.types import (
    CandidateState,
    CheckFact,
    GivenRating,
    Hash,
    JobId,
    JobTerms,
    Kind,
    NodeId,
    PendingCandidate,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Signed,
    Task,
    TaskKind,
)
from reputation import new_member
from tests.support.ratings import node, practised

NODES = tuple(sorted(node(number) for number in range(8)))
MAKER, OBSERVER, FIRST, FRESH = NODES[0], NODES[1], NODES[2:5], NODES[5:]
JOB = JobId(b"j" * 32)
CONTENT = Hash(hash_value("content", "carried"))
HEIGHT = 5
TERMS = JobTerms(JOB, MAKER, ("a@1.0.0",), ("code_search",), 3, 2, 4, 3, 7000, 5000, 1000)
REVIEW = Task(0, JOB, 0, 0, TaskKind.REVIEW, (), FRESH, (), 0, 3, 1, (CONTENT,))
HALF, GOOD = (6000,) * 4, (9200,) * 4


def signed(sender: NodeId, kind: Kind, body: object) -> Signed:
    return Signed(sender, kind, hash_value("m", (sender, kind, body)), body)


def decide(sheets: dict[NodeId, Rating], pending: PendingCandidate):
    """The review round, in which every fresh rater said what `sheets` has of it."""
    commits, reveals = {}, {}
    for rater, row in sheets.items():
        digest = ratings_digest(rater, HEIGHT, bytes(32), (row,))
        commits[rater] = signed(rater, Kind.RATING_COMMIT, RatingCommit(HEIGHT, digest))
        reveals[rater] = signed(rater, Kind.RATING_REVEAL, RatingReveal(HEIGHT, bytes(32), (row,)))
    job = admit(TERMS, 1)
    return decide_round(
        RoundPlan(HEIGHT, 0, Hash(b"s" * 32), (REVIEW,), (), 10),
        RoundInputs({}, commits, reveals, {}, {}, frozenset()),
        members=[replace(new_member(name, name.hex(), 0), table=practised()) for name in NODES],
        standings=[Standing(name, name.hex(), may_rate=True, mature=True, proven=True, skill=1) for name in NODES],
        jobs=[replace(job, tasks=(replace(job.tasks[0], attempts=1),))],
        pending=[pending],
        preset=MINIMAL,
    )


def carried(*, observers=()) -> PendingCandidate:
    ratings = tuple(GivenRating(rater, HALF) for rater in sorted((*FIRST, *observers)))
    return PendingCandidate(JOB, 0, 0, CONTENT, CONTENT, MAKER, ratings, HEIGHT - 2, tuple(observers))


def said(scores=GOOD, fact=CheckFact.PASSED) -> Rating:
    return Rating(0, CONTENT, fact, scores)


def test_an_observers_first_rating_does_not_count_in_the_review_either():
    outcome = decide(dict.fromkeys(FRESH, said()), carried(observers=(OBSERVER,)))
    (scored,) = outcome.aggregation.candidates
    counted = {entry.rater: entry.counted for entry in scored.contributions}
    assert counted[OBSERVER] is Counted.OBSERVER
    assert scored.counted == len(FIRST) + len(FRESH)
    before = practised()
    assert outcome.aggregation.tables[OBSERVER] != before  # it has learnt from it all the same


def test_who_cannot_fetch_a_reviewed_candidate_has_said_nothing_of_it():
    sheets = {FRESH[0]: said((0, 0, 0, 0), CheckFact.UNAVAILABLE)} | dict.fromkeys(FRESH[1:], said())
    outcome = decide(sheets, carried())
    (scored,) = outcome.aggregation.candidates
    assert FRESH[0] not in {entry.rater for entry in scored.contributions}
    assert outcome.decisions[0].state is CandidateState.ACCEPTED


def test_a_reviewed_candidate_is_final_on_all_its_ratings():
    outcome = decide(dict.fromkeys(FRESH, said((1200,) * 4)), carried())
    assert outcome.decisions[0].state is CandidateState.REJECTED_SCORE
    assert outcome.decisions[0].raters == len(FIRST) + len(FRESH)
    assert outcome.pending == ()


def test_what_only_one_of_all_its_raters_held_is_unavailable_after_the_review_too():
    (first, *_) = carried().ratings
    alone = replace(carried(), ratings=(replace(first, scores=GOOD),))
    nobody = dict.fromkeys(FRESH, said((0, 0, 0, 0), CheckFact.UNAVAILABLE))
    assert decide(nobody, alone).decisions[0].state is CandidateState.UNAVAILABLE
    one = nobody | {FRESH[0]: said()}
    assert decide(one, alone).decisions[0].state is CandidateState.ACCEPTED
