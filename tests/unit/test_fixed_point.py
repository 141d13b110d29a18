"""Logarithms and beliefs from integers: near the real ones, monotone, and the same everywhere."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.aggregation.fixed_point import BELIEF_TABLE, LOG2_TABLE, belief, decay, decay_table, log2
from consensus.rater_tables import ONE


@given(st.integers(1, 1 << 60))
def test_a_logarithm_is_within_four_ten_thousandths_of_the_real_one(value):
    assert log2(value) / ONE == pytest.approx(math.log2(value), abs=0.0004)


@given(st.integers(1, 1 << 40), st.integers(1, 1 << 40))
def test_logarithms_never_fall(first, second):
    low, high = sorted((first, second))
    assert log2(low) <= log2(high)


def test_the_logarithm_of_a_power_of_two_is_exact():
    assert [log2(1 << power) for power in range(50)] == [power * ONE for power in range(50)]


@pytest.mark.parametrize("value", [0, -1])
def test_only_positive_numbers_have_a_logarithm(value):
    with pytest.raises(ValueError, match="log2"):
        log2(value)


@given(st.integers(-20 * ONE, 20 * ONE))
def test_a_belief_is_within_two_ten_thousandths_of_the_real_one(bits):
    assert belief(bits) / ONE == pytest.approx(1 / (1 + 2 ** (-bits / ONE)), abs=0.0002)


@given(st.integers(-(1 << 70), 1 << 70))
def test_evidence_for_and_against_add_up_to_certainty(bits):
    assert belief(bits) + belief(-bits) == ONE


def test_the_tables_are_the_ones_that_every_node_has():
    digest = hashlib.sha256(repr((LOG2_TABLE, BELIEF_TABLE)).encode()).hexdigest()
    assert digest == "a874243fb4f0fff6792746d14df2ad8f7df6c3e350032f849f1f6cdb95738e36"


@given(st.integers(0, 5000))
def test_forgetting_is_within_a_ten_thousandth_of_the_power(count):
    factor = 64881
    assert decay(factor, count) / ONE == pytest.approx((factor / ONE) ** count, abs=0.0001)


@pytest.mark.parametrize("factor", [-1, ONE, ONE + 1])
def test_a_factor_that_does_not_forget_is_refused(factor):
    with pytest.raises(ValueError, match="does not forget"):
        decay_table(factor)


def test_forgetting_everything_at_once_is_allowed():
    assert [decay(0, count) for count in (0, 1, 2)] == [ONE, 0, 0]
