"""When a model server is started again, as a machine on times it is told."""

from __future__ import annotations

from node.engines.interface import Condition
from node.engines.supervision import MISSES_MAX, PAUSE_MAX_S, STABLE_S, Order, Phase, Supervision


def up(start_s: float = 60.0) -> Supervision:
    supervision = Supervision(start_s, 0.0)
    assert supervision.tick(0.0) is Order.START
    assert supervision.health(1.0).condition is Condition.STARTING
    supervision.answered(2.0)
    assert supervision.health(2.0).condition is Condition.WELL
    return supervision


def test_a_server_that_ends_is_started_again_after_a_pause():
    supervision = up()
    supervision.exited(10.0, "exit code 137")
    assert supervision.health(10.0).condition is Condition.DEGRADED
    assert "exit code 137" in supervision.health(10.0).text
    assert supervision.tick(10.5) is None
    assert supervision.tick(11.0) is Order.START
    assert supervision.health(11.0).condition is Condition.DEGRADED, "not well before it answers"
    supervision.answered(20.0)
    assert supervision.health(20.0).condition is Condition.WELL
    assert supervision.restarts == 1


def test_pauses_grow_while_it_keeps_ending_and_it_is_never_given_up():
    supervision = Supervision(60.0, 0.0)
    now, pauses = 0.0, []
    for _ in range(12):
        assert supervision.tick(now) is Order.START
        supervision.exited(now, "out of memory")
        begun = now
        while supervision.tick(now) is None:
            now += 0.5
        pauses.append(now - begun)
        supervision.exited(now, "out of memory")
        now += PAUSE_MAX_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_MAX_S


def test_a_long_time_up_forgets_earlier_failures():
    supervision = up()
    for now in (10.0, 20.0, 40.0, 60.0):
        supervision.exited(now, "cut")
        assert supervision.tick(now + 10.0) is Order.START
    supervision.answered(100.0)
    supervision.exited(100.0 + STABLE_S, "cut")
    assert supervision.tick(101.0 + STABLE_S) is Order.START


def test_a_server_that_stops_answering_is_ended_once():
    supervision = up()
    orders = [supervision.missed("nothing within 5 s") for _ in range(MISSES_MAX + 2)]
    assert orders == [None] * (MISSES_MAX - 1) + [Order.KILL, None, None]
    assert supervision.health(30.0).condition is Condition.DEGRADED
    supervision.exited(31.0, "exit code 0")
    assert "health check fails" in supervision.health(31.0).text


def test_one_missed_check_is_forgiven():
    supervision = up()
    for now in range(20):
        assert supervision.missed("slow") is None
        supervision.answered(float(now))
    assert supervision.phase is Phase.UP


def test_a_starting_server_may_be_silent_for_its_time_and_no_longer():
    supervision = Supervision(60.0, 0.0)
    supervision.tick(0.0)
    assert all(supervision.missed("refused") is None for _ in range(100))
    assert supervision.tick(60.0) is None
    assert supervision.tick(60.5) is Order.KILL
    assert supervision.tick(61.0) is None


def test_a_server_that_says_it_is_dead_is_ended_at_once():
    supervision = up()
    assert supervision.dead("its engine died") is Order.KILL
