"""Answers to "why", for whatever has a name."""

import re
from dataclasses import replace
from statistics import fmean

import pytest

from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE, drawer_of
from consensus.types import DRAWERS, ZERO_HASH, CandidateState, Seat, Snapshot
from node.desks.candidates import rating_step
from node.desks.standing import _weight_reason, doubt_steps
from node.desks.words import score
from node.errors import ExitCode, OperatorError
from tests.support.ratings import PARAMS
from tests.support.swarm import key_of
from tests.unit.desks.conftest import LIAR


def explain(front, subject):
    return front(front.desks.jobs.explain(subject))


def contents(front, state):
    rows = front(front.swarm.nodes[0].store.decisions.find(job=front.job, state=state, superseded=False))
    return [row.decision for row in rows]


def texts(explanation):
    return [step.text for step in explanation.steps]


def test_an_accepted_candidate_shows_score_threshold_and_every_rating(front):
    decision = contents(front, CandidateState.ACCEPTED)[0]
    told = explain(front, decision.content.hex()[:10])
    assert told.subject == decision.content.hex()
    assert told.answer.startswith("accepted:")
    assert f"Score {score(decision.score_bp)}; above 0.70 is accepted" in told.answer
    ratings = [step for step in told.steps if " gave " in step.text]
    assert len(ratings) == 3, "five nodes, two of which generate"
    assert all("(bin " in step.text for step in ratings)
    counted = [step for step in ratings if step.rule == "R21"]
    assert len(counted) == decision.raters
    assert all(" x voice " in step.text and " bits" in step.text for step in counted)
    (sum_up,) = [step for step in told.steps if "evidence" in step.text and "cut" in step.text]
    assert sum_up.rule == "R24"
    evidence, prior = (float(found) for found in re.findall(r"([+-]\d+\.\d+) bits", sum_up.text)[:2])
    parts = [float(re.findall(r"= ([+-]\d+\.\d+) bits", step.text)[0]) for step in counted]
    assert evidence == pytest.approx(prior + sum(parts), abs=0.03), "what is shown adds up"


def test_a_rejected_candidate_says_which_rule_ended_it(front):
    decision = contents(front, CandidateState.REJECTED_SCORE)[0]
    told = explain(front, decision.content.hex())
    assert told.answer.startswith("rejected_score: its score is not above the threshold")
    assert told.steps[0].rule == "R28"
    assert told.steps[0].source, "the round's header shows it"


def test_a_probe_says_that_it_was_one(front):
    decision = contents(front, CandidateState.PROBE)[0]
    told = explain(front, decision.content.hex()[:16]).answer
    assert "hidden probe" in told
    assert "It was a good one" in told or "It was a bad one" in told


def test_a_job_says_how_far_it_came_and_why_no_further(front):
    told = explain(front, front.job.hex()[:12])
    assert "is done" in told.answer
    view = front(front.desks.jobs.get(front.job))
    assert f"{view.rows} of 60 rows" in told.answer
    short = [task for task in view.tasks if task.accepted < task.quota]
    assert len([text for text in texts(told) if "attempts" in text]) == len(short)


def test_a_liar_learns_which_rounds_took_its_standing(front):
    liar = front.swarm.nodes[LIAR].key.node
    told = explain(front, liar.hex()[:8])
    assert "reputation now 0.0" in told.answer
    assert any(step.rule == "R34" and step.text.startswith("weight ") for step in told.steps)
    moved = [step for step in told.steps if step.rule == "R38"]
    assert moved
    assert all("reputation" in step.text and len(step.source) == 32 for step in moved)
    assert any(step.rule == "R37" and "not trusted" in step.text for step in told.steps)
    assert any(step.rule == "R37" and "of its latest hidden probes it called" in step.text for step in told.steps)


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ((10_000,) * 6, "where up to 4 have earned any, all weigh the same"),
        ((7_000, 7_000, 7_000, 7_000, 9_000), "a point for each basis point"),
        (
            (0, 7_000, 7_000, 7_000, 9_000),
            "nothing for whoever has earned none yet, is suspended, examined, or known and not trusted",
        ),
    ],
)
def test_a_node_learns_why_it_has_the_weight_it_has(weights, why):
    nodes = [key_of(number).node for number in range(len(weights))]
    seats = tuple(Seat(node, weight) for node, weight in zip(nodes, weights, strict=True) if weight)
    assert _weight_reason(Snapshot(5, seats, ZERO_HASH), nodes[0], MAINNET, ()).endswith(f"; {why}")


