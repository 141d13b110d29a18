"""When a task is exhausted, and whom it is offered to before (R6)."""

from dataclasses import replace

import pytest

from consensus.job_progress import jobs_after
from consensus.params import MAINNET
from consensus.schedule import Standing, admit, draw_generators, plan_round, refuse_terms, settle
from consensus.types import Hash, JobId, JobStatus, JobTerms, RoundPlan, Seat, Task, TaskKind
from node.wire.bodies import CANDIDATES_MAX
from tests.support.ratings import node

NAMES = ("ada", "ben", "cleo", "dora", "emil", "fay")
NODES = tuple(sorted(node(name) for name in NAMES))
OWNERS = {name: name.hex() for name in NODES}
JOB = JobId(b"j" * 32)
SEED = Hash(b"s" * 32)
SLOTS = 4
TERMS = JobTerms(JOB, NODES[0], ("a@1.0.0",), ("code_search",), 20, 2, SLOTS, 2, 7000, 5000, 1000)
SHORT_OWNERS = MAINNET.short_owners


def offered(job, generators):
    """The job with its only task given to these, and the plan that says so."""
    task = Task(0, JOB, 0, 0, TaskKind.GENERATE, generators, NODES[4:], (), SLOTS, 20, job.tasks[0].attempts, ())
    attempted = replace(job.tasks[0], attempts=job.tasks[0].attempts + 1, in_flight=1)
    issued = job.issued + SLOTS * len(generators)
    return replace(job, tasks=(attempted,), issued=issued), RoundPlan(1, 0, SEED, (task,), (), 10)


def after(job, filled, *, owners=None, generators=None):
    """The job after a round in which generators committed to so many slots; others of them to nothing at all."""
    given, plan = offered(job, generators or tuple(filled))
    (job,) = jobs_after(
        [given],
        plan,
        (),
        filled={0: filled},
        claimed=(),
        owners=OWNERS if owners is None else owners,
        short_owners=SHORT_OWNERS,
    )
    return job


def test_two_that_have_nothing_are_not_believed_before_two_others_say_so_too():
    job = after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0})
    assert not job.tasks[0].exhausted
    assert job.tasks[0].short == NODES[:2]
    job = after(job, {NODES[2]: 0, NODES[3]: 1})
    assert job.tasks[0].exhausted


def test_nodes_of_one_owner_count_as_one():
    owners = OWNERS | dict.fromkeys(NODES[:4], "crowd")
    job = after(after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0}, owners=owners), {NODES[2]: 0, NODES[3]: 0})
    assert job.tasks[0].exhausted
    job = after(after(admit(TERMS, 1), {NODES[0]: 0}, owners=owners), {NODES[1]: 0, NODES[2]: 0}, owners=owners)
    assert not job.tasks[0].exhausted


def test_where_everybody_had_its_turn_nobody_is_left_to_ask():
    pair = dict.fromkeys(NODES[:2], "x") | {NODES[1]: "y"}
    assert after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0}, owners=pair).tasks[0].exhausted


def test_somebody_who_fills_all_shows_that_the_others_were_wrong():
    job = after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0})
    job = after(job, {NODES[2]: 0, NODES[3]: SLOTS})
    assert job.tasks[0].short == ()
    assert not after(job, {NODES[4]: 0, NODES[5]: 0}).tasks[0].exhausted


def test_who_was_away_has_said_nothing():
    job = after(admit(TERMS, 1), {}, generators=NODES[:2])
    assert job.tasks[0].short == ()
    assert job.tasks[0].attempts == 1, "or a task that nobody can be reached for would never end"
    job = after(job, {NODES[0]: 0}, generators=NODES[:2])
    assert job.tasks[0].short == NODES[:1]
    assert after(job, {}, generators=NODES[2:4]).tasks[0].short == NODES[:1]


def test_what_all_said_they_have_nothing_for_is_offered_again_under_the_same_numbers():
    job = after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0})
    assert job.tasks[0].attempts == 0
    assert after(job, {NODES[2]: 1, NODES[3]: 0}).tasks[0].attempts == 1


