"""Scenario files: what is refused with its line, what is ignored as on the network, and what comes out."""

import json
import math

import pytest

from consensus.types import CandidateState
from node.errors import ExitCode, OperatorError
from node.replay import CandidateOutcome, NodeOutcome, Replay, outcome_line, replay_lines

SCENARIO = {
    "type": "scenario",
    "id": "s",
    "criteria": ["a", "b", "c", "d"],
    "weights": [0.25, 0.25, 0.25, 0.25],
    "accept": 0.7,
    "review": 0.5,
    "committee": 3,
    "rounds": 2,
}


def made(name, *, round_=1, task="t", check="none"):
    return {"type": "candidate", "round": round_, "id": name, "task": task, "category": "c", "check": check}


def rated(name, rater, score, *, round_=1, stage=1):
    scores = score if isinstance(score, list) else [score] * 4
    return {"type": "rating", "round": round_, "candidate": name, "rater": rater, "stage": stage, "scores": scores}


def revealed(name, *, round_=1, **facts):
    return {"type": "reveal", "round": round_, "candidate": name, "generator": "maker"} | facts


def run(*records):
    replay = Replay()
    outcomes = list(replay_lines([json.dumps(record) for record in (SCENARIO, *records)], replay))
    return replay, outcomes


def states(outcomes):
    return {outcome.candidate: outcome.state for outcome in outcomes if isinstance(outcome, CandidateOutcome)}


def test_every_candidate_ends_in_exactly_one_state():
    _, outcomes = run(
        made("failed", check="fail"),
        made("silent"),
        made("probe"),
        made("praised"),
        made("panned"),
        made("lonely"),
        *(rated(name, rater, 0.9) for name in ("praised", "probe") for rater in ("ada", "ben")),
        *(rated("panned", rater, 0.3) for rater in ("ada", "ben")),
        rated("lonely", "ada", 0.9),
        revealed("probe", probe="good"),
        *(revealed(name) for name in ("failed", "praised", "panned", "lonely")),
    )
    assert states(outcomes) == {
        "failed": CandidateState.REJECTED_CHECK,
        "silent": CandidateState.VOID,
        "probe": CandidateState.PROBE,
        "praised": CandidateState.ACCEPTED,
        "panned": CandidateState.REJECTED_SCORE,
        "lonely": CandidateState.UNAVAILABLE,
    }


def test_a_doubtful_candidate_waits_one_round_and_is_scored_on_all_its_ratings():
    replay = Replay()
    first = (made("c"), rated("c", "ada", 0.6), rated("c", "ben", 0.9, stage=2), revealed("c"))
    lines = [json.dumps(record) for record in (SCENARIO, *first, made("d", round_=2))]
    decided = {}
    for outcome in replay_lines(lines, replay):
        if isinstance(outcome, NodeOutcome):
            decided.setdefault(outcome.round, set())
        else:
            decided[outcome.candidate] = outcome
    assert decided["c"].state in {CandidateState.ACCEPTED, CandidateState.REJECTED_SCORE}
    assert {1, 2} <= decided.keys()


def test_what_most_of_the_committee_has_not_rated_is_left_to_fresh_raters():
    first = (made("c"), rated("c", "ada", 0.9), revealed("c"))
    assert states(run(*first)[1])["c"] is CandidateState.UNAVAILABLE
    fresh = (rated("c", rater, 0.9, stage=2) for rater in ("ben", "cleo"))
    _, outcomes = run(*first, *fresh)
    assert states(outcomes)["c"] is CandidateState.ACCEPTED
    assert max(outcome.round for outcome in outcomes if isinstance(outcome, NodeOutcome)) == 2


def test_without_fresh_raters_the_first_score_is_final():
    _, outcomes = run(made("c"), rated("c", "ada", 0.6), revealed("c"))
    assert {outcome.round for outcome in outcomes if isinstance(outcome, NodeOutcome)} == {1}
    assert states(outcomes)["c"] is CandidateState.REJECTED_SCORE


