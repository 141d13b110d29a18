"""Token buckets: what they let through is a function of rate, burst and time."""

import pytest

from node.network.limits import Bucket, Buckets, NetworkLimits


def test_a_bucket_lets_a_burst_through_and_then_its_rate():
    bucket = Bucket(rate=2, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert bucket.has(1)
    assert [bucket.take(1) for _ in range(3)] == [True, True, False]
    assert not bucket.has(1)


def test_a_bucket_saves_up_no_more_than_its_burst():
    bucket = Bucket(rate=2, burst=3, now=0)
    assert sum(bucket.take(1000) for _ in range(10)) == 3


def test_a_bucket_in_debt_says_how_long_to_wait():
    bucket = Bucket(rate=10, burst=10, now=0)
    assert bucket.debt_s(0, 10) == 0
    assert bucket.debt_s(0, 5) == pytest.approx(0.5)
    assert bucket.debt_s(0.5, 0) == pytest.approx(0)


def test_keys_have_buckets_of_their_own():
    buckets = Buckets(rate=1, burst=1, count_max=10)
    assert [buckets.take(key, 0) for key in "aab"] == [True, False, True]


def test_the_key_unused_for_longest_is_forgotten_first():
    buckets = Buckets(rate=1, burst=1, count_max=2)
    assert [buckets.take(key, 0) for key in "abac"] == [True, True, False, True]
    # `b` had to go for `c`; `a` is still remembered as empty.
    assert [buckets.take(key, 0) for key in "ab"] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [{"links_wanted": 0}, {"links_wanted": 24, "links_max": 24}, {"backoff_min_s": 60.0}, {"ping_s": -1.0}],
)
def test_limits_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=r"positive|places|larger"):
        NetworkLimits(**wrong)
