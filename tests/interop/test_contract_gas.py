"""What the contracts cost is what the snapshot says, to the last unit, and within what we set ourselves."""

import json

import pytest

from tests.support.contract_gas import LIMITS, SNAPSHOT, measure


@pytest.fixture(scope="module")
def measured():
    return measure()


def test_every_call_costs_what_the_snapshot_says(measured):
    assert measured == json.loads(SNAPSHOT.read_text()), "`make gas` writes a new one, if the change is meant"


@pytest.mark.parametrize("name", LIMITS)
def test_a_call_stays_within_its_limit(measured, name):
    assert measured[name] <= LIMITS[name]
