"""What raters' facts settle by themselves, and what a bare majority of them leaves to others (R17, R18)."""

from itertools import product

import pytest

from consensus.facts import Settled, false_facts, settle
from consensus.types import CandidateState, CheckFact, NodeId

PASSED, FAILED, UNSURE = CheckFact.PASSED, CheckFact.FAILED, CheckFact.NOT_CHECKABLE

SCORED = Settled(None, doubted=False)
DOUBTED = Settled(None, doubted=True)
ENDED = Settled(CandidateState.REJECTED_CHECK, doubted=False)
LATE = Settled(CandidateState.LATE, doubted=False)


def rater(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


def said(*facts: CheckFact) -> dict[NodeId, CheckFact]:
    return {rater(number): fact for number, fact in enumerate(facts)}


@pytest.mark.parametrize(
    ("failed", "passed", "with_others", "without"),
    [
        (0, 5, SCORED, SCORED),
        (1, 4, SCORED, SCORED),
        (2, 3, SCORED, SCORED),
        (3, 2, DOUBTED, ENDED),
        (4, 1, ENDED, ENDED),
        (5, 0, ENDED, ENDED),
    ],
)
def test_more_than_two_thirds_end_a_candidate_and_a_bare_majority_where_nobody_else_can_be_asked(
    failed, passed, with_others, without
):
    found = said(*[FAILED] * failed, *[PASSED] * passed)
    assert settle(found, revealed=5, seated=5, askable=True) == with_others
    assert settle(found, revealed=5, seated=5, askable=False) == without


@pytest.mark.parametrize(
    ("held", "with_others", "without"),
    [(5, SCORED, SCORED), (3, SCORED, SCORED), (2, DOUBTED, LATE), (1, LATE, LATE), (0, LATE, LATE)],
)
def test_what_less_than_half_could_fetch_is_left_to_others_and_what_less_than_a_third_could_is_late(
    held, with_others, without
):
    assert settle(said(*[PASSED] * held), revealed=5, seated=5, askable=True) == with_others
    assert settle(said(*[PASSED] * held), revealed=5, seated=5, askable=False) == without


def test_seats_that_nobody_took_leave_a_candidate_to_others():
    assert settle(said(PASSED, PASSED), revealed=2, seated=5, askable=True) == DOUBTED
    assert settle(said(PASSED, PASSED), revealed=2, seated=5, askable=False) == SCORED


def test_nobodys_facts_are_nobodys():
    assert settle({}, revealed=0, seated=0, askable=True) == LATE
    assert false_facts({}) == []


def test_the_commonest_negative_fact_names_the_state():
    found = said(CheckFact.MALFORMED, CheckFact.MALFORMED, FAILED, CheckFact.MALFORMED)
    assert settle(found, revealed=4, seated=4, askable=True).state is CandidateState.MALFORMED


def test_a_fact_is_false_when_more_than_two_thirds_contradict_it_and_unsure_ones_never_do():
    (liar,) = false_facts(said(FAILED, PASSED, PASSED, PASSED))
    assert (liar.rater, liar.claimed_good) == (rater(0), False)
    (liar,) = false_facts(said(PASSED, FAILED, FAILED, CheckFact.MALFORMED))
    assert (liar.rater, liar.claimed_good) == (rater(0), True)
    assert false_facts(said(FAILED, PASSED, PASSED, UNSURE)) == []
    assert false_facts(said(FAILED, UNSURE, UNSURE, UNSURE)) == []


def test_whatever_raters_find_is_settled_one_way_and_never_by_less_than_half():
    for size in range(7):
        for facts in product([PASSED, FAILED, UNSURE], repeat=size):
            for revealed, seated, askable in product(range(size, 8), range(8), [True, False]):
                found = settle(said(*facts), revealed=revealed, seated=seated, askable=askable)
                if found.state is CandidateState.REJECTED_CHECK:
                    assert 2 * facts.count(FAILED) > size
                assert not (found.doubted and (found.state is not None or not askable))