def test_nodes_are_reported_once_per_round_with_their_reputation():
    _, outcomes = run(
        *(record for r in (1, 2) for record in (made(f"p{r}", round_=r), rated(f"p{r}", "ada", 0.9, round_=r)))
    )
    reports = [(outcome.node, outcome.round) for outcome in outcomes if isinstance(outcome, NodeOutcome)]
    assert reports == [("ada", 1), ("ada", 2)]


@pytest.mark.parametrize(
    "scores",
    [
        [1.01, 0.5, 0.5, 0.5],
        [-0.01, 0.5, 0.5, 0.5],
        [math.nan, 0.5, 0.5, 0.5],
        [math.inf, 0.5, 0.5, 0.5],
        [10**400, 0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5],
        [0.5] * 5,
        [],
        [True, 0.5, 0.5, 0.5],
        ["0.5", 0.5, 0.5, 0.5],
        [None, 0.5, 0.5, 0.5],
    ],
    ids=str,
)
def test_scores_that_are_none_say_nothing_and_stop_nothing(scores):
    replay, outcomes = run(made("c"), rated("c", "ada", scores), revealed("c"))
    assert replay.ignored == {"bad-scores": 1}
    assert "c" in states(outcomes)


def test_a_rating_without_scores_says_nothing():
    record = rated("c", "ada", 0.5)
    del record["scores"]
    replay, _ = run(made("c"), record, revealed("c"))
    assert replay.ignored == {"bad-scores": 1}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (rated("nowhere", "ada", 0.5), "unknown-candidate"),
        (revealed("nowhere"), "unknown-candidate"),
        (rated("c", "ada", 0.5), "double"),
        (rated("c", "ada", 0.5, stage=2), "double"),
        (revealed("c"), "double"),
        (made("c"), "double"),
        (made("old", round_=0), "late"),
        (rated("c", "ben", 0.5, round_=0), "late"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["type"],
)
def test_what_the_network_would_ignore_is_ignored_and_counted(record, reason):
    before = (made("c"), rated("c", "ada", 0.9), revealed("c"))
    replay, outcomes = run(*before, record)
    assert replay.ignored == {reason: 1}
    assert outcomes == run(*before)[1]


def one_candidate(round_, category, honest, liar, **facts):
    """All records of a round with one candidate, in a category or in none."""
    name = f"c{round_}"
    ratings = [rated(name, rater, honest, round_=round_) for rater in ("ada", "ben")]
    candidate = {key: value for key, value in made(name, round_=round_).items() if key != "category"}
    named = {} if category is None else {"category": category}
    return [
        candidate | named,
        *ratings,
        rated(name, "liar", liar, round_=round_),
        revealed(name, round_=round_, **facts),
    ]


def score_after_lies(lied_in, asked_in):
    """What a good candidate of a category gets when somebody pans it that has panned others in a category."""
    records = []
    for round_ in range(1, 9):
        good = bool(round_ % 2)
        score = 0.9 if good else 0.2
        records += one_candidate(round_, "somewhere", score, score, probe="good" if good else "bad")
    for round_ in range(9, 12):
        records += one_candidate(round_, lied_in, 0.9, 0.1)
    _, outcomes = run(*records, *one_candidate(12, asked_in, 0.9, 0.1))
    return next(item.score_bp for item in outcomes if isinstance(item, CandidateOutcome) and item.candidate == "c12")


def test_who_lies_is_heard_less_in_the_category_of_the_lies():
    assert score_after_lies("here", "here") > score_after_lies("there", "here")


