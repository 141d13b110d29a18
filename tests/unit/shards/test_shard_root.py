"""The shard root binds every column of every row (R50)."""

import dataclasses
import random

import pytest

from consensus.merkle import merkle_root
from consensus.shard import ShardLeaf, shard_heads, shard_leaves, shard_root
from consensus.types import CandidateState, Decision, Hash, JobId, JobTerms, NodeId

JOB, OTHER = JobId(bytes([1] * 32)), JobId(bytes([2] * 32))


def terms(job=JOB) -> JobTerms:
    return JobTerms(
        job=job,
        coordinator=NodeId(bytes(32)),
        crates=("itoa@1.0.0", "strsim@0.11.1"),
        categories=("code_generation", "code_search"),
        quota=4,
        generators=2,
        candidates=3,
        raters=5,
        accept_bp=7000,
        review_bp=5000,
        budget=100,
    )


def decision(content, state=CandidateState.ACCEPTED, job=JOB) -> Decision:
    return Decision(
        job=job,
        crate=1,
        category=0,
        generator=NodeId(bytes([7] * 32)),
        task=0,
        slot=0,
        content=Hash(bytes([content] * 32)),
        state=state,
        score_bp=8100,
        criteria_bp=(8000, 8100, 8200, 8300),
        spread_bp=300,
        raters=5,
        evidence_bits=1,
        cut_bits=2,
    )


def test_leaves_are_the_accepted_rows_of_the_job_by_content():
    decisions = [
        decision(9),
        decision(3, CandidateState.REJECTED_SCORE),
        decision(2),
        decision(1, job=OTHER),
        decision(4, CandidateState.IN_REVIEW),
    ]
    leaves = shard_leaves(terms(), 6, decisions)
    assert [leaf.content[0] for leaf in leaves] == [2, 9]
    assert leaves[0] == ShardLeaf(
        content=Hash(bytes([2] * 32)),
        job=JOB,
        height=6,
        crate="strsim@0.11.1",
        category="code_generation",
        score_bp=8100,
        criteria_bp=(8000, 8100, 8200, 8300),
        spread_bp=300,
        raters=5,
        generator=NodeId(bytes([7] * 32)),
    )


def test_the_root_does_not_depend_on_the_order_of_the_decisions():
    decisions = [decision(number) for number in range(20)]
    root = shard_root(shard_leaves(terms(), 6, decisions))
    random.Random(1).shuffle(decisions)
    assert shard_root(shard_leaves(terms(), 6, decisions)) == root


def test_the_root_is_the_merkle_root_over_the_leaves_digests():
    leaves = shard_leaves(terms(), 6, [decision(1), decision(2), decision(3)])
    assert shard_root(leaves) == merkle_root([leaf.digest() for leaf in leaves])


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ShardLeaf)])
def test_every_field_of_a_leaf_is_under_the_root(field):
    leaves = list(shard_leaves(terms(), 6, [decision(1), decision(2)]))
    before = shard_root(leaves)
    value = getattr(leaves[0], field)
    other = {bytes: b"\0" * 32, int: 5, str: "other", tuple: (1, 2, 3, 4)}[type(value)]
    leaves[0] = dataclasses.replace(leaves[0], **{field: other if other != value else 4})
    assert shard_root(leaves) != before


@pytest.mark.parametrize("wrong", [[2, 1], [1, 1]])
def test_unsorted_or_repeated_leaves_have_no_root(wrong):
    leaves = [shard_leaves(terms(), 6, [decision(content)])[0] for content in wrong]
    with pytest.raises(ValueError, match="not sorted"):
        shard_root(leaves)


def test_a_header_names_the_jobs_that_got_rows():
    decisions = [decision(1), decision(2), decision(3, CandidateState.VOID, OTHER)]
    (head,) = shard_heads([terms(OTHER), terms()], 6, decisions)
    assert (head.job, head.rows) == (JOB, 2)
    assert head.root == shard_root(shard_leaves(terms(), 6, decisions))
    assert shard_heads([terms(OTHER)], 6, decisions) == ()
