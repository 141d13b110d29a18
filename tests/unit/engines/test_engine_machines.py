"""Limiter, breaker and retry budget, each on times it is told."""

from __future__ import annotations

from itertools import pairwise

import pytest

from node.engines.breaker import FAILURES_TO_OPEN, PAUSE_MAX_S, Breaker, Circuit
from node.engines.faults import clean
from node.engines.http_client import classify
from node.engines.interface import Failure
from node.engines.limiter import Limiter
from node.engines.retries import BUDGET_MAX, RETRY_AFTER_MAX_S, RetryBudget, compute_pause_s, parse_retry_after


def full(limiter: Limiter) -> list:
    """Tickets for as much as is allowed."""
    tickets = []
    while ticket := limiter.take():
        tickets.append(ticket)
    return tickets


def served(limiter: Limiter, rounds: int, begin: float = 0.0) -> float:
    now = begin
    for _ in range(rounds):
        tickets = full(limiter)
        now += 1.0
        for ticket in tickets:
            limiter.answered(ticket, now)
    return now


def test_the_limit_grows_by_every_answer_until_the_ceiling():
    limiter = Limiter(ceiling=100)
    seen, now = [], 0.0
    for _ in range(7):
        seen.append(limiter.limit)
        now = served(limiter, 1, now)
    assert seen[0] == 8
    assert all(after > before for before, after in pairwise(seen))
    served(limiter, 7, now)
    assert limiter.limit == 100


def test_an_idle_limit_does_not_grow():
    limiter = Limiter(ceiling=100)
    for now in range(50):
        ticket = limiter.take()
        limiter.answered(ticket, now + 0.5)
    assert limiter.limit == 8


def test_a_used_up_limit_falls_to_what_the_server_keeps():
    limiter = Limiter(ceiling=1000)
    now = served(limiter, 6)
    tickets = full(limiter)
    assert len(tickets) > 16
    for ticket in tickets[8:]:
        limiter.refused(ticket, now + 0.1)
        assert limiter.take() is None, "nothing is sent in the place of what was refused"
    assert limiter.limit == limiter.running == 8


def test_a_refusal_while_little_is_asked_costs_a_tenth():
    limiter = Limiter(ceiling=1000)
    now = served(limiter, 6)
    before = limiter.limit
    limiter.refused(limiter.take(), now)
    assert limiter.limit == int(before * 0.9)


def test_timeouts_of_one_round_trip_count_once():
    limiter = Limiter(ceiling=1000)
    served(limiter, 6)
    tickets = full(limiter)
    limiter.timed_out(tickets[0])
    after_one = limiter.limit
    assert after_one <= len(tickets) / 2
    for ticket in tickets[1:10]:
        limiter.timed_out(ticket)
    assert limiter.limit == after_one


def test_a_timeout_halves_and_the_limit_never_falls_below_one():
    limiter = Limiter(ceiling=8)
    for _ in range(10):
        limiter.timed_out(limiter.take())
    assert limiter.limit == 1
    assert limiter.running == 0


def test_the_limit_rests_while_a_retry_after_lasts():
    limiter = Limiter(ceiling=100)
    limiter.refused(limiter.take(), 0.1, retry_after_s=10.0)
    before = limiter.limit
    assert limiter.limit == before
    now = served(limiter, 5, 1.0)
    assert limiter.limit == before
    served(limiter, 10, now + 10.0)
    assert limiter.limit > before


def test_a_breaker_opens_lets_one_through_and_closes_on_an_answer():
    breaker = Breaker(lambda: 0.0)
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.admits(0.0)
        breaker.failed(0.0, "connection refused", trial=breaker.begin(0.0))
    assert breaker.circuit(0.5) is Circuit.OPEN
    assert not breaker.admits(0.5)
    assert breaker.circuit(1.0) is Circuit.HALF_OPEN
    assert breaker.begin(1.0)
    assert not breaker.admits(1.0), "one trial at a time"
    breaker.answered()
    assert breaker.circuit(1.0) is Circuit.CLOSED


def test_the_pauses_of_a_breaker_grow_to_a_bound_below_thirty_seconds():
    breaker = Breaker(lambda: 0.0)
    now = 0.0
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(now, "down", trial=breaker.begin(now))
    pauses = []
    for _ in range(8):
        reopens = breaker.reopens_s
        pauses.append(reopens - now)
        now = reopens
        breaker.failed(now, "down", trial=breaker.begin(now))
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == PAUSE_MAX_S < 30.0


def test_a_trial_that_tells_nothing_makes_room_for_another():
    breaker = Breaker(lambda: 0.0)
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(0.0, "down", trial=False)
    breaker.abandoned(trial=breaker.begin(2.0))
    assert breaker.admits(2.0)


def test_answers_in_between_keep_a_breaker_closed():
    breaker = Breaker(lambda: 0.0)
    for n in range(50):
        breaker.failed(float(n), "cut", trial=False)
        if n % 4 == 3:
            breaker.answered()
    assert breaker.circuit(50.0) is Circuit.CLOSED


def test_an_empty_budget_delays_retries_and_earns_them_back():
    budget = RetryBudget(0.0)
    assert all(budget.spend(0.0) == 0.0 for _ in range(int(BUDGET_MAX)))
    waits = [budget.spend(0.0) for _ in range(4)]
    assert waits == [0.5, 1.0, 1.5, 2.0]
    assert budget.spend(100.0) == 0.0


def test_pauses_are_anything_up_to_an_exponential_bound():
    assert [compute_pause_s(n, 1.0) for n in (1, 2, 3, 4, 5, 6, 60)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert compute_pause_s(5, 0.0) == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0.0),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("99999999", RETRY_AFTER_MAX_S),
        ("Thu, 01 Jan 1970 00:01:10 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_a_date_and_bounded(text, seconds):
    assert parse_retry_after(text, 60.0) == seconds


@pytest.mark.parametrize(
    ("status", "failure", "counts", "sick", "busy"),
    [
        (429, Failure.OVERLOADED, False, False, True),
        (503, Failure.UNAVAILABLE, False, True, True),
        (502, Failure.UNAVAILABLE, False, True, True),
        (500, Failure.UNAVAILABLE, True, True, False),
        (408, Failure.UNAVAILABLE, True, True, False),
        (400, Failure.REFUSED, True, False, False),
        (413, Failure.TOO_LONG, True, False, False),
        (403, Failure.UNAUTHORISED, True, False, False),
    ],
)
def test_a_status_says_whose_fault_it_is(status, failure, counts, sick, busy):
    error = classify(status, "said", 0.0)
    seen = error.circumstances
    assert (error.failure, seen.counts, seen.sick, seen.busy) == (failure, counts, sick, busy)


def test_a_servers_words_come_as_one_bounded_line():
    assert clean("a\n\x1b[31mb\tc") == "a [31mb c"
    assert len(clean("x" * 10_000)) <= 300