def test_candidates_of_recordings_that_name_no_category_are_all_of_one():
    assert score_after_lies(None, None) == score_after_lies("here", "here")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "100000 characters"),
        ("[" * 60_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"type": "vote"}', '"type" is "vote"'),
        ('{"type": 1}', '"type" is 1'),
        (json.dumps(made("x") | {"round": -1}), '"round" is -1'),
        (json.dumps(made("x") | {"round": 1.0}), '"round" is 1.0'),
        (json.dumps(made("x") | {"round": True}), '"round" is true'),
        (json.dumps(made("x") | {"id": ""}), '"id" is ""'),
        (json.dumps(made("x") | {"id": "x" * 257}), '"id" is'),
        (json.dumps(made("x\ud800")), '"id" is "x'),
        (json.dumps(rated("c", "\udfff", 0.5)), '"rater" is "'),
        (json.dumps(made("x") | {"task": None}), '"task" is null'),
        (json.dumps(made("x") | {"category": 5}), '"category" is 5'),
        (json.dumps(made("x") | {"category": ""}), '"category" is ""'),
        (json.dumps(made("x") | {"check": "maybe"}), '"check" is "maybe"'),
        (json.dumps(rated("c", "ada", 0.5, stage=3)), '"stage" is 3'),
        (json.dumps(rated("c", "ada", 0.5) | {"rater": 7}), '"rater" is 7'),
        (json.dumps(revealed("c", probe="unknown")), '"probe" is "unknown"'),
        (json.dumps(revealed("c", generator=None)), '"generator" is null'),
        (json.dumps(SCENARIO), "second scenario"),
    ],
    ids=lambda value: value[:30],
)
def test_a_line_that_is_no_record_is_refused_with_its_number(line, message):
    with pytest.raises(OperatorError, match="line 3") as refusal:
        list(replay_lines([json.dumps(SCENARIO), "", line], Replay()))
    assert message in str(refusal.value)
    assert refusal.value.exit_code is ExitCode.USAGE
    assert refusal.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [1, 1, 1]},
        {"weights": [0, 0, 0, 0]},
        {"weights": [1, 1, 1, -1]},
        {"weights": [1, 1, 1, math.nan]},
        {"weights": "equal"},
        {"accept": 1.5},
        {"review": None},
        {"committee": 1001},
        {"id": 5},
    ],
    ids=str,
)
def test_a_scenario_out_of_bounds_is_refused(change):
    with pytest.raises(OperatorError, match="line 1"):
        list(replay_lines([json.dumps(SCENARIO | change)], Replay()))


def test_records_before_the_scenario_are_refused():
    with pytest.raises(OperatorError, match=r"line 1.*first record"):
        list(replay_lines([json.dumps(made("c"))], Replay()))


def test_an_empty_file_is_refused():
    with pytest.raises(OperatorError, match="empty"):
        list(replay_lines([], Replay()))


def test_a_scenario_without_rounds_has_no_outcomes():
    assert run()[1] == []


def test_criteria_weigh_what_the_scenario_says():
    _, even = run(made("p"), rated("p", "ada", [1.0, 0.0, 0.0, 0.0]), revealed("p", probe="good"))
    first_only = SCENARIO | {"weights": [3, 0, 0, 0]}
    records = (made("p"), rated("p", "ada", [1.0, 0.0, 0.0, 0.0]), revealed("p", probe="good"))
    weighted = list(replay_lines([json.dumps(record) for record in (first_only, *records)], Replay()))
    assert next(outcome for outcome in weighted if isinstance(outcome, CandidateOutcome)) != next(
        outcome for outcome in even if isinstance(outcome, CandidateOutcome)
    )


def test_a_probe_may_be_revealed_without_a_generator():
    _, outcomes = run(
        made("p"), rated("p", "ada", 0.9), {k: v for k, v in revealed("p", probe="bad").items() if k != "generator"}
    )
    assert states(outcomes) == {"p": CandidateState.PROBE}


def test_outcome_lines_are_those_of_the_protocol():
    candidate = CandidateOutcome(candidate="c", score_bp=7123, accepted=True, state=CandidateState.ACCEPTED)
    assert json.loads(outcome_line(candidate)) == {
        "candidate": "c",
        "score": 0.7123,
        "accept": True,
        "state": "accepted",
    }
    node = NodeOutcome(node="n", reputation_bp=250, round=3)
    assert json.loads(outcome_line(node)) == {"node": "n", "reputation": 0.025, "round": 3}
