"""Which numbers probes and candidates stand at together."""

from hypothesis import given
from hypothesis import strategies as st

from node.tasks.interface import Request
from node.tasks.seating import Seating


def test_a_probe_that_can_be_made_at_its_own_number_moves_nobody():
    seating = Seating([Request("code_search", (1, 2))], [("code_search", 3, False)], tries=3)
    assert seating.turn() == [(0, 3)]
    seating.settle(0, 3)
    assert (seating.turn(), seating.number_for("code_search", 1)) == ([], 1)


def test_a_probe_made_of_a_candidate_leaves_it_its_own_number():
    seating = Seating([Request("code_search", (1, 2))], [("code_search", 3, False)], tries=2)
    seating.turn()
    ((_, number),) = seating.turn()
    seating.settle(0, number)
    assert seating.number_for("code_search", number) == 3
    assert seating.turn() == []


def test_a_number_is_tried_as_often_as_allowed_and_then_given_up():
    seating = Seating([Request("code_search", tuple(range(9)))], [("code_search", 11, True)], tries=4)
    assert len([turn for turn in iter(seating.turn, []) if turn]) == 4


numbers = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=14)


@given(numbers, st.data())
def test_together_they_stand_at_the_same_numbers_whatever_can_be_made(drawn, data):
    count = data.draw(st.integers(0, len(drawn)))
    wanted = [("a", number, bool(number % 2)) for number in drawn[:count]]
    seating = Seating([Request("a", tuple(drawn[count:]))], wanted, tries=4)
    settled: dict[int, int] = {}
    while turn := seating.turn():
        assert len({number for _, number in turn}) == len(turn)
        for place, number in turn:
            if data.draw(st.booleans()):
                seating.settle(place, number)
                settled[place] = number
    left = [wanted[place][1] for place in range(len(wanted)) if place not in settled]
    seen = [seating.number_for("a", number) for number in drawn[count:]] + list(settled.values())
    assert sorted(seen + left) == sorted(drawn)