@pytest.mark.parametrize(("filled", "issued"), [(0, 4), (3, 7), (4, 8), (1000, 8)])
def test_only_slots_that_were_filled_use_up_the_budget(filled, issued):
    assert after(admit(TERMS, 1), {NODES[0]: filled, NODES[1]: SLOTS}).issued == issued


def test_a_job_is_not_out_of_budget_by_slots_that_nobody_filled():
    poor = replace(admit(TERMS, 1), terms=replace(TERMS, budget=2 * SLOTS))
    job = settle(after(poor, {NODES[0]: 0, NODES[1]: 0}), (), MAINNET)
    assert job.status is JobStatus.OPEN


def everybody(owners=OWNERS):
    return [Standing(name, owners[name], may_rate=True, mature=True, proven=True, skill=7000) for name in NODES]


def test_the_next_attempt_goes_to_others():
    for number in range(50):
        seed = Hash(bytes(31) + bytes([number]))
        drawn = draw_generators(seed, "generators/1/0", everybody(), 2, passed_over=NODES[:3])
        assert set(drawn) <= set(NODES[3:])
        assert len(drawn) == 2


def test_places_that_others_leave_go_to_who_had_a_turn_so_that_numbers_go_on():
    drawn = draw_generators(SEED, "generators/1/0", everybody(), 3, passed_over=NODES[:4])
    assert set(drawn[:2]) == set(NODES[4:])
    assert len(drawn) == 3
    assert len(draw_generators(SEED, "generators/1/0", everybody(), 2, passed_over=NODES)) == 2


def test_other_nodes_of_who_had_a_turn_have_had_it_too():
    owners = OWNERS | dict.fromkeys(NODES[:4], "crowd")
    drawn = draw_generators(SEED, "generators/1/0", everybody(owners), 2, passed_over=NODES[:1])
    assert set(drawn) == set(NODES[4:])


def test_a_plan_passes_over_who_came_short():
    job = after(admit(TERMS, 1), {NODES[0]: 0, NODES[1]: 0})
    plan, _ = plan_round(3, SEED, [job], [], everybody(), (Seat(NODES[0], 1),), MAINNET)
    assert not set(plan.tasks[0].generators) & set(NODES[:2])


@pytest.mark.parametrize(
    ("proven", "observing", "one_in"),
    [(0, 0, 10), (4, 0, 10), (5, 0, 50), (6, 0, 50), (4, 1, 50), (2, 3, 10), (0, 6, 10)],
    ids=["nobody", "two thirds", "more", "all", "more of those who rate", "two thirds of these", "nobody may rate"],
)
def test_plans_ask_for_more_probes_until_most_raters_are_proven(proven, observing, one_in):
    few = replace(MAINNET, probe_one_in=50)
    able = [replace(item, proven=place < proven) for place, item in enumerate(everybody())]
    able[len(able) - observing :] = [replace(item, may_rate=False) for item in able[len(able) - observing :]]
    plan, _ = plan_round(3, SEED, [admit(TERMS, 1)], [], able, (Seat(NODES[0], 1),), few)
    assert plan.probe_one_in == one_in


@pytest.mark.parametrize("one_in", [1, 4, 10])
def test_who_asks_for_as_many_probes_anyway_is_asked_for_no_others_at_the_start(one_in):
    able = [replace(item, proven=False) for item in everybody()]
    plan, _ = plan_round(3, SEED, [], [], able, (Seat(NODES[0], 1),), replace(MAINNET, probe_one_in=one_in))
    assert plan.probe_one_in == one_in


@pytest.mark.parametrize(
    ("generators", "candidates", "fits"), [(2, 32, True), (64, 1, True), (2, 33, False), (64, 64, False)]
)
def test_no_job_asks_for_more_candidates_of_a_task_than_a_rater_can_name_in_one_message(generators, candidates, fits):
    terms = replace(TERMS, generators=generators, candidates=candidates)
    assert (refuse_terms(terms, MAINNET) is None) is fits


def test_the_largest_round_fits_into_one_message_of_a_rater():
    rated = MAINNET.tasks_per_round * MAINNET.slots_per_task_max
    assert 2 * rated <= CANDIDATES_MAX, "as many new ones as are carried from the round before"