def test_a_node_learns_where_it_is_heard_less_than_elsewhere():
    table = replace(
        EMPTY_TABLE, doubts=tuple(PARAMS.doubt_mute // 2 * (n == drawer_of("code_search")) for n in range(DRAWERS))
    )
    (step,) = doubt_steps(table, PARAMS)
    assert step.rule == "R22"
    assert step.text == "in code_search it errs more than elsewhere: 0.50 of its voice is left there"


@pytest.mark.parametrize(
    ("basis_points", "shown"), [(7000, "0.70"), (7001, "0.7001"), (8400, "0.84"), (10_000, "1.00")]
)
def test_a_score_is_told_apart_from_the_threshold_that_it_is_above(basis_points, shown):
    assert score(basis_points) == shown


@pytest.mark.parametrize(("evidence", "told"), [(ONE, False), (0, True), (-1, False)])
def test_a_rating_that_tells_nothing_says_so(evidence, told):
    kept = {"rater": "00" * 32, "counted": "counted", "composite_bp": 9500, "bin": 9, "history_q16": [0, ONE, ONE, ONE]}
    worth = {"evidence_q16": evidence, "voice_q16": ONE, "heard_q16": ONE, "contributed_q16": evidence}
    assert ("tells nothing" in rating_step(kept | worth).text) is told


@pytest.mark.parametrize(("heard", "told"), [(ONE // 4, True), (ONE - 1, False), (ONE, False)])
def test_a_rating_that_is_heard_less_in_its_category_says_so(heard, told):
    kept = {"rater": "00" * 32, "counted": "counted", "composite_bp": 9500, "bin": 9, "history_q16": [0, ONE, ONE, ONE]}
    worth = {"evidence_q16": ONE, "voice_q16": heard, "heard_q16": heard, "contributed_q16": heard}
    text = rating_step(kept | worth).text
    assert ("doubts about it in this category leave 0.25 of its voice (R22)" in text) is told


def scored(explanation):
    """What a node scored good and bad, on average, in the rounds that its explanation tells of."""
    found = {}
    for text in texts(explanation):
        for count, kind, mean in re.findall(r"(\d+) that turned out (good|bad) ([01]\.\d+) on average", text):
            found.setdefault(kind, []).extend([float(mean)] * int(count))
    return {kind: fmean(means) for kind, means in found.items()}


def test_a_node_learns_which_outcomes_moved_it(front):
    honest, liar = (explain(front, front.swarm.nodes[n].key.node.hex()) for n in (0, LIAR))
    assert scored(honest)["good"] > scored(honest)["bad"]
    assert scored(liar)["good"] < scored(liar)["bad"]
    one = next(step for step in honest.steps if step.rule == "R25" and step.source)
    assert " for " in one.text
    assert explain(front, one.source.hex()).subject == one.source.hex()


def test_a_header_and_a_shards_root_lead_to_their_round(front):
    rows = front(front.swarm.nodes[0].store.decisions.find(job=front.job, state=CandidateState.ACCEPTED))
    height = rows[0].height
    head = front(front.desks.shards.certificate(height)).certificate.header.shards[0]
    by_root = explain(front, head.root.hex()[:20])
    assert by_root.answer.startswith(f"Round {height} of epoch 0 was certified in view")
    assert explain(front, by_root.subject) == by_root


def test_what_nothing_is_named_by_is_not_so(front):
    with pytest.raises(OperatorError, match="nothing here is named") as caught:
        explain(front, "0123456789abcdef" * 4)
    assert caught.value.exit_code is ExitCode.NOT_SO


def test_names_are_taken_by_their_first_digits_only_if_these_tell_them_apart(front, monkeypatch):
    decisions = front.swarm.nodes[0].store.decisions
    names = [item.content for item in contents(front, CandidateState.ACCEPTED)[:2]]

    async def both(_low, _high, _limit):
        return tuple(names)

    monkeypatch.setattr(decisions, "contents_between", both)
    with pytest.raises(OperatorError, match="begins the names of candidate") as caught:
        explain(front, "12345678")
    assert caught.value.hint == "Give more digits."
